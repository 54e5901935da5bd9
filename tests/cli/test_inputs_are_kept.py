"""No output ever replaces an input: every command and function, every input, every output, by whatever name.

The commands are walked as the command line has them, the functions as `eiesim/__init__.pyi` has them. A new path that
is not in `READ` or `WRITERS` fails here.
"""

import inspect
import json
import os
import re
import shutil
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import typer
from safetensors.numpy import save_file

import eiesim
from eiesim._io import atomic, kept
from eiesim.cli.app import Option, Role, command
from eiesim.files.huffman import save_huffman
from eiesim.files.members import members
from eiesim.files.sharded import INDEX
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
    "model": ("model.npz", "net/fc1.npz", "model.safetensors", "apart.onnx", "shards", f"shards/m{INDEX}"),
    "calibration": ("x.npy", "net/inputs.npy"),
    "name": ("net", "of_graph"),
    "dense": ("model.npz", "apart.onnx"),
    "pruned": ("model.npz", "apart.onnx"),
    "inputs": ("x.npy", "net/inputs.npy"),
    "masks": ("mask.npz",),
    "teacher": ("net", "model.npz", "apart.onnx"),
    "unlabelled": ("x.npy", "net/inputs.npy"),
    "dump": ("dump",),
    "liberty": ("cells.lib",),
}
"""What each parameter may name, in `world`."""

OF_ONNX = ("apart.onnx", "of_graph")
"""What needs extra [onnx]: a model whose tensors are in files beside it, and a network that was made of it."""


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
    save_file({f"{name}.weight": each for name, each in arrays.items()}, folder / "model.safetensors")
    (folder / "shards").mkdir()
    shards = {f"{name}.weight": f"m-{k}-of-00002.safetensors" for k, name in (("00001", "fc0"), ("00002", "fc1"))}
    for name, each in arrays.items():
        save_file({f"{name}.weight": each}, folder / "shards" / shards[f"{name}.weight"])
    (folder / "shards" / f"m{INDEX}").write_text(json.dumps({"weight_map": shards}))
    if find_spec("onnx"):
        model_in_parts(folder / "apart.onnx", arrays)
        eiesim.compress(folder / "apart.onnx", folder / "of_graph", check=False)
    return folder


