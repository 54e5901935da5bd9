"""The rows of machines that share a layer's interleaving, formed as columns: what they share is worked out once.

With the recurrence a machine's counters are found together with those of all others that send the same activations
(`engines.shared`); metrics and energies are the formulas of `counters.Metrics` and `energy.model`, of arrays. Other
engines are run machine by machine, and so is what 64 bits would not hold exactly.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim import capacity, streaming
from eiesim._version import __version__
from eiesim.config import MachineConfig
from eiesim.counters import Counters, Metrics
from eiesim.encoding import InterleavedLayer, interleave
from eiesim.energy import many
from eiesim.energy.record import energy_cells
from eiesim.engines import shared
from eiesim.errors import EieError
from eiesim.model import Workload
from eiesim.prepared import Prepared, check_fed, prepare_layer
from eiesim.simulation import DEFAULT_ENGINE, simulate_prepared
from eiesim.sweeps.machines import Hashes, Machines, combined
from eiesim.sweeps.row import LONGEST_NAME, Row, columns
from eiesim.sweeps.table import Column, Table

Ints = npt.NDArray[np.int64]

OPERANDS = (
    "arithmetic", "operation", "activation_frac", "weight_frac", "output_frac", "activation_threshold", "weight_bits",
)  # fmt: skip
"""Keys that set which activations are sent, and what is refused before a run."""

MEMORIES = ("weights", "spmat_bytes", "pointer_bytes", "weight_bits")
"""Keys that set the tiles of streamed weights."""

CAPACITIES = (*MEMORIES, "spmat_width", "activation_bytes")
"""Keys that set which memories a layer exceeds."""

EXACT = 2.0**50
"""Counters up to here, and what is made of them, are exact in float64 and int64."""


def rows_of(
    workload: Workload, interleaved: InterleavedLayer, engine: str, machines: Machines, hashes: Hashes
) -> Table:
    """The rows of a layer on machines that share its interleaving. Raises EieError as `simulate` does."""
    if engine == DEFAULT_ENGINE:
        if len(interleaved.layer.name) > LONGEST_NAME:
            raise EieError(_too_long(interleaved.layer.name))
        group = _Group(workload, interleaved, machines)
        if group.is_exact():
            return Table(len(machines), group.columns(engine, hashes))
    return one_by_one(workload, interleaved, engine, machines, hashes)


def one_by_one(
    workload: Workload, interleaved: InterleavedLayer, engine: str, machines: Machines, hashes: Hashes
) -> Table:
    """The same rows from a run for each machine."""
    rows = []
    for place, key in enumerate(hashes.tolist()):
        config = machines.config(place)
        check_fed(workload, config)
        ready = prepare_layer(interleaved, workload.activations, config, outputs=False)
        rows.append(Row.of(workload, simulate_prepared(ready, engine, threads=1), key.decode()))
    return Table.of(rows)


def _too_long(name: str) -> str:
    return f"a layer's name has {len(name):,} letters; a table takes {LONGEST_NAME:,}"


@dataclass(frozen=True)
class _Keys:
    """Of the configuration, what `Metrics` and energies ask for, a value a machine."""

    pes: int
    multipliers: npt.NDArray[Any]
    clock_mhz: npt.NDArray[Any]
    dram_pj_per_bit: npt.NDArray[Any]
    weights: str = "as loaded_bytes says"


class _Group:
    """What is found of a group, a value a machine."""

    def __init__(self, workload: Workload, interleaved: InterleavedLayer, machines: Machines) -> None:
        self.workload, self.layer, self.machines = workload, interleaved, machines
        first, self.operands = machines.combinations(OPERANDS)
        for place in first:
            check_fed(workload, machines.config(place))
        self.ready = [
            prepare_layer(interleaved, workload.activations, machines.config(place), outputs=False) for place in first
        ]
        self.inputs = len(self.ready[0].activations)
        size = len(machines)
        entry_bits = interleaved.index_bits + machines.column("weight_bits")
        self.entries_per_row = machines.column("spmat_width") // entry_bits
        self.found = {name: np.zeros(size, np.int64) for name in (*shared.ALWAYS, *shared.BY_DEPTH, "spmat_row_reads")}
        self.memory = {f"memory_{one.name}": np.zeros(size, np.int64) for one in fields(streaming.WeightTraffic)}
        self._fit()
        self._run()
        self.metrics = self._metrics()

    def _fit(self) -> None:
        """What exceeds the machines' memories."""
        first, self.capacities = self.machines.combinations(CAPACITIES)
        configs = [self.machines.config(place) for place in first]
        self.exceeded = [[line.partition(":")[0] for line in capacity.exceeded(self.layer, one)] for one in configs]
        fits = np.array([capacity.weights_fit(self.layer, one) for one in configs], np.int64)
        self.memory["memory_fits"] = fits[self.capacities]

    def _run(self) -> None:
        """Counters, of all inputs together; and what moving the weights costs."""
        patterns: dict[bytes, int] = {}
        pattern_of = np.array([patterns.setdefault(_pattern(one), len(patterns)) for one in self.ready], np.intp)[
            self.operands
        ]
        tiles_of = self._tiled()
        multipliers = self.machines.column("multipliers")
        together = combined([pattern_of, tiles_of, multipliers.astype(np.intp)], len(self.machines))
        for run, place in enumerate(together[0]):
            here = np.flatnonzero(together[1] == run)
            ready = self.ready[self.operands[place]]
            of = _Runs(self.machines.column("queue_depth")[here], self.entries_per_row[here], int(multipliers[place]))
            if tiles_of[place] == 0:
                self._add(here, of.add(self.layer, ready.activation_rows != 0))
            else:
                self._stream(here, of, ready, self.machines.config(place))
        resident = tiles_of == 0
        for name in ("memory_compute_cycles", "memory_cycles"):
            self.memory[name][resident] = self.found["cycles"][resident]

    def _tiled(self) -> npt.NDArray[np.intp]:
        """Which machines cut the weights into the same tiles; 0 for those that hold them."""
        weights = self.machines.column("weights")
        which = self.machines.combinations(MEMORIES)[1] + 1
        which[weights == "resident"] = 0
        return which

    def _add(self, here: npt.NDArray[np.intp], counted: dict[str, Any]) -> None:
        for name, values in counted.items():
            total = self.found[name]
            total[here] = np.maximum(total[here], values) if name == "max_occupancy" else total[here] + values

    def _stream(self, here: npt.NDArray[np.intp], of: "_Runs", ready: Prepared, config: MachineConfig) -> None:
        """Tile by tile, as `streaming.run_tiles` does."""
        operands, layer = ready.operands, self.layer
        tiles = streaming.cut_for(layer, operands, config)
        computes = []
        for tile in tiles:
            held = interleave(tile.of(layer.layer), layer.pes, layer.index_bits, layer.mapping)
            counted = of.add(held, tile.in_rows(operands, layer.pes) != 0)
            computes.append(counted["cycles"])
            self._add(here, counted)
        loaded_bytes = [tile.loaded_bytes for tile in tiles]
        for name, value in (("tiles", len(tiles)), ("loaded_bytes", sum(loaded_bytes))):
            self.memory[f"memory_{name}"][here] = value
        self.memory["memory_compute_cycles"][here] = self.found["cycles"][here]
        loading = self.machines.take(here)
        first, which = loading.combinations(("clock_mhz", "dram_gbytes_per_s", "queue_depth"))
        for k, place in enumerate(first):
            loads = [streaming.load_cycles(bytes_, loading.config(place)) for bytes_ in loaded_bytes]
            own = here[which == k]
            self.memory["memory_load_cycles"][own] = sum(loads)
            computing = [int(cycles[place]) for cycles in computes]
            self.memory["memory_cycles"][own] = streaming.overlapped(loads, computing)

    def _metrics(self) -> Metrics:
        found, pes = self.found, self.layer.pes
        dropped = np.array([sum(one.operands.dropped) for one in self.ready], np.int64)[self.operands]
        pushes, macs = found["broadcasts"] * pes, found["entries"] - found["padding_entries"]
        counters: dict[str, Any] = {
            **{one.name: found[one.name] for one in fields(Counters) if one.name in found},
            "broadcast_stalls": found["scan_last"] - found["broadcasts"] - found["scan_bubbles"],
            "dropped_activations": dropped,
            **dict.fromkeys(("queue_pushes", "queue_pops", "pointer_reads"), pushes),
            **dict.fromkeys(("macs", "accumulator_reads", "accumulator_writes"), macs),
            "busy_real": found["entry_groups"] - found["busy_padding"],
            "starved": found["cycles"] * pes - found["entry_groups"] - found["busy_empty"],
        }
        column = self.machines.column
        keys = _Keys(pes, column("multipliers"), column("clock_mhz"), column("dram_pj_per_bit"))
        waiting = self.memory["memory_cycles"] - self.memory["memory_compute_cycles"]
        of: Any = Metrics  # Of arrays, where it is declared for numbers.
        layer = self.layer.layer
        made: Metrics = of(
            self.inputs, found["cycles"] + waiting, found["scan_last"], Counters(**counters), layer.dense_weights,
            keys, self.memory["memory_loaded_bytes"],
        )  # fmt: skip
        return made

    def is_exact(self) -> bool:
        """Whether no number here is too large for the arrays' formulas to be exact."""
        counters = self.metrics.counters
        slots = self.metrics.cycles * float(self.layer.pes) * self.machines.column("multipliers")
        layer = self.layer.layer
        largest = np.stack([slots, counters.queue_pushes, counters.entries, self.memory["memory_loaded_bytes"]])
        return bool(largest.max() < EXACT) and self.inputs * layer.rows * float(layer.cols) < EXACT

    def columns(self, engine: str, hashes: Hashes) -> dict[str, Column]:
        """The columns of the sweep's table."""
        workload, layer = self.workload, self.layer.layer
        derived = self.metrics.to_dict()
        counters = derived.pop("counters")
        constant = {
            "layer": layer.name,
            "seed": workload.seed,
            "engine": engine,
            "variation": workload.variation,
            "rows": layer.rows,
            "cols": layer.cols,
            "nnz": layer.nnz,
            "weight_density": layer.nnz / (layer.rows * layer.cols),
            "activation_density": float(np.count_nonzero(workload.activations) / workload.activations.size),
            "fed": workload.fed,
            "vectors": workload.vectors,
            "inputs": self.inputs,
            "eiesim": __version__,
        }
        made: dict[str, Column] = {name: ([value], None) for name, value in constant.items()}
        for key, values in self.machines.values.items():
            shown = [str(value) for value in values] if key.endswith("_frac") else values
            made[key] = shown, self.machines.codes.get(key)
        bits = {tensor: [one.operands.fraction_bits.get(tensor) for one in self.ready]
                for tensor in ("activation", "weight", "output")}  # fmt: skip
        made |= {f"fraction_bits_{tensor}": (values, self.operands) for tensor, values in bits.items()}
        energies, refused = self._energies()
        first, which = combined([self.capacities, refused.astype(np.intp)], len(self.machines))
        warnings = ["; ".join([*self.exceeded[self.capacities[k]], *(["no energy"] if refused[k] else [])])
                    for k in first]  # fmt: skip
        made |= {**derived, **counters, **self.memory, **energies, "warnings": (warnings, which)}
        made["hash"] = hashes
        return {name: made[name] for name in columns()}

    def _energies(self) -> tuple[dict[str, Column], npt.NDArray[np.bool_]]:
        """Columns of energy, and the machines that no model covers."""
        priced, which_priced = self.machines.chosen(many.PRICED)
        clocked, which_clocked = self.machines.chosen(many.CLOCKED)
        prices = [many.prices(*keys) for keys in priced]
        layer = self.layer.layer
        energy = many.estimate(
            self.metrics, layer.rows, layer.cols, prices, which_priced,
            [many.clocked(*keys) for keys in clocked], which_clocked,
        )  # fmt: skip
        refused = np.array([bool(one.why) for one in prices])[which_priced]
        cells = energy_cells(energy)
        model = cells.pop("energy_model")
        made: dict[str, Column] = {"energy_model": ([model, ""], refused.astype(np.intp))}
        for name, values in cells.items():
            made[name] = np.where(refused, np.nan, values)
        return made, refused


def _pattern(ready: Prepared) -> bytes:
    """Which activations are sent."""
    return np.packbits(ready.activation_rows != 0).tobytes()


class _Runs:
    """Machines of these queue depths and widths, with so many multipliers. entries_per_row: of an SRAM row."""

    def __init__(self, depths: npt.NDArray[Any], entries_per_row: npt.NDArray[Any], multipliers: int) -> None:
        self.depths, self.of_depth = np.unique(depths, return_inverse=True)
        self.rows, self.of_row = np.unique(entries_per_row, return_inverse=True)
        self.multipliers = multipliers

    def add(self, layer: InterleavedLayer, sent: npt.NDArray[np.bool_]) -> dict[str, Any]:
        """Counters of a layer, or of a tile, a value a machine."""
        found = shared.run(layer, sent, self.multipliers, self.depths, self.rows)
        return {
            **found.always,
            **{name: values[self.of_depth] for name, values in found.by_depth.items()},
            "spmat_row_reads": found.row_reads[self.of_row],
        }
