"""Weight sharing: one-dimensional k-means over the kept weights (Deep Compression Sec. 3); and those that are shared
already, which are taken as they are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.errors import EieError, unknown, with_extra

MAX_ITERATIONS = 100_000
"""A guard, not a limit: 4 million normal weights take some 700 steps to 15 centroids and 17,000 to 255,
of less than 100 microseconds each."""
OPTIMAL_SAMPLE = 2_000_000
"""Above this many weights the optimal start is found on as many of their quantiles: kmeans1d copies its input into a
Python list."""

BLOCK = 2**22
"""Weights looked at in one go where a temporary array would be several times as large as they are."""


@dataclass(frozen=True, eq=False)
class Sharing:
    """How the weights and the bias of a layer share values.

    codebook: float32[up to 2**bits]; entry 0 is 0.0, the others ascend. as_it_was: whether the kept weights have no
    more distinct values than that, so that each keeps its own exactly; else the others are k-means' centroids.
    """

    codebook: npt.NDArray[np.float32]
    as_it_was: bool

    def codes(self, weights: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """The code of each of the kept weights, uint8[n], 1 or more."""
        return nearest_code(weights, self.codebook)

    def bias_codes(self, bias: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """The code of every bias, uint8[rows]; 0 is none.

        What is not 0 takes the nearest value. Where weights keep their own that may be 0.0: they leave it no choice.
        """
        if not self.as_it_was:
            codes = np.zeros(len(bias), np.uint8)
            codes[bias != 0] = nearest_code(bias[bias != 0], self.codebook)
            return codes
        order = np.argsort(self.codebook).astype(np.uint8)
        return order[_nearest(bias, self.codebook[order])]


def share(
    ordered: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32] | None,
    bits: int,
    initialisation: str = "linear",
    seed: int = 0,
) -> Sharing:
    """Share `2**bits - 1` values among a layer's kept weights and its bias.

    ordered: float32[n], the kept weights from small to large, NaN last. bias: float32[rows], or None. initialisation,
    seed: as in `share_weights`.
    Weights that have no more distinct values than that keep them; what is free takes biases', each time the one that is
    farthest off. Otherwise weights and biases share by k-means.
    Raises EieError for bits outside 1..8, another initialisation, NaN or infinity.
    """
    if not 1 <= bits <= 8:
        raise EieError(f"bits = {bits}: must be 1 to 8")
    if initialisation not in INITIALISATIONS:
        raise unknown("no initialisation", initialisation, INITIALISATIONS)
    offsets = np.zeros(0, np.float32) if bias is None else np.sort(bias[bias != 0])
    for part in (ordered, offsets):
        if len(part) and not np.isfinite(part[[0, -1]]).all():
            raise EieError("weights: hold NaN or infinity, which share no value")
    values = 2**bits - 1
    centroids = _few_distinct(ordered, values)
    as_it_was = centroids is not None
    if centroids is not None:
        centroids = _filled(centroids, offsets, values)
    else:
        whole = np.insert(ordered, np.searchsorted(ordered, offsets), offsets) if len(offsets) else ordered
        start = INITIALISATIONS[initialisation](whole, values, seed)
        centroids = _lloyd(whole, start).astype(np.float32)
    return Sharing(np.concatenate([np.zeros(1, np.float32), centroids]), as_it_was)


def share_weights(
    weights: npt.NDArray[np.float32], bits: int, initialisation: str = "linear", seed: int = 0
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Share `2**bits - 1` values among the kept weights.

    weights: float32[n], the kept weights only. initialisation: one of INITIALISATIONS; "linear" is the
    published choice. seed: of "random"; the others do not depend on it.
    Returns (codebook float32[up to 2**bits] with entry 0 = 0.0, codes uint8[n], each 1 or more).
    With no more distinct weights than values each keeps its own exact value.
    Raises EieError for bits outside 1..8, another initialisation, NaN or infinity.
    """
    shared = share(np.sort(weights), None, bits, initialisation, seed)
    return shared.codebook, shared.codes(weights)


def linear_initialisation(weights: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float64]:
    """`count` centroids spaced evenly from the smallest to the largest weight."""
    return np.linspace(float(weights.min()), float(weights.max()), count)


def density_initialisation(weights: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float64]:
    """`count` centroids at evenly spaced heights of the weights' cumulative distribution: quantiles."""
    return _quantiles(np.sort(weights), count)


def random_initialisation(weights: npt.NDArray[np.float32], count: int, seed: int) -> npt.NDArray[np.float64]:
    """`count` of the weights themselves, drawn without replacement (Forgy)."""
    chosen = np.random.default_rng(seed).choice(len(weights), count, replace=False)
    return np.sort(weights[chosen]).astype(np.float64)


def optimal_initialisation(weights: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float64]:
    """The centroids of least within-cluster sum of squares, by dynamic programming (library kmeans1d).

    Exact up to OPTIMAL_SAMPLE weights; of more, the optimum of so many evenly spaced quantiles, which k-means
    over all of them then makes better still.
    """
    try:
        import kmeans1d
    except ImportError:
        raise EieError(f"initialisation 'optimal' needs kmeans1d; {with_extra('optimal')}") from None
    ordered = np.sort(weights)
    sample = ordered if len(ordered) <= OPTIMAL_SAMPLE else _quantiles(ordered, OPTIMAL_SAMPLE)
    return np.array(kmeans1d.cluster(sample.astype(np.float64), count).centroids)


