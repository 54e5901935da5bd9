"""Where a layer's cycles go, cause by cause.

Between perfect balance and the machine stand idealised machines. Each has one more of the real machine's limits than
the one before, and a cause costs the difference between two neighbours, so the causes add up to the cycles exactly.
With n[p,k] the groups of entries (entries, for one multiplier) of PE p in broadcast k = 0 .. K-1, e the last broadcast
of which p holds an entry, and m multipliers a PE:

    work             macs / (N m)
    padding          entries / (N m)                          less the above
    lanes            sum of n / N                             less the above: slots of a group without an entry
    static imbalance max_p sum_k n[p,k]                       less the above: the busiest PE sets the bound
    empty columns    max(K, max_p sum_{k <= e} max(1, n))     an empty column takes a cycle
    scan bubbles     the recurrences of docs/machine.md with bubbles, queues without end, no pipeline
                     (first >= b, complete with the last entry's own cycle)
    start and drain  the same with the pipeline: first >= b + 2, complete at f + 6
    finite queues    the machine: broadcasts wait for full queues

No machine is faster than the one before, since each step only delays events of a max-plus recurrence. So no cause is
negative. What a limit costs depends on the limits that stand already: a bubble that hides behind a busy PE costs
nothing here, and what bubbles add once queues are finite counts as a cost of the queues.

Everything is counted in PE-cycles x multipliers (cycles x N x m), which are whole numbers; with one multiplier these
are PE-cycles, and `lanes` is 0.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from eiesim._jit import jit
from eiesim.counters import Run
from eiesim.machine.latency import QUEUE, WRITTEN
from eiesim.prepared import Prepared


@dataclass(frozen=True)
class Losses:
    """PE-cycles x multipliers by cause, which add up to `pes` x cycles x multipliers exactly. Sums over a batch."""

    work: int
    padding: int
    lanes: int
    static_imbalance: int
    empty_columns: int
    scan_bubbles: int
    start_and_drain: int
    finite_queues: int

    @property
    def total(self) -> int:
        """All PE-cycles x multipliers."""
        return sum(self.to_dict().values())

    def to_dict(self) -> dict[str, int]:
        """PE-cycles x multipliers by cause, in order."""
        return {part.name: getattr(self, part.name) for part in fields(self)}


def attribute(prepared: Prepared, runs: Iterable[Run]) -> tuple[Losses, int]:
    """The PE-cycles of a layer by cause, and the groups of its busiest PE (added up over the inputs).

    runs: an engine's of what is prepared, one an input.
    """
    parts = np.zeros(len(fields(Losses)), np.int64)
    busiest = 0
    layer, walks, multipliers = prepared.layer, prepared.job.walk_pointers, prepared.config.multipliers
    for rows, run in zip(prepared.activation_rows, runs, strict=True):
        columns = np.flatnonzero(rows)
        # One bubble after each activation row whose place N-1 holds no non-zero.
        bubbles = np.concatenate([[0], np.cumsum(rows[:, -1] == 0)])
        sent_in = np.arange(1, len(columns) + 1) + bubbles[columns // layer.pes]
        most, without_bubbles, last = _bounds(columns, sent_in, walks)
        scan_last = len(columns) + int(bubbles[-1])
        with_bubbles = max(scan_last, last)
        # Unlimited queues pass the two cycles of the start on unchanged: every column begins two cycles later.
        with_pipeline = max(scan_last, last + QUEUE + WRITTEN) if last else scan_last
        macs, entries, groups = (int(getattr(run.per_pe, of).sum()) for of in ("macs", "entries", "entry_groups"))
        machines = np.array([most, max(len(columns), without_bubbles), with_bubbles, with_pipeline, run.cycles])
        own = np.array([0, macs, entries, groups * multipliers])
        parts += np.diff(np.concatenate([own, layer.pes * multipliers * machines]))
        busiest += most
    return Losses(*parts.tolist()), busiest


@jit
def _bounds(columns: Any, sent_in: Any, pointers: Any) -> tuple[int, int, int]:
    """Three bounds on the cycles: (most groups of entries, most cycles up to a PE's last one, cycle of the last one).

    The first is the number of groups of the busiest PE. The second counts a cycle for each empty column too. The
    third has queues without end and no pipeline: a column begins in the cycle it is sent in, or when the PE has
    finished the column before. columns, sent_in: int[broadcasts]. pointers: `Job.walk_pointers`.
    """
    pes = pointers.shape[1]
    entries, walked, ends = np.zeros(pes, np.int64), np.zeros(pes, np.int64), np.zeros(pes, np.int64)
    walked_real, ends_real = np.zeros(pes, np.int64), np.zeros(pes, np.int64)
    for k in range(len(columns)):
        for p in range(pes):
            n = pointers[columns[k] + 1, p] - pointers[columns[k], p]
            entries[p] += n
            walked[p] += max(n, 1)
            ends[p] = max(sent_in[k], ends[p] + 1) + max(n, 1) - 1
            if n > 0:
                walked_real[p] = walked[p]
                ends_real[p] = ends[p]
    return entries.max(), walked_real.max(), ends_real.max()
