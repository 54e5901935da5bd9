"""Keras: .keras (a zip of config.json and model.weights.h5), .h5 (the older one) and .weights.h5 (arrays alone).

The config says what layers there are, what follows what and their activations; `keras_variables` finds their arrays.
"""

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from eiesim._io.reading import check_regular, read_bytes
from eiesim.errors import EieError
from eiesim.files.containers.hdf5 import open_hdf5, text
from eiesim.files.containers.keras_arrays import load_arrays
from eiesim.files.containers.keras_variables import Branch, Variables, dequantised
from eiesim.files.containers.operators import (
    DEPTHWISE,
    EXPONENTIAL,
    FROM_ONNX,
    MAY_MULTIPLY,
    MOVES,
    NO_MATRIX,
    POOLS,
    Names,
    Product,
    Step,
    entries_of,
    network_of,
)  # fmt: skip
from eiesim.files.ledger import NO_CHOICE, Choice
from eiesim.files.weights import DenseNetwork

SAME = {
    "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout",
    "GaussianNoise", "ActivityRegularization", "Flatten", "Reshape", "Identity", "InputLayer", "Masking",
}  # fmt: skip
POOLING = ("MaxPooling", "AveragePooling", "GlobalAveragePooling", "GlobalMaxPooling", "AdaptiveAveragePooling")
MOVING = ("Permute", "RepeatVector", "Concatenate", "Cropping", "UpSampling", "ZeroPadding")
NORMALISES = ("BatchNormalization", "LayerNormalization", "GroupNormalization", "UnitNormalization", "RMSNormalization")
BY_ELEMENT = {
    "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "LeakyReLU", "PReLU", "ELU", "Rescaling",
    "Normalization", "Activation", "ReLU",
}  # fmt: skip
EMBEDDING = "an embedding: rows are looked up, nothing is multiplied"
RECURRENT = "a recurrent layer; export it to ONNX, from which its matrices are read"
MANY = 100
"""Models inside models that are followed."""


def load_keras(path: Path, choice: Choice = NO_CHOICE) -> DenseNetwork:
    """A network from a file of Keras. Raises EieError for anything malformed."""
    try:
        if path.suffix == ".keras":
            config, data = _archive(path)
            return _network(path, config, Variables(open_hdf5(f"{path}: model.weights.h5", data)), choice)
        weights = open_hdf5(str(path), read_bytes(path))
        if "model_config" not in weights.file.attrs:
            return load_arrays(path, [open_hdf5(str(part), read_bytes(part)) for part in parts_of(path)], choice)
        config = _json(f"{path}: model_config", text(weights.file.attrs["model_config"]))
        return _network(path, config, Variables(weights, is_old=True), choice)
    except EieError:
        raise
    except Exception as error:  # h5py checks little before it reads
        about = " ".join(str(error).split())[:200]
        raise EieError(f"{path}: is damaged: {type(error).__name__} where it is read ({about})") from None


def parts_of(path: Path) -> list[Path]:
    """The files of weights, which may be one of several parts. Raises EieError where one is missing."""
    named = re.fullmatch(r"(.*)_\d{5}\.weights\.h5", path.name)
    index = path.with_name(f"{named.group(1)}.weights.json") if named else path
    if index == path or not index.is_file():
        return [path]
    parts = {str(part) for held in _index(index).values() for part in held}
    if any(Path(part).name != part for part in parts):
        raise EieError(f"{index}: is damaged: names parts that are not beside it")
    missing = [part for part in sorted(parts) if not path.with_name(part).is_file()]
    if missing:
        raise EieError(f"{path}: is one of {len(parts)} parts, and {missing[0]} is not beside it")
    return [path.with_name(part) for part in sorted(parts)]


