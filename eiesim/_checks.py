"""Values that a call from Python gives, checked in one line each: whole numbers, numbers, one value or several."""

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from eiesim.errors import EieError, shown

LARGEST_SEED = 2**63 - 1


def real(name: str, value: Any) -> None:
    """Raise EieError, naming it, where a value is no number; NaN and infinity are some."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise EieError(f"{name} = {shown(value)}: must be a number")


def flag(name: str, value: Any) -> None:
    """Raise EieError, naming it, where a value is neither true nor false."""
    if not isinstance(value, bool | np.bool_):
        raise EieError(f"{name} = {shown(value)}: must be True or False")


def whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    """A whole number within bounds. Raises EieError, naming it, for anything else."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        raise EieError(f"{name} = {shown(value)}: must be a whole number")
    return int(_within(name, int(value), least, most))


def number(name: str, value: Any, least: float, most: float | None = None) -> float:
    """A finite number within bounds. Raises EieError, naming it, for anything else."""
    real(name, value)
    if not math.isfinite(value):
        raise EieError(f"{name} = {shown(value)}: must be a number")
    return _within(name, float(value), least, most)


def _within(name: str, value: float, least: float, most: float | None) -> float:
    if value < least or (most is not None and value > most):
        bounds = f"{least} or more" if most is None else f"{least} to {most}"
        raise EieError(f"{name} = {shown(value)}: must be {bounds}")
    return value


def several(name: str, values: Any) -> Sequence[Any]:
    """One value or several, as a sequence. Raises EieError, naming it, for what is neither."""
    if isinstance(values, str | Real):
        return (values,)
    if not isinstance(values, Iterable):
        raise EieError(f"{name} = {shown(values)}: must be a value or several")
    return tuple(values)
