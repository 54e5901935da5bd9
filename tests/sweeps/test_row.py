"""Rows of a sweep: each equal to a run of its own, each once."""

import csv
import hashlib
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import eiesim
from eiesim import EieError, MachineConfig, encoding, prepared, simulate, sweep, workload
from eiesim.counters import COUNTERS
from eiesim.model import Workload
from eiesim.sweeps import row as table
from eiesim.sweeps import run as module
from tests.layers import random_layer


def small_layer(seed=0, rows=40, cols=60, name="small"):
    rng = np.random.default_rng(seed)
    layer = replace(random_layer(seed, rows, cols, density=0.2), name=name)
    return layer, (rng.random(cols) * (rng.random(cols) < 0.5)).astype(np.float32)


def test_every_cell_is_that_of_a_single_run():
    layer, activations = small_layer()
    rows = sweep(
        [(layer, activations)],
        {"pes": [3, 8], "queue_depth": "1:4:x2", "arithmetic": "float32,fixed8"},
        engines=("recurrence", "clocked"),
    )
    assert len(rows) == 2 * 3 * 2 * 2
    for row in rows.to_dict("records"):
        config = MachineConfig(pes=row["pes"], queue_depth=row["queue_depth"], arithmetic=row["arithmetic"])
        expected = simulate(layer, activations, config, row["engine"]).to_dict()["layers"][0]
        for key, value in {**expected, **expected["counters"]}.items():
            # `inputs` counts them here, and `fed` says what.
            if key in row and key not in ("warnings", "inputs", "seed", "variation"):
                assert row["fed"] == expected["inputs"]
                assert row[key] == value, key
        bits = row["fraction_bits_weight"]
        assert (None if pd.isna(bits) else bits) == expected["fraction_bits"].get("weight")


def test_columns_follow_the_contract():
    start = ["layer", "seed", "engine", "pes", "queue_depth", "spmat_width", "index_bits", "weight_bits", "arithmetic"]
    order = list(table.columns())
    assert order[:10] == [*start, "clock_mhz"]
    assert order[-2:] == ["eiesim", "hash"]
    assert set(MachineConfig.model_fields) <= set(order)
    assert len(set(order)) == len(order)


def test_every_column_is_explained():
    assert list(table.meanings()) == list(table.columns())
    assert all(len(meaning) > 5 for meaning in table.meanings().values())


def test_no_counter_or_key_is_forgotten():
    assert set(COUNTERS) | set(MachineConfig.model_fields) <= set(table.columns())


def test_energy_becomes_columns():
    layer, activations = small_layer()
    result = simulate(layer, activations, MachineConfig(pes=4)).layers[0]
    cells = table.Row.of(Workload(layer, activations), result, "h").cells()
    for part, microjoules in {**result.energy.by_module_uj, **result.energy.by_component_uj}.items():
        assert cells[f"energy_{part}_uj"] == microjoules
        assert ("module" if part in result.energy.by_module_uj else "component") in table.meanings()[
            f"energy_{part}_uj"
        ]
    assert cells["energy_total_uj"] == result.energy.total_uj


def test_a_line_reads_back_as_the_same_row():
    layer, activations = small_layer(name='a,"b"')
    endless = MachineConfig(pes=3, dram_gbytes_per_s=float("inf"))
    for config in (MachineConfig(pes=3), MachineConfig(pes=3, arithmetic="float32", spmat_bytes=7), endless):
        row = table.Row.of(Workload(layer, activations, 3, 0.1), simulate(layer, activations, config).layers[0], "h")
        assert table.Row.parse(next(csv.reader([row.line()]))) == row


def test_hashes_tell_apart_all_that_makes_a_row():
    (layer, activations), (other, _) = small_layer(), small_layer(1)
    subject = Workload(layer, activations)
    config = MachineConfig()
    changed = np.where(np.arange(len(activations)) == 0, np.float32(0.123), activations)
    hashes = [
        table.row_hash(subject.content_hash, config, "recurrence"),
        table.row_hash(subject.content_hash, config, "clocked"),
        table.row_hash(subject.content_hash, config.replace(spmat_bytes=1), "recurrence"),
        table.row_hash(Workload(other, activations).content_hash, config, "recurrence"),
        table.row_hash(Workload(layer, changed).content_hash, config, "recurrence"),
        table.row_hash(Workload(layer, activations[None]).content_hash, config, "recurrence"),
    ]
    assert len(set(hashes)) == len(hashes)
    assert table.row_hash(Workload(layer, activations.copy()).content_hash, config, "recurrence") == hashes[0]


