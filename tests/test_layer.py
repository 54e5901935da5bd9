"""CompressedLayer: made from arrays, checked, read-only, and known by its content."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eiesim
from eiesim import CompressedLayer, EieError
from tests.cases import any_layer, random_layer


@settings(deadline=None)
@given(layer=any_layer())
def test_to_dense_says_what_the_columns_say(layer: CompressedLayer) -> None:
    dense = np.zeros(layer.shape, np.float32)
    for column in range(layer.cols):
        for e in range(layer.indptr[column], layer.indptr[column + 1]):
            dense[layer.indices[e], column] = layer.codebook[layer.codes[e]]
    np.testing.assert_array_equal(layer.to_dense(), dense, strict=True)
    assert layer.nnz == len(layer.indices)
    assert layer.density == layer.nnz / dense.size


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), density=st.sampled_from([0.0, 0.1, 1.0]), bias=st.booleans())
def test_from_dense_with_a_codebook(seed: int, density: float, bias: bool) -> None:
    """Weights that the codebook holds come back exactly, zeros pruned, and the bias too."""
    rng = np.random.default_rng(seed)
    codebook = np.concatenate([[0], rng.permutation(np.arange(1, 60))[:15] / 4]).astype(np.float32)
    weights = rng.choice(codebook[1:], (11, 6)) * (rng.random((11, 6)) < density)
    offsets = rng.choice(codebook, 11) if bias else None
    layer = CompressedLayer.from_dense(weights, codebook, bias=offsets)
    np.testing.assert_array_equal(layer.to_dense(), weights.astype(np.float32))
    assert layer.nnz == np.count_nonzero(weights)
    np.testing.assert_array_equal(layer.codebook, codebook)
    if offsets is None:
        assert layer.bias is None
    else:
        assert layer.bias is not None
        assert layer.bias_codes is not None
        np.testing.assert_array_equal(layer.bias, offsets)
        np.testing.assert_array_equal(layer.bias_codes == 0, offsets == 0)


@pytest.mark.parametrize("bits", range(1, 9))
def test_from_dense_without_a_codebook(bits: int) -> None:
    rng = np.random.default_rng(bits)
    weights = rng.normal(size=(50, 40)) * (rng.random((50, 40)) < 0.5)
    layer = CompressedLayer.from_dense(weights, bits=bits, bias=rng.normal(size=50))
    assert len(layer.codebook) <= 2**bits
    np.testing.assert_array_equal(layer.to_dense() != 0, weights != 0)
    # Every weight has the nearest value there is.
    kept = weights[weights != 0].astype(np.float32)
    error = np.abs(layer.to_dense()[weights != 0] - kept)
    best = np.abs(kept[:, None] - layer.codebook[None, 1:]).min(axis=1)
    np.testing.assert_allclose(error, best, atol=1e-7)


def test_fewer_distinct_weights_than_codes_keep_exact_values() -> None:
    weights = np.array([[0.1, 0, -0.7], [0.1, 0.3, 0]])
    layer = CompressedLayer.from_dense(weights, bits=2)
    np.testing.assert_array_equal(layer.to_dense(), weights.astype(np.float32))
    assert layer.codebook.tolist() == np.array([0, -0.7, 0.1, 0.3], np.float32).tolist()


def test_from_dense_of_nothing() -> None:
    layer = CompressedLayer.from_dense(np.zeros((3, 2)))
    assert (layer.nnz, layer.codebook.tolist(), layer.density) == (0, [0.0], 0.0)
    result = eiesim.simulate(layer, [1, 2], eiesim.MachineConfig(pes=2))
    assert result.outputs is not None
    assert result.outputs.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": np.zeros(3)}, "weights: has 1 dimensions"),
        ({"weights": [[np.nan]]}, "weights: holds NaN"),
        ({"weights": [[1e300]]}, "weights: holds NaN or infinity"),
        ({"weights": [["a"]]}, "weights: is not an array of numbers"),
        ({"weights": np.zeros((0, 3))}, "no rows or no columns"),
        ({"weights": [[1]], "bits": 0}, "bits = 0"),
        ({"weights": [[1]], "bits": 9}, "bits = 9"),
        ({"weights": [[1]], "bias": [1, 2]}, "bias_codes: has 2"),
        ({"weights": [[1]], "codebook": [0.5, 1]}, "codebook: entry 0"),
        ({"weights": [[1]], "codebook": [0]}, "no entry but 0.0"),
        ({"weights": [[1]], "codebook": np.zeros(5), "bits": 2}, "codebook: has 5 entries, 2 bits reach 4"),
        ({"weights": [[1]], "activation": "tanh"}, "activation"),
        ({"weights": [[1]], "name": "two\nlines"}, "name"),
    ],
)
def test_from_dense_refuses(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(EieError, match=message):
        CompressedLayer.from_dense(**arguments)


@pytest.mark.parametrize("shape", [(2.5, 3), (2, 3, 4), 5, ("2", "3"), None])
def test_a_shape_is_two_whole_numbers(shape: Any) -> None:
    with pytest.raises(EieError, match=r"shape: .* is not two whole numbers"):
        replace(random_layer(1), shape=shape)


def test_arrays_are_read_only_and_the_layers_own() -> None:
    given = random_layer(1)
    codes = given.codes.copy()
    view = codes.view()
    view.flags.writeable = False
    layer = replace(given, codes=view)
    codes[:] = 1
    np.testing.assert_array_equal(layer.codes, given.codes)
    for key in ("indptr", "indices", "codes", "codebook", "bias_codes"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(layer, key)[0] = 0
    with pytest.raises(AttributeError):
        layer.name = "other"  # type: ignore[misc]


def test_content_hash_changes_with_each_part_and_not_with_the_name() -> None:
    layer = random_layer(1)
    assert replace(layer, name="other").content_hash == layer.content_hash
    codes, codebook = layer.codes.copy(), layer.codebook.copy()
    codes[0] = codes[0] % 15 + 1
    codebook[5] += 1
    bias_codes = np.roll(random_layer(1).bias_codes, 1)  # type: ignore[arg-type]
    column = int(np.flatnonzero(np.diff(layer.indptr))[0])
    indptr = layer.indptr.copy()
    indptr[column + 1] -= 1
    first = random_layer(1, density=0.0)
    others = [
        replace(layer, codes=codes),
        replace(layer, codebook=codebook),
        replace(layer, codebook=np.append(layer.codebook, np.float32(0))),
        replace(layer, bias_codes=bias_codes),
        replace(layer, bias_codes=None),
        replace(layer, activation="none"),
        replace(layer, shape=(10, 7), bias_codes=np.append(layer.bias_codes, np.uint8(0))),  # type: ignore[arg-type]
        replace(layer, shape=(9, 8), indptr=np.append(layer.indptr, layer.nnz)),
        replace(first, bias_codes=np.zeros(9, np.uint8)),
        replace(first, bias_codes=None),
        random_layer(2),
    ]
    hashes = {layer.content_hash, *(other.content_hash for other in others)}
    assert len(hashes) == len(others) + 1


def test_content_hash_sees_positions() -> None:
    """The same codes in other rows, and in other columns."""
    of = [CompressedLayer.from_dense(weights) for weights in ([[1, 0], [0, 1]], [[0, 1], [1, 0]], [[1, 1], [0, 0]])]
    assert len({layer.content_hash for layer in of}) == 3
