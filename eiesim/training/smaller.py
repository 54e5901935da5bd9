"""Smaller dense layers: fewer neurons, or two layers of low rank for one."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from eiesim.compression.prune import by_density
from eiesim.dense import DenseLayer, Mask
from eiesim.errors import EieError
from eiesim.training.convolution import Convolution
from eiesim.training.loop import Lesson, train_layers
from eiesim.training.masks import layer_densities
from eiesim.training.recipe import Networks, Outcome, Recipe


def neurons(lesson: Lesson, networks: Networks, recipe: Recipe) -> Outcome:
    """Keep whole hidden units, those of the largest sum of |incoming weights| (as filters: Li et al., ICLR 2017).

    Every hidden layer keeps about the same share of its units, the largest that does not exceed the density; what
    is left is a smaller dense network, which is retrained. A convolution's units are its maps.
    """
    layers: list[DenseLayer] = []
    widths = [*hidden_widths(networks.dense, recipe.kept), networks.dense[-1].rows]
    units = np.arange(networks.dense[0].cols)
    for layer, width, columns in zip(networks.dense, widths, columns_of_units(networks.dense), strict=True):
        inputs = (units[:, None] * columns + np.arange(columns)).ravel()
        strength = np.abs(layer.weights[:, inputs]).sum(axis=1, dtype=np.float64)
        units = np.sort(np.argsort(-strength, kind="stable")[:width])
        bias = None if layer.bias is None else layer.bias[units]
        layers.append(replace(layer, weights=layer.weights[np.ix_(units, inputs)], bias=bias))
    return _retrained(layers, [Mask(np.ones(layer.weights.shape, np.bool_)) for layer in layers], lesson, recipe)


def columns_of_units(layers: Sequence[DenseLayer]) -> list[int]:
    """Of each layer, how many columns a unit of the layer before feeds: a map has one a pixel, or place of a window."""
    return [1, *(after.cols // before.rows for before, after in pairwise(layers))]


def hidden_widths(layers: Sequence[DenseLayer], density: float) -> list[int]:
    """Units of each hidden layer, as large as the density lets them be. Raises EieError where not even one fits."""
    hidden = [layer.rows for layer in layers[:-1]]
    if not hidden:
        raise EieError("neurons: the network has no hidden layer to take neurons from")
    budget = round(density * sum(layer.weights.size for layer in layers))

    def widths(share: float) -> list[int]:
        return [max(1, round(share * width)) for width in hidden]

    def weights(chosen: list[int]) -> int:
        sizes = [layers[0].cols, *chosen, layers[-1].rows]
        return sum(a * b * columns for (b, a), columns in zip(pairwise(sizes), columns_of_units(layers), strict=True))

    steps = 4 * max(hidden)
    fitting = [found for k in range(steps + 1) if weights(found := widths(k / steps)) <= budget]
    if not fitting:
        raise EieError(
            f"neurons: one unit a hidden layer is {weights(widths(0)):,} weights, the density keeps {budget:,}"
        )
    return fitting[-1]


def low_rank(lesson: Lesson, networks: Networks, recipe: Recipe) -> Outcome:
    """Replace hidden layers by two of low rank, by singular values (Denton et al., NIPS 2014), and retrain.

    W is about U V with U = [rows, rank] and V = [rank, cols]: V becomes a layer without bias and ReLU, U one with
    both. The rank is the largest with the layer's density; with `recipe.rank` it is that, and both factors are pruned
    by magnitude to the density. The last layer, too small to gain, is pruned by magnitude. Of a convolution V has its
    windows, and U is one of 1 x 1 behind it.
    """
    layers: list[DenseLayer] = []
    masks: list[Mask] = []
    dense = networks.dense
    for layer, density in zip(dense[:-1], layer_densities(dense, recipe.kept), strict=False):
        kept = round(density * layer.weights.size)
        rank = recipe.rank or max(1, kept // (layer.rows + layer.cols))
        if rank >= min(layer.rows, layer.cols):
            below = f"rank = {rank}: is no less than" if recipe.rank else "low-rank: there is no rank below"
            raise EieError(f"{below} that of layer '{layer.name}', {layer.rows} x {layer.cols}")
        pair = factors(layer, rank)
        share = min(1.0, kept / (rank * (layer.rows + layer.cols))) if recipe.rank else 1.0
        layers += pair
        masks += [by_density(one.weights, share) for one in pair]
    layers.append(dense[-1])
    masks.append(by_density(dense[-1].weights, layer_densities(dense, recipe.kept)[-1]))
    return _retrained(layers, masks, lesson, recipe)


def factors(layer: DenseLayer, rank: int) -> tuple[DenseLayer, DenseLayer]:
    """Two layers in a row for one: the best product of a rank (Eckart and Young 1936), the singular values shared."""
    u, values, v = np.linalg.svd(layer.weights.astype(np.float64), full_matrices=False)
    root = np.sqrt(values[:rank])
    of_windows: dict[str, Any] = {}
    of_places: dict[str, Any] = {}
    if isinstance(layer, Convolution):
        of_windows, of_places = {"pool": 1}, {"image": layer.places, "kernel": 1}
    weights = v[:rank] * root[:, None]
    inner = replace(layer, name=f"{layer.name}-v", weights=weights, bias=None, activation="none", **of_windows)
    return inner, replace(layer, name=f"{layer.name}-u", weights=u[:, :rank] * root, **of_places)


def _retrained(layers: Sequence[DenseLayer], masks: Sequence[Mask], lesson: Lesson, recipe: Recipe) -> Outcome:
    before = tuple(layer.pruned(mask) for layer, mask in zip(layers, masks, strict=True))
    return Outcome(train_layers(before, lesson, recipe.at_once, masks, "retrain"), tuple(masks), before)
