"""The machine's timing from its max-plus recurrences (docs/machine.md, "Timing, exactly"), without stepping cycles.

Cost grows with broadcasts x PEs for the timing and with the kept weights of the broadcast columns for the outputs,
which need no PE order: the layer's own columns, one after the other, give each row its additions in the same order.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eiesim._jit import jit, uncounted
from eiesim.arithmetic import accumulate
from eiesim.counters import PerPe, Run
from eiesim.encoding import NO_LAST_ROW
from eiesim.job import Job
from eiesim.lanes import shared_rows
from eiesim.machine.latency import QUEUE, WRITTEN

FEW = 8


def run(job: Job, rows: npt.NDArray[Any]) -> Run:
    """One input through one layer. rows: [activation rows, pes], of the codebook's dtype."""
    layer = job.layer
    depth = min(job.queue_depth, layer.columns)
    lanes = _lanes(job)
    cycles, scan_last, broadcasts, bubbles, counters = _walk(
        rows, depth, 1.0 / job.entries_per_row, layer.has_padding,
        layer.pointers, layer.first_row, layer.last_row, layer.padding, lanes,
    )  # fmt: skip
    empty, busy_empty, groups, padding, bypasses, row_reads, occupancy = np.array(counters, np.int64)
    entries, busy_padding = groups, padding
    if lanes is not None:
        entries, busy_padding, bypasses = lanes.counted.astype(np.int64)
    pushes = np.full(layer.pes, broadcasts)
    macs = entries - padding
    per_pe = PerPe(
        queue_pushes=pushes,
        queue_pops=pushes,
        max_occupancy=occupancy,
        pointer_reads=pushes,
        empty_columns=empty,
        spmat_row_reads=row_reads,
        entries=entries,
        entry_groups=groups,
        padding_entries=padding,
        macs=macs,
        bypasses=bypasses,
        accumulator_reads=macs,
        accumulator_writes=macs,
        busy_real=groups - busy_padding,
        busy_padding=busy_padding,
        busy_empty=busy_empty,
        starved=cycles - groups - busy_empty,
    )
    sums = None
    if job.outputs:
        one = rows.reshape(-1)[layer.columns - 1]
        inputs = rows.reshape(-1)[: layer.layer.cols]
        sums = accumulate(layer.layer, inputs, one, job.codebook, job.rounding, job.accumulators(), job.draw)
    cycles, scan_last, bubbles = int(cycles), int(scan_last), int(bubbles)
    return Run(cycles, scan_last, broadcasts, bubbles, scan_last - broadcasts - bubbles, per_pe, sums)


class _Lanes(NamedTuple):
    """What several multipliers need besides: see `InterleavedLayer` and `lanes.Groups`.

    counted: int32[3, pes], where entries, groups of padding only and bypasses are counted.
    """

    multipliers: int
    walks: npt.NDArray[np.int32]
    base: npt.NDArray[np.int64]
    code: npt.NDArray[np.uint8]
    z: npt.NDArray[np.uint8]
    padding_groups: npt.NDArray[np.int32]
    counted: npt.NDArray[np.int32]


def _lanes(job: Job) -> _Lanes | None:
    if job.multipliers == 1:
        return None
    layer, groups = job.layer, job.layer.groups(job.multipliers)
    counted = np.zeros((3, layer.pes), np.int32)
    return _Lanes(job.multipliers, groups.pointers, layer.base, layer.code, layer.z, groups.padding, counted)


@jit
def _scan(rows: Any) -> tuple[Any, Any]:
    """What the LNZD sends: columns int[broadcasts], and the bubbles before each and at the end, int[broadcasts + 1]."""
    pes = rows.shape[1]
    columns = np.zeros(rows.size, np.int64)
    gaps = np.zeros(rows.size + 1, np.int32)
    k = 0
    gap = np.int32(0)
    for row in range(len(rows)):
        for place in range(pes):
            sent = rows[row, place] != 0
            columns[k] = row * pes + place
            gaps[k] = gap
            k += sent
            gap = np.int32(0) if sent else gap
        gap += rows[row, pes - 1] == 0
    gaps[k] = gap
    return columns[:k], gaps[: k + 1]


