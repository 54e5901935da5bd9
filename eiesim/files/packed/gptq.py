"""GPTQ and AWQ: `qweight`, `qzeros`, `scales`, `g_idx`.

| | `qweight` int32 | `qzeros` int32 | `scales` |
| --- | --- | --- | --- |
| GPTQ | [inputs x bits / 32, outputs], along inputs | [groups, outputs x bits / 32] | [groups, outputs] |
| AWQ, GEMM | [inputs, outputs / 8], outputs 0 2 4 6 1 3 5 7 | [groups, outputs / 8], the same | [groups, outputs] |
| AWQ, GEMV | [outputs, inputs / 8], in order | [outputs, width] | [outputs, 8 x width] |

The lowest bits come first. weight = (code - zero point) x scale; GPTQ's input i is of group `g_idx[i]`. Its first
version stores zero points less 1, its second as they are, and only the configuration tells which. What the first makes
of a zero point of 0 is read as 0 by some tools and as 2**bits by others: it is refused.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.files.packed import bits
from eiesim.files.packed.group import DamagedError, Dense, Group, NotReadError, group_size, groups_of

AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
AWQ_BITS = 4
GPTQ_BITS = (2, 3, 4, 8)
OTHERS = ("marlin", "bitblas", "qqq", "gptq_p", "gemv_fast", "llm-awq", "exllama", "ipex")
"""Layouts that tools write under the same names, as the configuration calls them."""


def gptq_or_awq(group: Group) -> Dense:
    """`qweight` with its `scales` and `qzeros`."""
    if group.said.form in OTHERS:
        raise NotReadError(f"the layout '{group.said.form}'")
    if "scaled_zeros" in group or ("qzeros" in group and group.numbers("qzeros").dtype.kind == "f"):
        raise NotReadError("AWQ's layout for GEMV of 16-bit words")
    words, zeros, scales = group.words("qweight"), group.words("qzeros"), group.scales("scales", (2,))
    if scales.shape[1] == words.shape[1]:
        return _gptq(group, words, zeros, scales)
    if scales.shape[1] == words.shape[1] * bits.WORD // AWQ_BITS:
        return _gemm(group, words, zeros, scales)
    if len(scales) == len(words) == len(zeros):
        return _gemv(group, words, zeros, scales)
    raise DamagedError(f"'scales' has shape {list(scales.shape)}, which fits no 'qweight' of {list(words.shape)}")


def _gptq(group: Group, words: npt.NDArray[Any], stored: npt.NDArray[Any], scales: npt.NDArray[np.float32]) -> Dense:
    outputs, of = words.shape[1], [("qweight", "weight"), ("qzeros", "zero_point"), ("scales", "scale")]
    indices = group.whole("g_idx", (1,)) if "g_idx" in group else None
    width = _width(group, words, stored, indices)
    inputs = len(words) * bits.WORD // width if indices is None else len(indices)
    group.fitting("qzeros", stored, (len(scales), stored.shape[1]))
    zeros = bits.from_words(stored, width, outputs).astype(np.float32)
    zeros += _less(group, zeros, width)
    if indices is None:
        size = group_size(inputs, len(scales), group.said)
        own, how = np.arange(inputs) // size, f"scales by row and {size} inputs"
    else:
        of.append(("g_idx", "indices"))
        own = groups_of(indices, "g_idx", inputs, len(scales))
        how = f"scales by row and group of 'g_idx', {len(scales)} in all"
    codes = bits.from_words(words.T, width, inputs).astype(np.float32)
    weights = (codes - zeros.T[:, own]) * scales.T[:, own]
    return Dense(weights, f"GPTQ, {width} bits, {how}", tuple(of))


def _width(group: Group, words: npt.NDArray[Any], stored: npt.NDArray[Any], indices: npt.NDArray[Any] | None) -> int:
    """Bits of a code, by the shapes of all that is packed. Raises DamagedError where none fits, or several."""
    fitting = [
        width
        for width in GPTQ_BITS
        if bits.words_for(width, words.shape[1]) == stored.shape[1]
        and (indices is None or bits.words_for(width, len(indices)) == len(words))
    ]
    shapes = f"'qweight' of {list(words.shape)} and 'qzeros' of {list(stored.shape)}"
    if not fitting:
        told = "" if indices is None else f" of {len(indices)} inputs"
        raise DamagedError(f"{shapes} fit no codes of 2, 3, 4 or 8 bits{told}")
    found = [width for width in fitting if width in group.said.bits] if group.said.bits else fitting
    if not found:
        told = ", ".join(map(str, sorted(group.said.bits)))
        raise DamagedError(f"{shapes} have codes of {fitting[0]} bits, and {group.said.file} says {told}")
    if len(found) > 1:
        raise DamagedError(f"{shapes} may have codes of {', '.join(map(str, found))} bits; nothing says how many")
    return found[0]


def _less(group: Group, zeros: npt.NDArray[np.float32], width: int) -> int:
    """What was taken off the zero points: 1 in GPTQ's first version, 0 in its second."""
    form, most, middle = group.said.form, (1 << width) - 1, 1 << (width - 1)
    if form == "gptq_v2":
        return 0
    if form != "gptq" and group.said.method != "gptq":
        if (zeros == middle).all():
            return 0  # symmetric, as the second version has it
        if not (zeros == middle - 1).all():
            raise DamagedError(
                "nothing says whether 'qzeros' are stored less 1 (GPTQ) or as they are (GPTQ v2): "
                "quantize_config.json or config.json belongs beside the file"
            )
    if (zeros == most).any():
        raise DamagedError(f"'qzeros' holds {most}, a zero point of 0 less 1, which tools read as 0 or as {most + 1}")
    return 1


