"""The result: JSON as the contract says, batches, layers in a row, and derived figures worked out by hand."""

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

import eiesim
from eiesim.counters import PerPe
from tests.cases import random_layer

CONFIG = eiesim.MachineConfig(pes=4, queue_depth=2, clock_mhz=500, arithmetic="float32")
COUNTERS = (
    "broadcasts",
    "scan_bubbles",
    "broadcast_stalls",
    "dropped_activations",
    "pointer_reads",
    "empty_columns",
    "spmat_row_reads",
    "entries",
    "entry_groups",
    "padding_entries",
    "macs",
    "bypasses",
    "queue_pushes",
    "queue_pops",
    "max_occupancy",
    "accumulator_reads",
    "accumulator_writes",
    "busy_real",
    "busy_padding",
    "busy_empty",
    "starved",
)
DERIVED = ["time_us", "theoretical_us", "load_balance", "alu_efficiency", "real_work", "gops", "dense_equivalent_gops"]
MADE_FROM = {"version", "content_hash", "seed", "variation"}
LAYER_KEYS = {"name", "rows", "cols", "nnz", "pes", "cycles", "scan_last", "counters", *DERIVED, "warnings"}


def inputs(seed: int, batch: int | None, cols: int) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    shape = (cols,) if batch is None else (batch, cols)
    return (rng.normal(size=shape) * (rng.random(shape) < 0.6)).astype(np.float32)


@pytest.fixture(scope="module")
def layers() -> list[eiesim.CompressedLayer]:
    # 200 rows on 4 PEs at a low density: there is padding, and there are empty columns.
    return [random_layer(1, 200, 30, density=0.03), random_layer(2, 12, 200, bias=False, activation="none")]


def parsed(result: eiesim.Result) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = result.to_json()
    found: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return found


def test_keys_are_the_contracts(layers: list[eiesim.CompressedLayer]) -> None:
    found = parsed(eiesim.simulate(layers, inputs(1, None, 30), CONFIG))
    assert set(found) == {"format", "eiesim", "engine", "config", "layers", "total", "provenance"}
    assert (found["format"], found["eiesim"], found["engine"]) == (
        "eiesim-result/1",
        eiesim.__version__,
        "recurrence",
    )
    assert found["config"] == CONFIG.model_dump()
    # "energy" comes with its model; until then the keys are absent.
    assert set(found["total"]) - {"energy_uj"} == {"cycles", "time_us"}
    for layer in found["layers"]:
        assert set(layer) - {"energy"} == {*LAYER_KEYS, *MADE_FROM, "fraction_bits", "memory", "inputs", "vectors"}
        assert sorted(layer["counters"]) == sorted(COUNTERS)
        assert all(
            isinstance(value, int) for value in [layer["cycles"], layer["scan_last"], *layer["counters"].values()]
        )
    assert [layer["rows"] for layer in found["layers"]] == [200, 12]
    assert [layer["cols"] for layer in found["layers"]] == [30, 200]
    assert [layer["nnz"] for layer in found["layers"]] == [layer.nnz for layer in layers]
    assert found["layers"][0]["fraction_bits"] == {}


def test_fraction_bits_are_told(layers: list[eiesim.CompressedLayer]) -> None:
    config = CONFIG.replace(arithmetic="fixed16", weight_frac=9)
    bits = parsed(eiesim.simulate(layers[0], inputs(1, None, 30), config))["layers"][0]["fraction_bits"]
    assert set(bits) == {"activation", "weight", "output"}
    assert bits["weight"] == 9
    assert all(isinstance(value, int) for value in bits.values())


def test_derived_figures_by_hand(layers: list[eiesim.CompressedLayer]) -> None:
    """machine.md, "Derived figures", said again: 4 PEs at 500 MHz, so 500 cycles are 1 µs."""
    layer = parsed(eiesim.simulate(layers[0], inputs(1, None, 30), CONFIG))["layers"][0]
    counters, cycles = layer["counters"], layer["cycles"]
    assert counters["padding_entries"] > 0
    assert layer["time_us"] == pytest.approx(cycles / 500)
    assert layer["theoretical_us"] == pytest.approx(counters["entries"] / 4 / 500)
    assert layer["load_balance"] == pytest.approx(counters["entries"] / (cycles * 4))
    assert layer["alu_efficiency"] == pytest.approx(counters["macs"] / (cycles * 4))
    assert layer["real_work"] == pytest.approx(counters["macs"] / counters["entries"])
    assert layer["gops"] == pytest.approx(2 * counters["macs"] / (cycles / 500e6) / 1e9)
    assert layer["dense_equivalent_gops"] == pytest.approx(2 * 200 * 30 / (cycles / 500e6) / 1e9)


