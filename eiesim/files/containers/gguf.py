"""GGUF (.gguf): llama.cpp's files of tensors, read and dequantised by package gguf (docs/formats-in-the-wild.md)."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from eiesim._io.reading import check_regular
from eiesim.errors import EieError, with_extra
from eiesim.files.ledger import NO_CHOICE, Choice
from eiesim.files.names import is_embedding
from eiesim.files.tensors import Tensor
from eiesim.files.weights import DenseNetwork, network_of_tensors

PART = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf")
PLAIN = ("F32", "F16", "F64", "I8", "I16", "I32", "I64")


def load_gguf(path: Path, choice: Choice = NO_CHOICE) -> DenseNetwork:
    """A network from a .gguf file in the file's order, from all parts of one that is split.

    Raises EieError for anything malformed, for a part that is not there, and for types that gguf does not dequantise.
    """
    try:
        import gguf
    except ImportError:
        raise EieError(f"reading GGUF needs gguf: {with_extra('formats')}") from None
    tensors: list[Tensor] = []
    for part in parts_of(path):
        tensors += _tensors(part, gguf, choice)
    origin = PART.fullmatch(path.name)
    return network_of_tensors(path.with_name(f"{origin.group(1)}.gguf") if origin else path, tensors, choice)


def parts_of(path: Path) -> list[Path]:
    """The files of a model, which may be one of several parts. Raises EieError where one is missing."""
    named = PART.fullmatch(path.name)
    if named is None:
        return [path]
    stem, _, count = named.groups()
    parts = [path.with_name(f"{stem}-{k:05}-of-{count}.gguf") for k in range(1, int(count) + 1)]
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise EieError(f"{path}: is one of {int(count)} parts, and {missing[0]} is not beside it")
    return parts


def _tensors(path: Path, gguf: Any, choice: Choice) -> list[Tensor]:
    check_regular(path)
    if path.stat().st_size < 24:
        raise EieError(f"{path}: is too short for a GGUF file")
    try:
        reader = gguf.GGUFReader(path)
    except Exception as error:  # gguf checks little: a damaged header may end in any of them
        about = " ".join(str(error).split())[:200]
        raise EieError(f"{path}: not readable as GGUF; damaged or cut off? {about or type(error).__name__}") from None
    count, size = reader.get_field("split.count"), path.stat().st_size
    if count is not None and int(count.contents()) > 1 and PART.fullmatch(path.name) is None:
        raise EieError(f"{path}: is one of {int(count.contents())} parts; give it its name back, -00001-of-0000N.gguf")
    swapped = reader.byte_order == "S"
    tensors = []
    for held in reader.tensors:
        is_wanted = choice.takes(held.name) or not (is_embedding(held.name) or choice.leaves(held.name))
        tensors.append(_tensor(path, held, gguf if is_wanted else None, size, swapped))
    return tensors


def _tensor(path: Path, held: Any, gguf: Any, size: int, swapped: bool) -> Tensor:
    """A tensor as (outputs, inputs): the header has its axes the other way round. gguf: None dequantises nothing."""
    kind, shape = held.tensor_type.name, tuple(int(one) for one in reversed(held.shape.tolist()))
    if held.data_offset + held.n_bytes > size:
        raise EieError(f"{path}: is cut off within {held.name}")
    if 0 in shape:
        raise EieError(f"{path}: {held.name}: has shape {shape}, which holds nothing; damaged?")
    if kind in PLAIN:
        values = np.asarray(held.data)
        return Tensor(held.name, kind, shape, values.astype(values.dtype.newbyteorder("=")))
    if gguf is None:
        return Tensor(held.name, kind, shape, None, "not dequantised")
    if swapped:
        return Tensor(held.name, kind, shape, None, f"{kind} in big-endian order, which gguf does not dequantise")
    try:
        return Tensor(held.name, kind, shape, gguf.quants.dequantize(held.data, held.tensor_type))
    except NotImplementedError:
        return Tensor(held.name, kind, shape, None, f"quantised as {kind}, which package gguf does not dequantise")