def _index(path: Path) -> Mapping[str, Any]:
    try:
        return dict(json.loads(read_bytes(path))["weight_map"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise EieError(f"{path}: is damaged: has no weight_map") from None


def _archive(path: Path) -> tuple[Mapping[str, Any], bytes]:
    """The config and the weights of a .keras file, or of the folder that it is where it was not zipped."""
    names = ("config.json", "model.weights.h5")
    if path.is_dir():
        parts = [read_bytes(path / name) for name in names]
    else:
        check_regular(path)
        try:
            with zipfile.ZipFile(path) as archive:
                missing = [name for name in names if name not in archive.namelist()]
                if missing:
                    raise EieError(f"{path}: is no whole .keras file: {missing[0]} is not in it")
                parts = [archive.read(name) for name in names]
        except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError) as error:
            if isinstance(error, EieError):
                raise
            raise EieError(f"{path}: not readable as a .keras file: {' '.join(str(error).split())[:200]}") from None
    return _json(f"{path}: config.json", parts[0].decode(errors="replace")), parts[1]


def _json(where: str, written: str) -> Mapping[str, Any]:
    try:
        config = json.loads(written)
    except (ValueError, RecursionError):
        raise EieError(f"{where}: is damaged: no JSON") from None
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        raise EieError(f"{where}: is damaged: describes no model")
    return config


def _network(path: Path, config: Mapping[str, Any], variables: Variables, choice: Choice) -> DenseNetwork:
    reader = _Reader(path, variables)
    if "layers" not in config["config"]:
        raise EieError(
            f"{path}: its model, {config.get('class_name')}, is code: no config says what its layers are; save its "
            "weights (model.save_weights) as .weights.h5, which are read by name"
        )
    try:
        entries, results = reader.model(config, variables.root, "", [])
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        if isinstance(error, EieError):
            raise
        raise EieError(f"{path}: its config is of no form that Keras 2 or 3 writes ({error!r})") from None
    ledger = entries_of(variables.held(), reader.roles, "no layer of the config has it")
    return network_of(str(path), path.stem, reader.steps, entries, results, ledger, choice, reader.notes)


@dataclass
class _Reader:
    """A model's layers as steps, and what each array is. ranks: axes of values, where they are known."""

    path: Path
    variables: Variables
    steps: list[Product | Step] = field(default_factory=list)
    roles: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    ranks: dict[str, int | None] = field(default_factory=dict)
    called: Names = field(default_factory=Names)
    depth: int = 0

    def model(
        self, config: Mapping[str, Any], at: Branch, prefix: str, given: Sequence[str]
    ) -> tuple[list[str], list[str]]:
        """A Sequential or a functional model, its values under a prefix. given: what it takes; empty is its inputs.

        The names of what it takes and gives.
        """
        self.depth += 1
        if self.depth > MANY:
            raise EieError(f"{self.path}: its config has more than {MANY} models inside models")
        layers = config["config"]["layers"]
        branches = self.variables.children(at, layers)
        if any("inbound_nodes" in layer for layer in layers):
            return self._functional(config["config"], layers, branches, prefix, given)
        entries = list(given) or [f"{prefix}input"]
        value = entries[0]
        if not given:
            shape = next((_shape_of(layer) for layer in layers), None)
            self.ranks[value] = len(shape) if shape else None
        for k, (layer, branch) in enumerate(zip(layers, branches, strict=True)):
            if layer["class_name"] != "InputLayer":
                value = self._layer(layer, branch, [value], f"{prefix}{k}")[0]
        return entries, [value]

    def _functional(
        self, own: Mapping[str, Any], layers: Sequence[Any], branches: Sequence[Branch], prefix: str,
        given: Sequence[str],
    ) -> tuple[list[str], list[str]]:  # fmt: skip
        entries = [f"{prefix}{name}:0:0" for name in _ends(own["input_layers"])]
        for inner, outer in zip(entries, given, strict=False):
            self._same(outer, inner)
        waiting = []
        for layer, branch in zip(layers, branches, strict=True):
            name = layer.get("name") or layer["config"]["name"]
            if layer["class_name"] == "InputLayer":
                shape = _shape_of(layer)
                self.ranks.setdefault(f"{prefix}{name}:0:0", len(shape) if shape else None)
            for node, inbound in enumerate(layer["inbound_nodes"]):
                takes = [f"{prefix}{one}" for one in _taken(inbound)]
                if takes:
                    waiting.append((layer, branch, takes, f"{prefix}{name}:{node}"))
        known = set(entries)
        while waiting:
            ready = [one for one in waiting if known.issuperset(one[2])]
            if not ready:
                raise EieError(f"{self.path}: its config's layers take what none gives ({waiting[0][3]})")
            for layer, branch, takes, gives in ready:
                known.update(self._layer(layer, branch, takes, gives))
                known.update(f"{gives}:{k}" for k in range(len(_ends(own["output_layers"])) + 8))
            waiting = [one for one in waiting if one not in ready]
        results = [f"{prefix}{one}" for one in _ends(own["output_layers"], whole=True)]
        return (list(given) or entries), results

    def _same(self, takes: str, gives: str) -> None:
        self.steps.append(Step(gives, "Identity", (takes,), (gives,), "same"))
        self.ranks[gives] = self.ranks.get(takes)

    def _layer(self, layer: Mapping[str, Any], branch: Branch, takes: list[str], gives: str) -> list[str]:
        """One layer's steps; what it gives."""
        kind, own = layer["class_name"], layer["config"]
        value = f"{gives}:0"
        if isinstance(own.get("layers"), list) and kind in ("Sequential", "Functional", "Model"):
            _, results = self.model(layer, branch, f"{gives}/", takes)
            for k, inner in enumerate(results):
                self._same(inner, f"{gives}:{k}")
            return [f"{gives}:{k}" for k in range(len(results))]
        self.ranks[value] = _rank(kind, own, self.ranks.get(takes[0]))
        name = str(own.get("name", kind))
        if kind == "Dense" or (kind in ("Conv1D", "Conv2D", "Conv3D") and _is_pointwise(own)):
            self._product(layer, branch, name, takes[0], value)
            return [value]
        does, reason, macs = _what(kind, own)
        self.steps.append(Step(name, kind, tuple(takes), (value,), does, reason, macs))
        statistics = kind == "BatchNormalization"
        for variable in branch.arrays():
            role = "statistics" if statistics and "moving" in branch.meaning(variable, kind) else "left out"
            self.roles.setdefault(variable, (role, "", f"of {kind} '{name}', which is left out: {reason}"))
        return [value]

    def _product(self, layer: Mapping[str, Any], branch: Branch, name: str, takes: str, value: str) -> None:
        kind, own = layer["class_name"], layer["config"]
        found = branch.named(own)
        kernel = dequantised(found, layer)
        if isinstance(kernel, str):
            self.steps.append(Step(name, kind, (takes,), (value,), "", kernel, None))
            for one, _ in found.values():
                self.roles.setdefault(one, ("left out", "", kernel))
            return
        layer_name = self.called.of(name)
        roles = {"kernel": "weight", "bias": "bias", "g_idx": "indices", "kernel_zero": "zero_point"}
        for meaning, (one, _) in found.items():
            self.roles.setdefault(one, (roles.get(meaning, "scale"), layer_name, ""))
        activation = _activation(own.get("activation"))
        inner = value if activation in ("linear", "relu") else f"{value} before its activation"
        bias = found["bias"][1] if "bias" in found else None
        self.steps.append(
            Product(
                layer_name, found["kernel"][0], takes, inner, kernel.reshape(-1, kernel.shape[-1]).T,
                None if bias is None else np.asarray(bias, np.float32), activation == "relu",
                _vectors(layer, self.ranks.get(takes)),
            )
        )  # fmt: skip
        if inner != value:
            reason = EXPONENTIAL if activation == "softmax" else "EIE's only activation is ReLU"
            self.steps.append(Step(f"{layer_name}'s {activation}", activation, (inner,), (value,), "", reason))


def _shape_of(layer: Mapping[str, Any]) -> Sequence[Any] | None:
    own = layer.get("config", {})
    found = own.get("batch_shape") or own.get("batch_input_shape")
    if isinstance(found, dict):  # Keras 2.11 and later wrap it
        found = found.get("items")
    return found if isinstance(found, list) else None


def _ends(value: Any, whole: bool = False) -> list[str]:
    """Names of a functional model's inputs or outputs: one [name, node, tensor], or a list or mapping of them."""
    if isinstance(value, dict):
        return [one for part in value.values() for one in _ends(part, whole)]
    if len(value) == 3 and isinstance(value[0], str):
        return [":".join(map(str, value)) if whole else value[0]]
    return [one for part in value for one in _ends(part, whole)]


def _taken(inbound: Any) -> list[str]:
    """The values that a node takes: Keras 3's tensors with their history, Keras 2's lists."""
    if isinstance(inbound, dict) and inbound.get("class_name") == "__keras_tensor__":
        return [":".join(map(str, inbound["config"]["keras_history"]))]
    if isinstance(inbound, dict):
        return [one for part in inbound.values() for one in _taken(part)]
    if isinstance(inbound, list):
        if len(inbound) >= 3 and isinstance(inbound[0], str) and all(isinstance(one, int) for one in inbound[1:3]):
            more = inbound[3].values() if len(inbound) > 3 and isinstance(inbound[3], dict) else ()
            return [":".join(map(str, inbound[:3])), *(one for part in more for one in _taken(part))]
        return [one for part in inbound for one in _taken(part)]
    return []


def _activation(value: Any) -> str:
    """An activation's name: a text, a serialised function, a layer."""
    if isinstance(value, dict):
        inner = value.get("config")
        if isinstance(inner, str):
            return inner
        kind = str(value.get("class_name"))
        if kind == "ReLU" and isinstance(inner, dict) and _is_relu(inner):
            return "relu"
        return kind
    return "linear" if value is None else str(value)


def _is_relu(own: Mapping[str, Any]) -> bool:
    return own.get("max_value") is None and not own.get("negative_slope") and not own.get("threshold")


def _is_pointwise(own: Mapping[str, Any]) -> bool:
    size, strides = own.get("kernel_size"), own.get("strides", 1)
    ones = all(one == 1 for value in (size, strides) for one in (value if isinstance(value, list) else [value]))
    return ones and own.get("groups", 1) == 1 and own.get("data_format") != "channels_first"


def _vectors(layer: Mapping[str, Any], rank: int | None) -> float | None:
    """A layer's input vectors in one input: positions before the last axis."""
    shape = (layer.get("build_config") or {}).get("input_shape")
    if isinstance(shape, list) and len(shape) > 1:
        inner = shape[1:-1]
        return float(np.prod(inner)) if all(isinstance(one, int) for one in inner) else None
    return 1 if rank == 2 else None


def _rank(kind: str, own: Mapping[str, Any], before: int | None) -> int | None:
    if kind == "Flatten" or kind.startswith("Global"):
        return 2
    if kind == "Reshape":
        return len(own["target_shape"]) + 1
    if kind in ("Embedding", "RepeatVector"):
        return None if before is None else before + 1
    if kind in ("LSTM", "GRU", "SimpleRNN"):
        return 3 if own.get("return_sequences") else 2
    return None if kind != "Dense" and _what(kind, own)[1] == MAY_MULTIPLY else before


def _what(kind: str, own: Mapping[str, Any]) -> tuple[str, str, int | None]:
    """What a layer of no matrix does, why it is left out, its multiply-accumulates."""
    activation = _activation(own.get("activation")) if kind == "Activation" else ""
    if kind in SAME or activation == "linear":
        return "same", "", 0
    if activation == "relu" or (kind == "ReLU" and _is_relu(own)):
        return "relu", "", 0
    if kind == "ReLU":
        return "", "with a max_value, negative_slope or threshold, which EIE's ReLU has not", 0
    if kind == "Softmax" or activation in ("softmax", "sigmoid", "tanh", "log_softmax"):
        return "", EXPONENTIAL, 0
    if kind.startswith(POOLING):
        return "", POOLS, 0
    if kind.startswith(MOVING):
        return "", MOVES, 0
    if kind in NORMALISES or kind in BY_ELEMENT:
        return "", NO_MATRIX, 0
    if kind == "Embedding":
        return "", EMBEDDING, 0
    if kind in ("LSTM", "GRU", "SimpleRNN", "Bidirectional", "RNN"):
        return "", RECURRENT, None
    if kind.startswith("Depthwise"):
        return "", DEPTHWISE, None
    if kind.startswith("Separable"):
        return "", f"a depthwise convolution and a 1x1 one; {FROM_ONNX}", None
    if "Conv" in kind and own.get("groups", 1) != 1:
        return "", f"a convolution in groups; {FROM_ONNX}", None
    if "Conv" in kind:
        return "", "a convolution; EIE runs matrices, of convolutions only 1x1", None
    return "", MAY_MULTIPLY, None
