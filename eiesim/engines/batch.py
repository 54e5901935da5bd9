"""A batch through a layer, by any engine; the recurrences go through its inputs in one compiled loop."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._jit import uncounted
from eiesim.arithmetic import FEW_INPUTS, accumulate_batch, finish, magnitudes
from eiesim.counters import Run
from eiesim.engines import recurrence
from eiesim.engines.recurrence import _scan, complete, derived, time, work_space
from eiesim.job import Job
from eiesim.runs import COUNTED, PER_PE, Runs

Engine = Callable[[Job, npt.NDArray[Any]], Run]
"""One input through one layer. activation_rows: [activation rows, pes]."""


def run(
    engine: Engine,
    job: Job,
    activation_rows: npt.NDArray[Any],
    starts: npt.NDArray[Any] | None = None,
    by_pe: bool = True,
    told: Callable[[int], object] | None = None,
    sums: npt.NDArray[Any] | None = None,
    only_times: bool = False,
) -> Runs:
    """Some inputs through one layer.

    activation_rows: [batch, activation rows, pes], of the codebook's dtype; of the recurrences' timing alone, it may be
    bool, which are not 0. starts: [batch, rows], each input's
    accumulators before; None is all 0. by_pe: whether what every PE counts is kept. told: called with the number of
    inputs that are through. sums: the accumulators, [batch, rows], if they are known: the recurrences, which would add
    them up as whoever found them did, then only time.
    """
    if sums is not None and engine is recurrence.run:
        return replace(run(engine, replace(job, outputs=False), activation_rows, starts, by_pe, told), sums=sums)
    if engine is recurrence.run and len(activation_rows) >= FEW_INPUTS:
        runs = _recurrences(job, activation_rows, starts, by_pe)
        if told is not None:
            told(len(activation_rows))
        return runs
    if engine is recurrence.run and len(activation_rows) == 1:
        job = job if starts is None else replace(job, start=starts[0])
        parts = recurrence.ran(job, activation_rows[0], only_times)
        if told is not None:
            told(1)
        return Runs.of_one(parts.cycles, parts.sums, parts.counted, by_pe)
    each = []
    for k, rows in enumerate(activation_rows):
        each.append(engine(job if starts is None else replace(job, start=starts[k]), rows))
        if told is not None:
            told(1)
    return Runs.of(each, by_pe)


def _recurrences(job: Job, activation_rows: npt.NDArray[Any], starts: npt.NDArray[Any] | None, by_pe: bool) -> Runs:
    layer, batch, pes = job.layer, len(activation_rows), job.layer.pes
    places = activation_rows[0].size
    columns, gaps = np.empty(places, np.int64), np.empty(places + 1, np.int32)
    counted = np.empty((batch, len(recurrence.COUNTED), layer.kept.pes), np.int32)
    reported = np.empty((3, batch), np.int64)
    tables, lanes = recurrence.of_layer(job)
    _time_all(tables, lanes, activation_rows != 0, columns, gaps, work_space(job), counted, reported)
    cycles, scan_last, broadcasts = reported
    complete(lanes is not None, broadcasts[:, None], np.moveaxis(counted, 1, 0))
    # One an activation row whose last place holds no non-zero.
    bubbles = np.count_nonzero(activation_rows[:, :, -1] == 0, axis=1).astype(np.int64)
    own = {
        "cycles": cycles,
        "scan_last": scan_last,
        "broadcasts": broadcasts,
        "scan_bubbles": bubbles,
        "broadcast_stalls": scan_last - broadcasts - bubbles,
        "dropped_activations": np.zeros(batch, np.int64),
        **derived(_over_pes(counted, pes).T, broadcasts * pes, cycles * pes),
    }
    over_inputs = derived(
        layer.of_all_pes(_over_inputs(counted)), np.full(pes, broadcasts.sum()), np.full(pes, cycles.sum())
    )
    kept = None
    if by_pe:
        kept = np.empty((batch, len(PER_PE), pes), np.int64)
        each = derived(np.moveaxis(layer.of_all_pes(counted), 1, 0), broadcasts[:, None], cycles[:, None])
        for k, name in enumerate(PER_PE):
            kept[:, k] = each[name]
    sums = None
    if job.outputs:
        sums = np.zeros((batch, layer.layer.rows), job.codebook.dtype) if starts is None else starts.copy()
        flat = activation_rows.reshape(batch, -1)
        one = flat[0, layer.columns - 1]  # The bias's, the same in every input.
        inputs = np.ascontiguousarray(flat[:, : layer.layer.cols])
        accumulate_batch(layer.layer, inputs, one, job.codebook, job.rounding, sums, job.draw, job.adder)
        if job.adder is not None and job.adder.rest is not None:
            for total, into in zip(magnitudes(inputs), sums, strict=True):
                finish(into, job.adder, -total, job.rounding, job.draw)
    return Runs(np.stack([own[name] for name in COUNTED]), np.stack([over_inputs[name] for name in PER_PE]), kept, sums)


def _over_inputs(counted: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """What the walk counted, [inputs, counters, PEs], added up over inputs; of the occupancies the largest."""
    added: npt.NDArray[np.int64] = counted.sum(axis=0, dtype=np.int64)
    added[recurrence.OCCUPANCY] = counted[:, recurrence.OCCUPANCY].max(axis=0)
    return added


def _over_pes(counted: npt.NDArray[np.int32], pes: int) -> npt.NDArray[np.int64]:
    """The same added up over PEs, the last of which stands for all that are not there; of occupancies the largest."""
    added: npt.NDArray[np.int64] = counted.sum(axis=2, dtype=np.int64)
    added += counted[:, :, -1].astype(np.int64) * (pes - counted.shape[2])
    added[:, recurrence.OCCUPANCY] = counted[:, recurrence.OCCUPANCY].max(axis=1)
    return added


@uncounted
def _time_all(
    tables: Any, lanes: Any, sent: Any, columns: Any, gaps: Any, work: Any, counted: Any, reported: Any
) -> None:
    """Scan and time each input; see `recurrence.time`.

    sent: bool[batch, activation rows, pes]. columns, gaps: work space. counted: int32[batch, counters, pes], written.
    reported: int64[3, batch], written: cycles, scan_last, broadcasts.
    """
    for i in range(len(sent)):
        broadcasts = _scan(sent[i], columns, gaps)
        cycles, scan_last = time(tables, lanes, columns[:broadcasts], gaps[: broadcasts + 1], work, counted[i])
        reported[0, i] = cycles
        reported[1, i] = scan_last
        reported[2, i] = broadcasts
