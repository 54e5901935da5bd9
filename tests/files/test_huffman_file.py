"""Huffman-coded files: the identical layer comes back, and nothing else is taken for one."""

import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest

from eiesim import CompressedLayer, EieError, load, save, workload
from eiesim.files.huffman import CRC, HEAD, MAGIC, load_huffman, save_huffman
from tests.layers import random_layer


@pytest.fixture
def layer():
    return replace(random_layer(0, 50, 40, density=0.1, activation="none"), name="fc ü")


@pytest.fixture
def path(layer, tmp_path):
    save_huffman(layer, tmp_path / "layer.huff")
    return tmp_path / "layer.huff"


@pytest.mark.parametrize("index_bits", range(1, 9))
def test_identical(layer, tmp_path, index_bits):
    save_huffman(layer, tmp_path / "layer.huff", index_bits)
    back = load_huffman(tmp_path / "layer.huff")
    assert (back.content_hash, back.name, back.activation) == (layer.content_hash, layer.name, layer.activation)
    assert back.activation_said == layer.activation_said


@pytest.mark.parametrize(
    "odd",
    [
        CompressedLayer.from_dense(np.zeros((3, 4))),
        CompressedLayer.from_dense(np.ones((1, 1))),
        CompressedLayer.from_dense(np.ones((5, 7)), bits=1, bias=np.zeros(5)),
        CompressedLayer.from_dense(np.random.default_rng(0).standard_normal((30, 30)), bits=8),
    ],
)
def test_odd_layers(odd, tmp_path):
    save_huffman(odd, tmp_path / "odd.huff")
    assert load_huffman(tmp_path / "odd.huff").content_hash == odd.content_hash


def test_a_large_layer_is_smaller_than_its_npz(tmp_path):
    layer, _ = workload("Alex-8")
    save_huffman(layer, tmp_path / "a.huff")
    save(layer, tmp_path / "a.npz")
    assert (tmp_path / "a.huff").stat().st_size < (tmp_path / "a.npz").stat().st_size
    assert load_huffman(tmp_path / "a.huff").content_hash == load(tmp_path / "a.npz").content_hash


def test_any_cut_or_flipped_byte_is_refused(path):
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in [*range(60), *rng.integers(60, len(data), 60).tolist()]:
        flipped = bytearray(data)
        flipped[place] ^= 1 << rng.integers(8)
        for bad in (bytes(flipped), data[:place]):
            path.write_bytes(bad)
            with pytest.raises(EieError, match=r"layer\.huff: "):
                load_huffman(path)


HEAD_KEYS = (
    "rows",
    "cols",
    "entries",
    "code_bytes",
    "index_bytes",
    "codes",
    "index_bits",
    "flags",
    "name_bytes",
    "more_groups",
)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rows", 0), ("rows", 1), ("cols", 2**32 - 1), ("entries", 2**63), ("entries", 3), ("codes", 0), ("codes", 15),
        ("index_bits", 9), ("index_bits", 3), ("flags", 4), ("more_groups", 1), ("name_bytes", 3), ("code_bytes", 0),
    ],
)  # fmt: skip
def test_a_lying_head_is_refused(path, key, value):
    """Even where the checksum is right."""
    data = path.read_bytes()
    start = len(MAGIC) + CRC.size
    head = dict(zip(HEAD_KEYS, HEAD.unpack_from(data, start), strict=True))
    body = HEAD.pack(*{**head, key: value}.values()) + data[start + HEAD.size :]
    path.write_bytes(MAGIC + struct.pack("<I", zlib.crc32(body)) + body)
    with pytest.raises(EieError, match=r"layer\.huff: "):
        load_huffman(path)


def test_not_there(tmp_path):
    with pytest.raises(EieError, match="no such file"):
        load_huffman(tmp_path / "none.huff")
    with pytest.raises(EieError, match="is a folder"):
        load_huffman(tmp_path)


def test_a_name_that_is_no_text_is_refused(path, layer):
    """With a checksum that fits: whoever wrote it wrote something else."""
    data, name = path.read_bytes(), layer.name.encode()
    body = data[len(MAGIC) + CRC.size :].replace(name, b"\xff" * len(name), 1)
    path.write_bytes(MAGIC + CRC.pack(zlib.crc32(body)) + body)
    with pytest.raises(EieError, match=r"layer\.huff: name: is not UTF-8"):
        load_huffman(path)
