"""How far a long function is: the one form in which all of them tell it, and a bar for those that are given none."""

from collections.abc import Callable
from functools import wraps
from multiprocessing import parent_process
from threading import Lock
from typing import Any, ParamSpec, Protocol, TypeVar

from eiesim._bar import Bar

AFTER_S = 0.5
"""A function that is done sooner draws no bar by itself."""


class Progress(Protocol):
    """What a long function is given to tell how far it is: any function of these three arguments.

    `eiesim.progress()` is one that draws a bar. It may be called from several threads, never from two at once.
    """

    def __call__(self, done: int, total: int | None, doing: str, /) -> object:
        """Tell how far it is.

        Parameters
        ----------
        done : int
            Steps done so far.
        total : int or None
            Steps in all, as far as is known; it may fall. None: not known.
        doing : str
            What the steps are, and in some functions where they stand: "inputs", "rows", "epochs, ...".
        """


Told = Progress | bool | None
"""What a long function takes: what is told; True a bar; None a bar where one can be drawn; False nothing."""

Given = ParamSpec("Given")
Gives = TypeVar("Gives")
_outermost = Lock()
"""Held by the long function that may draw: those that it calls draw nothing by themselves."""


def telling(function: Callable[Given, Gives]) -> Callable[Given, Gives]:
    """A function that takes `progress`, with a bar where it is given none, gone when it ends or fails."""

    @wraps(function)
    def run(*arguments: Given.args, **options: Given.kwargs) -> Gives:
        wanted: Any = options.get("progress")
        outermost = _outermost.acquire(blocking=False)
        try:
            if wanted is True or (wanted is None and outermost and parent_process() is None):
                with Bar(0.0 if wanted else AFTER_S) as bar:
                    options["progress"] = bar
                    return function(*arguments, **options)
            options["progress"] = wanted if callable(wanted) else None
            return function(*arguments, **options)
        finally:
            if outermost:
                _outermost.release()

    return run


class Steps:
    """Counts the steps of a function, from several threads, and tells them."""

    def __init__(self, progress: Told, total: int | None, doing: str) -> None:
        self._progress = progress if callable(progress) else None
        self._total, self._doing = total, doing
        self._done = 0
        self._lock = Lock()

    def __call__(self, done: int = 1, fell_away: int = 0, doing: str = "") -> None:
        """More steps were done, and some are not needed after all. doing: where it stands."""
        with self._lock:
            self._done += done
            if self._total is not None:
                self._total -= fell_away
            if self._progress is not None:
                self._progress(self._done, self._total, doing or self._doing)
