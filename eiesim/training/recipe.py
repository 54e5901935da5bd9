"""Recipe: which method, to which density, with what; refused where it makes no sense. Outcome: what a method gives."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from eiesim._checks import flag, real
from eiesim._shown import Brief
from eiesim.dense import DenseLayer, Mask
from eiesim.errors import EieError, shown, unknown
from eiesim.training.loop import Settings
from eiesim.training.losses import Distillation, Penalty
from eiesim.training.masks import check_n_of_m

NAMES = (
    "magnitude",
    "iterative",
    "lottery",
    "snip",
    "random",
    "neurons",
    "blocks",
    "mesa",
    "low-rank",
    "binary",
    "balanced",
)
"""Methods by name; besides them any N:M, such as 2:4."""

RANKED_TOGETHER = ("magnitude", "iterative", "lottery")


MOST_ROUNDS, MOST_EPOCHS = 1_000, 100_000


def check_whole(name: str, value: object, least: int, most: int) -> None:
    """Raise EieError where a value is no whole number from `least` to `most`."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not least <= value <= most:  # type: ignore[operator]
        raise EieError(f"{name} = {shown(value)}: must be a whole number from {least} to {most}")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to make a network's zeros.

    Parameters
    ----------
    method : str or None, default None
        "magnitude", "iterative", "lottery", "snip", "random", "neurons", "blocks", "mesa", "low-rank", "binary",
        "balanced" or N:M, such as "2:4"; None with `masks`.
    density : float or None, default None
        Share of all weights to keep, above 0 to 1, biases left out; None for N:M and masks, which are a density.
    together : bool, default False
        Rank all layers' weights together, by one threshold, instead of each layer's by themselves.
    rounds : int, default 4
        Of pruning and retraining, 1 to 1,000.
    reinitialise : bool, default False
        Train a lottery's mask from other random weights: its control.
    rank : int or None, default None
        Of low-rank factors, which are then pruned to the density; None takes the rank that has the density.
    pes : int, default 64
        PEs to balance over, 1 to 4096.
    masks : dict of str to bool[rows, cols], or None, default None
        The kept weights by layer name, instead of a method.
    penalty : Penalty or None, default None
        On the weights, in the loss.
    distillation : Distillation, default Distillation()
        How to learn from a teacher, if there is one.
    bits : int, default 4
        Of a code, 1 to 8.
    seed : int, default 0
        Of everything that is drawn, 0 to 2**63 - 1.
    dense : Settings, default Settings(epochs=30, patience=8)
        How long and how fast to train before pruning, and from scratch; 100,000 epochs at most.
    retraining : Settings, default Settings(epochs=12, patience=4)
        The same after each round of pruning; a single pruning is followed by all rounds' epochs.
    shared : Settings, default Settings(epochs=8, patience=4, rate=3e-05, decay=0.0)
        The same for the shared values.

    Raises
    ------
    EieError
        For an unknown method, and for options that make no sense together.
    """

    method: str | None = None
    density: float | None = None
    together: bool = False
    rounds: int = 4
    reinitialise: bool = False
    rank: int | None = None
    pes: int = 64
    masks: Mapping[str, npt.NDArray[np.bool_]] | None = None
    penalty: Penalty | None = None
    distillation: Distillation = field(default_factory=Distillation)
    bits: int = 4
    seed: int = 0
    dense: Settings = field(default_factory=lambda: Settings(epochs=30, patience=8))
    retraining: Settings = field(default_factory=lambda: Settings(epochs=12, patience=4))
    shared: Settings = field(default_factory=lambda: Settings(epochs=8, patience=4, rate=3e-5, decay=0.0))

    def __post_init__(self) -> None:
        if (self.method is None) == (self.masks is None):
            raise EieError("give either a method or masks of your own")
        if self.method is not None and (
            not isinstance(self.method, str) or (self.method not in NAMES and self.n_of_m is None)
        ):
            raise unknown("no method", self.method, (*NAMES, "N:M"))
        if self.n_of_m is not None:
            check_n_of_m(*self.n_of_m)
            if self.density is not None:
                raise EieError(f"method {self.method} is a density by itself; give no other")
        elif self.masks is not None:
            if self.density is not None:
                raise EieError("masks are a density by themselves; give no other")
        elif self.density is None:
            raise EieError(f"method {self.method} needs a density, the share of weights to keep, such as 0.1")
        else:
            real("density", self.density)
            if not 0 < self.density <= 1:
                raise EieError(f"density = {self.density}: must be above 0 and at most 1, the share of weights to keep")
        self._check_options()

    def _check_options(self) -> None:
        flag("together", self.together)
        flag("reinitialise", self.reinitialise)
        if self.penalty is not None and not isinstance(self.penalty, Penalty):
            raise EieError(f"penalty = {shown(self.penalty)}: must be a Penalty, or a text such as l1=1e-4")
        if not isinstance(self.distillation, Distillation):
            raise EieError(f"distillation = {shown(self.distillation)}: must be a Distillation")
        if self.together and self.method not in RANKED_TOGETHER:
            raise EieError(f"only {', '.join(RANKED_TOGETHER)} can rank all layers together, not {self._what}")
        if self.reinitialise and self.method != "lottery":
            raise EieError(f"only a lottery ticket is trained again from other weights, not {self._what}")
        if self.rank is not None and self.method != "low-rank":
            raise EieError(f"only low-rank factors have a rank, not {self._what}")
        if self.rank is not None:
            check_whole("rank", self.rank, 1, 2**31 - 1)
        check_whole("rounds", self.rounds, 1, MOST_ROUNDS)
        check_whole("seed", self.seed, 0, 2**63 - 1)
        for settings in (self.dense, self.retraining, self.shared):
            check_whole("epochs", settings.epochs, 1, MOST_EPOCHS)
            check_whole("patience", settings.patience, 1, MOST_EPOCHS)
            check_whole("batch", settings.batch, 1, 2**31 - 1)
        check_whole("pes", self.pes, 1, 4096)
        check_whole("bits", self.bits, 1, 8)
        if self.method == "binary" and self.bits < 2:
            raise EieError("binary weights are two shared values, and biases need more: give 2 bits or more")

    @property
    def _what(self) -> str:
        return "masks of your own" if self.method is None else self.method

    @property
    def n_of_m(self) -> tuple[int, int] | None:
        """(N, M) of a method N:M."""
        found = re.fullmatch(r"(\d{1,4}):(\d{1,4})", self.method or "")
        return None if found is None else (int(found[1]), int(found[2]))

    @property
    def kept(self) -> float:
        """The density of methods that need one."""
        return 1.0 if self.density is None else self.density

    @property
    def plan(self) -> tuple[int, ...]:
        """The most epochs of each stage of training, in order; a stage ends earlier when it stops to learn."""
        rounds = [self.retraining.epochs] * self.rounds
        if self.method in ("iterative", "balanced"):
            zeros = rounds
        elif self.method == "lottery":
            zeros = [*rounds[1:], self.dense.epochs]
        elif self.method in ("magnitude", "neurons", "low-rank") or self.n_of_m is not None:
            zeros = [self.at_once.epochs]
        else:
            zeros = [self.dense.epochs]
        return (self.dense.epochs, *zeros, self.shared.epochs)

    @property
    def at_once(self) -> Settings:
        """Retraining after a single pruning: as many epochs as all rounds have together, so that none has more."""
        once = self.seeded(self.retraining)
        return replace(once, epochs=self.rounds * once.epochs, patience=self.rounds * once.patience)

    def seeded(self, settings: Settings) -> Settings:
        """Settings with the recipe's seed.

        Parameters
        ----------
        settings : Settings
            How to train.

        Returns
        -------
        Settings
            The same with `seed`.
        """
        return replace(settings, seed=self.seed)


@dataclass(frozen=True, eq=False, repr=False)
class Networks(Brief):
    """What every method is given: the same weights before (`initial`) and after (`dense`) training."""

    initial: tuple[DenseLayer, ...]
    dense: tuple[DenseLayer, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Outcome(Brief):
    """What a method gives. layers: pruned and trained. masks: which of their weights are kept.

    before: the layers as they were just before the last training. rows_of, cols_of: for block-diagonal layers, the
    order that takes rows and columns back to the diagonal. blocks: how many each layer has, where the blocks are equal.
    binary: the kept weights of a layer are two values.
    """

    layers: tuple[DenseLayer, ...]
    masks: tuple[Mask, ...]
    before: tuple[DenseLayer, ...]
    rows_of: tuple[npt.NDArray[np.int64], ...] = ()
    cols_of: tuple[npt.NDArray[np.int64], ...] = ()
    blocks: tuple[int, ...] = ()
    binary: bool = False
