"""Quantised and fused graphs: what onnxruntime's own tools write is read as the numbers that they stand for."""

import logging
import sys

import numpy as np
import pytest

from eiesim import EieError
from eiesim.dense import forward
from eiesim.files.held import check
from eiesim.files.onnx import hold_onnx, load_onnx, running

onnx = pytest.importorskip("onnx", reason="needs extra [onnx]")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs extra [onnx]")

from onnx import TensorProto, helper  # noqa: E402
from onnx_models import constant, graph, recurrent, run_plainly  # type: ignore[import-not-found]  # noqa: E402

RNG = np.random.default_rng(0)
node = helper.make_node
ROUNDS = "the source rounds activations; the layers here take and give them as they are"


def f(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


MLP = {"W1": f(24, 16), "b1": f(24), "W2": f(24, 20), "b2": f(20), "W3": f(20, 5), "b3": f(5)}
CNN = {"K": f(8, 3, 3, 3), "kb": f(8), "P": f(12, 4, 1, 1), "pb": f(12), "W": f(12, 5), "b": f(5)}


def mlp():
    nodes = [
        node("Gemm", ["x", "W1", "b1"], ["g1"], "fc1", transB=1), node("Relu", ["g1"], ["r1"]),
        node("MatMul", ["r1", "W2"], ["m2"], "fc2"), node("Add", ["m2", "b2"], ["a2"]), node("Relu", ["a2"], ["r2"]),
        node("Gemm", ["r2", "W3", "b3"], ["y"], "fc3"),
    ]  # fmt: skip
    return graph(nodes, [constant(*pair) for pair in MLP.items()], ("N", 16), opset=17)


def cnn():
    nodes = [
        node("Conv", ["x", "K", "kb"], ["c"], "conv", pads=[1, 1, 1, 1]), node("Relu", ["c"], ["r"]),
        node("Conv", ["r", "P", "pb"], ["p"], "grouped", group=2), node("LeakyRelu", ["p"], ["l"], alpha=0.1),
        node("GlobalAveragePool", ["l"], ["g"]), node("Flatten", ["g"], ["flat"]),
        node("Gemm", ["flat", "W", "b"], ["y"], "fc"),
    ]  # fmt: skip
    return graph(nodes, [constant(*pair) for pair in CNN.items()], ("N", 3, 6, 6), opset=17)


class Reader:
    """Calibration data as onnxruntime's quantiser wants it."""

    def __init__(self, shape):
        self.left = [{"x": np.random.default_rng(k).standard_normal(shape).astype(np.float32)} for k in range(4)]

    def get_next(self):
        return self.left.pop() if self.left else None


def quantised(proto, shape, tmp_path, how, **options):
    quantization = pytest.importorskip("onnxruntime.quantization")
    logging.getLogger().setLevel(logging.ERROR)
    plain, made = tmp_path / "plain.onnx", tmp_path / "model.onnx"
    onnx.save(proto, str(plain))
    if how == "dynamic":
        quantization.quantize_dynamic(str(plain), str(made), **options)
    else:
        form = quantization.QuantFormat[how]
        quantization.quantize_static(str(plain), str(made), Reader(shape), quant_format=form, **options)
    return made


KINDS = [("QDQ", {}), ("QDQ", {"per_channel": True}), ("QOperator", {}), ("QOperator", {"per_channel": True}),
         ("dynamic", {}), ("dynamic", {"per_channel": True})]  # fmt: skip


@pytest.mark.parametrize(("how", "options"), KINDS, ids=str)
@pytest.mark.parametrize("signed", [False, True])
def test_a_quantised_mlp_is_the_mlp_to_a_step_of_its_weights(tmp_path, how, options, signed):
    quantization = pytest.importorskip("onnxruntime.quantization")
    kind = quantization.QuantType.QInt8 if signed else quantization.QuantType.QUInt8
    more = {"weight_type": kind} if how == "dynamic" else {"activation_type": kind}
    path = quantised(mlp(), (8, 16), tmp_path, how, **more, **options)
    found, _ = load_onnx(path)
    assert [layer.activation for layer in found.layers] == ["relu", "relu", "none"]
    assert found.chain
    assert found.notes == (ROUNDS,)
    assert not found.left_out
    for layer, weights, bias in zip(found.layers, ("W1", "W2", "W3"), ("b1", "b2", "b3"), strict=True):
        exact = MLP[weights] if weights == "W1" else MLP[weights].T
        assert np.abs(layer.weights - exact).max() <= 1.01 * np.abs(exact).max() / 127
        np.testing.assert_allclose(layer.bias, MLP[bias], atol=0.05)
    held = hold_onnx(path)
    check(held)
    assert held.network.error < 1e-5 or (how == "dynamic" and held.network.error < 1e-4)
    # The graph with rounded activations is the layers to what the rounding makes: 8 bits.
    x = np.random.default_rng(0).standard_normal((8, 16)).astype(np.float32)
    (exact,) = run_plainly(path, x)
    assert np.abs(forward(found.layers, x) - exact).max() < 0.05 * np.abs(exact).max()


@pytest.mark.parametrize(("how", "options"), KINDS, ids=str)
def test_a_quantised_cnn(tmp_path, how, options):
    path = quantised(cnn(), (4, 3, 6, 6), tmp_path, how, **options)
    found, _ = load_onnx(path)
    assert [layer.weights.shape for layer in found.layers] == [(8, 27), (12, 8), (5, 12)]
    assert [layer.activation for layer in found.layers] == ["relu", "none", "none"]
    exact = CNN["K"].reshape(8, 27)
    assert np.abs(found.layers[0].weights - exact).max() <= 1.01 * np.abs(exact).max() / 127
    held = hold_onnx(path)
    check(held)
    assert all(one.error is not None for one in held.layers)
    roles = {entry.role for entry in found.ledger if entry.layer}
    assert {"weight", "bias", "scale"} <= roles


def test_work_and_parameters_of_a_quantised_network_are_the_network_s(tmp_path):
    whole, _ = load_onnx(_saved(mlp(), tmp_path, "whole"))
    for how in ("QDQ", "QOperator", "dynamic"):
        found, _ = load_onnx(quantised(mlp(), (8, 16), tmp_path, how))
        assert found.parameters == whole.parameters
        assert found.all_parameters == pytest.approx(whole.all_parameters, abs=8)  # scales that nobody takes any more
        assert found.vectors == whole.vectors


def _saved(proto, tmp_path, name="model"):
    path = tmp_path / f"{name}.onnx"
    onnx.save(proto, str(path))
    return path


@pytest.mark.parametrize("proto", [mlp, cnn])
def test_what_onnxruntime_fused_is_read_as_before(tmp_path, proto):
    """FusedGemm, FusedConv: the layers of the plain graph, bit for bit."""
    plain, made = _saved(proto(), tmp_path, "plain"), tmp_path / "fused.onnx"
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(made)
    onnxruntime.InferenceSession(str(plain), options, providers=["CPUExecutionProvider"])
    assert {one.domain for one in onnx.load(str(made)).graph.node} == {"", "com.microsoft"}
    before, after = load_onnx(plain)[0], load_onnx(made)[0]
    assert [layer.activation for layer in after.layers] == [layer.activation for layer in before.layers]
    for a, b in zip(before.layers, after.layers, strict=True):
        np.testing.assert_array_equal(b.weights, a.weights)
        np.testing.assert_array_equal(b.bias, a.bias)
    check(hold_onnx(made))


def test_fused_operators_by_hand(tmp_path):
    nodes = [
        node("FusedMatMul", ["x", "W"], ["m"], "one", domain="com.microsoft", transB=1, alpha=0.5),
        node("FusedGemm", ["m", "V", "b"], ["t"], "two", domain="com.microsoft", activation="Tanh", transB=1),
        node("FusedGemm", ["t", "U"], ["y"], "three", domain="com.microsoft", activation="LeakyRelu",
             activation_alpha=0.2),
    ]  # fmt: skip
    tensors = {"W": f(7, 6), "V": f(4, 7), "b": f(4), "U": f(4, 3)}
    path = _saved(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 6), microsoft=True), tmp_path)
    found, _ = load_onnx(path)
    np.testing.assert_allclose(found.layers[0].weights, 0.5 * tensors["W"], rtol=1e-6)
    np.testing.assert_array_equal(found.layers[1].weights, tensors["V"])
    assert [layer.activation for layer in found.layers] == ["none"] * 3
    assert [part.kind for part in found.left_out] == ["Tanh", "LeakyRelu"]
    assert not found.chain
    check(hold_onnx(path))


