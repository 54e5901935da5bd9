"""How far a long function is: the one form in which all of them tell it."""

from threading import Lock
from typing import Protocol


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


class Steps:
    """Counts the steps of a function, from several threads, and tells them."""

    def __init__(self, progress: Progress | None, total: int | None, doing: str) -> None:
        self._progress, self._total, self._doing = progress, total, doing
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
