"""Weight sharing: one-dimensional k-means over the kept weights (Deep Compression Sec. 3)."""

import numpy as np
import numpy.typing as npt

from eiesim.errors import EieError

MAX_ITERATIONS = 100_000
"""A guard, not a limit: 4 million normal weights take some 700 steps to 15 centroids and 17,000 to 255,
of less than 100 microseconds each."""


def share_weights(weights: npt.NDArray[np.float32], bits: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Share `2**bits - 1` values among the kept weights.

    weights: float32[n], the kept weights only.
    Returns (codebook float32[up to 2**bits] with entry 0 = 0.0, codes uint8[n], each 1 or more).
    With fewer distinct weights than values each keeps its own exact value.
    """
    distinct = np.unique(weights)
    values = 2**bits - 1
    few = len(distinct) <= values
    centroids = distinct if few else k_means(weights, linear_initialisation(distinct, values)).astype(np.float32)
    codebook = np.concatenate([np.zeros(1, np.float32), centroids])
    return codebook, nearest_code(weights, codebook)


def linear_initialisation(weights: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float64]:
    """`count` centroids spaced evenly from the smallest to the largest weight."""
    return np.linspace(float(weights.min()), float(weights.max()), count)


def k_means(weights: npt.NDArray[np.float32], centroids: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Lloyd's iterations to their fixed point, exact: in one dimension a cluster is an interval of the sorted weights.

    weights: float32[n]. centroids: float64[k], the start. Returns float64[up to k], ascending; a cluster
    that loses its last weight keeps its place until the end and is then left out. A weight in the middle goes to
    the smaller centroid, as in `nearest_code`.
    """
    ordered = np.sort(weights).astype(np.float64)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    centroids = np.sort(centroids)
    edges = np.zeros(0, np.int64)
    for _ in range(MAX_ITERATIONS):
        middles = (centroids[1:] + centroids[:-1]) / 2
        new_edges = np.concatenate([[0], np.searchsorted(ordered, middles, side="right"), [len(ordered)]])
        if np.array_equal(new_edges, edges):
            break
        edges = new_edges
        counts = np.diff(edges)
        means = np.diff(sums[edges]) / np.maximum(counts, 1)
        centroids = np.where(counts > 0, means, centroids)
    return np.asarray(centroids[np.diff(edges) > 0])


def nearest_code(weights: npt.NDArray[np.float32], codebook: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """The code (1 or more) of the codebook entry nearest to each weight; of two as near, the smaller value's."""
    if len(weights) == 0:
        return np.zeros(0, np.uint8)
    if len(codebook) < 2:
        raise EieError("codebook: has no entry but 0.0, so no weight can be kept")
    order = np.argsort(codebook[1:], kind="stable")
    ordered = codebook[1:][order].astype(np.float64)
    places = np.searchsorted((ordered[1:] + ordered[:-1]) / 2, weights)
    codes: npt.NDArray[np.uint8] = (order + 1).astype(np.uint8)[places]
    return codes
