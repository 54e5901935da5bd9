"""Means over the seeds."""

from pathlib import Path

import numpy as np
import pandas as pd

from studies.methods.cells import IN_ORDER, PES, VARIANTS

LABELS = tuple(
    label
    for variant in VARIANTS
    for label in ((variant.label, IN_ORDER) if variant.label == "blocks" else (variant.label,))
)
"""Lines of the study, in the order of the tables."""


def read_means(path: Path) -> pd.DataFrame:
    """One row a label and asked density (NaN: a method that is one by itself), means over the seeds.

    Besides the columns of results.csv: `seeds`, `spread` (the standard deviation of `accuracy_shared` over the seeds)
    and `rate`, how many times smaller than float32.
    """
    table = pd.read_csv(path)
    groups = table.groupby(["label", "asked"], dropna=False, sort=False)
    means = groups.mean(numeric_only=True).reset_index().drop(columns="seed")
    means["seeds"] = groups.size().to_numpy()
    means["spread"] = groups["accuracy_shared"].std(ddof=0).to_numpy()
    means["rate"] = means["dense_bytes"] / means["coded_bytes"]
    order = {label: k for k, label in enumerate(LABELS)}
    return means.sort_values(by=["label", "asked"], key=lambda c: c.map(order) if c.name == "label" else -c)


def name_of(row: pd.Series) -> str:
    """A point in words, such as `iterative, L1 at 5 %`."""
    return row["label"] if np.isnan(row["asked"]) else f"{row['label']} at {100 * row['asked']:.3g} %"


def cheapest(means: pd.DataFrame, accuracy: float, cost: str) -> pd.Series | None:
    """The row of least cost that is as accurate on the machine, or None. cost: a column, such as `cycles_16`."""
    pes = cost.rpartition("_")[2]
    good = means[means[f"accuracy_machine_{pes if pes.isdigit() else PES[0]}"] >= accuracy]
    return None if good.empty else good.sort_values(cost).iloc[0]
