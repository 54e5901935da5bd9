"""Weight sharing: k-means against a naive twin, and the optimum against all partitions."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from eiesim import CompressedLayer, EieError
from eiesim.weight_sharing import INITIALISATIONS, k_means, linear_initialisation, nearest_code, share_weights
from tests.oracle.kmeans import lloyd

some_weights = arrays(np.float32, st.integers(1, 60), elements=st.floats(-8, 8, width=32))


def cost(weights, codebook):
    return sum(min((float(w) - float(c)) ** 2 for c in codebook[1:]) for w in weights)


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(2, 7))
def test_k_means_is_lloyds(seed, values):
    # Continuous weights: with ties, rounding may decide, and both choices are right.
    weights = np.random.default_rng(seed).normal(size=50).astype(np.float32)
    start = linear_initialisation(weights, values)
    np.testing.assert_allclose(k_means(weights, start), lloyd(weights.tolist(), values), rtol=1e-9)


@pytest.mark.parametrize("initialisation", INITIALISATIONS)
@given(weights=some_weights, bits=st.integers(1, 8))
@settings(max_examples=25)
def test_every_weight_has_its_nearest_value(initialisation, weights, bits):
    if initialisation == "optimal":
        pytest.importorskip("kmeans1d", reason="needs extra [optimal]")
    codebook, codes = share_weights(weights, bits, initialisation)
    assert codebook[0] == 0
    assert len(codebook) <= 2**bits
    assert codes.min() >= 1
    distance = abs(weights[:, None].astype(np.float64) - codebook[None, 1:])
    chosen = distance[np.arange(len(weights)), codes - 1]
    assert (chosen == distance.min(axis=1)).all()


@given(weights=some_weights)
def test_few_distinct_weights_stay_exact(weights):
    distinct = np.unique(weights)
    codebook, codes = share_weights(weights, 6)
    assert (codebook[codes] == weights).all()
    assert (codebook[1:] == distinct).all()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-4, 4, width=32), min_size=4, max_size=9, unique=True))
def test_optimal_is_the_best_of_all_partitions(values):
    pytest.importorskip("kmeans1d", reason="needs extra [optimal]")
    weights = np.sort(np.array(values, np.float32))
    best = min(
        sum(((part - part.mean()) ** 2).sum() for part in np.split(weights.astype(np.float64), cuts))
        for cuts in combinations(range(1, len(weights)), 2)
    )
    codebook, _ = share_weights(weights, 2, "optimal")
    assert cost(weights, codebook) == pytest.approx(best, rel=1e-5, abs=1e-6)


def test_initialisations_differ_as_published():
    """Deep Compression Sec. 3.2, Fig. 6: density crowds around the peaks, linear spans the range evenly."""
    rng = np.random.default_rng(0)
    weights = np.concatenate([rng.normal(-1, 0.1, 5000), rng.normal(1, 0.1, 5000), [-6, 6]]).astype(np.float32)
    linear = INITIALISATIONS["linear"](weights, 15, 0)
    density = INITIALISATIONS["density"](weights, 15, 0)
    assert linear[0] == -6
    assert linear[-1] == 6
    assert np.diff(linear) == pytest.approx(np.full(14, 12 / 14))
    assert np.sort(abs(abs(density) - 1))[:-1].max() < 0.3  # one in the middle lies between the peaks
    for chosen in (INITIALISATIONS["random"](weights, 15, seed) for seed in range(3)):
        assert np.isin(chosen.astype(np.float32), weights).all()
    assert not np.array_equal(INITIALISATIONS["random"](weights, 15, 1), INITIALISATIONS["random"](weights, 15, 2))


def test_the_optimum_costs_least():
    pytest.importorskip("kmeans1d", reason="needs extra [optimal]")
    weights = np.random.default_rng(3).standard_t(3, 3000).astype(np.float32)
    costs = {}
    for name in INITIALISATIONS:
        codebook, codes = share_weights(weights, 4, name)
        costs[name] = float(((weights - codebook[codes]).astype(np.float64) ** 2).sum())
    assert costs["optimal"] == pytest.approx(min(costs.values()), rel=1e-5)


def test_bits_and_values():
    weights = np.random.default_rng(0).standard_normal(5000).astype(np.float32)
    for bits in range(1, 9):
        codebook, codes = share_weights(weights, bits)
        assert 1 <= len(codebook) - 1 <= 2**bits - 1
        assert codes.max() == len(codebook) - 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: share_weights(np.ones(3, np.float32), 0), "bits = 0: must be 1 to 8"),
        (lambda: share_weights(np.ones(3, np.float32), 9), "bits = 9: must be 1 to 8"),
        (lambda: share_weights(np.ones(3, np.float32), 4, "best"), "linear, density, random, optimal"),
        (lambda: share_weights(np.array([np.nan], np.float32), 4), "NaN or infinity"),
        (lambda: nearest_code(np.ones(3, np.float32), np.zeros(1, np.float32)), "no entry but 0.0"),
    ],
)
def test_refuses(call, words):
    with pytest.raises(EieError, match=words):
        call()


def test_nothing_kept():
    codebook, codes = share_weights(np.zeros(0, np.float32), 4)
    assert codebook.tolist() == [0.0]
    assert len(codes) == 0
    assert CompressedLayer.from_dense(np.zeros((3, 4))).nnz == 0