def test_a_fused_convolution_that_adds_another_value(tmp_path):
    nodes = [node("FusedConv", ["x", "K", "b", "x"], ["y"], "conv", domain="com.microsoft", activation="Relu",
                  pads=[1, 1, 1, 1])]  # fmt: skip
    path = _saved(
        graph(nodes, [constant("K", f(3, 3, 3, 3)), constant("b", f(3))], ("N", 3, 5, 5), microsoft=True), tmp_path
    )
    found, _ = load_onnx(path)
    assert found.layers[0].activation == "none"  # the Relu is of the sum
    assert [part.kind for part in found.left_out] == ["Add", "Relu"]
    check(hold_onnx(path))


def test_a_graph_rearranged_for_one_machine_is_refused(tmp_path):
    proto = cnn()
    proto.graph.node[0].domain = "com.microsoft.nchwc"
    proto.opset_import.append(helper.make_opsetid("com.microsoft.nchwc", 1))
    message = (
        r"'conv' is a Conv of com\.microsoft\.nchwc: optimised for one machine; export without optimized_model_filepath"
    )
    with pytest.raises(EieError, match=message):
        load_onnx(_saved(proto, tmp_path))


@pytest.mark.parametrize("kind", ["Conv", "Gemm", "MatMul", "Relu", "Reshape", "Add"])
def test_another_domain_s_operator_is_none_of_onnx(tmp_path, kind):
    """Whatever it is called: nothing is read into it, and its work is not known."""
    nodes = [node("MatMul", ["x", "W"], ["m"], "one"), node(kind, ["m", "V"], ["h"], "strange", domain="my.operators"),
             node("MatMul", ["h", "V"], ["y"], "two")]  # fmt: skip
    proto = graph(nodes, [constant("W", f(6, 5)), constant("V", f(5, 5))], ("N", 6), domains=["my.operators"])
    found, _ = load_onnx(_saved(proto, tmp_path))
    assert [(layer.name, layer.activation, layer.bias) for layer in found.layers] == [
        ("one", "none", None),
        ("two", "none", None),
    ]
    assert not found.chain
    assert [(part.name, part.macs) for part in found.left_out] == [("strange", None)]
    assert "an operator of my.operators, not of ONNX" in found.left_out[0].reason
    held = hold_onnx(tmp_path / "model.onnx")  # what needs it cannot run; what stands before it can
    assert held.layers[0].error < 1e-5
    assert held.layers[1].error is None


