"""Timing of calls that take turns, so that a busy spell of the machine hits all of them and not one."""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from eiesim.baselines.meters import EnergyMeter

ROUNDS = 7
TURN_S = 0.01
"""Each call has this long, or one run, in every round."""


@dataclass
class Turn:
    """A call, and what was measured of it. within: how many threads it may use."""

    call: Callable[[], object]
    within: Callable[[], AbstractContextManager[object]]
    meter: EnergyMeter | None = None
    times_s: list[float] = field(default_factory=list)
    energy_uj: float = 0.0

    @property
    def median_us(self) -> float:
        """The median time of a call."""
        return statistics.median(self.times_s) * 1e6

    @property
    def least_us(self) -> float:
        """The shortest time of a call."""
        return min(self.times_s) * 1e6

    @property
    def mean_uj(self) -> float | None:
        """Mean energy of a call. None without a meter, and where it did not move, for then it is too slow for this."""
        return self.energy_uj / len(self.times_s) if self.energy_uj > 0 else None


def take_turns(
    turns: Sequence[Turn],
    rounds: int = ROUNDS,
    turn_s: float = TURN_S,
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """Time every call in each round: once untimed, so that it finds its operand in the caches, then for `turn_s`."""
    for _ in range(rounds):
        for turn in turns:
            with turn.within():
                turn.call()
                before = turn.meter.read_uj() if turn.meter else 0.0
                began = clock()
                while True:
                    start = clock()
                    turn.call()
                    end = clock()
                    turn.times_s.append(end - start)
                    if end - began >= turn_s:
                        break
                if turn.meter:
                    turn.energy_uj += turn.meter.since_uj(before)
