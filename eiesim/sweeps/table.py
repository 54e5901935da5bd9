"""Rows as columns: what a task makes of a group of machines, as CSV lines, a frame, Parquet or `Row`s.

A column is an array with a value a row, or a list of its different values with, for each row, which of them it has.
None stands for an empty cell; in an array of floats, NaN does. The column `hash` is an array of bytes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from eiesim.sweeps.machines import Hashes
from eiesim.sweeps.row import Number, Row, check_of, columns, csv_line, readers, types

if TYPE_CHECKING:
    import pandas as pd

LINES_AT_ONCE = 256

Array = npt.NDArray[Any]
Column = Array | tuple[Sequence[Any], Array | None]
"""An array with a value a row; or different values, and which of them each row has, None if all have the first."""


class Lines(NamedTuple):
    """Rows as lines of a CSV file, ends included. ends: where each line ends in `content`."""

    hashes: Hashes
    content: bytes
    ends: npt.NDArray[np.int64]

    @classmethod
    def of(cls, hashes: Hashes, lines: Sequence[str]) -> "Lines":
        """Lines, joined."""
        held = [line.encode() for line in lines]
        return cls(hashes, b"".join(held), np.cumsum([len(line) for line in held], dtype=np.int64))

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        """Where each line begins."""
        return np.concatenate([np.zeros(1, np.int64), self.ends[:-1]])[: len(self.ends)]

    def take(self, places: Array) -> "Lines":
        """Some of them."""
        starts = self.starts
        held = [self.content[starts[k] : self.ends[k]] for k in places.tolist()]
        return Lines(self.hashes[places], b"".join(held), np.cumsum([len(line) for line in held], dtype=np.int64))


@dataclass(frozen=True)
class Table:
    """Rows of a sweep, all columns of `row.Row`."""

    size: int
    held: dict[str, Column]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Table":
        """Rows as columns."""
        held: dict[str, Column] = {}
        for name in columns():
            places: dict[Any, int] = {}
            which = [places.setdefault((type(v), v), len(places)) for v in (getattr(row, name) for row in rows)]
            held[name] = [value for _, value in places], np.array(which)
        held["hash"] = np.array([row.hash for row in rows], "S")
        return cls(len(rows), held)

    @classmethod
    def parse(cls, cells: Sequence[Sequence[str]]) -> "Table":
        """The rows of lines' cells, in the order of `columns()`. Raises EieError that names a cell of another type."""
        held: dict[str, Column] = {}
        for (name, read), texts in zip(readers().items(), zip(*cells, strict=True), strict=True):
            places: dict[str, int] = {}
            which = [places.setdefault(text, len(places)) for text in texts]
            try:
                values = [read(text) for text in places]
            except ValueError:
                Row.parse(next(line for line in cells if not _reads(read, line[columns().index(name)])))
                raise
            held[name] = values, np.array(which)
        held["hash"] = np.array([line[columns().index("hash")] for line in cells], "S")
        return cls(len(cells), held)

    def __len__(self) -> int:
        return self.size

    @property
    def hashes(self) -> Hashes:
        """Of the rows, S32."""
        return cast(Hashes, self.held["hash"])

    def take(self, places: Array | slice) -> "Table":
        """Some of the rows."""
        held: dict[str, Column] = {}
        for name, column in self.held.items():
            if isinstance(column, np.ndarray):
                held[name] = column[places]
            else:
                held[name] = column[0], None if column[1] is None else column[1][places]
        return Table(len(self.hashes[places]), held)

    def values(self, name: str) -> list[Any]:
        """A column as Python's own values."""
        column = self.held[name]
        if isinstance(column, np.ndarray):
            values = column.tolist()
            if column.dtype.kind == "S":
                return [value.decode() for value in values]
            return [None if v != v else v for v in values] if column.dtype.kind == "f" else values
        held, which = column
        return [held[0]] * self.size if which is None else [held[k] for k in which.tolist()]

    def rows(self) -> list[Row]:
        """Each row by itself."""
        made = zip(*(self.values(name) for name in columns()), strict=True)
        return [Row(**dict(zip(columns(), values, strict=True))) for values in made]

    def lines(self) -> Lines:
        """The rows as CSV lines."""
        return Lines.of(self.hashes, [f"{line}\n" for line in self._joined()])

    def checked_lines(self) -> Lines:
        """The rows as CSV lines, each with a check over it as the last cell."""
        return Lines.of(self.hashes, [f"{line},{check_of(line)}\n" for line in self._joined()])

    def as_it_is(self) -> "Table":
        """The rows, where a store takes them as columns."""
        return self

    def _joined(self) -> Iterator[str]:
        # Some rows at a time: their cells, a hundred objects a row, are much larger than their line.
        for start in range(0, self.size, LINES_AT_ONCE):
            some = self.take(slice(start, min(start + LINES_AT_ONCE, self.size)))
            yield from map(",".join, zip(*(some._texts(name) for name in columns()), strict=True))

    def _texts(self, name: str) -> list[str]:
        column = self.held[name]
        if isinstance(column, np.ndarray):
            if column.dtype.kind == "f":
                return [repr(v) if v == v else "" for v in column.tolist()]
            return list(map(str, self.values(name)))
        held, which = column
        if which is None:
            return [_cell(held[0])] * self.size
        texts = {k: _cell(held[k]) for k in set(which.tolist())}
        return [texts[k] for k in which.tolist()]

    def array(self, name: str) -> Array:
        """A column as float64 or int64; text, and whole numbers that may be missing, as objects."""
        column = self.held[name]
        if isinstance(column, np.ndarray):
            return column if column.dtype.kind != "S" else np.array(self.values(name), object)
        kind = types()[name]
        held, which = column
        if kind in (str, int | None):
            values = np.empty(len(held), object)
            values[:] = held
        elif kind is int or (kind == Number and all(isinstance(value, int) for value in held)):
            values = np.array(held, np.int64)
        else:
            values = np.array([np.nan if value is None else value for value in held], np.float64)
        return np.broadcast_to(values[:1], self.size) if which is None else values[which]


