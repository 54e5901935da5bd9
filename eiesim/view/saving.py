"""How every picture is saved: whole or not at all, and the same picture always gives the same file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eiesim._io.atomic import Outputs, in_set
from eiesim.view.figure import figure
from eiesim.view.panels import Picture
from eiesim.view.style import STYLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg")


def save_all(
    pictures: Iterable[tuple[str, Picture]],
    folder: str | Path,
    *,
    formats: Sequence[str] = FORMATS,
    files: Outputs | None = None,
) -> list[Path]:
    """Draw pictures into a folder; they appear together, or none does. Returns the files.

    pictures: by name, one after the other. formats: whatever matplotlib writes.
    files: the set that they appear with; None is one of their own. Raises EieError where a file cannot be written.
    """
    images = ((name, render(picture, formats)) for name, picture in pictures)
    return _write(images, Path(folder), files)


def render(picture: Picture, formats: Sequence[str] = FORMATS) -> dict[str, bytes]:
    """Draw a picture under its style; the file of each format."""
    how = STYLES[picture.style]
    return _drawn(lambda: figure(picture), how.settings, how.dpi, how.trim, formats)


def save(
    draw: "Callable[[], Figure]",
    path: str | Path,
    settings: Any,
    *,
    dpi: int = 150,
    trim: bool = True,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Save a figure that is drawn by hand as `path` with the ending of each format, as pictures are saved.

    settings: matplotlib's, under which it is drawn. dpi: dots per inch of a PNG file. trim: cut white margins, and make
    room for what stands outside the figure.
    """
    return _write([(Path(path).name, _drawn(draw, settings, dpi, trim, formats))], Path(path).parent, None)


def _write(images: Iterable[tuple[str, Mapping[str, bytes]]], folder: Path, files: Outputs | None) -> list[Path]:
    written = []
    with in_set(files) as together:
        for name, by_format in images:
            for kind, image in by_format.items():
                written.append(folder / f"{name}.{kind}")
                together.open(written[-1]).write(image)
    return written


def _drawn(
    draw: "Callable[[], Figure]", settings: Any, dpi: int, trim: bool, formats: Sequence[str]
) -> dict[str, bytes]:
    import matplotlib as mpl

    made = {}
    with mpl.rc_context(settings):
        drawn = draw()
        for kind in formats:
            image = BytesIO()
            drawn.savefig(image, format=kind, dpi=dpi, bbox_inches="tight" if trim else None, metadata=undated(kind))
            made[kind] = image.getvalue()
    return made


def undated(kind: str) -> dict[str, Any]:
    """A file's metadata: SVG and PDF files carry the date unless it is taken out."""
    return {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
