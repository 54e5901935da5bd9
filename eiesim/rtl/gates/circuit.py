"""What of a netlist is simulated: nets, cells in order, steps of two operands, flip-flops, clock gates, SRAMs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.errors import EieError, plain
from eiesim.rtl.gates import functions
from eiesim.rtl.gates.library import Cell, Library, Storage
from eiesim.rtl.gates.netlist import Mapped
from eiesim.rtl.synthesis import MODULES

ZERO, ONE = 0, 1
"""The nets of the constants."""

OTHER = "other"
"""What stands in `pe.sv` itself."""

OF_A_PE = tuple(name for name in MODULES.values() if name != "lnzd")

COMBINATIONAL, REGISTER, CLOCK, MEMORY = "combinational", "register", "clock", "memory"

SRAM_MODULES = {
    "even_bank": "ptr_read",
    "odd_bank": "ptr_read",
    "spmat_sram": "spmat_read",
    "rest_bank0": "act_rw",
    "rest_bank1": "act_rw",
}


@dataclass(frozen=True)
class Instance:
    """A cell of the netlist. pins: net by pin. component: one of COMBINATIONAL, REGISTER, CLOCK."""

    name: str
    module: str
    component: str
    cell: Cell
    pins: Mapping[str, int]


@dataclass(frozen=True)
class Sram:
    """A black box: what is read, and where the word shows."""

    name: str
    read: int
    address: tuple[int, ...]
    word: tuple[int, ...]


@dataclass(frozen=True)
class ClockGate:
    """A gate: the clock reaches `gated` after a cycle at whose end `enable` is on.

    low, held: nets within a gate that is made of parts: the clock inverted, the enable as the latch holds it; or None.
    """

    name: str
    module: str
    enable: int
    gated: int
    low: int | None
    held: int | None


@dataclass
class Steps:
    """What is worked out in a cycle, in order: place[k] becomes function[k] of the places a[k] and b[k]."""

    function: list[int] = field(default_factory=list)
    place: list[int] = field(default_factory=list)
    a: list[int] = field(default_factory=list)
    b: list[int] = field(default_factory=list)

    def add(self, function: int, place: int, a: int, b: int) -> None:
        """Another step."""
        self.function.append(function)
        self.place.append(place)
        self.a.append(a)
        self.b.append(b)


@dataclass(frozen=True)
class Unit:
    """The steps [begin, end) that make one output of a cell, the last one its net; from which places."""

    instance: Instance
    pin: str
    begin: int
    end: int
    net: int
    sources: tuple[int, ...]


@dataclass
class Circuit:
    """A PE as it is simulated.

    nets: names; places past them hold what is between steps. clock: the clock's net. instances: combinational ones in
    an order in which each comes after what drives it, then the others.
    state, takes, enable: places of each flip-flop's state, of what it takes, and of what lets the clock through.
    ports, signals: nets from the lowest bit of the PE's ports and of everything that has a name in the RTL.
    """

    library: Library
    nets: list[str]
    clock: int
    instances: list[Instance]
    gates: list[ClockGate]
    srams: list[Sram]
    steps: Steps
    units: list[Unit]
    places: int
    state: npt.NDArray[np.int32]
    takes: npt.NDArray[np.int32]
    enable: npt.NDArray[np.int32]
    flops: list[Instance]
    inputs: dict[str, tuple[int, ...]]
    signals: dict[str, tuple[int, ...]]
    driver: dict[int, tuple[Instance, str]]
    sinks: list[list[tuple[Instance, str]]]

    def is_driven(self, net: int) -> bool:
        """Whether anything drives a net."""
        known = net in (ZERO, ONE) or net in self.driver or any(net in sram.word for sram in self.srams)
        return known or any(net in nets for nets in self.inputs.values())

    def driven_by(self, net: int) -> str:
        """What drives a net, in words."""
        if net in self.driver:
            instance, _ = self.driver[net]
            return f"cell {instance.name} ({instance.cell.name})"
        return next((f"{sram.name}" for sram in self.srams if net in sram.word), "an input")


def build(mapped: Mapped, library: Library) -> Circuit:
    """The circuit of a netlist. Raises EieError, naming the cell, for what cannot be simulated or priced."""
    return _Builder(mapped.module, library, mapped.gating.words if mapped.gating.parts else "").circuit()


class _Builder:
    def __init__(self, module: Mapping[str, Any], library: Library, made_gates: str) -> None:
        self._module, self._library, self._made_gates = module, library, bool(made_gates)
        self._net: dict[Any, int] = {"0": ZERO, "x": ZERO, "1": ONE}
        self._names = ["0", "1"]
        self._name_nets()
        self._steps = Steps()
        self._units: list[Unit] = []
        self._free = 0

    def _name_nets(self) -> None:
        """Nets by their plainest name: of those that have one in the RTL, the shortest."""
        best: dict[int, tuple[bool, int, str]] = {}
        for name, held in self._module["netnames"].items():
            bits = held["bits"]
            for k, bit in enumerate(bits):
                if isinstance(bit, int):
                    full = plain(f"{name}[{k}]" if len(bits) > 1 else name)
                    known = best.get(bit)
                    mine = ("$" in name, len(full), full)
                    if known is None or mine < known:
                        best[bit] = mine
        for bit in sorted(best):
            self._net[bit] = len(self._names)
            self._names.append(best[bit][2])

    def _bits(self, bits: list[Any]) -> tuple[int, ...]:
        return tuple(self._net[bit] for bit in bits)

    def circuit(self) -> Circuit:
        ports = self._module["ports"]
        inputs = {name: self._bits(port["bits"]) for name, port in ports.items() if port["direction"] == "input"}
        clock = inputs.pop("clock")[0]
        self._free = len(self._names)
        logic, flops, latches, clocked, srams = self._sorted_cells(clock)
        gates = list(self._gates(latches, clocked, clock))
        drives = {gate.gated: gate.enable for gate in gates}
        state, takes, enable = [], [], []
        for flop in flops:
            held = flop.cell.storage
            assert held is not None
            at = self._state_of(flop)
            state.append(at)
            by = flop.pins[str(held.when)]
            if by != clock and by not in drives:
                raise EieError(f"cell {flop.name}: its clock is neither the PE's nor a clock gate's")
            enable.append(ONE if by == clock else drives[by])
        for instance in (ordered := _ordered(logic)):
            for pin in instance.cell.outputs:
                if pin.name in instance.pins and pin.function is not None:
                    begin = len(self._steps.place)
                    self._compute(pin.function, instance.pins, instance.pins[pin.name])
                    sources = {instance.pins[name] for name in functions.names(pin.function)}
                    self._unit(instance, pin.name, begin, sources)
        for flop in flops:
            held = flop.cell.storage
            assert held is not None
            takes.append(self._compute(held.takes, flop.pins, None))
        every = [*ordered, *flops, *clocked]
        driver, sinks = self._wiring(every)
        signals = {name: self._bits(held["bits"]) for name, held in self._module["netnames"].items() if "$" not in name}
        return Circuit(
            self._library, self._names, clock, every, gates, srams, self._steps, self._units, self._free,
            np.array(state, np.int32), np.array(takes, np.int32), np.array(enable, np.int32), flops,
            inputs, signals, driver, sinks,
        )  # fmt: skip

    def _sorted_cells(
        self, clock: int
    ) -> tuple[list[Instance], list[Instance], list[Instance], list[Instance], list[Sram]]:
        """Combinational cells, flip-flops, latches, the other cells of the clock, SRAMs."""
        logic, flops, latches, clocked, srams = [], [], [], [], []
        parts = self._parts_of_gates()
        for name, held in self._module["cells"].items():
            pins = {pin: self._bits(bits) for pin, bits in held["connections"].items()}
            if held["type"] == "sram":
                srams.append(Sram(name, pins["read"][0], pins["address"], pins["word"]))
                continue
            cell = self._library.cells.get(held["type"])
            if cell is None:
                raise EieError(f"cell {plain(name)}: yosys left a {plain(held['type'])}, which the library has not")
            single = {pin: nets[0] for pin, nets in pins.items() if nets}
            storage = cell.storage
            of_clock = name in parts or cell.gate is not None
            component = CLOCK if of_clock else REGISTER if storage else COMBINATIONAL
            instance = Instance(plain(name), module_of(name), component, cell, single)
            self._check(instance)
            if of_clock:
                clocked.append(instance)
                if storage:
                    latches.append(instance)
            elif storage is None:
                logic.append(instance)
            else:
                self._check_flop(instance)
                flops.append(instance)
        return logic, flops, latches, clocked, srams

    def _parts_of_gates(self) -> set[str]:
        cells = self._module["cells"]
        if not self._made_gates:
            return set()
        bases = [name.removesuffix(".latch") for name in cells if name.endswith(".latch") and "clockgate" in name]
        return {f"{base}.{part}" for base in bases for part in ("inverter", "latch", "and_")}

    @staticmethod
    def _check(instance: Instance) -> None:
        cell = instance.cell
        if not cell.has_energy:
            raise EieError(f"cell {instance.name}: {cell.name} has no internal_power, so its power cannot be told")
        missing = [pin.name for pin in cell.outputs if pin.name in instance.pins and pin.function is None]
        if missing and cell.gate is None:
            raise EieError(f"cell {instance.name}: {cell.name} does not say the function of {missing[0]}")

    @staticmethod
    def _check_flop(instance: Instance) -> None:
        held = instance.cell.storage
        assert held is not None
        if held.is_latch:
            raise EieError(f"cell {instance.name}: {instance.cell.name} is a latch, and the PE has none")
        if not isinstance(held.when, str):
            raise EieError(f"cell {instance.name}: {instance.cell.name} is not clocked by a plain rising edge")
        if held.others:
            raise EieError(f"cell {instance.name}: {instance.cell.name} can be cleared or preset without the clock")

    def _gates(self, latches: list[Instance], clocked: list[Instance], clock: int) -> Iterator[ClockGate]:
        """The clock gates: the library's own, or inverter, latch and AND of one name."""
        by_name = {instance.name: instance for instance in clocked}
        for latch in latches:
            base = latch.name.removesuffix(".latch")
            inverter, both = by_name[f"{base}.inverter"], by_name[f"{base}.and_"]
            held = latch.cell.storage
            assert held is not None
            gated = both.pins[both.cell.outputs[0].name]
            low = inverter.pins[inverter.cell.outputs[0].name]
            shown = next(latch.pins[pin.name] for pin in latch.cell.outputs if pin.function == held.state)
            yield ClockGate(base, latch.module, latch.pins[str(held.takes)], gated, low, shown)
        for instance in clocked:
            if instance.cell.gate is not None:
                enable, by, out, _ = instance.cell.gate
                if instance.pins[by] != clock:
                    raise EieError(f"cell {instance.name}: a clock gate that the PE's clock does not reach")
                yield ClockGate(instance.name, instance.module, instance.pins[enable], instance.pins[out], None, None)

    def _state_of(self, flop: Instance) -> int:
        """The place of a flip-flop's state: its output's net where one shows it as it is."""
        held = flop.cell.storage
        assert held is not None
        shown = [
            flop.pins[pin.name] for pin in flop.cell.outputs if pin.function == held.state and pin.name in flop.pins
        ]
        at = shown[0] if shown else self._new()
        for pin in flop.cell.outputs:
            if pin.name in flop.pins and flop.pins[pin.name] != at and pin.function is not None:
                begin = len(self._steps.place)
                place = {held.state: at}
                self._compute(_in_terms(pin.function, held), place, flop.pins[pin.name])
                self._unit(flop, pin.name, begin, {at})
        return at

    def _unit(self, instance: Instance, pin: str, begin: int, sources: set[int]) -> None:
        net = instance.pins[pin]
        self._units.append(Unit(instance, pin, begin, len(self._steps.place), net, tuple(sorted(sources))))

    def _new(self) -> int:
        self._free += 1
        return self._free - 1

    def _emit(self, function: int, a: int, b: int) -> int:
        place = self._new()
        self._steps.add(function, place, a, b)
        return place

    def _compute(self, function: functions.Expression | None, pins: Mapping[str, int], into: int | None) -> int:
        """Steps for a function, into a net or wherever; where it is."""
        assert function is not None
        before = len(self._steps.place)
        place, negated = functions.compile_into(function, pins, ZERO, ONE, self._emit)
        if into is None and not negated:
            return place
        into = self._new() if into is None else into
        if len(self._steps.place) > before and self._steps.place[-1] == place:
            self._steps.place[-1] = into
            self._steps.function[-1] ^= 0b1111 if negated else 0
        else:
            self._steps.add(0b0101 if negated else 0b1010, into, place, place)
        return into

    def _wiring(
        self, every: list[Instance]
    ) -> tuple[dict[int, tuple[Instance, str]], list[list[tuple[Instance, str]]]]:
        driver: dict[int, tuple[Instance, str]] = {}
        sinks: list[list[tuple[Instance, str]]] = [[] for _ in self._names]
        for instance in every:
            for pin in instance.cell.pins.values():
                net = instance.pins.get(pin.name)
                if net is None:
                    continue
                if pin.is_output:
                    driver[net] = instance, pin.name
                else:
                    sinks[net].append((instance, pin.name))
        return driver, sinks


