"""Stored tensors of a TensorFlow Lite file as dense arrays: quantised, four bits to a nibble, sparse."""

import re
from typing import Any

import numpy as np
import numpy.typing as npt

LARGEST = 2**28
"""Numbers of the largest sparse tensor that is made dense."""

DTYPES = {
    "FLOAT32": "<f4", "FLOAT16": "<f2", "FLOAT64": "<f8", "INT8": "i1", "UINT8": "u1", "INT16": "<i2", "UINT16": "<u2",
    "INT32": "<i4", "UINT32": "<u4", "INT64": "<i8", "UINT64": "<u8", "BOOL": "?",
}  # fmt: skip
LEAST = {"INT8": -128, "UINT8": 0, "INT16": -32768, "INT4": -8, "INT2": -2}
PACKED = {"INT4": 4, "INT2": 2}
NEWER = {19: "INT2"}
"""Types that TensorFlow has and package tflite 2.18 does not name."""


class UnfitError(ValueError):
    """Why a stored tensor is no array of numbers here."""


def constants_of(enum: Any) -> dict[int, str]:
    """The names of an enumeration of package tflite by number."""
    return {number: name for name, number in vars(enum).items() if isinstance(number, int)}


class Tensors:
    """The tensors of a model's subgraph, by number. tflite: the package. data: the whole file."""

    def __init__(self, tflite: Any, model: Any, data: bytes, subgraph: int = 0) -> None:
        self.tflite, self.model, self.data = tflite, model, data
        self.kinds = NEWER | constants_of(tflite.TensorType)
        graph = model.Subgraphs(subgraph)
        self.every = [graph.Tensors(k) for k in range(graph.TensorsLength())]
        self.names: list[str] = []
        for k, tensor in enumerate(self.every):
            name = (tensor.Name() or b"").decode(errors="replace")
            self.names.append(f"{name or 'tensor'}#{k}" if not name or name in self.names else name)

    def name(self, k: int) -> str:
        """Its name in the ledger, each once."""
        return self.names[k]

    def short(self, k: int) -> str:
        """What its layer is called, of the path that TensorFlow wrote; empty where that says nothing."""
        operator = r"(?:Tensordot/)?(?:MatMul|convolution|Conv2D|kernel|weights?)[^/]*?(?:;|$)"
        found = re.match(rf"(?:.*?/)?([^/;]+)/{operator}", self.names[k])
        plain = re.fullmatch(r"[A-Za-z][\w.-]*", self.names[k])
        if found is None and (plain is None or "PartitionedCall" in self.names[k]):
            return ""
        return found.group(1) if found else re.sub(r"[._](weight|kernel)s?$", "", self.names[k])

    def kind(self, k: int) -> str:
        """Its type by name."""
        number = self.every[k].Type()
        return self.kinds.get(number, f"type {number}")

    def shape(self, k: int) -> tuple[int, ...]:
        """Its shape; unknown axes are 1."""
        every = self.every[k]
        return tuple(int(size) for size in every.ShapeAsNumpy()) if every.ShapeLength() else ()

    def is_stored(self, k: int) -> bool:
        """Whether the file holds its values."""
        buffer = self.model.Buffers(self.every[k].Buffer())
        return bool(buffer.DataLength() or buffer.Size())

    def is_quantised(self, k: int) -> bool:
        """Whether it has a scale and is of whole numbers."""
        by = self.every[k].Quantization()
        return by is not None and by.ScaleLength() > 0 and self.kind(k) in (*LEAST, "INT32", "INT64")

    def starts_at_zero(self, k: int) -> bool:
        """Whether it is quantised so that nothing below 0 can be held: its zero point is its type's least value."""
        by = self.every[k].Quantization()
        if by is None or by.ScaleLength() != 1 or by.ZeroPointLength() != 1 or self.kind(k) not in LEAST:
            return False
        return int(by.ZeroPoint(0)) == LEAST[self.kind(k)]

    def values(self, k: int) -> npt.NDArray[Any]:
        """Its values, dense and dequantised, float32 where it has scales. Raises UnfitError, saying why it has none."""
        codes = self._codes(k)
        scale = self._scale(k)
        if scale is None:
            if codes.dtype.kind != "f":
                raise UnfitError(f"{self.kind(k)} without a scale; EIE's weights are made from floating point")
            return codes
        by, less, axis = scale
        shaped = [1] * codes.ndim
        if by.size > 1:
            shaped[axis] = by.size
        points = less.reshape(shaped if less.size == by.size else [1] * codes.ndim)
        return (codes.astype(np.int64) - points).astype(np.float32) * by.reshape(shaped)

    def bias(self, k: int, x: int, weights: int) -> npt.NDArray[Any]:
        """A bias' values: of whole numbers without a scale of its own, by those of the inputs and the weights."""
        if self._scale(k) is not None or self.kind(k) not in ("INT32", "INT64"):
            return self.values(k)
        first, second = self._scale(x), self._scale(weights)
        if first is None or second is None:
            raise UnfitError(f"a bias of {self.kind(k)} without a scale")
        return self._codes(k).astype(np.float64) * first[0] * second[0]

    def _scale(self, k: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], int] | None:
        by = self.every[k].Quantization()
        if by is None:
            return None
        if by.DetailsType():
            raise UnfitError("quantised in blocks or by a custom operator, which package tflite does not read")
        if not by.ScaleLength():
            return None
        scale = np.asarray(by.ScaleAsNumpy(), np.float32)
        less = np.asarray(by.ZeroPointAsNumpy(), np.int64) if by.ZeroPointLength() else np.zeros(1, np.int64)
        axis, shape = by.QuantizedDimension(), self.shape(k)
        if (scale.size > 1 and (axis >= len(shape) or shape[axis] != scale.size)) or less.size not in (1, scale.size):
            raise UnfitError(f"{scale.size} scales along axis {axis} of shape {list(shape)}")
        return scale, less, axis

    def _codes(self, k: int) -> npt.NDArray[Any]:
        """Its numbers as they are stored, in its shape."""
        tensor, kind, shape = self.every[k], self.kind(k), self.shape(k)
        buffer = self.model.Buffers(tensor.Buffer())
        if buffer.DataLength():
            data = buffer.DataAsNumpy().tobytes()
        else:  # files of more than 2 GB hold them behind the FlatBuffer
            data = self.data[buffer.Offset() : buffer.Offset() + buffer.Size()]
        sparsity = tensor.Sparsity()
        places = None if sparsity is None else self._places(sparsity, shape)
        count = int(np.prod(shape, dtype=object)) if places is None else len(places)
        if kind in PACKED:
            values: npt.NDArray[Any] = _unpacked(data, PACKED[kind])[:count]
        elif kind in DTYPES:
            values = np.frombuffer(data, DTYPES[kind])
        elif kind == "BFLOAT16":
            values = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            raise UnfitError(f"values of {kind}, which are not read")
        if values.size != count:
            raise UnfitError(f"{values.size:,} numbers are stored where its shape {list(shape)} needs {count:,}")
        if places is None:
            return values.reshape(shape)
        whole = np.zeros(int(np.prod(shape, dtype=object)), values.dtype)
        whole[places] = values
        return whole.reshape(shape)

    def _places(self, sparsity: Any, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """Of each stored number of a sparse tensor, its place in the dense one, counted along rows.

        Levels are walked in traversal_order; those beyond the tensor's axes are within blocks, of the axes of
        block_map. A DENSE level has every index, a SPARSE_CSR one those between its segments.
        """
        rank, levels = len(shape), sparsity.DimMetadataLength()
        order = [int(one) for one in sparsity.TraversalOrderAsNumpy()]
        blocks = [int(one) for one in sparsity.BlockMapAsNumpy()] if sparsity.BlockMapLength() else []
        if sorted(order) != list(range(rank + len(blocks))) or levels != len(order):
            raise UnfitError(f"its sparsity walks {order}, with {levels} levels, a tensor of {rank} axes")
        if int(np.prod(shape, dtype=object)) > LARGEST:
            raise UnfitError(f"a sparse tensor of {list(shape)}, too large to be made dense")
        sizes = {
            blocks[order[k] - rank]: sparsity.DimMetadata(k).DenseSize() for k in range(levels) if order[k] >= rank
        }
        strides = np.cumprod((1, *shape[:0:-1]))[::-1]
        places = np.zeros(1, np.int64)
        for k, axis in enumerate(order):
            of = axis if axis < rank else blocks[axis - rank]
            step = int(strides[of]) * (sizes.get(of, 1) if axis < rank else 1)
            level = sparsity.DimMetadata(k)
            if level.Format() == self.tflite.DimensionType.DENSE:
                if not 0 < level.DenseSize() * len(places) <= LARGEST:
                    raise UnfitError("its dense levels are larger than its shape")
                places = (places[:, None] + step * np.arange(level.DenseSize())).reshape(-1)
                continue
            segments = self._vector(level.ArraySegmentsType(), level.ArraySegments())
            indices = self._vector(level.ArrayIndicesType(), level.ArrayIndices())
            counts = np.diff(segments)
            if len(counts) != len(places) or (counts < 0).any() or segments[0] != 0 or segments[-1] != len(indices):
                raise UnfitError("its sparse segments do not fit its indices")
            places = np.repeat(places, counts) + step * indices
        if places.size and (places.min() < 0 or places.max() >= int(np.prod(shape))):
            raise UnfitError(f"its sparse indices lead beyond its shape {list(shape)}")
        return places

    def _vector(self, kind: int, table: Any) -> npt.NDArray[np.int64]:
        names = {1: "Int32Vector", 2: "Uint16Vector", 3: "Uint8Vector"}
        if kind not in names or table is None:
            raise UnfitError("its sparse indices are of no known type")
        vector = getattr(self.tflite, names[kind])()
        vector.Init(table.Bytes, table.Pos)
        return np.asarray(vector.ValuesAsNumpy() if vector.ValuesLength() else [], np.int64)


def _unpacked(data: bytes, bits: int) -> npt.NDArray[np.int8]:
    """Numbers of 4 or 2 bits with a sign, the low bits of a byte first."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    codes: npt.NDArray[np.int8] = (
        ((np.frombuffer(data, np.uint8)[:, None] >> shifts) & (2**bits - 1)).reshape(-1).astype(np.int8)
    )
    codes[codes >= 2 ** (bits - 1)] -= 2**bits
    return codes
