"""A sweep over several keys: heat maps of two keys, and the machines that no other beats in time and cost."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from eiesim.sweeps.canvas import caption_of, fixed, found_scale, grid_in, shown_layers
from eiesim.view import palette
from eiesim.view.panels import Cells, Panel, Picture, Scale, Series, floats, reach
from eiesim.view.words import Words, listed, told, words

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

MOST_LABELS = 120
"""A heat map of more cells has no numbers in them."""

HEAT = {"load_balance": "load balance", "energy_total_uj": "energy (estimated) / the layer's least"}
"""The columns that heat maps may show, and their labels."""

COSTS = ("energy_total_uj", "area_mm2")
"""The columns that time is set against."""


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


def heat_maps(table: "pd.DataFrame", one: str, other: str, column: str) -> Picture:
    """A column over two keys, a panel a layer: `one` across, `other` up."""
    rows, chosen = fixed(table, [one, other])
    layers, caption = shown_layers(rows, caption_of(rows, chosen, bars=False))
    shares = column == "load_balance"
    tables = [
        rows[rows["layer"] == name].pivot_table(index=other, columns=one, values=column, aggfunc="mean")
        for name in layers
    ]
    if not shares:
        tables = [cells / np.nanmin(cells.to_numpy()) for cells in tables]
    most = 1.0 if shares else max(float(np.nanmax(cells.to_numpy())) for cells in tables)
    scale = Scale(Words(HEAT[column]), 0.0 if shares else 1.0, most, form=".0%" if shares else "")
    panels = tuple(
        Panel(
            Scale(words(one), ticks=_places(cells.columns)),
            Scale(words(other), ticks=_places(cells.index)),
            title=name,
            cells=Cells(
                cells.to_numpy(float),
                (-0.5, cells.shape[1] - 0.5),
                (-0.5, cells.shape[0] - 0.5),
                scale,
                "cividis" if shares else "cividis_r",
                _in_cells(cells.to_numpy(float), shares) if cells.size <= MOST_LABELS else (),
            ),
        )
        for name, cells in zip(layers, tables, strict=True)
    )
    across, size_in = grid_in(len(panels))
    title = f"{HEAT[column].capitalize()} over {listed([one, other])}"
    return Picture(title, panels, size_in, caption, across, style="lines")


def _places(values: Iterable[Any]) -> tuple[tuple[float, str], ...]:
    return tuple((float(k), told(value)) for k, value in enumerate(values))


def _in_cells(values: "npt.NDArray[np.float64]", shares: bool) -> tuple[tuple[str, ...], ...]:
    """A number a cell, shares in per cent; nothing where no machine was."""
    form, factor = (".0f", 100) if shares else (".2f", 1)
    return tuple(tuple("" if np.isnan(value) else format(value * factor, form) for value in line) for line in values)


def front(times: Sequence[float], costs: Sequence[float]) -> list[int]:
    """The numbers of the points that no other beats in both time and cost, from the fastest on."""
    order = sorted(range(len(times)), key=lambda k: (times[k], costs[k]))
    kept: list[int] = []
    for k in order:
        if not kept or costs[k] < costs[kept[-1]]:
            kept.append(k)
    return kept


def pareto(table: "pd.DataFrame", cost: str, keys: Sequence[str]) -> Picture:
    """Time against a cost, a panel a layer, with the line of machines that no other beats. cost: of `COSTS`."""
    rows = table.dropna(subset=[cost])
    layers, caption = shown_layers(rows, caption_of(rows, "", bars=False))
    panels = tuple(_front_panel(rows[rows["layer"] == name], name, cost, keys) for name in layers)
    across, size_in = grid_in(len(panels))
    title = f"Time against {words(cost).name}: one point a machine"
    return Picture(title, panels, size_in, f"{caption}; labels: {listed(keys)} along the front", across, style="lines")


def _front_panel(rows: "pd.DataFrame", name: str, cost: str, keys: Sequence[str]) -> Panel:
    points = rows.groupby(list(keys), sort=True)[["time_us", cost]].mean().reset_index()
    times, costs = points["time_us"].tolist(), points[cost].tolist()
    kept = front(times, costs)
    labelled = {kept[0], kept[len(kept) // 2], kept[-1]}
    labels = tuple(", ".join(told(points[key].iloc[k]) for key in keys) if k in labelled else "" for k in kept)
    across, up = found_scale("time_us", times), found_scale(cost, costs)
    left, right = reach(times, across.log, 0.2)
    bottom, top = reach(costs, up.log, 0.15)
    return Panel(
        replace(across, start=left, end=right),
        replace(up, start=bottom, end=top),
        (
            Series("every machine", "points", floats(times), floats(costs), ("#BBBBBB",), marker="o", size=3.7),
            # From each machine on, the least cost holds until the next machine's time is allowed.
            Series(
                "the front", "step", floats(times[k] for k in kept), floats(costs[k] for k in kept),
                (palette.LINES[0],), marker="o", size=4, labels=labels,
            ),
        ),
        title=name,
    )  # fmt: skip
