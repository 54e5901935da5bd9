"""The ledger of an ONNX graph: each stored tensor, once, with its role; and each node that is left out."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eiesim.files.ledger import Entry
from eiesim.files.onnx.constants import Constants
from eiesim.files.onnx.reading import IS_ONNX, bodies
from eiesim.files.weights import LeftOut

UNUSED = "no operator that is run takes it"
COUNTED = ("statistics", "lookup", "left out")
"""Roles of tensors that are parameters of the model and in no layer's count."""

WHOLE_NUMBERS = ("INT32", "INT64", "BOOL", "STRING")
"""Types that positions and shapes have, not parameters."""


@dataclass
class Accounts:
    """Roles as they are found. stored: tensors in the file's order, [shape, type]. roles: [role, layer, reason]."""

    stored: dict[str, tuple[tuple[int, ...], str]]
    roles: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Any) -> "Accounts":
        """The accounts of a graph and its bodies before anything is read."""
        return cls(dict(_stored(graph)))

    def take(self, constants: Constants, roles: Mapping[str, str], layer: str, reason: str = "") -> None:
        """Constants that a layer, or an operator that is passed, takes: the tensors they are made of have roles."""
        for value, role in roles.items():
            for tensor, own in constants.parts.get(value, {}).items():
                known = self.roles.get(tensor, ("left out",))[0]
                if known == "left out" or (known == "lookup" and layer):
                    self.roles[tensor] = (role if own == "weight" else own, layer, reason)

    def leave(self, constants: Constants, values: Iterable[str], reason: str) -> None:
        """Constants that a node takes which is left out."""
        for value in values:
            for tensor in constants.parts.get(value, {}):
                self.roles.setdefault(tensor, ("left out", "", reason))

    def source(self, constants: Constants, value: str) -> str:
        """The stored tensor that weights are made of: the largest with their role, or the value's own name."""
        if value in self.stored:
            return value
        parts = [one for one, role in constants.parts.get(value, {}).items() if role == "weight" and one in self.stored]
        return max(parts, key=lambda one: math.prod(self.stored[one][0]), default=value)

    @property
    def parameters_left(self) -> int:
        """Parameters that are in no layer."""
        found = 0
        for tensor, (shape, kind) in self.stored.items():
            role = self.roles.get(tensor, ("left out",))[0]
            if role in COUNTED and kind not in WHOLE_NUMBERS:
                found += math.prod(shape)
        return found

    def ledger(self, left_out: Sequence[LeftOut]) -> tuple[Entry, ...]:
        """Every tensor in the file's order, then every node that is left out."""
        tensors = [
            Entry(name, shape, kind, *self.roles.get(name, ("left out", "", UNUSED)))
            for name, (shape, kind) in self.stored.items()
        ]
        return (*tensors, *(Entry(one.name, (), one.kind, "left out", "", one.reason) for one in left_out))


def _stored(graph: Any) -> Iterable[tuple[str, tuple[tuple[int, ...], str]]]:
    from onnx import TensorProto

    for tensor in graph.initializer:
        yield tensor.name, (tuple(tensor.dims), TensorProto.DataType.Name(tensor.data_type))
    for sparse in graph.sparse_initializer:
        yield sparse.values.name, (tuple(sparse.dims), TensorProto.DataType.Name(sparse.values.data_type))
    for node in graph.node:
        if node.op_type == "Constant" and node.domain in IS_ONNX:
            yield node.output[0], _of_constant(node.attribute[0])
        for _, body in bodies(node):
            yield from _stored(body)


def _of_constant(attribute: Any) -> tuple[tuple[int, ...], str]:
    from onnx import TensorProto

    if attribute.HasField("t"):
        return tuple(attribute.t.dims), TensorProto.DataType.Name(attribute.t.data_type)
    if attribute.HasField("sparse_tensor"):
        sparse = attribute.sparse_tensor
        return tuple(sparse.dims), TensorProto.DataType.Name(sparse.values.data_type)
    kind = attribute.name.removeprefix("value_")
    many = len(attribute.floats) + len(attribute.ints) + len(attribute.strings)
    name = {"f": "FLOAT", "i": "INT64", "s": "STRING"}[kind[0]]
    return ((many,) if kind.endswith("s") else (), name)
