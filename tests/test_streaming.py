"""Streamed weights: the resident run's outputs bit for bit, and the oracle's tiles, cycles and counters."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

import eiesim
from eiesim import EieError, MachineConfig, simulate, streaming
from eiesim.arithmetic import prepare
from eiesim.counters import COUNTERS
from eiesim.encoding import interleave

from . import strategies
from .cases import cli, random_layer
from .compare import dense_codes
from .oracle import golden
from .oracle import streaming as oracle

STREAMED = ("streamed", "streamed-active")


@st.composite
def streamed_cases(draw):
    """Cases on machines whose memories are so small that most layers are cut, some until nothing fits."""
    case = draw(strategies.cases(fractions=st.just("auto")))
    config = case.config.replace(
        weights=draw(st.sampled_from(STREAMED)),
        spmat_bytes=draw(st.integers(1, 60)),
        pointer_bytes=draw(st.integers(8, 120)),
        dram_gbytes_per_s=draw(st.floats(0.01, 1000)),
    )
    return replace(case, config=config)


def says(case):
    """The oracle's answer: None where a tile cannot hold a column."""
    layer, config = case.layer, case.config
    try:
        operands = prepare(layer, case.batch, config)
    except EieError:  # fraction bits that do not go together; nothing of it has to do with streaming
        reject()
    bias = None if layer.bias_codes is None else layer.bias_codes.tolist()
    with_bias = config.weights == "streamed" or operands.one != 0
    return oracle.streamed(
        (dense_codes(layer), bias, config), operands.activations.tolist(), operands.one.item(), with_bias
    )


@pytest.mark.parametrize("engine", ["recurrence", "clocked", "event"])
@settings(deadline=None)
@given(case=streamed_cases())
def test_as_the_oracle_has_it_and_outputs_as_resident(engine, case):
    right = says(case)
    if right is None:
        with pytest.raises(EieError, match=r"(column \d+|the bias) (has|needs) .*(spmat_bytes|pointer_bytes)"):
            simulate(case.layer, case.batch, case.config, engine)
        return
    result = simulate(case.layer, case.batch, case.config, engine)
    layer = result.layers[0]
    resident = simulate(case.layer, case.batch, case.config.replace(weights="resident"))
    assert layer.outputs.tobytes() == resident.outputs.tobytes()
    assert layer.fraction_bits == resident.layers[0].fraction_bits
    inputs = right.pop("inputs")
    memory = layer.memory.to_dict()
    assert {name: memory[name] for name in right} == right
    assert layer.cycles * len(inputs) == pytest.approx(right["cycles"])
    dropped = [golden.above(values, case.config.activation_threshold)[1] for values in case.batch.tolist()]
    assert [run.dropped_activations for run in layer.runs] == dropped
    for run, parts in zip(layer.runs, inputs, strict=True):
        for name in ("cycles", "scan_last", "broadcasts", "scan_bubbles", "broadcast_stalls"):
            assert getattr(run, name) == sum(part[name] for part in parts)
        for name in set(COUNTERS) - {"broadcasts", "scan_bubbles", "broadcast_stalls", "dropped_activations"}:
            each = [part["per_pe"][name] for part in parts] or [[0] * case.config.pes]
            total = np.max(each, axis=0) if name == "max_occupancy" else np.sum(each, axis=0)
            assert getattr(run.per_pe, name).tolist() == total.tolist(), name


@settings(deadline=None)
@given(case=streamed_cases())
def test_infinite_bandwidth_leaves_compute_alone(case):
    config = case.config.replace(dram_gbytes_per_s=float("inf"))
    assume(says(replace(case, config=config)) is not None)
    memory = simulate(case.layer, case.batch, config).layers[0].memory
    assert memory.load_cycles == 0
    assert memory.cycles == memory.compute_cycles


