"""A fuzzer over every kind of file and every command line: `python -m tests.fuzzing SECONDS [SEED]`.

What must hold for every case: a file loads or is refused with an EieError; a command ends with status 0 or 2, in time,
without a traceback, its refusal on one line; and it leaves nothing behind but the files that it was asked for.
"""

import contextlib
import io
import json
import os
import random
import shutil
import signal
import struct
import sys
import tempfile
import time
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import typer
from safetensors.numpy import save_file

import eiesim
from eiesim.baselines.measurements import load_measured
from eiesim.cli import main
from eiesim.cli.app import app, load
from eiesim.compression import pipeline
from eiesim.energy.events import load_energy_table
from eiesim.files import npz
from eiesim.files.huffman import load_huffman, save_huffman
from eiesim.sweeps.journal import Journal
from tests.cases import random_layer
from tests.telling import Telling

COLS, ROWS = 7, 9
HANGS_AFTER_S = 120
HOSTILE = (
    "", " ", "-", "--", "-1", "0", "1", "3", "-0", "1e308", "1e-308", "inf", "-inf", "nan", "9" * 5000, str(10**30),
    str(2**63), str(2**64 - 1), "[1]", "{}", "[" * 3000, "{a=1}", "true", "0x10", "1_000", "1,2", "1,,2", "0:5",
    "5:0", "0:9:0", "0:10000000", "1:9:x2", "1:9:x1", "1:" + "9" * 4999 + ":x2", "x=y", "pes=[1]", "pes=inf", "=",
    "pes=", "pes=" + "9" * 5000, "index_bits=1,8", "spmat_width=2:64:x2", "clock_mhz=1e308", "arithmetic=fixed8",
    "output_frac=47", "activation_frac=-16", "queue_depth=1", "float32", "fixed8", "clocked", "event", "isca16",
    "published",
    "activity",
    "calibrated", "\x1b[31mred", "[/x]", "[red]x", "[bold", r"$\frac$", "a" * 300, "a\nb", "a\rb", "\u202ex", "\udcff",
    "é", "..", ".", "/", "/dev/null", "/dev/full", "/dev/zero", "pipe", "missing", "missing/x", "net", "empty", "dump",
    "layer.npz", "layer.huff", "x.npy", "labels.npy", "model.npz", "machine.toml", "energy.toml", "network.toml",
    "table.csv", "table3:NT-LSTM", "table3:", "table3:all", "table3:Alex-99", "threads", "linear", "random", "optimal",
    "fc0=0.5", "fc0=nan", "0.5", "1.5", "~", "%s%n", "`id`", "*", "\\", "'", '"', "None", "tcp://127.0.0.1:9",
)  # fmt: skip
TOKENS = tuple(each.encode("utf-8", "surrogateescape") for each in HOSTILE)


class HangError(BaseException):
    """A case took too long."""


@dataclass
class Tally:
    """What came of the cases."""

    cases: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


Loader = Callable[[Path], Any]


