"""Weights against a teacher's errors on unlabelled examples (Iliopoulos et al., NeurIPS 2022); numpy only.

The paper weighs the student's loss of an example x by 1 / (1 + p(x) (distortion(x) - 1)). p is the chance that the
teacher is wrong about x; distortion is the student's loss under a wrong label, in multiples of the loss under the right
one. Neither is known without a label. Both are estimated from labelled examples that the teacher has not learned from:
those about which it is about as sure as about x.
"""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

LEAST_LOSS = 1e-6
"""A loss below this counts as this, so that a ratio of losses is a number."""

MOST_WEIGHT = 10.0
"""No example counts for more: the formula has no bound where the teacher is always wrong and the student follows it."""


def evidence(scores: npt.NDArray[np.floating]) -> Floats:
    """How sure a teacher is: float64[n, 2], the margin and the entropy of its probabilities, both 0 to 1.

    scores: [n, classes], two classes or more. Margin: the largest probability less the second. Entropy: as a share of
    log(classes), its largest.
    """
    logs = _log_probabilities(scores)
    chances = np.exp(logs)
    second, first = np.partition(chances, -2, axis=1)[:, -2:].T
    entropy = -(chances * logs).sum(axis=1) / math.log(scores.shape[1])
    return np.column_stack([first - second, entropy])


def distortion(scores: npt.NDArray[np.floating], answers: Places, labels: Places) -> Floats:
    """The student's loss under the teacher's answers over its loss under the labels: float64[n], 1 where they agree.

    scores: the student's, [n, classes]; the loss is cross-entropy, at least `LEAST_LOSS`.
    """
    logs = _log_probabilities(scores)
    every = np.arange(len(labels))
    taught, true = (np.maximum(-logs[every, classes], LEAST_LOSS) for classes in (answers, labels))
    return taught / true


def neighbours_of(examples: int) -> int:
    """Neighbours that an estimate is the mean of: the square root of the labelled examples, rounded."""
    return max(1, round(math.sqrt(examples)))


def nearest(labelled: Floats, unlabelled: Floats) -> Places:
    """The nearest labelled examples of each unlabelled one: int64[m, neighbours]. Both: of `evidence`."""
    from scipy.spatial import KDTree

    _, places = KDTree(labelled).query(unlabelled, k=range(1, neighbours_of(len(labelled)) + 1))
    return np.asarray(places, np.int64)


def weights(wrong: npt.NDArray[np.bool_], distortions: Floats, neighbours: Places) -> Floats:
    """Each unlabelled example's weight: float64[m], 1 / (1 + p (distortion - 1)), at most `MOST_WEIGHT`.

    wrong, distortions: of the labelled examples. p is the share of the neighbours about which the teacher is wrong,
    distortion the mean over those.
    """
    missed = wrong[neighbours]
    p = missed.mean(axis=1)
    total = np.where(missed, distortions[neighbours], 0.0).sum(axis=1)
    mean = np.divide(total, missed.sum(axis=1), out=np.ones(len(neighbours)), where=missed.any(axis=1))
    found: Floats = np.minimum(1 / (1 + p * (mean - 1)), MOST_WEIGHT)
    return found


def _log_probabilities(scores: npt.NDArray[np.floating]) -> Floats:
    wide = scores.astype(np.float64)
    shifted = wide - wide.max(axis=1, keepdims=True)
    found: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found
