"""The commands: what they print where, and what they write."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

import eiesim
from eiesim.cli.screen import COMPILING, Screen
from tests.cases import Answer, cli, random_layer

PACKAGE = Path(eiesim.__file__).resolve().parents[1]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """a.npz (7 -> 9) and b.npz (9 -> 4), one input x.npy, a batch xs.npy."""
    eiesim.save(random_layer(1, 9, 7), tmp_path / "a.npz")
    eiesim.save(random_layer(2, 4, 9, activation="none"), tmp_path / "b.npz")
    rng = np.random.default_rng(3)
    np.save(tmp_path / "x.npy", rng.random(7).astype(np.float32))
    np.save(tmp_path / "xs.npy", rng.random((3, 7)).astype(np.float32))
    return tmp_path


def test_run_prints_a_table_on_standard_output_alone(files: Path) -> None:
    answer = cli("run", files / "a.npz", "--input", files / "x.npy", "--pes", 4)
    assert (answer.status, answer.err) == (0, "")
    result = eiesim.simulate(random_layer(1, 9, 7), np.load(files / "x.npy"), eiesim.MachineConfig(pes=4))
    lines = [line.split() for line in answer.out.splitlines()]
    assert ["│", "cycles", "│", f"{result.cycles:,}", "│"] in lines
    assert ["│", "entries", "│", f"{result.counters.entries:,}", "│"] in lines
    assert cli("run", files / "a.npz", "--input", files / "x.npy", "--quiet") == Answer(0, "", "")


def but_for_the_command(text: str) -> Any:
    """A result JSON as every way to make it gives it."""
    found = json.loads(text)
    del found["provenance"]["command"]
    return found


@pytest.mark.parametrize("given", ["x.npy", "xs.npy"])
def test_json_on_standard_output_is_pure(files: Path, given: str) -> None:
    answer = cli("run", files / "a.npz", files / "b.npz", "--input", files / given, "--json", "-", "--pes", 3)
    expected = eiesim.simulate(
        [random_layer(1, 9, 7), random_layer(2, 4, 9, activation="none")],
        np.load(files / given),
        eiesim.MachineConfig(pes=3),
    )
    assert but_for_the_command(answer.out) == but_for_the_command(expected.to_json())
    assert "random 2" in answer.err
    answer = cli("run", files / "a.npz", files / "b.npz", "-i", files / given, "--pes", 3, "--json", files / "r.json")
    assert "random 2" in answer.out
    assert but_for_the_command((files / "r.json").read_text()) == but_for_the_command(expected.to_json())


@pytest.mark.parametrize("given", ["x.npy", "xs.npy"])
@pytest.mark.parametrize("arithmetic", ["float32", "fixed32", "fixed16"])
def test_output_is_the_next_runs_input(files: Path, given: str, arithmetic: str) -> None:
    chosen = ["--set", f"arithmetic={arithmetic}", "--quiet"]
    assert cli("run", files / "a.npz", "-i", files / given, "-o", files / "mid.npy", *chosen).status == 0
    middle = np.load(files / "mid.npy", allow_pickle=False)
    assert middle.dtype == np.float32
    assert middle.shape == (*np.load(files / given).shape[:-1], 9)
    assert cli("run", files / "b.npz", "-i", files / "mid.npy", "-o", files / "out.npy", *chosen).status == 0
    both = ["run", files / "a.npz", files / "b.npz", "-i", files / given, "-o", files / "both.npy", *chosen]
    assert cli(*both).status == 0
    # Between layers of one run fixed32 keeps all its bits; a file of float32 keeps 24 of them.
    rounding = 1e-6 if arithmetic == "fixed32" else 0
    np.testing.assert_allclose(np.load(files / "out.npy"), np.load(files / "both.npy"), rtol=rounding, strict=True)


def config_of(*arguments: object) -> dict[str, object]:
    answer = cli("run", *arguments, "--quiet", "--json", "-")
    assert answer.status == 0, answer.err
    found: dict[str, object] = json.loads(answer.out)["config"]
    return found


def test_where_the_configuration_comes_from(files: Path) -> None:
    """A file or preset, then the named options, then --set; the later ones win."""
    good = (files / "a.npz", "-i", files / "x.npy")
    default = eiesim.MachineConfig().model_dump()
    assert config_of(*good) == default
    assert config_of(*good, "--config", "isca16-simulator") == {**default, "queue_depth": 7, "arithmetic": "float32"}
    (files / "m.toml").write_text("pes = 2\nqueue_depth = 3\nspmat_width = 128\n")
    of_file = {**default, "pes": 2, "queue_depth": 3, "spmat_width": 128}
    assert config_of(*good, "--config", files / "m.toml") == of_file
    options = ("--pes", 5, "--queue-depth", 6, "--spmat-width", 32)
    named = {"pes": 5, "queue_depth": 6, "spmat_width": 32}
    assert config_of(*good, "--config", files / "m.toml", *options) == {**default, **named}
    settings = ("--set", "pes=7", "--set", "clock_mhz=1200", "--set", "arithmetic=fixed8", "--set", "output_frac=3")
    last = {"pes": 7, "clock_mhz": 1200.0, "arithmetic": "fixed8", "output_frac": 3}
    assert config_of(*good, *options, *settings) == {**default, **named, **last}


@pytest.mark.parametrize("engine", ["clocked", "recurrence"])
def test_engines_by_name(files: Path, engine: str) -> None:
    answer = cli("run", files / "a.npz", "-i", files / "x.npy", "-q", "--json", "-", "--engine", engine)
    found = but_for_the_command(answer.out)
    assert found.pop("engine") == engine
    default = but_for_the_command(cli("run", files / "a.npz", "-i", files / "x.npy", "-q", "--json", "-").out)
    assert default.pop("engine") == "recurrence"
    assert found == default


def test_exceeded_memories_are_warnings_and_with_strict_errors(files: Path) -> None:
    arguments = [
        "run",
        files / "a.npz",
        "-i",
        files / "x.npy",
        "--set",
        "pointer_bytes=2",
        "--energy-model",
        "published",
    ]
    answer = cli(*arguments, "--json", "-")
    line = "random 1: pointer_sram: needs 66 pointers a PE, holds 1"
    assert answer.status == 0
    assert answer.err.endswith(f"warning: {line}\n")
    assert cli(*arguments, "--quiet") == Answer(0, "", "")
    assert json.loads(answer.out)["layers"][0]["warnings"] == [line.removeprefix("random 1: ")]
    strict = cli(*arguments, "--strict", "--output", files / "out.npy")
    assert (strict.status, strict.out, strict.err) == (2, "", f"eiesim: --strict: {line}\n")
    assert not (files / "out.npy").exists()


def test_a_long_warning_stays_one_line(files: Path) -> None:
    eiesim.save(eiesim.CompressedLayer.from_dense(np.eye(3), name="long " * 40), files / "long.npz")
    np.save(files / "three.npy", np.ones(3, np.float32))
    answer = cli(
        "run",
        files / "long.npz",
        "-i",
        files / "three.npy",
        "--set",
        "pointer_bytes=2",
        "--energy-model",
        "published",
    )
    assert answer.err.count("\n") == 1
    assert answer.err.startswith("warning: long long")


def test_a_dump_brings_its_own_input(files: Path) -> None:
    layer, x = random_layer(4, 9, 7), np.arange(7, dtype=np.float32)
    eiesim.save_dump(layer, x, files / "dump", pes=2)
    config = eiesim.MachineConfig(pes=5)
    for extra, values in (((), x), (("-i", files / "x.npy"), np.load(files / "x.npy"))):
        answer = cli("run", files / "dump", "--pes", 5, "--json", "-", "-q", "--rows", 12, *extra)
        found = json.loads(answer.out)["layers"][0]
        assert (found["name"], found["rows"]) == ("dump", 12)
        assert found["cycles"] == eiesim.simulate(layer, values, config).cycles


def test_a_network_folder(files: Path) -> None:
    (files / "network.toml").write_text(
        "format = 'eiesim-network/1'\n[[layers]]\nfile = 'a.npz'\n[[layers]]\nfile = 'b.npz'\n"
    )
    as_folder = cli("run", files, "-i", files / "xs.npy", "-q", "--json", "-").out
    as_list = cli("run", files / "a.npz", files / "b.npz", "-i", files / "xs.npy", "-q", "--json", "-").out
    assert but_for_the_command(as_folder) == but_for_the_command(as_list)


def test_table_3_layers() -> None:
    answer = cli("run", "table3:NT-We", "--seed", 3, "--density", 0.01, "--variation", 0.2, "-q", "--json", "-")
    layer, activations = eiesim.workload("NT-We", 3, density=0.01, variation=0.2)
    expected = eiesim.simulate(layer, activations)
    (record,), (right,) = json.loads(answer.out)["layers"], json.loads(expected.to_json())["layers"]
    assert (record.pop("seed"), record.pop("variation")) == (3, 0.2)
    assert (right.pop("seed"), right.pop("variation")) == (None, None)
    assert record == right
    assert json.loads(answer.out)["layers"][0]["counters"]["broadcasts"] == 4096


def test_layers_lists_table_3() -> None:
    answer = cli("layers")
    assert (answer.status, answer.err) == (0, "")
    rows = [line.split() for line in answer.out.splitlines()]
    assert any(row[1:10:2] == ["Alex-6", "9,216", "4,096", "9%", "35.1%"] for row in rows)
    names = [row[1] for row in rows if len(row) > 1 and "-" in row[1]]
    assert names == ["Alex-6", "Alex-7", "Alex-8", "VGG-6", "VGG-7", "VGG-8", "NT-We", "NT-Wd", "NT-LSTM"]


def test_inspect_shows_what_a_layer_is(files: Path) -> None:
    answer = cli("inspect", files / "a.npz", files / "b.npz", "--pes", 2)
    assert (answer.status, answer.err) == (0, "")
    layer = random_layer(1, 9, 7)
    interleaved = eiesim.interleave(layer, 2)
    entries = interleaved.entries_per_pe
    for fact in (
        "random 1 on 2 PEs",
        "random 2 on 2 PEs",
        f"{layer.density:.2%}",
        f"{entries.min():,}, {entries.mean():,.1f}, {entries.max():,}",
        "pointer_sram",
    ):
        assert fact in answer.out


def test_inspect_lists_what_events_cost(files: Path) -> None:
    answer = cli("inspect", files / "a.npz", "--energy", "--spmat-width", 128, "--json", files / "costs.json")
    assert (answer.status, answer.err) == (0, "")
    costs = eiesim.energy_table({"spmat_width": 128}).to_frame()
    told = json.loads((files / "costs.json").read_text(encoding="utf-8"))["energy_per_event"]
    assert told == costs.to_dict("records")
    assert "Energy an event, estimated: 64 PEs, fixed16, 800 MHz (activity)" in answer.out
    assert all(event in answer.out for event in costs.event)
    answer = cli("inspect", files / "a.npz", "--energy", "--set", "spmat_bytes=1000000000")
    assert (answer.status, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert "energy_per_event" not in cli("inspect", files / "a.npz", "--json", "-").out


def test_version_and_help() -> None:
    answer = cli("--version")
    assert (answer.status, answer.out, answer.err) == (0, f"eiesim {eiesim.__version__}\n", "")
    for arguments in (["--help"], ["-h"], ["run", "--help"], ["inspect", "-h"], ["layers", "--help"]):
        answer = cli(*arguments)
        assert (answer.status, answer.err) == (0, "")
        assert "Usage" in answer.out


def as_program(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_waits_for_nothing_heavy(arguments: list[str]) -> None:
    code = """
