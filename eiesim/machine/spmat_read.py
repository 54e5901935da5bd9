"""SpmatRead: reads SRAM rows of the sparse matrix and hands on one entry a cycle (EIE Sec. IV, "Sparse Matrix Read").

A row is read only when it is not the one held. The entry leaves in the same cycle.
"""

from typing import Any

import numpy as np

from eiesim._jit import jit
from eiesim.machine.records import COUNT, FLAG, INDEX, Fields

NO_ROW = 2**32 - 1


def registers(value: Any) -> Fields:
    """The entry asked for (`valid`, `first`, `address`, `activation`) and the SRAM row held, NO_ROW at the start."""
    return [
        ("valid", FLAG), ("first", FLAG), ("address", INDEX), ("activation", value), ("held", INDEX),
        ("row_reads", COUNT), ("entries", COUNT), ("padding", COUNT),
    ]  # fmt: skip


def wires(value: Any) -> Fields:
    """The entry: `valid`, `first` of its column, `code`, `z`, the column's `activation`; its SRAM `row`."""
    return [("valid", FLAG), ("first", FLAG), ("code", "u1"), ("z", "u1"), ("activation", value), ("row", INDEX)]


@jit
def propagate(p: int, own: Any, out: Any, code: Any, z: Any, base: Any, per_row: float) -> None:
    """Read the row and send the entry on.

    code, z: [entries of all PEs]. base: [pes + 1], where each PE's begin. per_row: 1 / entries an SRAM row.
    """
    out.valid = own.valid
    out.first = own.first
    out.activation = own.activation
    place = (base[p] + own.address) * own.valid
    out.code = code[place]
    out.z = z[place]
    # address // entries a row, without a division: half an entry more keeps the quotient clear of whole numbers.
    row = np.int64((own.address + 0.5) * per_row)
    out.row = row if own.valid else own.held


@jit
def update(p: int, own: Any, out: Any, pointer_read: Any) -> None:
    """Hold the row just read, and take the address that PointerRead sends."""
    own.row_reads += out.row != own.held
    own.held = out.row
    own.entries += out.valid
    own.padding += out.valid & (out.code == 0)
    own.valid = pointer_read.valid
    own.first = pointer_read.first
    own.address = pointer_read.address
    own.activation = pointer_read.activation


@jit
def busy(own: Any) -> bool:
    """Whether an entry is asked for."""
    return own.valid > 0
