"""PointerRead alone: which address it sends in which cycle."""

import numpy as np
import pytest

from eiesim.machine import activation_queue, pointer_read
from eiesim.machine.records import records

VALUE = np.dtype(np.float32)
LENGTHS = [3, 1, 0, 2, 0, 1, 5, 4]
POINTERS = np.stack([np.arange(9), np.concatenate([[0], np.cumsum(LENGTHS)])], axis=1).astype(np.int32)
"""PE 1's columns, of odd and even numbers, empty ones among them; PE 0 has one entry in each."""


class Reader:
    """PE 1's PointerRead, stepped cycle by cycle."""

    def __init__(self):
        self.own = records(1, pointer_read.registers(VALUE))[0]
        self.out = records(1, pointer_read.wires(VALUE))[0]
        self.head = records(1, activation_queue.wires(VALUE))[0]

    def step(self, head=None):
        """A cycle: (address sent or None, first of its column, ready)."""
        pointer_read.propagate(1, self.own, self.out, POINTERS)
        shown = int(self.out.address) if self.out.valid else None, bool(self.out.first), bool(self.out.ready)
        self.head.valid = head is not None
        self.head.column, self.head.activation = (0, 0) if head is None else (head, head + 0.5)
        pointer_read.update(1, self.own, self.out, self.head)
        return shown


def test_idle_it_is_ready_and_sends_nothing():
    reader = Reader()
    assert [reader.step() for _ in range(3)] == [(None, False, True)] * 3
    assert (reader.own.starved, reader.own.pointer_reads) == (3, 0)
    assert not pointer_read.busy(reader.own)


def test_a_column_taken_at_a_cycles_end_sends_its_first_entry_in_the_next():
    reader = Reader()
    assert reader.step(head=0) == (None, False, True)
    assert pointer_read.busy(reader.own)
    assert reader.step() == (0, True, False)


@pytest.mark.parametrize("column", range(8))
def test_every_column_sends_its_entries_one_a_cycle(column):
    """Odd and even columns: both banks."""
    reader = Reader()
    reader.step(head=column)
    first, end = POINTERS[column, 1], POINTERS[column + 1, 1]
    for entry in range(first, end):
        assert reader.step() == (entry, entry == first, entry == end - 1)
        assert float(reader.out.activation) == column + 0.5
    if first == end:
        assert reader.step() == (None, True, True)
    assert reader.step() == (None, False, True)


def test_it_is_ready_in_the_last_cycle_and_not_one_before():
    reader = Reader()
    reader.step(head=0)
    assert [reader.step()[2] for _ in range(3)] == [False, False, True]


def test_what_waits_is_not_taken_before_the_last_cycle():
    reader = Reader()
    reader.step(head=0)
    reader.step(head=6)
    assert reader.step(head=6)[0] == 1
    assert reader.step(head=6)[0] == 2
    assert reader.step()[0] == POINTERS[6, 1]


def test_no_gap_between_columns():
    reader = Reader()
    waiting = list(range(8))
    sent, cycles = [], 0
    while waiting or pointer_read.busy(reader.own):
        address, _, ready = reader.step(head=waiting[0] if waiting else None)
        sent.append(address)
        cycles += 1
        if ready and waiting:
            waiting.pop(0)
    expected = [None]
    for column, length in enumerate(LENGTHS):
        expected += list(range(POINTERS[column, 1], POINTERS[column + 1, 1])) if length else [None]
    assert sent == expected
    assert cycles == 1 + sum(max(1, length) for length in LENGTHS)
    own = reader.own
    assert (own.pointer_reads, own.empty_columns, own.walking) == (8, LENGTHS.count(0), sum(LENGTHS))
    assert own.walking + own.empty + own.starved == cycles