def test_a_ratio_with_nothing_below_the_line_is_0() -> None:
    layer = random_layer(1, density=0.0, bias=False)
    found = parsed(eiesim.simulate(layer, np.zeros(7), CONFIG))["layers"][0]
    assert found["real_work"] == found["load_balance"] == found["alu_efficiency"] == found["gops"] == 0
    assert found["cycles"] == 2, "seven activations are two rows of four, each scanned once"
    assert found["dense_equivalent_gops"] == pytest.approx(2 * 9 * 7 / (2 / 500e6) / 1e9)


def alone(layer: eiesim.CompressedLayer, batch: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    return [parsed(eiesim.simulate(layer, one, CONFIG))["layers"][0] for one in batch]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_batch_is_its_inputs_one_by_one(layers: list[eiesim.CompressedLayer], threads: int) -> None:
    batch = inputs(2, 3, 30)
    result = eiesim.simulate(layers[0], batch, CONFIG, threads=threads)
    layer, singles = parsed(result)["layers"][0], alone(layers[0], batch)
    assert set(layer["batch"]) == {"cycles", "scan_last", "counters", "energy", *DERIVED}
    assert len({single["cycles"] for single in singles}) > 1, "inputs that differ, or this shows little"
    for key in ("cycles", "scan_last", *DERIVED):
        assert layer["batch"][key] == [single[key] for single in singles]
    for counter in COUNTERS:
        each = [single["counters"][counter] for single in singles]
        assert layer["batch"]["counters"][counter] == each
        expected = max(each) if counter == "max_occupancy" else sum(each) / 3
        assert layer["counters"][counter] == pytest.approx(expected)
    for key in ("cycles", "scan_last", "time_us", "theoretical_us"):
        assert layer[key] == pytest.approx(sum(single[key] for single in singles) / 3)
    sums = {key: sum(single["counters"][key] for single in singles) for key in ("entries", "macs")}
    pe_cycles = 4 * sum(single["cycles"] for single in singles)
    assert layer["load_balance"] == pytest.approx(sums["entries"] / pe_cycles)
    assert layer["alu_efficiency"] == pytest.approx(sums["macs"] / pe_cycles)
    assert layer["real_work"] == pytest.approx(sums["macs"] / sums["entries"])
    assert layer["gops"] == pytest.approx(2 * sums["macs"] / (pe_cycles / 4 / 500e6) / 1e9)
    np.testing.assert_array_equal(result.outputs, [eiesim.simulate(layers[0], one, CONFIG).outputs for one in batch])


def test_a_batch_of_one_is_a_batch(layers: list[eiesim.CompressedLayer]) -> None:
    one = inputs(3, 1, 30)
    result = eiesim.simulate(layers[0], one, CONFIG)
    found = parsed(result)
    assert found["layers"][0]["batch"]["cycles"] == [found["layers"][0]["cycles"]]
    assert found["total"]["batch"]["cycles"] == [found["total"]["cycles"]]
    assert result.outputs is not None
    assert result.outputs.shape == (1, 200)
    assert result.per_pe.entries.shape == (1, 4)
    single = eiesim.simulate(layers[0], one[0], CONFIG)
    assert single.outputs is not None
    assert single.outputs.shape == (200,)
    assert single.per_pe.entries.shape == (4,)
    assert "batch" not in parsed(single)["layers"][0]


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("arithmetic", ["float32", "fixed16"])
def test_layers_in_a_row_are_runs_one_after_the_other(
    layers: list[eiesim.CompressedLayer], batch: int | None, arithmetic: str
) -> None:
    config = CONFIG.replace(arithmetic=arithmetic)
    x = inputs(4, batch, 30)
    together = eiesim.simulate(layers, x, config)
    first = eiesim.simulate(layers[0], x, config)
    assert first.outputs is not None
    assert (first.outputs >= 0).all(), "ReLU follows the first"
    second = eiesim.simulate(layers[1], first.outputs, config)
    assert second.outputs is not None
    assert (second.outputs < 0).any(), "and not the second"
    np.testing.assert_array_equal(together.outputs, second.outputs)
    whole, parts = parsed(together), [parsed(first), parsed(second)]
    second_alone = {**parts[1]["layers"][0], "inputs": "chained"}
    assert whole["layers"] == [parts[0]["layers"][0], second_alone]
    for key in ("cycles", "time_us"):
        assert whole["total"][key] == pytest.approx(sum(part["total"][key] for part in parts))
        if batch is not None:
            each = np.sum([part["total"]["batch"][key] for part in parts], axis=0)
            np.testing.assert_allclose(whole["total"]["batch"][key], each)
    for counter in COUNTERS:
        values = [getattr(part.counters, counter) for part in (first, second)]
        expected = max(values) if counter == "max_occupancy" else sum(values)
        assert getattr(together.counters, counter) == pytest.approx(expected)


def test_counters_are_sums_over_pes(layers: list[eiesim.CompressedLayer]) -> None:
    result = eiesim.simulate(layers[0], inputs(5, None, 30), CONFIG)
    names = [part.name for part in fields(PerPe)]
    totals = {"broadcasts", "scan_bubbles", "broadcast_stalls", "dropped_activations"}
    assert set(COUNTERS) - set(names) == totals
    for name in names:
        per_pe = getattr(result.per_pe, name)
        assert per_pe.shape == (4,)
        total = per_pe.max() if name == "max_occupancy" else per_pe.sum()
        assert getattr(result.counters, name) == total


def test_outputs_can_be_left_out(layers: list[eiesim.CompressedLayer]) -> None:
    """And the timing is the same."""
    x = inputs(6, 2, 30)
    for config in (CONFIG, CONFIG.replace(arithmetic="fixed16")):
        timed, full = (eiesim.simulate(layers, x, config, outputs=wanted) for wanted in (False, True))
        assert timed.outputs is None
        assert timed.to_dict()["total"] == full.to_dict()["total"]
        assert timed.counters == full.counters


@pytest.mark.parametrize(
    ("model", "activations", "keys", "message"),
    [
        ([], np.ones(7), {}, "no layer"),
        (random_layer(1), np.ones(8), {}, "8 an input, but layer 'random 1' has 7"),
        (random_layer(1), np.ones((0, 7)), {}, "batch of 1 or more"),
        (random_layer(1), np.ones((1, 1, 7)), {}, "shape"),
        (random_layer(1), np.full(7, np.nan), {}, "NaN"),
        (random_layer(1), np.full(7, 1e300), {}, "infinity"),
        (random_layer(1), [["seven"]], {}, "not an array of numbers"),
        (random_layer(1), "seven", {}, "seven: no such file"),
        (random_layer(1), np.ones(7), {"engine": "magic"}, "no engine is called 'magic'"),
        (random_layer(1), np.ones(7), {"threads": 0}, "threads = 0"),
        (random_layer(1, codes=17), np.ones(7), {}, "17 entries, weight_bits = 4 reach 16"),
        ([random_layer(1), random_layer(1)], np.ones(7), {}, "'random 1' has 9 outputs, but 'random 1' takes 7 inputs"),
    ],
)
def test_simulate_refuses(
    model: Sequence[eiesim.CompressedLayer], activations: Any, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(eiesim.EieError, match=message):
        eiesim.simulate(model, activations, CONFIG, **keys)


class Told(list[tuple[int, int | None, str]]):
    """Keeps what a long function tells."""

    def __call__(self, *now: Any) -> None:
        self.append(now)


@pytest.mark.parametrize("weights", ["resident", "streamed"])
@pytest.mark.parametrize("arithmetic", ["float32", "fixed16"])
def test_threads_share_a_batch_of_any_size(weights: str, arithmetic: str) -> None:
    """However inputs are cut into tasks, every one is run once and its result stands in its place."""
    layer = random_layer(5, rows=20, cols=30)
    config = CONFIG.replace(weights=weights, arithmetic=arithmetic)
    for size, threads in ((2, 2), (5, 2), (7, 3), (16, 2), (17, 2), (33, 4), (40, 64)):
        told = Told()
        results = [eiesim.simulate(layer, inputs(2, size, 30), config, threads=n, progress=told) for n in (1, threads)]
        assert results[0] == results[1], (size, threads)
        assert told == 2 * [(done, size, "inputs") for done in range(1, size + 1)]
        assert len({run.cycles for run in results[0].layers[0].runs}) > 1, "inputs that differ, or this shows little"


def test_what_a_thread_raises_is_raised() -> None:
    def stop(*now: object) -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        eiesim.simulate(random_layer(5, cols=30), inputs(2, 20, 30), CONFIG, threads=2, progress=stop)
