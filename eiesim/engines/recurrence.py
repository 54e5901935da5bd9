"""The machine's timing from its max-plus recurrences (docs/machine.md, "Timing, exactly"), without stepping cycles.

Cost grows with broadcasts x PEs for the timing and with the kept weights of the broadcast columns for the outputs,
which need no PE order: the layer's own columns, one after the other, give each row its additions in the same order.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eiesim._jit import jit, uncounted
from eiesim.arithmetic import accumulate, finish, magnitudes
from eiesim.counters import PerPe, Run
from eiesim.job import Job
from eiesim.lanes import shared_rows
from eiesim.machine.latency import QUEUE, WRITTEN

STEP = 8
"""Broadcasts that are looked at together, where what they do to a counter does not depend on their order."""

FEW = 8
"""Up to so many occupancies are tried one after the other for all PEs; see `_note_waiting`."""


def run(job: Job, activation_rows: npt.NDArray[Any]) -> Run:
    """One input through one layer. activation_rows: [activation rows, pes], of the codebook's dtype."""
    return ran(job, activation_rows).counted()


class Ran(NamedTuple):
    """One input's timing and sums; its counters are counted when they are asked for.

    columns, gaps: see `scan`. walked: int32[len(COUNTED), pes], what `walk` wrote; None where it only timed.
    """

    job: Job
    columns: npt.NDArray[np.int64]
    gaps: npt.NDArray[np.int32]
    walked: npt.NDArray[np.int32] | None
    cycles: int
    scan_last: int
    sums: npt.NDArray[Any] | None

    def counted(self) -> Run:
        """The whole run. Two threads may ask at once."""
        tables, lanes = of_layer(self.job)
        if self.walked is None:
            counted = no_counts(self.job)
            walk(tables, lanes, self.columns, self.gaps, work_space(self.job), counted)
        else:
            counted = self.walked.copy()
        count(tables, lanes, self.columns, counted)
        every = self.job.layer.of_all_pes(counted)
        broadcasts, bubbles = len(self.columns), int(np.add.reduce(self.gaps))
        per_pe = PerPe(**derived(every.astype(np.int64), np.full(every.shape[1], broadcasts), self.cycles))
        stalls = self.scan_last - broadcasts - bubbles
        return Run(self.cycles, self.scan_last, broadcasts, bubbles, stalls, per_pe, self.sums)


def ran(job: Job, activation_rows: npt.NDArray[Any], only_times: bool = False) -> Ran:
    """As `run`. For the timing alone, activation_rows may also say which are not 0, bool[activation rows, pes].

    only_times: leave all counting to when counters are asked for; it then takes another walk.
    """
    layer = job.layer
    columns, gaps = scan(activation_rows)
    walked = None if only_times else no_counts(job)
    cycles, scan_last = walk(*of_layer(job), columns, gaps, work_space(job), walked)
    sums = None
    if job.outputs:
        one = activation_rows.reshape(-1)[layer.columns - 1]
        inputs = activation_rows.reshape(-1)[: layer.layer.cols]
        sums = accumulate(layer.layer, inputs, one, job.codebook, job.rounding, job.accumulators(), job.draw, job.adder)
        if job.adder is not None and job.adder.rest is not None:
            finish(sums, job.adder, -magnitudes(inputs[None])[0], job.rounding, job.draw)
    return Ran(job, columns, gaps, walked, int(cycles), int(scan_last), sums)


def no_counts(job: Job) -> npt.NDArray[np.int32]:
    """What `walk` is given to count into, all 0: int32[len(COUNTED), pes]."""
    return np.zeros((len(COUNTED), job.layer.kept.pes), np.int32)


COUNTED = (
    "entries", "groups", "padding", "busy_padding", "empty", "busy_empty", "row_reads", "bypasses", "occupancy",
)  # fmt: skip
"""What `time` counts by PE, in the order of its rows. groups: of entries, one a cycle; with one multiplier these are
the entries. busy_padding: groups of padding only. occupancy: most columns that waited in the queue at the start of a
cycle. empty: until the machine is drained; busy_empty: cycles with an empty column in PointerRead, up to `cycles`."""

