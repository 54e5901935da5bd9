"""Where the arrays of a Keras layer stand in HDF5, what each is, and a quantised kernel as numbers.

Keras 3 names groups by class and number (`layers/dense_1/vars/0`), not by the layer's name, which newer ones add as an
attribute; within a group arrays are numbered. The older .h5 names each array (`model_weights/fc/.../fc/kernel`).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.errors import EieError
from eiesim.files.containers.hdf5 import Weights, text

ORDER: dict[str, tuple[str, ...]] = {
    "": ("kernel", "bias"),
    "int8": ("kernel", "bias", "kernel_scale"),
    "int4": ("kernel", "bias", "kernel_scale", "kernel_zero", "g_idx"),
}
"""What a Dense layer's numbered arrays are, by how it is quantised (keras/src/layers/core/dense.py)."""

Found = Mapping[str, tuple[str, npt.NDArray[Any]]]
"""A layer's arrays by what they are: the name in the file, and the numbers."""


class Variables:
    """The arrays of a file. is_old: whether it is the older .h5."""

    def __init__(self, weights: Weights, is_old: bool = False) -> None:
        self.weights, self.is_old = weights, is_old
        self.every = dict(weights.datasets("model_weights" if is_old else ""))
        self.root = Branch(self, "", self._old_order() if is_old else ())

    def _old_order(self) -> tuple[str, ...]:
        """Every array of the older .h5, layers and their arrays in the order that attributes say."""
        top = self.weights.group("model_weights")
        if top is None:
            raise EieError(f"{self.weights.where}: has a config, but no model_weights")
        found: list[str] = []
        for layer in map(text, top.attrs.get("layer_names", ())):
            group = self.weights.group("model_weights", layer)
            names = [] if group is None else map(text, group.attrs.get("weight_names", ()))
            found += [f"model_weights/{layer}/{name}" for name in names]
        return (*(name for name in found if name in self.every), *(name for name in self.every if name not in found))

    def held(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape and type of every array, in the file's order."""
        order = self.root.inside if self.is_old else tuple(self.every)
        return {name: (tuple(self.every[name].shape), str(self.every[name].dtype)) for name in order}

    def children(self, at: "Branch", layers: Sequence[Mapping[str, Any]]) -> list["Branch"]:
        """Where each layer of a model has its arrays. Raises EieError where a group is of another layer's name."""
        if self.is_old:
            return [at.below(_name(layer)) for layer in layers]
        inside = self.weights.group(at.path, "layers")
        by_name = {}
        for group in () if inside is None else inside:
            held = self.weights.group(at.path, "layers", group, "vars")
            if held is not None and "name" in held.attrs:
                by_name[text(held.attrs["name"])] = group
        seen: Counter[str] = Counter()
        found = []
        for layer in layers:
            stem = _snake(layer["class_name"].rpartition(">")[2])
            group = f"{stem}_{seen[stem]}" if seen[stem] else stem
            seen[stem] += 1
            group = by_name.get(_name(layer), "" if by_name else group)
            found.append(Branch(self, f"{at.path}/layers/{group}".lstrip("/") if group else ""))
        return found


def _name(layer: Mapping[str, Any]) -> str:
    return str(layer["config"].get("name", layer.get("name", "")))


def _snake(name: str) -> str:
    """A class' name as Keras writes it (keras/src/utils/naming.py)."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


@dataclass(frozen=True)
class Branch:
    """Where a layer's, or a model's, arrays stand. inside: of the older .h5, which arrays those are."""

    of: Variables
    path: str
    inside: tuple[str, ...] = ()

    def below(self, name: str) -> "Branch":
        """Of the older .h5, the arrays of a layer by its name."""
        return Branch(self.of, name, tuple(one for one in self.inside if name in one.split("/")[1:-1]))

    def arrays(self) -> list[str]:
        """The layer's arrays, in the file's order."""
        if self.of.is_old:
            return list(self.inside)
        start = f"{self.path}/"
        return [name for name in self.of.every if self.path and name.startswith(start)]

    def meaning(self, name: str, kind: str) -> str:
        """What an array is, by its name, or by its number in a BatchNormalization; may be empty."""
        own = re.sub(r":\d+$", "", name.rpartition("/")[2])
        if not own.isdigit():
            return own
        count = len(self.arrays())
        return "moving" if kind == "BatchNormalization" and int(own) >= count - 2 else ""

    def named(self, own: Mapping[str, Any]) -> Found:
        """A Dense layer's arrays by what they are. own: its config."""
        every = self.arrays()
        if self.of.is_old:
            found = {self.meaning(name, ""): name for name in every}
        else:
            order = [one for one in ORDER.get(mode_of(own), ORDER[""]) if one != "bias" or own.get("use_bias", True)]
            numbered = [f"{self.path}/vars/{k}" for k in range(len(every))]
            found = {meaning: name for meaning, name in zip(order, numbered, strict=False) if name in every}
        return {meaning: (name, self.of.weights.values(self.of.every[name])) for meaning, name in found.items()}


def mode_of(own: Mapping[str, Any]) -> str:
    """How a layer is quantised, by its config; empty where it is not."""
    policy = own.get("dtype")
    inner = policy.get("config") if isinstance(policy, dict) else None
    if not isinstance(inner, dict):
        return ""
    if "mode" in inner:
        return str(inner["mode"]).partition("/")[0]
    return str(inner.get("name", "")).partition("_from_")[0] if "_from_" in str(inner.get("name", "")) else ""


def dequantised(found: Found, layer: Mapping[str, Any]) -> npt.NDArray[Any] | str:
    """A layer's kernel, (inputs, outputs), as numbers; or why it is none. layer: its part of the config.

    int8: q / scale. int4: the same by output, or in groups along the inputs (q - zero) * scale.
    """
    own, mode = layer["config"], mode_of(layer["config"])
    if "kernel" not in found:
        return "its kernel is not in the file"
    kernel = found["kernel"][1]
    units = own.get("units", own.get("filters"))
    if mode in ("int4", "int8") and "kernel_scale" in found:
        scale = found["kernel_scale"][1].astype(np.float32)
        shape = (layer.get("build_config") or {}).get("input_shape") or [None]
        codes = _unpacked(kernel, shape[-1], units) if mode == "int4" else kernel
        if codes is None or "kernel_zero" not in found:
            return "its codes do not fit its config" if codes is None else codes.astype(np.float32) / scale
        groups, zero = found["g_idx"][1].astype(np.int64), found["kernel_zero"][1].astype(np.float32)
        if groups.shape != (len(codes),) or scale.shape != zero.shape or groups.max() >= len(scale) or groups.min() < 0:
            return "its groups do not fit its kernel"
        return (codes.astype(np.float32) - zero[groups]) * scale[groups]
    if mode not in ("", "float8"):
        return f"quantised as Keras' {mode}, which is not read"
    if kernel.dtype.kind != "f":
        return f"{kernel.dtype} values; EIE's weights are made from floating point"
    if kernel.shape[-1] != units:
        return f"its kernel has shape {list(kernel.shape)}, its config {units} outputs"
    return kernel


def _unpacked(packed: npt.NDArray[Any], inputs: Any, outputs: Any) -> npt.NDArray[Any] | None:
    """Numbers of 4 bits with a sign, two to a byte, the low half first: along the outputs, in Keras 3.12 the inputs."""
    if not isinstance(inputs, int) or packed.ndim != 2:
        return None
    halves = packed.astype(np.uint8)
    if packed.shape == (inputs, -(-outputs // 2)):
        both = np.stack([halves & 15, halves >> 4], axis=2).reshape(inputs, -1)[:, :outputs]
    elif packed.shape == (-(-inputs // 2), outputs):
        both = np.stack([halves & 15, halves >> 4], axis=1).reshape(-1, outputs)[:inputs]
    else:
        return None
    signed = both.astype(np.int8)
    return np.where(signed > 7, signed - 16, signed)
