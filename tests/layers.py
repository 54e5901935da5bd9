"""Layers made for tests: from codes, or at random; the one place that builds them."""

import numpy as np

from eiesim import CompressedLayer


def layer_of(codes, codebook, bias=None, activation="none", name="layer") -> CompressedLayer:
    """A layer from its codes, [rows][cols], 0 where no weight is kept."""
    codes = np.asarray(codes, np.uint8)
    kept = codes.T != 0
    return CompressedLayer(
        shape=codes.shape,
        indptr=np.concatenate([[0], kept.sum(axis=1).cumsum()]).astype(np.int64),
        indices=np.nonzero(kept)[1].astype(np.int32),
        codes=codes.T[kept],
        codebook=np.array(codebook, np.float32),
        bias_codes=None if bias is None else np.array(bias, np.uint8),
        activation=activation,
        name=name,
    )


def random_layer(
    seed: int,
    rows: int = 9,
    cols: int = 7,
    density: float = 0.4,
    bias: bool = True,
    codes: int = 16,
    activation: str = "relu",
) -> CompressedLayer:
    """A layer called `random SEED`: weights kept at random, codes and a bias too; the same arguments give the same."""
    rng = np.random.default_rng(seed)
    kept = rng.random((cols, rows)) < density
    matrix = np.zeros((cols, rows), np.uint8)
    matrix[kept] = rng.integers(1, codes, int(kept.sum()), dtype=np.uint8)
    codebook = np.concatenate([[0.0], rng.normal(size=codes - 1)])
    biased = rng.integers(0, codes, rows, dtype=np.uint8) if bias else None
    return layer_of(matrix.T, codebook, biased, activation, f"random {seed}")


def dense_codes(layer):
    """The layer's codes as lists, [rows][cols], 0 where no weight is kept."""
    matrix = [[0] * layer.cols for _ in range(layer.rows)]
    for j in range(layer.cols):
        for e in range(layer.indptr[j], layer.indptr[j + 1]):
            matrix[layer.indices[e]][j] = int(layer.codes[e])
    return matrix


def same_layer(one: CompressedLayer, other: CompressedLayer) -> bool:
    """Every part equal to the bit, said apart from content_hash."""
    if (one.shape, one.activation, one.name) != (other.shape, other.activation, other.name):
        return False
    for key in ("indptr", "indices", "codes", "codebook", "bias_codes"):
        a, b = getattr(one, key), getattr(other, key)
        if (a is None) != (b is None):
            return False
        if a is not None and (a.dtype != b.dtype or a.tobytes() != b.tobytes()):
            return False
    return True