ENTRIES, GROUPS, PADDING, BUSY_PADDING, EMPTY, BUSY_EMPTY, ROW_READS, BYPASSES, OCCUPANCY = range(len(COUNTED))


def count(tables: "Tables", lanes: "Lanes | None", columns: Any, counted: Any) -> None:
    """Count what the queues have no part in, kernel by kernel: compiled into one they take twice as long to compile.

    counted: as `walk` left it; completed.
    """
    add_up(columns, tables.counts, MANY, counted[ENTRIES])
    add_up(columns, tables.walks, ONE, counted[EMPTY])
    if tables.has_padding:
        add_up(columns, tables.padding, MANY, counted[PADDING])
    if lanes is not None:
        add_up(columns, tables.walks, MANY, counted[GROUPS])
        if tables.has_padding:
            add_up(columns, lanes.padding, MANY, counted[BUSY_PADDING])
    held = np.empty(counted.shape[1], np.int32)
    if tables.most_entries <= IN_FLOAT32:
        read_few_rows(columns, tables.pointers, tables.counts, tables.per_row, held, counted[ROW_READS])
    else:
        read_rows(columns, tables.pointers, tables.per_row, held, counted[ROW_READS])
    complete(lanes is not None, len(columns), counted)


def complete(several: bool, broadcasts: Any, counted: npt.NDArray[np.int32]) -> None:
    """Put the counters right that follow from others. counted: int32[len(COUNTED), ...], as `time` left it.

    several: whether a PE has several multipliers; with one, groups are entries.
    """
    np.subtract(broadcasts, counted[EMPTY], out=counted[EMPTY], casting="unsafe")
    counted[BUSY_EMPTY] += counted[EMPTY]
    if not several:
        counted[GROUPS], counted[BUSY_PADDING] = counted[ENTRIES], counted[PADDING]


def derived(counted: Iterable[Any], pushes: Any, cycles: Any) -> dict[str, Any]:
    """The counters of `PerPe` from those that `time` counts, in the order of COUNTED.

    All may be by PE, or added up over PEs, or over inputs; but the largest occupancy is then no sum.
    """
    entries, groups, padding, busy_padding, empty, busy_empty, row_reads, bypasses, occupancy = counted
    macs = entries - padding
    return {
        "queue_pushes": pushes,
        "queue_pops": pushes,
        "max_occupancy": occupancy,
        "pointer_reads": pushes,
        "empty_columns": empty,
        "spmat_row_reads": row_reads,
        "entries": entries,
        "entry_groups": groups,
        "padding_entries": padding,
        "macs": macs,
        "bypasses": bypasses,
        "accumulator_reads": macs,
        "accumulator_writes": macs,
        "busy_real": groups - busy_padding,
        "busy_padding": busy_padding,
        "busy_empty": busy_empty,
        "starved": cycles - groups - busy_empty,
    }


class Tables(NamedTuple):
    """What the timing needs of a layer on a machine, all by column and PE (see `InterleavedLayer`).

    depth: usable places of a queue, at most the layer's columns. per_row: 1 / entries in an SRAM row.
    walks: int8, 16 or 32[columns, pes], cycles that a column takes, 0 for an empty one: its entries or groups of them.
    counts, padding, first_row, last_row: of that dtype. pointers: int32[columns + 1, pes].
    has_padding: whether `padding` holds anything but 0. most_entries: of a PE.
    """

    depth: int
    per_row: float
    has_padding: bool
    most_entries: int
    walks: npt.NDArray[Any]
    counts: npt.NDArray[Any]
    padding: npt.NDArray[Any]
    first_row: npt.NDArray[Any]
    last_row: npt.NDArray[Any]
    pointers: npt.NDArray[np.int32]


class Lanes(NamedTuple):
    """What is needed in addition where a PE has several multipliers.

    padding: [columns, pes], groups of padding only, of the dtype of `Tables.counts`.
    base, code, z: as in `InterleavedLayer`.
    """

    multipliers: int
    padding: npt.NDArray[Any]
    base: npt.NDArray[np.int64]
    code: npt.NDArray[np.uint8]
    z: npt.NDArray[np.uint8]


