"""The clocked machine and the netlist side by side, cycle by cycle: what enters a PE, and what must come out of it.

The machine's hook feeds the netlist of every PE with what the array gives them (the candidate, whether it is broadcast,
whether the next activation row is taken), and compares every register and wire of `probes.PE_PROBES` that has a name in
the netlist, in every cycle in which it has a meaning. A difference names net, cell, cycle and PE.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.engines import clocked
from eiesim.errors import EieError
from eiesim.machine import clock
from eiesim.rtl import images
from eiesim.rtl.gates import simulate, timed
from eiesim.rtl.gates.circuit import Circuit, Sram
from eiesim.rtl.gates.simulate import ALL, LANES, Words
from eiesim.rtl.hardware import Hardware
from eiesim.rtl.probes import PE_PROBES, Probe, View, view_of
from eiesim.rtl.runs import RtlRun, outputs_in_rows


class NetlistError(EieError):
    """Netlist and clocked machine differ. Says where."""


@dataclass(frozen=True)
class Activity:
    """What a run did, over all PEs and the cycles counted.

    cycles: counted. compared: in which everything was compared. pes: how many. rises, falls, ones: of each net.
    clocked: of each flip-flop. reads: of each SRAM by name.
    """

    cycles: int
    compared: int
    pes: int
    rises: npt.NDArray[np.int64]
    falls: npt.NDArray[np.int64]
    ones: npt.NDArray[np.int64]
    clocked: npt.NDArray[np.int64]
    reads: dict[str, int]
    events: dict[str, int]


class Compared:
    """The probes that the netlist has, and the machine's own fields behind them."""

    def __init__(self, circuit: Circuit, hardware: Hardware, first: int, lanes: int) -> None:
        self.nets, self.which, self._widths = list[int](), list[int](), list[int]()
        self.probes: list[Probe] = []
        self._driven = list[int]()
        for probe in PE_PROBES:
            nets = circuit.signals.get(probe.signal.replace("{pe}", ""))
            if nets is None:
                continue
            width = min(len(nets), probe.bits(hardware))
            self.which += [len(self.probes)] * width
            self.nets += nets[:width]
            self._widths.append(width)
            self.probes.append(probe)
            # What nothing drives, and is 0, yosys has made otherwise, such as by a flip-flop's own clear.
            self._driven.append(sum(circuit.is_driven(net) << k for k, net in enumerate(nets[:width])))
        self._slice = slice(first, first + lanes)
        self._conditions = sorted({c.lstrip("!") for probe in self.probes for c in probe.when})
        self._numbers = np.zeros((len(self.probes), lanes), np.int64)
        self._flags = np.zeros((len(self._conditions), lanes), np.int64)
        self._flag_planes = np.zeros(len(self._conditions), np.uint64)
        self.wanted = np.zeros(len(self.nets), np.uint64)
        self.meant = np.zeros(len(self.probes), np.uint64)
        self._mask = _mask(lanes)
        self._arrays = np.array(self.nets, np.int32), np.array(self.which, np.int32), np.array(self._widths, np.int32)
        self._plan = [
            [(self._conditions.index(c.lstrip("!")), c[0] != "!") for c in probe.when] for probe in self.probes
        ]
        self._views: list[View] | None = None
        self._flag_views: list[View] = []

    def first(self, held: Words, machine: clock.MachineState) -> int:
        """Which of `nets` first differs; -1 if none does."""
        if self._views is None:
            self._views = [view_of(machine, probe.key, self._slice) for probe in self.probes]
            self._flag_views = [view_of(machine, key, self._slice) for key in self._conditions]
        for k, view in enumerate(self._views):
            self._numbers[k] = view() & self._driven[k]
        for k, view in enumerate(self._flag_views):
            self._flags[k] = view() != 0
        nets, which, widths = self._arrays
        simulate.planes(self._numbers, widths, self.wanted)
        simulate.planes(self._flags, np.ones(len(self._conditions), np.int32), self._flag_planes)
        for k, conditions in enumerate(self._plan):
            meant = self._mask
            for flag, on in conditions:
                meant &= self._flag_planes[flag] if on else ~self._flag_planes[flag]
            self.meant[k] = meant
        return int(simulate.differing(held, nets, self.wanted, which, self.meant))


