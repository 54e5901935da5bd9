"""bitsandbytes: NF4 and FP4 in blocks of the flattened matrix, and int8 by row.

`weight` uint8 [numbers / 2, 1], the upper half of a byte first, is an index into `quant_map`; `absmax` has the scale of
each block of 64, in uint8 where these are quantised themselves: nested_quant_map[absmax] x nested_absmax + an offset.
`quant_state.bitsandbytes__nf4` holds JSON as bytes: shape, blocksize, the offset. Int8 is weight x `SCB` / 127.
"""

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.files.packed import bits
from eiesim.files.packed.group import DamagedError, Dense, Group, NotReadError

STATE = "weight.quant_state.bitsandbytes__"
KINDS = ("nf4", "fp4")
INT8_MOST = np.float32(127)


def four_bits(group: Group) -> Dense:
    """NF4 and FP4."""
    state_name = next((f"{STATE}{kind}" for kind in KINDS if f"{STATE}{kind}" in group), f"{STATE}nf4")
    state, kind = _state(group, state_name), state_name.removeprefix(STATE)
    outputs, inputs = _shape(state, state_name)
    size = _whole(state, "blocksize", state_name)
    count = outputs * inputs
    stored = group.numbers("weight").reshape(-1)
    if group.held["weight"].dtype == "BF16":  # quant_storage=bfloat16: the same bytes, as a file calls them
        stored = (stored.view(np.uint32) >> 16).astype("<u2").view(np.uint8)
    if stored.dtype != np.uint8:
        raise NotReadError(f"bitsandbytes' {kind} kept in {group.held['weight'].dtype} (quant_storage)")
    if len(stored) != -(-count // 2):
        raise DamagedError(f"'weight' has {len(stored)} bytes, and {outputs} x {inputs} weights need {-(-count // 2)}")
    of = [("weight", "weight"), (state_name, "shape"), ("weight.quant_map", "lookup"), ("weight.absmax", "scale")]
    lookup = group.scales("weight.quant_map", (1,))
    group.fitting("weight.quant_map", lookup, (16,))
    blocks = -(-count // size)
    if "nested_offset" in state or "weight.nested_absmax" in group:
        absmax = _nested(group, state, state_name)
        of += [("weight.nested_absmax", "scale"), ("weight.nested_quant_map", "lookup")]
    else:
        absmax = group.scales("weight.absmax").reshape(-1)
    if len(absmax) != blocks:
        raise DamagedError(f"'weight.absmax' has {len(absmax)} scales, and blocks of {size} need {blocks}")
    values = lookup[bits.nibbles(stored, high_first=True)[:count]]
    weights = (values * np.repeat(absmax, size)[:count]).reshape(outputs, inputs)
    nested = ", themselves of 8 bits" if "weight.nested_absmax" in group else ""
    return Dense(weights.astype(np.float32), f"bitsandbytes, {kind}, scales by block of {size}{nested}", tuple(of))


def _nested(group: Group, state: dict[str, Any], where: str) -> npt.NDArray[np.float32]:
    """Scales of blocks that are themselves codes of 8 bits."""
    codes = group.octets("weight.absmax").reshape(-1)
    lookup = group.fitting("weight.nested_quant_map", group.scales("weight.nested_quant_map", (1,)), (256,))
    size, offset = _whole(state, "nested_blocksize", where), state.get("nested_offset")
    outer = group.scales("weight.nested_absmax").reshape(-1)
    if isinstance(offset, bool) or not isinstance(offset, int | float) or not np.isfinite(offset):
        raise DamagedError(f"'{where}' has no nested_offset")
    if len(outer) != -(-len(codes) // size):
        raise DamagedError(f"'weight.nested_absmax' has {len(outer)} scales, and blocks of {size} need "
                      f"{-(-len(codes) // size)}")  # fmt: skip
    found = lookup[codes] * np.repeat(outer, size)[: len(codes)] + np.float32(offset)
    return np.asarray(found, np.float32)


def int8(group: Group) -> Dense:
    """Int8: `weight`, and `SCB`, the largest magnitude of each row."""
    codes, scale = group.whole("weight", (2,)), group.scales("SCB", (1,))
    if codes.dtype != np.int8:
        raise DamagedError(f"'weight' is {group.held['weight'].dtype}, needs int8")
    if len(scale) != len(codes):
        raise DamagedError(f"'SCB' has {len(scale)} scales for {len(codes)} rows")
    of = [("weight", "weight"), ("SCB", "scale")]
    if "weight_format" in group:
        of.append(("weight_format", "shape"))
        if group.whole("weight_format").any():
            raise NotReadError("bitsandbytes' int8 in an order for one GPU (weight_format)")
    return Dense(codes * (scale[:, None] / INT8_MOST), "bitsandbytes, int8, scales by row", tuple(of))


def _state(group: Group, part: str) -> dict[str, Any]:
    try:
        held = json.loads(group.octets(part).tobytes())
    except (ValueError, RecursionError):
        held = None
    if not isinstance(held, dict):
        raise DamagedError(f"'{part}' is no JSON")
    return held


def _shape(state: dict[str, Any], part: str) -> tuple[int, int]:
    shape = state.get("shape")
    if not isinstance(shape, list) or len(shape) != 2 or not all(isinstance(one, int) and one > 0 for one in shape):
        raise DamagedError(f"'{part}' has no shape of two sizes")
    return shape[0], shape[1]


def _whole(state: dict[str, Any], key: str, part: str) -> int:
    value = state.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise DamagedError(f"'{part}' has no {key}")
    return value