class Work(NamedTuple):
    """Arrays that `time` works in, whatever they hold: what numpy does within compiled code has to be compiled too.

    ring: int32[ring rows, pes]. Row k modulo `ring rows` holds the cycle in which each PE begins the column of
    broadcast k, for the latest broadcasts. `ring rows` is a power of two, at least depth + 2 STEP, so that a bit mask
    takes the modulo.
    latest: int32[ring rows], the largest value of each row of `ring`. sent: int32[ring rows], the broadcasts' cycles.
    free: int32[pes], the first cycle in which the PE can begin another column.
    held: int32[pes], the SRAM row that the PE holds.
    """

    ring: npt.NDArray[np.int32]
    latest: npt.NDArray[np.int32]
    sent: npt.NDArray[np.int32]
    free: npt.NDArray[np.int32]
    held: npt.NDArray[np.int32]


def of_layer(job: Job) -> tuple[Tables, Lanes | None]:
    """The first arguments of `time`. PEs that own no rows are timed as one; see `InterleavedLayer.kept`."""
    layer, lanes = job.layer.kept, None
    walks, tables = layer.tables.counts, layer.tables
    if job.multipliers > 1:
        groups = layer.groups(job.multipliers)
        walks = groups.counts
        lanes = Lanes(job.multipliers, groups.padding, layer.base, layer.code, layer.z)
    return Tables(
        min(job.queue_depth, layer.columns), 1.0 / job.entries_per_row, layer.has_padding,
        layer.most_entries, walks, tables.counts, tables.padding, tables.first_row, tables.last_row, tables.pointers,
    ), lanes  # fmt: skip


def work_space(job: Job) -> Work:
    """Arrays for `time`, to be used for one input after another."""
    pes = job.layer.kept.pes
    ring_rows = 1 << (min(job.queue_depth, job.layer.columns) + 2 * STEP - 1).bit_length()
    ring = np.empty((ring_rows, pes), np.int32)
    latest, sent = np.empty(ring_rows, np.int32), np.empty(ring_rows, np.int32)
    free, held = np.empty(pes, np.int32), np.empty(pes, np.int32)
    return Work(ring, latest, sent, free, held)


