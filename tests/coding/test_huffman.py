"""Huffman codes: what is decoded is what was encoded, and nothing shorter is possible."""

from collections import deque
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eiesim import EieError
from eiesim.coding.huffman import HuffmanCode

sequences = st.lists(st.integers(0, 255), max_size=300).map(lambda symbols: np.array(symbols, np.uint8))
counts_lists = st.lists(st.integers(0, 1000), min_size=1, max_size=40)


def least_bits(counts):
    """Total bits of an optimal code by the two-queue method: the sum of all joined weights."""
    first, second, bits = deque(sorted(count for count in counts if count)), deque(), 0
    if len(first) == 1:
        return first[0]
    while len(first) + len(second) > 1:
        pair = sum((first if not second or (first and first[0] <= second[0]) else second).popleft() for _ in range(2))
        bits += pair
        second.append(pair)
    return bits


def least_bits_of_all_codes(counts):
    """The same by trying every set of lengths that a prefix code can have (Kraft)."""
    used = [count for count in counts if count]
    lengths = product(range(1, len(used) + 1), repeat=len(used))
    return min(
        sum(count * length for count, length in zip(used, choice, strict=True))
        for choice in lengths
        if sum(2.0**-length for length in choice) <= 1
    )


@given(sequences)
def test_decode_undoes_encode(symbols):
    code = HuffmanCode.of(symbols, 256)
    data = code.encode(symbols)
    assert (code.decode(data, len(symbols)) == symbols).all()
    # The lengths alone say it all: that is what canonical means.
    assert (HuffmanCode(code.lengths).decode(data, len(symbols)) == symbols).all()


@given(counts_lists)
def test_lengths_are_optimal(counts):
    assert HuffmanCode.of_counts(counts).bits(counts) == least_bits(counts)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_lengths_are_the_best_of_all(counts):
    assert HuffmanCode.of_counts(counts).bits(counts) == least_bits_of_all_codes(counts)


@given(counts_lists)
def test_no_codeword_begins_another(counts):
    code = HuffmanCode.of_counts(counts)
    words = [
        format(word, f"0{length}b")
        for word, length in zip(code.codewords.tolist(), code.lengths.tolist(), strict=True)
        if length
    ]
    assert len(words) == sum(count > 0 for count in counts)
    assert not any(a != b and b.startswith(a) for a in words for b in words)
    assert len(set(words)) == len(words)


def test_size_is_count_times_length():
    symbols = np.random.default_rng(0).choice(16, 100_000, p=np.arange(1, 17) / 136).astype(np.uint8)
    code = HuffmanCode.of(symbols, 16)
    wanted = sum(np.bincount(symbols, minlength=16) * code.lengths.astype(int))
    assert 0 <= 8 * len(code.encode(symbols)) - wanted < 8
    assert wanted * 0.001 > 8
    shares = np.bincount(symbols) / len(symbols)
    entropy = -(shares * np.log2(shares)).sum()
    assert entropy <= wanted / len(symbols) < entropy + 1


def test_very_uneven_counts():
    """Fibonacci counts make the longest codewords there are: one bit more a symbol."""
    counts = [1, 1]
    while len(counts) < 40:
        counts.append(counts[-1] + counts[-2])
    assert HuffmanCode.of_counts(counts).lengths.max() == 39


def test_lone_and_no_symbols():
    lone = HuffmanCode.of_counts([0, 7, 0])
    assert lone.lengths.tolist() == [0, 1, 0]
    assert lone.encode(np.full(9, 1, np.uint8)) == b"\0\0"
    assert lone.decode(b"\0\0", 9).tolist() == [1] * 9
    nothing = HuffmanCode.of_counts([0, 0])
    assert nothing.encode(np.zeros(0, np.uint8)) == b""
    assert len(nothing.decode(b"", 0)) == 0


@pytest.mark.parametrize("lengths", [[1, 1, 1], [2, 2], [1, 0, 0, 64], [2]])
def test_refuses_lengths(lengths):
    with pytest.raises(EieError, match="Huffman code"):
        HuffmanCode(np.array(lengths, np.uint8))


def test_refuses_data():
    code = HuffmanCode.of_counts([5, 2, 1])
    data = code.encode(np.array([0, 1, 2, 0, 0, 0, 0, 1], np.uint8))
    for bad, count in ((data[:-1], 8), (data + b"\0", 8), (b"", 1), (data, 1), (data[:-1] + b"\xff", 8)):
        with pytest.raises(EieError, match="Huffman code"):
            code.decode(bad, count)
    with pytest.raises(EieError, match="no codeword"):
        code.encode(np.array([3], np.uint8))
    lone = HuffmanCode.of_counts([3])
    with pytest.raises(EieError, match="does not end"):
        lone.decode(b"\x80", 1)
