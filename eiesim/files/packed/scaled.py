"""Weights that are codes beside a scale: int8 and float8, by tensor, row, group or block.

compressed-tensors writes `weight` with `weight_scale` (int-quantized, float-quantized, mxfp8-quantized), DeepSeek and
its followers `weight_scale_inv`, ComfyUI `scale_weight`. The name notwithstanding, all are multiplied by.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.files.packed import bits
from eiesim.files.packed.group import DamagedError, Dense, Group, NotReadError, group_size, groups_of

SCALES = ("weight_scale", "weight_scale_inv", "scale_weight", "scale")
ZEROS, INDICES = "weight_zero_point", "weight_g_idx"

Array = npt.NDArray[Any]


def scaled(group: Group) -> Dense:
    """`weight` (int8 or float8) times its scale."""
    part = next(one for one in SCALES if one in group)
    held = group.held["weight"]
    if held.dtype.lower() in ("uint8", "u8"):
        raise NotReadError("BitNet, or other uint8 codes of which a byte may hold several")
    codes = group.matrix("weight")
    values, how, of = times_scale(group, codes.astype(np.float32), part)
    return Dense(values, f"{held.dtype}, {how}", (("weight", "weight"), *of))


def times_scale(
    group: Group, codes: Array, part: str = SCALES[0]
) -> tuple[npt.NDArray[np.float32], str, tuple[tuple[str, str], ...]]:
    """(codes - zero points) times the scale; over what that goes, and the tensors with their roles.

    codes: float[outputs, inputs].
    """
    is_exponent = group.held[part].dtype.lower() in ("uint8", "u8") if part in group else False
    scale = bits.exponents(group.octets(part)) if is_exponent else group.scales(part)
    if not np.isfinite(scale).all():
        raise DamagedError(f"'{part}' holds NaN")
    of = [(part, "scale")]
    zeros = None
    if ZEROS in group:
        zeros = zero_points(group, scale, codes.shape)
        of.append((ZEROS, "zero_point"))
    if INDICES in group:
        of.append((INDICES, "indices"))
        indices = group.whole(INDICES, (1,))
        if (indices >= 0).any():  # compressed-tensors writes -1 where there is no order
            if scale.ndim != 2 or len(scale) != len(codes):
                raise DamagedError(f"'{part}' has shape {list(scale.shape)}, '{INDICES}' needs one by row and group")
            own = groups_of(indices, INDICES, codes.shape[1], scale.shape[1])
            shifted = codes if zeros is None else codes - zeros[:, own]
            return shifted * scale[:, own], f"scales by row and group of '{INDICES}'", tuple(of)
    wide, how = as_wide_as(group, part, scale, codes.shape)
    if zeros is not None:
        codes = codes - as_wide_as(group, ZEROS, zeros.reshape(scale.shape), codes.shape)[0]
    return (codes * wide).astype(np.float32), how, tuple(of)


def zero_points(group: Group, scale: Array, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Zero points that are stored as they are, one a scale."""
    found = group.numbers(ZEROS)
    if found.size != scale.size:
        raise DamagedError(f"'{ZEROS}' has shape {list(found.shape)}, its scale {list(scale.shape)}")
    return found.astype(np.float32).reshape(scale.shape)


def as_wide_as(group: Group, part: str, scale: Array, shape: tuple[int, ...]) -> tuple[Array, str]:
    """Scales that can be multiplied with weights of this shape, and over what they go. Raises DamagedError."""
    outputs, inputs = shape
    if scale.size == 1:
        return scale.reshape(1, 1), "one scale"
    if scale.ndim == 1:
        if len(scale) != outputs:
            raise DamagedError(f"'{part}' has {len(scale)} scales for {outputs} rows")
        return scale[:, None], "scales by row"
    if len(scale) == outputs and group.said.block is None:
        if scale.shape[1] == 1:
            return scale, "scales by row"
        size = group_size(inputs, scale.shape[1], group.said)
        return bits.spread(scale, (outputs, inputs), (1, size)), f"scales by row and {size} inputs"
    block = _block(group, part, scale.shape, (outputs, inputs))
    return bits.spread(scale, (outputs, inputs), block), f"scales by block of {block[0]} x {block[1]}"


def _block(group: Group, part: str, blocks: tuple[int, ...], shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a block: as the configuration says, else where only one size fits."""
    said = group.said.block
    if said is not None:
        needed = tuple(-(-size // one) for size, one in zip(shape, said, strict=True))
        if needed != blocks:
            raise DamagedError(
                f"'{part}' has shape {list(blocks)}, blocks of {said[0]} x {said[1]} need {list(needed)}"
            )
        return said
    rows, columns = (list(bits.block_sizes(size, count)) for size, count in zip(shape, blocks, strict=True))
    if not rows or not columns:
        raise DamagedError(f"'{part}' has shape {list(blocks)}, which divides {shape[0]} x {shape[1]} into no blocks")
    if 128 in rows and 128 in columns:
        return 128, 128
    if (len(rows) > 1 and blocks[0] > 1) or (len(columns) > 1 and blocks[1] > 1):
        raise DamagedError(f"'{part}' has shape {list(blocks)}; config.json is missing, which says the size of a block")
    return rows[0], columns[0]
