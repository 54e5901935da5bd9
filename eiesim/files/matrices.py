"""Matrices as files: Matrix Market, DLMC's `.smtx`, SciPy's and pydata's sparse `.npz`, numpy's two-dimensional `.npy`.

A matrix is a layer without bias and activation, (outputs, inputs). It is read as sparse as it is stored. Files are read
without trust: shapes, counts and indices are checked before SciPy is given them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eiesim._io.arrays import read_arrays
from eiesim._io.memory import check_allowed
from eiesim._io.reading import read_bytes
from eiesim.errors import EieError
from eiesim.files import matrix_market, npz
from eiesim.files.ledger import Entry
from eiesim.layer import CompressedLayer, printable
from eiesim.weight_sharing import Sharing, share

if TYPE_CHECKING:
    from scipy import sparse

    from eiesim.files.weights import DenseNetwork

BITS = 4
"""Of a weight's code: 15 values and 0.0, as the published machine has them."""

POSITIONS_ONLY = ".smtx"
ENDINGS = (*matrix_market.ENDINGS, POSITIONS_ONLY, ".npy")

COMPRESSED = {"csr": 0, "csc": 1}
"""SciPy's formats with pointers, and the axis that these run along."""

KEYS = {"data", "shape", "format", "_is_array", "row", "col", "coords", "indices", "indptr", "offsets"} | {
    "fill_value", "compressed_axes",
}  # fmt: skip
"""What SciPy and pydata write into an archive."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """A matrix as it was read.

    name: the file's, without what its ending says. weights: float32, (outputs, inputs); duplicates are summed, zeros
    are gone. kind: what the file is, in words. stored: entries that it holds. seed: what the values were drawn from,
    where the file has none. notes: what else is to be known.
    """

    name: str
    weights: "sparse.csc_array[np.float32]"
    kind: str
    stored: int
    seed: int | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def sharing(self) -> Sharing:
        """How the weights share 15 values."""
        return share(np.sort(self.weights.data), None, BITS)

    @cached_property
    def layer(self) -> CompressedLayer:
        """The matrix as a layer."""
        rows, cols = self.weights.shape
        return CompressedLayer(
            shape=(rows, cols),
            indptr=self.weights.indptr.astype(np.int64),
            indices=self.weights.indices.astype(np.int32, copy=False),
            codes=self.sharing.codes(self.weights.data),
            codebook=self.sharing.codebook,
            activation="none",
            name=self.name,
        )

    @property
    def entry(self) -> Entry:
        """Its line of a ledger."""
        reason = f"{self.kind}; {self.stored:,} entries stored"
        return Entry(self.name, self.weights.shape, "float32", "weight", self.name, reason)

    @property
    def sharing_error(self) -> float:
        """||shared - weights|| / ||weights||, 0 without weights."""
        exact = self.weights.data.astype(np.float64)
        size = float(np.linalg.norm(exact))
        return float(np.linalg.norm(self.layer.codebook[self.layer.codes] - exact)) / size if size else 0.0

    def told(self) -> tuple[str, ...]:
        """Lines on what the layer is made of: where its values come from, and how they are shared."""
        if self.seed is not None:
            return self.notes
        values = len(self.sharing.codebook) - 1
        if not self.weights.nnz:
            return (*self.notes, "holds no weight")
        if self.sharing.as_it_was:
            shared = f"its weights have {values} distinct value{'s' * (values != 1)} and are taken as they are"
        else:
            shared = f"its weights share {values} values by k-means, and are off by {self.sharing_error:.1%}"
        return (*self.notes, shared)


def is_matrix(path: Path) -> bool:
    """Whether a file is a matrix by its name; an `.npz` says it by its keys (`of_archive`)."""
    return path.name.lower().endswith(ENDINGS)


def read_matrix(path: Path, seed: int = 0) -> Matrix:
    """A matrix from a file with one of ENDINGS. seed: of the values of a file that has only positions.

    Raises EieError, naming the file, for whatever is malformed, no matrix of real numbers, or beyond memory.
    """
    name = path.name.lower()
    stem = printable(path.name[: -len(next(end for end in ENDINGS if name.endswith(end)))]) or "matrix"
    try:
        if name.endswith(matrix_market.ENDINGS):
            found, kind = matrix_market.read(path)
            return _matrix(stem, found, kind)
        if name.endswith(POSITIONS_ONLY):
            return _positions(path, stem, seed)
        array = read_arrays(path)
        if isinstance(array, Mapping):
            raise EieError("is an archive of arrays (.npz), and called .npy")
        return _of_array(array, stem)
    except EieError as error:
        raise EieError(str(error) if str(error).startswith(f"{path}:") else f"{path}: {error}") from None


def _of_array(values: npt.NDArray[Any], name: str) -> Matrix:
    from scipy import sparse

    if values.ndim != 2:
        raise EieError(f"has {values.ndim} dimensions, needs 2: (outputs, inputs)")
    if values.dtype.kind not in "fiub":
        raise EieError(f"holds {values.dtype}, needs real numbers")
    _check_shape(values.shape, values.size)
    return _matrix(name, sparse.coo_array(_computable(values)), f"numpy, {values.dtype}")


def is_archive(arrays: Collection[str]) -> bool:
    """Whether an `.npz` is a sparse matrix of SciPy or pydata, by its keys."""
    if not {"data", "shape"} <= set(arrays):
        return False
    return any(keys <= set(arrays) for keys in ({"row", "col"}, {"coords"}, {"indices", "indptr"}, {"offsets"}))


def of_archive(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> Matrix:
    """The matrix of a sparse `.npz` (see `is_archive`). Raises EieError, naming the file, for anything malformed."""
    try:
        found, kind = _unpacked(arrays)
        return _matrix(printable(path.stem) or "matrix", found, kind)
    except EieError as error:
        raise EieError(f"{path}: {error}") from None


def matrix_of(path: Path, seed: int = 0) -> Matrix | None:
    """The matrix of a file, whichever way it is known; None where it is none."""
    if is_matrix(path):
        return read_matrix(path, seed)
    if path.suffix != ".npz" or not is_archive(npz.keys(path)):
        return None
    arrays = read_arrays(path)
    return of_archive(path, arrays) if isinstance(arrays, Mapping) else None


def network_of_matrix(matrix: Matrix) -> "DenseNetwork":
    """A matrix as a network of one layer, made dense. Raises EieError where that is beyond memory."""
    from eiesim.dense import DenseLayer  # imported where it is used: a run does not wait for it
    from eiesim.files.weights import HELD_AGAINST_NOTHING, DenseNetwork

    rows, cols = matrix.weights.shape
    check_allowed(16 * rows * cols, f"'{matrix.name}': {rows:,} x {cols:,} made dense to be compressed")
    layer = DenseLayer(matrix.name, matrix.weights.toarray(), activation="none")
    notes = (*matrix.notes, HELD_AGAINST_NOTHING)
    return DenseNetwork(matrix.name, (layer,), (matrix.name,), (), True, notes, ledger=(matrix.entry,))


def _unpacked(arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[Any, str]:
    from scipy import sparse

    shape, data = _whole(arrays, "shape").tolist(), arrays["data"]
    if len(shape) != 2:
        raise EieError(f"shape: {shape} has {len(shape)} dimensions, needs 2")
    if data.dtype.kind not in "fiub":
        raise EieError(f"data: holds {data.dtype}, needs real numbers")
    beside = [name for name in arrays if name not in KEYS]
    if beside:
        raise EieError(f"holds '{beside[0]}' beside a sparse matrix; save each in a file of its own")
    data = _computable(data)
    kind = _said(arrays)
    _check_shape(shape, data.size)
    pydata = "fill_value" in arrays
    if pydata and np.any(arrays["fill_value"] != 0):
        raise EieError(f"fill_value: is {arrays['fill_value']}, so that what is not stored is no zero; needs 0")
    if "offsets" in arrays:
        offsets = _whole(arrays, "offsets")
        if data.ndim != 2 or len(data) != len(offsets) or len(np.unique(offsets)) != len(offsets):
            raise EieError(f"offsets: {len(offsets)} for data of shape {data.shape}; needs a diagonal each, once")
        return sparse.dia_array((data, offsets), shape=shape).tocoo(), f"scipy.sparse, {kind or 'dia'}"
    if "indptr" not in arrays:
        if "coords" in arrays:
            places = arrays["coords"]
            if places.ndim != 2 or len(places) != 2 or places.dtype.kind not in "iu":
                raise EieError(f"coords: {places.dtype}{list(places.shape)}, needs two rows of whole numbers")
            row, col = places
        else:
            row, col = _whole(arrays, "row"), _whole(arrays, "col")
        if data.ndim != 1 or not len(row) == len(col) == len(data):
            raise EieError(f"data: shape {data.shape} for {len(row)} row and {len(col)} column numbers")
        for key, numbers, size in (("row", row, shape[0]), ("column", col, shape[1])):
            _check_range(key, numbers, size)
        return sparse.coo_array((data, (row, col)), shape=shape), f"{'pydata' if pydata else 'scipy'}.sparse, coo"
    indptr, indices = _whole(arrays, "indptr"), _whole(arrays, "indices")
    if pydata:
        axes = _whole(arrays, "compressed_axes").tolist() if "compressed_axes" in arrays else [0]
        if axes not in ([0], [1]):
            raise EieError(f"compressed_axes: {axes}; a matrix has one, 0 or 1")
        axis, block = axes[0], (1, 1)
    elif kind == "bsr":
        if data.ndim != 3 or 0 in data.shape[1:] or any(size % part for size, part in zip(shape, data.shape[1:])):
            raise EieError(f"data: shape {data.shape} are no blocks of {shape[0]} x {shape[1]}")
        axis, block = 0, (data.shape[1], data.shape[2])
    elif kind in COMPRESSED:
        axis, block = COMPRESSED[kind], (1, 1)
    else:
        raise EieError(f"format: {kind!r} is none of csr, csc, coo, bsr, dia")
    if data.ndim != (3 if kind == "bsr" and not pydata else 1):
        raise EieError(f"data: has {data.ndim} dimensions, which {kind} has not")
    _check_pointers(indptr, shape[axis] // block[axis], len(indices), len(data))
    _check_range("indices", indices, shape[1 - axis] // block[1 - axis])
    if block != (1, 1):
        return sparse.bsr_array((data, indices, indptr), shape=shape).tocoo(), "scipy.sparse, bsr"
    if data.ndim == 3:
        data = data.ravel()
    made = (sparse.csc_array if axis else sparse.csr_array)((data, indices, indptr), shape=shape)
    return made.tocoo(), f"{'pydata' if pydata else 'scipy'}.sparse, {kind or ('csc' if axis else 'csr')}"


def _computable(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Numbers as SciPy computes with them: no halves, and bytes in this machine's order."""
    dtype = np.dtype(np.float32) if values.dtype.itemsize == 2 and values.dtype.kind == "f" else values.dtype
    return values.astype(dtype.newbyteorder("="), copy=False)


