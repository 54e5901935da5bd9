"""A comparison's tables for a paper, and what is cited with them."""

from collections.abc import Iterator

from eiesim.comparison import terminal
from eiesim.comparison.records import by_batch
from eiesim.comparison.rows import Comparison
from eiesim.paper.citing import ESTIMATES, MACHINE
from eiesim.paper.speedups import headlines
from eiesim.view.grid import Grid, grid_of

NAMES = {
    "speedup": "fig6_speedup",
    "efficiency": "fig7_energy_efficiency",
    "measured_speedup": "measured_speedup",
    "measured_efficiency": "energy_efficiency_over_this_cpu",
}
"""Tables of ratios by the comparison's field, named as their CSV files are."""

TABLE_V = ("chen2014dadiannao", "qiu2016embedded", "esser2016convolutional")


def grids(comparison: Comparison) -> Iterator[tuple[str, Grid]]:
    """Each table there is something of, by its file's name: what a terminal shows."""
    yield "eie", grid_of(terminal.eie_table(comparison))
    for title, field in terminal.RATIOS:
        ratios = getattr(comparison, field)
        for batch, rows in by_batch(ratios).items():
            if rows:
                name = NAMES[field] if batch is None else f"{NAMES[field]}_batch_{batch}"
                of = title if batch is None else f"Batch {batch}: {title[0].lower()}{title[1:]}"
                yield name, grid_of(terminal.ratio_table(of, rows, ratios[0].series))
    if comparison.checks:
        yield "energy_check", grid_of(terminal.check_table(comparison.checks))
    yield "waterfall", grid_of(terminal.waterfall_table(comparison))
    if comparison.platforms:
        yield "platforms", grid_of(terminal.platform_table(comparison))
    if comparison.speedup:
        yield "headlines", grid_of(terminal.headline_table(headlines()))


def cited(comparison: Comparison) -> tuple[str, ...]:
    """What is compared: the machine, where estimates are from, the baselines, Table V's platforms."""
    watts = ("han2016deepcompression",) if comparison.efficiency else ()
    return (*MACHINE, *watts, *ESTIMATES, *(TABLE_V if comparison.platforms else ()))
