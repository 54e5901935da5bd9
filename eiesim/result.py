"""Results of a simulation: each layer's outputs, cycles, counters and metrics, and the result JSON.

Over a batch, plain metrics are means over the inputs, ratios are formed from summed counters, and
`max_occupancy` is the largest; `per_input` has every input's own.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eiesim._shown import ByContent, html_table, listed, number
from eiesim._version import __version__
from eiesim.config import MachineConfig
from eiesim.counters import COUNTERS, Counters, Metrics, PerPe, Run, mean
from eiesim.energy.record import Energy, EnergyModel, add_up, energy_cells, scaled
from eiesim.errors import EieError, shown, unknown
from eiesim.layer import CompressedLayer
from eiesim.streaming import WeightTraffic

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "eiesim-result/1"


@dataclass(frozen=True)
class Provenance:
    """What a layer's result was made from; each part is None where it is not known.

    content_hash: SHA-256 (hex) of the layer, as `CompressedLayer.content_hash`; its name does not enter.
    input_sha256: SHA-256 (hex) of the input's float32 values, in order; None for a layer that the one before feeds.
    seed, variation: how a synthetic layer was made (see `eiesim.workload`); None for one that was not.
    """

    content_hash: str | None = None
    input_sha256: str | None = None
    seed: int | None = None
    variation: float | None = None

    @classmethod
    def of(
        cls,
        layer: CompressedLayer,
        activations: npt.NDArray[np.float32] | None = None,
        seed: int | None = None,
        variation: float | None = None,
    ) -> "Provenance":
        """What a run of this layer is made from. activations: float32[cols] or [batch, cols]; None if chained."""
        digest = None if activations is None else hashlib.sha256(activations.astype("<f4").tobytes()).hexdigest()
        return cls(layer.content_hash, digest, seed, variation)


@dataclass(frozen=True, eq=False, repr=False)
class LayerResult(ByContent):
    """One layer's run on one input or a batch.

    Two are equal where all their parts are, arrays to the bit; `provenance` does not count.

    runs: one an input. batched: whether the activations came as a batch, (batch, cols).
    outputs: float32[rows] or [batch, rows] (float64 under fixed32), after the activation; None for timing only.
    fraction_bits: what fixed point used, by tensor; empty under float32.
    exceeded: one line for each memory of the machine that the layer exceeds, beginning with the memory's name.
    memory: where the weights were: resident, or streamed in tiles.
    inputs: what the layer was fed: "given" (what came with the call, or with the layer), "chained" (the outputs of the
    layer before, or the network's own input) or "recorded" (its own inputs, kept when its network was compressed).
    vectors: how many input vectors the layer takes for one input of the whole network: 1 for a fully connected layer,
    one a position for a convolution. The result's totals count the layer that many times.
    energy_model: what `energy` comes from; None where no model covers the machine, and `no_energy` says why.
    made_from: gives `provenance`, which takes the layer's hash and so is not found out before it is asked for.
    prepare: prepares the layer and its input anew, as they were run (`eiesim.prepared`); None where that is not known.
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
    memory: WeightTraffic
    inputs: str = "given"
    vectors: float = 1
    energy_model: EnergyModel | None = None
    no_energy: str = ""
    made_from: Callable[[], Provenance] = field(default=Provenance, compare=False)
    prepare: Callable[[], Any] | None = field(default=None, compare=False)

    @cached_property
    def provenance(self) -> Provenance:
        """What the result was made from."""
        return self.made_from()

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

    @property
    def alu_efficiency(self) -> float:
        """Share of the multipliers' cycles that do a real multiply-accumulate, over all inputs."""
        return self.metrics.alu_efficiency

    @property
    def busiest_pe(self) -> int:
        """The PE that walks the most groups of entries (entries, for one multiplier), over all inputs; of several,
        the first.
        """
        return int(np.atleast_2d(self.per_pe.entry_groups).sum(axis=0).argmax())

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

    def to_json(self, per_pe: bool = False) -> str:
        """This layer's part of the result JSON as text."""
        return json.dumps(self.to_dict(per_pe), indent=1, allow_nan=False)

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
            "version": __version__,
            "content_hash": self.provenance.content_hash,
            "seed": self.provenance.seed,
            "variation": self.provenance.variation,
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

    `result[0]` and `result["fc1"]` are layers, by number and by name; `len(result)` counts them, and a loop goes
    through them in order.

    Results are equal where all their parts are: configuration, engine, and each layer's runs and outputs to the bit.
    What they were made from (`provenance`, `command`) does not count.

    Where layers ran each by itself, totals are of one input of the whole network: each layer's mean
    counts as often as the layer has input vectors in it.

    accuracy: the share of inputs recognised, where their labels are known.
    command: the words of the command line that made it; None for a call from Python.
    """

    layers: tuple[LayerResult, ...]
    config: MachineConfig
    engine: str
    accuracy: float | None = None
    command: tuple[str, ...] | None = field(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[LayerResult]:
        return iter(self.layers)

    def __getitem__(self, layer: int | str) -> LayerResult:
        if not isinstance(layer, str):
            try:
                return self.layers[index(layer)]
            except (IndexError, TypeError):
                raise EieError(
                    f"layer {shown(layer)}: the result has {len(self)}, by number from 0 to {len(self) - 1} or by name"
                ) from None
        named = [one for one in self.layers if one.name == layer]
        if not named:
            raise unknown("no layer", layer, dict.fromkeys(one.name for one in self.layers))
        if len(named) > 1:
            places = [str(number) for number, one in enumerate(self.layers) if one.name == layer]
            raise EieError(f"layer '{layer}': {len(named)} layers have this name; index by number: {', '.join(places)}")
        return named[0]

    def __contains__(self, layer: object) -> bool:
        return any(layer in (one.name, one) for one in self.layers)

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
    def metrics(self) -> Metrics:
        """All layers added up, over all inputs; of one input of the network where their numbers of inputs differ."""
        every = [layer.metrics for layer in self.layers]
        runs = every[0].runs if len({one.runs for one in every}) == 1 else 1
        weights = [one.vectors if runs == len(one.runs) else one.vectors / len(one.runs) for one in self.layers]
        parts = list(zip(every, weights, strict=True))
        counters = {name: sum(getattr(one.counters, name) * weight for one, weight in parts) for name in COUNTERS}
        counters["max_occupancy"] = max(one.counters.max_occupancy for one in every)
        return Metrics(
            runs=runs,
            cycles=sum(one.cycles * weight for one, weight in parts),
            scan_last=sum(one.scan_last * weight for one, weight in parts),
            counters=Counters(**counters),
            dense_macs=sum(layer.metrics.dense_macs * layer.vectors for layer in self.layers),
            config=self.config,
            loaded_bytes=sum(one.loaded_bytes * weight for one, weight in parts),
        )

    @property
    def load_balance(self) -> float:
        """Share of PE-cycles that walk an entry (Fig. 13), over all layers and inputs."""
        return self.metrics.load_balance

    @property
    def alu_efficiency(self) -> float:
        """Share of the multipliers' cycles that do a real multiply-accumulate, over all layers and inputs."""
        return self.metrics.alu_efficiency

    @property
    def busiest_pe(self) -> int | tuple[str, int]:
        """The PE that walks the most groups of entries (entries, for one multiplier) in one layer, over all inputs.

        Of one layer its number; of several layers (the layer's name, the PE). Of several such PEs, the first.
        """
        if len(self.layers) == 1:
            return self.layers[0].busiest_pe
        most = [layer.mean_per_pe.entry_groups.max() * layer.vectors for layer in self.layers]
        busiest = self.layers[int(np.argmax(most))]
        return busiest.name, busiest.busiest_pe

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

    @property
    def provenance(self) -> dict[str, Any]:
        """The `provenance` part of the result JSON: what the result was made from, and by which command.

        `input_sha256`, `seed` and `variation` are the one value that all layers share that have one; by layer where
        they differ. A layer whose name stands twice goes by `NAME#NUMBER`.
        """
        twice = {name for name, times in Counter(layer.name for layer in self.layers).items() if times > 1}
        names = [f"{one.name}#{number}" if one.name in twice else one.name for number, one in enumerate(self.layers)]
        made = dict(zip(names, (layer.provenance for layer in self.layers), strict=True))

        def shared(part: str) -> Any:
            held = {name: getattr(one, part) for name, one in made.items() if getattr(one, part) is not None}
            return next(iter(held.values()), None) if len(set(held.values())) < 2 else held

        return {
            "eiesim": __version__,
            "layer_sha256": {name: one.content_hash for name, one in made.items()},
            "input_sha256": shared("input_sha256"),
            "seed": shared("seed"),
            "variation": shared("variation"),
            "command": None if self.command is None else list(self.command),
        }

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
            "provenance": self.provenance,
            **({} if self.accuracy is None else {"accuracy": self.accuracy}),
        }

    def to_json(self, per_pe: bool = False) -> str:
        """The result JSON as text. per_pe: with the counters of every PE."""
        return json.dumps(self.to_dict(per_pe), indent=1, allow_nan=False)

    def to_frame(self) -> "pd.DataFrame":
        """A pandas DataFrame, a row a layer and input.

        Columns are those of the result JSON under the sweep table's names (`eiesim sweep --columns` explains them):
        layer, input (0 to batch - 1), sizes, cycles, times in microseconds, counters, shares, energies in microjoules,
        the configuration's keys, engine, version, and what it was made from (`content_hash` of the layer, `seed`,
        `variation`). Energies are missing where `warnings` says why.
        """
        import pandas as pd

        config = self.config.model_dump()
        config |= {key: str(held) for key, held in config.items() if key.endswith("_frac")}
        rows = []
        for layer in self.layers:
            for k, (metrics, energy) in enumerate(zip(layer.per_input, layer.energy_per_input, strict=True)):
                cells = layer.cells(metrics, energy)
                made = {name: getattr(layer.provenance, name) for name in ("seed", "variation", "content_hash")}
                rows.append({"layer": cells.pop("layer"), "input": k, **cells, "engine": self.engine, **config, **made})
        table = pd.DataFrame(rows).assign(eiesim=__version__)
        energies = [name for name in energy_cells(None) if name != "energy_model"]
        bits = [name for name in rows[0] if name.startswith("fraction_bits_")]
        kinds = {**dict.fromkeys([*energies, "variation"], "float64"), **dict.fromkeys([*bits, "seed"], "Int64")}
        return table.astype(kinds)

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
