"""A batch through a layer, by any engine; the recurrences go through its inputs in one compiled loop."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._jit import uncounted
from eiesim.arithmetic import FEW_INPUTS, accumulate_batch
from eiesim.counters import Run
from eiesim.encoding import NO_LAST_ROW
from eiesim.engines import recurrence
from eiesim.engines.recurrence import _lanes, _scan, _walk
from eiesim.job import Job
from eiesim.runs import COUNTED, MOST, PER_PE, Runs

Engine = Callable[[Job, npt.NDArray[Any]], Run]
"""One input through one layer. activation_rows: [activation rows, pes]."""

RAW = ("empty_columns", "busy_empty", "entry_groups", "padding_entries", "bypasses", "spmat_row_reads", "max_occupancy")
"""What the walk counts by PE, in its order; the other counters follow from these."""


def run(
    engine: Engine,
    job: Job,
    activation_rows: npt.NDArray[Any],
    starts: npt.NDArray[Any] | None = None,
    by_pe: bool = True,
    told: Callable[[int], object] | None = None,
) -> Runs:
    """Some inputs through one layer.

    activation_rows: [batch, activation rows, pes], of the codebook's dtype. starts: [batch, rows], each input's
    accumulators before; None is all 0. by_pe: whether what every PE counts is kept. told: called with the number of
    inputs that are through.
    """
    if engine is recurrence.run and len(activation_rows) >= FEW_INPUTS:
        runs = _recurrences(job, activation_rows, starts, by_pe)
        if told is not None:
            told(len(activation_rows))
        return runs
    each = []
    for k, rows in enumerate(activation_rows):
        each.append(engine(job if starts is None else replace(job, start=starts[k]), rows))
        if told is not None:
            told(1)
    return Runs.of(each, by_pe)


def _recurrences(job: Job, activation_rows: npt.NDArray[Any], starts: npt.NDArray[Any] | None, by_pe: bool) -> Runs:
    layer, batch, pes = job.layer, len(activation_rows), job.layer.pes
    depth = min(job.queue_depth, layer.columns)
    lanes = _lanes(job)
    columns = np.empty(activation_rows[0].size, np.int64)
    gaps = np.empty(activation_rows[0].size + 1, np.int32)
    ring_rows = 1 << depth.bit_length()  # as in `recurrence.run`
    ring, latest_first = np.empty((ring_rows, pes), np.int32), np.empty(ring_rows, np.int32)
    last, last_real, held = np.empty((3, pes), np.int32)
    row_before = np.empty(pes, layer.last_row.dtype)
    counters = np.zeros((batch, len(RAW), pes), np.int32)
    of_lanes = np.zeros((batch, 3, pes), np.int32)
    reported = np.zeros((3, batch), np.int64)
    _walk_all(
        activation_rows != 0, columns, gaps, depth, 1.0 / job.entries_per_row, layer.has_padding,
        layer.pointers, layer.first_row, layer.last_row, layer.padding, lanes,
        ring, latest_first, last, last_real, held, row_before, counters, of_lanes, reported,
    )  # fmt: skip
    sums = None
    if job.outputs:
        sums = np.zeros((batch, layer.layer.rows), job.codebook.dtype) if starts is None else starts.copy()
        flat = activation_rows.reshape(batch, -1)
        one = flat[0, layer.columns - 1]  # The bias's, the same in every input.
        inputs = np.ascontiguousarray(flat[:, : layer.layer.cols])
        accumulate_batch(layer.layer, inputs, one, job.codebook, job.rounding, sums, job.draw)
    cycles, scan_last, broadcasts = reported
    bubbles = _bubbles(activation_rows)
    array = {
        "cycles": cycles, "scan_last": scan_last, "broadcasts": broadcasts, "scan_bubbles": bubbles,
        "broadcast_stalls": scan_last - broadcasts - bubbles, "dropped_activations": np.zeros(batch, np.int64),
    }  # fmt: skip
    several = of_lanes if lanes is not None else None
    totals = _derived(counters, several, (lambda raw: raw.sum(axis=-1)), broadcasts * pes, cycles * pes)
    totals["max_occupancy"] = counters[:, -1].max(axis=1)
    over = _derived(counters, several, (lambda raw: raw.sum(axis=0)), broadcasts.sum(), cycles.sum())
    over["max_occupancy"] = counters[:, -1].max(axis=0)
    counted = {**array, **totals}
    kept = None
    if by_pe:
        kept = np.empty((batch, len(PER_PE), pes), np.int64)
        for name, values in _derived(
            counters, several, (lambda raw: raw.astype(np.int64)), broadcasts[:, None], cycles[:, None]
        ).items():
            kept[:, PER_PE.index(name)] = values
        kept[:, MOST] = counters[:, -1]
    over_inputs = np.stack([np.broadcast_to(over[name], pes) for name in PER_PE])
    return Runs(np.stack([counted[name] for name in COUNTED]), over_inputs, kept, sums)


def _bubbles(activation_rows: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Scan bubbles of each input: one an activation row whose last place holds no non-zero."""
    return np.count_nonzero(activation_rows[:, :, -1] == 0, axis=1).astype(np.int64)


