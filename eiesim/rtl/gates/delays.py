"""When what changes: loads, slews and delays of every net and arc, from the library's tables; and the longest path.

Slews are the slowest that reach a net. Tables are read between their points, and in a straight line beyond them: these
nets are smaller than what most libraries are measured at. A wire has capacitance and no resistance. The clock reaches
all flip-flops at once.
"""

from dataclasses import dataclass
from statistics import median

import numpy as np
import numpy.typing as npt

from eiesim._sums import added
from eiesim.rtl.gates.circuit import CLOCK, REGISTER, Circuit, Instance
from eiesim.rtl.gates.clock_tree import ClockTree
from eiesim.rtl.gates.library import Arc, Pin, Table
from eiesim.rtl.gates.wires import Wires

NEVER = -1e30
RISE, FALL = 0, 1

OUTLIER = 10.0
"""A set-up time so many times its table's median is where measuring failed: the median stands in its place."""


@dataclass(frozen=True)
class Delay:
    """From a net to a cell's output, ns: of a rise and of a fall of the output."""

    instance: Instance
    pin: str
    source: int
    net: int
    arc: Arc
    rise_ns: float
    fall_ns: float


@dataclass
class Timing:
    """load_ff, slew_ns[2]: of each net. delays: of every arc of combinational cells, in order, and of flip-flops.

    arrival_ns[2]: the latest that a net changes after the clock's edge; NEVER where no flip-flop reaches it.
    longest: the cells of the longest path from flip-flop to flip-flop or clock gate, and what it takes in all.
    """

    load_ff: npt.NDArray[np.float64]
    slew_ns: npt.NDArray[np.float64]
    arrival_ns: npt.NDArray[np.float64]
    delays: list[Delay]
    longest_ns: float
    longest: list[str]


def loads(circuit: Circuit, wires: Wires, tree: ClockTree) -> npt.NDArray[np.float64]:
    """fF on each net: its pins and its wire; on a clock's net, what its tree leaves to its driver."""
    held = np.zeros(len(circuit.nets))
    for net, sinks in enumerate(circuit.sinks):
        pins = added(instance.cell.pins[name].capacitance_ff for instance, name in sinks)
        held[net] = pins + wires.ff(len(sinks))
    for net, load in tree.load_ff.items():
        held[net] = load
    return held


def timing(circuit: Circuit, wires: Wires, tree: ClockTree) -> Timing:
    """Loads, slews, delays, arrivals and the longest path."""
    return _Analysis(circuit, loads(circuit, wires, tree), tree).timing()


class _Analysis:
    def __init__(self, circuit: Circuit, load_ff: npt.NDArray[np.float64], tree: ClockTree) -> None:
        self._circuit, self._load, self._tree = circuit, load_ff, tree
        nets = len(circuit.nets)
        self._slew = np.zeros((nets, 2))
        self._arrival = np.full((nets, 2), NEVER)
        self._from: dict[tuple[int, int], tuple[int, int] | None] = {}
        self._delays: list[Delay] = []

    def timing(self) -> Timing:
        circuit = self._circuit
        self._slew[circuit.clock] = self._tree.slew_ns
        for gate in circuit.gates:
            self._slew[gate.gated] = self._tree.slew_ns
        registers = [one for one in circuit.instances if one.component == REGISTER]
        for instance in registers:
            for pin in instance.cell.outputs:
                if pin.name in instance.pins:
                    self._output(instance, pin, starts=True)
        # What comes from outside or from an SRAM changes as fast as a flip-flop's output.
        usual = (
            [
                median(
                    self._slew[one.pins[p.name]][edge]
                    for one in registers
                    for p in one.cell.outputs
                    if p.name in one.pins
                )
                for edge in (RISE, FALL)
            ]
            if registers
            else [0.05, 0.05]
        )
        for nets in (*circuit.inputs.values(), *(sram.word for sram in circuit.srams)):
            for net in nets:
                self._slew[net] = usual
        for instance in circuit.instances:
            if instance.component not in (REGISTER, CLOCK):
                for pin in instance.cell.outputs:
                    if pin.name in instance.pins:
                        self._output(instance, pin, starts=False)
        for instance in circuit.instances:  # A clock gate's inner nets.
            if instance.component == CLOCK:
                for pin in instance.cell.outputs:
                    if pin.name in instance.pins and instance.pins[pin.name] not in self._tree.load_ff:
                        self._output(instance, pin, starts=False)
        longest, cells = self._longest()
        return Timing(self._load, self._slew, self._arrival, self._delays, longest, cells)

    def _output(self, instance: Instance, pin: Pin, starts: bool) -> None:
        net = instance.pins[pin.name]
        load = self._load[net]
        for arc in pin.arcs:
            source = instance.pins.get(arc.pin)
            if source is None:
                continue
            took = [0.0, 0.0]
            for edge in (RISE, FALL):
                table, slews = arc.delay_ns[edge], arc.slew_ns[edge]
                if table is None:
                    continue
                for before in (RISE,) if starts else _edges(arc.sense, edge):
                    slew = self._slew[source][before]
                    delay = max(table.at(load=load, slew=slew), 0.0)
                    took[edge] = max(took[edge], delay)
                    if slews is not None:
                        self._slew[net][edge] = max(self._slew[net][edge], slews.at(load=load, slew=slew), 0.0)
                    begin = 0.0 if starts else self._arrival[source][before]
                    if begin > NEVER and begin + delay > self._arrival[net][edge]:
                        self._arrival[net][edge] = begin + delay
                        self._from[net, edge] = None if starts else (source, before)
            self._delays.append(Delay(instance, pin.name, source, net, arc, *took))

    def _longest(self) -> tuple[float, list[str]]:
        most, end, what = 0.0, None, ""
        for instance in self._circuit.instances:
            if instance.component not in (REGISTER, CLOCK):
                continue
            for pin in instance.cell.inputs:
                net = instance.pins.get(pin.name)
                if net is None:
                    continue
                for edge in (RISE, FALL):
                    if self._arrival[net][edge] <= NEVER:
                        continue
                    total = self._arrival[net][edge] + self._setup(pin, edge, net)
                    if total > most:
                        most, end, what = total, (net, edge), f"{instance.name} ({instance.cell.name}.{pin.name})"
        cells = [what] if end else []
        while end is not None:
            instance, _ = self._circuit.driver[end[0]]
            cells.append(f"{instance.name} ({instance.cell.name}) -> {self._circuit.nets[end[0]]}")
            end = self._from[end]
        return most, cells[::-1]

    def _setup(self, pin: Pin, edge: int, net: int) -> float:
        clock = self._tree.slew_ns[RISE]
        limits = [arc.delay_ns[edge] for arc in pin.setup_ns]
        slew = float(self._slew[net][edge])
        return max(
            [_usual(table).at(clamped=True, slew=clock, constrained=slew) for table in limits if table], default=0.0
        )


def _edges(sense: int, edge: int) -> tuple[int, ...]:
    """The input's edges that make an output's."""
    return (edge,) if sense > 0 else (1 - edge,) if sense < 0 else (RISE, FALL)


def _usual(table: Table) -> Table:
    """A table without what is far beyond its median."""
    middle = float(np.median(table.values))
    return Table(table.axes, table.points, np.where(table.values > OUTLIER * abs(middle), middle, table.values))
