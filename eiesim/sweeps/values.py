"""Values of a swept key as the command line writes them: lists, ranges, words."""

import re
import tomllib
from collections.abc import Sequence
from math import isfinite
from typing import Any

from eiesim._checks import several
from eiesim.errors import EieError, shown

GRAMMAR = (
    "1,2,4 are values; 0:5 counts 0,1,2,3,4 (as in Python, the end is left out), 0:9:3 in steps of 3; "
    "1:256:x2 doubles, 1,2,4,...,256 (the end is kept where it is met)"
)
"""One sentence for help texts."""

MOST_VALUES = 100_000
LONGEST = 100
_RANGE = re.compile(r"(?P<start>-?\d+):(?P<end>-?\d+)(?::(?P<geometric>x?)(?P<step>-?\d+))?")


def parse_values(text: str) -> list[Any]:
    """The values that a text like `1:256:x2`, `0:5` or `1,2,fixed16` stands for, in order, each once.

    Raises EieError for an empty list, and for a range that is empty, does not end or is none.
    """
    values: list[Any] = []
    for item in (part.strip() for part in text.split(",")):
        if not item:
            raise EieError(f"'{text}': a value is missing; {GRAMMAR}")
        match = _RANGE.fullmatch(item)
        if ":" in item and not match:
            raise EieError(f"{shown(item)} is no range; {GRAMMAR}")
        values.extend(_range(item, match) if match else [_scalar(item)])
        if len(values) > MOST_VALUES:
            raise EieError(f"more than {MOST_VALUES:,} values")
    return list(dict.fromkeys(values))


def parse_whole(text: str) -> list[int]:
    """The same for whole numbers from 0, such as seeds."""
    values = parse_values(text)
    for value in values:
        if type(value) is not int or not 0 <= value < 2**63:
            raise EieError(f"'{text}': {shown(value)} is not a whole number from 0, below 2**63")
    return values


def parse_numbers(text: str) -> list[float]:
    """The same for numbers, such as variations."""
    values = parse_values(text)
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise EieError(f"'{text}': {shown(value)} is not a number")
    return [float(value) for value in values]


def parse_axis(setting: str) -> tuple[str, list[Any]]:
    """`key=values`, for instance `index_bits=2,4,8`."""
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise EieError(f"'{setting}' is not key=values, for instance index_bits=2,4,8")
    return key.strip(), parse_values(text)


def parse_axes(settings: Sequence[str]) -> dict[str, list[Any]]:
    """Several of these. Raises EieError for a key that is given twice."""
    swept: dict[str, list[Any]] = {}
    for setting in several("axes", settings):
        key, values = parse_axis(str(setting))
        if key in swept:
            raise EieError(f"{key} is swept twice; give all its values at once")
        swept[key] = values
    return swept


def _range(item: str, match: re.Match[str]) -> list[int]:
    if len(item) > LONGEST:
        raise EieError(f"'{item[:LONGEST]}...': has more digits than any value")
    start, end, step = int(match["start"]), int(match["end"]), int(match["step"] or 1)
    if match["geometric"]:
        if start < 1 or step < 2:
            raise EieError(f"'{item}': start from 1 or more and multiply by 2 or more, for instance 1:256:x2")
        values = []
        while start <= end:
            values.append(start)
            start *= step
    elif step == 0 or (end - start) / step > MOST_VALUES:
        raise EieError(f"'{item}': step {step} gives more than {MOST_VALUES:,} values")
    else:
        values = list(range(start, end, step))
    if not values:
        raise EieError(f"'{item}': holds no value; {GRAMMAR}")
    return values


def _scalar(item: str) -> Any:
    try:
        value = tomllib.loads(f"value = {item}")["value"]
    except (ValueError, RecursionError, LookupError):
        return item
    if not isinstance(value, int | float | str):
        raise EieError(f"'{item}': is not one value; {GRAMMAR}")
    return value
