"""What the tables say: means over seeds, machines relative to the published one, the price of blocks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from eiesim import MachineConfig
from eiesim.workloads import TABLE_III
from studies.what_ifs.machines import (
    DIVIDED,
    FC8,
    MODULES,
    MULTIPLIERS,
    NETWORK,
    NETWORK_LAYERS,
    PES,
    SHUFFLED,
    STORED,
)

NINE = tuple(TABLE_III)
WORKLOADS = (*NINE, NETWORK)
"""Whose machines are compared; the authors' AlexNet-FC8 joins only where mappings are."""

LAYERS = (*NINE, FC8, *NETWORK_LAYERS)
COSTS = ("time_us", "energy_uj", "edp")
MACHINE = ["memory", "pes", "multipliers"]


def read(path: Path) -> pd.DataFrame:
    """machines.csv with `time_us` and the network's layers under their own names in `layer`."""
    table = pd.read_csv(path)
    table["time_us"] = table["cycles"] / MachineConfig().clock_mhz
    table["layer"] = table["layer"].where(table["workload"] == NETWORK, table["workload"])
    return table


def machines(table: pd.DataFrame) -> pd.DataFrame:
    """One row a workload, memory and machine, means over seeds; a network's is the sum of its layers.

    `edp` is energy x time, microjoules x microseconds. `relative_*` is as a multiple of the published machine's.
    `ported_uj` is the energy if an access of ActRW cost as many times as much as there are multipliers.
    """
    wanted = (table["order"] == STORED) & (table["mapping"] == "interleaved") & table["workload"].isin(WORKLOADS)
    figures = ["time_us", "energy_uj", *(f"{module}_uj" for module in MODULES)]
    of_layers = table[wanted].groupby(["workload", "layer", *MACHINE])[[*figures, "area_mm2", *SHARES]].mean()
    groups = of_layers.reset_index().groupby(["workload", *MACHINE])
    found = groups[figures].sum().join(groups[["area_mm2", *SHARES]].mean()).reset_index()
    found["edp"] = found["energy_uj"] * found["time_us"]
    found["ported_uj"] = found["energy_uj"] + (found["multipliers"] - 1) * found["act_rw_uj"]
    published = found[is_machine(found, MachineConfig().pes, 1)].set_index("workload")
    for cost in COSTS:
        found[f"relative_{cost}"] = found[cost] / found["workload"].map(published[cost])
    found["relative_ported_uj"] = found["ported_uj"] / found["workload"].map(published["energy_uj"])
    return found


SHARES = ("load_balance", "alu_efficiency")


def over_nine(found: pd.DataFrame, memory: str = DIVIDED) -> pd.DataFrame:
    """One row a machine: geometric means over the nine layers of what is relative, plain means of shares and area.

    `multipliers_in_all` is PEs x multipliers. Sorted by it, thin PEs first.
    """
    groups = found[found["workload"].isin(NINE) & (found["memory"] == memory)].groupby(["pes", "multipliers"])
    relative = [name for name in found.columns if name.startswith("relative_")]
    means = groups[relative].agg(geometric_mean).join(groups[["area_mm2", *SHARES]].mean()).reset_index()
    means["multipliers_in_all"] = means["pes"] * means["multipliers"]
    return means.sort_values(["multipliers_in_all", "multipliers"], ignore_index=True)


def geometric_mean(values: "pd.Series[float]") -> float:
    """Of positive values."""
    return float(np.exp(np.log(values).mean()))


def is_machine(rows: pd.DataFrame, pes: int, multipliers: int, memory: str = DIVIDED) -> "pd.Series[bool]":
    """Which rows are of a machine; those without a memory column count as the divided one's."""
    chosen = (rows["pes"] == pes) & (rows["multipliers"] == multipliers)
    return chosen & (rows["memory"] == memory) if "memory" in rows else chosen


def at(means: pd.DataFrame, pes: int, multipliers: int) -> "pd.Series[float]":
    """The row of a machine."""
    return means[is_machine(means, pes, multipliers)].iloc[0]


def equals(multipliers_in_all: int) -> list[tuple[int, int]]:
    """The study's machines with so many multipliers in all, thin PEs first: (PEs, multipliers)."""
    return [(multipliers_in_all // each, each) for each in MULTIPLIERS if multipliers_in_all // each in PES]


def blocks(table: pd.DataFrame) -> pd.DataFrame:
    """Blocked against interleaved, one row a layer, order and PE count: means over seeds.

    `ratio`: of the cycles, blocked / interleaved; `energy_ratio`: of the energies. `interleaved`, `blocked`: load
    balances.
    """
    wanted = (table["multipliers"] == 1) & (table["memory"] == DIVIDED)
    names = ["layer", "order", "pes"]
    means = table[wanted].groupby([*names, "mapping"])[["cycles", "energy_uj", "load_balance"]].mean().unstack()
    found = pd.DataFrame(
        {
            "ratio": means["cycles"]["blocked"] / means["cycles"]["interleaved"],
            "energy_ratio": means["energy_uj"]["blocked"] / means["energy_uj"]["interleaved"],
            "interleaved": means["load_balance"]["interleaved"],
            "blocked": means["load_balance"]["blocked"],
        }
    )
    return found.reset_index()


def shuffles(table: pd.DataFrame, layer: str, pes: int) -> "pd.Series[float]":
    """blocked / interleaved of a real layer in each of its orders at random, least first."""
    rows = chosen(table, layer=layer, order=SHUFFLED, pes=pes).pivot(index="seed", columns="mapping", values="cycles")
    return (rows["blocked"] / rows["interleaved"]).sort_values(ignore_index=True)


def chosen(rows: pd.DataFrame, **values: object) -> pd.DataFrame:
    """The rows that have all these values."""
    for name, value in values.items():
        rows = rows[rows[name] == value]
    return rows


def ratios(found: pd.DataFrame, layers: Sequence[str], order: str, pes: int) -> "pd.Series[float]":
    """blocked / interleaved by layer, of the layers that are there."""
    rows = chosen(found, order=order, pes=pes).set_index("layer")["ratio"]
    return rows[[layer for layer in layers if layer in rows.index]]
