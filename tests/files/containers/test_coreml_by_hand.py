"""Core ML programs made by hand, operator by operator: products that torch's conversion does not write."""

from pathlib import Path

import numpy as np
import pytest

from eiesim.files.containers.coreml import _quiet, _Reader
from eiesim.files.containers.operators import Product

pytest.importorskip("coremltools", reason="coremltools is not installed (extra formats)")
with _quiet():
    from coremltools.converters.mil import Builder as mb  # noqa: N813
    from coremltools.converters.mil.mil.types import builtin_to_string


def f(*shape):
    return np.random.default_rng(shape).standard_normal(shape).astype(np.float32)


def read(shape, made, *more):
    """The steps of a program of inputs of these shapes."""
    names = ("x", "other")[: 1 + len(more)]
    specs = [mb.TensorSpec(shape=one) for one in (shape, *more)]
    program = mb.program(input_specs=specs)({1: lambda x: made(x), 2: lambda x, other: made(x, other)}[len(names)])
    operators = program.functions["main"].operations
    reader = _Reader(Path("m"), builtin_to_string, operators)
    for one in operators:
        reader.read(one)
    return reader


@pytest.mark.parametrize("turned", [True, False])
def test_a_product_by_a_constant(turned):
    """(outputs, inputs), however the constant lies."""
    values = f(5, 6) if turned else f(6, 5)
    (step,) = read((3, 6), lambda x: mb.matmul(x=x, y=values, transpose_y=turned)).steps
    given = f(3, 6)
    assert isinstance(step, Product)
    np.testing.assert_allclose(given @ step.weights.T, given @ (values.T if turned else values), rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "made", "words"),
    [
        ((6, 3), lambda x: mb.matmul(x=x, y=f(6, 5), transpose_x=True), "its inputs are transposed, or"),
        ((2, 3, 6), lambda x: mb.matmul(x=x, y=f(2, 6, 5)), "or its matrix has more than two axes"),
        ((6, 3), lambda x: mb.matmul(x=f(5, 6), y=x), "its first factor is the constant"),
        ((6, 6), lambda x: mb.matmul(x=x, y=x), "both factors are activations"),
        ((1, 4, 5, 5), lambda x: mb.conv(x=x, weight=f(4, 1, 3, 3), groups=4), "a depthwise convolution"),
        ((1, 4, 5, 5), lambda x: mb.conv(x=x, weight=f(4, 1, 1, 1), groups=4), "a depthwise convolution"),
        ((1, 4, 5, 5), lambda x: mb.conv(x=x, weight=f(4, 2, 1, 1), groups=2), "a convolution in groups"),
        ((1, 4, 5, 5), lambda x: mb.conv(x=x, weight=f(4, 4, 1, 3)), "a 1x3 convolution"),
    ],
)  # fmt: skip
def test_products_that_are_no_layer(shape, made, words):
    """Named with the reason, and so is the constant."""
    reader = read(shape, made)
    assert [words in step.reason for step in reader.steps if not isinstance(step, Product)] == [True]
    assert all(role != "weight" for role, *_ in reader.roles.values())


@pytest.mark.parametrize(("kind", "does"), [("fp16", "same"), ("int32", "")])
def test_casts(kind, does):
    """Between floating-point types the values stay; whole numbers of them are others."""
    (step,) = read((1, 6), lambda x: mb.cast(x=x, dtype=kind)).steps
    assert step.does == does
