"""Adder units (docs/variants.md, `operation`): by hand, against the oracle and against AdderNet's own formula."""

import dataclasses
import math

import numpy as np
import pytest

import eiesim
from eiesim import CompressedLayer, EieError, MachineConfig, simulate
from eiesim.arithmetic import golden_product, overlap, prepare
from eiesim.dense import expand
from eiesim.energy.area import modelled_area
from eiesim.evaluation import dense_outputs
from eiesim.files.huffman import save_huffman
from tests.agree import random_case
from tests.compare import ENGINES, dense_codes, differences, layer_of, runs
from tests.layers import random_layer
from tests.oracle import golden

ARITHMETICS = ("float32", "fixed32", "fixed16", "fixed8")
ADDER = {"operation": "adder"}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize("weights", ["resident", "streamed", "streamed-active"])
def test_by_hand(engine, arithmetic, weights):
    # -(1 + 3 + 5 + 3); of the terms only |1| and |2| agree in sign: 2 - 8 - 6.
    layer = CompressedLayer.from_dense([[2.0, 1.0, 5.0, 0.0]])
    keys = {**ADDER, "pes": 2, "arithmetic": arithmetic, "weights": weights}
    assert simulate(layer, [1, -2, 0, 3], keys, engine).outputs.tolist() == [-12.0]


@pytest.mark.parametrize(
    ("weight", "activation", "term"), [(2, 1, 2), (1, 2, 2), (-3, -5, 6), (-3, 5, 0), (3, -5, 0), (0, 5, 0), (4, 4, 8)]
)
def test_a_term_by_hand(weight, activation, term):
    for kind in (np.int64, np.float32):
        assert overlap(kind(weight), kind(activation)) == term == golden.term(weight, activation)
    assert abs(activation - weight) == abs(activation) + abs(weight) - term


def test_random_cases_are_the_oracles():
    # 20,000 were, to the bit: python -m tests.agree --operation adder --cases 20000 --seed 30
    for number in range(25):
        assert not differences(random_case(31, number, "adder"), ("recurrence", "event"))


@pytest.mark.slow
def test_more_random_cases_are_the_oracles():
    for number in range(400):
        assert not differences(random_case(32, number, "adder"))


def cases(arithmetic, **keys):
    """Layers with and without bias and their inputs: quarters, so that nothing is rounded where bits suffice."""
    for seed in range(6):
        rng = np.random.default_rng([8, seed])
        layer = random_layer(seed, rows=23, cols=17, bias=seed % 2 == 1, activation="none")
        codebook = np.round(rng.normal(size=16) * 4).astype(np.float32) / 4
        codebook[0] = 0
        layer = layer_of(dense_codes(layer), codebook, None if layer.bias_codes is None else layer.bias_codes)
        batch = (np.round(rng.normal(size=(3, 17)) * 4) / 4 * (rng.random((3, 17)) < 0.6)).astype(np.float32)
        yield layer, batch, MachineConfig(pes=4, arithmetic=arithmetic, **ADDER, **keys)


def literal(layer, inputs):
    """-sum |a - w| as AdderNet has it, exactly: quarters are exact in float64."""
    bias = None if layer.bias_codes is None else layer.bias_codes.tolist()
    return golden.literal_adder_sums(dense_codes(layer), bias, layer.codebook.tolist(), inputs.tolist())


@pytest.mark.parametrize("arithmetic", ["fixed32", "fixed16"])
def test_addernets_own_sum_exactly_where_nothing_is_shifted_or_saturates(arithmetic):
    for layer, batch, config in cases(arithmetic, activation_frac=6, output_frac=6):
        found = simulate(layer, batch, config).outputs
        assert found.tolist() == [literal(layer, inputs) for inputs in batch]


@pytest.mark.parametrize("rounding", ["nearest", "floor", "stochastic"])
def test_addernets_own_sum_within_the_stated_bound(rounding):
    # docs/adder.md: with n terms and u one unit of the output, n + 1 roundings of at most u / 2 (nearest) or u.
    worst = 0.0
    for layer, batch, config in cases("fixed16", activation_frac=8, output_frac=0, rounding=rounding):
        found, unit = simulate(layer, batch, config).outputs, 1.0
        kept = np.array(dense_codes(layer)) != 0
        for inputs, ours in zip(batch, found, strict=True):
            terms = kept[:, inputs != 0].sum(axis=1) + (0 if layer.bias_codes is None else layer.bias_codes != 0)
            bound = (terms + 1) * unit * (0.5 if rounding == "nearest" else 1.0)
            apart = np.abs(ours - literal(layer, inputs))
            assert (apart <= bound).all()
            worst = max(worst, apart.max())
    assert worst > 0


