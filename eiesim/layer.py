"""CompressedLayer: a pruned, weight-shared fully connected layer, whatever machine will run it.

Codes in compressed sparse columns plus a codebook: Deep Compression's result (EIE Sec. III-B).
"""

import hashlib
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from eiesim._checks import flag, whole
from eiesim._io import modules
from eiesim._io.tensors import as_scipy, is_sparse, on_the_host
from eiesim._shown import Plotted, Tabled, counted
from eiesim.errors import EieError
from eiesim.weight_sharing import nearest_code, share

if TYPE_CHECKING:
    import pandas as pd
    from scipy import sparse

ACTIVATIONS = ("relu", "none")
MAX_CODES = 256

STRETCH = 2**18
"""Weights looked at in one go where temporary arrays are several times as large as they are."""


@dataclass(frozen=True, eq=False, repr=False)
class CompressedLayer(Plotted, Tabled):
    """A compressed layer: `b = activation(W a + bias)` with `W[i, j] = codebook[code]`.

    The arrays are read-only. Layers are made by `from_dense`, `from_torch`, `eiesim.compress` or `eiesim.load`.

    Parameters
    ----------
    shape : tuple of int
        (rows, cols): outputs and inputs, 1 to 2**31 - 1 each.
    indptr : int64[cols + 1]
        Column pointers: column j has entries indptr[j] to indptr[j + 1].
    indices : int32[nnz]
        Row numbers, ascending within a column.
    codes : uint8[nnz]
        1 to len(codebook) - 1; code 0 (the value 0.0) is never kept.
    codebook : float32[1 to 256]
        The shared values; entry 0 is 0.0.
    bias_codes : uint8[rows] or None, default None
        Each row's bias, 0 for none; if given, the bias is one more column. None is a layer without a bias.
    activation : str, default "relu"
        "relu" or "none", applied when results are written.
    name : str, default "layer"
        One line of text, for people; it changes no result.
    groups : int, default 1
        Of a convolution in groups: so many blocks of equal size along the diagonal hold all weights. It says how many
        weights there are places for; outputs, cycles and counters are the same without it.
    depthwise : bool, default False
        Whether each group is a single input channel, as in a depthwise convolution. Changes no result.
    activation_said : bool, default True
        False where no one has said what follows the layer, so that `activation` is the default. Adder units then
        apply none (docs/variants.md).

    Raises
    ------
    EieError
        For whatever does not fit; the message begins with the parameter.
    """

    shape: tuple[int, int]
    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    codes: npt.NDArray[np.uint8]
    codebook: npt.NDArray[np.float32]
    bias_codes: npt.NDArray[np.uint8] | None = None
    activation: str = "relu"
    name: str = field(default="layer", compare=False)
    groups: int = 1
    depthwise: bool = field(default=False, compare=False)
    activation_said: bool = field(default=True, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _whole_shape(self.shape))
        if not isinstance(self.name, str) or not self.name.isprintable():
            raise EieError(f"name: {self.name!r} is not one line of text")
        dtypes = {
            "indptr": np.int64,
            "indices": np.int32,
            "codes": np.uint8,
            "codebook": np.float32,
            "bias_codes": np.uint8,
        }
        for key, dtype in dtypes.items():
            value = getattr(self, key)
            if key != "bias_codes" or value is not None:
                object.__setattr__(self, key, _read_only(key, value, np.dtype(dtype)))
        if self.activation not in ACTIVATIONS:
            raise EieError(f"activation: {self.activation!r} is not one of {', '.join(ACTIVATIONS)}")
        self._check_codebook()
        self._check_columns()
        self._check_codes()
        self._check_groups()

    def _check_codebook(self) -> None:
        if not 1 <= len(self.codebook) <= MAX_CODES:
            raise EieError(f"codebook: has {len(self.codebook)} entries, needs 1 to {MAX_CODES}")
        if not np.isfinite(self.codebook).all():
            raise EieError("codebook: holds NaN or infinity")
        if self.codebook[0] != 0:
            raise EieError(f"codebook: entry 0 is {self.codebook[0]}, must be 0.0")

    def _check_columns(self) -> None:
        if len(self.indptr) != self.cols + 1:
            raise EieError(f"indptr: has {len(self.indptr)} entries, needs cols + 1 = {self.cols + 1}")
        # Not by np.diff, which wraps around at the ends of int64.
        if self.indptr[0] != 0 or (self.indptr[1:] < self.indptr[:-1]).any():
            raise EieError("indptr: must start at 0 and never fall")
        if self.indptr[-1] != len(self.indices):
            raise EieError(f"indptr: ends at {self.indptr[-1]}, but indices has {len(self.indices)} entries")
        if len(self.codes) != len(self.indices):
            raise EieError(f"codes: has {len(self.codes)} entries, indices has {len(self.indices)}")
        if self.nnz == 0:
            return
        if self.indices.min() < 0 or self.indices.max() >= self.rows:
            raise EieError(f"indices: row numbers must be 0 to {self.rows - 1}")
        falls = self.indices[1:] <= self.indices[:-1]
        starts = self.indptr[1:-1]
        falls[starts[(starts > 0) & (starts < self.nnz)] - 1] = False
        if falls.any():
            column = int(np.searchsorted(self.indptr, int(falls.argmax()), side="right")) - 1
            raise EieError(f"indices: rows of column {column} do not ascend, or one occurs twice")

    def _check_codes(self) -> None:
        highest = len(self.codebook) - 1
        if self.nnz and (self.codes.min() == 0 or self.codes.max() > highest):
            raise EieError(f"codes: must be 1 to {highest}, the codebook's entries (0 is padding and never kept)")
        if self.bias_codes is not None:
            if len(self.bias_codes) != self.rows:
                raise EieError(f"bias_codes: has {len(self.bias_codes)} entries, needs one a row = {self.rows}")
            if self.bias_codes.max() > highest:
                raise EieError(f"bias_codes: must be 0 to {highest}, the codebook's entries")

    def _check_groups(self) -> None:
        object.__setattr__(self, "groups", whole("groups", self.groups, 1))
        flag("depthwise", self.depthwise)
        object.__setattr__(self, "depthwise", bool(self.depthwise))
        if self.groups == 1:
            if self.depthwise:
                raise EieError("depthwise: needs groups, one a channel")
            return
        if self.rows % self.groups or self.cols % self.groups:
            raise EieError(f"groups: {self.groups} do not share {self.rows} rows and {self.cols} columns evenly")
        rows, cols = self.rows // self.groups, self.cols // self.groups
        for here, columns in self.stretches():
            outside = self.indices[here] // rows != columns // cols
            if outside.any():
                at = int(outside.argmax())
                raise EieError(
                    f"groups: the weight in row {self.indices[here][at]}, column {columns[at]} lies in none of "
                    f"{self.groups} blocks"
                )

    @property
    def rows(self) -> int:
        """Outputs."""
        return self.shape[0]

    @property
    def cols(self) -> int:
        """Inputs."""
        return self.shape[1]

    @property
    def nnz(self) -> int:
        """Kept weights, the bias left out."""
        return len(self.indices)

    @property
    def density(self) -> float:
        """Kept weights as a share of rows x cols."""
        return self.nnz / (self.rows * self.cols)

    @property
    def dense_weights(self) -> int:
        """Weights that there are places for: rows x cols, of a convolution in groups those of its blocks."""
        return self.rows * self.cols // self.groups

    @property
    def bias(self) -> npt.NDArray[np.float32] | None:
        """The bias as float32[rows], or None."""
        return None if self.bias_codes is None else self.codebook[self.bias_codes]

    @cached_property
    def largest_weight(self) -> float:
        """The largest magnitude in the codebook."""
        return float(np.abs(self.codebook).max())

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 (hex) of everything that changes a result; the name does not. `activation_said` is left out."""
        in_groups = (self.groups,) if self.groups > 1 else ()
        digest = hashlib.sha256(repr((self.shape, self.activation, *in_groups)).encode())
        for array in (self.indptr, self.indices, self.codes, self.codebook, self.bias_codes):
            digest.update(b"none" if array is None else str(len(array)).encode() + array.tobytes())
        return digest.hexdigest()

    def __repr__(self) -> str:
        bias = "" if self.bias_codes is None else ", bias"
        bias += f", {self.in_groups}" if self.groups > 1 else ""
        return (
            f"<CompressedLayer {self.name}: {self.rows} x {self.cols}, {counted(self.nnz, 'weight')} "
            f"({self.density:.2%}), {counted(len(self.codebook), 'code')}{bias}, activation {self.activation}>"
        )

    @property
    def in_groups(self) -> str:
        """What a convolution in groups is called; empty for any other layer."""
        if self.depthwise:
            many = self.rows // self.groups
            return f"depthwise, {self.groups:,} channels" + (f" of {many} outputs" if many > 1 else "")
        return f"{self.groups:,} groups" if self.groups > 1 else ""

    def to_frame(self) -> "pd.DataFrame":
        """How often each shared value is used.

        Returns
        -------
        pandas.DataFrame
            A row a code: `code`, `value` (float32), `weights` (how many have it) and `share` of the kept ones.
        """
        import pandas as pd

        weights = np.bincount(self.codes, minlength=len(self.codebook))
        columns = {"code": np.arange(len(self.codebook)), "value": self.codebook, "weights": weights}
        return pd.DataFrame({**columns, "share": weights / max(1, self.nnz)})

    def stretches(self) -> Iterator[tuple[slice, npt.NDArray[np.int64]]]:
        """The kept weights in stretches of whole columns, of 2**18 weights or one column, so that memory stays small.

        Yields
        ------
        here : slice
            Where the weights stand in `indices` and `codes`.
        columns : int64[weights]
            Each weight's column.
        """
        start = 0
        while start < self.cols:
            end = int(np.searchsorted(self.indptr, self.indptr[start] + STRETCH, side="right")) - 1
            end = max(end, start + 1)
            columns = np.repeat(np.arange(start, end), np.diff(self.indptr[start : end + 1]))
            yield slice(int(self.indptr[start]), int(self.indptr[end])), columns
            start = end

    def to_scipy(self, dtype: npt.DTypeLike = np.float32) -> "sparse.csc_array[Any]":
        """The weights as a SciPy CSC array; the bias is left out.

        Parameters
        ----------
        dtype : numpy dtype, default float32
            Of the values.

        Returns
        -------
        scipy.sparse.csc_array
            Shape (rows, cols), with arrays of its own. Indices are int32 wherever they reach, else int64.
        """
        from scipy import sparse  # imported where it is used: a run does not wait for it

        values = self.codebook[self.codes].astype(dtype, copy=False)
        # SciPy would widen both to the wider of the two.
        narrow = max(self.nnz, *self.shape) <= np.iinfo(np.int32).max
        index: type[np.signedinteger[Any]] = np.int32 if narrow else np.int64
        parts = values, self.indices.astype(index), self.indptr.astype(index)
        return sparse.csc_array(parts, shape=self.shape)

    def to_dense(self) -> npt.NDArray[np.float32]:
        """The weights as a dense matrix; the bias is left out.

        Returns
        -------
        float32[rows, cols]
            The weights, 0 where none is kept.
        """
        dense = np.zeros(self.shape, np.float32)
        for here, columns in self.stretches():
            dense[self.indices[here], columns] = self.codebook[self.codes[here]]
        return dense

    @classmethod
    def from_dense(
        cls,
        weights: Any,
        codebook: npt.ArrayLike | None = None,
        bits: int = 4,
        *,
        bias: Any = None,
        activation: str | None = None,
        name: str = "layer",
    ) -> "CompressedLayer":
        """Compress a matrix: zeros are pruned, the rest share `2**bits - 1` values.

        Parameters
        ----------
        weights : float[rows, cols]
            Outputs by inputs: an array, a torch tensor (with or without a gradient, bfloat16 too), or a sparse
            matrix of SciPy's or pydata's in any format, which is never made dense. Rounded to float32.
        codebook : float[up to 2**bits] or None, default None
            The shared values, entry 0 is 0.0; each kept weight takes the nearest of the others. With None, weights of
            at most `2**bits - 1` distinct values keep them exactly, and biases take what is free, else the nearest;
            weights of more values, and the bias, share by k-means with linear initialisation (Deep Compression
            Sec. 3.1).
        bits : int, default 4
            Of a code, 1 to 8.
        bias : float[rows] or None, default None
            Shares the codebook; None is a layer without a bias.
        activation : str or None, default None
            What follows the layer: "relu" or "none". None is "relu", and none where adder units compute it.
        name : str, default "layer"
            The layer's name.

        Returns
        -------
        CompressedLayer
            The layer.

        Raises
        ------
        EieError
            For weights that are not two-dimensional or not finite, and a bias or codebook that does not fit.

        Examples
        --------
        >>> import eiesim
        >>> layer = eiesim.CompressedLayer.from_dense([[0.5, 0.0], [0.0, -1.0]])
        >>> layer.codebook.tolist(), layer.codes.tolist()
        ([0.0, -1.0, 0.5], [2, 1])
        """
        from scipy import sparse

        if is_sparse(weights):
            if len(weights.shape) != 2:
                raise EieError(f"weights: has {len(weights.shape)} dimensions, needs 2")
            # In a format of its own: what sums and sorts in place then changes nothing of the caller's.
            held = as_scipy(weights).tocoo()
            places = (np.array(held.row), np.array(held.col))
            whole = sparse.coo_array((np.array(held.data), places), held.shape).tocsc()
            whole.sum_duplicates()
            matrix = sparse.csc_array(
                (_finite_array("weights", whole.data, 1), whole.indices, whole.indptr), whole.shape
            )
        else:
            matrix = sparse.csc_array(_finite_array("weights", weights, 2))
        offsets = None if bias is None else _finite_array("bias", bias, 1)
        if not 1 <= bits <= 8:
            raise EieError(f"bits = {bits}: must be 1 to 8")
        matrix.eliminate_zeros()
        bias_codes = None
        if codebook is None:
            sharing = share(np.sort(matrix.data), offsets, bits)
            shared, codes = sharing.codebook, sharing.codes(matrix.data)
            if offsets is not None:
                bias_codes = sharing.bias_codes(offsets)
        else:
            shared = _finite_array("codebook", codebook, 1)
            if len(shared) > 2**bits:
                raise EieError(f"codebook: has {len(shared)} entries, {bits} bits reach {2**bits}")
            codes = nearest_code(matrix.data, shared)
            if offsets is not None:
                bias_codes = np.zeros(len(offsets), np.uint8)
                bias_codes[offsets != 0] = nearest_code(offsets[offsets != 0], shared)
        return cls(
            shape=(matrix.shape[0], matrix.shape[1]),
            indptr=matrix.indptr.astype(np.int64),
            indices=matrix.indices.astype(np.int32),
            codes=codes,
            codebook=shared,
            bias_codes=bias_codes,
            activation="relu" if activation is None else activation,
            name=name,
            activation_said=activation is not None,
        )

    @classmethod
    def from_torch(
        cls,
        module: Any,
        bits: int = 4,
        *,
        codebook: npt.ArrayLike | None = None,
        activation: str | None = None,
        name: str | None = None,
    ) -> "CompressedLayer":
        """Compress a `torch.nn.Linear`, pruned or not: its zeros are pruned, its weights and bias share `bits` bits.

        For a whole network see `eiesim.compress`.

        Parameters
        ----------
        module : torch.nn.Linear
            Or whatever has a `weight`, which is taken as the module computes it (pruned, normalised), and maybe a
            `bias`: a 1x1 convolution, transposed or in groups too, GPT-2's Conv1D, or a module that multiplies by its
            weight in code of its own. On any device, in any floating-point type. It is not changed.
        bits : int, default 4
            Of a code, 1 to 8.
        codebook : float[up to 2**bits] or None, default None
            See `from_dense`.
        activation : str or None, default None
            What follows the module, "relu" or "none"; the module does not say. None is "relu", and none where adder
            units compute it.
        name : str or None, default None
            The layer's name; None is the module's class.

        Returns
        -------
        CompressedLayer
            The layer.

        Raises
        ------
        EieError
            For a module without such a weight, and for what `from_dense` refuses.
        """
        kind = type(module).__name__
        if not modules.has_weight(module):
            raise EieError(f"{kind}: has no weight; give an nn.Linear, or a whole network to eiesim.compress")
        found = modules.matrix_alone(module)
        if isinstance(found, str):
            raise EieError(found if found.startswith(f"{kind}:") else f"{kind}: {found}")
        called = name or kind
        layer = cls.from_dense(found.weights, codebook, bits, bias=found.bias, activation=activation, name=called)
        return replace(layer, groups=found.groups, depthwise=found.depthwise) if found.groups > 1 else layer


def layers_frame(layers: "Sequence[CompressedLayer]") -> "pd.DataFrame":
    """A table of layers, a row each: name, sizes, how many weights are kept and what share, codes, bias, activation."""
    import pandas as pd

    rows = [
        (
            one.name,
            one.rows,
            one.cols,
            one.nnz,
            one.density,
            len(one.codebook),
            one.bias_codes is not None,
            one.activation,
        )
        for one in layers
    ]
    columns = ["layer", "rows", "cols", "kept_weights", "density", "codes", "bias", "activation"]
    return pd.DataFrame(rows, columns=columns)


def printable(name: str) -> str:
    """A file's name as a layer's: whatever could not stand on one line of text becomes `?`."""
    return "".join(character if character.isprintable() else "?" for character in name)


def _whole_shape(shape: Sequence[SupportsIndex]) -> tuple[int, int]:
    try:
        rows, cols = map(operator.index, shape)
    except (TypeError, ValueError):
        raise EieError(f"shape: {shape!r} is not two whole numbers, rows and columns") from None
    if min(rows, cols) < 1:
        raise EieError(f"shape: ({rows}, {cols}) has no rows or no columns; a layer needs both")
    if max(rows, cols) >= 2**31:
        raise EieError(f"shape: ({rows}, {cols}) is more than 2**31 - 1 rows or columns")
    return rows, cols


def _read_only(key: str, value: object, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    array = np.asarray(value)
    if array.ndim != 1:
        raise EieError(f"{key}: has {array.ndim} dimensions, needs 1")
    if array.dtype != dtype:
        raise EieError(f"{key}: is {array.dtype}, needs {dtype}")
    if array.flags.writeable or array.base is not None or not array.flags.c_contiguous:
        array = array.copy()  # also of a read-only view, whose owner could still write
        array.flags.writeable = False
    return array


def check_layer(value: Any) -> None:
    """Raise EieError unless it is a layer: what is opened, compressed or trained has several, in `layers`."""
    if not isinstance(value, CompressedLayer):
        made = type(value).__name__
        hint = "; its layers are in its attribute 'layers'" if hasattr(value, "layers") else ""
        hint = hint or ("; its layer is in its attribute 'layer'" if hasattr(value, "layer") else "")
        raise EieError(f"layer: needs a CompressedLayer, not {made}{hint}")


def as_float32(key: str, values: Any) -> npt.NDArray[np.float32]:
    """Numbers rounded to float32, too large ones to infinity. Raises EieError for what are no numbers.

    values: whatever numpy makes an array of; SciPy sparse matrices; torch tensors on any device, with a gradient or
    without, bfloat16 and float16 too; JAX arrays. None of these libraries is imported here.
    """
    if type(values) is np.ndarray and values.dtype == np.float32:
        return values
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            array = np.asarray(on_the_host(values))
            if array.dtype.kind == "c":
                raise EieError(f"{key}: holds complex numbers")
            return np.asarray(array, dtype=np.float32)
    except EieError:
        raise
    except (TypeError, ValueError, RuntimeError):
        raise EieError(f"{key}: is not an array of numbers") from None


def _finite_array(key: str, values: Any, ndim: int) -> npt.NDArray[np.float32]:
    array = as_float32(key, values)
    if array.ndim != ndim:
        raise EieError(f"{key}: has {array.ndim} dimensions, needs {ndim}")
    if not np.isfinite(array).all():
        raise EieError(f"{key}: holds NaN or infinity")
    return array