def test_no_row_twice(tmp_path):
    layer, activations = small_layer()
    renamed, _ = small_layer(name="the same, renamed")
    rows = sweep([(layer, activations), (renamed, activations)], {"pes": [4, 4]}, output=tmp_path / "t.csv")
    assert len(rows) == 1
    assert (tmp_path / "t.csv").read_text().count("\n") == 2


def test_seeds_and_variations_make_rows_of_table_iii_layers():
    rows = sweep(["table3:NT-LSTM"], {"pes": [16]}, seeds=[0, 3], variations=[0.0, 0.15])
    assert rows[["seed", "variation"]].values.tolist() == [[0, 0.0], [0, 0.15], [3, 0.0], [3, 0.15]]
    layer, activations = workload("NT-LSTM", 3, variation=0.15)
    assert rows["cycles"].iloc[3] == simulate(layer, activations, MachineConfig(pes=16)).cycles


def test_a_sweep_goes_on_with_what_is_missing(tmp_path):
    pair = small_layer()
    calls = []

    def run(axes):
        told = []
        found = sweep([pair], axes, output=tmp_path / "t.csv", progress=lambda *now: told.append(now))
        done, total, doing = told[-1]
        assert done == total
        assert doing == "rows"
        assert [steps for steps, *_ in told] == sorted(steps for steps, *_ in told)
        calls.append([done, len(found) - done])
        return found

    run({"pes": [1, 2], "queue_depth": [1, 2]})
    wider = run({"pes": [1, 2, 3], "queue_depth": [2, 4]})
    again = run({"pes": [1, 2, 3], "queue_depth": [2, 4]})
    assert calls == [[4, 0], [4, 2], [0, 6]]
    assert wider.equals(again)
    assert wider.equals(sweep([pair], {"pes": [1, 2, 3], "queue_depth": [2, 4]}))
    assert (tmp_path / "t.csv").read_text().count("\n") == 1 + 8


def test_one_interleaving_serves_all_that_share_it(monkeypatch):
    made = []
    real = encoding.interleave
    monkeypatch.setattr(prepared, "interleave", lambda *args: made.append(args[1:]) or real(*args))
    axes = {"queue_depth": [1, 2, 4], "pes": [2, 4], "spmat_width": [32, 64], "arithmetic": "float32,fixed16"}
    rows = sweep([small_layer()], {**axes, "index_bits": [3, 4], "mapping": "interleaved,blocked"}, jobs=1)
    assert len(rows) == 96
    shared = [(pes, bits, mapping) for pes in (2, 4) for bits in (3, 4) for mapping in ("blocked", "interleaved")]
    assert sorted(made) == shared


def test_variants_have_columns_that_explain_themselves():
    axes = {
        "pes": [4],
        "multipliers": [1, 2],
        "mapping": ["interleaved", "blocked"],
        "activation_threshold": [0.0, 0.4],
    }
    layer, activations = small_layer()
    rows = sweep([(layer, activations)], axes, jobs=1).to_dict("records")
    assert len({row["hash"] for row in rows}) == len(rows) == 8
    for row in rows:
        config = MachineConfig(**{key: row[key] for key in axes})
        expected = simulate(layer, activations, config).layers[0].cells()
        assert {key: row[key] for key in ("cycles", "entry_groups", "dropped_activations", "alu_efficiency")} == {
            key: expected[key] for key in ("cycles", "entry_groups", "dropped_activations", "alu_efficiency")
        }
        assert row["theoretical_us"] == pytest.approx(row["entry_groups"] / 4 / 800)
    assert {"multipliers", "mapping", "rounding", "rounding_seed", "activation_threshold"} <= set(table.meanings())


def test_a_combination_that_is_no_machine_is_refused_before_anything_runs():
    for axes, message in (
        ({"multipliers": [1, 3]}, "multipliers = 3: an SRAM row brings 8"),
        ({"multipliers": [1, 16], "spmat_width": [64, 128]}, "multipliers = 16: an SRAM row brings 8"),
        ({"rounding": ["nearest", "floor"], "arithmetic": ["float32", "fixed8"]}, "rounding = 'floor'"),
        ({"rounding_seed": [0, 1]}, "rounding_seed = 1"),
    ):
        with pytest.raises(EieError, match=message):
            module.plan([small_layer()], axes)
    # Values that go together only in pairs that the other axis brings.
    assert module.plan([small_layer()], {"multipliers": [16], "spmat_width": [128, 256]}).runs == 2
    assert module.plan([small_layer()], {"rounding_seed": [0, 1], "rounding": ["stochastic"]}).runs == 2


