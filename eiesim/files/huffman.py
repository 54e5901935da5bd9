"""Huffman-coded layer files: `NAME.huff`, the smallest form a layer has (Deep Compression Sec. 4).

All little-endian, nothing pickled:

| bytes | what |
| --- | --- |
| 8 | `EIEHUFF1` |
| 4 | CRC-32 of everything after it |
| 32 | head: rows, cols uint32; entries uint64; bytes of the coded weights, of the coded indices uint32 (2**32 - 1 at most); codebook's entries uint16; index bits, flags (1: ReLU follows, 2: has a bias, 4: depthwise, 8: no one has said what follows) uint8; bytes of the name uint16; groups less one uint16 |
| name | UTF-8 |
| 4 each | codebook float32, entry 0 (0.0) left out |
| 1 each | codeword lengths of the weight codes, then of the 2**index_bits relative indices |
| | the coded weights, the coded indices (coding/stream.py says what they are, coding/huffman.py how they are coded) |
"""  # noqa: E501

import struct
import zlib
from pathlib import Path

import numpy as np

from eiesim._io.atomic import writing
from eiesim._io.reading import read_bytes
from eiesim.coding.huffman import HuffmanCode
from eiesim.coding.stream import Stream, from_stream, to_stream
from eiesim.errors import EieError
from eiesim.layer import CompressedLayer, check_layer

SUFFIX = ".huff"
MAGIC = b"EIEHUFF1"
CRC = struct.Struct("<I")
HEAD = struct.Struct("<IIQIIHBBHH")
RELU, BIAS, DEPTHWISE, UNSAID = 1, 2, 4, 8
ALWAYS_READ_BYTES, MAX_EXPANSION = 2**28, 200
"""A file that unpacks to more than 256 MiB and more than 200 times its own size is a decompression bomb."""


def save_huffman(layer: CompressedLayer, path: str | Path, index_bits: int = 4) -> None:
    """Write a layer Huffman-coded, whole or not at all; `load_huffman` gives back the identical layer."""
    check_layer(layer)
    stream = to_stream(layer, index_bits)
    of_codes = HuffmanCode.of(stream.codes, len(layer.codebook))
    of_indices = HuffmanCode.of(stream.z, 2**index_bits)
    codes, indices = of_codes.encode(stream.codes), of_indices.encode(stream.z)
    name = layer.name.encode()
    if max(len(codes), len(indices)) >= 2**32 or len(name) >= 2**16 or layer.groups > 2**16:
        raise EieError(f"{path}: layer '{layer.name}' is too large for a Huffman-coded file")
    flags = RELU * (layer.activation == "relu") + BIAS * (layer.bias_codes is not None) + DEPTHWISE * layer.depthwise
    flags += UNSAID * (not layer.activation_said)
    head = HEAD.pack(
        layer.rows, layer.cols, len(stream.codes), len(codes), len(indices),
        len(layer.codebook), index_bits, flags, len(name), layer.groups - 1,
    )  # fmt: skip
    tables = layer.codebook[1:].astype("<f4").tobytes() + of_codes.lengths.tobytes() + of_indices.lengths.tobytes()
    body = head + name + tables + codes + indices
    with writing(path) as file:
        file.write(MAGIC + CRC.pack(zlib.crc32(body)) + body)


def load_huffman(path: str | Path) -> CompressedLayer:
    """A layer from a Huffman-coded file. Raises EieError, naming the file, for anything malformed."""
    path = Path(path)
    data = read_bytes(path)
    try:
        return _parse(data)
    except EieError as error:
        raise EieError(f"{path}: {error}") from None
    except MemoryError:
        raise EieError(f"{path}: the layer needs more memory than there is") from None


def _parse(data: bytes) -> CompressedLayer:
    body = data[len(MAGIC) + CRC.size :]
    if not data.startswith(MAGIC):
        raise EieError(f"is no Huffman-coded layer: it does not begin with {MAGIC.decode()}")
    if len(body) < HEAD.size:
        raise EieError("is truncated: its head is not whole")
    if zlib.crc32(body) != CRC.unpack_from(data, len(MAGIC))[0]:
        raise EieError("is damaged or truncated: its checksum does not match")
    rows, cols, entries, code_bytes, index_bytes, codes, index_bits, flags, name_bytes, more = HEAD.unpack_from(body)
    if not 1 <= codes <= 256 or not 1 <= index_bits <= 8 or flags > RELU + BIAS + DEPTHWISE + UNSAID:
        raise EieError("head: codebook entries must be 1 to 256, index bits 1 to 8, flags 0 to 15")
    sizes = (name_bytes, 4 * (codes - 1), codes, 2**index_bits, code_bytes, index_bytes)
    if HEAD.size + sum(sizes) != len(body):
        raise EieError(f"has {len(body)} bytes after its checksum, its head says {HEAD.size + sum(sizes)}")
    parts = []
    start = HEAD.size
    for size in sizes:
        parts.append(body[start : start + size])
        start += size
    try:
        name = parts[0].decode()
    except UnicodeDecodeError:
        raise EieError("name: is not UTF-8") from None
    of_codes, of_indices = (HuffmanCode(np.frombuffer(part, np.uint8)) for part in parts[2:4])
    if not 1 <= min(rows, cols) <= max(rows, cols) < 2**31:
        raise EieError(f"head: {rows} x {cols} is no layer's shape")
    if entries > rows * (cols + 1):
        raise EieError(f"head: {entries} entries are more than {rows} x {cols} weights and a bias")
    unpacked = 8 * (cols + 1) + rows + 5 * entries
    if unpacked > max(ALWAYS_READ_BYTES, MAX_EXPANSION * len(data)):
        raise EieError(f"its {len(data):,} bytes unpack to {unpacked:,}; no layer is like that")
    stream = Stream(of_codes.decode(parts[4], entries), of_indices.decode(parts[5], entries))
    empty = CompressedLayer(
        shape=(rows, cols),
        indptr=np.zeros(cols + 1, np.int64),
        indices=np.zeros(0, np.int32),
        codes=np.zeros(0, np.uint8),
        codebook=np.concatenate([np.zeros(1, np.float32), np.frombuffer(parts[1], "<f4").astype(np.float32)]),
        bias_codes=np.zeros(rows, np.uint8) if flags & BIAS else None,
        activation="relu" if flags & RELU else "none",
        name=name,
        groups=more + 1,
        depthwise=bool(flags & DEPTHWISE),
        activation_said=not flags & UNSAID,
    )
    return from_stream(stream, empty)
