"""No output ever replaces an input: every command, every input, every output, by whatever name.

The commands are walked as the command line has them. A new path that is not in `WORLD` fails here.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import typer

import eiesim
from eiesim.cli.app import Option, Role, command
from eiesim.files.huffman import save_huffman
from eiesim.files.members import members
from tests import walk
from tests.cases import cli, random_layer

COMMANDS = dict(walk.commands())

READ: dict[str, tuple[str, ...]] = {
    "layers": ("l.npz", "l.huff", "net", "dump", "net/fc0.npz"),
    "layer": ("l.npz", "net", "dump"),
    "input": ("x.npy", "net/inputs/fc1.npy"),
    "labels": ("y.npy", "net/labels.npy"),
    "config": ("machine.toml", "net/network.toml"),
    "energy_table": ("energy.toml",),
    "model": ("model.npz", "net/fc1.npz"),
    "calibration": ("x.npy", "net/inputs.npy"),
    "name": ("net",),
    "dense": ("model.npz",),
    "pruned": ("model.npz",),
    "inputs": ("x.npy", "net/inputs.npy"),
    "masks": ("mask.npz",),
    "teacher": ("net", "model.npz"),
    "dump": ("dump",),
    "liberty": ("cells.lib",),
}
"""What each parameter may name, in `WORLD`."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    eiesim.save(random_layer(1, 9, 7), folder / "l.npz")
    save_huffman(random_layer(1, 9, 7), folder / "l.huff")
    rng = np.random.default_rng(2)
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in (("fc0", (6, 7)), ("fc1", (4, 6)))}
    np.savez(folder / "model.npz", **{f"{name}.weight": each for name, each in arrays.items()})
    np.savez(folder / "mask.npz", **arrays)
    x = rng.random((3, 7)).astype(np.float32)
    eiesim.compress(folder / "model.npz", folder / "net", calibration=x, huffman=True)
    for name, values in (("x.npy", x), ("y.npy", np.array([1, 2, 3]))):
        np.save(folder / name, values)
    np.save(folder / "net/inputs.npy", x)
    np.save(folder / "net/labels.npy", np.array([1, 2, 3]))
    eiesim.save_dump(random_layer(1, 9, 7), x[0], folder / "dump", pes=2)
    (folder / "machine.toml").write_text("pes = 2\n")
    (folder / "energy.toml").write_text("name = 'mine'\n")
    (folder / "cells.lib").write_text("library (cells) {}\n")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name[0] != "~"}


def cases() -> list[tuple[str, str, str, str]]:
    """(command, what it reads, what that names, what it writes)."""
    found = []
    for name, held in COMMANDS.items():
        by_role: dict[Role | None, list[Any]] = {}
        for parameter in held.params:
            by_role.setdefault(walk.role(held, parameter), []).append(parameter)
        for read in by_role.get(Role.READS, []):
            for target in by_role.get(Role.WRITES, []):
                found += [(name, read.name, each, target.name) for each in READ[read.name]]
    return found


def line(name: str, read: str, given: Path, world: Path) -> list[str]:
    """A command that reads what is given, with whatever else it needs."""
    words = name.split()
    for parameter in COMMANDS[name].params:
        if parameter.name == read:
            words += walk.words(parameter, given)
        elif parameter.required and walk.role(COMMANDS[name], parameter) is Role.READS:
            words += walk.words(parameter, world / READ[parameter.name][0])
        elif walk.role(COMMANDS[name], parameter) is Role.MAKES:
            words += walk.words(parameter, world / "made")
    return [*words, "-o", str(world / "out")] if name == "compare" else words


def test_there_is_a_file_for_every_input():
    """What the walk below does not reach is no path."""
    for name, held in COMMANDS.items():
        for parameter in held.params:
            told = str(getattr(parameter, "metavar", None) or "")
            if walk.role(held, parameter) is None:
                assert not re.search("FILE|DIR|LAYER(?!=)|NETWORK", told), (name, parameter.name)
    assert len(cases()) > 60


