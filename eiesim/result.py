"""Results: counters, the figures derived from them (spec/machine.md, "Derived figures"), and their JSON.

Over a batch, plain figures are means over the inputs, ratios are formed from summed counters, and
`max_occupancy` is the largest; `per_input` has every input's own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim import __version__
from eiesim.config import MachineConfig
from eiesim.energy.record import Energy, EnergyModel, add_up
from eiesim.engines.job import PerPe, Run

FORMAT = "eiesim-result/1"


@dataclass(frozen=True)
class Counters:
    """Counters of spec/machine.md, summed over PEs; `max_occupancy` is the largest. Means may be fractions."""

    broadcasts: float
    scan_bubbles: float
    broadcast_stalls: float
    pointer_reads: float
    empty_columns: float
    spmat_row_reads: float
    entries: float
    padding_entries: float
    macs: float
    bypasses: float
    queue_pushes: float
    queue_pops: float
    max_occupancy: float
    accumulator_reads: float
    accumulator_writes: float
    busy_real: float
    busy_padding: float
    busy_empty: float
    starved: float

    @classmethod
    def of(cls, run: Run) -> "Counters":
        """One input's counters, whole numbers."""
        scan = {name: int(getattr(run, name)) for name in ("broadcasts", "scan_bubbles", "broadcast_stalls")}
        sums = {part.name: int(getattr(run.per_pe, part.name).sum()) for part in fields(PerPe)}
        return cls(**{**scan, **sums, "max_occupancy": int(run.per_pe.max_occupancy.max())})


COUNTERS = tuple(part.name for part in fields(Counters))


@dataclass(frozen=True)
class Figures:
    """What one or more runs of a layer add up to, and what follows from it. cycles, counters: sums over `runs` runs.

    A ratio with nothing below the line is 0.
    """

    runs: int
    cycles: int
    scan_last: int
    counters: Counters
    dense_macs: int
    config: MachineConfig

    def _us(self, cycles: float) -> float:
        return cycles / self.config.clock_mhz / self.runs

    @property
    def time_us(self) -> float:
        """Mean time of a run: cycles / clock."""
        return self._us(self.cycles)

    @property
    def theoretical_us(self) -> float:
        """Mean time with perfect load balance, padding included: entries / PEs / clock (Table IV, "theoretical")."""
        return self._us(self.counters.entries / self.config.pes)

    @property
    def load_balance(self) -> float:
        """Share of PE-cycles that walk an entry (Fig. 13)."""
        return _ratio(self.counters.entries, self.cycles * self.config.pes)

    @property
    def alu_efficiency(self) -> float:
        """Share of PE-cycles that do a real multiply-accumulate."""
        return _ratio(self.counters.macs, self.cycles * self.config.pes)

    @property
    def real_work(self) -> float:
        """Share of entries that are not padding (Fig. 12)."""
        return _ratio(self.counters.macs, self.counters.entries)

    @property
    def gops(self) -> float:
        """Operations really done, two a multiply-accumulate, in 10**9 a second."""
        return _ratio(2 * self.counters.macs / self.runs, self.time_us * 1e3)

    @property
    def dense_equivalent_gops(self) -> float:
        """What a dense machine would have to do to be as fast, in 10**9 operations a second."""
        return _ratio(2 * self.dense_macs, self.time_us * 1e3)

    def to_dict(self) -> dict[str, Any]:
        """The layer's figures under the result JSON's keys; means where there is more than one run."""
        counters = {name: getattr(self.counters, name) for name in COUNTERS}
        means = {n: value if n == "max_occupancy" else _mean(value, self.runs) for n, value in counters.items()}
        names = (
            "time_us",
            "theoretical_us",
            "load_balance",
            "alu_efficiency",
            "real_work",
            "gops",
            "dense_equivalent_gops",
        )
        derived = {name: getattr(self, name) for name in names}
        return {
            "cycles": _mean(self.cycles, self.runs),
            "scan_last": _mean(self.scan_last, self.runs),
            "counters": means,
            **derived,
        }


