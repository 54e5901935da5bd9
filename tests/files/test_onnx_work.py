"""Shares of the work: counted, or not known; never 100 % because the rest was not looked at."""

import math
from typing import Any

import numpy as np
import pytest

import eiesim

onnx = pytest.importorskip("onnx", reason="needs extra [onnx]")
pytest.importorskip("onnxruntime", reason="needs extra [onnx]")

from onnx import helper  # noqa: E402
from onnx_models import constant, graph, value  # type: ignore[import-not-found]  # noqa: E402

node = helper.make_node
RNG = np.random.default_rng(0)


def f(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def compressed(tmp_path, nodes, tensors, inputs, domains=(), **more):
    path = tmp_path / "model.onnx"
    proto = graph(nodes, [constant(*pair) for pair in tensors.items()], inputs, opset=23, domains=domains)
    onnx.save(proto, str(path))
    return eiesim.compress(path, **more)


@pytest.mark.parametrize(
    ("equation", "left", "right", "macs"),
    [
        ("ni,io->no", (1, 12), (12, 64), 12 * 64),
        ("nic,oi->noc", (1, 12, 3), (64, 12), 12 * 64 * 3),
        ("...ij, jk -> ...ik", (1, 5, 12), (12, 7), 5 * 12 * 7),
        ("ij,ij->i", (1, 12), (1, 12), 12),
        ("bhqd,bhkd->bhqk", (1, 2, 6, 4), (1, 2, 9, 4), 2 * 6 * 9 * 4),
    ],
)
def test_einsum(tmp_path, equation, left, right, macs):
    nodes = [node("Einsum", ["x", "W"], ["h"], equation=equation), node("Gemm", ["x2", "V"], ["y"], "fc")]
    made = compressed(tmp_path, nodes, {"W": f(*right), "V": f(16, 8)}, [value("x", *left), value("x2", 1, 16)])
    assert made.macs_share == 128 / (128 + macs)
    # Counted by hand: each number of the result is a sum over the letters that it does not have.
    given = np.einsum(equation, np.ones(left), np.ones(right))
    assert macs == pytest.approx(given.sum())


def test_einsum_of_three_is_not_known(tmp_path):
    nodes = [node("Einsum", ["x", "W", "U"], ["h"], equation="ni,io,ok->nk"), node("Gemm", ["h", "V"], ["y"], "fc")]
    assert compressed(tmp_path, nodes, {"W": f(12, 8), "U": f(8, 6), "V": f(6, 2)}, (1, 12)).macs_share is None


@pytest.mark.parametrize("split", [False, True])
def test_attention(tmp_path, split):
    """Queries by keys and weights by values: as the same attention by MatMul counts."""
    heads, steps, size = 2, 10, 8
    inputs: Any
    if split:
        nodes = [node("Attention", ["q", "k", "v"], ["h"]), node("MatMul", ["x", "V"], ["y"], "fc")]
        inputs = [value("q", 1, heads, steps, size), value("k", 1, heads, 7, size), value("v", 1, heads, 7, size + 2),
                  value("x", 1, 16)]  # fmt: skip
        macs, ours = heads * steps * 7 * (2 * size + 2), 16 * 4
    else:
        nodes = [
            node("Attention", ["x", "x", "x"], ["h"], q_num_heads=heads, kv_num_heads=heads),
            node("MatMul", ["h", "V"], ["y"], "fc"),
        ]
        inputs = (1, steps, heads * size)
        macs, ours = heads * steps * steps * 2 * size, steps * 16 * 4
    made = compressed(tmp_path, nodes, {"V": f(16, 4)}, inputs)
    assert made.macs_share == pytest.approx(ours / (ours + macs))


@pytest.mark.parametrize(
    ("strange", "domains"),
    [
        (node("DeformConv", ["i", "K", "o"], ["d"], "strange", kernel_shape=[1, 1]), []),
        (node("MatMul", ["x", "V"], ["d"], "strange", domain="my.operators"), ["my.operators"]),
        (
            node("MultiHeadAttention", ["x3", "x3", "x3"], ["d"], "strange", domain="com.microsoft", num_heads=2),
            ["com.microsoft"],
        ),
    ],
    ids=["DeformConv", "another domain", "com.microsoft"],
)
def test_what_may_multiply_is_not_known(tmp_path, strange, domains):
    nodes = [node("MatMul", ["x", "V"], ["y"], "fc"), strange]
    inputs = [value("x", 1, 16), value("i", 1, 3, 4, 4), value("o", 1, 2, 4, 4), value("x3", 1, 5, 16)]
    made = compressed(tmp_path, nodes, {"V": f(16, 4), "K": f(2, 3, 1, 1)}, inputs, domains, check=False)
    assert made.macs_share is None
    assert [part.macs for part in made.model.left_out] == [None]


def test_what_works_by_element_counts_nothing(tmp_path):
    nodes = [
        node("MatMul", ["x", "V"], ["m"], "fc"),
        node("Gelu", ["m"], ["g"], domain="com.microsoft"),
        node("Tanh", ["g"], ["y"]),
    ]
    assert compressed(tmp_path, nodes, {"V": f(16, 4)}, (1, 16), ["com.microsoft"]).macs_share == 1


def test_vectors_of_every_side(tmp_path):
    """A layer's vectors in one input are the columns of what stands on its right, the rows of what stands left."""
    nodes = [node("MatMul", ["x", "V"], ["m"], "right"), node("MatMul", ["U", "x"], ["y"], "left")]
    made = compressed(tmp_path, nodes, {"V": f(16, 4), "U": f(3, 6)}, (2, 6, 16))
    assert made.vectors == (12, 32)
    assert made.macs == (12 * 64, 32 * 18)
    assert math.isclose(made.macs_share, 1)
