"""Fused and quantised operators that onnxruntime's quantiser seldom writes, against onnxruntime running them."""

import numpy as np
import pytest

from eiesim.files.held import check
from eiesim.files.onnx import activations, hold_onnx, load_onnx
from eiesim.files.onnx.walk import read_plain

onnx = pytest.importorskip("onnx", reason="needs extra [onnx]")
pytest.importorskip("onnxruntime", reason="needs extra [onnx]")

from onnx import TensorProto, helper  # noqa: E402
from onnx_models import constant, graph, matrix_by_running, run_plainly  # type: ignore[import-not-found]  # noqa: E402

COLS, ROWS = 6, 5
node = helper.make_node


def f(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def codes(kind, *shape):
    ends = np.iinfo(kind)
    return np.random.default_rng(shape).integers(ends.min, ends.max, shape, kind, endpoint=True)


def saved(proto, tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(proto, str(path))
    return path


def made(tmp_path, nodes, tensors, inputs=("N", COLS), **more):
    held = [constant(*pair) for pair in tensors.items()]
    return saved(graph(nodes, held, inputs, microsoft=True, **more), tmp_path)


def whole(kind, *shape):
    return [helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape)]


@pytest.mark.parametrize("kind", [np.int8, np.uint8])
@pytest.mark.parametrize("by_column", [True, False])
@pytest.mark.parametrize("more", ["", "zeros", "bias", "zeros and bias"])
def test_matmulintegertofloat(tmp_path, kind, by_column, more):
    count = (ROWS,) if by_column else (1,)
    tensors = {"B": codes(kind, COLS, ROWS), "a": np.float32([0.25]), "b": np.abs(f(*count)) + 0.1}
    names = ["x", "B", "a", "b", "", "", ""]
    if "zeros" in more:
        tensors |= {"az": np.uint8([0]), "bz": codes(kind, *count)}
        names[4:6] = ["az", "bz"]
    if "bias" in more:
        tensors["c"] = f(ROWS, seed=1)
        names[6] = "c"
    while not names[-1]:
        names.pop()
    nodes = [node("MatMulIntegerToFloat", names, ["y"], "fc", domain="com.microsoft")]
    path = made(tmp_path, nodes, tensors, whole(np.uint8, "N", COLS))
    (layer,) = load_onnx(path)[0].layers
    weights, bias = matrix_by_running(path, COLS, np.uint8)
    np.testing.assert_allclose(layer.weights, weights / 0.25, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.zeros(ROWS) if layer.bias is None else layer.bias, bias, atol=1e-4)
    assert (layer.bias is not None) == ("bias" in more)
    check(hold_onnx(path))


@pytest.mark.parametrize("kind", [np.int8, np.uint8])
@pytest.mark.parametrize("more", ["", "zeros", "bias", "zeros and bias"])
def test_dynamicquantizematmul(tmp_path, kind, more):
    tensors = {"B": codes(kind, COLS, ROWS), "b": np.abs(f(ROWS)) + 0.1}
    names = ["x", "B", "b", "bz" if "zeros" in more else "", "c" if "bias" in more else ""]
    tensors |= {"bz": codes(kind, ROWS)} if "zeros" in more else {}
    tensors |= {"c": f(ROWS, seed=1)} if "bias" in more else {}
    while not names[-1]:
        names.pop()
    path = made(tmp_path, [node("DynamicQuantizeMatMul", names, ["y"], "fc", domain="com.microsoft")], tensors)
    found, _ = load_onnx(path)
    weights, bias = matrix_by_running(path, COLS)  # 0 and 1 are codes themselves
    np.testing.assert_allclose(found.layers[0].weights, weights, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        np.zeros(ROWS) if found.layers[0].bias is None else found.layers[0].bias, bias, atol=1e-4
    )
    assert found.notes  # that the source rounds activations
    check(hold_onnx(path))


@pytest.mark.parametrize("kind", ["MatMulIntegerToFloat", "DynamicQuantizeMatMul"])
def test_a_matrix_that_is_computed_is_left_out(tmp_path, kind):
    tensors = {"a": np.float32(0.5), "b": np.float32(0.5)}
    names = ["x", "x", "a", "b"] if kind[0] == "M" else ["x", "q", "b"]
    nodes = [node(kind, names, ["y"], "fc", domain="com.microsoft")]
    if kind[0] == "D":
        nodes.insert(0, node("QuantizeLinear", ["x", "a"], ["q"]))
    inputs = whole(np.uint8, COLS, COLS) if kind[0] == "M" else (COLS, COLS)
    nodes.append(node("MatMul", ["y", "W"], ["z"], "out"))
    outputs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)]
    found, _ = load_onnx(made(tmp_path, nodes, tensors | {"W": f(COLS, 3)}, inputs, outputs=outputs))
    assert [layer.name for layer in found.layers] == ["out"]
    assert ("fc", kind) in [(part.name, part.kind) for part in found.left_out]


