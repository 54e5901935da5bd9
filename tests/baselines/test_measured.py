"""Measured baselines: the file they are kept in, what is estimated, the worker."""

import json
import os
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

import eiesim
from eiesim import EieError
from eiesim.baselines import measured as baselines
from eiesim.baselines import meters
from eiesim.baselines.measurements import Host, LeftOut, load_measured, save_measured
from eiesim.baselines.meters import nvml, rapl
from eiesim.model import Workload

MACHINE = Host(cpu="a CPU", cores=2, gpu="", system="Linux x86_64", versions={"numpy": "2"})


@pytest.fixture
def case():
    weights = np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32)
    weights[np.abs(weights) < 1] = 0
    layer = eiesim.CompressedLayer.from_dense(weights)
    return Workload(layer, np.ones(30, np.float32))


def row(matrix="dense", **changes):
    made = {
        "device": "cpu", "library": "numpy", "kernel": "k", "matrix": matrix, "batch": 1, "threads": 2, "repeats": 5,
        "time_us": 10.0, "energy_uj": None, "power_source": "",
    }  # fmt: skip
    return {**made, **changes}


@pytest.fixture
def fake_worker(monkeypatch):
    """The worker's place taken: how often it was asked, for which layers."""
    asked = []

    def run(cases, cpu_tdp_w, gpu_tdp_w, progress):
        asked.append([one.layer.name for one in cases])
        rows = [baselines._measurement(one.layer, row(), cpu_tdp_w, gpu_tdp_w) for one in cases]
        return MACHINE, rows, []

    monkeypatch.setattr(baselines, "_run_worker", run)
    return asked


def test_a_file_is_kept_and_taken_up_again(tmp_path, case, fake_worker):
    path = tmp_path / "measured.json"
    first = baselines.measure([case], path)
    assert baselines.measure([case], path) == first
    assert len(fake_worker) == 1
    assert first.machine.cpu == "a CPU"
    assert first.when.endswith("+00:00")
    assert load_measured(path) == first
    assert baselines.measure([case], path, again=True).measurements == first.measurements
    assert len(fake_worker) == 2


def test_another_layer_of_the_same_name_is_measured_anew(tmp_path, case, fake_worker):
    path = tmp_path / "measured.json"
    baselines.measure([case], path)
    other = eiesim.CompressedLayer.from_dense(np.eye(5, dtype=np.float32))
    assert other.name == case.layer.name
    kept = baselines.measure([Workload(other, np.ones(5, np.float32))], path)
    assert [one.rows for one in kept.measurements] == [5]


def test_a_file_from_another_machine_is_not_mixed_with_this_one(tmp_path, case, fake_worker):
    path = tmp_path / "measured.json"
    elsewhere = baselines.measure([case], path).model_copy(
        update={"machine": MACHINE.model_copy(update={"cpu": "another"})}
    )
    save_measured(elsewhere, path)
    assert baselines.measure([case], path).machine.cpu == "another"
    other = eiesim.CompressedLayer.from_dense(np.eye(5, dtype=np.float32))
    with pytest.raises(EieError, match="another machine"):
        baselines.measure([case, Workload(other, np.ones(5, np.float32))], path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text[:-20], "not readable as JSON"),
        (lambda text: text.replace("eiesim-baselines/1", "eiesim-baselines/9"), "format"),
        (lambda text: text.replace('"time_us":10.0', '"time_us":-1.0'), "measurements.0.time_us"),
        (lambda text: text.replace('"time_us":10.0', '"time_us":"fast"'), "measurements.0.time_us"),
        (lambda text: text.replace('"estimated"', '"guessed"'), "measurements.0.energy_basis"),
        (lambda text: text.replace('"when"', '"then"'), "when"),
        (lambda text: "[]", "file"),
        (lambda text: "[" * 100_000, "not readable as JSON"),
    ],
)
def test_malformed_files_are_refused_in_one_line(tmp_path, case, fake_worker, change, says):
    path = tmp_path / "measured.json"
    baselines.measure([case], path)
    path.write_text(change(json.dumps(json.loads(path.read_text()), separators=(",", ":"))))
    with pytest.raises(EieError) as refusal:
        baselines.measure([case], path)
    assert says in str(refusal.value)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_energy_is_measured_or_says_what_it_is_estimated_from(case):
    layer = case.layer
    guessed = baselines._measurement(layer, row(), None, None)
    assert guessed.energy_basis == "estimated"
    assert "i7-5930K" in guessed.power_source
    assert guessed.power_w == pytest.approx(140 / 6 * 2)
    stated = baselines._measurement(layer, row(), 65.0, None)
    assert stated.energy_uj == pytest.approx(650)
    assert "65 W" in stated.power_source
    read = baselines._measurement(layer, row(energy_uj=123.0, power_source="RAPL"), 65.0, None)
    assert (read.energy_basis, read.energy_uj, read.power_source) == ("measured", 123.0, "RAPL")
    assert baselines._measurement(layer, row(device="gpu"), None, None) is None
    assert baselines._measurement(layer, row(device="gpu"), None, 250.0).energy_uj == pytest.approx(2500)


