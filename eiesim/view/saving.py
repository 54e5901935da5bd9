"""How every picture is saved: whole or not at all, and the same picture always gives the same file."""

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eiesim._io.atomic import writing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg")


def save(
    draw: "Callable[[], Figure]",
    path: str | Path,
    style: Mapping[str, Any],
    *,
    dpi: int = 150,
    trim: bool = True,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Draw a picture under a style and save it as `path` with the ending of each format. Returns the files.

    path: without an ending. style: matplotlib's settings; see `view.style`. dpi: dots per inch of a PNG file.
    trim: cut white margins, and make room for what stands outside the figure.
    Raises EieError where a file cannot be written.
    """
    import matplotlib as mpl

    written = []
    settings: Any = dict(style)
    with mpl.rc_context(settings):
        figure = draw()
        for kind in formats:
            image = BytesIO()
            # SVG files carry the date unless it is taken out.
            metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {}
            figure.savefig(image, format=kind, dpi=dpi, bbox_inches="tight" if trim else None, metadata=metadata)
            file = Path(f"{path}.{kind}")
            with writing(file) as out:
                out.write(image.getvalue())
            written.append(file)
    return written
