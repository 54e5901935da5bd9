"""Number formats and the golden product (docs/formats.md, "Arithmetic").

`float32` rounds product and sum to float32. `fixed32/16/8` are two's complement with separate
fraction bits for activations, codebook and accumulators (the published EIE is fixed16, Sec. VI).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eiesim._jit import jit, uncounted
from eiesim._shown import Brief
from eiesim.config import MachineConfig
from eiesim.errors import EieError
from eiesim.layer import CompressedLayer

FIXED_BITS = {"fixed32": 32, "fixed16": 16, "fixed8": 8}

LOWEST_SHIFT, HIGHEST_SHIFT = -16, 62
"""By how many bits a product may be shifted right into the accumulator's format; negative is left."""

Rounding = tuple[int, int, int, int]
"""(shift, low, high, added) of a fixed-point sum; None stands for float32.

shift: places by which a product is shifted right. low, high: the smallest and largest accumulator. added: what is added
to a product before the shift: half a unit to round to the nearest, 0 to round down. Stochastic rounding does not use
it; it draws another number for each product (`drawn`).
"""


class Draw(NamedTuple):
    """What stochastic rounding draws from, besides the output row.

    salt: made of the seed by `salt_of`. numbers: int64[columns], the number of each column in the whole layer, of which
    this may be a tile. The bias's column is the last, and its number is `cols`.
    """

    salt: int
    numbers: npt.NDArray[np.int64]


Each = Callable[[Callable[[slice], Any], int], Iterable[Any]]
"""`each(function, inputs)` calls a function with neighbouring inputs of a batch, a slice at a time, until all had their
turn, and gives what it gave in their order: `in_parts`, or something that has threads."""

INPUTS_AT_ONCE = 128
"""The most inputs of a batch that are quantised and run together, so that what they take stays in a cache."""


def in_parts(function: Callable[[slice], Any], inputs: int) -> Iterator[Any]:
    """See `Each`: one slice after the other."""
    return (function(slice(k, min(k + INPUTS_AT_ONCE, inputs))) for k in range(0, inputs, INPUTS_AT_ONCE))


