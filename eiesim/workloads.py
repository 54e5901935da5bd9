"""The nine benchmark layers of EIE Table III, as seeded synthetic workloads.

The paper's weights were never published, except for one sample of Alex-8. So positions are random, at the densities of
the table. Real layers are less even: a coefficient of variation of 0.15 over rows and columns comes close to them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._checks import LARGEST_SEED, number, whole
from eiesim.errors import EieError, unknown
from eiesim.layer import CompressedLayer
from eiesim.paper import source


@dataclass(frozen=True)
class Benchmark:
    """A row of Table III: sizes, and densities as shares of 1."""

    name: str
    cols: int
    rows: int
    weight_density: float
    activation_density: float
    network: str


def _benchmark(row: Mapping[str, str]) -> Benchmark:
    return Benchmark(
        name=row["layer"],
        cols=int(row["inputs"]),
        rows=int(row["outputs"]),
        weight_density=float(row["weight_density_pct"]) / 100,
        activation_density=float(row["activation_density_pct"]) / 100,
        network=row["network"],
    )


TABLE_III: Mapping[str, Benchmark] = {row["layer"]: _benchmark(row) for row in source.read("eie_table3_layers.csv")}
"""The nine benchmark layers of EIE Table III, in the paper's order."""


def benchmark_named(name: str) -> Benchmark:
    """A row of Table III. Raises EieError for a name that is not there, and says which are."""
    if name not in TABLE_III:
        raise unknown("no Table III layer", name, TABLE_III)
    return TABLE_III[name]


LEAST_VARIATION = 1e-6
CELLS_AT_A_TIME = 2**22
"""Rows x columns drawn at once when densities vary, so that memory stays with what is kept."""


def workload(
    name: str,
    seed: int = 0,
    *,
    density: float | None = None,
    activation_density: float | None = None,
    variation: float = 0.0,
) -> tuple[CompressedLayer, npt.NDArray[np.float32]]:
    """A layer of EIE Table III with an input, synthetic and seeded.

    Each weight is kept independently with the density of the table, and each activation is non-zero in the same way.
    NeuralTalk's inputs are all ones, unless a density is given. Values are random, since the timing does not depend on
    them. The same arguments give the same layer.

    Parameters
    ----------
    name : str
        A name of Table III: Alex-6, Alex-7, Alex-8, VGG-6, VGG-7, VGG-8, NT-We, NT-Wd or NT-LSTM.
    seed : int, default 0
        Of everything that is drawn.
    density : float or None, default None
        Share of weights that are kept, 0 to 1; None is the table's.
    activation_density : float or None, default None
        Share of inputs that are not zero, 0 to 1; None is the table's.
    variation : float, default 0.0
        Coefficient of variation of the densities of rows and of columns, which are gamma-distributed; 0 is uniform,
        0.15 comes close to real layers, 2 is the most.

    Returns
    -------
    layer : CompressedLayer
        The layer, without a bias, of 15 shared values.
    activations : float32[cols]
        Its input.

    Raises
    ------
    EieError
        For an unknown name, and for a value out of range.

    Examples
    --------
    >>> import eiesim
    >>> layer, activations = eiesim.workload("NT-We")
    >>> layer.shape, activations.shape
    ((600, 4096), (4096,))
    """
    chosen = benchmark_named(name)
    seed = whole("seed", seed, 0, LARGEST_SEED)
    weight_rng, value_rng, input_rng = np.random.default_rng([seed, list(TABLE_III).index(name)]).spawn(3)
    kept = chosen.weight_density if density is None else density
    indptr, indices = bernoulli_columns(chosen.rows, chosen.cols, kept, variation, weight_rng)
    levels = np.sort(value_rng.normal(0, 0.05, 15)).astype(np.float32)
    layer = CompressedLayer(
        shape=(chosen.rows, chosen.cols),
        indptr=indptr,
        indices=indices,
        codes=value_rng.integers(1, 16, len(indices), dtype=np.uint8),
        codebook=np.concatenate([np.zeros(1, np.float32), levels]),
        name=name,
        activation_said=False,
    )
    active = chosen.activation_density if activation_density is None else activation_density
    active = number("activation density", active, 0, 1)
    if active == 1:
        return layer, np.ones(chosen.cols, np.float32)
    values = (np.abs(input_rng.normal(size=chosen.cols)) + 1e-3).astype(np.float32)
    return layer, np.where(input_rng.random(chosen.cols) < active, values, np.float32(0))


