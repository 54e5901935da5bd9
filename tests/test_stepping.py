"""eiesim.Machine: a cycle at a time it is the clocked engine, and what it shows are that engine's own registers."""

import numpy as np
import pytest

import eiesim
from eiesim import EieError, Machine, MachineConfig
from eiesim.machine import clock
from eiesim.rtl.probes import HELD, LNZD_PROBES, PE_PROBES
from eiesim.tracing.subject import Subject
from tests.agree import random_case
from tests.compare import case, dense_codes, expected
from tests.oracle import encode
from tests.tracing.cases import BUSY, FLOATS
from tests.tracing.watch import EMPTY, PADDING, REAL, STARVED, watched

UNITS = ("lnzd", "activation_queue", "pointer_read", "spmat_read", "arithmetic_unit", "activation_rw")
LANES = case(
    [[1, 2, 3, 1, 1, 3] * 2] * 3 + [[3, 1, 0, 2, 0, 2] * 2] * 3 + [[0] * 12] * 4 + [[1, 2, 3, 1, 0, 2] * 2],
    [0.0, 1.0, -0.5, 2.0], [[1.0, 2.0, -1.0, 0.0, 0.5, 3.0] * 2], pes=2, queue_depth=2, index_bits=1, multipliers=2,
    rounding="stochastic", rounding_seed=3,
)  # fmt: skip
CASES = {"busy": BUSY, "floats": FLOATS, "lanes": LANES} | {f"random {k}": random_case(21, k) for k in range(1, 7)}


def machine_of(one):
    return Machine(one.layer, one.batch[0], one.config)


def simulated(one, **options):
    return eiesim.simulate(one.layer, one.batch[0], one.config, engine="clocked", **options)


def of_all(machine, unit, look):
    """Fields of a unit in all PEs: name to [pes, ...]."""
    pes = range(machine._config.pes)
    every = [look(p, unit) for p in pes]
    return {name: np.array([one[name] for one in every]) for name in every[0]}


@pytest.mark.parametrize("name", CASES)
def test_every_register_and_wire_is_the_clocked_engine_s_in_that_cycle(name):
    one, cycles = CASES[name], []
    stepped = machine_of(one)
    lanes = one.config.multipliers

    def note(cycle, machine):
        assert stepped.step() == cycle == stepped.cycle
        cycles.append(cycle)
        for units, look in ((machine.registers, stepped.inspect), (machine.wires, stepped.wires)):
            for unit in clock.UNITS_OF_A_PE:
                shown = of_all(stepped, unit, look)
                assert list(shown) == list(units[unit].dtype.names)
                for field, values in shown.items():
                    right = np.asarray(units[unit][field])
                    right = right[:, 0] if right.ndim == 2 and lanes == 1 else right
                    np.testing.assert_array_equal(values, right, f"{unit}.{field} in cycle {cycle}")
        for units, look in ((machine.scanner, stepped.inspect), (machine.candidate, stepped.wires)):
            shown = look(None, "lnzd")
            assert {field: units[0][field].item() for field in units.dtype.names}.items() <= shown.items()
        assert list(stepped.inspect(None, "lnzd")["held"]) == machine.held.tolist()
        for p, owned in enumerate(subject.layer.rows_of_pe):
            (places,) = stepped.memories(p, "activation_queue").values()
            assert list(places) == [(place.column, place.activation) for place in machine.queues[p]]
            activations, sums = stepped.memories(p, "activation_rw").values()
            assert list(activations) == subject.activation_rows[:, p].tolist()
            assert list(sums) == machine.accumulators[p, : len(owned)].tolist()

    subject = Subject.of(one.layer, one.batch[:1], one.config, outputs=True)
    clock.run(clock.build(subject.job, subject.activation_rows), note)
    assert stepped.done
    assert cycles == list(range(1, len(cycles) + 1))


@pytest.mark.parametrize("name", CASES)
def test_what_it_shows_tells_the_story_that_the_watch_tells(name):
    """State, occupancy and column by PE and cycle, from names alone."""
    one, seen = CASES[name], []
    right = watched(Subject.of(one.layer, one.batch, one.config, 0))
    machine, column = machine_of(one), {}
    pes, layer = range(one.config.pes), machine._prepared.layer
    sent = []
    while not machine.done:
        cycle = machine.step()
        candidate = machine.wires(None, "lnzd")
        if candidate["found"] and not any(machine.wires(p, "activation_queue")["full"] for p in pes):
            sent.append((cycle, candidate["column"]))
        states = []
        for p in pes:
            own, out = machine.inspect(p, "pointer_read"), machine.wires(p, "pointer_read")
            if own["first"]:
                column[p] = own["column"]
            valid = np.atleast_1d(out["valid"])
            places = layer.base[p] + out["address"] + np.flatnonzero(valid)
            walking = REAL if layer.code[places].any() else PADDING
            state = STARVED if not own["valid"] else walking if valid.any() else EMPTY
            states.append((state, machine.inspect(p, "activation_queue")["count"], column[p] if own["valid"] else -1))
        seen.append(states)
    shown = np.array(seen)[: right["total_cycles"]]
    for k, what in enumerate(("state", "occupancy", "column")):
        np.testing.assert_array_equal(shown[:, :, k].T, right[what], what)
    assert sent == list(zip(right["broadcast_cycle"], right["broadcast_column"], strict=True))


