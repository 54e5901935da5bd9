"""A whole graph with layers computed elsewhere, against onnxruntime on the same weights."""

import json

import numpy as np
import pytest

from eiesim import EieError, MachineConfig, simulate
from eiesim.compression import pipeline
from eiesim.dense import expand
from tests.cases import cli

onnx = pytest.importorskip("onnx", reason="needs extra [onnx]")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs extra [onnx]")

from onnx import helper  # noqa: E402
from onnx_models import model, random_tensor, value  # type: ignore[import-not-found]  # noqa: E402

from eiesim.files.onnx import with_weights  # noqa: E402
from eiesim.files.onnx.in_place import outputs_with, replaceable  # noqa: E402
from eiesim.files.onnx.walk import load_found  # noqa: E402


def residual():
    """A strided 3x3 convolution, Sigmoid, a residual 1x1, pooling, a Gemm: nothing chains."""
    nodes = [
        helper.make_node("Conv", ["x", "k0", "b0"], ["c0"], "conv", strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c0"], ["r0"]),
        helper.make_node("Sigmoid", ["r0"], ["s0"], "sigmoid"),
        helper.make_node("Conv", ["s0", "k1"], ["c1"], "pointwise"),
        helper.make_node("Add", ["c1", "s0"], ["sum"], "residual"),
        helper.make_node("GlobalAveragePool", ["sum"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "b"], ["y"], "fc", transB=1),
    ]
    shapes = {"k0": (6, 3, 3, 3), "b0": (6,), "k1": (6, 6, 1, 1), "w": (5, 6), "b": (5,)}
    tensors = [random_tensor(name, *shape) for name, shape in shapes.items()]
    return model(nodes, [value("x", "N", 3, 9, 8)], [value("y", "N", 5)], tensors)


X = np.random.default_rng(0).standard_normal((30, 3, 9, 8)).astype(np.float32)


def made(tmp_path, **options):
    path = tmp_path / "model.onnx"
    onnx.save(residual(), str(path))
    found, taps = pipeline.load_model(path)
    result = pipeline.compress(found, pipeline.Options(**options), pipeline.calibrate(path, found, taps, X))
    pipeline.write(result, tmp_path / "net", path)
    return path, result


def run_onnx(path, inputs):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: inputs})[0]


def test_shared_layers_in_place_are_the_graph_with_shared_weights(tmp_path):
    path, result = made(tmp_path, density=0.5)
    places = replaceable(load_found(path)[1])
    assert places == (0, 1, 2)
    config = MachineConfig(pes=4, arithmetic="float32")
    ours = outputs_with(path, X, lambda k, vectors: simulate(result.layers[k], vectors, config).outputs, places)
    with_weights(path, {layer.name: expand(layer) for layer in result.layers}, tmp_path / "shared.onnx")
    exact = run_onnx(tmp_path / "shared.onnx", X)
    np.testing.assert_allclose(ours, exact, atol=1e-5 * np.abs(exact).max())
    # And with none in place, the model itself.
    np.testing.assert_allclose(outputs_with(path, X, lambda k, vectors: vectors, ()), run_onnx(path, X), rtol=1e-5)


def test_accuracy_of_layers_that_do_not_follow_one_another(tmp_path):
    path, _ = made(tmp_path, density=0.5)
    labels = run_onnx(path, X).argmax(axis=1)
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", labels)
    answer = cli("accuracy", tmp_path / "net", "-i", tmp_path / "x.npy", "--labels", tmp_path / "y.npy", "--json", "-")
    assert answer.status == 0, answer.err
    found = json.loads(answer.out)
    assert found["layers"] == 3
    assert found["accuracy"]["dense"]["float32"] == 1.0
    assert found["accuracy"]["dense"]["fixed32"] == 1.0
    with_weights_ = tmp_path / "shared.onnx"
    _, result = made_again(path)
    with_weights(path, {layer.name: expand(layer) for layer in result.layers}, with_weights_)
    assert found["accuracy"]["shared"]["float32"] == (run_onnx(with_weights_, X).argmax(axis=1) == labels).mean()
    assert "3 of 3 layers in each arithmetic" in answer.err


def made_again(path):
    found, taps = pipeline.load_model(path)
    return found, pipeline.compress(found, pipeline.Options(density=0.5), pipeline.calibrate(path, found, taps, X))


def test_without_the_model_there_is_no_accuracy(tmp_path):
    path, _ = made(tmp_path)
    path.unlink()
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", np.zeros(30, int))
    answer = cli("accuracy", tmp_path / "net", "-i", tmp_path / "x.npy", "--labels", tmp_path / "y.npy")
    assert answer.status == 2
    assert "needs the ONNX model they are from; name it with --dense MODEL.onnx" in answer.err


def test_labels_that_do_not_fit(tmp_path):
    made(tmp_path)
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", np.zeros(7, int))
    answer = cli("accuracy", tmp_path / "net", "-i", tmp_path / "x.npy", "--labels", tmp_path / "y.npy")
    assert answer.status == 2
    assert "gives 30 outputs for 7 labels" in answer.err
    with pytest.raises(EieError, match="are float64"):
        outputs_with(tmp_path / "model.onnx", X.astype(np.float64), lambda k, vectors: vectors, ())


def test_a_command_parses_a_model_once(tmp_path, monkeypatch):
    import onnx

    path, _ = made(tmp_path, density=0.5)
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", run_onnx(path, X).argmax(axis=1))
    parsed, load = [], onnx.load
    monkeypatch.setattr(onnx, "load", lambda name, *of, **how: parsed.append(name) or load(name, *of, **how))
    for arguments in (
        ("accuracy", tmp_path / "net", "-i", tmp_path / "x.npy", "--labels", tmp_path / "y.npy"),
        ("compress", path, "-o", tmp_path / "again", "-c", tmp_path / "x.npy"),
    ):
        parsed.clear()
        answer = cli(*arguments)
        assert answer.status == 0, answer.err
        assert len(parsed) == 1
