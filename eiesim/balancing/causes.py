"""Where a layer's cycles go, cause by cause.

Between perfect balance and the machine stand idealised machines. Each has one more of the real machine's limits than
the one before, and a cause costs the difference between two neighbours, so the causes add up to the cycles exactly.
With n[p,k] the entries of PE p in broadcast k = 0 .. K-1, and e the last broadcast of which p holds an entry:

    work             macs / N
    padding          entries / N                              less the above
    static imbalance max_p sum_k n[p,k]                       less the above: the busiest PE sets the bound
    empty columns    max(K, max_p sum_{k <= e} max(1, n))     an empty column takes a cycle
    scan bubbles     the recurrences of docs/machine.md with bubbles, queues without end, no pipeline
                     (first >= b, complete with the last entry's own cycle)
    start and drain  the same with the pipeline: first >= b + 2, complete at f + 6
    finite queues    the machine: broadcasts wait for full queues

No machine is faster than the one before, since each step only delays events of a max-plus recurrence. So no cause is
negative. What a limit costs depends on the limits that stand already: a bubble that hides behind a busy PE costs
nothing here, and what bubbles add once queues are finite counts as a cost of the queues.

Everything is counted in PE-cycles (cycles x N), which are whole numbers.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._jit import jit
from eiesim.arithmetic import prepare
from eiesim.config import MachineConfig
from eiesim.encoding import InterleavedLayer
from eiesim.job import Job
from eiesim.machine.latency import QUEUE, WRITTEN
from eiesim.result import Result


@dataclass(frozen=True)
class Losses:
    """PE-cycles by cause: whole numbers that add up to `pes` x cycles. Over a batch they are sums."""

    work: int
    padding: int
    static_imbalance: int
    empty_columns: int
    scan_bubbles: int
    start_and_drain: int
    finite_queues: int

    @property
    def total(self) -> int:
        """All PE-cycles: PEs x cycles."""
        return sum(self.to_dict().values())

    def to_dict(self) -> dict[str, int]:
        """PE-cycles by cause, in order."""
        return {part.name: getattr(self, part.name) for part in fields(self)}


def attribute(layer: InterleavedLayer, activations: npt.NDArray[Any], result: Result) -> tuple[Losses, int]:
    """The PE-cycles of a simulated layer by cause, and the entries of its busiest PE (added up over the inputs).

    layer, activations: what `result` was simulated from; it must be a result of this one layer.
    """
    config = result.config
    runs = result.layers[0].runs
    parts = np.zeros(len(fields(Losses)), np.int64)
    busiest = 0
    for rows, run in zip(_in_rows(layer, activations, config), runs, strict=True):
        columns = np.flatnonzero(rows)
        # One bubble after each activation row whose place N-1 holds no non-zero.
        bubbles = np.concatenate([[0], np.cumsum(rows[:, -1] == 0)])
        sent_in = np.arange(1, len(columns) + 1) + bubbles[columns // layer.pes]
        most, without_bubbles, last = _bounds(columns, sent_in, layer.pointers)
        scan_last = len(columns) + int(bubbles[-1])
        with_bubbles = max(scan_last, last)
        # Unlimited queues pass the two cycles of the start on unchanged: every column begins two cycles later.
        with_pipeline = max(scan_last, last + QUEUE + WRITTEN) if last else scan_last
        entries, macs = int(run.per_pe.entries.sum()), int(run.per_pe.macs.sum())
        machines = np.array([most, max(len(columns), without_bubbles), with_bubbles, with_pipeline, run.cycles])
        parts += np.diff(np.concatenate([[0, macs, entries], layer.pes * machines]))
        busiest += most
    return Losses(*parts.tolist()), busiest


def _in_rows(layer: InterleavedLayer, activations: npt.NDArray[Any], config: MachineConfig) -> npt.NDArray[Any]:
    """The activations as the LNZD meets them: [batch, activation rows, pes]."""
    operands = prepare(layer.layer, np.atleast_2d(np.asarray(activations, np.float32)), config, outputs=False)
    return Job.of(layer, operands, config, outputs=False).in_rows(operands)


@jit
def _bounds(columns: Any, sent_in: Any, pointers: Any) -> tuple[int, int, int]:
    """Three bounds on the cycles: (most entries, most cycles up to a PE's last entry, cycle of the last entry).

    The first is the number of entries of the busiest PE. The second counts a cycle for each empty column too. The
    third has queues without end and no pipeline: a column begins in the cycle it is sent in, or when the PE has
    finished the column before. columns, sent_in: int[broadcasts]. pointers: int32[columns + 1, pes].
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
