"""Binary weights: every kept weight of a layer is one of two values."""

from dataclasses import replace
from typing import Any

import numpy as np

from eiesim.dense import DenseLayer, from_codes
from eiesim.layer import CompressedLayer
from eiesim.training.loop import Lesson, train_layers
from eiesim.training.magnitude import by_magnitude
from eiesim.training.recipe import Networks, Outcome, Recipe
from eiesim.weight_sharing import k_means, linear_initialisation, nearest_code


def binary(lesson: Lesson, networks: Networks, recipe: Recipe) -> Outcome:
    """Train weights of which the network sees only the signs (BinaryConnect, deterministic; Courbariaux et al., 2015).

    The signs are scaled by the layer's mean |w|, which is nearest to it (XNOR-Net, Rastegari et al. 2016, Sec. 3.1):
    BinaryConnect scales by batch normalisation, for which EIE has no place. Gradients pass the sign unchanged. A
    density below 1 first prunes the trained network by magnitude, which the paper does not.
    """
    masks = by_magnitude(recipe, networks.dense)(networks.dense, 1.0)
    before = tuple(layer.pruned(mask) for layer, mask in zip(networks.dense, masks, strict=True))
    trained = train_layers(before, lesson, recipe.seeded(recipe.dense), masks, "train binary", change=_signs_for)
    return Outcome(tuple(signs(layer) for layer in trained), masks, before, binary=True)


def signs(layer: DenseLayer) -> DenseLayer:
    """The layer with each weight the mean magnitude of those that are not zero, by its sign; zeros stay."""
    return replace(layer, weights=np.sign(layer.weights) * _scale(layer))


def two_values(layer: DenseLayer, bits: int = 4) -> CompressedLayer:
    """Share two values among the kept weights, codes 1 (below zero) and 2; biases share the other 2**bits - 3.

    layer: as `signs` gives it. bits: 2 to 8.
    """
    scale = _scale(layer)
    codes = np.select([layer.weights < 0, layer.weights > 0], [1, 2], 0).astype(np.uint8)
    if layer.bias is None or not layer.bias.any():
        return from_codes(codes, np.array([0, -scale, scale], np.float32), None, layer.activation, layer.name)
    given = layer.bias[layer.bias != 0]
    centroids = np.unique(given)
    if len(centroids) > 2**bits - 3:
        centroids = k_means(given, linear_initialisation(given, 2**bits - 3)).astype(np.float32)
    bias_codes = np.zeros(layer.rows, np.uint8)
    bias_codes[layer.bias != 0] = nearest_code(given, np.concatenate([[0], centroids]).astype(np.float32)) + 2
    codebook = np.concatenate([[0, -scale, scale], centroids]).astype(np.float32)
    return from_codes(codes, codebook, bias_codes, layer.activation, layer.name)


def _scale(layer: DenseLayer) -> np.float32:
    kept = np.abs(layer.weights[layer.weights != 0])
    return np.float32(kept.mean(dtype=np.float64)) if kept.size else np.float32(1)


def _signs_for(weight: Any) -> Any:
    """What stands for a weight tensor: its scaled signs, with the tensor's own gradient (straight through)."""
    count = (weight != 0).sum().clamp(min=1)
    scale = weight.detach().abs().sum() / count
    return weight + (scale * weight.detach().sign() - weight.detach())
