"""Figures show the table's values, and only figures for what varies are drawn."""

import numpy as np
import pytest

from eiesim import EieError, MachineConfig, sweep
from eiesim.sweeps.canvas import fixed
from eiesim.sweeps.maps import front
from eiesim.sweeps.plots import draw, drawings


@pytest.fixture(scope="module")
def table():
    layers = ["table3:NT-We", "table3:NT-LSTM"]
    return sweep(layers, {"pes": [32, 64, 128], "queue_depth": [2, 8], "spmat_width": [64, 128]}, seeds=[0, 1])


def figures(table, accuracies):
    return {name: draw_one() for name, draw_one in drawings(table, accuracies)}


def line_of(axes, layer):
    for container in axes.containers:
        if container.get_label() == layer:
            return container.lines[0].get_xydata()
    raise AssertionError(f"no line for {layer}")


def test_figures_for_what_varies(table):
    drawn = figures(table, {})
    assert set(drawn) == {
        "fig11_speedup",
        "fig12_real_work",
        "fig13_load_balance",
        "fig8_queue_depth",
        "fig9_sram_width",
        "heat_pes_queue_depth",
        "heat_pes_spmat_width",
        "heat_queue_depth_spmat_width",
        "pareto_time_energy_total_uj",
    }
    few = table[(table["pes"] == 64) & (table["spmat_width"] == 64)].drop(columns="energy_total_uj")
    assert set(figures(few, {})) == {"fig8_queue_depth"}
    assert figures(few[few["queue_depth"] == 8], {}) == {}


def test_lines_are_means_over_seeds_at_the_published_design(table):
    drawn = figures(table, {})
    held = table[(table["queue_depth"] == 8) & (table["spmat_width"] == 64) & (table["layer"] == "NT-We")]
    balance = held.groupby("pes")["load_balance"].mean()
    line = line_of(drawn["fig13_load_balance"].axes[0], "NT-We")
    assert np.array_equal(line, np.column_stack([balance.index, balance]))
    assert "held: queue depth 8 places, sparse-matrix SRAM width 64 bits" in drawn["fig13_load_balance"].get_supxlabel()


def test_speedup_is_over_the_same_layer_on_fewest_pes(table):
    left, right = figures(table, {})["fig11_speedup"].axes
    held = table[(table["queue_depth"] == 8) & (table["spmat_width"] == 64) & (table["layer"] == "NT-LSTM")]
    times = held.pivot(index="seed", columns="pes", values="time_us")
    expected = [(times[32] / times[pes]).mean() for pes in (32, 64, 128)]
    assert line_of(left, "NT-LSTM")[:, 1] == pytest.approx(expected)
    assert line_of(right, "NT-LSTM")[:, 1] == pytest.approx(np.array(expected) / [1, 2, 4])


def test_energy_figures_come_with_energy(table):
    rows = table.assign(energy_total_uj=table["pes"] * 1.0 + table["spmat_width"], area_mm2=table["pes"] * 0.6)
    names = set(figures(rows, {}))
    assert {"pareto_time_energy_total_uj", "pareto_time_area_mm2", "heat_pes_spmat_width"} <= names
    arithmetic = sweep(["table3:NT-We"], {"arithmetic": "float32,fixed16"})
    axes = figures(arithmetic, {"fixed16": 0.9})["fig10_arithmetic"].axes
    assert [bar.get_height() for bar in axes[0].patches] == arithmetic["energy_arithm_unit_uj"].tolist()
    assert [bar.get_height() for bar in axes[1].patches] == [0.9]


def test_front_is_what_nothing_beats():
    rng = np.random.default_rng(0)
    times, costs = rng.integers(0, 12, 60).tolist(), rng.integers(0, 12, 60).tolist()
    beaten = [
        any(t <= times[k] and c <= costs[k] and (t, c) != (times[k], costs[k]) for t, c in zip(times, costs))
        for k in range(60)
    ]
    assert {(times[k], costs[k]) for k in front(times, costs)} == {
        (times[k], costs[k]) for k in range(60) if not beaten[k]
    }


def test_fixed_takes_the_first_where_the_published_value_is_missing(table):
    rows, held = fixed(table[table["queue_depth"] == 2], ["pes"])
    assert held == "sparse-matrix SRAM width 64 bits"
    rows, held = fixed(table[table["spmat_width"] == 128].assign(variation=np.arange(24) % 2 / 8), ["queue_depth"])
    assert held == "64 PEs, variation of densities 0"
    assert rows["variation"].eq(0).all()


def test_files(table, tmp_path):
    written = draw(table[table["layer"] == "NT-We"], tmp_path / "deep" / "er")
    assert len(written) == 2 * len(figures(table, {}))
    assert all(path.stat().st_size > 1000 for path in written)
    assert sorted(path.name for path in (tmp_path / "deep" / "er").iterdir()) == sorted(path.name for path in written)
    with pytest.raises(EieError):
        draw(table[:0], tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(EieError, match="cannot be made"):
        draw(table, tmp_path / "file")


def test_a_table_with_a_columns_former_name_is_drawn_alike():
    table = sweep(["table3:NT-We"], {"dram_gbytes_per_s": [1.0, 2.0]}, config=MachineConfig(weights="streamed"))
    former = table.rename(columns={"dram_gbytes_per_s": "dram_gbps"})
    assert list(figures(former, {})) == list(figures(table, {})) != []
