"""What each value of a swept key costs: time, energy and energy x time, and the knee; of a network also in all."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from eiesim.config import MachineConfig
from eiesim.sweeps.canvas import caption_of, fixed, found_scale
from eiesim.sweeps.curves import lines
from eiesim.sweeps.networks import FRACTIONS, MACHINE, NEEDED, area_of, is_network, totals
from eiesim.view import palette
from eiesim.view.panels import Panel, Picture, Series
from eiesim.view.words import words

if TYPE_CHECKING:
    import pandas as pd

TIME, ENERGY, BOTH = "time_us", "energy_total_uj", "energy_delay_uj_us"

NETWORK = "all layers"
"""The line of a network's totals."""

NEAR = 1.05
"""The knee is the least value of a key at which energy x time is at most so many times its least."""


def knee(values: Sequence[float], costs: Sequence[float]) -> float:
    """The least of a key's values whose cost is at most `NEAR` times the least."""
    return min(value for value, cost in zip(values, costs, strict=True) if cost <= NEAR * min(costs))


def with_area(table: "pd.DataFrame") -> "pd.DataFrame":
    """The table with `area_mm2`, which follows from the configuration; as it is where it has one, or lacks keys."""
    keys = [name for name in MachineConfig.model_fields if name not in FRACTIONS]
    if "area_mm2" in table or not set(keys) <= set(table.columns):
        return table
    areas = [area_of(row) for row in table[keys].to_dict("records")]
    return table.assign(area_mm2=np.array(areas, float))


def axes(table: "pd.DataFrame", keys: Sequence[str]) -> list[str]:
    """The swept keys that costs can be drawn over: numbers."""
    from pandas.api.types import is_numeric_dtype

    return [key for key in keys if is_numeric_dtype(table[key])]


def over(table: "pd.DataFrame", key: str) -> Picture:
    """Time, energy and energy x time over a key, each layer's knee marked; the time alone where no energy is known."""
    rows, chosen = fixed(table, [key])
    rows, network = _with_network(rows)
    known = ENERGY in rows and rows[ENERGY].notna().all()
    if known:
        rows = rows.assign(**{BOTH: rows[ENERGY] * rows[TIME]})
    columns = (TIME, ENERGY, BOTH) if known else (TIME,)
    of = BOTH if known else TIME
    last = rows[key].max()
    knees = {str(layer): _knee_of(own, key, of) for layer, own in rows.groupby("layer", sort=False)}
    at = {layer: value for layer, value in knees.items() if value < last}
    panels = tuple(_panel(rows, key, column, at) for column in columns)
    named = words(of).name
    caption = f"{caption_of(rows, chosen)}; the knee: the least value within {NEAR - 1:.0%} of the least {named}"
    if len(at) < len(knees):
        caption += ", none where only the last is"
    if network:
        caption += "; all layers: the network, its energy x time of both sums"
    title = f"{words(TIME).name}, energy and energy x time" if known else words(TIME).name
    size = (3.5 + 3.6 * len(panels), 4.2)
    return Picture(f"{title.capitalize()} over {words(key).name}", panels, size, caption, legend="right", style="lines")


def _with_network(rows: "pd.DataFrame") -> tuple["pd.DataFrame", bool]:
    """The rows, and where they are a network's, its totals as one more layer."""
    import pandas as pd

    if not {*NEEDED, *MACHINE} <= set(rows.columns) or not is_network(records := rows.to_dict("records")):
        return rows, False
    found = totals(records)
    if not found:
        return rows, False
    every = [{**one.cells(), "layer": NETWORK, "eiesim": rows["eiesim"].iloc[0]} for one in found]
    added = pd.DataFrame(every).reindex(columns=rows.columns).astype({"seed": rows["seed"].dtype})
    return pd.concat([rows, added], ignore_index=True), True


def _knee_of(rows: "pd.DataFrame", key: str, column: str) -> float:
    mean = rows.groupby(key)[column].mean()
    return knee(mean.index.tolist(), mean.tolist())


def _panel(rows: "pd.DataFrame", key: str, column: str, at: dict[str, float]) -> Panel:
    """Lines over a key, and a cross on each at its knee. at: by layer; a layer whose line falls to its end has none."""
    panel = lines(rows, key, column, found_scale(column, rows[column]))
    own = [
        replace(one, colours=(palette.BLACK,), marker="", dashed=True) if one.name == NETWORK else one
        for one in panel.series
    ]
    x = tuple(at[one.name] for one in own if one.name in at)
    y = tuple(one.y[one.x.index(at[one.name])] for one in own if one.name in at)
    knees = [Series("the knee", "points", x, y, (palette.BLACK,), marker="x", size=10)] if x else []
    return replace(panel, series=(*own, *knees))