def unpacked_by_hand(packed, bits):
    """Codes, one after the other, the lowest bits first."""
    whole = int.from_bytes(packed.tobytes(), "little")
    return [(whole >> (bits * k)) % 2**bits for k in range(packed.size * 8 // bits)]


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("zeros", ["none", "packed", "numbers"])
@pytest.mark.parametrize("cols", [64, 50])
def test_matmulnbits_by_hand(tmp_path, bits, zeros, cols):
    rows, block = 6, 16
    blocks = -(-cols // block)
    packed = RNG.integers(0, 256, (rows, blocks, block * bits // 8)).astype(np.uint8)
    scales = np.abs(f(rows, blocks)) + 0.1
    tensors = {"B": packed, "scales": scales}
    points = np.full((rows, blocks), 2 ** (bits - 1), np.float32)
    if zeros == "packed":
        tensors["zp"] = RNG.integers(0, 256, (rows, -(-blocks * bits // 8))).astype(np.uint8)
        points = np.array([unpacked_by_hand(row, bits)[:blocks] for row in tensors["zp"]], np.float32)
    elif zeros == "numbers":
        tensors["zp"] = points = np.abs(f(rows, blocks))
    codes = np.array([[unpacked_by_hand(one, bits) for one in row] for row in packed], np.float32)
    exact = ((codes - points[..., None]) * scales[..., None]).reshape(rows, -1)[:, :cols]
    nodes = [node("MatMulNBits", ["x", *tensors], ["m"], "fc", domain="com.microsoft", K=cols, N=rows, bits=bits,
                  block_size=block, accuracy_level=4), node("Relu", ["m"], ["y"])]  # fmt: skip
    path = _saved(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", cols), microsoft=True), tmp_path)
    found, _ = load_onnx(path)
    np.testing.assert_allclose(found.layers[0].weights, exact, rtol=1e-6)
    assert found.layers[0].activation == "relu"
    assert {entry.tensor: entry.role for entry in found.ledger} == {
        "B": "weight", "scales": "scale", **({"zp": "zero_point"} if "zp" in tensors else {})
    }  # fmt: skip
    check(hold_onnx(path))


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("zeros", ["none", "packed", "numbers"])
def test_matmulnbits_of_groups_in_another_order(tmp_path, bits, zeros):
    """g_idx says of each input which block's scale and zero point it has; a bias beside it.

    onnxruntime computes it so of 4 bits without packed zero points. Packed ones it takes for 8, and 8 bits it refuses
    (1.32.0): such layers are held against nothing.
    """
    rows, cols, block = 6, 64, 16
    blocks = cols // block
    groups = RNG.permutation(np.arange(cols) // block).astype(np.int32)
    tensors = {"B": RNG.integers(0, 256, (rows, blocks, block * bits // 8)).astype(np.uint8),
               "scales": np.abs(f(rows, blocks)) + 0.1, "g": groups, "b": f(rows)}  # fmt: skip
    points = np.full((rows, blocks), 2 ** (bits - 1), np.float32)
    if zeros == "packed":
        tensors["zp"] = RNG.integers(0, 256, (rows, blocks * bits // 8)).astype(np.uint8)
        points = np.array([unpacked_by_hand(row, bits)[:blocks] for row in tensors["zp"]], np.float32)
    elif zeros == "numbers":
        tensors["zp"] = points = np.abs(f(rows, blocks))
    codes = np.array([unpacked_by_hand(row.reshape(-1), bits) for row in tensors["B"]], np.float32)
    exact = (codes - points[:, groups]) * tensors["scales"][:, groups]
    inputs = ["x", "B", "scales", "zp" if "zp" in tensors else "", "g", "b"]
    nodes = [node("MatMulNBits", inputs, ["y"], "fc", domain="com.microsoft", K=cols, N=rows, bits=bits,
                  block_size=block)]  # fmt: skip
    path = _saved(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", cols), microsoft=True), tmp_path)
    found, _ = load_onnx(path)
    np.testing.assert_allclose(found.layers[0].weights, exact, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.layers[0].bias, tensors["b"])
    assert [entry.role for entry in found.ledger if entry.tensor == "g"] == ["indices"]
    held = hold_onnx(path)
    check(held)
    assert (held.layers[0].error is None) == (zeros == "packed")


@pytest.mark.parametrize(("bits", "given", "is_not_run"), [(2, True, True), (4, True, False), (2, False, False)])
def test_onnxruntime_is_not_given_fewer_than_4_bits_with_a_g_idx(bits, given, is_not_run):
    inputs = ["x", "B", "scales", "", "g"] if given else ["x", "B", "scales"]
    one = node("MatMulNBits", inputs, ["y"], domain="com.microsoft", K=16, N=1, bits=bits, block_size=16)
    assert running.is_not_run(one) == is_not_run


def test_matmulnbits_whose_blocks_come_first(tmp_path):
    """[blocks, N, bytes], as some exporters write it, is not what the operator says: left out, never taken for it."""
    four = {"K": 64, "N": 6, "bits": 4, "block_size": 16}
    tensors = {"B": RNG.integers(0, 256, (4, 6, 8)).astype(np.uint8), "scales": f(4, 6)}
    nodes = [node("MatMulNBits", ["x", *tensors], ["y"], "fc", domain="com.microsoft", **four)]
    path = _saved(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 64), microsoft=True), tmp_path)
    found, _ = load_onnx(path)
    assert not found.layers
    assert "in another order" in found.left_out[0].reason


@pytest.mark.parametrize("kind", ["INT4", "UINT4", "INT8", "UINT8", "FLOAT8E4M3FN"])
@pytest.mark.parametrize(("axis", "block"), [(0, 16), (0, 5), (1, 3)])
@pytest.mark.parametrize("zeros", [False, True])
def test_dequantizelinear_in_blocks(tmp_path, kind, axis, block, zeros):
    """Opset 21: a scale and a zero point a block along an axis, whose last block may be short."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    least, most, dtype = {
        "INT4": (-8, 8, ml_dtypes.int4), "UINT4": (0, 16, ml_dtypes.uint4), "INT8": (-128, 128, np.int8),
        "UINT8": (0, 256, np.uint8), "FLOAT8E4M3FN": (-8, 8, ml_dtypes.float8_e4m3fn),
    }[kind]  # fmt: skip
    if zeros and kind.startswith("FLOAT"):
        pytest.skip("float8 has no zero point but 0")
    codes = RNG.integers(least, most, (32, 6))
    shape = list(codes.shape)
    shape[axis] = -(-shape[axis] // block)
    tensors = {"Q": codes.astype(dtype), "S": np.abs(f(*shape)) + 0.1}
    points = np.zeros(shape)
    if zeros:
        points = RNG.integers(max(least, 0), most, shape).astype(float)
        tensors["Z"] = points.astype(dtype)
    spread = [np.repeat(one, block, axis)[:32, :6] for one in (points, tensors["S"])]
    nodes = [node("DequantizeLinear", list(tensors), ["W"], axis=axis, block_size=block),
             node("MatMul", ["x", "W"], ["y"], "fc")]  # fmt: skip
    proto = graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 32), opset=21)
    found, _ = load_onnx(_saved(proto, tmp_path))
    np.testing.assert_allclose(found.layers[0].weights, ((codes - spread[0]) * spread[1]).T, rtol=1e-5, atol=1e-6)
    assert {entry.tensor: entry.role for entry in found.ledger} == {
        "Q": "weight", "S": "scale", **({"Z": "zero_point"} if zeros else {})
    }  # fmt: skip
    held = hold_onnx(tmp_path / "model.onnx")
    check(held)
    assert held.layers[0].error < 1e-6


@pytest.mark.parametrize("form", ["QOperator", "QDQ"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_matmulnbits_of_onnxruntime_s_quantiser(tmp_path, form, symmetric):
    pytest.importorskip("onnx_ir", reason="onnxruntime's MatMulNBitsQuantizer needs onnx-ir")
    from onnxruntime.quantization import QuantFormat
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    tensors = {"W": f(64, 40), "b": f(40), "V": f(40, 8)}
    nodes = [node("MatMul", ["x", "W"], ["m"], "fc1"), node("Add", ["m", "b"], ["a"]), node("Relu", ["a"], ["r"]),
             node("MatMul", ["r", "V"], ["y"], "fc2")]  # fmt: skip
    proto = graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 64))
    made = MatMulNBitsQuantizer(proto, block_size=16, is_symmetric=symmetric, quant_format=QuantFormat[form])
    made.process()
    path = _saved(made.model.model, tmp_path)
    found, _ = load_onnx(path)
    assert [(layer.rows, layer.cols, layer.activation) for layer in found.layers] == [(40, 64, "relu"), (8, 40, "none")]
    assert np.abs(found.layers[0].weights - tensors["W"].T).max() < 0.6  # 4 bits
    assert found.chain
    check(hold_onnx(path))


@pytest.mark.parametrize("by_column", [False, True])
@pytest.mark.parametrize("dynamic", [False, True])
def test_matmulinteger(tmp_path, by_column, dynamic):
    """Weights, scales and zero points folded: W = (codes - zero) x scale, whatever quantised the activations."""
    codes = RNG.integers(-127, 128, (10, 6)).astype(np.int8)
    scale = np.linspace(0.01, 0.05, 6, dtype=np.float32) if by_column else np.float32(0.02)
    nodes = (
        [node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"])]
        if dynamic
        else [node("QuantizeLinear", ["x", "s", "z"], ["q"])]
    )
    nodes += [
        node("MatMulInteger", ["q", "B", "z", "bz"], ["i"], "fc"),
        node("Cast", ["i"], ["c"], to=TensorProto.FLOAT), node("Mul", ["s", "bs"], ["both"]),
        node("Mul", ["c", "both"], ["m"]),
        node("Add", ["m", "b"], ["a"]), node("Relu", ["a"], ["y"]),
    ]  # fmt: skip
    tensors = {"B": codes, "bz": np.int8(3), "bs": scale, "b": f(6)}
    if not dynamic:
        tensors |= {"s": np.float32(0.03), "z": np.uint8(128)}
    path = _saved(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 10)), tmp_path)
    found, _ = load_onnx(path)
    np.testing.assert_allclose(found.layers[0].weights, ((codes.astype(np.float32) - 3) * scale).T, rtol=1e-5)
    np.testing.assert_array_equal(found.layers[0].bias, tensors["b"])
    assert found.layers[0].activation == "relu"
    assert not found.left_out
    check(hold_onnx(path))


@pytest.mark.parametrize("of_images", [False, True])
def test_a_bias_of_whole_numbers_before_the_scale(tmp_path, of_images):
    """As onnxruntime 1.2 quantised: floor(bias / (both scales)) is added to the whole-number sums."""
    codes = RNG.integers(-127, 128, (6, 3, 2, 2) if of_images else (10, 6)).astype(np.int8)
    shape = np.array([1, -1, 1, 1] if of_images else [1, -1])
    kind = "ConvInteger" if of_images else "MatMulInteger"
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]), node("Mul", ["s", "bs"], ["both"]),
        node("Div", ["b", "both"], ["bias/scale"]), node("Floor", ["bias/scale"], ["floor"]),
        node("Cast", ["floor"], ["whole"], to=TensorProto.INT32), node("Reshape", ["whole", "shape"], ["bias"]),
        node(kind, ["q", "B", "z"], ["i"], "fc"), node("Add", ["i", "bias"], ["j"]),
        node("Cast", ["j"], ["c"], to=TensorProto.FLOAT), node("Mul", ["s", "bs"], ["again"]),
        node("Mul", ["c", "again"], ["m"]), node("Relu", ["m"], ["y"]),
    ]  # fmt: skip
    tensors = {"B": codes, "bs": np.float32(0.02), "b": f(6), "shape": shape}
    inputs = ("N", 3, 5, 5) if of_images else ("N", 10)
    path = _saved(graph(nodes, [constant(*pair) for pair in tensors.items()], inputs), tmp_path)
    found, _ = load_onnx(path)
    exact = codes.reshape(6, -1) if of_images else codes.T
    np.testing.assert_allclose(found.layers[0].weights, exact * np.float32(0.02), rtol=1e-6)
    np.testing.assert_array_equal(found.layers[0].bias, tensors["b"])
    assert not found.left_out
    check(hold_onnx(path))


@pytest.mark.parametrize("by_column", [False, True])
def test_a_dynamically_quantised_lstm(tmp_path, by_column):
    plain, _ = load_onnx(_saved(recurrent(), tmp_path, "before"))
    path = quantised(recurrent(), None, tmp_path, "dynamic", per_channel=by_column)
    assert "DynamicQuantizeLSTM" in {one.op_type for one in onnx.load(str(path)).graph.node}
    found, _ = load_onnx(path)
    assert [layer.name.partition(".")[2] for layer in found.layers[:2]] == ["W", "R"]
    for before, after in zip(plain.layers, found.layers, strict=True):
        assert np.abs(after.weights - before.weights).max() <= 1.01 * np.abs(before.weights).max() / 127
        if before.bias is not None:
            np.testing.assert_array_equal(after.bias, before.bias)
    check(hold_onnx(path))


def test_whole_numbers_without_a_scale_are_left_out(tmp_path):
    nodes = [node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]), node("MatMulInteger", ["q", "B", "z"], ["y"], "fc")]
    ends = [helper.make_tensor_value_info("y", TensorProto.INT32, None)]
    codes = RNG.integers(-9, 9, (10, 6)).astype(np.int8)
    found, _ = load_onnx(_saved(graph(nodes, [constant("B", codes)], ("N", 10), outputs=ends), tmp_path))
    assert not found.layers
    assert "whole-number weights that no constant scale follows" in found.left_out[-1].reason


@pytest.mark.parametrize(
    ("zero", "relu"), [(np.uint8(0), True), (np.int8(-128), True), (np.uint8(7), False), (np.int8(0), False)]
)
def test_a_relu_that_a_quantiser_removed(tmp_path, zero, relu):
    """An output's quantiser cuts off below its zero point: only where this is the type's least value is that a ReLU."""
    nodes = [
        node("MatMul", ["x", "W"], ["m"], "one"), node("QuantizeLinear", ["m", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["d"]), node("MatMul", ["d", "V"], ["y"], "two"),
    ]  # fmt: skip
    tensors = {"W": f(6, 5), "V": f(5, 4), "s": np.float32(0.05), "z": zero}
    path = _saved(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 6)), tmp_path)
    found, _ = load_onnx(path)
    assert [layer.activation for layer in found.layers] == ["relu" if relu else "none", "none"]
    assert found.chain
    check(hold_onnx(path))


def test_a_quantiser_that_a_clip_narrows(tmp_path):
    """Brevitas' QCDQ on activations: QuantizeLinear, Clip, DequantizeLinear of 4 bits; from 0 it is a ReLU."""
    for low, relu in ((np.int8(0), True), (np.int8(-7), False)):
        nodes = [
            node("MatMul", ["x", "W"], ["m"], "one"), node("QuantizeLinear", ["m", "s", "z"], ["q"]),
            node("Clip", ["q", "low", "high"], ["c"]), node("DequantizeLinear", ["c", "s", "z"], ["d"]),
            node("MatMul", ["d", "V"], ["y"], "two"),
        ]  # fmt: skip
        tensors = {"W": f(6, 5), "V": f(5, 4), "s": np.float32(0.5), "z": np.int8(0), "low": low, "high": np.int8(7)}
        path = _saved(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 6)), tmp_path)
        found, _ = load_onnx(path)
        assert found.layers[0].activation == ("relu" if relu else "none")
        assert found.chain
        assert not found.left_out
        check(hold_onnx(path))


def test_another_scale_behind_than_before_is_no_pair(tmp_path):
    nodes = [node("MatMul", ["x", "W"], ["m"], "one"), node("QuantizeLinear", ["m", "s", "z"], ["q"]),
             node("DequantizeLinear", ["q", "t", "z"], ["d"]), node("MatMul", ["d", "V"], ["y"], "two")]  # fmt: skip
    tensors = {"W": f(6, 5), "V": f(5, 4), "s": np.float32(0.05), "t": np.float32(0.1), "z": np.uint8(0)}
    path = _saved(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 6)), tmp_path)
    found, _ = load_onnx(path)
    assert not found.chain
    check(hold_onnx(path))


def qonnx_model(weights="Quant", **more):
    attributes = {
        "Quant": {"signed": 1, "narrow": 1, "rounding_mode": "ROUND"},
        "BipolarQuant": {},
        "Trunc": {"rounding_mode": "FLOOR"},
    }
    takes = {"Quant": ["W", "s", "z", "bits"], "BipolarQuant": ["W", "s"], "Trunc": ["W", "s", "z", "eight", "bits"]}
    domain = "qonnx.custom_op.general"
    nodes = [
        node(weights, takes[weights], ["Wq"], domain=domain, **attributes[weights]),
        node("MatMul", ["x", "Wq"], ["m"], "one"),
        node("Quant", ["m", "sa", "z", "bits"], ["q"], domain=domain, signed=0, narrow=0, rounding_mode="ROUND"),
        node("MatMul", ["q", "V"], ["y"], "two"),
    ]  # fmt: skip
    numbers = {"s": 0.25, "sa": 0.5, "z": 0, "bits": 4, "eight": 8}
    tensors = {"W": f(6, 5), "V": f(5, 4), **{name: np.float32(value) for name, value in numbers.items()}}
    proto = graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 6), domains=[domain], **more)
    return proto, tensors["W"]


@pytest.mark.parametrize("kind", ["Quant", "BipolarQuant", "Trunc"])
def test_qonnx(tmp_path, kind):
    pytest.importorskip("qonnx", reason="computes QONNX's quantisers")
    proto, weights = qonnx_model(kind)
    exact = {
        "Quant": np.clip(np.round(weights / 0.25), -7, 7) * 0.25,
        "BipolarQuant": np.where(weights >= 0, 0.25, -0.25),
        "Trunc": np.floor(np.round(weights / 0.25) / 16) * 0.25,
    }[kind]
    path = _saved(proto, tmp_path)
    found, _ = load_onnx(path)
    np.testing.assert_allclose(found.layers[0].weights, exact.T, atol=1e-6)
    assert [layer.activation for layer in found.layers] == ["relu", "none"]  # unsigned: what is below 0 is cut off
    assert found.chain
    check(hold_onnx(path))


def test_qonnx_without_its_package_is_refused_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "qonnx", None)
    monkeypatch.setitem(sys.modules, "qonnx.custom_op.registry", None)
    found, _ = load_onnx(_saved(qonnx_model()[0], tmp_path))
    assert "one" not in {layer.name for layer in found.layers}
    reasons = {part.name: part.reason for part in found.left_out}
    why = "it goes through QONNX's Quant, which package qonnx computes: pip install qonnx"
    assert why in reasons["one"]
    assert why in next(entry.reason for entry in found.ledger if entry.tensor == "W")


def with_casts(whole=False):
    """As Keras 3 writes a mixed_float16 model. whole: one of the Casts makes whole numbers."""
    tensors = {"W": f(6, 5).astype(np.float16), "b": f(5), "V": f(5, 3).astype(np.float16)}
    nodes = [
        node("Cast", ["x"], ["xh"], to=TensorProto.FLOAT16), node("MatMul", ["xh", "W"], ["m"], "one"),
        node("Cast", ["m"], ["mi"], to=TensorProto.INT32 if whole else TensorProto.FLOAT),
        node("Cast", ["mi"], ["mf"], to=TensorProto.FLOAT), node("Add", ["mf", "b"], ["a"]),
        node("Cast", ["a"], ["ah"], to=TensorProto.FLOAT16), node("Cast", ["ah"], ["af"], to=TensorProto.FLOAT),
        node("Relu", ["af"], ["r"]), node("Cast", ["r"], ["rh"], to=TensorProto.FLOAT16),
        node("MatMul", ["rh", "V"], ["z"], "two"), node("Cast", ["z"], ["y"], to=TensorProto.FLOAT),
    ]  # fmt: skip
    return graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 6)), tensors["b"]


def test_float_casts_are_looked_through(tmp_path):
    proto, bias = with_casts()
    found, _ = load_onnx(_saved(proto, tmp_path))
    assert [layer.activation for layer in found.layers] == ["relu", "none"]
    np.testing.assert_array_equal(found.layers[0].bias, bias)
    assert found.chain
    assert not found.left_out
    held = hold_onnx(tmp_path / "model.onnx")
    check(held)
    assert 1e-6 < held.network.error < 5e-3  # 16 bits


def test_a_cast_to_whole_numbers_is_not(tmp_path):
    found, _ = load_onnx(_saved(with_casts(whole=True)[0], tmp_path))
    assert [(layer.activation, layer.bias) for layer in found.layers] == [("none", None), ("none", None)]
    assert not found.chain
    assert "makes whole numbers" in found.left_out[0].reason
    check(hold_onnx(tmp_path / "model.onnx"))


@pytest.mark.parametrize("many", [1, 2])
def test_a_pair_of_quantisers_for_each_that_takes_a_value(tmp_path, many):
    """As onnxruntime's option DedicatedQDQPair writes: pairs that are the same are one, and its ReLU is read."""
    nodes = [node("MatMul", ["x", "W"], ["m"], "one")]
    tensors = {"W": f(6, 5), "V": f(5, 4)}
    for k in range(2):
        tensors |= {f"s{k}": np.float32(0.05), f"z{k}": np.uint8(0 if many == 1 else 3 * k)}
        nodes += [node("QuantizeLinear", ["m", f"s{k}", f"z{k}"], [f"q{k}"]),
                  node("DequantizeLinear", [f"q{k}", f"s{k}", f"z{k}"], [f"d{k}"])]  # fmt: skip
    nodes += [node("MatMul", ["d0", "V"], ["y"], "two"), node("Tanh", ["d1"], ["t"])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "t")]
    path = _saved(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 6), outputs=ends), tmp_path)
    found, _ = load_onnx(path)
    # Where one of two pairs cuts off at 0, the layer has no ReLU, and what is behind that pair is not its outputs.
    assert found.layers[0].activation == ("relu" if many == 1 else "none")
    assert found.chain == (many == 1)
    check(hold_onnx(path))


def test_onnxruntime_s_operators_in_onnx_s_own_domain(tmp_path):
    """SimplifiedLayerNormalization, of no domain where onnxruntime wrote the file; ONNX's checker does not know it."""
    nodes = [node("SimplifiedLayerNormalization", ["x", "g"], ["n"], "norm", axis=-1, epsilon=1e-5),
             node("MatMul", ["n", "W"], ["y"], "fc")]  # fmt: skip
    path = _saved(graph(nodes, [constant("g", np.ones(6, np.float32)), constant("W", f(6, 5))], ("N", 6)), tmp_path)
    found, _ = load_onnx(path)
    assert [layer.name for layer in found.layers] == ["fc"]
    held = hold_onnx(path)
    check(held)
    assert held.layers[0].error < 1e-5


def test_a_graph_of_chance_is_held_layer_by_layer(tmp_path):
    four_bits = {"K": 16, "N": 4, "bits": 4, "block_size": 16}
    nodes = [
        node("MatMul", ["x", "W"], ["m"], "one"), node("RandomNormalLike", ["m"], ["r"]),
        node("Add", ["m", "r"], ["s"]),
        node("MatMulNBits", ["s", "B", "scales"], ["y"], "two", domain="com.microsoft", **four_bits),
    ]  # fmt: skip
    tensors = {
        "W": f(6, 16),
        "B": RNG.integers(0, 256, (4, 1, 8)).astype(np.uint8),
        "scales": np.ones((4, 1), np.float32),
    }
    path = _saved(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 6), microsoft=True), tmp_path)
    held = hold_onnx(path)
    check(held)
    assert held.network is None
    assert max(one.error for one in held.layers) < 1e-5


def test_a_table_that_is_a_matrix_too(tmp_path):
    """Embeddings whose table is the last layer's matrix: a lookup, and a layer."""
    nodes = [node("Gather", ["T", "ids"], ["e"], "embedding"), node("Transpose", ["T"], ["W"]),
             node("MatMul", ["e", "W"], ["y"], "vocabulary")]  # fmt: skip
    entries = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["N"])]
    path = _saved(graph(nodes, [constant("T", f(9, 4))], entries), tmp_path)
    found, _ = load_onnx(path)
    assert [(entry.role, entry.layer) for entry in found.ledger if entry.tensor == "T"] == [("weight", "vocabulary")]
    check(hold_onnx(path))
