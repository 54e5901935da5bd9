"""docs/what-ifs.md of the tables that are there."""

from pathlib import Path

import pandas as pd

from benchmarks.what_ifs import found
from benchmarks.what_ifs.plots import draw


def write_page(docs: Path) -> None:
    """The page and its pictures."""
    folder = docs / "what-ifs"
    table = found.read(folder / "machines.csv")
    rounding, thresholds = (pd.read_csv(folder / f"{name}.csv") for name in ("rounding", "thresholds"))
    draw(table, rounding, thresholds, folder)
