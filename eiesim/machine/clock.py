"""The clock: joins the units' wires and drives them, propagate then update, cycle by cycle.

Within a phase a unit writes only what is its own, so the order of the units cannot matter.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eiesim._jit import inlined, jit, uncounted
from eiesim.arithmetic import finish
from eiesim.job import Job
from eiesim.machine import activation_queue, activation_rw, arithmetic_unit, lnzd, pointer_read, spmat_read
from eiesim.machine.records import COUNT, Fields, Records, records

ZERO_ROWS = 2
"""Rows of zeros after the last input row, so that ActivationRW may read past it when the LNZD has taken all."""

UNITS_OF_A_PE = {
    "activation_rw": activation_rw,
    "activation_queue": activation_queue,
    "pointer_read": pointer_read,
    "spmat_read": spmat_read,
    "arithmetic_unit": arithmetic_unit,
}


STATE_REGISTERS: Fields = [("walking", COUNT), ("empty", COUNT), ("starved", COUNT), ("most", COUNT)]
"""The registers of state counters (`counters.TABLE`), as `keep_states` saves them."""


class MachineState(NamedTuple):
    """Every register, wire and memory of the array.

    registers, wires: records[pes], with a record for each unit of a PE (`registers[p].pointer_read.address`).
    scanner, candidate, held: the LNZD's registers (records[1]), wires (records[1]) and activation row ([pes]).
    source: [activation rows + ZERO_ROWS, pes], the last ones 0. accumulators: [pes, rows a PE].
    queues: records[pes, depth].
    pointers, code, z, base: as in InterleavedLayer. codebook: [codes]. rounding: see `arithmetic.Rounding`.
    draw: see `arithmetic_unit.RowDraw`; None unless rounding is stochastic. bias: the bias's column for adder units
    (`arithmetic.Adder`); None for multipliers. along: None unless columns' numbers go along, for either.
    states: records[pes], `STATE_REGISTERS` as they stood when the layer was complete: PointerRead's cycles with an
    entry, with an empty column and with nothing, and the queue's largest occupancy.
    """

    registers: Records
    wires: Records
    scanner: Records
    candidate: Records
    held: npt.NDArray[Any]
    source: npt.NDArray[Any]
    accumulators: npt.NDArray[Any]
    queues: Records
    pointers: npt.NDArray[np.int32]
    code: npt.NDArray[np.uint8]
    z: npt.NDArray[np.uint8]
    base: npt.NDArray[np.uint32]
    per_row: float
    codebook: npt.NDArray[Any]
    rounding: Any
    draw: Any
    bias: Any
    along: Any
    states: Records


Hook = Callable[[int, MachineState], None]
"""Called in every cycle, between propagate and update, with the cycle's number (from 1)."""


def build(job: Job, activation_rows: npt.NDArray[Any]) -> MachineState:
    """A machine as it stands before cycle 1: activation row 0 in the LNZD, nothing else held.

    activation_rows: the input as the LNZD meets it, [activation rows, pes], of the codebook's dtype.
    """
    layer, value = job.layer, job.codebook.dtype
    pes = layer.pes
    along = True if job.draw is not None or job.adder is not None else None
    shape = (value, job.multipliers, bool(along))
    registers: Fields = [(name, unit.registers(*shape)) for name, unit in UNITS_OF_A_PE.items()]
    wires: Fields = [(name, unit.wires(*shape)) for name, unit in UNITS_OF_A_PE.items()]
    depth = min(job.queue_depth, layer.columns + 1)  # More places than columns are never used.
    machine = MachineState(
        registers=records(pes, registers),
        wires=records(pes, wires),
        scanner=records(1, lnzd.registers(value, job.adder is not None)),
        candidate=records(1, lnzd.wires(value)),
        held=activation_rows[0].copy(),
        source=np.concatenate([activation_rows, np.zeros((ZERO_ROWS, pes), value)]),
        accumulators=_accumulators(job),
        queues=records((pes, depth), activation_queue.places(value)),
        pointers=layer.pointers,
        code=layer.code if len(layer.code) else np.zeros(1, np.uint8),
        z=layer.z if len(layer.z) else np.zeros(1, np.uint8),
        base=layer.base.astype(np.uint32),
        per_row=1.0 / job.entries_per_row,
        codebook=job.codebook,
        rounding=job.rounding,
        draw=_draw(job),
        bias=None if job.adder is None else job.adder.bias,
        along=along,
        states=records(pes, STATE_REGISTERS),
    )
    machine.registers.activation_rw.row = 1
    machine.registers.spmat_read.held = spmat_read.NO_ROW
    return machine


