"""LNZD alone: lowest non-zero first, one a cycle; a row without any costs a bubble."""

import numpy as np
import pytest

from eiesim.machine import activation_rw, lnzd
from eiesim.machine.records import records
from tests.machine.drive import VALUE, Alone, got

PES = 4


class Scan(Alone):
    """The LNZD over rows of four, beside ActivationRWs that present the next row in time."""

    def __init__(self, rows, value=VALUE):
        super().__init__(lnzd, value)
        self.rows = np.array(rows, value)
        self.held = self.rows[0].copy()
        self.wires = records(PES, [("activation_rw", activation_rw.wires(value))])

    def cycle(self, full=False):
        """One cycle. Returns the (column, activation) broadcast, None for a bubble, "stall", or "done"."""
        lnzd.propagate(self.own, self.out, self.held)
        found, done, column, activation = got(self.out, "found", "done", "column", "activation")
        fires = bool(found) and not full
        taken = bool(lnzd.takes_row(self.out, PES, fires))
        shown = self.own.row + 1
        for p in range(PES):
            self.wires[p].activation_rw.activation = self.rows[shown, p] if shown < len(self.rows) else 0
        lnzd.update(self.own, self.out, self.held, len(self.rows), self.wires, fires, taken)
        if done:
            return "done"
        if not found:
            return None
        return (column, activation) if fires else "stall"

    def run(self):
        seen = []
        while self.busy():
            seen.append(self.cycle())
        return seen


@pytest.mark.parametrize(
    ("row", "seen"),
    [
        ([0, 0, 0, 0], [None]),
        ([7, 0, 0, 0], [(0, 7), None]),
        ([0, 0, -7, 0], [(2, -7), None]),
        ([0, 0, 0, 7], [(3, 7)]),  # Place N-1: the row is left without a bubble.
        ([1, 0, 3, 4], [(0, 1), (2, 3), (3, 4)]),
        ([1, 2, 3, 4], [(0, 1), (1, 2), (2, 3), (3, 4)]),
    ],
)
def test_a_row(row, seen):
    scan = Scan([row])
    assert scan.run() == seen
    assert scan.cycle() == "done"
    assert got(scan.own, "broadcasts", "scan_bubbles", "broadcast_stalls") == (
        len(seen) - seen.count(None), seen.count(None), 0,
    )  # fmt: skip


def test_rows_follow_without_a_gap_after_their_last_place():
    assert Scan([[0, 0, 0, 1], [2, 0, 0, 3], [0, 0, 0, 0], [0, 4, 0, 0]]).run() == [
        (3, 1), (4, 2), (7, 3), None, (13, 4), None,
    ]  # fmt: skip


def test_negative_zero_is_zero():
    assert Scan([[-0.0, 1.5, -0.0, -2.5]], np.dtype(np.float32)).run() == [(1, 1.5), (3, -2.5)]


@pytest.mark.parametrize("row", [[0, 5, 0, 0], [0, 0, 0, 5]])
def test_nothing_moves_while_a_queue_is_full(row):
    scan = Scan([row])
    column = row.index(5)
    assert [scan.cycle(full=True) for _ in range(3)] == ["stall"] * 3
    assert scan.cycle() == (column, 5)
    assert scan.own.broadcast_stalls == 3


def test_a_bubble_does_not_mind_full_queues():
    scan = Scan([[0, 0, 0, 0], [1, 0, 0, 0]])
    assert scan.cycle(full=True) is None
    assert scan.cycle() == (4, 1)
    assert got(scan.own, "scan_bubbles", "broadcast_stalls") == (1, 0)


def test_after_the_last_row_nothing_is_found_or_counted():
    scan = Scan([[9, 9, 9, 9]])
    scan.run()
    before = got(scan.own, "row", "broadcasts", "scan_bubbles", "broadcast_stalls")
    scan.held[:] = 1  # whatever its registers hold then
    assert [scan.cycle() for _ in range(3)] == ["done"] * 3
    assert scan.out.found == 0
    assert got(scan.own, "row", "broadcasts", "scan_bubbles", "broadcast_stalls") == before


def test_it_is_busy_until_the_last_row_is_exhausted():
    scan = Scan([[0, 0, 1, 0]])
    busy = [scan.busy()]
    for _ in range(3):
        scan.cycle()
        busy.append(scan.busy())
    assert busy == [True, True, False, False]
