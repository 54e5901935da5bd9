"""What all pictures of a sweep share: which rows are shown, captions and axes."""

from collections.abc import Iterable, Sequence
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING, Any

from eiesim.config import MachineConfig
from eiesim.model import DRAWN
from eiesim.view.panels import Scale
from eiesim.view.words import setting, words

if TYPE_CHECKING:
    import pandas as pd

MOST_PANELS = 12
MOST_TICKS = 12


def swept_keys(table: "pd.DataFrame") -> list[str]:
    """The configuration keys that take more than one value, in the configuration's order."""
    return [key for key in MachineConfig.model_fields if key in table and table[key].nunique() > 1]


def fixed(table: "pd.DataFrame", varying: Sequence[str]) -> tuple["pd.DataFrame", str]:
    """The rows in which all but the varying keys have one value, and a text that says which value.

    The value is the published design's where the table has it, else of numbers the nearest to that, as the text says,
    and of anything else the table's first.
    """
    published = MachineConfig().model_dump()
    chosen = []
    for key in (*swept_keys(table), "variation", "engine"):
        if key in varying or key not in table or table[key].nunique() < 2:
            continue
        value, instead = nearest(list(table[key].unique()), published.get(key))
        table = table[table[key] == value]
        chosen.append(f"{setting(key, value)}{instead}")
    return table, ", ".join(chosen)


def nearest(values: Sequence[Any], wanted: Any) -> tuple[Any, str]:
    """The value that stands for the wanted one, and where it is another number, a text that says so.

    That is the wanted value itself, else the number with the smallest factor to it (of two, the smaller one), else the
    first.
    """
    if wanted in values:
        return wanted, ""
    numbers = [value for value in values if not isinstance(value, str) and value > 0]
    if isinstance(wanted, str) or not wanted or not numbers:
        return values[0], ""
    return min(numbers, key=lambda value: (abs(log10(value / wanted)), value)), f" (nearest to {wanted:g})"


def caption_of(table: "pd.DataFrame", chosen: str, bars: bool = True) -> str:
    """What the picture shows: simulated or not, of which layers and seeds. chosen: the text that `fixed` gives.

    bars: whether whiskers go from least to most.
    """
    seeds = table["seed"].dropna().nunique()
    parts = [
        f"simulated, eiesim {table['eiesim'].iloc[0]}",
        "synthetic layers" if "variation" in table and table["variation"].notna().all() else "",
        "inputs drawn" if "fed" in table and table["fed"].eq(DRAWN).all() else "",
        f"mean of {seeds} seeds{', whiskers from least to most' if bars else ''}" if seeds > 1 else "",
        f"held: {chosen}" if chosen else "",
    ]
    return "; ".join(part for part in parts if part)


def shown_layers(table: "pd.DataFrame", caption: str) -> tuple[list[str], str]:
    """The layers that get a panel, at most `MOST_PANELS`, and the caption, which says if some were left out."""
    layers = list(table["layer"].unique())
    if len(layers) <= MOST_PANELS:
        return layers, caption
    return layers[:MOST_PANELS], f"{caption}; the first {MOST_PANELS} of {len(layers)} layers"


def grid_in(panels: int) -> tuple[int, tuple[float, float]]:
    """Of a panel a layer: how many stand beside one another, and the size in inches."""
    across = min(3, panels)
    return across, (max(4.4, 4.0 * across), 0.9 + 3.1 * ceil(panels / across))


def swept_scale(column: str, values: Iterable[float]) -> Scale:
    """An axis of the values that were swept: logarithmic where they grow by factors."""
    known = sorted(set(values))
    log = 2 if known[0] > 0 and known[-1] / known[0] >= 8 else 0
    shown = _apart([log10(value) for value in known], known) if log else known[:: ceil(len(known) / MOST_TICKS)]
    return Scale(words(column), log=log, ticks=tuple((float(value), f"{value:g}") for value in shown))


def _apart(places: Sequence[float], values: Sequence[float]) -> list[float]:
    """Of values at ascending places on an axis, at most `MOST_TICKS` that are not too near to the one before."""
    step, kept = (places[-1] - places[0]) / (MOST_TICKS - 1), [0]
    for k, place in enumerate(places):
        if place - places[kept[-1]] >= step - 1e-9:
            kept.append(k)
    return [values[k] for k in kept]


def share_scale(column: str) -> Scale:
    """A vertical axis from 0 to 100 %."""
    return Scale(words(column), 0, 1.03, form=".0%")


def found_scale(column: str, values: Iterable[float]) -> Scale:
    """An axis of what was found: logarithmic where it spans a factor of 4 or more, ticks in plain numbers."""
    known = [value for value in values if isfinite(value)]
    low, high = min(known), max(known)
    if low <= 0 or high / low < 4:
        return Scale(words(column))
    return Scale(words(column), log=10, ticks=log_ticks(low / 10, high * 10, (1, 2, 5) if high / low < 100 else (1,)))


def log_ticks(low: float, high: float, subs: Sequence[int]) -> tuple[tuple[float, str], ...]:
    """Ticks at the decades' multiples of `subs` from low to high, in plain numbers."""
    places = [sub * 10.0**decade for decade in range(floor(log10(low)), ceil(log10(high)) + 1) for sub in subs]
    return tuple((place, f"{place:,.10g}") for place in places if low <= place <= high)
