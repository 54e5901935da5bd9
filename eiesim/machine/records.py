"""Registers and wires: records that numba and plain Python both read by name."""

from typing import Any

import numpy as np

from eiesim._jit import jit

FLAG, INDEX, COUNT = "u1", "u4", "u4"
Fields = list[tuple[str, Any] | tuple[str, Any, tuple[int]]]
"""Name and type, and for what there is one of in each lane the number of lanes."""

Records = Any
"""A numpy.recarray, whose fields mypy cannot know."""


def records(shape: int | tuple[int, int], fields: Fields) -> Records:
    """Records with all bits 0, their fields readable as attributes."""
    return np.zeros(shape, np.dtype(fields, align=True)).view(np.recarray)


def numbered(name: str, numbers: bool) -> Fields:
    """A field for the column that an activation came with: there only where its number goes along.

    Stochastic rounding draws by it, and adder units tell the bias by it. It stands first: numba would take a record
    with one more field at its end for the shorter one.
    """
    return [(name, INDEX)] if numbers else []


@jit
def any_of(flags: Any) -> Any:
    """Whether a flag of any lane is up, as a flag."""
    up = flags[0]
    for lane in range(1, len(flags)):
        up |= flags[lane]
    return up