@dataclass(frozen=True, repr=False)
class Operands(Brief):
    """A layer's operands as the machine holds them.

    values: float[batch, cols], the activations as they came. codebook: float32 or int64[codes].
    rounding: see `Rounding`; None for float32. one: the bias's activation.
    fraction_bits: the bits used, by tensor; empty for float32, without "output" if no output was asked for.
    seed: of stochastic rounding; None where nothing is drawn.
    threshold: activations up to this magnitude are 0.
    """

    arithmetic: str
    values: npt.NDArray[Any]
    codebook: npt.NDArray[Any]
    rounding: Rounding | None
    one: Any
    fraction_bits: dict[str, int]
    seed: int | None = None
    threshold: float = 0.0

    @cached_property
    def activations(self) -> npt.NDArray[Any]:
        """The activations, of the codebook's type: [batch, cols]."""
        kept, _ = above_threshold(self.values, self.threshold)
        if self.arithmetic in FIXED_BITS:
            return quantise(kept, self.fraction_bits["activation"], FIXED_BITS[self.arithmetic])
        return kept.astype(self.codebook.dtype, copy=False)

    @property
    def dropped(self) -> tuple[int, ...]:
        """For each input of the batch, how many of its activations the threshold took: not 0 before."""
        return above_threshold(self.values, self.threshold)[1]

    def part(self, inputs: slice) -> "Operands":
        """The same of some inputs of the batch."""
        return replace(self, values=self.values[inputs])

    def draw(self, numbers: npt.NDArray[np.integer[Any]]) -> Draw | None:
        """What rounding draws from; None where nothing is drawn. numbers: as in `Draw`."""
        return None if self.seed is None else Draw(salt_of(self.seed), numbers.astype(np.int64))

    def to_real(self, sums: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Accumulators as real values: float32, or float64 for fixed32, which float32 could not hold."""
        if self.rounding is None:
            return sums
        real = np.ldexp(sums.astype(np.float64), -self.fraction_bits["output"])
        return real if self.arithmetic == "fixed32" else real.astype(np.float32)


def prepare(
    layer: CompressedLayer,
    activations: npt.NDArray[Any],
    config: MachineConfig,
    outputs: bool = True,
    each: Each = in_parts,
) -> Operands:
    """Quantise a layer's codebook and a batch of activations (float[batch, cols]) for a machine.

    Inputs within `activation_threshold`, rounded to float32, are 0 from here on.
    With `outputs` off, `output_frac="auto"` stays unresolved; timing does not need it. each: goes through the inputs.
    The shift between product and accumulator must be -16 to 62. Where all three fraction bits are automatic, those of
    the output are moved, as little as will do, to make it so; otherwise a shift outside raises EieError.
    """
    threshold = config.activation_threshold
    if config.arithmetic == "float32":
        return Operands("float32", activations, layer.codebook, None, np.float32(1.0), {}, threshold=threshold)
    bits = FIXED_BITS[config.arithmetic]
    highest = max(float(activations.max(initial=0.0)), -float(activations.min(initial=0.0)))
    if highest <= np.float32(threshold):
        highest = 0.0
    with_bias = max(highest, 1.0) if layer.bias_codes is not None else highest
    chosen: dict[str, int | str] = {
        "activation": config.activation_frac,
        "weight": config.weight_frac,
        "output": config.output_frac,
    }
    if chosen["activation"] == "auto":
        chosen["activation"] = auto_fraction_bits(with_bias, bits)
    if chosen["weight"] == "auto":
        chosen["weight"] = auto_fraction_bits(float(np.abs(layer.codebook).max()), bits)
    if chosen["output"] == "auto":
        if outputs:
            chosen["output"] = auto_fraction_bits(_largest_output(layer, activations, threshold, each), bits)
        else:
            del chosen["output"]
    used = {tensor: int(fraction) for tensor, fraction in chosen.items()}
    if "output" in used and (config.activation_frac, config.weight_frac, config.output_frac) == ("auto",) * 3:
        used["output"] = reachable(used["output"], used["activation"] + used["weight"])
    shift = used["activation"] + used["weight"] - used["output"] if "output" in used else 0
    if not LOWEST_SHIFT <= shift <= HIGHEST_SHIFT:
        raise EieError(
            f"fraction bits activation {used['activation']} + weight {used['weight']} - output {used['output']} "
            f"= {shift} is outside {LOWEST_SHIFT}..{HIGHEST_SHIFT}; set output_frac nearer to the other two's sum"
        )
    return Operands(
        config.arithmetic,
        activations,
        quantise(layer.codebook, used["weight"], bits),
        fixed_rounding(shift, bits, config.rounding),
        quantise(np.ones(1), used["activation"], bits)[0],
        used,
        config.rounding_seed if config.rounding == "stochastic" else None,
        threshold,
    )


def fixed_rounding(shift: int, bits: int, mode: str = "nearest") -> Rounding:
    """How products are shifted and sums saturate, in `bits` bits. mode: nearest, floor or stochastic."""
    added = 1 << (shift - 1) if mode == "nearest" and shift > 0 else 0
    return shift, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, added


def above_threshold(activations: npt.NDArray[Any], threshold: float) -> tuple[npt.NDArray[Any], tuple[int, ...]]:
    """A batch, [batch, cols], whose activations within the threshold (float32) are set to 0, and how many, by input."""
    if threshold == 0:
        return activations, (0,) * len(activations)
    lost = (np.abs(activations) <= np.float32(threshold)) & (activations != 0)
    kept = np.where(lost, activations.dtype.type(0), activations)
    return kept, tuple(np.count_nonzero(lost, axis=1).tolist())


def exact_operands(layer: CompressedLayer, activations: npt.NDArray[Any], threshold: float = 0.0) -> Operands:
    """A layer's operands in float64: their exact product is what automatic fraction bits of the output must hold."""
    codebook = layer.codebook.astype(np.float64)
    return Operands("float64", activations, codebook, None, np.float64(1.0), {}, threshold=threshold)


def _largest_output(layer: CompressedLayer, activations: npt.NDArray[Any], threshold: float, each: Each) -> float:
    """The largest magnitude of the exact product."""
    exact = exact_operands(layer, activations, threshold)

    def largest(inputs: slice) -> float:
        return float(np.abs(golden_product(layer, exact.part(inputs))).max())

    return max(each(largest, len(activations)))


def quantise(values: npt.NDArray[Any], fraction_bits: int, bits: int) -> npt.NDArray[np.int64]:
    """`floor(x * 2**fraction_bits + 0.5)` in float64, saturated to `bits` bits; int64 of the same shape."""
    scaled = np.floor(np.ldexp(np.asarray(values, np.float64), fraction_bits) + 0.5)
    return np.clip(scaled, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1).astype(np.int64)


def auto_fraction_bits(magnitude: float, bits: int) -> int:
    """The most fraction bits, at most bits + 15, with which `magnitude` still fits `bits` bits."""
    if magnitude == 0:
        return bits - 1
    fraction_bits = min(bits + 15, bits - 1 - int(np.frexp(magnitude)[1]))
    rounded = np.floor(np.ldexp(magnitude, fraction_bits) + 0.5)
    return fraction_bits if rounded <= 2 ** (bits - 1) - 1 else fraction_bits - 1


def reachable(output: int, product: int) -> int:
    """Output fraction bits, or the nearest that a product of `product` fraction bits can be shifted to."""
    return min(max(output, product - HIGHEST_SHIFT), product - LOWEST_SHIFT)


FEW_INPUTS = 8
"""A batch of fewer goes through the kernels of one input: a loop over them is not worth its compiling."""


def golden_product(layer: CompressedLayer, operands: Operands, each: Each = in_parts) -> npt.NDArray[Any]:
    """The layer's accumulators, [batch, rows]: products added one after the other in column order, bias last."""
    draw = operands.draw(np.arange(layer.cols + 1))
    sums = np.zeros((len(operands.values), layer.rows), operands.codebook.dtype)

    def some(inputs: slice) -> None:
        activations = operands.part(inputs).activations
        accumulate_batch(
            layer, activations, operands.one, operands.codebook, operands.rounding, sums[inputs], draw=draw
        )

    list(each(some, len(sums)))
    return sums


def accumulate(
    layer: CompressedLayer,
    activations: npt.NDArray[Any],
    one: Any,
    codebook: npt.NDArray[Any],
    rounding: Rounding | None,
    sums: npt.NDArray[Any] | None = None,
    draw: Draw | None = None,
) -> npt.NDArray[Any]:
    """One input's accumulators, [rows], in the codebook's dtype. activations: [cols]; one: the bias's.

    sums: accumulators to go on from, which are written to and given back; None is all 0. draw: for stochastic rounding,
    else None.
    """
    if sums is None:
        sums = np.zeros(layer.rows, codebook.dtype)
    bias_codes = np.zeros(0, np.uint8) if layer.bias_codes is None else layer.bias_codes
    rows = layer.indices.view(np.uint32)  # Unsigned: compiled code then looks for no negative index.
    terms = np.empty_like(codebook)
    _accumulate(layer.indptr, rows, layer.codes, codebook, activations, bias_codes, one, rounding, draw, terms, sums)
    return sums


def accumulate_batch(
    layer: CompressedLayer,
    activations: npt.NDArray[Any],
    one: Any,
    codebook: npt.NDArray[Any],
    rounding: Rounding | None,
    sums: npt.NDArray[Any],
    draw: Draw | None = None,
) -> None:
    """The accumulators of several inputs, one after the other: `accumulate` of each. activations: [batch, cols].

    sums: [batch, rows], accumulators to go on from, which are written to.
    """
    if len(activations) < FEW_INPUTS:
        for values, into in zip(activations, sums, strict=True):
            accumulate(layer, values, one, codebook, rounding, into, draw)
        return
    bias_codes = np.zeros(0, np.uint8) if layer.bias_codes is None else layer.bias_codes
    rows = layer.indices.view(np.uint32)
    terms = np.empty_like(codebook)
    _accumulate_batch(
        layer.indptr, rows, layer.codes, codebook, activations, bias_codes, one, rounding, draw, terms, sums
    )


@jit
def multiply(weight: Any, activation: Any) -> Any:
    """The product: rounded to float32, or exact in 64 bits."""
    return weight * activation


@jit
def scale(product: Any, rounding: Any, noise: Any = None) -> Any:
    """A product in the accumulator's format: shifted right and rounded, or shifted left.

    A product that would leave 64 bits as it is shifted left is first cut to a value that still saturates the sum.
    noise: what `drawn` gave, where rounding is stochastic, else None.
    """
    if rounding is None:
        return product
    shift = rounding[0]
    if shift > 0:
        if noise is None:
            return (product + rounding[3]) >> shift
        return (product + noise) >> shift
    limit = (1 << 62) >> -shift
    return min(max(product, -limit), limit) << -shift


@jit
def add(accumulator: Any, term: Any, rounding: Any) -> Any:
    """Accumulator plus term: rounded to float32, or saturated to the accumulator's bits."""
    if rounding is None:
        return accumulator + term
    return min(max(accumulator + term, rounding[1]), rounding[2])


MASK = 0xFFFFFFFF


def salt_of(seed: int) -> int:
    """The seed of stochastic rounding as `drawn` takes it."""
    return seed * 0xC2B2AE3D & MASK


@jit
def drawn(row: Any, column: Any, salt: Any, shift: Any) -> Any:
    """The whole number in 0 .. 2**shift - 1 that stochastic rounding adds (docs/variants.md): a hash of 32 bits.

    row, column: numbers in the whole layer, so that the result does not depend on the machine. salt: see `Draw`.
    shift: 1 to 62; no product shifted by less is rounded.
    """
    hashed = (int(row) * 0x9E3779B1 + int(column) * 0x85EBCA77 + salt) & MASK
    hashed ^= hashed >> 16
    hashed = hashed * 0x7FEB352D & MASK
    hashed ^= hashed >> 15
    hashed = hashed * 0x846CA68B & MASK
    hashed ^= hashed >> 16
    return hashed >> (32 - shift) if shift <= 32 else hashed << (shift - 32)


@uncounted
def _accumulate(
    indptr: Any, rows: Any, codes: Any, codebook: Any, activations: Any, bias_codes: Any, one: Any,
    rounding: Any, draw: Any, terms: Any, sums: Any,
) -> None:  # fmt: skip
    if draw is not None:
        _accumulate_drawn(indptr, rows, codes, codebook, activations, bias_codes, one, rounding, draw, sums)
        return
    for j in range(len(activations)):
        if activations[j] != 0:
            for code in range(len(codebook)):
                terms[code] = scale(multiply(codebook[code], activations[j]), rounding)
            for e in range(indptr[j], indptr[j + 1]):
                sums[rows[e]] = add(sums[rows[e]], terms[codes[e]], rounding)
    for row in range(len(bias_codes)):
        if bias_codes[row] != 0:
            sums[row] = add(sums[row], scale(multiply(codebook[bias_codes[row]], one), rounding), rounding)


@uncounted
def _accumulate_batch(
    indptr: Any, rows: Any, codes: Any, codebook: Any, activations: Any, bias_codes: Any, one: Any,
    rounding: Any, draw: Any, terms: Any, sums: Any,
) -> None:  # fmt: skip
    for i in range(len(activations)):
        _accumulate(indptr, rows, codes, codebook, activations[i], bias_codes, one, rounding, draw, terms, sums[i])


@uncounted
def _accumulate_drawn(
    indptr: Any, rows: Any, codes: Any, codebook: Any, activations: Any, bias_codes: Any, one: Any,
    rounding: Any, draw: Any, sums: Any,
) -> None:  # fmt: skip
    shift = rounding[0]
    for j in range(len(activations)):
        if activations[j] != 0:
            for e in range(indptr[j], indptr[j + 1]):
                i = np.int64(rows[e])
                added = drawn(i, draw.numbers[j], draw.salt, shift)
                term = scale(multiply(codebook[codes[e]], activations[j]), rounding, added)
                sums[i] = add(sums[i], term, rounding)
    for row in range(len(bias_codes)):
        if bias_codes[row] != 0:
            added = drawn(row, draw.numbers[-1], draw.salt, shift)
            term = scale(multiply(codebook[bias_codes[row]], one), rounding, added)
            sums[row] = add(sums[row], term, rounding)
