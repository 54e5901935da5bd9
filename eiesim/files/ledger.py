"""The ledger of a reading: every tensor of the source, once, with its role (docs/reading.md).

A tensor whose role is not known is left out by name and is never a layer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

ROLES = (
    "weight", "bias", "mask", "scale", "zero_point", "lookup", "indices", "statistics", "shape", "left out",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A tensor of the source and what it was taken for.

    tensor: its name there. dtype: as the source calls it. role: one of ROLES. layer: the layer that it belongs to;
    empty for none. reason: why it is left out, or what its role says of it; may be empty for any other role.
    stops: whether a network is not to be read without it, unless it is left out by name.
    """

    tensor: str
    shape: tuple[int, ...]
    dtype: str
    role: str
    layer: str = ""
    reason: str = ""
    stops: bool = False

    @property
    def size(self) -> int:
        """Its numbers."""
        return math.prod(self.shape)

    def to_dict(self) -> dict[str, Any]:
        """As report.json has it."""
        return {
            "tensor": self.tensor,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "role": self.role,
            "layer": self.layer or None,
            "reason": self.reason or None,
        }


def first_reason(ledger: Sequence[Entry]) -> str:
    """The reason that matters most where no layer is left, with its tensor: the largest's; empty where there is none.

    Of two of one size, the first one's.
    """
    told = [entry for entry in ledger if entry.reason]
    if not told:
        return ""
    largest = max(told, key=lambda entry: entry.size)
    return f"{largest.tensor}: {largest.reason}"


@dataclass(frozen=True)
class Choice:
    """What the user says of tensors by name, patterns as `fnmatch` has them on whole names; it overrules the reader."""

    take: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()

    def takes(self, name: str) -> bool:
        """Whether a tensor is to be a layer whatever it is called."""
        return any(fnmatchcase(name, pattern) for pattern in self.take)

    def leaves(self, name: str) -> bool:
        """Whether a tensor, or a layer, is to be left out."""
        return any(fnmatchcase(name, pattern) for pattern in self.leave)


NO_CHOICE = Choice()

LEFT_BY_NAME = "left out by --leave"

INSTEAD = "dequantise them first, or load the model and pass the module to eiesim.compress"
