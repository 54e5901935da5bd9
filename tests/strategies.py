"""Layers, inputs and machines for hypothesis."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from eiesim import MachineConfig

from .compare import Case, layer_of

ARITHMETICS = ("float32", "fixed32", "fixed16", "fixed8")

MULTIPLIERS = (1, 1, 2, 4)
"""The clocked machine is compiled anew for each number of lanes."""

finite = st.floats(-1e6, 1e6, width=32)
"""Weights and activations, -0.0 and subnormal numbers among them."""

fractions = st.one_of(st.just("auto"), st.integers(-16, 47))
"""Fraction bits as the configuration takes them."""


@st.composite
def codebooks(draw, weight_bits):
    """float32[1 to 2**weight_bits], entry 0 is 0.0; some codebooks have equal entries, or zeros past the first."""
    size = draw(st.integers(1, 2**weight_bits))
    return np.array([0, *draw(st.lists(finite, min_size=size - 1, max_size=size - 1))], np.float32)


@st.composite
def matrices(draw, values):
    """Codes [rows][cols] below `values`: one row, one column, tall ones that need padding; densities from 0 to 1."""
    rows, cols = draw(
        st.one_of(st.tuples(st.integers(1, 12), st.integers(1, 24)), st.tuples(st.integers(1, 600), st.integers(1, 2)))
    )
    if values == 1:
        return np.zeros((rows, cols), np.uint8)
    every = st.integers(1, values - 1)
    filled = hnp.arrays(np.uint8, (rows, cols), elements=every, fill=every)
    sparse = hnp.arrays(np.uint8, (rows, cols), elements=st.integers(0, values - 1), fill=st.just(0))
    codes = draw(st.one_of(sparse, filled))
    codes[:, draw(st.lists(st.integers(0, cols - 1), max_size=cols))] = 0
    codes[draw(st.lists(st.integers(0, rows - 1), max_size=4)), :] = 0
    return codes


@st.composite
def layers(draw, weight_bits=4):
    """Layers with and without a bias, whose codes may all be 0."""
    codebook = draw(codebooks(weight_bits))
    codes = draw(matrices(len(codebook)))
    bias = draw(
        st.none() | hnp.arrays(np.uint8, len(codes), elements=st.integers(0, len(codebook) - 1), fill=st.just(0))
    )
    return layer_of(codes, codebook, bias, draw(st.sampled_from(["relu", "none"])))


@st.composite
def batches(draw, cols):
    """float32[1 to 3, cols]: negative values and -0.0 too, and all-zero inputs."""
    shape = (draw(st.integers(1, 3)), cols)
    dense = hnp.arrays(np.float32, shape, elements=finite, fill=finite)
    sparse = hnp.arrays(np.float32, shape, elements=finite | st.just(-0.0), fill=st.just(0.0))
    return draw(st.one_of(sparse, dense))


@st.composite
def machines(draw, arithmetics=ARITHMETICS, fractions=fractions):
    """Every key that can change a cycle, a counter or an output."""
    index_bits, weight_bits = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    entry_bits = index_bits + weight_bits
    multipliers = draw(st.sampled_from(MULTIPLIERS))
    row_entries = multipliers * draw(st.integers(1, 40 // multipliers))
    arithmetic = draw(st.sampled_from(arithmetics))
    rounding = "nearest" if arithmetic == "float32" else draw(st.sampled_from(["nearest", "floor", "stochastic"]))
    return MachineConfig(
        mapping=draw(st.sampled_from(["interleaved", "blocked"])),
        pes=draw(st.one_of(st.integers(1, 8), st.integers(1, 70))),
        queue_depth=draw(st.one_of(st.integers(1, 3), st.integers(1, 64))),
        index_bits=index_bits,
        weight_bits=weight_bits,
        spmat_width=entry_bits * row_entries + draw(st.integers(0, entry_bits - 1)),
        multipliers=multipliers,
        arithmetic=arithmetic,
        activation_frac=draw(fractions),
        weight_frac=draw(fractions),
        output_frac=draw(fractions),
        rounding=rounding,
        rounding_seed=draw(st.integers(0, 2**32 - 1)) if rounding == "stochastic" else 0,
        activation_threshold=draw(st.one_of(st.just(0.0), st.floats(0, 1e6))),
    )


@st.composite
def cases(draw, **limits):
    """A layer, a batch for it, and a machine that its codebook fits."""
    config = draw(machines(**limits))
    layer = draw(layers(config.weight_bits))
    return Case(layer, draw(batches(layer.cols)), config)
