"""Tables for a terminal of any width: never a number cut, no markup or control character from a name."""

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from typing import Any

from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from eiesim.errors import plain

LEAST_WORDS = 12
"""Letters that a column of words is not squeezed below."""

BORDER = 3
"""What a column takes besides its letters: padding and a line."""


def pieces(table: Table, width: int) -> Iterator[tuple[Table, int]]:
    """A table as it may be printed, in as many pieces as it needs, each with the columns that it takes.

    width: of the terminal. Titles are left out; rich would fold them to the table's width.
    """
    return _fitted(_made_plain(table), width)


def _made_plain(table: Table) -> Table:
    """The table with its texts as they are: names from files are no markup, and no control characters pass."""

    def safe(cell: RenderableType) -> RenderableType:
        return Text(plain(cell)) if isinstance(cell, str) else cell

    made = copy(table)
    made.title = None
    made.caption = None if table.caption is None else Text(plain(str(table.caption)))
    made.columns = [
        replace(column, header=safe(column.header), _cells=[safe(cell) for cell in column._cells])
        for column in table.columns
    ]
    return made


def _fitted(table: Table, width: int) -> Iterator[tuple[Table, int]]:
    """The table in one piece where it fits, else cut between its columns of numbers; words are folded.

    With each piece the columns that it needs: more than there are where a single number is wider than the terminal.
    """
    most_letters = width - 1
    needs = []
    for column in table.columns:
        if column.justify == "right":  # Numbers.
            column.min_width = max([_longest_word(column.header), *(_width(cell) for cell in column._cells)])
            needs.append(column.min_width)
        else:
            column.overflow, column.no_wrap = "fold", False
            cells = [column.header, *column._cells]
            most = max(_longest_word(cell) for cell in cells)
            needs.append(min(max(most, LEAST_WORDS), max(map(_width, cells)), most_letters // 2))
    first, part = table.columns[0], list[Any]()
    used = needs[0] + BORDER
    for column, need in zip(table.columns[1:], needs[1:], strict=True):
        if part and used + need + BORDER > most_letters:
            yield _of(table, [first, *part], most_letters), used + 1
            part, used = [], needs[0] + BORDER
        part.append(column)
        used += need + BORDER
    yield _of(table, [first, *part], most_letters), used + 1


def _of(table: Table, columns: list[Column], most_letters: int) -> Table:
    """A piece of these columns. Where they do not stand side by side unfolded, numbers have the width that they need:
    rich would squeeze words and numbers alike, then widen the numbers again, beyond the terminal.
    """
    piece = copy(table)
    natural = sum(max(_width(cell) for cell in (one.header, *one._cells)) + BORDER for one in columns)
    squeezed = natural > most_letters
    piece.columns = [
        replace(one, _index=k, width=one.min_width if squeezed and one.justify == "right" else one.width)
        for k, one in enumerate(columns)
    ]
    return piece


def _width(cell: Any) -> int:
    return max((len(line) for line in str(cell).split("\n")), default=0)


def _longest_word(cell: Any) -> int:
    return max((len(word) for word in str(cell).split()), default=0)