def test_addernets_own_sum_of_any_numbers_within_the_stated_bound():
    # docs/adder.md: quantising moves every |a - w| by at most one step of the shared format, two halves of it.
    compared = 0
    for number in range(40):
        case = random_case(33, number, "adder")
        config = case.config.replace(
            arithmetic="fixed32",
            activation_frac="auto",
            weight_frac="auto",
            output_frac="auto",
            rounding="nearest",
            rounding_seed=0,
            activation_threshold=0,
        )
        layer = case.layer
        operands = prepare(layer, case.batch, config)
        step, unit = 2.0 ** -operands.fraction_bits["weight"], 2.0 ** -operands.fraction_bits["output"]
        bias = None if layer.bias_codes is None else layer.bias_codes.tolist()
        found = golden_product(layer, operands)
        biases = np.zeros(layer.rows) if layer.bias is None else np.abs(layer.bias.astype(float))
        sizes = np.abs(layer.to_dense().astype(float)).sum(axis=1) + np.abs(case.batch.astype(float)).sum(axis=1).max()
        unsent = operands.one == 0 and layer.bias is not None
        if (sizes + biases).max() >= 2.0**31 * unit or step < 2.0**-46 or unsent:  # may saturate; less than a step
            continue
        compared += 1
        for inputs, ours in zip(case.batch, found, strict=True):
            right = golden.literal_adder_sums(dense_codes(layer), bias, layer.codebook.tolist(), inputs.tolist())
            many = layer.cols + 1
            bound = many * step + (many + 1) * unit / 2 + 1e-12 * max(map(abs, right))
            assert (np.abs(ours * unit - right) <= bound).all(), number
    assert compared > 20


def test_addernets_own_sum_in_float32_within_the_stated_bound():
    compared = 0
    for number in range(60):
        case = random_case(35, number, "adder")
        if case.config.arithmetic != "float32" or case.config.activation_threshold:
            continue
        compared += 1
        layer = case.layer
        m = layer.cols + 3
        e = m * 2.0**-24 / (1 - m * 2.0**-24)
        codes, codebook = dense_codes(layer), [float(value) for value in layer.codebook]
        bias = None if layer.bias_codes is None else layer.bias_codes.tolist()
        sizes = np.abs(layer.to_dense().astype(float)).sum(axis=1)
        biases = np.zeros(layer.rows) if layer.bias is None else np.abs(layer.bias.astype(float))
        found = golden_product(layer, prepare(layer, case.batch, case.config))
        for inputs, ours in zip(case.batch.astype(float), found, strict=True):
            right = np.array(golden.literal_adder_sums(codes, bias, codebook, inputs.tolist()))
            bound = e * (2 * (np.abs(inputs).sum() + sizes) + biases) + 1e-12 * np.abs(right)
            assert (np.abs(ours - right) <= bound).all(), number
    assert compared > 3


@pytest.mark.parametrize("engine", ENGINES)
def test_cycles_and_counters_are_the_multipliers(engine):
    # The same activations are sent: both kinds of unit have the same fraction bits here.
    for number in range(12):
        case = random_case(34, number)
        config = case.config.replace(activation_frac=5, weight_frac=5, output_frac=5, multipliers=1)
        both = []
        for operation in ("multiply", "adder"):
            held = type(case)(case.layer, case.batch, config.replace(operation=operation))
            every, _ = runs(held, (engine,))
            both.append(every[engine])
        for ours, theirs in zip(*both, strict=True):
            assert (ours.cycles, ours.scan_last, ours.broadcasts) == (
                theirs.cycles,
                theirs.scan_last,
                theirs.broadcasts,
            )
            for name, values in vars(ours.per_pe).items():
                assert np.array_equal(values, getattr(theirs.per_pe, name)), name


def test_a_batch_is_its_inputs():
    layer = random_layer(3, rows=40, cols=30)
    batch = np.random.default_rng(3).normal(size=(20, 30)).astype(np.float32)
    for arithmetic in ("float32", "fixed16"):
        keys = {**ADDER, "pes": 4, "arithmetic": arithmetic}
        if arithmetic == "fixed16":
            keys |= {"activation_frac": 10, "output_frac": 6}
        together = simulate(layer, batch, keys).outputs
        for tiles in ("resident", "streamed"):
            alone = [simulate(layer, one, {**keys, "weights": tiles, "spmat_bytes": 64}).outputs for one in batch]
            assert np.array_equal(together, alone)


@pytest.mark.parametrize(
    ("activation", "weight", "used"),
    [("auto", "auto", 12), (7, "auto", 7), ("auto", 9, 9), (3, 3, 3)],
)
def test_fraction_bits_are_shared(activation, weight, used):
    # Automatic ones would be 14 for activations up to 1 and 12 for weights up to 5: the fewer.
    layer = CompressedLayer.from_dense([[5.0, 0.5]])
    config = MachineConfig(**ADDER, activation_frac=activation, weight_frac=weight)
    bits = simulate(layer, [1.0, 0.25], config).layers[0].fraction_bits
    assert bits["activation"] == bits["weight"] == used
    # |r + A| = 5.5 + 1.25
    assert bits["output"] == 12


def test_two_different_numbers_of_fraction_bits_are_refused():
    with pytest.raises(EieError, match=r"^activation_frac = 8, weight_frac = 9: operation = 'adder' compares"):
        MachineConfig(**ADDER, activation_frac=8, weight_frac=9)
    with pytest.raises(EieError, match=r"outside -16\.\.62; set output_frac nearer to it"):
        simulate(CompressedLayer.from_dense([[1.0]]), [1.0], {**ADDER, "activation_frac": -10, "output_frac": 30})


