"""The runs behind `machines.csv`: nine layers and LeNet-300-100 on PEs x multipliers, and on both mappings."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

import eiesim
from benchmarks.cases import FC8_ARCHIVE, alexnet_fc8
from eiesim import CompressedLayer, InterleavedLayer, MachineConfig, interleave, simulate
from eiesim.balancing.order import permute_rows
from eiesim.capacity import needs
from eiesim.energy.area import modelled_area
from eiesim.workloads import TABLE_III, workload

PES, MULTIPLIERS = (16, 32, 64, 128, 256), (1, 2, 4, 8)
MAPPINGS = ("interleaved", "blocked")
SEEDS = (0, 1, 2)
SHUFFLES, SHUFFLED_PES = tuple(range(20)), (16, 64)
"""Orders at random of the real layers: enough to tell structure from chance."""

VARIATION = 0.15
"""Of the densities of Table III's rows and columns; with it the times are nearest to Table IV's."""

NETWORK, FC8 = "LeNet-300-100", "AlexNet-FC8"
NETWORK_LAYERS = ("ip1", "ip2", "ip3")
STORED, SHUFFLED, HEAVIEST = "as stored", "shuffled", "heaviest first"
DIVIDED, OWN = "divided", "own"
"""Memories: those of the published 64 PEs in all, divided among the PEs, or the published ones in every PE."""

MODULES = ("act_queue", "ptr_read", "spmat_read", "arithm_unit", "act_rw", "lnzd")
COLUMNS = (
    *("workload", "order", "seed", "layer", "pes", "multipliers", "mapping", "memory"),
    *("cycles", "load_balance", "alu_efficiency", "entries", "padding_entries"),
    *("energy_uj", "leakage_uj", *(f"{module}_uj" for module in MODULES), "area_mm2"),
)
DIGITS = 5
"""Of a figure in the table."""

Case = tuple[CompressedLayer, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Cell:
    """One workload in one order of its rows. seed: of a synthetic layer, or of the shuffling."""

    workload: str
    order: str
    seed: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What the table knows it by."""
        return self.workload, self.order, str(self.seed)


def cells(seeds: tuple[int, ...] = SEEDS, *, fc8: bool = FC8_ARCHIVE.exists()) -> list[Cell]:
    """All of them. fc8: whether the authors' own layer is at hand."""
    synthetic = [Cell(name, order, seed) for seed in seeds for order in (STORED, HEAVIEST) for name in TABLE_III]
    real = [
        Cell(name, order, seed)
        for name in (NETWORK, *([FC8] if fc8 else []))
        for order, drawn in ((STORED, seeds[:1]), (HEAVIEST, seeds[:1]), (SHUFFLED, SHUFFLES))
        for seed in drawn
    ]
    return real + synthetic


def machine(pes: int, memory: str = DIVIDED, **keys: Any) -> MachineConfig:
    """A machine of the study. keys: what else differs from the published one."""
    published = MachineConfig()
    if memory == DIVIDED:
        keys["spmat_bytes"] = published.spmat_bytes * published.pes // pes
        # CACTI's table begins at 2 KB.
        keys["activation_bytes"] = max(published.activation_bytes, published.activation_bytes * published.pes // pes)
    return published.replace(pes=pes, **keys)


@cache
def beyond_reach() -> dict[int, list[str]]:
    """By PEs, the layers of Table III that have more entries in a PE than its pointers reach, with some seed."""
    beyond: dict[int, list[str]] = {}
    for name, pes in itertools.product(TABLE_III, PES):
        for seed in SEEDS:
            layer, _ = workload(name, seed, variation=VARIATION)
            asked = {need.name: need for need in needs(interleave(layer, pes), machine(pes))}
            if not asked["pointer_range"].fits:
                beyond.setdefault(pes, []).append(name)
                break
    return dict(sorted(beyond.items()))


def run_cell(cell: Cell) -> list[dict[str, Any]]:
    """The rows of a cell: all machines, of which orders other than the stored one need only the mappings."""
    rows = []
    for layer, activations in _cases(cell):
        for pes in SHUFFLED_PES if cell.order == SHUFFLED else PES:
            for mapping in MAPPINGS:
                interleaved = interleave(layer, pes, MachineConfig().index_bits, mapping)
                for config, memory in _machines(cell, pes, mapping):
                    rows.append(_row(cell, interleaved, activations, config, memory))
    return rows


def _machines(cell: Cell, pes: int, mapping: str) -> Iterator[tuple[MachineConfig, str]]:
    whole = cell.order == STORED and mapping == "interleaved"
    for memory in (DIVIDED, OWN) if whole and cell.seed == SEEDS[0] else (DIVIDED,):
        for multipliers in MULTIPLIERS if whole else (1,):
            yield machine(pes, memory, mapping=mapping, multipliers=multipliers), memory


def _cases(cell: Cell) -> list[Case]:
    """The layers of a workload with their inputs, rows in the cell's order."""
    if cell.workload == NETWORK:
        found = network()
    elif cell.workload == FC8:
        found = [alexnet_fc8()]
    else:
        found = [workload(cell.workload, cell.seed, variation=VARIATION)]
    return [(in_order(layer, cell), activations) for layer, activations in found]


def in_order(layer: CompressedLayer, cell: Cell) -> CompressedLayer:
    """The layer with its rows in the cell's order."""
    if cell.order == STORED:
        return layer
    if cell.order == SHUFFLED:
        return permute_rows(layer, np.random.default_rng(cell.seed).permutation(layer.rows))
    return permute_rows(layer, np.argsort(-np.bincount(layer.indices, minlength=layer.rows), kind="stable"))


@cache
def network() -> list[Case]:
    """LeNet-300-100's layers, each with what the layer before gives for the 500 digits in float32."""
    model = eiesim.open("example:lenet-300-100")
    result = simulate(model, config=MachineConfig(arithmetic="float32"), threads=1)
    given = [model.activations, *(layer.outputs for layer in result.layers[:-1])]
    return list(zip(model.layers, given, strict=True))


def _row(
    cell: Cell, layer: InterleavedLayer, activations: npt.NDArray[np.float32], config: MachineConfig, memory: str
) -> dict[str, Any]:
    result = simulate(layer, activations, config, outputs=False, threads=1)
    (metrics,) = (part.metrics for part in result.layers)
    counters, energy = result.counters, result.energy
    assert energy is not None
    row = {
        "cycles": result.cycles,
        "load_balance": metrics.load_balance,
        "alu_efficiency": metrics.alu_efficiency,
        "entries": counters.entries,
        "padding_entries": counters.padding_entries,
        "energy_uj": energy.total_uj,
        "leakage_uj": energy.leakage_uj,
        **{f"{module}_uj": energy.by_module_uj[module] for module in MODULES},
        "area_mm2": modelled_area(config).total_mm2,
    }
    return {
        "workload": cell.workload,
        "order": cell.order,
        "seed": cell.seed,
        "layer": layer.layer.name,
        "pes": config.pes,
        "multipliers": config.multipliers,
        "mapping": config.mapping,
        "memory": memory,
        **{name: float(f"{value:.{DIGITS}g}") for name, value in row.items()},
    }


def named(rows: list[dict[str, Any]]) -> str:
    """A cell's rows in a few words."""
    return f"{rows[0]['workload']}, {rows[0]['order']}, seed {rows[0]['seed']}"
