"""When everything happens: the recurrences of docs/machine.md ("Timing, exactly") with all their terms kept."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eiesim._io.memory import check_allowed
from eiesim._jit import jit
from eiesim.engines.recurrence import scan
from eiesim.machine.latency import QUEUE, WRITTEN
from eiesim.tracing.subject import Subject


class Timeline(NamedTuple):
    """One input's events, for broadcasts k = 0 .. K-1 and PEs p.

    columns: int64[K], the column of each broadcast, j_k. bubbles: int32[K + 1], the scan bubbles before each and after
    the last, g_k. broadcast: int32[K], the cycle of each, b[k]. blocker: int32[K], the lowest-numbered PE whose queue
    was full in the last stalled cycle before it, -1 where it was not stalled.
    first: int32[K, pes], the cycle in which each column enters PointerRead.
    last_real: int32[pes], the last broadcast with entries on each PE, -1 for none.
    """

    columns: npt.NDArray[np.int64]
    bubbles: npt.NDArray[np.int32]
    broadcast: npt.NDArray[np.int32]
    blocker: npt.NDArray[np.int32]
    first: npt.NDArray[np.int32]
    last_real: npt.NDArray[np.int32]
    cycles: int
    scan_last: int

    @property
    def stall(self) -> npt.NDArray[np.int32]:
        """int32[K]: the cycles that each broadcast waited for a full queue."""
        before = np.concatenate([np.zeros(1, np.int32), self.broadcast[:-1]])[: len(self.broadcast)]
        waited: npt.NDArray[np.int32] = self.broadcast - before - 1 - self.bubbles[:-1]
        return waited

    @property
    def stall_caused(self) -> npt.NDArray[np.int64]:
        """int64[pes]: broadcast stalls by the PE that held them."""
        return charge(self.blocker, self.stall, self.first.shape[1])


def charge(blocker: npt.NDArray[np.int32], stall: npt.NDArray[np.int32], pes: int) -> npt.NDArray[np.int64]:
    """Cycles of stall by PE, int64[pes]: each broadcast's are charged to its blocker."""
    stalled = blocker >= 0
    return np.bincount(blocker[stalled], stall[stalled], pes).astype(np.int64)


def timeline(subject: Subject) -> Timeline:
    """All events of a subject. Cost and memory grow with broadcasts x PEs."""
    columns, bubbles = scan(subject.activation_rows)
    pes = subject.job.layer.pes
    check_allowed(4 * len(columns) * pes, f"events of {len(columns):,} broadcasts on {pes:,} PEs; fewer PEs need less")
    depth = min(subject.job.queue_depth, len(columns) + 1)
    return follow(columns, bubbles, depth, subject.job.walk_pointers)


def follow(
    columns: npt.NDArray[np.int64], bubbles: npt.NDArray[np.int32], depth: int, pointers: npt.NDArray[np.int32]
) -> Timeline:
    """All events of broadcasts. columns, bubbles: as in `Timeline`. depth: places of a queue, at most as many as there
    are broadcasts, and one. pointers: int32[columns + 1, pes], as `Job.walk_pointers`.
    """
    broadcast, blocker, first, last_real, cycles, scan_last = _follow(columns, bubbles, depth, pointers)
    return Timeline(columns, bubbles, broadcast, blocker, first, last_real, int(cycles), int(scan_last))


@jit
def _follow(columns: Any, bubbles: Any, depth: int, pointers: Any) -> Any:
    """columns, bubbles: int[K], int[K + 1]. pointers: int32[columns + 1, pes], `Job.walk_pointers`."""
    sent, pes = len(columns), pointers.shape[1]
    broadcast = np.empty(sent, np.int32)
    blocker = np.full(sent, -1, np.int32)
    first = np.empty((sent, pes), np.int32)
    latest = np.empty(sent, np.int32)
    last = np.zeros(pes, np.int32)
    last_real = np.full(pes, -1, np.int32)
    written = np.int32(0)
    b = np.int32(0)
    for k in range(sent):
        b = np.int32(b + 1 + bubbles[k])
        if k >= depth and latest[k - depth] > b:
            b = latest[k - depth]
            p = 0
            while first[k - depth, p] < b:
                p += 1
            blocker[k] = p
        broadcast[k] = b
        j = columns[k]
        earliest = np.int32(b + QUEUE)
        most = np.int32(0)
        for p in range(pes):
            n = np.int32(pointers[j + 1, p] - pointers[j, p])
            begin = max(earliest, np.int32(last[p] + np.int32(1)))
            first[k, p] = begin
            most = max(most, begin)
            end = np.int32(begin + max(n, np.int32(1)) - np.int32(1))
            last[p] = end
            last_real[p] = np.int32(k) if n > 0 else last_real[p]
            written = max(written, end + np.int32(WRITTEN) if n > 0 else np.int32(0))
        latest[k] = most
    scan_last = b + bubbles[sent]
    return broadcast, blocker, first, last_real, max(written, scan_last), scan_last