def checked_variation(variation: Any) -> float:
    """A coefficient of variation that densities can have. Raises EieError for any other."""
    value = number("variation", variation, 0)
    if value != 0 and not LEAST_VARIATION <= value <= 2:
        raise EieError(f"variation = {value}: must be 0 (uniform), or {LEAST_VARIATION} to 2")
    return value


def bernoulli_columns(
    rows: int, cols: int, density: float, variation: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Random positions in CSC form: (indptr int64[cols + 1], indices int32[nnz]). No dense matrix is made.

    Each position is kept independently. density: mean share of positions that are kept, 0 to 1. variation: see
    `workload`; probabilities above 1 become 1. Raises EieError for a value out of range.
    """
    density = number("density", density, 0, 1)
    variation = checked_variation(variation)
    if variation == 0:
        columns, indices = _columns_and_rows(_bernoulli_places(rows * cols, density, rng), rows)
        return _pointers(np.bincount(columns, minlength=cols)), indices.astype(np.int32)
    row_factor, column_factor = _gamma(rows, variation, rng), _gamma(cols, variation, rng)
    step = max(1, CELLS_AT_A_TIME // rows)
    kept: list[npt.NDArray[np.int32]] = []
    counts: list[npt.NDArray[np.int64]] = []
    for start in range(0, cols, step):
        factor = column_factor[start : start + step]
        # Draw at the highest probability, then thin.
        highest = min(1.0, density * float(row_factor.max()) * float(factor.max()))
        columns, indices = _columns_and_rows(_bernoulli_places(rows * len(factor), highest, rng), rows)
        probability = np.minimum(density * row_factor[indices] * factor[columns], 1.0)
        # By places: picking by a random mask takes numpy twenty times as long.
        stay = np.flatnonzero(rng.random(len(indices)) * highest < probability)
        kept.append(indices[stay].astype(np.int32))
        counts.append(np.bincount(columns[stay], minlength=len(factor)))
    return _pointers(np.concatenate(counts)), np.concatenate(kept)


def _columns_and_rows(places: npt.NDArray[np.int64], rows: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """`np.divmod(places, rows)`, in a fifth of its time."""
    columns = places // rows
    return columns, places - columns * rows


def _pointers(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def _gamma(count: int, variation: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    return rng.gamma(variation**-2, variation**2, count)


def _bernoulli_places(count: int, probability: float, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """The places among `count` that independent trials keep, ascending. Gaps between them are geometric."""
    if probability == 0:
        return np.zeros(0, np.int64)
    runs: list[npt.NDArray[np.int64]] = []
    reached = -1
    while reached < count:
        expected = int((count - reached) * probability * 1.01) + 100
        gaps = np.minimum(_geometric(probability, expected, rng), count + 1)  # a longer one would overflow the sum
        runs.append(reached + np.cumsum(gaps.astype(np.int64)))
        reached = int(runs[-1][-1])
    places = np.concatenate(runs)
    return places[places < count]


def _geometric(probability: float, count: int, rng: np.random.Generator) -> npt.NDArray[Any]:
    """`rng.geometric`, to the bit: for small probabilities by its own formula, over whole arrays in half the time."""
    if probability >= 1 / 3:
        return rng.geometric(probability, count)
    return np.ceil(rng.standard_exponential(count) / -math.log1p(-probability))
