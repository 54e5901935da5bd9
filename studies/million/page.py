"""docs/million.md of the tables that are there."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from eiesim._io.atomic import writing
from studies.million.plots import draw
from studies.million.words import text


def read(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """The fronts, the keys, and how the sweep went."""
    tables = (folder / name for name in ("fronts.csv", "keys.csv"))
    fronts, keys = (pd.read_csv(path) if path.exists() else pd.DataFrame() for path in tables)
    return fronts, keys.set_index("key") if len(keys) else keys, json.loads((folder / "run.json").read_text())


def write_page(docs: Path) -> None:
    """The page and its pictures."""
    fronts, keys, runs = read(docs / "million")
    draw(fronts, keys, docs / "million")
    with writing(docs / "million.md") as file:
        file.write(text(fronts, keys, runs).encode())
