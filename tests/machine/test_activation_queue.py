"""ActivationQueue alone: first in, first out, of `depth` places, and what is pushed in t is there in t + 1."""

from collections import deque

import numpy as np
import pytest

from eiesim.machine import activation_queue, lnzd, pointer_read
from eiesim.machine.records import records
from tests.machine.drive import VALUE, Alone, got, put, wires_of


class Queue(Alone):
    def __init__(self, depth):
        super().__init__(activation_queue)
        self.memory = records((3, depth), activation_queue.places(VALUE))
        self.candidate = wires_of(lnzd)
        self.taker = wires_of(pointer_read)

    def cycle(self, push=None, ready=False):
        """One cycle. push: (column, activation). Returns the wires (full, valid, column, activation) in it."""
        activation_queue.propagate(1, self.own, self.out, self.memory)
        seen = got(self.out, "full", "valid", "column", "activation")
        if push is not None:
            put(self.candidate, found=1, column=push[0], activation=push[1])
        self.taker.ready = ready
        fires = push is not None
        activation_queue.update(1, self.own, self.out, self.memory, self.candidate, self.taker, fires)
        return seen


@pytest.mark.parametrize("depth", [1, 2, 3, 8])
def test_a_push_is_not_there_in_its_cycle_but_in_the_next(depth):
    queue = Queue(depth)
    assert not queue.busy()
    assert queue.cycle(push=(5, -7))[:2] == (0, 0)
    assert queue.busy()
    assert queue.cycle() == (depth == 1, 1, 5, -7)


@pytest.mark.parametrize("depth", [1, 2, 3, 8])
def test_it_is_full_with_depth_entries_and_not_with_one_fewer(depth):
    queue = Queue(depth)
    for pushed in range(depth):
        assert queue.cycle(push=(pushed, pushed))[0] == 0, f"full with {pushed} of {depth}"
    assert queue.cycle()[0] == 1


def test_a_place_given_back_in_t_is_free_in_the_next_cycle_only():
    queue = Queue(1)
    queue.cycle(push=(0, 1))
    assert queue.cycle(ready=True)[0] == 1
    assert queue.cycle()[:2] == (0, 0)


def test_an_empty_queue_gives_nothing_though_pointer_read_is_ready():
    queue = Queue(2)
    queue.cycle(ready=True)
    queue.cycle(push=(3, 4), ready=True)  # The push is not there yet, so it is not taken.
    assert queue.cycle()[1:] == (1, 3, 4)
    assert got(queue.own, "pushes", "pops", "count") == (1, 0, 1)


@pytest.mark.parametrize("depth", [1, 2, 3, 5, 8])
def test_it_is_a_deque(depth):
    rng, queue, twin, most = np.random.default_rng(depth), Queue(depth), deque(), 0
    pushes = pops = 0
    for t in range(300):
        full, ready = len(twin) == depth, bool(rng.random() < 0.5)
        push = (t, t + 1000) if not full and rng.random() < 0.6 else None
        most = max(most, len(twin))
        assert queue.cycle(push, ready)[:2] == (full, len(twin) > 0)
        if ready and twin:
            assert got(queue.out, "column", "activation") == twin.popleft()
            pops += 1
        if push is not None:
            twin.append(push)
            pushes += 1
        assert queue.busy() == bool(twin)
    assert got(queue.own, "pushes", "pops", "most") == (pushes, pops, most)
    assert most == depth


def test_the_largest_occupancy_is_that_at_the_start_of_a_cycle():
    queue = Queue(4)
    queue.cycle(push=(0, 1))
    assert queue.own.most == 0
    queue.cycle(push=(1, 1), ready=True)
    assert queue.own.most == 1


def test_only_this_pes_places_are_written():
    queue = Queue(2)
    queue.cycle(push=(9, 9))
    assert queue.memory["column"].tolist() == [[0, 0], [9, 0], [0, 0]]
