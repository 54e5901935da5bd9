"""What all pictures of a sweep share: which rows are shown, captions, panels and axes."""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator, PercentFormatter

from eiesim.config import MachineConfig
from eiesim.view import style
from eiesim.view.words import setting

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

MOST_PANELS = 12


def swept_keys(table: "pd.DataFrame") -> list[str]:
    """The configuration keys that take more than one value, in the configuration's order."""
    return [key for key in MachineConfig.model_fields if key in table and table[key].nunique() > 1]


def fixed(table: "pd.DataFrame", varying: Sequence[str]) -> tuple["pd.DataFrame", str]:
    """The rows in which all but the varying keys have one value, and a text that says which value.

    The value is the published design's where the table has it, else the table's first.
    """
    published = MachineConfig().model_dump()
    chosen = []
    for key in (*swept_keys(table), "variation", "engine"):
        if key in varying or key not in table or table[key].nunique() < 2:
            continue
        values = list(table[key].unique())
        value = published[key] if published.get(key) in values else values[0]
        table = table[table[key] == value]
        chosen.append(setting(key, value))
    return table, ", ".join(chosen)


def caption_of(table: "pd.DataFrame", chosen: str, bars: bool = True) -> str:
    """What the picture shows: simulated or not, of which layers and seeds. chosen: the text that `fixed` gives.

    bars: whether whiskers go from least to most.
    """
    seeds = table["seed"].dropna().nunique()
    parts = [
        f"simulated, eiesim {table['eiesim'].iloc[0]}",
        "synthetic layers" if table["seed"].notna().all() else "",
        f"mean of {seeds} seeds{', whiskers from least to most' if bars else ''}" if seeds > 1 else "",
        f"held: {chosen}" if chosen else "",
    ]
    return "; ".join(part for part in parts if part)


def canvas(title: str, caption: str, width: float = 7.5, panels: int = 1) -> tuple[Figure, list["Axes"]]:
    """A figure with a title, a caption below, and panels beside one another."""
    figure = Figure(figsize=(width, 4.2), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]
    style.headed(figure, title, caption)
    return figure, list(axes)


def grid(title: str, caption: str, names: Sequence[str]) -> tuple[Figure, list["Axes"]]:
    """A panel a layer, at most three beside one another."""
    across = min(3, len(names))
    down = ceil(len(names) / across)
    figure = Figure(figsize=(max(4.4, 4.0 * across), 0.9 + 3.1 * down), layout="constrained")
    every = figure.subplots(down, across, squeeze=False).reshape(-1)
    for empty in every[len(names) :]:
        empty.set_visible(False)
    style.headed(figure, title, caption)
    for axes, name in zip(every, names, strict=False):
        axes.set_title(name, loc="left")
    return figure, list(every[: len(names)])


def shown_layers(table: "pd.DataFrame", caption: str) -> tuple[list[str], str]:
    """The layers that get a panel, at most `MOST_PANELS`, and the caption, which says if some were left out."""
    names = list(table["layer"].unique())
    if len(names) <= MOST_PANELS:
        return names, caption
    return names[:MOST_PANELS], f"{caption}; the first {MOST_PANELS} of {len(names)} layers"


def percent(axes: "Axes") -> None:
    """A vertical axis from 0 to 100 %."""
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylim(0, 1.03)


def ticks(axes: "Axes", values: Sequence[float]) -> None:
    """An axis of the values that were swept: logarithmic where they grow by factors."""
    low, high = min(values), max(values)
    if low > 0 and high / low >= 8:
        axes.set_xscale("log", base=2)
    shown = list(values)[:: ceil(len(values) / 12)]
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def magnitudes(axis: "Axis", values: Any) -> None:
    """An axis of what was found: logarithmic where it spans a factor of 4 or more, ticks in plain numbers."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low > 0 and high / low >= 4:
        scale = axis.axes.set_xscale if axis is axis.axes.xaxis else axis.axes.set_yscale
        scale("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
