"""Files that Keras 3 and Keras 2 wrote, against what their own layers compute of the identity."""

import json
import zipfile

import numpy as np
import pytest

import eiesim
from eiesim.compression.pipeline import load_model, read_model
from eiesim.errors import EieError
from eiesim.files.containers.keras import _what

h5py = pytest.importorskip("h5py", reason="h5py is not installed (extra formats)")

MODELS = {
    "sequential": (["hidden", "scores"], ["relu", "none"], True),
    "functional": (["one", "two", "three"], ["none", "relu", "none"], False),
    "nested": (["inner", "scores"], ["relu", "relu"], True),
    "twice": (["again", "again-2"], ["relu", "relu"], True),
    "int8": (["hidden", "scores"], ["relu", "none"], True),
    "int4": (["hidden", "scores"], ["relu", "none"], True),
}
FILES = [
    ("keras3", "k3_sequential.keras"), ("keras2", "k2_sequential.keras"), ("keras3", "k3_functional.keras"),
    ("keras2", "k2_functional.keras"), ("keras3", "k3_functional.h5"), ("keras2", "k2_functional.h5"),
    ("keras3", "k3_nested.keras"), ("keras3", "k3_nested.h5"), ("keras2", "k2_nested.h5"),
    ("keras3", "k3_twice.keras"), ("keras2", "k2_twice.keras"), ("keras3", "k3_int8.keras"),
    ("keras3", "k3_int4.keras"), ("keras3.12", "k3.12_int4.keras"),
]  # fmt: skip


def compare(model, values, stem):
    for layer in model.layers:
        name = layer.name.removesuffix("-2")
        np.testing.assert_allclose(layer.weights, values[f"{stem}/{name}/weight"], rtol=1e-5, atol=1e-6)
        if layer.bias is not None:
            np.testing.assert_array_equal(layer.bias, values[f"{stem}/{name}/bias"])


@pytest.mark.parametrize(("archive", "file"), FILES)
def test_a_model(written, archive, file):
    """Kernels turned to (outputs, inputs), activations and what follows what from the config."""
    folder, values = written(archive)
    stem = file.rpartition(".")[0]
    model, _ = load_model(folder / file)
    names, activations, chain = MODELS[stem.partition("_")[2]]
    assert [layer.name for layer in model.layers] == names
    assert model.chain == chain
    assert [layer.activation for layer in model.layers][-1] == activations[-1]
    if chain:
        assert [layer.activation for layer in model.layers] == activations
    compare(model, values, stem)
    assert all(entry.role != "left out" for entry in model.ledger if entry.shape)


def test_quantised_roles(written):
    folder, _ = written("keras3")
    roles = [entry.role for entry in load_model(folder / "k3_int4.keras")[0].ledger[:5]]
    assert roles == ["weight", "bias", "scale", "zero_point", "indices"]
    roles = [entry.role for entry in load_model(folder / "k3_int8.keras")[0].ledger[:3]]
    assert roles == ["weight", "bias", "scale"]


@pytest.mark.parametrize(("archive", "stem"), [("keras3", "k3_mixed"), ("keras2", "k2_mixed")])
def test_other_layers(written, archive, stem):
    """A 1x1 convolution is a layer; a normalisation and tanh are left out, and keep layers apart."""
    folder, values = written(archive)
    model, _ = load_model(folder / f"{stem}.keras")
    assert [layer.name for layer in model.layers] == ["point", "fc", "last"]
    assert [layer.activation for layer in model.layers] == ["relu", "none", "none"]
    assert not model.chain
    assert model.vectors == (4, 1, 1)
    assert [part.kind for part in model.left_out] == ["BatchNormalization", "tanh"]
    assert [entry.role for entry in model.ledger if "normalization" in entry.tensor and entry.shape] == [
        "left out", "left out", "statistics", "statistics"
    ]  # fmt: skip
    for layer in model.layers[1:]:
        np.testing.assert_allclose(layer.weights, values[f"{stem}/{layer.name}/weight"], rtol=1e-5, atol=1e-6)


def test_a_relu_with_a_maximum_is_none(written, tmp_path):
    source = written("keras3")[0] / "k3_functional.keras"
    config = json.loads(zipfile.ZipFile(source).read("config.json"))
    relu = next(layer for layer in config["config"]["layers"] if layer["class_name"] == "ReLU")
    relu["config"]["max_value"] = 6.0
    model, _ = load_model(rezipped(source, tmp_path / "six.keras", config=json.dumps(config).encode()))
    assert model.layers[0].activation == "none"
    assert any(part.kind == "ReLU" and "with a max_value" in part.reason for part in model.left_out)


