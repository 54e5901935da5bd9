"""SpmatRead alone: an address taken in t gives its entry in t + 1; an SRAM row is read only if it is not held."""

import numpy as np
import pytest

from eiesim.machine import pointer_read, spmat_read
from tests.machine.drive import Alone, got, put, wires_of


class Reader(Alone):
    """PE 1 of two, with 40 entries after PE 0's three; some of them padding."""

    def __init__(self, entries_per_row=8):
        super().__init__(spmat_read)
        self.own.held = spmat_read.NO_ROW
        self.code = np.array([7, 7, 7] + [k % 5 for k in range(40)], np.uint8)
        self.z = np.array([9, 9, 9] + [k % 16 for k in range(40)], np.uint8)
        self.base = np.array([0, 3, 43], np.uint32)
        self.per_row = 1.0 / entries_per_row
        self.pointer = wires_of(pointer_read)

    def cycle(self, address=None, first=0):
        """One cycle in which PointerRead sends an address, or nothing. Returns (valid, first, code, z, activation)."""
        spmat_read.propagate(1, self.own, self.out, self.code, self.z, self.base, self.per_row)
        seen = got(self.out, "valid", "first", "code", "z", "activation")
        put(self.pointer, valid=address is not None, first=first, address=address or 0, activation=50 + (address or 0))
        spmat_read.update(self.own, self.out, self.pointer)
        return seen

    def walk(self, addresses):
        """All addresses, one a cycle, and a cycle more. Returns how many SRAM rows were read."""
        for address in [*addresses, None]:
            self.cycle(address)
        return int(self.own.row_reads)


def test_an_address_gives_its_entry_in_the_next_cycle_and_not_before():
    reader = Reader()
    assert reader.cycle(6, first=1)[0] == 0
    assert reader.busy()
    assert reader.cycle() == (1, 1, 1, 6, 56)
    assert not reader.busy()
    assert reader.cycle()[0] == 0


def test_without_an_entry_nothing_is_counted():
    reader = Reader()
    assert reader.walk([None] * 5) == 0
    assert got(reader.own, "held", "entries", "padding") == (spmat_read.NO_ROW, 0, 0)


def test_padding_is_sent_and_counted():
    reader = Reader()
    reader.walk(range(10))
    assert got(reader.own, "entries", "padding") == (10, 2)


def test_the_first_row_is_read_even_if_it_is_row_0():
    assert Reader().walk([0]) == 1


@pytest.mark.parametrize(
    ("addresses", "reads"),
    [
        (range(8), 1),
        (range(9), 2),
        ([7, 8], 2),
        ([8, 15], 1),
        ([0, 8, 0], 3),  # A row that was held before the last one is read again.
        ([0, 1, None, None, 2], 1),  # Cycles without an entry keep the row.
        ([5, None, 13], 2),
        (range(39, 40), 1),
    ],
)
def test_a_row_is_read_only_if_it_is_not_the_one_held(addresses, reads):
    assert Reader().walk(addresses) == reads


@pytest.mark.parametrize("entries_per_row", [1, 3, 7, 8, 10, 49])
def test_rows_are_whole_quotients(entries_per_row):
    reader = Reader(entries_per_row)
    for address in range(40):
        reader.cycle(address)
        reader.cycle()
        assert reader.own.held == address // entries_per_row


@pytest.mark.parametrize("entries_per_row", [3, 7, 10, 49, 127, 1000])
def test_rows_are_whole_quotients_up_to_the_largest_address(entries_per_row):
    reader = Reader(entries_per_row)
    rng = np.random.default_rng(entries_per_row)
    reader.own.valid = 1
    empty = np.zeros(1, np.uint8)
    rows = rng.integers(0, 2**31 // entries_per_row, 200)
    for address in (rows[:, None] * entries_per_row + [-1, 0, 1]).ravel() % 2**31:
        reader.own.address = address
        # base brings every address back to place 0: only the SRAM row matters here.
        base = np.array([0, -address, 0], np.int64)
        spmat_read.propagate(1, reader.own, reader.out, empty, empty, base, reader.per_row)
        assert reader.out.row == address // entries_per_row
