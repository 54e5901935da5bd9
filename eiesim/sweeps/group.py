"""The rows of machines that share a layer's interleaving, formed as columns: what they share is worked out once.

With the recurrence a machine's counters are found together with those of all others that send the same activations
(`engines.shared`); metrics and energies are the formulas of `counters.Metrics` and `energy.model`, of arrays. Other
engines are run machine by machine, and so is what 64 bits would not hold exactly.
"""

from collections.abc import Iterator
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
from eiesim.energy.model import DEFAULT_MODEL
from eiesim.energy.record import energy_cells
from eiesim.engines import shared
from eiesim.errors import EieError
from eiesim.model import Workload
from eiesim.prepared import Prepared, check_fed, prepare_layer
from eiesim.simulation import DEFAULT_ENGINE, simulate_prepared
from eiesim.sweeps.machines import Codes, Hashes, Machines, combined
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


COUNTED = (*shared.ALWAYS, *shared.BY_DEPTH, "spmat_row_reads")
"""What `shared` counts: sums over the PEs and inputs, but `max_occupancy`, the largest."""

MOST = COUNTED.index("max_occupancy")


def _capacity(config: MachineConfig) -> Any:
    """What sets which of a layer's needs are not met, and told."""
    return config.weights == "resident", tuple(capacity.held(config).items())


class _OfMachines:
    """What is found of machines whatever the layer. They keep it, so it does not keep them."""

    def __init__(self, machines: Machines) -> None:
        column = machines.column
        self._runs: dict[tuple[int, ...], tuple[_Runs, ...]] = {}
        self._depths, self.multipliers = column("queue_depth"), column("multipliers")
        self.clock_mhz, self.dram_pj_per_bit = column("clock_mhz"), column("dram_pj_per_bit")
        self._entries_per_row = column("spmat_width") // (column("index_bits") + column("weight_bits"))
        first, self.operands = machines.combinations(OPERANDS)
        self.by_operands = [machines.config(place) for place in first]
        first, which = machines.combinations(CAPACITIES)
        capacities: dict[Any, int] = {}
        configs = [machines.config(place) for place in first]
        of_each = [capacities.setdefault(_capacity(config), len(capacities)) for config in configs]
        self.capacities = np.array(of_each)[which]
        self.by_capacities = [configs[of_each.index(k)] for k in range(len(capacities))]
        self.costs = many.Costs(*machines.chosen(many.PRICED), *machines.chosen(many.CLOCKED))
        refused = self.costs.refused.astype(np.intp)
        first, self.told = combined([self.capacities, refused], len(machines))
        self.by_told = [(int(self.capacities[place]), bool(refused[place])) for place in first]
        self.cells: dict[str, Column] = {}
        for key, values in machines.values.items():
            shown = [str(value) for value in values] if key.endswith("_frac") else values
            self.cells[key] = shown, machines.codes.get(key)

    def runs(self, machines: Machines, patterns: tuple[int, ...]) -> tuple["_Runs", ...]:
        """What is run at once. machines: these. patterns: which activations are sent, of each of `by_operands`."""
        if patterns not in self._runs:
            self._runs[patterns] = tuple(self._together(machines, np.array(patterns)[self.operands]))
        return self._runs[patterns]

    def _together(self, machines: Machines, pattern_of: Codes) -> Iterator["_Runs"]:
        # Machines cut the weights into the same tiles, 1 and up, or hold them, 0.
        tiles_of = machines.combinations(MEMORIES)[1] + 1
        tiles_of[machines.column("weights") == "resident"] = 0
        first, which = combined([pattern_of, tiles_of, self.multipliers.astype(np.intp)], len(machines))
        for run, place in enumerate(first):
            here = np.flatnonzero(which == run)
            yield _Runs(
                here, int(self.operands[place]), machines.config(place) if tiles_of[place] else None,
                self._depths[here], self._entries_per_row[here], int(self.multipliers[place]),
            )  # fmt: skip