Initialisation = Callable[[npt.NDArray[np.float32], int, int], npt.NDArray[np.float64]]
INITIALISATIONS: dict[str, Initialisation] = {
    "linear": lambda weights, count, seed: linear_initialisation(weights, count),
    "density": lambda weights, count, seed: density_initialisation(weights, count),
    "random": random_initialisation,
    "optimal": lambda weights, count, seed: optimal_initialisation(weights, count),
}
"""Ways to choose the centroids that k-means starts from (Deep Compression Sec. 3.2, and the optimum)."""


def k_means(weights: npt.NDArray[np.float32], centroids: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Lloyd's iterations to their fixed point, exact: in one dimension a cluster is an interval of the sorted weights.

    weights: float32[n]. centroids: float64[k], the start. Returns float64[up to k], ascending; a cluster
    that loses its last weight keeps its place until the end and is then left out. A weight in the middle goes to
    the smaller centroid, as in `nearest_code`.
    """
    return _lloyd(np.sort(weights), centroids)


def _lloyd(ordered: npt.NDArray[np.float32], centroids: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    sum_of_first = _PrefixSums(ordered)
    centroids = np.sort(centroids)
    edges = np.zeros(0, np.int64)
    for _ in range(MAX_ITERATIONS):
        # In the weights' own type: searchsorted would widen a float32 array to meet a float64 key.
        middles = _float32_at_or_below((centroids[1:] + centroids[:-1]) / 2)
        new_edges = np.concatenate([[0], np.searchsorted(ordered, middles, side="right"), [len(ordered)]])
        if np.array_equal(new_edges, edges):
            break
        edges = new_edges
        counts = np.diff(edges)
        means = np.diff(sum_of_first(edges)) / np.maximum(counts, 1)
        centroids = np.where(counts > 0, means, centroids)
    return np.asarray(centroids[np.diff(edges) > 0])


class _PrefixSums:
    """Sums of an array's first n values, added one after the other in float64.

    Only every 64th is kept, so that 45 million weights need 6 MB for them and not 360; from the one before, a sum that
    is asked for is added up in the same order, so it is the same to the bit.
    """

    STEP = 64

    def __init__(self, values: npt.NDArray[np.float32]) -> None:
        self._values = values
        self._kept = np.zeros(len(values) // self.STEP + 1, np.float64)
        for start in range(0, len(values), BLOCK):
            part = values[start : start + BLOCK].astype(np.float64)
            part[0] += self._kept[start // self.STEP]
            ends = np.cumsum(part)[self.STEP - 1 :: self.STEP]
            self._kept[start // self.STEP + 1 :][: len(ends)] = ends

    def __call__(self, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The sums of the first `counts` values, float64[...] as counts."""
        kept, more = np.divmod(counts, self.STEP)
        sums = np.empty((len(counts), self.STEP), np.float64)
        sums[:, 0] = self._kept[kept]
        places = (kept * self.STEP)[:, None] + np.arange(self.STEP - 1)
        sums[:, 1:] = self._values.take(places, mode="clip")
        return np.asarray(np.add.accumulate(sums, axis=1)[np.arange(len(counts)), more])


def nearest_code(weights: npt.NDArray[np.float32], codebook: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """The code (1 or more) of the codebook entry nearest to each weight; of two as near, the smaller value's."""
    if len(weights) == 0:
        return np.zeros(0, np.uint8)
    if len(codebook) < 2:
        raise EieError("codebook: has no entry but 0.0, so no weight can be kept")
    order = np.argsort(codebook[1:], kind="stable")
    code_at = (order + 1).astype(np.uint8)
    ordered = codebook[1:][order]
    codes = np.empty(len(weights), np.uint8)
    for start in range(0, len(weights), BLOCK):
        block = slice(start, start + BLOCK)
        codes[block] = code_at[_nearest(weights[block], ordered)]
    return codes


def _few_distinct(ordered: npt.NDArray[np.float32], values: int) -> npt.NDArray[np.float32] | None:
    """The distinct values of sorted weights if there are at most `values`, else None."""
    found: list[Any] = []
    place = 0
    while place < len(ordered):
        if len(found) == values:
            return None
        found.append(ordered[place])
        place = int(np.searchsorted(ordered, ordered[place], side="right"))
    return np.array(found, np.float32)


def _filled(values: npt.NDArray[np.float32], bias: npt.NDArray[np.float32], places: int) -> npt.NDArray[np.float32]:
    """Values with biases' in the places that are free, ascending: each time the one farthest from all values and 0.0.

    bias: sorted, without zeros. Of biases as far off, the smallest comes first.
    """
    taken = list(values)
    distinct = np.unique(bias)
    known = np.sort(np.array([0, *taken], np.float32)).astype(np.float64)
    error = np.abs(known[_nearest(distinct, known)] - distinct)
    while len(taken) < places and error.size and error.max() > 0:
        taken.append(distinct[error.argmax()])
        error = np.minimum(error, np.abs(distinct - np.float64(taken[-1])))
    return np.sort(np.array(taken, np.float32))


def _nearest(weights: npt.NDArray[np.float32], ordered: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The place of the ascending value nearest to each weight; of two as near, the smaller's."""
    wide = ordered.astype(np.float64)
    return np.searchsorted((wide[1:] + wide[:-1]) / 2, weights)


def _quantiles(ordered: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float64]:
    """`count` values of a sorted array at evenly spaced places, each in the middle of its share."""
    places = ((np.arange(count) + 0.5) / count * len(ordered)).astype(np.int64)
    return ordered[places].astype(np.float64)


def _float32_at_or_below(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The largest float32 that is not above each value, so that `w <= value` may be asked in float32."""
    rounded = values.astype(np.float32)
    return np.where(rounded > values, np.nextafter(rounded, np.float32(-np.inf)), rounded)
