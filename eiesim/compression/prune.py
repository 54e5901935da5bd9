"""Pruning by magnitude (Deep Compression Sec. 2): which weights stay, as explicit masks."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.dense import Mask
from eiesim.errors import EieError

Weights = npt.NDArray[np.float32]


def by_density(weights: Weights, density: float, places: int | None = None) -> Mask:
    """Keep the `density * weights.size` weights (rounded) of largest magnitude.

    places: how many weights there are, the rest of the array being 0 (a convolution in groups); None is all of it.
    Of equal magnitudes the first in row order stay. A zero is never kept, so an array that has many may
    end with fewer. Raises EieError for a density outside 0..1 and for NaN or infinity.
    """
    _check_density(density)
    magnitudes = _magnitudes(weights)
    return Mask(_largest(magnitudes.ravel(), density, places).reshape(weights.shape))


def globally(layers: Sequence[Weights], density: float, places: Sequence[int] | None = None) -> tuple[Mask, ...]:
    """One threshold for several layers: together they keep `density` of their weights.

    Single layers may keep more or less.

    The rules are those of `by_density`, as if the layers were one long array.
    """
    _check_density(density)
    if not layers:
        return ()
    every = np.concatenate([_magnitudes(weights).ravel() for weights in layers])
    ends = np.cumsum([weights.size for weights in layers])[:-1]
    parts = np.split(_largest(every, density, None if places is None else sum(places)), ends)
    return tuple(Mask(part.reshape(weights.shape)) for part, weights in zip(parts, layers, strict=True))


def by_threshold(weights: Weights, threshold: float) -> Mask:
    """Keep the weights of a magnitude above `threshold`."""
    if not threshold >= 0:
        raise EieError(f"threshold = {threshold}: must be 0 or more")
    return Mask(_magnitudes(weights) > threshold)


def by_deviation(weights: Weights, multiple: float, places: int | None = None) -> Mask:
    """Keep the weights above `multiple` times the layer's standard deviation (Han et al., NIPS 2015, Sec. 4).

    places: as in `by_density`.
    """
    if not 0 <= multiple < math.inf:
        raise EieError(f"threshold = {multiple} standard deviations: must be 0 or more, and finite")
    deviation = float(np.std(weights, dtype=np.float64)) if weights.size else 0.0
    if places is not None and places != weights.size:
        # The zeros beside the groups add nothing to the sums of weights and of their squares.
        mean = float(np.mean(weights, dtype=np.float64))
        times = weights.size / places
        deviation = math.sqrt(max((deviation**2 + mean**2) * times - (mean * times) ** 2, 0.0))
    return by_threshold(weights, multiple * deviation)


def _largest(magnitudes: npt.NDArray[Any], density: float, places: int | None) -> npt.NDArray[np.bool_]:
    count = round(density * (magnitudes.size if places is None else places))
    if count == 0:
        return np.zeros(magnitudes.shape, np.bool_)
    place = magnitudes.size - count
    threshold = np.partition(magnitudes, place)[place]
    kept: npt.NDArray[np.bool_] = magnitudes > threshold
    ties = np.flatnonzero(magnitudes == threshold)
    kept[ties[: count - np.count_nonzero(kept)]] = threshold > 0
    return kept


def _magnitudes(weights: Weights) -> Weights:
    if not np.isfinite(weights).all():
        raise EieError("weights: hold NaN or infinity, which have no magnitude to prune by")
    return np.abs(weights)


def _check_density(density: float) -> None:
    if not 0 <= density <= 1:
        raise EieError(f"density = {density}: must be 0 to 1, the share of weights to keep")
