"""ArithmeticUnit alone: an entry that is in SpmatRead in cycle 0 is in stage s in cycle s."""

import numpy as np
import pytest

from eiesim.machine import activation_rw, arithmetic_unit, spmat_read
from eiesim.machine.latency import Entry
from tests.machine.drive import VALUE, Alone, got, put, wires_of

CODEBOOK = np.array([0, 3, -5, 1000], VALUE)
WIDE = (0, -(2**31), 2**31 - 1)


class Unit(Alone):
    """The unit beside a plain memory of accumulators, which reads and writes as ActivationRW does."""

    def __init__(self, rounding=WIDE, codebook=CODEBOOK):
        super().__init__(arithmetic_unit, codebook.dtype)
        self.codebook, self.rounding = codebook, rounding
        self.entry, self.bank = wires_of(spmat_read, codebook.dtype), wires_of(activation_rw, codebook.dtype)
        self.memory, self.read_row = np.zeros(64, codebook.dtype), 0

    def cycle(self, entry=None):
        """One cycle with an entry (first, code, z, activation) in SpmatRead, or none. Returns the wires' values."""
        self.bank.accumulator = self.memory[self.read_row]
        arithmetic_unit.propagate(self.own, self.out, self.codebook, self.rounding)
        seen = dict(zip(self.out.dtype.names, got(self.out, *self.out.dtype.names), strict=True))
        first, code, z, activation = entry or (0, 0, 0, 0)
        put(self.entry, valid=entry is not None, first=first, code=code, z=z, activation=activation)
        arithmetic_unit.update(self.own, self.out, self.entry, self.bank)
        self.read_row = seen["row"]
        if seen["write"]:
            self.memory[seen["write_row"]] = self.out.sum3
        return seen

    def run(self, entries):
        """All entries, one a cycle, None for a cycle without; then until nothing is left."""
        seen = [self.cycle(entry) for entry in entries]
        while self.busy():
            seen.append(self.cycle())
        return seen


def when(seen, wire):
    return [t for t, wires in enumerate(seen) if wires[wire]]


def test_each_stage_has_the_entry_for_one_cycle_only():
    seen = Unit().run([(1, 1, 4, 7)])
    base = Entry.IN_SPMAT_READ
    assert when(seen, "row") == [Entry.LOOKUP - base] == [1]
    assert when(seen, "reads") == [Entry.MULTIPLY - base] == [2]
    assert when(seen, "write") == [Entry.ADD - base] == [3]
    assert when(seen, "done") == [Entry.WRITE_SEEN - base] == [5]
    assert (seen[1]["row"], seen[1]["weight"], seen[2]["product"], seen[3]["write_row"], seen[3]["sum3"]) == (
        4, 3, 21, 4, 21,
    )  # fmt: skip


def test_it_is_busy_up_to_the_cycle_in_which_the_write_is_seen_done():
    unit = Unit()
    assert not unit.busy()
    busy = []
    for t in range(7):
        unit.cycle((1, 1, 0, 1) if t == 0 else None)
        busy.append(unit.busy())  # at the start of cycle t + 1
    assert busy == [True] * 5 + [False] * 2


def test_rows_add_up_within_a_column_and_start_anew_at_the_next():
    entries = [(1, 1, 2, 1), (0, 1, 0, 1), (0, 1, 3, 1), (1, 1, 1, 1)]
    assert [wires["write_row"] for wires in Unit().run(entries) if wires["write"]] == [2, 3, 7, 1]


def test_rows_add_up_over_padding_too():
    entries = [(1, 0, 15, 1), (0, 0, 15, 1), (0, 1, 4, 1)]
    assert [wires["write_row"] for wires in Unit().run(entries) if wires["write"]] == [36]


def test_padding_reads_and_writes_nothing():
    unit = Unit()
    unit.memory[:] = 9
    seen = unit.run([(1, 0, 3, 5)])
    assert not any(wires[name] for wires in seen for name in ("reads", "write", "done"))
    assert unit.memory.tolist() == [9] * 64
    assert got(unit.own, "macs", "bypasses") == (0, 0)


@pytest.mark.parametrize(("behind", "bypasses"), [(1, 1), (2, 0), (3, 0)])
def test_only_an_entry_exactly_one_behind_takes_the_bypass(behind, bypasses):
    unit = Unit()
    unit.memory[6] = 100
    unit.run([(1, 1, 6, 2), *[None] * (behind - 1), (1, 2, 6, 4)])
    assert unit.memory[6] == 100 + 3 * 2 - 5 * 4  # The sum is right in any case.
    assert got(unit.own, "macs", "bypasses") == (2, bypasses)


@pytest.mark.parametrize("other", [5, 7])
def test_one_behind_on_another_row_takes_no_bypass(other):
    unit = Unit()
    unit.run([(1, 1, 6, 2), (1, 2, other, 4)])
    assert (unit.memory[6], unit.memory[other], unit.own.bypasses) == (6, -20, 0)


def test_one_behind_padding_of_the_same_row_takes_no_bypass():
    unit = Unit()
    unit.memory[6] = 100
    unit.run([(1, 0, 6, 2), (1, 1, 6, 2)])
    assert (unit.memory[6], unit.own.bypasses) == (106, 0)


def test_padding_behind_a_real_entry_of_the_same_row_takes_no_bypass():
    unit = Unit()
    unit.run([(1, 1, 6, 2), (1, 0, 6, 2)])
    assert (unit.memory[6], unit.own.bypasses) == (6, 0)


def test_bypasses_in_every_cycle_pass_the_sum_on():
    unit = Unit()
    unit.run([(1, 1, 0, a) for a in (1, 2, 3, 4, 5)])
    assert (unit.memory[0], unit.own.bypasses) == (45, 4)


@pytest.mark.parametrize(("activation", "total"), [(42, 126), (43, 127), (-42, -126), (-43, -128)])
def test_a_sum_saturates(activation, total):
    unit = Unit(rounding=(0, -128, 127))
    unit.run([(1, 1, 0, activation)])
    assert unit.memory[0] == total


def test_it_saturates_after_each_entry_and_not_at_the_end():
    unit = Unit(rounding=(0, -128, 127))
    unit.run([(1, 1, 0, 100), (1, 1, 0, -10)])
    assert unit.memory[0] == 127 - 30


@pytest.mark.parametrize(("shift", "total"), [(1, 11), (2, 5), (3, 3), (-2, 84)])
def test_a_product_is_shifted_with_halves_going_up(shift, total):
    unit = Unit(rounding=(shift, -(2**15), 2**15 - 1))
    unit.run([(1, 1, 0, 7)])
    assert unit.memory[0] == total


def test_float32_rounds_product_and_sum():
    unit = Unit(None, np.array([0, 1 + 2**-12], np.float32))
    unit.memory[0] = 2**25
    unit.run([(1, 1, 0, np.float32(1 + 2**-12)), (1, 1, 1, np.float32(1 + 2**-12))])
    assert unit.memory[1] == np.float32(1 + 2**-11)  # 2**-24 of the product is rounded away
    assert unit.memory[0] == 2**25  # so is what is below 2 of the sum
