"""Trained networks as arrays: safetensors (PyTorch's `state_dict`) and numpy's .npz (never pickled).

A matrix, two-dimensional (outputs, inputs) as PyTorch keeps it, is a layer; a 1x1 convolution's (outputs, inputs,
1, 1) too. The vector `X.bias` goes with `X.weight`, `bX` with `WX`, `bias_ih_l0` with `weight_ih_l0`.
Arrays do not say what activation follows a layer. Where each matrix takes what the one before gives, ReLU follows each
but the last. Otherwise each layer runs by itself, without an activation.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._io.arrays import read_arrays, write_archive
from eiesim._io.atomic import writing
from eiesim._io.reading import read_bytes
from eiesim._shown import Brief
from eiesim.dense import DenseLayer, chains
from eiesim.errors import EieError
from eiesim.files.held import AGAINST_NOTHING, Held
from eiesim.files.ledger import Entry

FLOATS = {"F16": "<f2", "F32": "<f4", "F64": "<f8"}
RECURRENT = re.compile(r"weight_(ih|hh)_l\d+")


@dataclass(frozen=True)
class LeftOut:
    """A part of a model that is no layer of EIE's, and why.

    kind: its operator, where it has one. macs: its multiply-accumulates in one input; None where they are not known.
    """

    name: str
    reason: str
    kind: str = ""
    macs: int | None = 0


@dataclass(frozen=True, repr=False)
class DenseNetwork(Brief):
    """A trained network as read from a file.

    sources: for each layer, where its weights stand in the file. chain: whether the layers follow one another.
    notes: what was assumed. parameters: of each layer, before groups of a convolution are spread; empty where that is
    the size of its weights and bias. all_parameters: of the whole model, None where that is not known.
    vectors: each layer's input vectors in one input of the network, None where that is not known; empty is 1 each.
    ledger: every tensor of the source with its role. held: what the reading was held against.
    """

    name: str
    layers: tuple[DenseLayer, ...]
    sources: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    chain: bool
    notes: tuple[str, ...] = ()
    parameters: tuple[int, ...] = ()
    all_parameters: int | None = None
    vectors: tuple[float | None, ...] = ()
    ledger: tuple[Entry, ...] = ()
    held: Held = AGAINST_NOTHING


def load_npz_model(path: Path) -> DenseNetwork:
    """A network from an .npz file of arrays, in the file's order. Raises EieError for anything malformed."""
    arrays = read_arrays(path)
    if not isinstance(arrays, Mapping):
        raise EieError(f"{path}: is one array; a network is an .npz with a weight matrix a layer")
    return model_of_arrays(path, arrays.items())


def save_npz_model(layers: Sequence[DenseLayer], path: str | Path) -> None:
    """Write layers as `load_npz_model` reads them, whole or not at all: NAME.weight and NAME.bias, compressed."""
    arrays: dict[str, npt.NDArray[np.float32]] = {}
    for layer in layers:
        arrays[f"{layer.name}.weight"] = layer.weights
        if layer.bias is not None:
            arrays[f"{layer.name}.bias"] = layer.bias
    with writing(path) as file:
        write_archive(file, arrays)


def load_safetensors(path: Path) -> DenseNetwork:
    """A network from a safetensors file, its tensors sorted by name (numbers by value)."""
    try:
        import safetensors
    except ImportError:
        raise EieError("reading safetensors files needs safetensors: pip install safetensors") from None
    data = read_bytes(path)
    try:
        tensors: Any = safetensors.deserialize(data)
    except (safetensors.SafetensorError, ValueError) as error:
        raise EieError(f"{path}: not readable as safetensors: {' '.join(str(error).split())}") from None
    ordered = sorted(tensors, key=lambda pair: _natural(pair[0]))
    return model_of_arrays(path, ((name, _tensor(parts)) for name, parts in ordered))