def _accumulators(job: Job) -> npt.NDArray[Any]:
    """The accumulators by PE, [pes, rows a PE]; rows past a PE's last are 0."""
    start, layer = job.accumulators(), job.layer
    rows = np.zeros((layer.pes, layer.rows_per_pe), start.dtype)
    for p, owned in enumerate(layer.rows_of_pe):
        rows[p, : len(owned)] = start[owned.start : owned.stop : owned.step]
    return rows


def sums(machine: MachineState, job: Job) -> npt.NDArray[Any]:
    """The layer's sums, [rows], from the accumulators of all PEs; adder units add the rest as they are written."""
    every = np.empty(job.layer.layer.rows, machine.accumulators.dtype)
    for p, owned in enumerate(job.layer.rows_of_pe):
        every[owned.start : owned.stop : owned.step] = machine.accumulators[p, : len(owned)]
    if job.adder is not None and job.adder.rest is not None:
        finish(every, job.adder, -machine.scanner.total[0], job.rounding, job.draw)
    return every


def _draw(job: Job) -> arithmetic_unit.RowDraw | None:
    if job.draw is None:
        return None
    owned = job.layer.rows_of_pe
    first = np.array([rows.start for rows in owned], np.int64)
    return arithmetic_unit.RowDraw(job.draw.salt, job.draw.numbers, first, owned[0].step)


def run(machine: MachineState, hook: Hook | None = None) -> tuple[int, int]:
    """Clock the machine until it is drained. Returns (cycles, scan_last).

    Without a hook the whole loop is compiled; with one the same loop runs as Python around compiled phases.
    """
    cycles, scan_last = _drive_compiled(machine, None) if hook is None else _drive(machine, hook)
    return int(cycles), int(scan_last)


# The wiring: which wires and memories each unit reads, one PE at a time.


@jit
def propagate_lnzd(m: Any) -> None:
    lnzd.propagate(m.scanner[0], m.candidate[0], m.held)


@jit
def propagate_activation_rw(m: Any, p: int) -> None:
    activation_rw.propagate(p, m.registers[p].activation_rw, m.wires[p].activation_rw, m.source, m.accumulators)


@jit
def propagate_activation_queue(m: Any, p: int) -> None:
    activation_queue.propagate(p, m.registers[p].activation_queue, m.wires[p].activation_queue, m.queues)


@jit
def propagate_pointer_read(m: Any, p: int) -> None:
    pointer_read.propagate(p, m.registers[p].pointer_read, m.wires[p].pointer_read, m.pointers, m.along)


@jit
def propagate_spmat_read(m: Any, p: int) -> None:
    own, out = m.registers[p].spmat_read, m.wires[p].spmat_read
    spmat_read.propagate(p, own, out, m.code, m.z, m.base, m.per_row, m.along)


@jit
def propagate_arithmetic_unit(m: Any, p: int) -> None:
    own, out = m.registers[p].arithmetic_unit, m.wires[p].arithmetic_unit
    arithmetic_unit.propagate(p, own, out, m.codebook, m.rounding, m.draw, m.bias)


@jit
def update_lnzd(m: Any, fires: bool, row_taken: bool) -> None:
    row_count = len(m.source) - ZERO_ROWS
    lnzd.update(m.scanner[0], m.candidate[0], m.held, row_count, m.wires, fires, row_taken, m.bias)


@jit
def update_activation_rw(m: Any, p: int, fires: bool, row_taken: bool) -> None:
    own, wires = m.registers[p].activation_rw, m.wires[p]
    activation_rw.update(p, own, wires.activation_rw, m.accumulators, wires.arithmetic_unit, row_taken)


@jit
def update_activation_queue(m: Any, p: int, fires: bool, row_taken: bool) -> None:
    own, wires = m.registers[p].activation_queue, m.wires[p]
    activation_queue.update(p, own, wires.activation_queue, m.queues, m.candidate[0], wires.pointer_read, fires)


@jit
def update_pointer_read(m: Any, p: int, fires: bool, row_taken: bool) -> None:
    wires = m.wires[p]
    pointer_read.update(p, m.registers[p].pointer_read, wires.pointer_read, wires.activation_queue, m.along)


@jit
def update_spmat_read(m: Any, p: int, fires: bool, row_taken: bool) -> None:
    wires = m.wires[p]
    spmat_read.update(p, m.registers[p].spmat_read, wires.spmat_read, wires.pointer_read, m.along)


