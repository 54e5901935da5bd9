"""SpmatRead: reads SRAM rows of the sparse matrix and hands on one entry a cycle (EIE Sec. IV, "Sparse Matrix Read").

A row is read only when it is not the one held. The entry leaves in the same cycle; with several multipliers a group of
entries, one a lane, all of one SRAM row.
"""

from typing import Any

import numpy as np

from eiesim._jit import jit
from eiesim.machine.ports import ports
from eiesim.machine.records import COUNT, FLAG, INDEX, Fields, any_of, numbered

PORTS = ports(
    ("clock", "in", "1", "", "the array's clock: registers change at its rising edge"),
    ("start", "in", "1", "", "a layer begins: everything held is dropped"),
    ("address_valid", "in", "1", "pointer_read.valid", "an entry is asked for"),
    ("address_first", "in", "1", "pointer_read.first", "it is a column's first cycle"),
    ("address_entry", "in", "POINTER_BITS", "pointer_read.address", "the entry's number in the PE"),
    ("address_activation", "in", "VALUE_BITS", "pointer_read.activation", "the column's activation a_j"),
    ("sram_read", "out", "1", "", "read an SRAM row: another one than the SRAM shows"),
    ("sram_address", "out", "SPMAT_BITS", "", "the SRAM row's number"),
    ("sram_row", "in", "ROW_ENTRIES*(INDEX_BITS+WEIGHT_BITS)", "", "the SRAM row shown, its first entry lowest"),
    ("valid", "out", "1", "spmat_read.valid", "an entry is handed on"),
    ("first", "out", "1", "spmat_read.first", "it came with a column's first cycle"),
    ("code", "out", "WEIGHT_BITS", "spmat_read.code", "its code; 0 is padding"),
    ("z", "out", "INDEX_BITS", "spmat_read.z", "zeros of the PE's rows skipped before it"),
    ("activation", "out", "VALUE_BITS", "spmat_read.activation", "the column's activation a_j"),
    ("held", "inside", "SPMAT_BITS", "spmat_read.row", "the SRAM row that the entry is of"),
)  # fmt: skip


NO_ROW = 2**32 - 1


def registers(value: Any, lanes: int = 1, numbers: bool = False) -> Fields:
    """The group asked for (`valid`, `first`, `address`, `activation`) and the SRAM row held, NO_ROW at the start.

    `padding_groups` counts groups of padding only; with one lane it stays 0, since they are the padding entries.
    """
    return [
        *numbered("column", numbers),
        ("valid", FLAG, (lanes,)), ("first", FLAG), ("address", INDEX), ("activation", value), ("held", INDEX),
        ("row_reads", COUNT), ("entries", COUNT), ("padding", COUNT), ("padding_groups", COUNT),
    ]  # fmt: skip


def wires(value: Any, lanes: int = 1, numbers: bool = False) -> Fields:
    """The group: `valid`, `first` of its column, `code`, `z`, the column's `activation`; its SRAM `row`."""
    return [
        *numbered("column", numbers),
        ("valid", FLAG, (lanes,)), ("first", FLAG), ("code", "u1", (lanes,)), ("z", "u1", (lanes,)),
        ("activation", value), ("row", INDEX),
    ]  # fmt: skip


@jit
def propagate(p: int, own: Any, out: Any, code: Any, z: Any, base: Any, per_row: float, along: Any = None) -> None:
    """Read the row and send the group on.

    code, z: [entries of all PEs]. base: [pes + 1], where each PE's begin. per_row: 1 / entries an SRAM row. along: see
    `pointer_read.propagate`.
    """
    out.first = own.first
    out.activation = own.activation
    for lane in range(len(own.valid)):
        out.valid[lane] = own.valid[lane]
        place = (base[p] + own.address + lane) * own.valid[lane]
        out.code[lane] = code[place]
        out.z[lane] = z[place]
    # address // entries a row, without a division: half an entry more keeps the quotient clear of whole numbers.
    row = np.int64((own.address + 0.5) * per_row)
    out.row = row if any_of(own.valid) else own.held
    if along is not None:
        out.column = own.column


@jit
def update(p: int, own: Any, out: Any, pointer_read: Any, along: Any = None) -> None:
    """Hold the row just read, and take the address that PointerRead sends."""
    own.row_reads += out.row != own.held
    own.held = out.row
    lanes = len(out.valid)
    if lanes > 1:
        own.padding_groups += _only_padding(out)
    for lane in range(lanes):
        own.entries += out.valid[lane]
        own.padding += out.valid[lane] & (out.code[lane] == 0)
        own.valid[lane] = pointer_read.valid[lane]
    own.first = pointer_read.first
    own.address = pointer_read.address
    own.activation = pointer_read.activation
    if along is not None:
        own.column = pointer_read.column


@jit
def _only_padding(out: Any) -> Any:
    real = False
    for lane in range(len(out.valid)):
        real |= (out.valid[lane] > 0) & (out.code[lane] != 0)
    return any_of(out.valid) & (not real)


@jit
def busy(own: Any) -> bool:
    """Whether a group is asked for."""
    return bool(any_of(own.valid) > 0)
