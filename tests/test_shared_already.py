"""Weights that are shared already are taken as they are; biases take what is free, against a slow twin."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import eiesim
from eiesim import CompressedLayer
from eiesim.dense import DenseLayer
from eiesim.weight_sharing import share, share_weights
from tests.cases import cli

eighths = st.integers(-40, 40).map(lambda n: n / 8)


def slow(weights, bias, bits):
    """The codebook's values and every bias, by the rule as it is written (docs/reading.md, "Shared already")."""
    values = sorted(set(weights) - {0.0})
    while len(values) < 2**bits - 1:
        errors = [(min(abs(b - v) for v in [0.0, *values]), -b) for b in sorted(set(bias))]
        error, negative = max(errors, default=(0.0, 0.0))
        if error == 0:
            break
        values = sorted([*values, -negative])
    every = sorted({0.0, *values})
    return values, [min(every, key=lambda v: (abs(v - b), v)) for b in bias]


@settings(deadline=None, max_examples=300)
@given(
    distinct=st.lists(eighths.filter(bool), min_size=1, max_size=7, unique=True),
    places=st.lists(st.integers(0, 7), min_size=12, max_size=12),
    bias=st.lists(eighths, min_size=3, max_size=3),
    bits=st.integers(3, 4),
)
def test_weights_are_exact_and_biases_take_what_is_free(distinct, places, bias, bits):
    weights = np.array([[0.0, *distinct][place % (len(distinct) + 1)] for place in places]).reshape(3, 4)
    values, biases = slow(weights.ravel().tolist(), bias, bits)
    layers = [
        CompressedLayer.from_dense(weights, bits=bits, bias=bias),
        CompressedLayer.from_dense(sparse.coo_array(weights), bits=bits, bias=bias),
        eiesim.compress([DenseLayer("fc", weights, np.array(bias))], bits=bits).layers[0],
        eiesim.compress({"fc.weight": weights.astype(np.float32), "fc.bias": np.float32(bias)}, bits=bits).layers[0],
    ]
    for layer in layers:
        assert layer.codebook.tolist() == [0.0, *values]
        np.testing.assert_array_equal(layer.to_dense(), weights)
        assert layer.bias.tolist() == biases


def test_a_full_codebook_leaves_biases_the_nearest_zero_too():
    """Codes -8 to 7 times one scale fill 15 places: a small bias is nearer to 0 than to any weight."""
    codes = np.arange(-8, 8)
    weights = np.tile(codes * 0.25, (4, 1))
    layer = CompressedLayer.from_dense(weights, bias=[0.1, -0.2, 9.0, 0.125])
    assert layer.codebook.tolist() == [0.0, *sorted((codes[codes != 0] * 0.25).tolist())]
    assert layer.bias.tolist() == [0.0, -0.25, 1.75, 0.0]
    np.testing.assert_array_equal(layer.to_dense(), weights)


@pytest.mark.parametrize("bits", range(1, 9))
def test_the_most_values_that_bits_hold(bits):
    """At 8 bits 255 of them; one more is k-means', whose values no weight need have."""
    most = 2**bits - 1
    values = np.arange(1, most + 1, dtype=np.float32)
    kept = CompressedLayer.from_dense(values[None], bits=bits, bias=[0.3])
    np.testing.assert_array_equal(kept.to_dense(), values[None])
    assert kept.bias.tolist() == [0.0]
    assert share(values, None, bits).as_it_was
    assert not share(np.append(values, np.float32(most + 1)), None, bits).as_it_was


def test_more_values_share_as_before_to_the_bit():
    """k-means over weights and bias together, as it always was."""
    rng = np.random.default_rng(3)
    weights, bias = rng.normal(size=(40, 30)).astype(np.float32), rng.normal(size=40).astype(np.float32)
    bias[::7] = 0
    together, codes = share_weights(np.concatenate([weights.T.ravel(), bias[bias != 0]]), 4)
    for layer in (CompressedLayer.from_dense(weights, bias=bias), DenseLayer("fc", weights, bias).shared()):
        np.testing.assert_array_equal(layer.codebook, together)
        np.testing.assert_array_equal(layer.codes, codes[: weights.size])
        np.testing.assert_array_equal(layer.bias_codes[bias != 0], codes[weights.size :])
        assert not layer.bias_codes[bias == 0].any()


def test_the_report_and_the_summary_say_which(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    rng = np.random.default_rng(0)
    few = rng.choice([-0.5, 0.25, 0.0], (20, 30)).astype(np.float32)
    many = rng.normal(size=(10, 20)).astype(np.float32)
    bias = rng.normal(size=20).astype(np.float32)
    np.savez(tmp_path / "m.npz", **{"few.weight": few, "few.bias": bias, "many.weight": many})
    done = cli("compress", str(tmp_path / "m.npz"), "-o", str(tmp_path / "net"))
    first, second = json.loads((tmp_path / "net" / "report.json").read_text())["layers"]
    layers = eiesim.load_network(tmp_path / "net").layers
    assert (first["shared"], second["shared"]) == ("as it was", "k-means")
    assert first["sharing_relative_error"] == 0
    lost = np.linalg.norm(layers[0].bias - bias) / np.linalg.norm(bias)
    assert first["bias_relative_error"] == pytest.approx(lost, rel=1e-6)
    assert second["bias_relative_error"] is None
    cost = np.linalg.norm(layers[1].to_dense() - many) / np.linalg.norm(many)
    assert second["sharing_relative_error"] == pytest.approx(cost, rel=1e-6) == second["weight_relative_error"]
    assert f"shared anew by k-means: many; kept weights off by {cost:.1%}" in done.out
    assert f"shared already, taken as they were: few; biases off by {lost:.1%}" in done.out


def test_what_sharing_cost_leaves_out_what_pruning_cost():
    weights = np.random.default_rng(1).normal(size=(30, 40)).astype(np.float32)
    report = eiesim.compress(weights, density=0.2).reports[0]
    assert report.sharing_error < 0.2 < report.weight_error
