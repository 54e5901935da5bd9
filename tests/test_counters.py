"""One table of counters: classes, columns, engines, the RTL's check, the energy model and the page go by it."""

import re
from dataclasses import fields
from pathlib import Path

import numpy as np

from eiesim import MachineConfig
from eiesim.counters import COUNTERS, EVENT, STATE, TABLE, Counters, PerPe, Run
from eiesim.energy.structure import CYCLE, NEVER, ROW, registers
from eiesim.engines import event
from eiesim.machine import clock, lnzd
from eiesim.rtl.lockstep import counted
from eiesim.rtl.probes import LNZD_PROBES, PE_PROBES
from eiesim.sweeps import row

PER_PE = {one.name for one in TABLE if one.per_pe}
KINDS = {one.name: one.kind for one in TABLE}


def test_classes_have_the_table_s_counters():
    assert [part.name for part in fields(Counters)] == list(COUNTERS)
    assert {part.name for part in fields(PerPe)} == PER_PE
    assert set(COUNTERS) - PER_PE < {part.name for part in fields(Run)}
    assert len(set(COUNTERS)) == len(COUNTERS)


def test_each_counter_s_register_is_one_of_its_unit():
    value = np.dtype(np.float32)
    units = {name: unit.registers(value) for name, unit in clock.UNITS_OF_A_PE.items()} | {
        "lnzd": lnzd.registers(value)
    }
    names = {unit: {field[0] for field in held} for unit, held in units.items()}
    counting = {(unit, field[0]) for unit, held in units.items() for field in held if field[0] not in ADDRESSES[unit]}
    for one in TABLE:
        assert bool(one.unit) == bool(one.register)
        assert not one.unit or one.register in names[one.unit], one
        assert one.kind in (EVENT, STATE)
    assert {one.register for one in TABLE if one.kind == STATE} == {name for name, *_ in clock.STATE_REGISTERS}
    # And every register that counts is some counter's; padding_groups parts busy_padding from busy_real.
    known = {(one.unit, one.register) for one in TABLE if one.unit} | {("spmat_read", "padding_groups")}
    assert counting == known


ADDRESSES = {
    "lnzd": {"row", "next_place", "done"},
    "activation_rw": {"row", "read_row"},
    "activation_queue": {"head", "count"},
    "pointer_read": {"valid", "first", "column", "activation", "address", "end"},
    "spmat_read": {"valid", "first", "address", "activation", "held"},
    "arithmetic_unit": {
        *("valid1", "code1", "z1", "activation1", "next_row1", "real2", "real3", "real4", "done", "row2", "weight2"),
        *("activation2", "row3", "product3", "accumulator3"),
    },
}
"""Registers that the hardware has, too: they do not count."""


def test_the_event_engine_counts_each_with_its_kind():
    assert {name for name in PER_PE if KINDS[name] == EVENT} == set(event.EVENTS)
    assert {name for name in PER_PE if KINDS[name] == STATE} == {*event.STATES, "starved", "max_occupancy"}


def test_the_rtl_is_compared_in_every_counter_of_the_machine():
    keys = {probe.key for probe in (*PE_PROBES, *LNZD_PROBES)}
    both = {**counted(EVENT), **counted(STATE)}
    assert both.keys() <= keys
    named = [name for kind in (EVENT, STATE) for names in counted(kind).values() for name in names]
    assert sorted(named) == sorted(set(COUNTERS) - {"dropped_activations"})


def test_a_sweep_s_columns_stand_as_the_table_has_them():
    columns = row.columns()
    start = columns.index(COUNTERS[0])
    assert columns[start : start + len(COUNTERS)] == COUNTERS
    assert {name: row.meanings()[name] for name in COUNTERS} == {one.name: one.meaning for one in TABLE}


def test_what_clocks_registers_is_a_counter():
    events = {name for group in registers(MachineConfig()) for name in group.events}
    assert events - {CYCLE, NEVER, ROW} <= set(COUNTERS)


def test_the_page_explains_every_counter_with_its_kind():
    page = (Path(__file__).parents[1] / "docs" / "machine.md").read_text(encoding="utf-8")
    table = page[page.index("## Counters") : page.index("## Derived figures")]
    lines = re.findall(r"^\| ([a-z_, ]+) \| (event|state)(?:, total)? \|", table, re.MULTILINE)
    shown = {name: kind for names, kind in lines for name in names.split(", ")}
    assert shown == KINDS
