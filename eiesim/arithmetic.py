"""Number formats and the golden product (docs/formats.md, "Arithmetic").

`float32` rounds product and sum to float32. `fixed32/16/8` are two's complement with separate
fraction bits for activations, codebook and accumulators (the published EIE is fixed16, Sec. VI).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eiesim._jit import jit, uncounted
from eiesim._shown import Brief
from eiesim.config import MachineConfig, Operation
from eiesim.errors import EieError
from eiesim.layer import STRETCH, CompressedLayer

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


class Adder(NamedTuple):
    """What a layer asks of adder units (`operation = "adder"`, docs/adder.md) besides what it asks of multipliers.

    bias: the bias's column, as the PEs store it, whose term is the bias itself; -1 where there is none.
    rest: [rows], minus the sum of the magnitudes of each row's weights; None for a tile, to whose sums nothing is added
    before the last tile's. number: the column for which stochastic rounding draws as that is added.
    """

    bias: int
    rest: npt.NDArray[Any] | None
    number: int


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
    operation: what a PE does with a weight and an activation. rest: of an adder, see `Adder`; None where no output was
    asked for.
    sums: the accumulators, [batch, rows], where finding the output's fraction bits gave them, else None; of this layer
    with its rows in this order.
    """

    arithmetic: str
    values: npt.NDArray[Any]
    codebook: npt.NDArray[Any]
    rounding: Rounding | None
    one: Any
    fraction_bits: dict[str, int]
    seed: int | None = None
    threshold: float = 0.0
    operation: Operation = "multiply"
    rest: npt.NDArray[Any] | None = None
    sums: npt.NDArray[np.int64] | None = None

    @cached_property
    def activations(self) -> npt.NDArray[Any]:
        """The activations, of the codebook's type: [batch, cols]."""
        kept, _ = above_threshold(self.values, self.threshold)
        if self.arithmetic in FIXED_BITS:
            return quantise(kept, self.fraction_bits["activation"], FIXED_BITS[self.arithmetic])
        return kept.astype(self.codebook.dtype, copy=False)

    @property
    def sent(self) -> npt.NDArray[np.bool_]:
        """Which activations are not 0, bool[batch, cols]: all that the timing needs of `activations`."""
        if self.values.dtype != np.float32 or self.arithmetic not in (*FIXED_BITS, "float32"):
            return self.activations != 0
        kept, _ = above_threshold(self.values, self.threshold)
        if self.arithmetic == "float32":
            return kept != 0
        # What `quantise` rounds to 0 lies from half a step below 0 to just under half a step above. A float32 times a
        # power of two is exact in float64, and so are half a step and these comparisons in float32.
        half = np.float32(0.5 ** (self.fraction_bits["activation"] + 1))
        sent: npt.NDArray[np.bool_] = (kept >= half) | (kept < -half)
        return sent

    @property
    def dropped(self) -> tuple[int, ...]:
        """For each input of the batch, how many of its activations the threshold took: not 0 before."""
        return above_threshold(self.values, self.threshold)[1]

    def part(self, inputs: slice) -> "Operands":
        """The same of some inputs of the batch."""
        if inputs == slice(0, len(self.values)):
            return self
        return replace(self, values=self.values[inputs], sums=None if self.sums is None else self.sums[inputs])

    def draw(self, numbers: npt.NDArray[np.integer[Any]]) -> Draw | None:
        """What rounding draws from; None where nothing is drawn. numbers: as in `Draw`."""
        return None if self.seed is None else Draw(salt_of(self.seed), numbers.astype(np.int64))

    def adder(self, bias: int, whole: bool, cols: int) -> Adder | None:
        """What adder units need; None for multipliers. bias: see `Adder`. whole: no tile. cols: the layer's."""
        return Adder(bias, self.rest if whole else None, cols + 1) if self.operation == "adder" else None

    def finish(self, sums: npt.NDArray[Any], adder: Adder) -> None:
        """Add to accumulators, [batch, rows], what adder units add as they are written. adder: of the whole layer."""
        for one, total in zip(sums, magnitudes(self.activations), strict=True):
            finish(one, adder, -total, self.rounding, self.draw(np.zeros(0, np.int64)))

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
    highest: float | None = None,
) -> Operands:
    """Quantise a layer's codebook and a batch of activations (float[batch, cols]) for a machine.

    Inputs within `activation_threshold`, rounded to float32, are 0 from here on.
    With `outputs` off, `output_frac="auto"` stays unresolved; timing does not need it. each: goes through the inputs.
    highest: the largest magnitude of an activation, if it is known.
    The shift between product and accumulator must be -16 to 62. Where all three fraction bits are automatic, those of
    the output are moved, as little as will do, to make it so; otherwise a shift outside raises EieError.
    """
    threshold = config.activation_threshold
    adder = config.operation == "adder"
    check_groups(layer.name, layer.groups, config)
    if config.arithmetic == "float32":
        rest, one = rest_of(layer, layer.codebook) if adder and outputs else None, np.float32(1.0)
        return Operands("float32", activations, layer.codebook, None, one, {}, None, threshold, config.operation, rest)
    bits = FIXED_BITS[config.arithmetic]
    if highest is None:
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
        chosen["weight"] = auto_fraction_bits(layer.largest_weight, bits)
    if adder:
        chosen["activation"] = chosen["weight"] = _shared_bits(config, chosen)
    if chosen["output"] == "auto":
        if outputs and adder:
            chosen["output"] = auto_fraction_bits(_largest_rest(layer, activations, threshold, each), bits)
        elif outputs:
            known, done = _tried(
                layer, activations, config, int(chosen["activation"]), int(chosen["weight"]), with_bias
            )
            if done is not None:
                return done
            if known is None:
                known = auto_fraction_bits(_largest_output(layer, activations, threshold, each), bits)
            chosen["output"] = known
        else:
            del chosen["output"]
    used = {tensor: int(fraction) for tensor, fraction in chosen.items()}
    of_term = used["activation"] if adder else used["activation"] + used["weight"]
    if "output" in used and (config.activation_frac, config.weight_frac, config.output_frac) == ("auto",) * 3:
        used["output"] = reachable(used["output"], of_term)
    shift = of_term - used["output"] if "output" in used else 0
    if not LOWEST_SHIFT <= shift <= HIGHEST_SHIFT:
        told = (
            f"activation and weight {used['activation']} - output {used['output']} = {shift}", "it"
        ) if adder else (
            f"activation {used['activation']} + weight {used['weight']} - output {used['output']} = {shift}",
            "the other two's sum",
        )  # fmt: skip
        raise EieError(
            f"fraction bits {told[0]} is outside {LOWEST_SHIFT}..{HIGHEST_SHIFT}; set output_frac nearer to {told[1]}"
        )
    made = _fixed(layer, activations, config, used, shift)
    return replace(made, rest=rest_of(layer, made.codebook)) if adder and outputs else made