def test_nothing_follows_an_adder_layer_unless_someone_says_so(tmp_path):
    weights, inputs = [[1.0, -2.0]], [3.0, 0.0]
    told = {None: -4.0, "none": -4.0, "relu": 0.0}  # -(|3 - 1| + |0 + 2|)
    for activation, output in told.items():
        layer = CompressedLayer.from_dense(weights, activation=activation)
        path = tmp_path / f"{activation}.npz"
        eiesim.save(layer, path)
        for source in (layer, path):
            assert simulate(source, inputs, ADDER).outputs.tolist() == [output]
        assert simulate(path, inputs).outputs.tolist() == [3.0]


def test_dense_networks_add_as_shared_ones_do():
    # A layer whose every weight has a value of the codebook is the same layer before it was compressed.
    for seed, arithmetic in enumerate(ARITHMETICS):
        layer = random_layer(seed, rows=12, cols=20, bias=seed % 2 == 0, activation="none")
        batch = np.random.default_rng(seed).normal(size=(3, 20)).astype(np.float32)
        config = MachineConfig(**ADDER, arithmetic=arithmetic, pes=4)
        ours = dense_outputs(expand(layer), batch, config)
        assert np.array_equal(ours, simulate(layer, batch, config).outputs)


def test_what_multipliers_gave_is_not_fed_to_adder_units():
    with pytest.raises(
        EieError, match=r"^layer 'ip[123]': in a row of layers each is fed what multipliers make of the one before"
    ):
        eiesim.sweep("example:lenet-300-100", axes={"operation": ["adder"]})


def test_a_sweep_has_the_energy_of_a_run():
    table = eiesim.sweep("table3:NT-We", axes={"operation": ["multiply", "adder"], "arithmetic": ["fixed16", "fixed8"]})
    for row in table.to_dict("records"):
        keys = {key: row[key] for key in ("operation", "arithmetic")}
        energy = simulate("table3:NT-We", config=keys, outputs=False).energy
        assert math.isclose(row["energy_total_uj"], energy.total_uj, rel_tol=1e-12)


def test_a_term_costs_two_additions():
    from eiesim.energy.events import default_table

    pj = default_table().pj
    for arithmetic in ARITHMETICS:
        cost = {}
        for operation in ("multiply", "adder"):
            costs = eiesim.energy_table({"operation": operation, "arithmetic": arithmetic})
            cost[operation] = next(one for one in costs if (one.event, one.component) == ("macs", "combinational"))
        add = getattr(pj, f"add_{arithmetic}")
        assert cost["multiply"].energy_pj == getattr(pj, f"multiply_{arithmetic}") + add
        assert cost["adder"].energy_pj == 2 * add + add
        assert cost["adder"].source.startswith("estimated")


def test_area_has_the_arithmetic_units_share_by_synthesis():
    areas = {name: modelled_area(MachineConfig(operation=name)).pe_um2 for name in ("multiply", "adder")}
    for module, um2 in areas["multiply"].items():
        if module == "arithm_unit":
            assert areas["adder"][module] == pytest.approx(um2 * 8730 / 13712)
        elif module != "filler":
            assert areas["adder"][module] == um2


def test_groups_are_refused():
    layer = dataclasses.replace(CompressedLayer.from_dense(np.eye(4)), groups=2)
    with pytest.raises(EieError, match=r"^layer 'layer': is a convolution in 2 groups; adder units would add"):
        simulate(layer, np.ones(4), ADDER)


def test_rows_put_elsewhere_give_the_same_outputs():
    # `balance` holds the outputs of each order of rows against the original's, put back, and raises where they differ.
    layer = random_layer(7, rows=40, cols=25, activation="none")
    inputs = np.random.default_rng(7).normal(size=(2, 25)).astype(np.float32)
    for arithmetic in ("fixed16", "float32"):
        eiesim.balance((layer, inputs), config={**ADDER, "arithmetic": arithmetic, "pes": 4})
    eiesim.balance((dataclasses.replace(layer, activation="relu", activation_said=False), inputs), config=ADDER)


@pytest.mark.parametrize("said", ["relu", "none", None])
def test_what_follows_a_layer_outlives_every_way_to_keep_it(said, tmp_path):
    made = CompressedLayer.from_dense([[2.0, 1.0, 5.0, 0.0]], activation=said)
    eiesim.save(made, tmp_path / "layer.npz")
    save_huffman(made, tmp_path / "layer.huff")
    decoded = eiesim.decode(eiesim.interleave(made, 2))
    for kept in (made, tmp_path / "layer.npz", tmp_path / "layer.huff", decoded):
        [out] = simulate(kept, [1, -2, 0, 3], {**ADDER, "pes": 2}).outputs
        assert out == (0 if said == "relu" else -12)
    for operation in ("multiply", "adder"):
        [seen] = eiesim.inspect(tmp_path / "layer.npz", {"operation": operation, "pes": 2})
        assert seen.to_dict()["activation"] == (said or {"multiply": "relu", "adder": "none"}[operation])
