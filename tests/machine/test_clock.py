"""The clock's promise: within a phase the order of the units cannot matter, for each writes only what is its own."""

import numpy as np
import pytest

from eiesim.arithmetic import prepare
from eiesim.encoding import interleave
from eiesim.job import Job
from eiesim.machine import clock
from tests.agree import random_case
from tests.compare import case, expected

LATCHED = ("registers", "scanner", "held", "accumulators", "queues", "states")
DRIVEN = ("wires", "candidate")
FIXED = ("source", "pointers", "code", "z", "base", "per_row", "codebook")

PE_UNITS = ("activation_rw", "activation_queue", "pointer_read", "spmat_read", "arithmetic_unit")
MOST_CYCLES = 150

BUSY = case(
    [[1, 2, 3, 1, 1, 3]] * 3 + [[3, 1, 0, 2, 0, 2], [2, 0, 1, 3, 0, 1]] * 3 + [[0] * 6] * 6 + [[1, 2, 3, 1, 0, 2]] * 3,
    [0.0, 1.0, -0.5, 2.0], [[1.0, 2.0, -1.0, 0.0, 0.5, 3.0]], bias=[1] + [0] * 17,
    pes=3, queue_depth=2, index_bits=1, spmat_width=24,
)  # fmt: skip
"""Stalls, a bubble, padding, bypasses and empty columns in some fifty cycles."""

SPARSE = case(
    [[1 if (7 * i + 3 * j) % 5 == 0 else 0 for j in range(9)] for i in range(16)],
    [0.0, 0.75], [[0.0, 1.0, -2.0] * 3], pes=5, queue_depth=2, index_bits=1, arithmetic="float32",
)  # fmt: skip

CASES = {"busy": BUSY, "sparse": SPARSE} | {f"random {number}": random_case(3, number) for number in range(8)}


def machine_of(one):
    operands = prepare(one.layer, one.batch, one.config)
    job = Job.of(interleave(one.layer, one.config.pes, one.config.index_bits), operands, one.config, outputs=True)
    return clock.build(job, job.in_rows(operands.activations, operands.one)[0])


def state(machine, names):
    """Every bit of some of a machine's registers, wires or memories."""
    return {name: fields_of(np.asarray(getattr(machine, name))) for name in names}


def fields_of(array):
    """Field by field: the bytes that align fields mean nothing, and numpy does not copy them."""
    if array.dtype.names is None:
        return array.tobytes()
    return [fields_of(array[name]) for name in array.dtype.names]


def activities(pes):
    """All units, as (unit, PE); the LNZD is one for all PEs."""
    return [("lnzd", None)] + [(unit, p) for p in range(pes) for unit in PE_UNITS]


def perform(machine, phase, order, *decided):
    for unit, p in order:
        act = getattr(clock, f"{phase}_{unit}")
        act(machine, *decided) if p is None else act(machine, p, *decided)


def test_every_unit_has_both_phases():
    wired = {name for name in vars(clock) if name.startswith(("propagate_", "update_"))}
    assert wired == {f"{phase}_{unit}" for phase in ("propagate", "update") for unit in ("lnzd", *PE_UNITS)}


def test_every_part_of_the_machine_is_watched():
    assert {*LATCHED, *DRIVEN, *FIXED, "rounding", "draw", "bias", "along"} == set(clock.MachineState._fields)


@pytest.mark.parametrize("name", CASES)
def test_the_order_of_units_does_not_matter(name):
    """Two machines, one clocked as the simulator does it, one in a new order in every phase; equal after each."""
    straight, shuffled = machine_of(CASES[name]), machine_of(CASES[name])
    rng = np.random.default_rng(0)
    units = activities(CASES[name].config.pes)
    for cycle in range(1, MOST_CYCLES):
        if straight.scanner[0].done and clock.drained(straight):
            break
        clock.propagate(straight)
        perform(shuffled, "propagate", [units[k] for k in rng.permutation(len(units))])
        assert state(straight, DRIVEN) == state(shuffled, DRIVEN), f"wires differ in cycle {cycle}"
        decided = clock.settle(straight)
        assert decided == clock.settle(shuffled)
        clock.update(straight, *decided)
        perform(shuffled, "update", [units[k] for k in rng.permutation(len(units))], *decided)
        assert state(straight, LATCHED) == state(shuffled, LATCHED), f"registers or memories differ after cycle {cycle}"
    if name in ("busy", "sparse"):
        assert clock.drained(straight)


@pytest.mark.parametrize("name", CASES)
def test_propagate_writes_wires_only_and_update_none(name):
    machine = machine_of(CASES[name])
    fixed = state(machine, FIXED)
    for cycle in range(1, MOST_CYCLES):
        if machine.scanner[0].done and clock.drained(machine):
            break
        latched = state(machine, LATCHED)
        clock.propagate(machine)
        assert state(machine, LATCHED) == latched, f"propagate wrote a register or memory in cycle {cycle}"
        driven = state(machine, DRIVEN)
        clock.update(machine, *clock.settle(machine))
        assert state(machine, DRIVEN) == driven, f"update drove a wire in cycle {cycle}"
    assert state(machine, FIXED) == fixed


@pytest.mark.parametrize("phase", ["propagate", "update"])
@pytest.mark.parametrize("unit", PE_UNITS)
def test_a_unit_writes_only_its_own(phase, unit):
    """In every cycle one unit of PE 1 acts alone on a copy: nothing but its wires, or registers and memory, changes."""
    memory = {"activation_rw": "accumulators", "activation_queue": "queues"}.get(unit)
    kind = "wires" if phase == "propagate" else "registers"
    machine, changed = machine_of(BUSY), False
    while not (machine.scanner[0].done and clock.drained(machine)):
        before = copied(machine)
        clock.propagate(machine)
        decided = clock.settle(machine)
        if phase == "update":
            before = copied(machine)
        after = copied(before)
        perform(after, phase, [(unit, 1)], *(decided if phase == "update" else ()))
        changed |= state(after, [kind]) != state(before, [kind])
        getattr(after, kind)[unit][1] = getattr(before, kind)[unit][1]
        if phase == "update" and memory is not None:
            getattr(after, memory)[1] = getattr(before, memory)[1]
        assert state(after, LATCHED + DRIVEN) == state(before, LATCHED + DRIVEN)
        clock.update(machine, *decided)
    assert changed, "the unit never did anything, so this shows nothing"


def test_a_hook_sees_every_cycle_and_changes_nothing():
    watched, alone = machine_of(BUSY), machine_of(BUSY)
    seen = []
    ends = clock.run(watched, lambda cycle, machine: seen.append((cycle, int(machine.registers[0].pointer_read.valid))))
    assert ends == clock.run(alone)
    assert [cycle for cycle, _ in seen] == list(range(1, len(seen) + 1))
    assert state(watched, LATCHED + DRIVEN) == state(alone, LATCHED + DRIVEN)
    # Between the phases registers stand as they did in that cycle: PointerRead holds a column whenever not starved.
    (found,) = expected(BUSY)
    held = sum(valid for cycle, valid in seen if cycle <= ends[0])
    assert held == ends[0] - found["per_pe"]["starved"][0]


def test_the_busy_case_has_all_that_can_happen():
    (found,) = expected(BUSY)
    assert min(found["broadcast_stalls"], found["scan_bubbles"]) > 0
    for name in ("padding_entries", "bypasses", "empty_columns", "starved"):
        assert sum(found["per_pe"][name]) > 0, name


def copied(machine):
    return clock.MachineState(*(part.copy() if isinstance(part, np.ndarray) else part for part in machine))
