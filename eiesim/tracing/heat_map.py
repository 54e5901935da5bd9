"""A heat map of a run: entries by PE, and the PEs' work over time."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from eiesim._io.names import file_stems
from eiesim._shown import counted
from eiesim.errors import unknown
from eiesim.layer_result import LayerResult
from eiesim.tracing.recording import LARGEST_BYTES, PADDING, REAL, Recording, record
from eiesim.tracing.shares import COLOURS, edges_of_cells, state_shares
from eiesim.tracing.subject import Subject
from eiesim.view import style
from eiesim.view.panels import Cells, Panel, Picture, Scale, Series, floats
from eiesim.view.words import Words

BLOCKS, ROWS = 200, 256
"""Cells of the map, at most."""

CELL_BYTES = 9
"""Of a recording, a PE and a cycle, at most."""


MOST_MAPS = 12
"""Layers that get a heat map without being asked for, the slowest."""


def heat_maps(layers: Sequence[LayerResult], wanted: int | Sequence[str] = MOST_MAPS) -> Iterator[tuple[str, Picture]]:
    """The heat map of each layer, of the first input of each batch, one after the other: one recording is held.

    wanted: so many layers, those that take most cycles; or the names of those to draw.
    Raises EieError for a name that no layer has.

    Nothing is simulated again: a layer's input is what it was run on. Nothing is drawn of streamed weights, which are
    not traced, nor of what is too long to be traced at once.
    """
    for number in _wanted(layers, wanted):
        layer = layers[number - 1]
        cells = layer.config.pes * int(layer.runs.each("cycles")[0])
        if layer.config.weights == "resident" and layer.prepare is not None and cells * CELL_BYTES <= LARGEST_BYTES:
            yield (
                f"heat_map_{number}_{file_stems([layer.name])[0]}",
                heat_map(record(Subject.of_prepared(layer.prepare(), 0))),
            )


def _wanted(layers: Sequence[LayerResult], wanted: int | Sequence[str]) -> list[int]:
    """Numbers of layers, from 1, in order."""
    if isinstance(wanted, int):
        slowest = sorted(range(len(layers)), key=lambda k: -layers[k].cycles * layers[k].vectors)
        return sorted(k + 1 for k in slowest[:wanted])
    names = [layer.name for layer in layers]
    for name in wanted:
        if name not in names:
            raise unknown("no layer", name, dict.fromkeys(names))
    return [number for number, name in enumerate(names, 1) if name in wanted]


def heat_map(trace: Recording) -> Picture:
    """Left the entries that each PE walks in the window, right the share of cycles in which it walks one, over time."""
    numbers = range(trace.pes)
    shares, down, across = state_shares(trace, numbers, ROWS, BLOCKS)
    before, series = np.zeros(trace.pes), []
    for state, name in ((REAL, "real entry"), (PADDING, "padding entry")):
        entries = (trace.state == state).sum(axis=1)
        series.append(
            Series(
                name, "hbars", floats(before + entries), floats(numbers), (COLOURS[name],), base=floats(before), width=1
            )
        )
        before = before + entries
    down_pes = Scale(Words("PE"), trace.pes - 0.5, -0.5)
    padded = " (orange: padding)" if (trace.state == PADDING).any() else ""
    size = int(across[1] - across[0])
    start, end = trace.first_cycle - 0.5, trace.end - 0.5
    cells = Cells(
        shares[..., REAL] + shares[..., PADDING],
        edges_of_cells(across, start),
        edges_of_cells(down, -0.5),
        Scale(Words("cycles that walk an entry"), 0, 1, form=".0%"),
    )
    cycles = Words(f"cycle (a cell is {size} cycle{'s' if size > 1 else ''})")
    return Picture(
        f"{trace.subject.name} on {counted(trace.pes, 'PE')}: entries by PE, and work over time (simulated)",
        (
            Panel(Scale(Words(f"entries{padded}"), form=",.0f"), down_pes, tuple(series)),
            Panel(Scale(cycles, start, end, form=",.0f"), replace(down_pes, words=Words("")), cells=cells),
        ),
        (style.PAGE_IN, min(6.0, max(2.2, 0.05 * trace.pes + 1.4))),
        widths=(1, 4),
        shared="y",
    )
