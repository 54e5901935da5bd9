"""TensorFlow Lite files that TensorFlow and ai-edge-quantizer wrote, against their kernels and their interpreter."""

import numpy as np
import pytest

import eiesim
from eiesim.compression.pipeline import load_model, read_model
from eiesim.compression.terminal import summary
from eiesim.errors import EieError

pytest.importorskip("tflite", reason="tflite is not installed (extra formats)")

CHAINS = ("float32", "float16", "int8", "int8_float_ends", "int8_by_tensor", "int16x8", "sparse", "sparse_blocks",
          "sparse_float16")  # fmt: skip
ROUNDED = ("int8", "int8_float_ends", "int8_by_tensor", "int16x8")


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain(written, name):
    """Weights whatever they are stored as, (outputs, inputs); the fused RELU; the softmax left out behind them."""
    folder, values = written("tflite")
    model, _ = load_model(folder / f"{name}.tflite")
    first, second = model.layers
    assert model.chain
    assert (first.activation, second.activation) == ("relu", "none")
    for k, layer in enumerate(model.layers):
        np.testing.assert_allclose(layer.weights, values[f"{name}/{k}/weight"], rtol=1e-6, atol=1e-6)
        if f"{name}/{k}/bias" in values:
            np.testing.assert_allclose(layer.bias, values[f"{name}/{k}/bias"], rtol=1e-6, atol=1e-6)
    assert [part.kind for part in model.left_out] == ["SOFTMAX"]
    assert sorted(entry.role for entry in model.ledger) == ["bias", "bias", "left out", "weight", "weight"]
    assert any("quantised" in note for note in model.notes) == (name in ROUNDED)


def test_zeros_that_are_not_stored(written):
    folder, values = written("tflite")
    for name in ("sparse", "sparse_blocks", "sparse_float16"):
        layer = load_model(folder / f"{name}.tflite")[0].layers[0]
        assert np.count_nonzero(layer.weights) == np.count_nonzero(values[f"{name}/0/weight"]) < layer.weights.size / 2


def test_biases_of_whole_numbers(written):
    """Quantised biases are within half a step of the floating-point model's."""
    folder, values = written("tflite")
    for name in ROUNDED:
        for k, layer in enumerate(load_model(folder / f"{name}.tflite")[0].layers):
            np.testing.assert_allclose(layer.bias, values[f"float32/{k}/bias"], atol=2e-3)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_few_bits(written, bits):
    """Several codes to a byte, the low bits first, one scale an output: as the interpreter multiplies by them."""
    folder, values = written("tflite")
    layer = load_model(folder / f"int{bits}_weights.tflite")[0].layers[0]
    np.testing.assert_allclose(layer.weights, values[f"int{bits}_weights/0/weight"], rtol=1e-5, atol=1e-6)
    assert all(np.unique(row).size <= 2**bits for row in layer.weights)


def test_another_activation_keeps_layers_apart(written):
    folder, _ = written("tflite")
    model, _ = load_model(folder / "relu6.tflite")
    assert not model.chain
    assert [layer.activation for layer in model.layers] == ["none", "none"]
    assert "RELU6" in [part.kind for part in model.left_out]


def test_convolutions(written):
    """Only 1x1; the others are left out with the work that they are."""
    folder, _ = written("tflite")
    model, _ = load_model(folder / "image.tflite")
    assert [(layer.rows, layer.cols) for layer in model.layers] == [(5, 4), (3, 5)]
    assert model.vectors == (4, 1)  # 2x2 positions
    assert [(part.kind, part.macs) for part in model.left_out if part.kind != "RESHAPE"] == [
        ("CONV_2D", 2 * 2 * 4 * 3 * 3 * 3), ("DEPTHWISE_CONV_2D", 5 * 2 * 2)
    ]  # fmt: skip
    reasons = {part.kind: part.reason for part in model.left_out}
    assert reasons["DEPTHWISE_CONV_2D"].endswith("a depthwise convolution; of convolutions only 1x1 are read from this "
                                                 "file, and all of them from ONNX")  # fmt: skip
    assert not model.chain


def test_compressed(written, tmp_path):
    folder, _ = written("tflite")
    made = eiesim.compress(folder / "float32.tflite", tmp_path / "net", density=0.5)
    assert "  1 x SOFTMAX: EIE has no exponential; the largest output stays the largest without it" in summary(
        made, tmp_path
    )
    assert [layer.name for layer in eiesim.load_network(tmp_path / "net").layers] == [
        layer.name for layer in made.layers
    ]


def test_left_by_name(written):
    folder, _ = written("tflite")
    name = load_model(folder / "float32.tflite")[0].layers[1].name
    model = eiesim.read_model(folder / "float32.tflite", leave=name)
    assert len(model.layers) == 1
    with pytest.raises(EieError, match="leave: no tensor is called 'none'"):
        eiesim.read_model(folder / "float32.tflite", leave="none")
    with pytest.raises(EieError, match="take: the file's operators say"):
        eiesim.read_model(folder / "float32.tflite", take="x")


@pytest.mark.parametrize("name", ["float32", "sparse_blocks", "int4_weights"])
def test_damaged(written, damage, tmp_path, name):
    """Cut anywhere, or with any byte another one, a file is read or refused in one line that names it."""
    folder, _ = written("tflite")
    data, path = (folder / f"{name}.tflite").read_bytes(), tmp_path / "bad.tflite"
    said = damage(path, data, 120, 8)
    assert len(said) > 20
    assert all(str(path) in one and "\n" not in one for one in said)
    path.write_bytes(b"\0\0\0\0TFL4" + data[8:])
    with pytest.raises(EieError, match=r"bad\.tflite: is no TensorFlow Lite file"):
        read_model(path)
    path.write_bytes(data[:200])
    with pytest.raises(EieError, match=r"bad\.tflite: is damaged"):
        read_model(path)
