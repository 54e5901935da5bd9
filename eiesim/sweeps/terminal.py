"""Terminal tables of a sweep: its columns explained, and its rows in short."""

from typing import TYPE_CHECKING

from rich.table import Table

from eiesim.config import MachineConfig
from eiesim.sweeps.row import meanings

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 60
SHOWN = (
    ("cycles", "cycles", ",.10g"),
    ("time_us", "time, µs", ",.2f"),
    ("load_balance", "load balance", ".1%"),
    ("energy_total_uj", "energy, µJ", ",.3f"),
)
"""Column, heading and format of what a row comes to."""


def columns_table() -> Table:
    """Every column of the sweep table with what it means."""
    table = Table(title="Columns of the sweep table", title_justify="left", title_style="")
    table.add_column("column", no_wrap=True)
    table.add_column("meaning")
    for column, meaning in meanings().items():
        table.add_row(column, meaning)
    return table


def rows_table(rows: "pd.DataFrame") -> Table:
    """What varied, and what each run came to; the first `MOST_ROWS` of many rows."""
    varied = [key for key in ("seed", "variation", "engine", *MachineConfig.model_fields) if rows[key].nunique() > 1]
    more = f", the first {MOST_ROWS} of {len(rows):,}" if len(rows) > MOST_ROWS else ""
    table = Table(title=f"Runs (simulated; energy estimated){more}", title_justify="left", title_style="")
    table.add_column("layer")
    for heading in (*varied, *(heading for _, heading, _ in SHOWN)):
        table.add_column(heading, justify="right")
    for row in rows.head(MOST_ROWS).to_dict("records"):
        known = [_cell(row[column], form) for column, _, form in SHOWN]
        table.add_row(str(row["layer"]), *(str(row[key]) for key in varied), *known)
    return table


def _cell(value: float, form: str) -> str:
    return "-" if value != value else format(value, form)
