"""Pictures of a comparison hold the values of its rows: each is held against the rows, by hand."""

from itertools import pairwise, product

import numpy as np
import pytest

from eiesim.comparison.plots import area_picture, module_picture, pictures, ratio_picture, waterfall_picture
from eiesim.comparison.records import FC8, AreaRow, ModuleRow, Ratio, WaterfallRow
from eiesim.view import palette
from eiesim.view.words import MODULES, Words

NAMES = ("zeta", "eta", "geomean")
SERIES = {
    "CPU dense": ("CPU", "published"),
    "GPU comp": ("GPU", "published"),
    "CPU sparse (lib)": ("CPU", "measured"),
    "mGPU (lib)": ("mGPU", "estimated"),
    "EIE published": ("EIE", "published"),
    "EIE simulated": ("EIE", "simulated"),
    "EIE simulated, other": ("EIE", "simulated"),
}


def ratios():
    """Bars no two of which are alike; the last series has none on one layer, and a range on another."""
    rng = np.random.default_rng(1)
    made = []
    for series, (machine, basis) in SERIES.items():
        for name in NAMES:
            value = 1.0 if series == "CPU dense" else float(rng.uniform(0.2, 20_000))
            low, high = (
                (value * 0.9, value * 1.25) if (series, name) == ("EIE simulated, other", "zeta") else (None, None)
            )
            if (series, name) != ("EIE simulated, other", "eta"):
                made.append(Ratio(name, machine, series, basis, value, low=low, high=high))
    return made


def test_bars_are_the_rows_values_over_their_layers():
    rows = ratios()
    picture = ratio_picture(rows, Words("speed-up"), "Speed-up", "a caption")
    (panel,) = picture.panels
    assert panel.x.ticks == ((0, "zeta"), (1, "eta"), (2, "geo. mean"))
    shown = [name for name in SERIES if name != "CPU dense"]  # 1 everywhere: no bars
    legend = [name if "EIE" in name else f"{name}, {SERIES[name][1]}" for name in shown]
    assert [one.name for one in panel.series] == legend
    for one, name in zip(panel.series, shown, strict=True):
        own = [row for row in rows if row.series == name]
        assert one.kind == "bars"
        assert one.base == (1,)
        assert one.y == tuple(row.value for row in own)
        assert [NAMES[round(x)] for x in one.x] == [row.layer for row in own]
    assert picture.caption == "a caption; whiskers: least to most, at most 25.0% from the bar's end"
    assert (panel.y.log, panel.y.words) == (10, Words("speed-up"))
    assert panel.y.end > max(row.value for row in rows)


def test_bars_stand_beside_one_another():
    (panel,) = ratio_picture(ratios(), Words("speed-up"), "Speed-up").panels
    spans = sorted((x - one.width / 2, x + one.width / 2) for one in panel.series for x in one.x)
    assert all(end <= start + 1e-9 for (_, end), (start, _) in pairwise(spans))
    assert all(round(start + 1e-9) == round(end - 1e-9) for start, end in spans)


def test_a_bar_says_its_own_value_and_range():
    (panel,) = ratio_picture(ratios(), Words("speed-up"), "Speed-up").panels
    for one in panel.series:
        said = [float(text.replace(",", "").removesuffix("k")) * (1000 if "k" in text else 1) for text in one.labels]
        assert said == pytest.approx(one.y if "EIE" in one.name else [], rel=0.05)
    whiskers = {one.name: one for one in panel.series if one.low}
    (one,) = whiskers.values()
    assert one.name == "EIE simulated, other"
    assert one.low == pytest.approx((one.y[0] * 0.9, np.nan), nan_ok=True)
    assert one.high == pytest.approx((one.y[0] * 1.25, np.nan), nan_ok=True)


def test_what_is_not_published_is_hatched():
    (panel,) = ratio_picture(ratios(), Words("speed-up"), "Speed-up").panels
    looks = {one.name: (one.colours, bool(one.hatch)) for one in panel.series}
    assert {name for name, (_, hatched) in looks.items() if hatched} == {
        "mGPU (lib), estimated", "EIE simulated", "EIE simulated, other",
    }  # fmt: skip
    assert len({colours for colours, _ in looks.values()}) == len(looks)
    assert looks["EIE published"] == ((palette.VERMILION,), False)


