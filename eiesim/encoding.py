"""InterleavedLayer: a compressed layer dealt over PEs, as their SRAMs hold it (EIE Sec. III-B, III-C, Fig. 3).

PE p owns output rows p, p + N, ... (or, mapped in blocks, neighbouring ones); each column of its rows is stored as
entries (code, z), where z counts the PE's zeros skipped; runs too long for z are bridged by padding entries of code 0.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eiesim._checks import whole
from eiesim._io.memory import check_allowed
from eiesim._jit import uncounted
from eiesim._shown import Plotted, Tabled, counted
from eiesim.config import MAPPINGS
from eiesim.errors import EieError, unknown
from eiesim.lanes import Groups, grouped
from eiesim.layer import CompressedLayer

NO_FIRST_ROW, NO_LAST_ROW = -1, -2
"""Sentinels that match no row, so that an empty column bypasses nothing."""

if TYPE_CHECKING:
    import pandas as pd

NOWHERE = np.int32(2**31 - 1)
"""Larger than every place among a PE's rows: the start of a minimum."""


class ByColumn(NamedTuple):
    """What is known of a layer by column and PE; see `InterleavedLayer`."""

    pointers: npt.NDArray[np.int32]
    counts: npt.NDArray[Any]
    first_row: npt.NDArray[Any]
    last_row: npt.NDArray[Any]
    padding: npt.NDArray[Any]


