"""Bad input is refused with one line that says what is wrong, exit status 2, and nothing written."""

import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eiesim
from eiesim.files import npz
from tests.cases import cli, random_layer

COLS, ROWS = 7, 9


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder with one good file of each kind: layer.npz, x.npy, net/, dump/."""
    layer = random_layer(1, ROWS, COLS)
    eiesim.save(layer, tmp_path / "layer.npz")
    np.save(tmp_path / "x.npy", np.arange(COLS, dtype=np.float32))
    net = tmp_path / "net"
    net.mkdir()
    eiesim.save(layer, net / "first.npz")
    eiesim.save(random_layer(2, 4, ROWS), net / "second.npz")
    eiesim.save(random_layer(3, 4, ROWS + 1), net / "stranger.npz")
    write_network(net, "first.npz", "second.npz")
    eiesim.save_dump(layer, np.arange(COLS, dtype=np.float32), tmp_path / "dump", pes=3)
    (tmp_path / "empty").mkdir()
    return tmp_path


def write_network(folder: Path, *files: str) -> None:
    layers = "".join(f"[[layers]]\nfile = '{file}'\n" for file in files)
    (folder / "network.toml").write_text(f"format = 'eiesim-network/1'\n{layers}")


def refused(world: Path, arguments: list[str], *words: str) -> str:
    """Run in the folder with --json and --output asked for; return the one line."""
    before = {path: path.stat().st_mtime_ns for path in world.rglob("*")}
    here = Path.cwd()
    os.chdir(world)
    try:
        answer = cli("run", *arguments)
    finally:
        os.chdir(here)
    assert answer.status == 2, answer
    assert answer.out == ""
    assert answer.err.endswith("\n")
    assert answer.err.count("\n") == 1, answer.err
    assert answer.err.startswith("eiesim: ")
    for word in words:
        assert word in answer.err, f"{word!r} is not in: {answer.err}"
    assert {path: path.stat().st_mtime_ns for path in world.rglob("*")} == before
    return answer.err


WRITING = ["--json", "result.json", "--output", "out.npy"]


def test_the_good_files_are_good(world: Path) -> None:
    for model in ("layer.npz", "net", "dump"):
        answer = cli("run", world / model, "--input", world / "x.npy", "--json", "-", "--quiet")
        assert (answer.status, answer.err) == (0, ""), answer


# --- layer files -----------------------------------------------------------------------------------------------------

Arrays = dict[str, Any]
A = np.array


def arrays_of(world: Path) -> Arrays:
    with np.load(world / "layer.npz") as archive:
        return dict(archive)


def put(key: str, value: Any) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({key: value})


def change(key: str, place: Any, value: Any) -> Callable[[Arrays], None]:
    def apply(arrays: Arrays) -> None:
        arrays[key] = arrays[key].copy()
        arrays[key][place] = value

    return apply


def swap_first_rows(arrays: Arrays) -> None:
    column = int(np.flatnonzero(np.diff(arrays["indptr"]) >= 2)[0])
    first = int(arrays["indptr"][column])
    arrays["indices"][[first, first + 1]] = arrays["indices"][[first + 1, first]]


def repeat_first_row(arrays: Arrays) -> None:
    column = int(np.flatnonzero(np.diff(arrays["indptr"]) >= 2)[0])
    first = int(arrays["indptr"][column])
    arrays["indices"][first + 1] = arrays["indices"][first]


def shorten(key: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({key: arrays[key][:-1]})


def as_type(key: str, dtype: Any) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({key: arrays[key].astype(dtype)})


def wrap_pointers_around(arrays: Arrays) -> None:
    # Differences of int64 wrap here, and look as if the pointers never fell.
    arrays["indptr"][1:4] = [2**63 - 1, -(2**63), -1]


LAYER_FILES: dict[str, tuple[Callable[[Arrays], Any], tuple[str, ...]]] = {
    **{
        f"no {key}": (lambda arrays, key=key: arrays.pop(key), (key, "missing"))
        for key in ("format", "shape", "indptr", "indices", "codes", "codebook")
    },
    "another format": (put("format", "eiesim-layer/2"), ("format", "eiesim-layer/2", "needs 'eiesim-layer/1'")),
    "format is a number": (put("format", 1), ("format", "string")),
    "unknown key": (put("bias_code", np.zeros(ROWS, np.uint8)), ("bias_code", "unknown key")),
    "shape is int32": (as_type("shape", np.int32), ("shape", "int64[2]")),
    "shape of three": (put("shape", A([9, 7, 1])), ("shape", "int64[2]")),
    "no rows": (put("shape", A([0, COLS])), ("shape", "no rows or no columns")),
    "no columns": (put("shape", A([ROWS, 0])), ("shape", "no rows or no columns")),
    "negative rows": (put("shape", A([-1, COLS])), ("shape",)),
    "too many rows": (put("shape", A([2**31, COLS])), ("shape", "2**31 - 1")),
    "indptr is int32": (as_type("indptr", np.int32), ("indptr", "int32", "int64")),
    "indptr too short": (shorten("indptr"), ("indptr", f"{COLS + 1}")),
    "indptr is a matrix": (put("indptr", np.zeros((2, 4), np.int64)), ("indptr", "dimensions")),
    "indptr starts at 1": (change("indptr", 0, 1), ("indptr", "start at 0")),
    "indptr falls": (change("indptr", 2, 0), ("indptr", "never fall")),
    "indptr wraps around": (wrap_pointers_around, ("indptr", "never fall")),
    "indptr ends late": (change("indptr", -1, 10**6), ("indptr", "1000000")),
    "indices are int64": (as_type("indices", np.int64), ("indices", "int64", "int32")),
    "indices too short": (shorten("indices"), ("indptr",)),
    "row out of range": (change("indices", -1, ROWS), ("indices", f"0 to {ROWS - 1}")),
    "negative row": (change("indices", 0, -1), ("indices", f"0 to {ROWS - 1}")),
    "rows unsorted": (swap_first_rows, ("indices", "ascend")),
    "row twice": (repeat_first_row, ("indices", "twice")),
    "codes are int8": (as_type("codes", np.int8), ("codes", "int8", "uint8")),
    "codes too short": (shorten("codes"), ("codes",)),
    "code 0": (change("codes", 0, 0), ("codes", "1 to 15")),
    "code outside the codebook": (change("codes", 0, 16), ("codes", "1 to 15")),
    "codebook is float64": (as_type("codebook", np.float64), ("codebook", "float64", "float32")),
    "codebook entry 0 is 1": (change("codebook", 0, 1.0), ("codebook", "must be 0.0")),
    "codebook holds NaN": (change("codebook", 3, np.nan), ("codebook", "NaN")),
    "codebook holds infinity": (change("codebook", 3, np.inf), ("codebook", "infinity")),
    "codebook is empty": (put("codebook", np.zeros(0, np.float32)), ("codebook", "0 entries")),
    "codebook too long for the machine": (put("codebook", np.zeros(17, np.float32)), ("codebook", "17", "weight_bits")),
    "codebook too long for any": (put("codebook", np.zeros(257, np.float32)), ("codebook", "257")),
    "bias_codes too short": (shorten("bias_codes"), ("bias_codes", f"{ROWS}")),
    "bias_codes are int64": (as_type("bias_codes", np.int64), ("bias_codes", "uint8")),
    "bias code outside the codebook": (change("bias_codes", 0, 16), ("bias_codes", "0 to 15")),
    "another activation": (put("activation", "tanh"), ("activation", "tanh", "relu")),
    "activation is a list": (put("activation", A(["relu"])), ("activation", "string")),
    "name of two lines": (put("name", "a\nb"), ("name", "one line")),
    "pickled codes": (put("codes", A([None, 1], dtype=object)), ("codes", "pickled")),
}


@pytest.mark.parametrize("case", LAYER_FILES)
def test_layer_file(world: Path, case: str) -> None:
    spoil, words = LAYER_FILES[case]
    arrays = arrays_of(world)
    spoil(arrays)
    np.savez(world / "bad.npz", **arrays)
    refused(world, ["bad.npz", "--input", "x.npy", *WRITING], "bad.npz", *words)


def test_the_codebook_may_be_as_long_as_the_machine_reads(world: Path) -> None:
    arrays = arrays_of(world)
    arrays["codebook"] = np.zeros(17, np.float32)
    np.savez(world / "long.npz", **arrays)
    assert cli("run", world / "long.npz", "-i", world / "x.npy", "--set", "weight_bits=5", "-q").status == 0


def truncated(world: Path) -> None:
    data = (world / "layer.npz").read_bytes()
    (world / "bad.npz").write_bytes(data[: len(data) // 2])


def flipped(world: Path) -> None:
    data = bytearray((world / "layer.npz").read_bytes())
    data[data.index(b"codebook.npy") + 60] ^= 0x10  # in the packed data, which has a checksum
    (world / "bad.npz").write_bytes(data)


def with_member(name: str, data: bytes) -> Callable[[Path], None]:
    def make(world: Path) -> None:
        with zipfile.ZipFile(world / "bad.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)

    return make


def header(claim: str) -> bytes:
    text = claim.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


TERABYTES = header("{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000000,)}")


def bomb(world: Path) -> None:
    with zipfile.ZipFile(world / "bad.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as file:
        file.write(TERABYTES)
        for _ in range(1100):
            file.write(bytes(2**20))


WHOLE_FILES: dict[str, tuple[Callable[[Path], Any], tuple[str, ...]]] = {
    "no such file": (lambda world: None, ("no such file",)),
    "truncated": (truncated, ("damaged",)),
    "a bit flipped": (flipped, ("damaged",)),
    "not a zip": (lambda world: (world / "bad.npz").write_text("weights"), ("neither .npy nor .npz",)),
    "empty": (lambda world: (world / "bad.npz").touch(), ("is empty",)),
    "a folder": (lambda world: (world / "bad.npz").mkdir(), ("folder",)),
    "a pipe": (lambda world: os.mkfifo(world / "bad.npz"), ("regular file",)),
    "a pickle": (lambda world: (world / "bad.npz").write_bytes(pickle.dumps([1])), ("neither .npy nor .npz",)),
    "one array": (lambda world: npz.save_array(np.zeros(3), world / "bad.npz"), ("one array",)),
    "claims terabytes": (with_member("codes.npy", TERABYTES), ("codes", "16,000,000,000,000 bytes")),
    "a decompression bomb": (bomb, ("unpack",)),
    "a member that is no array": (with_member("notes.txt", b"hello"), ("notes.txt",)),
    "a header too long": (with_member("codes.npy", b"\x93NUMPY\x01\x00\xff\xff" + b" " * 65535), ("codes",)),
}


@pytest.mark.parametrize("case", WHOLE_FILES)
def test_layer_file_as_a_whole(world: Path, case: str) -> None:
    make, words = WHOLE_FILES[case]
    make(world)
    refused(world, ["bad.npz", "--input", "x.npy", *WRITING], "bad.npz", *words)


# --- inputs ----------------------------------------------------------------------------------------------------------

INPUTS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "beyond float32": (np.full(COLS, -1e39), ("reach 1e+39, beyond float32",)),
    "complex": (np.zeros(COLS, complex), ("complex128, need numbers",)),
    "three dimensions": (np.zeros((1, 1, COLS), np.float32), ("(1, 1, 7)",)),
    "no dimension": (np.float32(1), ("()",)),
    "wrong length": (np.zeros(COLS + 1, np.float32), ("8", "7 columns")),
    "wrong length of a batch": (np.zeros((3, COLS + 1), np.float32), ("8", "7 columns")),
    "NaN": (np.full(COLS, np.nan, np.float32), ("NaN",)),
    "infinity": (np.full(COLS, np.inf, np.float32), ("infinity",)),
    "no numbers": (np.zeros(0, np.float32), ("(0,)",)),
    "no inputs": (np.zeros((0, COLS), np.float32), ("(0, 7)",)),
    "pickled": (np.array([None, 2.0], dtype=object), ("pickled",)),
    "text": (np.array(["1", "2"]), ("<U1, need numbers",)),
}


@pytest.mark.parametrize("case", INPUTS)
def test_input(world: Path, case: str) -> None:
    values, words = INPUTS[case]
    np.save(world / "bad.npy", values)
    refused(
        world,
        ["layer.npz", "--input", "bad.npy", *WRITING],
        "bad.npy",
        "" if case == "pickled" else "activations",
        *words,
    )


@pytest.mark.parametrize("dtype", ["f8", ">f8", "f4", ">f4", "f2", "i8", "i4", ">i2", "u1", "?"])
def test_inputs_of_any_dtype_are_rounded_as_from_python(world: Path, dtype: str) -> None:
    """A third, say, is no float32; the command and Python take the float32 that is nearest."""
    values = (np.arange(COLS) / 3).astype(dtype)
    np.save(world / "given.npy", values)
    answer = cli("run", world / "layer.npz", "--input", world / "given.npy", "-o", world / "outputs.npy")
    assert answer.status == 0, answer.err
    outputs = np.load(world / "outputs.npy")
    for same in (values, values.astype(np.float32)):
        assert outputs.tolist() == eiesim.simulate(world / "layer.npz", same).outputs.tolist()


INPUT_FILES: dict[str, tuple[Callable[[Path], Any], tuple[str, ...]]] = {
    "two arrays": (
        lambda world: np.savez(world / "bad.npz", a=np.zeros(COLS, np.float32), b=np.zeros(COLS, np.float32)),
        ("activations", "missing among a, b"),
    ),
    "no array": (lambda world: np.savez(world / "bad.npz"), ("activations", "no keys")),
    "empty file": (lambda world: (world / "bad.npz").touch(), ("empty",)),
    "truncated": (lambda world: (world / "bad.npz").write_bytes((world / "x.npy").read_bytes()[:-1]), ("truncated",)),
    "followed by more": (
        lambda world: (world / "bad.npz").write_bytes((world / "x.npy").read_bytes() * 2),
        ("28 bytes",),
    ),
    "claims terabytes": (lambda world: (world / "bad.npz").write_bytes(TERABYTES), ("16,000,000,000,000",)),
    "a layer file": (lambda world: shutil.copy(world / "layer.npz", world / "bad.npz"), ("activations",)),
}


@pytest.mark.parametrize("case", INPUT_FILES)
def test_input_file(world: Path, case: str) -> None:
    make, words = INPUT_FILES[case]
    make(world)
    refused(world, ["layer.npz", "--input", "bad.npz", *WRITING], "bad.npz", *words)


# --- configurations --------------------------------------------------------------------------------------------------

CONFIGS = {
    "unknown key": ("fifo_depth = 8", ("fifo_depth", "queue_depth")),
    "no PEs": ("pes = 0", ("pes = 0",)),
    "too many PEs": ("pes = 4097", ("pes = 4097", "4096")),
    "pes is a fraction": ("pes = 64.5", ("pes = 64.5", "integer")),
    "pes is text": ("pes = '64'", ("pes = '64'", "integer")),
    "pes is true": ("pes = true", ("pes = True", "integer")),
    "clock_mhz is true": ("clock_mhz = true", ("clock_mhz = True", "number")),
    "clock_mhz is NaN": ("clock_mhz = nan", ("clock_mhz",)),
    "clock_mhz is 0": ("clock_mhz = 0", ("clock_mhz",)),
    "times would be infinite": ("clock_mhz = 1e-310", ("clock_mhz",)),
    "a load that never ends": ("dram_gbytes_per_s = 5e-324", ("dram_gbytes_per_s = 5e-324", "0.001")),
    "a load of 300 digits": ("dram_gbytes_per_s = 1e-300", ("dram_gbytes_per_s = 1e-300", "0.001")),
    "no bandwidth": ("dram_gbytes_per_s = 0", ("dram_gbytes_per_s = 0", "0.001")),
    "bandwidth is NaN": ("dram_gbytes_per_s = nan", ("dram_gbytes_per_s",)),
    "no queue": ("queue_depth = 0", ("queue_depth = 0",)),
    "index_bits 9": ("index_bits = 9", ("index_bits = 9",)),
    "weight_bits 0": ("weight_bits = 0", ("weight_bits = 0",)),
    "no entry fits": ("spmat_width = 7", ("spmat_width 7", "8 bits")),
    "another arithmetic": ("arithmetic = 'bfloat16'", ("arithmetic = 'bfloat16'", "fixed16")),
    "fraction bits out of range": ("output_frac = 48", ("output_frac = 48", "-16 to 47")),
    "fraction bits are true": ("output_frac = true", ("output_frac = True", "'auto'")),
    "a shift out of range": ("output_frac = -16\nweight_frac = 47\nactivation_frac = 47", ("-16..62", "output_frac")),
    "a table": ("[pes]\ncount = 3", ("pes",)),
    "a key called self": ("self = 1", ("'self'",)),
    "not TOML": ("pes: 64", ("not readable as TOML",)),
    "endless nesting": ("pes = " + "[" * 5000, ("not readable as TOML",)),
    "endless number": ("pes = " + "9" * 5000, ("not readable as TOML",)),
    "endless hexadecimal number": ("pes = 0x" + "f" * 5000, ("pes",)),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_config_file(world: Path, case: str) -> None:
    text, words = CONFIGS[case]
    (world / "bad.toml").write_text(text)
    where = [] if "shift" in case else ["bad.toml"]  # the shift depends on the layer, not on the file alone
    line = refused(world, ["layer.npz", "--input", "x.npy", "--config", "bad.toml", *WRITING], *where, *words)
    assert len(line) < 400


def test_config_file_that_is_not_text(world: Path) -> None:
    (world / "bad.toml").write_bytes(b"pes = '\xff'")
    refused(world, ["layer.npz", "--input", "x.npy", "--config", "bad.toml"], "bad.toml", "TOML")


# --- options ---------------------------------------------------------------------------------------------------------

GOOD = ["layer.npz", "--input", "x.npy"]
OPTIONS: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "no layer": (WRITING, ("LAYER",)),
    "unknown option": ([*GOOD, "--depth", "8"], ("--depth",)),
    "unknown engine": ([*GOOD, "--engine", "magic", *WRITING], ("magic", "clocked, recurrence")),
    "config that is not there": ([*GOOD, "--config", "isca17", *WRITING], ("isca17", "isca16")),
    "--set without =": ([*GOOD, "--set", "pes", *WRITING], ("'pes'", "key=value")),
    "--set without key": ([*GOOD, "--set", "=3", *WRITING], ("'=3'", "key=value")),
    "--set without value": ([*GOOD, "--set", "pes=", *WRITING], ("pes = ''",)),
    "--set unknown key": ([*GOOD, "--set", "fifo=8", *WRITING], ("fifo", "queue_depth")),
    "--set two lines": ([*GOOD, "--set", "pes=8\nqueue_depth=9", *WRITING], ("pes",)),
    "--set self": ([*GOOD, "--set", "self=8", *WRITING], ("'self'",)),
    "--set wrong type": ([*GOOD, "--set", "pes=many", *WRITING], ("pes = 'many'",)),
    "pes 0": ([*GOOD, "--pes", "0", *WRITING], ("pes = 0",)),
    "pes -4": ([*GOOD, "--pes", "-4", *WRITING], ("pes = -4",)),
    "pes is text": ([*GOOD, "--pes", "many", *WRITING], ("--pes",)),
    "queue depth -1": ([*GOOD, "--queue-depth", "-1", *WRITING], ("queue_depth = -1",)),
    "spmat width 4": ([*GOOD, "--spmat-width", "4", *WRITING], ("spmat_width",)),
    "rows 0": (["dump", "--rows", "0", *WRITING], ("--rows",)),
    "seed -1": (["table3:NT-We", "--seed", "-1", *WRITING], ("--seed",)),
    "unknown Table III layer": (["table3:Alex-9", *WRITING], ("Alex-9", "Alex-8")),
    "density 1.5": (["table3:NT-We", "--density", "1.5", *WRITING], ("density = 1.5", "0 to 1")),
    "density -0.1": (["table3:NT-We", "--density=-0.1", *WRITING], ("density = -0.1", "0 to 1")),
    "density NaN": (["table3:NT-We", "--density", "nan", *WRITING], ("density = nan",)),
    "active inputs 2": (["table3:NT-We", "--activation-density", "2", *WRITING], ("activation density = 2",)),
    "variation -1": (["table3:NT-We", "--variation", "-1", *WRITING], ("variation = -1",)),
    "variation too small to compute": (["table3:NT-We", "--variation", "1e-200", *WRITING], ("variation = 1e-200",)),
    "no input": (["layer.npz", *WRITING], ("layer.npz", "--input")),
    "input that is not there": (["layer.npz", "--input", "none.npy", *WRITING], ("none.npy", "no such file")),
    "layers that do not chain": (["layer.npz", "layer.npz", "-i", "x.npy", *WRITING], ("9 outputs", "7 inputs")),
    "--json in no folder": ([*GOOD, "--json", "none/result.json", "-o", "out.npy"], ("none/result.json",)),
    "--output in no folder": ([*GOOD, "--json", "result.json", "-o", "none/out.npy"], ("none/out.npy",)),
    "--output to a folder": ([*GOOD, "--json", "result.json", "-o", "empty"], ("empty", "folder")),
    "--json to a folder": ([*GOOD, "--json", "empty", "-o", "out.npy"], ("empty", "folder")),
    "folder of neither kind": (["empty", "--input", "x.npy", *WRITING], ("empty", "network.toml", "act.dat")),
    "--strict, too large": (["table3:NT-We", "--pes", "1", "--strict", *WRITING], ("--strict", "activation_sram")),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_option(world: Path, case: str) -> None:
    arguments, words = OPTIONS[case]
    refused(world, arguments, *words)


@pytest.mark.parametrize("fails", [1, 2, 3])
def test_a_write_that_fails_midway_leaves_neither_file(
    world: Path, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    calls = []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == fails:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    refused(world, [*GOOD, "--json", "result.json", "--output", "out.npy"], "No space left")
    assert len(calls) == fails


# --- dumps -----------------------------------------------------------------------------------------------------------


def numbers(path: str, dtype: str, place: Any, value: Any) -> Callable[[Path], None]:
    def spoil(dump: Path) -> None:
        data = np.fromfile(dump / path, dtype)
        data[place] = value
        data.tofile(dump / path)

    return spoil


def drop(path: str) -> Callable[[Path], None]:
    return lambda dump: (dump / path).unlink()


def cut(path: str, count: int) -> Callable[[Path], int]:
    return lambda dump: (dump / path).write_bytes((dump / path).read_bytes()[:-count])


def between_inputs_and_bias(dump: Path) -> None:
    pointers = np.fromfile(dump / "ptr/ptr0.dat", "<i4")
    pointers[COLS + 1] = pointers[-1]  # 7 inputs, 3 PEs: the bias is column 9, columns 7 and 8 must be empty
    pointers[COLS + 1 :] = pointers[-1]
    pointers.tofile(dump / "ptr/ptr0.dat")


PTR, SPM = "ptr/ptr1.dat", "spm/spm1.dat"
DUMPS: dict[str, tuple[Callable[[Path], Any], tuple[str, ...]]] = {
    "no act.dat": (drop("act.dat"), ("act.dat", "no such file")),
    "no arithm.dat": (drop("arithm.dat"), ("arithm.dat", "no such file")),
    "no ptr1.dat": (drop(PTR), ("ptr1.dat", "no such file")),
    "no ptr2.dat, the last": (drop("ptr/ptr2.dat"), ("2 ptr/ptrK.dat", "3 spm/spmK.dat")),
    "no spm1.dat": (drop(SPM), ("spm1.dat", "no such file")),
    "no spm2.dat, the last": (drop("spm/spm2.dat"), ("3 ptr/ptrK.dat", "2 spm/spmK.dat")),
    "no ptr at all": (lambda dump: shutil.rmtree(dump / "ptr"), ("ptr0.dat",)),
    "act.dat truncated": (cut("act.dat", 3), ("act.dat", "truncated")),
    "act.dat empty": (cut("act.dat", 4 * COLS), ("act.dat", "empty")),
    "act.dat holds NaN": (numbers("act.dat", "<f4", 0, np.nan), ("act.dat", "NaN")),
    "arithm.dat short": (cut("arithm.dat", 4), ("arithm.dat", "15", "16")),
    "arithm.dat entry 0 is 1": (numbers("arithm.dat", "<f4", 0, 1), ("arithm.dat", "0.0")),
    "arithm.dat holds infinity": (numbers("arithm.dat", "<f4", 4, np.inf), ("arithm.dat", "infinity")),
    "ptr truncated": (cut(PTR, 1), ("ptr1.dat", "truncated")),
    "ptr a pointer short": (cut(PTR, 4), ("ptr1.dat", "11")),
    "spm truncated": (cut(SPM, 2), ("spm1.dat", "truncated")),
    "spm half a pair": (cut(SPM, 4), ("spm1.dat", "pairs")),
    "spm an entry short": (cut(SPM, 8), ("ptr1.dat", "spm1.dat")),
    "pointers fall": (numbers(PTR, "<i4", 1, 100), ("ptr1.dat", "never fall")),
    "pointers wrap around": (
        numbers(PTR, "<i4", slice(1, 4), [2**31 - 1, -(2**31), -1]),
        ("ptr1.dat", "never fall"),
    ),
    "pointers start at 1": (numbers(PTR, "<i4", 0, 1), ("ptr1.dat", "start at 0")),
    "last pointer past the entries": (numbers(PTR, "<i4", -1, 1000), ("ptr1.dat", "end at")),
    "code 16": (numbers(SPM, "<i4", 0, 16), ("spm1.dat", "codes", "0 to 15")),
    "code -1": (numbers(SPM, "<i4", 0, -1), ("spm1.dat", "codes", "0 to 15")),
    "z 16": (numbers(SPM, "<i4", 1, 16), ("spm1.dat", "z must be 0 to 15")),
    "padding (0, 3)": (numbers(SPM, "<i4", slice(0, 2), [0, 3]), ("spm1.dat", "(0, 15)")),
    "entries between inputs and bias": (between_inputs_and_bias, ("column 7", "bias")),
    "a file is a folder": (lambda dump: ((dump / SPM).unlink(), (dump / SPM).mkdir()), ("spm1.dat",)),
}


@pytest.mark.parametrize("case", DUMPS)
def test_dump(world: Path, case: str) -> None:
    spoil, words = DUMPS[case]
    spoil(world / "dump")
    refused(world, ["dump", *WRITING], "dump", *words)


def test_dump_with_more_rows_than_asked_for(world: Path) -> None:
    refused(world, ["dump", "--rows", "8", *WRITING], "dump", "row 8", "9 rows")
    refused(world, ["dump", "--rows", f"{2**31}", *WRITING], "dump", "rows", "2**31")


# --- networks --------------------------------------------------------------------------------------------------------

NETWORKS = {
    "no layers": ("format = 'eiesim-network/1'", ("layers",)),
    "empty list": ("format = 'eiesim-network/1'\nlayers = []", ("layers",)),
    "layers is text": ("format = 'eiesim-network/1'\nlayers = 'first.npz'", ("layers",)),
    "layer without file": ("format = 'eiesim-network/1'\n[[layers]]\nname = 'x'", ("file",)),
    "layer is a number": ("format = 'eiesim-network/1'\nlayers = [1]", ("file",)),
    "file outside": ("format = 'eiesim-network/1'\n[[layers]]\nfile = '../layer.npz'", ("../layer.npz", "inside")),
    "file elsewhere": ("format = 'eiesim-network/1'\n[[layers]]\nfile = '/layer.npz'", ("/layer.npz", "inside")),
    "file is not there": ("format = 'eiesim-network/1'\n[[layers]]\nfile = 'ip1.npz'", ("ip1.npz", "no such file")),
    "file with a NUL": ('format = "eiesim-network/1"\n[[layers]]\nfile = "a\\u0000"', ()),
    "no format": ("[[layers]]\nfile = 'first.npz'", ("format", "eiesim-network/1")),
    "another format": ("format = 'eiesim-network/2'\n[[layers]]\nfile = 'first.npz'", ("format", "eiesim-network/2")),
    "name is a number": ("format = 'eiesim-network/1'\nname = 3\n[[layers]]\nfile = 'first.npz'", ("name",)),
    "not TOML": ("layers: []", ("TOML",)),
}


@pytest.mark.parametrize("case", NETWORKS)
def test_network(world: Path, case: str) -> None:
    text, words = NETWORKS[case]
    (world / "net" / "network.toml").write_text(text)
    refused(world, ["net", "--input", "x.npy", *WRITING], "net", *words)


def test_network_whose_layers_do_not_chain(world: Path) -> None:
    write_network(world / "net", "first.npz", "stranger.npz")
    refused(world, ["net", "--input", "x.npy", *WRITING], "network.toml", "9 outputs", "10 inputs")


# --- the whole program -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "none.npz", "--input", "x.npy"], "none.npz"),
        (["run", "layer.npz", "--input", "x.npy", "--set", "pes=0"], "pes = 0"),
        (["inspect", "none.npz"], "none.npz"),
        (["bogus"], "bogus"),
    ],
)
def test_as_a_program_of_its_own(world: Path, arguments: list[str], word: str) -> None:
    package = Path(eiesim.__file__).resolve().parents[1]
    ended = subprocess.run(
        [sys.executable, "-m", "eiesim", *arguments],
        cwd=world,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert word in ended.stderr
