"""Masks for a network that is then trained from its first weights: lottery tickets, SNIP, chance, one's own."""

import numpy as np

from eiesim.compression import prune
from eiesim.dense import DenseLayer, Mask
from eiesim.errors import EieError
from eiesim.training.architecture import redrawn
from eiesim.training.convolution import Convolution
from eiesim.training.loop import Lesson, sensitivities, train_layers
from eiesim.training.magnitude import by_magnitude
from eiesim.training.masks import at_random, layer_densities
from eiesim.training.recipe import Networks, Outcome, Recipe

SNIP_EXAMPLES = 1000
"""Of one mini-batch for SNIP: its paper takes 100 of MNIST, and says that more make the scores steadier."""


def lottery(lesson: Lesson, networks: Networks, recipe: Recipe) -> Outcome:
    """Find a winning ticket in rounds, rewinding to the first weights after each (Frankle and Carbin, ICLR 2019).

    The dense network is the first round's training. The ticket, the kept weights at their first values, is then
    trained as long as the dense network was; with `reinitialise` the same mask is trained from other random
    weights, the paper's control.
    """
    choose = by_magnitude(recipe, networks.dense)
    current = networks.dense
    for number in range(1, recipe.rounds + 1):
        masks = choose(current, number / recipe.rounds)
        if number < recipe.rounds:
            stage = f"ticket {number}/{recipe.rounds}"
            current = train_layers(networks.initial, lesson, recipe.seeded(recipe.retraining), masks, stage)
    start = redrawn(networks.initial, [recipe.seed, 2]) if recipe.reinitialise else networks.initial
    return _from_scratch(start, masks, lesson, recipe)


def snip(lesson: Lesson, networks: Networks, recipe: Recipe) -> Outcome:
    """Keep the weights of largest |gradient x weight| before training, of all layers (Lee et al., ICLR 2019)."""
    rng = np.random.default_rng(recipe.seed)
    count = min(SNIP_EXAMPLES, len(lesson.training.labels))
    batch = lesson.training[rng.choice(len(lesson.training.labels), count, replace=False)]
    masks = prune.globally(sensitivities(networks.initial, batch), recipe.kept)
    return _from_scratch(networks.initial, masks, lesson, recipe)


def random(lesson: Lesson, networks: Networks, recipe: Recipe) -> Outcome:
    """Keep weights by chance, each layer its share: what any other method has to beat."""
    rng = np.random.default_rng([recipe.seed, 1])
    densities = layer_densities(networks.initial, recipe.kept)
    masks = tuple(
        at_random((layer.rows, layer.cols), density, rng)
        for layer, density in zip(networks.initial, densities, strict=True)
    )
    return _from_scratch(networks.initial, masks, lesson, recipe)


def own_masks(lesson: Lesson, networks: Networks, recipe: Recipe) -> Outcome:
    """Train under the masks that the recipe gives. Raises EieError where names or shapes are not the layers'."""
    given = recipe.masks or {}
    names = [layer.name for layer in networks.initial]
    if sorted(given) != sorted(names):
        raise EieError(f"masks: are for {', '.join(given) or 'no layer'}; the layers are {', '.join(names)}")
    masks = []
    for layer in networks.initial:
        mask = np.asarray(given[layer.name])
        if isinstance(layer, Convolution) and mask.shape == layer.kernels:
            mask = mask.reshape(layer.weights.shape)
        if mask.shape != layer.weights.shape:
            raise EieError(f"masks: '{layer.name}' has shape {mask.shape}, the layer {layer.weights.shape}")
        masks.append(Mask(mask != 0))
    return _from_scratch(networks.initial, tuple(masks), lesson, recipe)


def _from_scratch(start: tuple[DenseLayer, ...], masks: tuple[Mask, ...], lesson: Lesson, recipe: Recipe) -> Outcome:
    before = tuple(layer.pruned(mask) for layer, mask in zip(start, masks, strict=True))
    return Outcome(train_layers(before, lesson, recipe.seeded(recipe.dense), masks, "train pruned"), masks, before)
