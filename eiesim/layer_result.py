"""One layer's result: outputs, cycles, counters, metrics, energy, what it was made from; and how results are shown.

Over a batch, plain metrics are means over the inputs, ratios are formed from summed counters, and
`max_occupancy` is the largest; `per_input` has every input's own.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from eiesim._io.json_pieces import pieces, plain
from eiesim._shown import ByContent, Plotted, counted, html_table, number
from eiesim._version import __version__
from eiesim.config import MachineConfig
from eiesim.counters import COUNTERS, Counters, Metrics, PerPe, mean
from eiesim.energy.record import Energy, EnergyModel, energy_cells
from eiesim.layer import CompressedLayer
from eiesim.runs import Runs
from eiesim.streaming import WeightTraffic

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Provenance:
    """What a layer's result was made from; each part is None where it is not known.

    Attributes
    ----------
    content_hash : str or None, default None
        SHA-256 (hex) of the layer, as `CompressedLayer.content_hash`; its name does not enter.
    input_sha256 : str or None, default None
        SHA-256 (hex) of the input's float32 values, in order; None for a layer that the one before feeds.
    seed : int or None, default None
        Seed of a synthetic layer (see `eiesim.workload`), or of what was drawn for a matrix; None for any other.
    variation : float or None, default None
        Coefficient of variation of a synthetic layer's densities; None for one that is not synthetic.
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
        digest = None
        if activations is not None:
            digest = hashlib.sha256(np.ascontiguousarray(activations, "<f4").data).hexdigest()
        return cls(layer.content_hash, digest, seed, variation)


