"""The comparison: bars from times and energies, tables with the columns they promise, plots that are drawn."""

import csv

import numpy as np
import pytest

import eiesim
from eiesim import EieError
from eiesim.baselines.measurements import Host, LeftOut, Measured, Measurement
from eiesim.comparison.rows import compare
from eiesim.model import Workload
from eiesim.paper.speedups import GEOMEAN
from tests.cases import cli

RATIO_COLUMNS = ["layer", "series", "basis", "value", "printed", "within_rounding", "note", "low", "high"]


def measurement(layer, matrix, batch, time_us, energy_uj, basis="estimated"):
    return Measurement(
        layer=layer.name, rows=layer.rows, cols=layer.cols, nnz=layer.nnz, device="cpu", library="lib", kernel="k",
        matrix=matrix, batch=batch, threads=1, repeats=5, time_us=time_us, energy_uj=energy_uj, energy_basis=basis,
        power_source="a TDP",
    )  # fmt: skip


@pytest.fixture(scope="module")
def alex7():
    return Workload(*eiesim.workload("Alex-7"))


@pytest.fixture(scope="module")
def measured(alex7):
    layer = alex7.layer
    rows = (
        measurement(layer, "dense", 1, 2000.0, 60_000.0),
        measurement(layer, "sparse", 1, 500.0, 20_000.0),
        measurement(layer, "dense", 64, 250.0, 10_000.0, "measured"),
    )
    machine = Host(cpu="c", cores=1, gpu="", system="s", versions={})
    return Measured(machine=machine, when="2026-01-01T00:00:00+00:00", measurements=rows)


@pytest.fixture(scope="module")
def comparison(alex7, measured):
    return compare([alex7], eiesim.MachineConfig(), measured=measured)


def bar(rows, layer, series):
    return next(row for row in rows if (row.layer, row.series) == (layer, series))


def test_bars_are_the_published_cpu_over_the_simulated_machine(comparison, alex7):
    alone = eiesim.simulate(alex7.layer, alex7.activations, outputs=False)
    speedup = bar(comparison.speedup, "Alex-7", "EIE simulated")
    assert (speedup.value, speedup.basis) == (pytest.approx(6187.1 / alone.time_us), "simulated")
    energy = bar(comparison.efficiency, "Alex-7", "EIE estimated, activity")
    assert energy.value == pytest.approx(6187.1 * 72.8 / alone.energy.total_uj)
    by_table2 = bar(comparison.efficiency, "Alex-7", "EIE estimated, Table II power")
    assert by_table2.value == pytest.approx(6187.1 * 72.8 / (alone.time_us * 0.586531))
    printed = bar(comparison.speedup, "Alex-7", "EIE published")
    assert (printed.printed, printed.basis) == (507, "published")


def test_measured_bars_stand_apart_and_say_what_is_estimated(comparison):
    assert bar(comparison.measured_speedup, "Alex-7", "CPU sparse (lib), batch 1").value == 4
    assert bar(comparison.measured_speedup, "Alex-7", "CPU sparse (lib), batch 1").basis == "measured"
    assert bar(comparison.measured_efficiency, "Alex-7", "CPU sparse (lib), batch 1").basis == "estimated"
    # Its own energy is measured, but the baseline's is not.
    assert bar(comparison.measured_efficiency, "Alex-7", "CPU dense (lib), batch 64").basis == "estimated"
    eie = bar(comparison.measured_speedup, "Alex-7", "EIE simulated")
    assert eie.value == pytest.approx(2000 / comparison.layers[0].time_us)
    assert not any("measured" in row.basis for row in comparison.speedup)
    assert f"; {eie.value:,.0f} times as fast as the CPU measured here" in repr(comparison)


def test_means_are_geometric_over_the_layers_compared():
    cases = [Workload(*eiesim.workload(name)) for name in ("NT-We", "NT-LSTM")]
    both = compare(cases, eiesim.MachineConfig())
    own = [bar(both.speedup, name, "EIE simulated").value for name in ("NT-We", "NT-LSTM")]
    assert bar(both.speedup, GEOMEAN, "EIE simulated").value == pytest.approx((own[0] * own[1]) ** 0.5)
    # The paper's own bars are 63 and 60, which its Table IV does not give: 75.6 and 62.7.
    printed = bar(both.speedup, "NT-We", "EIE published")
    assert (printed.value, printed.within_rounding) == (63, False)
    assert bar(both.speedup, GEOMEAN, "EIE published").printed is None
    implied = bar(both.efficiency, "NT-We", "EIE estimated, activity")
    assert "never published" in implied.note


def test_published_power_is_drawn_once(alex7):
    own = compare([alex7], eiesim.MachineConfig(), energy="published")
    estimated = {row.series for row in own.efficiency if row.basis == "estimated"}
    assert estimated == {"EIE estimated, Table II power"}


def test_table_v_is_there_with_its_layer(comparison, alex7):
    by_name = {platform.name: platform for platform in comparison.platforms}
    assert by_name["DaDianNao"].frames_per_j == pytest.approx(9263, rel=1e-3)
    alone = eiesim.simulate(alex7.layer, alex7.activations, eiesim.MachineConfig(pes=256), outputs=False)
    assert by_name["EIE 256PE"].time_us == pytest.approx(alone.time_us)
    assert by_name["EIE 256PE, projected"].time_us == pytest.approx(alone.time_us / 1.6)


def test_a_layer_of_ones_own_has_no_published_bars():
    layer = eiesim.CompressedLayer.from_dense(np.eye(8, dtype=np.float32))
    own = compare([Workload(layer, np.ones(8, np.float32))], eiesim.MachineConfig(pes=4))
    assert own.speedup == ()
    assert own.platforms == ()
    with pytest.raises(EieError, match="different names"):
        compare([Workload(layer, np.ones(8, np.float32))] * 2, eiesim.MachineConfig())


