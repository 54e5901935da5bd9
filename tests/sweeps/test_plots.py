"""Pictures of a sweep hold the table's values: each is held against the table's own rows, by hand."""

from dataclasses import replace
from itertools import pairwise, product
from statistics import fmean

import numpy as np
import pandas as pd
import pytest

import eiesim
from eiesim import EieError
from eiesim.sweeps.canvas import fixed, found_scale, log_ticks, swept_scale
from eiesim.sweeps.costs import knee
from eiesim.sweeps.maps import front
from eiesim.sweeps.plots import draw, pictures
from eiesim.view.words import words

LAYERS, SEEDS = ("beta", "alpha"), (0, 1, 2)
KEYS = {"pes": (32, 64, 128), "queue_depth": (2, 8), "spmat_width": (64, 128)}
PUBLISHED = {"pes": 64, "queue_depth": 8, "spmat_width": 64, "multipliers": 1, "arithmetic": "fixed16"}
SHARES = ("load_balance", "alu_efficiency", "real_work")
COUNTS = ("time_us", "spmat_row_reads", "energy_total_uj", "energy_spmat_read_uj", "energy_arithm_unit_uj", "cycles")


def made(keys):
    """A table in which no two values are alike, whatever their column."""
    rng = np.random.default_rng(0)
    rows = [
        {
            **PUBLISHED, **dict(zip(keys, values, strict=True)), "layer": layer, "seed": seed, "engine": "recurrence",
            "variation": 0.0, "eiesim": "1.2.3", **{name: rng.random() for name in SHARES},
            **{name: float(rng.uniform(3, 90)) for name in COUNTS},
        }
        for layer in LAYERS
        for values in product(*keys.values())
        for seed in SEEDS
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def table():
    return made(KEYS)


@pytest.fixture(scope="module")
def drawn(table):
    return dict(pictures(table, {}))


def values(table, column, **where):
    """A column of the rows in which each key has its value, the published one if it is not named, seed by seed."""
    wanted = {key: value for key, value in PUBLISHED.items() if key != column} | where
    return [row[column] for row in table.to_dict("records") if all(row[key] == wanted[key] for key in wanted)]


def check_lines(panel, table, key, column):
    """One line a layer, in the table's order: means over seeds, whiskers from least to most."""
    own = [one for one in panel.series if one.name != "linear"]
    assert [one.name for one in own] == list(LAYERS)
    assert panel.x.words == words(key)
    assert panel.y.words == words(column)
    for one in own:
        found = [values(table, column, layer=one.name, **{key: value}) for value in sorted(set(table[key]))]
        assert one.kind == "line"
        assert one.x == tuple(sorted(set(table[key])))
        assert one.y == pytest.approx([fmean(seeds) for seeds in found])
        assert one.low == tuple(min(seeds) for seeds in found)
        assert one.high == tuple(max(seeds) for seeds in found)


def test_pictures_of_what_varies(table, drawn):
    assert list(drawn) == [
        "fig11_speedup",
        "fig12_real_work",
        "fig13_load_balance",
        "fig8_queue_depth",
        "fig9_sram_width",
        "cost_pes",
        "cost_queue_depth",
        "cost_spmat_width",
        "heat_pes_queue_depth",
        "heat_pes_spmat_width",
        "heat_queue_depth_spmat_width",
        "pareto_time_energy_total_uj",
    ]
    few = table[(table["pes"] == 64) & (table["spmat_width"] == 64)].drop(columns="energy_total_uj")
    assert set(dict(pictures(few, {}))) == {"fig8_queue_depth", "cost_queue_depth"}
    assert dict(pictures(few[few["queue_depth"] == 8], {})) == {}


@pytest.mark.parametrize(
    ("name", "key", "column"),
    [
        ("fig12_real_work", "pes", "real_work"),
        ("fig13_load_balance", "pes", "load_balance"),
        ("fig8_queue_depth", "queue_depth", "load_balance"),
    ],
)
def test_shares_over_a_key(table, drawn, name, key, column):
    (panel,) = drawn[name].panels
    check_lines(panel, table, key, column)
    assert (panel.y.start, panel.y.end, panel.y.log, panel.y.form) == (0, 1.03, 0, ".0%")
    others = {"pes": "queue depth 8 places", "queue_depth": "64 PEs"}[key]
    assert drawn[name].caption.endswith(
        f"mean of 3 seeds, whiskers from least to most; held: {others}, sparse-matrix SRAM width 64 bits"
    )


def test_each_panel_of_fig_9_shows_its_own_column(table, drawn):
    columns = ["spmat_row_reads", "energy_spmat_read_uj", "energy_total_uj"]
    panels = drawn["fig9_sram_width"].panels
    assert [panel.y.label for panel in panels] == [
        "SRAM rows read (simulated)",
        "sparse-matrix read energy (µJ, estimated)",
        "total energy (µJ, estimated)",
    ]
    for panel, column in zip(panels, columns, strict=True):
        check_lines(panel, table, "spmat_width", column)


def speedups(table, key, layer):
    """By value of the key: each seed's time at the least over its time there."""
    every = sorted(set(table[key]))
    times = {value: values(table, "time_us", layer=layer, **{key: value}) for value in every}
    return [[before / now for before, now in zip(times[every[0]], times[value], strict=True)] for value in every]


def test_speedup_is_over_the_same_layer_and_seed_on_the_fewest_pes(table, drawn):
    left, right = drawn["fig11_speedup"].panels
    linear, *layers = left.series
    assert (linear.name, linear.x, linear.y, linear.dashed) == ("linear", (32, 64, 128), (1, 2, 4), True)
    assert (left.y.label, right.y.label) == ("speed-up over 32 PEs", "speed-up / (PEs / 32)")
    for speedup, efficiency in zip(layers, right.series, strict=True):
        by_pes = speedups(table, "pes", speedup.name)
        assert efficiency.name == speedup.name
        for one, factors in ((speedup, (1, 1, 1)), (efficiency, (1, 2, 4))):
            shares = [[value / by for value in seeds] for seeds, by in zip(by_pes, factors, strict=True)]
            assert one.x == (32, 64, 128)
            assert one.y == pytest.approx([fmean(seeds) for seeds in shares])
            assert one.low == pytest.approx([min(seeds) for seeds in shares])
            assert one.high == pytest.approx([max(seeds) for seeds in shares])


def test_linear_is_a_line_on_both_scales(table):
    few, many = (dict(pictures(made({"pes": pes}), {}))["fig11_speedup"].panels[0] for pes in ((8, 16), (8, 16, 64)))
    assert (few.x.log, few.y.log) == (0, 0)
    assert (many.x.log, many.y.log) == (2, 2)


def test_multipliers_show_speedup_and_alu_efficiency():
    table = made({"multipliers": (1, 2, 4)})
    left, right = dict(pictures(table, {}))["multipliers"].panels
    check_lines(right, table, "multipliers", "alu_efficiency")
    assert (left.x.words, left.y.label) == (words("multipliers"), "speed-up over 1 multiplier")
    assert left.series[0].y == (1, 2, 4)
    for one in left.series[1:]:
        assert one.y == pytest.approx([fmean(seeds) for seeds in speedups(table, "multipliers", one.name)])


def test_arithmetic_shows_the_unit_s_energy_and_the_accuracies_given():
    table = made({"arithmetic": ("fixed8", "float32", "fixed16")})
    picture = dict(pictures(table, {"fixed8": 0.25, "float32": 0.75}))["fig10_arithmetic"]
    energy, accuracy = picture.panels
    formats = [text for _, text in energy.x.ticks]
    assert formats == ["float32", "fixed16", "fixed8"]
    assert energy.y.label == "arithmetic unit energy (µJ, estimated)"
    assert [one.name for one in energy.series] == list(LAYERS)
    for one in energy.series:
        expected = [fmean(values(table, "energy_arithm_unit_uj", layer=one.name, arithmetic=name)) for name in formats]
        assert one.y == pytest.approx(expected)
        assert [round(x) for x in one.x] == [0, 1, 2]
        assert one.base == (0,)
    (bars,) = accuracy.series
    assert [text for _, text in accuracy.x.ticks] == ["float32", "fixed8"]
    assert (bars.x, bars.y, bars.labels) == ((0, 1), (0.75, 0.25), ("75.0%", "25.0%"))
    without = table.drop(columns="energy_arithm_unit_uj")
    (panel,) = dict(pictures(without, {}))["fig10_arithmetic"].panels
    assert panel.y.words == words("energy_total_uj")
    assert panel.series[0].y[0] == pytest.approx(
        fmean(values(table, "energy_total_uj", layer="beta", arithmetic="float32"))
    )


@pytest.mark.parametrize(("one", "other"), [("pes", "queue_depth"), ("queue_depth", "spmat_width")])
def test_a_heat_map_has_the_first_key_across_and_the_second_up(table, drawn, one, other):
    picture = drawn[f"heat_{one}_{other}"]
    assert [panel.title for panel in picture.panels] == list(LAYERS)
    for panel in picture.panels:
        assert (panel.x.words, panel.y.words) == (words(one), words(other))
        assert panel.x.ticks == tuple(enumerate(map(str, KEYS[one])))
        assert panel.y.ticks == tuple(enumerate(map(str, KEYS[other])))
        cells = panel.cells
        assert (cells.x, cells.y) == ((-0.5, len(KEYS[one]) - 0.5), (-0.5, len(KEYS[other]) - 0.5))
        assert (cells.scale.start, cells.scale.end, cells.scale.label) == (0, 1, "load balance")
        for (across, x), (up, y) in product(enumerate(KEYS[one]), enumerate(KEYS[other])):
            value = fmean(values(table, "load_balance", layer=panel.title, **{one: x, other: y}))
            assert cells.values[up, across] == pytest.approx(value)
            assert cells.labels[up][across] == f"{100 * value:.0f}"


def test_a_heat_map_of_energy_is_over_the_layer_s_least(table):
    """Where load balance does not change, energy is shown; a machine that was not run has no number."""
    rows = table.assign(load_balance=0.5)
    rows = rows[(rows["pes"] != 128) | (rows["queue_depth"] != 2) | (rows["spmat_width"] != 64)]
    picture = dict(pictures(rows, {}))["heat_pes_queue_depth"]
    for panel in picture.panels:
        means = {
            (x, y): fmean(values(rows, "energy_total_uj", layer=panel.title, pes=x, queue_depth=y))
            for x, y in product(KEYS["pes"], KEYS["queue_depth"])
            if (x, y) != (128, 2)
        }
        for (x, y), mean in means.items():
            value = panel.cells.values[KEYS["queue_depth"].index(y), KEYS["pes"].index(x)]
            assert value == pytest.approx(mean / min(means.values()))
        assert np.isnan(panel.cells.values[0, 2])
        assert panel.cells.labels[0][2] == ""
        assert panel.cells.scale.start == 1
        assert panel.cells.scale.end == max(float(np.nanmax(one.cells.values)) for one in picture.panels)


def held(series, at):
    """What a step line shows at a place."""
    return next((y for x, y in zip(reversed(series.x), reversed(series.y), strict=True) if x <= at), None)


def test_the_front_is_the_least_cost_within_each_time(table, drawn):
    """By hand: of all machines that are as fast, the cheapest; at every machine's time, just before and just after."""
    picture = drawn["pareto_time_energy_total_uj"]
    assert [panel.title for panel in picture.panels] == list(LAYERS)
    for panel in picture.panels:
        assert (panel.x.words, panel.y.words) == (words("time_us"), words("energy_total_uj"))
        machines = {
            machine: [
                fmean(values(table, column, layer=panel.title, **dict(zip(KEYS, machine, strict=True))))
                for column in ("time_us", "energy_total_uj")
            ]
            for machine in product(*KEYS.values())
        }
        points, best = panel.series
        assert sorted(zip(points.x, points.y, strict=True)) == pytest.approx(
            np.array(sorted(map(tuple, machines.values())))
        )
        assert (points.kind, best.kind) == ("points", "step")
        for time, _ in machines.values():
            for at in (time * 0.999999, time * 1.000001):
                within = [cost for other, cost in machines.values() if other <= at]
                assert held(best, at) == (pytest.approx(min(within)) if within else None)
        named = {text: place for place, text in enumerate(best.labels) if text}
        assert {0, len(best.x) - 1} <= set(named.values())
        for text, place in named.items():
            machine = tuple(int(part) for part in text.split(", "))
            assert machines[machine] == pytest.approx([best.x[place], best.y[place]])


def test_area_is_a_cost_where_the_user_adds_it(table):
    names = set(dict(pictures(table.assign(area_mm2=table["pes"] * 0.6), {})))
    assert {"pareto_time_energy_total_uj", "pareto_time_area_mm2"} <= names


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


def test_scales():
    """By hand: a factor of 8 and more is logarithmic where it was swept, of 4 and more where it was found."""
    assert [swept_scale("pes", found).log for found in ([8, 4, 1], [4, 2, 1], [8, 0])] == [2, 0, 0]
    assert swept_scale("pes", [64, 1, 4]).ticks == ((1, "1"), (4, "4"), (64, "64"))
    assert [text for _, text in swept_scale("pes", range(3, 23)).ticks] == [str(k) for k in range(3, 23, 2)]
    many = [place for place, _ in swept_scale("queue_depth", range(1, 41)).ticks]
    assert (many[:2], len(many) <= 12) == ([1, 2], True)
    assert min(after / before for before, after in pairwise(many)) > 40 ** (1 / 12)
    assert [found_scale("time_us", found).log for found in ([1, 4], [1, 3.9], [0, 9], [1, float("nan"), 5])] == [
        10, 0, 0, 10,
    ]  # fmt: skip
    assert log_ticks(1, 60, (1, 2, 5)) == ((1, "1"), (2, "2"), (5, "5"), (10, "10"), (20, "20"), (50, "50"))
    assert log_ticks(800, 2e4, (1,)) == ((1e3, "1,000"), (1e4, "10,000"))


def test_a_table_with_a_columns_former_name_is_drawn_alike():
    table = made({"dram_gbytes_per_s": (1.0, 2.0)})
    former = dict(pictures(table.rename(columns={"dram_gbytes_per_s": "dram_gbps"}), {}))
    assert former == dict(pictures(table, {}))
    assert list(former) == ["cost_dram_gbytes_per_s", "pareto_time_energy_total_uj"]


@pytest.mark.parametrize("key", KEYS)
def test_costs_over_a_key_with_each_layer_s_knee(table, drawn, key):
    """The knee by hand: the least value whose mean energy x time is within 5 % of the least."""
    picture = drawn[f"cost_{key}"]
    both = [time * energy for time, energy in zip(table["time_us"], table["energy_total_uj"], strict=True)]
    table = table.assign(energy_delay_uj_us=both)
    for panel, column in zip(picture.panels, ("time_us", "energy_total_uj", "energy_delay_uj_us"), strict=True):
        lines = [one for one in panel.series if one.name in LAYERS]
        check_lines(replace(panel, series=lines), table, key, column)
        expected = []
        for layer in LAYERS:
            means = {
                value: fmean(values(table, "energy_delay_uj_us", layer=layer, **{key: value})) for value in KEYS[key]
            }
            x = next(value for value in sorted(means) if means[value] <= 1.05 * min(means.values()))
            # What falls to the last value has no knee yet.
            expected += [(x, fmean(values(table, column, layer=layer, **{key: x})))] if x < max(means) else []
        marks = [one for one in panel.series if one.name == "the knee"]
        assert [(one.x, one.y) for one in marks] == [tuple(map(pytest.approx, zip(*expected)))] * bool(expected)
    assert "the knee: the least value within 5% of the least energy x time" in picture.caption


def test_the_knee_of_a_curve_that_hardly_falls_is_its_first_value_near_the_least():
    assert knee([1, 2, 4, 8], [9, 5, 4.1, 4]) == 4
    assert knee([8, 4, 2, 1], [4, 4.1, 5, 9]) == 4
    assert knee([1, 2], [3, 3]) == 1


def test_a_network_s_costs_have_a_line_of_its_totals():
    table = eiesim.sweep("example:lenet-300-100", {"pes": [8, 16, 32]})
    totals = eiesim.network_totals(table)
    for panel, column in zip(
        dict(pictures(table, {}))["cost_pes"].panels,
        ("time_us", "energy_total_uj", "energy_delay_uj_us"),
        strict=True,
    ):
        assert [one.name for one in panel.series] == ["ip1", "ip2", "ip3", "all layers", "the knee"]
        assert panel.series[3].y == pytest.approx(totals[column].tolist())
        assert panel.series[4].x[3] == 16
    assert "pareto_time_area_mm2" in dict(pictures(table, {}))


def test_without_energy_time_alone_is_drawn(table):
    (panel,) = dict(pictures(table.assign(energy_total_uj=np.nan), {}))["cost_pes"].panels
    assert panel.y.words == words("time_us")


def test_fixed_takes_the_nearest_where_the_published_value_is_missing(table):
    """By hand: 32 and 128 PEs are a factor of 2 away, 4 places a factor of 2 and 32 of 4."""
    for pes, taken in (((16, 128), 128), ((32, 128), 32), ((2, 24), 24)):
        rows, said = fixed(made({"pes": pes, "spmat_width": (64, 128)}), ["spmat_width"])
        assert set(rows["pes"]) == {taken}
        assert said == f"{taken} PEs (nearest to 64)"
    assert fixed(made({"queue_depth": (32, 4)}), [])[1] == "queue depth 4 places (nearest to 8)"
    assert fixed(made({"arithmetic": ("fixed8", "float32")}), [])[1] == "arithmetic fixed8"


def test_fixed_takes_the_first_where_nothing_is_near(table):
    rows, said = fixed(table[table["queue_depth"] == 2], ["pes"])
    assert said == "sparse-matrix SRAM width 64 bits"
    rows, said = fixed(table[table["spmat_width"] == 128].assign(variation=np.arange(36) % 2 / 8), ["queue_depth"])
    assert said == "64 PEs, variation of densities 0"
    assert rows["variation"].eq(0).all()


def test_files(table, tmp_path):
    one = table[(table["layer"] == "beta") & (table["spmat_width"] == 64)]
    written = draw(one, tmp_path / "deep" / "er")
    assert len(written) == 2 * len(dict(pictures(one, {})))
    assert all(path.stat().st_size > 1000 for path in written)
    assert sorted(path.name for path in (tmp_path / "deep" / "er").iterdir()) == sorted(path.name for path in written)
    with pytest.raises(EieError):
        draw(table[:0], tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(EieError, match="cannot be made"):
        draw(table, tmp_path / "file")


def test_captions_call_synthetic_what_is():
    """A file's weights are not, though its input is drawn by a seed; 1600.0 MHz are 1600."""
    rows = made({"clock_mhz": (800.0, 1600.0)})
    synthetic = dict(pictures(rows, {}))
    own = dict(pictures(rows.assign(variation=np.nan, fed="drawn"), {}))
    for name in ("cost_clock_mhz", "pareto_time_energy_total_uj"):
        assert "synthetic layers" in synthetic[name].caption
        assert "synthetic" not in own[name].caption
        assert "inputs drawn" in own[name].caption
    texts = {text for panel in own["pareto_time_energy_total_uj"].panels for text in panel.series[1].labels}
    assert texts <= {"", "800", "1600"}
