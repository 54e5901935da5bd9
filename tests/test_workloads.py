"""The synthetic layers of Table III: sizes and densities against the published table, and what randomness promises."""

import csv
import tracemalloc

import numpy as np
import pytest

import eiesim
from eiesim.workloads import TABLE_III, _geometric, bernoulli_columns
from tests.cases import SHARED

SIGMAS = 5


def close(kept: int, trials: int, probability: float) -> bool:
    return abs(kept - trials * probability) <= SIGMAS * np.sqrt(trials * probability * (1 - probability)) + 1e-9


def test_the_table_is_the_published_one() -> None:
    path = SHARED / "published" / "eie_table3_layers.csv"
    if not path.exists():
        pytest.skip("../shared/data/published/eie_table3_layers.csv is not here")
    with path.open() as file:
        published = list(csv.DictReader(file))
    assert [row["layer"] for row in published] == list(TABLE_III)
    for row in published:
        ours = TABLE_III[row["layer"]]
        assert (ours.cols, ours.rows) == (int(row["inputs"]), int(row["outputs"]))
        assert ours.weight_density * 100 == pytest.approx(float(row["weight_density_pct"]))
        assert ours.activation_density * 100 == pytest.approx(float(row["activation_density_pct"]))
        # FLOP% is the two together, in whole percents; the table's own NT-LSTM has 10 % x 100 % = 11 %.
        flop = ours.weight_density * ours.activation_density * 100
        assert abs(flop - float(row["flop_pct"])) <= (1 if row["layer"] == "NT-LSTM" else 0.75)


@pytest.mark.parametrize("name", TABLE_III)
def test_densities_are_the_tables(name: str) -> None:
    row = TABLE_III[name]
    layer, activations = eiesim.workload(name, seed=3)
    assert (layer.shape, layer.name) == ((row.rows, row.cols), name)
    assert layer.bias_codes is None
    assert close(layer.nnz, row.rows * row.cols, row.weight_density)
    assert activations.dtype == np.float32
    assert activations.shape == (row.cols,)
    assert close(int(np.count_nonzero(activations)), row.cols, row.activation_density)
    if name.startswith("NT-"):
        np.testing.assert_array_equal(activations, 1)
    assert (activations >= 0).all(), "they come out of a ReLU"
    assert len(layer.codebook) == 16


def test_codes_are_evenly_drawn() -> None:
    layer, _ = eiesim.workload("NT-Wd", seed=1)
    counts = np.bincount(layer.codes, minlength=16)
    assert counts[0] == 0
    assert all(close(int(count), layer.nnz, 1 / 15) for count in counts[1:])


@pytest.mark.parametrize("variation", [0.0, 0.15])
def test_rows_and_columns_vary_as_asked(variation: float) -> None:
    """The spread beyond that of independent trials is the variation; over 4,096 rows it is known to a few percent."""
    layer, _ = eiesim.workload("Alex-7", seed=2, variation=variation)
    row = TABLE_III["Alex-7"]
    by_row = np.bincount(layer.indices, minlength=layer.rows) / layer.cols
    by_column = np.diff(layer.indptr) / layer.rows
    trials = np.sqrt((1 - row.weight_density) / row.weight_density / 4096)  # of independent trials alone
    for densities in (by_row, by_column):
        spread = densities.std() / densities.mean()
        assert spread == pytest.approx(np.hypot(variation, trials), rel=0.06)
        assert densities.mean() == pytest.approx(row.weight_density, rel=0.02)


def test_variation_makes_gamma_distributed_densities() -> None:
    """Of a gamma distribution the skewness is twice the coefficient of variation."""
    indptr, indices = bernoulli_columns(20000, 2000, 0.1, 0.5, np.random.default_rng(4))
    counts = np.bincount(indices, minlength=20000)
    assert len(indptr) == 2001
    standard = (counts - counts.mean()) / counts.std()
    assert (standard**3).mean() == pytest.approx(1.0, abs=0.2)


def test_positions_are_independent() -> None:
    """Neighbours in a column and in a row are kept together as often as chance has it."""
    indptr, indices = bernoulli_columns(500, 400, 0.3, 0.0, np.random.default_rng(5))
    kept = np.zeros((400, 500), bool)
    kept[np.repeat(np.arange(400), np.diff(indptr)), indices] = True
    assert close(int((kept[:, 1:] & kept[:, :-1]).sum()), 400 * 499, 0.09)
    assert close(int((kept[1:] & kept[:-1]).sum()), 399 * 500, 0.09)


def test_the_same_seed_gives_the_same_layer_and_another_another() -> None:
    one, x = eiesim.workload("NT-We", seed=7, variation=0.15)
    again, y = eiesim.workload("NT-We", seed=7, variation=0.15)
    other, _ = eiesim.workload("NT-We", seed=8, variation=0.15)
    assert one.content_hash == again.content_hash != other.content_hash
    np.testing.assert_array_equal(x, y)
    # Layers of one size and density differ too: each has its own stream.
    alike = [eiesim.workload(name, 0, density=0.1, activation_density=0.5) for name in ("Alex-8", "VGG-8")]
    assert alike[0][0].content_hash != alike[1][0].content_hash
    assert not np.array_equal(alike[0][1], alike[1][1])


@pytest.mark.parametrize(("density", "kept"), [(0.0, 0), (1.0, 4096 * 600), (1e-18, 0)])
def test_densities_at_their_ends(density: float, kept: int) -> None:
    layer, _ = eiesim.workload("NT-We", density=density)
    assert layer.nnz == kept
    _, activations = eiesim.workload("NT-We", density=density, activation_density=0.0)
    assert not activations.any()


def test_a_density_of_inputs_is_heeded() -> None:
    _, activations = eiesim.workload("NT-We", activation_density=0.25)
    assert close(int(np.count_nonzero(activations)), 4096, 0.25)


@pytest.mark.parametrize("variation", [0.0, 0.15])
def test_never_dense(variation: float) -> None:
    """VGG-6 has 103 million places, 411 MB as float32; its 4.1 million weights must not need that."""
    tracemalloc.start()
    try:
        layer, _ = eiesim.workload("VGG-6", variation=variation)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert layer.nnz > 4_000_000
    assert peak < 200e6


@pytest.mark.parametrize("probability", [1e-300, 1e-6, 0.01, 0.25, 0.3333, 1 / 3, 0.9, 1.0])
def test_gaps_are_numpys_own(probability: float) -> None:
    ours, numpys = (np.random.default_rng(3) for _ in range(2))
    found = np.minimum(_geometric(probability, 10_000, ours), 10**9)
    assert np.array_equal(found, np.minimum(numpys.geometric(probability, 10_000), 10**9))
    assert ours.random() == numpys.random()
