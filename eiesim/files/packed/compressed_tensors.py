"""compressed-tensors: integers packed into 32-bit words, float4 and float6 into bytes, sparse weights with bitmasks.

| format | tensors, `weight_scale` too | weight |
| --- | --- | --- |
| pack-quantized | `weight_packed` int32, `weight_shape`, `weight_zero_point`, `weight_g_idx` | (q - z) x scale |
| nvfp4-pack-quantized | `weight_packed` uint8, `weight_global_scale` | q x scale / global scale |
| mxfp4-, mxfp6-pack-quantized | `weight_packed` uint8; scales are exponents | q x 2**(scale - 127) |
| sparse-bitmask | `compressed`, `bitmask`, `shape`, `row_offsets` | values where the bits are 1 |
| sparse-24-bitmask | `compressed` [rows, cols / 2], `bitmask`, `shape` | two of each four |

Integers are stored plus 2**(bits - 1), the lowest bits first, along inputs; zero points in the same way along outputs.
Until 0.17 a word holds whole codes, later a code of 3, 5, 6 or 7 bits may straddle two.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.files.packed import bits
from eiesim.files.packed.group import DamagedError, Dense, Group, NotReadError, groups_of
from eiesim.files.packed.scaled import INDICES, SCALES, ZEROS, as_wide_as, times_scale

SCALE, SHAPE, PACKED, GLOBAL = "weight_scale", "weight_shape", "weight_packed", "weight_global_scale"
NVFP4_GROUP, MX_GROUP = 16, 32


def packed(group: Group) -> Dense:
    """`weight_packed`: integers in words, or small floating point in bytes."""
    if group.numbers(PACKED).dtype == np.uint8:
        return _floats(group)
    return _integers(group)


def _integers(group: Group) -> Dense:
    words = group.words(PACKED)
    outputs, inputs = _shape(group, SHAPE)
    if len(words) != outputs:
        raise DamagedError(f"'{PACKED}' has {len(words)} rows, '{SHAPE}' says {outputs}")
    width, padded = _layout(group, words, inputs)
    offset = np.float32(1 << (width - 1))
    codes = bits.from_words(words, width, inputs, padded).astype(np.float32) - offset
    of: list[tuple[str, str]] = [(PACKED, "weight"), (SHAPE, "shape")]
    if ZEROS not in group or group.numbers(ZEROS).dtype.itemsize != 4:
        weights, how, more = times_scale(group, codes)
        return Dense(weights, f"compressed-tensors, {width} bits, {how}", (*of, *more))
    scale = group.scales(SCALE, (1, 2))
    if len(scale) != outputs:
        raise DamagedError(f"'{SCALE}' has shape {list(scale.shape)}, and '{ZEROS}' needs one a row")
    scale = scale.reshape(outputs, -1)
    stored = group.words(ZEROS)
    group.fitting(ZEROS, stored, (bits.words_for(width, outputs, padded), scale.shape[1]))
    zeros = bits.from_words(stored.T, width, outputs, padded).T.astype(np.float32) - offset
    of += [(SCALE, "scale"), (ZEROS, "zero_point")]
    indices = group.whole(INDICES, (1,)) if INDICES in group else None
    if indices is not None:
        of.append((INDICES, "indices"))
    if indices is not None and (indices >= 0).any():
        own = groups_of(indices, INDICES, inputs, scale.shape[1])
        weights, how = (codes - zeros[:, own]) * scale[:, own], f"scales by row and group of '{INDICES}'"
    else:
        wide, how = as_wide_as(group, SCALE, scale, codes.shape)
        weights = (codes - as_wide_as(group, ZEROS, zeros, codes.shape)[0]) * wide
    return Dense(weights, f"compressed-tensors, {width} bits, {how} and zero points", tuple(of))


def _layout(group: Group, stored: npt.NDArray[Any], inputs: int) -> tuple[int, bool]:
    """Bits of a code, and whether words hold whole codes. Raises DamagedError where that is not known."""
    words, used = stored.shape[1], int(stored.view(np.uint32).max()).bit_length()
    fitting = [
        (width, padded)
        for width in range(1, 9)
        for padded in ((False,) if bits.WORD % width == 0 else (False, True))
        if bits.words_for(width, inputs, padded) == words and (not padded or used <= bits.WORD // width * width)
    ]
    said = [one for one in fitting if one[0] in group.said.bits]
    if group.said.bits and fitting and not said:
        told = ", ".join(map(str, sorted(group.said.bits)))
        raise DamagedError(f"'{PACKED}' has {words} words for {inputs} inputs, and {group.said.file} says {told} bits")
    found = said or fitting
    if len(found) > 1 and group.said.version:
        older = tuple(int(one) if one.isdigit() else 0 for one in group.said.version.split(".")[:2]) <= (0, 17)
        found = [one for one in found if one[1] == older or bits.WORD % one[0] == 0]
    if not found:
        raise DamagedError(f"'{PACKED}' has {words} words for {inputs} inputs, which fits no codes of 1 to 8 bits")
    if len({one[0] for one in found}) > 1:
        told = ", ".join(str(one) for one in sorted({one[0] for one in found}))
        raise DamagedError(f"'{PACKED}' may have codes of {told} bits; config.json is missing, which says how many")
    if len(found) > 1:
        raise DamagedError(f"'{PACKED}' may have codes that straddle words or not; config.json does not say")
    return found[0]


def _floats(group: Group) -> Dense:
    stored = group.octets(PACKED, (2,))
    outputs = len(stored)
    of: list[tuple[str, str]] = [(PACKED, "weight"), (SCALE, "scale")]
    if GLOBAL in group:
        scale = group.scales(SCALE, (2,)) / _one(group, GLOBAL)
        codes, what = bits.float4(bits.nibbles(stored)), f"nvfp4, scales by row and {NVFP4_GROUP} inputs and in all"
        of.append((GLOBAL, "scale"))
        size = NVFP4_GROUP
    else:
        if SCALE in group and group.numbers(SCALE).dtype.kind == "f" and not group.held[SCALE].dtype.endswith("8M0"):
            raise DamagedError(f"'{GLOBAL}' is missing")
        held = group.numbers(SCALE, (2,))
        scale = bits.exponents(held) if held.dtype == np.uint8 else group.scales(SCALE, (2,))
        size = MX_GROUP
        if stored.shape[1] * 4 == scale.shape[1] * size * 3:
            codes, what = bits.float6(stored), f"mxfp6, scales by row and {size} inputs"
        else:
            codes, what = bits.float4(bits.nibbles(stored)), f"mxfp4, scales by row and {size} inputs"
    group.fitting(SCALE, scale, (outputs, -(-codes.shape[1] // size)))
    weights = codes * bits.spread(scale, (outputs, codes.shape[1]), (1, size))
    return Dense(_finite(weights, SCALE), f"compressed-tensors, {what}", tuple(of))


def sparse(group: Group) -> Dense:
    """`compressed`: the values whose bits in `bitmask` are 1, row by row."""
    outputs, inputs = _shape(group, "shape")
    mask = group.octets("bitmask", (2,))
    group.fitting("bitmask", mask, (outputs, -(-inputs // 8)))
    kept = np.unpackbits(mask, axis=1, count=inputs, bitorder="little").astype(bool)
    values, form = group.numbers("compressed", (1, 2)), "sparse-bitmask"
    counts = kept.sum(axis=1)
    of = [("compressed", "weight"), ("bitmask", "mask"), ("shape", "shape")]
    if values.ndim == 2:
        form = "sparse-24-bitmask"
        group.fitting("compressed", values, (outputs, inputs // 2))
        if (counts != values.shape[1]).any():
            raise DamagedError(f"'bitmask' keeps {int(counts.max())} of {inputs} inputs, not half")
    elif len(values) != counts.sum():
        raise DamagedError(f"'bitmask' keeps {int(counts.sum())} weights, 'compressed' holds {len(values)}")
    if "row_offsets" in group:
        of.append(("row_offsets", "indices"))
        offsets = group.whole("row_offsets", (1,))
        if not np.array_equal(offsets, np.cumsum(counts) - counts):
            raise DamagedError("'row_offsets' are not where the rows of 'bitmask' begin")
    weights = np.zeros((outputs, inputs), np.float32)
    weights[kept] = values.reshape(-1)
    part = next((one for one in SCALES if one in group), None)
    if part is None:
        if not group.held["compressed"].is_float:
            raise DamagedError("'weight_scale' is missing")
        return Dense(_finite(weights, "compressed"), f"compressed-tensors, {form}", tuple(of))
    if ZEROS in group:
        raise NotReadError(f"compressed-tensors' {form} with zero points")
    weights, how, more = times_scale(group, weights, part)
    return Dense(weights, f"compressed-tensors, {form}, {group.held['compressed'].dtype}, {how}", (*of, *more))


def _shape(group: Group, part: str) -> tuple[int, int]:
    """A shape of two sizes that a tensor holds, [2] or [2, 1]."""
    sizes = group.whole(part, (1, 2)).reshape(-1)
    if len(sizes) != 2 or sizes.min() < 1:
        raise DamagedError(f"'{part}' holds {sizes.tolist()[:4]}, no rows and columns")
    return int(sizes[0]), int(sizes[1])


def _one(group: Group, part: str) -> np.float32:
    scale = group.scales(part)
    if scale.size != 1 or scale.reshape(-1)[0] == 0:
        raise DamagedError(f"'{part}' has shape {list(scale.shape)}, needs one number other than 0")
    return np.float32(scale.reshape(-1)[0])


def _finite(weights: npt.NDArray[Any], part: str) -> npt.NDArray[np.float32]:
    if not np.isfinite(weights).all():
        raise DamagedError(f"'{part}' gives weights that are NaN or infinity")
    return weights.astype(np.float32)
