"""How records that hold arrays are shown and compared: one line, never a dump; contents equal to the bit."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import fields
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from eiesim.errors import counted as counted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

LONGEST = 100
"""Letters of a field's value that are shown."""


class Brief:
    """Mixin for dataclasses (with repr=False): a repr of one line, arrays by dtype and shape."""

    __slots__ = ()

    def __repr__(self) -> str:
        parts = fields(self)  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(f'{one.name}={brief(getattr(self, one.name))}' for one in parts)})"


class ByContent(Brief):
    """Mixin for dataclasses (with eq=False, repr=False): equal where every field is, arrays to the bit; no hash.

    Fields with `compare=False` do not count.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        counting = (one.name for one in fields(self) if one.compare)  # type: ignore[arg-type]
        return all(same(getattr(self, name), getattr(other, name)) for name in counting)


class Plotted:
    """Mixin: `x.plot()` is `eiesim.plot(x)`, found when it is called, for what draws stands above what is drawn."""

    __slots__ = ()

    def plot(self, picture: str | None = None, *, style: str = "screen") -> "Figure":
        """Draw it.

        Parameters
        ----------
        picture : str or None, default None
            Which of its pictures, by name; None is the first.
        style : str, default "screen"
            "screen", "paper" (a column wide) or "paper-wide" (two columns); see `plot`.

        Returns
        -------
        matplotlib.figure.Figure
            The figure, which a notebook shows.

        Raises
        ------
        EieError
            For a picture or a style that is not there, and where there is nothing to draw.
        """
        drawn: Figure = import_module("eiesim").plot(self, picture=picture, style=style)
        return drawn


class Tabled:
    """Mixin: a notebook shows what `to_frame` gives. `_caption`: what stands over the table."""

    __slots__ = ()

    @property
    def _caption(self) -> str:
        return repr(self).strip("<>")

    def to_frame(self) -> "pd.DataFrame":
        """A table of it, whose columns carry their units."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return html_of(self._caption, self.to_frame())


def brief(value: object) -> str:
    """A value in a few words: `float32[64, 10]` for an array, `3 x Layer` for several records."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, tuple) and len(value) > 1 and not isinstance(value[0], str | int | float | None):
        return f"{len(value)} x {'array' if isinstance(value[0], np.ndarray) else type(value[0]).__name__}"
    text = repr(value) if not isinstance(value, tuple) else f"({', '.join(map(brief, value))})"
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def same(one: object, other: object) -> bool:
    """Whether two values are equal, arrays in dtype, shape and every bit."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return (
            isinstance(one, np.ndarray)
            and isinstance(other, np.ndarray)
            and (one.dtype, one.shape) == (other.dtype, other.shape)
            and one.tobytes() == other.tobytes()
        )
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def listed(names: Sequence[str], most: int = 4) -> str:
    """`a, b, c`; of many the first, and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def number(value: float) -> str:
    """A count with thousands separators; a small mean with one decimal where it needs it."""
    return f"{value:,.0f}" if float(value).is_integer() or value >= 1000 else f"{value:,.1f}"


def html_table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Any]], below: Sequence[str] = ()) -> str:
    """An HTML table, everything escaped: the first column to the left, the others to the right; lines of text below."""
    left, right = ' style="text-align: left"', ' style="text-align: right"'

    def line(tag: str, cells: Sequence[Any]) -> str:
        made = (f"<{tag}{right if k else left}>{escape(str(cell))}</{tag}>" for k, cell in enumerate(cells))
        return f"<tr>{''.join(made)}</tr>"

    body = "\n".join(line("td", row) for row in rows)
    notes = "".join(f"\n<div>{escape(text)}</div>" for text in below)
    aligned = ' style="text-align: left; white-space: nowrap"'
    return (
        f"<table>\n<caption{aligned}>{escape(caption)}</caption>\n"
        f"<thead>{line('th', heads)}</thead>\n<tbody>\n{body}\n</tbody>\n</table>{notes}"
    )


MOST_LINES = 30
"""Lines of a long table that a notebook shows."""

UNITS = {
    "_us": "µs", "_uj": "µJ", "_pj": "pJ", "_mw": "mW", "_w": "W", "_mm2": "mm²", "_mhz": "MHz", "_bytes": "bytes",
    "_nm": "nm", "_gops": "GOP/s", "_per_s": "a second", "_per_j": "a joule",
}  # fmt: skip
"""What the ends of columns' names stand for."""


def heading(column: str) -> str:
    """A column's name in words: `time_us` is `time, µs`."""
    end = next((end for end in sorted(UNITS, key=len, reverse=True) if column.endswith(end)), "")
    words = column.removesuffix(end).replace("_", " ")
    return f"{words}, {UNITS[end]}" if end else words


def cell(value: Any) -> str:
    """A table's cell: counts with thousands separators, other numbers with four digits, `-` for what is missing."""
    if value is None or (isinstance(value, float | np.floating) and math.isnan(value)) or str(value) in ("<NA>", "nan"):
        return "-"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        number = float(value)
        return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"
    return str(value)


def html_of(caption: str, table: "pd.DataFrame") -> str:
    """A DataFrame as a notebook shows it: headings in words, the first lines of many."""
    rows = [[cell(value) for value in line] for line in table.head(MOST_LINES).itertuples(index=False)]
    below = [f"the first {MOST_LINES} of {len(table):,} rows; to_frame() has all"] if len(table) > MOST_LINES else []
    return html_table(caption, [heading(str(name)) for name in table.columns], rows, below)
