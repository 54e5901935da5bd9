"""JSON written as it goes: the bytes of `json.dumps(value, indent=1, allow_nan=False)` without holding them all."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

AT_ONCE = 4096
"""Numbers of an array that are made text together."""


def pieces(value: Any, depth: int = 0) -> Iterator[str]:
    """A value's JSON, piece by piece.

    Beside what `json` writes there may be arrays of finite numbers, which are lists, and iterators, which are lists
    whose parts are made when it is their turn. Raises ValueError for NaN and infinity, as `json` does.
    """
    if isinstance(value, Mapping):
        keyed = ((f"{json.dumps(key)}: ", one) for key, one in value.items())
        yield from _within("{", keyed, "}", depth)
    elif isinstance(value, np.ndarray) and value.ndim == 1:
        yield from _numbers(value, depth)
    elif isinstance(value, list | tuple | np.ndarray | Iterator):
        yield from _within("[", (("", one) for one in value), "]", depth)
    else:
        yield json.dumps(value, allow_nan=False)


def plain(value: Any) -> Any:
    """The same as dictionaries, lists, numbers and texts."""
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    return list(map(plain, value)) if isinstance(value, list | tuple | Iterator) else value


def _within(before: str, parts: Iterable[tuple[str, Any]], after: str, depth: int) -> Iterator[str]:
    line, between = "\n" + " " * (depth + 1), ""
    yield before
    for key, one in parts:
        yield f"{between}{line}{key}"
        yield from pieces(one, depth + 1)
        between = ","
    yield f"\n{' ' * depth}{after}" if between else after


def _numbers(values: Any, depth: int) -> Iterator[str]:
    line = "\n" + " " * (depth + 1)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError("Out of range float values are not JSON compliant")
    yield "["
    for start in range(0, len(values), AT_ONCE):
        yield ("," if start else "") + line
        yield f",{line}".join(map(repr, values[start : start + AT_ONCE].tolist()))
    yield f"\n{' ' * depth}]" if len(values) else "]"
