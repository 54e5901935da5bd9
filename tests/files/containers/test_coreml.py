"""Core ML packages that coremltools wrote, against its own decompression; their tables against the layers' values."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

import eiesim
from eiesim.compression.pipeline import load_model, read_model
from eiesim.dense import expand
from eiesim.errors import EieError

coremltools = pytest.importorskip("coremltools", reason="coremltools is not installed (extra formats)")

PACKAGES = (
    "dense15", "dense18_float32", "palettised16", "palettised18", "palettised_groups18", "palettised_scaled18",
    "palettised_vectors18", "sparse16", "sparse18", "quantised16", "quantised18", "blocks18", "sparse_palettised18",
    "sparse_palettised18_float32", "sparse_quantised18",
)  # fmt: skip
ROLES = {
    "dense": {"weight", "bias"}, "palettised": {"weight", "bias", "lookup"}, "sparse": {"weight", "bias", "mask"},
    "quantised": {"weight", "bias", "scale", "zero_point"}, "blocks": {"weight", "bias", "scale", "zero_point"},
    "sparse_palettised": {"weight", "bias", "mask", "lookup"},
}  # fmt: skip


@pytest.mark.parametrize("name", PACKAGES)
def test_a_chain(written, name):
    folder, values = written("coreml")
    model, _ = load_model(folder / f"{name}.mlpackage")
    assert [layer.activation for layer in model.layers] == ["relu", "none"]
    assert model.chain
    for k, layer in enumerate(model.layers):
        np.testing.assert_allclose(layer.weights, values[f"{name}/{k}"], rtol=1e-6, atol=1e-6)
    assert [part.kind for part in model.left_out] == ["softmax"]
    stem = name.rstrip("0123456789").removesuffix("_groups")
    expected = ROLES.get(stem)
    if expected:
        assert {entry.role for entry in model.ledger if entry.layer} - {"shape"} == expected
    again, _ = load_model(folder / f"{name}.mlpackage")
    assert [entry.tensor for entry in again.ledger] == [entry.tensor for entry in model.ledger]


@pytest.mark.parametrize("name", ["sparse_palettised18", "sparse_palettised18_float32"])
def test_a_table_is_the_codebook(written, tmp_path, name):
    """Pruned and palettised to 4 bits: 15 entries are used, one near 0 by none; they are the codebook to the bit."""
    folder, _ = written("coreml")
    made = eiesim.compress(folder / f"{name}.mlpackage", tmp_path / "net")
    for dense, layer, report in zip(made.model.layers, made.layers, made.reports, strict=True):
        used = np.unique(dense.weights[dense.weights != 0])
        assert used.size <= 15
        assert set(used) <= set(layer.codebook)
        np.testing.assert_array_equal(expanded(layer), dense.weights)
        assert report.shared == "as it was"


def expanded(layer):
    return expand(layer).weights


def test_a_table_of_sixteen(written):
    """16 used values need 5 bits; with 4 they are shared anew."""
    folder, _ = written("coreml")
    for bits, kept in ((5, True), (4, False)):
        made = eiesim.compress(folder / "palettised16.mlpackage", bits=bits)
        same = [np.array_equal(expanded(layer), dense.weights) for layer, dense in zip(made.layers, made.model.layers)]
        assert all(same) == kept


def test_an_image_network(written):
    folder, values = written("coreml")
    model, _ = load_model(folder / "image18.mlpackage")
    assert [(layer.rows, layer.cols, layer.activation) for layer in model.layers] == [(5, 4, "relu"), (3, 20, "none")]
    np.testing.assert_array_equal(model.layers[0].weights, values["image18/1"].reshape(5, 4))
    assert model.vectors == (4, 1)
    assert not model.chain
    assert [part.kind for part in model.left_out] == ["conv", "relu", "tanh"]


def test_what_a_warning_would_say(written):
    """coremltools warns of each library that it was not tested with: none of our business. Without torch, for speed."""
    folder, _ = written("coreml")
    code = (
        "import sys; sys.modules['torch'] = None; from eiesim.compression.pipeline import load_model; "
        f"print(len(load_model({str(folder / 'dense15.mlpackage')!r})[0].layers))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("2\n", "")


def test_refused(written, tmp_path):
    folder, _ = written("coreml")
    bad = tmp_path / "bad.mlpackage"
    weights = "Data/com.apple.CoreML/weights/weight.bin"
    for damage, why in (
        (lambda: (bad / "Manifest.json").unlink(), "not readable as a Core ML package"),
        (lambda: (bad / "Manifest.json").write_text("{"), "not readable as a Core ML package"),
        (lambda: (bad / weights).unlink(), "not readable as a Core ML package"),
        (lambda: (bad / weights).write_bytes(b"\0" * 64), "not readable as a Core ML package"),
        (lambda: (bad / weights).write_bytes((bad / weights).read_bytes()[:100]), "not readable as a Core ML package"),
        (lambda: (bad / "Data/com.apple.CoreML/model.mlmodel").write_bytes(b"\xff" * 9), "not readable as a Core ML"),
    ):
        shutil.rmtree(bad, ignore_errors=True)
        shutil.copytree(folder / "dense15.mlpackage", bad)
        damage()
        with pytest.raises(EieError, match=why) as said:
            read_model(bad)
        assert str(bad) in str(said.value)
        assert "\n" not in str(said.value)
    (tmp_path / "file.mlpackage").write_bytes(b"")
    with pytest.raises(EieError, match=r"is a file; an \.mlpackage is a folder"):
        read_model(tmp_path / "file.mlpackage")
    with pytest.raises(EieError, match="no such folder"):
        read_model(tmp_path / "none.mlpackage")
