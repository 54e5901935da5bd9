"""Sums that are the same to the last bit on every Python: from 3.12 on, `sum` makes up for the rounding of floats."""

from collections.abc import Iterable
from typing import Any, TypeVar, cast

T = TypeVar("T")


def added(values: Iterable[T]) -> T:
    """One after the other, in their order, each step rounded; 0 of none."""
    total: Any = 0
    for value in values:
        total = total + value
    return cast("T", total)