@pytest.mark.parametrize(("archive", "stem"), [("keras3", "k3"), ("keras2", "k2")])
def test_arrays_alone(written, archive, stem):
    """Without a config: groups are numbered by class, so the eleventh stands behind the tenth, not behind the first."""
    folder, values = written(archive)
    model, _ = load_model(folder / f"{stem}_eleven.weights.h5")
    names = [key.split("/")[1] for key in values if key.startswith(f"{stem}_eleven/") and key.endswith("weight")]
    assert len(model.layers) == 11
    assert model.chain
    for layer, name in zip(model.layers, names, strict=True):
        np.testing.assert_allclose(layer.weights, values[f"{stem}_eleven/{name}/weight"], rtol=1e-5, atol=1e-6)
    assert any("says nothing of activations" in note for note in model.notes)


def test_weights_in_parts(written, tmp_path):
    """All parts, whichever is named, or the missing one is; a number in a name alone makes no part."""
    folder, _ = written("keras3")
    whole, _ = load_model(folder / "k3_eleven.weights.h5")
    parts = sorted(folder.glob("k3_parts_*.h5"))
    assert len(parts) > 1
    for path in parts:
        found, _ = load_model(path)
        for layer, other in zip(found.layers, whole.layers, strict=True):
            np.testing.assert_array_equal(layer.weights, other.weights)
    lone = tmp_path / parts[0].name
    lone.write_bytes(parts[0].read_bytes())
    assert 0 < len(load_model(lone)[0].layers) < 11
    (tmp_path / "k3_parts.weights.json").write_bytes((folder / "k3_parts.weights.json").read_bytes())
    with pytest.raises(EieError, match=f"is one of {len(parts)} parts, and {parts[1].name} is not beside it"):
        load_model(lone)
    (tmp_path / "k3_parts.weights.json").write_text("{}")
    with pytest.raises(EieError, match="has no weight_map"):
        load_model(lone)


def test_arrays_of_other_layers(written, tmp_path):
    """What is no Dense layer's is no layer, and keeps those apart of which the file does not say the order."""
    folder, _ = written("keras3")
    model, _ = load_model(folder / "k3_mixed.weights.h5")
    assert sorted(layer.name for layer in model.layers) == ["fc", "last", "point"]
    assert not model.chain
    assert {entry.role for entry in model.ledger if entry.tensor.endswith(("moving_mean", "moving_variance"))} == {
        "statistics"
    }
    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w") as file:
        for name, shape in {
            "layers/dense/vars/0": (6, 4), "layers/dense/vars/1": (4,), "optimizer/vars/2": (6, 4),
            "layers/attention/query_dense/vars/0": (4, 2, 3), "layers/attention/query_dense/vars/1": (2, 3),
            "layers/embedding/vars/0": (9, 6), "layers/lstm/cell/vars/0": (4, 8), "layers/lstm/cell/vars/1": (2, 8),
            "layers/lstm/cell/vars/2": (8,),
        }.items():  # fmt: skip
            file[name] = np.ones(shape, np.float32)
    model, _ = load_model(path)
    assert [(layer.name, layer.rows, layer.cols) for layer in model.layers] == [
        ("dense", 4, 6), ("lstm/cell", 8, 4), ("lstm/cell/recurrent", 8, 2)
    ]  # fmt: skip


def test_names_of_groups_are_not_those_of_layers(written):
    """Keras 3 numbers groups by class; the layer 'scores' stands in dense_1, or in dense behind a nested model."""
    folder, _ = written("keras3")
    model, _ = load_model(folder / "k3_nested.keras")
    assert {entry.tensor: entry.layer for entry in model.ledger if entry.role == "weight"} == {
        "layers/sequential/layers/dense/vars/0": "inner", "layers/dense/vars/0": "scores"
    }  # fmt: skip


