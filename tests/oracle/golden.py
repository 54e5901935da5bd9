"""The golden product, as docs/formats.md says under "Arithmetic": plain integers and numpy's float32 scalars.

Rounding and the threshold of activations are those of docs/variants.md, adder units those of docs/adder.md.
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


def term(weight, activation):
    """An adder unit's: 2 min(|a|, |w|) where the signs agree, else 0."""
    if (weight > 0 and activation > 0) or (weight < 0 and activation < 0):
        return 2 * min(abs(weight), abs(activation))
    return 0 * weight


def adder_float32_sums(codes, bias_codes, codebook, inputs):
    """One input's sums of adder units as float32[rows]: (acc + r) + A, each added up in column order."""
    zero = np.float32(0)
    acc, r, total = [zero] * len(codes), [zero] * len(codes), zero
    codebook = [np.float32(value) for value in codebook]
    inputs = [np.float32(value) for value in inputs]
    with np.errstate(over="ignore", invalid="ignore"):
        for activation in inputs:
            total = total - abs(activation)
        for i, j, weight, activation in products(codes, bias_codes, codebook, inputs, np.float32(1)):
            if j == len(inputs):
                acc[i] = acc[i] + weight
            else:
                acc[i] = acc[i] + term(weight, activation)
                r[i] = r[i] - abs(weight)
        return np.array([(acc[i] + r[i]) + total for i in range(len(codes))], np.float32)


def adder_fraction_bits(codes, bias_codes, codebook, batch, bits, chosen):
    """The fraction bits of adder units: one number for activation and weight, and the output's."""
    given = [chosen[name] for name in ("activation", "weight") if chosen[name] != "auto"]
    if given:
        shared = given[0]
    else:
        activations = [value for inputs in batch for value in inputs] + ([1.0] if bias_codes is not None else [])
        shared = min(auto_fraction(activations, bits), auto_fraction(codebook, bits))
    output = chosen["output"]
    if output == "auto":
        rests = []
        for inputs in batch:
            total = 0.0
            for value in inputs:
                total -= abs(float(value))
            r = [0.0] * len(codes)
            for i, _, weight, _ in products(codes, None, [float(value) for value in codebook], inputs, None):
                r[i] -= abs(weight)
            rests += [value + total for value in r]
        output = auto_fraction(rests, bits)
    if all(value == "auto" for value in chosen.values()):
        allowed = [near for near in range(-1200, 1200) if -16 <= shared - near <= 62]
        output = min(allowed, key=lambda near: abs(near - output))
    return {"activation": shared, "weight": shared, "output": output}


def adder_fixed_sums(codes, bias_codes, codebook, inputs, bits, used, rounding="nearest", seed=0):
    """One input's sums of adder units as integers: terms added up and saturated, at the end the rest."""
    shift = used["activation"] - used["output"]
    if not -16 <= shift <= 62:
        raise ShiftError(shift)
    weights = [quantise(value, used["weight"], bits) for value in codebook]
    activations = [quantise(value, used["activation"], bits) for value in inputs]
    cols = len(inputs)
    sums, rest = [0] * len(codes), [-sum(abs(value) for value in activations)] * len(codes)

    def add(i, value, j):
        scaled = shifted(value, shift, rounding, lambda s: drawn(i, j, seed, s))
        sums[i] = saturate(sums[i] + scaled, bits)

    for i, j, weight, activation in products(codes, None, weights, activations, None):
        add(i, term(weight, activation), j)
        rest[i] -= abs(weight)
    sent = quantise(1.0, used["activation"], bits) != 0
    for i, code in enumerate(bias_codes or []):
        if code != 0 and sent:
            add(i, weights[code], cols)
    for i in range(len(codes)):
        add(i, rest[i], cols + 1)
    return sums


def literal_adder_sums(codes, bias_codes, codebook, inputs):
    """What AdderNet's layer is, before any of this: -sum |a - w| over all columns, zeros too, and the bias.

    codebook, inputs: numbers of any kind, which are added up as they are.
    """
    sums = []
    for i, row in enumerate(codes):
        total = 0
        for code, activation in zip(row, inputs, strict=True):
            total -= abs(activation - (codebook[code] if code else 0))
        if bias_codes is not None and bias_codes[i]:
            total += codebook[bias_codes[i]]
        sums.append(total)
    return sums
