"""ActivationQueue: holds broadcast activations, first in, first out, until PointerRead takes them (EIE Sec. IV)."""

from typing import Any

import numpy as np

from eiesim._jit import jit
from eiesim.machine.ports import ports
from eiesim.machine.records import COUNT, FLAG, INDEX, Fields

PORTS = ports(
    ("clock", "in", "1", "", "the array's clock: registers change at its rising edge"),
    ("start", "in", "1", "", "a layer begins: everything held is dropped"),
    ("candidate_column", "in", "COLUMN_BITS", "lnzd.column", "the candidate's column j"),
    ("candidate_activation", "in", "VALUE_BITS", "lnzd.activation", "the candidate's activation a_j"),
    ("fires", "in", "1", "settled.fires", "the candidate is broadcast: take it in"),
    ("ready", "in", "1", "pointer_read.ready", "PointerRead takes the head"),
    ("full", "out", "1", "activation_queue.full", "no place is free"),
    ("valid", "out", "1", "activation_queue.valid", "there is a head"),
    ("column", "out", "COLUMN_BITS", "activation_queue.column", "the head's column j"),
    ("activation", "out", "VALUE_BITS", "activation_queue.activation", "the head's activation a_j"),
)  # fmt: skip


def registers(value: Any, lanes: int = 1, numbers: bool = False) -> Fields:
    """`head`: the oldest entry's place. `count`: entries held. `most`: the largest `count` at the start of a cycle."""
    return [("head", INDEX), ("count", INDEX), ("most", COUNT), ("pushes", COUNT), ("pops", COUNT)]


def places(value: Any) -> Fields:
    """One place of the queue: a_j with its index."""
    return [("column", INDEX), ("activation", value)]


def wires(value: Any, lanes: int = 1, numbers: bool = False) -> Fields:
    """`full`, and the head: `valid`, its `column` and `activation`."""
    return [("full", FLAG), ("valid", FLAG), ("column", INDEX), ("activation", value)]


@jit
def propagate(p: int, own: Any, out: Any, memory: Any) -> None:
    """Show the oldest entry, and whether the queue is full. memory: [pes, depth] places."""
    head = memory[p, own.head]
    out.full = own.count == memory.shape[1]
    out.valid = own.count > 0
    out.column = head.column
    out.activation = head.activation


@jit
def update(p: int, own: Any, out: Any, memory: Any, candidate: Any, pointer_read: Any, fires: bool) -> None:
    """Take in what is broadcast, and let go of the head that PointerRead takes.

    candidate: the LNZD's wires. pointer_read: its `ready` takes the head.
    """
    depth = memory.shape[1]
    taken = out.valid & pointer_read.ready
    head = np.int64(own.head)
    own.most = max(own.most, own.count)
    if fires:
        # The queue is a ring: past the last place comes place 0. No division, and no branch for PointerRead's side.
        tail = head + own.count
        place = memory[p, tail - depth * (tail >= depth)]
        place.column = candidate.column
        place.activation = candidate.activation
    own.head = (head + taken) * (head + taken < depth)
    own.count = own.count + fires - taken
    own.pushes += fires
    own.pops += taken


@jit
def busy(own: Any) -> bool:
    """Whether a column waits."""
    return own.count > 0
