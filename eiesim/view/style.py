"""Matplotlib styles. `BARS` suits bar charts at the size of a printed page, `LINES` suits line charts on a screen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eiesim.view.palette import DARK, PALE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE_IN = 7.2
"""Width of a printed page in inches."""

FILES: dict[str, Any] = {
    # The same picture gets the same identifiers inside its SVG file.
    "svg.hashsalt": "eiesim",
    # Text stays text: it can be searched, copied and edited. Type 42 is what publishers ask for.
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}
"""What every picture's file holds, whatever it shows."""

_SHARED: dict[str, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    # Numbers at an axis are whole: none is to be added to them.
    "axes.formatter.useoffset": False,
    **FILES,
}

BARS: dict[str, Any] = {
    **_SHARED,
    "font.size": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 7.5,
    "axes.titlesize": 9,
    "hatch.linewidth": 0.5,
}
LINES: dict[str, Any] = {
    **_SHARED,
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.grid": True,
    "grid.color": PALE,
    "axes.axisbelow": True,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Style:
    """How pictures look. settings: matplotlib's. dpi: dots per inch of a PNG file. trim: cut white margins."""

    settings: Any
    dpi: int
    trim: bool


PAPER: dict[str, Any] = {
    **BARS,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.titlesize": 8,
    "axes.linewidth": 0.5,
    "axes.labelpad": 2,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "hatch.linewidth": 0.4,
    "legend.handlelength": 2.0,
    "legend.columnspacing": 1.2,
    "legend.labelspacing": 0.25,
    # Where text would stay text, whoever reads the file may have another font; PDF files hold the font.
    "svg.fonttype": "path",
    "figure.constrained_layout.h_pad": 0.02,
    "figure.constrained_layout.w_pad": 0.02,
}

STYLES: Mapping[str, Style] = {
    "bars": Style(BARS, 200, trim=False),
    "lines": Style(LINES, 150, trim=True),
    "paper": Style(PAPER, 300, trim=False),
}
"""By the names that pictures use."""


def headed(figure: "Figure", title: str, caption: str = "") -> None:
    """A title over the picture, and a caption under it: what it shows where nothing else stands beside it."""
    import matplotlib as mpl

    size = mpl.rcParams["font.size"]
    figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=1.2 * size)
    if caption:
        figure.supxlabel(caption, fontsize=0.8 * size, color=DARK, x=0.01, ha="left")
