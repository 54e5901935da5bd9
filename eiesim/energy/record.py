"""The energy of a run, by module and by component."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

from eiesim._sums import added
from eiesim.counters import Metrics, Value, ratio
from eiesim.paper.source import COMPONENTS, MODULES


@dataclass(frozen=True)
class Energy:
    """The energy of one run of a layer (the mean run of a batch), in microjoules.

    Attributes
    ----------
    model : str
        The energy model's name.
    time_us : float
        The run's time, in microseconds.
    by_module_uj : dict of str to float
        act_queue, ptr_read, spmat_read, arithm_unit, act_rw (EIE Table II), lnzd, and dram where weights are streamed;
        they add up to the total.
    by_component_uj : dict of str to float
        memory, clock_network, register, combinational (EIE Table II), lnzd, and dram where weights are streamed; they
        add up to the total.
    leakage_by_module_uj : dict of str to float, or None
        The part of `by_module_uj` that is leakage; None where the model's source does not say.
    """

    model: str
    time_us: Value
    by_module_uj: Mapping[str, Value]
    by_component_uj: Mapping[str, Value]
    leakage_by_module_uj: Mapping[str, Value] | None

    @cached_property
    def total_uj(self) -> Value:
        """The sum over modules."""
        return added(self.by_module_uj.values())

    @property
    def power_w(self) -> Value:
        """Mean power: total / time; 0 where no time passes."""
        return ratio(self.total_uj, self.time_us)

    @cached_property
    def leakage_uj(self) -> Value | None:
        """Leakage of all modules, None where the source does not say."""
        return None if self.leakage_by_module_uj is None else added(self.leakage_by_module_uj.values())

    @property
    def dynamic_uj(self) -> Value | None:
        """Total less leakage, None where the source does not say."""
        return None if self.leakage_uj is None else self.total_uj - self.leakage_uj

    def to_dict(self) -> dict[str, Any]:
        """The `energy` part of the result JSON. Leakage is told apart only where the model can.

        Returns
        -------
        dict of str to Any
            Microjoules and watts by key.
        """
        split = {} if self.leakage_uj is None else {"dynamic_uj": self.dynamic_uj, "leakage_uj": self.leakage_uj}
        return {
            "total_uj": self.total_uj,
            "power_w": self.power_w,
            "by_module_uj": dict(self.by_module_uj),
            "by_component_uj": dict(self.by_component_uj),
            **split,
            "model": self.model,
        }


class EnergyModel(Protocol):
    """A model made for one configuration."""

    @property
    def name(self) -> str:
        """As results show it."""

    def estimate(self, metrics: Metrics, rows: int, cols: int) -> Energy:
        """The energy of a run of a layer of `rows` x `cols`. Where metrics add up several runs, of their mean; where
        they are arrays over the inputs of a batch, arrays of each one's.
        """


DRAM = "dram"
"""The module and component of streamed weights' way from DRAM into the array."""


def with_dram(energy: Energy, metrics: Metrics) -> Energy:
    """An array's energy with what its streamed weights cost; as it is where they are resident.

    That is loaded bits x `dram_pj_per_bit`, of the mean run. Writing them into the SRAM, about a hundredth of it, is
    left out, as the one-time load of resident weights is.
    """
    config = metrics.config
    if config.weights == "resident":
        return energy
    spent = {DRAM: metrics.loaded_bytes * 8 * config.dram_pj_per_bit * 1e-6 / metrics.runs}
    leakage = energy.leakage_by_module_uj
    return replace(
        energy,
        by_module_uj={**energy.by_module_uj, **spent},
        by_component_uj={**energy.by_component_uj, **spent},
        leakage_by_module_uj=None if leakage is None else {**leakage, DRAM: 0.0},
    )


def scaled(energy: Energy, factor: float) -> Energy:
    """The energy, and time, of so many runs."""
    if factor == 1:
        return energy
    leakage = energy.leakage_by_module_uj
    return replace(
        energy,
        time_us=energy.time_us * factor,
        by_module_uj={name: value * factor for name, value in energy.by_module_uj.items()},
        by_component_uj={name: value * factor for name, value in energy.by_component_uj.items()},
        leakage_by_module_uj=None if leakage is None else {name: value * factor for name, value in leakage.items()},
    )


def add_up(energies: Sequence[Energy]) -> Energy:
    """Energies of layers run one after the other, under one model. Raises ValueError where the models differ."""
    first = energies[0]
    if any(one.model != first.model for one in energies):
        raise ValueError("energies of different models do not add up")
    leakages = [one.leakage_by_module_uj for one in energies]
    return Energy(
        model=first.model,
        time_us=added(one.time_us for one in energies),
        by_module_uj=_sum([one.by_module_uj for one in energies]),
        by_component_uj=_sum([one.by_component_uj for one in energies]),
        leakage_by_module_uj=_sum([part for part in leakages if part is not None]) if None not in leakages else None,
    )


def _sum(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {key: added(part[key] for part in parts) for key in parts[0]}


def energy_cells(energy: Energy | None) -> dict[str, Any]:
    """An energy as cells of a table: `energy_total_uj`, each module's and component's, and so on; None without one.

    LNZD nodes are a module and a component of their own: one column, one value.
    """
    parts = (*MODULES, "lnzd", DRAM, *COMPONENTS)
    if energy is None:
        empty = dict.fromkeys(f"energy_{part}_uj" for part in (*parts, "total", "dynamic", "leakage"))
        return {**empty, "energy_power_w": None, "energy_model": ""}
    by_part = {DRAM: 0.0, **energy.by_component_uj, **energy.by_module_uj}
    return {
        "energy_total_uj": energy.total_uj,
        "energy_power_w": energy.power_w,
        **{f"energy_{part}_uj": by_part[part] for part in parts},
        "energy_dynamic_uj": energy.dynamic_uj,
        "energy_leakage_uj": energy.leakage_uj,
        "energy_model": energy.model,
    }
