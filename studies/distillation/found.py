"""What the table holds, by way and density; and which differences are larger than the spread."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

ACCURACY = "accuracy_machine_16"


class Runs:
    """The single runs of results.csv."""

    def __init__(self, path: Path) -> None:
        self.table = pd.read_csv(path).sort_values("seed")
        self._groups = dict(iter(self.table.groupby(["label", "asked"])))

    def of(self, label: str, asked: float, column: str = ACCURACY) -> npt.NDArray[np.float64]:
        """A column's values, a seed after the other; empty where there are none."""
        group = self._groups.get((label, asked))
        return np.empty(0) if group is None else group[column].to_numpy(np.float64)

    def mean(self, label: str, asked: float, column: str = ACCURACY) -> float:
        """Over the seeds; not a number where there are none."""
        found = self.of(label, asked, column)
        return float(found.mean()) if found.size else float("nan")

    def spread(self, label: str, asked: float, column: str = ACCURACY) -> float:
        """Standard deviation over the seeds, of a sample (n - 1); not a number of fewer than two."""
        found = self.of(label, asked, column)
        return float(found.std(ddof=1)) if found.size > 1 else float("nan")

    @property
    def seeds(self) -> list[int]:
        return sorted(self.table["seed"].unique().tolist())


@dataclass(frozen=True)
class Difference:
    """Two means as the page shows them, accuracies in percent, and whether one is called greater.

    It is where it is in every seed, both on the same digits, and where the means differ by more than the spreads of
    both together.
    """

    before: float
    after: float
    spreads: float
    signs: frozenset[float]

    @classmethod
    def between(
        cls, runs: Runs, before: tuple[str, float], after: tuple[str, float], column: str = ACCURACY
    ) -> "Difference":
        """Of two ways, each with its density."""
        percent = column.startswith("accuracy")

        def shown(value: float) -> float:
            return round(100 * value, 1) if percent else float(np.round(value))

        one, other = runs.of(*before, column), runs.of(*after, column)
        signs = frozenset(np.sign(other - one).tolist()) if one.size == other.size else frozenset()
        spreads = sum(shown(runs.spread(*of, column)) for of in (before, after))
        return cls(shown(runs.mean(*before, column)), shown(runs.mean(*after, column)), spreads, signs)

    @property
    def points(self) -> float:
        return round(self.after - self.before, 1)

    @property
    def known(self) -> bool:
        """Whether both have runs of several seeds."""
        return bool(np.isfinite([self.before, self.after, self.spreads]).all())

    @property
    def clear(self) -> bool:
        return self.known and self.signs in ({1.0}, {-1.0}) and abs(self.points) > round(self.spreads, 1)
