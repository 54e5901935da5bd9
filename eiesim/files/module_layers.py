"""The layers of a torch module: what each of its parts multiplies by, as it computes it; and each tensor's role."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eiesim._io import modules
from eiesim._io.modules import Matrix
from eiesim.files import names
from eiesim.files.assembly import check_patterns
from eiesim.files.ledger import LEFT_BY_NAME, Choice, Entry

RECURRENT = {"RNNBase", "LSTM", "GRU", "RNN", "RNNCellBase", "LSTMCell", "GRUCell", "RNNCell"}
EMBEDDINGS = {"Embedding", "EmbeddingBag"}
EMBEDDED = "an embedding: rows are looked up, nothing is multiplied"
SPELLED = re.compile(r"parametrizations\.([^.]+)\.(.+)")
SUFFIXES = {"_orig": "weight", "_mask": "mask", "_g": "scale", "_v": "weight", "_u": "statistics"}


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a module that is a layer: its path, the module, the name of its tensor there.

    is_whole: whether the part's outputs are the layer's; those of a recurrent layer's or an attention's matrices are
    inside it.
    """

    path: str
    module: Any
    tensor: str
    matrix: Matrix
    layer: str
    is_whole: bool = True

    @property
    def source(self) -> str:
        """The weight by its name in the state dictionary."""
        return f"{self.path}.{self.tensor}" if self.path else self.tensor


@dataclass
class Parts:
    """The parts of a module that are layers, and why others are none, by path."""

    layers: list[Part] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def read_parts(every: Sequence[tuple[str, Any]], name: str, choice: Choice) -> Parts:
    """Each part of a module, read as it computes its weights; to be called inside `untouched`. name: of the root."""
    found = Parts()
    for path, part in every:
        for tensor, matrix, is_whole in _matrices(path, part, choice):
            layer = names.short(f"{path}.{tensor}" if path else f"{name}.{tensor}")
            source = f"{path}.{tensor}" if path else tensor
            if choice.leaves(source) or choice.leaves(layer):
                matrix = LEFT_BY_NAME
            if isinstance(matrix, str):
                found.left_out[path] = matrix
            else:
                found.layers.append(Part(path, part, tensor, matrix, layer, is_whole))
    return found


def _matrices(path: str, part: Any, choice: Choice) -> Iterator[tuple[str, Matrix | str, bool]]:
    """Of a part's own tensors: each matrix by its name or why it is none; and whether its outputs are the part's."""
    kinds = modules.kinds(part)
    if names.is_adapter(path):
        if hasattr(part, "weight"):
            yield "weight", names.known_for(f"{path}.weight")[1], True
    elif kinds & RECURRENT:
        modules.compute(part)
        for tensor in _names_of(part):
            if names.RECURRENT.fullmatch(tensor):
                yield tensor, _plain(part, tensor, tensor.replace("weight", "bias")), False
    elif "MultiheadAttention" in kinds:
        modules.compute(part)
        for tensor in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if getattr(part, tensor, None) is not None:
                yield tensor, _plain(part, tensor, "in_proj_bias", "qkv".find(tensor[0])), False
    elif getattr(part, "weight", None) is None:
        return
    elif kinds & EMBEDDINGS:
        taken = choice.takes(f"{path}.weight" if path else "weight")
        yield "weight", _plain(part, "weight", "") if taken else EMBEDDED, False
    elif len(getattr(part.weight, "shape", (0, 0))) > 1 or callable(part.weight):
        yield "weight", modules.matrix_of(part), True


def _names_of(part: Any) -> list[str]:
    """The names of a part's weights, however they are spelled in its state dictionary."""
    flat = getattr(part, "_flat_weights_names", None)
    return list(flat) if flat else [one for one in ("weight_ih", "weight_hh") if getattr(part, one, None) is not None]


