"""What a command shows: the one place through which everything printed goes.

Tables and data go to standard output, progress, notes and warnings to standard error. With JSON on standard output the
tables go to standard error too. Quiet shows nothing.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import eiesim
from eiesim.errors import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDE = 100_000
"""Columns of what is no terminal: a pipe or file gets whole lines, however long."""

COMPILING = "compiling what this command runs, once for this machine: it takes a few seconds and is kept"


class Screen:
    """Where a command prints. quiet: nothing. json: the target of --json, `-` for standard output."""

    def __init__(self, quiet: bool = False, json: str | None = None) -> None:
        self._quiet = quiet
        self._to_stderr = json == "-"
        for name, handler in (("eiesim.notes", _Lines(self)), ("eiesim.kernels", _Once(self, COMPILING))):
            logger = logging.getLogger(name)
            logger.setLevel(logging.INFO)
            logger.handlers = [handler]

    def show(self, *parts: "Table | str") -> None:
        """Print tables and lines; what is too wide for the terminal is folded or cut into several, never a number."""
        from eiesim.view.terminal import pieces

        for part in parts if not self._quiet else ():
            if isinstance(part, str):
                self.say(part)
                continue
            console = _console(stderr=self._to_stderr)
            if part.title:
                # A line of its own: rich folds a title to its table's width, however narrow that is.
                console.print(plain(str(part.title)), markup=False)
            for piece, width in pieces(part, console.width):
                console.print(piece, width=max(width, console.width))

    def say(self, line: str) -> None:
        """Print a line of the result, beside the tables."""
        self._print(line, self._to_stderr)

    def note(self, line: str) -> None:
        """Print a line about the work on standard error."""
        self._print(line, stderr=True)

    def warn(self, line: str) -> None:
        """Print a warning on standard error."""
        self._print(f"warning: {line}", stderr=True, style="yellow")

    def _print(self, line: str, stderr: bool, style: str | None = None) -> None:
        if not self._quiet:
            _console(stderr).print(plain(line), style=style, highlight=False, markup=False, soft_wrap=True)

    def progress(self) -> "AbstractContextManager[Any]":
        """A progress bar on standard error, where that is a terminal; gone when the block ends."""
        return nullcontext(False) if self._quiet else eiesim.progress()


class _Once(logging.Handler):
    """Says one line on standard error at the first record, whatever that says."""

    def __init__(self, screen: Screen, line: str) -> None:
        super().__init__()
        self._screen, self._line = screen, line

    def emit(self, record: logging.LogRecord) -> None:
        """Say the line, if it is still to be said."""
        if self._line:
            self._screen.note(self._line)
            self._line = ""


class _Lines(logging.Handler):
    """Says each line on standard error, once."""

    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen, self._said = screen, set[str]()

    def emit(self, record: logging.LogRecord) -> None:
        """Say the line, if it has not been said."""
        if (line := record.getMessage()) not in self._said:
            self._said.add(line)
            self._screen.note(line)


def _console(stderr: bool) -> "Console":
    import os

    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    wide = None if stream.isatty() or "COLUMNS" in os.environ else WIDE
    return Console(stderr=stderr, width=wide, highlight=False)


class StoppedError(Exception):
    """Ctrl-C came, and the message says what is kept. Not a KeyboardInterrupt, which typer ends without a word."""


@contextmanager
def keeping(what: str) -> Iterator[None]:
    """Where the block is interrupted (Ctrl-C), the last line says `what` is kept."""
    try:
        yield
    except KeyboardInterrupt:
        raise StoppedError(what) from None