def columns(path):
    with path.open() as file:
        return next(csv.reader(file))


def test_the_command_writes_its_tables_and_plots(tmp_path):
    out = tmp_path / "new" / "out"
    printed = cli("compare", "NT-LSTM", "table3:NT-We", "-o", out)
    assert printed.status == 0
    assert printed.err.count("\n") == 1
    for words in ("simulated", "Table II", "75.6"):
        assert words in printed.out
    assert columns(out / "fig6_speedup.csv") == RATIO_COLUMNS
    assert columns(out / "fig7_energy_efficiency.csv") == RATIO_COLUMNS
    assert columns(out / "energy_by_module.csv")[:5] == ["of", "basis", "energy_model", "module", "power_mw"]
    assert columns(out / "energy_check.csv")[-2:] == ["difference", "cause"]
    assert columns(out / "waterfall.csv") == ["layer", "step", "energy_uj", "saving", "paper_saving"]
    assert columns(out / "area.csv") == ["machine", "basis", "module", "area_mm2"]
    assert {"layer", "time_us", "table4_time_us", "energy_uj", "energy_model"} <= set(columns(out / "eie.csv"))
    assert columns(out / "headlines.csv") == ["claim", "printed", "table4", "with_figure"]
    rows = list(csv.DictReader((out / "fig6_speedup.csv").open()))
    assert {row["basis"] for row in rows} == {"published", "simulated"}
    assert [row["within_rounding"] for row in rows if row["series"] == "EIE published"] == ["False", "False", ""]
    for name in ("fig6_speedup", "fig7_energy_efficiency", "energy_by_module", "waterfall", "area"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in (out / f"{name}.svg").read_bytes()
    assert not (out / "measured.csv").exists()


def test_measured_tables_and_plots_are_written(tmp_path, comparison):
    from eiesim.comparison.files import write_tables
    from eiesim.drawing import plot

    tables = {path.name for path in write_tables(comparison, tmp_path)}
    assert {"measured.csv", "measured_speedup.csv", "energy_efficiency_over_this_cpu.csv", "platforms.csv"} <= tables
    rows = list(csv.DictReader((tmp_path / "measured.csv").open()))
    assert [row["energy_basis"] for row in rows] == ["estimated", "estimated", "measured"]
    plots = {path.name for path in plot(comparison, tmp_path)}
    assert {"measured_speedup.svg", "energy_efficiency_over_this_cpu.png"} <= plots
    again = {path: path.read_bytes() for path in tmp_path.glob("*.svg")}
    plot(comparison, tmp_path)
    assert all(path.read_bytes() == before for path, before in again.items())
    text = (tmp_path / "energy_efficiency_over_this_cpu.svg").read_text()
    assert "estimated" in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("Alex-9",), "Alex-9"),
        (("NT-We", "--baselines", "guessed"), "published, measured"),
        (("NT-We", "--energy-model", "guessed"), "activity, published, calibrated"),
    ],
)
def test_bad_requests_are_one_line(tmp_path, arguments, says):
    answer = cli("compare", *arguments, "-o", tmp_path / "new" / "out")
    printed = answer.err
    assert answer.status == 2
    assert not (tmp_path / "new").exists()
    assert says in printed
    assert printed.count("\n") == 1


def test_run_shows_energy_and_takes_a_table(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[sram.spmat]\nread_pj = 0\n')
    answer = cli("run", "table3:NT-We", "--energy-table", path)
    printed = answer.out
    assert answer.status == 0
    assert "activity (mine)" in " ".join(printed.split())
    assert "sparse-matrix read" in printed
    path.write_text("[pj]\nclock_bit = -3\n")
    answer = cli("run", "table3:NT-We", "--energy-table", path)
    assert answer.status == 2
    assert "pj.clock_bit" in answer.err
    bad = cli("run", "table3:NT-We", "--energy-table", path, "--energy-model", "published").status
    assert bad == 2


def test_a_lower_precision_is_never_the_baseline_and_is_said_wherever_it_stands(tmp_path, alex7, measured):
    from eiesim.comparison.files import write_tables
    from eiesim.comparison.terminal import report

    int4 = measurement(alex7.layer, "dense", 1, 100.0, 3000.0).model_copy(update={"precision": "int4"})
    left = LeftOut(layer="Alex-7", product="a product", batch=64, reason="it differs")
    both = measured.model_copy(update={"measurements": (int4, *measured.measurements), "left_out": (left,)})
    comparison = compare([alex7], eiesim.MachineConfig(), measured=both)
    assert bar(comparison.measured_speedup, "Alex-7", "CPU sparse (lib), batch 1").value == 4
    assert bar(comparison.measured_speedup, "Alex-7", "CPU dense (lib, int4), batch 1").value == 20
    write_tables(comparison, tmp_path)
    rows = list(csv.DictReader((tmp_path / "measured_speedup.csv").open()))
    assert {(row["batch"], row["precision"]) for row in rows if "int4" in row["series"]} == {("1", "int4")}
    assert {row["batch"] for row in rows if row["series"] == "EIE simulated"} == {""}
    rows = list(csv.DictReader((tmp_path / "measured.csv").open()))
    assert [row["precision"] for row in rows] == ["int4", *["float32"] * 3]
    said = [str(line) for line in report(comparison)]
    assert "  left out: Alex-7, batch 64: a product: it differs" in said
    assert any("int4" in line and "not the same product" in line for line in said)