@pytest.mark.parametrize(("name", "read", "given", "output"), cases())
def test_no_file_is_written_over_one_that_is_read(world, name, read, given, output):
    (target,) = (one for one in COMMANDS[name].params if one.name == output)
    before = contents(world)
    files = [path for path in members(world / given) if path.exists()]
    assert files
    for path in files:
        symbolic, hard = world / "~symbolic", world / "~hard"
        symbolic.symlink_to(path)
        os.link(path, hard)
        try:
            for called in (path, symbolic, hard):
                answer = cli(*line(name, read, world / given, world), *walk.words(target, called))
                assert (answer.status, answer.out) == (2, ""), called
                assert "is read" in answer.err, answer.err
                assert answer.err.count("\n") == 1
        finally:
            symbolic.unlink()
            hard.unlink()
    assert contents(world) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "net/inputs.npy", "net/labels.npy", "--method", "2:4", "-o", "net", "--force"),
        ("train", "x.npy", "y.npy", "--method", "2:4", "--teacher", "net", "-o", "net", "--force"),
        ("train", "x.npy", "y.npy", "--mask", "net/fc0.npz", "-o", "net", "--force"),
        ("compress", "model.npz", "-c", "net/inputs/fc0.npy", "-o", "net", "--force"),
        ("train", "x.npy", "y.npy", "--method", "2:4", "--json", "x.npy", "-o", "new"),
        ("sweep", "net", "--parquet", "net/network.toml"),
        ("accuracy", "net", "--json", "net/labels.npy"),
        ("rtl", "export", "l.npz", "-i", "x.npy", "-o", "net"),
    ],
)
def test_nor_is_a_folder(world, monkeypatch, arguments):
    monkeypatch.chdir(world)
    before = contents(world)
    answer = cli(*arguments)
    assert (answer.status, answer.out, answer.err.count("\n")) == (2, "", 1), answer.err
    assert contents(world) == before


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (("run", "l.npz", "-i", "x.npy", "--formats", "svg", "--plot", "out"), "pe_load.svg"),
        (("compare", "l.npz", "-i", "x.npy", "--no-plots", "-o", "out"), "eie.csv"),
        (("compare", "l.npz", "-i", "x.npy", "--no-plots", "-o", "out"), "area.csv"),
        (("sweep", "l.npz", "-i", "x.npy", "--pes", "1,2", "--formats", "svg", "--plot", "out"), "fig11_speedup.svg"),
        (("balance", "l.npz", "-i", "x.npy", "--save", "out"), "random_1.npz"),
    ],
)
def test_nor_a_file_in_a_folder_that_is_filled(world, tmp_path, monkeypatch, arguments, written):
    """The names of these files are known only when they are written."""
    monkeypatch.chdir(world)
    out = [str(tmp_path) if one == "out" else one for one in arguments]
    first = cli(*out)
    assert first.status == 0, first.err
    written = next((path for path in tmp_path.iterdir() if path.name == written), min(tmp_path.iterdir()))
    written.write_text("pes = 2\n")
    answer = cli(*out, "--config", written)
    assert answer.status == 2
    assert "is read and would be written over" in answer.err or "is not balance's" in answer.err, answer.err
    assert written.read_text() == "pes = 2\n"


def test_a_model_in_the_folder_that_it_makes_stays(world, tmp_path):
    """`compress net/model.npz -o net --force` replaces the layers, not the model."""
    net = tmp_path / "net"
    eiesim.compress(world / "model.npz", net)
    (net / "model.npz").write_bytes((world / "model.npz").read_bytes())
    for _ in range(2):
        assert cli("compress", net / "model.npz", "-o", net, "--force", "-q").status == 0
        assert (net / "model.npz").read_bytes() == (world / "model.npz").read_bytes()


def test_results_may_be_replaced(world, monkeypatch):
    """What is no input is written over, also in the folder of a network."""
    monkeypatch.chdir(world)
    for _ in range(2):
        assert cli("run", "net", "-q", "--json", "net/result.json", "-o", "net/out.npy").status == 0
    for name in ("result.json", "out.npy"):
        (world / "net" / name).unlink()


def test_a_path_that_says_not_what_is_done_with_it_is_refused():
    with pytest.raises(TypeError, match="file: names files, and says not whether"):

        @command(to=typer.Typer())
        def forgetful(file: Annotated[Path, Option("A file.")]) -> None:
            """Forget the role."""
