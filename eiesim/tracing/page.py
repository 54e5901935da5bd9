"""The interactive page: one file that needs no network, drawn by Bokeh, whose script stands in it.

Bokeh does axes, linked zoom, panning and events. What it cannot do is a raster of a million cells that shows true
shares at every zoom: `assets/page.js` computes the cells in sight from the packed trace and hands Bokeh an image.
"""

import gzip
import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from eiesim._shown import counted
from eiesim._version import __version__
from eiesim.errors import EieError, plain
from eiesim.tracing.path import path_of
from eiesim.tracing.recording import EMPTY, PADDING, REAL, STARVED, STATES, Recording
from eiesim.tracing.shares import (
    BLOCKERS,
    BUBBLE,
    COLOURS,
    ENDED,
    OTHER_BLOCKER,
    broadcast_lane,
    chosen,
    worst_blockers,
)
from eiesim.view.page import as_script, bokeh_script, filled

LEFT = 58
"""Pixels left of every plot, so that equal cycles stand above each other."""
BAR_ORDER = (REAL, PADDING, EMPTY, STARVED)
FRAME_PX = 900
"""Height of the page's frame in a notebook, until the page says how high it is."""
_NAMES = re.compile(r"(?<=\")p\d+(?=\")|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Of models, `"p1009"`, and of documents and elements."""
FIRST_OF_COLUMN = 4
"""Added to a cell's state where PointerRead begins with a column."""


def page(trace: Recording, pes: Sequence[int] | None = None) -> str:
    """The page as HTML text. pes: the PEs shown; None is all. Raises EieError where Bokeh is not installed."""
    bokeh = bokeh_script("bokeh")
    from bokeh.embed import components

    numbers = chosen(trace, pes)
    plots = _plots(trace, numbers)
    script, places = _renumbered(*components({plot.name: plot for plot in plots}))
    parts = {
        "title": escape(plain(f"{trace.subject.name}: eiesim trace")),
        "heading": escape(plain(_heading(trace, numbers))),
        "bokeh": bokeh,
        "data": as_script(_data(trace, numbers)),
        "plots": script,
        **{f"plot {name}": place for name, place in places.items()},
    }
    return filled("eiesim.tracing", "page.html", parts)


def _renumbered(script: str, places: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Bokeh's output with its names numbered from 1: it draws some at random, and counts others since Python began."""
    names: dict[str, str] = {}

    def renamed(text: str) -> str:
        return _NAMES.sub(lambda found: names.setdefault(found[0], f"bokeh-{len(names) + 1}"), text)

    return renamed(script), {name: renamed(place) for name, place in places.items()}


def in_frame(trace: Recording) -> str:
    """The page in a frame, as a notebook shows it; the static picture where Bokeh is not installed."""
    try:
        return f'<iframe srcdoc="{escape(page(trace))}" style="width:100%;height:{FRAME_PX}px;border:0"></iframe>'
    except EieError:
        from eiesim.tracing.picture import picture
        from eiesim.view.saving import render

        image = render(picture(trace), ("png",))["png"]
        return f'<img src="data:image/png;base64,{b64encode(image).decode()}" style="width:100%" alt="trace">'


def _heading(trace: Recording, numbers: Sequence[int]) -> str:
    shown = (
        f"{counted(trace.pes, 'PE')}"
        if len(numbers) == trace.pes
        else f"{len(numbers):,} of {counted(trace.pes, 'PE')}"
    )
    config = trace.subject.config
    return (
        f"{trace.subject.name} on {shown}{config.variant}, queue depth {config.queue_depth}: "
        f"cycles {trace.first_cycle:,} to {trace.end - 1:,} of {trace.total_cycles:,} (simulated, eiesim {__version__})"
    )


def packed_cells(trace: Recording, numbers: Sequence[int]) -> bytes:
    """Half a byte a cell, PE after PE, the earlier cycle in the low half: the state, and 4 where a column begins."""
    rows = np.asarray(numbers)
    column = trace.column[rows]
    cells = trace.state[rows].copy()
    cells[:, 1:] |= (FIRST_OF_COLUMN * (column[:, 1:] != column[:, :-1]) * (column[:, 1:] >= 0)).astype(np.uint8)
    flat = np.append(cells.reshape(-1), np.zeros(cells.size % 2, np.uint8))
    packed: bytes = (flat[0::2] | flat[1::2] << 4).tobytes()
    return packed


def packed_full(trace: Recording) -> bytes:
    """A bit for each PE, shown or not, in each cycle of the window that holds a broadcast back: its queue is full."""
    full = trace.occupancy[:, broadcast_lane(trace) >= 0] == trace.subject.config.queue_depth
    packed: bytes = np.packbits(full.T, bitorder="little").tobytes()
    return packed


def _packed(data: bytes) -> str:
    return b64encode(gzip.compress(data, 6, mtime=0)).decode()


def _data(trace: Recording, numbers: Sequence[int]) -> dict[str, Any]:
    """Everything that the page knows; what it can work out from this it works out itself."""
    subject, worst = trace.subject, worst_blockers(trace)
    path = path_of(subject)
    held = trace.occupancy[np.asarray(numbers), 0].astype(np.int64)
    sent = int(np.searchsorted(trace.broadcast_cycle, trace.first_cycle))
    return {
        "pes": list(numbers),
        "machinePes": trace.pes,
        "depth": subject.config.queue_depth,
        "firstCycle": trace.first_cycle,
        "cycles": trace.cycles,
        "totalCycles": trace.total_cycles,
        "scanLast": trace.scan_last,
        "states": list(STATES),
        "colours": list(COLOURS.values()),
        "bubble": BUBBLE,
        "ended": ENDED,
        "cells": _packed(packed_cells(trace, numbers)),
        "full": _packed(packed_full(trace)),
        # Columns that each PE had begun by the window's first cycle; the last of them may be the one in PointerRead.
        "begunAtStart": (sent - held).tolist(),
        "broadcast": {
            "cycle": trace.broadcast_cycle.tolist(),
            "column": trace.broadcast_column.tolist(),
            "stall": trace.broadcast_stall.tolist(),
            "blocker": trace.blocker.tolist(),
            "activation": [float(f"{value:.6g}") for value in subject.activations(trace.broadcast_column)],
        },
        "entriesAtStart": _entries_at(trace, numbers, 0),
        "entriesAtEnd": _entries_at(trace, numbers, -1),
        "worst": {"pe": worst, "colours": list(BLOCKERS[: len(worst)]), "other": OTHER_BLOCKER},
        "path": {
            "kind": path.kind.tolist(),
            "pe": path.pe.tolist(),
            "column": path.column.tolist(),
            "first": path.first_cycle.tolist(),
            "cycles": path.length.tolist(),
        },
    }


def _entries_at(trace: Recording, numbers: Sequence[int], cell: int) -> list[int]:
    """Entries of the column in PointerRead at an end of the window, by PE; it may go on outside."""
    pointers, columns = trace.subject.layer.pointers, trace.column[np.asarray(numbers), cell]
    entries = pointers[columns + 1, numbers] - pointers[columns, numbers]
    return [int(n) for n in np.where(columns >= 0, entries, 0)]


def _plots(trace: Recording, numbers: Sequence[int]) -> list[Any]:
    """The four plots, empty; the page's script fills them."""
    from bokeh.models import ColumnDataSource, CustomJS, Range1d
    from bokeh.plotting import figure

    start, end, rows = trace.first_cycle - 0.5, trace.end - 0.5, len(numbers)
    cycles = Range1d(start, end, bounds=(start, end), min_interval=min(8, trace.cycles), name="cycles")
    places = Range1d(rows - 0.5, -0.5, bounds=(-0.5, rows - 0.5), name="places")
    height = int(min(420, max(120, 6 * rows))) + 40
    moved = CustomJS(code="window.eiesimTrace?.moved()")
    cycles.js_on_change("start", moved)
    cycles.js_on_change("end", moved)
    places.js_on_change("start", moved)
    places.js_on_change("end", moved)
    shared: dict[str, Any] = {
        "sizing_mode": "stretch_width", "min_border_left": LEFT, "min_border_right": 8, "toolbar_location": None,
        "output_backend": "canvas",
    }  # fmt: skip
    tools = "pan,wheel_zoom,box_zoom,reset"

    def raster(name: str, height: int, **keywords: Any) -> Any:
        plot = figure(name=name, height=height, x_range=cycles, tools=tools, active_scroll="wheel_zoom",
                      **shared, **keywords)  # fmt: skip
        source = ColumnDataSource(
            {"image": [np.zeros((1, 1), np.uint32)], "x": [start], "y": [-0.5], "dw": [end - start], "dh": [rows]},
            name=f"{name}-image",
        )
        plot.image_rgba("image", "x", "y", "dw", "dh", source=source)
        plot.grid.visible = False
        plot.yaxis.ticker = []
        plot.xaxis.formatter.use_scientific = False
        for event in ("mousemove", "tap"):
            code = f"window.eiesimTrace?.{event}('{name}', cb_obj.x, cb_obj.y)"
            plot.js_on_event(event, CustomJS(code=code))
        return plot

    state = raster("state", height, y_range=places)
    lines = ColumnDataSource({"x0": [], "y0": [], "x1": [], "y1": []}, name="path")
    state.segment("x0", "y0", "x1", "y1", source=lines, line_color="white", line_width=3.5, line_alpha=0.75)
    state.segment("x0", "y0", "x1", "y1", source=lines, line_color="black", line_width=1.4)
    lnzd = raster("lnzd", 62, y_range=Range1d(0.5, -0.5, bounds=(-0.5, 0.5)))
    queue = raster("queue", height, y_range=places)
    picked = ColumnDataSource({"x": [], "y": []}, name="picked")
    for plot in (state, queue):
        plot.scatter("x", "y", source=picked, marker="square", size=11, fill_alpha=0, line_color="white", line_width=4)
        plot.scatter("x", "y", source=picked, marker="square", size=11, fill_alpha=0, line_color="black", line_width=2)
    lnzd.yaxis.visible = False
    bars = figure(
        name="bars", height=height, y_range=places, x_range=Range1d(0, 1, name="bar-range"), tools="", **shared
    )
    names = [f"s{k}" for k in BAR_ORDER]
    counts = ColumnDataSource({"y": [], "stall": [], "stall_y": [], **{name: [] for name in names}}, name="bars-data")
    bars.hbar_stack(names, y="y", height=0.6, color=[list(COLOURS.values())[k] for k in BAR_ORDER], source=counts)
    bars.hbar(y="stall_y", right="stall", height=0.22, color="#D55E00", source=counts)
    bars.grid.visible = False
    bars.yaxis.ticker = []
    bars.xaxis.ticker.desired_num_ticks = 4
    bars.xaxis.formatter.use_scientific = False
    bars.js_on_event("mousemove", CustomJS(code="window.eiesimTrace?.mousemove('bars', cb_obj.x, cb_obj.y)"))
    bars.js_on_event("tap", CustomJS(code="window.eiesimTrace?.tap('bars', cb_obj.x, cb_obj.y)"))
    return [state, bars, lnzd, queue]
