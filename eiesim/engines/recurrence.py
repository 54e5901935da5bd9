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
"""Up to so many occupancies are tried one after the other for all PEs; see `_note_waiting`."""


def run(job: Job, activation_rows: npt.NDArray[Any]) -> Run:
    """One input through one layer. activation_rows: [activation rows, pes], of the codebook's dtype."""
    layer = job.layer
    depth = min(job.queue_depth, layer.columns)
    lanes = _lanes(job)
    columns, gaps = scan(activation_rows)
    broadcasts, bubbles = len(columns), int(gaps.sum())
    counters = np.zeros((7, layer.pes), np.int32)
    ring_rows = 1 << depth.bit_length()  # a power of two, more than `depth`
    ring, latest_first = np.zeros((ring_rows, layer.pes), np.int32), np.zeros(ring_rows, np.int32)
    last, last_real = np.zeros((2, layer.pes), np.int32)
    held, row_before = np.full(layer.pes, -1, np.int32), np.full(layer.pes, NO_LAST_ROW, layer.last_row.dtype)
    cycles, scan_last = _walk(
        columns, gaps, depth, 1.0 / job.entries_per_row, layer.has_padding,
        layer.pointers, layer.first_row, layer.last_row, layer.padding, lanes,
        ring, latest_first, last, last_real, held, row_before, *counters,
    )  # fmt: skip
    empty, busy_empty, groups, padding, bypasses, row_reads, occupancy = counters.astype(np.int64)
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
        one = activation_rows.reshape(-1)[layer.columns - 1]
        inputs = activation_rows.reshape(-1)[: layer.layer.cols]
        sums = accumulate(layer.layer, inputs, one, job.codebook, job.rounding, job.accumulators(), job.draw)
    cycles, scan_last = int(cycles), int(scan_last)
    return Run(cycles, scan_last, broadcasts, bubbles, scan_last - broadcasts - bubbles, per_pe, sums)


