"""Number formats and the golden product, against the oracle and by hand."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from eiesim import EieError, MachineConfig, simulate
from eiesim.arithmetic import (
    add,
    auto_fraction_bits,
    fixed_rounding,
    golden_product,
    multiply,
    prepare,
    quantise,
    scale,
)

from . import strategies
from .compare import case, expected, layer_of
from .oracle import golden

WIDTHS = (8, 16, 32)
widths = st.sampled_from(WIDTHS)
float32s = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(case=strategies.cases())
def test_the_golden_product_is_the_oracles(case):
    try:
        right = expected(case)
    except golden.ShiftError:
        assume(False)
    operands = prepare(case.layer, case.batch, case.config)
    assert operands.fraction_bits == right[0]["fraction_bits"]
    sums = golden_product(case.layer, operands)
    for ours, theirs in zip(sums, right, strict=True):
        assert ours.tobytes() == np.array(theirs["sums"], ours.dtype).tobytes()


@given(value=float32s, fraction=st.integers(-16, 47), bits=widths)
def test_quantising_is_the_oracles(value, fraction, bits):
    assert quantise(np.array([value]), fraction, bits).tolist() == [golden.quantise(value, fraction, bits)]


@pytest.mark.parametrize(
    ("value", "fraction", "number"),
    [
        (0.5, 0, 1),  # halves go up,
        (-0.5, 0, 0),  # negative ones too
        (-1.5, 0, -1),
        (0.49999997, 0, 0),
        (1.25, 2, 5),
        (24.0, -4, 2),
        (-0.0, 7, 0),
        (127.4, 0, 127),
        (127.5, 0, 127),
        (1e38, 47, 127),
        (-128.5, 0, -128),
        (-1e38, 47, -128),
    ],
)
def test_eight_bits_by_hand(value, fraction, number):
    assert quantise(np.array([value]), fraction, 8).tolist() == [number]


@given(magnitude=st.floats(0, 2.0**127), bits=widths)
def test_automatic_fraction_bits_are_the_oracles(magnitude, bits):
    assert auto_fraction_bits(magnitude, bits) == golden.auto_fraction([magnitude], bits)


@given(exponent=st.integers(-60, 126), steps=st.integers(-40, 40), half=st.booleans(), bits=widths)
def test_automatic_fraction_bits_near_where_they_change(exponent, steps, half, bits):
    # Magnitudes a few steps of float64 away from powers of two, and from those less half a step of the format.
    magnitude = math.ldexp(1.0 - half * math.ldexp(0.5, -(bits - 1)), exponent)
    for _ in range(abs(steps)):
        magnitude = math.nextafter(magnitude, math.inf if steps > 0 else 0.0)
    assert auto_fraction_bits(magnitude, bits) == golden.auto_fraction([magnitude], bits)


@pytest.mark.parametrize(
    ("magnitude", "bits", "fraction"),
    [
        (0.0, 16, 15),  # an all-zero tensor
        (1.0, 16, 14),
        (0.999, 16, 15),
        (0.99999, 16, 14),  # rounds to 2**15, which does not fit
        (1e-30, 16, 31),  # at most B - 1 + 16
        (127.4, 8, 0),
        (127.5, 8, -1),
        (3.4e38, 8, -122),  # 127.9 steps of 2**121 round to 128
    ],
)
def test_automatic_fraction_bits_by_hand(magnitude, bits, fraction):
    assert auto_fraction_bits(magnitude, bits) == fraction


def test_the_activation_tensor_holds_the_whole_batch_and_the_biass_one():
    config = MachineConfig()
    plain, biased = layer_of([[1]], [0, 1]), layer_of([[1]], [0, 1], bias=[0])
    batch = np.array([[0.25], [-0.5]], np.float32)
    assert prepare(plain, batch, config).fraction_bits["activation"] == 15
    assert prepare(biased, batch, config).fraction_bits["activation"] == 14


@pytest.mark.parametrize(
    ("product", "shift", "term"),
    [(5, 1, 3), (-5, 1, -2), (7, 3, 1), (3, 3, 0), (-4, 3, 0), (-5, 3, -1), (9, 0, 9), (9, -3, 72), (2**62, 62, 1)],
)
def test_products_are_shifted_with_halves_going_up(product, shift, term):
    assert scale(product, fixed_rounding(shift, 8)) == term


@given(
    product=st.integers(-(2**62), 2**62),
    start=st.integers(-(2**31), 2**31 - 1),
    shift=st.integers(-16, 62),
    bits=widths,
)
def test_a_sum_never_wraps(product, start, shift, bits):
    start = golden.saturate(start, bits)
    rounding = fixed_rounding(shift, bits)
    assert add(start, scale(product, rounding), rounding) == golden.saturate(
        start + golden.shifted(product, shift), bits
    )


@pytest.mark.parametrize(("activation", "weight", "output", "shift"), [(0, 0, 17, -17), (47, 16, 0, 63)])
@pytest.mark.parametrize("engine", ["recurrence", "clocked", "event"])
def test_a_shift_out_of_range_is_refused(engine, activation, weight, output, shift):
    config = MachineConfig(pes=1, activation_frac=activation, weight_frac=weight, output_frac=output)
    with pytest.raises(EieError, match=f"= {shift} is outside -16..62"):
        simulate(layer_of([[1]], [0, 1]), [1.0], config, engine)


@pytest.mark.parametrize(("activation", "weight", "output"), [(0, 0, 16), (47, 15, 0)])
def test_the_last_shifts_in_range_are_taken(activation, weight, output):
    config = MachineConfig(pes=1, activation_frac=activation, weight_frac=weight, output_frac=output)
    assert simulate(layer_of([[1]], [0, 1]), [1.0], config).layers[0].fraction_bits["output"] == output


@pytest.mark.parametrize(
    ("arithmetic", "weight", "activation", "automatic"),
    [
        # Sums cancel to 0, so automatic output bits are B - 1 = 15, 31, 7, 31: s would be -25, -19, -41 and 63.
        ("fixed16", 1000.0, 1e9, {"activation": -15, "weight": 5, "output": -10 + 16}),
        ("fixed32", 1000.0, 1e12, {"activation": -9, "weight": 21, "output": 12 + 16}),
        ("fixed8", 1000.0, 1e9, {"activation": -23, "weight": -3, "output": -26 + 16}),
        ("fixed32", 1e-9, 1e-9, {"activation": 47, "weight": 47, "output": 94 - 62}),
    ],
)
def test_automatic_output_bits_are_moved_to_the_nearest_allowed(arithmetic, weight, activation, automatic):
    layer = layer_of([[1, 2]], [0, weight, -weight])
    batch = np.full((1, 2), activation, np.float32)
    config = MachineConfig(pes=1, arithmetic=arithmetic)
    assert prepare(layer, batch, config).fraction_bits == automatic
    # Only where all three are automatic: bits that somebody chose stay, and are refused.
    with pytest.raises(EieError, match=r"is outside -16\.\.62"):
        prepare(layer, batch, config.replace(weight_frac=automatic["weight"]))


@given(case=strategies.cases(arithmetics=("fixed32", "fixed16", "fixed8"), fractions=st.just("auto")))
def test_automatic_bits_are_never_refused(case):
    bits = prepare(case.layer, case.batch, case.config).fraction_bits
    assert -16 <= bits["activation"] + bits["weight"] - bits["output"] <= 62


@given(
    activation=st.integers(-(2**31), 2**31 - 1), weight=st.integers(-(2**31), 2**31 - 1),
    start=st.integers(-(2**31), 2**31 - 1), left=st.integers(1, 16),
)  # fmt: skip
def test_a_left_shift_is_exact_though_64_bits_may_not_hold_it(activation, weight, start, left):
    rounding = fixed_rounding(-left, 32)
    exact = max(-(2**31), min(2**31 - 1, start + activation * weight * 2**left))
    product = multiply(np.int64(weight), np.int64(activation))
    assert add(np.int64(start), scale(product, rounding), rounding) == exact


@pytest.mark.parametrize("arithmetic", strategies.ARITHMETICS)
def test_float16_inputs_are_widened(arithmetic):
    layer = layer_of([[1, 2, 1]], [0, 0.75, -3.0])
    narrow = np.array([0.1, -2.5, 65504.0], np.float16)
    config = MachineConfig(pes=1, arithmetic=arithmetic)
    assert np.array_equal(
        simulate(layer, narrow, config).outputs, simulate(layer, narrow.astype(np.float32), config).outputs
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_real_values_are_the_integers_scaled_back(width):
    one = case([[1, 1]], [0, 0.5], [[0.75, -0.25]], pes=1, arithmetic=f"fixed{width}")
    assert simulate(one.layer, one.batch, one.config).outputs.tolist() == [[0.25]]
    assert simulate(one.layer, one.batch, one.config).outputs.dtype == (np.float64 if width == 32 else np.float32)
