"""`CompressedLayer.from_dense` of SciPy's matrices: the caller's stay as they are, and mean what SciPy says."""

import numpy as np
import pytest
from scipy import sparse

import eiesim

from .cases import same_layer

KINDS = ("csc", "csr", "csr.T", "csc.T", "coo", "bsr", "dia", "lil", "dok")
DTYPES = (np.float64, np.float32, np.int64, np.int8, np.bool_, np.uint16)


def untidy(kind, dtype, of, seed=0):
    """A matrix of 30 x 20 with what its format allows: duplicates, zeros that are stored, rows out of order."""
    rng = np.random.default_rng(seed)
    rows, cols = rng.integers(0, 30, 150), rng.integers(0, 20, 150)
    values = rng.integers(0, 2, 150).astype(dtype) if dtype == np.bool_ else rng.integers(-3, 4, 150).astype(dtype)
    name, _, turned = kind.partition(".")
    if turned:
        rows, cols = cols, rows
    shape = (20, 30) if turned else (30, 20)
    if name in ("csc", "csr"):
        main, other = (cols, rows) if name == "csc" else (rows, cols)
        by = np.argsort(main, kind="stable")  # within one, as they were drawn: unsorted, and twice
        starts = np.searchsorted(main[by], np.arange((shape[1] if name == "csc" else shape[0]) + 1))
        made = getattr(sparse, f"{name}_{of}")((values[by], other[by], starts), shape=shape)
        assert not made.has_canonical_format
        return made.T if turned else made
    whole = sparse.coo_array((values, (rows, cols)), shape=shape)
    if name == "coo":
        return getattr(sparse, f"coo_{of}")((values, (rows, cols)), shape=shape)
    return getattr(sparse, f"{name}_{of}")(whole.toarray())


def arrays_of(matrix):
    """Every array of a matrix, as bytes."""
    names = ("data", "indices", "indptr", "row", "col", "offsets", "rows")
    return {name: np.asarray(getattr(matrix, name)).tobytes() for name in names if hasattr(matrix, name)} or str(matrix)


@pytest.mark.parametrize("of", ["array", "matrix"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_callers_matrix_stays_and_the_layer_is_what_it_is(kind, dtype, of):
    for seed in range(3):
        matrix = untidy(kind, dtype, of, seed)
        right, before = matrix.toarray(), arrays_of(matrix)
        layer = eiesim.CompressedLayer.from_dense(matrix, bits=8)
        assert arrays_of(matrix) == before
        assert layer.nnz == np.count_nonzero(right)
        assert np.array_equal(layer.to_dense(), right.astype(np.float32))
        assert same_layer(layer, eiesim.CompressedLayer.from_dense(right, bits=8))


@pytest.mark.parametrize("kind", ["csc", "csr", "coo"])
def test_thresholds_that_rise(kind):
    matrix = sparse.random_array((200, 300), density=0.5, format=kind, rng=np.random.default_rng(3))
    right = matrix.toarray()
    for threshold in (0.2, 0.4, 0.6):
        matrix.data[np.abs(matrix.data) < threshold] = 0
        right = np.where(np.abs(right) < threshold, 0, right)
        assert np.array_equal(eiesim.CompressedLayer.from_dense(matrix, bits=8).to_dense() != 0, right != 0)
        assert np.array_equal(matrix.toarray(), right)


def test_products_and_read_only_ones():
    first = sparse.random_array((50, 40), density=0.2, format="csc", rng=np.random.default_rng(1))
    product = first @ sparse.random_array((40, 30), density=0.2, format="csc", rng=np.random.default_rng(2))
    before = arrays_of(product)
    eiesim.CompressedLayer.from_dense(product)
    assert arrays_of(product) == before
    for part in (product.data, product.indices, product.indptr):
        part.flags.writeable = False
    assert eiesim.CompressedLayer.from_dense(product, bits=8).nnz == product.nnz


def test_dense_ones_stay_too():
    for made in (np.zeros((3, 4)), np.asfortranarray(np.eye(4)), np.matrix([[1, 0], [2, 3]])):
        before = made.copy()
        eiesim.CompressedLayer.from_dense(made, bias=np.ones(len(made)))
        assert np.array_equal(made, before)
