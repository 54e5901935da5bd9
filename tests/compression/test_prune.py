"""Pruning keeps the largest magnitudes: held against a plain sort."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from eiesim import EieError
from eiesim.compression.prune import by_density, by_deviation, by_threshold, globally
from eiesim.dense import Mask

finite = st.floats(-100, 100, width=32)
matrices = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=finite)


@given(matrices, st.floats(0, 1))
def test_density_keeps_the_largest(weights, density):
    kept = by_density(weights, density).kept
    order = sorted(range(weights.size), key=lambda i: (-abs(weights.flat[i]), i))
    wanted = {i for i in order[: round(density * weights.size)] if weights.flat[i] != 0}
    assert set(np.flatnonzero(kept)) == wanted


@given(st.lists(matrices, min_size=1, max_size=3), st.floats(0, 1))
def test_global_is_one_long_layer(layers, density):
    together = np.concatenate([layer.ravel() for layer in layers])[None]
    masks = globally(layers, density)
    assert [mask.kept.shape for mask in masks] == [layer.shape for layer in layers]
    parts = np.concatenate([mask.kept.ravel() for mask in masks])
    assert (parts == by_density(together, density).kept[0]).all()


def test_global_prunes_the_layer_of_small_weights_most():
    rng = np.random.default_rng(0)
    large, small = (scale * rng.standard_normal((20, 20)).astype(np.float32) for scale in (10, 1))
    a, b = globally([large, small], 0.3)
    assert a.count + b.count == 240
    assert a.density > 5 * b.density


def test_deviation_is_a_threshold():
    weights = np.random.default_rng(1).standard_normal((40, 30)).astype(np.float32)
    assert (by_deviation(weights, 1.5).kept == (abs(weights) > 1.5 * weights.std(dtype=np.float64))).all()
    assert (by_threshold(weights, 0.0).kept == (weights != 0)).all()
    # Three in a thousand normal weights lie beyond three deviations.
    assert by_deviation(np.random.default_rng(2).standard_normal((1000, 1000)), 3.0).density == pytest.approx(
        0.0027, rel=0.1
    )


def test_ends_of_the_scale():
    weights = np.array([[1.0, -2.0, 0.0]], np.float32)
    assert by_density(weights, 0.0).count == 0
    assert by_density(weights, 1.0).count == 2
    assert globally([], 0.5) == ()


def test_mask_is_frozen_and_of_one_shape():
    mask = Mask.of_nonzero(np.eye(3, dtype=np.float32))
    with pytest.raises(ValueError, match="read-only"):
        mask.kept[0, 0] = False
    assert (mask.apply(np.full((3, 3), 2.0, np.float32)) == 2 * np.eye(3)).all()
    with pytest.raises(EieError, match=r"shape \(3, 3\), not \(2, 3\)"):
        mask.apply(np.ones((2, 3), np.float32))


@pytest.mark.parametrize("density", [-0.1, 1.1, float("nan")])
def test_refuses_densities(density):
    with pytest.raises(EieError, match="0 to 1"):
        by_density(np.ones((2, 2), np.float32), density)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_refuses_nan(bad):
    with pytest.raises(EieError, match="NaN or infinity"):
        by_density(np.array([[1.0, bad]], np.float32), 0.5)
    with pytest.raises(EieError, match="0 or more"):
        by_threshold(np.ones((1, 1), np.float32), -1.0)
