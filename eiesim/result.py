"""Results of a simulation: each layer's outputs, cycles, counters and metrics, and the result JSON.

Over a batch, plain metrics are means over the inputs, ratios are formed from summed counters, and
`max_occupancy` is the largest; `per_input` has every input's own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eiesim._shown import ByContent, html_table, listed, number
from eiesim._version import __version__
from eiesim.config import MachineConfig
from eiesim.counters import COUNTERS, Counters, Metrics, PerPe, Run, mean
from eiesim.energy.record import Energy, EnergyModel, add_up, energy_cells, scaled
from eiesim.streaming import Memory

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "eiesim-result/1"


@dataclass(frozen=True, eq=False, repr=False)
class LayerResult(ByContent):
    """One layer's run on one input or a batch. Equal to another where all its parts are, arrays to the bit.

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

    @property
    def load_balance(self) -> float:
        """Share of PE-cycles that walk an entry (Fig. 13), over all inputs."""
        return self.metrics.load_balance

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

    def cells(self, metrics: Metrics | None = None, energy: Energy | None = None) -> dict[str, Any]:
        """The layer's row of a table, under the sweep table's names (docs/formats.md).

        metrics, energy: one input's own (see `per_input`, `energy_per_input`); unless given, those of all inputs.
        """
        if metrics is None:
            metrics, energy = self.metrics, self.energy
        derived = metrics.to_dict()
        counters = derived.pop("counters")
        bits = {f"fraction_bits_{name}": self.fraction_bits.get(name) for name in ("activation", "weight", "output")}
        return {
            "layer": self.name,
            "rows": self.rows,
            "cols": self.cols,
            "nnz": self.nnz,
            "weight_density": self.nnz / (self.rows * self.cols),
            "fed": self.inputs,
            "vectors": self.vectors,
            **derived,
            **counters,
            **{f"memory_{name}": int(value) for name, value in self.memory.to_dict().items()},
            **energy_cells(energy),
            **bits,
            "warnings": "; ".join(warning.partition(":")[0] for warning in self.warnings),
        }

    def to_frame(self) -> "pd.DataFrame":
        """A pandas DataFrame of this layer, a row an input; see `Result.to_frame`."""
        return Result((self,), self.config, self.engine).to_frame()

    def __repr__(self) -> str:
        return f"<LayerResult {self.name}, {self.rows} x {self.cols}: {_in_words(self)}>"

    def _repr_html_(self) -> str:
        return Result((self,), self.config, self.engine)._repr_html_()

    def to_dict(self, per_pe: bool = False) -> dict[str, Any]:
        """This layer's part of the result JSON. per_pe: with the counters of every PE."""
        head = {"name": self.name, "rows": self.rows, "cols": self.cols, "nnz": self.nnz, "pes": self.config.pes}
        tail = {"warnings": list(self.warnings), "fraction_bits": dict(self.fraction_bits)}
        batch = {}
        if self.batched:
            inputs = zip(self.per_input, self.energy_per_input, strict=True)
            batch["batch"] = _by_key([{**metrics.to_dict(), **_energy_dict(energy)} for metrics, energy in inputs])
        return {
            **head,
            **self.metrics.to_dict(),
            **_energy_dict(self.energy),
            "memory": self.memory.to_dict(),
            "inputs": self.inputs,
            "vectors": self.vectors,
            **tail,
            **batch,
            **({"per_pe": {name: values.tolist() for name, values in vars(self.per_pe).items()}} if per_pe else {}),
        }


def _energy_dict(energy: Energy | None) -> dict[str, Any]:
    return {} if energy is None else {"energy": energy.to_dict()}


