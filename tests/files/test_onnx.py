"""ONNX graphs become layers; onnxruntime, on the same weights, gives the same outputs."""

import json

import numpy as np
import pytest

import eiesim
from eiesim import EieError, MachineConfig
from eiesim.compression import pipeline
from eiesim.dense import expand
from eiesim.files.onnx import load_onnx, with_weights

onnx = pytest.importorskip("onnx", reason="needs extra [onnx]")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs extra [onnx]")

from onnx import helper, numpy_helper  # noqa: E402
from onnx_models import cnn, mlp, model, random_tensor, recurrent, value  # type: ignore[import-not-found]  # noqa: E402

FLOAT32 = MachineConfig(pes=8, arithmetic="float32")
X = np.random.default_rng(7).standard_normal((12, 40)).astype(np.float32)


def saved(proto, tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(proto, str(path))
    return path


def run_onnx(path, inputs):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: inputs})


def compressed(path, tmp_path, inputs=None, **options):
    found, taps = pipeline.load_model(path)
    known = None if inputs is None else pipeline.calibrate(path, found, taps, inputs)
    result = pipeline.compress(found, pipeline.Options(**options), known)
    pipeline.write(result, tmp_path / "net", path)
    return result


def close(found, exact):
    """Equal to float rounding: sums are formed in another order."""
    np.testing.assert_allclose(found, exact, atol=1e-6 * np.abs(exact).max(), rtol=1e-5)


def test_mlp_is_what_onnxruntime_says(tmp_path):
    path = saved(mlp(), tmp_path)
    result = compressed(path, tmp_path, X, density=0.3)
    net = eiesim.load_network(tmp_path / "net")
    assert [layer.shape for layer in net.layers] == [(60, 40), (30, 60), (10, 30)]
    assert [layer.activation for layer in net.layers] == ["relu", "relu", "none"]
    assert net.chain
    assert not result.model.left_out
    shared = {dense.name: expand(layer) for dense, layer in zip(result.model.layers, net.layers, strict=True)}
    with_weights(path, shared, tmp_path / "shared.onnx")
    (exact,) = run_onnx(tmp_path / "shared.onnx", X.reshape(-1, 8, 5))
    close(eiesim.simulate(net.layers, X, FLOAT32).outputs, exact)
    # And the model as it was read, before anything was lost.
    (dense,) = run_onnx(path, X.reshape(-1, 8, 5))
    from eiesim.dense import forward

    close(forward(result.model.layers, X), dense)


def test_pixels_of_a_cnn(tmp_path):
    path = saved(cnn(), tmp_path)
    images = np.random.default_rng(0).standard_normal((4, 3, 6, 5)).astype(np.float32)
    result = compressed(path, tmp_path, images, densities={"pointwise": 0.5})
    assert [part.name for part in result.model.left_out] == ["pool"]
    shared = {layer.name: expand(layer) for layer in result.layers[1:]}
    with_weights(path, shared, tmp_path / "shared.onnx")
    scores, pixels = run_onnx(tmp_path / "shared.onnx", images)
    inputs = eiesim.load_inputs(tmp_path / "net" / "inputs" / "pointwise.npy")
    assert inputs.shape == (4 * 30, 8)
    layer = eiesim.load(tmp_path / "net" / "pointwise.npz")
    found = eiesim.simulate(layer, inputs, FLOAT32).outputs
    close(found.reshape(4, 6, 5, 16).transpose(0, 3, 1, 2), pixels)
    close(eiesim.simulate(result.layers[2], pixels.mean(axis=(2, 3)), FLOAT32).outputs, scores)
    # Pooling lies between the two, so the folder does not run as one.
    assert not eiesim.load_network(tmp_path / "net").chain


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3)])
def test_recurrent_matrices_are_layers(tmp_path, kind, gates):
    path = saved(recurrent(kind), tmp_path)
    x = np.random.default_rng(1).standard_normal((5, 2, 4)).astype(np.float32)
    result = compressed(path, tmp_path, x, bits=8)
    shapes = {layer.name: layer.shape for layer in result.layers}
    assert shapes == {"cell.W": (6 * gates, 4), "cell.R": (6 * gates, 6), "out": (3, 6)}
    assert not result.model.chain
    assert "gates run outside" in result.model.left_out[0].reason
    _, states = run_onnx(path, x)
    of = dict(zip(shapes, result.inputs, strict=True))
    close(of["cell.W"], x.reshape(10, 4))
    close(of["cell.R"].reshape(5, 2, 6)[1:], states[:-1, 0])
    assert (of["cell.R"].reshape(5, 2, 6)[0] == 0).all()
    if kind == "LSTM":
        # The first step by hand, from the layers as read: i, o, f, c; with no state before, f does nothing.
        i, o, _, c = np.split(result.model.layers[0].sums(x[0]) + result.model.layers[1].bias, 4, axis=1)
        cell = np.tanh(c) / (1 + np.exp(-i))
        close(np.tanh(cell) / (1 + np.exp(-o)), states[0, 0])


