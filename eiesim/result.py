"""The result of a simulation: its layers' results, their totals, and the result JSON."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eiesim._io.json_pieces import pieces, plain
from eiesim._shown import ByContent, Plotted, listed
from eiesim._sums import added
from eiesim._version import __version__
from eiesim.config import MachineConfig
from eiesim.counters import COUNTERS, Counters, Metrics, PerPe
from eiesim.energy.record import Energy, add_up, scaled
from eiesim.errors import EieError, shown, unknown
from eiesim.layer_result import LayerResult, frame, html, in_words, made_by, warnings_of
from eiesim.streaming import check_base, dram_trace

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "eiesim-result/1"


@dataclass(frozen=True, eq=False, repr=False)
class Result(Plotted, ByContent):
    """What `simulate` gives back: a layer's result, or several layers' in a row. Totals are sums over layers.

    `result[0]` and `result["fc1"]` are layers, by number and by name; `len(result)` counts them, and a loop goes
    through them in order.

    Results are equal where all their parts are: configuration, engine, and each layer's runs and outputs to the bit.
    What they were made from (`provenance`, `command`) does not count.

    Where layers ran each by itself, totals are of one input of the whole network: each layer's mean counts as often as
    the layer has input vectors in it.

    Attributes
    ----------
    layers : tuple of LayerResult
        Each layer's result, in order.
    config : MachineConfig
        The machine.
    engine : str
        "clocked", "recurrence" or "event".
    accuracy : float or None, default None
        The share of inputs recognised, 0 to 1, where their labels are known.
    command : tuple of str, or None, default None
        The words of the command line that made it; None for a call from Python.

    Examples
    --------
    >>> import eiesim
    >>> layer = eiesim.CompressedLayer.from_dense([[1.0, 0.0], [0.0, 2.0]], name="fc1")
    >>> result = eiesim.simulate(layer, [1.0, 1.0], eiesim.MachineConfig(pes=2))
    >>> result["fc1"].cycles, result.outputs.tolist()
    (10, [1.0, 2.0])
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
        return added(of(layer) * layer.vectors for layer in self.layers)

    @property
    def in_a_row(self) -> bool:
        """Whether all layers had the same inputs, one after the other."""
        return all(layer.fed == "chained" for layer in self.layers[1:])

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
        counters = {name: added(getattr(one.counters, name) * weight for one, weight in parts) for name in COUNTERS}
        counters["max_occupancy"] = max(one.counters.max_occupancy for one in every)
        return Metrics(
            runs=runs,
            cycles=added(one.cycles * weight for one, weight in parts),
            scan_last=added(one.scan_last * weight for one, weight in parts),
            counters=Counters(**counters),
            dense_macs=added(layer.metrics.dense_macs * layer.vectors for layer in self.layers),
            config=self.config,
            loaded_bytes=added(one.loaded_bytes * weight for one, weight in parts),
        )

    @property
    def load_balance(self) -> float:
        """Share of PE-cycles that walk an entry (Fig. 13), over all layers and inputs."""
        value: float = self.metrics.load_balance
        return value

    @property
    def alu_efficiency(self) -> float:
        """Share of the multipliers' cycles that do a real multiply-accumulate, over all layers and inputs."""
        value: float = self.metrics.alu_efficiency
        return value

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
        return warnings_of(self.layers)

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
        """The result JSON as a dictionary (docs/formats.md).

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
        """The same with arrays in place of lists over the inputs, and layers made one after the other.

        Made for what writes it piece by piece, once.
        """
        total: dict[str, Any] = {"cycles": self.cycles, "time_us": self.time_us}
        energy = self.energy
        if energy is not None:
            total["energy_uj"] = energy.total_uj
        if self.in_a_row and self.layers[0].batched:
            total["batch"] = _batch_totals(self.layers, energy is not None)
        return {
            "format": FORMAT,
            "eiesim": __version__,
            "engine": self.engine,
            "config": self.config.to_dict(),
            "layers": (layer._in_parts(per_pe) for layer in self.layers),
            "total": total,
            "provenance": self.provenance,
            **({} if self.accuracy is None else {"accuracy": self.accuracy}),
        }

    def to_json(self, per_pe: bool = False) -> str:
        """The result JSON as text.

        Parameters
        ----------
        per_pe : bool, default False
            With the counters of every PE.

        Returns
        -------
        str
            JSON, as `to_dict` has it.
        """
        return "".join(self.json_pieces(per_pe))

    def json_pieces(self, per_pe: bool = False) -> Iterator[str]:
        """The result JSON piece by piece: of a large batch it need not be held at once.

        Parameters
        ----------
        per_pe : bool, default False
            With the counters of every PE.

        Returns
        -------
        iterator of str
            Texts that joined are `to_json`'s.

        Raises
        ------
        EieError
            Where the counters of every PE are asked for and were not kept.
        """
        if per_pe:
            for layer in self.layers:
                _ = layer.per_pe  # refused before anything is written
        return pieces(self._in_parts(per_pe))

    def dram_trace(self, base: int = 0) -> Iterator[str]:
        """The loads of streamed weights as Ramulator 2's load-store traces have them: a line a burst of 64 bytes.

        Parameters
        ----------
        base : int, default 0
            Address of the first burst, a multiple of 64. Tiles lie one behind the other in the order of their loads,
            layer by layer, each from a burst of its own on.

        Returns
        -------
        iterator of str
            Texts of some thousand lines `LD 0xADDRESS`, which joined are the trace without the last line's end.

        Raises
        ------
        EieError
            Where nothing was loaded, and for a base at which no burst begins.
        """
        check_base(base)
        loads = [loaded_bytes for layer in self.layers for loaded_bytes in layer.loads]
        if not loads:
            raise EieError(f"weights = '{self.config.weights}': no weights were loaded, so there is no trace of DRAM")
        return dram_trace(loads, base)

    def to_frame(self) -> "pd.DataFrame":
        """A pandas DataFrame, a row a layer and input.

        Returns
        -------
        pandas.DataFrame
            The columns of the result JSON under the sweep table's names (`eiesim sweep --columns` explains them):
            layer, input (0 to batch - 1), sizes, cycles, times in microseconds, counters, shares, energies in
            microjoules, the configuration's keys, engine, version, and what it was made from (`content_hash` of the
            layer, `seed`, `variation`). Energies are missing where `warnings` says why.
        """
        return frame(self.layers)

    def __repr__(self) -> str:
        names = listed([layer.name for layer in self.layers])
        return f"<Result of {names}: {in_words(self)}; {made_by(self.layers[0])}>"

    def _repr_html_(self) -> str:
        return html(self.layers, self)


def _batch_totals(layers: Sequence[LayerResult], with_energy: bool) -> dict[str, Any]:
    """Cycles, time and energy of every input, summed over layers."""
    total: dict[str, Any] = {"cycles": 0, "time_us": 0, **({"energy_uj": 0} if with_energy else {})}
    for layer in layers:
        metrics = layer.of_each()
        total["cycles"] = total["cycles"] + metrics.cycles
        total["time_us"] = total["time_us"] + metrics.time_us
        energy = layer.energy_of_each(metrics) if with_energy else None
        if energy is not None:
            total["energy_uj"] = total["energy_uj"] + energy.total_uj
    return total


def _over_layers(name: str, parts: Sequence[Any], layers: Sequence[LayerResult]) -> Any:
    values = [getattr(part, name) for part in parts]
    if name != "max_occupancy":
        return added(value * layer.vectors for value, layer in zip(values, layers, strict=True))
    return np.maximum.reduce(values) if isinstance(values[0], np.ndarray) else max(values)
