"""LNZD and CCU alone: what is offered, when rows are taken, what is counted."""

import numpy as np

from eiesim.machine import activation_rw, lnzd
from eiesim.machine.records import records

VALUE = np.dtype(np.float32)


class Scanner:
    """An LNZD over four PEs, given activation rows; `step` says what it offers."""

    def __init__(self, *rows):
        self.rows = [np.array(row, np.float32) for row in rows]
        self.own = records(1, lnzd.registers(VALUE))[0]
        self.out = records(1, lnzd.wires(VALUE))[0]
        self.held = self.rows[0].copy()
        self.pes = records(len(self.held), [("activation_rw", activation_rw.wires(VALUE))])
        self.next_row = 1

    def step(self, full=False):
        """A cycle: (column offered or None, whether it was sent, whether the next row was taken)."""
        lnzd.propagate(self.own, self.out, self.held)
        fires = bool(self.out.found) and not full
        taken = bool(lnzd.takes_row(self.out, fires, len(self.held)))
        following = self.rows[self.next_row] if self.next_row < len(self.rows) else np.zeros(len(self.held))
        for pe, activation in zip(self.pes, following, strict=True):
            pe.activation_rw.activation = activation
        lnzd.update(self.own, self.out, self.held, len(self.rows), self.pes, fires, taken)
        self.next_row += taken
        return (int(self.out.column) if self.out.found else None), fires, taken

    def counted(self):
        return int(self.own.broadcasts), int(self.own.scan_bubbles), int(self.own.broadcast_stalls)


def test_non_zeros_are_offered_in_order_one_a_cycle():
    scanner = Scanner([0, 5, 0, 7])
    assert scanner.step() == (1, True, False)
    assert float(scanner.out.activation) == 5
    assert scanner.step() == (3, True, True)
    assert not lnzd.busy(scanner.own)


def test_a_row_whose_last_place_is_sent_is_followed_by_no_bubble():
    scanner = Scanner([0, 0, 0, 1], [2, 0, 0, 0])
    assert [scanner.step() for _ in range(2)] == [(3, True, True), (4, True, False)]
    assert scanner.step() == (None, False, True)
    assert scanner.counted() == (2, 1, 0)


def test_a_row_without_non_zeros_costs_one_cycle():
    scanner = Scanner([0, 0, 0, 0], [-0.0, 0, 3, 0])
    assert scanner.step() == (None, False, True)
    assert scanner.step() == (6, True, False)


def test_negative_activations_are_sent_and_minus_zero_is_not():
    scanner = Scanner([-0.0, -2, 0, 0])
    assert scanner.step() == (1, True, False)


def test_while_a_queue_is_full_nothing_moves():
    scanner = Scanner([4, 0, 0, 5])
    assert [scanner.step(full=True) for _ in range(3)] == [(0, False, False)] * 3
    assert scanner.step() == (0, True, False)
    assert scanner.step(full=True) == (3, False, False)
    assert scanner.step() == (3, True, True)
    assert scanner.counted() == (2, 0, 4)


def test_a_bubble_does_not_mind_full_queues():
    scanner = Scanner([0, 0, 0, 0], [1, 0, 0, 0])
    assert scanner.step(full=True) == (None, False, True)
    assert scanner.counted() == (0, 1, 0)


def test_after_the_last_row_it_is_done_and_counts_nothing():
    scanner = Scanner([0, 0, 2, 0])
    assert [scanner.step() for _ in range(2)] == [(2, True, False), (None, False, True)]
    assert not lnzd.busy(scanner.own)
    for _ in range(3):
        assert scanner.step() == (None, False, False)
    assert scanner.counted() == (1, 1, 0)
