"""Streams and statistics: against a slow walk over the matrix, the file's real size, and the published table."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eiesim import CompressedLayer
from eiesim.coding.stream import Stream, from_stream, to_stream
from eiesim.compression.prune import by_density
from eiesim.compression.statistics import statistics, total
from eiesim.dense import DenseLayer
from eiesim.errors import EieError
from eiesim.files.huffman import HEAD, save_huffman


@st.composite
def layers(draw):
    rows, cols = draw(st.integers(1, 40)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = draw(st.sampled_from([0.0, 0.02, 0.1, 0.5, 1.0]))
    weights = rng.standard_normal((rows, cols)) * (rng.random((rows, cols)) < density)
    bias = rng.standard_normal(rows) * (rng.random(rows) < density) if draw(st.booleans()) else None
    activation = draw(st.sampled_from(["relu", "none"]))
    return CompressedLayer.from_dense(weights, bias=bias, activation=activation, name="läyer")


def slow_stream(layer, index_bits):
    """Walk every place of the matrix, column by column, the bias last."""
    codes = np.zeros(layer.shape, int)
    for j in range(layer.cols):
        for e in range(layer.indptr[j], layer.indptr[j + 1]):
            codes[layer.indices[e], j] = layer.codes[e]
    places = list(codes.T.flat) + ([] if layer.bias_codes is None else layer.bias_codes.tolist())
    entries, zeros = [], 0
    for code in places:
        if code == 0:
            zeros += 1
            continue
        while zeros > 2**index_bits - 1:
            entries.append((0, 2**index_bits - 1))
            zeros -= 2**index_bits
        entries.append((code, zeros))
        zeros = 0
    return entries


@given(layers(), st.integers(1, 8))
def test_stream_is_the_slow_walk(layer, index_bits):
    stream = to_stream(layer, index_bits)
    assert list(zip(stream.codes.tolist(), stream.z.tolist(), strict=True)) == slow_stream(layer, index_bits)
    assert from_stream(stream, layer).content_hash == layer.content_hash


def test_the_paper_example():
    """EIE Sec. III-B: [0, 0, 1, 2, 18 zeros, 3]."""
    column = np.array([[0, 0, 1, 2, *[0] * 18, 3]], np.float32).T
    layer = CompressedLayer.from_dense(column, codebook=[0, 1, 2, 3])
    stream = to_stream(layer)
    assert stream.codes.tolist() == [1, 2, 0, 3]
    assert stream.z.tolist() == [2, 0, 15, 2]


def test_refuses_entries_past_the_end():
    layer = CompressedLayer.from_dense(np.eye(2))
    with pytest.raises(EieError, match="reach place 15"):
        from_stream(Stream(np.array([1], np.uint8), np.array([15], np.uint8)), layer)
    with pytest.raises(EieError, match="index_bits"):
        to_stream(layer, 9)


@settings(max_examples=30)
@given(layers(), st.integers(1, 8))
def test_sizes_are_the_files(tmp_path_factory, layer, index_bits):
    """The Huffman-coded size is what a file takes but for its head, its name and two last bytes not full."""
    path = tmp_path_factory.mktemp("huffman") / "layer.huff"
    save_huffman(layer, path, index_bits)
    counted = statistics(layer, 4, index_bits).huffman_bits / 8
    fixed = 8 + 4 + HEAD.size + len(layer.name.encode())
    assert 0 <= path.stat().st_size - fixed - counted < 2


@given(st.lists(layers(), min_size=1, max_size=3))
@settings(max_examples=20)
def test_total_adds_up(several):
    parts = [statistics(layer) for layer in several]
    whole = total(parts)
    assert whole.huffman_bits == sum(part.huffman_bits for part in parts)
    assert whole.kept == sum(layer.nnz + int(np.count_nonzero(layer.bias_codes)) if layer.bias_codes is not None
                             else layer.nnz for layer in several)  # fmt: skip
    assert whole.huffman_weight_bits <= whole.weight_bits or whole.entries <= 1


@pytest.mark.parametrize(
    ("rows", "cols", "density", "weight_bits", "index_bits", "published"),
    [
        (300, 784, 0.08, 6, 5, 0.031),  # Table 2, LeNet-300-100 ip1
        (100, 300, 0.09, 6, 5, 0.038),  # Table 2, ip2
        (1000, 4096, 0.25, 5, 4, 0.073),  # Table 4, AlexNet fc8
        (500, 800, 0.08, 5, 5, 0.027),  # Table 3, LeNet-5 ip1
    ],
)
def test_pruned_and_shared_sizes_are_near_the_published(rows, cols, density, weight_bits, index_bits, published):
    """Deep Compression's P+Q sizes follow from densities and bits: random places must come close.

    The table prints densities to a whole per cent, ip2's 9 % is anything from 8.5 to 9.5.
    """
    weights = np.random.default_rng(0).standard_normal((rows, cols)).astype(np.float32)
    dense = DenseLayer("ip", weights).pruned(by_density(weights, density))
    part = statistics(dense.shared(weight_bits), weight_bits, index_bits)
    assert 1 / part.shared_rate == pytest.approx(published, rel=0.12)