@dataclass(frozen=True, eq=False, repr=False)
class LayerResult(Plotted, ByContent):
    """One layer's run on one input or a batch.

    Two are equal where all their parts are, arrays to the bit; `provenance` does not count.

    Attributes
    ----------
    name : str
        The layer's name.
    rows : int
        Outputs.
    cols : int
        Inputs.
    nnz : int
        Kept weights, the bias left out.
    config : MachineConfig
        The machine.
    engine : str
        "clocked", "recurrence" or "event".
    runs : Runs
        Cycles and counters of each input: a sequence of `Run`, where the counters of every PE were kept.
    batched : bool
        Whether the activations came as a batch, [batch, cols].
    outputs : float32[rows] or float32[batch, rows], or None
        After the activation; float64 under fixed32. None where only timing was simulated.
    fraction_bits : dict of str to int
        Fraction bits that fixed point used, by tensor ("activation", "weight", "output"); empty under float32.
    exceeded : tuple of str
        One line for each memory of the machine that the layer exceeds, beginning with the memory's name.
    memory : WeightTraffic
        Where the weights were, resident or streamed in tiles, and what moving them cost.
    loads : tuple of int, default ()
        Bytes of each tile of streamed weights, in the order in which they were loaded.
    fed : str, default "given"
        What the layer was fed: "given" (what came with the call, or with the layer), "chained" (the outputs of the
        layer before, or the network's own input), "recorded" (its own inputs, kept when its network was compressed) or
        "drawn" (from the seed, for a matrix that brings none).
    vectors : float, default 1
        How many input vectors the layer takes for one input of the whole network: 1 for a fully connected layer, one
        a position for a convolution. The result's totals count the layer that many times.
    energy_model : EnergyModel or None, default None
        What `energy` comes from; None where no model covers the machine, and `no_energy` says why.
    no_energy : str, default ""
        Why there is no energy.
    notes : tuple of str, default ()
        What was assumed when the layer was opened: how the weights of a matrix share values, how its input was drawn.
    groups : int, default 1
        Of a convolution in groups; see `CompressedLayer`.
    depthwise : bool, default False
        Whether each group is a single input channel: at most that channel's outputs work on a broadcast.
    made_from : callable, default Provenance
        Gives `provenance`, which takes the layer's hash and so is not worked out before it is asked for.
    prepare : callable or None, default None
        Prepares the layer and its input anew, as they were run, for pictures; None where that is not known.
    """

    name: str
    rows: int
    cols: int
    nnz: int
    config: MachineConfig
    engine: str
    runs: Runs
    batched: bool
    outputs: npt.NDArray[Any] | None
    fraction_bits: dict[str, int]
    exceeded: tuple[str, ...]
    memory: WeightTraffic
    loads: tuple[int, ...] = ()
    fed: str = "given"
    vectors: float = 1
    energy_model: EnergyModel | None = None
    no_energy: str = ""
    notes: tuple[str, ...] = ()
    groups: int = 1
    depthwise: bool = False
    made_from: Callable[[], Provenance] = field(default=Provenance, compare=False)
    prepare: Callable[[], Any] | None = field(default=None, compare=False)

    @cached_property
    def provenance(self) -> Provenance:
        """What the result was made from."""
        return self.made_from()

    def __getstate__(self) -> dict[str, Any]:
        # A pickle says what the result was made from; it does not carry the layer, which is many times as large.
        return {**vars(self), "made_from": partial(Provenance, *astuple(self.provenance)), "prepare": None}

    @property
    def dense_weights(self) -> int:
        """Weights that there are places for, as in `CompressedLayer`."""
        return self.rows * self.cols // self.groups

    @cached_property
    def metrics(self) -> Metrics:
        """All inputs added up."""
        memory = self.memory
        return self.runs.metrics(self.dense_weights, self.config, memory.waiting_cycles, memory.loaded_bytes)

    def of_each(self) -> Metrics:
        """Every input's own metrics at once; what streaming weights cost is shared by all alike.

        Returns
        -------
        Metrics
            With arrays over the inputs, [batch], in place of numbers.
        """
        inputs = len(self.runs)
        waiting = mean(self.memory.waiting_cycles, inputs) if self.memory.waiting_cycles else 0
        loaded_bytes = self.memory.loaded_bytes / inputs
        return self.runs.metrics_of_each(self.dense_weights, self.config, waiting, loaded_bytes)

    @cached_property
    def per_input(self) -> tuple[Metrics, ...]:
        """Each input's own metrics; what streaming weights cost is shared by all inputs alike."""
        every = self.of_each()
        cycles, scan_last = every.cycles.tolist(), every.scan_last.tolist()
        counters = zip(*(getattr(every.counters, name).tolist() for name in COUNTERS), strict=True)
        return tuple(
            replace(every, cycles=own, scan_last=last, counters=Counters(*counted))
            for own, last, counted in zip(cycles, scan_last, counters, strict=True)
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is amiss, one line each: memories exceeded, and why there is no energy."""
        return (*self.exceeded, *([self.no_energy] if self.no_energy else []))

    @property
    def cycles(self) -> float:
        """Cycles until the last result is written; the mean over a batch."""
        value: float = mean(self.metrics.cycles, len(self.runs))
        return value

    @property
    def scan_last(self) -> float:
        """The cycle in which the scan ends; the mean over a batch."""
        value: float = mean(self.metrics.scan_last, len(self.runs))
        return value

    @property
    def time_us(self) -> float:
        """Time in microseconds; the mean over a batch."""
        value: float = self.metrics.time_us
        return value

    @cached_property
    def energy(self) -> Energy | None:
        """Energy by module; the mean over a batch. None where `no_energy` says why."""
        return self._energy_of(self.metrics)

    def energy_of_each(self, metrics: Metrics) -> Energy | None:
        """Every input's own energy at once.

        Parameters
        ----------
        metrics : Metrics
            What `of_each` gives.

        Returns
        -------
        Energy or None
            With arrays over the inputs, [batch], in place of numbers that differ; None where `no_energy` says why.
        """
        return self._energy_of(metrics)

    def _energy_of(self, metrics: Metrics) -> Energy | None:
        return None if self.energy_model is None else self.energy_model.estimate(metrics, self.rows, self.cols)

    @cached_property
    def energy_per_input(self) -> tuple[Energy | None, ...]:
        """Each input's own energy."""
        return tuple(self._energy_of(metrics) for metrics in self.per_input)

    @property
    def load_balance(self) -> float:
        """Share of PE-cycles that walk an entry (Fig. 13), over all inputs."""
        value: float = self.metrics.load_balance
        return value

    @property
    def alu_efficiency(self) -> float:
        """Share of the multipliers' cycles that do a real multiply-accumulate, over all inputs."""
        value: float = self.metrics.alu_efficiency
        return value

    @property
    def busiest_pe(self) -> int:
        """The PE that walks the most groups of entries (entries, for one multiplier), over all inputs; of several,
        the first.
        """
        return int(self.runs.per_pe_over_inputs.entry_groups.argmax())

    @cached_property
    def counters(self) -> Counters:
        """Counters summed over PEs; means over a batch, `max_occupancy` the largest."""
        return Counters(**self.metrics.to_dict()["counters"])

    @cached_property
    def per_pe(self) -> PerPe:
        """Counters by PE: int64[pes], or [batch, pes].

        Raises EieError where they were not kept: of more than 1,000 inputs, unless `simulate` was given `per_pe=True`.
        """
        return self.runs.per_pe if self.batched else self.runs[0].per_pe

    @property
    def mean_per_pe(self) -> PerPe:
        """Counters by PE, [pes]: means over a batch, `max_occupancy` the largest."""
        sums = vars(self.runs.per_pe_over_inputs)
        mean_of = {name: values / len(self.runs) for name, values in sums.items()}
        return PerPe(**{**mean_of, "max_occupancy": sums["max_occupancy"]})

    def cells(self, metrics: Metrics | None = None, energy: Energy | None = None) -> dict[str, Any]:
        """The layer's row of a table, under the sweep table's names (docs/formats.md).

        Parameters
        ----------
        metrics : Metrics or None, default None
            One input's own (see `per_input`); None is those of all inputs.
        energy : Energy or None, default None
            The same input's energy (see `energy_per_input`); not looked at where `metrics` is None.

        Returns
        -------
        dict of str to Any
            Values by column.
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
            "fed": self.fed,
            "vectors": self.vectors,
            **derived,
            **counters,
            **{f"memory_{name}": int(value) for name, value in self.memory.to_dict().items()},
            **energy_cells(energy),
            **bits,
            "warnings": "; ".join(warning.partition(":")[0] for warning in self.warnings),
        }

    def to_frame(self) -> "pd.DataFrame":
        """A pandas DataFrame of this layer, a row an input.

        Returns
        -------
        pandas.DataFrame
            The columns of `Result.to_frame`.
        """
        return frame([self])

    def to_json(self, per_pe: bool = False) -> str:
        """This layer's part of the result JSON as text.

        Parameters
        ----------
        per_pe : bool, default False
            With the counters of every PE.

        Returns
        -------
        str
            JSON, as `to_dict` has it.
        """
        return "".join(pieces(self._in_parts(per_pe)))

    def __repr__(self) -> str:
        return f"<LayerResult {self.name}, {self.rows} x {self.cols}: {in_words(self)}>"

    def _repr_html_(self) -> str:
        return html([self], self)

    def to_dict(self, per_pe: bool = False) -> dict[str, Any]:
        """This layer's part of the result JSON (docs/formats.md).

        Parameters
        ----------
        per_pe : bool, default False
            With the counters of every PE.

        Returns
        -------
        dict of str to Any
            Plain numbers, texts, lists and dictionaries.
        """
        found: dict[str, Any] = plain(self._in_parts(per_pe))
        return found

    def _in_parts(self, per_pe: bool = False) -> dict[str, Any]:
        """The same with arrays in place of lists over the inputs, for what writes them piece by piece."""
        head = {"name": self.name, "rows": self.rows, "cols": self.cols, "nnz": self.nnz, "pes": self.config.pes}
        if self.groups > 1:
            head |= {"groups": self.groups, "depthwise": self.depthwise}
        tail = {"warnings": list(self.warnings), "fraction_bits": dict(self.fraction_bits)}
        batch = {}
        if self.batched:
            metrics = self.of_each()
            parts = {**metrics.to_dict(), **_energy_dict(self._energy_of(metrics))}
            batch["batch"] = _for_each(parts, len(self.runs))
        return {
            **head,
            **self.metrics.to_dict(),
            **_energy_dict(self.energy),
            "memory": self.memory.to_dict(),
            "inputs": self.fed,
            "vectors": self.vectors,
            **({"notes": list(self.notes)} if self.notes else {}),
            **tail,
            "version": __version__,
            "content_hash": self.provenance.content_hash,
            "seed": self.provenance.seed,
            "variation": self.provenance.variation,
            **batch,
            **({"per_pe": vars(self.per_pe)} if per_pe else {}),
        }


def _energy_dict(energy: Energy | None) -> dict[str, Any]:
    return {} if energy is None else {"energy": energy.to_dict()}


def _for_each(value: Any, inputs: int) -> Any:
    """What is the same for all inputs of a batch as one value for each of them; arrays are that already."""
    if isinstance(value, dict):
        return {key: _for_each(one, inputs) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return value
    return [value] * inputs if isinstance(value, str) else np.broadcast_to(value, inputs)


def frame(layers: Sequence[LayerResult]) -> "pd.DataFrame":
    """A pandas DataFrame, a row a layer and input; see `Result.to_frame`."""
    import pandas as pd

    tables = []
    for layer in layers:
        config = layer.config.model_dump()
        config |= {key: str(held) for key, held in config.items() if key.endswith("_frac")}
        made = {name: getattr(layer.provenance, name) for name in ("seed", "variation", "content_hash")}
        metrics = layer.of_each()
        cells = layer.cells(metrics, layer.energy_of_each(metrics))
        inputs = range(len(layer.runs))
        columns = {"layer": cells.pop("layer"), "input": inputs, **cells, "engine": layer.engine, **config, **made}
        tables.append(pd.DataFrame(columns, index=inputs))
    table = pd.concat(tables, ignore_index=True).assign(eiesim=__version__)
    energies = [name for name in energy_cells(None) if name != "energy_model"]
    bits = [name for name in table.columns if name.startswith("fraction_bits_")]
    kinds = {**dict.fromkeys([*energies, "variation"], "float64"), **dict.fromkeys([*bits, "seed"], "Int64")}
    return table.astype(kinds)


class Figures(Protocol):
    """What is shown first of a layer's result, and of a whole one."""

    @property
    def cycles(self) -> float:
        """Cycles."""

    @property
    def time_us(self) -> float:
        """Time in microseconds."""

    @property
    def load_balance(self) -> float:
        """Share of PE-cycles that walk an entry."""

    @property
    def energy(self) -> Energy | None:
        """Energy, if there is any."""


def in_words(of: Figures) -> str:
    """Cycles, time, load balance and energy in a line."""
    energy = f"{of.energy.total_uj:.4g} µJ ({of.energy.model})" if of.energy else "no energy, see warnings"
    return f"{number(of.cycles)} cycles, {of.time_us:,.4g} µs, load balance {of.load_balance:.1%}, {energy}"


def made_by(layer: LayerResult) -> str:
    """Machine, engine and number of inputs in a line."""
    config, inputs = layer.config, len(layer.runs)
    means = f", mean of {inputs:,} inputs" if inputs > 1 else ""
    machine = f"{counted(config.pes, 'PE')}{config.variant}, queue depth {config.queue_depth}"
    return f"{machine}, {config.arithmetic}, engine {layer.engine}{means}"


def warnings_of(layers: Sequence[LayerResult]) -> tuple[str, ...]:
    """Memories that layers exceed, each with its layer's name; and why there is no energy, once."""
    exceeded = [f"{layer.name}: {line}" for layer in layers for line in layer.exceeded]
    return (*exceeded, *dict.fromkeys(layer.no_energy for layer in layers if layer.no_energy))


def html(layers: Sequence[LayerResult], total: Figures) -> str:
    """Results as Jupyter shows them: a line a layer, and of several layers their total."""
    heads = ("layer", "rows x cols", "cycles", "time, µs", "load balance", "energy, µJ", "power, W")
    rows = [(layer.name, f"{layer.rows:,} x {layer.cols:,}", *_cells(layer)) for layer in layers]
    if len(rows) > 1:
        rows.append(("total", "", *_cells(total)))
    model = f"; energy estimated by the model {total.energy.model}" if total.energy else ""
    return html_table(f"{made_by(layers[0])}{model}", heads, rows, warnings_of(layers))


def _cells(of: Figures) -> tuple[str, ...]:
    spent = (f"{of.energy.total_uj:,.3f}", f"{of.energy.power_w:,.3f}") if of.energy else ("-", "-")
    return (number(of.cycles), f"{of.time_us:,.2f}", f"{of.load_balance:.1%}", *spent)
