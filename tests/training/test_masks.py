"""Masks: exact densities, and what each structure promises."""

import numpy as np
import pytest

from eiesim import EieError
from eiesim.compression import prune
from eiesim.dense import DenseLayer
from eiesim.training.masks import (
    at_random,
    balanced,
    diagonal_blocks,
    equal_blocks,
    largest_blocks,
    layer_densities,
    n_of_m,
    permuted,
)


def weights(rows, cols, seed=0):
    return np.random.default_rng(seed).standard_normal((rows, cols)).astype(np.float32)


@pytest.mark.parametrize("density", [1.0, 0.5, 0.3, 0.1, 0.05, 0.02, 0.01, 0.001])
@pytest.mark.parametrize("sizes", [(784, 300, 100, 10), (7, 5), (20, 30, 3), (7, *[1] * 40, 4), (3, *[5, 1] * 9, 2)])
def test_densities_of_layers_add_up_to_the_density(sizes, density):
    layers = [DenseLayer(f"fc{k}", weights(sizes[k + 1], sizes[k])) for k in range(len(sizes) - 1)]
    shares = layer_densities(layers, density)
    total = sum(layer.weights.size for layer in layers)
    kept = sum(prune.by_density(la.weights, share).count for la, share in zip(layers, shares, strict=True))
    assert kept == round(density * total)
    assert all(0 <= share <= 1 for share in shares)


def test_densities_are_much_like_deep_compressions():
    """Table 2: LeNet-300-100 at 8 % in all keeps 8, 9 and 26 %."""
    sizes = (784, 300, 100, 10)
    layers = [DenseLayer(f"fc{k}", weights(sizes[k + 1], sizes[k])) for k in range(3)]
    assert layer_densities(layers, 0.08) == pytest.approx((0.08, 0.08, 0.28), abs=0.005)


def test_by_chance_keeps_the_exact_number_everywhere_alike():
    rng = np.random.default_rng(3)
    masks = [at_random((20, 30), 0.1, rng) for _ in range(400)]
    assert {mask.count for mask in masks} == {60}
    often = np.mean([mask.kept for mask in masks], axis=0)
    assert abs(often - 0.1).max() < 6 * np.sqrt(0.1 * 0.9 / 400)


@pytest.mark.parametrize(("n", "m"), [(2, 4), (4, 8), (1, 4), (1, 16), (3, 5)])
@pytest.mark.parametrize("cols", [32, 37])
def test_n_of_m_holds_in_every_group(n, m, cols):
    w = weights(9, cols)
    kept = n_of_m(w, n, m).kept
    for row in range(9):
        for start in range(0, cols, m):
            group = slice(start, start + m)
            assert kept[row, group].sum() == min(n, len(w[row, group]))
            lost, held = abs(w[row, group])[~kept[row, group]], abs(w[row, group])[kept[row, group]]
            assert lost.max(initial=0) <= held.min()
    with pytest.raises(EieError, match="4:4: keeps n of every m"):
        n_of_m(w, 4, 4)


@pytest.mark.parametrize("pes", [4, 16])
@pytest.mark.parametrize("density", [0.5, 0.1, 0.03])
def test_balanced_gives_each_pe_as_much_in_each_group(pes, density):
    w = weights(64, 48)
    mask = balanced(w, density, pes, columns=8)
    assert mask.count == round(density * w.size)
    entries = np.array([[mask.kept[pe::pes, g : g + 8].sum() for pe in range(pes)] for g in range(0, 48, 8)])
    uneven = entries.max(axis=1) - entries.min(axis=1)
    assert sorted(uneven)[:-1] == [0] * 5  # all groups but one, which takes the rest
    assert uneven.max() <= 1
    # Within its PE and group, what stays is the largest.
    for pe in range(pes):
        for g in range(0, 48, 8):
            part, kept = abs(w[pe::pes, g : g + 8]), mask.kept[pe::pes, g : g + 8]
            assert part[~kept].max(initial=0) <= part[kept].min(initial=np.inf)


def test_balanced_where_rows_do_not_divide():
    """300 rows on 64 PEs: 44 PEs have 5 rows, 20 have 4. Below the smaller PEs' limit all have as many."""
    w = weights(300, 40)
    mask = balanced(w, 0.2, 64)
    assert mask.count == round(0.2 * w.size)
    entries = np.array([[mask.kept[pe::64, g : g + 8].sum() for pe in range(64)] for g in range(0, 40, 8)])
    assert (np.ptp(entries, axis=1) == 0).sum() >= 4
    few = balanced(weights(3, 40), 0.5, 64)
    assert few.count == 60
    zeros = weights(8, 8)
    zeros[:, :6] = 0
    assert balanced(zeros, 0.9, 4).count == 16


@pytest.mark.parametrize("blocks", [1, 3, 10])
def test_blocks_touch_everything_and_lie_on_the_diagonal(blocks):
    kept = diagonal_blocks((10, 31), blocks).kept
    assert kept.any(axis=0).all()
    assert kept.any(axis=1).all()
    # Rows of one block are the same, and different blocks share no column.
    assert len(np.unique(kept, axis=0)) == blocks
    assert np.unique(kept, axis=0).sum(axis=0).max() == 1
    same = equal_blocks((10, 31), blocks)
    assert same.count == blocks * (10 // blocks) * (31 // blocks)


def test_permuted_and_back():
    rng = np.random.default_rng(0)
    mask = diagonal_blocks((12, 30), 4)
    rows, cols = rng.permutation(12), rng.permutation(30)
    shuffled = permuted(mask, rows, cols)
    assert (shuffled.kept != mask.kept).any()
    assert (permuted(shuffled, np.argsort(rows), np.argsort(cols)).kept == mask.kept).all()


def test_number_of_blocks():
    assert [largest_blocks((10, 100), density) for density in (1.0, 0.3, 0.1, 0.01)] == [1, 3, 10, 10]
