"""What a million rows come to: a line a machine, its fronts, and how much each key matters."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from eiesim.sweeps.networks import area_of
from studies.million.machines import AXES, MACHINES

PUBLISHED = {
    "pes": 64, "mapping": "interleaved", "queue_depth": 8, "spmat_width": 64, "multipliers": 1, "arithmetic": "fixed16",
    "spmat_bytes": 131072, "pointer_bytes": 32768,
}  # fmt: skip
COSTS = ("time", "energy", "area")
"""Multiples of the published machine's: geometric means over the nine layers; the area counts once."""

KEYS = tuple(AXES)
LAYERS = 9
Floats = npt.NDArray[np.float64]


def machines(parquet: Path) -> pd.DataFrame:
    """A line a machine: keys, costs, and how many of the layers it holds. The file is read a row group at a time."""
    time, energy = np.zeros(MACHINES), np.zeros(MACHINES)
    holds = np.zeros(MACHINES, np.int64)
    at = 0
    one_layer: list[pd.DataFrame] = []
    for group in _groups(parquet, [*KEYS, "time_us", "energy_total_uj", "memory_fits"]):
        while len(group):
            some = group[: MACHINES - at % MACHINES]
            group = group[len(some) :]
            if at < MACHINES:
                one_layer.append(some[list(KEYS)])
            here = slice(at % MACHINES, at % MACHINES + len(some))
            time[here] += np.log(some["time_us"].to_numpy())
            energy[here] += np.log(some["energy_total_uj"].to_numpy())
            holds[here] += some["memory_fits"].to_numpy()
            at += len(some)
    layers = at // MACHINES
    table = pd.concat(one_layer, ignore_index=True)
    published = np.flatnonzero((table[list(PUBLISHED)] == pd.Series(PUBLISHED)).all(axis=1))[0]
    for name, logs in (("time", time), ("energy", energy)):
        table[name] = np.exp((logs - logs[published]) / layers)
    table["area"] = _areas(table)
    table["area"] /= table["area"][published]
    table["holds"] = holds
    return table


def _groups(parquet: Path, columns: list[str]) -> Iterator[pd.DataFrame]:
    from pyarrow import parquet as reading

    with reading.ParquetFile(parquet) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns).to_pandas()


def _areas(table: pd.DataFrame) -> Floats:
    from eiesim.config import MachineConfig

    base = MachineConfig().model_dump()
    found: dict[tuple[Any, ...], float] = {}
    areas = np.empty(len(table))
    keys = [key for key in KEYS if key != "mapping"]
    for place, line in enumerate(table[keys].itertuples(index=False, name=None)):
        if line not in found:
            area = area_of({**base, **dict(zip(keys, line, strict=True))})
            found[line] = np.nan if area is None else area
        areas[place] = found[line]
    return areas


def front(costs: Floats) -> list[int]:
    """The places of those that no other equals or beats in every cost, from the cheapest in the first.

    costs: [machines, costs]; of several that are the same the first.
    """
    found: list[int] = []
    best = np.empty((0, costs.shape[1]))
    for place in np.lexsort(costs.T[::-1]).tolist():
        if not (best <= costs[place]).all(axis=1).any():
            found.append(place)
            best = np.vstack([best, costs[place]])
    return found


def fronts(table: pd.DataFrame, layers: int = LAYERS) -> pd.DataFrame:
    """The fronts of time, energy and area among machines that hold every layer, one for each arithmetic."""
    parts = []
    for arithmetic in AXES["arithmetic"]:
        good = table[(table["holds"] == layers) & (table["arithmetic"] == arithmetic)].dropna()
        parts.append(good.iloc[front(good[list(COSTS)].to_numpy())])
    return pd.concat(parts, ignore_index=True)


def _logs(table: pd.DataFrame) -> pd.DataFrame:
    logs = pd.DataFrame({cost: np.log(table[cost].to_numpy()) for cost in COSTS})
    logs["energy x time"] = logs["energy"] + logs["time"]
    return logs


def shares(table: pd.DataFrame) -> pd.DataFrame:
    """How much of the variance of each cost's logarithm a key explains by itself; the grid is complete, so they add up.

    `together`: what no key explains by itself. A row a key.
    """
    logs = _logs(table)
    total = logs.var(ddof=0)
    found = {key: logs.groupby(table[key]).mean().var(ddof=0) / total for key in KEYS}
    lines = pd.DataFrame(found).T
    lines.loc["together"] = 1 - lines.sum()
    return lines


def spans(table: pd.DataFrame) -> pd.DataFrame:
    """By how much a key moves each cost: the largest over the smallest of its values' geometric means. A row a key."""
    logs = _logs(table)
    means = {key: logs.groupby(table[key]).mean() for key in KEYS}
    return pd.DataFrame({key: np.exp(mean.max() - mean.min()) for key, mean in means.items()}).T
