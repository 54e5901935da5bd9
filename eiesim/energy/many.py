"""The activity model of many machines at once, in arrays: `model.Activity`'s figures, to the last digit.

Costs are those of `costs.dynamic_costs`. What they are made of depends on few keys each, so they are found once for
every combination of these; counts and sums are arrays, a value a machine, in the order in which `Activity` adds.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

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
        return Prices(str(error), (0,) * len(lines), (0.0,) * len(lines), (0.0,) * len(leakage_mw(*_usual())))
    table = default_table()
    costs = [one for one in dynamic_costs(config, table) if one.component != _CLOCK]
    leaks = tuple(leakage_mw(config, table).values())
    return Prices("", tuple(one.units for one in costs), tuple(one.unit_pj for one in costs), leaks)


@lru_cache(_KEPT)
def clocked(*keys: Any) -> tuple[int, ...]:
    """Register bits that events clock on a machine of these values of `CLOCKED`, in the order of `dynamic_costs`."""
    config = MachineConfig(**dict(zip(CLOCKED, keys, strict=True)))
    return tuple(group.clocked for group in registers(config) for event in group.events if event != NEVER)


def _usual() -> tuple[MachineConfig, Any]:
    return MachineConfig(), default_table()


@lru_cache(1)
def _lines() -> tuple[_Line, ...]:
    """The costs that every machine has, in order."""
    found: dict[tuple[Any, ...], int] = {}
    lines = []
    for one in dynamic_costs(*_usual()):
        key = one.module, one.component, one.source, one.unit_pj
        lines.append(_Line(one.event, one.module, one.component, found.setdefault(key, len(found))))
    return tuple(lines)


def estimate(
    metrics: Metrics,
    rows: int,
    cols: int,
    priced: Sequence[Prices],
    which_priced: npt.NDArray[np.intp],
    bits: Sequence[tuple[int, ...]],
    which_bits: npt.NDArray[np.intp],
) -> Energy:
    """The energy of a layer of rows x cols on many machines: as `Activity.estimate` of each, but of arrays.

    metrics: of arrays, a value a machine; so are the keys of its configuration.
    priced, bits: what `prices` and `clocked` give of different machines. which_priced, which_bits: of each machine,
    which of these are its own.
    """
    happened = counts(metrics, rows, cols)
    units = np.array([one.units for one in priced], np.int64)
    unit_pj = np.array([one.unit_pj for one in priced])
    of_bits = np.array(bits, np.int64)
    clock_pj = default_table().pj.clock_bit
    amounts: dict[int, Any] = {}
    cost_of: dict[int, tuple[str, str, Any]] = {}
    at, bit = 0, 0
    for line in _lines():
        if line.component == _CLOCK:
            many, each = of_bits[which_bits, bit], clock_pj
            bit += 1
        else:
            many, each = units[which_priced, at], unit_pj[which_priced, at]
            at += 1
        amounts[line.together] = amounts.get(line.together, 0) + happened[line.event] * many
        cost_of.setdefault(line.together, (line.module, line.component, each))
    spent: dict[tuple[str, str], Any] = {}
    for together, (module, component, each) in cost_of.items():
        spent[module, component] = spent.get((module, component), 0.0) + amounts[together] * each
    leaks = np.array([one.leakage_mw for one in priced])[which_priced]
    leaking: dict[str, Any] = {module: leaks[:, k] for k, module in enumerate(leakage_mw(*_usual()))}
    return spent_by(DEFAULT_MODEL, metrics, leaking, spent)
