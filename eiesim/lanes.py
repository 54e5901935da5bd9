"""Aligned groups of entries: what PointerRead sends in a cycle to several multipliers (docs/variants.md)."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eiesim._jit import jit


class Groups(NamedTuple):
    """A layer's entries in aligned groups of `multipliers`, as the PEs walk them, one a cycle.

    A group that holds entries of two columns is walked once for each, and counts twice here.
    pointers: int32[columns + 1, pes]; column j of PE p is its groups pointers[j, p] to pointers[j + 1, p].
    base: int64[pes + 1], where each PE's groups begin in `real`.
    real: uint8[groups], 1 where a group holds a real entry, 0 where it is padding only.
    counts: [columns, pes], groups of each column; padding: those of padding only. Both of the dtype of
    `InterleavedLayer.counts`.
    """

    multipliers: int
    pointers: npt.NDArray[np.int32]
    base: npt.NDArray[np.int64]
    real: npt.NDArray[np.uint8]
    counts: npt.NDArray[Any]
    padding: npt.NDArray[Any]


def grouped(
    pointers: npt.NDArray[np.int32],
    base: npt.NDArray[np.int64],
    code: npt.NDArray[np.uint8],
    multipliers: int,
    dtype: npt.DTypeLike,
) -> Groups:
    """Group a layer's entries. pointers, base, code: as in `InterleavedLayer`, of single entries. dtype: of counts."""
    columns, pes = len(pointers) - 1, pointers.shape[1]
    start, end = pointers[:-1], pointers[1:]
    walks = np.where(end > start, (end - 1) // multipliers - start // multipliers + 1, 0)
    by_group = np.zeros((columns + 1, pes), np.int32)
    np.cumsum(walks, axis=0, out=by_group[1:])
    group_base = np.concatenate([np.zeros(1, np.int64), np.cumsum(by_group[-1], dtype=np.int64)])
    real = np.zeros(group_base[-1], np.uint8)
    counts, padding = walks.astype(dtype), np.zeros((columns, pes), dtype)
    _mark(pointers, base, code, multipliers, by_group, group_base, real, padding)
    for array in (by_group, group_base, real, counts, padding):
        array.flags.writeable = False
    return Groups(multipliers, by_group, group_base, real, counts, padding)


@jit
def _mark(
    pointers: Any, base: Any, code: Any, multipliers: int, by_group: Any, group_base: Any, real: Any, padding: Any
) -> None:
    for j in range(len(padding)):
        for p in range(pointers.shape[1]):
            before = group_base[p] + by_group[j, p] - pointers[j, p] // multipliers
            for e in range(pointers[j, p], pointers[j + 1, p]):
                if code[base[p] + e] != 0:
                    real[before + e // multipliers] = 1
            for group in range(group_base[p] + by_group[j, p], group_base[p] + by_group[j + 1, p]):
                padding[j, p] += real[group] == 0


@jit
def shared_rows(
    p: int, before: int, column: int, multipliers: int, pointers: Any, base: Any, code: Any, z: Any, last_row: Any
) -> int:
    """Real entries of a column's first group whose row is that of a real entry of another column's last group.

    p: the PE. before: the other column. Both have entries. last_row: of the PE's entries, as in `InterleavedLayer`.
    """
    start, end = pointers[column, p], pointers[column + 1, p]
    end = min(end, (start // multipliers + 1) * multipliers)
    other_start, other_end = pointers[before, p], pointers[before + 1, p]
    other_start = max(other_start, (other_end - 1) // multipliers * multipliers)
    found = 0
    row = -1
    for e in range(base[p] + start, base[p] + end):
        row += int(z[e]) + 1
        if code[e] != 0:
            other_row = int(last_row[before, p])
            for other in range(base[p] + other_end - 1, base[p] + other_start - 1, -1):
                found += (other_row == row) & (code[other] != 0)
                other_row -= int(z[other]) + 1
    return found
