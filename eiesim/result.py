"""Results of a simulation: each layer's outputs, cycles, counters and metrics, and the result JSON.

Over a batch, plain metrics are means over the inputs, ratios are formed from summed counters, and
`max_occupancy` is the largest; `per_input` has every input's own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._version import __version__
from eiesim.config import MachineConfig
from eiesim.counters import COUNTERS, Counters, Metrics, PerPe, Run, mean
from eiesim.energy.record import Energy, EnergyModel, add_up, scaled
from eiesim.streaming import Memory

FORMAT = "eiesim-result/1"


@dataclass(frozen=True, eq=False)
class LayerResult:
    """One layer's run on one input or a batch.

    runs: one an input. batched: whether the activations came as a batch, (batch, cols).
    outputs: float32[rows] or [batch, rows] (float64 under fixed32), after the activation; None for timing only.
    fraction_bits: what fixed point used, by tensor; empty under float32.
    exceeded: one line for each memory of the machine that the layer exceeds, beginning with the memory's name.
    memory: where the weights were: resident, or streamed in tiles.
    inputs: what the layer was fed: "given", "chained" (the outputs of the layer before, or the network's own input) or
    "recorded" (its own inputs, kept when its network was compressed). vectors: input vectors that the layer has in one
    input of the whole network; the result's totals count it so often.
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
    exceeded: tuple[str, ...]
    memory: Memory
    inputs: str = "given"
    vectors: float = 1
    energy_model: EnergyModel | None = None
    no_energy: str = ""

    @cached_property
    def metrics(self) -> Metrics:
        """All inputs added up."""
        waiting, loaded_bytes = self.memory.waiting_cycles, self.memory.loaded_bytes
        return Metrics.of(self.runs, self.rows * self.cols, self.config, waiting, loaded_bytes)

    @cached_property
    def per_input(self) -> tuple[Metrics, ...]:
        """Each input's own metrics; what streaming weights cost is shared by all inputs alike."""
        inputs, dense_macs = len(self.runs), self.rows * self.cols
        waiting = mean(self.memory.waiting_cycles, inputs) if self.memory.waiting_cycles else 0
        loaded_bytes = self.memory.loaded_bytes / inputs
        return tuple(Metrics.of([run], dense_macs, self.config, waiting, loaded_bytes) for run in self.runs)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is amiss, one line each: memories exceeded, and why there is no energy."""
        return (*self.exceeded, *([self.no_energy] if self.no_energy else []))

    @property
    def cycles(self) -> float:
        """Cycles until the last result is written; the mean over a batch."""
        return mean(self.metrics.cycles, len(self.runs))

    @property
    def scan_last(self) -> float:
        """The cycle in which the scan ends; the mean over a batch."""
        return mean(self.metrics.scan_last, len(self.runs))

    @property
    def time_us(self) -> float:
        """Time in microseconds; the mean over a batch."""
        return self.metrics.time_us

    @cached_property
    def energy(self) -> Energy | None:
        """Energy by module; the mean over a batch. None where `no_energy` says why."""
        return self._energy_of(self.metrics)

    def _energy_of(self, metrics: Metrics) -> Energy | None:
        return None if self.energy_model is None else self.energy_model.estimate(metrics, self.rows, self.cols)

    @cached_property
    def energy_per_input(self) -> tuple[Energy | None, ...]:
        """Each input's own energy."""
        return tuple(self._energy_of(metrics) for metrics in self.per_input)

    @cached_property
    def counters(self) -> Counters:
        """Counters summed over PEs; means over a batch, `max_occupancy` the largest."""
        return Counters(**self.metrics.to_dict()["counters"])

    @cached_property
    def per_pe(self) -> PerPe:
        """Counters by PE: int64[pes], or [batch, pes]."""
        stacks = {part.name: np.stack([getattr(run.per_pe, part.name) for run in self.runs]) for part in fields(PerPe)}
        return PerPe(**{name: stack if self.batched else stack[0] for name, stack in stacks.items()})

    @property
    def mean_per_pe(self) -> PerPe:
        """Counters by PE, [pes]: means over a batch, `max_occupancy` the largest."""
        stacks = {name: np.atleast_2d(values) for name, values in vars(self.per_pe).items()}
        mean_of = {name: stack.mean(axis=0) for name, stack in stacks.items()}
        return PerPe(**{**mean_of, "max_occupancy": stacks["max_occupancy"].max(axis=0)})

    def to_dict(self, per_pe: bool = False) -> dict[str, Any]:
        """This layer's part of the result JSON. per_pe: with the counters of every PE."""
        head = {"name": self.name, "rows": self.rows, "cols": self.cols, "nnz": self.nnz, "pes": self.config.pes}
        tail = {"warnings": list(self.warnings), "fraction_bits": dict(self.fraction_bits)}
        batch = {}
        if self.batched:
            inputs = zip(self.per_input, self.energy_per_input, strict=True)
            batch["batch"] = _by_key([{**metrics.to_dict(), **_energy_dict(energy)} for metrics, energy in inputs])
        pes = {"per_pe": {name: values.tolist() for name, values in vars(self.per_pe).items()}} if per_pe else {}
        return {
            **head,
            **self.metrics.to_dict(),
            **_energy_dict(self.energy),
            "memory": self.memory.to_dict(),
            "inputs": self.inputs,
            "vectors": self.vectors,
            **tail,
            **batch,
            **pes,
        }


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
    """What `simulate` gives back: a layer's result, or several layers' in a row. Totals are sums over layers.

    Where layers ran each by itself (`simulate_each`), totals are of one input of the whole network: each layer's mean
    counts as often as the layer has input vectors in it.
    """

    layers: tuple[LayerResult, ...]
    config: MachineConfig
    engine: str

    def _total(self, of: Callable[[LayerResult], float]) -> float:
        return sum(of(layer) * layer.vectors for layer in self.layers)

    @property
    def in_a_row(self) -> bool:
        """Whether all layers had the same inputs, one after the other."""
        return all(layer.inputs == "chained" for layer in self.layers[1:])

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
        every = [scaled(layer.energy, layer.vectors) for layer in self.layers if layer.energy is not None]
        return add_up(every) if len(every) == len(self.layers) else None

    @property
    def outputs(self) -> npt.NDArray[Any] | None:
        """The last layer's outputs."""
        return self.layers[-1].outputs

    @property
    def counters(self) -> Counters:
        """Counters of all layers, summed over PEs; `max_occupancy` is the largest."""
        every = [layer.counters for layer in self.layers]
        return Counters(**{name: _over_layers(name, every, self.layers) for name in COUNTERS})

    @property
    def per_pe(self) -> PerPe:
        """Counters of all layers by PE: int64[pes], or [batch, pes]; means, [pes], where layers ran by themselves."""
        every = [layer.per_pe if self.in_a_row else layer.mean_per_pe for layer in self.layers]
        return PerPe(**{part.name: _over_layers(part.name, every, self.layers) for part in fields(PerPe)})

    @property
    def warnings(self) -> tuple[str, ...]:
        """Memories that layers exceed, each with its layer's name; and why there is no energy, once."""
        exceeded = [f"{layer.name}: {line}" for layer in self.layers for line in layer.exceeded]
        return (*exceeded, *dict.fromkeys(layer.no_energy for layer in self.layers if layer.no_energy))

    def to_dict(self, per_pe: bool = False) -> dict[str, Any]:
        """The result JSON as a dictionary (docs/formats.md). per_pe: with the counters of every PE."""
        total: dict[str, Any] = {"cycles": self.cycles, "time_us": self.time_us}
        energy = self.energy
        if energy is not None:
            total["energy_uj"] = energy.total_uj
        if self.in_a_row and self.layers[0].batched:
            per_input = list(zip(*(layer.per_input for layer in self.layers), strict=True))
            total["batch"] = {
                "cycles": [sum(metrics.cycles for metrics in one) for one in per_input],
                "time_us": [sum(metrics.time_us for metrics in one) for one in per_input],
            }
            if energy is not None:
                energies = zip(*(layer.energy_per_input for layer in self.layers), strict=True)
                total["batch"]["energy_uj"] = [sum(part.total_uj for part in one if part) for one in energies]
        return {
            "format": FORMAT,
            "eiesim": __version__,
            "engine": self.engine,
            "config": self.config.to_dict(),
            "layers": [layer.to_dict(per_pe) for layer in self.layers],
            "total": total,
        }

    def to_json(self, accuracy: float | None = None, per_pe: bool = False) -> str:
        """The result JSON as text. accuracy: the share of inputs recognised, where labels were given."""
        import json

        extra = {} if accuracy is None else {"accuracy": accuracy}
        return json.dumps({**self.to_dict(per_pe), **extra}, indent=1, allow_nan=False)


def _over_layers(name: str, parts: Sequence[Any], layers: Sequence[LayerResult]) -> Any:
    values = [getattr(part, name) for part in parts]
    if name != "max_occupancy":
        return sum(value * layer.vectors for value, layer in zip(values, layers, strict=True))
    return np.maximum.reduce(values) if isinstance(values[0], np.ndarray) else max(values)
