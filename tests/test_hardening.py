"""What a structured attack found, class by class (docs/security.md): each promise in a named test."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import eiesim
from eiesim import EieError
from eiesim._io import memory
from eiesim._io.parent import end_with_parent
from eiesim.compression import pipeline
from eiesim.files import npz
from eiesim.files.huffman import load_huffman, save_huffman
from tests.cases import cli, random_layer
from tests.fuzzing import in_time

PACKAGE = Path(eiesim.__file__).resolve().parents[1]
COLS = 7


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working directory, with a layer, its input, and a trained model."""
    monkeypatch.chdir(tmp_path)
    eiesim.save(random_layer(1, 9, COLS), "layer.npz")
    np.save("x.npy", np.ones(COLS, np.float32))
    np.savez("model.npz", **{"fc.weight": np.random.default_rng(1).normal(size=(4, COLS)).astype(np.float32)})
    return tmp_path


def refused(*arguments, word=""):
    answer = cli(*arguments)
    assert answer.status == 2, answer
    last = answer.err.splitlines()[-1]
    assert last.startswith("eiesim: ")
    assert word in last
    return last


# --- 1: nothing of the user's is ever deleted ------------------------------------------------------------------------


def test_force_keeps_the_users_files(here):
    compress = ("compress", "model.npz", "-o", "net", "-q")
    assert cli(*compress, "--huffman").status == 0
    for name in ("inputs.npy", "labels.npy", "notes.txt"):
        (here / "net" / name).write_text("mine")
    refused(*compress, word="--force")
    assert cli(*compress, "--force").status == 0
    assert {path.name for path in (here / "net").iterdir()} == {
        *("inputs.npy", "labels.npy", "notes.txt"),
        *("fc.npz", "network.toml", "report.json", ".eiesim-written.json"),
    }
    assert (here / "net" / "inputs.npy").read_text() == "mine"


def test_force_does_not_replace_what_compress_did_not_make(here):
    (here / "net").mkdir()
    eiesim.save(random_layer(1, 9, COLS), "net/fc.npz")
    (here / "net" / "network.toml").write_text("format = 'eiesim-network/1'\n[[layers]]\nfile = 'fc.npz'\n")
    refused("compress", "model.npz", "-o", "net", "--force", word="not made by eiesim")


def test_a_users_file_with_a_new_files_name_is_not_replaced(here):
    cli("compress", "model.npz", "-o", "net", "-q")
    for name in ("fc.huff/mine", "inputs/fc.npy"):
        (here / "net" / name).parent.mkdir(exist_ok=True)
        (here / "net" / name).write_text("mine")
    np.save("c.npy", np.ones((2, COLS), np.float32))
    for option in (("--huffman",), ("-c", "c.npy")):
        refused("compress", "model.npz", "-o", "net", "--force", *option, word="is not eiesim's")
    assert cli("compress", "model.npz", "-o", "net", "--force", "-q").status == 0
    for name in ("fc.huff/mine", "inputs/fc.npy"):
        assert (here / "net" / name).read_text() == "mine"


def test_balance_gives_layers_of_one_name_two_files(here):
    for name in ("a", "b"):
        (here / name).mkdir()
        eiesim.save(replace(random_layer(1, 9, COLS), name="layer"), f"{name}/layer.npz")
    assert cli("balance", "a/layer.npz", "b/layer.npz", "-i", "x.npy", "--save", "d", "-q").status == 0
    saved = ["layer-2-order.npy", "layer-2.npz", "layer-order.npy", "layer.npz"]
    assert sorted(path.name for path in (here / "d").iterdir()) == saved
    refused("balance", "a/layer.npz", "-i", "x.npy", "--save", "a", word="name another folder")


