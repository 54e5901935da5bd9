"""ActivationQueue: a PE's FIFO of broadcast activations (EIE Sec. IV, "Activation Queue and Load Balancing")."""

from typing import Any

import numpy as np

from eiesim._jit import jit
from eiesim.machine.records import COUNT, FLAG, INDEX, Fields


def registers(value: Any) -> Fields:
    """`head`: the oldest entry's place. `count`: entries held. `most`: the largest `count` at the start of a cycle."""
    return [("head", INDEX), ("count", INDEX), ("most", COUNT), ("pushes", COUNT), ("pops", COUNT)]


def places(value: Any) -> Fields:
    """One place of the queue: a_j with its index."""
    return [("column", INDEX), ("activation", value)]


def wires(value: Any) -> Fields:
    """`full`, and the head: `valid`, its `column` and `activation`."""
    return [("full", FLAG), ("valid", FLAG), ("column", INDEX), ("activation", value)]


@jit
def propagate(p: int, own: Any, out: Any, memory: Any) -> None:
    """memory: [pes, depth] places."""
    head = memory[p, own.head]
    out.full = own.count == memory.shape[1]
    out.valid = own.count > 0
    out.column = head.column
    out.activation = head.activation


@jit
def update(p: int, own: Any, memory: Any, out: Any, candidate: Any, fires: bool, pointer_read: Any) -> None:
    """out: its own wires. candidate: the LNZD's. fires: it is broadcast. pointer_read: its `ready` takes the head."""
    depth = memory.shape[1]
    taken = out.valid & pointer_read.ready
    head = np.int64(own.head)
    own.most = max(own.most, own.count)
    if fires:
        tail = head + own.count
        place = memory[p, tail - depth * (tail >= depth)]
        place.column = candidate.column
        place.activation = candidate.activation
    own.head = (head + taken) * (head + taken < depth)
    own.count = own.count + fires - taken
    own.pushes += fires
    own.pops += taken
