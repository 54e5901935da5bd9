"""Weights against a teacher's errors, one example and one neighbour after the other, in plain Python.

Iliopoulos et al. (NeurIPS 2022): 1 / (1 + p (distortion - 1)); p and distortion are estimated from the labelled
examples about which the teacher is about as sure.
"""

import math


def chances(scores):
    powers = [math.exp(score - max(scores)) for score in scores]
    return [power / sum(powers) for power in powers]


def margin_and_entropy(scores):
    """The two largest probabilities' difference, and the entropy as a share of what an even guess has."""
    first, second = sorted(chances(scores), reverse=True)[:2]
    entropy = sum(-p * math.log(p) for p in chances(scores) if p > 0)
    return first - second, entropy / math.log(len(scores))


def nearest(places, point, count):
    """The places of the `count` nearest of them."""
    return sorted(range(len(places)), key=lambda k: math.dist(places[k], point))[:count]


def weight(point, teacher_scores, labels, student_scores, count, least=1e-6, most=10.0):
    """Of an unlabelled example where the teacher's scores are `point`. The lists are of the labelled examples."""
    places = [margin_and_entropy(scores) for scores in teacher_scores]
    near = nearest(places, margin_and_entropy(point), count)
    answers = {k: teacher_scores[k].index(max(teacher_scores[k])) for k in near}
    missed = [k for k in near if answers[k] != labels[k]]
    if not missed:
        return 1.0

    def loss(k, label):
        return max(least, -math.log(chances(student_scores[k])[label]))

    p = len(missed) / len(near)
    distortion = sum(loss(k, answers[k]) / loss(k, labels[k]) for k in missed) / len(missed)
    return min(most, 1 / (1 + p * (distortion - 1)))
