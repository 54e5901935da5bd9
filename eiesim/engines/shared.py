"""Many machines at once that share a layer's interleaving: one scan, one walk a queue depth, one pass an SRAM width.

What `recurrence` finds of each machine by itself is found here of all, and only as sums over PEs: what depends neither
on the queue depth nor on the SRAM's width is counted once, and a walk keeps one number a PE. The recurrences are those
of docs/machine.md, "Timing, exactly"; one compiled call does all of it, so that threads do not wait for one another.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eiesim._jit import uncounted
from eiesim.encoding import InterleavedLayer
from eiesim.lanes import shared_rows
from eiesim.machine.latency import QUEUE, WRITTEN

ALWAYS = (
    "broadcasts", "scan_bubbles", "empty_columns", "entry_groups", "entries", "padding_entries", "busy_padding",
)  # fmt: skip
"""What depends on the layer, its input and the multipliers alone."""

BY_DEPTH = ("cycles", "scan_last", "max_occupancy", "bypasses", "busy_empty")
"""What depends on the queue depth too."""


class Shared(NamedTuple):
    """Sums over a batch's inputs and the PEs; `max_occupancy` is the largest.

    always: int64[ALWAYS]. by_depth: int64[depths, BY_DEPTH]. row_reads: int64[widths].
    """

    always: npt.NDArray[np.int64]
    by_depth: npt.NDArray[np.int64]
    row_reads: npt.NDArray[np.int64]


class _Lanes(NamedTuple):
    """What several multipliers need in addition. code, z, base: as in `InterleavedLayer`."""

    multipliers: int
    base: npt.NDArray[np.int64]
    code: npt.NDArray[np.uint8]
    z: npt.NDArray[np.uint8]


def run(
    layer: InterleavedLayer,
    sent: npt.NDArray[np.bool_],
    multipliers: int,
    depths: npt.NDArray[np.int64],
    entries_per_row: npt.NDArray[np.int64],
) -> Shared:
    """A batch through one layer, on machines of every queue depth and every width of an SRAM row.

    sent: bool[batch, activation rows, pes], where an activation is not zero, as the LNZD meets them.
    depths, entries_per_row: usable places of a queue, and entries in an SRAM row, each of the machines'.
    """
    layer, every_pe = layer.kept, layer.pes
    pes = layer.pes
    walks, padding_groups, lanes = layer.pointers, layer.padding, None
    if multipliers > 1:
        groups = layer.groups(multipliers)
        walks, padding_groups = groups.pointers, groups.padding
        lanes = _Lanes(multipliers, layer.base, layer.code, layer.z)
    most = max(map(np.count_nonzero, sent), default=0)
    many = walks[-1].max(initial=0) > np.iinfo(np.uint16).max
    always, by_depth = np.zeros(len(ALWAYS), np.int64), np.zeros((len(depths), len(BY_DEPTH)), np.int64)
    row_reads = np.zeros(len(entries_per_row), np.int64)
    _run(
        sent, walks, layer.pointers, layer.first_row, layer.last_row, layer.padding, padding_groups, layer.has_padding,
        every_pe - pes, lanes, np.minimum(depths, layer.columns), 1.0 / entries_per_row,
        np.empty(most, np.int64), np.empty(most + 1, np.int32), np.empty((most, pes), np.int32 if many else np.uint16),
        np.empty((most, pes), np.uint16), np.empty((2, most), np.int32), np.empty((6, pes), np.int32),
        always, by_depth, row_reads,
    )  # fmt: skip
    return Shared(always, by_depth, row_reads)


@uncounted
def _run(
    sent: Any, walks: Any, pointers: Any, first_row: Any, last_row: Any, padding: Any, padding_groups: Any,
    has_padding: bool, others: int, lanes: Any, depths: Any, per_row: Any,
    columns: Any, gaps: Any, counts: Any, alike: Any, times: Any, by_pe: Any,
    always: Any, by_depth: Any, row_reads: Any,
) -> None:  # fmt: skip
    """Fill `always`, `by_depth` and `row_reads`, which come as 0; see `run` and `Shared`.

    Parameters
    ----------
    walks : int32[columns + 1, pes]
        Column j takes PE p walks[j + 1, p] - walks[j, p] cycles: `pointers` or `lanes.Groups.pointers`.
    padding_groups : int32[columns, pes]
        `padding` or `lanes.Groups.padding`.
    others : int
        PEs that are not in the tables: all are as the last one, which has no rows.
    per_row : float64[widths]
        1 / entries in an SRAM row.
    columns, gaps : int64[broadcasts], int32[broadcasts + 1]
        Work space; see `recurrence.scan`.
    counts, alike : uint16 or int32[broadcasts, pes], uint16[broadcasts, pes]
        Work space; see `_lay_out`.
    times, by_pe : int32[2, broadcasts], int32[6, pes]
        Work space; see `_walk`.
    """
    for one in range(len(sent)):
        broadcasts = _scan(sent[one], columns, gaps)
        always[0] += broadcasts
        for k in range(broadcasts + 1):
            always[1] += gaps[k]
        _lay_out(
            columns, broadcasts, walks, pointers, first_row, last_row, padding, padding_groups, has_padding, lanes,
            counts, alike, times, by_pe, always,
        )  # fmt: skip
        for d in range(len(depths)):
            _walk(counts, alike, gaps, broadcasts, depths[d], others, times, by_pe, by_depth[d])
        for w in range(len(per_row)):
            row_reads[w] += _row_reads(columns, broadcasts, pointers, per_row[w], by_pe[0])
    always[2] += others * always[0]
    for d in range(len(depths)):  # What `_walk` took off it is what is late.
        by_depth[d, 4] += always[2]


@uncounted
def _scan(sent: Any, columns: Any, gaps: Any) -> int:
    """As `recurrence.scan`, into arrays that are as long as there are broadcasts."""
    k = 0
    gap = np.int32(0)
    for row in range(len(sent)):
        for place in range(sent.shape[1]):
            if sent[row, place]:
                columns[k] = row * sent.shape[1] + place
                gaps[k] = gap
                gap = np.int32(0)
                k += 1
        gap += np.int32(not sent[row, sent.shape[1] - 1])
    gaps[k] = gap
    return k


@uncounted
def _lay_out(
    columns: Any, broadcasts: int, walks: Any, pointers: Any, first_row: Any, last_row: Any, padding: Any,
    padding_groups: Any, has_padding: bool, lanes: Any, counts: Any, alike: Any, times: Any, by_pe: Any,
    always: Any,
) -> None:  # fmt: skip
    """Lay the broadcast columns side by side, as every walk needs them, and count what depends on nothing else.

    Filled: counts[k, p], the cycles that PE p walks broadcast k, 0 for an empty column; alike[k, p], how many entries
    of its first group take the sum of one in the group just before, if that is walked in the cycle before; by_pe[4, p],
    the latest broadcast with entries, -1 for none; by_pe[5], the PEs in the order of that.
    """
    pes = pointers.shape[1]
    latest = by_pe[4]
    for p in range(pes):
        latest[p] = -1
    for k in range(broadcasts):
        j = columns[k]
        before = columns[max(k - 1, 0)]
        empty, walked, held = np.int32(0), np.int32(0), np.int32(0)
        for p in range(pes):
            n = np.int32(walks[j + 1, p] - walks[j, p])
            counts[k, p] = n
            empty += np.int32(n == 0)
            walked += n
        for p in range(pes):
            held += np.int32(pointers[j + 1, p] - pointers[j, p])
        for p in range(pes):
            latest[p] = np.int32(k) if counts[k, p] > 0 else latest[p]
        always[2] += empty
        always[3] += walked
        always[4] += held
        if has_padding:
            for p in range(pes):
                always[5] += padding[j, p]
                always[6] += padding_groups[j, p]
        if k == 0:
            for p in range(pes):
                alike[k, p] = 0
        elif lanes is None:
            for p in range(pes):
                alike[k, p] = np.uint16(first_row[j, p] == last_row[before, p])
        else:
            for p in range(pes):
                alike[k, p] = 0
                if pointers[j + 1, p] > pointers[j, p] and pointers[before + 1, p] > pointers[before, p]:
                    alike[k, p] = shared_rows(
                        p, before, j, lanes.multipliers, pointers, lanes.base, lanes.code, lanes.z, last_row
                    )
    _in_order(latest, broadcasts, by_pe[5], times[0])


@uncounted
def _in_order(latest: Any, broadcasts: int, order: Any, heads: Any) -> None:
    """Write the PEs into `order` as their `latest` ascends, by counting. heads: int32[broadcasts], work space."""
    for k in range(broadcasts):
        heads[k] = 0
    none = np.int32(0)
    for p in range(len(latest)):
        if latest[p] < 0:
            order[none] = p
            none += np.int32(1)
        else:
            heads[latest[p]] += np.int32(1)
    head = none
    for k in range(broadcasts):
        many = heads[k]
        heads[k] = head
        head += many
    for p in range(len(latest)):
        if latest[p] >= 0:
            order[heads[latest[p]]] = p
            heads[latest[p]] += np.int32(1)


@uncounted
def _walk(
    counts: Any, alike: Any, gaps: Any, broadcasts: int, depth: int, others: int, times: Any, by_pe: Any, found: Any
) -> None:
    """Walk the broadcasts with queues of so many places, and add to `found`, int64[BY_DEPTH].

    For `busy_empty` what is added is less than 0: the empty columns that are still queued or walked in the last cycle.

    Parameters
    ----------
    counts, alike, by_pe[4], by_pe[5]
        As `_lay_out` left them.
    times : int32[2, broadcasts]
        Work space: the cycle of each broadcast, and the latest in which a PE begins its column.
    by_pe : int32[6, pes]
        Work space: in row 0 the last cycle of each PE's latest column; in row 1 the same as it was `depth` broadcasts
        before the end.
    """
    pes = counts.shape[1]
    sent, latest_first = times[0], times[1]
    last, kept, latest, order = by_pe[0], by_pe[1], by_pe[4], by_pe[5]
    for p in range(pes):
        last[p] = 0
    drained = np.int32(0)  # the last cycle of a column that has entries
    at = 0
    while at < pes and latest[order[at]] < 0:
        at += 1
    b = np.int32(0)
    waiting, fullest = np.int64(0), np.int64(0)
    tail = max(broadcasts - depth, 0)
    for k in range(broadcasts):
        if k > 0:
            waiting = _waiting(k - 1, b, waiting, latest_first)
            fullest = max(fullest, waiting)
        b = np.int32(b + np.int32(1) + gaps[k])
        if k >= depth:
            b = max(b, latest_first[k - depth])
        if k == tail:
            for p in range(pes):
                kept[p] = last[p]
        earliest = np.int32(b + np.int32(QUEUE))
        begun, bypasses = np.int32(0), np.int32(0)
        for p in range(pes):
            follow = np.int32(last[p] + np.int32(1))
            first = max(earliest, follow)
            begun = max(begun, first)
            last[p] = np.int32(first + max(np.int32(counts[k, p]), np.int32(1)) - np.int32(1))
            bypasses += np.int32(alike[k, p]) * np.int32(follow >= earliest)
        found[3] += bypasses
        sent[k] = b
        latest_first[k] = begun
        while at < pes and latest[order[at]] == k:
            drained = max(drained, last[order[at]])
            at += 1
    scan_last = np.int32(b + gaps[broadcasts])
    cycles = max(scan_last, np.int32(drained + WRITTEN)) if drained > 0 else scan_last
    # States count up to `cycles` only: what is still queued or walked then are empty columns.
    if broadcasts > 0 and b < cycles:
        fullest = max(fullest, _waiting(broadcasts - 1, b, waiting, latest_first))
    if broadcasts > 0 and latest_first[broadcasts - 1] > cycles:
        for k in range(tail, broadcasts):
            earliest = np.int32(sent[k] + np.int32(QUEUE))
            late = np.int32(0)
            for p in range(pes):
                first = max(earliest, np.int32(kept[p] + np.int32(1)))
                kept[p] = np.int32(first + max(np.int32(counts[k, p]), np.int32(1)) - np.int32(1))
                late += np.int32((counts[k, p] == 0) & (first > cycles))
            found[4] -= late + others * np.int64(kept[pes - 1] > cycles)
    found[0] += cycles
    found[1] += scan_last
    found[2] = max(found[2], fullest)


@uncounted
def _waiting(k: int, b: int, before: int, latest_first: Any) -> int:
    """Columns in the fullest queue in cycle b + 1, after broadcast k in cycle b; `before`: after the broadcast before.

    A queue holds at least n columns if its n-th latest starts after b + 1. A broadcast adds one at most.
    """
    now = np.int32(b + QUEUE - 1)
    n = before + 1
    while n > 0 and latest_first[k - n + 1] <= now:
        n -= 1
    return n


@uncounted
def _row_reads(columns: Any, broadcasts: int, pointers: Any, per_row: float, held: Any) -> int:
    """SRAM rows read by all PEs. held: int32[pes], work space: the row that each PE holds."""
    pes = pointers.shape[1]
    for p in range(pes):
        held[p] = -1
    reads = np.int64(0)
    for k in range(broadcasts):
        j = columns[k]
        of_column = np.int32(0)
        for p in range(pes):
            # Half an entry more keeps the quotient clear of whole numbers, where rounding could err.
            start = np.int32((pointers[j, p] + 0.5) * per_row)
            end = np.int32((pointers[j + 1, p] - 0.5) * per_row)
            any_read = pointers[j + 1, p] > pointers[j, p]
            of_column += np.int32(end - start + np.int32(start != held[p])) * np.int32(any_read)
            held[p] = end if any_read else held[p]
        reads += of_column
    return int(reads)