def test_a_batch_is_one_row_of_means():
    layer, activations = small_layer()
    batch = np.stack([activations, activations[::-1]])
    (row,) = sweep([(layer, batch)], {"pes": [4]}).to_dict("records")
    expected = simulate(layer, batch, MachineConfig(pes=4))
    assert row["inputs"] == 2
    assert row["cycles"] == expected.cycles


def test_names_cannot_break_a_row(tmp_path):
    layer, activations = small_layer(name='a,"b"')
    rows = sweep([(layer, activations)], {"pes": [1, 2]}, output=tmp_path / "t.csv")
    assert set(rows["layer"]) == {'a,"b"'}
    assert len(sweep([(layer, activations)], {"pes": [1, 2]}, output=tmp_path / "t.csv")) == 2


@pytest.mark.parametrize(
    ("layers", "options"),
    [
        (["table3:none"], {}),
        ([], {}),
        (["table3:NT-We"], {"axes": {"pe": [1]}}),
        (["table3:NT-We"], {"axes": {"pes": []}}),
        (["table3:NT-We"], {"axes": {"pes": [0]}}),
        (["table3:NT-We"], {"engines": ["fast"]}),
        (["table3:NT-We"], {"backend": "threds"}),
        (["table3:NT-We"], {"scheduler": "tcp://nowhere:1"}),
        (["table3:NT-We"], {"jobs": 0}),
        (["table3:NT-We"], {"seeds": []}),
    ],
)
def test_what_cannot_be_swept_is_refused(layers, options):
    with pytest.raises(EieError) as error:
        sweep(layers, **options)
    assert "\n" not in str(error.value)


def test_an_error_in_a_run_keeps_the_rows_before_it(tmp_path):
    layer, activations = small_layer()
    with pytest.raises(EieError, match="codebook"):
        sweep([(layer, activations)], {"pes": [1, 2], "weight_bits": [4, 2]}, output=tmp_path / "t.csv", jobs=1)
    assert len(sweep([(layer, activations)], {"pes": [1, 2]}, output=tmp_path / "t.csv")) == 2


def test_network_layers_are_fed_by_the_layer_before(tmp_path):
    first, activations = small_layer(0, 30, 60, "first")
    second, _ = small_layer(1, 20, 30, "second")
    for layer in (first, second):
        eiesim.save(layer, tmp_path / f"{layer.name}.npz")
    (tmp_path / "network.toml").write_text(
        'format = "eiesim-network/1"\nname = "n"\n[[layers]]\nfile = "first.npz"\n[[layers]]\nfile = "second.npz"\n'
    )
    config = MachineConfig(pes=4, arithmetic="float32")
    rows = sweep([str(tmp_path)], inputs=[activations], config=config)
    expected = simulate([first, second], activations, config)
    assert rows["cycles"].tolist() == [layer.cycles for layer in expected.layers]


def test_the_hash_of_a_row_is_that_of_before_its_keys_were_renamed():
    """Worked out from what version 0.1.0 hashed when it came out, so that its tables resume."""
    keys = {
        "pes": 16, "queue_depth": 8, "index_bits": 4, "weight_bits": 4, "spmat_width": 64, "clock_mhz": 800.0,
        "arithmetic": "fixed16", "activation_frac": "auto", "weight_frac": "auto", "output_frac": "auto",
        "spmat_bytes": 131072, "pointer_bytes": 32768, "activation_bytes": 2048, "weights": "streamed",
        "dram_gbps": 3.5, "dram_pj_per_bit": 20.0,
    }  # fmt: skip
    made_of = json.dumps(["content", keys, "event", eiesim.__version__], sort_keys=True)
    config = MachineConfig(pes=16, weights="streamed", dram_gbytes_per_s=3.5)
    assert table.row_hash("content", config, "event") == hashlib.sha256(made_of.encode()).hexdigest()[:32]


def test_an_axis_by_its_former_name_is_read_with_a_warning():
    layer, activations = small_layer()
    with pytest.warns(FutureWarning, match="dram_gbps is called dram_gbytes_per_s now"):
        rows = sweep([(layer, activations)], {"dram_gbps": [1.0, 2.0]})
    assert rows["dram_gbytes_per_s"].tolist() == [1.0, 2.0]
    assert "dram_gbps" not in rows
