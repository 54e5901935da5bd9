"""Rows as columns: what a task makes of a group of machines, as CSV lines, a frame, Parquet or `Row`s.

A column is an array with a value a row, or a list of its different values with, for each row, which of them it has.
None stands for an empty cell; in an array of floats, NaN does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eiesim.sweeps.machines import Hashes
from eiesim.sweeps.row import Number, Row, check_of, columns, csv_line, types

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]
Column = Array | tuple[Sequence[Any], Array | None]
"""An array with a value a row; or different values, and which of them each row has, None if all have the first."""


@dataclass(frozen=True)
class Table:
    """Rows of a sweep, all columns of `row.Row`. hashes: of the rows, S32."""

    size: int
    held: dict[str, Column]
    hashes: Hashes

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Table":
        """Rows as columns."""
        held: dict[str, Column] = {}
        for name in columns():
            places: dict[Any, int] = {}
            which = [places.setdefault((type(v), v), len(places)) for v in (getattr(row, name) for row in rows)]
            held[name] = [value for _, value in places], np.array(which)
        return cls(len(rows), held, np.array([row.hash for row in rows], "S"))

    def __len__(self) -> int:
        return self.size

    def take(self, places: Array) -> "Table":
        """Some of the rows."""
        held: dict[str, Column] = {}
        for name, column in self.held.items():
            if isinstance(column, np.ndarray):
                held[name] = column[places]
            else:
                held[name] = column[0], None if column[1] is None else column[1][places]
        return Table(len(places), held, self.hashes[places])

    def values(self, name: str) -> list[Any]:
        """A column as Python's own values."""
        column = self.held[name]
        if isinstance(column, np.ndarray):
            values = column.tolist()
            return [None if v != v else v for v in values] if column.dtype.kind == "f" else values
        held, which = column
        return [held[0]] * self.size if which is None else [held[k] for k in which.tolist()]

    def rows(self) -> list[Row]:
        """Each row by itself."""
        made = zip(*(self.values(name) for name in columns()), strict=True)
        return [Row(**dict(zip(columns(), values, strict=True))) for values in made]

    def lines(self, checked: bool = True) -> list[str]:
        """The rows as CSV lines, ends included; checked: with a check as the last cell."""
        texts = [self._texts(name) for name in columns()]
        lines = map(",".join, zip(*texts, strict=True))
        if checked:
            return [f"{line},{check_of(line)}\n" for line in lines]
        return [f"{line}\n" for line in lines]

    def _texts(self, name: str) -> list[str]:
        column = self.held[name]
        if isinstance(column, np.ndarray):
            if column.dtype.kind == "f":
                return [repr(v) if v == v else "" for v in column.tolist()]
            return list(map(str, column.tolist()))
        held, which = column
        texts = [_cell(value) for value in held]
        return [texts[0]] * self.size if which is None else [texts[k] for k in which.tolist()]

    def array(self, name: str) -> Array:
        """A column as an array: float64 or int64, objects for text; optional whole numbers as objects, None if missing."""
        column = self.held[name]
        if isinstance(column, np.ndarray):
            return column
        kind = types()[name]
        held, which = column
        if kind == str or kind == int | None:
            values = np.empty(len(held), object)
            values[:] = held
        elif kind == int or (kind == Number and all(isinstance(value, int) for value in held)):
            values = np.array(held, np.int64)
        else:
            values = np.array([np.nan if value is None else value for value in held], np.float64)
        return np.broadcast_to(values[:1], self.size) if which is None else values[which]


def _cell(value: Any) -> str:
    """A cell's text in a CSV line of several."""
    return csv_line(["" if value is None else value, ""])[:-2]


def frame(tables: Iterable[Table]) -> "pd.DataFrame":
    """Tables as one DataFrame: text, int64, float64 as the columns' types say; Int64 where whole numbers may be missing.

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
        elif kind == str:
            made[name] = np.concatenate(parts or [np.empty(0, object)])
        else:
            made[name] = np.concatenate(parts or [np.empty(0, np.float64 if kind == float | None else np.int64)])
    return pd.DataFrame({name: pd.Series(values, dtype="object" if types()[name] == str else None)
                         for name, values in made.items()}, columns=list(columns()))  # fmt: skip


def joined(tables: Sequence[Table]) -> Table:
    """Tables as one, in their order."""
    if len(tables) == 1:
        return tables[0]
    held: dict[str, Column] = {}
    for name in columns():
        kind = types()[name]
        parts = [table.array(name) for table in tables]
        if kind == str or kind == int | None:
            places: dict[Any, int] = {}
            which = [places.setdefault(value, len(places)) for part in parts for value in part.tolist()]
            held[name] = list(places), np.array(which, np.intp)
        elif kind == Number and len({part.dtype for part in parts}) > 1:
            values = [value for table in tables for value in table.values(name)]
            held[name] = values, np.arange(len(values))
        else:
            held[name] = np.concatenate(parts)
    return Table(sum(map(len, tables)), held, np.concatenate([table.hashes for table in tables]))
