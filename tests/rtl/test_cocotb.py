"""The exported folder's cocotb test, and its waveforms beside a trace's by pywellen: other tools agree."""

import os
import re
import shutil
import subprocess
import sysconfig
from xml.etree import ElementTree

import numpy as np
import pytest

import eiesim

CONFIG = {"pes": 4, "queue_depth": 2}


def given():
    rng = np.random.default_rng(4)
    weights = rng.normal(size=(24, 32)) * (rng.random((24, 32)) < 0.3)
    return eiesim.CompressedLayer.from_dense(weights, name="layer"), rng.random(32)


@pytest.fixture
def twin(tmp_path):
    layer, activations = given()
    eiesim.export_rtl(layer, tmp_path / "twin", activations, CONFIG)
    return tmp_path / "twin"


def make(folder, simulator, *arguments):
    """`make cocotb`, whether its test passed, and what it says."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    ended = subprocess.run(
        ["make", "-C", folder, "cocotb", f"SIMULATOR={simulator}", *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, "PATH": path},
    )  # fmt: skip
    said = ended.stdout + ended.stderr
    results = folder / "built" / f"cocotb-{simulator}" / "results.xml"
    assert results.exists(), said
    tree = ElementTree.parse(results)
    failed = [*tree.iter("failure"), *tree.iter("error")]
    assert (ended.returncode == 0) == (not failed), said
    return not failed, said


@pytest.fixture(params=["icarus", pytest.param("verilator", marks=pytest.mark.slow)])
def here(request, simulator_is_there):
    pytest.importorskip("cocotb", minversion="2.1", reason="needs extra [dev]")
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    simulator_is_there(request.param)
    return request.param


def test_cocotb_finds_the_cycles_and_outputs_that_eiesim_says(twin, here):
    layer, activations = given()
    passed, said = make(twin, here)
    assert passed, said
    result = eiesim.simulate(layer, activations, {**CONFIG, "arithmetic": "fixed16"})
    assert f"cycles={result.layers[0].cycles} " in said


@pytest.mark.slow
def test_cocotb_finds_those_of_adder_units(here, tmp_path):
    rng = np.random.default_rng(4)
    layer, activations = given()
    layer = eiesim.CompressedLayer.from_dense(layer.to_dense(), name="layer", bias=rng.normal(size=24))
    config = {**CONFIG, "arithmetic": "fixed16", "operation": "adder"}
    eiesim.export_rtl(layer, tmp_path / "adder", activations, config)
    passed, said = make(tmp_path / "adder", here)
    assert passed, said
    assert f"cycles={eiesim.simulate(layer, activations, config).layers[0].cycles} " in said


def test_cocotb_fails_where_a_word_of_the_images_is_another(twin, here):
    image = twin / "images" / "layer0_pe1_spmat.hex"
    image.write_text(re.sub(r"(?m)^@0 .", lambda found: "@0 f" if found[0][-1] != "f" else "@0 0", image.read_text()))
    assert not make(twin, here)[0]


def test_the_rtl_s_waveform_holds_what_a_trace_holds(twin, here, tmp_path):
    """FST of Icarus, VCD of `eiesim.trace`: the queues and the entries in flight, PE by PE and cycle by cycle."""
    reader = pytest.importorskip("pywellen", reason="needs extra [dev]")
    pytest.importorskip("vcd", reason="needs extra [trace]")
    if here == "verilator":
        pytest.skip("cocotb writes FST with Icarus")
    assert make(twin, here, "WAVES=1")[0]
    layer, activations = given()
    trace = eiesim.trace(layer, activations, {**CONFIG, "arithmetic": "fixed16"})
    trace.save(tmp_path / "t.vcd")
    rtl, model = (
        {var.full_name: var.signal for var in reader.Waveform(str(path)).all_vars()}
        for path in (twin / "built" / "cocotb-icarus" / "eie.fst", tmp_path / "t.vcd")
    )
    before_edge = 4_000 - 1  # ps; the clock rises in the middle of a period of 8 ns.
    start = max(k for k in range(200) if rtl["eie.start"].value_at(before_edge + 8_000 * k) == 1)
    period, seen = round(1e6 / 800), 0
    for cycle in range(1, trace.cycles + 1):
        for p in range(4):
            for name, other in (("activation_queue.count", "activation_queue.count"), ("arithmetic_unit.real2",) * 2):
                ours = rtl[f"eie.pes[{p}].pe.{name}"].value_at(before_edge + 8_000 * (start + cycle))
                assert ours == model[f"pe{p}.{other}"].value_at((cycle - 1) * period), (cycle, p, name)
                seen += ours
    assert seen > 100