def check_groups(name: str, groups: int, config: MachineConfig) -> None:
    """Raise EieError where adder units would take the inputs of other groups for this one's."""
    if groups > 1 and config.operation == "adder":
        raise EieError(
            f"layer '{name}': is a convolution in {groups} groups; adder units would add the distance of every input "
            "to each row's weights, also of other groups' inputs; give it as one layer a group, or multiply"
        )


def _shared_bits(config: MachineConfig, chosen: Mapping[str, int | str]) -> int:
    """The fraction bits of an adder's activations and weights: the one that is given, or the fewer automatic ones."""
    given = [bits for bits in (config.activation_frac, config.weight_frac) if bits != "auto"]
    return given[0] if given else min(int(chosen["activation"]), int(chosen["weight"]))


def _fixed(
    layer: CompressedLayer, activations: npt.NDArray[Any], config: MachineConfig, used: dict[str, int], shift: int
) -> Operands:
    bits = FIXED_BITS[config.arithmetic]
    return Operands(
        config.arithmetic,
        activations,
        quantised_codebook(layer.codebook.tobytes(), used["weight"], bits),
        fixed_rounding(shift, bits, config.rounding),
        np.int64(min(math.floor(2.0 ** used["activation"] + 0.5), 2 ** (bits - 1) - 1)),
        used,
        config.rounding_seed if config.rounding == "stochastic" else None,
        config.activation_threshold,
        config.operation,
    )