class _Group:
    """What is found of a group, a value a machine; a single one where all have the same."""

    def __init__(self, workload: Workload, interleaved: InterleavedLayer, machines: Machines) -> None:
        self.workload, self.layer, self.machines = workload, interleaved, machines
        self.of = machines.once(_OfMachines)
        for config in self.of.by_operands:
            check_fed(workload, config)
        self.ready = [
            prepare_layer(interleaved, workload.activations, config, outputs=False) for config in self.of.by_operands
        ]
        self.inputs = len(self.ready[0].activations)
        counted = np.zeros((len(COUNTED), len(machines)), np.int64)
        self.found: dict[str, Any] = dict(zip(COUNTED, counted, strict=True))
        self.memory = {f"memory_{one.name}": np.zeros(len(machines), np.int64)
                       for one in fields(streaming.WeightTraffic)}  # fmt: skip
        self._fit()
        self._run(counted)
        self.metrics = self._metrics()

    def _fit(self) -> None:
        """What exceeds the machines' memories."""
        configs = self.of.by_capacities
        asked = [capacity.needs(self.layer, config) for config in configs]
        self.exceeded = [[line.partition(":")[0] for line in capacity.exceeded(self.layer, *of)]
                         for of in zip(configs, asked, strict=True)]  # fmt: skip
        self.memory["memory_fits"] = np.array(list(map(capacity.all_fit, asked)), np.int64)[self.of.capacities]

    def _run(self, counted: Ints) -> None:
        """Counters, of all inputs together; and what moving the weights costs."""
        sent = [one.job.in_rows(one.operands.sent, one.operands.one != 0) for one in self.ready]
        patterns: dict[bytes, int] = {}
        which = (patterns.setdefault(np.packbits(one).tobytes(), len(patterns)) for one in sent)
        runs = self.of.runs(self.machines, tuple(which) if len(sent) > 1 else (0,))
        for together in runs:
            if together.streamed is None:
                together.add(counted, self.layer, sent[together.operands])
                for name in ("memory_compute_cycles", "memory_cycles"):
                    self.memory[name][together.here] = self.found["cycles"][together.here]
            else:
                self._stream(counted, together, self.ready[together.operands], together.streamed)
        if len(runs) == 1:  # Numbers in place of arrays, where all are the same.
            self.found |= zip(shared.ALWAYS, counted[: len(shared.ALWAYS), 0].tolist(), strict=True)

    def _stream(self, counted: Ints, of: "_Runs", ready: Prepared, config: MachineConfig) -> None:
        """Tile by tile, as `streaming.run_tiles` does."""
        operands, layer, here = ready.operands, self.layer, of.here
        tiles = streaming.cut_for(layer, operands, config)
        computed = [self.found["cycles"][here]]
        for tile in tiles:
            held = interleave(tile.of(layer.layer), layer.pes, layer.index_bits, layer.mapping)
            of.add(counted, held, tile.in_rows(operands, layer.pes) != 0)
            computed.append(self.found["cycles"][here])
        computes = np.diff(computed, axis=0)
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
            self.memory["memory_cycles"][own] = streaming.overlapped(loads, computes[:, place].tolist())

    def _metrics(self) -> Metrics:
        found, pes = self.found, self.layer.pes
        dropped = [sum(one.operands.dropped) for one in self.ready]
        pushes, macs = found["broadcasts"] * pes, found["entries"] - found["padding_entries"]
        counters: dict[str, Any] = {
            **{one.name: found[one.name] for one in fields(Counters) if one.name in found},
            "broadcast_stalls": found["scan_last"] - found["broadcasts"] - found["scan_bubbles"],
            "dropped_activations": np.array(dropped)[self.of.operands] if len(dropped) > 1 else dropped[0],
            **dict.fromkeys(("queue_pushes", "queue_pops", "pointer_reads"), pushes),
            **dict.fromkeys(("macs", "accumulator_reads", "accumulator_writes"), macs),
            "busy_real": found["entry_groups"] - found["busy_padding"],
            "starved": found["cycles"] * pes - found["entry_groups"] - found["busy_empty"],
        }
        keys = _Keys(pes, self.of.multipliers, self.of.clock_mhz, self.of.dram_pj_per_bit)
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
        slots = self.metrics.cycles * float(self.layer.pes) * self.of.multipliers
        layer = self.layer.layer
        largest = (slots, counters.queue_pushes, counters.entries, self.memory["memory_loaded_bytes"])
        return (
            all(np.max(values) < EXACT for values in largest) and self.inputs * layer.rows * float(layer.cols) < EXACT
        )

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
        made: dict[str, Column] = {name: ([value], None) for name, value in constant.items()} | self.of.cells
        bits = {tensor: [one.operands.fraction_bits.get(tensor) for one in self.ready]
                for tensor in ("activation", "weight", "output")}  # fmt: skip
        made |= {f"fraction_bits_{tensor}": (values, self.of.operands) for tensor, values in bits.items()}
        warnings = ["; ".join([*self.exceeded[capacities], *(["no energy"] if refused else [])])
                    for capacities, refused in self.of.by_told]  # fmt: skip
        found = {**derived, **counters, **self.memory, **self._energies()}
        made |= {name: held if isinstance(held, np.ndarray) else ([held], None) for name, held in found.items()}
        made["warnings"] = warnings, self.of.told
        made["energy_model"] = [DEFAULT_MODEL, ""], self.of.costs.refused.astype(np.intp)
        made["hash"] = hashes
        return {name: made[name] for name in columns()}

    def _energies(self) -> dict[str, Any]:
        """Cells of energy, NaN for machines that no model covers."""
        layer, refused = self.layer.layer, self.of.costs.refused
        cells = energy_cells(self.of.costs.estimate(self.metrics, layer.rows, layer.cols))
        del cells["energy_model"]
        if refused.any():
            for name, held in cells.items():
                if isinstance(held, np.ndarray):
                    held[refused] = np.nan
                else:
                    cells[name] = np.where(refused, np.nan, held)
        return cells


class _Runs:
    """Machines whose counters are found together: as many multipliers, the same activations sent, the same tiles.

    here: their places. operands: their place in `_OfMachines.by_operands`, or that of others
    that send the same. streamed: what their tiles are cut for, None for weights that are held.
    """

    def __init__(
        self, here: Codes, operands: int, streamed: MachineConfig | None, depths: Ints,
        entries_per_row: Ints, multipliers: int,
    ) -> None:  # fmt: skip
        self.here, self.operands, self.streamed = here, operands, streamed
        self._depths, self._of_depth = np.unique(depths, return_inverse=True)
        self._rows, self._of_row = np.unique(entries_per_row, return_inverse=True)
        self._multipliers = multipliers

    def add(self, counted: Ints, layer: InterleavedLayer, sent: npt.NDArray[np.bool_]) -> None:
        """Add the counters of a layer, or of a tile, to those of every machine, int64[COUNTED, machines]."""
        found = shared.run(layer, sent, self._multipliers, self._depths, self._rows)
        added = np.empty((len(COUNTED), len(self.here)), np.int64)
        always, by_depth = len(shared.ALWAYS), len(shared.BY_DEPTH)
        added[:always] = found.always[:, None]
        added[always : always + by_depth] = found.by_depth.T[:, self._of_depth]
        added[-1] = found.row_reads[self._of_row]
        before = counted[:, self.here]
        after = before + added
        after[MOST] = np.maximum(before[MOST], added[MOST])
        counted[:, self.here] = after
