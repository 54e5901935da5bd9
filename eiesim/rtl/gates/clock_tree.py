"""The clock's wires, which synthesis does not make: buffers, each for the load of eight flip-flops, level on level.

Every net of the clock has a tree: the PE's clock, and what each clock gate lets through. The PE's has one for each
module, and a buffer in front of all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from eiesim._sums import added
from eiesim.errors import EieError
from eiesim.rtl.gates.circuit import OTHER, Circuit
from eiesim.rtl.gates.library import Cell, Library, Pin
from eiesim.rtl.gates.wires import Wires

FLOPS_A_BUFFER = 8


@dataclass(frozen=True)
class Branch:
    """Buffers of one level of one module: how many, and the load, fF, that each drives."""

    net: int
    module: str
    buffers: int
    load_ff: float


@dataclass(frozen=True)
class ClockTree:
    """The trees. branches: their levels. load_ff: what is left for each clock net's own driver, by net."""

    buffer: Cell
    branches: tuple[Branch, ...]
    load_ff: dict[int, float]
    slew_ns: tuple[float, float]
    """At flip-flops, for a rise and for a fall."""

    @property
    def output(self) -> Pin:
        """The buffer's output pin."""
        return self.buffer.outputs[0]


def clock_buffer(library: Library, load_ff: float) -> Cell:
    """The buffer that a clock tree is made of: the smallest that may drive the load; the largest where none may.

    Raises EieError where the library has none.
    """
    buffers = [cell for cell in library.cells.values() if cell.computes(0, 1) and cell.has_energy]
    if not buffers:
        raise EieError(f"{library.path}: no cell is a buffer with internal_power, and a clock needs some")
    strong = [cell for cell in buffers if cell.outputs[0].most_ff >= load_ff]
    if not strong:
        return max(buffers, key=lambda cell: (cell.outputs[0].most_ff, cell.name))
    return min(strong, key=lambda cell: (cell.area_um2, cell.name))


def grown(circuit: Circuit, wires: Wires) -> ClockTree:
    """The trees of a circuit."""
    flop = circuit.flops[0].cell
    assert flop.storage is not None
    most = FLOPS_A_BUFFER * flop.pins[str(flop.storage.when)].capacitance_ff + wires.ff(FLOPS_A_BUFFER)
    buffer = clock_buffer(circuit.library, most)
    branches: list[Branch] = []
    left: dict[int, float] = {}
    for net in [circuit.clock, *(gate.gated for gate in circuit.gates)]:
        sinks: dict[str, list[float]] = {}
        for instance, name in circuit.sinks[net]:
            sinks.setdefault(instance.module, []).append(instance.cell.pins[name].capacitance_ff)
        if net != circuit.clock:
            loads = [load for one in sinks.values() for load in one]
            module = next(iter(sinks), OTHER)
            left[net] = _load(_levels(net, module, loads, buffer, most, wires, branches, False), wires)
            continue
        roots = []
        for module, loads in sinks.items():
            roots += _levels(net, module, loads, buffer, most, wires, branches, True)
        top = _levels(net, OTHER, roots, buffer, most, wires, branches, True)
        left[net] = _load(top, wires)
    return ClockTree(buffer, tuple(branches), left, _slews(buffer, most))


def _load(pins: Sequence[float], wires: Wires) -> float:
    return added(pins) + wires.ff(len(pins))


def _levels(
    net: int, module: str, pins: list[float], buffer: Cell, most: float, wires: Wires, into: list[Branch], always: bool
) -> list[float]:
    """Add levels of buffers until a driver may drive what is left: those pins. always: at least one level."""
    while pins and (always or _load(pins, wires) > most):
        load = _load(pins, wires)
        number = max(1, ceil(load / most))
        sinks = len(pins) / number
        into.append(Branch(net, module, number, (added(pins) + number * wires.ff(ceil(sinks))) / number))
        pins = [buffer.inputs[0].capacitance_ff] * number
        always = False
        if number == 1:
            break
    return pins


def _slews(buffer: Cell, load: float) -> tuple[float, float]:
    """At the end of a long row of buffers with this load."""
    rise = fall = 0.05
    arcs = buffer.outputs[0].arcs
    for _ in range(4):
        pairs = [(arc.slew_ns, rise, fall) for arc in arcs]
        rise = max([held[0].at(load=load, slew=r) for held, r, _ in pairs if held[0]], default=rise)
        fall = max([held[1].at(load=load, slew=f) for held, _, f in pairs if held[1]], default=fall)
        rise, fall = max(rise, 0.0), max(fall, 0.0)
    return rise, fall