SPREAD = 1.2
"""By what a likely largest output is multiplied. It changes no result, only how often the first trial is right: for 8
of 13 layers (Table III, AlexNet-FC8, LeNet-300-100)."""


def _tried(
    layer: CompressedLayer,
    activations: npt.NDArray[Any],
    config: MachineConfig,
    activation: int,
    weight: int,
    highest: float,
) -> tuple[int | None, Operands | None]:
    """The automatic fraction bits of the output, found without the exact product where that can be; else None.

    One input is run with likely fraction bits. Where nothing saturates, its largest sum is so near the largest exact
    one that both mostly ask for the same bits; `_error` says how near. If these are the likely ones, the sums are the
    run's already, and the operands are given with them.
    activation, weight: fraction bits. highest: the largest magnitude of an activation, the bias's included.
    """
    bits = FIXED_BITS[config.arithmetic]
    if len(activations) > 1 or bits > 16 or config.rounding == "stochastic":
        return None, None
    values = above_threshold(activations, config.activation_threshold)[0][0].astype(np.float64)
    if np.count_nonzero(values) > 2 ** (bits - 3):
        return None, None  # So many roundings leave it open too often.
    output = auto_fraction_bits(SPREAD * _likely(layer, values), bits)
    shift = activation + weight - output
    if not LOWEST_SHIFT <= shift <= HIGHEST_SHIFT:
        return None, None
    used = {"activation": activation, "weight": weight, "output": output}
    operands = _fixed(layer, activations, config, used, shift)
    sums = np.zeros(layer.rows, np.int64)
    if _add_up(layer, operands.activations[0], operands.one, operands.codebook, operands.rounding, sums):
        return None, None
    error = _error(layer, values, highest, used, config)
    largest = np.ldexp(float(max(sums.max(), -sums.min())), -output)
    least, most = auto_fraction_bits(largest + error, bits), auto_fraction_bits(max(largest - error, 0.0), bits)
    if least != most or (error > 0 and largest <= error):
        return None, None
    return least, replace(operands, sums=sums[None]) if least == output else None


