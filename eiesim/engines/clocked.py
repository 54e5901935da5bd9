"""The machine itself, register by register and cycle by cycle (eiesim/machine)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.counters import PerPe, Run
from eiesim.job import Job
from eiesim.machine import clock


def run(job: Job, activation_rows: npt.NDArray[Any], hook: clock.Hook | None = None) -> Run:
    """One input through one layer.

    activation_rows: [activation rows, pes], of the codebook's dtype. hook: see `clock.Hook`; none costs nothing.
    """
    machine = clock.build(job, activation_rows)
    cycles, scan_last = clock.run(machine, hook)
    scanner, pe = machine.scanner[0], machine.registers
    queue, pointer, spmat = pe.activation_queue, pe.pointer_read, pe.spmat_read
    unit, bank = pe.arithmetic_unit, pe.activation_rw
    walking, empty, starved, occupancy = machine.states.T
    padding_groups = spmat.padding if job.multipliers == 1 else spmat.padding_groups
    # Every padding entry comes before a real one of its column, so all are walked before the layer is complete.
    counted = {
        "queue_pushes": queue.pushes,
        "queue_pops": queue.pops,
        "max_occupancy": occupancy,
        "pointer_reads": pointer.pointer_reads,
        "empty_columns": pointer.empty_columns,
        "spmat_row_reads": spmat.row_reads,
        "entries": spmat.entries,
        "entry_groups": pointer.walking,
        "padding_entries": spmat.padding,
        "macs": unit.macs,
        "bypasses": unit.bypasses,
        "accumulator_reads": bank.reads,
        "accumulator_writes": bank.writes,
        "busy_real": walking - padding_groups,
        "busy_padding": padding_groups,
        "busy_empty": empty,
        "starved": starved,
    }
    per_pe = PerPe(**{name: field.astype(np.int64) for name, field in counted.items()})
    sums = clock.sums(machine, job) if job.outputs else None
    return Run(
        cycles,
        scan_last,
        int(scanner.broadcasts),
        int(scanner.scan_bubbles),
        int(scanner.broadcast_stalls),
        per_pe,
        sums,
    )
