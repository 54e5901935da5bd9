"""Layers of named tensors: each matrix turned to (outputs, inputs), with its bias; every tensor in the ledger."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.dense import DenseLayer
from eiesim.errors import EieError
from eiesim.files import names
from eiesim.files.joined import Joined, joined
from eiesim.files.ledger import LEFT_BY_NAME, Choice, Entry
from eiesim.files.packed.config import NOTHING_SAID, Said
from eiesim.files.packed.reading import unpacked
from eiesim.files.roles import Beside, as_matrix
from eiesim.files.tensors import Tensor

NO_BIAS = "a vector, and no matrix's bias"
OF_A_NORM = "a vector, the scale of a normalisation"

Bunch = Mapping[str, Joined]


class Assembly:
    """Layers as they are found, and the ledger as it is written.

    sources: each layer's weight by name. vectors: each layer's input vectors in one input; None for a convolution's,
    of whose positions a file says nothing.
    """

    def __init__(self, path: Path, tensors: tuple[Tensor, ...], choice: Choice, said: Said = NOTHING_SAID) -> None:
        self.path, self.choice, self.said = path, choice, said
        self.tensors = {tensor.name: tensor for tensor in tensors}
        self.entries: dict[str, Entry] = {}
        self.layers: list[DenseLayer] = []
        self.sources: list[str] = []
        self.vectors: list[float | None] = []
        self.notes: list[str] = []
        check_patterns("take", choice.take, self.tensors)
        self._read()

    @property
    def ledger(self) -> tuple[Entry, ...]:
        """Every tensor in the source's order."""
        return tuple(self.entries[name] for name in self.tensors)

    def _enter(self, one: Joined, role: str, layer: str = "", reason: str = "") -> None:
        """Write what a tensor was made of into the ledger: its main part in this role, the others in their own."""
        for name, part in one.of:
            held = self.tensors[name]
            own = role if part == "weight" else part
            self.entries[name] = Entry(name, held.shape, held.dtype, own, layer, reason)

    def _read(self) -> None:
        choice, places = self.choice, {name: k for k, name in enumerate(self.tensors)}
        wanted = []
        for name, tensor in self.tensors.items():
            if choice.leaves(name):
                self._enter(Joined(tensor, ((name, "weight"),)), "left out", reason=LEFT_BY_NAME)
            else:
                wanted.append(tensor)
        alone = [tensor for tensor in wanted if tensor.name in choice.take]
        dequantised, refused, others = unpacked([one for one in wanted if one.name not in choice.take], self.said)
        self.entries |= {entry.tensor: entry for entry in refused}
        whole, refused = joined(others, dequantised)
        self.entries |= {entry.tensor: entry for entry in refused}
        whole += [Joined(tensor, ((tensor.name, "weight"),)) for tensor in alone]
        whole.sort(key=lambda one: min(places[name] for name, _ in one.of))
        beside = Beside(tuple(self.tensors.values()), [one.tensor for one in whole])
        matrices: dict[str, Joined] = {}
        vectors: dict[str, Joined] = {}
        for one in whole:
            taken = any(choice.takes(name) for name, _ in one.of) and as_matrix(one.tensor) is not None
            role, reason = ("", "") if taken else beside.role(one.tensor, bool(one.how))
            if role:
                self._enter(one, role, reason=reason)
            else:
                (vectors if len(one.tensor.shape) == 1 else matrices)[one.tensor.name] = one
        self._make_layers(matrices, vectors)

    def _make_layers(self, matrices: Bunch, vectors: Bunch) -> None:
        biases = _biases(matrices, vectors)
        backwards = _gpt2_backwards(matrices, vectors, biases)
        seen: Counter[str] = Counter()
        squares: list[str] = []
        dequantised: dict[str, list[str]] = {}
        for name, one in matrices.items():
            matrix = as_matrix(one.tensor)
            assert matrix is not None  # what is none has a role
            called = names.short(name)
            seen[called] += 1
            called += f"-{seen[called]}" if seen[called] > 1 else ""
            bias = vectors[biases[name]] if name in biases else None
            inputs_first = names.INPUTS_FIRST.fullmatch(names.last(name)) is not None
            is_square = matrix.shape[0] == matrix.shape[1]
            if is_square and name in backwards:
                inputs_first = True
                self.notes.append(f"'{called}' is square: taken as (inputs, outputs), like others of its name")
            elif is_square and not inputs_first and not one.how and not _says_outputs_first(name):
                squares.append(called)
            if not is_square and not one.how and bias is not None and bias.tensor.shape[0] in matrix.shape:
                inputs_first = bias.tensor.shape[0] == matrix.shape[1]
            if inputs_first:
                matrix = matrix.T
            if self.choice.leaves(called):
                self._enter(one, "left out", reason=LEFT_BY_NAME)
                if bias is not None:
                    self._enter(bias, "left out", reason=LEFT_BY_NAME)
                continue
            self._enter(one, "weight", called, one.how)
            if one.how:
                dequantised.setdefault(one.how, []).append(called)
            offsets = None if bias is None else bias.tensor.values
            if bias is not None and bias.tensor.shape[0] != len(matrix):
                why = f"bias of {bias.tensor.shape[0]} for the {len(matrix)} rows of {name}"
                self._enter(bias, "left out", reason=why)
                offsets = None
            elif bias is not None:
                self._enter(bias, "bias", called)
            self.layers.append(self._layer(called, matrix, offsets))
            self.sources.append(name)
            self.vectors.append(1 if len(one.tensor.shape) == 2 else None)
        used = set(biases.values())
        for name, one in vectors.items():
            if name not in used:
                self._enter(one, "left out", reason=OF_A_NORM if names.is_norm(name) else NO_BIAS)
        if any(names.is_adapter(name) for name in self.tensors):
            self.notes.append("layers are taken without the adapter (LoRA) that lies beside them")
        self.notes += [f"dequantised: {_some(called)}: {how}" for how, called in dequantised.items()]
        if squares:
            self.notes.append(f"square, taken as (outputs, inputs): {_some(squares)}")
        check_patterns("leave", self.choice.leave, [*self.tensors, *seen])

    def _layer(self, name: str, matrix: npt.NDArray[Any], bias: npt.NDArray[Any] | None) -> DenseLayer:
        try:
            with np.errstate(over="ignore"):
                return DenseLayer(name, matrix.astype(np.float32), None if bias is None else bias.astype(np.float32))
        except EieError as error:
            raise EieError(f"{self.path}: {error}") from None