@settings(deadline=None)
@given(case=streamed_cases())
def test_what_is_loaded_is_what_the_pes_store(case):
    """Every column once; the bytes of all tiles, from the memories that interleaving fills."""
    config, layer = case.config.replace(weights="streamed"), case.layer
    whole = interleave(layer, config.pes, config.index_bits, config.mapping)
    try:
        tiles = streaming.cut(whole, config)
    except EieError:
        return
    assert np.concatenate([tile.columns for tile in tiles]).tolist() == list(range(layer.cols))
    assert [tile.with_bias for tile in tiles] == [False] * (len(tiles) - 1) + [layer.bias_codes is not None]
    entries = np.zeros(config.pes, int)
    for tile in tiles:
        held = interleave(tile.of(layer), config.pes, config.index_bits, config.mapping)
        assert held.columns == tile.width
        assert int(held.entries_per_pe.max()) * config.entry_bits <= config.spmat_bytes * 4
        in_bytes = (held.entries_per_pe * config.entry_bits + 7) // 8
        assert tile.loaded_bytes == in_bytes.sum() + 2 * (tile.width + 1) * config.pes
        entries += held.entries_per_pe
    assert entries.tolist() == whole.entries_per_pe.tolist()
    memory = simulate(layer, case.batch, config, outputs=False).layers[0].memory
    assert memory.loaded_bytes == sum(tile.loaded_bytes for tile in tiles)


def test_one_layer_by_hand():
    """2 x 4, all kept, 1 PE, two entries a column, four entries (32 bits of half of 8 bytes) a tile."""
    layer = eiesim.CompressedLayer.from_dense(np.ones((2, 4)), codebook=[0, 1], activation="none")
    config = MachineConfig(pes=1, weights="streamed", spmat_bytes=8, pointer_bytes=100, dram_gbytes_per_s=0.8)
    memory = simulate(layer, np.ones(4), config).layers[0].memory
    # A tile: 4 bytes of entries, 3 pointers of 2 bytes; 10 bytes at 0.8 GB/s and 800 MHz are 10 cycles.
    # Its computing: sent in 1, walked from 3 to 6, the last write seen in 12. 10 + max(12, 10) + 12.
    assert memory == streaming.WeightTraffic(True, 2, 20, 20, 24, 34)


def test_energy_is_20_pj_a_bit_and_that_alone_is_added():
    layer = random_layer(1, rows=60, cols=40)
    x = np.random.default_rng(0).random(40)
    for model in ("activity", "published", "calibrated"):
        config = MachineConfig(pes=4, weights="streamed", dram_gbytes_per_s=float("inf"))
        streamed = simulate(layer, x, config, energy=model)
        resident = simulate(layer, x, config.replace(weights="resident"), energy=model)
        assert streamed.cycles == resident.cycles  # one tile, loaded in no time
        spent = streamed.energy.by_module_uj["dram"]
        assert spent == pytest.approx(streamed.layers[0].memory.loaded_bytes * 8 * 20e-6)
        assert streamed.energy.total_uj == pytest.approx(resident.energy.total_uj + spent)
        assert "dram" not in resident.energy.by_module_uj
        assert sum(streamed.energy.by_component_uj.values()) == pytest.approx(streamed.energy.total_uj)


def test_a_batch_shares_its_loads():
    layer = random_layer(2, rows=60, cols=40)
    x = np.random.default_rng(0).random((3, 40))
    config = MachineConfig(pes=4, weights="streamed", dram_gbytes_per_s=0.1, spmat_bytes=200)
    together, alone = (simulate(layer, inputs, config, energy="published") for inputs in (x, x[0]))
    assert together.layers[0].memory.loaded_bytes == alone.layers[0].memory.loaded_bytes
    found = together.to_dict()["layers"][0]
    assert sum(found["batch"]["cycles"]) == pytest.approx(found["memory"]["cycles"])
    assert found["cycles"] == pytest.approx(found["memory"]["cycles"] / 3)
    assert sum(found["batch"]["energy"]["by_module_uj"]["dram"]) == pytest.approx(
        3 * found["energy"]["by_module_uj"]["dram"]
    )


def test_nothing_active_loads_nothing():
    layer = random_layer(3, bias=False)
    result = simulate(layer, np.zeros(7), MachineConfig(pes=2, weights="streamed-active"))
    assert (result.cycles, result.layers[0].memory.tiles) == (0, 0)
    assert not result.outputs.any()
    json.loads(result.to_json())


