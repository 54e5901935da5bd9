"""Codes out of words and bytes, the values of small floating point, and numbers spread over blocks of a matrix."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
"""Values of float4's codes 0 to 7; bit 3 is the sign. OCP Microscaling Formats, Sec. 5.3.3."""

E2M3 = np.array([m / 8 for m in range(8)] + [(1 + m / 8) * 2**e for e in range(3) for m in range(8)], np.float32)
"""Values of float6's codes 0 to 31; bit 5 is the sign. OCP Microscaling Formats, Sec. 5.3.2."""

WORD = 32
BLOCK = 128
"""Rows and columns of a float8 scale's block, where nothing says otherwise: what DeepSeek and its followers use."""


def from_words(words: Array, bits: int, count: int, padded: bool = False) -> npt.NDArray[np.uint8]:
    """Codes along the last axis of 32-bit words, the lowest bits first.

    padded: each word holds whole codes and its upper bits are unused; else a code may straddle two words.
    """
    each = WORD // bits
    place = np.arange(count)
    starts = place // each * WORD + place % each * bits if padded else place * bits
    word, shift = starts // WORD, (starts % WORD).astype(np.uint32)
    unsigned = np.ascontiguousarray(words).view(np.uint32)
    codes = unsigned[..., word] >> shift
    over = shift + bits > WORD
    if over.any():
        codes[..., over] |= unsigned[..., word[over] + 1] << (WORD - shift[over])
    return (codes & np.uint32((1 << bits) - 1)).astype(np.uint8)


def words_for(bits: int, count: int, padded: bool = False) -> int:
    """How many 32-bit words hold so many codes."""
    return -(-count // (WORD // bits)) if padded else -(-count * bits // WORD)


def nibbles(packed: Array, high_first: bool = False) -> npt.NDArray[np.uint8]:
    """Both halves of each byte along the last axis, the lower one first."""
    halves = (packed >> 4, packed & 15) if high_first else (packed & 15, packed >> 4)
    return np.stack(halves, axis=-1).reshape(*packed.shape[:-1], -1)


def float4(codes: Array) -> npt.NDArray[np.float32]:
    """The values of E2M1 codes."""
    return np.concatenate([E2M1, -E2M1])[codes]


def float6(packed: Array) -> npt.NDArray[np.float32]:
    """The values of E2M3 codes, four in three bytes along the last axis, the lowest bits first."""
    parts = packed.reshape(*packed.shape[:-1], -1, 3).astype(np.uint32)
    word = parts[..., 0] | parts[..., 1] << 8 | parts[..., 2] << 16
    codes = np.stack([word >> shift & 63 for shift in (0, 6, 12, 18)], axis=-1)
    return np.concatenate([E2M3, -E2M3])[codes.reshape(*packed.shape[:-1], -1)]


def exponents(stored: Array) -> npt.NDArray[np.float32]:
    """Powers of two that are stored as E8M0 in bytes: 2**(byte - 127); 255 is NaN."""
    powers = np.exp2(np.arange(256) - 127.0)
    powers[255] = np.nan
    return np.asarray(powers.astype(np.float32)[stored])


def block_sizes(size: int, blocks: int) -> Iterator[int]:
    """Sizes of a block that may be meant where so many cover a side: 128, the power of two, the whole number."""
    powers = (2**k for k in range(5, 15))
    found = dict.fromkeys(one for one in (BLOCK, *powers) if -(-size // one) == blocks)
    yield from found
    if size % blocks == 0 and size // blocks not in found:
        yield size // blocks


def spread(values: Array, shape: tuple[int, int], block: tuple[int, int]) -> Array:
    """One number a block as one a weight; the last blocks may be cut off."""
    rows = np.repeat(values, block[0], axis=0)[: shape[0]]
    return np.repeat(rows, block[1], axis=1)[:, : shape[1]]
