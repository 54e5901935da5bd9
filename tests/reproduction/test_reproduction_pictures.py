"""Pictures of the reproduction hold the items' figures and the runs' rows: made up here, no two of them alike."""

from statistics import fmean
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from eiesim.reproduction.items import (
    FC8,
    MODEL,
    UNIFORM,
    VARIATIONS,
    VARIED,
    AccuracyKey,
    BarKey,
    ItemRow,
    PaperItem,
    Power,
    Spread,
    Time,
)  # fmt: skip
from eiesim.reproduction.plots import pictures, ratios
from eiesim.view import palette
from eiesim.view.words import words

LAYERS = ("NT-We", "Alex-8", "NT-Wd")
SWEPT = {
    "fig_8": ("queue_depth", (1, 8, 32), ("load_balance",)),
    "fig_9": ("spmat_width", (32, 64), ("spmat_row_reads", "energy_spmat_read_uj", "energy_total_uj")),
    "fig_12": ("pes", (1, 64, 256), ("real_work",)),
    "fig_13": ("pes", (1, 64, 256), ("load_balance",)),
}
PUBLISHED: dict[str, object] = {"queue_depth": 8, "spmat_width": 64, "pes": 64, "arithmetic": "fixed16"}
COLUMNS = ("load_balance", "real_work", "spmat_row_reads", "energy_spmat_read_uj", "energy_total_uj", "time_us",
           "energy_arithm_unit_uj")  # fmt: skip
rng = np.random.default_rng(4)


def spread():
    least, mean, most = sorted(float(value) for value in rng.uniform(5, 50, 3))
    return Spread(mean, least, most, 3)


def value():
    return float(rng.uniform(5, 50))


def rows_of_runs():
    changes: list[Any] = [
        {},
        *({key: one} for key, every, _ in SWEPT.values() for one in every if one != PUBLISHED[key]),
    ]
    changes += [{"arithmetic": name} for name in ("float32", "fixed32", "fixed8")]
    distinct = {tuple((PUBLISHED | change).items()): change for change in changes}
    return pd.DataFrame(
        {**PUBLISHED, **change, "layer": layer, "seed": seed, "variation": variation, "engine": "recurrence",
         "eiesim": "1.2.3", **{column: float(rng.uniform(0.1, 1)) for column in COLUMNS}}
        for change in distinct.values()
        for layer in LAYERS
        for variation in VARIATIONS.values()
        for seed in (0, 1, 2)
    )  # fmt: skip


def items():
    made = [
        PaperItem("table_4", "Table IV", "time of EIE", tuple(
            ItemRow(layer, f"{time.value} time, µs", value(), {
                UNIFORM: spread(), VARIED: spread(), **({FC8: Spread.once(value())} if layer == "Alex-8" else {}),
            }, key=time)
            for time in Time for layer in LAYERS
        ), (UNIFORM, VARIED, FC8)),
    ]  # fmt: skip
    for number in (6, 7):
        rows = [
            ItemRow(layer, "times better", value(), at=series, key=BarKey(series, layer))
            for series in ("GPU comp", "mGPU dense") for layer in (*LAYERS, "geomean")
        ]  # fmt: skip
        for power in (None,) if number == 6 else Power:
            rows += [
                ItemRow(layer, "times better", value(), {UNIFORM: spread(), VARIED: spread()}, at="EIE",
                        key=BarKey("EIE", layer, power))
                for layer in (*LAYERS, "geomean")
            ]  # fmt: skip
        made.append(PaperItem(f"fig_{number}", f"Fig. {number}", "bars", tuple(rows), (UNIFORM, VARIED)))
    for number in range(8, 14):
        published = [ItemRow(layer, "load balance", float(rng.uniform(0.1, 1)), at="there") for layer in LAYERS]
        unpublished = [ItemRow(layer, "load balance", None, at="elsewhere") for layer in LAYERS]
        accuracies = [
            ItemRow(network, "accuracy, %", None, {MODEL: Spread.once(100 * share)}, at=name,
                    key=AccuracyKey(network, name))
            for network, shares in (("LeNet-300-100", (0.9, 0.8)), ("AlexNet top-5", (0.7, 0.6)))
            for name, share in zip(("fixed8", "float32"), shares, strict=True)
        ]  # fmt: skip
        rows = {8: unpublished + published, 13: published + unpublished, 10: accuracies}.get(number, unpublished)
        made.append(PaperItem(f"fig_{number}", f"Fig. {number}", "curves", tuple(rows), (UNIFORM, VARIED)))
    return {one.key: one for one in made}