@pytest.mark.parametrize(
    ("outputs", "word"),
    [
        (("-o", "out", "--json", "out"), "written twice"),
        (("-o", "out", "--json", "./out"), "written twice"),
        (("-o", "x.npy"), "written over"),
        (("--json", "layer.npz"), "written over"),
        (("-o", "missing/out"), "no folder"),
        (("-o", "a" * 300), "too long"),
        (("-o", "."), "folder"),
    ],
)
def test_outputs_are_checked_before_the_work(here, outputs, word):
    before = {path: path.read_bytes() for path in here.iterdir()}
    refused("run", "layer.npz", "-i", "x.npy", *outputs, word=word)
    assert {path: path.read_bytes() for path in here.iterdir()} == before


def test_leftovers_of_a_killed_run_go_with_the_next(here):
    left = [here / ".eiesim-abcdefgh.part", here / ".eiesim-ijklmnop.part" / "file"]
    left[1].parent.mkdir()
    for path in left:
        path.write_text("left")
    (here / ".eiesim-notes").write_text("mine")
    assert cli("run", "layer.npz", "-i", "x.npy", "-o", "o.npy", "-q").status == 0
    assert [path.name for path in here.iterdir() if path.name.startswith(".")] == [".eiesim-notes"]


def test_a_foreign_record_moves_nothing_out_of_its_folder(here):
    """A folder from elsewhere may bring a record of its own making."""
    (here / "in").mkdir()
    (here / "in" / ".eiesim-x.part").write_text("evil")
    for target in ("../model.npz", str(here / "model.npz")):
        (here / "in" / ".eiesim-commit.json").write_text(json.dumps([[".eiesim-x.part", target]]))
        before = (here / "model.npz").read_bytes()
        assert cli("run", "layer.npz", "-i", "x.npy", "-o", "in/o.npy", "-q").status == 0
        assert (here / "model.npz").read_bytes() == before


# --- 2, 3: one boundary, where errors become one line ----------------------------------------------------------


def program(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "eiesim", *arguments],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [["layers"], ["run", "layer.npz", "-i", "x.npy", "--json", "-", "-o", "o.npy"]])
def test_a_full_or_closed_standard_output_is_one_line(here, arguments):
    # Where kernels are not compiled yet, a note says so once: not in what is counted here.
    program(*arguments, stdout=subprocess.DEVNULL)
    (here / "o.npy").unlink(missing_ok=True)
    with open("/dev/full", "w") as full:
        ended = program(*arguments, stdout=full)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "standard output" in ended.stderr
    closed = program(*arguments, preexec_fn=lambda: os.close(1))
    assert (closed.returncode, closed.stderr.count("\n")) == (2, 1)
    assert not (here / "o.npy").exists()


def test_a_deleted_working_directory_is_one_line(here):
    (here / "gone").mkdir()
    code = "import os; os.chdir('gone'); os.rmdir('../gone'); from eiesim.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code, "run", "x.npz"],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr


NAMES = ["[/x]", "[red]x", r"$\frac$", "[bold", "$", "a" * 5000]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_as_they_are(here, name):
    eiesim.save(replace(random_layer(1, 9, COLS), name=name), "odd.npz")
    for command in ("run", "inspect", "balance"):
        answer = cli(command, "odd.npz", *(() if command == "inspect" else ("-i", "x.npy")))
        assert answer.status == 0, answer.err
        assert "".join(name[:8].split()) in "".join(answer.out.split())


@pytest.mark.parametrize("name", [r"$\frac$", "$x$", "[/x]"])
def test_plots_draw_names_letter_by_letter(here, name):
    eiesim.save(replace(random_layer(1, 9, COLS), name=name), "odd.npz")
    answer = cli("sweep", "odd.npz", "-i", "x.npy", "--pes", "1,2", "--plot", "plots", "-q")
    assert answer.status == 0, answer.err
    assert list((here / "plots").glob("*.png"))


# --- 4: values -------------------------------------------------------------------------------------------------------

SWEEP = ("sweep", "layer.npz", "-i", "x.npy")


