"""docs/methods.md: the tables and the words around them. Numbers in the words are read from the table."""

from pathlib import Path

import numpy as np
import pandas as pd

from eiesim._io.atomic import writing
from eiesim._io.csv_file import write_csv
from studies.methods.cells import BY_LABEL, DENSITIES, PES, digits, pattern_file, pictured
from studies.methods.means import LABELS, read_means
from studies.methods.plots import draw
from studies.methods.words import text

HEAD = (
    "method", "kept", "accuracy, pruned", "shared to 4 bits", "KB", "times smaller",
    *(f"{what}, {pes} PEs" for pes in PES for what in ("cycles", "load balance", "padding", "nJ")),
)  # fmt: skip


ACTIVITY = ("label", "active")
"""Columns of patterns.csv."""


def write_page(results: Path, patterns: Path, docs: Path) -> None:
    """The page and its pictures, of a table that is there."""
    means = read_means(results)
    draw(means, patterns, docs / "methods")
    active = kept_activity(patterns)
    write_csv(
        [{"label": name, "active": share} for name, share in active.items()],
        ACTIVITY,
        docs / "methods" / "patterns.csv",
    )
    with writing(docs / "methods.md") as file:
        file.write(text(means, active, tables(means)).encode())


def read_activity(path: Path) -> dict[str, float]:
    """patterns.csv: what `kept_activity` gave."""
    return dict(pd.read_csv(path).set_index("label")["active"])


def kept_activity(patterns: Path) -> dict[str, float]:
    """By label: in what share of the training digits the pixel of a kept first-layer weight is not 0, on average."""
    found = {}
    for cell in pictured():
        of = digits(BY_LABEL[cell.label].shuffled).training.inputs
        with np.load(pattern_file(cell, patterns)) as kept:
            found[cell.label] = float(np.average((of != 0).mean(axis=0), weights=kept["pixels"]))
    return found


def tables(means: pd.DataFrame) -> str:
    """One table a density; the methods that have a density of their own in the last."""
    parts = []
    for density in DENSITIES:
        parts.append(f"### {100 * density:.0f} % of the weights\n\n{_table(means[means['asked'] == density])}")
    own = means[~means["asked"].isin(DENSITIES)]
    parts.append(f"### Densities of their own\n\n{_table(own)}")
    return "\n\n".join(parts)


def _table(rows: pd.DataFrame) -> str:
    lines = [HEAD, ("---", *["---:"] * (len(HEAD) - 1))]
    ordered = [row for label in LABELS for _, row in rows[rows["label"] == label].iterrows()]
    lines += [_cells(row) for row in ordered]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: pd.Series) -> tuple[str, ...]:
    machine = [
        (
            f"{row[f'cycles_{pes}']:,.0f}",
            f"{row[f'load_balance_{pes}']:.0%}",
            f"{row[f'padding_{pes}']:.0%}",
            f"{row[f'energy_nj_{pes}']:,.0f}",
        )
        for pes in PES
    ]
    spread = "" if np.isnan(row["spread"]) or row["seeds"] < 2 else f" ± {100 * row['spread']:.1f}"
    return (
        row["label"],
        f"{row['density']:.1%}",
        f"{row['accuracy_pruned']:.1%}",
        f"{row['accuracy_shared']:.1%}{spread}",
        f"{row['coded_bytes'] / 1000:.1f}",
        f"{row['rate']:.0f}x",
        *machine[0],
        *machine[1],
    )