def _ratio(above: float, below: float) -> float:
    return above / below if below else 0.0


def _mean(total: float, runs: int) -> float:
    return total if runs == 1 else total / runs


def _add_up(runs: Sequence[Run], dense_macs: int, config: MachineConfig) -> Figures:
    every = [Counters.of(run) for run in runs]
    sums = {name: sum(getattr(counters, name) for counters in every) for name in COUNTERS}
    sums["max_occupancy"] = max(counters.max_occupancy for counters in every)
    return Figures(
        runs=len(runs),
        cycles=sum(int(run.cycles) for run in runs),  # without the JIT, kernels give numpy's whole numbers
        scan_last=sum(int(run.scan_last) for run in runs),
        counters=Counters(**sums),
        dense_macs=dense_macs,
        config=config,
    )


@dataclass(frozen=True, eq=False)
class LayerResult:
    """One layer's run on one input or a batch.

    runs: one an input. batched: whether the activations came as a batch, (batch, cols).
    outputs: float32[rows] or [batch, rows] (float64 under fixed32), after the activation; None for timing only.
    fraction_bits: what fixed point used, by tensor; empty under float32.
    energy_model: what `energy` comes from; None where no model covers the machine, and `no_energy` says why.
    """

    name: str
    rows: int
    cols: int
    nnz: int
    config: MachineConfig
    engine: str
    runs: tuple[Run, ...]
    batched: bool
    outputs: npt.NDArray[Any] | None
    fraction_bits: dict[str, int]
    warnings: tuple[str, ...]
    energy_model: EnergyModel | None = None
    no_energy: str = ""

    @cached_property
    def figures(self) -> Figures:
        """All inputs added up."""
        return _add_up(self.runs, self.rows * self.cols, self.config)

    @cached_property
    def per_input(self) -> tuple[Figures, ...]:
        """Each input's own figures."""
        return tuple(_add_up([run], self.rows * self.cols, self.config) for run in self.runs)

    @property
    def cycles(self) -> float:
        """Cycles until the last result is written; the mean over a batch."""
        return _mean(self.figures.cycles, len(self.runs))

    @property
    def scan_last(self) -> float:
        """The cycle in which the scan ends; the mean over a batch."""
        return _mean(self.figures.scan_last, len(self.runs))

    @property
    def time_us(self) -> float:
        """Time in microseconds; the mean over a batch."""
        return self.figures.time_us

    @cached_property
    def energy(self) -> Energy | None:
        """Energy by module; the mean over a batch. None where `no_energy` says why."""
        return self._energy_of(self.figures)

    def _energy_of(self, figures: Figures) -> Energy | None:
        return None if self.energy_model is None else self.energy_model.spent(figures, self.rows, self.cols)

    @cached_property
    def energy_per_input(self) -> tuple[Energy | None, ...]:
        """Each input's own energy."""
        return tuple(self._energy_of(figures) for figures in self.per_input)

    @cached_property
    def counters(self) -> Counters:
        """Counters summed over PEs; means over a batch, `max_occupancy` the largest."""
        return Counters(**self.figures.to_dict()["counters"])

    @cached_property
    def per_pe(self) -> PerPe:
        """Counters by PE: int64[pes], or [batch, pes]."""
        stacks = {part.name: np.stack([getattr(run.per_pe, part.name) for run in self.runs]) for part in fields(PerPe)}
        return PerPe(**{name: stack if self.batched else stack[0] for name, stack in stacks.items()})

    def to_dict(self) -> dict[str, Any]:
        """This layer's part of the result JSON."""
        head = {"name": self.name, "rows": self.rows, "cols": self.cols, "nnz": self.nnz, "pes": self.config.pes}
        warnings = [*self.warnings, *([self.no_energy] if self.no_energy else [])]
        tail = {"warnings": warnings, "fraction_bits": dict(self.fraction_bits)}
        batch = {}
        if self.batched:
            inputs = zip(self.per_input, self.energy_per_input, strict=True)
            batch["batch"] = _by_key([{**figures.to_dict(), **_energy_dict(energy)} for figures, energy in inputs])
        return {**head, **self.figures.to_dict(), **_energy_dict(self.energy), **tail, **batch}


