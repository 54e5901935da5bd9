"""PointerRead: walks a column's entries, one a cycle (EIE Sec. IV, "Pointer Read Unit").

In a column's first cycle it reads p_j and p_j+1 from the even and the odd bank and already sends the first
entry's address; an empty column costs that one cycle.
"""

from typing import Any

from eiesim._jit import jit
from eiesim.machine.records import COUNT, FLAG, INDEX, Fields


def registers(value: Any) -> Fields:
    """The column held (`valid`, `column`, `activation`), its `first` cycle, `address` and `end` of what is left."""
    return [
        ("valid", FLAG), ("first", FLAG), ("column", INDEX), ("activation", value), ("address", INDEX), ("end", INDEX),
        ("pointer_reads", COUNT), ("empty_columns", COUNT), ("walking", COUNT), ("empty", COUNT), ("starved", COUNT),
    ]  # fmt: skip


def wires(value: Any) -> Fields:
    """`ready` to take a column, and the entry sent: `valid`, `first` of its column, `address`, `activation`; `end`."""
    return [
        ("ready", FLAG), ("valid", FLAG), ("first", FLAG), ("address", INDEX), ("end", INDEX), ("activation", value),
    ]  # fmt: skip


@jit
def propagate(p: int, own: Any, out: Any, pointers: Any) -> None:
    """Send an entry's address. pointers: [columns + 1, pes], used only in a column's first cycle; later, registers hold
    the position.
    """
    address = own.address + own.first * pointers[own.column, p]
    end = own.end + own.first * pointers[own.column + 1, p]
    out.address = address
    out.end = end
    out.valid = own.valid & (address < end)
    out.first = own.first
    out.activation = own.activation
    out.ready = (own.valid == 0) | (address + 1 >= end)


@jit
def update(p: int, own: Any, out: Any, head: Any) -> None:
    """Walk on in the column, or take the next one. head: the ActivationQueue's wires."""
    own.walking += out.valid
    own.empty += own.valid & (out.valid == 0)
    own.starved += own.valid == 0
    own.pointer_reads += own.first
    own.empty_columns += own.first & (out.valid == 0)
    walking_on = out.ready == 0
    own.address = (out.address + 1) * walking_on
    own.end = out.end * walking_on
    own.first = out.ready & head.valid
    own.valid = head.valid | walking_on
    own.column = head.column
    kept, taken = own.activation, head.activation
    own.activation = kept if walking_on else taken


@jit
def busy(own: Any) -> bool:
    """Whether it holds a column."""
    return own.valid > 0
