"""What all containers of other tools have in common: missing packages, pickles, kinds that are not known."""

import pickle
import sys

import pytest

from eiesim.compression.pipeline import read_model
from eiesim.errors import EieError


@pytest.mark.parametrize(
    ("file", "package"), [("m.gguf", "gguf"), ("m.tflite", "tflite"), ("m.h5", "h5py"), ("m.mlpackage", "coremltools")]
)
def test_a_missing_package(tmp_path, monkeypatch, file, package):
    monkeypatch.setitem(sys.modules, package, None)
    path = tmp_path / file
    if package == "coremltools":
        path.mkdir()
    else:
        path.write_bytes(b"\0" * 64)
    with pytest.raises(EieError, match=rf"needs {package}: .*\.\[formats\]"):
        read_model(path)


class Trap:
    """A pickle of it runs code when it is read."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was read",)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt", ".pkl"])
def test_a_pickle_is_never_read(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(EieError, match=r"is a pickle, which may run code.*save_file\(torch\.load\(") as said:
        read_model(path)
    assert "weights_only=True" in str(said.value)
    assert "eiesim.compress(module)" in str(said.value)
    assert "\n" not in str(said.value)
    with pytest.raises(EieError, match="no such file"):
        read_model(tmp_path / f"none{suffix}")


@pytest.mark.parametrize("suffix", [".pt", ".ckpt"])
def test_the_line_that_converts(tmp_path, suffix):
    """Run as the refusal says it, it makes a file that is read."""
    torch = pytest.importorskip("torch", reason="torch is not installed (extra train)")
    state = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3)).state_dict()
    path = tmp_path / f"m{suffix}"
    torch.save({"state_dict": state, "epoch": 3} if suffix == ".ckpt" else state, path)
    with pytest.raises(EieError) as said:
        read_model(path)
    line = str(said.value).partition("convert it in Python: ")[2].partition("; or load the module")[0]
    exec(line, {})
    assert [layer.rows for layer in read_model(tmp_path / "m.safetensors")[0].layers] == [4, 3]


def test_another_kind(tmp_path):
    (tmp_path / "m.mlmodel").write_bytes(b"")
    with pytest.raises(EieError, match=r"m\.mlmodel: a model is .*\.gguf, \.mlpackage, \.tflite, .*not '\.mlmodel'"):
        read_model(tmp_path / "m.mlmodel")
