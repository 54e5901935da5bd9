"""Examples that a classifier learns from, and how they are divided."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eiesim._shown import Brief
from eiesim.errors import EieError


@dataclass(frozen=True, eq=False, repr=False)
class Examples(Brief):
    """What a classifier learns from and is judged by. inputs: float32[n, features]; labels: int64[n]."""

    inputs: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.inputs.ndim != 2 or self.labels.shape != (len(self.inputs),) or len(self.inputs) == 0:
            raise EieError(f"examples: inputs {self.inputs.shape} and labels {self.labels.shape} do not go together")

    def __getitem__(self, places: npt.NDArray[np.int64]) -> "Examples":
        """The examples at these places."""
        return Examples(self.inputs[places], self.labels[places])


@dataclass(frozen=True, eq=False, repr=False)
class Unlabelled(Brief):
    """Examples without labels, beside `Parts`. inputs: float32[n, features], none of them held out or of validation.

    left_out: how many were. repeated: how many of `inputs` are examples of the training, too.
    """

    inputs: npt.NDArray[np.float32]
    left_out: int = 0
    repeated: int = 0


@dataclass(frozen=True, eq=False, repr=False)
class Parts(Brief):
    """Examples in three disjoint parts. validation: chooses the best epoch. held_out: no stage of training sees it."""

    training: Examples
    validation: Examples
    held_out: Examples


def split(examples: Examples, held_out: float = 0.1, validation: float = 0.1, seed: int = 0) -> Parts:
    """Divide examples class by class, so that each part has the classes in the same shares, in random order.

    held_out, validation: shares of all examples; of each class the rounded number. The rest is for training.
    Raises EieError where a class is too small to be in every part, or a class below the highest has no example.
    """
    if not (held_out > 0 and validation > 0 and held_out + validation < 1):
        raise EieError(f"held out {held_out} and validation {validation}: need two shares above 0, together below 1")
    rng = np.random.default_rng(seed)
    by_class = []
    for label in range(int(examples.labels.max()) + 1):
        places = rng.permutation(np.flatnonzero(examples.labels == label))
        ends = [round(held_out * len(places)), round(held_out * len(places)) + round(validation * len(places))]
        found = np.split(places, ends)
        if any(len(part) == 0 for part in found):
            raise EieError(
                f"labels: class {label} has {len(places)} examples, too few to train on, validate and hold out"
                + ("; classes count from 0, without a gap" if len(places) == 0 else "")
            )
        by_class.append(found)
    parts = [examples[rng.permutation(np.concatenate(part))] for part in zip(*by_class, strict=True)]
    return Parts(held_out=parts[0], validation=parts[1], training=parts[2])


def without_labels(inputs: npt.NDArray[np.float32], parts: Parts) -> Unlabelled:
    """Those of the inputs that no later judgement rests on. Raises EieError where there are none.

    inputs: float32[n, features]. An input is a held-out, validation or training one where all its numbers are.
    """
    known = {row.tobytes(): part for part in ("training", "validation", "held_out") for row in _rows(vars(parts)[part])}
    found = [known.get(row.tobytes()) for row in inputs + 0.0]
    kept = np.array([part in (None, "training") for part in found])
    if not kept.any():
        raise EieError(f"unlabelled: all {len(inputs):,} are held-out or validation examples; give others")
    return Unlabelled(inputs[kept], int((~kept).sum()), found.count("training"))


def _rows(part: Examples) -> npt.NDArray[np.float32]:
    rows: npt.NDArray[np.float32] = part.inputs + 0.0  # -0 is 0
    return rows
