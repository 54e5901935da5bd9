"""A sweep over several keys: heat maps of two keys, and the machines that no other beats in time and cost."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from eiesim.sweeps.canvas import caption_of, fixed, grid, magnitudes, shown_layers
from eiesim.view import palette
from eiesim.view.words import listed, words

if TYPE_CHECKING:
    import pandas as pd


HEAT = {"load_balance": "load balance", "energy_total_uj": "energy (estimated) / the layer's least"}
"""The columns that heat maps may show, and their labels."""

COSTS = ("energy_total_uj", "area_mm2")
"""The columns that time is set against. `area_mm2` is the user's."""


def heat_of(table: "pd.DataFrame", one: str, other: str) -> str | None:
    """The column that a heat map of two keys shows: the first of `HEAT` that both change, or None."""
    rows, _ = fixed(table, [one, other])
    for column in HEAT:
        if column in rows and _changes(rows, one, other, column) and _changes(rows, other, one, column):
            return column
    return None


def _changes(rows: "pd.DataFrame", key: str, other: str, column: str) -> bool:
    """Whether a key alone changes a column by more than 0.5% anywhere."""
    cells = rows.groupby(["layer", other, key])[column].mean().groupby(["layer", other])
    return bool((cells.max() > 1.005 * cells.min()).any())


def heat_maps(table: "pd.DataFrame", one: str, other: str, column: str) -> Figure:
    """A column over two keys, a panel a layer."""
    rows, chosen = fixed(table, [one, other])
    names, caption = shown_layers(rows, caption_of(rows, chosen, bars=False))
    shares = column == "load_balance"
    figure, panels = grid(f"{HEAT[column].capitalize()} over {listed([one, other])}", caption, names)
    pivots = [
        rows[rows["layer"] == name].pivot_table(index=other, columns=one, values=column, aggfunc="mean")
        for name in names
    ]
    if not shares:
        pivots = [cells / np.nanmin(cells.to_numpy()) for cells in pivots]
    low, high = (0.0, 1.0) if shares else (1.0, max(float(np.nanmax(cells.to_numpy())) for cells in pivots))
    image: Any = None
    for axes, cells in zip(panels, pivots, strict=True):
        image = axes.imshow(
            cells, cmap="cividis" if shares else "cividis_r", vmin=low, vmax=high, aspect="auto", origin="lower"
        )
        axes.set_xticks(range(cells.shape[1]), [f"{value}" for value in cells.columns], fontsize=8)
        axes.set_yticks(range(cells.shape[0]), [f"{value}" for value in cells.index], fontsize=8)
        axes.set_xlabel(words(one).label)
        axes.set_ylabel(words(other).label)
        axes.grid(visible=False)
        if cells.size > 120:
            continue
        for (down, across), value in np.ndenumerate(cells.to_numpy()):
            light = (value - low) / (high - low)
            axes.text(
                across, down, f"{value * 100:.0f}" if shares else f"{value:.2f}", ha="center", va="center",
                fontsize=7, color="black" if (light if shares else 1 - light) > 0.5 else "white",
            )  # fmt: skip
    bar = figure.colorbar(image, ax=panels, shrink=0.8, label=HEAT[column])
    if shares:
        bar.ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return figure


def front(times: Sequence[float], costs: Sequence[float]) -> list[int]:
    """The numbers of the points that no other beats in both time and cost, from the fastest on."""
    order = sorted(range(len(times)), key=lambda k: (times[k], costs[k]))
    kept: list[int] = []
    for k in order:
        if not kept or costs[k] < costs[kept[-1]]:
            kept.append(k)
    return kept


def pareto(table: "pd.DataFrame", cost: str, keys: Sequence[str]) -> Figure:
    """Time against a cost, a panel a layer, with the line of machines that no other beats. cost: of `COSTS`."""
    rows = table.dropna(subset=[cost])
    names, caption = shown_layers(rows, caption_of(rows, "", bars=False))
    title = f"Time against {words(cost).name}: one point a machine"
    figure, panels = grid(title, f"{caption}; labels: {listed(keys)} along the front", names)
    for axes, name in zip(panels, names, strict=True):
        points = rows[rows["layer"] == name].groupby(list(keys), sort=True)[["time_us", cost]].mean().reset_index()
        times, costs = points["time_us"].tolist(), points[cost].tolist()
        kept = front(times, costs)
        axes.scatter(times, costs, s=14, color="#BBBBBB", linewidths=0)
        axes.step(
            [times[k] for k in kept], [costs[k] for k in kept],
            where="post", color=palette.LINES[0], marker="o", markersize=4, linewidth=1.2,
        )  # fmt: skip
        for k in {kept[0], kept[len(kept) // 2], kept[-1]}:
            text = ", ".join(f"{points[key].iloc[k]}" for key in keys)
            side, shift = ("right", -4) if k == kept[-1] and len(kept) > 1 else ("left", 4)
            axes.annotate(
                text, (times[k], costs[k]), xytext=(shift, 5 if side == "left" else -10),
                textcoords="offset points", fontsize=7, ha=side,
            )  # fmt: skip
        magnitudes(axes.xaxis, times)
        magnitudes(axes.yaxis, costs)
        axes.margins(x=0.2, y=0.15)
        axes.set_xlabel(words("time_us").label)
        axes.set_ylabel(words(cost).label)
    return figure
