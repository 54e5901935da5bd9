"""Compression statistics of any network, as in Deep Compression's Tables 2 to 5."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eiesim.coding.huffman import HuffmanCode
from eiesim.coding.stream import stream_parts
from eiesim.layer import CompressedLayer

DENSE_BITS = 32


@dataclass(frozen=True)
class Statistics:
    """The size of a layer, or of several together, after each stage, in bits.

    weights: all of them, the bias's included. kept: not pruned. entries: kept and padding.
    weight_bits, index_bits: of the entries' codes and relative indices at fixed width (P+Q).
    huffman_weight_bits, huffman_index_bits: the same after Huffman coding (P+Q+H).
    codebook_bits: 32 a value, 0.0 left out. table_bits: codeword lengths, 8 a symbol; only Huffman needs them.
    """

    name: str
    weights: int
    kept: int
    entries: int
    weight_bits: int
    index_bits: int
    huffman_weight_bits: int
    huffman_index_bits: int
    codebook_bits: int
    table_bits: int

    @property
    def dense_bits(self) -> int:
        """The size before: every weight a float32."""
        return DENSE_BITS * self.weights

    @property
    def shared_bits(self) -> int:
        """Pruned and shared (P+Q): codes, indices and codebook."""
        return self.weight_bits + self.index_bits + self.codebook_bits

    @property
    def huffman_bits(self) -> int:
        """Pruned, shared and Huffman-coded (P+Q+H): the same and the tables that decode it."""
        return self.huffman_weight_bits + self.huffman_index_bits + self.codebook_bits + self.table_bits

    @property
    def density(self) -> float:
        """Kept weights as a share of all."""
        return _ratio(self.kept, self.weights)

    @property
    def pruned_rate(self) -> float:
        """How many times fewer weights there are (P). As in the tables, indices are not counted."""
        return _ratio(self.weights, self.kept)

    @property
    def shared_rate(self) -> float:
        """How many times smaller after P+Q."""
        return _ratio(self.dense_bits, self.shared_bits)

    @property
    def huffman_rate(self) -> float:
        """How many times smaller after P+Q+H."""
        return _ratio(self.dense_bits, self.huffman_bits)

    def an_entry(self, bits: int) -> float:
        """`bits` divided by the entries, padding among them: what the tables print as bits."""
        return _ratio(bits, self.entries)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, for JSON."""
        return {
            "name": self.name,
            "weights": self.weights,
            "kept": self.kept,
            "density": self.density,
            "entries": self.entries,
            "padding_entries": self.entries - self.kept,
            "weight_bits": self.an_entry(self.weight_bits),
            "huffman_weight_bits": self.an_entry(self.huffman_weight_bits),
            "index_bits": self.an_entry(self.index_bits),
            "huffman_index_bits": self.an_entry(self.huffman_index_bits),
            "codebook_bytes": self.codebook_bits / 8,
            "huffman_table_bytes": self.table_bits / 8,
            "dense_bytes": self.dense_bits / 8,
            "shared_bytes": self.shared_bits / 8,
            "huffman_bytes": self.huffman_bits / 8,
            "rate_p": self.pruned_rate,
            "rate_pq": self.shared_rate,
            "rate_pqh": self.huffman_rate,
        }


def statistics(layer: CompressedLayer, weight_bits: int = 4, index_bits: int = 4) -> Statistics:
    """A layer's statistics with codes and relative indices of these bits (EIE: 4 and 4).

    The indices run over the whole matrix (coding/stream.py), as in Deep Compression. EIE restarts the index in every
    column of every PE and adds pointers; `eiesim inspect` shows those sizes.
    """
    code_counts = np.zeros(max(len(layer.codebook), 2**weight_bits), np.int64)
    index_counts = np.zeros(2**index_bits, np.int64)
    for part in stream_parts(layer, index_bits):
        code_counts += np.bincount(part.codes, minlength=len(code_counts))
        index_counts += np.bincount(part.z, minlength=len(index_counts))
    entries = int(index_counts.sum())
    return Statistics(
        name=layer.name,
        weights=layer.dense_weights + layer.rows * (layer.bias_codes is not None),
        kept=entries - int(code_counts[0]),
        entries=entries,
        weight_bits=entries * weight_bits,
        index_bits=entries * index_bits,
        huffman_weight_bits=HuffmanCode.of_counts(code_counts).bits(code_counts),
        huffman_index_bits=HuffmanCode.of_counts(index_counts).bits(index_counts),
        codebook_bits=DENSE_BITS * (len(layer.codebook) - 1),
        table_bits=8 * (len(layer.codebook) + 2**index_bits),
    )


def total(parts: Sequence[Statistics], name: str = "total") -> Statistics:
    """Layers together: every count and size added up."""
    names = [key for key in Statistics.__dataclass_fields__ if key != "name"]
    return Statistics(name, **{key: sum(getattr(part, key) for part in parts) for key in names})


def _ratio(above: float, below: float) -> float:
    return above / below if below else 0.0
