"""The paper reproduced: the runs behind every table and figure (EIE Tables I to V, Figs. 6 to 13).

All runs are in one sweep table, `runs.csv`, so an interrupted reproduction goes on where it stopped. Layers are
synthetic, at the densities of Table III, with several seeds. Nothing is fitted to Table IV.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eiesim.config import ARITHMETICS, MachineConfig, preset
from eiesim.files.dump import load_dump
from eiesim.inputs import ALL_NINE, open_workloads
from eiesim.model import Workload
from eiesim.reproduction.items import FC8, VARIATIONS, Spread
from eiesim.simulation import DEFAULT_ENGINE
from eiesim.sweeps.grid import Grid
from eiesim.sweeps.run import Plan, collect_rows
from eiesim.sweeps.table import frame
from eiesim.sweeps.writer import Observer

if TYPE_CHECKING:
    import pandas as pd

RUNS = "runs.csv"
_SWEPT = ("pes", "queue_depth", "spmat_width", "arithmetic")


@dataclass(frozen=True)
class Extent:
    """How much is run: seeds of each synthetic layer, and the values along each figure's axis."""

    seeds: tuple[int, ...]
    pes: tuple[int, ...]
    queue_depths: tuple[int, ...]
    widths: tuple[int, ...]
    layers: tuple[str, ...] = (ALL_NINE,)


FULL = Extent(
    seeds=tuple(range(10)),
    pes=(1, 2, 4, 8, 16, 32, 64, 128, 256),
    queue_depths=(1, 2, 4, 8, 16, 32, 64, 128, 256),
    widths=(32, 64, 128, 256, 512),
)
QUICK = Extent(seeds=(0, 1), pes=(1, 4, 16, 64, 256), queue_depths=(1, 2, 8, 32, 256), widths=(32, 64, 128, 256, 512))

FC8_DEPTHS = (1, 2, 3, 7, 8, 15)
FC8_WIDTHS = (16, 32, 64, 128, 256, 512)
"""Queue depths and SRAM widths of the authors' own simulator's runs on this layer
(paper/data/alexnet_fc8_authors_simulator.csv)."""


@dataclass(frozen=True)
class Simulations:
    """The simulated rows, found by layer, variation (None for the dump) and what differs from the published machine."""

    table: "pd.DataFrame"
    extent: Extent

    @cached_property
    def _rows(self) -> Mapping[tuple[Any, ...], list[dict[str, Any]]]:
        found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in self.table.to_dict("records"):
            variation = None if row["variation"] != row["variation"] else row["variation"]
            key = (row["layer"], variation, *(row[name] for name in _SWEPT))
            found.setdefault(key, []).append({str(name): value for name, value in row.items()})
        return found

    @property
    def layers(self) -> list[str]:
        """The synthetic layers' names, in the paper's order."""
        return [str(name) for name in self.table["layer"].unique() if name != FC8]

    @property
    def has_dump(self) -> bool:
        """Whether AlexNet-FC8 was run."""
        return bool((self.table["layer"] == FC8).any())

    def rows(self, layer: str, variation: float | None, **changes: Any) -> list[dict[str, Any]]:
        """A row a seed, in the order of seeds. changes: to the published machine. Raises KeyError where not run."""
        config = MachineConfig().model_dump() | changes
        return self._rows[(layer, variation, *(config[name] for name in _SWEPT))]

    def spread(
        self, value: Callable[[dict[str, Any]], float], layer: str, variation: float | None, **changes: Any
    ) -> Spread:
        """A figure of a run over the seeds."""
        return Spread.of([value(row) for row in self.rows(layer, variation, **changes)])

    def both(self, value: Callable[[dict[str, Any]], float], layer: str, **changes: Any) -> dict[str, Spread]:
        """A figure over the seeds, for each of the two kinds of synthetic layers."""
        return {name: self.spread(value, layer, v, **changes) for name, v in VARIATIONS.items()}


def plans(extent: Extent, dump: str | Path | None = None) -> list[Plan]:
    """What is to be run: the synthetic layers, and AlexNet-FC8 where the authors' dump of it is given.

    Raises EieError for a dump that is not readable.
    """
    axes: list[dict[str, Any]] = [
        {"pes": extent.pes},
        {"queue_depth": extent.queue_depths},
        {"spmat_width": extent.widths},
        {"arithmetic": ARITHMETICS},
    ]
    configs = _distinct([config for axis in axes for config in Grid(None, axis)])
    made = open_workloads(extent.layers, seeds=extent.seeds, variations=tuple(VARIATIONS.values()))
    found = [Plan(tuple(made), configs, (DEFAULT_ENGINE,))]
    if dump is not None:
        layer, activations = load_dump(dump)
        simulators = preset("isca16-simulator")
        own = [*Grid(simulators, {"queue_depth": FC8_DEPTHS}), *Grid(simulators, {"spmat_width": FC8_WIDTHS})]
        found.append(
            Plan(
                (partial(Workload, replace(layer, name=FC8), activations),),
                _distinct([*configs, *own]),
                (DEFAULT_ENGINE,),
            )
        )
    return found


def _distinct(configs: list[MachineConfig]) -> tuple[MachineConfig, ...]:
    return tuple({repr(config): config for config in configs}.values())


def run(
    planned: list[Plan], extent: Extent, folder: Path, *, jobs: int | None = None, observer: Observer | None = None
) -> Simulations:
    """Simulate what `folder`'s runs.csv does not hold yet."""
    import pandas as pd

    parts = [frame(collect_rows(one, folder / RUNS, jobs=jobs, observer=observer).tables()) for one in planned]
    return Simulations(pd.concat([part.astype({"variation": float}) for part in parts], ignore_index=True), extent)
