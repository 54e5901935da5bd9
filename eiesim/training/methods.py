"""The methods by name, each with its source."""

from collections.abc import Callable
from dataclasses import dataclass

from eiesim.training.binary import binary
from eiesim.training.blocks import blocks, mesa
from eiesim.training.early import lottery, own_masks, random, snip
from eiesim.training.loop import Lesson
from eiesim.training.magnitude import balanced_over_pes, iterative, n_of_every_m, one_shot
from eiesim.training.recipe import Networks, Outcome, Recipe
from eiesim.training.smaller import low_rank, neurons

MakeZeros = Callable[[Lesson, Networks, Recipe], Outcome]


@dataclass(frozen=True)
class Method:
    """A way to make zeros. does: in a few words. source: where it was published. needs_dense: it starts from a
    trained network, not from the first weights."""

    make: MakeZeros
    does: str
    source: str


METHODS = {
    "magnitude": Method(one_shot, "prune the smallest weights once, retrain", "Han et al., NIPS 2015"),
    "iterative": Method(iterative, "prune and retrain in rounds", "Han et al., NIPS 2015, Sec. 3.4"),
    "lottery": Method(lottery, "in rounds, each rewound to the first weights", "Frankle and Carbin, ICLR 2019"),
    "snip": Method(snip, "largest gradient x weight, in magnitude, before training", "Lee et al., ICLR 2019"),
    "random": Method(random, "weights drawn by chance", "the control of every pruning paper"),
    "neurons": Method(neurons, "whole hidden units", "Li et al., ICLR 2017"),
    "blocks": Method(blocks, "shuffled diagonal blocks", "MPDCompress: Supic et al., 2018"),
    "mesa": Method(mesa, "diagonal blocks like their neighbours", "MESA: Hsu et al., ECAI 2020"),
    "low-rank": Method(low_rank, "two thin layers for one, by SVD", "Denton et al., NIPS 2014"),
    "binary": Method(binary, "two shared values a layer", "BinaryConnect: Courbariaux et al., NIPS 2015"),
    "balanced": Method(balanced_over_pes, "as many weights in every PE", "ours; Cao et al., FPGA 2019"),
}

N_OF_M = Method(n_of_every_m, "N of every M inputs of a row", "Mishra et al., 2021")
OWN_MASKS = Method(own_masks, "masks given by the user", "")


def method_of(recipe: Recipe) -> Method:
    """The method that a recipe names."""
    if recipe.method is None:
        return OWN_MASKS
    return N_OF_M if recipe.n_of_m is not None else METHODS[recipe.method]
