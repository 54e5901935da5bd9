"""What the reproduction shows: rows with a published figure and ours beside it, and the errors between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

UNIFORM, VARIED, FC8 = "uniform", "variation 0.15", "AlexNet-FC8 dump"
VARIATIONS: Mapping[str, float] = {UNIFORM: 0.0, VARIED: 0.15}
"""The synthetic layers: independent weights, and densities as uneven as those of real layers (not fitted)."""


@dataclass(frozen=True)
class Spread:
    """A figure over seeds; least and most are the mean where there is one value."""

    mean: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """From at least one value."""
        return cls(fmean(values), min(values), max(values), len(values))


@dataclass(frozen=True)
class ItemRow:
    """One figure. quantity: with its unit. at: where on the figure's axis; empty in a table.

    published: as printed; a text for what is no number, None for what was never published. published_basis:
    published, derived (from other published figures), or empty. ours: by series. our_basis: simulated, estimated
    (energy and area), derived (from published figures), or input (the paper's own figure, taken over).
    """

    item: str
    quantity: str
    published: float | str | None
    ours: Mapping[str, Spread] = field(default_factory=dict)
    our_basis: str = "simulated"
    published_basis: str = "published"
    at: str = ""
    note: str = ""

    def error(self, series: str) -> float | None:
        """(ours - published) / published, as a share; None where one of them is missing, or ours is no reproduction."""
        if self.our_basis == "input" or series not in self.ours or not isinstance(self.published, int | float):
            return None
        return self.ours[series].mean / self.published - 1 if self.published else None


@dataclass(frozen=True)
class PaperItem:
    """A table or figure of the paper. key: `table_4`, `fig_8`; series: ours, in order; text: what to know of it."""

    key: str
    title: str
    rows: tuple[ItemRow, ...]
    series: tuple[str, ...]
    text: tuple[str, ...] = ()

    def records(self) -> list[dict[str, Any]]:
        """The rows for a CSV file; see `columns`."""
        return [self._record(row) for row in self.rows]

    def _record(self, row: ItemRow) -> dict[str, Any]:
        cells: dict[str, Any] = {
            "item": row.item,
            "at": row.at,
            "quantity": row.quantity,
            "published": row.published,
            "published_basis": "" if row.published is None else row.published_basis,
            "our_basis": row.our_basis if row.ours else "",
            "note": row.note,
        }
        for series, spread in row.ours.items():
            name = column_name(series)
            cells |= {f"{name}_mean": spread.mean, f"{name}_least": spread.least, f"{name}_most": spread.most}
            cells |= {f"{name}_seeds": spread.count, f"{name}_error": row.error(series)}
        return cells

    def columns(self) -> list[str]:
        """Names of the CSV's columns."""
        ours = [
            f"{column_name(series)}_{part}"
            for series in self.series
            for part in ("mean", "least", "most", "seeds", "error")
        ]
        return ["item", "at", "quantity", "published", "published_basis", *ours, "our_basis", "note"]


def column_name(series: str) -> str:
    """`variation 0.15` as variation_0_15."""
    return "".join(letter if letter.isalnum() else "_" for letter in series).lower()


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper, checked. verdict: agrees, differs, or not checked; why: where it differs."""

    text: str
    published: str
    simulated: str
    verdict: str
    why: str = ""
