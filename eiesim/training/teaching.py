"""A teacher in the loop: soft targets, examples without labels, weights against its errors, mixed inputs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._shown import Brief
from eiesim.training.debiasing import distortion, evidence, nearest, weights
from eiesim.training.examples import Examples, Unlabelled
from eiesim.training.losses import Distillation, divergences, load_torch, soft_loss

Scores = npt.NDArray[np.float32]
Student = Callable[[Any], Any]
"""Inputs, a tensor [n, features], to class scores, a tensor [n, classes]."""


@dataclass(frozen=True, eq=False, repr=False)
class Teaching(Brief):
    """What a lesson's examples and its teacher are to the student.

    ask: inputs float32[n, features] to the teacher's class scores float32[n, classes]. unlabelled: examples that have
    no labels but its; or None.
    """

    distillation: Distillation
    ask: Callable[[npt.NDArray[np.float32]], Scores]
    unlabelled: Unlabelled | None = None


class Taught:
    """A student's loss in one stage of training. Example k is a labelled one, or beyond those an unlabelled one."""

    def __init__(self, teaching: Teaching, training: Examples, validation: Examples, seed: int) -> None:
        torch = load_torch()
        self._teaching = teaching
        given = [training.inputs] if teaching.unlabelled is None else [training.inputs, teaching.unlabelled.inputs]
        inputs = np.concatenate(given)
        self._labelled = len(training.labels)
        self._inputs, self._labels = torch.tensor(inputs), torch.tensor(training.labels)
        self._mixing = np.random.default_rng([seed, 4])
        # A teacher that sees what the student sees is asked in each batch; any other once.
        scores = None if teaching.distillation.mixup is not None else teaching.ask(inputs)
        self._scores = None if scores is None else torch.tensor(scores)
        self.weights = np.ones(len(inputs) - self._labelled)
        if teaching.distillation.debias and scores is not None:
            of_known = teaching.ask(validation.inputs)
            self._validation, self._answers = validation, of_known.argmax(axis=1)
            self._neighbours = nearest(evidence(of_known), evidence(scores[self._labelled :]))

    def __len__(self) -> int:
        return len(self._inputs)

    def begin_epoch(self, student: Student) -> None:
        """Weigh the unlabelled examples, by what the student now makes of the validation's."""
        if self._teaching.distillation.debias:
            torch, labels = load_torch(), self._validation.labels
            with torch.no_grad():
                scores = student(torch.tensor(self._validation.inputs)).numpy()
            found = distortion(scores, self._answers, labels)
            self.weights = weights(self._answers != labels, found, self._neighbours)

    def loss(self, student: Student, batch: Any) -> Any:
        """Of the examples in these places, int64[n]: a scalar tensor, the mean over them."""
        how = self._teaching.distillation
        if self._scores is None:
            return self._matched(student, self._inputs[batch], how)
        if self._labelled == len(self._inputs):
            return how(student(self._inputs[batch]), self._labels[batch], self._scores[batch])
        torch = load_torch()
        scores, known = student(self._inputs[batch]), batch < self._labelled
        soft = how.temperature**2 * divergences(scores, self._scores[batch], how.temperature)
        labels = self._labels[batch[known]]
        hard = torch.nn.functional.cross_entropy(scores[known], labels, reduction="sum")
        by_teacher = torch.tensor(self.weights[batch[~known].numpy() - self._labelled], dtype=soft.dtype)
        labelled = (1 - how.share) * hard + how.share * soft[known].sum()
        return (labelled + (by_teacher * soft[~known]).sum()) / len(batch)

    def _matched(self, student: Student, inputs: Any, how: Distillation) -> Any:
        """Function matching: student and teacher see the same mixtures of two inputs, and no label (Beyer et al. 2022).

        How much of each is in the mixture is drawn from Beta(alpha, alpha), one number a mixture (mixup, Zhang et al.,
        ICLR 2018); alpha = 1 draws it evenly, which Beyer et al. do.
        """
        torch, alpha = load_torch(), how.mixup or 1.0
        share = self._mixing.beta(alpha, alpha, size=(len(inputs), 1)).astype(np.float32)
        partners = inputs[torch.tensor(self._mixing.permutation(len(inputs)))]
        mixed = torch.lerp(partners, inputs, torch.tensor(share))
        return soft_loss(student(mixed), torch.tensor(self._teaching.ask(mixed.numpy())), how.temperature)


def as_figures(teaching: Teaching, held_out: Examples) -> dict[str, Any]:
    """What report.json says of a teacher: its own accuracy, and the examples that it alone has labels for."""
    more = teaching.unlabelled
    counts = (0, 0, 0) if more is None else (len(more.inputs), more.left_out, more.repeated)
    return {
        "accuracy": float((teaching.ask(held_out.inputs).argmax(axis=1) == held_out.labels).mean()),
        **dict(zip(("unlabelled", "unlabelled_left_out", "unlabelled_in_training"), counts, strict=True)),
    }


def in_a_line(teaching: Teaching, held_out: Examples) -> str:
    """The same in words, with how it taught."""
    how, figures = teaching.distillation, as_figures(teaching, held_out)
    way = "soft targets" if how.mixup is None else f"function matching, mixup {how.mixup:g}"
    said = f"taught by a network of accuracy {figures['accuracy']:.1%} ({way})"
    if teaching.unlabelled is not None:
        said += f", also on {figures['unlabelled']:,} unlabelled examples{', debiased' if how.debias else ''}"
        if figures["unlabelled_in_training"]:
            said += f", {figures['unlabelled_in_training']:,} of them in the training as well"
        if figures["unlabelled_left_out"]:
            said += f"; {figures['unlabelled_left_out']:,} held-out or validation ones were left out of them"
    return said
