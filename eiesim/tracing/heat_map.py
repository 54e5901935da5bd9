"""A heat map of a run: entries by PE, and the PEs' work over time."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from eiesim.model import Feed
from eiesim.result import Result
from eiesim.tracing.recording import PADDING, REAL, Recording, record
from eiesim.tracing.shares import COLOURS, edges_of_cells, state_shares
from eiesim.tracing.subject import subjects
from eiesim.view import style
from eiesim.view.panels import Cells, Panel, Picture, Scale, Series, floats
from eiesim.view.saving import FORMATS, save_all
from eiesim.view.words import Words

BLOCKS, ROWS = 200, 256
"""Cells of the map, at most."""


def draw_heat_maps(
    feeds: Sequence[Feed], result: Result, folder: str | Path, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Draw the heat map of every layer into a folder, of the first input of each batch; returns the files.

    feeds: what `result` was simulated from; its outputs are the later layers' inputs. Streamed weights are not traced:
    nothing is drawn of them.
    """
    if result.config.weights != "resident":
        return []
    return save_all(_pictures(feeds, result), folder, formats=formats)


def _pictures(feeds: Sequence[Feed], result: Result) -> Iterator[tuple[str, Picture]]:
    """One after the other, so that only one recording is held."""
    count = 0
    for feed in feeds:
        known = [layer.outputs for layer in result.layers[count : count + len(feed.layers)]]
        for subject in subjects(feed, result.config, 0, known):
            count += 1
            letters = "".join(c if c.isalnum() or c in "-_." else "_" for c in subject.name)
            yield f"heat_map_{count}_{letters}", heat_map(record(subject))


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
        f"{trace.subject.name} on {trace.pes} PEs: entries by PE, and work over time (simulated)",
        (
            Panel(Scale(Words(f"entries{padded}"), form=",.0f"), down_pes, tuple(series)),
            Panel(Scale(cycles, start, end, form=",.0f"), replace(down_pes, words=Words("")), cells=cells),
        ),
        (style.PAGE_IN, min(6.0, max(2.2, 0.05 * trace.pes + 1.4))),
        widths=(1, 4),
        shared="y",
    )
