"""Writing a trace: the suffix says what."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import IO

import numpy as np

from eiesim._io.atomic import writing
from eiesim.errors import EieError
from eiesim.tracing.recording import Recording
from eiesim.tracing.shares import chosen
from eiesim.view.paper import check_style

PICTURES = (".png", ".svg", ".pdf")
SUFFIXES = (".html", *PICTURES, ".vcd", ".pftrace", ".npz")


def check_suffix(path: str | Path) -> str:
    """The suffix of a file that a trace can be written to. Raises EieError for any other."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise EieError(f"{path}: a trace is written as {', '.join(SUFFIXES)}, by the file's suffix")
    return suffix


def save(trace: Recording, path: str | Path, pes: Sequence[int] | str | None = None, style: str = "screen") -> None:
    """Write the trace, whole or not at all. Arguments and errors as those of `eiesim.Trace.save`."""
    suffix = check_suffix(path)
    check_style(style)
    pes = None if pes is None else chosen(trace, pes)
    with writing(path) as file:
        if suffix == ".html":
            from eiesim.tracing.page import page

            file.write(page(trace, pes).encode())
        elif suffix in PICTURES:
            from eiesim.tracing.picture import picture
            from eiesim.view.saving import render

            file.write(render(picture(trace, pes, style), (suffix[1:],))[suffix[1:]])
        elif suffix == ".vcd":
            from eiesim.tracing.waves import write_vcd

            write_vcd(trace, file, pes)
        elif suffix == ".pftrace":
            from eiesim.tracing.perfetto_file import write_pftrace

            write_pftrace(trace, file, pes)
        else:
            _save_arrays(trace, file, pes)


def _save_arrays(trace: Recording, file: IO[bytes], pes: Sequence[int] | None) -> None:
    """The fields by name; `shown`, int64[rows], says which PE each row of the arrays by PE is."""
    arrays, numbers = trace.arrays(), np.array(chosen(trace, pes))
    for name in ("state", "occupancy", "column"):
        arrays[name] = arrays[name][numbers]
    whole = BytesIO()
    np.savez_compressed(whole, **arrays, shown=numbers)  # type: ignore[arg-type]
    file.write(whole.getvalue())