def _gemm(group: Group, words: npt.NDArray[Any], stored: npt.NDArray[Any], scales: npt.NDArray[np.float32]) -> Dense:
    inputs, outputs = words.shape[0], scales.shape[1]
    _check_awq(group)
    group.fitting("qzeros", stored, (len(scales), words.shape[1]))
    size = group_size(inputs, len(scales), group.said)
    order = np.argsort(AWQ_ORDER)

    def codes(packed: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        each = bits.from_words(packed, AWQ_BITS, outputs).reshape(len(packed), -1, 8)
        return each[:, :, order].reshape(len(packed), outputs).astype(np.float32)

    zeros = codes(stored)
    weights = (codes(words) - np.repeat(zeros, size, axis=0)[:inputs]) * np.repeat(scales, size, axis=0)[:inputs]
    return _awq(weights.T, f"AWQ, {AWQ_BITS} bits, scales by row and {size} inputs")


def _gemv(group: Group, words: npt.NDArray[Any], stored: npt.NDArray[Any], scales: npt.NDArray[np.float32]) -> Dense:
    outputs, inputs = words.shape[0], words.shape[1] * bits.WORD // AWQ_BITS
    _check_awq(group)
    group.fitting("scales", scales, (outputs, stored.shape[1] * bits.WORD // AWQ_BITS))
    sizes = group.said.group_sizes
    if len(sizes) != 1:
        raise DamagedError("AWQ's GEMV pads its groups: config.json, which says their size, belongs beside the file")
    size = next(iter(sizes))
    groups = -(-inputs // size)
    if groups > scales.shape[1]:
        raise DamagedError(f"'scales' has {scales.shape[1]} groups, and {inputs} inputs need {groups} of {size}")
    zeros = bits.from_words(stored, AWQ_BITS, groups).astype(np.float32)
    codes = bits.from_words(words, AWQ_BITS, inputs).astype(np.float32)
    wide = (outputs, inputs), (1, size)
    weights = (codes - bits.spread(zeros, *wide)) * bits.spread(scales[:, :groups], *wide)
    return _awq(weights, f"AWQ (GEMV), {AWQ_BITS} bits, scales by row and {size} inputs")


def _check_awq(group: Group) -> None:
    if group.said.bits and AWQ_BITS not in group.said.bits:
        raise DamagedError(f"AWQ's codes have {AWQ_BITS} bits, and {group.said.file} says {sorted(group.said.bits)}")


def _awq(weights: npt.NDArray[np.float32], how: str) -> Dense:
    return Dense(weights, how, (("qweight", "weight"), ("qzeros", "zero_point"), ("scales", "scale")))