@pytest.fixture(scope="module")
def found():
    by_key = items()
    return SimpleNamespace(item=by_key.__getitem__, runs=SimpleNamespace(table=rows_of_runs()))


@pytest.fixture(scope="module")
def drawn(found):
    return dict(pictures(found))


def test_every_figure_is_drawn_once_a_kind_of_layers(drawn):
    kinds = [f"fig_{number}_{kind}" for number in range(8, 14) for kind in ("uniform", "variation_0_15")]
    assert list(drawn) == ["table_4", "correlation", "fig_6", "fig_7", *kinds]
    assert drawn["fig_8_variation_0_15"].title == "Fig. 8: curves (variation 0.15)"


def figures(rows, kind):
    return {part: tuple(getattr(row.ours[kind], part) for row in rows) for part in ("mean", "least", "most")}


def test_table_4_has_published_and_simulated_times_of_each_kind(found, drawn):
    panels = drawn["table_4"].panels
    assert [panel.y.label for panel in panels] == ["theoretical time (µs)", "actual time (µs)"]
    for panel, time in zip(panels, (Time.THEORETICAL, Time.ACTUAL), strict=True):
        rows = [row for row in found.item("table_4").rows if row.key is time]
        assert [text for _, text in panel.x.ticks] == list(LAYERS)
        published, uniform, varied, dump = panel.series
        assert published.name == "published"
        assert published.y == tuple(row.published for row in rows)
        assert not published.low
        for one, kind in ((uniform, UNIFORM), (varied, VARIED)):
            own = figures(rows, kind)
            assert one.name == f"simulated, {kind}"
            assert (one.y, one.low, one.high) == (own["mean"], own["least"], own["most"])
            assert one.hatch
        for one in (published, uniform, varied):
            assert [round(x) for x in one.x] == [0, 1, 2]
        assert published.x < uniform.x < varied.x
        assert (dump.name, dump.kind, dump.x) == (f"simulated, {FC8}", "points", (1,))
        assert dump.y == (rows[1].ours[FC8].mean,)
        assert panel.y.log == 0
    assert drawn["table_4"].caption == "simulated: mean of 3 seeds, whiskers from least to most"


def test_the_correlation_has_published_times_across_and_simulated_ones_up(found, drawn):
    (panel,) = drawn["correlation"].panels
    rows = [row for row in found.item("table_4").rows if row.key is Time.ACTUAL]
    assert panel.x.label == "actual time (µs, published, Table IV)"
    assert panel.y.label == "actual time (µs, simulated)"
    assert panel.x.log == panel.y.log == 10
    equal, band, *ours = panel.series
    assert equal.x == equal.y
    low, high = equal.x
    assert low < min(row.published for row in rows)
    assert high > max(row.published for row in rows)
    assert sorted(zip(band.x, band.y, strict=True)) == sorted(
        (x, factor * x) for x in (low, high) for factor in (0.9, 1.1)
    )
    for one, kind in zip(ours, (UNIFORM, VARIED, FC8), strict=True):
        known = [row for row in rows if kind in row.ours]
        own = figures(known, kind)
        assert one.name == f"simulated, {kind}"
        assert one.x == tuple(row.published for row in known)
        assert (one.y, one.low, one.high) == (own["mean"], own["least"], own["most"])
    named = {note.text: note for note in panel.notes}
    assert set(named) == set(LAYERS)
    for row in rows:
        note = named[row.item]
        assert note.x == row.published
        assert min(one.least for one in row.ours.values()) <= note.y <= max(one.most for one in row.ours.values())


@pytest.mark.parametrize(
    ("key", "power", "words"), [("fig_6", None, "simulated"), ("fig_7", Power.TABLE_2, "estimated, Table II power")]
)
def test_bars_are_the_paper_s_and_those_of_both_kinds(found, drawn, key, power, words):
    (panel,) = drawn[key].panels
    rows = found.item(key).rows
    own = [row for row in rows if row.key.series == "EIE" and row.key.power is power]
    expected = {
        "GPU comp, published": tuple(row.published for row in rows if row.key.series == "GPU comp"),
        "mGPU dense, published": tuple(row.published for row in rows if row.key.series == "mGPU dense"),
        "EIE published": tuple(row.published for row in own),
        **{f"EIE {words}, {kind}": figures(own, kind)["mean"] for kind in VARIATIONS},
    }
    assert {one.name: one.y for one in panel.series} == expected
    assert [text for _, text in panel.x.ticks] == [*LAYERS, "geo. mean"]
    for kind, one in zip(VARIATIONS, panel.series[-2:], strict=True):
        assert (one.low, one.high) == (figures(own, kind)["least"], figures(own, kind)["most"])
    assert {row.basis for row in ratios(found.item(key), power)} == {"published", words.partition(",")[0]}