@pytest.mark.parametrize("turned", [0, 1])
@pytest.mark.parametrize("by_row", [True, False])
@pytest.mark.parametrize("output", ["float", "codes"])
@pytest.mark.parametrize("bias", [True, False])
def test_qgemm(tmp_path, turned, by_row, output, bias):
    weights = codes(np.int8, *((ROWS, COLS) if turned else (COLS, ROWS)))
    tensors = {"a": np.float32(0.25), "az": np.uint8(3), "B": weights, "c": np.int32([10, -20, 300, 4, -5])}
    tensors |= {"b": np.abs(f(ROWS)) + 0.1 if by_row else np.float32(0.5), "s": np.float32(3), "z": np.uint8(100)}
    tensors["bz"] = np.zeros(ROWS, np.int8) if by_row else np.int8(0)
    names = ["x", "a", "az", "B", "b", "bz", "c" if bias else ""] + ["s", "z"] * (output == "codes")
    nodes = [
        node("QGemm", names, ["q"], "fc", domain="com.microsoft", transB=turned, alpha=0.5),
        node("Identity", ["q"], ["y"]) if output == "float" else node("DequantizeLinear", ["q", "s", "z"], ["y"]),
    ]
    path = made(tmp_path, nodes, tensors, whole(np.uint8, "N", COLS))
    (layer,) = load_onnx(path)[0].layers
    x = np.random.default_rng(0).integers(0, 12, (8, COLS), np.uint8)
    (right,) = run_plainly(path, x)
    found = layer.outputs((x.astype(np.float32) - 3) * np.float32(0.25))
    if output == "float":
        np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-3)
    else:
        assert np.abs(found.clip(-300, 465) - right).max() <= 1.51  # half a step of 3
    check(hold_onnx(path))