@pytest.mark.parametrize(
    "arguments",
    [
        (*SWEEP, "--pes", "[1]"),
        (*SWEEP, "--pes", "{}"),
        (*SWEEP, "--pes", "9" * 5000),
        (*SWEEP, "--pes", "1:" + "9" * 5000),
        (*SWEEP, "--pes", "[" * 3000),
        (*SWEEP, "--seeds", str(10**30)),
        (*SWEEP, "--jobs", "100000"),
        (*SWEEP, "--jobs", str(10**12)),
        (*SWEEP, "--variation", "inf"),
        (*SWEEP, "--accuracy", "fixed16=nan"),
        ("run", "table3:NT-LSTM", "--seed", str(10**30)),
        ("run", "layer.npz", "-i", "x.npy", "--set", "pes=" + "[" * 3000),
        ("run", "layer.npz", "-i", "x.npy", "--set", "pes=" + "9" * 5000),
        ("compress", "model.npz", "-o", "net", "--threshold", "inf"),
        ("compress", "model.npz", "-o", "net", "--threshold", "nan"),
    ],
)
def test_odd_values_are_refused_in_one_line(here, arguments):
    before = set(here.iterdir())
    assert len(refused(*arguments)) < 1100
    assert set(here.iterdir()) == before


def test_figures_beyond_any_chip_are_refused(here):
    Path("energy.toml").write_text("[pj]\nregister_bit = 1e308\n")
    refused("run", "layer.npz", "-i", "x.npy", "--energy-table", "energy.toml", word="register_bit")


def test_weights_whose_outputs_no_float32_holds(here):
    np.savez("huge.npz", **{"fc.weight": np.full((4, COLS), 1e30, np.float32)})
    np.save("c.npy", np.full((2, COLS), 1e30, np.float32))
    refused("compress", "huge.npz", "-o", "net", "-c", "c.npy", word="beyond float32")
    assert not (here / "net").exists()


def test_labels_that_would_wrap(here):
    np.save("labels.npy", np.array([2**64 - 1], np.uint64))
    refused("run", "layer.npz", "-i", "x.npy", "--labels", "labels.npy", word="labels")


# --- 6: sizes --------------------------------------------------------------------------------------------------------


def wide(columns, rows):
    """A layer in which every PE owns rows, so that tables of columns by PEs are whole; one weight a column."""
    return eiesim.CompressedLayer(
        shape=(rows, columns),
        indptr=np.arange(columns + 1),
        indices=np.zeros(columns, np.int32),
        codes=np.ones(columns, np.uint8),
        codebook=np.array([0, 1], np.float32),
        name="wide",
    )


def test_what_needs_more_memory_than_is_free_is_refused_with_its_size(monkeypatch):
    layer = wide(200_000, rows=4096)
    monkeypatch.setattr(memory, "available", lambda: 2**32)
    monkeypatch.setenv(memory.ALLOWED, "16")
    with pytest.raises(
        EieError, match=r"wide: 200,000 columns on 4,096 PEs.*needs 6\.6 GB of memory, 4\.3 GB are free"
    ):
        eiesim.interleave(layer, 4096)


@pytest.mark.parametrize("verb", ["simulate", "trace", "critical_path", "balance"])
def test_tables_of_columns_by_pes_have_a_bound_however_much_is_free(monkeypatch, verb):
    """It took gigabytes, or ended in numpy's MemoryError."""
    layer = wide(200_000, rows=4096)
    monkeypatch.setattr(memory, "available", lambda: 2**40)
    monkeypatch.delenv(memory.ALLOWED, raising=False)
    with pytest.raises(EieError, match=r"needs 6\.6 GB of memory, 4 GB are allowed \(--memory GB or EIESIM_MEMORY_GB"):
        getattr(eiesim, verb)(layer, np.ones(200_000, np.float32), {"pes": 4096})


