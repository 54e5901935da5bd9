"""The keys of docs/variants.md: what each promises, by hand, by its statistics, and whatever the machine."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiesim import CompressedLayer, EieError, MachineConfig, interleave, simulate
from eiesim.arithmetic import drawn, prepare, salt_of
from eiesim.encoding import decode, rows_of_pe

from . import strategies
from .compare import case, runs
from .oracle import golden
from .oracle.encode import rows_of

RNG = np.random.default_rng(3)
STOCHASTIC = {"rounding": "stochastic", "rounding_seed": 5}


def dense_layer(rows, cols, bias=False):
    weights = RNG.choice([0.0, 0.31, -0.77, 1.13, -0.05], (rows, cols))
    return CompressedLayer.from_dense(weights, bias=RNG.choice([0.31, 1.13], rows) if bias else None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"multipliers": 3}, "multipliers = 3: an SRAM row brings 8 entries .*, and multipliers must divide them"),
        ({"multipliers": 16}, "multipliers = 16: an SRAM row brings 8 entries"),
        ({"multipliers": 0}, "multipliers = 0: input should be greater than or equal to 1"),
        ({"mapping": "random"}, "mapping = 'random': input should be 'interleaved' or 'blocked'"),
        ({"rounding": "up"}, "rounding = 'up': input should be"),
        ({"rounding": "floor", "arithmetic": "float32"}, "rounding = 'floor': fixed point rounds products"),
        ({"rounding": "stochastic", "arithmetic": "float32"}, "rounding = 'stochastic': fixed point rounds"),
        ({"rounding_seed": 1}, "rounding_seed = 1: only rounding = 'stochastic' draws, not 'nearest'"),
        ({"rounding": "stochastic", "rounding_seed": 2**32}, "rounding_seed = 4294967296: "),
        ({"activation_threshold": -0.1}, "activation_threshold = -0.1: "),
        ({"activation_threshold": float("inf")}, "activation_threshold = inf: "),
        ({"activation_threshold": float("nan")}, "activation_threshold = nan: "),
    ],
)
def test_what_means_nothing_is_refused_in_a_line(changes, message):
    with pytest.raises(EieError, match=message) as error:
        MachineConfig(**changes)
    assert "\n" not in str(error.value)


def test_a_machine_says_what_sets_it_apart():
    assert MachineConfig().variant == ""
    changed = MachineConfig(multipliers=2, mapping="blocked", activation_threshold=0.5, **STOCHASTIC)
    assert (
        changed.variant == " of 2 multipliers, rows in blocks, rounding stochastic (seed 5), inputs up to 0.5 dropped"
    )


@given(rows=st.integers(1, 200), pes=st.integers(1, 40), mapping=st.sampled_from(["interleaved", "blocked"]))
def test_every_row_has_one_pe(rows, pes, mapping):
    owned = rows_of_pe(rows, pes, mapping)
    assert [list(each) for each in owned] == [rows_of(p, rows, pes, mapping) for p in range(pes)]
    assert sorted(row for each in owned for row in each) == list(range(rows))


def test_blocks_are_decoded_and_belong_to_their_machine():
    layer = dense_layer(11, 9, bias=True)
    blocks = interleave(layer, 4, 2, "blocked")
    assert decode(blocks).content_hash == layer.content_hash
    with pytest.raises(EieError, match="is interleaved for mapping=blocked; the configuration has mapping=interleaved"):
        simulate(blocks, np.ones(9), MachineConfig(pes=4, index_bits=2))
    with pytest.raises(EieError, match="no mapping is called 'stacked'"):
        interleave(layer, 4, 2, "stacked")


@given(
    row=st.integers(0, 2**31 - 1), column=st.integers(0, 2**31 - 1), seed=st.integers(0, 2**32 - 1),
    shift=st.integers(1, 62),
)  # fmt: skip
def test_what_is_drawn_is_the_oracles_and_in_range(row, column, seed, shift):
    found = drawn(row, column, salt_of(seed), shift)
    assert found == golden.drawn(row, column, seed, shift)
    assert 0 <= found < 2**shift


def errors_of(rounding, layer):
    """Errors of single products in units of the accumulator, [cols, rows]: each input holds one activation."""
    batch = np.diag(RNG.normal(size=layer.cols)).astype(np.float32)
    config = MachineConfig(
        arithmetic="fixed8", activation_frac=5, weight_frac=6, output_frac=3, rounding=rounding, pes=4
    )
    operands = prepare(layer, batch, config)
    exact = operands.codebook[codes(layer)]
    products = operands.activations.diagonal()[:, None] * exact.T
    sums = simulate(layer, batch, config).outputs * 2**3
    rounded = np.maximum(products / 2**8, 0) > 0
    return (sums - products / 2**8)[rounded]


def codes(layer):
    dense = np.zeros(layer.shape, int)
    for j in range(layer.cols):
        part = slice(layer.indptr[j], layer.indptr[j + 1])
        dense[layer.indices[part], j] = layer.codes[part]
    return dense


def test_only_stochastic_and_nearest_rounding_are_right_on_the_mean():
    """Over rows and columns the mean error is 0 within three standard errors; rounding down it is half a unit."""
    layer = CompressedLayer.from_dense(RNG.normal(size=(96, 96)) * 0.5, activation="none")
    found = {mode: errors_of(mode, layer) for mode in ("floor", "stochastic")}
    for errors in found.values():
        assert len(errors) > 1000
        assert np.abs(errors).max() < 1
    means = {mode: errors.mean() for mode, errors in found.items()}
    spread = {mode: errors.std() / np.sqrt(len(errors)) for mode, errors in found.items()}
    assert abs(means["stochastic"]) < 3 * spread["stochastic"]
    assert means["floor"] < -0.4
    assert abs(means["floor"]) > 3 * spread["floor"]


def test_what_is_rounded_at_random_does_not_depend_on_the_machine():
    layer = dense_layer(53, 40, bias=True)
    batch = RNG.normal(size=(3, 40)).astype(np.float32)
    config = MachineConfig(arithmetic="fixed8", spmat_width=64, **STOCHASTIC)
    first = simulate(layer, batch, config).outputs
    for changes in (
        {"pes": 1}, {"pes": 7}, {"pes": 100}, {"mapping": "blocked"}, {"multipliers": 4}, {"queue_depth": 1},
        {"index_bits": 2, "multipliers": 2}, {"weights": "streamed", "spmat_bytes": 20, "pes": 16},
        {"weights": "streamed", "pointer_bytes": 40, "mapping": "blocked", "multipliers": 2, "pes": 3},
        {"weights": "streamed-active", "spmat_bytes": 24, "pes": 16},
    ):  # fmt: skip
        for engine in ("recurrence", "clocked", "event"):
            found = simulate(layer, batch, config.replace(**changes), engine)
            assert found.outputs.tobytes() == first.tobytes(), (changes, engine)
    for threads in (1, 2, 5):
        assert simulate(layer, batch, config, threads=threads).outputs.tobytes() == first.tobytes()
    assert simulate(layer, batch, config.replace(rounding_seed=6)).outputs.tobytes() != first.tobytes()


@pytest.mark.parametrize("engine", ["recurrence", "clocked", "event"])
def test_dropped_inputs_are_counted_and_not_sent(engine):
    layer = dense_layer(6, 5, bias=True)
    batch = np.array([[0.5, -0.25, 0.0, 0.1, -3.0], [0.6, 0.6, 0.6, 0.6, -0.6]], np.float32)
    result = simulate(layer, batch, MachineConfig(pes=2, activation_threshold=0.5), engine)
    assert [run.dropped_activations for run in result.layers[0].runs] == [3, 0]
    # The bias's 1.0 is sent though a threshold could be above it.
    assert [run.broadcasts for run in result.layers[0].runs] == [2, 6]
    above = simulate(layer, batch, MachineConfig(pes=2, activation_threshold=7.5), engine)
    assert [run.broadcasts for run in above.layers[0].runs] == [1, 1]
    assert result.counters.dropped_activations == 1.5
    by_hand = np.where(np.abs(batch) <= 0.5, np.float32(0), batch)
    assert np.array_equal(simulate(layer, by_hand, MachineConfig(pes=2), engine).outputs, result.outputs)


def test_a_threshold_is_a_float32():
    """0.1 is less than float32's 0.1, which is dropped all the same."""
    layer = dense_layer(3, 2)
    held = simulate(layer, np.array([0.1, 0.2]), MachineConfig(pes=1, activation_threshold=0.1))
    assert (held.counters.dropped_activations, held.counters.broadcasts) == (1, 1)


