"""Figs. 6 and 7 recomputed from Table IV and the published watts."""

import pytest

from eiesim.energy.model import reference_energy
from eiesim.paper import source
from eiesim.paper import speedups as published
from eiesim.paper.source import LAYERS

KNOWN_TO_DIFFER = {("EIE", "NT-We"), ("EIE", "NT-LSTM")}


def test_every_bar_of_fig_6_within_rounding_but_the_two_known():
    bars = published.fig6()
    assert len(bars) == 6 * 9
    off = {(bar.series, bar.layer) for bar in bars if not bar.within_rounding}
    assert off == KNOWN_TO_DIFFER
    assert all(bar.note for bar in bars if not bar.within_rounding)


def test_bars_of_fig_6_by_hand():
    bars = {(bar.series, bar.layer): bar.recomputed for bar in published.fig6()}
    assert bars["EIE", "VGG-6"] == pytest.approx(35022.8 / 34.4)
    assert bars["mGPU dense", "Alex-8"] == pytest.approx(1134.9 / 2252.1)
    assert bars["CPU comp", "NT-Wd"] == pytest.approx(1361.4 / 437.4)


def test_every_alexnet_and_vgg_bar_of_fig_7_within_rounding():
    bars = published.fig7()
    with_watts = [bar for bar in bars if not bar.layer.startswith("NT")]
    assert len(with_watts) == 6 * 6
    assert all(bar.within_rounding for bar in with_watts)
    without = [bar for bar in bars if bar.layer.startswith("NT")]
    assert all(bar.recomputed is None and "never published" in bar.note for bar in without)


def test_bars_of_fig_7_by_hand():
    bars = {(bar.series, bar.layer): bar.recomputed for bar in published.fig7()}
    assert bars["EIE", "Alex-6"] == pytest.approx(7516.2 * 83.5 / (30.3 * 0.6))
    assert bars["GPU comp", "VGG-7"] == pytest.approx(5372.8 * 74.6 / (39.8 * 166))


def test_the_papers_means():
    lines = {line.claim: line for line in published.headlines()}
    for name, printed in (("CPU", 189), ("GPU", 13), ("mGPU", 307)):
        line = lines[f"speed-up over {name}"]
        assert line.printed == printed
        assert line.with_figure == pytest.approx(printed, rel=0.012)
    assert round(lines["speed-up over CPU"].table4, 1) == 193.9
    assert round(lines["speed-up over GPU"].table4, 2) == 13.19
    assert round(lines["speed-up over mGPU"].table4, 1) == 314.3
    assert lines["energy efficiency over CPU"].with_figure == pytest.approx(24_207, abs=1)
    assert round(lines["energy efficiency over GPU"].with_figure, -2) == 3_400
    assert round(lines["energy efficiency over mGPU"].with_figure, -2) == 2_700


def test_what_fig_7_implies_for_neuraltalk():
    implied = [round(published.implied_cpu_power_w(layer), 1) for layer in ("NT-We", "NT-Wd", "NT-LSTM")]
    assert implied == [90.3, 66.8, 80.5]


def test_inconsistencies_name_both_layers():
    lines = "\n".join(published.inconsistencies())
    for word in ("NT-We", "NT-LSTM", "193.9", "314.3", "0.5865"):
        assert word in lines


def test_table_iv_and_watts_as_printed():
    assert published.time_us("EIE", "Alex-8") == 9.9
    assert published.theoretical_us("Alex-8") == 8.9
    assert published.time_us("GPU dense", "NT-Wd", batch=64) == 2.3
    assert published.power_w("mGPU comp", "VGG-7") == 6.3
    assert published.power_w("CPU dense", "VGG-6", batch=64) == 83.1
    assert published.power_w("CPU dense", "NT-We") is None
    assert [layer for layer in LAYERS if published.power_w("GPU comp", layer)] == list(LAYERS[:6])


def test_geometric_mean():
    assert published.geomean([1, 10, 100]) == pytest.approx(10)


def test_power_of_the_published_machine_is_that_of_the_energy_model():
    energy = reference_energy("published")
    assert published.table2_power_w() == pytest.approx(energy.power_w)


def test_table_v_as_printed():
    platforms = source.platforms()
    assert next(iter(platforms)) == "i7-5930K"
    assert len(platforms) == 8
    assert platforms[source.TABLE_V_EIE]["W"] == "0.59"
    assert platforms[source.TABLE_V_EIE_28NM]["frames/s"] == "426230"
    assert platforms["TK1"]["mm^2"] == "-"
