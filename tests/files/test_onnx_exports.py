"""Networks as their own tools export them: PyTorch by both exporters, scikit-learn, float16, external data."""

import numpy as np
import pytest

import eiesim
from eiesim.dense import forward
from eiesim.files.held import check
from eiesim.files.onnx import hold_onnx, load_onnx

onnx = pytest.importorskip("onnx", reason="needs extra [onnx]")
pytest.importorskip("onnxruntime", reason="needs extra [onnx]")

pytestmark = pytest.mark.filterwarnings("ignore")  # of the exporters

BY_DYNAMO = [True, False]


def exported(module, inputs, tmp_path, by_dynamo, **more):
    torch = pytest.importorskip("torch", reason="needs extra [train]")
    if by_dynamo:
        pytest.importorskip("onnxscript", reason="PyTorch's exporter needs it")
    path = tmp_path / "model.onnx"
    torch.onnx.export(module.eval(), (inputs,), str(path), dynamo=by_dynamo, verbose=False, **more)
    return path


def lenet(pruned):
    torch = pytest.importorskip("torch", reason="needs extra [train]")
    from torch.nn.utils import prune

    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(196, 60), torch.nn.ReLU(), torch.nn.Linear(60, 30), torch.nn.ReLU(), torch.nn.Linear(30, 10)
    )
    for k in (0, 2, 4) if pruned else ():
        prune.l1_unstructured(net[k], "weight", 0.9)
    return net, torch.randn(5, 196)


@pytest.mark.parametrize("by_dynamo", BY_DYNAMO)
def test_masks_that_were_kept(tmp_path, by_dynamo):
    """Pruned by torch.nn.utils.prune and never made permanent: all three layers, a tenth of each, all of the work."""
    net, x = lenet(pruned=True)
    path = exported(net, x, tmp_path, by_dynamo)
    made = eiesim.compress(path)
    assert made.macs_share == 1
    assert made.parameters_share == 1
    assert [layer.activation for layer in made.model.layers] == ["relu", "relu", "none"]
    assert made.model.chain
    for layer, k in zip(made.model.layers, (0, 2, 4), strict=True):
        np.testing.assert_array_equal(layer.weights, net[k].weight.detach().numpy())
        assert layer.density == pytest.approx(0.1, abs=0.01)
        np.testing.assert_array_equal(layer.bias, net[k].bias.detach().numpy())
    exact = net(x).detach().numpy()
    np.testing.assert_allclose(forward(made.model.layers, x.numpy()), exact, atol=1e-4 * abs(exact).max())
    assert made.model.held.network.error < 1e-5


@pytest.mark.parametrize("by_dynamo", BY_DYNAMO)
@pytest.mark.parametrize("kind", ["weight_norm", "old weight_norm", "spectral_norm", "orthogonal"])
def test_parametrisations(tmp_path, kind, by_dynamo):
    torch = pytest.importorskip("torch", reason="needs extra [train]")
    from torch.nn.utils import parametrizations, weight_norm

    if kind == "spectral_norm" and not by_dynamo:
        pytest.skip("the exporter has no vdot")
    net, x = lenet(pruned=False)
    how = weight_norm if kind == "old weight_norm" else getattr(parametrizations, kind)
    for k in (0, 2, 4):
        how(net[k])
    net.eval()
    try:
        path = exported(net, x, tmp_path, by_dynamo)
    except torch.onnx.OnnxExporterError:
        pytest.skip("the exporter refuses")
    found, _ = load_onnx(path)
    for layer, k in zip(found.layers, (0, 2, 4), strict=True):
        np.testing.assert_allclose(layer.weights, net[k].weight.detach().numpy(), atol=1e-6)
        assert layer.bias is not None
    check(hold_onnx(path))