def test_the_bound_can_be_moved(monkeypatch, tmp_path):
    eiesim.save(wide(50_000, rows=700), tmp_path / "wide.npz")
    np.save(tmp_path / "x.npy", np.ones(50_000, np.float32))
    given = ("run", tmp_path / "wide.npz", "-i", tmp_path / "x.npy", "--pes", "700")  # 0.28 GB
    monkeypatch.setenv(memory.ALLOWED, "0.2")
    refused(*given, word="0.2 GB are allowed")
    refused(*given, "--memory", "0.15", word="0.15 GB are allowed")
    assert cli(*given, "--memory", "2", "-q").status == 0
    monkeypatch.setenv(memory.ALLOWED, "much")
    refused(*given, word="EIESIM_MEMORY_GB = 'much': needs gigabytes, such as 16")


def test_a_commands_bound_ends_with_it(monkeypatch, tmp_path):
    """It stayed for whatever the process did next."""
    eiesim.save(eiesim.CompressedLayer.from_dense(np.ones((1, 2), np.float32)), tmp_path / "small.npz")
    for before in (None, "7"):
        if before is None:
            monkeypatch.delenv(memory.ALLOWED, raising=False)
        else:
            monkeypatch.setenv(memory.ALLOWED, before)
        assert cli("inspect", tmp_path / "small.npz", "--memory", "1", "-q").status == 0
        assert os.environ.get(memory.ALLOWED) == before
        refused("inspect", tmp_path / "no.npz", "--memory", "1", word="no.npz")
        assert os.environ.get(memory.ALLOWED) == before


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and ulimit -v")
def test_memory_that_a_limit_takes_away_is_not_free(tmp_path):
    """numpy's MemoryError, from Python."""
    code = (
        "import resource, numpy as np, eiesim\n"
        "from tests.test_hardening import wide\n"
        "layer = wide(60_000, rows=4096)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9,) * 2)\n"
        "try: eiesim.simulate(layer, np.ones(60_000, np.float32), {'pes': 4096})\n"
        "except eiesim.EieError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.search(r"wide: 60,000 columns on 4,096 PEs.*needs 2\.0 GB of memory, [\d.]+ GB are free", done.stdout)


def test_cycles_that_32_bits_might_not_hold_are_refused():
    """At queue depth 1 a column without entries takes two cycles."""
    columns = 2**31 // 4
    layer = object.__new__(eiesim.CompressedLayer)
    empty = np.zeros(0, np.int32)
    for key, value in {
        "shape": (1, columns),
        "indices": empty,
        "codes": empty,
        "bias_codes": None,
        "name": "long",
    }.items():
        object.__setattr__(layer, key, value)
    with pytest.raises(EieError, match="long: too large"):
        eiesim.interleave(layer, 1)


def test_a_small_huffman_file_of_many_columns_is_refused(tmp_path):
    path = tmp_path / "wide.huff"
    save_huffman(eiesim.CompressedLayer.from_dense(np.ones((1, 3), np.float32)), path)
    import struct
    import zlib

    data = bytearray(path.read_bytes())
    data[16:20] = struct.pack("<I", 2**28)
    data[8:12] = struct.pack("<I", zlib.crc32(bytes(data[12:])))
    path.write_bytes(data)
    with pytest.raises(EieError, match="unpack to"):
        load_huffman(path)


def test_a_grid_of_ten_million_begins_at_once(tmp_path):
    """Its configurations are made as they are needed: the first rows come before a thousandth of them is made."""
    from eiesim.sweeps import grid
    from eiesim.sweeps.run import collect_rows, plan

    axes = {
        "pes": range(1, 101),
        "queue_depth": range(1, 101),
        "spmat_width": range(64, 164),
        "clock_mhz": range(1, 11),
    }
    planned = plan([(random_layer(1), np.ones(COLS))], axes)
    assert len(planned.configs) == 10_000_000
    made = []
    real = grid.Grid._with

    class Enough(Exception):  # noqa: N818
        pass

    def stop(new, known):
        if new:
            raise Enough

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid.Grid, "_with", lambda *args: made.append(1) or real(*args))
        with pytest.raises(Enough):
            collect_rows(planned, tmp_path / "t.csv", jobs=1, observer=stop)
    assert len(made) < 10_000