def _energy_dict(energy: Energy | None) -> dict[str, Any]:
    return {} if energy is None else {"energy": energy.to_dict()}


def _by_key(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, first in rows[0].items():
        values = [row[key] for row in rows]
        table[key] = _by_key(values) if isinstance(first, dict) else values
    return table


@dataclass(frozen=True, eq=False)
class Result:
    """What `simulate` gives back: a layer's result, or several layers' in a row. Totals are sums over layers."""

    layers: tuple[LayerResult, ...]
    config: MachineConfig
    engine: str

    def _total(self, of: Callable[[LayerResult], float]) -> float:
        return sum(of(layer) for layer in self.layers)

    @property
    def cycles(self) -> float:
        """Cycles of all layers; the mean over a batch."""
        return self._total(lambda layer: layer.cycles)

    @property
    def time_us(self) -> float:
        """Time of all layers in microseconds; the mean over a batch."""
        return self._total(lambda layer: layer.time_us)

    @property
    def energy(self) -> Energy | None:
        """Energy of all layers; the mean over a batch. None where a layer has none."""
        every = [layer.energy for layer in self.layers if layer.energy is not None]
        return add_up(every) if len(every) == len(self.layers) else None

    @property
    def outputs(self) -> npt.NDArray[Any] | None:
        """The last layer's outputs."""
        return self.layers[-1].outputs

    @property
    def counters(self) -> Counters:
        """Counters of all layers, summed over PEs; `max_occupancy` is the largest."""
        return Counters(**{name: _over_layers(name, [layer.counters for layer in self.layers]) for name in COUNTERS})

    @property
    def per_pe(self) -> PerPe:
        """Counters of all layers by PE: int64[pes], or [batch, pes]."""
        every = [layer.per_pe for layer in self.layers]
        return PerPe(**{part.name: _over_layers(part.name, every) for part in fields(PerPe)})

    @property
    def warnings(self) -> tuple[str, ...]:
        """All layers' warnings, each with its layer's name."""
        return tuple(f"{layer.name}: {warning}" for layer in self.layers for warning in layer.warnings)

    def to_dict(self) -> dict[str, Any]:
        """The result JSON as a dictionary (spec/formats.md)."""
        total: dict[str, Any] = {"cycles": self.cycles, "time_us": self.time_us}
        energy = self.energy
        if energy is not None:
            total["energy_uj"] = energy.total_uj
        if self.layers[0].batched:
            per_input = list(zip(*(layer.per_input for layer in self.layers), strict=True))
            total["batch"] = {
                "cycles": [sum(figures.cycles for figures in one) for one in per_input],
                "time_us": [sum(figures.time_us for figures in one) for one in per_input],
            }
            if energy is not None:
                energies = zip(*(layer.energy_per_input for layer in self.layers), strict=True)
                total["batch"]["energy_uj"] = [sum(part.total_uj for part in one if part) for one in energies]
        return {
            "format": FORMAT,
            "eiesim": __version__,
            "engine": self.engine,
            "config": self.config.model_dump(),
            "layers": [layer.to_dict() for layer in self.layers],
            "total": total,
        }

    def to_json(self, accuracy: float | None = None) -> str:
        """The result JSON as text. accuracy: the share of inputs recognised, where labels were given."""
        import json

        extra = {} if accuracy is None else {"accuracy": accuracy}
        return json.dumps({**self.to_dict(), **extra}, indent=1, allow_nan=False)


def _over_layers(name: str, parts: Sequence[Any]) -> Any:
    values = [getattr(part, name) for part in parts]
    if name != "max_occupancy":
        return sum(values)
    return np.maximum.reduce(values) if isinstance(values[0], np.ndarray) else max(values)
