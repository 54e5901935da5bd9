"""Block-diagonal layers: MPDCompress, whose blocks lie in random places, and MESA, whose neighbours are alike."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from eiesim.dense import DenseLayer, from_codes, to_codes
from eiesim.layer import CompressedLayer
from eiesim.training.convolution import Convolution
from eiesim.training.loop import Lesson, train_layers
from eiesim.training.losses import block_difference
from eiesim.training.masks import diagonal_blocks, equal_blocks, largest_blocks, layer_densities, permuted
from eiesim.training.recipe import Networks, Outcome, Recipe

MESA_WEIGHT = 0.03
"""Of the distance penalty in the loss; the paper's alpha, whose value the lecture notes do not say."""


def blocks(lesson: Lesson, networks: Networks, recipe: Recipe) -> Outcome:
    """Train under block-diagonal masks whose rows and columns are shuffled (MPDCompress, Supic et al. 2018).

    A layer has round(1 / density) blocks, at most one a row or column; so its density is near the one asked for.
    The weights mean nothing to the mask, which is drawn before training. Convolutions stay whole, as in the paper.
    """
    rng = np.random.default_rng([recipe.seed, 3])
    masks, rows_of, cols_of = [], [], []
    for layer, count in zip(networks.initial, _counts(networks.initial, recipe.kept), strict=True):
        diagonal = diagonal_blocks((layer.rows, layer.cols), count)
        rows, cols = rng.permutation(layer.rows), rng.permutation(layer.cols)
        masks.append(permuted(diagonal, rows, cols))
        rows_of.append(np.argsort(rows))
        cols_of.append(np.argsort(cols))
    before = tuple(layer.pruned(mask) for layer, mask in zip(networks.initial, masks, strict=True))
    layers = train_layers(before, lesson, recipe.seeded(recipe.dense), masks, "train blocks")
    return Outcome(layers, tuple(masks), before, tuple(rows_of), tuple(cols_of))


def mesa(lesson: Lesson, networks: Networks, recipe: Recipe) -> Outcome:
    """Train equal blocks on the diagonal, each kept close to its neighbour (MESA, Hsu et al., ECAI 2020).

    Alike blocks get the same codes, and their differences are mostly 0, which Huffman coding makes small:
    `coding.block_differences` counts it. As in the paper, rows and columns that equal blocks do not reach are pruned,
    and convolutions stay whole.
    """
    counts = _counts(networks.initial, recipe.kept)
    masks = tuple(
        equal_blocks((layer.rows, layer.cols), count) for layer, count in zip(networks.initial, counts, strict=True)
    )
    before = tuple(layer.pruned(mask) for layer, mask in zip(networks.initial, masks, strict=True))
    layers = train_layers(
        before,
        lesson,
        recipe.seeded(recipe.dense),
        masks,
        "train blocks",
        extra=lambda weights: MESA_WEIGHT * block_difference(weights, counts),
    )
    return Outcome(layers, masks, before, blocks=counts)


def _counts(layers: Sequence[DenseLayer], density: float) -> tuple[int, ...]:
    """How many blocks each layer has: 1 of a convolution; those of the others together come near the density."""
    shares = iter(layer_densities([layer for layer in layers if not isinstance(layer, Convolution)], density))
    return tuple(
        1 if isinstance(layer, Convolution) else largest_blocks((layer.rows, layer.cols), next(shares))
        for layer in layers
    )


def in_block_order(
    layers: Sequence[CompressedLayer], rows_of: Sequence[npt.NDArray[np.int64]]
) -> tuple[CompressedLayer, ...]:
    """The same perceptron with hidden units renamed so that each block's rows follow one another.

    rows_of: of `Outcome`. Classes keep their order, and so do a first layer's inputs: the results are the same.
    EIE deals rows to its PEs in turn, so that a block's rows, now neighbours, go to different ones.
    """
    found, inputs = [], np.arange(layers[0].cols)
    for k, (layer, order) in enumerate(zip(layers, rows_of, strict=True)):
        rows = order if k + 1 < len(layers) else np.arange(layer.rows)
        codes = to_codes(layer)[np.ix_(rows, inputs)]
        bias_codes = None if layer.bias_codes is None else layer.bias_codes[rows]
        found.append(from_codes(codes, layer.codebook, bias_codes, layer.activation, layer.name))
        inputs = rows
    return tuple(found)
