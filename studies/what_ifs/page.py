"""docs/what-ifs.md of the tables that are there."""

from pathlib import Path

import pandas as pd

from eiesim._io.atomic import writing
from studies.what_ifs import found
from studies.what_ifs.plots import draw
from studies.what_ifs.words import text


def read_tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Machines, roundings and thresholds, as plots and words take them."""
    rounding = pd.read_csv(folder / "rounding.csv", dtype={"output_frac": str})
    return found.read(folder / "machines.csv"), rounding, pd.read_csv(folder / "thresholds.csv")


def write_page(docs: Path) -> None:
    """The page and its pictures."""
    tables = read_tables(docs / "what-ifs")
    draw(*tables, docs / "what-ifs")
    with writing(docs / "what-ifs.md") as file:
        file.write(text(*tables).encode())
