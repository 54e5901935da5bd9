"""Depthwise convolutions and others in groups from ONNX: outputs are onnxruntime's, SciPy's and PyTorch's."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

import eiesim
from eiesim import MachineConfig
from eiesim.compression import pipeline
from eiesim.files.onnx import load_onnx
from eiesim.files.onnx.in_place import outputs_with, replaceable
from eiesim.files.onnx.walk import load_found
from tests.cases import cli

onnx = pytest.importorskip("onnx", reason="needs extra [onnx]")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs extra [onnx]")

from onnx import helper, numpy_helper  # noqa: E402
from onnx_models import model, random_tensor, value  # type: ignore[import-not-found]  # noqa: E402

MACHINE = MachineConfig(pes=4, arithmetic="float32")
RNG = np.random.default_rng(0)


def tensor(name, array):
    return numpy_helper.from_array(np.asarray(array, np.float32), name)


def fifteen_values(*shape, seed=0):
    """Weights of 7 values, which 4 bits hold exactly; about a third of them 0."""
    drawn = np.random.default_rng([seed, *shape]).choice([0, 0, -0.75, -0.5, 0.25, 0.5, 1, 1.25, -1], shape)
    return drawn.astype(np.float32)


def saved(tmp_path, nodes, channels, sizes, tensors):
    proto = model(nodes, [value("x", "N", channels, *sizes)], [value("y", *["?"] * (2 + len(sizes)))], tensors)
    path = tmp_path / "model.onnx"
    onnx.save(proto, str(path))
    return path


def run_onnx(path, x):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def on_the_machine(path, x, **config):
    """The one layer of a graph, and its outputs on the machine as onnxruntime has them: [batch, channels, ...]."""
    found, taps = pipeline.load_model(path)
    calibration = pipeline.calibrate(path, found, taps, x)
    compressed = pipeline.compress(found, pipeline.Options(), calibration)
    (layer,), (vectors,) = compressed.layers, compressed.inputs
    outputs = eiesim.simulate(layer, vectors, MACHINE.replace(**config)).outputs
    return layer, lambda shape: np.moveaxis(outputs.reshape(shape[0], *shape[2:], shape[1]), -1, 1)


def close(found, exact):
    assert np.abs(found - exact).max() <= 1e-4 * max(np.abs(exact).max(), 1e-30)


@st.composite
def convolutions(draw):
    axes = draw(st.integers(1, 3))
    each = st.lists(st.integers(1, 3), min_size=axes, max_size=axes)
    auto = draw(st.sampled_from(["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    own = {"strides": draw(each), "auto_pad": auto}
    if auto == "NOTSET":
        own["pads"] = draw(st.lists(st.integers(0, 2), min_size=2 * axes, max_size=2 * axes))
    if not auto.startswith("SAME"):
        own["dilations"] = draw(each)
    return draw(each), own, draw(st.integers(2, 5)), draw(st.integers(1, 3)), draw(st.booleans())


@settings(max_examples=25)
@given(convolution=convolutions())
def test_any_depthwise_convolution_gives_onnxruntimes_outputs(convolution, tmp_path_factory):
    kernel, own, channels, multiplier, bias = convolution
    sizes, rows = [7, 8, 9][: len(kernel)], channels * multiplier
    weights = fifteen_values(rows, 1, *kernel)
    weights.flat[:1] = 1  # never without a weight
    tensors = [tensor("k", weights), tensor("b", fifteen_values(rows, seed=1))][: 1 + bias]
    node = helper.make_node("Conv", ["x", "k", "b"][: 2 + bias], ["y"], "dw", group=channels, **own)
    path = saved(tmp_path_factory.mktemp("dw"), [node], channels, sizes, tensors)
    x = RNG.standard_normal((2, channels, *sizes)).astype(np.float32)
    exact = run_onnx(path, x)
    layer, images = on_the_machine(path, x)
    close(images(exact.shape), exact)
    places = int(np.prod(kernel))
    assert layer.shape == (rows, channels * places)
    assert (layer.groups, layer.depthwise, layer.dense_weights) == (channels, True, weights.size)
    for row in range(rows):  # a row's weights stand in the columns of its channel, in the kernel's order
        own_columns = slice(row // multiplier * places, (row // multiplier + 1) * places)
        dense = layer.to_dense()[row]
        np.testing.assert_array_equal(dense[own_columns], weights[row].ravel())
        assert np.count_nonzero(dense) == np.count_nonzero(weights[row])
    assert max(np.diff(layer.indptr)) <= multiplier


@pytest.mark.parametrize(
    "config", [{}, {"pes": 1}, {"pes": 64, "mapping": "blocked"}, {"pes": 3, "weights": "streamed"}]
)
def test_dilated_asymmetrical_strided_is_scipys(tmp_path, config):
    """Each channel by itself, written out with `scipy.signal.correlate2d`."""
    weights = fifteen_values(6, 1, 3, 2)
    own = {"pads": [2, 0, 1, 3], "strides": [1, 2], "dilations": [2, 1]}
    node = helper.make_node("Conv", ["x", "k"], ["y"], "dw", group=3, **own)
    path = saved(tmp_path, [node], 3, [9, 10], [tensor("k", weights)])
    x = RNG.standard_normal((2, 3, 9, 10)).astype(np.float32)
    padded = np.pad(x, [(0, 0), (0, 0), (2, 1), (0, 3)])
    by_row = []
    for row in range(6):
        spread = np.zeros((5, 2))
        spread[::2] = weights[row, 0]
        by_row.append([signal.correlate2d(image[row // 2], spread, "valid")[:, ::2] for image in padded])
    exact = np.moveaxis(np.array(by_row), 0, 1)
    _, images = on_the_machine(path, x, **config)
    close(images(exact.shape), exact)


@pytest.mark.parametrize("groups", [2, 3, 6, 12])
def test_groups_of_every_size(tmp_path, groups):
    """As of a shuffle net: pointwise in groups; 12 groups of 12 channels scale each channel."""
    weights = fifteen_values(12, 12 // groups, 1, 1)
    path = saved(tmp_path, [helper.make_node("Conv", ["x", "k"], ["y"], "g", group=groups)], 12, [4, 5],
                 [tensor("k", weights)])  # fmt: skip
    x = RNG.standard_normal((2, 12, 4, 5)).astype(np.float32)
    exact = run_onnx(path, x)
    layer, images = on_the_machine(path, x)
    close(images(exact.shape), exact)
    assert (layer.groups, layer.depthwise, layer.dense_weights) == (groups, groups == 12, weights.size)


def test_what_is_said_of_a_transposed_one(tmp_path):
    """1x1 is a layer, whatever the multiplier; a larger kernel is refused by its name."""
    node = helper.make_node("ConvTranspose", ["x", "k"], ["y"], "up", group=4)
    x = RNG.standard_normal((2, 4, 3, 3)).astype(np.float32)
    path = saved(tmp_path, [node], 4, [3, 3], [tensor("k", fifteen_values(4, 2, 1, 1))])
    exact = run_onnx(path, x)
    layer, images = on_the_machine(path, x)
    close(images(exact.shape), exact)
    assert (layer.shape, layer.groups, layer.depthwise) == ((8, 4), 4, True)
    found, _ = load_onnx(saved(tmp_path, [node], 4, [3, 3], [random_tensor("k", 4, 1, 2, 2)]))
    assert not found.layers
    assert "depthwise: every input reaches several output positions" in found.left_out[0].reason


def separable(tmp_path):
    """A tiny MobileNet: pointwise, depthwise, pointwise, and the mean over positions."""
    nodes = [
        helper.make_node("Conv", ["x", "e", "eb"], ["a"], "expand"),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "d", "db"], ["c"], "dw", group=8, auto_pad="SAME_UPPER", strides=[2, 2]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Conv", ["r", "p"], ["q"], "project"),
        helper.make_node("GlobalAveragePool", ["q"], ["m"]),
        helper.make_node("Flatten", ["m"], ["y"]),
    ]
    shapes = {"e": (8, 4, 1, 1), "eb": (8,), "d": (8, 1, 3, 3), "db": (8,), "p": (6, 8, 1, 1)}
    proto = model(nodes, [value("x", "N", 4, 6, 6)], [value("y", "N", 6)],
                  [random_tensor(name, *shape) for name, shape in shapes.items()])  # fmt: skip
    path = tmp_path / "separable.onnx"
    onnx.save(proto, str(path))
    return path, np.random.default_rng(1).standard_normal((20, 4, 6, 6)).astype(np.float32)


def test_from_model_to_totals_and_accuracy(tmp_path):
    path, x = separable(tmp_path)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "labels.npy", run_onnx(path, x).argmax(axis=1))
    net = tmp_path / "net"
    made = cli("compress", path, "-o", net, "-c", tmp_path / "x.npy", "--density", "0.5", "--positions", "4")
    assert made.status == 0, made.err
    assert "3 layers taken: 100.0% of its multiply-accumulates and 100.0% of its parameters" in made.out
    assert "depthwise, of which a broadcast gives hardly one PE work: dw" in made.out
    report = {one["name"]: one for one in json.loads((net / "report.json").read_text())["layers"]}
    assert report["dw"]["weights"] == 8 * 9 + 8
    assert report["dw"]["kept"] == 36 + 8  # half of its weights, not of its matrix; biases stay
    assert report["dw"]["macs"] == 8 * 9 * 9
    assert report["dw"]["dense_bytes"] == 4 * (72 + 8)
    layer = eiesim.load(net / "dw.npz")
    assert (layer.groups, layer.depthwise, layer.nnz) == (8, True, 36)
    ran = json.loads(cli("run", net, "--json", "-").out)
    by_name = {one["name"]: one for one in ran["layers"]}
    assert [one["vectors"] for one in ran["layers"]] == [36, 9, 9]
    assert (by_name["dw"]["groups"], by_name["dw"]["depthwise"]) == (8, True)
    assert "depthwise" not in by_name["expand"]
    assert by_name["dw"]["inputs"] == "recorded"
    assert ran["total"]["cycles"] == pytest.approx(sum(one["vectors"] * one["cycles"] for one in ran["layers"]))
    assert "8 x 72, depthwise" in cli("run", net).out
    answer = cli("accuracy", net, "-i", tmp_path / "x.npy", "--labels", tmp_path / "labels.npy", "--json", "-")
    found = json.loads(answer.out)
    assert found["accuracy"]["dense"]["float32"] == 1.0
    swept = cli("sweep", net, "--pes", "1:8:x2", "-o", tmp_path / "table.csv")
    assert swept.status == 0, swept.err
    table = (tmp_path / "table.csv").read_text()
    assert table.count("\ndw,") == 4


def test_in_the_graph_they_give_the_graphs_outputs(tmp_path):
    path, x = separable(tmp_path)
    model_, found = load_found(path)
    places = replaceable(found)
    ours = outputs_with(path, x, lambda k, vectors: model_.layers[k].outputs(vectors), places)
    close(ours, run_onnx(path, x))


def test_pruning_counts_the_weights_that_there_are(tmp_path):
    """By density, together, and by deviations: as of the kernel alone, without the zeros beside it."""
    kernel = RNG.standard_normal((10, 1, 3, 3)).astype(np.float32)
    path = saved(tmp_path, [helper.make_node("Conv", ["x", "k"], ["y"], "dw", group=10)], 10, [5, 5],
                 [tensor("k", kernel)])  # fmt: skip
    network, _ = pipeline.load_model(path)
    sizes = np.sort(np.abs(kernel).ravel())[::-1]
    for options, kept in (
        (pipeline.Options(density=0.3), 27),
        (pipeline.Options(global_density=0.4), 36),
        (pipeline.Options(threshold=1.0), np.count_nonzero(np.abs(kernel) > kernel.std())),
    ):
        (layer,) = pipeline.compress(network, options).layers
        assert layer.nnz == kept
        np.testing.assert_array_equal(np.count_nonzero(layer.to_dense()), np.count_nonzero(sizes >= sizes[kept - 1]))


def test_too_large_is_refused_by_name(tmp_path):
    path = saved(tmp_path, [helper.make_node("Conv", ["x", "k"], ["y"], "dw", group=3000)], 3000, [7, 7],
                 [tensor("k", np.ones((3000, 1, 5, 5)))])  # fmt: skip
    found, _ = load_onnx(path)
    assert "depthwise, 3000 channels, too large as one matrix" in found.left_out[0].reason