def _plain(part: Any, tensor: str, bias: str, third: int = -1) -> Matrix | str:
    """A part's tensor as it is, with its bias, or with a third of that."""
    weights = modules.numbers(getattr(part, tensor))
    if weights is None or weights.dtype.kind != "f" or weights.ndim != 2:
        return f"{type(part).__name__}: its {tensor} is no matrix of floating point"
    offsets = modules.numbers(getattr(part, bias, None)) if bias else None
    if offsets is not None and third >= 0:
        offsets = offsets.reshape(3, -1)[third]
    return Matrix(weights.astype("float32"), None if offsets is None else offsets.astype("float32"))


def ledger(module: Any, every: Sequence[tuple[str, Any]], found: Parts, choice: Choice) -> tuple[Entry, ...]:
    """Every tensor of a module's state dictionary, in its order."""
    tensors: Mapping[str, Any] = module.state_dict()
    check_patterns("leave", choice.leave, [*tensors, *(one.layer for one in found.layers), *found.left_out])
    check_patterns("take", choice.take, list(tensors))
    paths = dict(every)
    layers = {(one.path, one.tensor): one for one in found.layers}
    entries = []
    for key, held in tensors.items():
        path = key
        while path and path not in paths:
            path = path.rpartition(".")[0]
        rest = key[len(path) + 1 :] if path else key
        shape, dtype = tuple(getattr(held, "shape", ())), str(getattr(held, "dtype", "")).removeprefix("torch.")
        stem, role = _spelling(rest)
        layer = layers.get((path, stem))
        as_bias = layer or next((one for one in found.layers if one.path == path and _is_bias(one, stem)), None)
        if layer is not None:
            reason = "" if role != "left out" else "its parametrisation's own"
            entries.append(Entry(key, shape, dtype, role, layer.layer, reason))
        elif as_bias is not None:
            own = "bias" if role == "weight" else role
            entries.append(Entry(key, shape, dtype, own, as_bias.layer))
        elif (beside := layers.get((path, "weight"))) is not None and (role := _beside(rest, shape, beside)):
            entries.append(Entry(key, shape, dtype, role, beside.layer))
        else:
            entries.append(Entry(key, shape, dtype, *_left(key, paths.get(path), path, found)))
    return tuple(entries)


def _is_bias(part: Part, tensor: str) -> bool:
    return part.matrix.bias is not None and tensor in (*names.biases(part.tensor), "in_proj_bias")


def _beside(rest: str, shape: tuple[int, ...], part: Part) -> str:
    """The role of a tensor beside a layer's weight, where it has one."""
    if names.is_mask(rest) and shape == part.matrix.weights.shape:
        return "mask"
    return names.known_for(rest)[0].replace("left out", "")


def _spelling(rest: str) -> tuple[str, str]:
    """What a tensor is part of, and its role there."""
    if rest.startswith("_packed_params."):
        return "weight", "weight" if rest.count("_packed_params") > 1 else "left out"
    if parametrised := SPELLED.fullmatch(rest):
        stem, own = parametrised.groups()
        roles = {"original": "weight", "original0": "scale", "original1": "weight"}
        role = roles.get(own) or ("mask" if own.endswith("mask") else "statistics" if own[-2:] in ("_u", "_v") else "")
        return stem, role or "left out"
    for suffix, role in SUFFIXES.items():
        if rest.endswith(suffix):
            return rest.removesuffix(suffix), role
    return rest, "weight"


def _left(key: str, part: Any, path: str, found: Parts) -> tuple[str, str, str]:
    """Role, layer and reason of a tensor that is no layer's."""
    role, reason = names.known_for(key)
    own = key.rpartition(".")[2]
    if role == "statistics" or hasattr(part, "running_mean"):
        return "statistics", "", "of a normalisation"
    if path in found.left_out:
        return "left out", "", found.left_out[path]
    if own == "mask" or own.endswith("_mask"):
        return "mask", "", "a mask, which the module may apply in its own code"
    kind = type(part).__name__
    return "left out", "", reason or f"{kind}'s, which is no matrix times a vector"
