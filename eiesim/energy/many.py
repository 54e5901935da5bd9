"""The activity model of many machines at once, in arrays: `model.Activity`'s figures, to the last digit.

Costs are those of `costs.dynamic_costs`. What they are made of depends on few keys each, so they are found once for
every combination of these; counts and sums are arrays, a value a machine, in the order in which `Activity` adds.
"""

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eiesim._sums import added
from eiesim.config import MachineConfig
from eiesim.counters import Metrics
from eiesim.energy.costs import counts, dynamic_costs, leakage_mw
from eiesim.energy.events import default_table
from eiesim.energy.model import DEFAULT_MODEL, energy_model, spent_by
from eiesim.energy.record import Energy
from eiesim.energy.structure import NEVER, registers
from eiesim.errors import EieError

PRICED = ("arithmetic", "operation", "pes", "spmat_bytes", "spmat_width", "pointer_bytes", "activation_bytes")
"""Keys that set what an event costs."""

CLOCKED = ("arithmetic", "operation", "queue_depth", "spmat_width", "index_bits", "weight_bits", "multipliers")
"""Keys that set how many register bits an event clocks."""

_CLOCK = "clock_network"
_KEPT = 2**16


class Prices(NamedTuple):
    """What a machine's events cost, the clock's part left out.

    why: empty, or why there is no energy. units, unit_pj: of each cost (`costs.Cost`). leakage_mw: by module.
    """

    why: str
    units: tuple[int, ...]
    unit_pj: tuple[float, ...]
    leakage_mw: tuple[float, ...]


class _Line(NamedTuple):
    """A cost's event, module and component, and which of the sums in `Activity._dynamic_pj` it is added to."""

    event: str
    module: str
    component: str
    together: int


@lru_cache(_KEPT)
def prices(*keys: Any) -> Prices:
    """What events cost on a machine of these values of `PRICED`."""
    config = MachineConfig(**dict(zip(PRICED, keys, strict=True)), index_bits=1, weight_bits=1)
    try:
        energy_model(DEFAULT_MODEL, config)
    except EieError as error:
        lines = [line for line in _lines() if line.component != _CLOCK]
        return Prices(str(error), (0,) * len(lines), (0.0,) * len(lines), (0.0,) * len(_leaking()))
    table = default_table()
    costs = [one for one in dynamic_costs(config, table) if one.component != _CLOCK]
    leaks = tuple(leakage_mw(config, table).values())
    return Prices("", tuple(one.units for one in costs), tuple(one.unit_pj for one in costs), leaks)


@lru_cache(_KEPT)
def clocked(*keys: Any) -> tuple[int, ...]:
    """Register bits that events clock on a machine of these values of `CLOCKED`, in the order of `dynamic_costs`."""
    config = MachineConfig(**dict(zip(CLOCKED, keys, strict=True)))
    return tuple(group.clocked for group in registers(config) for event in group.events if event != NEVER)


@cache
def _usual() -> tuple[MachineConfig, Any]:
    return MachineConfig(), default_table()


@cache
def _leaking() -> tuple[str, ...]:
    """The modules that leak."""
    return tuple(leakage_mw(*_usual()))


@cache
def _lines() -> tuple[_Line, ...]:
    """The costs that every machine has, in order."""
    found: dict[tuple[Any, ...], int] = {}
    lines = []
    for one in dynamic_costs(*_usual()):
        key = one.module, one.component, one.source, one.unit_pj
        lines.append(_Line(one.event, one.module, one.component, found.setdefault(key, len(found))))
    return tuple(lines)


class Costs:
    """What events cost on many machines, a value a machine; or one, where all have the same.

    refused: why a machine has no energy, else "". leakage_mw: by module.
    """

    def __init__(
        self,
        priced: Sequence[tuple[Any, ...]],
        which_priced: npt.NDArray[np.intp],
        clocks: Sequence[tuple[Any, ...]],
        which_clocked: npt.NDArray[np.intp],
    ) -> None:
        """priced, clocks: different values of `PRICED` and `CLOCKED`; which_...: which of these each machine has."""
        found = [prices(*keys) for keys in priced]
        self.refused = np.array([bool(one.why) for one in found])[which_priced]
        good = next((one for one in found if not one.why), found[0])
        found = [good if one.why else one for one in found]  # Any figures will do: more that are the same.
        units, unit_pj, leaks = (
            _of_each([getattr(one, name) for one in found], which_priced) for name in ("units", "unit_pj", "leakage_mw")
        )
        bits = _of_each([clocked(*keys) for keys in clocks], which_clocked)
        self.leakage_mw = dict(zip(_leaking(), leaks, strict=True))
        clock_pj = default_table().pj.clock_bit
        self._events: dict[int, dict[str, Any]] = {}
        self._sums: dict[int, tuple[tuple[str, str], Any]] = {}
        for line in _lines():
            many, pj = (next(bits), clock_pj) if line.component == _CLOCK else (next(units), next(unit_pj))
            events = self._events.setdefault(line.together, {})
            events[line.event] = events.get(line.event, 0) + many
            self._sums.setdefault(line.together, ((line.module, line.component), pj))

    def estimate(self, metrics: Metrics, rows: int, cols: int) -> Energy:
        """The energy of a layer of rows x cols on each: as `Activity.estimate` of each, but of arrays.

        metrics: of arrays, a value a machine, or one number where all have the same; so are the keys of its
        configuration.
        """
        happened = counts(metrics, rows, cols)
        spent: dict[tuple[str, str], Any] = {}
        for together, (part, pj) in self._sums.items():
            amount = added(happened[event] * many for event, many in self._events[together].items())
            spent[part] = spent.get(part, 0.0) + amount * pj
        return spent_by(DEFAULT_MODEL, metrics, self.leakage_mw, spent)


def _of_each(values: Sequence[tuple[Any, ...]], which: npt.NDArray[np.intp]) -> Iterator[Any]:
    """For each place of these tuples every machine's value; one where all have the same."""
    for column in zip(*values, strict=True):
        yield column[0] if len(set(column)) == 1 else np.array(column)[which]
