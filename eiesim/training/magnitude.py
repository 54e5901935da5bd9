"""Pruning a trained network by magnitude: once, in rounds, N of every M, and as many in every PE."""

from collections.abc import Callable, Sequence

from eiesim.compression import prune
from eiesim.dense import DenseLayer, Mask
from eiesim.errors import EieError
from eiesim.training.loop import Lesson, Settings, train_layers
from eiesim.training.masks import balanced, layer_densities, n_of_m
from eiesim.training.recipe import Networks, Outcome, Recipe

Choose = Callable[[Sequence[DenseLayer], float], tuple[Mask, ...]]
"""Masks for layers. The second argument, 0 to 1, is how far: the densities to reach to its power."""


def prune_and_retrain(
    layers: Sequence[DenseLayer],
    choose: Choose,
    lesson: Lesson,
    settings: Settings,
    rounds: int = 4,
) -> Outcome:
    """Prune and retrain, `rounds` times (Han et al., NIPS 2015, Sec. 3.4).

    Round r of R prunes to density**(r / R): each round takes the same share of what is left. Where `choose` keeps no
    zero, the masks of one round lie within those of the round before.
    """
    if rounds < 1:
        raise EieError(f"rounds = {rounds}: must be 1 or more")
    current = tuple(layers)
    for number in range(1, rounds + 1):
        masks = choose(current, number / rounds)
        before = tuple(layer.pruned(mask) for layer, mask in zip(current, masks, strict=True))
        stage = "retrain" if rounds == 1 else f"prune {number}/{rounds}"
        current = train_layers(before, lesson, settings, masks, stage)
    return Outcome(current, masks, before)


def by_magnitude(recipe: Recipe, layers: Sequence[DenseLayer]) -> Choose:
    """The largest weights: of each layer by themselves, or of all together."""
    if recipe.together:
        return lambda now, far: prune.globally([layer.weights for layer in now], recipe.kept**far)
    return by_layer(layer_densities(layers, recipe.kept))


def by_layer(densities: Sequence[float]) -> Choose:
    """The largest weights of each layer, to a density a layer. Raises EieError unless there are as many."""

    def choose(layers: Sequence[DenseLayer], far: float) -> tuple[Mask, ...]:
        if len(densities) != len(layers):
            raise EieError(f"densities: {len(densities)} for {len(layers)} layers, needs one each")
        return tuple(prune.by_density(layer.weights, d**far) for layer, d in zip(layers, densities, strict=True))

    return choose


def one_shot(lesson: Lesson, networks: Networks, recipe: Recipe) -> Outcome:
    """Prune the trained network at once, then retrain what is left (Han et al., NIPS 2015)."""
    choose = by_magnitude(recipe, networks.dense)
    return prune_and_retrain(networks.dense, choose, lesson, recipe.at_once, rounds=1)


def iterative(lesson: Lesson, networks: Networks, recipe: Recipe) -> Outcome:
    """Prune the trained network in rounds, retraining after each (Han et al., NIPS 2015, Sec. 3.4)."""
    choose = by_magnitude(recipe, networks.dense)
    return prune_and_retrain(networks.dense, choose, lesson, recipe.seeded(recipe.retraining), recipe.rounds)


def n_of_every_m(lesson: Lesson, networks: Networks, recipe: Recipe) -> Outcome:
    """Keep n of every m inputs in each row of the trained network, then retrain (Mishra et al. 2021)."""
    n, m = recipe.n_of_m or (1, 1)

    def choose(layers: Sequence[DenseLayer], _: float) -> tuple[Mask, ...]:
        return tuple(n_of_m(layer.weights, n, m) for layer in layers)

    return prune_and_retrain(networks.dense, choose, lesson, recipe.at_once, rounds=1)


def balanced_over_pes(lesson: Lesson, networks: Networks, recipe: Recipe) -> Outcome:
    """As `iterative`, but each PE keeps as many weights in each group of columns: no PE waits for another.

    Ours, for EIE; Cao et al. (FPGA 2019, bank-balanced sparsity) balance the banks of each row in the same spirit.
    """
    densities = layer_densities(networks.dense, recipe.kept)

    def choose(layers: Sequence[DenseLayer], far: float) -> tuple[Mask, ...]:
        return tuple(balanced(layer.weights, d**far, recipe.pes) for layer, d in zip(layers, densities, strict=True))

    return prune_and_retrain(networks.dense, choose, lesson, recipe.seeded(recipe.retraining), recipe.rounds)
