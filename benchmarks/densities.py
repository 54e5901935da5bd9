"""From which density a dense product is faster than a sparse one: `python -m benchmarks.densities [-o TABLE.csv]`.

A random square layer at one density after another; at each, all libraries take turns, on one core and in the time that
they had it, so that other work on the machine counts for none of them. docs/energy.md says what came out, and tests
hold its sentences against the table that is kept in docs/.
"""

import csv
import itertools
import math
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import cases, measure
from eiesim.baselines import worker
from eiesim.baselines.measurements import SHORT

SIDES = (1024, 4096)
DENSITIES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
COLUMNS = (
    "side", "density", "batch", "library", "matrix", "precision", "threads", "time_us", "time_us_low", "kernel",
    "machine", "when", "load_average",
)  # fmt: skip
NEVER, ALWAYS = math.inf, 0.0


def measured() -> list[dict[str, Any]]:
    """A row a product, side, density and batch; `time_us` is of one input."""
    about = {"machine": measure.machine(), "when": datetime.now(UTC).date().isoformat()}
    about["load_average"] = f"{os.getloadavg()[0]:.1f}"
    rows = []
    for side, density in itertools.product(SIDES, DENSITIES):
        layer, activations = cases.random_layer(side, side, density, 0.35)
        found, left_out = worker.measure_layer(layer, activations, most=1, clock=time.thread_time)
        for out in left_out:
            print(f"left out: {out}", file=sys.stderr)
        for row in found:
            known = {key: row[key] for key in COLUMNS if key in row}
            known |= {key: f"{row[key]:.4g}" for key in ("time_us", "time_us_low")}
            rows.append({"side": side, "density": density, **known, **about})
    return rows


def crossings(rows: Iterable[Mapping[str, Any]], figure: str = "time_us_low") -> dict[tuple[int, int, str], float]:
    """By side, batch and precision: the density from which the fastest dense product beats the fastest sparse one.

    Between two densities the ratio is taken to be a straight line, both in logarithms. `NEVER` and `ALWAYS` where it
    does so at none and at all of the densities. rows: as this module's table has them.
    """
    fastest: dict[tuple[int, int, str], dict[float, float]] = defaultdict(dict)
    for row in rows:
        what = "sparse" if row["matrix"] == "sparse" else str(row["precision"])
        by_density = fastest[int(row["side"]), int(row["batch"]), what]
        density = float(row["density"])
        by_density[density] = min(by_density.get(density, math.inf), float(row[figure]))
    found = {}
    for (side, batch, what), dense in fastest.items():
        if what == "sparse":
            continue
        sparse = fastest[side, batch, "sparse"]
        points = [(math.log(at), math.log(sparse[at] / dense[at])) for at in sorted(dense)]
        found[side, batch, what] = _crossing(points)
    return found


def _crossing(points: list[tuple[float, float]]) -> float:
    """Where a ratio's logarithm goes through 0 for good."""
    if points[-1][1] <= 0:
        return NEVER
    below = [k for k, (_, ratio) in enumerate(points) if ratio <= 0]
    if not below:
        return ALWAYS
    (x0, y0), (x1, y1) = points[below[-1]], points[below[-1] + 1]
    return math.exp(x0 - y0 * (x1 - x0) / (y1 - y0))


def said(density: float) -> str:
    """A crossing in a table."""
    if density == NEVER:
        return f"not up to {max(DENSITIES):.0%}"
    return f"below {min(DENSITIES):.0%}" if density == ALWAYS else f"{density:.0%}"


def main() -> None:
    """Measure, print, and write the table where one is asked for."""
    measure.restart_without(("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"), "benchmarks.densities")
    rows = measured()
    if "-o" in sys.argv:
        with Path(sys.argv[sys.argv.index("-o") + 1]).open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
    console = Console(width=120)
    console.print(
        f"{rows[0]['machine']}, one core, load average {rows[0]['load_average']} when this began\n", highlight=False
    )
    by_median, by_least = crossings(rows, "time_us"), crossings(rows)
    shown = Table(title="The density from which the fastest dense product beats the fastest sparse one")
    for heading in ("side", "batch", "dense in", "by medians", "by least times"):
        shown.add_column(heading, justify="left" if heading == "dense in" else "right")
    for (side, batch, precision), density in sorted(by_least.items()):
        name = SHORT.get(precision, precision)
        shown.add_row(str(side), str(batch), name, said(by_median[side, batch, precision]), said(density))
    console.print(shown)


if __name__ == "__main__":
    main()