@dataclass(frozen=True, eq=False, repr=False)
class InterleavedLayer(Plotted, Tabled):
    """A layer as `pes` PEs store it. Made by `interleave`; the arrays are read-only.

    Attributes
    ----------
    layer : CompressedLayer
        The layer that was dealt.
    pes : int
        Processing elements.
    index_bits : int
        Bits of z, the PE's zeros skipped before an entry.
    columns : int
        The layer's inputs, and with a bias the empty columns up to it and itself.
    tables : ByColumn
        Arrays by column and PE, of the PEs that own rows, and of one more that stands for all others, whose columns
        are empty. `pointers`, `counts`, `first_row`, `last_row` and `padding` are the same of every PE. All but
        `pointers` are of the smallest whole numbers that hold a PE's rows.
    mapping : str, default "interleaved"
        How rows are dealt: "interleaved" or "blocked".
    """

    layer: CompressedLayer
    pes: int
    index_bits: int
    columns: int
    tables: ByColumn
    mapping: str = "interleaved"

    def __repr__(self) -> str:
        return (
            f"<InterleavedLayer {self.layer.name}: {self.layer.rows} x {self.layer.cols} on {counted(self.pes, 'PE')}, "
            f"{counted(self.entries_per_pe.sum(), 'entry')}, {self.padding_per_pe.sum():,} of them padding>"
        )

    def to_frame(self) -> "pd.DataFrame":
        """What each PE stores.

        Returns
        -------
        pandas.DataFrame
            A row a PE: `pe`, `rows`, `entries` and, of these, `padding_entries`.
        """
        import pandas as pd

        rows = [len(own) for own in self.rows_of_pe]
        columns = {"pe": range(self.pes), "rows": rows, "entries": self.entries_per_pe}
        return pd.DataFrame({**columns, "padding_entries": self.padding_per_pe})

    @property
    def kept(self) -> "InterleavedLayer":
        """The layer on the PEs that own rows and one more, if there are others: all that have none are alike.

        It has `tables` as its arrays, and the PEs' numbers in it are their own.
        """
        return self if self.tables.pointers.shape[1] == self.pes else self._narrow

    @cached_property
    def _narrow(self) -> "InterleavedLayer":  # Not `kept` itself: an object that keeps itself is freed late.
        return replace(self, pes=self.tables.pointers.shape[1])

    def of_all_pes(self, of_kept: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What is known of the PEs of `kept`, of all PEs.

        Parameters
        ----------
        of_kept : array[..., kept.pes]
            A value a PE of `kept`.

        Returns
        -------
        array[..., pes]
            The same of every PE; as it is where all own rows.
        """
        width = of_kept.shape[-1]
        return of_kept if width == self.pes else of_kept[..., np.minimum(np.arange(self.pes), width - 1)]

    def _table(self, name: str) -> npt.NDArray[Any]:
        held: npt.NDArray[Any] = getattr(self.tables, name)
        if held.shape[1] == self.pes:
            return held
        check_tables(self.layer.name, self.columns, self.pes, self.tables.counts.itemsize)
        return _frozen(self.of_all_pes(held))

    @cached_property
    def pointers(self) -> npt.NDArray[np.int32]:
        """int32[columns + 1, pes]: column j of PE p is its entries pointers[j, p] to pointers[j + 1, p]."""
        return self._table("pointers")

    @cached_property
    def counts(self) -> npt.NDArray[Any]:
        """Entries of each column, [columns, pes]: the differences of `pointers`."""
        return self._table("counts")

    @cached_property
    def first_row(self) -> npt.NDArray[Any]:
        """The PE's row of a column's first entry, [columns, pes]; -1 where that is padding or the column is empty."""
        return self._table("first_row")

    @cached_property
    def last_row(self) -> npt.NDArray[Any]:
        """The PE's row of a column's last entry, [columns, pes]; -2 where the column is empty."""
        return self._table("last_row")

    @cached_property
    def padding(self) -> npt.NDArray[Any]:
        """Padding entries of each column, [columns, pes]."""
        return self._table("padding")

    @property
    def ptr(self) -> npt.NDArray[np.int32]:
        """The column pointers by PE: int32[pes, columns + 1]."""
        return self.pointers.T

    @property
    def activation_rows(self) -> int:
        """Rows of `pes` neighbouring activations, the bias's included."""
        return -(-self.columns // self.pes)

    @property
    def rows_per_pe(self) -> int:
        """Output rows of the PE that has most."""
        return -(-self.layer.rows // self.pes)

    @cached_property
    def rows_of_pe(self) -> tuple[range, ...]:
        """The layer's rows that each PE owns, in the order of its own rows."""
        return rows_of_pe(self.layer.rows, self.pes, self.mapping)

    @cached_property
    def entries_per_pe(self) -> npt.NDArray[np.int64]:
        """int64[pes]: entries each PE stores, padding included."""
        return self.of_all_pes(self.tables.pointers[-1].astype(np.int64))

    @cached_property
    def most_entries(self) -> int:
        """Entries of the PE that stores most."""
        return int(self.entries_per_pe.max())

    @cached_property
    def padding_per_pe(self) -> npt.NDArray[np.int64]:
        """int64[pes]: padding entries each PE stores."""
        per_pe = np.zeros(self.pes, np.int64)
        return self.of_all_pes(self.tables.padding.sum(axis=0, dtype=np.int64)) if self.has_padding else per_pe

    @cached_property
    def has_padding(self) -> bool:
        """Whether any PE stores padding: entries that are no kept weight."""
        bias_codes = self.layer.bias_codes
        kept = self.layer.nnz + (0 if bias_codes is None else int(np.count_nonzero(bias_codes)))
        return int(self.entries_per_pe.sum()) > kept

    @cached_property
    def base(self) -> npt.NDArray[np.int64]:
        """int64[pes + 1]: where each PE's entries begin in `code` and `z`."""
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(self.entries_per_pe)])

    @cached_property
    def _entries(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        code = np.zeros(self.base[-1], np.uint8)
        z = np.zeros(self.base[-1], np.uint8)
        pe_of, place_of = _deal(self.layer.rows, self.pes, self.mapping)
        free, last = self.base[:-1].astype(np.uint32), np.full(self.pes, -1, np.int32)
        for _, indptr, rows, codes in _parts(self.layer, self.columns):
            _write_entries(indptr, rows, codes, pe_of, place_of, self.index_bits, free, last, code, z)
        return _frozen(code), _frozen(z)

    @cached_property
    def _groups(self) -> dict[int, Groups]:
        return {}

    def groups(self, multipliers: int) -> Groups:
        """The entries in the aligned groups that so many multipliers take in a cycle; kept, once made.

        Parameters
        ----------
        multipliers : int
            Of a PE, 1 or more.

        Returns
        -------
        Groups
            Where each group begins, and which of them are real.
        """
        if multipliers not in self._groups:
            self._groups[multipliers] = grouped(self.pointers, self.base, self.code, multipliers, self.counts.dtype)
        return self._groups[multipliers]

    @property
    def code(self) -> npt.NDArray[np.uint8]:
        """uint8[entries]: codes of all PEs, one PE after the other (see `base`); 0 is padding."""
        return self._entries[0]

    @property
    def z(self) -> npt.NDArray[np.uint8]:
        """uint8[entries]: zeros of the PE's own rows skipped before each entry."""
        return self._entries[1]


def interleave(
    layer: CompressedLayer, pes: int = 64, index_bits: int = 4, mapping: str = "interleaved"
) -> InterleavedLayer:
    """Deal a layer's rows over PEs and encode each PE's columns.

    Work and memory grow with nnz + columns x pes; nothing dense is made. Entries are written when first asked for.

    Parameters
    ----------
    layer : CompressedLayer
        The layer.
    pes : int, default 64
        Processing elements, 1 to 4096.
    index_bits : int, default 4
        Bits of z, the PE's zeros skipped before an entry, 1 to 8.
    mapping : str, default "interleaved"
        Which PE owns output row i: "interleaved" (PE `i mod pes`) or "blocked" (PE `i // ceil(rows / pes)`).

    Returns
    -------
    InterleavedLayer
        The layer as the PEs store it.

    Raises
    ------
    EieError
        For `pes` or `index_bits` outside their range, an unknown mapping, a layer too large for 32-bit pointers and
        cycle counts, or one whose tables need more memory than is free or than EIESIM_MEMORY_GB (4) allows.

    Examples
    --------
    >>> import eiesim
    >>> layer = eiesim.CompressedLayer.from_dense([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])
    >>> eiesim.interleave(layer, pes=2).entries_per_pe
    array([2, 1])
    """
    pes, index_bits = whole("pes", pes, 1, 4096), whole("index_bits", index_bits, 1, 8)
    if mapping not in MAPPINGS:
        raise unknown("no mapping", mapping, MAPPINGS)
    columns = layer.cols if layer.bias_codes is None else bias_column(layer.cols, pes) + 1
    rows_per_pe = -(-layer.rows // pes)
    # A PE's entries, and cycles at queue depth 1: two for a column without entries, and one a row of the scan.
    if layer.nnz + layer.rows + columns * (4 + (rows_per_pe >> index_bits)) >= 2**31:
        raise EieError(f"{layer.name}: too large, its entries could overflow 32-bit pointers and cycle counts")
    width = min(pes, owners(layer.rows, pes, mapping) + 1)
    pe_of, place_of = _deal(layer.rows, pes, mapping)
    small = next(one for one in (np.int8, np.int16, np.int32) if rows_per_pe <= np.iinfo(one).max)
    check_tables(layer.name, columns, width, np.dtype(small).itemsize)
    pointers = np.empty((columns + 1, width), np.int32)
    pointers[0] = 0
    counts, first_row, last_row = (np.empty((columns, width), small) for _ in range(3))
    padding = np.zeros((columns, width), small)  # Takes no memory as long as there is none: untouched pages are free.
    tables = ByColumn(pointers, counts, first_row, last_row, padding)
    none = np.zeros(width, np.int32)
    state = none, none.copy(), none + NOWHERE, none - 1
    for column, indptr, indices, _ in _parts(layer, columns):
        _lay_out(indptr, indices, pe_of, place_of, index_bits, *state, *(table[column:] for table in tables))
    for table in tables:
        _frozen(table)
    return InterleavedLayer(layer, pes, index_bits, columns, tables, mapping)


def check_tables(name: str, columns: int, pes: int, small_bytes: int) -> None:
    """Raise EieError where tables of so many columns and PEs are too large. small_bytes: of an entry of all but one."""
    check_allowed(
        columns * pes * (4 + 4 * small_bytes), f"{name}: {columns:,} columns on {pes:,} PEs; fewer PEs need less"
    )


def owners(rows: int, pes: int, mapping: str) -> int:
    """How many PEs own rows; they are the first ones."""
    return min(rows, pes) if mapping == "interleaved" else -(-rows // -(-rows // pes))


def rows_of_pe(rows: int, pes: int, mapping: str = "interleaved") -> tuple[range, ...]:
    """The rows that each PE owns, in the order of its own rows.

    interleaved: row i is PE `i mod pes`'s. blocked: with R = ceil(rows / pes), row i is PE `i // R`'s, so that the last
    PEs may own none.
    """
    if mapping == "interleaved":
        return tuple(range(p, rows, pes) for p in range(pes))
    block = -(-rows // pes)
    return tuple(range(min(p * block, rows), min((p + 1) * block, rows)) for p in range(pes))


def bias_column(cols: int, pes: int) -> int:
    """The bias's column: the first of the activation row after the inputs' last one."""
    return -(-cols // pes) * pes


def decode(interleaved: InterleavedLayer) -> CompressedLayer:
    """The layer again, from the PEs' entries and pointers alone.

    Parameters
    ----------
    interleaved : InterleavedLayer
        A layer as PEs store it.

    Returns
    -------
    CompressedLayer
        The layer that was interleaved: the same weights, codebook, bias, activation and name.

    Examples
    --------
    >>> import eiesim
    >>> layer = eiesim.CompressedLayer.from_dense([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])
    >>> eiesim.decode(eiesim.interleave(layer, pes=2)).to_dense().tolist()
    [[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]
    """
    layer = interleaved.layer
    memories = []
    for p in range(interleaved.pes):
        mine = slice(interleaved.base[p], interleaved.base[p + 1])
        memories.append((interleaved.code[mine], interleaved.z[mine], interleaved.pointers[:, p]))
    columns, rows, codes = decode_memories(memories, interleaved.rows_of_pe)
    decoded = layer_from_triplets(
        columns, rows, codes, layer.shape, layer.codebook, layer.bias_codes is not None, layer.activation, layer.name
    )
    return replace(decoded, groups=layer.groups, depthwise=layer.depthwise, activation_said=layer.activation_said)


PeMemory = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]
"""What one PE stores: codes[entries], z[entries], pointers[columns + 1]."""


def decode_memories(
    memories: Sequence[PeMemory], owned: Sequence[range] | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """The kept weights that PEs store, as (columns, rows, codes), sorted by column, then by row.

    owned: the rows of each PE; None means interleaved, which needs no number of rows.
    """
    code, z = (np.concatenate([memory[k] for memory in memories]) for k in (0, 1))
    lengths = np.concatenate([np.diff(pointers) for _, _, pointers in memories])
    columns = np.tile(np.arange(len(memories[0][2]) - 1), len(memories))
    firsts, step = range(len(memories)), len(memories)
    if owned is not None:
        firsts, step = [rows.start for rows in owned], owned[0].step  # type: ignore[assignment]
    # The PE's rows up to an entry, of all entries one after the other, less those before its column.
    ends = np.cumsum(z, dtype=np.int64) + np.arange(1, len(z) + 1)
    before = np.concatenate([[0], ends])[np.cumsum(lengths) - lengths]
    offset = np.repeat(firsts, len(lengths) // len(memories)) - (before + 1) * step
    rows, column_of = ends * step + np.repeat(offset, lengths), np.repeat(columns, lengths)
    if not code.all():
        real = code != 0
        rows, column_of, code = rows[real], column_of[real], code[real]
    return _in_order(column_of, rows, code)


def _in_order(
    columns: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], codes: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Kept weights sorted by column, then by row."""
    of_row = int(rows.max(initial=0)).bit_length()
    if of_row + 8 + int(columns.max(initial=0)).bit_length() < 64:
        # As one number each: sorting these is several times as fast as ordering by two keys.
        packed = np.sort(columns << (of_row + 8) | rows << 8 | codes)
        low = packed & (1 << (of_row + 8)) - 1
        return packed >> (of_row + 8), low >> 8, packed.astype(np.uint8)
    order = np.lexsort((rows, columns))
    return columns[order], rows[order], codes[order].astype(np.uint8)


def layer_from_triplets(
    columns: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    codes: npt.NDArray[np.uint8],
    shape: tuple[int, int],
    codebook: npt.NDArray[np.float32],
    has_bias: bool,
    activation: str,
    name: str,
) -> CompressedLayer:
    """A layer from kept weights in column order; with a bias, columns past the last input are the bias's."""
    weights = columns < shape[1]
    bias_codes = np.zeros(shape[0], np.uint8) if has_bias else None
    if bias_codes is not None:
        bias_codes[rows[~weights]] = codes[~weights]
    return CompressedLayer(
        shape=shape,
        indptr=np.searchsorted(columns[weights], np.arange(shape[1] + 1)).astype(np.int64),
        indices=rows[weights].astype(np.int32),
        codes=codes[weights],
        codebook=codebook,
        bias_codes=bias_codes,
        activation=activation,
        name=name,
    )


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array.flags.writeable = False
    return array


def _deal(rows: int, pes: int, mapping: str) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int32]]:
    """Each row's PE, uint32[rows], and its place among that PE's rows, int32[rows]. Places ascend with the row."""
    every = np.arange(rows, dtype=np.int32)
    if mapping == "interleaved":
        return (every % pes).astype(np.uint32), every // pes
    block = np.int32(-(-rows // pes))
    return (every // block).astype(np.uint32), every % block


Part = tuple[int, npt.NDArray[np.int64], npt.NDArray[np.uint32], npt.NDArray[np.uint8]]
"""Neighbouring columns: the first one's number, and indptr, rows and codes as a `CompressedLayer` has them."""


def _parts(layer: CompressedLayer, columns: int) -> Iterator[Part]:
    """A layer's columns up to `columns`: the inputs', and with a bias the empty ones after them and itself.

    Rows are unsigned: compiled code then looks for no negative index. The arrays of both parts are read-only: the
    compiler takes that for part of the type, and so one compiled kernel takes both.
    """
    yield 0, layer.indptr, layer.indices.view(np.uint32), layer.codes
    if layer.bias_codes is not None:
        rows = np.flatnonzero(layer.bias_codes)
        indptr = np.zeros(columns - layer.cols + 1, np.int64)
        indptr[-1] = len(rows)
        codes = layer.bias_codes[rows]
        yield layer.cols, _frozen(indptr), _frozen(rows.astype(np.uint32)), _frozen(codes)


# Kernels are given the arrays that they need, also those to work in: what numpy does within compiled code has to be
# compiled too, which takes longer than the kernel itself.
@uncounted
def _lay_out(
    indptr: Any, rows: Any, pe_of: Any, place_of: Any, index_bits: int, entries: Any, pads: Any, first: Any, last: Any,
    pointers: Any, counts: Any, first_row: Any, last_row: Any, padding: Any,
) -> None:  # fmt: skip
    """Count each PE's entries by column, and fill pointers, counts, first_row, last_row and padding.

    A place is a row's number among its PE's rows.

    Parameters
    ----------
    indptr, rows : int64[columns + 1], uint32[kept weights]
        The layer's columns, as in `CompressedLayer`.
    pe_of, place_of : uint32[rows], int32[rows]
        Each row's PE and place, see `_deal`.
    index_bits : int
        Bits of z.
    entries : int32[pes]
        Each PE's entries in the columns before these; goes on.
    pads, first, last : int32[pes], all 0, NOWHERE and -1
        Work space: padding entries, first and last place of the column at hand; left as they came.
    pointers : int32[columns + 1, pes]
        Written from row 1 on.
    counts, first_row, last_row : int8, int16 or int32[columns, pes]
        Written. See `InterleavedLayer`.
    padding : like them, all 0
        Written for columns that have any.

    The loop over entries has no branches: the processor could not predict them.
    """
    pes = pointers.shape[1]
    unbridged = np.int32(1 << index_bits)
    for j in range(len(indptr) - 1):
        any_bridged = np.int32(0)
        for e in range(indptr[j], indptr[j + 1]):
            p = pe_of[rows[e]]
            place = place_of[rows[e]]
            bridged = np.int32(np.int32(place - np.int32(1) - last[p]) >> index_bits)
            first[p] = min(first[p], place)
            last[p] = place
            pads[p] += bridged
            entries[p] += bridged + np.int32(1)
            any_bridged |= bridged
        # One loop an array, which the compiler turns into vector instructions.
        for p in range(pes):
            pointers[j + 1, p] = entries[p]
        for p in range(pes):
            counts[j, p] = np.int32(entries[p] - pointers[j, p])
        for p in range(pes):
            first_row[j, p] = first[p] if first[p] < unbridged else np.int32(NO_FIRST_ROW)
            first[p] = NOWHERE
        for p in range(pes):
            last_row[j, p] = last[p] if last[p] >= 0 else np.int32(NO_LAST_ROW)
            last[p] = -1
        if any_bridged > 0:
            for p in range(pes):
                padding[j, p] = pads[p]
                pads[p] = 0


@uncounted
def _write_entries(
    indptr: Any, rows: Any, codes: Any, pe_of: Any, place_of: Any, index_bits: int, free: Any, last: Any,
    code: Any, z: Any,
) -> None:  # fmt: skip
    """Write the entries of columns.

    Parameters
    ----------
    indptr, rows, codes : int64[columns + 1], uint32[kept weights], uint8[kept weights]
        The layer's columns, as in `CompressedLayer`.
    pe_of, place_of : uint32[rows], int32[rows]
        Each row's PE and its place among that PE's rows, see `_deal`.
    index_bits : int
        Bits of z.
    free : uint32[pes]
        Where each PE's next entry goes in `code` and `z`; goes on.
    last : int32[pes], all -1
        Work space: the last place of the column at hand; left as it came.
    code, z : uint8[entries], `code` all 0
        Written. See `InterleavedLayer`.
    """
    longest_run = np.int32((1 << index_bits) - 1)
    for j in range(len(indptr) - 1):
        for e in range(indptr[j], indptr[j + 1]):
            p = pe_of[rows[e]]
            place = place_of[rows[e]]
            to = free[p]
            zeros = np.int32(place - np.int32(1) - last[p])
            while zeros > longest_run:
                z[to] = longest_run
                to = np.uint32(to + np.uint32(1))
                zeros = np.int32(zeros - longest_run - np.int32(1))
            code[to] = codes[e]
            z[to] = zeros
            free[p] = np.uint32(to + np.uint32(1))
            last[p] = place
        for p in range(len(last)):
            last[p] = -1
