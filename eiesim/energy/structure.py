"""What a machine is built of, by configuration: SRAM arrays, registers, LNZD nodes. Energy and area count from here."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from eiesim._sums import added
from eiesim.arithmetic import FIXED_BITS
from eiesim.capacity import POINTER_BITS, REGISTER_FILE_ACTIVATIONS
from eiesim.config import MachineConfig
from eiesim.energy.sram import Sram, sram
from eiesim.errors import EieError

OPERAND_BITS = {"float32": 32, **FIXED_BITS}
"""Bits of an activation, a codebook value and an accumulator."""

ADDRESS_BITS = POINTER_BITS
"""Column numbers, row numbers and entry addresses are as wide as a pointer."""

POINTER_BANKS = 2
"""Even and odd columns, so that p_j and p_j+1 are read in one cycle (EIE Sec. IV, "Pointer Read Unit")."""

REGISTER_FILES = 2
"""Source and destination activations (EIE Sec. IV, "Activation Read/Write")."""


ARRAYS = ("spmat", "pointer", "activation")
"""The SRAM arrays of a PE. pointer: one of the two banks."""


def memory(array: str, config: MachineConfig, device_type: str) -> Sram:
    """One of `ARRAYS` as configured. Raises EieError, naming the array, where it is outside the CACTI table."""
    capacity_bytes, width_bits = {
        "spmat": (config.spmat_bytes, config.spmat_width),
        "pointer": (ceil(config.pointer_bytes / POINTER_BANKS), POINTER_BITS),
        "activation": (config.activation_bytes, OPERAND_BITS[config.arithmetic]),
    }[array]
    try:
        return sram(capacity_bytes, width_bits, device_type)
    except EieError as error:
        raise EieError(f"{array} SRAM: {error}") from None


def queue_word_bits(config: MachineConfig) -> int:
    """Bits of a place of the activation queue: a_j and j."""
    return OPERAND_BITS[config.arithmetic] + ADDRESS_BITS


STEADY_CYCLES = 8
"""The paper's steady state: Spmat and Ptr SRAM are each accessed once in 64 / 8 = 8 cycles (EIE Sec. IV)."""

CYCLE, NEVER, ROW = "pe_cycles", "", "activation_rows_taken"
"""What clocks registers besides counters, by PE: every cycle, nothing while a layer runs, an activation row taken."""


@dataclass(frozen=True)
class Registers:
    """Registers of a PE that are clocked together, as the RTL has them (eiesim/rtl/sv).

    bits: in all. clocked: of these, the bits that one event clocks; a clock gate holds the others. events: counters'
    names, or one of CYCLE, NEVER, ROW.
    """

    module: str
    bits: int
    clocked: int
    events: tuple[str, ...]


def registers(config: MachineConfig) -> tuple[Registers, ...]:
    """The register bits of a PE, split as yosys splits those of the RTL: behind an enable, or clocked in every cycle.

    A test compares them, for one multiplier, with what yosys counts. The simulator's counters are not hardware and are
    left out. Two groups are clocked in every cycle though an enable would do: the copy of the queue's head that yosys
    makes for the read port of the queue's memory, and the column's end, for which it finds no enable.
    With several multipliers each lane has registers of its own in ArithmeticUnit, and an accumulator address of its
    own; an entry clocks those of its lane. A group of entries clocks the registers of PointerRead and SpmatRead once.
    """
    value, depth, words = OPERAND_BITS[config.arithmetic], config.queue_depth, REGISTER_FILE_ACTIVATIONS
    head, count = max(1, (depth - 1).bit_length()), depth.bit_length()
    place = (config.entries_per_row - 1).bit_length()
    # A product has double width; an adder's term is twice a magnitude, with a sign for the bias.
    product = value + 2 if config.operation == "adder" else 2 * value
    row, scan = (words - 1).bit_length(), (words + 3).bit_length()

    def group(module: str, bits: int, *events: str, clocked: int | None = None) -> Registers:
        return Registers(module, bits, bits if clocked is None else clocked, events)

    def lanes(module: str, bits: int, event: str) -> Registers:
        every = bits * config.multipliers
        return Registers(module, every, every if event == CYCLE else bits, (event,))

    return (
        group("act_queue", depth * queue_word_bits(config), "queue_pushes", clocked=queue_word_bits(config)),
        group("act_queue", head, "queue_pops"),
        group("act_queue", count, "queue_pushes", "queue_pops"),
        group("act_queue", head, CYCLE),  # The head's copy.
        group("ptr_read", 1 + value, "pointer_reads"),  # The column's last bit, the activation.
        group("ptr_read", ADDRESS_BITS, "entry_groups"),  # The address behind.
        group("ptr_read", ADDRESS_BITS + 2, CYCLE),  # The end, valid, first.
        group("spmat_read", place + value, "entry_groups"),
        group("spmat_read", ADDRESS_BITS - place + 1, "spmat_row_reads"),  # The row that the SRAM shows.
        group("spmat_read", 2, CYCLE),  # Valid, first.
        lanes("arithm_unit", config.entry_bits + value + row, "entries"),  # Stage 1, with the row reached.
        lanes("arithm_unit", row + 2 * value, "macs"),  # 2: row, weight, activation
        lanes("arithm_unit", row + product + value, "macs"),  # 3: row, product, accumulator
        lanes("arithm_unit", 5, CYCLE),  # Valid, by stage.
        lanes("arithm_unit", 2**config.weight_bits * value, NEVER),  # The codebook.
        group("act_rw", REGISTER_FILES * words * (value + 1), "accumulator_writes", clocked=value + 1),
        lanes("act_rw", row, "macs"),  # The accumulator's address.
        group("act_rw", scan, ROW),
        group("act_rw", 2, NEVER),  # Which bank is the source, and whether it passes ReLU.
    )


def register_bits(config: MachineConfig) -> dict[str, int]:
    """Register bits of a PE by module."""
    bits: dict[str, int] = {}
    for group in registers(config):
        bits[group.module] = bits.get(group.module, 0) + group.bits
    return bits


def clocked_bits(config: MachineConfig, events: Mapping[str, float]) -> dict[str, float]:
    """Register bits times the cycles in which they are clocked, by module. events: how often each happened."""
    bits: dict[str, float] = {}
    for group in registers(config):
        times = added(events[event] for event in group.events if event != NEVER)
        bits[group.module] = bits.get(group.module, 0.0) + group.clocked * times
    return bits


def steady_clocked_bits(config: MachineConfig) -> float:
    """Register bits of a PE clocked in a cycle of the paper's steady state: an entry a cycle, a column in eight."""
    often = ("entries", "entry_groups", "macs", "accumulator_writes")
    seldom = ("queue_pushes", "queue_pops", "pointer_reads", "spmat_row_reads")
    events = {**dict.fromkeys(often, 1.0), **dict.fromkeys(seldom, 1 / STEADY_CYCLES), CYCLE: 1.0, ROW: 0.0}
    return added(clocked_bits(config, events).values())


def lnzd_nodes(pes: int) -> int:
    """Nodes of the LNZD quadtree over `pes` PEs: N/4 + N/16 + ... + 1, each rounded up (EIE Sec. IV: 21 for 64)."""
    nodes, level = 0, pes
    while True:
        level = -(-level // 4)
        nodes += level
        if level == 1:
            return nodes
