"""Accuracy: by hand, and dense layers in fixed point against a plain-Python walk."""

from math import floor

import numpy as np
import pytest

from eiesim import CompressedLayer, EieError, MachineConfig, simulate
from eiesim.config import ARITHMETICS
from eiesim.dense import DenseLayer, expand
from eiesim.evaluation import accuracies, accuracy, dense_outputs, generations
from eiesim.model import check_labels

RNG = np.random.default_rng(0)


def test_by_hand():
    outputs = np.array([[1, 2, 0], [5, 5, 1], [0, 0, 9], [3, 2, 1]])
    assert accuracy(outputs, np.array([1, 0, 1, 0])) == 0.75
    assert accuracy(outputs[0], np.array([1])) == 1.0


def test_labels_must_fit():
    check_labels(np.array([0, 2]), 2, 3)
    with pytest.raises(EieError, match="2 for 3 inputs"):
        check_labels(np.array([0, 2]), 3, 3)
    with pytest.raises(EieError, match="3 occurs, but the last layer has 3 outputs, 0 to 2"):
        check_labels(np.array([0, 3]), 2, 3)


def slow_fixed(layer, activations, bits):
    """formats.md, "Arithmetic", word by word, in Python's whole numbers."""

    def fraction_bits(magnitude):
        if magnitude == 0:
            return bits - 1
        return max(f for f in range(-64, bits - 1 + 16 + 1) if floor(magnitude * 2.0**f + 0.5) <= 2 ** (bits - 1) - 1)

    def quantised(x, f):
        return max(-(2 ** (bits - 1)), min(2 ** (bits - 1) - 1, floor(float(x) * 2.0**f + 0.5)))

    weights = np.concatenate([layer.weights, layer.bias[:, None]], axis=1).astype(np.float64)
    values = np.concatenate([activations, np.ones((len(activations), 1))], axis=1).astype(np.float64)
    fa, fw = fraction_bits(abs(values).max()), fraction_bits(abs(weights).max())
    fo = fraction_bits(abs(values @ weights.T).max())
    s = fa + fw - fo
    assert 0 < s <= 62
    found = np.zeros((len(values), len(weights)))
    for n, x in enumerate(values):
        for i, w in enumerate(weights):
            total = 0
            for a, b in zip(x, w, strict=True):
                term = (quantised(a, fa) * quantised(b, fw) + 2 ** (s - 1)) >> s
                total = max(-(2 ** (bits - 1)), min(2 ** (bits - 1) - 1, total + term))
            found[n, i] = total * 2.0**-fo
    return np.maximum(found, 0) if layer.activation == "relu" else found


@pytest.mark.parametrize(("arithmetic", "bits"), [("fixed8", 8), ("fixed16", 16), ("fixed32", 32)])
@pytest.mark.parametrize("activation", ["relu", "none"])
def test_dense_fixed_point(arithmetic, bits, activation):
    layer = DenseLayer("l", RNG.normal(size=(6, 9)), RNG.normal(size=6), activation)
    x = RNG.normal(size=(4, 9)).astype(np.float32)
    assert (dense_outputs(layer, x, MachineConfig(arithmetic=arithmetic)) == slow_fixed(layer, x, bits)).all()


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize("bias", [True, False])
def test_dense_is_the_machine_where_weights_are_few(arithmetic, bias):
    """A layer whose weights fit a codebook gives the same outputs with one and without."""
    weights = RNG.choice([0.0, 0.5, -1.25, 2.0, 0.3], (12, 20)).astype(np.float32)
    offsets = RNG.choice([0.5, -1.25], 12).astype(np.float32) if bias else None
    layer = CompressedLayer.from_dense(weights, bias=offsets)
    x = RNG.normal(size=(5, 20)).astype(np.float32)
    config = MachineConfig(arithmetic=arithmetic)
    assert (dense_outputs(expand(layer), x, config) == simulate(layer, x, config).outputs).all()


@pytest.mark.parametrize("arithmetic", ["fixed16", "fixed8"])
@pytest.mark.parametrize("variant", [{"rounding": "floor"}, {"rounding": "stochastic", "rounding_seed": 7}])
def test_dense_rounds_and_drops_as_the_machine_does(arithmetic, variant):
    weights = RNG.choice([0.0, 0.5, -1.25, 2.0, 0.3], (12, 20)).astype(np.float32)
    layer = CompressedLayer.from_dense(weights, bias=RNG.choice([0.5, -1.25], 12).astype(np.float32))
    x = RNG.normal(size=(5, 20)).astype(np.float32)
    config = MachineConfig(arithmetic=arithmetic, activation_threshold=0.4, **variant)
    machine = simulate(layer, x, config).outputs
    assert (dense_outputs(expand(layer), x, config) == machine).all()
    assert (machine != simulate(layer, x, MachineConfig(arithmetic=arithmetic)).outputs).any()


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize(("weight", "value"), [(1000.0, 1e12), (1e-9, 1e-9)])
def test_dense_is_the_machine_where_sums_cancel(arithmetic, weight, value):
    """Automatic output bits would be out of reach, far to the left or to the right; both move them alike."""
    layer = CompressedLayer.from_dense(np.array([[weight, -weight, 0.0], [-weight, 0.0, weight]], np.float32))
    x = np.full((2, 3), value, np.float32)
    config = MachineConfig(arithmetic=arithmetic)
    assert (dense_outputs(expand(layer), x, config) == simulate(layer, x, config).outputs).all()


def test_table_has_every_network_and_arithmetic():
    layers = [DenseLayer("a", RNG.normal(size=(8, 6))), DenseLayer("b", RNG.normal(size=(3, 8)), None, "none")]
    x = RNG.normal(size=(40, 6)).astype(np.float32)
    best = (np.maximum(x @ layers[0].weights.T, 0) @ layers[1].weights.T).argmax(axis=1)
    shared = [layer.shared(4) for layer in layers]
    calls = []
    table = accuracies({"dense": layers, "shared": shared}, x, best, progress=calls.append)
    assert list(table) == ["dense", "shared"]
    assert table["dense"]["float32"] == 1.0
    assert table["dense"]["fixed32"] == 1.0
    outputs = simulate(shared, x, MachineConfig(arithmetic="fixed8")).outputs
    assert table["shared"]["fixed8"] == (outputs.argmax(axis=1) == best).mean()
    assert len(calls) == 8
    with pytest.raises(EieError, match="layer 'a' has 6 columns"):
        accuracies({"dense": layers}, x[:, :5], best)


def test_a_network_that_was_pruned_before_it_came_is_not_called_dense_nor_not_retrained():
    weights = RNG.standard_normal((6, 8)).astype(np.float32)
    cut = np.where(np.abs(weights) > 0.7, weights, np.float32(0))
    shared = [CompressedLayer.from_dense(cut, name="a")]
    whole, gone = (DenseLayer("a", of) for of in (weights, cut))
    assert list(generations(shared, [whole])) == ["dense", "pruned, not retrained", "shared"]
    assert list(generations(shared, [gone])) == ["pruned", "shared"]
    assert list(generations(shared, [whole], retrained=True)) == ["dense", "shared"]
    assert list(generations(shared, [whole], [gone], retrained=True)) == ["dense", "pruned", "shared"]
