"""The new user's path: PyTorch, ONNX, compress, run, compare, trace; nothing needs a flag to accept the step before."""

import json

import numpy as np
import pytest

from .cases import cli

torch = pytest.importorskip("torch", reason="needs extra [train]")
pytest.importorskip("onnx", reason="needs extra [onnx]")
pytest.importorskip("onnxruntime", reason="needs extra [onnx]")

nn = torch.nn


def mlp():
    """A Sigmoid and a BatchNorm: its layers do not follow one another."""
    return nn.Sequential(
        nn.Linear(20, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 16), nn.Sigmoid(), nn.Linear(16, 4)
    ), (20,)


def cnn():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1, groups=2), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    ), (3, 12, 12)  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("make", [mlp, cnn])
def test_six_commands(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network, shape = make()
    x = torch.rand(6, *shape)
    torch.onnx.export(network.eval(), (x,), "model.onnx", dynamic_axes={"input": {0: "N"}}, input_names=["input"],
                      dynamo=False)  # fmt: skip
    np.save("x.npy", x.numpy())
    for command in (
        ("compress", "model.onnx", "-o", "net", "--density", "0.3", "-c", "x.npy"),
        ("run", "net"),
        ("compare", "net", "-o", "out", "--no-plots"),
        ("trace", "net", "-o", "trace.npz"),
        ("sweep", "net", "--pes", "4,8", "-o", "rows.csv"),
        ("balance", "net"),
        ("inspect", "net"),
    ):
        answer = cli(*command)
        assert answer.status == 0, (command, answer.err)
    found = json.loads(cli("run", "net", "--json", "-").out)
    assert [layer["inputs"] for layer in found["layers"]] == ["recorded"] * 3
    assert (tmp_path / "out" / "eie.csv").read_text().splitlines()[-1].startswith("total,")
    assert "AlexNet" not in cli("compare", "net", "-o", "out", "--no-plots").out
    # Accuracy: through the whole graph, without naming the model.
    np.save("y.npy", network(x).argmax(dim=1).numpy())
    shares = json.loads(cli("accuracy", "net", "-i", "x.npy", "--labels", "y.npy", "--json", "-").out)["accuracy"]
    assert shares["dense"]["float32"] == 1.0