class _Lanes(NamedTuple):
    """What `_walk` needs in addition where a PE has several multipliers.

    walks: int32[columns + 1, pes], `lanes.Groups.pointers`: column j takes PE p walks[j + 1, p] - walks[j, p] cycles.
    base, code, z: as in `InterleavedLayer`.
    padding_groups: int32[columns, pes], `lanes.Groups.padding`: groups of padding only.
    counted: int32[3, pes], counters: entries, groups of padding only, bypasses.
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


def scan(activation_rows: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """What the LNZD sends, from activation_rows, [activation rows, pes].

    Returns columns, int64[broadcasts]: the column of each broadcast, and gaps, int32[broadcasts + 1]: scan bubbles
    before each broadcast, and in gaps[-1] those after the last.
    """
    columns, gaps = np.empty(activation_rows.size, np.int64), np.empty(activation_rows.size + 1, np.int32)
    broadcasts = _scan(activation_rows != 0, columns, gaps)
    return columns[:broadcasts], gaps[: broadcasts + 1]


@uncounted
def _scan(sent: Any, columns: Any, gaps: Any) -> int:
    pes = sent.shape[1]
    k = 0
    gap = np.int32(0)
    for row in range(len(sent)):
        for place in range(pes):
            columns[k] = row * pes + place
            gaps[k] = gap
            k += sent[row, place]
            gap = np.int32(0) if sent[row, place] else gap
        gap += np.int32(not sent[row, pes - 1])
    gaps[k] = gap
    return k


@uncounted
def _walk(
    columns: Any, gaps: Any, depth: int, per_row: float, has_padding: bool,
    pointers: Any, first_row: Any, last_row: Any, padding: Any, lanes: Any,
    ring: Any, latest_first: Any, last: Any, last_real: Any, held: Any, row_before: Any,
    empty: Any, busy_empty: Any, entries: Any, padded: Any, bypasses: Any, row_reads: Any, occupancy: Any,
) -> Any:  # fmt: skip
    """Walk the broadcasts in order and fill the counters (docs/machine.md, "Timing, exactly").

    All arrays are allocated by the caller: what numpy does within compiled code has to be compiled too.

    Parameters
    ----------
    columns : int64[broadcasts]
        The column of each broadcast, see `scan`.
    gaps : int32[broadcasts + 1]
        Scan bubbles before each broadcast, and after the last; see `scan`.
    depth : int
        Usable places of a queue, at most the layer's columns.
    per_row : float
        1 / entries in an SRAM row.
    has_padding : bool
        Whether `padding` holds anything but 0.
    pointers : int32[columns + 1, pes]
        Column j of PE p is its entries pointers[j, p] to pointers[j + 1, p].
    first_row : int16 or int32[columns, pes]
        The PE's row of a column's first entry, NO_FIRST_ROW for padding or an empty column.
    last_row : int16 or int32[columns, pes]
        The PE's row of a column's last entry, NO_LAST_ROW for an empty column.
    padding : int32[columns, pes]
        Padding entries of each column.
    lanes : _Lanes or None
        None for one multiplier; the code compiled for it then leaves the rest out.
    ring : int32[ring rows, pes], all 0
        Work space. Row k modulo `ring rows` holds the cycle in which each PE begins the column of broadcast k, for the
        latest broadcasts. `ring rows` is a power of two, more than `depth`, so that a bit mask takes the modulo.
    latest_first : int32[ring rows], all 0
        Work space: the largest value of each row of `ring`.
    last : int32[pes], all 0
        Work space: the last cycle of the PE's latest column.
    last_real : int32[pes], all 0
        Work space: the last cycle of the PE's latest column that has entries; 0 if there was none.
    held : int32[pes], all -1
        Work space: the SRAM row that the PE holds.
    row_before : like last_row, [pes], all NO_LAST_ROW
        Work space: the PE's row of the last entry of its latest column.
    empty : int32[pes], all 0
        Counter: empty columns, until the machine is drained.
    busy_empty : int32[pes], all 0
        Counter: cycles with an empty column in PointerRead, up to `cycles`.
    entries : int32[pes], all 0
        Counter: groups of entries; with one multiplier these are the entries.
    padded : int32[pes], all 0
        Counter: padding entries.
    bypasses : int32[pes], all 0
        Counter: bypasses with one multiplier; with several, see `_Lanes.counted`.
    row_reads : int32[pes], all 0
        Counter: SRAM rows read.
    occupancy : int32[pes], all 0
        Counter: most columns that waited in the queue at the start of a cycle.

    Returns
    -------
    cycles, scan_last : int
        As in `counters.Run`.
    """
    broadcasts = len(columns)
    pes = pointers.shape[1]
    wrap = len(ring) - 1
    fullest, lowest = np.int64(0), np.int64(0)
    walks = pointers if lanes is None else lanes.walks
    b = np.int32(0)
    for k in range(broadcasts):
        if k > 0:
            fullest = _note_waiting(k - 1, b, fullest, lowest, ring, latest_first, occupancy)
            if k % 32 == 0:
                lowest = _least(occupancy)
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
    for p in range(pes):
        busy_empty[p] = empty[p]
    for late in range(max(broadcasts - depth, 0), broadcasts):
        j = columns[late]
        for p in range(pes):
            is_empty = walks[j, p] == walks[j + 1, p]
            busy_empty[p] -= is_empty & (ring[late & wrap, p] > cycles)
    return cycles, scan_last


@jit
def _count_lanes(before: int, j: int, earliest: int, last: Any, pointers: Any, last_row: Any, lanes: Any) -> None:
    """Count a column's entries, groups of padding only, and bypasses, by PE.

    before: the column broadcast before column j, -1 for none. last: int32[pes], the cycle in which each PE is through
    with it. earliest: the first cycle in which column j can be in PointerRead.
    """
    for p in range(len(last)):
        n = pointers[j + 1, p] - pointers[j, p]
        lanes.counted[0, p] += n
        lanes.counted[1, p] += lanes.padding_groups[j, p]
        if before >= 0 and n > 0 and last[p] + 1 >= earliest and pointers[before + 1, p] > pointers[before, p]:
            lanes.counted[2, p] += shared_rows(
                p, before, j, lanes.multipliers, pointers, lanes.base, lanes.code, lanes.z, last_row
            )


@uncounted
def _least(occupancy: Any) -> Any:
    least = np.int64(occupancy[0])
    for p in range(len(occupancy)):
        least = min(least, np.int64(occupancy[p]))
    return least


@uncounted
def _note_waiting(k: int, b: int, fullest: int, lowest: int, ring: Any, latest_first: Any, occupancy: Any) -> int:
    """Note each queue's occupancy in cycle b + 1, after broadcast k in cycle b, if it is the queue's largest so far.

    Queue p holds at least n columns if its n-th latest starts after b + 1, that is ring[(k - n + 1) & wrap, p] > b + 1.
    fullest: columns in the fullest queue after broadcast k - 1; after broadcast k it holds at most one more.
    lowest: no value of `occupancy` is below it, so that only larger n have to be tried.
    Up to `FEW` values of n are tried for all PEs. If there are more, each PE tries only its own occupancy plus one,
    since a broadcast adds one column at most.
    Returns the columns in the fullest queue after broadcast k.
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
