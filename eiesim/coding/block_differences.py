"""MESA's coding of a block-diagonal layer (Hsu et al., ECAI 2020, Algorithms 3 and 4; the lecture notes).

The first block's codes are stored as they are, every other block as its codes less those of the block before, taken
round a circle of as many numbers as there are codes: from 15 to 0 of 16 codes is 1. Both are Huffman-coded, each with
its own code. No positions are stored, for the blocks' number says where they lie.

The paper's Algorithm 3 stores the shorter way round without its direction, from which no decoder could go back; here
the difference keeps it: it is a number from 0 to codes - 1.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eiesim.coding.huffman import HuffmanCode
from eiesim.dense import from_codes, to_codes
from eiesim.errors import EieError
from eiesim.layer import CompressedLayer

CODEBOOK_VALUE_BITS = 32
LENGTH_BITS = 8


@dataclass(frozen=True, eq=False)
class BlockCoded:
    """A layer's coded blocks. first: codes of the first block and the bias; differences: of the other blocks."""

    shape: tuple[int, int]
    blocks: int
    first: bytes
    differences: bytes
    first_code: HuffmanCode
    difference_code: HuffmanCode
    codebook: npt.NDArray[np.float32]
    has_bias: bool

    @property
    def bits(self) -> int:
        """Size: coded blocks in whole bytes, 32 bits a shared value, 8 a codeword length of either code."""
        tables = len(self.first_code.lengths) + (len(self.difference_code.lengths) if self.blocks > 1 else 0)
        coded = 8 * (len(self.first) + len(self.differences))
        return coded + CODEBOOK_VALUE_BITS * (len(self.codebook) - 1) + LENGTH_BITS * tables


def encode_blocks(layer: CompressedLayer, blocks: int) -> BlockCoded:
    """Code a layer of `blocks` equal blocks of rows // blocks by cols // blocks along its diagonal.

    Raises EieError where a weight is kept outside the blocks, or there are more blocks than rows or columns.
    """
    tiles, rest = _tiles(to_codes(layer), blocks)
    if rest.any():
        raise EieError(f"layer '{layer.name}': keeps weights outside its {blocks} diagonal blocks")
    modulus = len(layer.codebook)
    bias = np.zeros(0, np.uint8) if layer.bias_codes is None else layer.bias_codes
    first = np.concatenate([tiles[0].ravel(), bias])
    wide = tiles.astype(np.int16)
    differences = ((wide[1:] - wide[:-1]) % np.int16(modulus)).astype(np.uint8).ravel()
    first_code, difference_code = HuffmanCode.of(first, modulus), HuffmanCode.of(differences, modulus)
    return BlockCoded(
        layer.shape,
        blocks,
        first_code.encode(first),
        difference_code.encode(differences),
        first_code,
        difference_code,
        layer.codebook,
        layer.bias_codes is not None,
    )


def decode_blocks(coded: BlockCoded, activation: str = "relu", name: str = "layer") -> CompressedLayer:
    """The layer back from `encode_blocks`. Raises EieError for data that does not end with the last code."""
    rows, cols = coded.shape
    height, width = rows // coded.blocks, cols // coded.blocks
    size = height * width
    first = coded.first_code.decode(coded.first, size + (rows if coded.has_bias else 0))
    differences = coded.difference_code.decode(coded.differences, (coded.blocks - 1) * size)
    steps = np.concatenate([first[:size], differences]).reshape(coded.blocks, height, width)
    tiles = np.cumsum(steps, axis=0, dtype=np.int64) % len(coded.codebook)
    codes = np.zeros(coded.shape, np.uint8)
    for k in range(coded.blocks):
        codes[k * height : (k + 1) * height, k * width : (k + 1) * width] = tiles[k]
    return from_codes(codes, coded.codebook, first[size:] if coded.has_bias else None, activation, name)


def _tiles(codes: npt.NDArray[np.uint8], blocks: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """The diagonal blocks, [blocks, height, width], and all codes with those set to 0."""
    if not 1 <= blocks <= min(codes.shape):
        raise EieError(f"blocks = {blocks}: needs 1 to {min(codes.shape)} for {codes.shape[0]} x {codes.shape[1]}")
    height, width = codes.shape[0] // blocks, codes.shape[1] // blocks
    rest, tiles = codes.copy(), np.zeros((blocks, height, width), np.uint8)
    for k in range(blocks):
        place = slice(k * height, (k + 1) * height), slice(k * width, (k + 1) * width)
        tiles[k] = codes[place]
        rest[place] = 0
    return tiles, rest