def test_a_machine_with_many_kernels_is_drawn():
    rows = [Ratio("a", "CPU", f"kernel {k}", "measured", 1.0 + k) for k in range(12)]
    rows.append(Ratio("a", "EIE", "EIE", "simulated", 50.0))
    (panel,) = ratio_picture(rows, Words("speed-up"), "Speed-up").panels
    assert [one.y for one in panel.series] == [(k,) for k in (*range(2, 13), 50)]


def batches():
    """Two kinds in lower precision, the baseline, EIE: at two batches, and one kind at one batch only."""
    rows = []
    for k, (batch, kind, precision) in enumerate(
        [(1, "base", "float32"), (1, "CPU dense (b, bf16)", "bfloat16"), (1, "CPU dense (i, int8)", "int8"),
         (64, "base", "float32"), (64, "CPU dense (b, bf16)", "bfloat16")]
    ):  # fmt: skip
        for layer in NAMES:
            value = 1.0 if k == 0 else 2.0 + k + NAMES.index(layer)
            series = f"{kind}, batch {batch}"
            rows.append(Ratio(layer, "CPU", series, "measured", value, batch=batch, kind=kind, precision=precision))
    return [*rows, *(Ratio(layer, "EIE", "EIE simulated", "simulated", 50.0) for layer in NAMES)]


def test_each_batch_has_a_panel_and_each_kind_its_place_and_colour():
    rows = batches()
    picture = ratio_picture(rows, Words("speed-up"), "Speed-up")
    one, many = picture.panels
    assert [[note.text for note in panel.notes] for panel in picture.panels] == [["batch 1"], ["batch 64"]]
    bf16, int8 = "CPU dense (b, bf16), measured", "CPU dense (i, int8), measured"
    assert [series.name for series in one.series] == ["base, measured", bf16, int8, "EIE simulated"]
    assert [series.name for series in many.series] == ["base, measured", bf16, "EIE simulated"]
    assert [series.y for series in one.series] == [(1, 1, 1), (3, 4, 5), (4, 5, 6), (50, 50, 50)]
    assert [series.y for series in many.series] == [(5, 6, 7), (6, 7, 8), (50, 50, 50)]
    by_name = {series.name: series for series in one.series}
    for series in many.series:
        same = by_name[series.name]
        assert (series.x, series.colours, series.hatch) == (same.x, same.colours, same.hatch)
    assert {name for name, series in by_name.items() if palette.REDUCED_HATCH in series.hatch} == {bf16, int8}


def module_rows():
    rng = np.random.default_rng(2)
    bars = {"Table II": "published", FC8: "simulated", "NT-We": "simulated"}
    return [
        ModuleRow(of, basis, module, float(rng.uniform(1, 9)), "activity" if of != "Table II" else None, energy_uj=77.0)
        for module, (of, basis) in product(("ptr_read", "spmat_read", "lnzd"), bars.items())
    ]


def check_stack(panel, amounts):
    """Parts stand on one another in the order of the legend; amounts[part] by bar; the total over each."""
    reached = np.zeros(len(panel.x.ticks))
    for one, (name, values) in zip(panel.series, amounts.items(), strict=True):
        assert one.name == name
        assert one.x == tuple(range(len(reached)))
        assert one.base == pytest.approx(reached)
        assert np.subtract(one.y, one.base) == pytest.approx(values)
        reached = np.array(one.y)
    assert [(note.x, note.y) for note in panel.notes] == [(x, pytest.approx(y)) for x, y in enumerate(reached)]
    assert [float(note.text) for note in panel.notes] == pytest.approx(reached, abs=0.051)