def test_the_order_of_a_grid_is_that_of_its_axes():
    from eiesim.sweeps.grid import Grid

    grid = Grid(None, {"queue_depth": [1, 2], "pes": [4, 8, 4], "clock_mhz": [1, 1.0, 2]})
    every = list(grid)
    assert [(one.queue_depth, one.pes, one.clock_mhz) for one in every] == [
        (depth, pes, mhz) for depth in (1, 2) for pes in (4, 8) for mhz in (1, 2)
    ]
    assert [grid[k] for k in range(len(grid))] == every
    seen = []
    for group in grid.by_sharing():
        places, machines = group.machines(0, len(group))
        assert len({every[place].pes for place in places}) == 1
        assert [machines.config(k) for k in range(len(machines))] == [every[place] for place in places]
        seen += places.tolist()
    assert sorted(seen) == list(range(8))


def test_a_network_that_names_one_file_often_opens_it_once(tmp_path, monkeypatch):
    eiesim.save(random_layer(1, 5, 5), tmp_path / "a.npz")
    text = "format = 'eiesim-network/1'\n" + "[[layers]]\nfile = 'a.npz'\n" * 20_000
    (tmp_path / "network.toml").write_text(text)
    opened = []
    real = npz.load
    monkeypatch.setattr(npz, "load", lambda path: opened.append(path) or real(path))
    assert len(eiesim.load_network(tmp_path).layers) == 20_000
    assert len(opened) == 1


# --- 7: hangs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "pipe", "-i", "x.npy"),
        ("run", "pipe.huff", "-i", "x.npy"),
        ("run", "layer.npz", "-i", "pipe"),
        ("run", "layer.npz", "-i", "x.npy", "--labels", "pipe"),
        ("run", "layer.npz", "-i", "x.npy", "--config", "pipe"),
        ("run", "layer.npz", "-i", "x.npy", "--config", "/dev/zero"),
        ("run", "layer.npz", "-i", "x.npy", "--energy-table", "pipe"),
        ("run", "layer.npz", "-i", "x.npy", "-o", "pipe"),
        ("run", "layer.npz", "-i", "x.npy", "--json", "pipe"),
        ("run", "layer.npz", "-i", "x.npy", "-o", "/dev/null"),
        ("compress", "pipe.npz", "-o", "net"),
        ("compress", "pipe.safetensors", "-o", "net"),
        ("compress", "pipe.onnx", "-o", "net"),
        ("compress", "model.npz", "-o", "net", "-c", "pipe"),
        ("compress", "model.npz", "-o", "pipe"),
        ("sweep", "layer.npz", "-i", "x.npy", "-o", "pipe"),
        ("accuracy", "net", "-i", "pipe"),
        ("balance", "layer.npz", "-i", "x.npy", "--save", "pipe"),
    ],
)
def test_pipes_and_devices_are_refused_at_once(here, arguments):
    if "pipe.onnx" in arguments:
        pytest.importorskip("onnx")
    for ending in ("", ".huff", ".npz", ".safetensors", ".onnx"):
        os.mkfifo(f"pipe{ending}")
    if "accuracy" in arguments:
        cli("compress", "model.npz", "-o", "net", "-q")
    with in_time(60):  # a read of a pipe would wait for ever
        refused(*arguments)


# --- 8: workers ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="a parent's end shows on POSIX only")
def test_a_worker_process_ends_with_its_parent(tmp_path):
    """The parent is killed, so that it can tell nobody."""
    reading, writing = os.pipe()
    parent = os.fork()
    if parent == 0:
        here = os.getpid()
        child = os.fork()
        if child == 0:
            end_with_parent(here)
            os.write(writing, b"%d" % os.getpid())
            time.sleep(60)
            os._exit(0)
        time.sleep(60)
        os._exit(0)
    child = int(os.read(reading, 20))
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    for _ in range(200):
        try:
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            break
        if state == "Z":
            break
        time.sleep(0.05)
    else:
        os.kill(child, signal.SIGKILL)
        raise AssertionError("the worker lives on")


