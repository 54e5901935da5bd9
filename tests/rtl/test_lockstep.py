"""RTL against the clocked machine, in every cycle."""

from pathlib import Path

import numpy as np
import pytest

import eiesim
from eiesim import MachineConfig
from eiesim.machine import clock, lnzd
from eiesim.prepared import prepare_layer
from eiesim.rtl import lockstep, runs, simulators
from eiesim.rtl.cases import SHAPES, random_run
from eiesim.rtl.probes import HELD, LNZD_PROBES, PE_PROBES

from .mutations import MUTATIONS, caught, swaps, two_last_columns


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


@pytest.mark.slow
def test_500_random_runs_agree(simulator):
    for number in range(500):
        run = random_run(0, number)
        lockstep.check(run, simulators.build(run.hardware, simulator))


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
    fields = set()
    for name, unit in {**clock.UNITS_OF_A_PE, "lnzd": lnzd}.items():
        fields |= {f"{name}.registers.{field}" for field, *_ in unit.registers("i8")}
        fields |= {f"{name}.wires.{field}" for field, *_ in unit.wires("i8")}
    assert fields - probed == {"spmat_read.registers.held", "spmat_read.registers.padding_groups"}
    assert probed - fields == {HELD.key}


@pytest.mark.parametrize("name", ["bypass off", "row hold ignored", "ReLU off", "padding written"])
def test_a_fault_is_named(icarus, tmp_path, name):
    (mutation,) = (one for one in MUTATIONS if one.name == name)
    assert caught(mutation, "icarus", tmp_path) is not None


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