def _mask(lanes: int) -> np.uint64:
    return ALL if lanes == LANES else np.uint64((1 << lanes) - 1)


class Array:
    """Up to 64 PEs of the netlist, clocked together. first: the first one's number."""

    def __init__(
        self, circuit: Circuit, run: RtlRun, first: int, lanes: int, delays: timed.Delays | None = None
    ) -> None:
        self.circuit, self.first, self.lanes = circuit, first, lanes
        self._program = simulate.program(circuit)
        self.held = simulate.values(circuit)
        self.counts = simulate.counts(circuit)
        self._before = np.zeros(len(circuit.nets), np.uint64)
        self._taken = np.zeros(len(circuit.state), np.uint64)
        self._mask = _mask(lanes)
        self.reads = {sram.name: np.zeros(lanes, np.int64) for sram in circuit.srams}
        self._srams = [_sram(sram, run, first, lanes) for sram in circuit.srams]
        self._nets = {name: np.array(nets, np.int32) for name, nets in circuit.inputs.items()}
        self._waves = None if delays is None else timed.Waves(circuit, delays, self._program, self._mask)
        self.compared = Compared(circuit, run.hardware, first, lanes)

    def give(self, port: str, value: int) -> None:
        """Give all PEs a value at an input port."""
        nets = self._nets[port]
        self.held[nets] = np.where((value >> np.arange(len(nets))) & 1, ALL, np.uint64(0))

    def give_each(self, port: str, values: npt.NDArray[np.int64]) -> None:
        """Give each PE its value at an input port."""
        nets = self._nets[port]
        planes = np.zeros(len(nets), np.uint64)
        simulate.planes(values[None, self.first : self.first + self.lanes], np.array([len(nets)], np.int32), planes)
        self.held[nets] = planes

    def signal(self, port: str) -> npt.NDArray[np.int64]:
        """What each PE shows at an output port, as a number with a sign."""
        nets = self.circuit.signals[port]
        lanes = np.arange(self.lanes, dtype=np.uint64)
        bits = (self.held[np.array(nets)][:, None] >> lanes & np.uint64(1)).astype(np.int64)
        weights = 1 << np.arange(len(nets), dtype=np.int64)
        weights[-1] = -weights[-1]
        return np.asarray(weights @ bits)

    def edge(self, counting: bool) -> None:
        """The clock's rising edge: flip-flops and SRAMs show something new."""
        clocked = self.counts.clocked if counting else np.zeros_like(self.counts.clocked)
        simulate.take(self._program, self.held, self._taken, clocked, self._mask)
        for sram, memory in zip(self.circuit.srams, self._srams, strict=True):
            reads = self.reads[sram.name] if counting else np.zeros_like(self.reads[sram.name])
            simulate.read(self.held, *memory, self.lanes, reads)
        simulate.show(self._program, self.held, self._taken)

    def settle(self, counting: bool) -> None:
        """The rest of a cycle."""
        simulate.settle(self._program, self.held)
        if self._waves is None and counting:
            simulate.count(self.held, self._before, self.counts, self._mask)
            return
        simulate.keep(self.held, self._before, self._mask)
        if self._waves is not None:
            self._waves.follow(self.held, self.counts if counting else None)

    def compare(self, machine: clock.MachineState, cycle: int) -> None:
        """Raise NetlistError, with net, cell, cycle and PE, where the netlist differs from the machine."""
        k = self.compared.first(self.held, machine)
        if k < 0:
            return
        net, probe = self.compared.nets[k], self.compared.probes[self.compared.which[k]]
        wrong = int(self.held[net] ^ self.compared.wanted[k]) & int(self.compared.meant[self.compared.which[k]])
        lane = (wrong & -wrong).bit_length() - 1
        raise NetlistError(
            f"the netlist differs from the clocked machine in cycle {cycle}, PE {self.first + lane}: "
            f"{self.circuit.nets[net]} is {int(self.held[net]) >> lane & 1}, {probe.unit}'s {probe.field} says "
            f"{int(self.compared.wanted[k]) >> lane & 1}; it comes from {self.circuit.driven_by(net)}"
        )


