"""What a run at gate level came to: power by module, the longest path, energy an event, what is hottest."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eiesim._sums import added
from eiesim._version import __version__
from eiesim.config import MachineConfig
from eiesim.rtl.gates.bench import Activity
from eiesim.rtl.gates.circuit import Circuit
from eiesim.rtl.gates.energy import COMPONENTS, KINDS, LEAKAGE, MODULES, Ledger, Toggles

FORMAT = "eiesim-power/1"

HOTTEST = 10

CONES = {
    "multiply": ("arithm_unit", ("arithmetic_unit.weight2", "arithmetic_unit.activation2")),
    "shift_add": ("arithm_unit", ("arithmetic_unit.product3", "arithmetic_unit.accumulator3")),
    "codebook": ("arithm_unit", ("arithmetic_unit.codebook",)),
}
"""Events whose energy is that of the gates behind some registers, up to the next ones: module, registers."""

WHOLE = {"push_pop": "act_queue", "accumulator": "act_rw"}
"""Events whose energy is all of a module's, without leakage: clock, registers and gates."""


@dataclass(frozen=True)
class Hot:
    """A net or a cell that costs much: what it is called, what drives it or its type, mW a PE, transitions a cycle."""

    name: str
    module: str
    of: str
    power_mw: float
    transitions_per_cycle: float | None = None


