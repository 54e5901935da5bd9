"""Terminal tables of a sweep: its columns explained, and its rows in short."""

from collections.abc import Sequence

from rich.table import Table

from eiesim.config import MachineConfig
from eiesim.sweeps import networks
from eiesim.sweeps.networks import Total, is_network, totals
from eiesim.sweeps.row import Row, meanings

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
    table.add_section()
    for column, meaning in networks.meanings().items():
        table.add_row(column, f"of totals (--totals): {meaning}")
    return table


def sweep_tables(rows: Sequence[Row]) -> list[Table]:
    """The rows in short, and of a network what each machine comes to over all layers."""
    cells = [row.cells() for row in rows]
    return [rows_table(rows), *([totals_table(totals(cells))] if is_network(cells) else [])]


def rows_table(rows: Sequence[Row]) -> Table:
    """What varied, and what each run came to; the first `MOST_ROWS` of many rows."""
    varied = [key for key in ("seed", "variation", "engine", *MachineConfig.model_fields) if _varies(rows, key)]
    more = f", the first {MOST_ROWS} of {len(rows):,}" if len(rows) > MOST_ROWS else ""
    table = Table(title=f"Runs (simulated; energy estimated){more}", title_justify="left", title_style="")
    table.add_column("layer")
    for heading in (*varied, *(heading for _, heading, _ in SHOWN)):
        table.add_column(heading, justify="right")
    for row in rows[:MOST_ROWS]:
        known = [_cell(getattr(row, column), form) for column, _, form in SHOWN]
        table.add_row(row.layer, *(_cell(getattr(row, key), "") for key in varied), *known)
    return table


def totals_table(found: Sequence[Total]) -> Table:
    """What varied, and what each machine comes to over all layers; the first `MOST_ROWS` of many."""
    cells = [one.cells() for one in found]
    keys = ("seed", "variation", "engine", *MachineConfig.model_fields)
    varied = [key for key in keys if len({one[key] for one in cells} - {None}) > 1]
    more = f", the first {MOST_ROWS} of {len(found):,}" if len(found) > MOST_ROWS else ""
    title = f"All layers together (time simulated; energy and area estimated){more}"
    table = Table(title=title, title_justify="left", title_style="")
    shown = (*SHOWN, ("area_mm2", "area, mm²", ",.1f"), ("energy_delay_uj_us", "energy x time", ",.3g"))
    for heading in (*varied, *(heading for _, heading, _ in shown)):
        table.add_column(heading, justify="right")
    for one in cells[:MOST_ROWS]:
        table.add_row(*(_cell(one[key], "") for key in varied), *(_cell(one[name], form) for name, _, form in shown))
    return table


def _varies(rows: Sequence[Row], key: str) -> bool:
    return len({getattr(row, key) for row in rows} - {None}) > 1


def _cell(value: float | str | None, form: str) -> str:
    return "-" if value is None else format(value, form)