def test_it_holds_for_every_layer_of_a_network():
    layers = [dense_layer(20, 10), dense_layer(15, 20), dense_layer(4, 15)]
    x = RNG.normal(size=10).astype(np.float32)
    config = MachineConfig(pes=4, activation_threshold=0.6)
    result = simulate(layers, x, config)
    values = x
    for layer, found in zip(layers, result.layers, strict=True):
        one = simulate(layer, values, config)
        lost = int(((np.abs(values) <= np.float32(0.6)) & (values != 0)).sum())
        assert (found.counters.dropped_activations, found.cycles) == (lost, one.cycles)
        values = one.outputs
    assert result.counters.dropped_activations > 0


@given(case=strategies.cases(fractions=st.just("auto")))
def test_metrics_follow_from_counters(case):
    result = simulate(case.layer, case.batch, case.config, outputs=False)
    metrics, pes, lanes = result.layers[0].metrics, case.config.pes, case.config.multipliers
    counters, cycles = metrics.counters, metrics.cycles
    # Whole numbers first: the ratios are theirs.
    assert Fraction(metrics.load_balance) == pytest.approx(counters.entry_groups / (cycles * pes))
    assert metrics.alu_efficiency == pytest.approx(counters.macs / (cycles * pes * lanes))
    theoretical = counters.entry_groups / pes / case.config.clock_mhz / metrics.runs
    assert metrics.theoretical_us == pytest.approx(theoretical)


# By hand, from docs/variants.md: entries 0, 1, 2 | 3, 4 of two columns on two multipliers are groups 0, 1 | 1, 2.
@pytest.mark.parametrize("engine", ["recurrence", "clocked", "event"])
def test_columns_that_share_a_group_each_take_it_in_a_cycle_of_their_own(engine):
    one = case([[1, 1], [1, 0], [1, 1]], [0, 1.0], [[1.0, 1.0]], pes=1, multipliers=2)
    run = runs(one, [engine])[0][engine][0]
    # PointerRead: cycles 3 and 4 the first column, 5 and 6 the second, whose last write is seen in 6 + 6.
    assert (run.cycles, run.per_pe.entry_groups[0], run.per_pe.entries[0]) == (12, 4, 5)
    # In 4 the first column ends with row 2 alone; in 5 the second begins with row 0.
    assert run.per_pe.bypasses[0] == 0
    both = case([[1, 1], [1, 1]], [0, 1.0], [[1.0, 1.0]], pes=1, multipliers=2)
    # Rows 0 and 1, and in the next cycle rows 0 and 1 again: each lane takes the sum that was just formed.
    run = runs(both, [engine])[0][engine][0]
    assert (run.per_pe.entry_groups[0], run.per_pe.bypasses[0], run.cycles) == (2, 2, 10)
