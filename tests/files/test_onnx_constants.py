"""Weights that a graph computes from constants: whatever makes them, they are what onnxruntime computes."""

from typing import Any

import numpy as np
import pytest

from eiesim import EieError
from eiesim.files.held import check
from eiesim.files.onnx import hold_onnx, load_onnx

onnx = pytest.importorskip("onnx", reason="needs extra [onnx]")
pytest.importorskip("onnxruntime", reason="needs extra [onnx]")
ml_dtypes = pytest.importorskip("ml_dtypes", reason="comes with onnx")

from onnx import TensorProto, helper  # noqa: E402
from onnx_models import constant, graph, matrix_by_running  # type: ignore[import-not-found]  # noqa: E402

RNG = np.random.default_rng(0)
W = RNG.standard_normal((12, 8)).astype(np.float32)
W[RNG.random(W.shape) < 0.6] = 0
MASK = RNG.random(W.shape) < 0.5
STEP = np.float32(abs(W).max() / 127)
CODES = np.round(W / STEP).astype(np.int8)
node = helper.make_node


def drawn(seed):
    """A function from a shape to float32 numbers."""
    rng = np.random.default_rng(seed)
    return lambda *shape: np.asarray(rng.standard_normal(shape), np.float32)


def sparse(indices, shape=W.shape, values=W[W != 0]):
    return helper.make_sparse_tensor(constant("W", values), constant("W.indices", indices), list(shape))


LINEAR, PLACES = np.flatnonzero(W), np.argwhere(W != 0)
SPARSE = {
    f"{'two' if at is PLACES else 'one'}-dimensional {np.dtype(kind)} indices": sparse(at.astype(kind))
    for at in (LINEAR, PLACES)
    for kind in (np.int8, np.int16, np.int32, np.int64)
}

