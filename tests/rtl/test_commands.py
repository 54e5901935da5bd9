"""`eiesim rtl` as it is typed: the machine's options in each command, and the table of synthesis beside the page's."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import eiesim
from eiesim import EieError, MachineConfig
from eiesim.rtl import lockstep, simulators, synthesis, terminal, twin
from eiesim.rtl.synthesis import MODULES, Module
from tests.cases import cli

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = ("--pes", "2", "--queue-depth", "3", "--spmat-width", "32", "--set", "index_bits=5", "--config", "m.toml")
ASKED = {"pes": 2, "queue_depth": 3, "index_bits": 5, "weight_bits": 3, "row_entries": 4, "value_bits": 8}
"""The file sets 3 bits of weight and fixed8; an SRAM row of 32 bits holds four entries of 3 + 5 bits."""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.toml").write_text('pes = 16\nweight_bits = 3\narithmetic = "fixed8"\n')
    eiesim.save(eiesim.CompressedLayer.from_dense([[1.0, 0, 2], [0, 3, 0]], bits=3, name="a"), "a.npz")
    np.save("x.npy", np.ones(3, np.float32))
    return tmp_path


def asked(hardware):
    return {name: getattr(hardware, name) for name in ASKED}


def test_export_takes_the_machine_s_options(here):
    answer = cli("rtl", "export", "a.npz", "-i", "x.npy", "-o", "twin", *OPTIONS)
    assert answer.status == 0, answer.err
    line = re.search(r"^PARAMETERS = (.*)", Path("twin/Makefile").read_text(), re.MULTILINE)[1]
    held = {name.lower(): int(value) for name, value in (each.split("=") for each in line.split())}
    assert {name: held[name] for name in ASKED} == ASKED


@pytest.mark.parametrize("named", [("a.npz", "-i", "x.npy"), ("--cases", "2")], ids=["layer", "random cases"])
def test_check_takes_the_machine_s_options(here, monkeypatch, icarus, named):
    """Random cases left them unread."""
    built, build = [], simulators.build
    monkeypatch.setattr(
        simulators, "build", lambda hardware, *rest, **more: (built.append(hardware), build(hardware, *rest, **more))[1]
    )
    answer = cli("rtl", "check", *named, *OPTIONS, "--simulator", "icarus")
    assert answer.status == 0, answer.err
    assert " agree: " in answer.out
    assert [asked(hardware) for hardware in built] == [ASKED] * len(built) != []


def test_random_cases_without_options_are_on_several_machines(here, monkeypatch, icarus):
    built, build = [], simulators.build
    monkeypatch.setattr(
        simulators, "build", lambda hardware, *rest, **more: (built.append(hardware), build(hardware, *rest, **more))[1]
    )
    assert cli("rtl", "check", "--cases", "3", "--simulator", "icarus", "--memory", "2").status == 0
    assert len({hardware.pes for hardware in built}) == 3


def test_synth_takes_the_machine_s_options(here, monkeypatch):
    made = []
    monkeypatch.setattr(
        twin,
        "synthesise",
        lambda module, hardware, liberty: made.append(hardware) or Module(module, 1, None, None, None, 1, 1),
    )
    answer = cli("rtl", "synth", *OPTIONS)
    assert answer.status == 0, answer.err
    assert [asked(hardware) for hardware in made] == [ASKED] * len(MODULES)


def test_inputs_without_a_layer_are_refused(here):
    answer = cli("rtl", "check", "-i", "x.npy", "--simulator", "icarus")
    assert answer.status == 2
    if "not installed" not in answer.err:
        assert "inputs are given and no layer" in answer.err


def test_the_first_simulator_that_is_there_is_taken(monkeypatch):
    missing = {"verilator"}

    def need(simulator):
        if simulator in missing:
            raise EieError(f"{simulator} is not installed")

    monkeypatch.setattr(simulators, "need", need)
    assert simulators.chosen(None) == "icarus"
    missing.clear()
    assert simulators.chosen(None) == "verilator"
    assert simulators.chosen("icarus") == "icarus"
    missing.update(simulators.SIMULATORS)
    with pytest.raises(EieError, match="verilator is not installed; or: icarus is not installed"):
        simulators.chosen(None)


@pytest.mark.parametrize(
    ("simulator", "there", "said"),
    [
        ("vcs", (), "no simulator is called 'vcs'; there are: verilator, icarus"),
        ("icarus", (), "Icarus Verilog is not installed; on Debian: apt-get install iverilog"),
        ("verilator", (), r"Verilator is not installed; .*\[rtl\]"),
        ("verilator", ("verilator", "g++"), "Verilator builds with make, which is not installed; on Debian: apt-get"),
    ],
)
def test_what_a_simulator_lacks_is_said_with_what_to_install(simulator, there, said, monkeypatch):
    monkeypatch.setattr(simulators.shutil, "which", lambda name: name if name in there else None)  # type: ignore[attr-defined]
    monkeypatch.setattr(simulators, "find_spec", lambda name: name if name in there else None)
    with pytest.raises(EieError, match=said):
        simulators.need(simulator)


@pytest.mark.parametrize(
    ("out", "err", "said"),
    [("", "warning\nx.sv:3: syntax error\nError 2", "x.sv:3: syntax error"), ("killed", "", "it says nothing")],
)
def test_an_rtl_that_does_not_build_says_why(out, err, said, tmp_path):
    ended = subprocess.CompletedProcess([], 1, out, err)
    with pytest.raises(EieError, match=f"^the RTL does not build: {said}$"):
        simulators._built(ended, tmp_path / "program")


def test_the_first_difference_ends_a_check_and_the_command(here, monkeypatch):
    """A simulation that differs in the second of three runs: made up, so that no simulator is needed."""
    ran = []

    def check(run, program):
        ran.append(run.name)
        if len(ran) == 2:
            raise lockstep.LockstepError("counter pushes, PE 1: RTL 4, model 5")
        return lockstep.Agreement(10, 10, 3, 0xBEEF)

    monkeypatch.setattr(lockstep, "check", check)
    monkeypatch.setattr(simulators, "need", lambda name: None)
    monkeypatch.setattr(simulators, "build", lambda *_, **__: None)
    answer = cli("rtl", "check", "a.npz", "a.npz", "a.npz", "-i", "x.npy", "--pes", "2", "--simulator", "icarus")
    assert answer.status == 1
    told = answer.out.splitlines()
    assert told == [f"{ran[0]}: 10 cycles, checksum 0000beef", f"{ran[1]}: counter pushes, PE 1: RTL 4, model 5"]
    assert len(ran) == 2


def test_hardware_of_random_cases_holds_them(icarus):
    """The smallest memories of a configuration, and the most rows of SRAM that an entry can take."""
    checked = eiesim.check_rtl(
        config={"pes": 1, "spmat_bytes": 1024, "pointer_bytes": 64, "spmat_width": 8, "index_bits": 4},
        cases=3,
        simulator="icarus",
    )
    assert (checked.difference, len(checked.agreements)) == ("", 3)


def made_up():
    sizes = {name: n for n, name in enumerate(MODULES, 1)}
    return tuple(Module(name, 10 * n, 100.0 * n, 50.0 * n, 0.1 * n, n, 2 * n) for name, n in sizes.items())


def rows(table):
    console = Console(width=400)
    with console.capture() as captured:
        console.print(table)
    lines = [line.strip("│ ").split("│") for line in captured.get().splitlines() if line.startswith("│")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_all_is_the_sum_of_a_pe_s_modules_and_its_longest_path():
    table = rows(terminal.synthesis_table(twin.Synthesised(made_up(), MachineConfig(), Path("cells.lib"))))
    assert list(table) == [*(name for name in MODULES if name != "lnzd"), "all", "lnzd"]
    cells, held, free, logic, gates, memory, published, path = table["all"]
    assert (cells, held, free, logic, gates, path) == ("150", "15", "30", "1,500", "750", "0.50")
    assert (memory, published) == ("605,867", "614,063")
    table = rows(terminal.synthesis_table(twin.Synthesised(
        tuple(Module(name, 1, None, None, None, 1, 1) for name in MODULES), MachineConfig(), None
    )))  # fmt: skip
    assert table["all"] == ["5", "5", "5", "-", "-", "605,867", "614,063", "-"]


def test_the_page_s_table_names_the_modules_as_the_command_does():
    page = (ROOT / "docs" / "rtl.md").read_text()
    head, *lines = page[page.index("| module | cells |") :].split("\n\n")[0].splitlines()
    assert head.startswith(
        "| module | cells | logic, µm² | gate equivalents | memory, µm² | published, µm² | longest path"
    )
    table = {cells[1].strip().split(":")[0]: cells[2:-1] for cells in (line.split("|") for line in lines[1:])}
    assert list(table) == [*(name for name in MODULES if name != "lnzd"), "all", "lnzd"]
    table.pop("lnzd")
    number = {name: [float(cell.replace(",", "").strip() or 0) for cell in cells] for name, cells in table.items()}
    every = number.pop("all")
    for column in range(5):
        assert every[column] == pytest.approx(sum(cells[column] for cells in number.values()), abs=3), column
    assert every[5] == max(cells[5] for cells in number.values())


def test_every_module_that_is_synthesised_is_a_file():
    assert all((ROOT / "eiesim" / "rtl" / "sv" / f"{name}.sv").is_file() for name in synthesis.MODULES)
