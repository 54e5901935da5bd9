"""The Pareto front."""

from collections.abc import Sequence

import numpy as np


def front(costs: Sequence[float], gains: Sequence[float]) -> list[int]:
    """Places that no other beats in both, from the cheapest: a lower cost with at least the gain, or the reverse."""
    found: list[int] = []
    for place in np.lexsort((-np.asarray(gains), np.asarray(costs))).tolist():
        if not found or gains[place] > gains[found[-1]]:
            found.append(place)
    return found