KINDS: dict[str, Any] = {
    "Mul by a mask": ([node("Mul", ["V", "M"], ["W"])], {"V": W, "M": MASK.astype(np.float32)}),
    "Mul by a mask that was a truth value": (
        [node("Cast", ["B"], ["M"], to=TensorProto.FLOAT), node("Mul", ["M", "V"], ["W"])], {"V": W, "B": MASK},
    ),
    "Where": ([node("Where", ["B", "V", "zero"], ["W"])], {"V": W, "B": MASK, "zero": np.float32(0)}),
    "Where the other way": (
        [node("Where", ["B", "zeros", "V"], ["W"])], {"V": W, "B": MASK, "zeros": np.zeros(8, np.float32)},
    ),
    "Div by a number a column": (
        [node("Div", ["V", "d"], ["W"])], {"V": W, "d": np.linspace(1, 2, 8, dtype=np.float32)},
    ),
    "weight_norm": (
        [node("ReduceL2", ["V", "axes"], ["norm"], keepdims=1), node("Div", ["V", "norm"], ["unit"]),
         node("Mul", ["unit", "g"], ["W"])],
        {"V": W, "axes": np.array([0]), "g": np.linspace(0.5, 2, 8, dtype=np.float32)[None]},
    ),
    "spectral_norm": (
        [node("MatMul", ["u", "V"], ["uV"]), node("MatMul", ["uV", "v"], ["sigma"]),
         node("Div", ["V", "sigma"], ["W"])],
        {"V": W, "u": np.ones((1, 12), np.float32), "v": np.ones((8, 1), np.float32)},
    ),
    "Q, DQ": (
        [node("QuantizeLinear", ["V", "s", "z"], ["q"]), node("DequantizeLinear", ["q", "s", "z"], ["W"])],
        {"V": W, "s": STEP, "z": np.int8(0)},
    ),
    "Q, Clip, DQ of 4 bits": (
        [node("QuantizeLinear", ["V", "s", "z"], ["q"]), node("Clip", ["q", "low", "high"], ["c"]),
         node("DequantizeLinear", ["c", "s", "z"], ["W"])],
        {"V": W, "s": STEP * 18, "z": np.int8(0), "low": np.int8(-7), "high": np.int8(7)},
    ),
    "DQ by column with zero points": (
        [node("DequantizeLinear", ["q", "s", "z"], ["W"], axis=1)],
        {"q": CODES, "s": np.linspace(0.01, 0.02, 8, dtype=np.float32), "z": np.arange(8, dtype=np.int8)},
    ),
    "DQ by row": (
        [node("DequantizeLinear", ["q", "s"], ["W"], axis=0)],
        {"q": CODES, "s": np.linspace(0.01, 0.02, 12, dtype=np.float32)},
    ),
    "DQ by block of rows": (
        [node("DequantizeLinear", ["q", "s"], ["W"], axis=0, block_size=4)],
        {"q": CODES, "s": np.linspace(0.01, 0.02, 24, dtype=np.float32).reshape(3, 8)},
    ),
    "DQ of int4 by block of columns": (
        [node("DequantizeLinear", ["q", "s", "z"], ["W"], axis=1, block_size=4)],
        {"q": (CODES // 16).astype(ml_dtypes.int4), "s": np.linspace(0.01, 0.02, 24, dtype=np.float32).reshape(12, 2),
         "z": np.ones((12, 2), ml_dtypes.int4)},
    ),
    "DQ of uint4, transposed": (
        [node("DequantizeLinear", ["q", "s", "z"], ["V"]), node("Transpose", ["V"], ["W"])],
        {"q": (CODES.T // 16 + 8).astype(ml_dtypes.uint4), "s": np.float32(0.1), "z": np.array(8, ml_dtypes.uint4)},
    ),
    "bfloat16": ([node("Cast", ["V"], ["W"], to=TensorProto.FLOAT)], {"V": W.astype(ml_dtypes.bfloat16)}),
    "float16": ([node("Cast", ["V"], ["W"], to=TensorProto.FLOAT)], {"V": W.astype(np.float16)}),
    "float64": ([node("Cast", ["V"], ["W"], to=TensorProto.FLOAT)], {"V": W.astype(np.float64)}),
    "float8_e4m3fn": (
        [node("DequantizeLinear", ["V", "s"], ["W"])], {"V": W.astype(ml_dtypes.float8_e4m3fn), "s": np.float32(0.5)},
    ),
    "float8_e5m2": ([node("Cast", ["V"], ["W"], to=TensorProto.FLOAT)], {"V": W.astype(ml_dtypes.float8_e5m2)}),
    "Cast of fractions to int4": (
        [node("Cast", ["V"], ["q"], to=TensorProto.INT4), node("DequantizeLinear", ["q", "s"], ["W"])],
        {"V": np.linspace(-7, 7, 96, dtype=np.float32).reshape(12, 8), "s": np.float32(0.1)},
    ),
    "Cast of halves to uint4": (
        [node("Cast", ["V"], ["q"], to=TensorProto.UINT4), node("Cast", ["q"], ["W"], to=TensorProto.FLOAT)],
        {"V": (np.arange(96, dtype=np.float16) % 30 / 2).reshape(12, 8)},
    ),
    "halves of a Split put together": (
        [node("Split", ["V"], ["a", "b"], axis=0, num_outputs=2), node("Concat", ["b", "a"], ["W"], axis=0)], {"V": W},
    ),
    "Pad, Slice, Reshape": (
        [node("Pad", ["V", "pads"], ["p"]), node("Slice", ["p", "from", "to"], ["c"]),
         node("Reshape", ["c", "shape"], ["W"])],
        {"V": W, "pads": np.array([1, 0, 1, 0]), "from": np.array([1]), "to": np.array([13]),
         "shape": np.array([12, 8])},
    ),
    "Gather of rows": ([node("Gather", ["V", "at"], ["W"])], {"V": W, "at": np.arange(12)[::-1].copy()}),
    "ScatterND into zeros": (
        [node("ConstantOfShape", ["shape"], ["zeros"]), node("ScatterND", ["zeros", "at", "v"], ["W"])],
        {"shape": np.array([12, 8]), "at": PLACES, "v": W[W != 0]},
    ),
    "a palette looked up": (
        [node("Gather", ["palette", "at"], ["W"])],
        {"palette": np.linspace(-1, 1, 16, dtype=np.float32), "at": RNG.integers(0, 16, W.shape)},
    ),
    "an operator of com.microsoft": (
        [node("DequantizeLinear", ["q", "s", "z"], ["W"], domain="com.microsoft")],
        {"q": (CODES.astype(np.int16) * 200), "s": STEP / 200, "z": np.int16(0)},
    ),
}  # fmt: skip


def read_right(proto, tmp_path, cols=12):
    """A model of one product read: its weights and bias are onnxruntime's, and it is held. Gives the reading."""
    path = tmp_path / "model.onnx"
    onnx.save(proto, str(path))
    found, _ = load_onnx(path)
    weights, bias = matrix_by_running(path, cols)
    assert len(found.layers) == 1, found.left_out
    np.testing.assert_allclose(found.layers[0].weights, weights, atol=1e-6)
    np.testing.assert_allclose(0 if found.layers[0].bias is None else found.layers[0].bias, bias, atol=1e-6)
    assert not found.left_out
    held = hold_onnx(path)
    check(held)
    assert held.layers[0].error < 1e-5
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_folded(tmp_path, kind):
    nodes, tensors = KINDS[kind]
    proto = graph(
        [*nodes, node("MatMul", ["x", "W"], ["y"], "fc")], [constant(*pair) for pair in tensors.items()], ("N", 12),
        microsoft=True,
    )  # fmt: skip
    found = read_right(proto, tmp_path)
    # Every stored tensor has a role of this layer; none is left out.
    assert {entry.tensor for entry in found.ledger} == set(tensors)
    assert {(entry.layer, entry.role == "left out") for entry in found.ledger} == {("fc", False)}
    assert any(entry.role in ("weight", "lookup") for entry in found.ledger)


@pytest.mark.parametrize("kind", SPARSE)
@pytest.mark.parametrize("as_constant", [False, True])
def test_sparse(tmp_path, kind, as_constant):
    made = [node("Constant", [], ["W"], sparse_value=SPARSE[kind])] if as_constant else []
    proto = graph(
        [*made, node("MatMul", ["x", "W"], ["y"], "fc")], [], ("N", 12),
        sparse_initializer=[] if as_constant else [SPARSE[kind]],
    )  # fmt: skip
    found = read_right(proto, tmp_path)
    np.testing.assert_array_equal(found.layers[0].weights, W.T)
    assert [(entry.tensor, entry.shape, entry.role) for entry in found.ledger] == [("W", (12, 8), "weight")]


@pytest.mark.parametrize("opset", range(11, 24))
def test_every_opset(tmp_path, opset):
    """Squeeze's axes are an attribute before opset 13, DequantizeLinear has an axis since."""
    squeeze = node("Squeeze", ["V"], ["q"], axes=[0]) if opset < 13 else node("Squeeze", ["V", "axes"], ["q"])
    proto = graph(
        [squeeze, node("DequantizeLinear", ["q", "s"], ["W"]),
         node("Gemm", ["x", "W", "b"], ["y"], "fc", alpha=0.5, beta=3.0)],
        [constant("V", CODES[None]), constant("s", STEP), constant("b", np.arange(8, dtype=np.float32))]
        + [constant("axes", np.array([0]))] * (opset >= 13),
        ("N", 12), opset=opset,
    )  # fmt: skip
    read_right(proto, tmp_path)


def test_roles(tmp_path):
    nodes, tensors = KINDS["weight_norm"]
    nodes = [*nodes, node("Where", ["B", "W", "zero"], ["U"]), node("Gemm", ["x", "U", "b"], ["y"], "fc")]
    tensors = {**tensors, "B": MASK, "zero": np.float32(0), "b": np.ones(8, np.float32), "spare": W}
    path = tmp_path / "model.onnx"
    onnx.save(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 12)), str(path))
    found, _ = load_onnx(path)
    assert [(entry.tensor, entry.role, entry.layer) for entry in found.ledger] == [
        ("V", "weight", "fc"), ("axes", "shape", "fc"), ("g", "scale", "fc"), ("B", "mask", "fc"),
        ("zero", "mask", "fc"), ("b", "bias", "fc"), ("spare", "left out", ""),
    ]  # fmt: skip
    assert found.ledger[-1].reason == "no operator that is run takes it"
    assert found.sources == ("Gemm V",)


def test_what_cannot_be_folded_says_why(tmp_path):
    path = tmp_path / "model.onnx"
    wide = [node("ConstantOfShape", ["s"], ["W"]), node("MatMul", ["x", "W"], ["y"], "fc")]
    onnx.save(graph(wide, [constant("s", np.array([12, 10**9]))], ("N", 12)), str(path))
    assert "what ConstantOfShape makes of it is too large" in load_onnx(path)[0].left_out[-1].reason
    random = [node("RandomNormalLike", ["V"], ["W"]), node("MatMul", ["x", "W"], ["y"], "fc")]
    onnx.save(graph(random, [constant("V", W)], ("N", 12)), str(path))
    assert not load_onnx(path)[0].layers
    whole = [node("Cast", ["x"], ["c"], to=TensorProto.INT32), node("MatMul", ["c", "W"], ["m"], "fc"),
             node("Cast", ["m"], ["y"], to=TensorProto.FLOAT)]  # fmt: skip
    onnx.save(graph(whole, [constant("W", CODES.astype(np.int32))], ("N", 12)), str(path))
    found, _ = load_onnx(path)
    assert "its weights are int32" in {part.name: part.reason for part in found.left_out}["fc"]
    assert {entry.tensor: entry.role for entry in found.ledger}["W"] == "left out"


def test_a_sparse_tensor_that_claims_too_much(tmp_path):
    path = tmp_path / "model.onnx"
    huge = sparse(np.array([0]), (10**6, 10**6), W[W != 0][:1])
    onnx.save(graph([node("MatMul", ["x", "W"], ["y"], "fc")], [], ("N", 10**6), sparse_initializer=[huge]), str(path))
    with pytest.raises(EieError, match=r"sparse tensor 'W'.* too large"):
        load_onnx(path)


@pytest.mark.parametrize("turned", [(a, b) for a in (0, 1) for b in (0, 1)])
@pytest.mark.parametrize("on_the_left", [False, True])
def test_every_gemm(tmp_path, turned, on_the_left):
    """Both factors as they are or turned, the constant on either side: outputs are onnxruntime's."""
    rng = np.random.default_rng(1)
    a, b = ((12, 5) if turned[0] else (5, 12)), ((8, 12) if turned[1] else (12, 8))
    constant_shape, free = (a, b) if on_the_left else (b, a)
    names = ["W", "x"] if on_the_left else ["x", "W"]
    bias = rng.standard_normal((5, 1) if on_the_left else (8,)).astype(np.float32)
    proto = graph(
        [node("Gemm", [*names, "c"], ["g"], "fc", transA=turned[0], transB=turned[1], alpha=0.5, beta=2.0),
         node("Relu", ["g"], ["r"]), node("Add", ["r", "d"], ["y"], "after")],
        [constant("W", rng.standard_normal(constant_shape).astype(np.float32)), constant("c", bias),
         constant("d", np.float32(1))],
        free,
    )  # fmt: skip
    path = tmp_path / "model.onnx"
    onnx.save(proto, str(path))
    found, taps = load_onnx(path)
    layer = found.layers[0]
    assert (layer.rows, layer.activation, found.chain) == (5 if on_the_left else 8, "relu", True)
    held = hold_onnx(path)
    check(held)
    assert held.layers[0].error < 1e-5
    vectors, _ = taps[0].read(np.ones(free, np.float32))
    assert vectors.shape == (8 if on_the_left else 5, 12)


def test_a_matrix_on_the_left_and_its_bias(tmp_path):
    """y = V relu(W x + b) + d, vectors by column; b and d are one number a row, not a column."""
    f = drawn(2)
    nodes = [node("MatMul", ["W", "x"], ["m"], "one"), node("Add", ["m", "b"], ["a"]), node("Relu", ["a"], ["r"]),
             node("MatMul", ["V", "r"], ["n"], "two"), node("Add", ["n", "d"], ["y"])]  # fmt: skip
    tensors = {"W": f(6, 4), "b": f(6, 1), "V": f(3, 6), "d": f(1, 3, 1)}
    path = tmp_path / "model.onnx"
    onnx.save(graph(nodes, [constant(*pair) for pair in tensors.items()], (2, 4, 5)), str(path))
    found, _ = load_onnx(path)
    assert found.chain
    assert [layer.activation for layer in found.layers] == ["relu", "none"]
    np.testing.assert_array_equal(found.layers[0].weights, tensors["W"])
    np.testing.assert_array_equal(found.layers[1].bias, tensors["d"].ravel())
    assert found.vectors == (10, 10)
    held = hold_onnx(path)
    check(held)
    assert max(one.error for one in held.layers) < 1e-5
    assert held.network.error < 1e-5


def test_a_pointwise_transposed_convolution(tmp_path):
    f = drawn(3)
    nodes = [node("Conv", ["x", "k"], ["c"], "conv"), node("Relu", ["c"], ["r"]),
             node("ConvTranspose", ["r", "t", "b"], ["y"], "up", group=2)]  # fmt: skip
    tensors = {"k": f(8, 3, 1, 1), "t": f(8, 5, 1, 1), "b": f(10)}
    path = tmp_path / "model.onnx"
    onnx.save(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 3, 4, 4)), str(path))
    found, _ = load_onnx(path)
    assert [layer.weights.shape for layer in found.layers] == [(8, 3), (10, 8)]
    assert found.chain
    held = hold_onnx(path)
    check(held)
    assert held.network.error < 1e-5
