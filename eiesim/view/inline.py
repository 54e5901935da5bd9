"""A matplotlib figure that a notebook shows, whether or not pyplot was imported.

IPython shows figures only after pyplot has registered its formatter, and what eiesim draws does without pyplot.
"""

from io import BytesIO
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

DPI = 144
"""Dots per inch of what a notebook shows: enough for screens that have two dots for each of CSS."""

CSS_DPI = 96


class Inline(Figure):
    """The figure; a notebook's cell that ends with it shows it at its own size.

    settings: matplotlib's, under which it is saved, so that its own `savefig` writes what `eiesim.plot` would.
    """

    settings: Any = None

    def savefig(self, fname: Any, *, transparent: bool | None = None, **how: Any) -> None:
        """Save the figure, as matplotlib does."""
        with mpl.rc_context(self.settings or {}):
            super().savefig(fname, transparent=transparent, **how)

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        image = BytesIO()
        self.savefig(image, format="png", dpi=DPI)
        width, height = (round(CSS_DPI * inches) for inches in self.get_size_inches())
        return image.getvalue(), {"width": width, "height": height}