def _likely(layer: CompressedLayer, values: npt.NDArray[np.float64]) -> float:
    """About the largest output, were the weights independent of the activations, from a sample of the weights."""
    sample = layer.codebook[layer.codes[:: max(layer.nnz // 1024, 1)]]
    if len(sample) == 0:
        return 0.0
    mean = layer.density * float(sample.mean())
    variance = max(layer.density * float(np.dot(sample, sample)) / len(sample) - mean * mean, 0.0)
    return float(abs(mean * values.sum()) + np.sqrt(2 * np.log(layer.rows + 1) * variance * np.dot(values, values)))


def _error(
    layer: CompressedLayer,
    values: npt.NDArray[np.float64],
    highest: float,
    used: dict[str, int],
    config: MachineConfig,
) -> float:
    """By how much an unsaturated sum can differ from the exact one, as float64 adds that up; infinite if it may more.

    With n active inputs of the sum |a|, codebook values up to w, and the quantised ones off by up to d_a and d_w, that
    is n roundings of products, and n (w + d_w) d_a + d_w |a| of the operands. Float64 adds n rounding errors.
    """
    bits = FIXED_BITS[config.arithmetic]
    largest = float(max(layer.codebook.max(), -layer.codebook.min()))
    limit = 2 ** (bits - 1) - 1
    of_activation, of_weight, of_output = (0.5 ** used[name] for name in ("activation", "weight", "output"))
    if max(highest / of_activation, largest / of_weight) > limit + 0.5:
        return np.inf  # The operands saturate.
    with_bias = layer.bias_codes is not None
    many, total = int(np.count_nonzero(values)) + with_bias, float(np.abs(values).sum()) + with_bias
    rounding = of_output * (0.5 if config.rounding == "nearest" else 1.0)
    quantising = many * (largest + of_weight) * of_activation / 2 + total * of_weight / 2
    adding = many * 2.0**-52 * total * largest
    return (many * rounding + quantising + adding) * (1 + 1e-9)


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


def rest_of(layer: CompressedLayer, codebook: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Minus the sum of the magnitudes of each row's weights, added up in column order: [rows], of the codebook's type.

    The bias is no weight.
    """
    sums, sizes = np.zeros(layer.rows, codebook.dtype), np.abs(codebook)
    for start in range(0, layer.nnz, STRETCH):
        here = slice(start, start + STRETCH)
        np.add.at(sums, layer.indices[here], sizes[layer.codes[here]])
    return np.asarray(0 - sums)


def magnitudes(activations: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The sum of each input's magnitudes, added up in column order: [batch, cols] to [batch], of their type."""
    return np.asarray(np.add.accumulate(np.abs(activations), axis=1)[:, -1])


def _largest_rest(layer: CompressedLayer, activations: npt.NDArray[Any], threshold: float, each: Each) -> float:
    """The largest magnitude of what an adder adds as it writes: as much as an accumulator of the layer can reach."""
    exact = exact_operands(layer, activations, threshold)
    inputs = max(each(lambda part: float(magnitudes(exact.part(part).activations).max()), len(activations)))
    return inputs - float(rest_of(layer, exact.codebook).min())


def quantise(values: npt.NDArray[Any], fraction_bits: int, bits: int) -> npt.NDArray[np.int64]:
    """`floor(x * 2**fraction_bits + 0.5)` in float64, saturated to `bits` bits; int64 of the same shape."""
    scaled = np.multiply(values, 2.0**fraction_bits, dtype=np.float64)
    scaled += 0.5
    np.floor(scaled, out=scaled)
    np.maximum(scaled, -(2.0 ** (bits - 1)), out=scaled)
    np.minimum(scaled, 2.0 ** (bits - 1) - 1, out=scaled)
    return scaled.astype(np.int64)


@lru_cache(maxsize=64)
def quantised_codebook(codebook: bytes, fraction_bits: int, bits: int) -> npt.NDArray[np.int64]:
    """A codebook quantised, read-only. codebook: its float32 values, as bytes."""
    quantised = quantise(np.frombuffer(codebook, np.float32), fraction_bits, bits)
    quantised.flags.writeable = False
    return quantised


@lru_cache(maxsize=1024)
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
    """The layer's sums, [batch, rows]: products added one after the other in column order, bias last.

    For adder units their terms in place of products, and what is added as a sum is written.
    """
    draw = operands.draw(np.arange(layer.cols + 1))
    adder = operands.adder(-1, True, layer.cols)
    sums = np.zeros((len(operands.values), layer.rows), operands.codebook.dtype)

    def some(inputs: slice) -> None:
        own = operands.part(inputs)
        accumulate_batch(layer, own.activations, own.one, own.codebook, own.rounding, sums[inputs], draw, adder)
        if adder is not None:
            own.finish(sums[inputs], adder)

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
    adder: Adder | None = None,
) -> npt.NDArray[Any]:
    """One input's accumulators, [rows], in the codebook's dtype. activations: [cols]; one: the bias's.

    sums: accumulators to go on from, which are written to and given back; None is all 0. draw: for stochastic rounding,
    else None. adder: of adder units, whose `rest` is not added here; None multiplies.
    """
    if sums is None:
        sums = np.zeros(layer.rows, codebook.dtype)
    _add_up(layer, activations, one, codebook, rounding, sums, draw, adder)
    return sums


def _add_up(
    layer: CompressedLayer,
    activations: npt.NDArray[Any],
    one: Any,
    codebook: npt.NDArray[Any],
    rounding: Rounding | None,
    sums: npt.NDArray[Any],
    draw: Draw | None = None,
    adder: Adder | None = None,
) -> bool:
    """As `accumulate`. Gives whether an accumulator may have saturated; without rounding nothing does."""
    bias_codes = np.zeros(0, np.uint8) if layer.bias_codes is None else layer.bias_codes
    rows = layer.indices.view(np.uint32)  # Unsigned: compiled code then looks for no negative index.
    terms = np.empty_like(codebook)
    bias = None if adder is None else adder.bias
    return bool(
        _accumulate(
            layer.indptr, rows, layer.codes, codebook, activations, bias_codes, one, rounding, draw, bias, terms, sums
        )
    )


def accumulate_batch(
    layer: CompressedLayer,
    activations: npt.NDArray[Any],
    one: Any,
    codebook: npt.NDArray[Any],
    rounding: Rounding | None,
    sums: npt.NDArray[Any],
    draw: Draw | None = None,
    adder: Adder | None = None,
) -> None:
    """The accumulators of several inputs, one after the other: `accumulate` of each. activations: [batch, cols].

    sums: [batch, rows], accumulators to go on from, which are written to.
    """
    if len(activations) < FEW_INPUTS:
        for values, into in zip(activations, sums, strict=True):
            accumulate(layer, values, one, codebook, rounding, into, draw, adder)
        return
    bias_codes = np.zeros(0, np.uint8) if layer.bias_codes is None else layer.bias_codes
    rows = layer.indices.view(np.uint32)
    terms = np.empty_like(codebook)
    bias = None if adder is None else adder.bias
    _accumulate_batch(
        layer.indptr, rows, layer.codes, codebook, activations, bias_codes, one, rounding, draw, bias, terms, sums
    )


@jit
def multiply(weight: Any, activation: Any) -> Any:
    """The product: rounded to float32, or exact in 64 bits."""
    return weight * activation


@jit
def overlap(weight: Any, activation: Any) -> Any:
    """What an adder unit makes of both: twice the smaller magnitude where their signs agree, else 0."""
    smaller = min(abs(weight), abs(activation))
    return smaller + smaller if (weight < 0) == (activation < 0) else smaller - smaller


@jit
def combine(weight: Any, activation: Any, bias: Any, column: Any) -> Any:
    """A column's term of a sum, before it is scaled: a product, or an adder unit's (`Adder`).

    bias: None for a multiplier; else the bias's column, whose term is the weight itself.
    """
    if bias is None:
        return multiply(weight, activation)
    return weight if column == bias else overlap(weight, activation)


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


def finish(
    sums: npt.NDArray[Any], adder: Adder, total: Any, rounding: Rounding | None, draw: Draw | None = None
) -> None:
    """Add to accumulators, [rows], what adder units add as they are written. total: minus the sum of magnitudes.

    draw: for stochastic rounding, else None; of it only the salt is used.
    """
    salt = None if draw is None else draw.salt
    _finish(sums, adder.rest, sums.dtype.type(total), adder.number, rounding, salt)


@jit
def _finish(sums: Any, rest: Any, total: Any, number: Any, rounding: Any, salt: Any) -> None:
    for row in range(len(sums)):
        if rounding is None:
            sums[row] = (sums[row] + rest[row]) + total
        elif salt is None:
            sums[row] = add(sums[row], scale(rest[row] + total, rounding), rounding)
        else:
            noise = drawn(row, number, salt, rounding[0])
            sums[row] = add(sums[row], scale(rest[row] + total, rounding, noise), rounding)


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


HOPELESS = 16
"""Columns that are added before it is looked again whether one fits, once an accumulator has reached a limit."""


@uncounted
def _accumulate(
    indptr: Any, rows: Any, codes: Any, codebook: Any, activations: Any, bias_codes: Any, one: Any,
    rounding: Any, draw: Any, bias: Any, terms: Any, sums: Any,
) -> bool:  # fmt: skip
    """Add up one input's terms (`combine`); gives whether an accumulator may have saturated.

    In fixed point a column needs no saturation as long as its largest term fits between the largest accumulator and the
    limit: `room`, which is looked up again when it is used up. In a column each accumulator is met once at most.
    """
    if draw is not None:
        _accumulate_drawn(indptr, rows, codes, codebook, activations, bias_codes, one, rounding, draw, bias, sums)
        return True
    saturated, looked_up = False, False
    room, hopeless = np.int64(-1), 0
    for j in range(len(activations)):
        if activations[j] != 0:
            for code in range(len(codebook)):
                terms[code] = scale(combine(codebook[code], activations[j], bias, j), rounding)
            if rounding is None:
                for e in range(indptr[j], indptr[j + 1]):
                    sums[rows[e]] += terms[codes[e]]
            else:
                term = _largest(terms)
                if term > room and not looked_up and hopeless == 0:
                    room, looked_up = rounding[2] - _largest(sums), True
                if term <= room and hopeless == 0:
                    for e in range(indptr[j], indptr[j + 1]):
                        sums[rows[e]] += terms[codes[e]]
                    room, looked_up = room - term, False
                else:
                    for e in range(indptr[j], indptr[j + 1]):
                        sums[rows[e]] = add(sums[rows[e]], terms[codes[e]], rounding)
                    if hopeless > 0:
                        hopeless -= 1
                    else:
                        room, looked_up = rounding[2] - _largest(sums), True
                        if room <= 0:
                            saturated, looked_up = True, False
                            room, hopeless = np.int64(-1), HOPELESS
    for row in range(len(bias_codes)):
        if bias_codes[row] != 0 and one != 0:
            sums[row] = add(sums[row], scale(combine(codebook[bias_codes[row]], one, bias, bias), rounding), rounding)
    if rounding is not None and len(bias_codes) > 0:
        saturated |= _largest(sums) >= rounding[2]
    return saturated


@uncounted
def _largest(values: Any) -> Any:
    """The largest magnitude among whole numbers."""
    largest, least = np.int64(0), np.int64(0)
    for k in range(len(values)):
        largest = max(largest, values[k])
        least = min(least, values[k])
    return max(largest, -least)


@uncounted
def _accumulate_batch(
    indptr: Any, rows: Any, codes: Any, codebook: Any, activations: Any, bias_codes: Any, one: Any,
    rounding: Any, draw: Any, bias: Any, terms: Any, sums: Any,
) -> None:  # fmt: skip
    for i in range(len(activations)):
        _accumulate(
            indptr, rows, codes, codebook, activations[i], bias_codes, one, rounding, draw, bias, terms, sums[i]
        )


@uncounted
def _accumulate_drawn(
    indptr: Any, rows: Any, codes: Any, codebook: Any, activations: Any, bias_codes: Any, one: Any,
    rounding: Any, draw: Any, bias: Any, sums: Any,
) -> None:  # fmt: skip
    shift = rounding[0]
    for j in range(len(activations)):
        if activations[j] != 0:
            for e in range(indptr[j], indptr[j + 1]):
                i = np.int64(rows[e])
                added = drawn(i, draw.numbers[j], draw.salt, shift)
                term = scale(combine(codebook[codes[e]], activations[j], bias, j), rounding, added)
                sums[i] = add(sums[i], term, rounding)
    for row in range(len(bias_codes)):
        if bias_codes[row] != 0 and one != 0:
            added = drawn(row, draw.numbers[-1], draw.salt, shift)
            term = scale(combine(codebook[bias_codes[row]], one, bias, bias), rounding, added)
            sums[row] = add(sums[row], term, rounding)
