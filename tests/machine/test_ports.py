"""Units' port tables against the SystemVerilog, its wiring, and what the clocked machine's units really read."""

import re
from importlib.resources import files
from types import SimpleNamespace

import numpy as np
import pytest

from eiesim.machine import clock, lnzd
from eiesim.prepared import prepare
from tests.tracing.cases import BUSY

UNITS = {**clock.UNITS_OF_A_PE, "lnzd": lnzd}
SOURCES = {name: (files("eiesim.rtl") / "sv" / f"{name}.sv").read_text() for name in (*UNITS, "pe", "eie")}


def code_of(name):
    """Without comments, and without what only adder units have."""
    code = re.sub(r"`ifdef ADDER\n.*?(?:`else\n(.*?))?`endif\n", r"\1", SOURCES[name], flags=re.DOTALL)
    return re.sub(r"//.*", "", code)


def body_of(name):
    return code_of(name).partition(");")[2]


def width(bits):
    """The width of `[BITS-1:0]`, or of nothing."""
    if not bits:
        return "1"
    high = bits[1 : -len(":0]")].replace(" ", "")
    if high.endswith("-1"):
        return high.removesuffix("-1")
    return str(int(high) + 1) if high.isdecimal() else f"{high}+1"


def declared(name):
    """A module's ports, (port, direction, width) in order."""
    found = re.findall(r"(input|output)\s+logic(?:\s+signed)?\s*(\[[^\]]+\])?\s+(\w+)", code_of(name))
    return [(port, {"input": "in", "output": "out"}[way], width(bits)) for way, bits, port in found]


def signals(name):
    """The widths of a module's own signals."""
    found = {}
    for bits, names in re.findall(r"logic(?:\s+signed)?\s*(\[[^\]]+\])?\s+(\w+(?:\s*,\s*\w+)*)\s*;", body_of(name)):
        found |= {one.strip(): width(bits) for one in names.split(",")}
    return found


def connections(name):
    """What each instance's ports are joined to: {module: {port: the first name in the expression}}."""
    found = {}
    for module, body in re.findall(r"(\w+)\s+#\(.*?\)\s+\w+\s*\(\s*(\..*?)\n\s*\);", body_of(name), re.DOTALL):
        joined = re.findall(r"\.(\w+)(?:\((\w+)[^,]*?\))?\s*(?:,|$)", body.strip())
        found.setdefault(module, {}).update({port: net or port for port, net in joined})
    return found


@pytest.mark.parametrize("name", UNITS)
def test_ports_are_the_systemverilog_s(name):
    table = UNITS[name].PORTS
    assert [one[:3] for one in table if one.direction != "inside"] == declared(name)
    own = signals(name)
    for one in table:
        if one.direction == "inside":
            assert own[one.port] == one.width
        assert len(one.meaning) > 5
        assert "\n" not in one.meaning


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_drives_the_wires_that_its_table_says(name):
    kinds = np.dtype(UNITS[name].wires(np.dtype(np.float32)), align=True)
    driven = {one.wire.partition(".")[2]: one for one in UNITS[name].PORTS if one.wire.startswith(f"{name}.")}
    assert driven.keys() == set(kinds.names)
    for wire, one in driven.items():
        assert one.direction != "in"
        value = kinds[wire].base == np.float32
        assert value == (one.width in ("VALUE_BITS", "PRODUCT_BITS")), wire
        assert one.width != "1" or kinds[wire].base == np.uint8


def test_the_rtl_joins_what_the_tables_join():
    """Each input and the output that drives it are one net, through the PE's own ports and the array's."""
    in_pe, in_array = connections("pe"), connections("eie")
    of_pe = {port for port, *_ in declared("pe")}

    def net(unit, port):
        if unit == "lnzd":
            return "array", in_array["lnzd"][port]
        inner = in_pe[unit][port]
        return ("array", in_array["pe"][inner]) if inner in of_pe else ("pe", inner)

    drives = {one.wire: (unit, one.port) for unit in UNITS for one in UNITS[unit].PORTS if one.direction == "out"}
    joined = 0
    for unit in UNITS:
        assert (in_array if unit == "lnzd" else in_pe)[unit].keys() == {port for port, *_ in declared(unit)}
        for one in UNITS[unit].PORTS:
            if one.direction == "in" and one.wire:
                assert net(unit, one.port) == net(*drives[one.wire]), (unit, one.port)
                joined += 1
    assert joined == 25


class Seen:
    """A unit's wires that note which of them are read."""

    def __init__(self, record, unit, log):
        self.__dict__.update(record=record, unit=unit, log=log)

    def __getattr__(self, name):
        self.log.add(f"{self.unit}.{name}")
        return self.record[name]

    def __setattr__(self, name, value):
        self.record[name] = value


def test_a_unit_reads_the_wires_that_its_table_says(monkeypatch):
    """The machine's own functions, run as Python over wires that tell, for as long as something moves."""

    def python(function):
        return getattr(function, "py_func", function)

    for module, names in ((one, ("update",)) for one in UNITS.values()):
        for name in names:
            monkeypatch.setattr(module, name, python(getattr(module, name)))
    monkeypatch.setattr(lnzd, "takes_row", python(lnzd.takes_row))
    (one,) = prepare(BUSY.layer, BUSY.batch[0], BUSY.config)
    machine = clock.build(one.job, one.activation_rows[0])
    logs = {unit: set() for unit in UNITS}

    def watched_by(unit):
        log = logs[unit]
        wires = [
            SimpleNamespace(**{other: Seen(machine.wires[p][other], other, log) for other in clock.UNITS_OF_A_PE})
            for p in range(len(machine.wires))
        ]
        candidate = [Seen(machine.candidate[0], "lnzd", log)]
        return SimpleNamespace(**{**machine._asdict(), "wires": wires, "candidate": candidate})

    watched = {unit: watched_by(unit) for unit in UNITS}
    for _ in range(40):
        clock.propagate(machine)
        settled = python(clock.settle)(watched["lnzd"])
        for unit in UNITS:
            update = python(getattr(clock, f"update_{unit}"))
            for p in range(1 if unit == "lnzd" else len(machine.registers)):
                update(watched[unit], *(() if unit == "lnzd" else (p,)), *settled)
    for unit, log in logs.items():
        foreign = {wire for wire in log if not wire.startswith(f"{unit}.")}
        told = {one.wire for one in UNITS[unit].PORTS if one.direction == "in" and one.wire}
        assert foreign == {wire for wire in told if not wire.startswith("settled.")}, unit
