"""Named tensors of a source in its order, each an array or the reason why it is none: mappings, .npz, safetensors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._io.arrays import read_arrays
from eiesim._io.reading import read_bytes
from eiesim._io.tensors import dequantised, on_the_host
from eiesim.errors import EieError, with_extra
from eiesim.files.names import natural

SAFETENSORS = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip
SMALL = {
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz", "F8_E8M0": "float8_e8m0fnu", "F4": "float4_e2m1fn",
}  # fmt: skip
"""Floating point of 8 bits and fewer as safetensors calls it, and its type in ml_dtypes."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor by its name in the source. dtype: as the source calls it. values: None where it is no array of numbers.

    problem: why it is none.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    values: npt.NDArray[Any] | None
    problem: str = ""

    @property
    def is_float(self) -> bool:
        """Whether it holds numbers as a weight has them: floating point of 16 bits or more."""
        return self.values is not None and self.values.dtype.kind == "f" and not self.is_small

    @property
    def is_small(self) -> bool:
        """Whether it holds codes of 8 bits or fewer that are floating point by name."""
        return self.dtype.lower().startswith(("float8", "float4", "f8_", "f4", "f6_"))


def of_array(name: str, values: npt.NDArray[Any]) -> Tensor:
    """A numpy array's tensor."""
    return Tensor(name, str(values.dtype), values.shape, values)


def of_npz(path: Path) -> list[Tensor]:
    """The arrays of an .npz file in its order. Raises EieError for anything malformed."""
    arrays = read_arrays(path)
    if not isinstance(arrays, Mapping):
        raise EieError(f"{path}: is one array; a network is an .npz with a weight matrix a layer")
    return [of_array(name, values) for name, values in arrays.items()]


def of_safetensors(path: Path) -> list[Tensor]:
    """The tensors of a safetensors file, sorted by name (numbers by value): its own order says nothing."""
    try:
        import safetensors
    except ImportError:
        raise EieError("reading safetensors files needs safetensors: pip install safetensors") from None
    data = read_bytes(path)
    try:
        tensors: Any = safetensors.deserialize(data)
    except (safetensors.SafetensorError, ValueError) as error:
        raise EieError(f"{path}: not readable as safetensors: {' '.join(str(error).split())}") from None
    return [_stored(name, parts) for name, parts in sorted(tensors, key=lambda pair: natural(pair[0]))]


def _stored(name: str, parts: Mapping[str, Any]) -> Tensor:
    kind, data, shape = parts["dtype"], bytes(parts["data"]), tuple(parts["shape"])
    if kind == "BF16":
        # The upper half of a float32.
        halves = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return Tensor(name, kind, shape, halves.view(np.float32).reshape(shape))
    if kind in SAFETENSORS:
        return Tensor(name, kind, shape, np.frombuffer(data, SAFETENSORS[kind]).reshape(shape))
    if kind in SMALL:
        return Tensor(name, kind, shape, _small(kind, data).reshape(shape))
    return Tensor(name, kind, shape, None, f"{kind} values; EIE's weights are made from floating point")


def _small(kind: str, data: bytes) -> npt.NDArray[np.float32]:
    """Floating point of 8 bits and fewer, widened exactly. Of two F4 in a byte the lower half comes first."""
    try:
        import ml_dtypes
    except ImportError:
        raise EieError(f"reading {kind} needs ml_dtypes: {with_extra('formats')}") from None
    codes = np.frombuffer(data, np.uint8)
    if kind == "F4":
        codes = np.stack([codes & 15, codes >> 4], axis=-1)
    with np.errstate(invalid="ignore"):
        return np.asarray(codes.view(getattr(ml_dtypes, SMALL[kind])).astype(np.float32))


def of_mapping(held: Mapping[Any, Any], prefix: str = "") -> Iterator[Tensor]:
    """The entries of a mapping in its order; mappings and lists of arrays inside it by their path, as in `a.b.0`."""
    for key, values in held.items():
        name = f"{prefix}{key}"
        if isinstance(values, Mapping):
            yield from of_mapping(values, f"{name}.")
        elif isinstance(values, Sequence) and any(hasattr(one, "__array__") or hasattr(one, "shape") for one in values):
            yield from of_mapping(dict(enumerate(values)), f"{name}.")
        else:
            yield of_values(name, values)


def of_values(name: str, values: Any) -> Tensor:
    """The tensor of an array of another library, or of numbers."""
    dtype = str(getattr(values, "dtype", "")).removeprefix("torch.")
    shape = tuple(getattr(values, "shape", ()))
    try:
        plain = dequantised(values)
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        return Tensor(name, dtype, shape, None, f"cannot be dequantised: {' '.join(str(error).split())}")
    try:
        array = np.asarray(on_the_host(plain))
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        return Tensor(name, dtype, shape, None, f"{type(values).__name__} is no array of numbers")
    if array.dtype.name.startswith(("bfloat16", "float8", "float6", "float4")):
        array = array.astype(np.float32)
    if array.dtype.kind not in "fiub":
        return Tensor(name, dtype or str(array.dtype), array.shape, None, f"{array.dtype} is no array of numbers")
    return Tensor(name, dtype or str(array.dtype), array.shape, array)