@jit
def _walk(
    rows: Any, depth: int, per_row: float, has_padding: bool,
    pointers: Any, first_row: Any, last_row: Any, padding: Any, lanes: Any,
) -> Any:  # fmt: skip
    """Walk the broadcasts in order. Returns (cycles, scan_last, broadcasts, scan bubbles, counters: int[pes] each).

    lanes: see `_Lanes`; None for one multiplier, whose compiled code then knows no other.
    A ring of rows keeps the cycles in which the last broadcasts' columns begin, `first`; its size is a power
    of two, so that a mask wraps its places.
    """
    columns, gaps = _scan(rows)
    broadcasts = len(columns)
    pes = pointers.shape[1]
    ring_rows = _power_of_two(depth + 1)
    wrap = ring_rows - 1
    ring = np.zeros((ring_rows, pes), np.int32)
    latest_first = np.zeros(ring_rows, np.int32)
    occupancy = np.zeros(pes, np.int32)
    fullest, lowest = 0, 0
    last = np.zeros(pes, np.int32)
    last_real = np.zeros(pes, np.int32)
    row_before = np.full(pes, NO_LAST_ROW, last_row.dtype)
    held = np.full(pes, -1, np.int32)
    empty = np.zeros(pes, np.int32)
    entries = np.zeros(pes, np.int32)
    padded = np.zeros(pes, np.int32)
    bypasses = np.zeros(pes, np.int32)
    row_reads = np.zeros(pes, np.int32)
    walks = pointers if lanes is None else lanes.walks
    b = np.int32(0)
    for k in range(broadcasts):
        if k > 0:
            fullest = _note_waiting(k - 1, b, fullest, lowest, ring, latest_first, occupancy)
            if k % 32 == 0:
                lowest = occupancy.min()
        slot = k & wrap
        b = np.int32(b + 1 + gaps[k])
        if k >= depth:
            b = max(b, latest_first[(k - depth) & wrap])
        j = columns[k]
        earliest = np.int32(b + QUEUE)
        latest = np.int32(0)
        if lanes is not None:
            _count_lanes(columns[k - 1] if k > 0 else -1, j, earliest, last, pointers, last_row, lanes)
        for p in range(pes):
            n = np.int32(walks[j + 1, p] - walks[j, p])
            follow = np.int32(last[p] + np.int32(1))
            first = max(earliest, follow)
            ring[slot, p] = first
            latest = max(latest, first)
            end = np.int32(first + max(n, np.int32(1)) - np.int32(1))
            last[p] = end
            last_real[p] = end if n > 0 else last_real[p]
            empty[p] += np.int32(n == 0)
            entries[p] += n
            bypasses[p] += np.int32((first == follow) & (first_row[j, p] == row_before[p]))
            row_before[p] = last_row[j, p]
        for p in range(pes):
            # Half an entry more keeps the quotient clear of whole numbers, where rounding could err.
            start = np.int32((pointers[j, p] + 0.5) * per_row)
            end = np.int32((pointers[j + 1, p] - 0.5) * per_row)
            any_read = pointers[j + 1, p] > pointers[j, p]
            row_reads[p] += (end - start + (start != held[p])) * any_read
            held[p] = end if any_read else held[p]
        if has_padding:
            for p in range(pes):
                padded[p] += padding[j, p]
        latest_first[slot] = latest
    scan_last = b + gaps[broadcasts]
    cycles = scan_last
    for p in range(pes):
        if last_real[p] > 0:
            cycles = max(cycles, last_real[p] + WRITTEN)
    # States count up to `cycles` only: what is still queued or walked then are empty columns.
    if broadcasts > 0 and b < cycles:
        _note_waiting(broadcasts - 1, b, fullest, lowest, ring, latest_first, occupancy)
    busy_empty = empty.copy()
    for late in range(max(broadcasts - depth, 0), broadcasts):
        j = columns[late]
        for p in range(pes):
            is_empty = walks[j, p] == walks[j + 1, p]
            busy_empty[p] -= is_empty & (ring[late & wrap, p] > cycles)
    counters = (empty, busy_empty, entries, padded, bypasses, row_reads, occupancy)
    return cycles, scan_last, broadcasts, gaps.sum(), counters


@jit
def _count_lanes(
    before: int, j: int, earliest: int, last: Any, pointers: Any, last_row: Any, lanes: Any
) -> None:
    """Count a column's entries, groups of padding only, and bypasses, by PE.

    before: the column sent before it, -1 for none. last: the cycle in which each PE has walked that.
    """
    for p in range(len(last)):
        n = pointers[j + 1, p] - pointers[j, p]
        lanes.counted[0, p] += n
        lanes.counted[1, p] += lanes.padding_groups[j, p]
        if before >= 0 and n > 0 and last[p] + 1 >= earliest and pointers[before + 1, p] > pointers[before, p]:
            lanes.counted[2, p] += shared_rows(
                p, before, j, lanes.multipliers, pointers, lanes.base, lanes.code, lanes.z, last_row
            )


@jit
def _power_of_two(least: int) -> int:
    power = 1
    while power < least:
        power *= 2
    return power


@uncounted
def _note_waiting(k: int, b: int, fullest: int, lowest: int, ring: Any, latest_first: Any, occupancy: Any) -> int:
    """Note how many columns wait in each queue when broadcast k, of cycle b, has just come in.

    At least n columns wait if the n-th latest has not begun by cycle b + 1. Returns how many wait in the fullest queue:
    at most one more than `fullest`, those of the broadcast before. No occupancy noted so far is below `lowest`, so only
    the n above it have to be tried. Where these are many, each PE tries only the one above its own, since an occupancy
    grows by one at most.
    """
    wrap = len(ring) - 1
    now = np.int32(b + QUEUE - 1)
    fullest += 1
    while fullest > 0 and latest_first[(k - fullest + 1) & wrap] <= now:
        fullest -= 1
    if fullest - lowest <= FEW:
        for n in range(lowest + 1, fullest + 1):
            row = (k - n + 1) & wrap
            waiting = np.int32(n)
            for p in range(len(occupancy)):
                occupancy[p] = max(occupancy[p], waiting if ring[row, p] > now else np.int32(0))
    else:
        for p in range(len(occupancy)):
            more = occupancy[p] + 1
            occupancy[p] += more <= fullest and ring[(k - more + 1) & wrap, p] > now
    return fullest
