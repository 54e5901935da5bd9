"""Layers and inputs from other libraries' arrays: torch with and without gradients, half precisions, SciPy, JAX."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse

import eiesim
from eiesim.layer import as_float32

from .cases import same_layer

MACHINE = eiesim.MachineConfig(pes=4)


def pruned(rows=9, cols=7, seed=3):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(rows, cols)).astype(np.float32)
    return np.where(rng.random((rows, cols)) < 0.5, weights, np.float32(0))


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="needs extra [train]")


@pytest.mark.parametrize("kind", ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"])
@pytest.mark.parametrize("of", ["array", "matrix"])
def test_scipy_sparse_gives_the_dense_ones_layer(kind, of):
    dense = pruned()
    held = getattr(sparse, f"{kind}_{of}")(dense)
    before = held.toarray()
    assert same_layer(eiesim.CompressedLayer.from_dense(held), eiesim.CompressedLayer.from_dense(dense))
    assert np.array_equal(held.toarray(), before)


def test_sparse_duplicates_add_up_and_stored_zeros_are_pruned():
    held = sparse.coo_array(([1.0, 2.0, 0.0, 4.0], ([0, 0, 1, 2], [1, 1, 0, 0])), shape=(3, 2))
    layer = eiesim.CompressedLayer.from_dense(held)
    assert layer.to_dense().tolist() == [[0, 3], [0, 0], [4, 0]]
    assert layer.nnz == 2


def test_a_sparse_layer_is_never_made_dense():
    """A million by a million: dense, it would be 4 TB."""
    held = sparse.coo_array(([1.0, 2.0, 3.0, 4.0], ([0, 5, 10**6 - 1, 7], [0, 0, 3, 99])), shape=(10**6, 10**6))
    assert eiesim.CompressedLayer.from_dense(held).nnz == 4


@pytest.mark.parametrize("values", [[[1j]], [[np.nan]], [["a"]], [[1.0], [1.0, 2.0]], [1.0], object()])
def test_what_is_no_matrix_is_refused_in_one_line(values):
    with pytest.raises(eiesim.EieError, match=r"^weights: [^\n]*$"):
        eiesim.CompressedLayer.from_dense(values)


def test_a_sparse_vector_or_nan_is_refused():
    with pytest.raises(eiesim.EieError, match="weights: has 1 dimensions"):
        eiesim.CompressedLayer.from_dense(sparse.coo_array([1.0, 2.0]))
    with pytest.raises(eiesim.EieError, match="weights: holds NaN"):
        eiesim.CompressedLayer.from_dense(sparse.csr_array([[np.inf, 0]]))


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64"])
def test_torch_tensors_are_their_numbers(torch, kind, gradient):
    tensor = torch.tensor(pruned(), dtype=getattr(torch, kind), requires_grad=gradient)
    numbers = np.array(tensor.tolist(), np.float32)
    assert as_float32("x", tensor).tobytes() == numbers.tobytes()
    layer = eiesim.CompressedLayer.from_dense(tensor, bias=tensor[:, 0])
    assert same_layer(layer, eiesim.CompressedLayer.from_dense(numbers, bias=numbers[:, 0]))
    assert eiesim.simulate(layer, tensor, MACHINE) == eiesim.simulate(layer, numbers, MACHINE)
    assert eiesim.simulate(layer, list(tensor), MACHINE) == eiesim.simulate(layer, numbers, MACHINE)


def test_sparse_and_whole_number_tensors(torch):
    tensor = torch.tensor(pruned())
    for one in (tensor.to_sparse(), tensor.to_sparse_csr(), tensor.t().contiguous().t()):
        assert as_float32("x", one).tobytes() == np.ascontiguousarray(tensor.numpy()).tobytes()
    assert as_float32("x", torch.arange(3)).tolist() == [0, 1, 2]


@pytest.mark.parametrize("bias", [False, True])
def test_a_torch_linear_is_a_layer(torch, bias):
    linear = torch.nn.Linear(7, 9, bias=bias)
    with torch.no_grad():
        linear.weight *= torch.tensor(pruned() != 0)
    layer = eiesim.CompressedLayer.from_torch(linear, bits=8, activation="none", name="fc")
    assert (layer.shape, layer.name, layer.nnz) == ((9, 7), "fc", int((pruned() != 0).sum()))
    inputs = torch.rand(3, 7)
    # With up to 255 shared values each of at most 72 weights keeps its own.
    ours = eiesim.simulate(layer, inputs, MACHINE.replace(arithmetic="float32", weight_bits=8)).outputs
    np.testing.assert_allclose(ours, linear(inputs).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_1x1_convolution_is_a_layer_and_other_modules_are_refused(torch):
    one = torch.nn.Conv2d(4, 3, 1)
    assert eiesim.CompressedLayer.from_torch(one).shape == (3, 4)
    with pytest.raises(eiesim.EieError, match=r"^Conv2d: its weight has 4 dimensions"):
        eiesim.CompressedLayer.from_torch(torch.nn.Conv2d(4, 3, 2))
    with pytest.raises(eiesim.EieError, match=r"^ReLU: has no weight; give an nn\.Linear"):
        eiesim.CompressedLayer.from_torch(torch.nn.ReLU())


def test_jax_arrays():
    jax = pytest.importorskip("jax", reason="jax is not installed")
    values = jax.numpy.asarray(pruned())
    for kind in ("float32", "bfloat16", "float16"):
        assert np.array_equal(as_float32("x", values.astype(kind)), np.array(values.astype(kind).tolist(), np.float32))


def test_arrays_that_only_offer_dunder_array():
    class Held:
        def __array__(self, dtype=None, copy=None):
            return pruned()

    assert as_float32("x", Held()).tobytes() == pruned().tobytes()


def test_nothing_of_torch_is_imported_for_a_run():
    program = (
        "import sys, numpy, eiesim; layer = eiesim.CompressedLayer.from_dense(numpy.eye(3)); "
        "eiesim.simulate(layer, [1, 2, 3]); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
