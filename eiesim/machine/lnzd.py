"""LNZD and CCU: finds the leading non-zero activation and broadcasts it (EIE Sec. IV, "Distributed LNZD").

The quadtree of LNZD nodes answers within a cycle, so one unit stands for all of it and its root, the CCU.
"""

from typing import Any

import numpy as np

from eiesim._jit import jit
from eiesim.machine.records import COUNT, FLAG, INDEX, Fields


def registers(value: Any) -> Fields:
    """`next_place`: where the search goes on in the activation row held. `row`: its number. `done`: none is left."""
    return [
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
def update(own: Any, out: Any, held: Any, row_count: int, wires: Any, fires: bool, row_taken: bool) -> None:
    """Step past what was broadcast, or take the next activation row.

    row_count: activation rows in all. wires: the PEs', whose ActivationRWs present a row.
    """
    if own.done:
        return
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
