"""Refusals that name the file, where what is refused came from one."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from eiesim.errors import EieError

Given = ParamSpec("Given")
Gives = TypeVar("Gives")


def naming(**words: str) -> Callable[[Callable[Given, Gives]], Callable[Given, Gives]]:
    """Make a function one whose refusals about values say which file they are from.

    words: by parameter, what a message about its values begins with. Where the call gives that parameter a path, and
    the message is `WORD: ...`, it becomes `PATH: WORD: ...`.
    """

    def make(function: Callable[Given, Gives]) -> Callable[Given, Gives]:
        known = list(inspect.signature(function).parameters)

        @wraps(function)
        def call(*args: Given.args, **named: Given.kwargs) -> Gives:
            try:
                return function(*args, **named)
            except EieError as error:
                held: dict[str, Any] = {**dict(zip(known, args, strict=False)), **named}
                for name, word in words.items():
                    if isinstance(held.get(name), str | Path) and str(error).startswith(f"{word}: "):
                        raise EieError(f"{held[name]}: {error}") from None
                raise

        return call

    return make
