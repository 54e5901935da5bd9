"""The golden product, as docs/formats.md says under "Arithmetic": plain integers and numpy's float32 scalars."""

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


def products(codes, bias_codes, codebook, inputs, one):
    """(row, code value, activation) of every product, in column order, bias last. codes: [rows][cols], 0 is none."""
    rows, cols = len(codes), len(inputs)
    for j in range(cols):
        for i in range(rows):
            if codes[i][j] != 0:
                yield i, codebook[codes[i][j]], inputs[j]
    if bias_codes is not None:
        for i in range(rows):
            if bias_codes[i] != 0:
                yield i, codebook[bias_codes[i]], one


def float32_sums(codes, bias_codes, codebook, inputs):
    """One input's sums as float32[rows]: product and sum each rounded."""
    sums = [np.float32(0)] * len(codes)
    codebook = [np.float32(value) for value in codebook]
    inputs = [np.float32(value) for value in inputs]
    with np.errstate(over="ignore", invalid="ignore"):
        for i, weight, activation in products(codes, bias_codes, codebook, inputs, np.float32(1)):
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
            for i, weight, activation in products(codes, bias_codes, values, [float(a) for a in inputs], 1.0):
                sums[i] += weight * activation
            outputs += sums
        used["output"] = auto_fraction(outputs, bits)
    if all(value == "auto" for value in chosen.values()):
        # Never refused: the output bits nearest to these with which the shift is allowed.
        exact = used["activation"] + used["weight"]
        allowed = [output for output in range(-1200, 1200) if -16 <= exact - output <= 62]
        used["output"] = min(allowed, key=lambda output: abs(output - used["output"]))
    return used


def fixed_sums(codes, bias_codes, codebook, inputs, bits, used):
    """One input's accumulators as integers, for the fraction bits `used`."""
    shift = used["activation"] + used["weight"] - used["output"]
    if not -16 <= shift <= 62:
        raise ShiftError(shift)
    weights = [quantise(value, used["weight"], bits) for value in codebook]
    activations = [quantise(value, used["activation"], bits) for value in inputs]
    one = quantise(1.0, used["activation"], bits)
    sums = [0] * len(codes)
    for i, weight, activation in products(codes, bias_codes, weights, activations, one):
        product = weight * activation
        sums[i] = saturate(sums[i] + shifted(product, shift), bits)
    return sums


def shifted(product, shift):
    if shift > 0:
        return (product + 2 ** (shift - 1)) >> shift
    return product * 2**-shift
