"""Registers and wires: records that numba and plain Python both read by name."""

from typing import Any

import numpy as np

FLAG, INDEX, COUNT = "u1", "u4", "u4"
Fields = list[tuple[str, Any]]
Records = Any
"""A numpy.recarray, whose fields mypy cannot know."""


def records(shape: int | tuple[int, int], fields: Fields) -> Records:
    """Records with all bits 0, their fields readable as attributes."""
    return np.zeros(shape, np.dtype(fields, align=True)).view(np.recarray)
