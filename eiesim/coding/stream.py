"""A layer as one row of entries: relative indices over the whole matrix (Deep Compression Sec. 2, Fig. 2).

The matrix is read column by column, the bias, if any, as one more column. An entry is a code and z, the number of
zeros since the entry before. A longer run of zeros takes padding entries (code 0, the largest z), each of which stands
for `2**index_bits` places. Zeros at the end cost nothing. Unlike EIE's storage this needs neither
pointers nor a PE count. Files hold it, and Deep Compression's tables count it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from eiesim.errors import EieError
from eiesim.layer import CompressedLayer


@dataclass(frozen=True, eq=False)
class Stream:
    """Entries in order. codes, z: uint8[entries]."""

    codes: npt.NDArray[np.uint8]
    z: npt.NDArray[np.uint8]

    @property
    def padding(self) -> int:
        """The number of padding entries."""
        return int(np.count_nonzero(self.codes == 0))


def to_stream(layer: CompressedLayer, index_bits: int = 4) -> Stream:
    """A layer's entries with relative indices of `index_bits` bits, 1 to 8."""
    parts = list(stream_parts(layer, index_bits))
    return Stream(np.concatenate([part.codes for part in parts]), np.concatenate([part.z for part in parts]))


def stream_parts(layer: CompressedLayer, index_bits: int = 4) -> Iterator[Stream]:
    """The stream of `to_stream` in parts, so that counting its entries needs little memory."""
    if not 1 <= index_bits <= 8:
        raise EieError(f"index_bits = {index_bits}: must be 1 to 8")
    before = -1
    for places, codes in _places(layer):
        yield _part(places, codes, before, 2**index_bits)
        before = places[-1] if len(places) else before


def _places(layer: CompressedLayer) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]]:
    """Where the kept weights stand in the matrix read column by column, and their codes."""
    for here, columns in layer.stretches():
        yield columns * layer.rows + layer.indices[here], layer.codes[here]
    if layer.bias_codes is not None:
        with_bias = np.flatnonzero(layer.bias_codes)
        yield layer.cols * layer.rows + with_bias, layer.bias_codes[with_bias]


def _part(places: npt.NDArray[np.int64], codes: npt.NDArray[np.uint8], before: int, reach: int) -> Stream:
    """Entries of the weights at `places`. before: the place of the weight before them. reach: places of a padding."""
    zeros = np.diff(places, prepend=before) - 1
    ends = np.cumsum(zeros // reach + 1) - 1
    entries = int(ends[-1]) + 1 if len(ends) else 0
    all_codes = np.zeros(entries, np.uint8)
    all_z = np.full(entries, reach - 1, np.uint8)
    all_codes[ends] = codes
    all_z[ends] = zeros % reach
    return Stream(all_codes, all_z)


def from_stream(stream: Stream, like: CompressedLayer) -> CompressedLayer:
    """The layer of a stream.

    like: a layer with the shape, codebook, activation and name; its weights and the values of its bias are ignored.
    Raises EieError for entries past the matrix's end.
    """
    rows, cols = like.shape
    places = np.cumsum(stream.z.astype(np.int64) + 1) - 1
    real = stream.codes != 0
    places, codes = places[real], stream.codes[real]
    size = rows * (cols + (like.bias_codes is not None))
    if len(places) and places[-1] >= size:
        raise EieError(f"entries reach place {places[-1]}, but the layer has {size}")
    in_bias = places >= rows * cols
    bias_codes = None
    if like.bias_codes is not None:
        bias_codes = np.zeros(rows, np.uint8)
        bias_codes[places[in_bias] - rows * cols] = codes[in_bias]
    columns, indices = np.divmod(places[~in_bias], rows)
    return replace(
        like,
        indptr=np.concatenate([[0], np.cumsum(np.bincount(columns, minlength=cols))]).astype(np.int64),
        indices=indices.astype(np.int32),
        codes=codes[~in_bias],
        bias_codes=bias_codes,
    )
