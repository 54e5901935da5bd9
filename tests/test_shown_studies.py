"""What a notebook shows of studies and networks: one line with the answer in it, and a table."""

import numpy as np
import pytest

import eiesim
from eiesim.dense import DenseLayer
from tests.test_shown import HOSTILE, Cells


def page_of(shown):
    page = Cells()
    page.feed(shown._repr_html_())
    assert "script" not in page.tags
    return [[cell.strip() for cell in row] for row in page.rows]


def one_line(shown, *parts):
    text = repr(shown)
    assert "\n" not in text
    assert "array(" not in text
    assert len(text) < 300, text
    for part in parts:
        assert part in text
    return text


@pytest.fixture(scope="module")
def compressed():
    rng = np.random.default_rng(0)
    weights = {HOSTILE: rng.normal(size=(30, 20)), "fc2": rng.normal(size=(5, 30))}
    layers = [DenseLayer(name, matrix) for name, matrix in weights.items()]
    return eiesim.compress(layers, density=0.25, calibration=rng.random((6, 20)), name=HOSTILE)


def test_a_compressed_network_tells_how_small_it_is_and_what_was_lost(compressed):
    rate = 3000 / (compressed.total.huffman_bits / 8)
    one_line(compressed, HOSTILE, "density 25.", "3,000 bytes to", f"({rate:.1f} times smaller)",
             f"outputs off by {compressed.network_error:.2%}")  # fmt: skip
    rows = page_of(compressed)
    assert [row[0] for row in rows] == ["layer", HOSTILE, "fc2", "total"]
    assert rows[1][1:4] == ["30 x 20", "25.0%", "2,400"]
    assert rows[3][-1] == f"{compressed.network_error:.2%}"