def test_modules_stand_on_one_another_in_milliwatts():
    rows = module_rows()
    picture = module_picture(rows)
    (panel,) = picture.panels
    assert [text for _, text in panel.x.ticks] == ["Table II", "authors'\nAlex-8", "NT-We"]
    order = ("spmat_read", "ptr_read", "lnzd")
    check_stack(panel, {MODULES[name]: [row.power_mw for row in rows if row.module == name] for name in order})
    assert panel.y.label == "power of a PE (mW)"
    assert [one.colours for one in panel.series] == [(palette.MODULES[name],) for name in order]
    assert [(rule.at, rule.upright) for rule in panel.rules] == [(0.5, True)]
    assert picture.caption == "Table II: published. The others: estimated, energy model activity"
    (alone,) = module_picture([row for row in rows if row.of == "NT-We"]).panels
    assert alone.rules == ()


def test_area_by_module_in_square_millimetres():
    rng = np.random.default_rng(3)
    rows = [
        AreaRow(pes, basis, module, float(rng.uniform(1, 9)))
        for pes, basis in ((64, "published"), (64, "modelled"), (256, "published"))
        for module in palette.MODULES
    ]
    (panel,) = area_picture(rows).panels
    assert [text for _, text in panel.x.ticks] == ["64 PEs\npublished", "64 PEs\nmodelled", "256 PEs\npublished"]
    parts = {MODULES.get(m, m): [row.area_mm2 for row in rows if row.module == m] for m in palette.MODULES}
    check_stack(panel, parts)
    assert panel.y.label == "area at 45 nm (mm²)"


def test_the_waterfall_goes_down_step_by_step():
    """Savings between the steps: the least and the most over the layers, and the paper's."""
    energies = {"a": (6400.0, 50.0, 25.0), "b": (640.0, 5.0, 1.25)}
    steps = {"dense, DRAM": None, "dense, SRAM": 120.0, "pruned": None}
    rows = [
        WaterfallRow(layer, step, now, before / now, paper)
        for layer, own in energies.items()
        for (step, paper), before, now in zip(steps.items(), (own[0], *own), own, strict=False)
    ]
    (panel,) = waterfall_picture(rows).panels
    assert [text.replace("\n", " ") for _, text in panel.x.ticks] == list(steps)
    assert {one.name: one.y for one in panel.series} == energies
    assert {one.x for one in panel.series} == {(0, 1, 2)}
    assert (panel.y.words.unit, panel.y.log) == ("µJ", 10)
    assert {note.x: note.text for note in panel.notes} == {0.5: "128×\npaper: 120×", 1.5: "2 to 4×"}
    assert len({one.marker for one in panel.series}) == len({one.colours for one in panel.series}) == 2


def test_each_picture_is_of_its_own_rows(comparison_of):
    ours = ratios()
    parts = {name: [one] for name, one in zip(
        ("speedup", "efficiency", "measured_speedup", "measured_efficiency"), ours[3:7], strict=True
    )}  # fmt: skip
    drawn = dict(pictures(comparison_of(**parts)))
    assert {name: picture.panels[0].series[0].y for name, picture in drawn.items()} == {
        "fig6_speedup": (ours[3].value,),
        "fig7_energy_efficiency": (ours[4].value,),
        "measured_speedup": (ours[5].value,),
        "energy_efficiency_over_this_cpu": (ours[6].value,),
    }
    assert drawn["fig7_energy_efficiency"].panels[0].y.label.startswith("energy efficiency over CPU")
    assert drawn["measured_speedup"].panels[0].y.label.startswith("speed-up over this machine's")
    every = dict(pictures(comparison_of(modules=module_rows(), areas=[], waterfall=[])))
    assert list(every) == ["energy_by_module"]


@pytest.fixture
def comparison_of():
    """A comparison of nothing but the rows given."""
    from dataclasses import fields

    from eiesim.comparison.rows import Comparison
    from eiesim.config import MachineConfig

    def make(**rows):
        empty = {part.name: () for part in fields(Comparison)} | {"config": MachineConfig(), "measured": None}
        return Comparison(**{**empty, **{name: tuple(some) for name, some in rows.items()}})

    return make