def check_patterns(option: str, patterns: tuple[str, ...], held: Mapping[str, Any] | list[str]) -> None:
    """Raise EieError where a pattern is the name of nothing."""
    for pattern in patterns:
        if not any(Choice((pattern,)).takes(name) for name in held):
            there = _some(list(held))
            raise EieError(f"{option}: no tensor is called '{pattern}'; there are: {there}")


def _biases(matrices: Bunch, vectors: Bunch) -> dict[str, str]:
    """For each matrix, the vector that is its bias by name; each vector once."""
    found: dict[str, str] = {}
    used: set[str] = set()
    for name in matrices:
        bias = next((other for other in names.biases(name) if other in vectors and other not in used), None)
        if bias is not None:
            found[name] = bias
            used.add(bias)
    return found


def _gpt2_backwards(matrices: Bunch, vectors: Bunch, biases: Mapping[str, str]) -> set[str]:
    """Matrices of GPT-2's names, where the biases of those that are not square say (inputs, outputs)."""
    ours = [name for name, one in matrices.items() if not one.how and names.last(names.owner(name)) in names.GPT2]
    lengths = {name: vectors[biases[name]].tensor.shape[0] for name in ours if name in biases}
    told = [name for name, length in lengths.items() if length in (shape := matrices[name].tensor.shape)
            and shape[0] != shape[1]]  # fmt: skip
    backwards = all(lengths[name] == matrices[name].tensor.shape[1] for name in told)
    return set(ours) if told and backwards else set()


def _says_outputs_first(name: str) -> bool:
    """Whether a name is one that PyTorch alone gives, whose matrices are (outputs, inputs)."""
    own = names.parts(name)[-1]
    return own != "recurrent_kernel" and (
        names.RECURRENT.fullmatch(own) is not None or re.fullmatch(r"(in|[qkv])_proj_weight", own) is not None
    )


def _some(every: list[str]) -> str:
    return ", ".join(every[:4]) + (f" and {len(every) - 4} more" if len(every) > 4 else "")
