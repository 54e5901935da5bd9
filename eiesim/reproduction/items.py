"""What the reproduction shows: rows with a published figure and ours beside it, and the error between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from statistics import fmean
from typing import Any

UNIFORM, VARIED, FC8 = "uniform", "variation 0.15", "AlexNet-FC8 dump"
FC8_LAYER = "Alex-8"
"""The layer of Table III that the authors' dump of AlexNet-FC8 holds."""

VARIATIONS: Mapping[str, float] = {UNIFORM: 0.0, VARIED: 0.15}
"""The synthetic layers: independent weights, and densities as uneven as those of real layers (not fitted)."""

BOTH = (UNIFORM, VARIED)
MODEL = "eiesim"
"""The series of figures that no synthetic layer enters."""


@dataclass(frozen=True)
class Spread:
    """A figure over seeds. With one value, least and most are the mean."""

    mean: float
    least: float
    most: float
    count: int

    @classmethod
    def once(cls, value: float) -> "Spread":
        """A figure that no seed enters."""
        return cls(value, value, value, 1)

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """From at least one value."""
        return cls(fmean(values), min(values), max(values), len(values))


class Time(Enum):
    """The three figures of Table IV."""

    THEORETICAL = "theoretical"
    ACTUAL = "actual"
    IMBALANCE = "actual / theoretical"


class Agreement(Enum):
    """How simulated times agree with Table IV: mean absolute percentage errors, and the correlation of ranks."""

    MAPE_OF_MEAN = "MAPE of the mean over seeds, %"
    MAPE_OF_SEED = "MAPE of a seed, %"
    RANK = "rank correlation (Spearman)"


class Power(Enum):
    """What EIE's energy in Fig. 7 rests on."""

    TABLE_2 = "Table II power"
    ACTIVITY = "activity model"


@dataclass(frozen=True)
class BarKey:
    """A bar of Fig. 6 or 7. series: the paper's name of it. layer: its name, or the geometric mean's.

    power: of EIE's bars in Fig. 7.
    """

    series: str
    layer: str
    power: Power | None = None


@dataclass(frozen=True)
class AgreementKey:
    """A row of the correlation."""

    time: Time
    agreement: Agreement


@dataclass(frozen=True)
class AccuracyKey:
    """An accuracy of Fig. 10. network: AlexNet (published) or LeNet-300-100 (ours). arithmetic: a number format."""

    network: str
    arithmetic: str


Key = Time | BarKey | AgreementKey | AccuracyKey


@dataclass(frozen=True)
class ItemRow:
    """One figure. quantity: with its unit. at: where on the figure's axis; empty in a table.

    key: what the row is, for code that looks rows up; `quantity` and `at` are words for people and may change.
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
    key: "Key | None" = None

    def error(self, series: str) -> float | None:
        """(ours - published) / published, as a share. None where one is missing, or where ours is an input."""
        if self.our_basis == "input" or series not in self.ours or not isinstance(self.published, int | float):
            return None
        return self.ours[series].mean / self.published - 1 if self.published else None


@dataclass(frozen=True)
class PaperItem:
    """A table or figure of the paper.

    key: such as `table_4` or `fig_8`. name: what the paper calls it, such as `Table IV`. subject: what it shows; may be
    empty. series: ours, in order. text: what to know of it, a paragraph each.
    part: whether this is only a part of the table, so that its name alone is not enough.
    restates: what its printed figures follow from, such as `Table IV`; empty where they say something of their own.
    """

    key: str
    name: str
    subject: str
    rows: tuple[ItemRow, ...]
    series: tuple[str, ...]
    text: tuple[str, ...] = ()
    part: bool = False
    restates: str = ""

    @property
    def title(self) -> str:
        """Name and subject."""
        return f"{self.name}: {self.subject}" if self.subject else self.name

    @property
    def link(self) -> str:
        """What links to it say: its name, or its title where it is a part."""
        return self.title if self.part else self.name

    def row(self, key: Key) -> ItemRow:
        """The one row with this key. Raises StopIteration where there is none."""
        return next(row for row in self.rows if row.key == key)

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


SWEPT = tuple(f"fig_{number}" for number in range(8, 14))
"""The items that a sweep draws, once for each kind of synthetic layers."""


def picture_names(key: str) -> list[str]:
    """The names of an item's pictures, if it has any: one a kind of synthetic layers, or one."""
    return [f"{key}_{column_name(series)}" for series in VARIATIONS] if key in SWEPT else [key]


def column_name(series: str) -> str:
    """A series as part of a column's name: `variation 0.15` becomes variation_0_15."""
    return "".join(letter if letter.isalnum() else "_" for letter in series).lower()


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper, checked. verdict: agrees, differs, or not checked; why: where it differs."""

    text: str
    published: str
    simulated: str
    verdict: str
    why: str = ""