def test_a_busy_machine_is_told(tmp_path, case, fake_worker, monkeypatch):
    for load, busy in ((0.1, False), (3.0, True)):
        monkeypatch.setattr(baselines.os, "getloadavg", lambda load=load: (load, 0.0, 0.0))  # type: ignore[attr-defined]
        assert baselines.measure([case]).busy is busy


def test_rapl_reads_the_package_and_wraps(tmp_path):
    for name, value in (("intel-rapl:0", "1000"), ("intel-rapl:0:0", "7")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{value}\n")
        (tmp_path / name / "max_energy_range_uj").write_text("5000\n")
    counter = rapl(tmp_path)
    assert counter.name == "RAPL, intel-rapl:0"
    assert counter.read_uj() == 1000
    assert counter.since_uj(400) == 600
    assert counter.since_uj(4800) == 1200
    assert rapl(tmp_path / "none") is None


def test_the_first_counter_that_can_be_read_is_taken(tmp_path):
    """Only root may read most: there the folder has the package and its parts, and none says a number."""
    for name, value in (("intel-rapl:0", "no"), ("intel-rapl:0:0", "7"), ("intel-rapl:1", "8")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(value)
        (tmp_path / name / "max_energy_range_uj").write_text("5000")
    assert rapl(tmp_path).name == "RAPL, intel-rapl:1"
    (tmp_path / "intel-rapl:1" / "energy_uj").unlink()
    rapl.cache_clear()
    assert rapl(tmp_path) is None


def test_nvml_counts_millijoules(monkeypatch):
    class NVMLError(Exception):
        pass

    def fail(*_):
        raise NVMLError

    library = SimpleNamespace(
        NVMLError=NVMLError, nvmlInit=lambda: None, nvmlDeviceGetHandleByIndex=lambda number: f"GPU {number}",
        nvmlDeviceGetTotalEnergyConsumption={"GPU 0": 2000}.__getitem__,
    )  # fmt: skip
    monkeypatch.setattr(meters, "find_spec", lambda name: None)
    assert nvml.__wrapped__() is None
    monkeypatch.setattr(meters, "find_spec", lambda name: name)
    monkeypatch.setattr(meters, "import_module", lambda name: library)
    assert nvml.__wrapped__().since_uj(500_000) == 1_500_000  # 2 J, in microjoules
    monkeypatch.setattr(library, "nvmlInit", fail)  # no driver
    assert nvml.__wrapped__() is None


def test_the_worker_measures_here(case, monkeypatch, tmp_path):
    """A real process: every kernel, named, with its threads; without what slows the BLAS down."""
    pytest.importorskip("threadpoolctl")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")]))
    done = []
    found = baselines.measure([case], tmp_path / "measured.json", cpu_tdp_w=50.0, progress=done.append)
    cpu = [one for one in found.measurements if one.device == "cpu" and one.library != "mkl"]
    rows = {("numpy", "dense", "float32"), ("scipy", "sparse", "float32")}
    if find_spec("torch"):
        rows |= {("torch", "sparse", "float32"), ("torch", "dense", "bfloat16"), ("torch", "dense", "int8")}
    if find_spec("onnx") and find_spec("onnxruntime"):
        rows |= {("onnxruntime", "dense", "int8"), ("onnxruntime", "dense", "int4")}
    assert sorted((one.library, one.matrix, one.precision, one.batch) for one in cpu) == sorted(
        (*row, batch) for row in rows for batch in (1, 64)
    )
    assert not found.left_out
    assert all(one.repeats >= 5 and one.time_us >= one.time_us_low > 0 and one.threads >= 1 for one in cpu)
    assert all(one.index_bits == (32 if one.matrix == "sparse" else None) for one in found.measurements)
    assert not any("Prescott" in one.kernel for one in cpu)
    assert found.machine.cpu
    assert sum(done) == 1


def test_a_failing_worker_is_one_line(case, monkeypatch):
    monkeypatch.setattr(baselines.sys, "executable", "/bin/false")  # type: ignore[attr-defined]
    with pytest.raises(EieError, match="measuring the baselines failed"):
        baselines.measure([case])


def test_without_a_dense_float_product_there_is_nothing_to_compare_with(case, monkeypatch, tmp_path):
    out = {"product": "numpy, dense, float32 (k)", "batch": 1, "reason": "differs"}
    lines = [{"machine": MACHINE.model_dump()}, {"case": 0, "rows": [row("sparse")], "left_out": [out]}]
    worker = tmp_path / "worker"
    worker.write_text("#!/bin/sh\ncat << 'END'\n" + "\n".join(map(json.dumps, lines)) + "\nEND\n")
    worker.chmod(0o755)
    monkeypatch.setattr(baselines.sys, "executable", str(worker))  # type: ignore[attr-defined]
    with pytest.raises(EieError, match=r"layer, batch 1: numpy, dense, float32 \(k\): differs$"):
        baselines.measure([case])


def test_a_file_of_before_precisions_were_kept_is_read(tmp_path):
    path = tmp_path / "measured.json"
    one = {**row(), "layer": "fc", "rows": 4, "cols": 3, "nnz": 2, "energy_uj": 1.0, "energy_basis": "estimated"}
    path.write_text(
        json.dumps(
            {"format": "eiesim-baselines/1", "machine": MACHINE.model_dump(), "when": "w", "measurements": [one]}
        )
    )
    (found,) = load_measured(path).measurements
    assert (found.precision, found.index_bits, found.difference) == ("float32", None, None)
    assert found.series == "CPU dense (numpy), batch 1"


def test_rows_in_lower_precision_say_so(tmp_path, case, monkeypatch):
    made = {**row(), "library": "onnxruntime", "difference": 0.05, "index_bits": None, "time_us_low": 9.0}
    rows = [
        baselines._measurement(case.layer, {**made, "precision": kind}, None, None) for kind in ("bfloat16", "int4")
    ]
    assert [one.series for one in rows] == [
        "CPU dense (onnxruntime, bf16), batch 1", "CPU dense (onnxruntime, int4), batch 1",
    ]  # fmt: skip
    left = LeftOut(layer="layer", product="p", batch=None, reason="why")
    monkeypatch.setattr(baselines, "_run_worker", lambda *_: (MACHINE, rows, [left]))
    path = tmp_path / "measured.json"
    assert baselines.measure([case], path) == load_measured(path)
    assert [one["precision"] for one in json.loads(path.read_text())["measurements"]] == ["bfloat16", "int4"]
    assert [str(one) for one in load_measured(path).left_out] == ["layer: p: why"]


def test_other_versions_are_not_called_another_machine(tmp_path, case, fake_worker):
    path = tmp_path / "measured.json"
    machine = MACHINE.model_copy(update={"versions": {"numpy": "1"}})
    save_measured(baselines.measure([case]).model_copy(update={"machine": machine}), path)
    other = eiesim.CompressedLayer.from_dense(np.eye(5, dtype=np.float32))
    with pytest.raises(EieError, match="with other versions of the libraries"):
        baselines.measure([case, Workload(other, np.ones(5, np.float32))], path)
