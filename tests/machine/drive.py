"""One unit alone, with its registers and wires and other units' wires to be set by hand; or the whole machine."""

import numpy as np

from eiesim.arithmetic import prepare
from eiesim.encoding import interleave
from eiesim.job import Job
from eiesim.machine import clock
from eiesim.machine.records import records

VALUE = np.dtype(np.int64)


class Alone:
    """A unit of one PE. own: its registers, out: its wires."""

    def __init__(self, unit, value=VALUE):
        self.unit = unit
        self.own = records(1, unit.registers(value))[0]
        self.out = records(1, unit.wires(value))[0]

    def busy(self):
        return bool(self.unit.busy(self.own))


def wires_of(unit, value=VALUE, **fields):
    """Another unit's wires, all 0 but for `fields`."""
    wires = records(1, unit.wires(value))[0]
    put(wires, **fields)
    return wires


def put(record, **fields):
    """Set fields of a record."""
    for name, value in fields.items():
        setattr(record, name, value)


def got(record, *names):
    """Some fields of a record, as plain numbers."""
    return tuple(getattr(record, name).item() for name in names)


def machine_of(one):
    """The machine of a case before cycle 1, with the first input of its batch."""
    operands = prepare(one.layer, one.batch, one.config)
    job = Job.of(interleave(one.layer, one.config.pes, one.config.index_bits), operands, one.config, outputs=True)
    return clock.build(job, job.in_rows(operands)[0])