@pytest.mark.parametrize(
    ("activation", "parameters", "exact"),
    [
        ("Clip", [-0.5, 0.75], lambda x: x.clip(-0.5, 0.75)),
        ("HardSigmoid", [0.3, 0.4], lambda x: (0.3 * x + 0.4).clip(0, 1)),
        ("LeakyRelu", [0.25], lambda x: np.where(x < 0, 0.25 * x, x)),
    ],
)
def test_activations_of_a_fused_convolution(tmp_path, activation, parameters, exact):
    """None of them is EIE's: it stands alone behind the layer, with the parameters that the attribute holds."""
    tensors = {"K": f(ROWS, COLS, 1, 1), "b": f(ROWS)}
    nodes = [node("FusedConv", ["x", "K", "b"], ["h"], "conv", domain="com.microsoft", activation=activation,
                  activation_params=parameters), node("GlobalAveragePool", ["h"], ["y"])]  # fmt: skip
    path = made(tmp_path, nodes, tensors, ("N", COLS, 1, 1))
    found, _ = load_onnx(path)
    assert (found.layers[0].activation, found.left_out[0].kind) == ("none", activation)
    check(hold_onnx(path))  # the plain operators against the file's own, activation and all
    x = f(4, COLS)
    (right,) = run_plainly(path, x[:, :, None, None])
    np.testing.assert_allclose(exact(found.layers[0].outputs(x)), right[:, :, 0, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("on_the_left", [True, False])
def test_fusedmatmul_of_turned_activations(tmp_path, on_the_left):
    """transA of what the network gives, and of a stored matrix on the left."""
    tensors = {"W": f(COLS, ROWS)}
    names = ["W", "x"] if on_the_left else ["x", "W"]
    nodes = [node("FusedMatMul", names, ["y"], "fc", domain="com.microsoft", transA=1, alpha=0.5)]
    path = made(tmp_path, nodes, tensors, (COLS, 4))
    (layer,) = load_onnx(path)[0].layers
    np.testing.assert_allclose(layer.weights, 0.5 * tensors["W"].T, rtol=1e-6)
    held = hold_onnx(path)
    check(held)
    assert held.layers[0].error is not None


@pytest.mark.parametrize(
    ("own", "inputs"),
    [({"transBatchA": 1}, (3, 4, COLS)), ({"transBatchB": 1}, ("N", COLS)), ({"transA": 1}, None)],
    ids=["batch of A", "batch of B", "of unknown axes"],
)
def test_fusedmatmul_that_stays_is_left_out_by_name(tmp_path, own, inputs):
    nodes = [node("FusedMatMul", ["s" if inputs is None else "x", "W"], ["h"], "fused", domain="com.microsoft", **own),
             node("MatMul", ["h", "V"], ["y"], "out")]  # fmt: skip
    if inputs is None:
        nodes.insert(0, node("Strange", ["x"], ["s"], domain="my.operators"))
    tensors = {"W": f(COLS, ROWS), "V": f(ROWS, 3)}
    found, _ = load_onnx(made(tmp_path, nodes, tensors, inputs or ("N", COLS), domains=["my.operators"]))
    assert [layer.name for layer in found.layers] == ["out"]
    assert ("fused", "FusedMatMul") in [(part.name, part.kind) for part in found.left_out]


def qlinear_matmul(left, scale, zero):
    tensors = {"W": left, "s": scale, "z": zero, "t": np.float32(0.25), "u": np.uint8(7), "o": np.float32(8),
               "p": np.uint8(128)}  # fmt: skip
    return tensors, [node("QLinearMatMul", ["W", "s", "z", "x", "t", "u", "o", "p"], ["q"], "fc"),
                     node("DequantizeLinear", ["q", "o", "p"], ["y"])]  # fmt: skip


def test_a_quantised_matrix_on_the_left(tmp_path):
    tensors, nodes = qlinear_matmul(codes(np.uint8, ROWS, COLS), np.float32(0.5), np.uint8(9))
    path = made(tmp_path, nodes, tensors, whole(np.uint8, COLS, 4))
    (layer,) = load_onnx(path)[0].layers
    x = np.random.default_rng(0).integers(0, 20, (COLS, 4), np.uint8)
    (right,) = run_plainly(path, x)
    found = layer.outputs(((x.astype(np.float32) - 7) * np.float32(0.25)).T).T
    assert np.abs(found.clip(-1024, 1016) - right).max() <= 4.01  # half a step of 8
    check(hold_onnx(path))


@pytest.mark.parametrize("rows", [ROWS, COLS])
def test_scales_of_a_matrix_on_the_left_are_of_its_rows(tmp_path, rows):
    """ONNX: of the first factor by row. onnxruntime refuses that, so that nothing else would notice."""
    stored, scale, zero = codes(np.uint8, rows, COLS), np.abs(f(rows)) + 0.1, codes(np.uint8, rows)
    tensors, nodes = qlinear_matmul(stored, scale, zero)
    (layer,) = load_onnx(made(tmp_path, nodes, tensors, whole(np.uint8, COLS, 4)))[0].layers
    np.testing.assert_allclose(layer.weights, (stored.astype(np.float32) - zero[:, None]) * scale[:, None], rtol=1e-6)


@pytest.mark.parametrize("what", ["scales by column", "scales of another number", "a bias that is computed"])
def test_quantised_products_that_stay_are_left_out_by_name(tmp_path, what):
    """Whatever cannot be written with plain operators is named, and no layer."""
    tensors = {"a": np.full(COLS if "column" in what else 1, 0.25, np.float32), "az": np.uint8([3]),
               "B": codes(np.int8, COLS, ROWS), "b": np.ones(3 if "another" in what else 1, np.float32),
               "bz": np.int8([0]), "W": f(ROWS, 3)}  # fmt: skip
    if "column" in what:
        tensors["az"] = np.full(COLS, 3, np.uint8)
    nodes = [node("QGemm", ["x", "a", "az", "B", "b", "bz", "c" if "bias" in what else ""], ["h"], "fused",
                  domain="com.microsoft"), node("MatMul", ["h", "W"], ["y"], "out")]  # fmt: skip
    inputs = whole(np.uint8, "N", COLS)
    inputs += [helper.make_tensor_value_info("c", TensorProto.INT32, (ROWS,))] if "bias" in what else []
    found, _ = load_onnx(made(tmp_path, nodes, tensors, inputs))
    assert [layer.name for layer in found.layers] == ["out"]
    assert [(part.name, part.kind) for part in found.left_out] == [("fused", "QGemm")]


@pytest.mark.parametrize("what", ["scales by column", "a bias that is computed"])
def test_quantised_convolutions_that_stay(tmp_path, what):
    tensors = {"a": np.full(COLS if "column" in what else 1, 0.25, np.float32), "az": np.uint8([3]),
               "K": codes(np.int8, ROWS, COLS, 1, 1), "b": np.float32(0.5), "bz": np.int8(0), "s": np.float32(1),
               "z": np.uint8(9)}  # fmt: skip
    names = ["x", "a", "az", "K", "b", "bz", "s", "z"] + ["c"] * ("bias" in what)
    nodes = [node("QLinearConv", names, ["q"], "fused"), node("DequantizeLinear", ["q", "s", "z"], ["h"]),
             node("GlobalAveragePool", ["h"], ["g"]), node("Flatten", ["g"], ["v"]),
             node("MatMul", ["v", "W"], ["y"], "out")]  # fmt: skip
    inputs = whole(np.uint8, "N", COLS, 2, 2)
    inputs += [helper.make_tensor_value_info("c", TensorProto.INT32, (ROWS,))] if "bias" in what else []
    found, _ = load_onnx(made(tmp_path, nodes, tensors | {"W": f(ROWS, 3)}, inputs))
    assert [layer.name for layer in found.layers] == ["out"]
    assert ("fused", "QLinearConv") in [(part.name, part.kind) for part in found.left_out]


def by_qonnx(x, signed, narrow, scale, zero, bits):
    """QONNX's Quant as its specification has it: clipped, then rounded half to even."""
    low = -(2 ** (bits - 1)) + (signed and narrow) if signed else 0
    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1 - narrow
    return (np.rint((x / scale + zero).clip(low, high)) - zero) * scale


@pytest.mark.parametrize(
    ("scale", "zero", "bits", "mode", "is_read"),
    [
        (0.25, 0, 4, "ROUND", True),
        (0.25, 2, 4, "ROUND", True),
        (0.25, 0, 8, "HALF_EVEN", True),
        (0.25, 0, 3.5, "ROUND", False),
        (0.25, 0, 12, "ROUND", False),
        (0.25, 0, 4, "FLOOR", False),
        (0.25, 0.5, 4, "ROUND", False),
        (0.25, 20, 4, "ROUND", False),
        ([[0.25] * 6], 0, 4, "ROUND", False),
        (0.25, 0, [[4] * 6], "ROUND", False),
        ([0.25], [0], [4], "ROUND", True),
    ],
)
@pytest.mark.parametrize(("signed", "narrow"), [(1, 1), (0, 0)])
def test_qonnx_s_quantiser_of_activations(tmp_path, scale, zero, bits, mode, is_read, signed, narrow):
    """Where plain operators say the same it is run; where they do not, nothing behind it is."""
    domain = "qonnx.custom_op.general"
    tensors = {"s": np.float32(scale), "z": np.float32(zero), "n": np.float32(bits), "W": f(COLS, 3)}
    nodes = [node("Quant", ["x", "s", "z", "n"], ["q"], "quant", domain=domain, signed=signed, narrow=narrow,
                  rounding_mode=mode), node("MatMul", ["q", "W"], ["y"], "out")]  # fmt: skip
    held = [constant(*pair) for pair in tensors.items()]
    path = saved(graph(nodes, held, (4, COLS), domains=[domain]), tmp_path)
    found, taps = load_onnx(path)
    assert [layer.name for layer in found.layers] == ["out"]
    is_whole = any(one.op_type == "Quant" for one in read_plain(path).graph.node)
    assert is_whole != is_read
    if is_read:
        x = 3 * f(4, COLS)
        ((given,), _, _) = activations(path, taps, x)
        np.testing.assert_allclose(
            given.inputs, by_qonnx(x, signed, narrow, *map(np.float32, (scale, zero, bits))), atol=1e-6
        )


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("place", ["rows", "first", "behind"])
def test_scales_of_convinteger(tmp_path, axes, place):
    """One a row wherever its axis is; along another axis they are not the weights', however many there are."""
    shape = [1] * (2 + axes)
    shape[{"rows": 1, "first": 0, "behind": 2}[place]] = ROWS
    tensors = {"K": codes(np.int8, ROWS, 3, *[1] * axes), "s": np.float32(0.25), "z": np.uint8(3),
               "by": np.abs(f(ROWS)).reshape(shape) + 0.1}  # fmt: skip
    nodes = [node("QuantizeLinear", ["x", "s", "z"], ["q"]), node("ConvInteger", ["q", "K", "z"], ["i"], "conv"),
             node("Cast", ["i"], ["c"], to=TensorProto.FLOAT), node("Mul", ["c", "by"], ["y"])]  # fmt: skip
    path = made(tmp_path, nodes, tensors, (ROWS, 3, *[ROWS] * axes))
    found, _ = load_onnx(path)
    exact = tensors["K"].reshape(ROWS, 3) / tensors["s"]
    if place == "rows":
        exact *= tensors["by"].reshape(ROWS, 1)
    np.testing.assert_allclose(found.layers[0].weights, exact, rtol=1e-6)
    assert [part.kind for part in found.left_out] == ([] if place == "rows" else ["Mul"])
    check(hold_onnx(path))


def integer_nodes(**changed):
    """QuantizeLinear, MatMulInteger, Cast, Mul, with names of inputs changed."""
    of = {"q": "x", "s": "s", "B": "B", "z": "z", "bz": "", "by": "by"} | changed
    return [node("QuantizeLinear", [of["q"], of["s"], of["z"]], ["q"]),
            node("MatMulInteger", ["q", of["B"], of["z"], *([of["bz"]] if of["bz"] else [])], ["i"], "fused"),
            node("Cast", ["i"], ["c"], to=TensorProto.FLOAT), node("Mul", ["c", of["by"]], ["h"]),
            node("MatMul", ["h", "W"], ["y"], "out")]  # fmt: skip


@pytest.mark.parametrize("what", ["matrix", "scale", "zero point", "zero points of rows"])
def test_matmulinteger_that_stays_is_left_out_by_name(tmp_path, what):
    tensors = {"B": codes(np.int8, COLS, ROWS), "s": np.float32(0.25), "z": np.uint8(3), "by": np.float32(0.5),
               "bz": np.zeros(COLS, np.int8), "W": f(ROWS, 3)}  # fmt: skip
    given = {"matrix": ("B", TensorProto.INT8, (COLS, ROWS)), "scale": ("s", TensorProto.FLOAT, ()),
             "zero point": ("bz", TensorProto.INT8, ())}.get(what)  # fmt: skip
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", COLS))]
    if given:
        del tensors[given[0]]
        inputs.append(helper.make_tensor_value_info(*given))
    nodes = integer_nodes(bz="bz" if "zero" in what else "")
    found, _ = load_onnx(made(tmp_path, nodes, tensors, inputs))
    assert [layer.name for layer in found.layers] == ["out"]
    assert ("fused", "MatMulInteger") in [(part.name, part.kind) for part in found.left_out]


@pytest.mark.parametrize("what", ["matrix", "group out of range", "negative group", "other order"])
def test_matmulnbits_that_stays_is_left_out_by_name(tmp_path, what):
    tensors = {"B": codes(np.uint8, ROWS, 2, 8), "s": np.abs(f(ROWS, 2)) + 0.1, "W": f(ROWS, 3)}
    groups = np.arange(32, dtype=np.int32) // 16
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", 32))]
    if what == "matrix":
        del tensors["B"]
        inputs.append(helper.make_tensor_value_info("B", TensorProto.UINT8, (ROWS, 2, 8)))
    elif "group" in what:
        groups[5] = 2 if "range" in what else -1
    own = {"weight_prepacked": 1} if what == "other order" else {}
    nodes = [node("MatMulNBits", ["x", "B", "s", "", "g"], ["h"], "fused", domain="com.microsoft", N=ROWS, K=32, bits=4,
                  block_size=16, **own), node("MatMul", ["h", "W"], ["y"], "out")]  # fmt: skip
    found, _ = load_onnx(made(tmp_path, nodes, tensors | {"g": groups}, inputs))
    assert [layer.name for layer in found.layers] == ["out"]
    assert [(part.name, part.kind) for part in found.left_out] == [("fused", "MatMulNBits")]
