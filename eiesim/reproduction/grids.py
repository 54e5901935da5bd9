"""The reproduction's tables for a paper: Table IV, the claims, and every item, published beside ours."""

from collections.abc import Iterator

from eiesim.paper.citing import entries
from eiesim.reproduction.conclusion import Reproduction
from eiesim.reproduction.items import PaperItem, Spread
from eiesim.reproduction.terminal import claims_table, times_table
from eiesim.view.grid import Grid, grid_of


def grids(found: Reproduction) -> Iterator[tuple[str, Grid]]:
    """Each table by its file's name."""
    for item in found.items:
        made = grid_of(times_table(item)) if item.key == "table_4" else _item(item)
        if made.rows:
            yield item.key, made
    yield "claims", grid_of(claims_table(found.claims))


def cited() -> tuple[str, ...]:
    """All that there is: the paper's tables rest on all of it."""
    return tuple(entries())


def _item(item: PaperItem) -> Grid:
    """Published, and of each series of ours the mean and its error."""
    heads = ["", "", "published", *(head for series in item.series for head in (series, "error"))]
    rows = []
    for row in item.rows:
        cells = [row.item, ": ".join(part for part in (row.quantity, row.at) if part), _number(row.published)]
        for series in item.series:
            error = row.error(series)
            cells += [_mean(row.ours.get(series)), "" if error is None else f"{error:+.1%}"]
        rows.append(tuple(cells))
    bases = ", ".join(dict.fromkeys(row.our_basis for row in item.rows if row.ours))
    title = f"{item.title}; ours: {bases}" if bases else item.title
    return Grid(title, tuple(heads), tuple(rows), (False, False, *(True for _ in heads[2:])))


def _mean(spread: Spread | None) -> str:
    return "" if spread is None else _number(spread.mean)


def _number(value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
