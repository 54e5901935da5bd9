"""Pictures of a sweep table, after EIE Figs. 8 to 13. They compute ratios of columns and nothing else.

Each picture varies one or two keys. The other swept keys have one value, the published design's where the table has
it (else the nearest), and the picture says which. Several seeds are a mean with a bar from least to most.
All times and counts are simulated, energies and areas are estimated. Nothing here is published data.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice
from pathlib import Path
from typing import TYPE_CHECKING

from eiesim.config import FORMER_KEYS
from eiesim.errors import EieError
from eiesim.sweeps import costs, curves, maps
from eiesim.sweeps.canvas import swept_keys
from eiesim.view.panels import Picture
from eiesim.view.saving import FORMATS, save_all

if TYPE_CHECKING:
    import pandas as pd

MOST_HEAT_MAPS = 3


def draw(
    table: "pd.DataFrame",
    folder: str | Path,
    accuracies: Mapping[str, float] | None = None,
    accuracy_label: str = "accuracy (given)",
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Draw each picture that the table's varying keys allow. Returns the files, none where nothing varies.

    table: rows of `sweep`. accuracies: by arithmetic, shares of 1, drawn beside energy.
    accuracy_label: what their axis is called, and so where they are from.
    Raises EieError for an empty table, or a folder that cannot be made.
    """
    if not len(table):
        raise EieError("the table has no rows to draw")
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EieError(f"{target}: cannot be made: {error.strerror}") from None
    return save_all(pictures(table, accuracies or {}, accuracy_label), target, formats=formats)


def pictures(
    table: "pd.DataFrame", accuracies: Mapping[str, float], accuracy_label: str = "accuracy (given)"
) -> Iterator[tuple[str, Picture]]:
    """Each picture of what varies in the table, by its file's name."""
    table = costs.with_area(table.rename(columns=FORMER_KEYS))
    table = table.drop(
        columns=[name for name in table.columns if name.startswith("energy_") and table[name].isna().all()]
    )
    keys = swept_keys(table)
    if "pes" in keys:
        yield "fig11_speedup", curves.speedup(table)
        yield "fig12_real_work", curves.real_work(table)
        yield "fig13_load_balance", curves.load_balance(table)
    if "queue_depth" in keys:
        yield "fig8_queue_depth", curves.queue_depth(table)
    if "multipliers" in keys:
        yield "multipliers", curves.multipliers(table)
    if "spmat_width" in keys:
        yield "fig9_sram_width", curves.sram_width(table)
    if "arithmetic" in keys and curves.TOTAL_ENERGY in table:
        yield "fig10_arithmetic", curves.arithmetic(table, accuracies, accuracy_label)
    for key in costs.axes(table, keys):
        yield f"cost_{key}", costs.over(table, key)
    pairs = ((one, other, maps.heat_of(table, one, other)) for one, other in combinations(keys, 2))
    changing = ((one, other, column) for one, other, column in pairs if column is not None)
    for one, other, column in islice(changing, MOST_HEAT_MAPS):
        yield f"heat_{one}_{other}", maps.heat_maps(table, one, other, column)
    for cost in maps.COSTS:
        if keys and cost in table and table[cost].nunique() > 1:
            yield f"pareto_time_{cost}", maps.pareto(table, cost, keys)
