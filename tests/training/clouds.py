"""A small problem: three clouds of points in 16 dimensions."""

import numpy as np

from eiesim.training.examples import Examples, Parts


def clouds(seed, count=300):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    centres = np.random.default_rng(99).normal(size=(3, 16))
    return Examples((centres[labels] + rng.normal(size=(count, 16))).astype(np.float32), labels)


PARTS = Parts(training=clouds(0), validation=clouds(1, 100), held_out=clouds(2, 100))
