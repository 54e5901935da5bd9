"""Comparisons of one's own layers: totals, seeds, and nothing of the paper's."""

import csv
import json

import numpy as np
import pytest

import eiesim
from eiesim.baselines.measurements import Host, Measured, Measurement
from eiesim.comparison.plots import caption
from eiesim.comparison.rows import compare
from eiesim.inputs import open_workloads
from eiesim.model import Workload
from tests.cases import cli, random_layer

CONFIG = eiesim.MachineConfig(pes=4)


def workloads():
    """Two layers with their own inputs, the first with six vectors in one input of the network."""
    layers = random_layer(1, 9, 7), random_layer(3, 6, 4)
    inputs = [np.random.default_rng(k).random((3, layer.cols), dtype=np.float32) for k, layer in enumerate(layers)]
    return [
        Workload(layer, x, fed="recorded", vectors=vectors)
        for layer, x, vectors in zip(layers, inputs, (6, 1), strict=True)
    ]


def measured():
    """Made up: dense 10 and 20 µs, sparse 5 and 2 µs."""
    times = {("random 1", "dense"): 10.0, ("random 3", "dense"): 20.0, ("random 1", "sparse"): 5.0,
             ("random 3", "sparse"): 2.0}  # fmt: skip
    every = tuple(
        Measurement(
            layer=layer, rows=9, cols=7, nnz=1, device="cpu", library="x", kernel="k", matrix=matrix, batch=1,
            threads=2, repeats=5, time_us=time, energy_uj=3 * time, energy_basis="estimated", power_source="a TDP",
        )
        for (layer, matrix), time in times.items()
    )  # fmt: skip
    host = Host(cpu="A CPU", cores=2, gpu="", system="s", versions={})
    return Measured(machine=host, when="2026-11-24T00:00:00+00:00", measurements=every)


def test_a_total_counts_a_layer_as_often_as_it_has_vectors():
    comparison = compare(workloads(), CONFIG, measured=measured())
    times = [layer.time_us for layer in comparison.layers]
    energies = [layer.energy.total_uj for layer in comparison.layers]
    total = comparison.eie[-1]
    assert total.layer == "total"
    assert total.time_us == pytest.approx(6 * times[0] + times[1])
    assert total.energy_uj == pytest.approx(6 * energies[0] + energies[1])
    bars = {(row.layer, row.series): row.value for row in comparison.measured_speedup}
    assert bars["total", "CPU sparse (x), batch 1"] == pytest.approx((6 * 10 + 20) / (6 * 5 + 2))
    assert bars["total", "EIE simulated"] == pytest.approx((6 * 10 + 20) / (6 * times[0] + times[1]))
    assert bars["geomean", "CPU sparse (x), batch 1"] == pytest.approx((10 / 5 * 20 / 2) ** 0.5)
    efficiency = {(row.layer, row.series): row for row in comparison.measured_efficiency}
    assert efficiency["total", "EIE estimated"].value == pytest.approx(
        3 * (6 * 10 + 20) / (6 * energies[0] + energies[1])
    )
    assert efficiency["total", "CPU sparse (x), batch 1"].basis == "estimated"


def test_nothing_of_the_papers_layers_stands_beside_others():
    comparison = compare(workloads(), CONFIG)
    assert not comparison.checks
    assert not comparison.speedup
    assert {row.of for row in comparison.modules} == {"random 1", "random 3"}


def test_a_caption_names_cpu_threads_and_what_is_measured():
    comparison = compare(workloads(), CONFIG, measured=measured())
    assert caption(comparison, comparison.measured_speedup) == (
        "A CPU, 2 threads, 2026-11-24; bars are measured or simulated"
    )
    assert "estimated from thermal design power" in caption(comparison, comparison.measured_efficiency)


def test_seeds_give_means_and_a_range():
    made = [make() for make in open_workloads(["table3:Alex-8"], seeds=[0, 1, 2], density=0.02)]
    comparison = compare(made, CONFIG)
    times = [eiesim.simulate(one.layer, one.activations, CONFIG, outputs=False).time_us for one in made]
    (row,) = comparison.eie
    assert (row.seeds, row.time_us) == (3, pytest.approx(np.mean(times)))
    assert (row.time_us_low, row.time_us_high) == (min(times), max(times))
    bar = next(one for one in comparison.speedup if one.layer == "Alex-8" and one.series == "EIE simulated")
    assert bar.low < bar.value < bar.high
    assert bar.high / bar.low == pytest.approx(max(times) / min(times))


def test_seeds_on_the_command_line(tmp_path):
    answer = cli(
        "compare", "table3:NT-We", "--density", "0.02", "--seeds", "0:3", "--pes", 4, "-o", tmp_path, "--no-plots"
    )
    assert answer.status == 0, answer.err
    assert "means of 3 seeds, least to most" in answer.out
    with (tmp_path / "eie.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["time_us_low"]) <= float(row["time_us"]) <= float(row["time_us_high"])


def test_a_batch_is_measured_on_its_own_inputs(tmp_path):
    layer = random_layer(1, 9, 7)
    eiesim.save(layer, tmp_path / "fc.npz")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((5, 7), dtype=np.float32))
    out = tmp_path / "out"
    given = ("-i", tmp_path / "x.npy", "--baselines", "measured")
    answer = cli("compare", tmp_path / "fc.npz", *given, "-o", out, "--no-plots")
    assert answer.status == 0, answer.err
    found = json.loads((out / "measured.json").read_text())["measurements"]
    assert {one["batch"] for one in found} == {1, 64}
