"""The clock's energy: no register changes in a cycle that the model has not paid for."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from eiesim import MachineConfig
from eiesim.energy.check import against_table2
from eiesim.energy.structure import ROW, registers
from eiesim.machine import clock
from eiesim.rtl.synthesis import MODULES
from eiesim.tracing.subject import Subject
from tests.agree import random_case

# unit, register of the clocked machine, register that says when it means anything, what clocks it by the model
REGISTERS = [
    ("pointer_read", "activation", "pointer_read.valid", ["pointer_reads"]),
    ("pointer_read", "address", "pointer_read.valid", ["pointer_reads", "entry_groups"]),
    ("spmat_read", "address", "spmat_read.valid", ["entry_groups"]),
    ("spmat_read", "activation", "spmat_read.valid", ["entry_groups"]),
    ("spmat_read", "held", None, ["spmat_row_reads"]),
    ("arithmetic_unit", "code1", "arithmetic_unit.valid1", ["entries"]),
    ("arithmetic_unit", "activation1", "arithmetic_unit.valid1", ["entries"]),
    ("arithmetic_unit", "row2", "arithmetic_unit.real2", ["macs"]),
    ("arithmetic_unit", "weight2", "arithmetic_unit.real2", ["macs"]),
    ("arithmetic_unit", "row3", "arithmetic_unit.real3", ["macs"]),
    ("arithmetic_unit", "product3", "arithmetic_unit.real3", ["macs"]),
    ("arithmetic_unit", "accumulator3", "arithmetic_unit.real3", ["macs"]),
    ("activation_rw", "read_row", "arithmetic_unit.real2", ["macs"]),
    ("activation_rw", "row", None, [ROW]),
    ("activation_queue", "head", None, ["queue_pops"]),
    ("activation_queue", "count", None, ["queue_pushes", "queue_pops"]),
]
BY_NAME = {(unit, name): (flag, events) for unit, name, flag, events in REGISTERS}


def changes(values, meant):
    """How often a register changes, over all PEs and lanes, counted between the cycles in which it means anything.

    A register that all lanes share means something where one of them is on.
    """
    total = 0
    values, meant = np.array(values), np.array(meant) != 0
    if meant.ndim > values.ndim:
        meant = meant.any(axis=-1)
    cycles = len(values)
    for value, there in zip(values.reshape(cycles, -1).T, meant.reshape(cycles, -1).T, strict=True):
        kept = value[there]
        total += int(np.count_nonzero(kept[1:] != kept[:-1]))
    return total


@pytest.mark.parametrize("number", range(12))
def test_a_register_changes_only_in_cycles_that_the_model_clocks(number):
    case = random_case(5, number)
    subject = Subject.of(case.layer, case.batch, case.config, 0)
    seen = {key: ([], []) for key in BY_NAME}
    places, sums = [], []

    def note(cycle, machine):
        for (unit, name), (values, meant) in seen.items():
            flag = BY_NAME[unit, name][0]
            values.append(np.array(machine.registers[unit][name]))
            if flag is None:
                meant.append(np.ones(machine.registers[unit][name].shape))
            else:
                other, bit = flag.split(".")
                meant.append(np.array(machine.registers[other][bit]))
        places.append(machine.queues["column"].copy())
        sums.append(machine.accumulators.copy())

    machine = clock.build(subject.job, subject.activation_rows)
    clock.run(machine, note)
    events = counted(machine)
    for key, (values, meant) in seen.items():
        assert changes(values, meant) <= sum(events[event] for event in BY_NAME[key][1]), key
    for kept, event in ((places, "queue_pushes"), (sums, "accumulator_writes")):
        changed = sum(int(np.count_nonzero(after != before)) for before, after in pairwise(kept))
        assert changed <= events[event]


def counted(machine):
    """The events of a run, from the machine's own registers."""
    own = machine.registers
    return {
        "pointer_reads": int(own.pointer_read.pointer_reads.sum()),
        "entry_groups": int(own.pointer_read.walking.sum()),
        "entries": int(own.spmat_read.entries.sum()),
        "spmat_row_reads": int(own.spmat_read.row_reads.sum()),
        "macs": int(own.arithmetic_unit.macs.sum()),
        "accumulator_writes": int(own.activation_rw.writes.sum()),
        "queue_pushes": int(own.activation_queue.pushes.sum()),
        "queue_pops": int(own.activation_queue.pops.sum()),
        ROW: (len(machine.source) - clock.ZERO_ROWS) * len(own),
    }


def test_the_documentation_says_what_the_model_computes():
    """docs/energy.md's table of AlexNet-FC8 against Table II, cell by cell."""
    page = (Path(__file__).parents[2] / "docs" / "energy.md").read_text(encoding="utf-8")
    table = page[page.index("## Checked against the chip") : page.index("The clock network is")]
    rows = {cells[0]: cells for cells in (re.findall(r"[^|]+", line) for line in table.splitlines()) if cells}
    printed = {name.strip(): [cell.strip() for cell in cells[1:4]] for name, cells in rows.items() if len(cells) > 4}
    names = {"all": "total", "lnzd (a PE's share)": "lnzd"}
    checks = {check.name: check for check in against_table2() if check.kind != "component"}
    shown = 0
    for name, cells in printed.items():
        if name in ("module", "---"):
            continue
        check = checks[names.get(name, name)]
        difference = f"{check.difference:+.0%}".replace("-", "−").replace("%", " %")
        assert float(cells[0]) == pytest.approx(check.published_mw, abs=1.1e-3), name  # Its sum is 9.157 or 9.158.
        assert cells[1:] == [f"{check.activity_mw:.3f}", difference], name
        shown += 1
    assert shown == len(checks) == 7


def test_each_module_is_clocked_by_what_these_registers_are_clocked_by():
    groups = registers(MachineConfig())
    for unit, name, _, events in REGISTERS:
        clocked_by = {event for group in groups if group.module == MODULES[unit] for event in group.events}
        assert set(events) <= clocked_by, (unit, name)