def _tensor(parts: Mapping[str, Any]) -> npt.NDArray[Any] | str:
    """A tensor, or why it cannot be a weight."""
    kind, data, shape = parts["dtype"], bytes(parts["data"]), parts["shape"]
    if kind == "BF16":
        # The upper half of a float32.
        halves = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return halves.view(np.float32).reshape(shape)
    if kind in FLOATS:
        return np.frombuffer(data, FLOATS[kind]).reshape(shape)
    return f"{kind} values; EIE's weights are made from floating point"


def model_of_arrays(
    origin: str | Path, arrays: Iterable[tuple[str, npt.NDArray[Any] | str]], holder: str = "the file"
) -> DenseNetwork:
    """A network from named arrays in order; a text in an array's place says why it cannot be a weight.

    origin: where they come from; its stem is the network's name. holder: what notes call that.
    """
    path = Path(origin)
    layers: list[DenseLayer] = []
    left_out: list[LeftOut] = []
    vectors: dict[str, npt.NDArray[Any]] = {}
    matrices: dict[str, npt.NDArray[Any]] = {}
    for name, array in arrays:
        if isinstance(array, str):
            left_out.append(LeftOut(name, array))
            continue
        reason = _unfit(array)
        if array.ndim == 1 and array.dtype.kind == "f":
            vectors[name] = array
        elif reason:
            left_out.append(LeftOut(name, reason))
        else:
            matrices[name] = array.reshape(array.shape[:2])
    used = set()
    for name, matrix in matrices.items():
        bias = next((other for other in _bias_names(name) if other in vectors), None)
        if bias is not None and vectors[bias].shape != matrix.shape[:1]:
            left_out.append(LeftOut(bias, f"bias of {len(vectors[bias])} for the {matrix.shape[0]} rows of {name}"))
            used.add(bias)
            bias = None
        if bias is not None:
            used.add(bias)
        layers.append(_layer(path, name, matrix, None if bias is None else vectors[bias]))
    left_out += [LeftOut(name, "a vector, and no matrix's bias") for name in vectors if name not in used]
    recurrent = any(RECURRENT.search(name) for name in matrices)
    chain = not recurrent and chains(layers)
    layers = [
        replace(layer, activation="relu" if chain and k + 1 < len(layers) else "none") for k, layer in enumerate(layers)
    ]
    note = (
        f"{holder} says nothing of activations: ReLU is taken to follow every layer but the last"
        if chain
        else "these layers do not follow one another; none has an activation"
    )
    return DenseNetwork(
        path.stem, tuple(layers), tuple(matrices), tuple(left_out), chain, (note,) if len(layers) > 1 else ()
    )


def _layer(path: Path, name: str, matrix: npt.NDArray[Any], bias: npt.NDArray[Any] | None) -> DenseLayer:
    try:
        with np.errstate(over="ignore"):
            return DenseLayer(
                _short(name), matrix.astype(np.float32), bias if bias is None else bias.astype(np.float32)
            )
    except EieError as error:
        raise EieError(f"{path}: {error}") from None


def _unfit(array: npt.NDArray[Any]) -> str:
    if array.dtype.kind != "f":
        return f"{array.dtype} values; EIE's weights are made from floating point"
    if 0 in array.shape:
        return f"shape {list(array.shape)} holds nothing"
    if array.ndim == 4:
        kernel = f"{array.shape[2]}x{array.shape[3]}"
        return "" if kernel == "1x1" else f"a {kernel} convolution; EIE runs matrices, of convolutions only 1x1"
    return "" if array.ndim == 2 else f"{array.ndim} dimensions, a layer has 2"


def _bias_names(name: str) -> list[str]:
    swaps = (("weight", "bias"), ("kernel", "bias"), ("W", "b"), ("w", "b"))
    return [name[:at] + new + name[at + len(old) :] for old, new in swaps if (at := name.rfind(old)) >= 0]


def _short(name: str) -> str:
    return re.sub(r"[._](weight|kernel|W|w)$", "", name) or name


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
