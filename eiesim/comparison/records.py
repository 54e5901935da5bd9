"""The rows of a comparison's tables. Each class is one table; `COLUMNS` says what its CSV file shows of a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from eiesim.paper.speedups import EIE, GEOMEAN

FC8 = "AlexNet-FC8"
"""The authors' layer, on which the activity model is checked against Table II."""


@dataclass(frozen=True)
class Ratio:
    """A bar of a comparison: `value` times better than the CPU, dense, batch 1, of the same set of baselines.

    layer: its name, or `geomean`. machine: CPU, GPU, mGPU or EIE. series: the name of the bars of this kind.
    basis: published, simulated, measured or estimated (energy from a TDP is estimated).
    printed: the paper's figure. within_rounding: whether the paper's own tables give that figure. Both are None where
    the paper has no such bar. low, high: the least and most over the seeds of a synthetic layer; None for one seed.
    batch: of a measured bar; None for EIE, which takes one input after the other. kind: the series without its batch.
    precision: of the weights; below float32 it is not the same product.
    """

    COLUMNS: ClassVar = ("layer", "series", "basis", "value", "printed", "within_rounding", "note", "low", "high")
    MEASURED_COLUMNS: ClassVar = (*COLUMNS, "batch", "precision")

    layer: str
    machine: str
    series: str
    basis: str
    value: float
    printed: float | None = None
    within_rounding: bool | None = None
    note: str = ""
    low: float | None = None
    high: float | None = None
    batch: int | None = None
    kind: str = ""
    precision: str = "float32"

    @property
    def name(self) -> str:
        """What it is called among the bars of one batch."""
        return self.kind or self.series

    @property
    def is_eie(self) -> bool:
        """Whether the bar is one of EIE's, published or simulated."""
        return self.machine == EIE

    @property
    def is_mean(self) -> bool:
        """Whether the bar is the geometric mean over the layers."""
        return self.layer == GEOMEAN


def by_batch(rows: Sequence[Ratio]) -> dict[int | None, list[Ratio]]:
    """The bars of each batch, with those that are of none; all under None where there are no batches."""
    batches: dict[int | None, None] = dict.fromkeys(row.batch for row in rows if row.batch is not None) or {None: None}
    return {batch: [row for row in rows if row.batch in (batch, None)] for batch in batches}


@dataclass(frozen=True)
class EieRow:
    """The simulated machine on a layer, beside Table IV; None where Table IV does not have the layer.

    time_difference: (simulated - published) / published. energy_published_uj: Table II's power times the time.
    seeds: of a synthetic layer; times and energies are means over them, low and high the least and the most (None for
    one seed); what else there is is the first seed's.
    """

    COLUMNS: ClassVar = (
        "layer", "cycles", "time_us", "table4_time_us", "time_difference", "theoretical_us", "table4_theoretical_us",
        "energy_model", "energy_uj", "power_w", "energy_published_uj", "frames_per_s", "frames_per_j", "gops",
        "dense_equivalent_gops", "seeds", "time_us_low", "time_us_high", "energy_uj_low", "energy_uj_high",
    )  # fmt: skip

    layer: str
    cycles: float
    time_us: float
    table4_time_us: float | None
    theoretical_us: float
    table4_theoretical_us: float | None
    energy_model: str
    energy_uj: float
    power_w: float
    energy_published_uj: float
    gops: float
    dense_equivalent_gops: float
    seeds: int = 1
    time_us_low: float | None = None
    time_us_high: float | None = None
    energy_uj_low: float | None = None
    energy_uj_high: float | None = None

    @property
    def time_difference(self) -> float | None:
        """Of the simulated from the published time, as a share of the published one."""
        return None if self.table4_time_us is None else self.time_us / self.table4_time_us - 1

    @property
    def frames_per_s(self) -> float:
        """Frames a second."""
        return 1e6 / self.time_us

    @property
    def frames_per_j(self) -> float:
        """Frames a joule."""
        return 1e6 / self.energy_uj


@dataclass(frozen=True)
class ModuleRow:
    """Power of one module of one PE in milliwatts; energies are of all PEs, None where only the power is known."""

    COLUMNS: ClassVar = ("of", "basis", "energy_model", "module", "power_mw", "energy_uj", "leakage_uj")

    of: str
    basis: str
    module: str
    power_mw: float
    energy_model: str | None = None
    energy_uj: float | None = None
    leakage_uj: float | None = None


@dataclass(frozen=True)
class WaterfallRow:
    """A step of a layer's savings.

    energy_uj: of fetching the weights after the step. saving: the energy before the step over that after it; below 1
    the step costs energy. paper_saving: the saving that the paper names, None where it names none.
    """

    COLUMNS: ClassVar = ("layer", "step", "energy_uj", "saving", "paper_saving")

    layer: str
    step: str
    energy_uj: float
    saving: float
    paper_saving: float | None


@dataclass(frozen=True)
class AreaRow:
    """Area of a module of all PEs in square millimetres. basis: published (Table II) or modelled (CACTI)."""

    COLUMNS: ClassVar = ("machine", "basis", "module", "area_mm2")

    pes: int
    basis: str
    module: str
    area_mm2: float

    @property
    def machine(self) -> str:
        """What the machine is called in the table."""
        return f"{'Table II' if self.basis == 'published' else 'model'}, {self.pes} {'PE' if self.pes == 1 else 'PEs'}"
