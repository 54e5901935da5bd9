"""What a run's rises and falls cost, with where each picojoule goes: a net, a module, a component and a kind.

switching: C V^2 of a net's pins and wire, half of it a transition. internal: the library's tables, at each cell's slew
and load; of an output's arcs one a transition, in the shares in which the inputs behind them change. leakage: in every
cycle. Memory: CACTI's energies and leakage, by the accesses counted, as `eiesim.energy` has them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from eiesim._sums import added
from eiesim.config import MachineConfig
from eiesim.energy.costs import leakage_mw
from eiesim.energy.events import array_energies, default_table
from eiesim.rtl.gates.bench import Activity
from eiesim.rtl.gates.circuit import (
    CLOCK,
    COMBINATIONAL,
    MEMORY,
    OF_A_PE,
    ONE,
    OTHER,
    REGISTER,
    SRAM_MODULES,
    Circuit,
    Instance,
)  # fmt: skip
from eiesim.rtl.gates.clock_tree import ClockTree
from eiesim.rtl.gates.delays import Timing
from eiesim.rtl.gates.library import Pin, Spent

SWITCHING, INTERNAL, ACCESS, LEAKAGE = "switching", "internal", "access", "leakage"
MODULES = (*OF_A_PE, OTHER)
COMPONENTS = (MEMORY, CLOCK, REGISTER, COMBINATIONAL)
KINDS = (SWITCHING, INTERNAL, ACCESS, LEAKAGE)
OUTSIDE = -1
"""In place of a net: a clock tree's, an SRAM's, or leakage."""


@dataclass
class Ledger:
    """Energies, fJ, of all PEs over the cycles counted, each with its net, instance, module, component and kind."""

    net: list[int] = field(default_factory=list)
    instance: list[int] = field(default_factory=list)
    module: list[int] = field(default_factory=list)
    component: list[int] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    energy_fj: list[float] = field(default_factory=list)

    def add(self, energy_fj: float, net: int, instance: int, module: str, component: str, kind: str) -> None:
        """Another energy. instance: its place among the circuit's; OUTSIDE for none."""
        if energy_fj:
            self.net.append(net)
            self.instance.append(instance)
            self.module.append(MODULES.index(module))
            self.component.append(COMPONENTS.index(component))
            self.kind.append(KINDS.index(kind))
            self.energy_fj.append(energy_fj)

    def total(self, **where: str) -> float:
        """fJ of a module, component or kind."""
        kept = np.ones(len(self.energy_fj), bool)
        for name, value in where.items():
            known = {"module": MODULES, "component": COMPONENTS, "kind": KINDS}[name]
            kept &= np.array(getattr(self, name)) == known.index(value)
        return float(np.array(self.energy_fj)[kept].sum())

    def by(self, what: str, size: int) -> npt.NDArray[np.float64]:
        """fJ by net or by instance; the last one is OUTSIDE."""
        held = np.array(getattr(self, what), np.int64)
        return np.asarray(np.bincount(np.where(held < 0, size, held), np.array(self.energy_fj), size + 1), np.float64)


@dataclass(frozen=True)
class Toggles:
    """Rises and falls of every net, those of the clock among them."""

    rises: npt.NDArray[np.float64]
    falls: npt.NDArray[np.float64]


def toggles(circuit: Circuit, activity: Activity) -> Toggles:
    """What was counted, and what follows from it for the clock's nets: a pulse is a rise and a fall."""
    rises, falls = activity.rises.astype(float), activity.falls.astype(float)
    every = float(activity.cycles * activity.pes)
    pulses: dict[int, float] = {}
    for flop, times in zip(circuit.flops, activity.clocked, strict=True):
        held = flop.cell.storage
        assert held is not None
        pulses[flop.pins[str(held.when)]] = float(times)
    pulses[circuit.clock] = every
    for gate in circuit.gates:
        if gate.low is not None:
            pulses[gate.low] = every
        if gate.held is not None:  # The enable half a cycle later.
            rises[gate.held], falls[gate.held] = activity.rises[gate.enable], activity.falls[gate.enable]
    for net, times in pulses.items():
        rises[net] = falls[net] = times
    return Toggles(rises, falls)


def spent(
    circuit: Circuit,
    activity: Activity,
    timing: Timing,
    tree: ClockTree,
    config: MachineConfig,
    parts: Sequence[str] = KINDS,
) -> Ledger:
    """Every energy of a run. parts: the kinds wanted."""
    ledger = Ledger()
    changed = toggles(circuit, activity)
    if SWITCHING in parts:
        _switching(ledger, circuit, changed, timing)
    if INTERNAL in parts:
        for k, instance in enumerate(circuit.instances):
            _internal(ledger, k, instance, changed, timing)
    _tree(ledger, circuit, changed, tree, parts)
    us = activity.cycles / config.clock_mhz
    if LEAKAGE in parts:
        for k, instance in enumerate(circuit.instances):
            leaks = instance.cell.leakage_mw * us * activity.pes * 1e6
            ledger.add(leaks, OUTSIDE, k, instance.module, instance.component, LEAKAGE)
        for module, milliwatts in leakage_mw(config, default_table()).items():
            ledger.add(milliwatts * us * activity.pes * 1e6, OUTSIDE, OUTSIDE, module, MEMORY, LEAKAGE)
        for branch in tree.branches:
            leaks = tree.buffer.leakage_mw * branch.buffers * us * activity.pes * 1e6
            ledger.add(leaks, OUTSIDE, OUTSIDE, branch.module, CLOCK, LEAKAGE)
    if ACCESS in parts:
        for name, reads in activity.reads.items():
            # What adder units add to a sum is a word of the activation SRAM, a row.
            array = {"spmat_read": "spmat", "ptr_read": "pointer", "act_rw": "activation"}[SRAM_MODULES[name]]
            read_pj, _, _ = array_energies(array, config, default_table())
            ledger.add(reads * read_pj * 1e3, OUTSIDE, OUTSIDE, SRAM_MODULES[name], MEMORY, ACCESS)
    return ledger


