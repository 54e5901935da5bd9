"""The reproduction's tables for a terminal, and Table IV in Markdown. They are fed with items and compute nothing."""

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from eiesim.reproduction.items import UNIFORM, VARIED, Claim, ItemRow, Key, PaperItem, Time

TIMES: Mapping[Key | None, str] = {time: time.value for time in (Time.THEORETICAL, Time.ACTUAL)}
"""The rows of Table IV that are times."""


def _cells(row: ItemRow, series: Sequence[str]) -> list[str]:
    cells = [f"{row.published:.1f}"]
    for name in series:
        error = row.error(name)
        cells += [f"{row.ours[name].mean:.1f}", f"{error:+.1%}"] if error is not None else ["", ""]
    return cells


def _timed(table4: PaperItem) -> list[ItemRow]:
    return [row for row in table4.rows if row.key in TIMES]


def times_table(table4: PaperItem) -> Table:
    """Table IV, published and simulated (mean over seeds)."""
    made = Table(
        title="Table IV: time of EIE in µs, published and simulated (mean over seeds)",
        title_justify="left",
        title_style="",
    )
    made.add_column("layer", no_wrap=True)
    made.add_column("time")
    made.add_column("published", justify="right")
    for name in table4.series:
        made.add_column(name, justify="right")
        made.add_column("error", justify="right")
    timed = _timed(table4)
    for row in timed:
        made.add_row(row.item, TIMES[row.key], *_cells(row, table4.series), end_section=row is timed[-1])
    return made


def claims_table(claims: Sequence[Claim]) -> Table:
    """The paper's claims, checked."""
    made = Table(title="The paper's claims", title_justify="left", title_style="")
    for name in ("claim", "published", "eiesim", ""):
        made.add_column(name)
    for claim in claims:
        made.add_row(*(Text(part) for part in (claim.text, claim.published, claim.simulated, claim.verdict)))
    return made


def times_markdown(table4: PaperItem) -> str:
    """Table IV as a Markdown table: theoretical and actual time a layer, published, simulated and the error."""
    rows = _timed(table4)
    layers = list(dict.fromkeys(row.item for row in rows))
    head = ["layer"]
    for kind in TIMES.values():
        head += [f"{kind}, µs, published", *(f"{name} (error)" for name in (UNIFORM, VARIED))]
    lines = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * (len(head) - 1)}"]
    for layer in layers:
        cells = [layer]
        for row in (row for row in rows if row.item == layer):
            cells.append(f"{row.published:.1f}")
            cells += [f"{row.ours[name].mean:.1f} ({row.error(name):+.1%})" for name in (UNIFORM, VARIED)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