@dataclass(frozen=True)
class GatePower:
    """Power of a PE at gate level, as `power_rtl` gives it. Nothing is fitted: the library says what everything costs.

    Attributes
    ----------
    name : str
        The layer's name.
    config : MachineConfig
        The machine.
    library : str
        The cell library's file, by its name.
    library_sha256 : str
        SHA-256 of that file.
    voltage : float
        Volts, from the library.
    wires : "table", "none" or float
        How wires were estimated: fF a sink, if it is a number.
    wires_words : str
        The same in words.
    glitches : bool
        Whether gates answered after their delays.
    clock_gating : bool
        Whether registers behind an enable are clocked through a gate.
    clock_gate : str
        The gate: the library's own, or what it is made of; "" for none.
    pes : int
        How many PEs were run.
    first_cycle : int
        The first cycle counted.
    cycles : int
        How many were counted.
    compared : int
        Cycles in which everything was compared with the clocked machine; a difference would have been an error.
    modules : mapping of str to mapping of str to float
        mW a PE by module and component; `leakage` is apart from the other four.
    idle_clock_mw : float
        Of the clock's, what is spent where nothing changes and no clock gate opens, mW a PE.
    kinds : mapping of str to float
        The same in all, by kind: switching, internal, access (SRAMs), leakage.
    cells : int
        Cells of a PE, without the clock tree's buffers.
    area_um2 : float
        Their area.
    clocked_bits_per_cycle : float
        Register bits of a PE that are clocked in a cycle.
    register_bits : int
        All register bits of a PE.
    longest_path_ns : float
        From flip-flop to flip-flop or clock gate, with clock-to-output, set-up and wires.
    longest_path : tuple of str
        Its cells, in order.
    events_pj : mapping of str to float or None
        Picojoules an event; None where it did not happen.
    hottest_nets : tuple of Hot
        The ten nets that cost most, whatever is switched with them.
    hottest_cells : tuple of Hot
        The ten cells of each module that cost most.
    seconds : mapping of str to float
        What mapping, simulating and pricing took.
    """

    name: str
    config: MachineConfig = field(repr=False)
    library: str
    library_sha256: str = field(repr=False)
    voltage: float
    wires: str | float
    wires_words: str
    glitches: bool
    clock_gating: bool
    clock_gate: str
    pes: int
    first_cycle: int
    cycles: int
    compared: int
    modules: Mapping[str, Mapping[str, float]] = field(repr=False)
    idle_clock_mw: float
    kinds: Mapping[str, float] = field(repr=False)
    cells: int
    area_um2: float
    clocked_bits_per_cycle: float
    register_bits: int
    longest_path_ns: float
    longest_path: tuple[str, ...] = field(repr=False)
    events_pj: Mapping[str, float | None] = field(repr=False)
    hottest_nets: tuple[Hot, ...] = field(repr=False)
    hottest_cells: tuple[Hot, ...] = field(repr=False)
    seconds: Mapping[str, float] = field(repr=False)

    @property
    def total_mw(self) -> float:
        """Power of a PE, leakage included, mW."""
        return added(self.by_component.values())

    @property
    def by_component(self) -> dict[str, float]:
        """mW a PE by component, and leakage."""
        return {one: added(parts[one] for parts in self.modules.values()) for one in (*COMPONENTS, LEAKAGE)}

    @property
    def by_module(self) -> dict[str, float]:
        """mW a PE by module, leakage included."""
        return {module: added(parts.values()) for module, parts in self.modules.items()}

    @property
    def named(self) -> str:
        """What the figures are, in words: "gate level, gscl45nm.lib, 1.1 V, wires by table"."""
        parts = ["gate level", self.library, f"{self.voltage:g} V", f"wires {self.wires_words}"]
        parts += ["with glitches"] if self.glitches else []
        parts += [] if self.clock_gating else ["clocks not gated"]
        return ", ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """The report as a mapping.

        Returns
        -------
        dict
            Of the format `eiesim-power/1` (docs/formats.md).
        """
        return {
            "format": FORMAT,
            "eiesim": __version__,
            "layer": self.name,
            "library": self.library,
            "library_sha256": self.library_sha256,
            "voltage": self.voltage,
            "wires": self.wires,
            "wires_words": self.wires_words,
            "glitches": self.glitches,
            "clock_gating": self.clock_gating,
            "clock_gate": self.clock_gate,
            "clock_mhz": self.config.clock_mhz,
            "pes": self.pes,
            "first_cycle": self.first_cycle,
            "cycles": self.cycles,
            "outputs_equal": True,  # A difference is an error, and there is no report.
            "cycles_compared": self.compared,
            "total_mw": self.total_mw,
            "modules": {module: dict(parts) for module, parts in self.modules.items()},
            "idle_clock_mw": self.idle_clock_mw,
            "kinds": dict(self.kinds),
            "cells": self.cells,
            "area_um2": self.area_um2,
            "register_bits": self.register_bits,
            "clocked_bits_per_cycle": self.clocked_bits_per_cycle,
            "longest_path_ns": self.longest_path_ns,
            "longest_path": list(self.longest_path),
            "events_pj": dict(self.events_pj),
            "hottest_nets": [vars(one) for one in self.hottest_nets],
            "hottest_cells": [{k: v for k, v in vars(one).items() if v is not None} for one in self.hottest_cells],
            "seconds": dict(self.seconds),
        }

    def to_json(self) -> str:
        """The report as JSON text.

        Returns
        -------
        str
            JSON, as `to_dict` has it.
        """
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)


class Priced:
    """A ledger in milliwatts a PE."""

    def __init__(
        self, circuit: Circuit, activity: Activity, changed: Toggles, ledger: Ledger, clock_mhz: float
    ) -> None:
        self._circuit, self._activity, self._changed, self._ledger = circuit, activity, changed, ledger
        self.mw_of_fj = clock_mhz * 1e-6 / (activity.cycles * activity.pes)  # fJ in all: to mW a PE.

    def modules(self) -> dict[str, dict[str, float]]:
        """By module and component; leakage apart."""
        energies = np.array(self._ledger.energy_fj)
        module, component, kind = (
            np.array(one, int) for one in (self._ledger.module, self._ledger.component, self._ledger.kind)
        )
        leaks = kind == KINDS.index(LEAKAGE)
        held: dict[str, dict[str, float]] = {}
        for m, name in enumerate(MODULES):
            here = module == m
            held[name] = {
                part: float(energies[here & ~leaks & (component == c)].sum()) * self.mw_of_fj
                for c, part in enumerate(COMPONENTS)
            }
            held[name][LEAKAGE] = float(energies[here & leaks].sum()) * self.mw_of_fj
        return held

    def kinds(self) -> dict[str, float]:
        """By kind."""
        return {kind: self._ledger.total(kind=kind) * self.mw_of_fj for kind in KINDS}

    def events_pj(self) -> dict[str, float | None]:
        """Picojoules an event."""
        happened = self._activity.events
        times = {
            "multiply": happened["macs"],
            "shift_add": happened["macs"],
            "codebook": happened["entries"],
            "push_pop": happened["pushes"],
            "accumulator": happened["reads"] + happened["writes"],
        }
        by_instance = self._by_instance_without_leakage()
        spent = {name: float(added(by_instance[k] for k in self._cone(*cone))) for name, cone in CONES.items()}
        for name, module in WHOLE.items():
            spent[name] = self._ledger.total(module=module) - added(
                one for one, m, kind in zip(self._ledger.energy_fj, self._ledger.module, self._ledger.kind, strict=True)
                if MODULES[m] == module and KINDS[kind] == LEAKAGE
            )  # fmt: skip
        return {name: spent[name] * 1e-3 / number if number else None for name, number in times.items()}

    def _by_instance_without_leakage(self) -> Any:
        kept = np.array(self._ledger.kind) != KINDS.index(LEAKAGE)
        places = np.array(self._ledger.instance, int)
        size = len(self._circuit.instances)
        return np.bincount(np.where(places < 0, size, places)[kept], np.array(self._ledger.energy_fj)[kept], size + 1)

    def _cone(self, module: str, registers: tuple[str, ...]) -> set[int]:
        """The gates of a module that lie behind some registers, up to the next ones."""
        places = {id(instance): k for k, instance in enumerate(self._circuit.instances)}
        gates = {id(unit.instance) for unit in self._circuit.units if unit.instance.component == "combinational"}
        ahead = [
            net
            for name, nets in self._circuit.signals.items()
            if name in registers or name.partition("[")[0] in registers
            for net in nets
        ]
        found: set[int] = set()
        while ahead:
            for instance, _ in self._circuit.sinks[ahead.pop()]:
                k = places[id(instance)]
                if instance.module == module and id(instance) in gates and k not in found:
                    found.add(k)
                    ahead += [instance.pins[p.name] for p in instance.cell.outputs if p.name in instance.pins]
        return found

    def hottest_nets(self) -> Iterator[Hot]:
        """The nets that cost most, whatever is switched with them."""
        circuit = self._circuit
        by_net = self._ledger.by("net", len(circuit.nets))[:-1]
        each = self._activity.cycles * self._activity.pes
        for net in np.argsort(-by_net, kind="stable")[:HOTTEST].tolist():
            modules = [MODULES[m] for m, n in zip(self._ledger.module, self._ledger.net, strict=True) if n == net]
            if by_net[net] > 0:
                module = max(sorted(set(modules)), key=modules.count)
                changes = float(self._changed.rises[net] + self._changed.falls[net]) / each
                yield Hot(
                    circuit.nets[net], module, circuit.driven_by(net), float(by_net[net]) * self.mw_of_fj, changes
                )

    def hottest_cells(self) -> Iterator[Hot]:
        """The cells of each module that cost most."""
        by_instance = self._by_instance_without_leakage()
        for module in MODULES:
            own = [k for k, instance in enumerate(self._circuit.instances) if instance.module == module]
            for k in sorted(own, key=lambda k: -by_instance[k])[:HOTTEST]:
                instance = self._circuit.instances[k]
                if by_instance[k] > 0:
                    power_mw = float(by_instance[k]) * self.mw_of_fj
                    yield Hot(instance.name, module, instance.cell.name, power_mw)
