"""A batch is what its inputs are one by one: every counter, metric, energy and output; and what it leaves out."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eiesim
from eiesim import EieError
from eiesim._io import memory
from eiesim._io.json_pieces import pieces, plain
from eiesim.arithmetic import FEW_INPUTS
from eiesim.counters import COUNTERS
from eiesim.runs import BY_PE_UP_TO

INPUTS = FEW_INPUTS + 5

MACHINES = {
    "recurrence": {},
    "several multipliers": {"multipliers": 4},
    "blocks, two places": {"mapping": "blocked", "queue_depth": 2},
    "float32": {"arithmetic": "float32"},
    "drawn roundings": {"rounding": "stochastic", "rounding_seed": 3},
    "streamed": {"weights": "streamed", "spmat_bytes": 24},
    "streamed, what is active": {"weights": "streamed-active", "spmat_bytes": 24, "multipliers": 2},
    "a threshold": {"activation_threshold": 0.4, "arithmetic": "float32"},
    "clocked": {},
    "event": {},
}


def network():
    """Three layers in a row, the second with a bias, and a batch: zeros among the inputs, an input of zeros only."""
    random = np.random.default_rng(5)
    layers = []
    for k, shape in enumerate([(11, 14), (6, 11), (4, 6)]):
        weights = np.where(random.random(shape) < 0.4, random.normal(size=shape), 0)
        bias = random.normal(size=shape[0]) if k == 1 else None
        layers.append(eiesim.CompressedLayer.from_dense(weights, bias=bias, name=f"fc{k}"))
    inputs = np.where(random.random((INPUTS, 14)) < 0.5, random.random((INPUTS, 14)), 0).astype(np.float32)
    inputs[3] = 0
    return layers, inputs


def machine(keys):
    """Fraction bits are given: automatic ones are a batch's own."""
    bits = {} if keys.get("arithmetic") == "float32" else dict.fromkeys(FRACTIONS, 8)
    return {"pes": 4, **bits, **keys}


FRACTIONS = ("activation_frac", "weight_frac", "output_frac")


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("outputs", [True, False])
def test_a_batch_is_its_inputs_one_by_one(name, outputs):
    layers, inputs = network()
    engine = name if name in ("clocked", "event") else "recurrence"
    config = machine(MACHINES[name])
    together = eiesim.simulate(layers, inputs, config, engine, outputs, threads=2)
    alone = [eiesim.simulate(layers, one, config, engine, outputs) for one in inputs]
    streamed = config.get("weights", "resident") != "resident"
    for number, layer in enumerate(together):
        each = [one[number] for one in alone]
        if config.get("weights") == "streamed-active":
            # Tiles hold what is active in any input, so that a batch is cut otherwise than one input.
            entries = [run.per_pe.macs.tolist() for run in layer.runs]
            assert entries == [one.runs[0].per_pe.macs.tolist() for one in each]
        else:
            for k, one in enumerate(each):
                assert layer.runs[k] == one.runs[0]
        for name, values in vars(layer.per_pe).items():
            assert values.tolist() == [getattr(run.per_pe, name).tolist() for run in layer.runs]
        totals = vars(layer.metrics.counters)
        for name in COUNTERS:
            of_each = [getattr(metrics.counters, name) for metrics in layer.per_input]
            assert totals[name] == (max if name == "max_occupancy" else sum)(of_each)
        if not streamed:  # whose loads all inputs share
            assert layer.per_input == tuple(one.metrics for one in each)
            assert layer.energy_per_input == tuple(one.energy for one in each)
        assert layer.busiest_pe == int(layer.per_pe.entry_groups.sum(axis=0).argmax())
        if layer.outputs is not None:
            assert layer.outputs.tobytes() == np.stack([one.outputs for one in each]).tobytes()


@pytest.mark.parametrize("keys", [{}, {"weights": "streamed", "spmat_bytes": 24}, {"multipliers": 2}])
def test_without_the_counters_of_every_pe_all_else_is_the_same(keys):
    layers, inputs = network()
    whole, lean = (eiesim.simulate(layers, inputs, machine(keys), per_pe=kept) for kept in (True, False))
    assert lean.to_json() == whole.to_json()
    assert lean.to_frame().equals(whole.to_frame())
    assert lean.outputs.tobytes() == whole.outputs.tobytes()
    assert (lean.busiest_pe, lean.metrics, lean.energy) == (whole.busiest_pe, whole.metrics, whole.energy)
    assert lean[0].mean_per_pe == whole[0].mean_per_pe
    for wanted in (lambda: lean.per_pe, lambda: lean.to_dict(per_pe=True), lambda: list(lean[1].runs)):
        with pytest.raises(EieError, match=f"batch of {INPUTS} inputs keeps no .* per_pe=True"):
            wanted()


def test_only_large_batches_leave_the_counters_of_every_pe_out():
    layer = eiesim.CompressedLayer.from_dense([[1.0, 0.0], [0.5, 2.0]])
    for inputs, kept in ((BY_PE_UP_TO, True), (BY_PE_UP_TO + 1, False)):
        result = eiesim.simulate(layer, np.ones((inputs, 2)), {"pes": 2})
        assert (result[0].runs.by_pe is not None) == kept
        assert result.cycles == eiesim.simulate(layer, [1, 1], {"pes": 2}).cycles


def test_a_batch_that_memory_does_not_hold_is_refused_with_its_size(monkeypatch):
    monkeypatch.setattr(memory, "ALWAYS_TAKEN", 0)
    monkeypatch.setattr(memory, "available", lambda: 5000)
    layers, inputs = network()
    with pytest.raises(EieError, match=r"^13 inputs through 3 layers; fewer .*needs .* GB of memory, .* are free$"):
        eiesim.simulate(layers, inputs, {"pes": 4}, per_pe=False)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(value=VALUES)
def test_pieces_of_json_are_what_json_writes(value):
    assert "".join(pieces(value)) == json.dumps(value, indent=1, allow_nan=False)


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
@pytest.mark.parametrize("shape", [(0,), (3,), (9000,), (2, 3), (2, 0)])
def test_arrays_and_iterators_are_written_as_lists(dtype, shape):
    values = np.random.default_rng(0).normal(0, 1e3, shape).astype(dtype)
    value = {"a": values, "b": (one for one in [1, values])}
    right = {"a": values.tolist(), "b": [1, values.tolist()]}
    assert "".join(pieces(value)) == json.dumps(right, indent=1)
    assert plain({"a": values, "b": iter([1, values])}) == right


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_json_has_no_number_for_is_refused(wrong):
    with pytest.raises(ValueError, match="not JSON compliant"):
        list(pieces({"a": np.array([1, wrong])}))
