"""The study's pictures."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from eiesim.view import palette
from eiesim.view.saving import save
from eiesim.view.style import LINES
from studies.million.found import COSTS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOOKS = {
    "fixed16": (palette.BLUE, "o"),
    "fixed8": (palette.ORANGE, "v"),
    "fixed32": (palette.GREEN, "s"),
    "float32": (palette.VERMILION, "x"),
}
"""Colour and marker of an arithmetic, told apart in grey too."""

MULTIPLE = "multiple of the published machine's"


def draw(fronts: pd.DataFrame, keys: pd.DataFrame, folder: Path) -> None:
    """Both pictures."""
    save(lambda: pareto(fronts), folder / "fronts", LINES, formats=("svg",))
    save(lambda: matters(keys), folder / "keys", LINES, formats=("svg",))


def pareto(fronts: pd.DataFrame) -> "Figure":
    """Time against energy and against area: the machines of each front."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    figure, panels = plt.subplots(1, 2, figsize=(9.6, 4.4), layout="constrained")
    for axes, cost in zip(panels, ("energy", "area"), strict=True):
        for arithmetic, (colour, marker) in LOOKS.items():
            own = fronts[fronts["arithmetic"] == arithmetic]
            axes.plot(own["time"], own[cost], marker, color=colour, markersize=4, alpha=0.7, label=arithmetic)
        axes.plot([1], [1], "k+", markersize=12, label="published")
        axes.set(xscale="log", yscale="log", xlabel=f"time (simulated), {MULTIPLE}")
        for axis, values in ((axes.xaxis, (0.2, 0.3, 0.5, 0.7, 1)), (axes.yaxis, (0.5, 0.7, 1, 1.5, 2, 3, 4, 5))):
            axis.set_major_locator(FixedLocator(values))
            axis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.set_minor_locator(NullLocator())
        axes.set_ylabel(f"{cost} (estimated), {MULTIPLE}")
    panels[0].legend()
    return figure


def matters(keys: pd.DataFrame) -> "Figure":
    """How much of each cost's variance each key explains."""
    import matplotlib.pyplot as plt

    costs = (*COSTS, "energy x time")
    figure, axes = plt.subplots(figsize=(9.6, 3.6), layout="constrained")
    left = pd.Series(0.0, index=list(costs))
    hues = (palette.BLUE, palette.ORANGE, palette.GREEN, palette.VERMILION, palette.SKY, palette.PURPLE, palette.YELLOW,
            palette.DARK, palette.PALE)  # fmt: skip
    hatches = ("", "", "", "", "////", "xxxx", "\\\\\\\\", "", "")
    for hue, hatch, (key, line) in zip(hues, hatches, keys.iterrows(), strict=True):
        values = line[[f"share_{cost}" for cost in costs]].to_numpy(float) * 100
        axes.barh(list(costs), values, left=left.to_numpy(), color=hue, hatch=hatch, edgecolor="white", label=str(key))
        left += values
    axes.invert_yaxis()
    axes.set(xlabel="share of the logarithm's variance, %", xlim=(0, 100))
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=5)
    return figure
