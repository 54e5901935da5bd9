"""No output replaces an input: what a call reads is kept while it runs, by whatever name."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from eiesim._io.atomic import check_targets
from eiesim._io.kept import kept

Given = ParamSpec("Given")
Gives = TypeVar("Gives")


@contextmanager
def guarding(reads: Iterable[str | Path], writes: Iterable[str | Path] = ()) -> Iterator[None]:
    """While the block runs, no writer replaces a file that `reads` name or that belongs to one, by whatever name.

    Raises EieError at once where one of the files `writes` is such a file, is another of them, or cannot be written.
    """
    from eiesim.files.members import members  # imported where it is used: a run does not wait for it

    with kept(file for name in reads for file in members(name)):
        check_targets(writes)
        yield


def guarded(
    *reads: str, writes: tuple[str, ...] = (), fills: tuple[str, ...] = ()
) -> Callable[[Callable[Given, Gives]], Callable[Given, Gives]]:
    """Make a function one that replaces no file which is named in the same call, nor one that belongs to it.

    reads: the parameters that may be paths, or hold some. writes, fills: those that name a file to write, and a folder
    that files go into; where none of them is given, nothing is looked at. Raises TypeError, when the function is
    defined, for a parameter that it has not.
    """

    def make(function: Callable[Given, Gives]) -> Callable[Given, Gives]:
        signature = inspect.signature(function)
        known, more = signature.parameters, inspect.Parameter.VAR_KEYWORD
        if not any(one.kind is more for one in known.values()) and (other := {*reads, *writes, *fills} - {*known}):
            raise TypeError(f"{function.__name__}: has no parameter {', '.join(sorted(other))}")

        @wraps(function)
        def call(*args: Given.args, **named: Given.kwargs) -> Gives:
            held: dict[str, Any] = {**dict(zip(known, args, strict=False)), **named}
            if all(held.get(name) is None for name in (*writes, *fills)):
                return function(*args, **named)
            targets = [held[name] for name in writes if isinstance(held.get(name), str | Path)]
            with guarding((path for name in reads for path in _paths(held.get(name))), targets):
                return function(*args, **named)

        vars(call)["guarded"] = reads, writes, fills
        return call

    return make


def _paths(value: Any) -> Iterator[str | Path]:
    """What may be a path in what a call is given: texts and paths, in lists and pairs too."""
    if isinstance(value, str | Path):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _paths(one)