def test_on_the_command_line(tmp_path):
    settings_ = ("--set", "weights=streamed", "--set", "dram_gbytes_per_s=inf")
    answer = cli("run", "table3:Alex-8", "--pes", 4, *settings_, "--json", "-")
    assert answer.status == 0
    found = json.loads(answer.out)
    assert (found["config"]["weights"], found["config"]["dram_gbytes_per_s"]) == ("streamed", "inf")
    memory = found["layers"][0]["memory"]
    assert memory["tiles"] > 1
    assert not memory["fits"]
    assert found["layers"][0]["cycles"] == memory["cycles"] == memory["compute_cycles"]
    assert "waiting for weights" in answer.err
    table = tmp_path / "rows.csv"
    swept = cli("sweep", "table3:Alex-8", "--pes", 4, "--sweep", "weights=resident,streamed,streamed-active",
                "--sweep", "dram_gbytes_per_s=1,inf", "-o", table)  # fmt: skip
    assert swept.status == 0, swept.err
    import pandas as pd

    rows = pd.read_csv(table).set_index(["weights", "dram_gbytes_per_s"])
    assert rows.loc[("streamed", np.inf), "memory_loaded_bytes"] == memory["loaded_bytes"]
    assert rows.loc[("resident", 1.0), "energy_dram_uj"] == 0
    assert rows.loc[("streamed-active", 1.0), "cycles"] < rows.loc[("streamed", 1.0), "cycles"]
    refused = cli("run", "table3:NT-We", "--set", "weights=streamed", "--set", "spmat_bytes=1")
    assert refused.status == 2
    assert "NT-We" in refused.err
    assert "spmat_bytes" in refused.err
    assert cli("balance", "table3:NT-We", "--set", "weights=streamed").status == 2


def test_inspect_says_what_streaming_would_cost():
    answer = cli("inspect", "table3:Alex-8", "--pes", 4, "--json", "-")
    found = json.loads(answer.out)["layers"][0]["streamed"]
    layer, x = eiesim.workload("Alex-8")
    memory = simulate(layer, x, MachineConfig(pes=4, weights="streamed"), outputs=False).layers[0].memory
    for name in ("fits", "tiles", "loaded_bytes", "load_cycles"):
        assert found[name] == getattr(memory, name)
    assert found["energy_uj"] == pytest.approx(memory.loaded_bytes * 8 * 20e-6)
    assert f"{memory.loaded_bytes:,}" in answer.err
    assert "spmat_bytes = 1" in cli("inspect", "table3:NT-We", "--set", "spmat_bytes=1").out


def test_the_trace_of_dram_is_every_burst_of_every_tile_in_order():
    random = np.random.default_rng(4)
    layers = [
        eiesim.CompressedLayer.from_dense(np.where(random.random(shape) < 0.5, 1.5, 0), name=f"fc{k}")
        for k, shape in enumerate([(40, 50), (9, 40)])
    ]
    config = {"pes": 4, "weights": "streamed", "spmat_bytes": 120}
    result = simulate(layers, random.random((3, 50)), config)
    address, right = 0x1C0, []
    for layer, made in zip(result, layers, strict=True):
        tiles = streaming.cut(interleave(made, 4), layer.config)
        assert len(tiles) == layer.memory.tiles
        assert sum(tile.loaded_bytes for tile in tiles) == layer.memory.loaded_bytes
        for tile in tiles:
            for _ in range(0, tile.loaded_bytes, 64):
                right.append(f"LD 0x{address:x}")
                address += 64
    assert result[0].memory.tiles > 2
    assert "".join(result.dram_trace(0x1C0)).split("\n") == right
    with pytest.raises(EieError, match="DRAM base 0x8: needs a multiple of 64"):
        result.dram_trace(8)
    with pytest.raises(EieError, match="weights = 'resident': no weights were loaded"):
        simulate(layers, random.random(50), {"pes": 4}).dram_trace()


def test_a_long_trace_is_the_same_in_parts(monkeypatch):
    whole = "".join(streaming.dram_trace([1000, 64, 1], 0))
    monkeypatch.setattr(streaming, "BURSTS_AT_ONCE", 3)
    assert "".join(streaming.dram_trace([1000, 64, 1], 0)) == whole
    assert whole.split("\n")[-1] == "LD 0x440"
