"""What training makes small: cross-entropy, a teacher's soft targets, penalties on the weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eiesim._checks import flag, real
from eiesim.errors import EieError, with_extra

PENALTIES = {"l1": 1e-4, "l2": 1e-3}
"""Penalties on the weights, and how strong each is unless told."""

MOST_TEMPERATURE = 1e6
"""Its square is in the loss; with far less than this all softened scores are alike."""
MOST_MIXUP = 1000
"""Of mixup's alpha: with more, every mixture is half of each."""


def load_torch() -> Any:
    """PyTorch, or an EieError that says how to get it."""
    try:
        import torch
    except ImportError:
        raise EieError(f"training needs PyTorch; {with_extra('train')}") from None
    return torch


@dataclass(frozen=True)
class Penalty:
    """A penalty on the weights, added to the loss (Han et al., NIPS 2015, Sec. 3.1); biases are free.

    kind: "l1" adds strength x sum |w|, "l2" adds strength / 2 x sum w**2, of all layers together.
    """

    kind: str
    strength: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in PENALTIES:
            raise EieError(f"penalty '{self.kind}': needs one of {', '.join(PENALTIES)}")
        if self.strength is not None and not 0 <= self.strength < float("inf"):
            raise EieError(f"penalty strength {self.strength}: must be 0 or more")

    @classmethod
    def of(cls, text: str) -> "Penalty":
        """A penalty from `l1`, `l2` or `l1=STRENGTH`."""
        kind, equals, strength = text.partition("=")
        try:
            return cls(kind, float(strength) if equals else None)
        except ValueError as error:
            if isinstance(error, EieError):
                raise
            raise EieError(f"penalty {text}: needs l1, l2, or l1=STRENGTH such as l1=1e-4") from None

    def __call__(self, weights: Sequence[Any]) -> Any:
        """The penalty of weight tensors, a scalar tensor."""
        strength = PENALTIES[self.kind] if self.strength is None else self.strength
        if self.kind == "l1":
            return strength * sum(weight.abs().sum() for weight in weights)
        return strength / 2 * sum(weight.square().sum() for weight in weights)


@dataclass(frozen=True)
class Distillation:
    """How a student learns from a teacher's softened scores (Hinton, Vinyals and Dean 2015, Sec. 2).

    loss = (1 - share) x cross-entropy + share x temperature**2 x KL(teacher || student), both softened by
    dividing the scores by the temperature. The square keeps the gradients' size when the temperature changes.
    An example without a label has the second term alone, with all of its weight.

    debias: weigh examples without labels against the teacher's errors (`debiasing`). mixup: not None makes teacher and
    student see the same mixtures of two inputs, by shares from Beta(mixup, mixup), and no label: share is 1.
    """

    temperature: float = 4.0
    share: float = 0.7
    debias: bool = False
    mixup: float | None = None

    def __post_init__(self) -> None:
        real("temperature", self.temperature)
        real("teacher_share", self.share)
        flag("debias", self.debias)
        if not 0 < self.temperature <= MOST_TEMPERATURE:
            raise EieError(f"temperature {self.temperature}: must be above 0 and at most {MOST_TEMPERATURE:,.0f}")
        if not 0 <= self.share <= 1:
            raise EieError(f"share {self.share} of the teacher: must be 0 to 1")
        if self.mixup is None:
            return
        real("mixup", self.mixup)
        if not 0 < self.mixup <= MOST_MIXUP:
            raise EieError(f"mixup = {self.mixup}: must be above 0 and at most {MOST_MIXUP:g}; 1 mixes evenly")
        if self.share != 1:
            raise EieError(f"share {self.share} of the teacher: must be 1 with mixup, whose mixtures have no label")
        if self.debias:
            raise EieError("debias weighs single examples, and with mixup each input is a mixture of two: choose one")

    def __call__(self, scores: Any, labels: Any, teacher_scores: Any) -> Any:
        """The loss of a batch. scores, teacher_scores: [n, classes]; labels: int64[n]. Returns a scalar tensor."""
        hard = load_torch().nn.functional.cross_entropy(scores, labels)
        return (1 - self.share) * hard + self.share * soft_loss(scores, teacher_scores, self.temperature)


def soft_loss(scores: Any, teacher_scores: Any, temperature: float) -> Any:
    """`temperature**2 x KL(softmax(teacher / temperature) || softmax(scores / temperature))`, mean over the batch."""
    return temperature**2 * divergences(scores, teacher_scores, temperature).mean()


def divergences(scores: Any, teacher_scores: Any, temperature: float) -> Any:
    """`KL(softmax(teacher / temperature) || softmax(scores / temperature))` of each example, a tensor [n]."""
    student = (scores / temperature).log_softmax(dim=1)
    teacher = (teacher_scores / temperature).log_softmax(dim=1)
    return (teacher.exp() * (teacher - student)).sum(dim=1)


def block_difference(weights: Sequence[Any], blocks: Sequence[int]) -> Any:
    """MESA's distance penalty (Hsu et al., ECAI 2020, Algorithm 2): how far neighbouring diagonal blocks differ.

    The mean over the layers of sum_j ||B(j+1) - B(j)||**2 / (blocks - 1). weights: [rows, cols] tensors whose block j
    covers rows j x (rows // blocks) and on, columns j x (cols // blocks) and on. A layer of one block adds nothing.
    """
    torch = load_torch()
    total = 0.0
    for weight, count in zip(weights, blocks, strict=True):
        if count < 2:
            continue
        height, width = weight.shape[0] // count, weight.shape[1] // count
        tiles = weight[: count * height, : count * width].reshape(count, height, count, width)
        diagonal = tiles[torch.arange(count), :, torch.arange(count), :]
        total = total + (diagonal[1:] - diagonal[:-1]).square().sum() / (count - 1)
    return total / len(blocks)
