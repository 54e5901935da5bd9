"""Units with several lanes, each alone: aligned groups, who walks which row, and bypasses from lane to lane."""

import numpy as np

from eiesim.machine import activation_queue, activation_rw, arithmetic_unit, pointer_read, spmat_read
from eiesim.machine.records import records

VALUE = np.dtype(np.float32)
LANES = 4
# Columns of 3, 1, 0, 6 entries: 0 1 2 | 3 | - | 4 to 9.
POINTERS = np.array([[0], [3], [4], [4], [10]], np.int32)


def test_pointer_read_sends_aligned_groups_of_its_column_alone():
    own = records(1, pointer_read.registers(VALUE, LANES))[0]
    out = records(1, pointer_read.wires(VALUE, LANES))[0]
    head = records(1, activation_queue.wires(VALUE, LANES))[0]
    sent, waiting = [], [0, 1, 2, 3]
    for _ in range(7):
        pointer_read.propagate(0, own, out, POINTERS)
        sent.append([int(out.address) + lane for lane in np.flatnonzero(out.valid)])
        head.valid, head.column = bool(waiting), waiting[0] if waiting else 0
        taken = bool(out.ready) and bool(waiting)
        pointer_read.update(0, own, out, head)
        waiting = waiting[1:] if taken else waiting
    # Entry 3 ends the group of the first column, and is walked a cycle later with the column that owns it.
    assert sent == [[], [0, 1, 2], [3], [], [4, 5, 6, 7], [8, 9], []]
    assert (own.walking, own.empty_columns, own.pointer_reads) == (4, 1, 4)


def test_spmat_read_hands_on_a_group_and_counts_groups_of_padding():
    own = records(1, spmat_read.registers(VALUE, LANES))[0]
    own.held = spmat_read.NO_ROW
    out = records(1, spmat_read.wires(VALUE, LANES))[0]
    asked = records(1, pointer_read.wires(VALUE, LANES))[0]
    code = np.array([5, 0, 0, 0, 0, 0, 7, 0], np.uint8)
    z = np.arange(8, dtype=np.uint8)
    seen = []
    for address, valid in ((0, [1, 1, 1, 1]), (0, [0, 1, 1, 0]), (4, [1, 1, 1, 0]), (0, [0] * 4)):
        asked.address, asked.valid = address, valid
        spmat_read.update(0, own, out, asked)
        spmat_read.propagate(0, own, out, code, z, np.zeros(2, np.uint32), 1 / 8)
        seen.append([(int(out.code[k]), int(out.z[k])) for k in np.flatnonzero(out.valid)])
    asked.valid = 0
    spmat_read.update(0, own, out, asked)
    assert seen == [[(5, 0), (0, 1), (0, 2), (0, 3)], [(0, 1), (0, 2)], [(0, 4), (0, 5), (7, 6)], []]
    # One SRAM row of eight entries; the second group is padding alone, though lane 0's code of old is real.
    assert (own.row_reads, own.entries, own.padding, own.padding_groups) == (1, 9, 7, 1)


class Unit:
    """An ArithmeticUnit of four lanes; weights are 1, 2 and 4 by code 1, 2 and 3."""

    def __init__(self):
        self.own = records(1, arithmetic_unit.registers(VALUE, LANES))[0]
        self.out = records(1, arithmetic_unit.wires(VALUE, LANES))[0]
        self.entry = records(1, spmat_read.wires(VALUE, LANES))[0]
        self.bank = records(1, activation_rw.registers(VALUE, LANES))[0]
        self.read = records(1, activation_rw.wires(VALUE, LANES))[0]
        self.sums = np.zeros((1, 16), np.float32)
        self.codebook = np.array([0, 1, 2, 4], np.float32)

    def step(self, group=None, first=False):
        """A cycle in which SpmatRead hands on a group: {lane: (code, z)}. Returns the rows of stage 1."""
        arithmetic_unit.propagate(0, self.own, self.out, self.codebook, None)
        activation_rw.propagate(0, self.bank, self.read, np.zeros((4, 1), np.float32), self.sums)
        rows = [int(row) for row in self.out.row]
        self.entry.valid, self.entry.code, self.entry.z, self.entry.first = 0, 0, 0, first
        for lane, (code, z) in (group or {}).items():
            self.entry.valid[lane], self.entry.code[lane], self.entry.z[lane] = 1, code, z
        self.entry.activation = 1
        arithmetic_unit.update(0, self.own, self.out, self.entry, self.read)
        activation_rw.update(0, self.bank, self.read, self.sums, self.out, False)
        return rows

    def run(self, *groups):
        """Groups one a cycle, each (group, first of its column), until drained; the rows of stage 1 of each."""
        rows = [self.step(*group) for group in groups]
        while arithmetic_unit.busy(self.own):
            rows.append(self.step())
        return rows[1 : len(groups) + 1]


def test_a_row_is_accumulated_through_the_lanes_and_on_into_the_next_group():
    unit = Unit()
    # A column that begins in lane 1: rows 2, 3, 6; its next group: rows 7, 9.
    rows = unit.run(({1: (1, 2), 2: (1, 0), 3: (1, 2)}, True), ({0: (1, 0), 1: (1, 1)}, False))
    assert [rows[0][1:], rows[1][:2]] == [[2, 3, 6], [7, 9]]
    assert np.flatnonzero(unit.sums[0]).tolist() == [2, 3, 6, 7, 9]
    assert (unit.own.macs, unit.bank.reads, unit.bank.writes) == (5, 5, 5)


def test_a_bypass_comes_from_any_lane_of_the_cycle_before():
    unit = Unit()
    # Rows 0, 1, 2 in lanes 0, 1, 2; in the next cycle rows 1 and 2 in lanes 3 and 0 of another column's group.
    unit.run(({0: (1, 0), 1: (1, 0), 2: (1, 0)}, True), ({3: (2, 1)}, True), ({0: (3, 2)}, True))
    assert unit.sums[0, :3].tolist() == [1, 1 + 2, 1 + 4]
    # Row 1 follows at once and takes the sum; row 2 comes two cycles behind and reads it.
    assert unit.own.bypasses == 1


def test_every_lane_may_be_bypassed_at_once():
    unit = Unit()
    group = dict.fromkeys(range(LANES), (1, 0))
    unit.run((group, True), (group, True), (group, True))
    assert unit.sums[0, :LANES].tolist() == [3] * LANES
    assert unit.own.bypasses == 2 * LANES


def test_a_lane_without_an_entry_writes_nothing():
    unit = Unit()
    unit.sums[0, 0] = 9
    unit.run(({2: (0, 5), 3: (2, 0)}, True))
    assert unit.sums[0].tolist() == [9, 0, 0, 0, 0, 0, 2, *[0] * 9]