@jit
def update_arithmetic_unit(m: Any, p: int, fires: bool, row_taken: bool) -> None:
    own, wires = m.registers[p].arithmetic_unit, m.wires[p]
    arithmetic_unit.update(p, own, wires.arithmetic_unit, wires.spmat_read, wires.activation_rw, m.along)


@inlined
def propagate(m: Any) -> None:
    """The first phase of a cycle: every unit drives its wires."""
    propagate_lnzd(m)
    for p in range(len(m.registers)):
        propagate_activation_rw(m, p)
        propagate_activation_queue(m, p)
        propagate_pointer_read(m, p)
        propagate_spmat_read(m, p)
        propagate_arithmetic_unit(m, p)


@inlined
def settle(m: Any) -> tuple[bool, bool]:
    """Between the phases, from wires alone: (the candidate is broadcast, the next activation row is taken).

    Every unit would come to the same answer, so it is worked out once.
    """
    fires = bool(m.candidate[0].found)
    for p in range(len(m.wires)):
        fires &= m.wires[p].activation_queue.full == 0
    return fires, lnzd.takes_row(m.candidate[0], fires, len(m.held))


@inlined
def update(m: Any, fires: bool, row_taken: bool) -> None:
    """The second phase of a cycle: every unit takes its registers from the wires."""
    update_lnzd(m, fires, row_taken)
    for p in range(len(m.registers)):
        update_activation_rw(m, p, fires, row_taken)
        update_activation_queue(m, p, fires, row_taken)
        update_pointer_read(m, p, fires, row_taken)
        update_spmat_read(m, p, fires, row_taken)
        update_arithmetic_unit(m, p, fires, row_taken)


@jit
def drained(m: Any) -> bool:
    """Whether the scan has ended and no unit holds anything that has to move on."""
    if lnzd.busy(m.scanner[0]):
        return False
    for p in range(len(m.registers)):
        pe = m.registers[p]
        if activation_queue.busy(pe.activation_queue) or pointer_read.busy(pe.pointer_read):
            return False
        if spmat_read.busy(pe.spmat_read) or arithmetic_unit.busy(pe.arithmetic_unit):
            return False
        if activation_rw.busy(pe.activation_rw):
            return False
    return True


@jit
def any_write_done(m: Any) -> bool:
    """Whether some PE sees a write done in this cycle."""
    done = False
    for p in range(len(m.wires)):
        done |= m.wires[p].arithmetic_unit.done > 0
    return done


@jit
def keep_states(m: Any) -> None:
    """Note the state counters as they stand."""
    for p in range(len(m.registers)):
        m.states[p].walking = m.registers[p].pointer_read.walking
        m.states[p].empty = m.registers[p].pointer_read.empty
        m.states[p].starved = m.registers[p].pointer_read.starved
        m.states[p].most = m.registers[p].activation_queue.most


@jit
def ends(m: Any, cycle: int, scanning: bool, cycles: int, scan_last: int) -> tuple[int, int]:
    """After an update: (cycles, scan_last), as they would be if nothing more happened.

    The layer is complete when the scan has ended and the last write is done. The last write is known only afterwards,
    so the state counters are saved after each one. scanning: whether the scan went on in this cycle. cycles, scan_last:
    what the cycle before gave.
    """
    if m.scanner[0].done and (scanning or any_write_done(m)):
        cycles = cycle
        keep_states(m)
    return cycles, cycle if scanning else scan_last


def _drive(m: Any, hook: Any) -> tuple[int, int]:
    """Step the clock until the machine is drained. A cycle has four steps:

    1. propagate: every unit drives its wires from its registers and memories;
    2. settle: from wires alone, whether the candidate is broadcast and whether the LNZD takes the next activation row;
    3. the hook looks on: registers and wires are both those of this cycle;
    4. update: every unit takes its registers and memories from the wires.

    `eiesim.stepping` has the same four steps, one cycle at a time.
    """
    cycle, cycles, scan_last = 0, 0, 0
    while not drained(m):
        cycle += 1
        scanning = lnzd.busy(m.scanner[0])
        propagate(m)
        fires, row_taken = settle(m)
        if hook is not None:
            hook(cycle, m)
        update(m, fires, row_taken)
        cycles, scan_last = ends(m, cycle, scanning, cycles, scan_last)
    return cycles, scan_last


_drive_compiled = uncounted(_drive)