def test_sigterm_leaves_no_temporary_file(here):
    """A VCD of 225 MB was left."""
    pytest.importorskip("vcd", reason="needs extra [trace]")
    code = "from eiesim.cli import main; main()"
    arguments = ("trace", "table3:NT-We", "--pes", "16", "-o", "long.vcd", "-q")
    started = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(PACKAGE)}
    )
    for _ in range(1200):
        parts = list(here.glob(".eiesim-*"))
        if parts and parts[0].stat().st_size > 10**6:
            break
        time.sleep(0.05)
    else:
        raise AssertionError("nothing is being written")
    started.terminate()
    assert (started.wait(60), started.stderr.read()) == (128 + signal.SIGTERM, b"")
    assert not [path.name for path in here.iterdir() if path.name.startswith(".eiesim") or path.suffix == ".vcd"]


# --- 9: the compiler's cache -----------------------------------------------------------------------------------------

RUN = """
import sys, warnings
warnings.simplefilter("always")
{before}
import numpy as np, eiesim
from eiesim.coding.huffman import HuffmanCode
code = HuffmanCode.of_counts([3, 1])
print(code.decode(code.encode(np.array([0, 1, 0], np.uint8)), 3).tolist())
"""


def compiled(cache, before=""):
    ended = subprocess.run(
        [sys.executable, "-c", RUN.format(before=before)],
        env={**os.environ, "PYTHONPATH": str(PACKAGE), "NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "[0, 1, 0]\n"
    return ended.stderr


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="nothing is compiled")
def test_a_damaged_cache_is_compiled_anew(tmp_path):
    assert compiled(tmp_path) == ""
    files = [path for path in tmp_path.rglob("*.nb?") if path.stat().st_size]
    assert files
    for path in files:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    assert compiled(tmp_path) == ""
    for path in files:
        path.write_bytes(b"")
    assert compiled(tmp_path) == ""


@pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="nothing is compiled")
def test_without_a_place_for_the_cache_there_is_one_warning(tmp_path):
    nowhere = "from numba.core import caching; caching.FunctionCache._impl_class._locator_classes = []"
    assert compiled(tmp_path, nowhere).count("compiled code is not kept") == 1


def test_a_cache_that_others_can_write_is_not_used(tmp_path):
    from eiesim._cache import is_private

    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    assert not is_private(str(tmp_path / "shared"))
    assert not is_private(str(tmp_path / "shared" / "not" / "yet"))
    (tmp_path / "shared").chmod(0o755)
    assert is_private(str(tmp_path / "shared"))


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_beside_a_shared_cache_there_is_one_of_the_user_s_own(tmp_path, monkeypatch):
    from eiesim._cache import is_private, own_folder

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = Path(own_folder(own_folder))
    assert folder.parent == tmp_path / "cache" / "eiesim"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert is_private(str(folder))
    assert own_folder(is_private) == str(folder)  # one for all that lie in a folder
    folder.chmod(0o770)
    with pytest.raises(RuntimeError, match="can be written by others"):
        own_folder(own_folder)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Path(own_folder(own_folder)).parent == tmp_path / ".cache" / "eiesim"


def test_nothing_that_is_not_finite_reaches_json(here):
    model, _ = pipeline.load_model("model.npz")
    made = pipeline.compress(model, pipeline.Options())
    spoilt = replace(made, network_error=float("nan"))
    with pytest.raises(ValueError, match=r"JSON|nan"):
        pipeline.write(spoilt, here / "net", "model.npz")
    assert not (here / "net").exists()


def test_an_archive_whose_key_has_two_lines_is_refused_in_one(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("\n3ivations.npy", b"\x93NUMPY\x01\x00v\x00{'descr'")
    with pytest.raises(EieError) as refusal:
        eiesim.load_inputs(tmp_path / "x.npz")
    assert "\n" not in str(refusal.value)
    assert "x.npz: 3ivations: damaged" in str(refusal.value)
