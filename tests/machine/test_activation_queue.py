"""The activation queue alone, beside a deque."""

from collections import deque

import numpy as np
import pytest

from eiesim.machine import activation_queue, lnzd, pointer_read
from eiesim.machine.records import records

VALUE = np.dtype(np.float32)


class Queue:
    """One queue, PE 1 of 2, stepped cycle by cycle."""

    def __init__(self, depth):
        self.own = records(1, activation_queue.registers(VALUE))[0]
        self.out = records(1, activation_queue.wires(VALUE))[0]
        self.memory = records((2, depth), activation_queue.places(VALUE))
        self.candidate = records(1, lnzd.wires(VALUE))[0]
        self.reader = records(1, pointer_read.wires(VALUE))[0]

    def look(self):
        """Phase 1: (full, head's column or None)."""
        activation_queue.propagate(1, self.own, self.out, self.memory)
        return bool(self.out.full), int(self.out.column) if self.out.valid else None

    def step(self, send=None, ready=False):
        """A cycle: what the queue shows in it, then the update."""
        shown = self.look()
        self.candidate.column, self.candidate.activation = (0, 0) if send is None else (send, send / 2)
        self.reader.ready = ready
        activation_queue.update(1, self.own, self.out, self.memory, self.candidate, self.reader, send is not None)
        return shown


def test_what_is_sent_is_there_in_the_next_cycle_and_not_before():
    queue = Queue(3)
    assert queue.step(send=9) == (False, None)
    assert queue.step() == (False, 9)
    assert float(queue.out.activation) == 4.5


@pytest.mark.parametrize("depth", [1, 2, 3, 8])
def test_full_with_all_places_taken_and_not_with_one_left(depth):
    queue = Queue(depth)
    assert [queue.step(send=k)[0] for k in range(depth)] == [False] * depth
    assert queue.look()[0]


def test_a_place_given_back_in_a_cycle_is_free_in_the_next():
    queue = Queue(1)
    queue.step(send=4)
    assert queue.step(ready=True) == (True, 4)
    assert queue.look() == (False, None)


def test_the_head_stays_until_it_is_taken():
    queue = Queue(2)
    queue.step(send=1)
    queue.step(send=2)
    assert [queue.step() for _ in range(3)] == [(True, 1)] * 3
    assert queue.step(ready=True) == (True, 1)
    assert queue.look() == (False, 2)


def test_nothing_is_taken_from_an_empty_queue():
    queue = Queue(2)
    for _ in range(3):
        assert queue.step(ready=True) == (False, None)
    assert (queue.own.pops, queue.own.count) == (0, 0)


@pytest.mark.parametrize("depth", [1, 2, 3, 5, 8])
def test_first_in_first_out_like_a_deque(depth):
    rng = np.random.default_rng(depth)
    queue, twin = Queue(depth), deque()
    sent = taken = most = 0
    for k in range(400):
        most = max(most, len(twin))
        full, head = queue.look()
        assert (full, head) == (len(twin) == depth, twin[0] if twin else None)
        assert activation_queue.busy(queue.own) == bool(twin)
        send = k if rng.random() < 0.6 and not full else None
        ready = bool(rng.random() < 0.5)
        queue.step(send, ready)
        if ready and twin:
            twin.popleft()
            taken += 1
        if send is not None:
            twin.append(send)
            sent += 1
    assert (queue.own.pushes, queue.own.pops, queue.own.most) == (sent, taken, most)
    assert most == depth


def test_another_pes_places_are_left_alone():
    queue = Queue(2)
    queue.step(send=7)
    assert (queue.memory[0].column == 0).all()
