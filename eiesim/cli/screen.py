"""What a command shows: the one place through which everything printed goes.

Tables and data go to standard output, progress, notes and warnings to standard error. With JSON on standard output the
tables go to standard error too. Quiet shows nothing.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import eiesim
from eiesim import Progress
from eiesim.errors import plain

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Column, Table

WIDE = 100_000
"""Columns of what is no terminal: a pipe or file gets whole lines, however long."""

LEAST_WORDS = 12
"""Letters that a column of words is not squeezed below."""

BORDER = 3
"""What a column takes besides its letters: padding and a line."""


COMPILING = "compiling what this command runs, once for this machine: it takes a few seconds and is kept"


class Screen:
    """Where a command prints. quiet: nothing. json: the target of --json, `-` for standard output."""

    def __init__(self, quiet: bool = False, json: str | None = None) -> None:
        self._quiet = quiet
        self._to_stderr = json == "-"
        kernels = logging.getLogger("eiesim.kernels")
        kernels.setLevel(logging.INFO)
        kernels.handlers = [_Once(self, COMPILING)]

    def show(self, *tables: "Table") -> None:
        """Print tables; what is too wide for the terminal is folded or cut into several, never a number."""
        if self._quiet:
            return
        console = _console(stderr=self._to_stderr)
        for table in tables:
            if table.title:
                # A line of its own: rich folds a title to its table's width, however narrow that is.
                console.print(plain(str(table.title)), markup=False)
            for piece, width in _fitted(_made_plain(table), console.width):
                console.print(piece, width=max(width, console.width))

    def say(self, line: str) -> None:
        """Print a line of the result, beside the tables."""
        self._print(line, self._to_stderr)

    def add(self, *parts: "Table | str") -> None:
        """Show tables and say lines, in order."""
        for part in parts:
            if isinstance(part, str):
                self.say(part)
            else:
                self.show(part)

    def note(self, line: str) -> None:
        """Print a line about the work on standard error."""
        self._print(line, stderr=True)

    def warn(self, line: str) -> None:
        """Print a warning on standard error."""
        self._print(f"warning: {line}", stderr=True, style="yellow")

    def _print(self, line: str, stderr: bool, style: str | None = None) -> None:
        if not self._quiet:
            _console(stderr).print(plain(line), style=style, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def progress(self) -> Iterator[Progress | None]:
        """A progress bar on standard error, where that is a terminal; gone when the block ends."""
        if self._quiet:
            yield None
            return
        with eiesim.progress() as bar:
            yield bar


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


def _console(stderr: bool) -> "Console":
    import os

    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    wide = None if stream.isatty() or "COLUMNS" in os.environ else WIDE
    return Console(stderr=stderr, width=wide, highlight=False)


def _made_plain(table: "Table") -> "Table":
    """The table with its texts as they are: names from files are no markup, and no control characters pass."""
    from rich.text import Text

    def safe(cell: "RenderableType") -> "RenderableType":
        return Text(plain(cell)) if isinstance(cell, str) else cell

    made = copy(table)
    made.title = None
    made.caption = None if table.caption is None else Text(plain(str(table.caption)))
    made.columns = [
        replace(column, header=safe(column.header), _cells=[safe(cell) for cell in column._cells])
        for column in table.columns
    ]
    return made


def _fitted(table: "Table", width: int) -> "Iterator[tuple[Table, int]]":
    """The table in one piece where it fits, else cut between its columns of numbers; words are folded.

    With each piece the columns that it needs: more than there are where a single number is wider than the terminal.
    """
    room = width - 1
    needs = []
    for column in table.columns:
        if column.justify == "right":  # Numbers.
            column.min_width = max([_longest_word(column.header), *(_width(cell) for cell in column._cells)])
            needs.append(column.min_width)
        else:
            column.overflow, column.no_wrap = "fold", False
            cells = [column.header, *column._cells]
            most = max(_longest_word(cell) for cell in cells)
            needs.append(min(max(most, LEAST_WORDS), max(map(_width, cells)), room // 2))
    first, part = table.columns[0], list[Any]()
    used = needs[0] + BORDER
    for column, need in zip(table.columns[1:], needs[1:], strict=True):
        if part and used + need + BORDER > room:
            yield _of(table, [first, *part]), used + 1
            part, used = [], needs[0] + BORDER
        part.append(column)
        used += need + BORDER
    yield _of(table, [first, *part]), used + 1


def _of(table: "Table", columns: "list[Column]") -> "Table":
    piece = copy(table)
    piece.columns = [replace(column, _index=k) for k, column in enumerate(columns)]
    return piece


def _width(cell: Any) -> int:
    return max((len(line) for line in str(cell).split("\n")), default=0)


def _longest_word(cell: Any) -> int:
    return max((len(word) for word in str(cell).split()), default=0)


class StoppedError(Exception):
    """Ctrl-C came, and the message says what is kept. Not a KeyboardInterrupt, which typer ends without a word."""


@contextmanager
def keeping(what: str) -> Iterator[None]:
    """Where the block is interrupted (Ctrl-C), the last line says `what` is kept."""
    try:
        yield
    except KeyboardInterrupt:
        raise StoppedError(what) from None
