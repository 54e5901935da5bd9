"""Pictures of where PE-cycles go, and of how evenly PEs are loaded. They divide by totals and compute nothing else."""

from collections.abc import Mapping, Sequence

import numpy as np

from eiesim._shown import counted
from eiesim._sums import added
from eiesim.layer_result import LayerResult
from eiesim.view import palette, style
from eiesim.view.panels import Note, Panel, Picture, Rule, Scale, Series, floats, names
from eiesim.view.words import Words

COLOURS = {
    "real entries": palette.BLUE,
    "padding": palette.SKY,
    "lanes without an entry": palette.GREY,
    "static imbalance": palette.ORANGE,
    "empty columns": palette.YELLOW,
    "scan bubbles": palette.PURPLE,
    "start and drain": palette.GREEN,
    "finite queues": palette.VERMILION,
    "starved": palette.ORANGE,
}
SHORTEST_LABEL = 0.06
"""Shares below this have no room for their number."""

STATES = {
    "busy_real": "real entries",
    "busy_padding": "padding",
    "busy_empty": "empty columns",
    "starved": "starved",
}
"""What a PE does in a cycle, by counter: they add up to PEs x cycles."""

MOST_LAYERS = 9
MOST_BARS = 30
"""Layers that have a bar of their own, which are at most half a page."""


def shares(title: str, bars: Sequence[str], parts: Mapping[str, Sequence[float]], ends: Sequence[str]) -> Picture:
    """A bar a name, cut into the shares of its total that the parts take; parts[label][bar]. ends: text at each bar."""
    totals = np.sum(list(parts.values()), axis=0, dtype=float)
    totals[totals == 0] = 1
    reached, series = np.zeros(len(bars)), []
    for label, values in parts.items():
        share = np.asarray(values, float) / totals
        shown = tuple(f"{one:.0%}" if one >= SHORTEST_LABEL else "" for one in share)
        series.append(
            Series(
                label, "hbars", floats(reached + share), floats(range(len(bars))), (COLOURS[label],),
                base=floats(reached), width=0.7, labels=shown,
            )
        )  # fmt: skip
        reached = reached + share
    panel = Panel(
        Scale(Words("share of PE-cycles", basis="simulated"), 0, 1, form=".0%"),
        names(Words(""), bars, downward=True),
        tuple(series),
        notes=tuple(Note(text, 1.01, k, (0, 0), "left", "center") for k, text in enumerate(ends)),
    )
    return Picture(title, (panel,), (style.PAGE_IN, 1.1 + 0.34 * len(bars)), legend="below")


def states(layers: Sequence[LayerResult]) -> Picture:
    """What the PEs of each layer do: entries, padding, empty columns, nothing. Of many layers the slowest, and the rest
    together.
    """
    bars = [[layer] for layer in layers]
    if len(layers) > MOST_BARS:
        slowest = sorted(range(len(layers)), key=lambda k: -layers[k].cycles * layers[k].vectors)[: MOST_BARS - 1]
        bars = [bars[k] for k in sorted(slowest)]
        bars.append([layer for k, layer in enumerate(layers) if k not in slowest])
    parts = {label: [_counted(bar, key) for bar in bars] for key, label in STATES.items()}
    ends = [counted(sum(layer.cycles for layer in bar), "cycle") for bar in bars]
    config = layers[0].config
    title = f"Where the PE-cycles go: {counted(config.pes, 'PE')}{config.variant}, queue depth {config.queue_depth}"
    named = [bar[0].name if len(bar) == 1 else f"other {len(bar)} layers" for bar in bars]
    return shares(title, named, parts, ends)


def _counted(bar: Sequence[LayerResult], counter: str) -> float:
    """A layer's counter over all inputs; of several layers that of one input of the network."""
    if len(bar) == 1:
        return float(getattr(bar[0].metrics.counters, counter))
    return float(added(getattr(layer.counters, counter) * layer.vectors for layer in bar))


def loads(layers: Sequence[LayerResult]) -> Picture:
    """Entries (groups, with several multipliers) that each PE walks over the mean PE's, PEs from most to least.

    One line a layer, the first nine.
    """
    series = []
    for k, layer in enumerate(layers[:MOST_LAYERS]):
        entries = np.sort(layer.runs.per_pe_over_inputs.entry_groups)[::-1]
        mean = entries.mean() or 1.0
        ranks = floats(range(1, len(entries) + 1))
        series.append(Series(layer.name, "levels", ranks, floats(entries / mean), (palette.LINES[k],)))
    walked = "entries" if layers[0].config.multipliers == 1 else "groups of entries"
    panel = Panel(
        Scale(Words("PEs, from the busiest on")),
        Scale(Words(f"{walked} walked\n/ the mean PE's", basis="simulated"), start=0),
        tuple(series),
        rules=(Rule(1, palette.GREY, look="dashed"),),
    )
    left_out = f" (the first {MOST_LAYERS} of {len(layers)} layers)" if len(layers) > MOST_LAYERS else ""
    return Picture(f"How evenly the PEs are loaded{left_out}", (panel,), (style.PAGE_IN, 3.0), legend="right")


def inputs(layers: Sequence[LayerResult]) -> Picture:
    """Cycles of each input of a batch, inputs from most to least; one line a layer, the first nine."""
    series = []
    for k, layer in enumerate(layers[:MOST_LAYERS]):
        cycles = np.sort(layer.runs.each("cycles"))[::-1]
        ranks = floats(range(1, len(cycles) + 1))
        series.append(Series(layer.name, "levels", ranks, floats(cycles), (palette.LINES[k],)))
    panel = Panel(
        Scale(Words("inputs, from the slowest on"), form=",.0f"),
        Scale(Words("cycles", basis="simulated"), start=0, form=",.0f"),
        tuple(series),
    )
    return Picture("Cycles of each input", (panel,), (style.PAGE_IN, 3.0), legend="right")
