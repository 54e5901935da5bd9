"""ActivationRW alone: presents a row until it is taken, reads where stage 1 says, writes what stage 3 sends."""

import numpy as np
import pytest

from eiesim.machine import activation_rw, arithmetic_unit
from tests.machine.drive import VALUE, Alone, got, put, wires_of


class Bank(Alone):
    """PE 1 of two, with three activation rows and two of zeros, and four accumulators."""

    def __init__(self):
        super().__init__(activation_rw)
        self.source = np.array([[0, 10], [1, 11], [2, 12], [0, 0], [0, 0]], VALUE)
        self.accumulators = np.arange(8, dtype=VALUE).reshape(2, 4) * 100
        self.arithmetic = wires_of(arithmetic_unit)

    def cycle(self, row_taken=False, **arithmetic):
        activation_rw.propagate(1, self.own, self.out, self.source, self.accumulators)
        put(self.arithmetic, **{"row": 0, "reads": 0, "write": 0} | arithmetic)
        activation_rw.update(1, self.own, self.accumulators, self.arithmetic, row_taken)
        return got(self.out, "activation", "accumulator")


def test_a_row_is_presented_until_the_cycle_after_it_is_taken():
    bank = Bank()
    assert [bank.cycle(taken)[0] for taken in (False, True, False, True, True)] == [10, 10, 11, 11, 12]


def test_after_the_last_row_it_presents_zeros():
    bank = Bank()
    assert [bank.cycle(row_taken=True)[0] for _ in range(4)] == [10, 11, 12, 0]
    assert bank.cycle()[0] == 0


def test_an_accumulator_is_read_in_the_cycle_after_its_address_came():
    bank = Bank()
    assert [bank.cycle(row=row)[1] for row in (3, 1, 2)] == [400, 700, 500]


def test_a_sum_written_in_t_is_read_in_the_next_cycle_and_not_in_t():
    bank = Bank()
    bank.cycle(row=2)
    assert bank.cycle(row=2, write=1, write_row=2, sum3=-5)[1] == 600
    assert bank.cycle()[1] == -5


@pytest.mark.parametrize("write", [0, 1])
def test_without_the_write_wire_nothing_is_written(write):
    bank = Bank()
    bank.cycle(write=write, write_row=1, sum3=77)
    assert bank.accumulators.tolist() == [[0, 100, 200, 300], [400, 77 if write else 500, 600, 700]]
    assert got(bank.own, "reads", "writes") == (0, write)


def test_reads_are_counted_by_the_arithmetics_word():
    bank = Bank()
    for reads in (1, 0, 1):
        bank.cycle(reads=reads)
    assert got(bank.own, "reads", "writes") == (2, 0)


def test_it_is_never_what_the_machine_waits_for():
    bank = Bank()
    bank.cycle(row_taken=True, row=1, reads=1, write=1)
    assert not bank.busy()