import atexit, sys
heavy = ("numba", "numpy", "scipy", "pandas", "matplotlib", "simpy")
atexit.register(lambda: print("HEAVY", [name for name in heavy if name in sys.modules]))
from eiesim.cli import main
main()
"""
    ended = as_program(code, *arguments)
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1] == "HEAVY []"


def test_python_m_eiesim(files: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "eiesim", "run", "a.npz", "-i", "xs.npy", "--json", "-"],
        cwd=files,
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["format"] == "eiesim-result/1"
    assert "Traceback" not in ended.stderr


def test_a_reader_that_stops_early_is_no_error(files: Path) -> None:
    """`eiesim run ... --json - | head` ends without a message."""
    with subprocess.Popen(
        [sys.executable, "-m", "eiesim", "run", "a.npz", "-i", "x.npy", "-q", "--json", "-"],
        cwd=files,
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""


def test_a_run_imports_only_what_it_uses(files: Path) -> None:
    """With the kernels in the cache, after a first run."""
    code = """
import atexit, sys
unused = (
    "scipy.linalg", "scipy.sparse", "pandas", "matplotlib", "simpy", "joblib", "numba.np.arrayobj", "numba.np.linalg",
    "torch", "onnx", "eiesim.evaluation", "eiesim.compression.pipeline", "eiesim.api",
)
atexit.register(lambda: print("UNUSED", [name for name in unused if name in sys.modules], file=sys.stderr))
from eiesim.cli import main
main()
"""
    run = ["run", str(files / "a.npz"), "-i", str(files / "xs.npy")]
    assert as_program(code, *run).returncode == 0
    assert as_program(code, *run).stderr.splitlines() == ["UNUSED []"]


def test_the_first_run_says_that_it_compiles_and_the_second_does_not(files: Path, tmp_path: Path) -> None:
    code = "import os, sys; os.environ['NUMBA_CACHE_DIR'] = sys.argv.pop(1); from eiesim.cli import main; main()"
    run = [str(tmp_path / "cache"), "run", str(files / "a.npz"), "-i", str(files / "xs.npy"), "--json", "-"]
    (tmp_path / "cache").mkdir()
    first = as_program(code, *run)
    second = as_program(code, *run)
    assert first.stderr.splitlines().count(COMPILING) == 1
    assert COMPILING not in second.stderr
    assert json.loads(first.stdout) == json.loads(second.stdout)


def test_quiet_does_not_say_that_it_compiles(capsys: pytest.CaptureFixture[str]) -> None:
    kernels = logging.Logger("kernels")
    with mock.patch("logging.getLogger", return_value=kernels):
        for quiet in (False, True):
            Screen(quiet)
            for name in ("one", "another"):
                kernels.info("compiling %s", name)
            assert capsys.readouterr() == ("", "" if quiet else f"{COMPILING}\n")
