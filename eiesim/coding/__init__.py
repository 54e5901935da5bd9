"""Codings of a layer as one stream of bits: relative indices and Huffman codes (Deep Compression)."""
