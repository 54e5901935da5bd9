"""ActivationQueue: a PE's FIFO of broadcast activations (EIE Sec. IV, "Activation Queue and Load Balancing")."""

from typing import Any

import numpy as np

from eiesim._jit import jit
from eiesim.machine.records import COUNT, FLAG, INDEX, Fields


def registers(value: Any) -> Fields:
    """`head`: place of the oldest entry. `count`: entries in the queue. `most`: largest `count` at a cycle's start."""
    return [("head", INDEX), ("count", INDEX), ("most", COUNT), ("pushes", COUNT), ("pops", COUNT)]


def places(value: Any) -> Fields:
    """One place of the queue: an activation a_j and its column j."""
    return [("column", INDEX), ("activation", value)]


def wires(value: Any) -> Fields:
    """`full`: no place is free. `valid`: there is an oldest entry; `column`, `activation`: what it holds."""
    return [("full", FLAG), ("valid", FLAG), ("column", INDEX), ("activation", value)]


@jit
def propagate(p: int, own: Any, out: Any, queues: Any) -> None:
    """Drive `full` and the oldest entry. queues: places[pes, depth]."""
    head = queues[p, own.head]
    out.full = own.count == queues.shape[1]
    out.valid = own.count > 0
    out.column = head.column
    out.activation = head.activation


@jit
def update(p: int, own: Any, out: Any, queues: Any, candidate: Any, pointer_read: Any, fires: bool) -> None:
    """Let the oldest entry go if PointerRead is ready, and take in the LNZD's candidate if it is broadcast.

    queues: places[pes, depth], used as a ring. The places are numbers modulo depth; comparisons stand for the
    division, and are multiplied in instead of branched on, for speed.
    """
    depth = queues.shape[1]
    taken = out.valid & pointer_read.ready
    head = np.int64(own.head)
    own.most = max(own.most, own.count)
    if fires:
        tail = head + own.count
        place = queues[p, tail - depth * (tail >= depth)]
        place.column = candidate.column
        place.activation = candidate.activation
    own.head = (head + taken) * (head + taken < depth)
    own.count = own.count + fires - taken
    own.pushes += fires
    own.pops += taken


@jit
def busy(own: Any) -> bool:
    """Whether an activation waits in the queue."""
    return own.count > 0
