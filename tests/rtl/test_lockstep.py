"""RTL against the clocked machine, in every cycle."""

import io
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import eiesim
from eiesim import MachineConfig
from eiesim.engines import clocked
from eiesim.machine import clock, lnzd
from eiesim.prepared import prepare_layer
from eiesim.rtl import lockstep, runs, simulators
from eiesim.rtl.cases import SHAPES, random_run
from eiesim.rtl.hardware import ADDER, MULTIPLY
from eiesim.rtl.probes import COLUMNS, HELD, LNZD_PROBES, PE_PROBES, TOTAL

from .mutations import MUTATIONS, OF_AN_ADDER, caught, swaps, two_last_columns


@pytest.mark.parametrize("shape", [0, 2, 4])
def test_random_layers_agree_in_every_cycle(simulator, shape):
    compared = 0
    for number in range(shape, shape + 5 * len(SHAPES), len(SHAPES)):
        run = random_run(7, number)
        compared += lockstep.check(run, simulators.build(run.hardware, simulator)).compared
    assert compared > 100


def test_two_columns_at_the_very_end_agree(icarus):
    run = two_last_columns()
    assert lockstep.check(run, simulators.build(run.hardware, "icarus")).compared > 50


@pytest.mark.parametrize("shape", [6])
def test_adder_units_agree_in_every_cycle(icarus, shape):
    """In few cases: a bias, several layers, sums between 0 and where they saturate, and above 0."""
    compared = 0
    for number in range(shape, shape + 3 * len(SHAPES), len(SHAPES)):
        run = random_run(7, number, operation=ADDER)
        compared += lockstep.check(run, simulators.build(run.hardware, "icarus")).compared
    assert compared > 100


@pytest.mark.slow
@pytest.mark.parametrize(("operation", "cases"), [(MULTIPLY, 500), (ADDER, 200)], ids=["multiply", "adder"])
def test_many_random_runs_agree(simulator, operation, cases):
    for number in range(cases):
        run = random_run(0, number, operation=operation)
        lockstep.check(run, simulators.build(run.hardware, simulator))


def test_random_runs_of_adder_units_saturate_and_do_not_and_have_a_bias():
    every = [random_run(0, number, operation=ADDER) for number in range(60)]
    stages = [(run, stage) for run in every for stage in run.stages]
    assert {True, False} == {stage.job.adder.bias == -1 for _, stage in stages}
    assert {run.hardware.operation for run in every} == {ADDER}
    low = between = above = 0
    for run, stage in ((run, run.stages[0]) for run in every):
        sums = clocked.run(stage.job, stage.rows(run.inputs[0])).sums
        least = -(2 ** (run.hardware.value_bits - 1))
        low += int((sums == least).any())
        between += int(((sums > least) & (sums < 0)).any())
        above += int((sums > 0).any())
    assert min(low, between, above) > 1


def test_random_runs_cover_what_the_specification_lists():
    every = [random_run(0, number) for number in range(500)]
    hardware = [run.hardware for run in every]
    assert {1, 2, 4, 5, 16} <= {one.pes for one in hardware}
    assert {1, 16} <= {one.queue_depth for one in hardware}
    assert {2, 8} <= {one.index_bits for one in hardware}
    assert {2, 8} <= {one.weight_bits for one in hardware}
    assert {8, 16} == {one.value_bits for one in hardware}
    stages = [stage for run in every for stage in run.stages]
    assert set(range(-16, 63)) == {stage.shift for stage in stages}
    assert {True, False} == {stage.relu for stage in stages}
    assert {True, False} == {stage.job.layer.layer.bias_codes is None for stage in stages}
    assert max(len(run.stages) for run in every) == 3
    assert max(len(run.inputs) for run in every) == 2
    assert any(stage.job.layer.has_padding for stage in stages)


def test_every_register_and_wire_of_the_machine_is_probed():
    """But three registers whose RTL has another shape; the probes' module says which. One multiplier has no groups."""
    probed = {probe.key for probe in (*PE_PROBES, HELD, *LNZD_PROBES)}
    fields, of_an_adder = set(), set()
    for name, unit in {**clock.UNITS_OF_A_PE, "lnzd": lnzd}.items():
        fields |= {f"{name}.registers.{field}" for field, *_ in unit.registers("i8")}
        fields |= {f"{name}.wires.{field}" for field, *_ in unit.wires("i8")}
        arguments = ("i8", True) if name == "lnzd" else ("i8", 1, True)
        of_an_adder |= {f"{name}.registers.{field}" for field, *_ in unit.registers(*arguments)}
        of_an_adder |= {
            f"{name}.wires.{field}" for field, *_ in unit.wires(*(("i8",) if name == "lnzd" else arguments))
        }
    assert fields - probed == {"spmat_read.registers.held", "spmat_read.registers.padding_groups"}
    assert probed - fields == {HELD.key}
    # Columns' numbers do not go along in the RTL; they say in which activation the bias is known by a 0.
    numbers = {key for key in of_an_adder - fields if key.rpartition(".")[2].startswith("column")}
    assert of_an_adder - fields - numbers == {TOTAL.key}
    assert set(COLUMNS.values()) <= numbers | fields
    assert set(COLUMNS) == {
        key
        for key in fields
        if re.search(r"\.activation[12]?$", key)
        and key.split(".")[0] != "activation_rw"
        and key != "lnzd.wires.activation"
    }


