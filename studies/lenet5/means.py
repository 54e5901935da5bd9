"""Means over the seeds, of a layer or of a whole digit, as numbers and as a page shows them."""

from functools import cached_property
from pathlib import Path

import pandas as pd

from studies.lenet5.cells import LAYERS, PES, published

PER_VECTOR = tuple(f"{name}_{pes}" for pes in PES for name in ("cycles", "energy_nj"))
"""Columns of one input vector, of which a digit has several."""


class Numbers:
    """Of a table of results."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows = rows
        digits = rows.copy()
        for column in PER_VECTOR:
            digits[column] *= digits["vectors"]
        self._layers = rows.groupby(["label", "layer"]).mean(numeric_only=True).to_dict("index")
        by_seed = digits.groupby(["label", "seed"])[
            ["kept", "dense_bytes", "huffman_bytes", "coded_bytes", "bytes_published_bits", *PER_VECTOR]
        ].sum()
        self._digits = by_seed.groupby("label").mean().to_dict("index")

    @classmethod
    def read(cls, path: Path) -> "Numbers":
        """Of results.csv."""
        return cls(pd.read_csv(path))

    @cached_property
    def seeds(self) -> int:
        """How many there are."""
        return int(self.rows["seed"].nunique())

    @property
    def minutes(self) -> float:
        """Of processor time, all runs together; a run's rows each have its seconds."""
        return float(self.rows[self.rows["layer"] == LAYERS[0]]["seconds"].sum()) / 60

    def has(self, *labels: str) -> bool:
        """Whether every one of the ways was run."""
        return set(labels) <= set(self.rows["label"])

    def layer(self, label: str, layer: str, column: str) -> float:
        """Of one layer, a mean over the seeds."""
        return float(self._layers[label, layer][column])

    def total(self, label: str, column: str) -> float:
        """Of all layers together, a digit's worth."""
        return float(self._digits[label][column])

    def share(self, label: str, stage: str) -> float:
        """What is recognised."""
        return float(self.rows[self.rows["label"] == label][f"accuracy_{stage}"].mean())

    def spread(self, label: str, stage: str) -> float:
        """Its standard deviation over the seeds."""
        of = self.rows[self.rows["label"] == label]
        return float(of.groupby("seed")[f"accuracy_{stage}"].first().std(ddof=0))

    def accuracy(self, label: str, stage: str = "shared") -> str:
        """The same in words."""
        return f"{self.share(label, stage):.1%}"

    def bytes(self, label: str, column: str = "coded_bytes", layers: tuple[str, ...] = LAYERS) -> float:
        """Of some layers together."""
        return sum(self.layer(label, layer, column) for layer in layers)

    def kb(self, label: str, column: str = "coded_bytes", layers: tuple[str, ...] = LAYERS) -> str:
        """Thousands of bytes of some layers."""
        return f"{self.bytes(label, column, layers) / 1000:.1f}"

    def smaller(self, label: str, column: str = "coded_bytes", layers: tuple[str, ...] = LAYERS) -> str:
        """How many times smaller than float32 some layers are."""
        return f"{self.bytes(label, 'dense_bytes', layers) / self.bytes(label, column, layers):.0f}x"

    def cycles(self, label: str, pes: int) -> str:
        """Of a digit."""
        return f"{self.total(label, f'cycles_{pes}'):,.0f}"

    def energy(self, label: str, pes: int) -> str:
        """Of a digit, in µJ."""
        return f"{self.total(label, f'energy_nj_{pes}') / 1000:.1f}"

    def of_cycles(self, label: str, layers: tuple[str, ...], pes: int) -> str:
        """The share of a digit's cycles that some layers take."""
        taken = sum(self.layer(label, one, f"cycles_{pes}") * self.layer(label, one, "vectors") for one in layers)
        return f"{taken / self.total(label, f'cycles_{pes}'):.0%}"


def published_bytes(layer: str, column: str = "size_percent_huffman") -> float:
    """Deep Compression's bytes of a layer: its printed share of 32 bits a weight."""
    table = published()
    return float(table.loc[layer, column] / 100 * 4 * table.loc[layer, "weights"])
