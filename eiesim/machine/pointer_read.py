"""PointerRead: walks a column's entries, one a cycle (EIE Sec. IV, "Pointer Read Unit").

In a column's first cycle it reads p_j and p_j+1 from the even and the odd bank and already sends the first
entry's address; an empty column costs that one cycle. With several multipliers it sends an aligned group a cycle:
as many entries as there are lanes, from an address that they divide, of which those of the column are valid.
"""

from typing import Any

from eiesim._jit import jit
from eiesim.machine.ports import ports
from eiesim.machine.records import COUNT, FLAG, INDEX, Fields, any_of, numbered

PORTS = ports(
    ("clock", "in", "1", "", "the array's clock: registers change at its rising edge"),
    ("start", "in", "1", "", "a layer begins: everything held is dropped"),
    ("head_valid", "in", "1", "activation_queue.valid", "the queue has a head"),
    ("head_column", "in", "COLUMN_BITS", "activation_queue.column", "its column j"),
    ("head_activation", "in", "VALUE_BITS", "activation_queue.activation", "its activation a_j"),
    ("bank_read", "out", "1", "", "read both pointer banks"),
    ("even_address", "out", "BANK_BITS", "", "the even bank's word: p_j or p_j+1, whichever has an even number"),
    ("odd_address", "out", "BANK_BITS", "", "the odd bank's word: the other one"),
    ("even_word", "in", "POINTER_BITS", "", "what the even bank read"),
    ("odd_word", "in", "POINTER_BITS", "", "what the odd bank read"),
    ("busy", "out", "1", "", "a column is held"),
    ("ready", "out", "1", "pointer_read.ready", "idle, or in a column's last cycle: the head is taken"),
    ("valid", "out", "1", "pointer_read.valid", "an entry's address is sent"),
    ("first", "out", "1", "pointer_read.first", "it is a column's first cycle"),
    ("address", "out", "POINTER_BITS", "pointer_read.address", "the entry's number in the PE"),
    ("activation", "out", "VALUE_BITS", "pointer_read.activation", "the column's activation a_j"),
    ("end_wire", "inside", "POINTER_BITS", "pointer_read.end", "the number after the column's last entry"),
)  # fmt: skip


def registers(value: Any, lanes: int = 1, numbers: bool = False) -> Fields:
    """The column held (`valid`, `column`, `activation`), its `first` cycle, `address` and `end` of what is left."""
    return [
        ("valid", FLAG), ("first", FLAG), ("column", INDEX), ("activation", value), ("address", INDEX), ("end", INDEX),
        ("pointer_reads", COUNT), ("empty_columns", COUNT), ("walking", COUNT), ("empty", COUNT), ("starved", COUNT),
    ]  # fmt: skip


def wires(value: Any, lanes: int = 1, numbers: bool = False) -> Fields:
    """`ready` to take a column, and the group sent: the lanes that are `valid`, `first` of its column, the `address` of
    lane 0, `activation`; `end`. The `column` where its number goes along.
    """
    return [
        *numbered("column", numbers),
        ("ready", FLAG), ("valid", FLAG, (lanes,)), ("first", FLAG), ("address", INDEX), ("end", INDEX),
        ("activation", value),
    ]  # fmt: skip


@jit
def propagate(p: int, own: Any, out: Any, pointers: Any, along: Any = None) -> None:
    """Send a group's address. pointers: [columns + 1, pes], used only in a column's first cycle; later, registers hold
    the position. along: None unless the column's number goes along.
    """
    lanes = len(out.valid)
    address = own.address + own.first * pointers[own.column, p]
    end = own.end + own.first * pointers[own.column + 1, p]
    group = address - address % lanes
    for lane in range(lanes):
        out.valid[lane] = own.valid & (address <= group + lane) & (group + lane < end)
    out.address = group
    out.end = end
    out.first = own.first
    out.activation = own.activation
    out.ready = (own.valid == 0) | (group + lanes >= end)
    if along is not None:
        out.column = own.column


@jit
def update(p: int, own: Any, out: Any, head: Any, along: Any = None) -> None:
    """Walk on in the column, or take the next one. head: the ActivationQueue's wires."""
    lanes = len(out.valid)
    walks = any_of(out.valid)
    own.walking += walks
    own.empty += own.valid & (walks == 0)
    own.starved += own.valid == 0
    own.pointer_reads += own.first
    own.empty_columns += own.first & (walks == 0)
    walking_on = out.ready == 0
    own.address = (out.address + lanes) * walking_on
    own.end = out.end * walking_on
    own.first = out.ready & head.valid
    own.valid = head.valid | walking_on
    if along is None:
        own.column = head.column
    else:
        own.column = out.column if walking_on else head.column
    kept, taken = own.activation, head.activation
    own.activation = kept if walking_on else taken


@jit
def busy(own: Any) -> bool:
    """Whether it holds a column."""
    return own.valid > 0