def idle_clock_fj(
    circuit: Circuit, activity: Activity, timing: Timing, tree: ClockTree, config: MachineConfig
) -> float:
    """fJ that the clock would cost in as many cycles in which nothing changes and no gate lets it through."""
    nothing = np.zeros(len(circuit.nets), np.int64)
    every = activity.cycles * activity.pes
    clocked = np.where(circuit.enable == ONE, every, 0).astype(np.int64)
    idle = Activity(activity.cycles, 0, activity.pes, nothing, nothing, nothing, clocked, {}, {})
    return spent(circuit, idle, timing, tree, config, (SWITCHING, INTERNAL)).total(component=CLOCK)


def _switching(ledger: Ledger, circuit: Circuit, changed: Toggles, timing: Timing) -> None:
    places = {id(instance): k for k, instance in enumerate(circuit.instances)}
    half = 0.5 * circuit.library.voltage**2
    for net in range(2, len(circuit.nets)):
        energy = half * timing.load_ff[net] * (changed.rises[net] + changed.falls[net])
        if not energy:
            continue
        if net in circuit.driver:
            instance, _ = circuit.driver[net]
            ledger.add(energy, net, places[id(instance)], instance.module, instance.component, SWITCHING)
        elif net == circuit.clock:
            ledger.add(energy, net, OUTSIDE, OTHER, CLOCK, SWITCHING)
        else:
            # What comes from outside or from an SRAM: charged to the module that most of its pins stand in.
            modules = [instance.module for instance, _ in circuit.sinks[net]]
            module = max(sorted(set(modules)), key=modules.count)
            ledger.add(energy, net, OUTSIDE, module, COMBINATIONAL, SWITCHING)


def _internal(ledger: Ledger, k: int, instance: Instance, changed: Toggles, timing: Timing) -> None:
    held = instance.cell.storage
    clock_pin = str(held.when) if held is not None else ""
    for pin in instance.cell.pins.values():
        net = instance.pins.get(pin.name)
        if net is None or not pin.spent:
            continue
        rises, falls = changed.rises[net], changed.falls[net]
        if not rises and not falls:
            continue
        each = (_of_output if pin.is_output else _of_input)(instance, pin, changed, timing)
        component = CLOCK if instance.component == REGISTER and pin.name == clock_pin else instance.component
        ledger.add(rises * each[0] + falls * each[1], net, k, instance.module, component, INTERNAL)


def _of_input(instance: Instance, pin: Pin, changed: Toggles, timing: Timing) -> tuple[float, float]:
    """fJ of a rise and of a fall of an input pin, whatever comes of it."""
    net = instance.pins[pin.name]
    slews = timing.slew_ns[net]
    return _mean(pin.spent, 0, slews[0], 0.0), _mean(pin.spent, 1, slews[1], 0.0)


def _of_output(instance: Instance, pin: Pin, changed: Toggles, timing: Timing) -> tuple[float, float]:
    """fJ of a rise and of a fall of an output: the mean over the inputs behind it, by how often each changes."""
    load = float(timing.load_ff[instance.pins[pin.name]])
    by_pin: dict[str, list[Spent]] = {}
    for one in pin.spent:
        by_pin.setdefault(one.pin, []).append(one)
    weights, rises, falls = [], [], []
    for name, every in by_pin.items():
        source = instance.pins.get(name, 0)
        weights.append(float(changed.rises[source] + changed.falls[source]))
        slew = float(timing.slew_ns[source].mean())
        rises.append(_mean(every, 0, slew, load))
        falls.append(_mean(every, 1, slew, load))
    if not any(weights):
        weights = [1.0] * len(weights)
    return float(np.average(rises, weights=weights)), float(np.average(falls, weights=weights))


def _mean(every: Sequence[Spent], edge: int, slew: float, load: float) -> float:
    """The mean over conditions (`when`), where a library has several for one pin; the sum over supplies."""
    supplies: dict[str, list[float]] = {}
    for one in every:
        if (table := one.energy_fj[edge]) is not None:
            supplies.setdefault(one.supply, []).append(table.at(slew=slew, load=load))
    return added(added(found) / len(found) for found in supplies.values())


def _tree(ledger: Ledger, circuit: Circuit, changed: Toggles, tree: ClockTree, parts: Sequence[str]) -> None:
    """The clock tree's buffers and what they drive."""
    square = circuit.library.voltage**2
    pin = tree.output
    for branch in tree.branches:
        pulses = float(changed.rises[branch.net]) * branch.buffers
        if SWITCHING in parts:
            ledger.add(pulses * square * branch.load_ff, branch.net, OUTSIDE, branch.module, CLOCK, SWITCHING)
        if INTERNAL in parts:
            own = [_mean(pin.spent, edge, tree.slew_ns[edge], branch.load_ff) for edge in (0, 1)]
            inputs = tree.buffer.inputs[0].spent
            own += [_mean(inputs, edge, tree.slew_ns[edge], 0.0) for edge in (0, 1)]
            ledger.add(pulses * added(own), branch.net, OUTSIDE, branch.module, CLOCK, INTERNAL)
