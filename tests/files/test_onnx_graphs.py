"""More of ONNX: convolutions of any kind, folded operators, bodies, several inputs; each against onnxruntime."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eiesim
from eiesim import EieError, MachineConfig
from eiesim.compression import pipeline
from eiesim.files.onnx import load_onnx
from tests.cases import cli

onnx = pytest.importorskip("onnx", reason="needs extra [onnx]")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs extra [onnx]")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx_models import model, random_tensor, value  # type: ignore[import-not-found]  # noqa: E402

ROOT = Path(eiesim.__file__).parents[1]


def saved(proto, tmp_path, name="model"):
    path = tmp_path / f"{name}.onnx"
    onnx.save(proto, str(path))
    return path


def run_onnx(path, feed, wanted=None):
    options = onnxruntime.SessionOptions()
    # Optimised, onnxruntime multiplies dequantised weights by activations rounded to 8 bits.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    if not isinstance(feed, dict):
        feed = {session.get_inputs()[0].name: feed}
    return session.run(wanted, feed)


def calibrated(path, inputs, positions=None):
    found, taps = pipeline.load_model(path)
    return found, pipeline.calibrate(path, found, taps, inputs, positions)


def close(found, exact):
    np.testing.assert_allclose(found, exact, atol=2e-6 * max(np.abs(exact).max(), 1e-30), rtol=1e-4)


def images(found, shape):
    """Outputs by position, [batch x positions, channels], as onnxruntime has them: [batch, channels, ...]."""
    return np.moveaxis(found.reshape(shape[0], *shape[2:], shape[1]), -1, 1)


@st.composite
def convolutions(draw):
    axes = draw(st.integers(1, 3))
    each = st.lists(st.integers(1, 3), min_size=axes, max_size=axes)
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    settings_ = {
        "kernel": draw(each), "strides": draw(each), "dilations": draw(each),
        "pads": draw(st.lists(st.integers(0, 2), min_size=2 * axes, max_size=2 * axes)), "group": groups,
        "auto_pad": draw(st.sampled_from(["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])),
    }  # fmt: skip
    return settings_, groups * 2 * draw(st.integers(1, 2)), groups * draw(st.integers(1, 3)), draw(st.booleans())


@settings(deadline=None, max_examples=60)
@given(convolution=convolutions())
def test_any_convolution_is_what_onnxruntime_says(convolution, tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("conv")
    own, channels, rows, bias = convolution
    kernel, auto = own.pop("kernel"), own["auto_pad"]
    if auto != "NOTSET":
        own.pop("pads")
        if auto != "VALID":
            own["dilations"] = [1] * len(kernel)  # onnxruntime refuses SAME with dilation
    sizes = [7, 8, 9][: len(kernel)]
    tensors = [random_tensor("k", rows, channels // own["group"], *kernel), random_tensor("b", rows)]
    nodes = [helper.make_node("Conv", ["x", "k", "b"][: 2 + bias], ["y"], "conv", **own)]
    path = saved(model(nodes, [value("x", "N", channels, *sizes)], [value("y", *["?"] * (2 + len(kernel)))],
                       tensors[: 1 + bias]), tmp_path)  # fmt: skip
    x = np.random.default_rng(0).standard_normal((2, channels, *sizes)).astype(np.float32)
    (exact,) = run_onnx(path, x)
    found, calibration = calibrated(path, x)
    vectors = calibration.inputs[0]
    assert len(vectors) == 2 * np.prod(exact.shape[2:])
    assert calibration.vectors[0] == np.prod(exact.shape[2:])
    close(images(found.layers[0].outputs(vectors), exact.shape), exact)
    # With 8-bit codes the shared layer's outputs are onnxruntime's to a share of a percent, on the machine too.
    layer = found.layers[0].shared(8)
    on_machine = eiesim.simulate(layer, vectors, MachineConfig(pes=4, arithmetic="float32", weight_bits=8)).outputs
    lost = np.linalg.norm(images(on_machine, exact.shape) - exact) / np.linalg.norm(exact)
    assert lost < 0.02


def test_a_sample_of_positions_is_of_all_of_them(tmp_path):
    nodes = [helper.make_node("Conv", ["x", "k"], ["y"], "conv", pads=[1, 1, 1, 1])]
    path = saved(model(nodes, [value("x", "N", 3, 20, 20)], [value("y", "N", 8, 20, 20)],
                       [random_tensor("k", 8, 3, 3, 3)]), tmp_path)  # fmt: skip
    x = np.random.default_rng(0).standard_normal((3, 3, 20, 20)).astype(np.float32)
    _, every = calibrated(path, x)
    found, some = calibrated(path, x, positions=50)
    assert (len(every.inputs[0]), len(some.inputs[0])) == (3 * 400, 150)
    assert every.vectors == some.vectors == (400,)
    assert {row.tobytes() for row in some.inputs[0]} <= {row.tobytes() for row in every.inputs[0]}
    result = pipeline.compress(found, pipeline.Options(density=0.5), some)
    pipeline.write(result, tmp_path / "net", path)
    ran = json.loads(cli("run", tmp_path / "net", "--json", "-").out)
    assert ran["layers"][0]["vectors"] == 400
    assert ran["total"]["cycles"] == pytest.approx(400 * ran["layers"][0]["cycles"])
    assert result.macs == (400 * 8 * 27,)


def test_batch_normalisation_scale_and_bias_are_folded(tmp_path):
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"], "conv"),
        helper.make_node("BatchNormalization", ["c", "s", "t", "m", "v"], ["n"], "bn"),
        helper.make_node("Mul", ["n", "factor"], ["f"]),
        helper.make_node("Add", ["addend", "f"], ["a"]),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("Flatten", ["r"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["g"], "fc"),
        helper.make_node("Add", ["g", "b"], ["h"]),
        helper.make_node("BatchNormalization", ["h", "s2", "t2", "m2", "v2"], ["y"], "bn2"),
    ]
    shapes = {"k": (6, 3, 3, 3), "s": (6,), "t": (6,), "m": (6,), "factor": (6, 1, 1), "addend": (1, 6, 1, 1),
              "w": (6 * 16, 5), "b": (5,), "s2": (5,), "t2": (5,), "m2": (5,)}  # fmt: skip
    tensors = [random_tensor(name, *shape) for name, shape in shapes.items()]
    for name, size in (("v", 6), ("v2", 5)):
        tensors.append(numpy_helper.from_array(np.linspace(0.5, 2, size, dtype=np.float32), name))
    path = saved(model(nodes, [value("x", "N", 3, 6, 6)], [value("y", "N", 5)], tensors), tmp_path)
    x = np.random.default_rng(0).standard_normal((4, 3, 6, 6)).astype(np.float32)
    found, calibration = calibrated(path, x)
    assert [layer.name for layer in found.layers] == ["conv", "fc"]
    assert [layer.activation for layer in found.layers] == ["relu", "none"]
    assert not found.left_out
    (exact,) = run_onnx(path, x)
    close(found.layers[1].outputs(calibration.inputs[1]), exact)
    inner = images(found.layers[0].outputs(calibration.inputs[0]), (4, 6, 4, 4))
    close(inner.reshape(4, -1), calibration.inputs[1])
    assert found.parameters == (6 * 27 + 6, 96 * 5 + 5)


def test_a_channel_of_another_axis_is_not_folded(tmp_path):
    """[6] after a convolution of width 6 is added along the width, not to the 6 channels."""
    nodes = [helper.make_node("Conv", ["x", "k"], ["c"], "conv"), helper.make_node("Add", ["c", "b"], ["y"], "add")]
    tensors = [random_tensor("k", 6, 3, 1, 1), random_tensor("b", 6)]
    path = saved(model(nodes, [value("x", "N", 3, 6, 6)], [value("y", "N", 6, 6, 6)], tensors), tmp_path)
    found, _ = load_onnx(path)
    assert found.layers[0].bias is None
    assert [part.name for part in found.left_out] == ["add"]


def branches():
    """An If whose branches have a MatMul each; the second takes a value from outside."""

    def branch(name, weight, source):
        nodes = [helper.make_node("MatMul", [source, weight], [f"{name}_y"], "fc")]
        return helper.make_graph(nodes, name, [], [value(f"{name}_y", "N", 3)], [random_tensor(weight, 4, 3)])

    nodes = [
        helper.make_node("Relu", ["x"], ["r"], "relu"),
        helper.make_node("If", ["c"], ["y"], "if", then_branch=branch("yes", "w1", "x"),
                         else_branch=branch("no", "w2", "r")),
    ]  # fmt: skip
    entries = [value("x", "N", 4), helper.make_tensor_value_info("c", TensorProto.BOOL, [])]
    return model(nodes, entries, [value("y", "N", 3)], [])


@pytest.mark.parametrize("taken", [True, False])
def test_layers_inside_an_if(tmp_path, taken):
    path = saved(branches(), tmp_path)
    x = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    np.savez(tmp_path / "x.npz", x=x, c=np.array(taken))
    found, calibration = calibrated(path, pipeline.load_calibration(tmp_path / "x.npz"))
    names = [layer.name for layer in found.layers]
    assert sorted(names) == ["if.else/fc", "if.then/fc"]
    (exact,) = run_onnx(path, {"x": x, "c": np.array(taken)})
    k = names.index("if.then/fc" if taken else "if.else/fc")
    assert calibration.inputs[1 - k] is None
    close(found.layers[k].outputs(calibration.inputs[k]), exact)


def test_layers_inside_a_loop_and_a_scan(tmp_path):
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["h", "w"], ["g"], "step"),
            helper.make_node("Tanh", ["g"], ["h2"]),
            helper.make_node("Identity", ["go"], ["go2"]),
        ],
        "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []),
         helper.make_tensor_value_info("go", TensorProto.BOOL, []), value("h", "N", 4)],
        [helper.make_tensor_value_info("go2", TensorProto.BOOL, []), value("h2", "N", 4)],
        [random_tensor("w", 4, 4)],
    )  # fmt: skip
    scanned = helper.make_graph(
        [helper.make_node("MatMul", ["e", "v"], ["p"], "row"), helper.make_node("Add", ["s", "p"], ["s2"])],
        "scanned", [value("s", 4), value("e", 4)], [value("s2", 4)], [random_tensor("v", 4, 4)],
    )  # fmt: skip
    nodes = [
        helper.make_node("Loop", ["n", "", "x"], ["h3"], "loop", body=body),
        helper.make_node("Scan", ["zero", "h3"], ["y"], "scan", body=scanned, num_scan_inputs=1),
    ]
    tensors = [numpy_helper.from_array(np.array(3), "n"), numpy_helper.from_array(np.zeros(4, np.float32), "zero")]
    path = saved(model(nodes, [value("x", "N", 4)], [value("y", 4), value("h3", "N", 4)], tensors), tmp_path)
    x = np.random.default_rng(0).standard_normal((2, 4)).astype(np.float32)
    found, calibration = calibrated(path, x)
    assert [layer.name for layer in found.layers] == ["loop/step", "scan/row"]
    steps, rows = calibration.inputs
    assert (len(steps), calibration.vectors) == (6, (3, 1))
    close(steps[:2], x)
    close(np.tanh(found.layers[0].outputs(steps[:-2])), steps[2:])
    y, h3 = run_onnx(path, x)
    close(rows, h3)
    close(found.layers[1].outputs(rows).sum(axis=0), y)


def test_several_inputs_whole_numbers_and_booleans(tmp_path):
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"], "embedding"),
        helper.make_node("Cast", ["mask"], ["m"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["e", "m"], ["em"]),
        helper.make_node("MatMul", ["em", "w"], ["y"], "fc"),
    ]
    entries = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["N", "T"]),
               helper.make_tensor_value_info("mask", TensorProto.BOOL, ["N", "T", 1])]  # fmt: skip
    tensors = [random_tensor("table", 9, 4), random_tensor("w", 4, 3)]
    path = saved(model(nodes, entries, [value("y", "N", "T", 3)], tensors), tmp_path)
    feed = {"ids": np.array([[1, 8, 3]], np.int64), "mask": np.array([[[True], [False], [True]]])}
    np.savez(tmp_path / "x.npz", ids=feed["ids"].astype(np.int16), mask=feed["mask"])
    found, calibration = calibrated(path, pipeline.load_calibration(tmp_path / "x.npz"))
    (exact,) = run_onnx(path, feed)
    close(found.layers[0].outputs(calibration.inputs[0]), exact[0])
    assert calibration.vectors == (3,)
    assert "embedding, 9 x 4: rows are looked up" in found.left_out[0].reason
    with pytest.raises(EieError, match=r"has 2 inputs; give an \.npz with 'ids' int64.*'mask' bool"):
        calibrated(path, feed["ids"])
    with pytest.raises(EieError, match=r"'mask' bool.* is missing"):
        calibrated(path, {"ids": feed["ids"]})
    with pytest.raises(EieError, match="'x' is no input of it; these are: 'ids'"):
        calibrated(path, {**feed, "x": feed["ids"]})
    with pytest.raises(EieError, match="are float32, 'ids' needs int64"):
        calibrated(path, {**feed, "ids": np.ones((1, 3), np.float32)})


def test_one_input_of_whole_numbers(tmp_path):
    nodes = [helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
             helper.make_node("MatMul", ["f", "w"], ["y"], "fc")]  # fmt: skip
    entry = helper.make_tensor_value_info("x", TensorProto.INT32, ["N", 4])
    path = saved(model(nodes, [entry], [value("y", "N", 3)], [random_tensor("w", 4, 3)]), tmp_path)
    np.save(tmp_path / "x.npy", np.arange(8).reshape(2, 4))
    answer = cli("compress", path, "-o", tmp_path / "net", "-c", tmp_path / "x.npy", "-q")
    assert (answer.status, answer.err, answer.out) == (0, "", "")
    assert eiesim.load_inputs(tmp_path / "net" / "inputs" / "fc.npy").tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]


@pytest.mark.parametrize("by_column", [False, True])
def test_dequantised_weights(tmp_path, by_column):
    codes = np.random.default_rng(0).integers(-127, 128, (6, 4)).astype(np.int8)
    scale = np.linspace(0.01, 0.02, 4).astype(np.float32) if by_column else np.float32(0.01)
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["w"], axis=1),
        helper.make_node("MatMul", ["x", "w"], ["y"], "fc"),
    ]
    zero = np.full(np.shape(scale), 3, np.int8)
    tensors = [numpy_helper.from_array(np.asarray(array), name)
               for name, array in (("q", codes), ("scale", scale), ("zero", zero))]  # fmt: skip
    path = saved(model(nodes, [value("x", "N", 6)], [value("y", "N", 4)], tensors), tmp_path)
    x = np.random.default_rng(1).standard_normal((5, 6)).astype(np.float32)
    found, calibration = calibrated(path, x)
    close(found.layers[0].outputs(calibration.inputs[0]), run_onnx(path, x)[0])


def test_float16_is_widened(tmp_path):
    """Weights, inputs and what lies between them, in a graph and in a body, are float16; layers are float32."""
    rng = np.random.default_rng(0)

    def half(name, *shape):
        return numpy_helper.from_array(rng.standard_normal(shape).astype(np.float16), name)

    def typed(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT16, shape)

    branches_ = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node("MatMul", ["h", f"w_{name}"], [f"{name}_y"], "fc")],
            name, [], [typed(f"{name}_y", "N", 3)], [half(f"w_{name}", 4, 3)],
        )
        for name in ("then", "else")
    }  # fmt: skip
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["g"], "first"),
        helper.make_node("Relu", ["g"], ["h"]),
        helper.make_node("If", ["c"], ["y"], "if", **branches_),
    ]
    entries = [typed("x", "N", 4), helper.make_tensor_value_info("c", TensorProto.BOOL, [])]
    path = saved(model(nodes, entries, [typed("y", "N", 3)], [half("w", 4, 4)]), tmp_path)
    feed = {"x": rng.standard_normal((5, 4)).astype(np.float16), "c": np.array(True)}
    found, calibration = calibrated(path, feed)
    taken = [layer.name for layer in found.layers].index("if.then/fc")
    (exact,) = run_onnx(path, feed)
    outputs = found.layers[taken].outputs(calibration.inputs[taken])
    np.testing.assert_allclose(outputs, exact, rtol=5e-3, atol=5e-3 * np.abs(exact).max())


def test_an_output_without_a_shape(tmp_path):
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    node = helper.make_node("MatMul", ["x", "w"], ["y"], "fc")
    proto = model([node], [value("x", "N", 4)], [output], [random_tensor("w", 4, 3)])
    path = saved(proto, tmp_path)
    x = np.ones((2, 4), np.float32)
    found, calibration = calibrated(path, x)
    close(found.layers[0].outputs(calibration.inputs[0]), run_onnx(path, x)[0])


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("initial", [False, True])
def test_recurrent_steps_of_real_sequences(tmp_path, kind, direction, initial):
    """The states before each step, from a model that keeps them to itself, in both directions."""
    gates, ways = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind], 1 + (direction == "bidirectional")
    names = ["x", "W", "R", "B", "", "h0"] if initial else ["x", "W", "R", "B"]
    node = helper.make_node(kind, names, ["", "last"], "cell", hidden_size=6, direction=direction)
    shapes = {"W": (ways, gates * 6, 4), "R": (ways, gates * 6, 6), "B": (ways, 2 * gates * 6)}
    tensors = [random_tensor(name, *shape) for name, shape in shapes.items()]
    entries = [value("x", "S", "N", 4)] + [value("h0", ways, "N", 6)] * initial
    path = saved(model([node], entries, [value("last", ways, "N", 6)], tensors), tmp_path)
    feed = {"x": np.random.default_rng(1).standard_normal((5, 2, 4)).astype(np.float32)}
    if initial:
        feed["h0"] = np.random.default_rng(2).standard_normal((ways, 2, 6)).astype(np.float32)
    found, calibration = calibrated(path, feed)
    of = dict(zip([layer.name for layer in found.layers], calibration.inputs, strict=True))
    open_node = helper.make_node(kind, names, ["all"], "cell", hidden_size=6, direction=direction)
    (states,) = run_onnx(
        saved(model([open_node], entries, [value("all", "S", ways, "N", 6)], tensors), tmp_path, "open"), feed
    )
    for k in range(ways):
        before = of["cell.R" + (".reverse" if k else "")].reshape(5, 2, 6)
        close(of["cell.W" + (".reverse" if k else "")], feed["x"].reshape(10, 4))
        first = feed["h0"][k] if initial else np.zeros((2, 6))
        if k == 1 or direction == "reverse":
            close(before[:-1], states[1:, k])
            np.testing.assert_array_equal(before[-1], first)
        else:
            close(before[1:], states[:-1, k])
            np.testing.assert_array_equal(before[0], first)


def test_work_and_parameters_are_counted(tmp_path):
    """A convolution and a depthwise one, which are taken, and a product of activations, which is not."""
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["c", "d"], ["e"], "depthwise", group=8),
        helper.make_node("MatMul", ["e", "e"], ["y"], "attention"),
    ]
    tensors = [random_tensor("k", 8, 3, 3, 3), random_tensor("d", 8, 1, 1, 1)]
    path = saved(model(nodes, [value("x", "N", 3, 6, 6)], [value("y", "N", 8, 6, 6)], tensors), tmp_path)
    found, taps = pipeline.load_model(path)
    result = pipeline.compress(found, pipeline.Options())
    assert result.macs == (8 * 27 * 36, 8 * 36)
    assert {part.name: part.macs for part in found.left_out} == {"attention": 8 * 36 * 6}
    assert result.macs_share == pytest.approx((8 * 27 * 36 + 8 * 36) / (8 * 27 * 36 + 8 * 36 + 8 * 36 * 6))
    assert result.parameters_share == 1.0
    x = np.zeros((5, 3, 6, 6), np.float32)
    measured = pipeline.compress(found, pipeline.Options(), pipeline.calibrate(path, found, taps, x))
    assert measured.macs_share == result.macs_share


def test_compress_ends_with_a_summary(tmp_path):
    nodes, tensors = [], []
    for k in range(42):
        nodes.append(helper.make_node("MatMul", [f"h{k}", f"w{k}"], [f"g{k}"], f"fc{k}"))
        nodes.append(helper.make_node("Sigmoid", [f"g{k}"], [f"h{k + 1}"], f"sigmoid{k}"))
        tensors.append(random_tensor(f"w{k}", 8, 8))
    path = saved(model(nodes, [value("h0", "N", 8)], [value("h42", "N", 8)], tensors), tmp_path)
    np.save(tmp_path / "x.npy", np.ones((2, 8), np.float32))
    answer = cli("compress", path, "-o", tmp_path / "net", "-c", tmp_path / "x.npy")
    assert answer.status == 0
    assert len(answer.out.splitlines()) < 12
    assert "model: 42 layers taken: 100.0% of its multiply-accumulates and 100.0% of its parameters" in answer.out
    assert "42 x Sigmoid: no matrix; EIE multiplies" in answer.out
    report = json.loads((tmp_path / "net" / "report.json").read_text())
    assert len(report["layers"]) == len(report["left_out"]) == 42
    ran = cli("run", tmp_path / "net")
    assert ran.status == 0
    assert ran.out.count("recorded, 2") == 42
    quiet = cli("compress", path, "-o", tmp_path / "again", "-q")
    assert (quiet.status, quiet.err, quiet.out) == (0, "", "")


def bad_models():
    good = model([helper.make_node("MatMul", ["x", "w"], ["y"], "fc")], [value("x", "N", 4)], [value("y", "N", 3)],
                 [random_tensor("w", 4, 3)])  # fmt: skip
    yield "truncated", good.SerializeToString()[:-20]
    cyclic = onnx.ModelProto.FromString(good.SerializeToString())
    cyclic.graph.node[0].input[0] = "z"
    cyclic.graph.node.append(helper.make_node("Relu", ["y"], ["z"]))
    yield "cyclic", cyclic.SerializeToString()
    outside = onnx.ModelProto.FromString(good.SerializeToString())
    weights = outside.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../etc/passwd")
    yield "external data outside", outside.SerializeToString()
    huge = onnx.ModelProto.FromString(good.SerializeToString())
    del huge.graph.initializer[0].dims[:]
    huge.graph.initializer[0].dims.extend([10**6, 10**6])
    yield "a stored shape of 10**12", huge.SerializeToString()
    wide = model(
        [helper.make_node("ConstantOfShape", ["s"], ["w"]), helper.make_node("MatMul", ["x", "w"], ["y"], "fc")],
        [value("x", "N", 10**6)], [value("y", "N", 10**6)], [numpy_helper.from_array(np.array([10**6, 10**6]), "s")],
    )  # fmt: skip
    yield "a made shape of 10**12", wide.SerializeToString()
    node = helper.make_node("Conv", ["x", "k"], ["y"], "conv", pads=[10**6] * 4)
    entry, output = value("x", "N", 3, 10**6, 10**6), value("y", "N", 4, 3 * 10**6, 3 * 10**6)
    conv = model([node], [entry], [output], [random_tensor("k", 4, 3, 1, 1)])
    yield "a convolution of 10**12 positions, calibrated", conv.SerializeToString()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
@pytest.mark.parametrize(("name", "content"), list(bad_models()), ids=[name for name, _ in bad_models()])
def test_bad_models_are_one_line_and_little_memory(tmp_path, name, content):
    """In a process of its own, whose peak memory is counted.

    A process begins with the peak of the one that started it, so a small one stands between this one and it.
    """
    (tmp_path / "bad.onnx").write_bytes(content)
    np.save(tmp_path / "x.npy", np.ones((1, 4), np.float32))
    code = (
        "import sys; sys.argv = ['eiesim', 'compress', 'bad.onnx', '-o', 'net', '-c', 'x.npy']\n"
        "from eiesim.cli import main\n"
        "try:\n    main()\n"
        # Not getrusage's maximum, which a process inherits from the one that started it.
        "finally:\n    print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM:')).split()[1])"
    )
    between = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', sys.argv[1]]).returncode)"
    done = subprocess.run(
        [sys.executable, "-c", between, code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("eiesim: bad.onnx: ") or "calibration inputs" in done.stderr
    assert int(done.stdout.split()[-1]) < 10**6  # kilobytes
    assert not (tmp_path / "net").exists()