def _by_key(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, first in rows[0].items():
        values = [row[key] for row in rows]
        table[key] = _by_key(values) if isinstance(first, dict) else values
    return table


@dataclass(frozen=True, eq=False, repr=False)
class Result(ByContent):
    """What `simulate` gives back: a layer's result, or several layers' in a row. Totals are sums over layers.

    accuracy: the share of inputs recognised, where their labels are known.

    Results are equal where all their parts are: configuration, engine, and each layer's runs and outputs to the bit.

    Where layers ran each by itself , totals are of one input of the whole network: each layer's mean
    counts as often as the layer has input vectors in it.
    """

    layers: tuple[LayerResult, ...]
    config: MachineConfig
    engine: str
    accuracy: float | None = None

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
    def load_balance(self) -> float:
        """Share of PE-cycles that walk an entry (Fig. 13), over all layers and inputs."""
        cycles = self.cycles
        return self.counters.entry_groups / (cycles * self.config.pes) if cycles else 0.0

    @property
    def busiest_pe(self) -> int:
        """The PE that walks the most groups of entries (entries, for one multiplier), over all layers and inputs; of
        several, the first.
        """
        return int(np.atleast_2d(self.per_pe.entry_groups).sum(axis=0).argmax())

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
            **({} if self.accuracy is None else {"accuracy": self.accuracy}),
        }

    def to_json(self, per_pe: bool = False) -> str:
        """The result JSON as text. per_pe: with the counters of every PE."""
        import json

        return json.dumps(self.to_dict(per_pe), indent=1, allow_nan=False)

    def to_frame(self) -> "pd.DataFrame":
        """A pandas DataFrame, a row a layer and input.

        Columns are those of the result JSON under the sweep table's names (`eiesim sweep --columns` explains them):
        layer, input (0 to batch - 1), sizes, cycles, times in microseconds, counters, shares, energies in microjoules,
        the configuration's keys, engine and version. Energies are missing where `warnings` says why.
        """
        import pandas as pd

        config = self.config.model_dump()
        config |= {key: str(held) for key, held in config.items() if key.endswith("_frac")}
        rows = []
        for layer in self.layers:
            for k, (metrics, energy) in enumerate(zip(layer.per_input, layer.energy_per_input, strict=True)):
                cells = layer.cells(metrics, energy)
                rows.append({"layer": cells.pop("layer"), "input": k, **cells, "engine": self.engine, **config})
        table = pd.DataFrame(rows).assign(eiesim=__version__)
        energies = [name for name in energy_cells(None) if name != "energy_model"]
        bits = [name for name in rows[0] if name.startswith("fraction_bits_")]
        return table.astype({**dict.fromkeys(energies, "float64"), **dict.fromkeys(bits, "Int64")})

    def __repr__(self) -> str:
        return f"<Result of {listed([layer.name for layer in self.layers])}: {_in_words(self)}; {self._made_by()}>"

    def _made_by(self) -> str:
        config, inputs = self.config, len(self.layers[0].runs)
        means = f", mean of {inputs:,} inputs" if inputs > 1 else ""
        machine = f"{config.pes} PEs{config.variant}, queue depth {config.queue_depth}"
        return f"{machine}, {config.arithmetic}, engine {self.engine}{means}"

    def _repr_html_(self) -> str:
        """The result as Jupyter shows it: a line a layer, and their total."""
        heads = ("layer", "rows x cols", "cycles", "time, µs", "load balance", "energy, µJ", "power, W")
        rows = [(layer.name, f"{layer.rows:,} x {layer.cols:,}", *_cells(layer)) for layer in self.layers]
        if len(rows) > 1:
            rows.append(("total", "", *_cells(self)))
        energy = self.energy
        model = f"; energy estimated by the model {energy.model}" if energy else ""
        return html_table(f"{self._made_by()}{model}", heads, rows, self.warnings)


def _cells(of: LayerResult | Result) -> tuple[str, ...]:
    spent = (f"{of.energy.total_uj:,.3f}", f"{of.energy.power_w:,.3f}") if of.energy else ("-", "-")
    return (number(of.cycles), f"{of.time_us:,.2f}", f"{of.load_balance:.1%}", *spent)


def _in_words(of: LayerResult | Result) -> str:
    energy = f"{of.energy.total_uj:.4g} µJ ({of.energy.model})" if of.energy else "no energy, see warnings"
    return f"{number(of.cycles)} cycles, {of.time_us:,.4g} µs, load balance {of.load_balance:.1%}, {energy}"


def _over_layers(name: str, parts: Sequence[Any], layers: Sequence[LayerResult]) -> Any:
    values = [getattr(part, name) for part in parts]
    if name != "max_occupancy":
        return sum(value * layer.vectors for value, layer in zip(values, layers, strict=True))
    return np.maximum.reduce(values) if isinstance(values[0], np.ndarray) else max(values)
