"""ArithmeticUnit alone: latencies of its stages, rows, the bypass, padding, rounding and saturation."""

from types import SimpleNamespace

import numpy as np
import pytest

from eiesim.arithmetic import fixed_rounding
from eiesim.machine import activation_rw, arithmetic_unit, spmat_read
from eiesim.machine.latency import STAGES, WRITTEN
from eiesim.machine.records import records

FLOAT, FIXED = np.dtype(np.float32), np.dtype(np.int64)
CODEBOOK = [0.0, 1.0, 2.0, 0.5]
STAGE_1 = STAGES.index("1 codebook lookup, row accumulate") - STAGES.index("spmat read")
"""Cycles from an entry's cycle in SpmatRead to stage 1."""


def value_of(wire):
    """A wire as it is: of one lane, that lane's value."""
    return wire.copy()[0] if np.ndim(wire) else wire


class Unit:
    """One unit and the accumulators that ActivationRW would hold; each cycle SpmatRead may hand it an entry."""

    def __init__(self, codebook=CODEBOOK, rounding=None):
        value = FLOAT if rounding is None else FIXED
        self.codebook = np.array(codebook, value)
        self.rounding = rounding
        self.own = records(1, arithmetic_unit.registers(value))[0]
        self.out = records(1, arithmetic_unit.wires(value))[0]
        self.entry = records(1, spmat_read.wires(value))[0]
        self.bank = records(1, activation_rw.wires(value))[0]
        self.sums = np.zeros(64, value)
        self.address = 0

    def step(self, entry=None, activation=1):
        """A cycle. entry: (code, z, first of its column). Returns the wires, copied."""
        arithmetic_unit.propagate(0, self.own, self.out, self.codebook, self.rounding)
        shown = SimpleNamespace(**{name: value_of(self.out[name]) for name in self.out.dtype.names})
        self.bank.accumulator = self.sums[self.address]
        code, z, first = entry or (0, 0, False)
        self.entry.valid, self.entry.code, self.entry.z, self.entry.first = entry is not None, code, z, first
        self.entry.activation = activation
        arithmetic_unit.update(0, self.own, self.out, self.entry, self.bank)
        # ActivationRW writes the sum at the cycle's end and then reads where stage 1 pointed.
        if shown.write:
            self.sums[shown.write_row] = shown.sum3
        self.address = int(shown.row)
        return shown

    def run(self, entries, activation=1):
        """Entries one a cycle (None: nothing), until drained; the wires of every cycle."""
        seen = [self.step(entry, activation) for entry in entries]
        while arithmetic_unit.busy(self.own):
            seen.append(self.step())
        return seen


def test_each_stage_comes_in_its_cycle_and_not_before():
    seen = Unit().run([(1, 4, True)])
    # Cycle 0: the entry is in SpmatRead.
    assert [bool(one.row == 4) for one in seen][:3] == [False, True, False]
    assert [bool(one.reads) for one in seen] == [False, False, True, False, False, False]
    assert [bool(one.write) for one in seen] == [False, False, False, True, False, False]
    assert [bool(one.done) for one in seen] == [False] * 5 + [True]
    assert STAGE_1 == 1
    # PointerRead had the entry a cycle before SpmatRead.
    assert len(seen) == WRITTEN


def test_rows_add_up_in_a_column_and_start_anew_in_the_next():
    seen = Unit().run([(1, 2, True), (1, 0, False), (1, 3, False), (1, 1, True), None])
    assert [int(one.row) for one in seen[1:5]] == [2, 3, 7, 1]


def test_a_pause_within_a_column_does_not_lose_the_row():
    unit = Unit()
    unit.run([(1, 2, True), (1, 0, False)])
    assert unit.sums[2] == unit.sums[3] == 1


def test_padding_moves_the_row_on_and_neither_reads_nor_writes():
    unit = Unit()
    seen = unit.run([(0, 15, True), (2, 1, False)])
    assert [bool(one.reads) for one in seen[:5]] == [False, False, False, True, False]
    assert [bool(one.write) for one in seen[:6]] == [False, False, False, False, True, False]
    assert unit.sums[17] == 2
    assert (unit.own.macs, np.count_nonzero(unit.sums)) == (1, 1)


@pytest.mark.parametrize(("gap", "bypassed"), [(0, True), (1, False), (2, False)])
def test_bypass_exactly_one_behind(gap, bypassed):
    unit = Unit()
    unit.run([(1, 5, True), *[None] * gap, (2, 5, True)])
    assert unit.sums[5] == 3
    assert unit.own.bypasses == bypassed


def test_without_the_bypass_one_behind_would_read_too_early():
    unit = Unit()
    for entry in ((1, 5, True), (2, 5, True), None):
        unit.step(entry)
    # The second entry is in stage 2 and the first in stage 3: the accumulator still holds 0.
    assert unit.sums[5] == 0
    assert (unit.own.row2.tolist(), unit.own.row3.tolist()) == ([5], [5])


def test_no_bypass_for_another_row_or_behind_padding():
    unit = Unit()
    unit.run([(1, 5, True), (2, 6, True), (0, 6, True), (2, 6, True)])
    assert unit.own.bypasses == 0
    assert (unit.sums[5], unit.sums[6]) == (1, 4)


def test_a_run_of_one_row_is_added_up_in_order():
    unit = Unit()
    unit.run([(code, 3, True) for code in (1, 2, 3, 2, 1)])
    assert unit.sums[3] == 1 + 2 + 0.5 + 2 + 1
    assert unit.own.bypasses == 4


def test_product_and_sum_are_each_rounded_to_float32():
    third = np.float32(1) / np.float32(3)
    unit = Unit(codebook=[0, third])
    unit.run([(1, 0, True), (1, 0, True)], activation=third)
    product = third * third
    assert unit.sums[0] == product + product
    fused = np.float32(np.float64(product) + np.float64(third) * np.float64(third))
    other = Unit(codebook=[0, 1.0 + 2.0**-12])
    other.sums[0] = -1
    other.run([(1, 0, True)], activation=1.0 + 2.0**-12)
    # One plus 2**-11 plus 2**-24, rounded before the addition: the last part is lost.
    assert other.sums[0] == np.float32(2.0**-11)
    assert fused >= product


@pytest.mark.parametrize(
    ("product", "shift", "term"),
    [(7, 1, 4), (5, 2, 1), (6, 2, 2), (-6, 2, -1), (-7, 2, -2), (5, 0, 5), (5, -3, 40)],
)
def test_a_product_is_shifted_with_rounding(product, shift, term):
    """`(product + 2**(s-1)) >> s` for s > 0, an exact shift to the left for s < 0."""
    unit = Unit(codebook=[0, product], rounding=fixed_rounding(shift, 8))
    unit.run([(1, 0, True)])
    assert unit.sums[0] == term


@pytest.mark.parametrize(("start", "end"), [(120, 127), (-120, -128)])
def test_sums_saturate_on_either_side(start, end):
    unit = Unit(codebook=[0, 50 if start > 0 else -50], rounding=fixed_rounding(0, 8))
    unit.sums[9] = start
    unit.run([(1, 9, True), (1, 9, True)])
    assert unit.sums[9] == end


def test_it_is_busy_until_the_write_is_seen_done():
    unit = Unit()
    unit.step((1, 0, True))
    held = []
    for _ in range(6):
        held.append(arithmetic_unit.busy(unit.own))
        unit.step()
    assert held == [True] * 5 + [False]
