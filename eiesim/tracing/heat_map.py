"""A heat map of a run: entries by PE, and the PEs' work over time."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from eiesim._io.atomic import Outputs
from eiesim.result import LayerResult
from eiesim.tracing.recording import LARGEST_BYTES, PADDING, REAL, Recording, record
from eiesim.tracing.shares import COLOURS, state_shares
from eiesim.tracing.subject import Subject
from eiesim.view import style
from eiesim.view.saving import FORMATS, save_all
from eiesim.view.text import without_mathtext

BLOCKS, ROWS = 200, 256
"""Cells of the map, at most."""

CELL_BYTES = 9
"""Of a recording, a PE and a cycle, at most."""


def draw_heat_maps(
    layers: Sequence[LayerResult],
    folder: str | Path,
    formats: Sequence[str] = FORMATS,
    files: Outputs | None = None,
) -> list[Path]:
    """Draw the heat map of every layer into a folder, of the first input of each batch; returns the files.

    Nothing is simulated again: a layer's input is what it was run on. Nothing is drawn of streamed weights, which are
    not traced, nor of what is too long to be traced at once. files: the set that they appear with.
    """
    drawings: list[tuple[str, Callable[[], Figure]]] = []
    for number, layer in enumerate(layers, 1):
        cells = layer.config.pes * layer.runs[0].cycles
        if layer.config.weights == "resident" and layer.prepare is not None and cells * CELL_BYTES <= LARGEST_BYTES:
            letters = "".join(c if c.isalnum() or c in "-_." else "_" for c in layer.name or "layer")
            drawings.append((f"heat_map_{number}_{letters}", partial(_recorded, layer.prepare)))
    return save_all(drawings, folder, style.BARS, trim=False, formats=formats, files=files)


def _recorded(prepare: Callable[[], Any]) -> Figure:
    return heat_map(record(Subject.of_prepared(prepare(), 0)))


def heat_map(trace: Recording) -> Figure:
    """Left the entries that each PE walks in the window, right the share of cycles in which it walks one, over time."""
    numbers = range(trace.pes)
    shares, down, across = state_shares(trace, numbers, ROWS, BLOCKS)
    figure = Figure(figsize=(7.2, min(6.0, max(2.2, 0.05 * trace.pes + 1.4))), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1, 4])
    figure.suptitle(
        f"{without_mathtext(trace.subject.name)} on {trace.pes} PEs: entries by PE, and work over time (simulated)",
        x=0.01, ha="left", fontsize=9,
    )  # fmt: skip
    before = np.zeros(trace.pes)
    for state, name in ((REAL, "real entry"), (PADDING, "padding entry")):
        entries = (trace.state == state).sum(axis=1)
        left.barh(numbers, entries, left=before, height=1.0, color=COLOURS[name])
        before = before + entries
    left.set_xlabel("entries (orange: padding)" if (trace.state == PADDING).any() else "entries")
    left.set_ylabel("PE")
    left.xaxis.set_major_formatter(FuncFormatter(_whole))
    left.locator_params(axis="x", nbins=3)
    working = shares[..., REAL] + shares[..., PADDING]
    size, lines = int(across[1] - across[0]), int(down[1] - down[0])
    start = trace.first_cycle - 0.5
    box = (start, start + size * working.shape[1], lines * working.shape[0] - 0.5, -0.5)
    drawn = right.imshow(
        working, aspect="auto", interpolation="nearest", extent=box, cmap="cividis", vmin=0, vmax=1
    )  # fmt: skip
    right.set_xlim(start, trace.end - 0.5)
    right.set_ylim(trace.pes - 0.5, -0.5)
    right.grid(False)
    right.set_xlabel(f"cycle (a cell is {size} cycle{'s' if size > 1 else ''})")
    right.xaxis.set_major_formatter(FuncFormatter(_whole))
    figure.colorbar(drawn, ax=right, pad=0.01, label="cycles that walk an entry", format=PercentFormatter(1.0))
    return figure


def _whole(value: float, _: Any) -> str:
    return f"{value:,.0f}"
