"""Pictures of many layers: the slowest by themselves, the rest together; tables keep every layer."""

import warnings
from dataclasses import replace
from statistics import geometric_mean

import numpy as np
import pytest

import eiesim
from eiesim import EieError
from eiesim.comparison.few import MOST_LAYERS, few_layers
from eiesim.comparison.plots import pictures
from eiesim.comparison.records import Ratio
from eiesim.view.words import folded

COUNT = 30


@pytest.fixture(scope="module")
def network():
    random = np.random.default_rng(2)
    made = []
    for k in range(COUNT):
        cols = int(random.integers(4, 60))
        layer = eiesim.CompressedLayer.from_dense(random.normal(size=(6, cols)), name=f"model.layers.{k}.mlp.down_proj")
        made.append((layer, random.random(cols)))
    return made


@pytest.fixture(scope="module")
def compared(network):
    return eiesim.compare(network, {"pes": 4})


def test_the_slowest_layers_stay_and_the_rest_add_up(compared):
    few = few_layers(compared)
    times = {row.layer: row.time_us for row in compared.eie if row.layer != "total"}
    slowest = set(sorted(times, key=times.get)[-(MOST_LAYERS - 1) :])
    rest = set(times) - slowest
    shown = {row.layer for row in few.waterfall}
    assert shown == slowest | {f"other {len(rest)} layers"}
    assert {row for row in few.waterfall if row.layer in slowest} <= set(compared.waterfall)
    for step in {row.step for row in compared.waterfall}:
        (together,) = (row for row in few.waterfall if row.layer not in slowest and row.step == step)
        own = [row.energy_uj for row in compared.waterfall if row.layer in rest and row.step == step]
        assert together.energy_uj == pytest.approx(sum(own))
    power = {row.module: row.power_mw for row in few.modules if row.of not in slowest}
    for module, power_mw in power.items():
        own = [row for row in compared.modules if row.of in rest and row.module == module]
        energy_uj = sum(row.energy_uj for row in own)
        time_us = sum(times[row.of] for row in own)
        assert power_mw == pytest.approx(energy_uj / time_us / 4 * 1e3)
    nine = eiesim.compare("NT-We")
    assert few_layers(nine) is nine
    assert {row.layer for row in compared.eie} - {"total"} == set(times)
    assert len(times) == COUNT


def test_ratios_of_the_rest_are_geometric_means(compared):
    """Beside baselines that were measured there are bars of every layer: made up here, no two alike."""
    times = {row.layer: row.time_us for row in compared.eie if row.layer != "total"}
    bars = {
        series: [
            Ratio(name, "CPU", series, "measured", 1.0 + k * scale, low=0.5, high=99.0)
            for k, name in enumerate([*times, "total", "geomean"])
        ]
        for series, scale in (("CPU comp", 0.7), ("EIE", 3.0))
    }
    few = few_layers(replace(compared, measured_speedup=(*bars["CPU comp"], *bars["EIE"]))).measured_speedup
    slowest = sorted(times, key=times.__getitem__)[-(MOST_LAYERS - 1) :]
    rest = f"other {COUNT - len(slowest)} layers"
    order = [*(name for name in times if name in slowest), rest, "total", "geomean"]
    assert [(row.series, row.layer) for row in few] == [(series, name) for series in bars for name in order]
    for row in few:
        own = {one.layer: one.value for one in bars[row.series]}
        others = [value for name, value in own.items() if name in times and name not in slowest]
        assert row.value == pytest.approx(own[row.layer] if row.layer in own else geometric_mean(others))
        assert (row.low is None) == (row.layer == rest)


def test_pictures_of_many_layers_fit_the_page(compared, tmp_path):
    for _, picture in pictures(compared):
        for panel in picture.panels:
            assert len(panel.series) <= MOST_LAYERS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert eiesim.plot(compared, tmp_path, formats=["png"])


def test_a_run_of_many_layers_draws_heat_maps_of_the_slowest_or_of_those_named(network):
    result = eiesim.simulate(network, config={"pes": 4})
    from eiesim.drawing import _of_result

    cycles = [layer.cycles for layer in result]
    for wanted in (0, 3):
        maps = [int(name.split("_")[2]) - 1 for name, _ in _of_result(result, wanted) if name.startswith("heat_map")]
        assert sorted(cycles)[::-1][:wanted] == sorted((cycles[k] for k in maps), reverse=True)
    (name,) = (name for name, _ in _of_result(result, ["model.layers.7.mlp.down_proj"]) if name.startswith("heat_map"))
    assert name.startswith("heat_map_8_")
    with pytest.raises(EieError, match=r"no layer is called 'model\.layers\.30"):
        list(_of_result(result, ["model.layers.30.mlp.down_proj"]))


@pytest.mark.parametrize("bars", [1, 9, 12, 40])
def test_names_are_folded_so_that_they_stand_beside_one_another(bars):
    names = [f"model.layers.{k}.self_attn.q_proj" for k in range(bars - 1)] + ["fc1"]
    shown = folded(names)
    assert [one.replace("\n", "") for one in shown] == names if bars < 20 else shown[-1] == "fc1"
    room = max(104 // bars - 1, 8)
    assert all(len(line) <= room for one in shown for line in one.split("\n"))