def _derived(
    counters: npt.NDArray[np.int32],
    of_lanes: npt.NDArray[np.int32] | None,
    reduced: Callable[[npt.NDArray[np.int32]], npt.NDArray[np.int64]],
    pushes: Any,
    cycles: Any,
) -> dict[str, Any]:
    """All counters but `max_occupancy` from those of the walk, as they are or added up over PEs or inputs alike.

    counters, of_lanes: int32[batch, kinds, pes]. reduced: adds [batch, pes] up. pushes, cycles: added up likewise.
    """
    empty, busy_empty, groups, padding, bypasses, row_reads = (reduced(counters[:, k]) for k in range(len(RAW) - 1))
    entries, busy_padding = groups, padding
    if of_lanes is not None:
        entries, busy_padding, bypasses = (reduced(of_lanes[:, k]) for k in range(3))
    macs = entries - padding
    return {
        "queue_pushes": pushes, "queue_pops": pushes, "pointer_reads": pushes, "empty_columns": empty,
        "spmat_row_reads": row_reads, "entries": entries, "entry_groups": groups, "padding_entries": padding,
        "macs": macs, "bypasses": bypasses, "accumulator_reads": macs, "accumulator_writes": macs,
        "busy_real": groups - busy_padding, "busy_padding": busy_padding, "busy_empty": busy_empty,
        "starved": cycles - groups - busy_empty,
    }  # fmt: skip


@uncounted
def _walk_all(
    sent: Any, columns: Any, gaps: Any, depth: int, per_row: float, has_padding: bool,
    pointers: Any, first_row: Any, last_row: Any, padding: Any, lanes: Any,
    ring: Any, latest_first: Any, last: Any, last_real: Any, held: Any, row_before: Any,
    counters: Any, of_lanes: Any, reported: Any,
) -> None:  # fmt: skip
    """Scan and walk each input; see `recurrence._walk`.

    sent: bool[batch, activation rows, pes]. columns, gaps and all from ring to row_before: work space, whatever it
    holds. counters, of_lanes: int32[batch, kinds, pes], all 0. reported: int64[3, batch], written: cycles, scan_last,
    broadcasts.
    """
    pes = pointers.shape[1]
    for i in range(len(sent)):
        for row in range(len(ring)):
            latest_first[row] = 0
            for p in range(pes):
                ring[row, p] = 0
        for p in range(pes):
            last[p] = 0
            last_real[p] = 0
            held[p] = -1
            row_before[p] = NO_LAST_ROW
        broadcasts = _scan(sent[i], columns, gaps)
        counted = counters[i]
        cycles, scan_last = _walk(
            columns[:broadcasts], gaps[: broadcasts + 1], depth, per_row, has_padding,
            pointers, first_row, last_row, padding, lanes,
            ring, latest_first, last, last_real, held, row_before,
            counted[0], counted[1], counted[2], counted[3], counted[4], counted[5], counted[6],
        )  # fmt: skip
        reported[0, i] = cycles
        reported[1, i] = scan_last
        reported[2, i] = broadcasts
        if lanes is not None:
            for kind in range(3):
                for p in range(pes):
                    of_lanes[i, kind, p] = lanes.counted[kind, p]
                    lanes.counted[kind, p] = 0