def module_of(name: str) -> str:
    """The module of Table II that a cell stands in, by its name in the flattened netlist."""
    first = name.removeprefix("$flatten").lstrip("\\").partition(".")[0]
    return MODULES.get(first, OTHER) if MODULES.get(first) in OF_A_PE else OTHER


def _in_terms(function: functions.Expression, held: Storage) -> functions.Expression:
    """A flip-flop's output in terms of its state alone."""
    if isinstance(function, tuple):
        return (function[0], *(_in_terms(part, held) for part in function[1:]))
    return ("not", held.state) if function == held.inverse else function


def _ordered(logic: list[Instance]) -> list[Instance]:
    """Combinational cells, each after what drives it. Raises EieError for a loop."""
    driver: dict[int, int] = {}
    for k, instance in enumerate(logic):
        for pin in instance.cell.outputs:
            if pin.name in instance.pins:
                driver[instance.pins[pin.name]] = k
    waits = [0] * len(logic)
    feeds: list[list[int]] = [[] for _ in logic]
    for k, instance in enumerate(logic):
        for pin in instance.cell.inputs:
            source = driver.get(instance.pins.get(pin.name, ZERO))
            if source is not None:
                feeds[source].append(k)
                waits[k] += 1
    ready = [k for k, number in enumerate(waits) if number == 0]
    order: list[int] = []
    while ready:
        order.append(k := ready.pop())
        for other in feeds[k]:
            waits[other] -= 1
            if not waits[other]:
                ready.append(other)
    if len(order) != len(logic):
        inside = next(logic[k] for k, number in enumerate(waits) if number)
        raise EieError(f"cell {inside.name}: its output leads back to its input without a flip-flop")
    return [logic[k] for k in order]
