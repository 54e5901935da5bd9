"""The trace as a still picture: PE states over cycles, the LNZD's lane, queue occupancy, the critical path over it."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from eiesim._shown import counted
from eiesim.tracing.path import KINDS, SCAN, CriticalPath, path_of
from eiesim.tracing.recording import STATES, Recording
from eiesim.tracing.shares import (
    BLOCKERS,
    BROADCAST,
    BUBBLE,
    COLOURS,
    ENDED,
    FINDS_NONE,
    HAS_ENDED,
    IN_GREY,
    OTHER_BLOCKER,
    SENDS,
    blend,
    broadcast_lane,
    chosen,
    edges_of_cells,
    means,
    stack,
    state_shares,
    worst_blockers,
)  # fmt: skip
from eiesim.view.palette import BLACK
from eiesim.view.panels import Cells, Panel, Picture, Scale, Series
from eiesim.view.paper import SCREEN, in_style
from eiesim.view.words import Words

COLUMNS = 1600
"""Blocks of cycles beside one another, at most: fewer than a picture's pixels, so that none is left out."""

LINES_PER_IN, MOST_STACKED = 150, 24
"""Cycles one over another, at most, in an inch of the picture and in a line of the LNZD: fewer than pixels, too."""

MOST_NUMBERS = 16
"""PEs, at most, whose numbers stand at the axis."""


def picture(trace: Recording, pes: Sequence[int] | None = None, style: str = SCREEN) -> Picture:
    """The trace as panels. pes: the PEs shown; None is all. style: one of `view.paper`'s."""
    colours = COLOURS if style == SCREEN else IN_GREY
    numbers = chosen(trace, pes)
    height = min(7.0, max(1.4, 0.06 * len(numbers) + 1.0))
    size = -(-trace.cycles // COLUMNS)
    stacked = size <= min(MOST_STACKED, height * LINES_PER_IN / len(numbers))
    across = Scale(Words("cycle"), trace.first_cycle - 0.5, trace.end - 0.5, form=",.0f")
    every = range(0, len(numbers), -(-len(numbers) // MOST_NUMBERS))
    down = Scale(
        Words("PE"), len(numbers) - 0.5, -0.5, ticks=tuple((float(k), str(numbers[k])) for k in every), named=True
    )
    above = Scale(Words(""), across.start, across.end, form=across.form)
    made = Picture(
        f"{trace.subject.name} on {counted(trace.pes, 'PE')}: "
        f"cycles {trace.first_cycle:,} to {trace.end - 1:,} of {trace.total_cycles:,} (simulated)",
        (
            _states(trace, numbers, above, down, stacked, colours),
            _lnzd(trace, above, stacked),
            _occupancy(trace, numbers, across, down),
        ),
        (9.6, 2 * height + 1.9),
        across=1,
        heights=(height, 0.35, height),
        shared="x",
    )
    return in_style(made, style)


def _states(
    trace: Recording, numbers: Sequence[int], across: Scale, down: Scale, stacked: bool, colours: Mapping[str, str]
) -> Panel:
    state = trace.state[np.asarray(numbers)]
    shares, _, blocks = state_shares(trace, numbers, len(numbers), COLUMNS)
    own = list(colours.values())
    size = int(blocks[1] - blocks[0])
    cells = Cells(
        stack(state, size, own) if stacked else blend(shares, own),
        edges_of_cells(blocks, trace.first_cycle - 0.5),
        (-0.5, len(numbers) - 0.5),
        key=(*((name, colours[name]) for k, name in enumerate(STATES) if (state == k).any()), ("critical path", BLACK)),
    )
    path = _path(path_of(trace.subject), numbers)
    return Panel(across, down, (path,), f"what PointerRead does{_of_cells(size, stacked)}", cells)


def _of_cells(size: int, stacked: bool) -> str:
    if size == 1:
        return ""
    return f", {size} cycles one over another" if stacked else f"; a cell mixes the colours of {size} cycles"


def _path(path: CriticalPath, numbers: Sequence[int]) -> Series:
    """Walks and pipeline cycles on their PE's line, and the steps from one PE to the next; nan where it breaks off."""
    place = {p: k for k, p in enumerate(numbers)}
    points: list[tuple[float, float]] = []
    for part in path.segments:
        if part.kind == KINDS[SCAN] or part.pe not in place:
            continue
        y, left = float(place[part.pe]), part.first_cycle - 0.5
        if points and points[-1][1] == y:
            points.append((math.nan, y))
        points += [(left, y), (left + part.cycles, y)]
    return Series(
        "critical path", "line", tuple(x for x, _ in points), tuple(y for _, y in points), (BLACK,)
    )  # fmt: skip


def _lnzd(trace: Recording, across: Scale, stacked: bool) -> Panel:
    lane, worst = broadcast_lane(trace), worst_blockers(trace)
    known = np.isin(lane, worst)
    none = {"scan bubble": (FINDS_NONE, BUBBLE), "scan has ended": (HAS_ENDED, ENDED)}
    masks = [lane == SENDS, *(lane == what for what, _ in none.values()), *(lane == p for p in worst)]
    masks.append((lane >= 0) & ~known)
    does = np.array(masks)
    shares, blocks = means(does, COLUMNS)
    colours = [BROADCAST, BUBBLE, ENDED, *BLOCKERS[: len(worst)], OTHER_BLOCKER]
    caused = trace.stall_caused
    key = [(name, colour) for name, (what, colour) in none.items() if (lane == what).any()]
    key += [(f"PE {p}: {caused[p]:,}", colour) for p, colour in zip(worst, BLOCKERS, strict=False)]
    rest = int(caused.sum() - caused[worst].sum())
    if rest:
        key.append((f"others: {rest:,}", OTHER_BLOCKER))
    size = int(blocks[1] - blocks[0])
    cells = Cells(
        stack(does.argmax(axis=0)[None], size, colours) if stacked else blend(shares.T, colours)[None],
        edges_of_cells(blocks, trace.first_cycle - 0.5),
        (-0.5, 0.5),
        key=tuple(key),
    )
    title = "LNZD: broadcasts (white), or the PE whose full queue holds one back, with its stall cycles in the run"
    return Panel(across, Scale(Words(""), 0.5, -0.5, ticks=((0, "LNZD"),), named=True), title=title, cells=cells)


def _occupancy(trace: Recording, numbers: Sequence[int], across: Scale, down: Scale) -> Panel:
    held, blocks = means(trace.occupancy[np.asarray(numbers)], COLUMNS)
    cells = Cells(
        held,
        edges_of_cells(blocks, trace.first_cycle - 0.5),
        (-0.5, len(numbers) - 0.5),
        Scale(Words("columns"), 0, max(1, int(trace.occupancy.max()))),
    )
    return Panel(across, down, title="columns waiting in the activation queue, mean of each cell", cells=cells)