@pytest.mark.parametrize("name", CASES)
def test_the_result_is_the_clocked_engine_s_and_the_oracle_s(name):
    one = CASES[name]
    machine = machine_of(one)
    while not machine.done:
        machine.step()
    ours, theirs = machine.result(), simulated(one)
    assert ours.to_dict(per_pe=True) == theirs.to_dict(per_pe=True)
    assert ours.layers[0].runs == theirs.layers[0].runs
    assert ours.outputs.dtype == theirs.outputs.dtype
    assert ours.outputs.tobytes() == theirs.outputs.tobytes()
    right = expected(one)[0]
    assert ours.cycles == right["cycles"] <= machine.cycle
    per_pe = ours.layers[0].runs[0].per_pe
    assert {name: getattr(per_pe, name).tolist() for name in right["per_pe"]} == right["per_pe"]


@pytest.mark.parametrize("name", CASES)
def test_memories_hold_what_the_oracle_encodes(name):
    one = CASES[name]
    machine, layer, config = machine_of(one), one.layer, one.config
    bias = None if layer.bias_codes is None else layer.bias_codes.tolist()
    stored = encode.encode(dense_codes(layer), bias, config.pes, config.index_bits, config.mapping)
    for p, (entries, pointers) in enumerate(stored):
        spmat = machine.memories(p, "spmat_read")
        assert list(zip(spmat["code"], spmat["z"], strict=True)) == entries
        assert machine.memories(p, "pointer_read") == {"pointers": tuple(pointers)}
        owned = encode.rows_of(p, layer.rows, config.pes, config.mapping)
        assert len(machine.memories(p, "activation_rw")["accumulators"]) == len(owned)
    assert machine.memories(None, "lnzd") == {}
    if config.arithmetic == "float32":
        assert machine.memories(0, "arithmetic_unit") == {"codebook": tuple(layer.codebook.tolist())}


def test_a_layer_that_brings_its_input_and_a_batch_of_one():
    opened = eiesim.open("table3:NT-We")
    config = MachineConfig(pes=256)
    machine = Machine(opened, config=config)
    assert (machine.cycle, machine.done) == (0, False)
    while not machine.done:
        machine.step()
    assert machine.result().to_dict() == eiesim.simulate(opened, config=config, engine="clocked").to_dict()
    batch = Machine(BUSY.layer, BUSY.batch, BUSY.config)
    while not batch.done:
        batch.step()
    assert batch.result().outputs.shape == (1, BUSY.layer.rows)


def test_names_are_those_that_the_rtl_is_compared_by():
    machine = machine_of(BUSY)
    for probe in (*PE_PROBES, *LNZD_PROBES, HELD):
        look = machine.inspect if probe.part == "registers" else machine.wires
        assert probe.field in look(None if probe.unit == "lnzd" else 0, probe.unit), probe.key
    assert {probe.unit for probe in (*PE_PROBES, *LNZD_PROBES)} == set(UNITS)


def test_numbers_are_python_s():
    machine = machine_of(FLOATS)
    machine.step()
    for unit in UNITS:
        for value in machine.inspect(None if unit == "lnzd" else 0, unit).values():
            assert type(value) in (int, float, tuple)
    assert type(machine.wires(None, "lnzd")["activation"]) is float
    assert type(machine_of(BUSY).wires(None, "lnzd")["activation"]) is int
    lanes = machine_of(LANES).inspect(0, "arithmetic_unit")
    assert lanes["real2"] == (0, 0)
    assert lanes["macs"] == 0


def test_after_the_end_there_is_no_step_and_before_it_no_result():
    machine = machine_of(BUSY)
    with pytest.raises(EieError, match="in cycle 0 and not done: step until `done` is True"):
        machine.result()
    assert machine.step() == 1
    assert repr(machine) == "<Machine with layer on 3 PEs: in cycle 1>"
    while not machine.done:
        machine.step()
    with pytest.raises(EieError, match=f"done after cycle {machine.cycle}: there is no further step"):
        machine.step()
    assert machine.result().cycles == machine.result().cycles


@pytest.mark.parametrize(
    ("pe", "unit", "says"),
    [
        (3, "pointer_read", "pe = 3: the machine has the PEs 0 to 2"),
        (-1, "pointer_read", "pe = -1: the machine has the PEs 0 to 2"),
        (1.5, "pointer_read", "pe = 1.5: is no number of a PE, 0 to 2"),
        (None, "spmat_read", "pe = None: each PE has its spmat_read; say which, 0 to 2"),
        (0, "lnzd", r"pe = 0: the LNZD is one for all PEs; inspect\(None, 'lnzd'\)"),
        (0, "pointer_reed", "no unit of the machine is called 'pointer_reed'.*did you mean 'pointer_read'"),
        (0, 7, "no unit of the machine is called '7'"),
    ],
)
def test_a_wrong_place_is_one_line(pe, unit, says):
    machine = machine_of(BUSY)
    for look in (machine.inspect, machine.wires, machine.memories):
        with pytest.raises(EieError, match=says) as error:
            look(pe, unit)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("example:lenet-300-100", None, None), "3 layers are given; Machine steps through one"),
        ((BUSY.layer, np.vstack([BUSY.batch] * 2), BUSY.config), "a batch of 2 inputs"),
        ((BUSY.layer, None, BUSY.config), "brings no activations"),
        ((BUSY.layer, BUSY.batch[0, :-1], BUSY.config), "23 an input, but"),
        ((BUSY.layer, BUSY.batch[0] * np.nan, BUSY.config), "NaN or infinity"),
        ((BUSY.layer, BUSY.batch[0], BUSY.config.replace(weights="streamed")), "weights = 'streamed'"),
        ((BUSY.layer, BUSY.batch[0], BUSY.config.replace(weight_bits=1)), "weight_bits = 1"),
        ((7, BUSY.batch[0], BUSY.config), "int"),
    ],
)
def test_what_it_cannot_step_through_is_one_line(arguments, says):
    with pytest.raises(EieError, match=says) as error:
        Machine(*arguments)
    assert "\n" not in str(error.value)