def values(found, layer, variation, column, **changes):
    wanted = PUBLISHED | changes | {"layer": layer, "variation": variation}
    every = found.runs.table.to_dict("records")
    return [row[column] for row in every if all(row[key] == known for key, known in wanted.items())]


@pytest.mark.parametrize("kind", VARIATIONS)
@pytest.mark.parametrize("key", SWEPT)
def test_curves_are_of_their_own_kind_of_layers(found, drawn, key, kind):
    varied, every, columns = SWEPT[key]
    name = f"{key}_{'uniform' if kind == UNIFORM else 'variation_0_15'}"
    panels = drawn[name].panels
    assert [panel.y.words for panel in panels] == [words(column) for column in columns]
    for panel, column in zip(panels, columns, strict=True):
        assert panel.x.words == words(varied)
        assert [one.name for one in panel.series[:3]] == list(LAYERS)
        for one in panel.series[:3]:
            by_value = [values(found, one.name, VARIATIONS[kind], column, **{varied: at}) for at in every]
            assert {len(seeds) for seeds in by_value} == {3}
            assert one.x == every
            assert one.y == pytest.approx([fmean(seeds) for seeds in by_value])
            assert one.low == tuple(map(min, by_value))
            assert one.high == tuple(map(max, by_value))


@pytest.mark.parametrize(("key", "at"), [("fig_8", 8), ("fig_13", 64)])
def test_published_points_stand_at_the_published_machine_in_their_layer_s_colour(found, drawn, key, at):
    for kind in ("uniform", "variation_0_15"):
        *layers, points = drawn[f"{key}_{kind}"].panels[0].series
        known = {row.item: row.published for row in found.item(key).rows if row.published is not None}
        assert (points.name, points.kind, points.marker) == ("published (derived)", "points", "x")
        assert points.x == (at,) * 3
        assert points.y == tuple(known[layer] for layer in LAYERS)
        assert points.colours == tuple(one.colours[0] for one in layers)
        assert [one.name for one in layers] == list(LAYERS)
    assert all(one.name != points.name for one in drawn["fig_12_uniform"].panels[0].series)


def test_speedups_are_over_one_pe(found, drawn):
    left, right = drawn["fig_11_variation_0_15"].panels
    assert (left.y.label, right.y.label) == ("speed-up over 1 PE", "speed-up / PEs")
    for speedup, efficiency in zip(left.series[1:], right.series, strict=True):
        before, *others = (values(found, speedup.name, 0.15, "time_us", pes=pes) for pes in (1, 64, 256))
        expected = [1.0, *(fmean(a / b for a, b in zip(before, other, strict=True)) for other in others)]
        assert speedup.y == pytest.approx(expected)
        assert efficiency.y == pytest.approx(np.array(expected) / [1, 64, 256])


def test_figure_10_has_the_accuracies_of_the_network_that_was_simulated(found, drawn):
    energy, accuracy = drawn["fig_10_uniform"].panels
    (bars,) = accuracy.series
    assert [text for _, text in accuracy.x.ticks] == ["float32", "fixed8"]
    assert bars.y == pytest.approx((0.8, 0.9))
    assert bars.labels == ("80.0%", "90.0%")
    assert accuracy.y.label == bars.name == "accuracy of LeNet-300-100 (simulated)"
    for one in energy.series:
        names = [text for _, text in energy.x.ticks]
        expected = [fmean(values(found, one.name, 0.0, "energy_arithm_unit_uj", arithmetic=name)) for name in names]
        assert one.y == pytest.approx(expected)


def test_each_kind_has_its_colour_wherever_it_is_drawn(drawn):
    table4 = {one.name: one.colours for one in drawn["table_4"].panels[1].series}
    points = {one.name: one.colours for one in drawn["correlation"].panels[0].series if one.name in table4}
    assert len(points) == 3
    assert points == {name: table4[name] for name in points}
    assert table4["published"] == (palette.VERMILION,)
