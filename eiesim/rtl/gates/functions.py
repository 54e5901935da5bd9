"""Boolean functions of Liberty files: read as expressions, compiled into steps of two operands."""

import re
from collections.abc import Callable, Mapping
from itertools import accumulate

from eiesim.errors import EieError, plain

Expression = str | int | tuple["Expression", ...]
"""A name, 0 or 1, ("not", x), or ("and" | "or" | "xor", x, y)."""

_TOKEN = re.compile(r"\s*([A-Za-z_][\w\[\].]*|[01]|[()!'^&*+|]|$)")
MOST_TOKENS, MOST_DEEP = 400, 40
"""A longer function, or one with more brackets within each other, is no cell's."""

_OR, _AND = ("+", "|"), ("&", "*")

AND, OR, XOR = 0b1000, 0b1110, 0b0110
"""A function of two operands as its four values, that of (a, b) at bit a + 2 b."""


def parse(text: str) -> Expression:
    """A Liberty function: ! and ' negate, then ^, then & * or nothing between two, then + and |.

    Raises EieError for anything else.
    """
    tokens, place = [], 0
    while place < len(text.rstrip()):
        found = _TOKEN.match(text, place)
        if found is None:
            raise EieError(f"no function: {plain(text)[:80]}")
        tokens.append(found.group(1))
        place = found.end()
    tokens.append("")
    deep = max(accumulate((token == "(") - (token == ")") for token in tokens))
    if len(tokens) > MOST_TOKENS or deep > MOST_DEEP:
        raise EieError(f"a function that is too long: {plain(text)[:80]}")
    at = 0

    def peek() -> str:
        return tokens[at]

    def take() -> str:
        nonlocal at
        at += 1
        return tokens[at - 1]

    def any_of() -> Expression:
        left = all_of()
        while peek() in _OR:
            take()
            left = ("or", left, all_of())
        return left

    def all_of() -> Expression:
        left = exclusive()
        while peek() in _AND or peek() in ("(", "!") or peek()[:1].isalnum() or peek()[:1] == "_":
            if peek() in _AND:
                take()
            left = ("and", left, exclusive())
        return left

    def exclusive() -> Expression:
        left = single()
        while peek() == "^":
            take()
            left = ("xor", left, single())
        return left

    def single() -> Expression:
        token = take()
        if token == "!":
            return ("not", single())
        if token == "(":
            held = any_of()
            if take() != ")":
                raise EieError(f"no function: {plain(text)[:80]}")
        elif token in ("0", "1"):
            held = int(token)
        elif token[:1].isalpha() or token[:1] == "_":
            held = token
        else:
            raise EieError(f"no function: {plain(text)[:80]}")
        while peek() == "'":
            take()
            held = ("not", held)
        return held

    whole = any_of()
    if peek():
        raise EieError(f"no function: {plain(text)[:80]}")
    return whole


def names(expression: Expression) -> set[str]:
    """The names that an expression uses."""
    if isinstance(expression, str):
        return {expression}
    if isinstance(expression, int):
        return set()
    return set[str]().union(*(names(part) for part in expression[1:]))


def value(expression: Expression, values: Mapping[str, int]) -> int:
    """What an expression is for values, 0 or 1, of its names."""
    if isinstance(expression, str):
        return values[expression]
    if isinstance(expression, int):
        return expression
    kind, *parts = expression
    held = [value(part, values) for part in parts]
    if kind == "not":
        return 1 - held[0]
    return held[0] & held[1] if kind == "and" else held[0] | held[1] if kind == "or" else held[0] ^ held[1]


Emit = Callable[[int, int, int], int]
"""Adds a step: function of two operands, and the two; returns the place of its result."""


def compile_into(expression: Expression, place: Mapping[str, int], zero: int, one: int, emit: Emit) -> tuple[int, bool]:
    """Emit the steps of an expression; where its result is, and whether that is negated.

    place: of each name. zero, one: places of the constants. Negations are folded into the steps.
    """
    if isinstance(expression, str):
        return place[expression], False
    if isinstance(expression, int):
        return (one if expression else zero), False
    kind, *parts = expression
    if kind == "not":
        at, negated = compile_into(parts[0], place, zero, one, emit)
        return at, not negated
    (a, not_a), (b, not_b) = (compile_into(part, place, zero, one, emit) for part in parts)
    return emit(_with_negated({"and": AND, "or": OR, "xor": XOR}[str(kind)], not_a, not_b), a, b), False


def _with_negated(function: int, not_a: bool, not_b: bool) -> int:
    return sum((function >> ((k ^ not_a) ^ (2 * not_b)) & 1) << k for k in range(4))