def _said(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """The format that an archive says it is in, bytes in SciPy's and text in pydata's; empty where it says none."""
    value = arrays.get("format")
    if value is None or value.shape != () or value.dtype.kind not in "SU":
        return ""
    held = value.item()
    return held.decode("ascii", "replace") if isinstance(held, bytes) else str(held)


def _whole(arrays: Mapping[str, npt.NDArray[Any]], key: str) -> npt.NDArray[np.int64]:
    if key not in arrays:
        raise EieError(f"{key}: key is missing")
    array = arrays[key]
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise EieError(f"{key}: is {array.dtype}{list(array.shape)}, needs whole numbers in a row")
    if array.dtype == np.uint64 and array.size and int(array.max()) >= 2**63:
        raise EieError(f"{key}: holds {array.max()}, which nothing is as long as")
    return array.astype(np.int64, copy=False)


def _check_shape(shape: Any, entries: int) -> None:
    """Raise EieError for a shape that no layer has, and where sorting by columns is beyond memory."""
    rows, cols = (int(size) for size in shape)
    if min(rows, cols) < 1:
        raise EieError(f"shape: ({rows}, {cols}) has no rows or no columns; a layer needs both")
    if max(rows, cols) >= 2**31:
        raise EieError(f"shape: ({rows}, {cols}) is more than 2**31 - 1 rows or columns")
    check_allowed(16 * (cols + 1) + 36 * entries, f"{rows:,} x {cols:,} with {entries:,} entries")


def _check_range(key: str, numbers: npt.NDArray[Any], size: int) -> None:
    if numbers.size and (int(numbers.min()) < 0 or int(numbers.max()) >= size):
        wrong = int(numbers.min()) if int(numbers.min()) < 0 else int(numbers.max())
        raise EieError(f"{key}: holds {wrong}, needs 0 to {size - 1}")


def _check_pointers(indptr: npt.NDArray[np.int64], lines: int, indices: int, data: int) -> None:
    if len(indptr) != lines + 1:
        raise EieError(f"indptr: has {len(indptr):,} entries, needs {lines + 1:,}")
    if indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any():
        raise EieError("indptr: must start at 0 and never fall")
    if not indptr[-1] == indices == data:
        raise EieError(f"indptr: ends at {indptr[-1]:,}, but there are {indices:,} indices and {data:,} values")


def _positions(path: Path, name: str, seed: int) -> Matrix:
    """DLMC's file: `rows, cols, nnz`, rows + 1 offsets, nnz columns from 0. It has no values: they are drawn."""
    from scipy import sparse

    lines = read_bytes(path).split(b"\n")
    head = _numbers(lines[0].replace(b",", b" "), "line 1, rows, cols and nnz")
    if len(head) != 3:
        raise EieError(f"line 1: has {len(head)} numbers, needs rows, cols and nnz")
    rows, cols, count = head.tolist()
    if any(line.strip() for line in lines[3:]):
        raise EieError("has more than three lines that hold something")
    _check_shape((rows, cols), count)
    offsets, columns = (
        _numbers(lines[k] if k < len(lines) else b"", f"line {k + 1}, {what}")
        for k, what in ((1, "offsets"), (2, "columns"))
    )
    if len(offsets) != rows + 1:
        raise EieError(f"line 2: has {len(offsets):,} offsets, {rows:,} rows need {rows + 1:,}; truncated?")
    if len(columns) != count:
        raise EieError(f"line 3: has {len(columns):,} columns, line 1 says {count:,}; truncated?")
    if offsets[0] != 0 or (offsets[1:] < offsets[:-1]).any() or offsets[-1] != count:
        raise EieError(f"line 2: offsets must go from 0 to {count:,} and never fall")
    _check_range("line 3: columns", columns, cols)
    values = np.random.default_rng([seed, 1]).standard_normal(count).astype(np.float32)
    values[values == 0] = 1
    found = sparse.csr_array((values, columns, offsets), shape=(rows, cols)).tocsc()
    found.sum_duplicates()
    if found.nnz != count:
        raise EieError("line 3: a column stands twice in one row")
    note = f"has positions only; its values are drawn (normal, seed {seed}) and shared, and no cycle depends on them"
    return _matrix(name, found, "DLMC, positions only", seed, (note,))


def _numbers(line: bytes, what: str) -> npt.NDArray[np.int64]:
    if stray := line.translate(None, b"0123456789-+ \t\r"):
        raise EieError(f"{what}: holds {stray[:1].decode('latin-1')!r}, needs whole numbers")
    try:
        return np.array(line.split(), np.int64)
    except (ValueError, OverflowError):
        raise EieError(f"{what}: holds what is no whole number of 64 bits") from None


def _matrix(name: str, found: Any, kind: str, seed: int | None = None, notes: tuple[str, ...] = ()) -> Matrix:
    """A matrix of what was read, SciPy's, in any format: its columns sorted, duplicates summed, zeros dropped."""
    stored = found.nnz
    if found.dtype.kind not in "fiub":
        raise EieError(f"holds {found.dtype} numbers, needs real ones")
    _check_shape(found.shape, stored)
    whole = found.tocsc()
    whole.sum_duplicates()
    with np.errstate(over="ignore"):
        values = whole.data.astype(np.float32)
    if not np.isfinite(values).all():
        bad = whole.data[~np.isfinite(values)][0]
        raise EieError(f"holds {bad:g}: NaN, infinity, or beyond float32")
    lost = np.count_nonzero(whole.data) - np.count_nonzero(values)
    if lost:
        notes = (*notes, f"{lost:,} of its values are too small for float32 and count as zeros")
    whole.data = values
    whole.eliminate_zeros()
    return Matrix(name, whole, kind, stored, seed, notes)
