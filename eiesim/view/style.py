"""Matplotlib styles. `BARS` suits bar charts at the size of a printed page, `LINES` suits line charts on a screen."""

from typing import TYPE_CHECKING, Any

from eiesim.view.palette import LINE, PALE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAGE_IN = 7.2
"""Width of a printed page in inches."""

_SHARED: dict[str, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    # The same picture gets the same identifiers inside its SVG file.
    "svg.hashsalt": "eiesim",
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
    "svg.fonttype": "none",
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


def horizontal_grid(axes: "Axes") -> None:
    """Thin horizontal lines behind bars, and no tick marks under them."""
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", linewidth=0.3, color=LINE)
    axes.set_axisbelow(True)
