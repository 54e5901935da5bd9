"""LNZD and CCU: finds the leading non-zero activation and broadcasts it (EIE Sec. IV, "Distributed LNZD").

The quadtree of LNZD nodes answers within a cycle, so one unit stands for all of it and its root, the CCU.
"""

from typing import Any

import numpy as np

from eiesim._jit import jit
from eiesim.machine.ports import ports
from eiesim.machine.records import COUNT, FLAG, INDEX, Fields

PORTS = ports(
    ("clock", "in", "1", "", "the array's clock: registers change at its rising edge"),
    ("reset", "in", "1", "", "all layers are over: nothing is held, and the scan has ended"),
    ("start", "in", "1", "", "a layer begins: activation row 0 is taken"),
    ("rows", "in", "SCAN_BITS", "", "activation rows of the layer"),
    ("presented", "in", "PES*VALUE_BITS", "activation_rw.activation", "each PE's activation of the next row"),
    ("full", "in", "PES", "activation_queue.full", "which queues have no place"),
    ("fires", "out", "1", "settled.fires", "the candidate is broadcast in this cycle"),
    ("row_taken", "out", "1", "settled.row_taken", "the next activation row is taken"),
    ("done", "out", "1", "lnzd.done", "the scan has ended"),
    ("column", "out", "COLUMN_BITS", "lnzd.column", "the candidate's column j"),
    ("activation", "out", "VALUE_BITS", "lnzd.activation", "the candidate's activation a_j"),
    ("found", "inside", "1", "lnzd.found", "there is a candidate"),
    ("place", "inside", "PLACE_BITS", "lnzd.place", "the candidate's place in the activation row"),
)  # fmt: skip


def registers(value: Any, adder: bool = False) -> Fields:
    """`next_place`: where the search goes on in the activation row held. `row`: its number. `done`: none is left.

    `total`: with adder units, what has been sent of |a_j|, the bias's 1.0 left out.
    """
    return [
        *([("total", value)] if adder else []),
        ("row", INDEX), ("next_place", INDEX), ("done", FLAG),
        ("broadcasts", COUNT), ("scan_bubbles", COUNT), ("broadcast_stalls", COUNT),
    ]  # fmt: skip


def wires(value: Any) -> Fields:
    """The candidate: `found`, its `place` in the row, its `column`, its `activation`; `done`: the scan has ended."""
    return [("found", FLAG), ("done", FLAG), ("place", INDEX), ("column", INDEX), ("activation", value)]


@jit
def propagate(own: Any, out: Any, held: Any) -> None:
    """Offer the next non-zero activation. held: [pes], the activation row in the LNZD's registers."""
    pes = len(held)
    place = np.int64(own.next_place)
    while place < pes and held[place] == 0:
        place += 1
    out.done = own.done
    out.found = place < pes and not own.done
    if out.found:
        out.place = place
        out.column = own.row * pes + place
        out.activation = held[place]


@jit
def takes_row(candidate: Any, fires: bool, pes: int) -> bool:
    """Whether the next activation row is loaded: none found in this one, or its last place is broadcast."""
    if candidate.done:
        return False
    return not candidate.found or (fires and candidate.place == pes - 1)


@jit
def update(
    own: Any, out: Any, held: Any, row_count: int, wires: Any, fires: bool, row_taken: bool, bias: Any = None
) -> None:
    """Step past what was broadcast, or take the next activation row.

    row_count: activation rows in all. wires: the PEs', whose ActivationRWs present a row. bias: of adder units the
    bias's column (`Adder`), else None.
    """
    if own.done:
        return
    if bias is not None and fires and out.column != bias:
        own.total += abs(out.activation)
    own.broadcasts += fires
    own.broadcast_stalls += out.found and not fires
    own.scan_bubbles += not out.found
    if row_taken:
        own.row += 1
        own.next_place = 0
        own.done = own.row == row_count
        for p in range(len(held)):
            held[p] = wires[p].activation_rw.activation
    elif fires:
        own.next_place = out.place + 1


@jit
def busy(own: Any) -> bool:
    """Whether the scan goes on."""
    return not own.done
