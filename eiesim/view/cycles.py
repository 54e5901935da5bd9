"""Pictures of where PE-cycles go, and of how evenly PEs are loaded. They divide by totals and compute nothing else."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from eiesim.result import LayerResult
from eiesim.view import palette, style
from eiesim.view.text import without_mathtext

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
DARK = (palette.BLUE, palette.GREEN, palette.VERMILION)
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


def shares(title: str, names: Sequence[str], parts: Mapping[str, Sequence[float]], ends: Sequence[str]) -> "Figure":
    """A bar a name, cut into the shares of its total that the parts take; parts[label][bar]. ends: text at each bar."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(style.PAGE_IN, 1.1 + 0.34 * len(names)), layout="constrained")
    axes = figure.subplots()
    totals = np.sum(list(parts.values()), axis=0, dtype=float)
    totals[totals == 0] = 1
    reached = np.zeros(len(names))
    for label, values in parts.items():
        colour = COLOURS[label]
        share = np.asarray(values, float) / totals
        axes.barh(range(len(names)), share, 0.7, left=reached, label=label, color=colour, edgecolor="white")
        for k, one in enumerate(share):
            if one >= SHORTEST_LABEL:
                axes.text(reached[k] + one / 2, k, f"{one:.0%}", ha="center", va="center", fontsize=7,
                          color="white" if colour in DARK else "black")  # fmt: skip
        reached += share
    for k, text in enumerate(ends):
        axes.text(1.01, k, text, va="center", fontsize=7)
    axes.set_yticks(range(len(names)), [without_mathtext(name) for name in names])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("share of PE-cycles (simulated)")
    style.headed(figure, title)
    figure.legend(loc="outside lower left", ncols=4, frameon=False)
    return figure


def states(layers: Sequence[LayerResult]) -> "Figure":
    """What the PEs of each layer do: entries, padding, empty columns, nothing."""
    parts = {label: [getattr(layer.metrics.counters, key) for layer in layers] for key, label in STATES.items()}
    ends = [f"{layer.cycles:,.0f} cycles" for layer in layers]
    config = layers[0].config
    title = f"Where the PE-cycles go: {config.pes} PEs{config.variant}, queue depth {config.queue_depth}"
    return shares(title, [layer.name for layer in layers], parts, ends)


def loads(layers: Sequence[LayerResult]) -> "Figure":
    """Entries (groups, with several multipliers) that each PE walks over the mean PE's, PEs from most to least.

    One line a layer, the first nine.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(style.PAGE_IN, 3.0), layout="constrained")
    axes = figure.subplots()
    for k, layer in enumerate(layers[:MOST_LAYERS]):
        entries = np.sort(np.atleast_2d(layer.per_pe.entry_groups).sum(axis=0))[::-1]
        mean = entries.mean() or 1.0
        axes.step(
            np.arange(1, len(entries) + 1), entries / mean, where="mid", linewidth=1.3,
            color=palette.LINES[k % len(palette.LINES)], label=without_mathtext(layer.name),
        )  # fmt: skip
    axes.axhline(1, color=palette.GREY, linewidth=0.8, linestyle="--")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("PEs, from the busiest on")
    walked = "entries" if layers[0].config.multipliers == 1 else "groups of entries"
    axes.set_ylabel(f"{walked} walked / the mean PE's\n(simulated)")
    style.horizontal_grid(axes)
    left_out = f" (the first {MOST_LAYERS} of {len(layers)} layers)" if len(layers) > MOST_LAYERS else ""
    style.headed(figure, f"How evenly the PEs are loaded{left_out}")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return figure
