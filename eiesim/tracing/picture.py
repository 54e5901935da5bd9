"""The trace as a static picture: PE states over cycles, the LNZD's lane, queue occupancy, the critical path over it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from eiesim.tracing.path import KINDS, SCAN, CriticalPath, path_of
from eiesim.tracing.recording import STATES, Recording
from eiesim.tracing.shares import (
    BLOCKERS,
    BROADCAST,
    COLOURS,
    OTHER_BLOCKER,
    blend,
    broadcast_lane,
    chosen,
    means,
    state_shares,
    worst_blockers,
)  # fmt: skip
from eiesim.view.style import FILES
from eiesim.view.text import without_mathtext

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PIXELS = 1600
STYLE: Any = {**FILES, "font.size": 9, "axes.titlesize": 9}
QUIET = "#F4F4F4"
"""The LNZD's cycles after its last broadcast, and bubbles."""


def picture(trace: Recording, pes: Sequence[int] | None = None) -> Figure:
    """A matplotlib figure. pes: the PEs shown; None is all."""
    numbers = chosen(trace, pes)
    height = min(7.0, max(1.4, 0.06 * len(numbers) + 1.0))
    with rc_context(STYLE):
        figure = Figure(figsize=(11, 2 * height + 1.9), layout="constrained")
        axes = figure.subplots(3, 1, sharex=True, height_ratios=[height, 0.35, height])
        figure.suptitle(
            f"{without_mathtext(trace.subject.name)} on {trace.pes} PEs: "
            f"cycles {trace.first_cycle:,} to {trace.end - 1:,} of {trace.total_cycles:,} (simulated)",
            x=0.01, ha="left", fontsize=11, fontweight="bold",
        )  # fmt: skip
        span = (trace.first_cycle - 0.5, trace.end - 0.5)
        _states(figure, axes[0], trace, numbers)
        _path(axes[0], path_of(trace.subject), numbers)
        _lnzd(axes[1], trace)
        _occupancy(figure, axes[2], trace, numbers)
        axes[0].set_xlim(span)
        axes[2].set_xlabel("cycle")
        axes[2].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    return figure


def _image(axes: "Axes", cells: np.ndarray, across: np.ndarray, start: int, rows: int, **keywords: Any) -> Any:
    """Cells [rows, blocks] of equal width, but for the last, drawn where they stand in time."""
    size = int(across[1] - across[0])
    right = start - 0.5 + size * cells.shape[1]
    box = (start - 0.5, right, rows - 0.5, -0.5)
    return axes.imshow(cells, aspect="auto", interpolation="nearest", extent=box, **keywords)


def _pe_axis(axes: "Axes", numbers: Sequence[int]) -> None:
    axes.set_ylabel("PE")
    places = range(0, len(numbers), max(1, -(-len(numbers) // 16)))
    axes.set_yticks(list(places), [str(numbers[place]) for place in places])
    axes.set_ylim(len(numbers) - 0.5, -0.5)


def _states(figure: Figure, axes: "Axes", trace: Recording, numbers: Sequence[int]) -> None:
    shares, _, across = state_shares(trace, numbers, len(numbers), PIXELS)
    _image(axes, blend(shares, list(COLOURS.values())), across, trace.first_cycle, len(numbers))
    _pe_axis(axes, numbers)
    size = int(across[1] - across[0])
    mixed = "" if size == 1 else f"; a cell is {size} cycles, its colour mixed by their shares"
    axes.set_title(f"what PointerRead does{mixed}", loc="left")
    seen = [name for k, name in enumerate(STATES) if (trace.state[np.asarray(numbers)] == k).any()]
    handles: list[Any] = [Patch(facecolor=COLOURS[name], edgecolor="#999999", label=name) for name in seen]
    handles.append(Patch(facecolor="black", label="critical path"))
    figure.legend(handles=handles, loc="upper right", ncols=len(handles), frameon=False, borderaxespad=0.2)


def _path(axes: "Axes", path: CriticalPath, numbers: Sequence[int]) -> None:
    """Walks and pipeline cycles on their PE's line, and the steps from one PE to the next."""
    place = {p: k for k, p in enumerate(numbers)}
    lines, before = [], None
    for part in path.segments:
        if part.kind == KINDS[SCAN] or part.pe not in place:
            continue
        y, left = place[part.pe], part.first_cycle - 0.5
        if before is not None and before[1] != y:
            lines.append([before, (left, y)])
        lines.append([(left, y), (left + part.cycles, y)])
        before = (left + part.cycles, y)
    axes.add_collection(LineCollection(lines, colors="black", linewidths=1.0), autolim=False)


def _lnzd(axes: "Axes", trace: Recording) -> None:
    lane, worst = broadcast_lane(trace), worst_blockers(trace)
    known = np.isin(lane, worst)
    masks = [lane == -2, lane == -1, *(lane == p for p in worst), (lane >= 0) & ~known]
    shares, across = means(np.array(masks), PIXELS)
    colours = [QUIET, BROADCAST, *BLOCKERS[: len(worst)], OTHER_BLOCKER]
    _image(axes, blend(shares.T, colours)[None], across, trace.first_cycle, 1)
    axes.set_yticks([0], ["LNZD"])
    caused = trace.stall_caused
    labels = [f"PE {p}: {caused[p]:,}" for p in worst]
    handles = [Patch(facecolor=colour, label=label) for colour, label in zip(BLOCKERS, labels, strict=False)]
    rest = int(caused.sum() - caused[worst].sum())
    if rest:
        handles.append(Patch(facecolor=OTHER_BLOCKER, label=f"others: {rest:,}"))
    axes.set_title(
        "LNZD: broadcasts (white), or the PE whose full queue holds one back, with its stall cycles in the whole run",
        loc="left",
    )
    if handles:
        axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, -0.1), ncols=7, frameon=False, borderpad=0)


def _occupancy(figure: Figure, axes: "Axes", trace: Recording, numbers: Sequence[int]) -> None:
    held, across = means(trace.occupancy[np.asarray(numbers)], PIXELS)
    most = max(1, int(trace.occupancy.max()))
    drawn = _image(axes, held, across, trace.first_cycle, len(numbers), cmap="cividis", vmin=0, vmax=most)
    _pe_axis(axes, numbers)
    axes.set_title("columns waiting in the activation queue, mean of each cell", loc="left")
    figure.colorbar(drawn, ax=axes, pad=0.01, fraction=0.025)