def test_a_folder_that_was_not_zipped(written, tmp_path):
    folder, values = written("keras3")
    with zipfile.ZipFile(folder / "k3_sequential.keras") as archive:
        archive.extractall(tmp_path / "m.keras")
    model, _ = load_model(tmp_path / "m.keras")
    compare(model, values, "k3_sequential")
    eiesim.compress(tmp_path / "m.keras", tmp_path / "net")
    found = eiesim.accuracy(tmp_path / "net", np.ones((2, 10), np.float32), np.zeros(2, int))
    assert "dense" in found  # read from the folder once more, by its hash


def rezipped(source, target, **parts):
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as made:
        for name in archive.namelist():
            key = name.split(".")[0]
            data = parts.get(key, archive.read(name))
            if data is not None:
                made.writestr(name, data)
    return target


def test_refused(written, tmp_path):
    folder, _ = written("keras3")
    source, bad = folder / "k3_sequential.keras", tmp_path / "bad.keras"
    config = json.loads(zipfile.ZipFile(source).read("config.json"))
    for parts, why in (
        ({"config": b"{"}, "config.json: is damaged"),
        ({"config": b"[]"}, "config.json: is damaged"),
        ({"config": None}, "config.json is not in it"),
        ({"model": None}, "model.weights.h5 is not in it"),
        ({"model": b"no"}, "model.weights.h5: not readable as HDF5"),
        ({"config": json.dumps({"class_name": "Mine", "config": {}}).encode()}, "Mine, is code"),
        ({"config": json.dumps({**config, "config": {"layers": [{}]}}).encode()}, "of no form that Keras"),
    ):
        with pytest.raises(EieError, match=why) as said:
            read_model(rezipped(source, bad, **parts))
        assert str(bad) in str(said.value)
    layers = config["config"]["layers"]
    layers[1]["config"]["units"] = 7
    with pytest.raises(EieError, match=r"its kernel has shape \[10, 6\], its config 7 outputs"):
        load_model(rezipped(source, bad, config=json.dumps({**config, "config": {"layers": layers[:2]}}).encode()))
    bad.write_bytes(b"no zip")
    with pytest.raises(EieError, match=r"bad\.keras: not readable as a \.keras file"):
        read_model(bad)
    with pytest.raises(EieError, match="no such file"):
        read_model(tmp_path / "none.keras")
    (tmp_path / "bad.h5").write_bytes(b"no")
    with pytest.raises(EieError, match=r"bad\.h5: not readable as HDF5"):
        read_model(tmp_path / "bad.h5")


def test_numbers_of_another_file(tmp_path):
    """HDF5 can hold links and arrays whose numbers lie in any file of the machine: they are not followed."""
    (tmp_path / "secret.bin").write_bytes(np.ones((4, 4), np.float32).tobytes())
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["fc/kernel"] = np.ones((4, 4), np.float32)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_dataset("a/kernel", (4, 4), np.float32, external=[(str(tmp_path / "secret.bin"), 0, 64)])
    with pytest.raises(EieError, match="its numbers are not in this file"):
        read_model(tmp_path / "m.h5")
    with h5py.File(tmp_path / "n.h5", "w") as file:
        file["fc"] = h5py.ExternalLink("other.h5", "/fc")
        file["self"] = h5py.SoftLink("/")
        file["own/kernel"] = np.ones((3, 2), np.float32)
    assert [layer.name for layer in read_model(tmp_path / "n.h5")[0].layers] == ["own"]


@pytest.mark.parametrize("name", ["k3_sequential.keras", "k3_nested.h5", "k3_sequential.weights.h5"])
def test_damaged(written, damage, tmp_path, name):
    folder, _ = written("keras3")
    path = tmp_path / f"bad{name[name.index('.') :]}"
    said = damage(path, (folder / name).read_bytes(), 90)
    assert len(said) > 10
    assert all("bad" in one and "\n" not in one for one in said)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("DepthwiseConv2D", "a depthwise convolution; of convolutions only 1x1 are read"),
        ("DepthwiseConv1D", "a depthwise convolution; of"),
        ("SeparableConv2D", "a depthwise convolution and a 1x1 one; of"),
        ("Conv2D", "a convolution in groups; of"),
        ("Conv2DTranspose", "a convolution; EIE runs matrices"),
    ],
)
def test_convolutions_that_are_not_read_are_called_what_they_are(kind, reason):
    does, why, macs = _what(kind, {"kernel_size": [3, 3], "groups": 4 if kind == "Conv2D" else 1})
    assert (does, macs) == ("", None)
    assert why.startswith(reason)
