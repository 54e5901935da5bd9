"""The machine itself, register by register and cycle by cycle (eiesim/machine)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.counters import STATE, TABLE, Counter, PerPe, Run
from eiesim.job import Job
from eiesim.machine import clock


def run(job: Job, activation_rows: npt.NDArray[Any], hook: clock.Hook | None = None) -> Run:
    """One input through one layer.

    activation_rows: [activation rows, pes], of the codebook's dtype. hook: see `clock.Hook`; none costs nothing.
    """
    machine = clock.build(job, activation_rows)
    cycles, scan_last = clock.run(machine, hook)
    return reported(machine, job, cycles, scan_last)


def reported(machine: clock.MachineState, job: Job, cycles: int, scan_last: int) -> Run:
    """What a drained machine has counted and summed up. cycles, scan_last: what its clock gave."""
    spmat = machine.registers.spmat_read
    # Every padding entry comes before a real one of its column, so all are walked before the layer is complete.
    padding_groups = np.asarray(spmat.padding if job.multipliers == 1 else spmat.padding_groups, np.int64)
    counted = {one.name: _register(machine, one) for one in TABLE if one.register}
    counted["busy_real"] = counted["busy_real"] - padding_groups
    counted["busy_padding"] = padding_groups
    return Run(
        cycles=cycles,
        scan_last=scan_last,
        **{one.name: int(counted[one.name][0]) for one in TABLE if one.register and not one.per_pe},
        per_pe=PerPe(**{one.name: counted[one.name] for one in TABLE if one.per_pe}),
        sums=clock.sums(machine, job) if job.outputs else None,
    )


def _register(machine: clock.MachineState, counter: Counter) -> npt.NDArray[np.int64]:
    """What the register of a counter holds: int64[pes], or int64[1] for the LNZD's."""
    if counter.kind == STATE:
        held = machine.states[counter.register]
    else:
        unit = machine.registers[counter.unit] if counter.per_pe else machine.scanner
        held = unit[counter.register]
    return np.asarray(held, np.int64)
