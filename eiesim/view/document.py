"""What goes into a folder together: pictures, tables for a paper, captions, and BibTeX of what they rest on."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from eiesim._io.atomic import Outputs
from eiesim.errors import EieError
from eiesim.paper.citing import cite
from eiesim.view.grid import Grid, latex
from eiesim.view.panels import Picture
from eiesim.view.paper import SCREEN, caption, check_style, in_style
from eiesim.view.saving import FORMATS, save_all

TEX = "tex"
"""The format that means tables; all others are pictures."""

PAPER_FORMATS = ("pdf",)
CAPTIONS, REFERENCES = "captions.tex", "references.bib"


def formats_of(formats: Sequence[str] | None, style: str) -> tuple[str, ...]:
    """What is written: as told, else PNG and SVG for a screen and PDF for a paper.

    Raises EieError for a format or style that there is not.
    """
    check_style(style)
    if formats is None:
        return FORMATS if style == SCREEN else PAPER_FORMATS
    from matplotlib.backend_bases import FigureCanvasBase

    known = (*FigureCanvasBase.get_supported_filetypes(), TEX)
    for name in formats:
        if name not in known:
            raise EieError(f"formats: {name!r} is none of {', '.join(known)}")
    return tuple(dict.fromkeys(formats))


def write(
    pictures: Iterable[tuple[str, Picture]],
    tables: Iterable[tuple[str, Grid]],
    keys: Sequence[str],
    folder: Path,
    files: Outputs,
    *,
    formats: Sequence[str],
    style: str,
) -> list[Path]:
    """Write pictures in each format, and with `tex` among these the tables and BibTeX. Returns the files.

    formats: what `formats_of` gives. keys: of the BibTeX entries. In a paper's style the captions go into a file.
    """
    told: list[str] = []

    def styled() -> Iterator[tuple[str, Picture]]:
        for name, picture in pictures:
            told.append(caption(name, picture))
            yield name, in_style(picture, style)

    images = [name for name in formats if name != TEX]
    written = save_all(styled(), folder, formats=images, files=files) if images else []
    texts = {f"{name}.tex": latex(grid) for name, grid in tables} if TEX in formats else {}
    if texts:
        texts[REFERENCES] = cite(*keys)
    if told and style != SCREEN:
        texts[CAPTIONS] = "\n".join(told)
    for name, text in texts.items():
        written.append(folder / name)
        files.open(written[-1]).write(text.encode())
    return written
