"""Mappings of arrays, however they are nested, and arrays of types that numpy itself does not have."""

import sys

import numpy as np
import pytest

import eiesim
from eiesim.files.tensors import of_mapping, of_npz, of_safetensors, of_values

W, V = np.array([[1, 2, 3], [4, 5, 6]], np.float32), np.array([[1, 2], [3, 4]], np.float32)


def test_tensors_are_called_by_their_path():
    """As Flax and Haiku nest them: keys joined by dots, members of lists by their number."""
    held = {"params": {"fc": {"kernel": W, "bias": V[0]}, "more": [V, {"w": V}], "name": "a text", 3: V[0]}}
    found = list(of_mapping(held))
    assert [one.name for one in found] == [
        "params.fc.kernel", "params.fc.bias", "params.more.0", "params.more.1.w", "params.name", "params.3",
    ]  # fmt: skip
    np.testing.assert_array_equal(found[3].values, V)
    assert (found[4].values, found[4].problem) == (None, "<U6 is no array of numbers")


def test_a_nested_mapping_is_a_network():
    found = eiesim.compress({"one": {"weight": W}, "two": {"weight": np.eye(2, dtype=np.float32)}}, density=1.0)
    assert [layer.name for layer in found.layers] == ["one", "two"]
    np.testing.assert_array_equal(found.layers[0].to_dense(), W)


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float4_e2m1fn"])
def test_small_floating_point_is_widened(name):
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="needs extra [formats]")
    exact = np.float32([[1, -2], [0.5, 4]])
    found = of_values("w", exact.astype(getattr(ml_dtypes, name)))
    assert found.dtype == name
    np.testing.assert_array_equal(found.values, exact)
    assert found.values.dtype == np.float32


class Odd:
    """An array of another library that cannot be had."""

    dtype, shape = "float32", (2, 2)

    def __init__(self, error):
        self.error = error

    def __array__(self, *_, **__):
        raise self.error


@pytest.mark.parametrize("error", [TypeError("a"), ValueError("b"), RuntimeError("c"), NotImplementedError("d")])
def test_arrays_that_cannot_be_had_say_so(error):
    assert of_values("w", Odd(error)).problem == "Odd is no array of numbers"


def test_packages_that_are_missing_and_files_of_another_kind(tmp_path, monkeypatch):
    np.save(tmp_path / "m.npy", W)
    (tmp_path / "m.npy").rename(tmp_path / "m.npz")
    with pytest.raises(eiesim.EieError, match=r"m\.npz: is one array; a network is an \.npz with a weight matrix a la"):
        of_npz(tmp_path / "m.npz")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(eiesim.EieError, match="reading safetensors files needs safetensors: pip install safetensors"):
        of_safetensors(tmp_path / "m.npz")