def world(folder: Path) -> dict[str, Loader]:
    """A good file of each kind in a folder; what loads each, by its path."""
    layer = random_layer(1, ROWS, COLS)
    x = np.arange(3 * COLS, dtype=np.float32).reshape(3, COLS)
    eiesim.save(layer, folder / "layer.npz")
    save_huffman(layer, folder / "layer.huff")
    np.save(folder / "x.npy", x)
    np.savez(folder / "x.npz", activations=x)
    np.save(folder / "labels.npy", np.array([1, 2, 3]))
    arrays = {
        "fc0.weight": np.random.default_rng(1).normal(size=(6, COLS)).astype(np.float32),
        "fc0.bias": np.ones(6, np.float32),
        "fc1.weight": np.random.default_rng(2).normal(size=(4, 6)).astype(np.float32),
    }
    np.savez(folder / "model.npz", **arrays)
    save_file(arrays, folder / "model.safetensors")
    found, _ = pipeline.load_model(folder / "model.npz")
    pipeline.write(pipeline.compress(found, pipeline.Options()), folder / "net", folder / "model.npz", huffman=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        eiesim.save_dump(layer, x[0], folder / "dump", pes=2)
    (folder / "machine.toml").write_text("pes = 8\nqueue_depth = 3\nclock_mhz = 700.5\narithmetic = 'fixed8'\n")
    (folder / "energy.toml").write_text("name = 'mine'\n[pj]\nmultiply_fixed16 = 0.3\n[sram.spmat]\nread_pj = 9.5\n")
    eiesim.sweep([(layer, x)], {"pes": [1, 2], "queue_depth": [1, 2]}, output=folder / "table.csv", jobs=1)
    (folder / "measured.json").write_text(
        '{"format": "eiesim-baselines/1", "when": "2026", "load_average": 0.1, "measurements": [],'
        ' "machine": {"cpu": "c", "cores": 1, "gpu": "", "system": "s", "versions": {}}}'
    )
    (folder / "empty").mkdir()
    os.mkfifo(folder / "pipe")
    loaders: dict[str, Loader] = {
        "layer.npz": eiesim.load,
        "layer.huff": load_huffman,
        "x.npy": eiesim.load_inputs,
        "x.npz": eiesim.load_inputs,
        "labels.npy": npz.load_labels,
        "model.npz": pipeline.load_model,
        "model.safetensors": pipeline.load_model,
        "net/network.toml": lambda path: eiesim.load_network(path.parent),
        "dump/act.dat": lambda path: eiesim.load_dump(path.parent),
        "dump/arithm.dat": lambda path: eiesim.load_dump(path.parent),
        "dump/ptr/ptr1.dat": lambda path: eiesim.load_dump(path.parents[1]),
        "dump/spm/spm1.dat": lambda path: eiesim.load_dump(path.parents[1]),
        "machine.toml": eiesim.load_config,
        "energy.toml": load_energy_table,
        "measured.json": load_measured,
        "table.csv": lambda path: Journal(path).close(),
    }
    loaders |= of_other_tools(folder, arrays)
    with contextlib.suppress(ImportError):
        import onnx

        from tests.files.onnx_models import mlp

        made = mlp()
        onnx.save(made[0] if isinstance(made, tuple) else made, folder / "model.onnx")
        loaders["model.onnx"] = pipeline.load_model
    return loaders


def of_other_tools(folder: Path, arrays: dict[str, Any]) -> dict[str, Loader]:
    """A good file of each kind that other tools write; those of extra [formats] where it is there. See `world`."""
    import scipy.io
    import scipy.sparse

    matrix = scipy.sparse.random(6, COLS, 0.5, format="coo", random_state=3, dtype=np.float32)
    scipy.io.mmwrite(folder / "w.mtx", matrix)
    scipy.sparse.save_npz(folder / "sparse.npz", matrix.tocsr())
    np.save(folder / "matrix.npy", matrix.toarray())
    rows = matrix.tocsr()
    (folder / "w.smtx").write_text(
        f"6, {COLS}, {rows.nnz}\n{' '.join(map(str, rows.indptr))}\n{' '.join(map(str, rows.indices))}\n"
    )
    (folder / "shards").mkdir()
    where = {name: f"model-0000{1 + (k > 0)}-of-00002.safetensors" for k, name in enumerate(arrays)}
    for shard in sorted(set(where.values())):
        save_file({name: arrays[name] for name, file in where.items() if file == shard}, folder / "shards" / shard)
    (folder / "shards/model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    loaders: dict[str, Loader] = dict.fromkeys(("w.mtx", "sparse.npz", "matrix.npy", "w.smtx"), eiesim.open)
    loaders["shards/model.safetensors.index.json"] = lambda path: pipeline.load_model(path.parent)
    loaders["shards/model-00001-of-00002.safetensors"] = lambda path: pipeline.load_model(path.parent)
    with contextlib.suppress(ImportError):
        import gguf

        writer = gguf.GGUFWriter(folder / "model.gguf", "llama")
        writer.add_tensor("blk.0.ffn_up.weight", np.ones((8, 32), np.float32))
        writer.add_tensor(
            "blk.0.ffn_down.weight",
            gguf.quants.quantize(np.ones((8, 32), np.float32), gguf.GGMLQuantizationType.Q8_0),
            raw_dtype=gguf.GGMLQuantizationType.Q8_0,
        )
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        loaders["model.gguf"] = pipeline.load_model
    with contextlib.suppress(ImportError):
        import h5py

        with h5py.File(folder / "model.h5", "w") as file:
            for name, values in (("d0", arrays["fc0.weight"].T), ("d1", arrays["fc1.weight"].T)):
                file[f"layers/{name}/vars/0"] = values
        loaders["model.h5"] = pipeline.load_model
    return loaders


def mutated(data: bytes, rng: random.Random, text: bool) -> bytes:
    """A damaged copy: cut, flipped, overwritten, spliced, or with a hostile word in it."""
    copy = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        place = rng.randrange(len(copy) + 1)
        kind = rng.randrange(8 if text else 6)
        if kind == 0:
            del copy[place:]
        elif kind == 1 and copy:
            copy[place % len(copy)] ^= 1 << rng.randrange(8)
        elif kind == 2:
            copy[place : place + 4] = rng.randbytes(4)
        elif kind == 3:
            end = rng.randrange(len(copy) + 1)
            copy[place:place] = copy[min(place, end) : max(place, end)]
        elif kind == 4:
            copy[place : place + 8] = rng.choice((b"\xff" * 8, b"\0" * 8, struct.pack("<q", -1), b"\x7f\xff\xff\xff"))
        elif kind == 5:
            del copy[place : place + rng.randrange(1, 40)]
        else:
            copy[place : place + rng.choice((0, 0, 1, 8))] = rng.choice(TOKENS)
    return bytes(copy)


def damaged(data: bytes, rng: random.Random, name: str) -> bytes:
    """A damaged copy of a file; where a checksum would catch the damage, sometimes with a right one."""
    if name.endswith(".huff") and rng.random() < 0.8:
        body = mutated(data[12:], rng, False)
        return data[:8] + struct.pack("<I", zlib.crc32(body)) + body
    if name.endswith(".npz") and rng.random() < 0.8:
        made = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(made, "w") as new:
            members = archive.namelist()
            chosen = rng.choice(members)
            for member in members:
                content = archive.read(member)
                new.writestr(member, mutated(content, rng, False) if member == chosen else content)
        return made.getvalue()
    return mutated(data, rng, name.endswith((".toml", ".csv", ".json", "mtx")))


def file_cases(folder: Path, loaders: dict[str, Loader], rng: random.Random, tally: Tally, count: int) -> None:
    """Load damaged files."""
    for _ in range(count):
        name = rng.choice(list(loaders))
        path = folder / name
        good = path.read_bytes()
        bad = damaged(good, rng, name)
        path.write_bytes(bad)
        tally.cases[f"file {name}"] += 1
        try:
            with in_time(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                loaders[name](path)
        except eiesim.EieError as error:
            tally.refused[f"file {name}"] += 1
            if "\n" in str(error):
                tally.failures.append(f"{name}: two lines: {str(error)!r:.300}: {bad!r:.2000}")
        except BaseException as error:
            tally.failures.append(f"{name}: {type(error).__name__}: {error!s:.300}: {bad!r:.2000}")
        finally:
            path.write_bytes(good)


@contextlib.contextmanager
def in_time(seconds: int = HANGS_AFTER_S) -> Iterator[None]:
    """Raises HangError in a block that takes too long."""

    def late(*_: object) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


COMMANDS: dict[str, list[list[str]]] = {
    "run": [["layer.npz", "-i", "x.npy"], ["net", "-i", "x.npy"], ["dump"], ["layer.huff", "-i", "x.npz"]],
    "inspect": [["layer.npz"], ["net"], ["dump"]],
    "layers": [[]],
    "compress": [["model.npz", "-o", "made"], ["model.safetensors", "-o", "made"], ["model.npz", "-o", "net"]],
    "accuracy": [["net", "-i", "x.npy", "--labels", "labels.npy"]],
    "compare": [["layer.npz", "-i", "one.npy", "-o", "made", "--no-plots"]],
    "sweep": [
        ["layer.npz", "-i", "x.npy", "-o", "made.csv"],
        ["layer.npz", "-i", "x.npy"],
        ["dump", "-o", "table.csv"],
    ],
    "balance": [["layer.npz", "-i", "x.npy"], ["dump", "--save", "made"]],
    "trace": [["layer.npz", "-i", "one.npy", "-o", "made.npz"], ["net", "-i", "x.npy"], ["dump", "-o", "made.vcd"]],
    "critical-path": [["layer.npz", "-i", "one.npy"], ["net", "-i", "x.npy"], ["dump"]],
    "rtl export": [["layer.npz", "-i", "x.npy", "-o", "made"], ["dump", "-o", "made"]],
}
"""Command lines that do something small."""

NEVER = {"--backend", "--scheduler", "--install-completion", "--show-completion", "--baselines", "--plots", "--plot"}
"""Options that would start clusters, measure this machine or draw for seconds; other tests try these."""


def command_line(rng: random.Random) -> list[str]:
    """A command line, good but for what chance puts into it."""
    name = rng.choice(list(COMMANDS))
    arguments = list(rng.choice(COMMANDS[name]))
    load()
    command: Any = typer.main.get_command(app)
    for part in name.split():
        command = command.commands[part]
    options = [each for each in command.params if each.opts[0].startswith("-") and not NEVER & set(each.opts)]
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        option = rng.choice(options)
        arguments.append(rng.choice(option.opts))
        if not getattr(option, "is_flag", False) or rng.random() < 0.02:
            arguments.append(rng.choice(HOSTILE))
    kind = rng.randrange(8)
    if kind == 0 and arguments:
        arguments[rng.randrange(len(arguments))] = rng.choice(HOSTILE)
    elif kind == 1:
        arguments.insert(rng.randrange(len(arguments) + 1), rng.choice(HOSTILE))
    elif kind == 2 and arguments:
        del arguments[rng.randrange(len(arguments))]
    # Work that is right and long is no hang: nine layers of Table III, or a hundred thousand runs.
    arguments = ["layer.npz" if each in ("table3:all", "table3:NT-LSTM") else each for each in arguments]
    return [*name.split(), *("0:50" if each == "0:10000000" and rng.random() < 0.5 else each for each in arguments)]


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder, by name."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() or path.is_symlink()
    }


def command_cases(folder: Path, rng: random.Random, tally: Tally, count: int) -> None:
    """Run command lines in a folder, each in a copy of what `folder` holds."""
    np.save(folder / "one.npy", np.ones(COLS, np.float32))
    for _ in range(count):
        here = Path(tempfile.mkdtemp(dir=folder.parent))
        shutil.rmtree(here)
        shutil.copytree(folder, here, ignore=lambda _, names: [name for name in names if name == "pipe"])
        os.mkfifo(here / "pipe")
        argv = command_line(rng)
        tally.cases[f"command {argv[0]}"] += 1
        before = state(here)
        status, err, problem = run(argv, here)
        if status == 2:
            tally.refused[f"command {argv[0]}"] += 1
            last = err.rstrip("\n").rpartition("\n")[2]
            if not last.startswith("eiesim: ") or not last.isprintable() or len(last) > 1100:
                problem = problem or f"not one safe line: {err!r:.500}"
            if state(here) != before:
                problem = problem or f"left behind: {sorted(set(state(here)) ^ set(before))}"
        elif status != 0:
            problem = problem or f"status {status}: {err!r:.500}"
        left = [name for name in state(here) if name.endswith(".part") or ".eiesim-old" in name]
        if problem or left:
            tally.failures.append(f"{argv!r:.1500}: {problem or left}")
        shutil.rmtree(here)


def run(argv: list[str], here: Path) -> tuple[int | None, str, str]:
    """(status, standard error, what went wrong) of a command."""
    out, err = io.StringIO(), io.StringIO()
    before = Path.cwd()
    os.chdir(here)
    try:
        with (
            in_time(),
            mock.patch.object(sys, "argv", ["eiesim", *argv]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            main()
    except SystemExit as ended:
        return int(ended.code or 0), err.getvalue(), ""
    except BaseException as error:
        return None, err.getvalue(), f"{type(error).__name__}: {error!s:.300}"
    finally:
        os.chdir(before)
    return None, err.getvalue(), "main() returned"


def fuzz(
    seconds: float, seed: int, tally: Tally | None = None, share: int = 40, tell: Callable[[str], None] | None = None
) -> Tally:
    """Cases for so many seconds. share: damaged files for each command line. tell: told how far it is."""
    tally = tally or Tally()
    rng = random.Random(seed)
    ends = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "world"
        folder.mkdir()
        loaders = world(folder)
        while (left := ends - time.monotonic()) > 0:
            if tell is not None:
                many = sum(tally.cases.values())
                tell(f"{many:,} cases, {len(tally.failures)} failures; {left:.0f} of {seconds:.0f} s to go")
            file_cases(folder, loaders, rng, tally, share)
            command_cases(folder, rng, tally, 1)
    return tally


if __name__ == "__main__":
    telling = Telling()
    found = fuzz(
        float(sys.argv[1]),
        int(sys.argv[2]) if len(sys.argv) > 2 else 0,
        share=int(sys.argv[3]) if len(sys.argv) > 3 else 8,
        tell=telling,
    )
    telling.end()
    for name, many in sorted(found.cases.items()):
        print(f"{name:24} {many:8,} cases {found.refused[name]:8,} refused")
    print(f"{sum(found.cases.values()):,} cases, {len(found.failures)} failures")
    for line in found.failures[:60]:
        print(line)
