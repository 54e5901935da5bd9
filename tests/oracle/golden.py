"""The golden product, as docs/formats.md says under "Arithmetic": plain integers and numpy's float32 scalars.

Rounding and the threshold of activations are those of docs/variants.md.
"""

from math import floor, ldexp

import numpy as np

BITS = {"fixed32": 32, "fixed16": 16, "fixed8": 8}


class ShiftError(Exception):
    """activation_frac + weight_frac - output_frac is outside -16..62."""


def saturate(value, bits):
    return max(-(2 ** (bits - 1)), min(2 ** (bits - 1) - 1, value))


def quantise(value, fraction, bits):
    return saturate(floor(ldexp(float(value), fraction) + 0.5), bits)


def auto_fraction(values, bits):
    largest = max(abs(float(value)) for value in values)
    if largest == 0:
        return bits - 1
    fraction = bits - 1 + 16
    while floor(ldexp(largest, fraction) + 0.5) > 2 ** (bits - 1) - 1:
        fraction -= 1
    return fraction


def above(inputs, threshold):
    """The inputs with those within the threshold, a float32 as they are, taken as 0; and how many were not 0."""
    least = float(np.float32(threshold))
    kept = [value if abs(value) > least else 0.0 for value in inputs]
    return kept, sum(1 for old, new in zip(inputs, kept, strict=True) if old != new)


def products(codes, bias_codes, codebook, inputs, one):
    """(row, column, code value, activation) of every product, in column order, bias last. codes: [rows][cols]."""
    rows, cols = len(codes), len(inputs)
    for j in range(cols):
        for i in range(rows):
            if codes[i][j] != 0:
                yield i, j, codebook[codes[i][j]], inputs[j]
    if bias_codes is not None:
        for i in range(rows):
            if bias_codes[i] != 0:
                yield i, cols, codebook[bias_codes[i]], one


def float32_sums(codes, bias_codes, codebook, inputs):
    """One input's sums as float32[rows]: product and sum each rounded."""
    sums = [np.float32(0)] * len(codes)
    codebook = [np.float32(value) for value in codebook]
    inputs = [np.float32(value) for value in inputs]
    with np.errstate(over="ignore", invalid="ignore"):
        for i, _, weight, activation in products(codes, bias_codes, codebook, inputs, np.float32(1)):
            if activation != 0:
                product = weight * activation
                sums[i] = sums[i] + product
    return np.array(sums, np.float32)


def fraction_bits(codes, bias_codes, codebook, batch, bits, chosen):
    """The fraction bits of activation, weight and output; `chosen` gives numbers or "auto"."""
    used = dict(chosen)
    if used["activation"] == "auto":
        activations = [value for inputs in batch for value in inputs] + ([1.0] if bias_codes is not None else [])
        used["activation"] = auto_fraction(activations, bits)
    if used["weight"] == "auto":
        used["weight"] = auto_fraction(codebook, bits)
    if used["output"] == "auto":
        outputs = []
        for inputs in batch:
            sums = [0.0] * len(codes)
            values = [float(value) for value in codebook]
            for i, _, weight, activation in products(codes, bias_codes, values, [float(a) for a in inputs], 1.0):
                sums[i] += weight * activation
            outputs += sums
        used["output"] = auto_fraction(outputs, bits)
    if all(value == "auto" for value in chosen.values()):
        # Never refused: the output bits nearest to these with which the shift is allowed.
        exact = used["activation"] + used["weight"]
        allowed = [output for output in range(-1200, 1200) if -16 <= exact - output <= 62]
        used["output"] = min(allowed, key=lambda output: abs(output - used["output"]))
    return used


def fixed_sums(codes, bias_codes, codebook, inputs, bits, used, rounding="nearest", seed=0):
    """One input's accumulators as integers, for the fraction bits `used`."""
    shift = used["activation"] + used["weight"] - used["output"]
    if not -16 <= shift <= 62:
        raise ShiftError(shift)
    weights = [quantise(value, used["weight"], bits) for value in codebook]
    activations = [quantise(value, used["activation"], bits) for value in inputs]
    one = quantise(1.0, used["activation"], bits)
    sums = [0] * len(codes)
    for i, j, weight, activation in products(codes, bias_codes, weights, activations, one):
        product = weight * activation
        sums[i] = saturate(sums[i] + shifted(product, shift, rounding, lambda s, i=i, j=j: drawn(i, j, seed, s)), bits)
    return sums


def shifted(product, shift, rounding="nearest", draw=None):
    if shift <= 0:
        return product * 2**-shift
    added = {"nearest": lambda s: 2 ** (s - 1), "floor": lambda s: 0, "stochastic": draw}[rounding]
    return (product + added(shift)) >> shift


def drawn(i, j, seed, shift):
    h = (i * 0x9E3779B1 + j * 0x85EBCA77 + seed * 0xC2B2AE3D) % 2**32
    h ^= h >> 16
    h = h * 0x7FEB352D % 2**32
    h ^= h >> 15
    h = h * 0x846CA68B % 2**32
    h ^= h >> 16
    return h >> (32 - shift) if shift <= 32 else h << (shift - 32)
