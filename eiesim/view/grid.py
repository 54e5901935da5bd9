"""The terminal's tables elsewhere: as HTML for a notebook, as LaTeX for a paper. The words are the same everywhere."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eiesim._shown import cell, heading, html_table
from eiesim._version import __version__
from eiesim.errors import plain

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

ESCAPED = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "µ": r"$\mu$", "×": r"$\times$", "²": "$^2$", "−": "$-$", "≤": r"$\leq$", "≥": r"$\geq$",
    "…": r"\ldots{}", "±": r"$\pm$", "\u00a0": "~",
}  # fmt: skip
"""What LaTeX would take for a command, or has no letter for in every font."""

_SPECIAL = re.compile("|".join(re.escape(letter) for letter in ESCAPED))
_MINUS = re.compile(r"(?<![\w.\-])-(?=\d)")
_HYPHENATED = re.compile(r"(?<=[a-z])- (?=[a-z])")


@dataclass(frozen=True)
class Grid:
    """A table of texts. right: by column, whether it stands to the right. ends: rows that a line follows."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[bool, ...]
    ends: frozenset[int] = frozenset()
    below: tuple[str, ...] = ()


def grid_of(table: "Table") -> Grid:
    """A terminal's table as texts; words that a narrow column had cut are whole again."""
    cells = [[_whole(one) for one in column._cells] for column in table.columns]
    ends = frozenset(k for k, row in enumerate(table.rows) if row.end_section and k < len(table.rows) - 1)
    return Grid(
        _whole(table.title or ""),
        tuple(_whole(column.header) for column in table.columns),
        tuple(zip(*cells, strict=True)),
        tuple(column.justify == "right" for column in table.columns),
        ends,
        (_whole(table.caption),) if table.caption else (),
    )


def grid_of_frame(title: str, table: "pd.DataFrame") -> Grid:
    """A DataFrame as texts, with headings in words and units."""
    rows = [tuple(cell(value) for value in line) for line in table.itertuples(index=False)]
    right = tuple(table[name].dtype.kind in "iufb" for name in table.columns)
    return Grid(title, tuple(heading(str(name)) for name in table.columns), tuple(rows), right)


def _whole(text: object) -> str:
    return _HYPHENATED.sub("", plain(" ".join(str(text).split())))


def html(grid: Grid) -> str:
    """The table as a notebook shows it."""
    return html_table(grid.title, grid.heads, grid.rows, grid.below)


def latex(grid: Grid) -> str:
    r"""The table as LaTeX: a `tabular` with the lines of the package booktabs, everything escaped.

    What it shows stands above it as a comment; whoever writes the paper writes `\caption`.
    """
    about = [grid.title, *grid.below, f"made by eiesim {__version__}; needs \\usepackage{{booktabs}}"]
    lines = [f"% {line}" for line in about if line]
    lines += [f"\\begin{{tabular}}{{{''.join('r' if right else 'l' for right in grid.right)}}}", r"\toprule"]
    lines += [_row(grid.heads), r"\midrule"]
    for k, row in enumerate(grid.rows):
        lines.append(_row(row))
        if k in grid.ends:
            lines.append(r"\midrule")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _row(cells: Sequence[str]) -> str:
    # A bracket after \\ would be taken for its argument.
    made = " & ".join(escaped(one) for one in cells)
    return f"{'{}' if made.startswith('[') else ''}{made} \\\\"


def escaped(text: str) -> str:
    """A text as LaTeX prints it."""
    marked = _MINUS.sub("−", "--" if text.strip() == "-" else text)
    return _SPECIAL.sub(lambda found: ESCAPED[found[0]], marked)
