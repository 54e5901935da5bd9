"""Where a layer's cycles go, cause by cause, and what a better assignment of rows to PEs would give.

Attribution. Between perfect balance and the machine stand idealised machines, each with one more of the real one's
limits; a cause's cost is the difference between neighbours, so the causes add up to the cycles exactly. With n[p,k]
the entries of PE p in broadcast k = 0 .. K-1 and e the last broadcast of which p holds an entry:

    work             macs / N
    padding          entries / N                              less the above
    static imbalance max_p sum_k n[p,k]                       less the above: the busiest PE sets the bound
    empty columns    max(K, max_p sum_{k <= e} max(1, n))     an empty column takes a cycle
    scan bubbles     the recurrences of spec/machine.md with bubbles, queues without end, no pipeline
                     (first >= b, complete with the last entry's own cycle)
    start and drain  the same with the pipeline: first >= b + 2, complete at f + 6
    finite queues    the machine: broadcasts wait for full queues

Each machine is no faster than the one before, since every step only delays events of a max-plus recurrence; so no
cause is negative. What a limit costs depends on which others stand already: a bubble that hides behind a busy PE costs
nothing here, and what bubbles add once queues are finite counts as the queues'.

Everything is counted in PE-cycles (cycles x N), whole numbers.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._jit import jit
from eiesim.arithmetic import prepare
from eiesim.config import MachineConfig
from eiesim.encoding import InterleavedLayer, interleave
from eiesim.errors import EieError
from eiesim.job import Job
from eiesim.layer import CompressedLayer
from eiesim.machine.latency import QUEUE, WRITTEN
from eiesim.result import LayerResult, Result
from eiesim.simulation import simulate


@dataclass(frozen=True)
class Losses:
    """PE-cycles by cause, whole numbers that add up to `pes` x cycles. Over a batch, sums."""

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


@dataclass(frozen=True, eq=False)
class Assignment:
    """A layer with its rows in some order on the machine, simulated.

    order: int64[rows]; place r of this layer holds the original's row order[r]. None is the order as stored.
    busiest: entries of the PE with most, over the batch the sum of each input's most.
    losses: where the cycles went.
    """

    name: str
    layer: CompressedLayer
    order: npt.NDArray[np.int64] | None
    result: LayerResult
    busiest: int
    losses: Losses

    @property
    def cycles(self) -> int:
        """Cycles, over a batch summed."""
        return self.result.metrics.cycles

    def to_dict(self) -> dict[str, Any]:
        """For JSON: cycles and times are sums over the batch, PE-cycles by cause add up to pes x cycles."""
        metrics, pes = self.result.metrics, self.result.config.pes
        return {
            "name": self.name,
            "cycles": metrics.cycles,
            "time_us": metrics.time_us * metrics.runs,
            "busiest_pe_entries": self.busiest,
            "load_balance": metrics.load_balance,
            "load_balance_bound": metrics.counters.entries / (self.busiest * pes) if self.busiest else 0.0,
            "pe_cycles": self.losses.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class Balance:
    """A layer as stored, balanced by its weights alone, and balanced for this very input."""

    config: MachineConfig
    inputs: int
    assignments: tuple[Assignment, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "layer": self.assignments[0].layer.name,
            "pes": self.config.pes,
            "inputs": self.inputs,
            "assignments": [one.to_dict() for one in self.assignments],
        }


def balance(
    layer: CompressedLayer,
    activations: npt.NDArray[Any],
    config: MachineConfig | None = None,
    engine: str = "recurrence",
) -> Balance:
    """Attribute a layer's cycles to causes, as stored and with its rows balanced over the PEs.

    activations: float[cols] or [batch, cols]. Each assignment is simulated, outputs too; the balanced ones' outputs,
    un-permuted, are the original's bit for bit, which is checked here.
    """
    config = config or MachineConfig()
    inputs = len(np.atleast_2d(activations))
    kinds = {
        "as stored": None,
        "by weights": balanced_order(layer, config.pes),
        "for this input": balanced_order(layer, config.pes, sent(layer, activations, config), inputs),
    }
    tried = [_try(name, layer, order, activations, config, engine) for name, order in kinds.items()]
    for one in tried[1:]:
        assert one.order is not None
        assert one.result.outputs is not None
        back = unpermute(one.result.outputs, one.order)
        if back.tobytes() != np.ascontiguousarray(tried[0].result.outputs).tobytes():
            raise RuntimeError(f"{layer.name}: outputs of '{one.name}', un-permuted, differ from the original's")
    return Balance(config, inputs, tuple(tried))


def _try(
    name: str,
    layer: CompressedLayer,
    order: npt.NDArray[np.int64] | None,
    activations: npt.NDArray[Any],
    config: MachineConfig,
    engine: str,
) -> Assignment:
    placed = layer if order is None else permute_rows(layer, order)
    interleaved = interleave(placed, config.pes, config.index_bits)
    result = simulate(interleaved, activations, config, engine)
    losses, busiest = attribute(interleaved, activations, result)
    return Assignment(name, placed, order, result.layers[0], busiest, losses)


def attribute(layer: InterleavedLayer, activations: npt.NDArray[Any], result: Result) -> tuple[Losses, int]:
    """A simulated layer's PE-cycles by cause, and the busiest PE's entries (each input's, summed).

    layer, activations: what `result` was simulated from, one layer.
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
    """Busiest PE's entries; busiest PE's columns and entries up to its last entry; last entry's cycle.

    The last with queues without end and no pipeline: a column begins in the cycle it is sent in, or after the PE's
    one before. columns, sent_in: int[broadcasts]. pointers: int32[columns + 1, pes].
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


def sent(layer: CompressedLayer, activations: npt.NDArray[Any], config: MachineConfig) -> npt.NDArray[np.int64]:
    """How often each input's column is broadcast over a batch: int64[cols], as the arithmetic holds the inputs."""
    operands = prepare(layer, np.atleast_2d(np.asarray(activations, np.float32)), config, outputs=False)
    times: npt.NDArray[np.int64] = np.count_nonzero(operands.activations, axis=0)
    return times


def balanced_order(
    layer: CompressedLayer, pes: int, times_sent: npt.NDArray[np.int64] | None = None, bias_sent: int = 1
) -> npt.NDArray[np.int64]:
    """An order of rows that evens out the PEs' work: int64[rows]; place r takes row order[r].

    Longest processing time first (Graham 1969): the row with most kept weights goes to the PE with least so far that
    has a place left; a PE has as many places as rows r with r mod pes = p. Within a PE rows keep their order.
    times_sent: int[cols], how often each column counts (see `sent`); None counts every column once, which needs no
    input. bias_sent: how often the bias counts, once an input. Padding is not foreseen: it depends on the neighbours.
    """
    weights = np.ones(layer.cols, np.int64) if times_sent is None else np.asarray(times_sent)
    if weights.shape != (layer.cols,):
        raise EieError(f"times_sent: shape {weights.shape}, needs one a column = ({layer.cols},)")
    column_of = np.repeat(np.arange(layer.cols), np.diff(layer.indptr))
    load = np.bincount(layer.indices, weights[column_of], layer.rows).astype(np.int64)
    if layer.bias_codes is not None:
        load += (layer.bias_codes != 0) * bias_sent
    places = [list[int]() for _ in range(min(pes, layer.rows))]
    lightest = [(0, p) for p in range(len(places))]
    for row in np.argsort(-load, kind="stable").tolist():
        carried, p = heapq.heappop(lightest)
        places[p].append(row)
        if len(places[p]) < -(-(layer.rows - p) // pes):
            heapq.heappush(lightest, (carried + int(load[row]), p))
    order = np.empty(layer.rows, np.int64)
    for p, rows in enumerate(places):
        order[p::pes] = sorted(rows)
    return order


def permute_rows(layer: CompressedLayer, order: Sequence[int] | npt.NDArray[np.int64]) -> CompressedLayer:
    """The layer with its rows in another order: its row r is the original's row order[r].

    Its outputs come in that order too (`unpermute` turns them back); the next layer's columns could be permuted alike
    instead, at no cost to the machine. Raises EieError unless `order` names every row once.
    """
    order = np.asarray(order, np.int64)
    if order.shape != (layer.rows,) or not np.array_equal(np.sort(order), np.arange(layer.rows)):
        raise EieError(f"order: is no permutation of {layer.rows} rows")
    place = np.empty(layer.rows, np.int32)
    place[order] = np.arange(layer.rows, dtype=np.int32)
    column_of = np.repeat(np.arange(layer.cols), np.diff(layer.indptr))
    placed = place[layer.indices]
    ascending = np.lexsort((placed, column_of))
    return CompressedLayer(
        shape=layer.shape,
        indptr=layer.indptr,
        indices=placed[ascending],
        codes=layer.codes[ascending],
        codebook=layer.codebook,
        bias_codes=None if layer.bias_codes is None else layer.bias_codes[order],
        activation=layer.activation,
        name=layer.name,
    )


def unpermute(outputs: npt.NDArray[Any], order: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Outputs of a permuted layer, [rows] or [batch, rows], in the original's order."""
    original = np.empty_like(outputs)
    original[..., order] = outputs
    return original
