"""How figures of docs/what-ifs.md are shown."""

import pandas as pd

from studies.what_ifs import found
from studies.what_ifs.digits import AUTOMATIC


def times(value: float) -> str:
    """A multiple."""
    return f"{value:.2f}"


def more(ratio: float) -> str:
    """In per cent, with its sign."""
    return f"{100 * (ratio - 1):+.0f} %".replace("-", "−")


def machine(pes: float, multipliers: float) -> str:
    """Such as 64 x 2."""
    return f"{pes:.0f} x {multipliers:.0f}"


def best(rows: pd.DataFrame, cost: str) -> str:
    """The machine of least cost."""
    row = rows.sort_values(cost).iloc[0]
    return machine(row["pes"], row["multipliers"])


def of_rounding(rounding: pd.DataFrame, arithmetic: str, way: str, bits: object = AUTOMATIC) -> pd.DataFrame:
    """The rows of a number format and a rounding."""
    return found.chosen(rounding, arithmetic=arithmetic, rounding=way, output_frac=str(bits))


def recognised(rounding: pd.DataFrame, arithmetic: str, way: str, bits: object = AUTOMATIC) -> str:
    """The mean accuracy of a number format and a rounding."""
    return f"{of_rounding(rounding, arithmetic, way, bits)['accuracy'].mean():.1%}"
