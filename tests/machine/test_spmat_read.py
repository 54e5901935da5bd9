"""SpmatRead alone: which entry in which cycle, and when an SRAM row is read."""

import numpy as np
import pytest

from eiesim.machine import pointer_read, spmat_read
from eiesim.machine.records import records

VALUE = np.dtype(np.float32)
CODE = np.array([9, 9, 9, *([1, 0, 2, 3] * 10)], np.uint8)
Z = np.arange(len(CODE), dtype=np.uint8)
BASE = np.array([0, 3, len(CODE)], np.uint32)
"""PE 0 has three entries, PE 1 forty."""


class Reader:
    """PE 1's SpmatRead with `per_row` entries an SRAM row."""

    def __init__(self, per_row=8):
        self.per_row = 1.0 / per_row
        self.own = records(1, spmat_read.registers(VALUE))[0]
        self.own.held = spmat_read.NO_ROW
        self.out = records(1, spmat_read.wires(VALUE))[0]
        self.asked = records(1, pointer_read.wires(VALUE))[0]

    def step(self, address=None, first=False):
        """A cycle in which PointerRead sends an address: (code, z) of the entry that leaves, or None."""
        spmat_read.propagate(1, self.own, self.out, CODE, Z, BASE, self.per_row)
        shown = (int(self.out.code[0]), int(self.out.z[0])) if self.out.valid[0] else None
        self.asked.valid, self.asked.first = address is not None, first
        self.asked.address = address or 0
        self.asked.activation = 0.25
        spmat_read.update(1, self.own, self.out, self.asked)
        return shown


def test_an_entry_leaves_in_the_cycle_after_its_address_and_not_in_the_same():
    reader = Reader()
    assert reader.step(address=6) is None
    assert spmat_read.busy(reader.own)
    assert reader.step() == (2, 9)
    assert float(reader.out.activation) == 0.25
    assert reader.step() is None
    assert not spmat_read.busy(reader.own)


def test_a_row_is_read_with_its_first_entry_and_then_held():
    reader = Reader(per_row=8)
    reads = []
    for address in [*range(10), None]:
        reader.step(address)
        reads.append(int(reader.own.row_reads))
    # An address sent in cycle t is read in t + 1: entries 0 to 7 are one row, 8 the next.
    assert reads == [0, *[1] * 8, 2, 2]


def test_a_pause_does_not_lose_the_row():
    reader = Reader()
    for address in (1, None, None, 2, None):
        reader.step(address)
    assert reader.own.row_reads == 1


def test_coming_back_to_a_row_reads_it_again():
    reader = Reader()
    for address in (1, 9, 2, None):
        reader.step(address)
    assert reader.own.row_reads == 3


def test_row_0_is_read_too():
    reader = Reader()
    reader.step(0)
    assert reader.own.row_reads == 0
    reader.step()
    assert reader.own.row_reads == 1


@pytest.mark.parametrize("per_row", [1, 2, 3, 5, 7, 8, 64, 4096])
def test_the_row_is_the_address_over_the_entries_a_row(per_row):
    """The quotient is worked out in floating point."""
    own, out = records(1, spmat_read.registers(VALUE))[0], records(1, spmat_read.wires(VALUE))[0]
    own.valid = 1
    addresses = [0, *(k * per_row + d for k in (1, 2, 3, 1000, 2**20 // per_row) for d in (-1, 0, 1))]
    code = np.zeros(max(addresses) + 1, np.uint8)
    for address in addresses:
        own.address = address
        spmat_read.propagate(0, own, out, code, code, np.zeros(1, np.uint32), 1.0 / per_row)
        assert out.row == address // per_row


def test_padding_is_counted():
    reader = Reader()
    for address in (0, 1, 2, 5, None):
        reader.step(address)
    assert (reader.own.entries, reader.own.padding) == (4, 2)
