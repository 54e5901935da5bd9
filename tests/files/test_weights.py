"""Networks as arrays: .npz and safetensors."""

import numpy as np
import pytest

from eiesim import EieError
from eiesim.compression.pipeline import load_model

save_file = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed").save_file

RNG = np.random.default_rng(0)


def floats(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def test_safetensors_in_natural_order(tmp_path):
    tensors = {}
    for k, (rows, cols) in {2: (6, 8), 10: (4, 6), 1: (8, 5)}.items():
        tensors[f"net.{k}.weight"], tensors[f"net.{k}.bias"] = floats(rows, cols), floats(rows)
    save_file(tensors, str(tmp_path / "m.safetensors"))
    model, _ = load_model(tmp_path / "m.safetensors")
    assert [layer.name for layer in model.layers] == ["net.1", "net.2", "net.10"]
    assert [layer.activation for layer in model.layers] == ["relu", "relu", "none"]
    assert model.chain
    assert "ReLU is taken to follow" in model.notes[0]
    for layer in model.layers:
        assert (layer.weights == tensors[f"{layer.name}.weight"]).all()
        assert (layer.bias == tensors[f"{layer.name}.bias"]).all()


def test_half_and_brain_floats(tmp_path):
    exact = (RNG.integers(-8, 8, (3, 4)) / 4).astype(np.float32)
    brain = (exact.view(np.uint32) >> 16).astype(np.uint16)
    head = b'{"a.weight":{"dtype":"BF16","shape":[3,4],"data_offsets":[0,24]}}'
    (tmp_path / "b.safetensors").write_bytes(len(head).to_bytes(8, "little") + head + brain.tobytes())
    save_file({"a.weight": exact.astype(np.float16)}, str(tmp_path / "h.safetensors"))
    for name in ("b", "h"):
        model, _ = load_model(tmp_path / f"{name}.safetensors")
        assert (model.layers[0].weights == exact).all()


def test_everything_else_is_named(tmp_path):
    save_file(
        {
            "conv.weight": floats(8, 3, 3, 3),
            "point.weight": floats(8, 3, 1, 1),
            "point.bias": floats(8),
            "norm.running_mean": floats(8),
            "step": np.array(3),
            "ids.weight": np.zeros((4, 4), np.int64),
        },
        str(tmp_path / "m.safetensors"),
    )
    model, _ = load_model(tmp_path / "m.safetensors")
    assert [(layer.name, layer.weights.shape) for layer in model.layers] == [("point", (8, 3))]
    reasons = {part.name: part.reason for part in model.left_out}
    assert set(reasons) == {"conv.weight", "norm.running_mean", "step", "ids.weight"}
    assert "3x3" in reasons["conv.weight"]
    assert "I64" in reasons["ids.weight"]


def test_recurrent_state_dict(tmp_path):
    tensors = {"rnn.weight_ih_l0": floats(24, 4), "rnn.weight_hh_l0": floats(24, 6)}
    tensors |= {"rnn.bias_ih_l0": floats(24), "rnn.bias_hh_l0": floats(24)}
    save_file(tensors, str(tmp_path / "m.safetensors"))
    model, _ = load_model(tmp_path / "m.safetensors")
    assert not model.chain
    assert not model.left_out
    assert {layer.activation for layer in model.layers} == {"none"}
    by_name = {layer.name: layer for layer in model.layers}
    assert (by_name["rnn.weight_hh_l0"].bias == tensors["rnn.bias_hh_l0"]).all()


def test_bias_of_another_length_is_left_out(tmp_path):
    np.savez(tmp_path / "m.npz", W1=floats(6, 5), b1=floats(7), W2=floats(4, 6), b2=floats(4))
    model, _ = load_model(tmp_path / "m.npz")
    assert [layer.bias is None for layer in model.layers] == [True, False]
    assert [part.name for part in model.left_out] == ["b1"]


def test_malformed(tmp_path):
    path = tmp_path / "m.safetensors"
    save_file({"a.weight": floats(4, 4)}, str(path))
    data = path.read_bytes()
    for bad in (b"", b"no", data[:-1], data[:20], b"\xff" * 8 + data[8:]):
        path.write_bytes(bad)
        with pytest.raises(EieError, match=r"m\.safetensors: not readable"):
            load_model(path)
    with pytest.raises(EieError, match="no such file"):
        load_model(tmp_path / "none.safetensors")
    (tmp_path / "one.csv").write_text("1,2\n")
    with pytest.raises(EieError, match=r"a model is \.onnx, \.safetensors, \.npz, .*, not .\.csv"):
        load_model(tmp_path / "one.csv")
    np.savez(tmp_path / "object.npz", a=np.array([{}], object))
    with pytest.raises(EieError, match=r"object\.npz: a: holds pickled objects"):
        load_model(tmp_path / "object.npz")
    np.savez(tmp_path / "none.npz", a=np.arange(3.0))
    with pytest.raises(EieError, match=r"no layer that EIE can run \(a: a vector"):
        load_model(tmp_path / "none.npz")
