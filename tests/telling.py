"""How far a long script is: what `tests.agree` and others say while they run."""

import sys
import time


class Telling:
    """How far a long run is, on the standard error: one line that changes on a terminal, a line a minute elsewhere."""

    def __init__(self):
        self._live = sys.stderr.isatty()
        self._every = 0.5 if self._live else 60
        self._next = 0.0

    def __call__(self, words):
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every
            print(
                f"\r{words}\033[K" if self._live else words, end="" if self._live else "\n", file=sys.stderr, flush=True
            )

    def end(self):
        """What is told next is told at once, on a new line."""
        self._next = 0.0
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