def _sram(sram: Sram, run: RtlRun, first: int, lanes: int) -> tuple[Any, ...]:
    """What `simulate.read` takes of an SRAM: its nets, all PEs' words one after the other, where each PE's begin."""
    layer, hardware = run.stages[0].job.layer, run.hardware
    nets = np.array([sram.read, len(sram.address), *sram.address, *sram.word], np.int32)
    pes = range(first, first + lanes)
    if sram.name == "spmat_sram":
        entries = [slice(int(layer.base[p]), int(layer.base[p] + layer.entries_per_pe[p])) for p in pes]
        parts = [layer.z[e].astype(np.int64) << hardware.weight_bits | layer.code[e] for e in entries]
        bits, per_word = hardware.index_bits + hardware.weight_bits, hardware.row_entries
    elif sram.name in ("rest_bank0", "rest_bank1"):
        # The layer's are beside bank 1, which it writes.
        job = run.stages[0].job
        none = [0] * hardware.activations
        parts = [np.array(images.rests(job, p, hardware) if sram.name == "rest_bank1" else none, np.int64) for p in pes]
        bits, per_word = hardware.rest_bits + 1, 1
    else:
        parts = [layer.pointers[sram.name == "odd_bank" :: 2, p].astype(np.int64) for p in pes]
        bits, per_word = hardware.pointer_bits, 1
    begins = np.cumsum([0, *map(len, parts)]).astype(np.int64)
    return nets, np.concatenate([*parts, np.zeros(1, np.int64)]), begins, bits, per_word


EVENTS = ("macs", "entries", "pushes", "reads", "writes")


def run(
    circuit: Circuit,
    run: RtlRun,
    item: int,
    window: tuple[int, int],
    delays: timed.Delays | None = None,
    step: Callable[[int], object] = lambda cycle: None,
    last: int = 0,
    only: int | None = None,
) -> Activity:
    """Run one input of a layer through both. window: the cycles counted, from the first to one before the second.

    last: the run's last cycle; where the window ends before it, so does the run. only: one PE, in place of all.

    Raises NetlistError at the first difference.
    """
    stage, pes = run.stages[0], run.hardware.pes
    shares = [(p, min(LANES, pes - p)) for p in range(0, pes, LANES)] if only is None else [(only, 1)]
    groups = [Array(circuit, run, first, lanes, delays) for first, lanes in shares]
    events = dict.fromkeys(EVENTS, 0)
    compared = 0
    for group in groups:
        _load(group, run, item)

    def cycle(number: int, machine: clock.MachineState) -> None:
        nonlocal compared
        counting = window[0] <= number < window[1]
        found, scanner = machine.candidate[0], machine.scanner[0]
        fires, row_taken = clock.settle(machine)
        # Where no candidate is found the tree's outputs are 0, and the column is the row's first.
        column = int(found.column) if found.found else int(scanner.row) * pes
        given = {
            "candidate_column": column,
            # A bias's activation is sent to adder units as 0.
            "candidate_activation": int(found.activation) if found.found and column != machine.bias else 0,
            "fires": int(fires),
            "row_taken": int(row_taken),
            "start": 0,
        }
        for group in groups:
            group.edge(counting)
            for port, value in given.items():
                group.give(port, value)
            group.settle(counting)
            group.compare(machine, number)
        compared += 1
        if counting:
            wires = machine.wires
            events["macs"] += int(np.count_nonzero(machine.registers.arithmetic_unit.real3))
            events["entries"] += int(np.count_nonzero(wires.spmat_read.valid))
            events["pushes"] += pes * int(fires)
            events["reads"] += int(np.count_nonzero(wires.arithmetic_unit.reads))
            events["writes"] += int(np.count_nonzero(wires.arithmetic_unit.write))
        step(number)
        if number == window[1] - 1 and number < last:
            raise _EnoughError

    with suppress(_EnoughError):
        ran = clocked.run(stage.job, stage.rows(run.inputs[item]), cycle)
        for group in groups:
            _read(group, run, item, stage.outputs(ran.sums))  # type: ignore[arg-type]
    counts = [group.counts for group in groups]
    rises, falls, ones, flops = (sum(getattr(one, name) for one in counts) for name in counts[0]._fields)
    reads = {sram.name: sum(int(group.reads[sram.name].sum()) for group in groups) for sram in circuit.srams}
    counted = sum(group.lanes for group in groups)
    return Activity(window[1] - window[0], compared, counted, rises, falls, ones, flops, reads, events)