def test_report(tmp_path):
    path = saved(mlp(), tmp_path)
    result = compressed(path, tmp_path, X, density=0.3)
    report = json.loads((tmp_path / "net" / "report.json").read_text())
    for entry, dense, layer in zip(report["layers"], result.model.layers, result.layers, strict=True):
        inputs = eiesim.load_inputs(next((tmp_path / "net" / "inputs").glob(f"{entry['name'].split('/')[0]}*")))
        exact, found = dense.outputs(inputs), eiesim.simulate(layer, inputs, FLOAT32).outputs
        error = np.linalg.norm(found - exact) / np.linalg.norm(exact)
        assert entry["output_relative_error"] == pytest.approx(error, rel=1e-4)
        assert entry["kept"] == layer.nnz + np.count_nonzero(layer.bias_codes)


def test_fixed_batch_runs_in_parts(tmp_path):
    path = saved(mlp(batch=4), tmp_path)
    fixed = compressed(path, tmp_path, X).inputs
    open_batch = saved(mlp(), tmp_path)
    found, taps = pipeline.load_model(open_batch)
    for a, b in zip(fixed, pipeline.calibrate(open_batch, found, taps, X).inputs, strict=True):
        close(a, b)
    path = saved(mlp(batch=4), tmp_path)
    with pytest.raises(EieError, match="do not divide"):
        pipeline.calibrate(path, found, taps, X[:3])


def single(node, tensors, outputs=(), inputs=("N", 4)):
    return model([node], [value("x", *inputs)], outputs or [value("y", "N", 5)], tensors)


@pytest.mark.parametrize(
    ("proto", "reason"),
    [
        (single(helper.make_node("Sigmoid", ["x"], ["y"], "n"), []), "Sigmoid"),
        (single(helper.make_node("Gemm", ["x", "x"], ["y"], "n", transA=1), []), "constant matrix"),
        (single(helper.make_node("Gemm", ["x", "w", "c"], ["y"], "n"),
                [random_tensor("w", 4, 5), random_tensor("c", 3, 5)]), "one number a row"),
        (single(helper.make_node("MatMul", ["x", "x"], ["y"], "n"), []), "constant matrix"),
        (single(helper.make_node("ConvTranspose", ["x", "k"], ["y"], "n"), [random_tensor("k", 4, 5, 2, 2)],
                [value("y", "N", 5, 7, 7)], ("N", 4, 6, 6)), "ConvTranspose"),
        (single(helper.make_node("Gather", ["table", "x"], ["y"], "n"),
                [random_tensor("table", 9, 5)], [value("y", "N", 5)], ("N",)), "embedding"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_named(tmp_path, proto, reason):
    found, _ = load_onnx(saved(proto, tmp_path))
    assert not found.layers
    assert [part.name for part in found.left_out] == ["n"]
    assert reason in found.left_out[0].reason
    with pytest.raises(EieError, match="no layer that EIE can run"):
        pipeline.load_model(tmp_path / "model.onnx")


def test_chain_breaks_at_what_is_left_out(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"], "one"),
        helper.make_node("Tanh", ["h"], ["t"], "tanh"),
        helper.make_node("MatMul", ["t", "b"], ["y"], "two"),
    ]
    tensors = [random_tensor("a", 4, 4), random_tensor("b", 4, 4)]
    found, _ = load_onnx(saved(model(nodes, [value("x", "N", 4)], [value("y", "N", 4)], tensors), tmp_path))
    assert [layer.name for layer in found.layers] == ["one", "two"]
    assert not found.chain
    assert [part.name for part in found.left_out] == ["tanh"]


def test_relu_is_not_taken_from_a_shared_value(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"], "one"),
        helper.make_node("Relu", ["h"], ["r"], "relu"),
        helper.make_node("Add", ["h", "r"], ["y"], "residual"),
    ]
    found, _ = load_onnx(
        saved(model(nodes, [value("x", "N", 4)], [value("y", "N", 4)], [random_tensor("a", 4, 4)]), tmp_path)
    )
    assert found.layers[0].activation == "none"
    assert [part.name for part in found.left_out] == ["relu", "residual"]


def test_malformed(tmp_path):
    path = saved(mlp(), tmp_path)
    data = path.read_bytes()
    for bad in (b"", b"not onnx", data[: len(data) // 2], data[:100]):
        path.write_bytes(bad)
        with pytest.raises(EieError, match=r"model\.onnx: "):
            pipeline.load_model(path)
    with pytest.raises(EieError, match="no such file"):
        pipeline.load_model(tmp_path / "none.onnx")
    proto = mlp()
    proto.graph.node[1].input[1] = "missing"
    with pytest.raises(EieError, match=r"model\.onnx: "):
        pipeline.load_model(saved_unchecked(proto, path))
    proto = mlp()
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((60, 40), np.nan, np.float32), "w1"))
    with pytest.raises(EieError, match="layer 'fc1': weights hold NaN"):
        pipeline.load_model(saved_unchecked(proto, path))


def saved_unchecked(proto, path):
    path.write_bytes(proto.SerializeToString())
    return path


def test_calibration_that_does_not_fit(tmp_path):
    path = saved(mlp(), tmp_path)
    found, taps = pipeline.load_model(path)
    with pytest.raises(EieError, match="the model wants"):
        pipeline.calibrate(path, found, taps, X[:, :7])
