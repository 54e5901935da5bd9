"""Weights against a teacher's errors: by hand, against a literal twin, and their neighbours against every distance."""

import math

import numpy as np
import pytest

from eiesim.training.debiasing import distortion, evidence, nearest, neighbours_of, weights
from tests.oracle import distillation as literal


def drawn(seed, count, classes=4, spread=3.0):
    return np.random.default_rng(seed).normal(size=(count, classes)) * spread


def test_evidence_by_hand():
    # Probabilities 1/2, 1/4, 1/4: margin 1/4, entropy 3/2 log 2 of log 3; an even guess; a teacher without doubt.
    scores = np.log([[2.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1e300, 1.0, 1.0]])
    assert evidence(scores) == pytest.approx(np.array([[0.25, 1.5 * math.log(2) / math.log(3)], [0, 1], [1, 0]]))


def test_a_weight_by_hand():
    # Four labelled examples, the teacher wrong about two. The student gives the right class 1/2, the teacher's 1/4:
    # the loss under the teacher's label is log 4, under the right one log 2, so the distortion is 2.
    student = np.log([[2.0, 1.0, 1.0]] * 4)
    found = distortion(student, np.array([1, 2, 0, 0]), np.zeros(4, np.int64))
    assert found == pytest.approx(np.array([2.0, 2.0, 1.0, 1.0]))
    wrong = np.array([True, True, False, False])
    # All four: p = 1/2, weight 1 / (1 + 1/2); the first three: p = 2/3; the last two: no error, and none of it.
    assert weights(wrong, found, np.array([[0, 1, 2, 3]])) == pytest.approx(2 / 3)
    assert weights(wrong, found, np.array([[0, 1, 2]])) == pytest.approx(3 / 5)
    assert weights(wrong, found, np.array([[2, 3]])) == pytest.approx(1)
    # Where the student follows the wrong teacher, losses log 2 against log 4, the example counts for more.
    assert weights(np.array([True]), np.array([0.5]), np.array([[0]])) == pytest.approx(2)
    # The formula alone would have a million here.
    assert weights(np.array([True]), np.array([1e-6]), np.array([[0]])) == pytest.approx(10)


def test_losses_of_nothing_are_no_division_by_zero():
    found = distortion(np.array([[1000.0, 0.0], [0.0, 1000.0]]), np.array([1, 1]), np.array([0, 0]))
    assert found == pytest.approx(np.array([1000 / 1e-6, 1e-6 / 1000]))
    assert np.isfinite(weights(np.array([True, True]), found, np.array([[0], [1]]))).all()


@pytest.mark.parametrize("seed", range(4))
def test_as_the_literal_twin_has_it(seed):
    rng = np.random.default_rng(seed)
    teacher, student, unlabelled = drawn(seed, 60), drawn(seed + 10, 60), drawn(seed + 20, 40)
    labels = np.where(rng.random(60) < 0.6, teacher.argmax(axis=1), rng.integers(0, 4, 60))
    answers = teacher.argmax(axis=1)
    places = nearest(evidence(teacher), evidence(unlabelled))
    assert places.shape == (40, 8)  # the square root of 60 is 7.7
    found = weights(answers != labels, distortion(student, answers, labels), places)
    lists = teacher.tolist(), labels.tolist(), student.tolist()
    assert found == pytest.approx([literal.weight(point, *lists, count=8) for point in unlabelled.tolist()])
    assert (found < 0.9).any()
    assert (found >= 1).any()


def test_neighbours_are_the_nearest_of_all():
    labelled, unlabelled = evidence(drawn(0, 150)), evidence(drawn(1, 300))
    places = nearest(labelled, unlabelled)
    distances = np.linalg.norm(unlabelled[:, None] - labelled[None], axis=2)
    assert (np.sort(places, axis=1) == np.sort(np.argsort(distances, axis=1)[:, :12], axis=1)).all()


@pytest.mark.parametrize(("examples", "neighbours"), [(1, 1), (2, 1), (3, 2), (400, 20), (500, 22)])
def test_as_many_neighbours_as_the_root(examples, neighbours):
    assert neighbours_of(examples) == neighbours
    points = evidence(drawn(4, examples))
    assert nearest(points, points[:1]).shape == (1, neighbours)


def test_a_teacher_that_is_sure_of_all_is_no_obstacle():
    """Every point in one place: which neighbours are taken is arbitrary, that there are enough is not."""
    sure = evidence(np.tile([[2000.0, 0.0, 0.0]], (50, 1)))
    places = nearest(sure, sure)
    assert all(len(set(row)) == 7 for row in places.tolist())