@pytest.mark.parametrize("name", ["bypass off", "row hold ignored", "ReLU off", "padding written"])
def test_a_fault_is_named(icarus, tmp_path, name):
    (mutation,) = (one for one in MUTATIONS if one.name == name)
    assert caught(mutation, "icarus", tmp_path) is not None


@pytest.mark.parametrize("name", ["the bias compared", "A of the layer before"])
def test_a_fault_of_an_adder_unit_is_named(icarus, tmp_path, name):
    (mutation,) = (one for one in OF_AN_ADDER if one.name == name)
    assert caught(mutation, "icarus", tmp_path, ADDER) is not None


@pytest.mark.parametrize(
    "swapped",
    [
        "pe: assign busy = head_valid [|| -> !==] pointer_busy || entry_valid || arithmetic_busy;",
        "activation_bank: if (clear || (writes [& -> ^] ~written) != 0) written <= clear ? '0 : written | writes;",
    ],
)
def test_a_swap_that_random_cases_miss_is_named(icarus, tmp_path, swapped):
    (mutation,) = (one for one in swaps() if one.name == swapped)
    assert (caught(mutation, "icarus", tmp_path) or "").startswith("two last columns, ")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", "cycle 3: the RTL stops: without a word"),
        ("- ver: note\nWARNING: x\nE12 3\n", "cycle 3: the RTL is drained, the model goes on"),
        ("Error: assertion failed\n", "cycle 3: the RTL stops: Error: assertion failed"),
        ("Cxz\n", "cycle 3: the RTL has a bit that is neither 0 nor 1"),
    ],
)
def test_what_an_rtl_says_out_of_turn_is_told(lines, said):
    rtl = lockstep._Pair(None, SimpleNamespace(stdout=io.StringIO(lines)))  # type: ignore[arg-type]
    with pytest.raises(lockstep.LockstepError, match=f"^{re.escape(said)}$"):
        rtl._snapshot("cycle 3")


def test_totals_and_counters_that_differ_are_named():
    rtl = lockstep._Pair(None, SimpleNamespace(stdout=io.StringIO("E12 4\n")))  # type: ignore[arg-type]
    with pytest.raises(lockstep.LockstepError, match=r"^cycles and scan_last: RTL E12 4, model E12 3$"):
        rtl._line_of("E12 3", "cycles and scan_last")
    rtl._same("pushes", np.array([1, 5]), np.array([1, 5]))
    with pytest.raises(lockstep.LockstepError, match=r"^counter pushes, PE 1: RTL 4,000, model 5$"):
        rtl._same("pushes", np.array([1, 4000]), np.array([1, 5]))
    with pytest.raises(lockstep.LockstepError, match=r"^counter broadcasts, PE 0: RTL 7, model 8$"):
        rtl._same("broadcasts", 7, 8)


def test_a_case_can_be_made_again():
    one, again = random_run(3, 5), random_run(3, 5)
    assert one.hardware == again.hardware
    np.testing.assert_array_equal(one.inputs, again.inputs)


DUMP = Path(__file__).resolve().parents[3] / "shared" / "data" / "alexnet_fc8" / "dump_64pe.tar.xz"


@pytest.mark.slow
@pytest.mark.skipif(not DUMP.is_file(), reason="../shared/data/alexnet_fc8 is not there (it has no licence)")
@pytest.mark.parametrize(("depth", "cycles"), [(7, 7926), (8, 7896)])
def test_alexnet_fc8_on_64_pes(simulator, tmp_path, depth, cycles):
    import tarfile

    with tarfile.open(DUMP) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.0 to 3.11.3 have none.
        archive.extractall(tmp_path)
    (acts,) = tmp_path.rglob("act.dat")
    layer, activations = eiesim.load_dump(acts.parent, rows=1000)
    run = runs.of_prepared(prepare_layer(layer, activations, MachineConfig(arithmetic="fixed16", queue_depth=depth)))
    agreed = lockstep.check(run, simulators.build(run.hardware, simulator))
    assert (agreed.cycles, agreed.outputs) == (cycles, 1000)