def scan(activation_rows: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """What the LNZD sends, from activation_rows, [activation rows, pes].

    Returns columns, int64[broadcasts]: the column of each broadcast, and gaps, int32[broadcasts + 1]: scan bubbles
    before each broadcast, and in gaps[-1] those after the last.
    """
    columns, gaps = np.empty(activation_rows.size, np.int64), np.empty(activation_rows.size + 1, np.int32)
    sent = activation_rows if activation_rows.dtype == np.bool_ else activation_rows != 0
    broadcasts = _scan(sent, columns, gaps)
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
def time(tables: Any, lanes: Any, columns: Any, gaps: Any, work: Any, counted: Any) -> Any:
    """Go through the broadcasts of one input (docs/machine.md, "Timing, exactly"), and count.

    Each loop below takes few arrays, so that LLVM turns it into vector instructions (docs/speed.md).

    Parameters
    ----------
    tables : Tables
        Of the layer, see `of_layer`.
    lanes : Lanes or None
        None for one multiplier; the code compiled for it then leaves the rest out.
    columns : int64[broadcasts]
        The column of each broadcast, see `scan`.
    gaps : int32[broadcasts + 1]
        Scan bubbles before each broadcast, and after the last; see `scan`.
    work : Work
        Arrays to work in, see `work_space`.
    counted : int32[len(COUNTED), pes]
        Written: the counters of `COUNTED`, up to `complete`: EMPTY is the columns that are not empty, and BUSY_EMPTY
        by how much it is less than EMPTY, below 0; with one multiplier, GROUPS and BUSY_PADDING are 0.

    Returns
    -------
    cycles, scan_last : int
        As in `counters.Run`.
    """
    for counter in range(len(counted)):
        for p in range(counted.shape[1]):
            counted[counter, p] = 0
    reported = walk(tables, lanes, columns, gaps, work, counted)
    add_up(columns, tables.counts, MANY, counted[ENTRIES])
    add_up(columns, tables.walks, ONE, counted[EMPTY])
    if tables.has_padding:
        add_up(columns, tables.padding, MANY, counted[PADDING])
    if lanes is not None:
        add_up(columns, tables.walks, MANY, counted[GROUPS])
        if tables.has_padding:
            add_up(columns, lanes.padding, MANY, counted[BUSY_PADDING])
    read_rows(columns, tables.pointers, tables.per_row, work.held, counted[ROW_READS])
    return reported


MANY, ONE = np.int32(2**31 - 1), np.int32(1)
"""More than a column has of anything; and one, of the same type, for which nothing is compiled anew."""


@uncounted
def add_up(columns: Any, table: Any, most: Any, sums: Any) -> None:
    """Add to each PE's sum what a table says of each column broadcast, at most `most` for one column.

    columns: int64[broadcasts]. table: [columns, pes]. sums: int32[pes].
    """
    pes = len(sums)
    whole = len(columns) - len(columns) % STEP
    for k in range(0, whole, STEP):
        a, b, c, d, e, f, g, h = (
            columns[k], columns[k + 1], columns[k + 2], columns[k + 3],
            columns[k + 4], columns[k + 5], columns[k + 6], columns[k + 7],
        )  # fmt: skip
        for p in range(pes):
            sums[p] += (
                min(np.int32(table[a, p]), most) + min(np.int32(table[b, p]), most)
                + min(np.int32(table[c, p]), most) + min(np.int32(table[d, p]), most)
                + min(np.int32(table[e, p]), most) + min(np.int32(table[f, p]), most)
                + min(np.int32(table[g, p]), most) + min(np.int32(table[h, p]), most)
            )  # fmt: skip
    for k in range(whole, len(columns)):
        for p in range(pes):
            sums[p] += min(np.int32(table[columns[k], p]), most)


@uncounted
def read_rows(columns: Any, pointers: Any, per_row: float, held: Any, row_reads: Any) -> None:
    """Count the SRAM rows that each PE reads: a column's rows, but not the one that it holds already.

    columns: int64[broadcasts]. pointers: int32[columns + 1, pes]. per_row: 1 / entries in an SRAM row.
    held: int32[pes], to work in. row_reads: int32[pes], added to.
    """
    pes = len(held)
    for p in range(pes):
        held[p] = -1
    for k in range(len(columns)):
        j = columns[k]
        for p in range(pes):
            # Half an entry more keeps the quotient clear of whole numbers, where rounding could err.
            start = np.int32((pointers[j, p] + 0.5) * per_row)
            end = np.int32((pointers[j + 1, p] - 0.5) * per_row)
            any_read = pointers[j + 1, p] > pointers[j, p]
            row_reads[p] += (end - start + (start != held[p])) * any_read
            held[p] = end if any_read else held[p]


IN_FLOAT32 = 2**21
"""Up to so many entries a PE, rows are found in float32: (pointer + 0.5) / entries in a row is off by less than one
part in 2**22, and half an entry from whole numbers."""


@uncounted
def read_few_rows(columns: Any, pointers: Any, counts: Any, per_row: float, held: Any, row_reads: Any) -> None:
    """As `read_rows`, twice as fast, for PEs of up to IN_FLOAT32 entries: four columns at once, and in float32.

    counts: [columns, pes], entries of each column, which take less memory to read than a second row of pointers.
    """
    pes = len(held)
    per = np.float32(per_row)
    for p in range(pes):
        held[p] = -1
    for k in range(0, len(columns), 4):
        # Of fewer than four columns the last again: its rows are looked at only where `more` says so.
        last = len(columns) - 1
        a, b, c, d = columns[k], columns[min(k + 1, last)], columns[min(k + 2, last)], columns[min(k + 3, last)]
        more = (np.int32(k + 1 <= last), np.int32(k + 2 <= last), np.int32(k + 3 <= last))
        for p in range(pes):
            row, read = held[p], row_reads[p]
            row, read = _read_column(pointers[a, p], np.int32(counts[a, p]), per, row, read)
            row, read = _read_column(pointers[b, p], np.int32(counts[b, p] * more[0]), per, row, read)
            row, read = _read_column(pointers[c, p], np.int32(counts[c, p] * more[1]), per, row, read)
            row, read = _read_column(pointers[d, p], np.int32(counts[d, p] * more[2]), per, row, read)
            held[p], row_reads[p] = row, read


@uncounted
def _read_column(pointer: int, entries: int, per: float, row: int, read: int) -> tuple[Any, Any]:
    """The row that a PE holds after one more column, and the rows that it has read by then.

    pointer: its first entry. entries: how many it has. per: 1 / entries in an SRAM row, float32.
    row, read: the same before it.
    """
    half = np.float32(0.5)
    x = np.float32(pointer)
    start, end = np.int32((x + half) * per), np.int32((x + np.float32(entries) - half) * per)
    rows = np.int32(end - start + (np.int32(1) if start != row else np.int32(0)))
    return (end, np.int32(read + rows)) if entries > 0 else (row, read)


@uncounted
def walk(tables: Any, lanes: Any, columns: Any, gaps: Any, work: Any, counted: Any) -> Any:
    """Time the broadcasts in order: the part of `time` that depends on the queues' depth.

    counted: int32[len(COUNTED), pes], all 0: BYPASSES and OCCUPANCY are written, and into BUSY_EMPTY the empty columns
    that are still queued or walked when the machine is drained, below 0. None only times, in a third of the time: the
    code compiled for it leaves the rest out. Others, and what is returned: see `time`.
    """
    depth, walks, first_row, last_row = tables.depth, tables.walks, tables.first_row, tables.last_row
    ring, latest, sent, free = work.ring, work.latest, work.sent, work.free
    broadcasts, pes = len(columns), len(free)
    wrap = len(ring) - 1
    if counted is not None:
        bypasses, occupancy, busy_empty = counted[BYPASSES], counted[OCCUPANCY], counted[BUSY_EMPTY]
    for p in range(pes):
        free[p] = 1
    fullest = np.int64(0)
    b = np.int32(0)
    for k in range(broadcasts):
        if counted is not None and k > 0 and k % STEP == 0:
            fullest = _note_waiting(k - STEP, k, fullest, ring, latest, sent, occupancy)
        slot = k & wrap
        b = np.int32(b + np.int32(1) + gaps[k])
        if k >= depth:
            b = max(b, latest[(k - depth) & wrap])
        sent[slot] = b
        j = columns[k]
        earliest = np.int32(b + QUEUE)
        if counted is not None and k > 0:
            before = columns[k - 1]
            if lanes is not None:
                _count_bypasses(before, j, earliest, free, tables.pointers, last_row, lanes, bypasses)
            else:
                for p in range(pes):
                    bypasses[p] += np.int32((first_row[j, p] == last_row[before, p]) & (free[p] >= earliest))
        last = np.int32(0)
        for p in range(pes):
            first = max(earliest, free[p])
            ring[slot, p] = first
            last = max(last, first)
            free[p] = np.int32(first + max(np.int32(walks[j, p]), np.int32(1)))
        latest[slot] = last
    scan_last = b + gaps[broadcasts]
    cycles = scan_last
    for p in range(pes):
        # The PE's latest column with entries. Behind more empty ones than a queue and the pipeline are long, its last
        # result was written before the scan ended.
        for k in range(broadcasts - 1, max(broadcasts - 1 - depth - WRITTEN, -1), -1):
            n = walks[columns[k], p]
            if n > 0:
                cycles = max(cycles, ring[k & wrap, p] + n - 1 + WRITTEN)
                break
    if counted is not None:
        # States count up to `cycles` only: what is still queued or walked then are empty columns.
        noted = (broadcasts - 1) // STEP * STEP if broadcasts > 0 else 0
        counts_last = broadcasts > 0 and b < cycles
        _note_waiting(noted, broadcasts if counts_last else broadcasts - 1, fullest, ring, latest, sent, occupancy)
        for late in range(max(broadcasts - depth, 0), broadcasts):
            for p in range(pes):
                busy_empty[p] -= (walks[columns[late], p] == 0) & (ring[late & wrap, p] > cycles)
    return cycles, scan_last


@jit
def _count_bypasses(
    before: int, j: int, earliest: int, free: Any, pointers: Any, last_row: Any, lanes: Any, bypasses: Any
) -> None:
    """Count the bypasses of column j with several multipliers, by PE.

    before: the column broadcast before. free: as in `Work`, before column j. earliest: the first cycle in which column
    j can be in PointerRead.
    """
    for p in range(len(free)):
        n = pointers[j + 1, p] - pointers[j, p]
        if n > 0 and free[p] >= earliest and pointers[before + 1, p] > pointers[before, p]:
            bypasses[p] += shared_rows(
                p, before, j, lanes.multipliers, pointers, lanes.base, lanes.code, lanes.z, last_row
            )


@uncounted
def _note_waiting(start: int, stop: int, fullest: int, ring: Any, latest: Any, sent: Any, occupancy: Any) -> int:
    """Note each queue's occupancy after broadcasts start to stop - 1, at most STEP of them, where it is its largest.

    After broadcast k in cycle b, in cycle b + 1, queue p holds at least n columns if its n-th latest starts later:
    ring[(k - n + 1) & wrap, p] > b + 1.
    fullest: columns in the fullest queue after broadcast start - 1; each broadcast adds one at most.
    Up to `FEW` values of n are tried for all PEs: those above the least value of `occupancy`. If there are more, each
    PE tries only its own occupancy plus one, broadcast by broadcast.
    Returns the columns in the fullest queue after broadcast stop - 1.
    """
    wrap, pes = len(ring) - 1, len(occupancy)
    top: Any = np.int64(0)
    for k in range(start, stop):
        fullest += 1
        while fullest > 0 and latest[(k - fullest + 1) & wrap] <= sent[k & wrap] + (QUEUE - 1):
            fullest -= 1
        top = max(top, fullest)
    lowest = occupancy[0]
    for p in range(pes):
        lowest = min(lowest, occupancy[p])
    if top - lowest <= FEW:
        for n in range(lowest + 1, top + 1):
            # The broadcasts, from the n-th of all on; where these are fewer than STEP, the last one again.
            k, end = max(start, n - 1), stop - 1
            a, b, c, d = min(k, end), min(k + 1, end), min(k + 2, end), min(k + 3, end)
            e, f, g, h = min(k + 4, end), min(k + 5, end), min(k + 6, end), end
            ka, kb, kc, kd = sent[a & wrap], sent[b & wrap], sent[c & wrap], sent[d & wrap]
            ke, kf, kg, kh = sent[e & wrap], sent[f & wrap], sent[g & wrap], sent[h & wrap]
            a, b, c, d = (a - n + 1) & wrap, (b - n + 1) & wrap, (c - n + 1) & wrap, (d - n + 1) & wrap
            e, f, g, h = (e - n + 1) & wrap, (f - n + 1) & wrap, (g - n + 1) & wrap, (h - n + 1) & wrap
            for p in range(pes):
                late = max(
                    max(max(np.int32(ring[a, p] - ka), np.int32(ring[b, p] - kb)),
                        max(np.int32(ring[c, p] - kc), np.int32(ring[d, p] - kd))),
                    max(max(np.int32(ring[e, p] - ke), np.int32(ring[f, p] - kf)),
                        max(np.int32(ring[g, p] - kg), np.int32(ring[h, p] - kh))),
                )  # fmt: skip
                occupancy[p] = max(occupancy[p], np.int32(n) if late > QUEUE - 1 else np.int32(0))
    else:
        for k in range(start, stop):
            now = sent[k & wrap] + (QUEUE - 1)
            for p in range(pes):
                more = occupancy[p] + 1
                occupancy[p] += more <= top and ring[(k - more + 1) & wrap, p] > now
    return fullest
