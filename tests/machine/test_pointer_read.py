"""PointerRead alone: a column with n entries takes max(1, n) cycles, and the next one follows without a gap."""

import numpy as np
import pytest

from eiesim.machine import activation_queue, pointer_read
from tests.machine.drive import Alone, got, put, wires_of

LENGTHS = [3, 1, 0, 2, 0, 0, 4]
POINTERS = np.concatenate([[0], np.cumsum(LENGTHS)]).astype(np.int32)


class Reader(Alone):
    """PE 1 of two; PE 0's pointers are others, to be told apart."""

    def __init__(self):
        super().__init__(pointer_read)
        self.pointers = np.stack([POINTERS + 50, POINTERS], axis=1)
        self.head = wires_of(activation_queue)

    def cycle(self, column=None):
        """One cycle with `column` as the queue's oldest entry. Returns (ready, valid, first, address)."""
        pointer_read.propagate(1, self.own, self.out, self.pointers)
        seen = got(self.out, "ready", "valid", "first", "address")
        put(self.head, valid=column is not None, column=column or 0, activation=100 + (column or 0))
        pointer_read.update(self.own, self.out, self.head)
        return seen


def test_idle_it_is_ready_and_sends_nothing():
    reader = Reader()
    assert [reader.cycle()[:2] for _ in range(3)] == [(1, 0)] * 3
    assert not reader.busy()
    assert reader.own.starved == 3


def test_a_column_taken_in_t_is_walked_from_the_next_cycle():
    reader = Reader()
    assert reader.cycle(0)[1] == 0
    assert reader.busy()
    assert reader.cycle() == (0, 1, 1, 0)


@pytest.mark.parametrize("column", range(len(LENGTHS)))  # even and odd ones, long, short and empty
def test_a_column_sends_its_addresses_one_a_cycle_and_is_ready_in_the_last(column):
    reader, n = Reader(), LENGTHS[column]
    reader.cycle(column)
    walked = [reader.cycle() for _ in range(max(1, n))]
    assert [ready for ready, *_ in walked] == [0] * (max(1, n) - 1) + [1]
    assert [address for _, valid, _, address in walked if valid] == list(range(POINTERS[column], POINTERS[column + 1]))
    assert [first for _, _, first, _ in walked] == [1] + [0] * (max(1, n) - 1)
    assert not reader.busy()
    assert reader.cycle()[:2] == (1, 0)
    assert got(reader.own, "pointer_reads", "empty_columns", "walking", "empty") == (1, n == 0, n, n == 0)


def test_columns_follow_each_other_without_a_gap():
    reader, waiting, walked = Reader(), list(range(len(LENGTHS))), []
    reader.cycle(waiting.pop(0))
    while reader.busy():
        pointer_read.propagate(1, reader.own, reader.out, reader.pointers)
        ready = bool(reader.out.ready)
        walked.append(reader.cycle(waiting[0] if waiting else None))
        if ready and waiting:
            waiting.pop(0)
    assert len(walked) == sum(max(1, n) for n in LENGTHS)
    assert [address for _, valid, _, address in walked if valid] == list(range(sum(LENGTHS)))
    assert reader.own.pointer_reads == len(LENGTHS)


def test_the_queue_is_not_looked_at_within_a_column():
    reader = Reader()
    reader.cycle(6)
    assert [reader.cycle(0)[3] for _ in range(3)] == [6, 7, 8]
    assert reader.out.activation == 106
    assert reader.cycle(0) == (1, 1, 0, 9)
    assert reader.cycle() == (0, 1, 1, 0)


def test_a_columns_activation_goes_with_each_of_its_entries():
    reader = Reader()
    reader.cycle(3)
    sent = []
    for _ in range(2):
        reader.cycle(0)
        sent.append(int(reader.out.activation))
    reader.cycle()
    assert [*sent, int(reader.out.activation)] == [103, 103, 100]