@pytest.mark.parametrize("by_dynamo", BY_DYNAMO)
def test_an_image_network(tmp_path, by_dynamo):
    torch = pytest.importorskip("torch", reason="needs extra [train]")
    nn = torch.nn
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 12, 3, groups=2),
        nn.ReLU6(), nn.ConvTranspose2d(12, 6, 1), nn.Dropout(), nn.Flatten(), nn.Linear(6 * 5 * 5, 10), nn.Softmax(1),
    )  # fmt: skip
    x = torch.randn(3, 1, 14, 14)
    found, _ = load_onnx(path := exported(net, x, tmp_path, by_dynamo))
    assert [layer.weights.shape for layer in found.layers] == [(8, 9), (12, 72), (6, 12), (10, 150)]
    assert [layer.activation for layer in found.layers] == ["relu", "none", "none", "none"]
    np.testing.assert_array_equal(found.layers[2].weights, net[5].weight.detach().numpy()[:, :, 0, 0].T)
    held = hold_onnx(path, x.numpy())
    check(held)
    assert max(one.error for one in held.layers) < 1e-5


@pytest.mark.parametrize("by_dynamo", BY_DYNAMO)
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_a_recurrent_network(tmp_path, kind, by_dynamo):
    torch = pytest.importorskip("torch", reason="needs extra [train]")

    class Net(torch.nn.Module):  # type: ignore[name-defined]
        def __init__(self):
            super().__init__()
            self.cell = getattr(torch.nn, kind)(6, 5, 2, batch_first=True, bidirectional=True)
            self.out = torch.nn.Linear(10, 3)

        def forward(self, x):
            return self.out(self.cell(x)[0])

    torch.manual_seed(0)
    path = exported(net := Net(), torch.randn(4, 7, 6), tmp_path, by_dynamo)
    found, _ = load_onnx(path)
    gates = {"LSTM": 20, "GRU": 15}[kind]
    assert [layer.weights.shape for layer in found.layers[:4]] == [(gates, 6), (gates, 5)] * 2
    np.testing.assert_array_equal(found.layers[-1].weights, net.out.weight.detach().numpy())
    held = hold_onnx(path)
    check(held)
    assert all(one.error is not None for one in held.layers)


@pytest.mark.parametrize("by_dynamo", BY_DYNAMO)
def test_float16_and_external_data(tmp_path, by_dynamo):
    net, x = lenet(pruned=False)
    path = exported(net.half(), x.half(), tmp_path, by_dynamo, external_data=by_dynamo)
    proto = onnx.load(str(path))
    onnx.save(proto, str(path), save_as_external_data=True, location="weights.bin", size_threshold=0)
    found, _ = load_onnx(path)
    np.testing.assert_array_equal(found.layers[0].weights, net[0].weight.detach().float().numpy())
    held = hold_onnx(path)
    check(held)
    assert 1e-6 < held.layers[0].error < 5e-3
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(eiesim.EieError, match=r"model\.onnx"):
        load_onnx(path)


@pytest.mark.parametrize("zipmap", [True, False, "columns"])
def test_a_classifier_of_scikit_learn(tmp_path, zipmap):
    """Its outputs are a label and a map, an array or columns of probabilities; its coefficients are the layers'."""
    skl2onnx = pytest.importorskip("skl2onnx", reason="scikit-learn's exporter")
    sklearn = pytest.importorskip("sklearn.neural_network")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 12)).astype(np.float32)
    labels = (x[:, :4].argmax(axis=1)).astype(int)
    made = sklearn.MLPClassifier((20, 12), max_iter=30, random_state=0).fit(x, labels)
    path = tmp_path / "model.onnx"
    onnx.save(skl2onnx.to_onnx(made, x[:1], options={"zipmap": zipmap}), str(path))
    found, _ = load_onnx(path)
    assert [layer.activation for layer in found.layers] == ["relu", "relu", "none"]
    for layer, weights, bias in zip(found.layers, made.coefs_, made.intercepts_, strict=True):
        np.testing.assert_allclose(layer.weights, weights.T, atol=1e-6)
        np.testing.assert_allclose(layer.bias, bias, atol=1e-6)
    check(hold_onnx(path))
    classes = forward(found.layers, x).argmax(axis=1)
    assert (classes == labels).mean() == pytest.approx(made.score(x, labels), abs=0.01)