def _reads(read: Callable[[str], Any], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _cell(value: Any) -> str:
    """A cell's text in a CSV line of several."""
    return csv_line(["" if value is None else value, ""])[:-2]


def frame(tables: Iterable[Table]) -> "pd.DataFrame":
    """Tables as one DataFrame: text, int64, float64 as the types say; Int64 where whole numbers may be missing.

    A column of numbers that may be fractions is int64 where none is.
    """
    import pandas as pd

    tables = list(tables)
    made: dict[str, Any] = {}
    for name in columns():
        kind = types()[name]
        parts = [table.array(name) for table in tables]
        if kind == int | None:
            made[name] = pd.array([value for part in parts for value in part.tolist()], dtype="Int64")
        elif kind is str:
            made[name] = np.concatenate(parts or [np.empty(0, object)])
        else:
            made[name] = np.concatenate(parts or [np.empty(0, np.float64 if kind == float | None else np.int64)])
    return pd.DataFrame({name: pd.Series(values, dtype="object" if types()[name] is str else None)
                         for name, values in made.items()}, columns=list(columns()))  # fmt: skip


def joined(tables: Sequence[Table], order: Array | None = None) -> Table:
    """Tables as one, in their order. order: another one of all rows."""
    if len(tables) == 1 and order is None:
        return tables[0]
    held: dict[str, Column] = {}
    for name in columns():
        column = _together(name, tables)
        if order is not None:  # Of a column at a time, so that there are not all rows twice.
            column = column[order] if isinstance(column, np.ndarray) else (column[0], cast(Array, column[1])[order])
        held[name] = column
    return Table(sum(map(len, tables)), held)


def _together(name: str, tables: Sequence[Table]) -> Column:
    """A column of tables as one."""
    kind = types()[name]
    if kind in (str, int | None) and name != "hash":
        return _coded([(table.held[name], len(table)) for table in tables])
    parts = [table.hashes if name == "hash" else table.array(name) for table in tables]
    if kind == Number and len({part.dtype for part in parts}) > 1:
        values = [value for table in tables for value in table.values(name)]
        return values, np.arange(len(values))
    return np.concatenate(parts)


def _coded(parts: Sequence[tuple[Any, int]]) -> tuple[Sequence[Any], Array]:
    """Columns of different values, each with its rows, as one."""
    places: dict[Any, int] = {}
    which = []
    for (held, codes), size in parts:
        new = np.array([places.setdefault(value, len(places)) for value in held], np.int32)
        which.append(np.broadcast_to(new[:1], size) if codes is None else new[codes])
    return list(places), np.concatenate(which)