def _read(group: Array, run: RtlRun, item: int, outputs: npt.NDArray[np.int64]) -> None:
    """What comes after the last cycle: the banks swap, and the outputs are read, a row of activations a cycle."""
    stage, hardware, pes = run.stages[0], run.hardware, run.hardware.pes
    group.give("row_taken", 0)
    group.give("fires", 0)
    group.give("swap", 1)
    if stage.job.adder is not None:
        point, most = hardware.rest_fraction_bits, 1 << hardware.value_bits + hardware.rest_fraction_bits
        total, left = int(np.abs(run.inputs[item]).sum()), point - stage.shift
        group.give("sent", min(total << left if left >= 0 else total >> -left, most))
    for r, row in enumerate(outputs_in_rows(outputs, pes)):
        group.settle(False)
        group.edge(False)
        group.give("swap", 0)
        group.give("row_taken", 1)
        group.give("has_bias", 0)
        group.settle(False)
        seen = group.signal("presented")
        if (wrong := seen != row[group.first : group.first + group.lanes]).any():
            p = group.first + int(np.argmax(wrong))
            raise NetlistError(
                f"the netlist differs from the clocked machine in output {r * pes + p}, PE {p}: "
                f"{seen[p - group.first]}, the machine says {row[p]}"
            )


class _EnoughError(Exception):
    """The window has ended."""


def _load(group: Array, run: RtlRun, item: int) -> None:
    """What comes before cycle 1, as `testbench.sv` has it: reset, the input activations, the codebook, start."""
    stage, hardware = run.stages[0], run.hardware
    layer = stage.job.layer

    def tick(**values: int) -> None:
        for port, value in values.items():
            group.give(port, value)
        group.settle(False)
        group.edge(False)

    tick(reset=1, start=1)
    group.give("reset", 0)
    group.give("start", 0)
    for r, row in enumerate(outputs_in_rows(run.inputs[item], hardware.pes)):
        group.give_each("load_activation", row)
        tick(load=1, load_row=r)
    has_bias = layer.layer.bias_codes is not None
    group.give("load", 0)
    group.give("has_bias", int(has_bias))
    group.give("bias_row", layer.activation_rows - 1)
    # Only PE 0 holds the bias's activation: the others are given 0.
    one = np.zeros(hardware.pes, np.int64)
    one[0] = stage.one
    group.give_each("one", one)
    group.give("shift_plus_16", stage.shift + 16)
    group.give("relu", int(stage.relu))
    for code, value in enumerate(stage.job.codebook):
        tick(codebook_write=1, codebook_code=code, codebook_value=int(value))
    group.give("codebook_write", 0)
    group.give("start", 1)
    group.settle(False)
