"""Graphs that few exporters write, against onnxruntime: constants without shapes, quantisers in pairs, odd inputs."""

import re

import numpy as np
import pytest

from eiesim import EieError
from eiesim.files.held import check
from eiesim.files.onnx import activations, hold_onnx, load_onnx, running
from eiesim.files.onnx.walk import read_plain

onnx = pytest.importorskip("onnx", reason="needs extra [onnx]")
pytest.importorskip("onnxruntime", reason="needs extra [onnx]")
ml_dtypes = pytest.importorskip("ml_dtypes", reason="needs extra [onnx]")

from onnx import TensorProto, helper  # noqa: E402
from onnx_models import constant, graph, matrix_by_running  # type: ignore[import-not-found]  # noqa: E402

node = helper.make_node


def f(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def made(tmp_path, nodes, tensors, inputs=("N", 12), **more):
    path = tmp_path / "model.onnx"
    held = [constant(*pair) for pair in tensors.items()]
    onnx.save(graph(nodes, held, inputs, microsoft=True, domains=["my.operators"], **more), str(path))
    return path


def of(*shape):
    """Codes of a DequantizeLinear of com.microsoft, of which ONNX infers no shape."""
    return {"q": np.arange(int(np.prod(shape)), dtype=np.int16).reshape(shape), "s": np.float32(1), "z": np.int16(0)}


OPENED = node("DequantizeLinear", ["q", "s", "z"], ["V"], domain="com.microsoft")
WHOLE = node("Cast", ["V"], ["v"], to=TensorProto.INT64)
WITHOUT_SHAPE = {
    "Tile": ([node("Tile", ["V", "n"], ["W"])], of(6, 8) | {"n": np.array([2, 1])}),
    "Expand": ([node("Expand", ["V", "n"], ["W"])], of(1, 8) | {"n": np.array([12, 8])}),
    "Gather": ([node("Gather", ["V", "at"], ["W"])], of(12, 8) | {"at": np.arange(12)[::-1].copy()}),
    "MatMul": ([node("MatMul", ["V", "U"], ["W"])], of(12, 3) | {"U": f(3, 8)}),
    "Concat": ([node("Concat", ["V", "U"], ["W"], axis=0)], of(5, 8) | {"U": f(7, 8)}),
    "ConstantOfShape": (
        [WHOLE, node("ConstantOfShape", ["v"], ["W"], value=constant("", np.float32([2])))],
        {**of(2), "q": np.int16([12, 8])},
    ),
    "Range": (
        [node("Range", ["a", "V", "d"], ["r"]), node("Reshape", ["r", "n"], ["W"])],
        {**of(), "q": np.array(96, np.int16), "a": np.float32(0), "d": np.float32(1), "n": np.array([12, 8])},
    ),
}


@pytest.mark.parametrize("kind", WITHOUT_SHAPE)
def test_constants_of_a_size_that_onnx_does_not_infer(tmp_path, kind):
    nodes, tensors = WITHOUT_SHAPE[kind]
    path = made(tmp_path, [OPENED, *nodes, node("MatMul", ["x", "W"], ["y"], "fc")], tensors)
    (layer,) = load_onnx(path)[0].layers
    np.testing.assert_allclose(layer.weights, matrix_by_running(path, 12)[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("more", [[], [node("Neg", ["W"], ["U"]), node("Relu", ["U"], ["T"])]], ids=["one", "three"])
def test_a_constant_of_no_known_size_says_so(tmp_path, more):
    """However many operators stand between it and the product."""
    nodes = [OPENED, node("Pad", ["V", "n"], ["W"]), *more, node("MatMul", ["x", "T" if more else "W"], ["y"], "fc")]
    found, _ = load_onnx(made(tmp_path, nodes, of(11, 8) | {"n": np.array([1, 0, 0, 0])}))
    assert not found.layers
    reasons = [part.reason for part in found.left_out if part.name == "fc"]
    assert "what Pad makes of it is too large, or of a size that is not known" in reasons[0]


def test_constants_that_stand_in_attributes(tmp_path):
    """Constant has them as numbers, lists and texts too, each with its type."""
    values = f(96).tolist()
    nodes = [
        node("Constant", [], ["flat"], value_floats=values), node("Constant", [], ["n"], value_ints=[12, 8]),
        node("Reshape", ["flat", "n"], ["V"]), node("Constant", [], ["by"], value_float=0.5),
        node("Mul", ["V", "by"], ["U"]), node("Constant", [], ["k"], value_int=3), node("Gather", ["b", "k"], ["c"]),
        node("Constant", [], ["text"], value_string="a"), node("Constant", [], ["texts"], value_strings=["b", "c"]),
        node("MatMul", ["x", "U"], ["h"], "fc"), node("Add", ["h", "c"], ["y"]),
    ]  # fmt: skip
    path = made(tmp_path, nodes, {"b": f(5)})
    (layer,) = load_onnx(path)[0].layers
    weights, bias = matrix_by_running(path, 12)
    np.testing.assert_allclose(layer.weights, weights, atol=1e-6)
    np.testing.assert_allclose(layer.bias, bias, atol=1e-6)
    ledger = {entry.tensor: entry for entry in load_onnx(path)[0].ledger}
    assert {name: (ledger[name].shape, ledger[name].dtype) for name in ("flat", "n", "by", "k", "texts")} == {
        "flat": ((96,), "FLOAT"), "n": ((2,), "INT64"), "by": ((), "FLOAT"), "k": ((), "INT64"),
        "texts": ((2,), "STRING"),
    }  # fmt: skip


INT4, UINT4 = TensorProto.INT4, TensorProto.UINT4
PAIRS = {
    "uint8 by default": (None, {}, True),
    "uint8 by its number": (None, {"output_dtype": TensorProto.UINT8}, True),
    "int8 by its number": (None, {"output_dtype": TensorProto.INT8}, False),
    "uint16": (np.uint16(0), {}, True),
    "int16": (np.int16(0), {}, False),
    "uint4": (np.array(0, ml_dtypes.uint4), {}, True),
    "int4": (np.array(0, ml_dtypes.int4), {}, False),
    "int4 least": (np.array(-8, ml_dtypes.int4), {}, True),
    "float8": (np.array(0, ml_dtypes.float8_e4m3fn), {}, False),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_what_a_pair_of_quantisers_cuts_off(tmp_path, kind):
    """Nothing below 0 can be held where the zero point is the type's least value, whichever type that is."""
    zero, own, relu = PAIRS[kind]
    behind = [] if zero is None else ["z"]
    nodes = [
        node("MatMul", ["x", "W"], ["m"], "one"),
        node("QuantizeLinear", ["m", "s", *behind], ["q"], **own),
        node("DequantizeLinear", ["q", "s", *behind], ["d"]),
        node("MatMul", ["d", "V"], ["y"], "two"),
    ]
    tensors = {"W": f(12, 8), "V": f(8, 4), "s": np.float32(0.25)} | ({} if zero is None else {"z": zero})
    path = made(tmp_path, nodes, tensors)
    found, _ = load_onnx(path)
    assert [layer.activation for layer in found.layers] == ["relu" if relu else "none", "none"]
    assert found.chain
    check(hold_onnx(path))


@pytest.mark.parametrize("ends", ["least", "most", "both", "most alone"])
@pytest.mark.parametrize("shared", [True, False])
def test_a_clip_between_quantisers(tmp_path, ends, shared):
    """From the zero point it is a ReLU, one end or both; where others take the layer's outputs too, a break."""
    low, high = "" if "most" in ends else "low", "" if ends == "least" else "high"
    tensors = {"W": f(12, 8), "V": f(8, 4), "s": np.float32(0.25), "z": np.int8(-9), "low": np.int8(-9),
               "high": np.int8(90)}  # fmt: skip
    nodes = [node("MatMul", ["x", "W"], ["m"], "one"), node("QuantizeLinear", ["m", "s", "z"], ["q"]),
             node("Clip", ["q", low, *([high] if high else [])], ["c"]),
             node("DequantizeLinear", ["c", "s", "z"], ["d"]), node("MatMul", ["d", "V"], ["y"], "two")]  # fmt: skip
    more = [helper.make_tensor_value_info(one, TensorProto.FLOAT, None) for one in "ym"] if shared else None
    path = made(tmp_path, nodes, tensors, outputs=more)
    found, _ = load_onnx(path)
    assert found.layers[0].activation == ("relu" if low and not shared else "none")
    assert found.chain == (not (low and shared))
    check(hold_onnx(path))


@pytest.mark.parametrize(("clipped", "behind"), [(["q"], "c"), (["q", "low"], ""), (["q", "low"], "q")])
def test_a_clip_without_ends_or_whose_codes_nothing_takes(tmp_path, clipped, behind):
    """Behind the clip are the pair's other half, the graph's end, or nothing at all."""
    tensors = {"W": f(12, 8), "s": np.float32(0.25), "z": np.uint8(0), "low": np.uint8(0)}
    nodes = [node("MatMul", ["x", "W"], ["m"], "one"), node("QuantizeLinear", ["m", "s", "z"], ["q"]),
             node("Clip", clipped, ["c"])]  # fmt: skip
    if behind:
        nodes.append(node("DequantizeLinear", [behind, "s", "z"], ["d"]))
    last = ("d", TensorProto.FLOAT) if behind else ("c", TensorProto.UINT8)
    path = made(tmp_path, nodes, tensors, outputs=[helper.make_tensor_value_info(*last, None)])
    check(hold_onnx(path))


def test_a_clip_from_0_is_a_relu_where_no_zero_point_is_given(tmp_path):
    tensors = {"W": f(12, 8), "V": f(8, 4), "s": np.float32(0.25), "low": np.int8(0), "high": np.int8(90)}
    nodes = [node("MatMul", ["x", "W"], ["m"], "one"),
             node("QuantizeLinear", ["m", "s"], ["q"], output_dtype=TensorProto.INT8),
             node("Clip", ["q", "low", "high"], ["c"]), node("DequantizeLinear", ["c", "s"], ["d"]),
             node("MatMul", ["d", "V"], ["y"], "two")]  # fmt: skip
    path = made(tmp_path, nodes, tensors)
    found, _ = load_onnx(path)
    assert [layer.activation for layer in found.layers] == ["relu", "none"]
    check(hold_onnx(path))


@pytest.mark.parametrize("points", [[0, 9], [9, 9]])
def test_a_relu_of_some_columns_is_none_of_the_layer(tmp_path, points):
    """Some zero points are the type's least: the layer has no ReLU, and the next does not take what it gives."""
    tensors = {"W": f(12, 8), "V": f(8, 4), "s": np.full(8, 0.25, np.float32), "z": np.uint8(points * 4)}
    nodes = [
        node("MatMul", ["x", "W"], ["m"], "one"),
        node("QuantizeLinear", ["m", "s", "z"], ["q"], axis=1),
        node("DequantizeLinear", ["q", "s", "z"], ["d"], axis=1),
        node("MatMul", ["d", "V"], ["y"], "two"),
    ]
    path = made(tmp_path, nodes, tensors)
    found, _ = load_onnx(path)
    assert [layer.activation for layer in found.layers] == ["none", "none"]
    assert found.chain == (0 not in points)
    check(hold_onnx(path))


@pytest.mark.parametrize("computed", ["scale", "zero point"])
def test_quantisers_by_what_is_computed(tmp_path, computed):
    """Nothing is looked through to the Relu behind them: what they cut off is not known."""
    name, kind = ("s", TensorProto.FLOAT) if computed == "scale" else ("z", TensorProto.UINT8)
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", 12)),
              helper.make_tensor_value_info(name, kind, ())]  # fmt: skip
    tensors = {"W": f(12, 8), "V": f(8, 4), "s": np.float32(0.25), "z": np.uint8(9)}
    del tensors[name]
    nodes = [node("MatMul", ["x", "W"], ["m"], "one"), node("QuantizeLinear", ["m", "s", "z"], ["q"]),
             node("DequantizeLinear", ["q", "s", "z"], ["d"]), node("Relu", ["d"], ["r"]),
             node("MatMul", ["r", "V"], ["y"], "two")]  # fmt: skip
    path = made(tmp_path, nodes, tensors, inputs)
    found, _ = load_onnx(path)
    assert [layer.activation for layer in found.layers] == ["none", "none"]
    assert [part.kind for part in found.left_out] == ["Relu"]
    assert not found.chain
    check(hold_onnx(path))


@pytest.mark.parametrize("of_images", [True, False])
def test_batchnormalization_behind_values_of_no_known_shape(tmp_path, of_images):
    """A convolution's channels are on axis 1 wherever; a product's outputs need not be."""
    tensors = {"g": f(5), "b": f(5, seed=1), "mean": f(5, seed=2), "v": np.abs(f(5)) + 1, "W": f(12, 5)}
    tensors["K"] = f(5, 12, 1, 1)
    nodes = [node("Strange", ["x"], ["s"], domain="my.operators"),
             node("Conv", ["s", "K"], ["m"], "one") if of_images else node("MatMul", ["s", "W"], ["m"], "one"),
             node("BatchNormalization", ["m", "g", "b", "mean", "v"], ["y"], epsilon=0.5)]  # fmt: skip
    found, _ = load_onnx(made(tmp_path, nodes, tensors, ("N", 12, 4, 4)))
    factor = tensors["g"] / np.sqrt(tensors["v"] + 0.5)
    exact = tensors["K"][:, :, 0, 0] * factor[:, None] if of_images else tensors["W"].T
    np.testing.assert_allclose(found.layers[0].weights, exact, rtol=1e-5)
    assert ("BatchNormalization" in [part.kind for part in found.left_out]) != of_images


def test_batchnormalization_of_steps_is_not_of_outputs(tmp_path):
    """Behind a product of [batch, steps, inputs] axis 1 is the steps, as many as outputs or not."""
    tensors = {"g": f(5), "b": f(5, seed=1), "mean": f(5, seed=2), "v": np.abs(f(5)) + 1, "W": f(12, 5)}
    nodes = [node("MatMul", ["x", "W"], ["m"], "one"),
             node("BatchNormalization", ["m", "g", "b", "mean", "v"], ["y"])]  # fmt: skip
    path = made(tmp_path, nodes, tensors, ("N", 5, 12))
    found, _ = load_onnx(path)
    np.testing.assert_array_equal(found.layers[0].weights, tensors["W"].T)
    assert [part.kind for part in found.left_out] == ["BatchNormalization"]
    check(hold_onnx(path))


@pytest.mark.parametrize("mode", ["given", "on", "off"])
def test_dropout_that_may_drop(tmp_path, mode):
    tensors = {"W": f(12, 5), "V": f(5, 4), "ratio": np.float32(0.5)}
    tensors |= {} if mode == "given" else {"t": np.array(mode == "on")}
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", 12))]
    inputs += [helper.make_tensor_value_info("t", TensorProto.BOOL, ())] if mode == "given" else []
    nodes = [node("MatMul", ["x", "W"], ["m"], "one"), node("Dropout", ["m", "ratio", "t"], ["d"], "drop"),
             node("MatMul", ["d", "V"], ["y"], "two")]  # fmt: skip
    found, _ = load_onnx(made(tmp_path, nodes, tensors, inputs))
    assert found.chain == (mode == "off")
    told = {"given": "it may be in training mode", "on": "it is in training mode"}
    assert [part.reason for part in found.left_out] == ([] if mode == "off" else [f"Dropout: {told[mode]}"])


def test_a_model_too_large_for_one_message(tmp_path, monkeypatch):
    """Its tensors go through a file, and what comes out is the same."""
    nodes = [node("MatMul", ["x", "W"], ["m"], "one"), node("Relu", ["m"], ["r"]),
             node("MatMul", ["r", "V"], ["y"], "two")]  # fmt: skip
    path, x = made(tmp_path, nodes, {"W": f(12, 40), "V": f(40, 5)}), f(7, 12)
    _, taps = load_onnx(path)
    small = activations(path, taps, x)[0]
    proto = read_plain(path)
    before = proto.SerializeToString()
    monkeypatch.setattr(running, "TOO_LARGE", 100)
    for one, other in zip(small, activations(path, taps, x)[0], strict=True):
        np.testing.assert_array_equal(other.inputs, one.inputs)
    running.start(proto, path)
    assert proto.SerializeToString() == before  # tensors and all: only a copy names a file


def test_inputs_of_one_number(tmp_path):
    """[] as numpy gives it, or [1]; anything else is refused."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", 12)),
              helper.make_tensor_value_info("t", TensorProto.FLOAT, ())]  # fmt: skip
    nodes = [node("Mul", ["x", "t"], ["h"]), node("MatMul", ["h", "W"], ["y"], "fc")]
    path, x = made(tmp_path, nodes, {"W": f(12, 5)}, inputs), f(3, 12)
    _, taps = load_onnx(path)
    for number in (np.array(2, np.float32), np.array([2], np.float32)):
        np.testing.assert_allclose(activations(path, taps, {"x": x, "t": number})[0][0].inputs, 2 * x)
    with pytest.raises(EieError, match=re.escape("'t' has shape (3,), the model wants []")):
        activations(path, taps, {"x": x, "t": f(3)})


@pytest.mark.parametrize(
    ("kind", "shape", "given", "words"),
    [
        (TensorProto.STRING, ("N", 12), {"x": f(4, 12), "t": f(4, 12)}, "'t' is tensor(string), which no array of nu"),
        (TensorProto.INT8, ("N", 12), {"x": f(4, 12), "t": np.full((4, 12), 300)}, "'t' is int8, which does not hold"),
        (TensorProto.FLOAT, ("N", 3, 4), {"x": f(4, 12), "t": f(4, 11)}, "has shape (4, 11), the model wants"),
        (TensorProto.FLOAT, ("N", 3, 4), {"x": f(4, 12), "t": f(4, 3, 5)}, "has shape (4, 3, 5), the model wants"),
        (TensorProto.FLOAT, ("N", "M", 4), {"x": f(4, 12), "t": f(4, 12)}, "has shape (4, 12), the model wants"),
        (TensorProto.FLOAT, (2, 12), {"x": f(4, 12), "t": f(5, 12)}, "5 do not divide into the model's batches of 2"),
        (TensorProto.FLOAT, (2, 12), {"x": f(4, 12), "t": f(6, 12)}, "'x' is for 2 runs of the model, others for 3"),
    ],
)
def test_a_second_input_that_does_not_fit(tmp_path, kind, shape, given, words):
    batch = 2 if shape[0] == 2 else "N"
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, (batch, 12)),
              helper.make_tensor_value_info("t", kind, shape)]  # fmt: skip
    nodes = [node("Shape", ["t"], ["n"]), node("Cast", ["n"], ["c"], to=TensorProto.FLOAT),
             node("ReduceSum", ["c"], ["r"]), node("Mul", ["x", "r"], ["h"]),
             node("MatMul", ["h", "W"], ["y"], "fc")]  # fmt: skip
    path = made(tmp_path, nodes, {"W": f(12, 5)}, inputs)
    _, taps = load_onnx(path)
    with pytest.raises(EieError, match=re.escape(words)):
        activations(path, taps, given)


@pytest.mark.parametrize("first", ["stored", "given", "none"])
def test_states_with_the_batch_first(first):
    """Layout 1 is the other one with axes 0 and 1 of its tensors exchanged; onnxruntime does not run it."""
    from eiesim.files.onnx.taps import States

    states, initial = f(7, 2, 3, 4), f(2, 3, 4)  # steps, directions, batch, hidden
    turned, turned_initial = states.transpose(2, 0, 1, 3), initial.transpose(1, 0, 2)
    for direction in (0, 1):
        one = States(direction, direction == 1, False, initial if first == "stored" else None)
        other = States(direction, direction == 1, True, turned_initial if first == "stored" else None)
        right = one.vectors(states, *([initial] if first == "given" else []))
        found = other.vectors(turned, *([turned_initial] if first == "given" else []))
        assert found[1] == right[1]
        np.testing.assert_array_equal(found[0], right[0])


@pytest.mark.parametrize("axes", [1, 2])
def test_a_matrix_with_axes_of_one_before_it(tmp_path, axes):
    tensors = {"W": f(12, 5).reshape((1,) * axes + (12, 5))}
    path = made(tmp_path, [node("MatMul", ["x", "W"], ["y"], "fc")], tensors, ("N", 3, 12)[: 1 + axes])
    found, _ = load_onnx(path)
    np.testing.assert_array_equal(found.layers[0].weights, tensors["W"].reshape(12, 5).T)
    check(hold_onnx(path))


PRODUCTS = {
    "MatMul of two axes more": ("MatMul", (2, 3, 12), {"W": f(2, 12, 5)}, {}, "has shape [2, 12, 5]; "),
    "MatMul of a vector": ("MatMul", ("N", 12), {"W": f(12)}, {}, "has shape [12]; "),
    "MatMul of whole numbers": ("MatMul", ("N", 12), {"W": np.ones((12, 5), np.int32)}, {}, "its weights are int32"),
    "Gemm of whole numbers": ("Gemm", ("N", 12), {"W": np.ones((12, 5), np.int32)}, {}, "its weights are int32"),
    "Gemm of an own C": ("Gemm", (3, 12), {"W": f(12, 5), "c": f(3, 1)}, {}, "its C is not one number a row"),
    "Gemm of a given C": ("Gemm", (3, 12), {"W": f(12, 5), "c": None}, {}, "its bias is not constant"),
    "Conv of a given matrix": ("Conv", ("N", 4, 5, 5), {"W": None}, {}, "its weights are not constant"),
    "ConvTranspose of a given matrix": ("ConvTranspose", ("N", 4, 5, 5), {"W": None}, {}, "its weights are not const"),
    "ConvTranspose of steps": (
        "ConvTranspose", ("N", 4, 5, 5), {"W": f(4, 3, 1, 1)}, {"strides": [2, 2]}, "every input reaches several",
    ),
    "ConvTranspose of a kernel, a channel each": (
        "ConvTranspose", ("N", 4, 5, 5), {"W": f(4, 1, 2, 2)}, {"group": 4}, "depthwise: every input reaches several",
    ),
    "LSTM of a given matrix": ("LSTM", (3, "N", 4), {"W": None, "R": f(1, 8, 2)}, {"hidden_size": 2}, "are not c"),
}  # fmt: skip


@pytest.mark.parametrize("case", PRODUCTS)
def test_products_that_are_no_layer_say_why(tmp_path, case):
    kind, shape, tensors, own, words = PRODUCTS[case]
    whole = any(one is not None and one.dtype == np.int32 for one in tensors.values())
    element = TensorProto.INT32 if whole else TensorProto.FLOAT
    shapes = {"Conv of a given matrix": (3, 4, 1, 1), "ConvTranspose of a given matrix": (4, 3, 1, 1)}
    inputs = [helper.make_tensor_value_info("x", element, shape)]
    for name in (name for name, one in tensors.items() if one is None):
        given = shapes.get(case, (3, 5) if name == "c" else (1, 8, 4))
        inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, given))
    held = {name: one for name, one in tensors.items() if one is not None}
    outputs = [helper.make_tensor_value_info("y", element, None)]
    found, _ = load_onnx(
        made(tmp_path, [node(kind, ["x", *tensors], ["y"], "one", **own)], held, inputs, outputs=outputs)
    )
    assert not found.layers
    assert words in found.left_out[0].reason