def model_in_parts(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """An ONNX model with its weights in one file beside it, and those of an If's branch in another."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from onnx.external_data_helper import set_external_data, write_external_data_tensors

    def value(name: str, *shape: object) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    one, two = (numpy_helper.from_array(each, name) for name, each in arrays.items())
    bias = numpy_helper.from_array(np.ones(4, np.float32), "bias")
    for each, location in ((one, "apart.onnx.data"), (two, "apart.onnx.data"), (bias, "parts/bias.bin")):
        set_external_data(each, location)
    constant = helper.make_node("Constant", [], ["b"], value=bias)
    branch = helper.make_graph(
        [constant, helper.make_node("Add", ["h2", "b"], ["t"])], "then", [], [value("t", "n", 4)]
    )
    other = helper.make_graph([helper.make_node("Identity", ["h2"], ["e"])], "else", [], [value("e", "n", 4)])
    nodes = [
        helper.make_node("Gemm", ["x", "fc0"], ["h"], name="fc0", transB=1),
        helper.make_node("Gemm", ["h", "fc1"], ["h2"], name="fc1", transB=1),
        helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=other),
    ]
    yes = numpy_helper.from_array(np.array(True), "yes")
    graph = helper.make_graph(nodes, "g", [value("x", "n", 7)], [value("y", "n", 4)], [one, two, yes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (path.parent / "parts").mkdir()
    onnx.save(write_external_data_tensors(model, str(path.parent)), path)


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
    if given in OF_ONNX:
        pytest.importorskip("onnx", reason="needs extra [onnx]")
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


# --- from Python -----------------------------------------------------------------------------------------------------

WRITERS: dict[str, dict[str, Any]] = {
    "trace": {"source": "l.npz", "activations": "x.npy", "config": "machine.toml", "output": ".npz", "item": 0},
    "sweep": {"source": ["l.npz"], "inputs": ["x.npy"], "config": "machine.toml", "output": "", "parquet": ""},
    "sweep_rows": {"source": "net/fc0.npz", "inputs": "x.npy", "config": "machine.toml", "output": "", "parquet": ""},
    "compare": {"source": ["l.npz"], "inputs": "x.npy", "config": "machine.toml", "measured": ""},
}
"""Functions that write a file, with a call each: what its parameters name in `world`, and, of those that are written
to, which ending a name must have."""

FOLDERS: dict[str, dict[str, Any]] = {
    "compress": {"model": "model.npz", "calibration": "net/inputs/fc0.npy", "output": "net", "force": True},
    "train": {"inputs": "x.npy", "labels": "y.npy", "method": "2:4", "teacher": "net", "output": "net", "force": True},
    "balance_each": {"source": "l.npz", "inputs": "x.npy", "config": "out/random_1.npz", "output": "out"},
    "reproduce": {"dump": "dump", "output": "out"},
}
"""Functions that fill or make a folder, with a call that would replace one of its inputs."""

NO_INPUTS = {
    "save": "layer",
    "save_dump": "layer",
    "save_comparison": "found",
    "save_trained": "trained",
    "plot": "what",
}
"""What these write is given as an object: they name no file that they read. (A layer's folder must be new.)"""

NEW_ALONE = {"export_rtl"}
"""Makes a folder, and refuses one that holds anything."""

TARGETS = {"output", "parquet", "measured", "path", "folder"}


def test_every_function_that_writes_is_known():
    writing = {
        name
        for name in vars(eiesim)["__all__"]
        if inspect.isfunction(held := getattr(eiesim, name)) and TARGETS & set(inspect.signature(held).parameters)
    }
    reading = {name for name in writing if name.startswith("load")}
    assert writing - reading == {*WRITERS, *FOLDERS, *NO_INPUTS, *NEW_ALONE}
    for name, known in NO_INPUTS.items():
        others = set(inspect.signature(getattr(eiesim, name)).parameters) - TARGETS
        assert known in others
        assert not {"source", "inputs", "config", "model"} & others
    assert vars(eiesim.sweep_rows)["guarded"][1] == ("output", "parquet")


def named(value: Any, world: Path) -> Any:
    """A value with the paths in it as they are in `world`."""
    if isinstance(value, list):
        return [named(one, world) for one in value]
    return world / value if isinstance(value, str) and (world / value).exists() else value


@pytest.mark.parametrize(
    ("function", "target", "read"),
    [
        (function, target, read)
        for function, call in WRITERS.items()
        for target in sorted(TARGETS & set(call))
        for read in sorted(set(call) - TARGETS - {"item"})
    ],
)
def test_no_function_writes_over_what_it_is_given(world, function, target, read):
    call = WRITERS[function]
    if target == "parquet":
        pytest.importorskip("pyarrow")
    before = contents(world)
    (path,) = named(call[read], world) if isinstance(call[read], list) else [named(call[read], world)]
    given = {key: named(value, world) for key, value in call.items() if key not in TARGETS}
    for link in (os.symlink, os.link):
        called = world / f"~link{call[target] or path.suffix}"
        link(path, called)
        try:
            for over in (called, path) if not call[target] or path.suffix == call[target] else (called,):
                with pytest.raises(eiesim.EieError, match=r"is read.* and would be written over; give another name"):
                    getattr(eiesim, function)(**given, **{target: over})
        finally:
            called.unlink()
    assert contents(world) == before


@pytest.mark.parametrize("function", sorted(FOLDERS))
def test_nor_does_one_that_fills_a_folder(world, tmp_path, monkeypatch, function):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)
    Path("out").mkdir()
    if function == "balance_each":
        Path("out/random_1.npz").write_text("pes = 2\n")
        Path("out/random_1-order.npy").write_text("x")
    if function == "reproduce":
        os.link("dump/arithm.dat", "out/report.html")
    before = contents(tmp_path)
    with pytest.raises(eiesim.EieError, match=r"is read.* and would be written over"):
        getattr(eiesim, function)(**FOLDERS[function])
    assert contents(tmp_path) == before


def test_what_is_read_in_several_threads_is_kept_until_the_last_ends(tmp_path):
    """The blocks end in any order: the first to begin took the others' files with it, or left its own for ever."""
    one, two = tmp_path / "one", tmp_path / "two"
    for path in (one, two):
        path.write_text("mine")
    first, second = kept.kept([one, two]), kept.kept([one])
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    with pytest.raises(eiesim.EieError, match="is read"):
        atomic.check_target(one)
    atomic.check_target(two)
    second.__exit__(None, None, None)
    atomic.check_target(one)

    def many() -> None:
        for _ in range(200):
            with kept.kept([one]):
                pass

    threads = [threading.Thread(target=many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    atomic.check_target(one)
