"""Weight sharing against a slow, obvious k-means."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eiesim
from eiesim.weight_sharing import k_means, linear_initialisation, nearest_code, share_weights
from tests.oracle.kmeans import lloyd, nearest

weights_of = st.lists(st.integers(-1000, 1000).map(lambda n: n / 8), min_size=1, max_size=60)


@settings(deadline=None, max_examples=200)
@given(weights=weights_of, count=st.sampled_from([1, 2, 3, 7, 15]))
def test_k_means_equals_lloyd(weights: list[float], count: int) -> None:
    array = np.array(weights, np.float32)
    fast = k_means(array, linear_initialisation(array, count))
    np.testing.assert_allclose(fast, lloyd(weights, count), rtol=0, atol=1e-9)


def test_k_means_goes_on_to_the_fixed_point() -> None:
    """Here after some five hundred steps every centroid is the mean of the weights nearest to it."""
    weights = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    centroids = k_means(weights, linear_initialisation(weights, 127))
    middles = (centroids[1:] + centroids[:-1]) / 2
    cluster = np.searchsorted(middles, weights)
    means = np.bincount(cluster, weights) / np.bincount(cluster)
    np.testing.assert_allclose(centroids, means, rtol=1e-9)


@settings(deadline=None)
@given(weights=weights_of, codebook=st.lists(st.integers(-500, 500).map(float), min_size=1, max_size=15, unique=True))
def test_nearest_code(weights: list[float], codebook: list[float]) -> None:
    codes = nearest_code(np.array(weights, np.float32), np.array([0.0, *codebook], np.float32))
    assert codes.tolist() == [nearest(weight, codebook) + 1 for weight in weights]


def test_few_distinct_weights_keep_their_values() -> None:
    weights = np.array([0.3, -0.1, 0.3, 7.7, -0.1], np.float32)
    codebook, codes = share_weights(weights, bits=2)
    assert codebook.dtype == np.float32
    assert codebook[0] == 0
    np.testing.assert_array_equal(codebook[codes], weights)


@pytest.mark.parametrize("bits", range(1, 9))
def test_codebook_is_as_long_as_the_bits_allow(bits: int) -> None:
    weights = np.random.default_rng(bits).normal(size=3000).astype(np.float32)
    codebook, codes = share_weights(weights, bits)
    assert codebook[0] == 0
    assert 2 <= len(codebook) <= 2**bits
    assert codes.min() == 1
    assert codes.max() == len(codebook) - 1
    assert (np.diff(codebook[1:]) > 0).all()


def test_more_bits_lose_less() -> None:
    weights = np.random.default_rng(1).normal(size=3000).astype(np.float32)
    shared = (share_weights(weights, bits) for bits in range(1, 9))
    errors = [float(((codebook[codes] - weights) ** 2).mean()) for codebook, codes in shared]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] == pytest.approx(weights.var(), rel=1e-3), "one value: their mean"


def test_no_weights_at_all() -> None:
    codebook, codes = share_weights(np.zeros(0, np.float32), 4)
    assert codebook.tolist() == [0]
    assert len(codes) == 0
    with pytest.raises(eiesim.EieError, match=r"no entry but 0\.0"):
        nearest_code(np.ones(1, np.float32), np.zeros(1, np.float32))
