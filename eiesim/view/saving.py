"""How every picture is saved: whole or not at all, and the same picture always gives the same file."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eiesim._io.atomic import writing
from eiesim.view.text import without_mathtext

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter

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
        _draw_letters(figure)
        for kind in formats:
            image = BytesIO()
            box = "tight" if trim else None
            figure.savefig(image, format=kind, dpi=dpi, bbox_inches=box, metadata=undated(kind))
            file = Path(f"{path}.{kind}")
            with writing(file) as out:
                out.write(image.getvalue())
            written.append(file)
    return written


def undated(kind: str) -> dict[str, Any]:
    """A file's metadata: SVG and PDF files carry the date unless it is taken out."""
    return {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})


def _draw_letters(figure: "Figure") -> None:
    """Have all texts drawn letter by letter: names come from files, and a dollar sign in one begins no formula."""
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    for text in figure.findobj(Text):
        # Figures of a logarithmic axis are matplotlib's own formulas.
        if isinstance(text, Text) and not text.get_text().startswith(r"$\mathdefault{"):
            text.set_text(without_mathtext(text.get_text()))
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            given = axis.get_major_formatter()
            if isinstance(given, FixedFormatter | FuncFormatter):  # words that we gave
                axis.set_major_formatter(FuncFormatter(partial(_letters, given)))


def _letters(given: "Formatter", value: float, place: int | None = None) -> str:
    return without_mathtext(given(value, place))
