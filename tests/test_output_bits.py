"""Automatic output bits are those of the exact product, however they are found; saturation is met where it is due."""

from dataclasses import replace

import numpy as np
import pytest

from eiesim import CompressedLayer, MachineConfig, simulate, workload
from eiesim import arithmetic as numbers


def exact_bits(layer, inputs, bits):
    """The output's fraction bits as docs/formats.md has them: of the largest magnitude of the exact product."""
    dense, values = layer.to_dense().astype(np.float64), np.atleast_2d(inputs).astype(np.float64)
    exact = np.zeros((len(values), layer.rows))
    for j in range(layer.cols):  # in column order, as float64 adds up
        exact += values[:, j : j + 1] * dense[:, j]
    if layer.bias is not None:
        exact += layer.bias
    return numbers.auto_fraction_bits(float(np.abs(exact).max()), bits)


def near(value):
    """float32 just below, at and just above a value, and a little farther off."""
    below, above = np.nextafter(np.float32(value), np.float32(0)), np.nextafter(np.float32(value), np.float32(np.inf))
    return [np.float32(value * 0.999), below, np.float32(value), above, np.float32(value * 1.001)]


@pytest.mark.parametrize("arithmetic", ["fixed16", "fixed8", "fixed32"])
@pytest.mark.parametrize("weights", [[[1.0]], [[0.5, 0.25, -0.125]], [[0.75], [-1.0]]])
def test_bits_at_powers_of_two_and_where_rounding_needs_one_less(arithmetic, weights):
    bits = numbers.FIXED_BITS[arithmetic]
    layer = CompressedLayer.from_dense(np.array(weights, np.float32), activation="none")
    for power in (-3, 0, 1, 7):
        for value in near(2.0**power) + near(2.0**power * (1 - 0.5 ** (bits - 1))) + near(2.0**power * (1 - 0.5**bits)):
            inputs = np.full((1, layer.cols), value, np.float32)
            config = MachineConfig(pes=1, arithmetic=arithmetic)
            used = numbers.prepare(layer, inputs, config).fraction_bits["output"]
            assert used == exact_bits(layer, inputs, bits), (power, value)


@pytest.mark.parametrize("rounding", ["nearest", "floor"])
@pytest.mark.parametrize("arithmetic", ["fixed16", "fixed8"])
def test_bits_of_many_columns_are_those_of_the_exact_product(arithmetic, rounding):
    rng = np.random.default_rng(5)
    found = 0
    for _ in range(40):
        rows, cols = int(rng.integers(1, 60)), int(rng.integers(1, 200))
        weights = np.where(rng.random((rows, cols)) < 0.3, rng.integers(-7, 8, (rows, cols)) / 8, 0)
        bias = rng.integers(-7, 8, rows) / 8 if rng.random() < 0.5 else None
        layer = CompressedLayer.from_dense(weights.astype(np.float32), bias=bias, activation="none")
        inputs = (rng.normal(size=(1, cols)) * 10.0 ** rng.integers(-3, 4) * (rng.random((1, cols)) < 0.5)).astype("f4")
        config = MachineConfig(pes=4, arithmetic=arithmetic, rounding=rounding)
        operands = numbers.prepare(layer, inputs, config)
        bits = numbers.FIXED_BITS[arithmetic]
        expected = numbers.reachable(
            exact_bits(layer, inputs, bits), operands.fraction_bits["activation"] + operands.fraction_bits["weight"]
        )
        assert operands.fraction_bits["output"] == expected
        if operands.sums is not None:
            found += 1
            again = numbers.golden_product(layer, replace(operands, sums=None))
            assert np.array_equal(operands.sums, again)
    assert found > (5 if arithmetic == "fixed16" else 0)  # the trial is worth its while


def test_of_a_batch_the_bits_are_those_of_its_largest_output():
    layer, activations = workload("NT-We")
    batch = np.stack([activations, activations * np.float32(7)])
    together = simulate(layer, batch).layers[0].fraction_bits
    assert together["output"] == exact_bits(layer, batch, 16)


@pytest.mark.parametrize("start", [0, 100, -128, 127])
@pytest.mark.parametrize("columns", [1, 5, 80])
def test_sums_saturate_column_by_column(columns, start):
    rng = np.random.default_rng(columns)
    for large in (1, 4, 60, 500):
        weights = np.where(rng.random((9, columns)) < 0.6, rng.integers(1, 4, (9, columns)), 0)
        layer = CompressedLayer.from_dense(weights.astype(np.float32), codebook=[0, 1, 2, 3])
        codebook = np.array([0, large, -large, 3], np.int64)
        activations = rng.integers(-2, 3, columns)
        sums = numbers.accumulate(
            layer, activations, np.int64(1), codebook, (0, -128, 127, 0), np.full(9, start, np.int64)
        )
        expected = [start] * 9
        for j in range(columns):
            for i in range(9):
                term = int(codebook[weights[i, j]]) * int(activations[j])
                if weights[i, j]:
                    expected[i] = min(max(expected[i] + term, -128), 127)
        assert sums.tolist() == expected
