"""Huffman coding of codes and relative indices (Deep Compression Sec. 4): canonical codes, encoder and decoder."""

import heapq
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._jit import jit
from eiesim.errors import EieError

MAX_SYMBOLS = 256
MAX_LENGTH = 63
"""The longest codeword, in bits. A code needs a longer one only for more than 10**13 symbols."""


@dataclass(frozen=True, eq=False)
class HuffmanCode:
    """A canonical Huffman code over the symbols 0 to len(lengths) - 1.

    lengths: uint8[up to 256], bits of each symbol's codeword; 0 is a symbol that does not occur. Codewords are
    numbered from short to long, and within one length in the order of the symbols, so the lengths define the code.
    Raises EieError for lengths that are no complete prefix code (a lone symbol has one bit).
    """

    lengths: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        lengths = np.array(self.lengths, np.uint8)
        lengths.flags.writeable = False
        object.__setattr__(self, "lengths", lengths)
        used = lengths[lengths > 0].tolist()
        if lengths.ndim != 1 or len(lengths) > MAX_SYMBOLS or (used and max(used) > MAX_LENGTH):
            raise EieError(f"Huffman code: needs up to {MAX_SYMBOLS} lengths of up to {MAX_LENGTH} bits")
        filled = sum(2 ** (MAX_LENGTH - length) for length in used)
        if used and used != [1] and filled != 2**MAX_LENGTH:
            raise EieError("Huffman code: its lengths are no complete prefix code")

    @classmethod
    def of_counts(cls, counts: npt.ArrayLike) -> "HuffmanCode":
        """The code of least total length for symbols that occur `counts` times, int[symbols]."""
        return cls(_lengths([int(count) for count in np.asarray(counts)]))

    @classmethod
    def of(cls, symbols: npt.NDArray[np.uint8], alphabet: int) -> "HuffmanCode":
        """The best code for a sequence of symbols below `alphabet`."""
        return cls.of_counts(np.bincount(symbols, minlength=alphabet))

    @cached_property
    def codewords(self) -> npt.NDArray[np.int64]:
        """int64[symbols]: each symbol's codeword, its most significant bit sent first; 0 where there is none."""
        words = np.zeros(len(self.lengths), np.int64)
        word, before = 0, 0
        for symbol in np.lexsort((np.arange(len(self.lengths)), self.lengths)).tolist():
            length = int(self.lengths[symbol])
            if length == 0:
                continue
            word <<= length - before
            words[symbol] = word
            word, before = word + 1, length
        return words

    def bits(self, counts: npt.ArrayLike) -> int:
        """Bits that symbols occurring `counts` times take: sum of count x length."""
        return int(np.asarray(counts, np.int64) @ self.lengths.astype(np.int64))

    def encode(self, symbols: npt.NDArray[np.uint8]) -> bytes:
        """The symbols' codewords one after the other, most significant bit first, zeros up to the last whole byte.

        Raises EieError for a symbol that has no codeword.
        """
        counts = np.bincount(symbols, minlength=len(self.lengths))
        if len(counts) > len(self.lengths) or (counts[self.lengths == 0] > 0).any():
            raise EieError("Huffman code: a symbol to encode has no codeword")
        packed = np.zeros((self.bits(counts) + 7) // 8, np.uint8)
        _encode(symbols.astype(np.uint8, copy=False), self.lengths, self.codewords, packed)
        return packed.tobytes()

    def decode(self, data: bytes, count: int) -> npt.NDArray[np.uint8]:
        """Turn `encode`'s bytes back into `count` symbols.

        Raises EieError unless the data ends with the last symbol's byte, the bits left over being zero.
        """
        if count > 8 * len(data):
            raise EieError(f"Huffman code: {len(data)} bytes cannot hold {count} symbols")
        # Symbols in the order of their codewords; for each length, how many there are.
        order = np.lexsort((np.arange(len(self.lengths)), self.lengths)).astype(np.int64)
        order = order[self.lengths[order] > 0]
        of_length = np.bincount(self.lengths[order], minlength=MAX_LENGTH + 1).astype(np.int64)
        symbols = np.zeros(count, np.uint8)
        bits = _decode(np.frombuffer(data, np.uint8), order, of_length, symbols)
        if bits < 0 or (bits + 7) // 8 != len(data):
            raise EieError(f"Huffman code: the data does not end with its {count} symbols")
        if bits % 8 and data[-1] & (0xFF >> bits % 8):
            raise EieError("Huffman code: the bits after the last symbol are not zero")
        return symbols


def _lengths(counts: list[int]) -> npt.NDArray[np.uint8]:
    """Huffman's algorithm: join the two rarest until one is left; a symbol's length is the joins it went through."""
    if len(counts) > MAX_SYMBOLS:
        raise EieError(f"Huffman code: {len(counts)} symbols, at most {MAX_SYMBOLS}")
    if any(count < 0 for count in counts):
        raise EieError("Huffman code: counts must be 0 or more")
    lengths = np.zeros(len(counts), np.uint8)
    # The second number breaks ties in favour of what was made first, which keeps the longest codeword short.
    heap = [(count, symbol, [symbol]) for symbol, count in enumerate(counts) if count > 0]
    heapq.heapify(heap)
    if len(heap) == 1:
        lengths[heap[0][1]] = 1
    made = len(counts)
    while len(heap) > 1:
        first, second = heapq.heappop(heap), heapq.heappop(heap)
        members = first[2] + second[2]
        lengths[members] += 1
        heapq.heappush(heap, (first[0] + second[0], made, members))
        made += 1
    return lengths


@jit
def _encode(symbols: Any, lengths: Any, codewords: Any, packed: Any) -> None:
    """Append codewords bit by bit. packed: uint8[bytes], zeros."""
    bit = 0
    for symbol in symbols:
        word = codewords[symbol]
        for shift in range(int(lengths[symbol]) - 1, -1, -1):
            packed[bit >> 3] |= np.uint8(((word >> shift) & 1) << (7 - (bit & 7)))
            bit += 1


@jit
def _decode(data: Any, order: Any, of_length: Any, symbols: Any) -> int:
    """Fill `symbols`; returns the bits read, or -1 where the data ends first or holds no codeword.

    `first` is the first codeword of the current length, `index` the place of its symbol in `order`.
    """
    bit = 0
    end = 8 * len(data)
    for k in range(len(symbols)):
        word = 0
        first = 0
        index = 0
        length = 0
        while True:
            if bit == end or length == len(of_length) - 1:
                return -1
            length += 1
            word = (word << 1) | ((data[bit >> 3] >> (7 - (bit & 7))) & 1)
            bit += 1
            if word - first < of_length[length]:
                symbols[k] = order[index + word - first]
                break
            index += of_length[length]
            first = (first + of_length[length]) << 1
    return bit
