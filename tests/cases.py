"""Small layers, drawn or fixed, and the command line called in process."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
from hypothesis import strategies as st

import eiesim
from eiesim.cli import main

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Answer:
    status: int
    out: str
    err: str


def cli(*arguments: object) -> Answer:
    """`eiesim ARGUMENTS` in this process. Whatever it raises but SystemExit comes out as it is."""
    out, err = io.StringIO(), io.StringIO()
    argv = ["eiesim", *map(str, arguments)]
    with mock.patch.object(sys, "argv", argv), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            return Answer(int(ended.code or 0), out.getvalue(), err.getvalue())
    raise AssertionError("main() returned; it should exit")


def random_layer(
    seed: int,
    rows: int = 9,
    cols: int = 7,
    density: float = 0.4,
    bias: bool = True,
    codes: int = 16,
    activation: str = "relu",
) -> eiesim.CompressedLayer:
    rng = np.random.default_rng(seed)
    kept = rng.random((cols, rows)) < density  # by column, as CSC lists them
    columns, indices = np.nonzero(kept)
    return eiesim.CompressedLayer(
        shape=(rows, cols),
        indptr=np.concatenate([[0], np.cumsum(np.bincount(columns, minlength=cols))]).astype(np.int64),
        indices=indices.astype(np.int32),
        codes=rng.integers(1, codes, len(indices), dtype=np.uint8),
        codebook=np.concatenate([[0.0], rng.normal(size=codes - 1)]).astype(np.float32),
        bias_codes=rng.integers(0, codes, rows, dtype=np.uint8) if bias else None,
        activation=activation,
        name=f"random {seed}",
    )


@st.composite
def any_layer(draw: st.DrawFn, max_codes: int = 256) -> eiesim.CompressedLayer:
    return random_layer(
        draw(st.integers(0, 2**32)),
        rows=draw(st.integers(1, 40)),
        cols=draw(st.integers(1, 30)),
        density=draw(st.sampled_from([0.0, 0.05, 0.3, 1.0])),
        bias=draw(st.booleans()),
        codes=draw(st.integers(2, max_codes)),
        activation=draw(st.sampled_from(["relu", "none"])),
    )


def same_layer(one: eiesim.CompressedLayer, other: eiesim.CompressedLayer) -> bool:
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
