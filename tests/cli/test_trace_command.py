"""The commands trace and critical-path, as a user starts them."""

import json

import numpy as np
import pytest

import eiesim
from tests.cases import cli, random_layer


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A folder with a layer, an input, a batch, and a network of two layers."""
    monkeypatch.chdir(tmp_path)
    first, second = random_layer(1, 30, 40), random_layer(2, 12, 30)
    rng = np.random.default_rng(0)
    eiesim.save(first, "layer.npz")
    np.save("x.npy", rng.random(40, dtype=np.float32))
    np.save("batch.npy", rng.random((3, 40), dtype=np.float32) * (rng.random((3, 40)) < 0.5))
    (tmp_path / "net").mkdir()
    for name, layer in (("first", first), ("second", second)):
        eiesim.save(layer, f"net/{name}.npz")
    (tmp_path / "net" / "network.toml").write_text(
        "format = 'eiesim-network/1'\n[[layers]]\nfile = 'first.npz'\n[[layers]]\nfile = 'second.npz'\n"
    )
    return tmp_path


def test_a_picture_in_the_terminal(world, monkeypatch):
    for columns in ("40", "120"):
        monkeypatch.setenv("COLUMNS", columns)
        answer = cli("trace", "layer.npz", "-i", "x.npy", "--pes", 4)
        assert (answer.status, answer.err) == (0, "")
        assert all(len(line) <= int(columns) for line in answer.out.splitlines())
        for p in range(4):
            assert f"PE {p} " in answer.out
        assert "LNZD" in answer.out
        assert "(simulated)" in answer.out


@pytest.mark.parametrize("suffix", ["npz", "png", "svg", "pdf"])
def test_the_suffix_says_what_is_written(world, suffix):
    answer = cli("trace", "layer.npz", "-i", "x.npy", "--pes", 4, "--cycles", "5:20", "-o", f"t.{suffix}")
    assert (answer.status, answer.out, answer.err) == (0, "", "")
    assert (world / f"t.{suffix}").stat().st_size > 500


def test_the_trace_is_that_of_the_very_run(world):
    """A later layer of a network, one item of a batch: the cycles are those that `run` reports."""
    assert cli("run", "net", "-i", "batch.npy", "--pes", 4, "--json", "run.json", "-q").status == 0
    layers = json.loads((world / "run.json").read_text())["layers"]
    for place, layer in enumerate(layers):
        for item in range(3):
            answer = cli("trace", "net", "-i", "batch.npy", "--pes", 4, "--layer", layer["name"], "--item", item,
                         "-o", "t.npz")  # fmt: skip
            assert answer.status == 0, answer
            with np.load("t.npz") as file:
                assert file["total_cycles"] == layer["batch"]["cycles"][item], (place, item)
            path = cli("critical-path", "net", "-i", "batch.npy", "--pes", 4, "--layer", layer["name"], "--item", item,
                       "--json", "-", "-q")  # fmt: skip
            assert json.loads(path.out)["cycles"] == layer["batch"]["cycles"][item]


def test_only_some_pes_and_cycles(world):
    assert cli("trace", "layer.npz", "-i", "x.npy", "--pes", 4, "--show-pes", "3,1", "--cycles", "5:9", "-o", "t.npz")
    whole = eiesim.trace(eiesim.load("layer.npz"), np.load("x.npy"), eiesim.MachineConfig(pes=4))
    with np.load("t.npz") as file:
        assert file["shown"].tolist() == [3, 1]
        assert (file["state"] == whole.state[[3, 1], 4:8]).all()


def test_critical_path(world):
    answer = cli("critical-path", "layer.npz", "-i", "x.npy", "--pes", 4, "--json", "p.json")
    assert answer.status == 0
    path = json.loads((world / "p.json").read_text())
    assert path["format"] == "eiesim-critical-path/1"
    assert sum(segment["cycles"] for segment in path["segments"]) == path["cycles"]
    assert f"{path['cycles']} cycles" in answer.out
    by_what = {change["what"]: change["cycles"] for change in path["changes"]}
    layer, x = eiesim.load("layer.npz"), np.load("x.npy")
    assert by_what["2 PEs"] == eiesim.simulate(layer, x, eiesim.MachineConfig(pes=2)).cycles
    order = eiesim.balance(layer, x, eiesim.MachineConfig(pes=4)).assignments[1].cycles
    assert by_what["rows balanced by their weights"] == order


@pytest.mark.parametrize("columns", [60, 72, 80, 90, 100])
def test_no_number_of_what_would_help_is_cut(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    path = eiesim.critical_path("example:lenet-300-100", layer="ip2", item=73)
    out = cli("critical-path", "example:lenet-300-100", "--layer", "ip2", "--item", 73).out
    table = out[out.index("what would help") :].partition("\nip2: ")[0]
    assert all(len(line) <= columns for line in table.splitlines())
    for change in path.verdict.changes:
        assert f"{change.energy_delay_uj_us:,.3g}" in table
    assert table.count("%") == 2 * (len(path.verdict.changes) - 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cycles", "5"], "is not A:B"),
        (["--cycles", "5:5"], "holds none"),
        (["--cycles", "0:5"], "numbered from 1"),
        (["--cycles", "99999:100000"], "the run ends in cycle"),
        (["--show-pes", "4"], "PE 4: the machine has 4"),
        (["--show-pes", "x"], "not a whole number"),
        (["--item", "3"], "item = 3"),
        (["--layer", "fc9"], "no layer is called 'fc9'"),
        (["--set", "weights=streamed"], "resident"),
        (["-o", "t.gif"], "a trace is written as"),
        (["-o", "nowhere/t.png"], "is no folder"),
    ],
)
def test_what_makes_no_sense_is_one_line(world, arguments, words):
    before = sorted(world.rglob("*"))
    answer = cli("trace", "layer.npz", "-i", "x.npy", "--pes", 4, *arguments)
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.count("\n") == 1
    assert words in answer.err
    assert sorted(world.rglob("*")) == before


def test_run_draws_a_heat_map_of_every_layer(world):
    answer = cli("run", "net", "-i", "batch.npy", "--pes", 4, "--plot", "plots", "-q")
    assert (answer.status, answer.out) == (0, "")
    names = {path.name for path in (world / "plots").iterdir()}
    layers = [layer.name for layer in eiesim.load_network("net").layers]
    made = {
        f"heat_map_{k}_{name.replace(' ', '_')}.{kind}" for k, name in enumerate(layers, 1) for kind in ("png", "svg")
    }
    assert made <= names
    assert {"pe_cycles.png", "pe_load.svg"} <= names
    streamed = ("--set", "weights=streamed", "--plot", "none")
    assert cli("run", "net", "-i", "batch.npy", "--pes", 4, "-q", *streamed).status == 0
    assert not list((world / "none").glob("heat_map*"))
