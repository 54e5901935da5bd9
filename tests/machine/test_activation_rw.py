"""ActivationRW alone: which activation it presents, and when a sum is seen."""

import numpy as np

from eiesim.machine import activation_rw, arithmetic_unit
from eiesim.machine.records import records

VALUE = np.dtype(np.float32)
SOURCE = np.array([[1, 10], [2, 20], [3, 30], [0, 0], [0, 0]], np.float32)
"""Three activation rows of two PEs, and the rows of zeros after them."""


class Bank:
    """PE 1's bank, stepped cycle by cycle."""

    def __init__(self):
        self.own = records(1, activation_rw.registers(VALUE))[0]
        self.out = records(1, activation_rw.wires(VALUE))[0]
        self.accumulators = np.zeros((2, 8), np.float32)
        self.arithmetic = records(1, arithmetic_unit.wires(VALUE))[0]

    def step(self, taken=False, read_row=0, reads=False, write=None):
        """A cycle: (activation presented, accumulator read). write: (row, sum)."""
        activation_rw.propagate(1, self.own, self.out, SOURCE, self.accumulators)
        shown = float(self.out.activation), float(self.out.accumulator[0])
        self.arithmetic.row, self.arithmetic.reads = read_row, reads
        self.arithmetic.write = write is not None
        self.arithmetic.write_row, self.arithmetic.sum3 = write or (5, 99.0)
        activation_rw.update(1, self.own, self.out, self.accumulators, self.arithmetic, taken)
        return shown


def test_it_steps_on_when_its_row_is_taken_and_stays_otherwise():
    bank = Bank()
    assert [bank.step(taken)[0] for taken in (False, True, False, True, True)] == [10, 10, 20, 20, 30]


def test_after_the_last_row_it_presents_zero():
    bank = Bank()
    for _ in range(3):
        bank.step(taken=True)
    assert bank.step(taken=True)[0] == 0
    assert bank.step()[0] == 0


def test_an_address_given_in_a_cycle_is_read_in_the_next_and_not_in_the_same():
    bank = Bank()
    bank.accumulators[1] = np.arange(8)
    assert bank.step(read_row=6)[1] == 0
    assert bank.step(read_row=2)[1] == 6
    assert bank.step()[1] == 2


def test_a_sum_written_at_a_cycles_end_is_seen_in_the_next_and_not_in_the_same():
    bank = Bank()
    bank.step(read_row=3)
    assert bank.step(read_row=3, write=(3, 7.0))[1] == 0
    assert bank.step()[1] == 7


def test_without_a_write_nothing_is_written():
    bank = Bank()
    for _ in range(3):
        bank.step()
    assert not bank.accumulators.any()


def test_only_its_own_pes_sums_are_written_and_all_is_counted():
    bank = Bank()
    bank.step(write=(2, 1.5), reads=True)
    bank.step(reads=True)
    assert (bank.own.writes, bank.own.reads) == (1, 2)
    assert bank.accumulators.tolist() == [[0] * 8, [0, 0, 1.5, 0, 0, 0, 0, 0]]
    assert not activation_rw.busy(bank.own)
