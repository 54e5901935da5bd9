"""The study's pictures: accuracy against cycles and energy, and where the kept weights lie."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from eiesim.view import palette
from eiesim.view.saving import save
from eiesim.view.style import BARS, headed
from studies.front import front
from studies.methods.cells import BY_LABEL, IN_ORDER, PES, pattern_file, pictured
from studies.methods.means import LABELS, name_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST_ACCURACY = 0.80
"""Less accurate networks are left out of the plots: no one would use them; the tables have them."""

COLOURS = {
    "magnitude": palette.SKY,
    "iterative": palette.BLUE,
    "lottery": palette.GREEN,
    "snip": palette.BROWN,
    "random": palette.GREY,
    "neurons": palette.BLACK,
    "blocks": palette.ORANGE,
    "mesa": palette.YELLOW,
    "low-rank": palette.PURPLE,
    "binary": palette.DARK,
    "balanced": palette.VERMILION,
}
"""By method; variants of one differ in their markers."""
N_OF_M_COLOUR = "#7B3294"
MARKERS = "osD^v"
TICKS = (50, 70, 100, 150, 200, 300, 400, 500, 700, 1000, 1500, 2000, 3000, 4000)


def draw(means: pd.DataFrame, patterns: Path, folder: Path) -> None:
    """All pictures of a table of means."""
    for name, column, text in (
        ("cycles", "cycles", "cycles a digit (simulated)"),
        ("energy", "energy_nj", "energy a digit (nJ, estimated)"),
    ):
        save(
            lambda c=column, t=text: accuracy_against(means, c, t), folder / f"accuracy_{name}", BARS, formats=("svg",)
        )
    save(lambda: pattern_pictures(patterns), folder / "patterns", BARS, formats=("png",), dpi=110)


def looks(label: str) -> dict[str, object]:
    """Colour and marker of a line."""
    method = "blocks" if label == IN_ORDER else BY_LABEL[label].method
    family = [other for other in LABELS if (other == IN_ORDER and method == "blocks")
              or (other != IN_ORDER and BY_LABEL[other].method == method)]  # fmt: skip
    return {
        "color": COLOURS.get(method, N_OF_M_COLOUR),
        "marker": MARKERS[family.index(label)] if method in COLOURS else "P*XhH"[_n_of_m().index(label)],
        "markeredgecolor": "white" if method != "mesa" else palette.DARK,
        "markeredgewidth": 0.4,
    }


def _n_of_m() -> list[str]:
    return [label for label in LABELS if ":" in label]


def accuracy_against(means: pd.DataFrame, column: str, text: str) -> "Figure":
    """Accuracy on the machine over a cost, for 16 and 64 PEs; a line joins a method's densities."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FixedLocator, MultipleLocator, NullLocator, PercentFormatter, StrMethodFormatter

    figure, panels = plt.subplots(1, len(PES), figsize=(9.6, 4.6), sharey=True, layout="constrained")
    for axes, pes in zip(panels, PES, strict=True):
        shown = means[means[f"accuracy_machine_{pes}"] >= LEAST_ACCURACY]
        for label in LABELS:
            line = shown[shown["label"] == label].sort_values(f"{column}_{pes}")
            if len(line):
                axes.plot(
                    line[f"{column}_{pes}"], line[f"accuracy_machine_{pes}"],
                    linewidth=0.7, markersize=5, label=label, **looks(label),
                )  # fmt: skip
        _draw_front(axes, shown, f"{column}_{pes}", f"accuracy_machine_{pes}")
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(TICKS))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(MultipleLocator(0.05))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.grid(linewidth=0.3, color=palette.LINE, which="both")
        axes.set_axisbelow(True)
        axes.set_xlabel(text)
        axes.set_title(f"{pes} PEs")
    headed(figure, f"LeNet-300-100: accuracy against {text.partition(' (')[0]}, method by method")
    panels[0].set_ylabel("held-out digits recognised (fixed16, simulated)")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=6, frameon=False)
    return figure


def _draw_front(axes: "Axes", shown: pd.DataFrame, cost: str, gain: str) -> None:
    places = front(shown[cost].to_list(), shown[gain].to_list())
    best = shown.iloc[places]
    axes.step(best[cost], best[gain], where="post", color=palette.BLACK, linewidth=1.1, linestyle="--", zorder=1,
              label="Pareto front")  # fmt: skip
    # Points near one named already stay without a name: the legend tells their methods, the table their densities.
    lowest = LEAST_ACCURACY - 0.02
    axes.set_ylim(lowest, 1.0)
    named: list[tuple[float, float]] = []
    for _, row in best.iterrows():
        place = (math.log2(row[cost]), (row[gain] - lowest) / (1.0 - lowest))
        if all(abs(place[0] - x) > 1.0 or abs(place[1] - y) > 0.07 for x, y in named):
            # The first point lies at the axis, so its name goes to the right; the others' above, where there is room.
            at = {"xytext": (6, -9), "ha": "left"} if not named else {"xytext": (-2, 6), "ha": "center"}
            axes.annotate(name_of(row), (row[cost], row[gain]), textcoords="offset points", fontsize=6, **at)
            named.append(place)


def pattern_pictures(patterns: Path) -> "Figure":
    """Kept weights of the first layer: the first 100 rows as they lie, and how many of each pixel."""
    import matplotlib.pyplot as plt

    cells = pictured()
    figure, panels = plt.subplots(
        len(cells), 2, figsize=(9.6, 1.05 * len(cells)), layout="constrained", width_ratios=(7.84, 1)
    )
    for (rows, pixels), cell in zip(panels, cells, strict=True):
        with np.load(pattern_file(cell, patterns)) as found:
            rows.imshow(found["rows"], cmap="gray_r", aspect="auto", interpolation="nearest")
            pixels.imshow(found["pixels"].reshape(28, 28), cmap="gray_r", vmin=0, interpolation="nearest")
        share = "" if cell.density is None else f"\n{100 * cell.density:.0f} %"
        rows.set_ylabel(f"{cell.label}{share}", rotation=0, ha="right", va="center")
        rows.set_xticks([] if cell != cells[-1] else range(0, 785, 112))
        rows.set_yticks([])
        pixels.set_xticks([])
        pixels.set_yticks([])
    panels[0, 0].set_title("rows 1 to 100 of 300; across: the 784 inputs, pixel by pixel, line by line")
    panels[0, 1].set_title("by pixel")
    return figure
