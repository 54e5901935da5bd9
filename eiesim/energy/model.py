"""The energy models: `published`, `activity`, and `calibrated` (docs/energy.md).

published   Table II's power times time: what the paper's own figures rest on. It knows only the PE count and the time.
activity    the run's counters times energy an event, and leakage times time. It follows the configuration.
calibrated  activity with one factor a module, such that AlexNet-FC8 on the published machine meets Table II.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from eiesim._io.data import read_rows
from eiesim._sums import added
from eiesim.config import MachineConfig
from eiesim.counters import COUNTERS, Counters, Metrics, Value
from eiesim.energy.costs import counts, dynamic_costs, leakage_mw
from eiesim.energy.events import EnergyTable, array_energies, default_table
from eiesim.energy.record import Energy, EnergyModel, with_dram
from eiesim.energy.structure import ARRAYS, clocked_bits, lnzd_nodes
from eiesim.errors import EieError, unknown
from eiesim.paper import source
from eiesim.paper.source import COMPONENTS, LNZD, MODULES

MODELS = ("activity", "published", "calibrated")

CALIBRATED = "calibrated (activity, fitted to Table II on AlexNet-FC8)"

DEFAULT_MODEL = "activity"
"""The one that follows the configuration, and in which no figure is fitted to a layer."""


def energy_model(name: str, config: MachineConfig, table: EnergyTable | None = None) -> EnergyModel:
    """A model by name, for a configuration. table: the user's figures, for `activity`; None is the published ones.

    Raises EieError for an unknown name, a table that the model does not use, or an SRAM outside CACTI's table.
    """
    if name not in MODELS:
        raise unknown("no energy model", name, MODELS)
    if table is not None and name != "activity":
        raise EieError(f"an energy table goes with the model 'activity', not with '{name}'")
    if name == "published":
        return Published(config)
    if name == "calibrated":
        return Activity(config, default_table(), CALIBRATED, calibration())
    if table is None:
        return _by_activity(config)
    return Activity(config, table, f"{name} ({table.name})")


@lru_cache(maxsize=64)
def _by_activity(config: MachineConfig) -> EnergyModel:
    return Activity(config, default_table(), "activity")


@dataclass(frozen=True)
class Published:
    """Table II: 9.157 mW a PE at 800 MHz and 0.023 mW an LNZD node, times time.

    Table II does not tell dynamic power from leakage, so this model does not either. At another clock the energy a
    cycle stays the same. Modules are scaled by 9.157 / 9.158 to add up to the printed total.
    """

    config: MachineConfig
    name: str = "published"

    def estimate(self, metrics: Metrics, rows: int, cols: int) -> Energy:
        """See EnergyModel."""
        return with_dram(self.of_cycles(metrics.cycles / metrics.runs, metrics.time_us), metrics)

    def of_cycles(self, cycles: Value, time_us: Value) -> Energy:
        """The energy of a run of so many cycles, which take time_us; nothing else of the run matters."""
        # mW at Table II's clock x us at that clock = nJ
        us = cycles / source.constant("table2_clock_mhz")
        pes_mw_us = self.config.pes * us * 1e-3
        lnzd = lnzd_nodes(self.config.pes) * source.constant("lnzd_node_power_mw") * us * 1e-3
        printed, parts = source.module_power_mw(), source.component_power_mw()
        scale = source.pe_power_mw() / added(printed.values())
        return Energy(
            model=self.name,
            time_us=time_us,
            by_module_uj={**{name: printed[name] * scale * pes_mw_us for name in MODULES}, LNZD: lnzd},
            by_component_uj={**{name: parts[name] * pes_mw_us for name in COMPONENTS}, LNZD: lnzd},
            leakage_by_module_uj=None,
        )


@dataclass(frozen=True)
class Activity:
    """Counters x energy an event + leakage x time.

    The clock reaches a register only in the cycles in which its enable is on, as a clock gate would have it; which
    registers have an enable is known from the RTL (`structure.registers`). Only SRAM arrays leak, because no source
    gives the leakage of the logic, which is a thirtieth of the PE's area. Three things have no source and are left out:
    the wires of the broadcast, multiplexers, and the one-time load of the weights (the paper leaves that out too).
    Activation SRAM is read once an input and written once an output where a vector is longer than the register
    files (EIE Sec. IV, "Activation Read/Write"). The 1.0 of a bias is not read from anywhere.

    factors: of each module, for the calibrated variant; None is 1.
    """

    config: MachineConfig
    table: EnergyTable
    name: str
    factors: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        for array in ARRAYS:
            array_energies(array, self.config, self.table)  # Refuses what the CACTI table does not cover.

    def estimate(self, metrics: Metrics, rows: int, cols: int) -> Energy:
        """See EnergyModel."""
        return spent_by(
            self.name, metrics, leakage_mw(self.config, self.table), self._dynamic_pj(metrics, rows, cols), self.factors
        )

    def _dynamic_pj(self, metrics: Metrics, rows: int, cols: int) -> dict[tuple[str, str], Value]:
        """Picojoules of all runs, by (module, component)."""
        happened = counts(metrics, rows, cols)
        units: dict[tuple[str, str, str, float], Value] = {}
        for one in dynamic_costs(self.config, self.table):
            key = one.module, one.component, one.source, one.unit_pj
            units[key] = units.get(key, 0) + happened[one.event] * one.units
        spent: dict[tuple[str, str], Value] = {}
        for (module, component, _, unit_pj), amount in units.items():
            spent[module, component] = spent.get((module, component), 0.0) + amount * unit_pj
        return spent


def spent_by(
    name: str,
    metrics: Metrics,
    leaking_mw: Mapping[str, float],
    dynamic_pj: Mapping[tuple[str, str], float],
    factors: Mapping[str, float] | None = None,
) -> Energy:
    """The energy of a run, by what leaks and what events cost.

    leaking_mw: of one PE, by module. dynamic_pj: of all runs, by (module, component). factors: see `Activity`. All
    figures may be arrays, a value a machine (`eiesim.energy.many`).
    """
    names = (*MODULES, LNZD)
    leakage = dict.fromkeys(names, 0.0)
    for module, milliwatts in leaking_mw.items():
        leaked = milliwatts * metrics.config.pes * metrics.time_us * 1e-3
        leakage[module] = leaked * factors[module] if factors else leaked
    modules = dict(leakage)
    components = dict.fromkeys((*COMPONENTS, LNZD), 0.0)
    components["memory"] = added(leakage.values())
    for (module, component), picojoules in dynamic_pj.items():
        microjoules = picojoules / metrics.runs * 1e-6
        if factors:
            microjoules = microjoules * factors[module]
        modules[module] = modules[module] + microjoules
        components[component] = components[component] + microjoules
    return with_dram(Energy(name, metrics.time_us, modules, components, leakage), metrics)


def reference_clocked_bits() -> dict[str, float]:
    """Register bits times the cycles in which they are clocked, by module, of AlexNet-FC8 on the published machine."""
    metrics, rows, cols = reference_run()
    return clocked_bits(metrics.config, counts(metrics, rows, cols))


@cache
def calibration() -> Mapping[str, float]:
    """Factor of each module: Table II's energy on AlexNet-FC8 over the activity model's."""
    published, activity = (reference_energy(name) for name in ("published", "activity"))
    return {name: published.by_module_uj[name] / activity.by_module_uj[name] for name in published.by_module_uj}


def reference_energy(model: str) -> Energy:
    """What a model says of AlexNet-FC8 on the published machine."""
    metrics, rows, cols = reference_run()
    return energy_model(model, metrics.config).estimate(metrics, rows, cols)


@cache
def reference_run() -> tuple[Metrics, int, int]:
    """AlexNet-FC8 on the published machine, from its stored counters: (metrics, rows, cols)."""
    values = {row["key"]: int(row["value"]) for row in read_rows("eiesim.energy", "alexnet_fc8_counters.csv")}
    counters = Counters(**{name: values[name] for name in COUNTERS})
    rows, cols = values["rows"], values["cols"]
    return Metrics(1, values["cycles"], values["scan_last"], counters, rows * cols, MachineConfig()), rows, cols
