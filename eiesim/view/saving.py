"""How every picture is saved: whole or not at all, and the same picture always gives the same file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eiesim._io.atomic import Outputs, in_set
from eiesim.view.text import without_mathtext

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.ticker import Formatter

FORMATS = ("png", "svg")


def save_all(
    drawings: "Iterable[tuple[str, Callable[[], Figure]]]",
    folder: str | Path,
    style: Mapping[str, Any],
    *,
    dpi: int = 150,
    trim: bool = True,
    formats: Sequence[str] = FORMATS,
    files: Outputs | None = None,
) -> list[Path]:
    """Draw pictures under a style into a folder; they appear together, or none does. Returns the files.

    drawings: (name, function that draws it) each. files: the set that they appear with; None is one of their own.
    style, dpi, trim, formats: see `render`. Raises EieError where a file cannot be written.
    """
    written = []
    with in_set(files) as together:
        for name, draw in drawings:
            for kind, image in render(draw, style, dpi=dpi, trim=trim, formats=formats).items():
                written.append(Path(folder) / f"{name}.{kind}")
                together.open(written[-1]).write(image)
    return written


def save(draw: "Callable[[], Figure]", path: str | Path, style: Mapping[str, Any], **how: Any) -> list[Path]:
    """Draw one picture and save it as `path` with the ending of each format; see `save_all`."""
    return save_all([(Path(path).name, draw)], Path(path).parent, style, **how)


def render(
    draw: "Callable[[], Figure]",
    style: Mapping[str, Any],
    *,
    dpi: int = 150,
    trim: bool = True,
    formats: Sequence[str] = FORMATS,
) -> dict[str, bytes]:
    """Draw a picture under a style; the file of each format.

    style: matplotlib's settings; see `view.style`. dpi: dots per inch of a PNG file. trim: cut white margins, and make
    room for what stands outside the figure.
    """
    import matplotlib as mpl

    made = {}
    settings: Any = dict(style)
    with mpl.rc_context(settings):
        figure = draw()
        _draw_letters(figure)
        for kind in formats:
            image = BytesIO()
            box = "tight" if trim else None
            figure.savefig(image, format=kind, dpi=dpi, bbox_inches=box, metadata=undated(kind))
            made[kind] = image.getvalue()
    return made


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
