"""Damaged files either load as something valid or are refused with EieError: never another exception, never a giant."""

import shutil
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eiesim
from tests.cases import random_layer

CASES = 400
MOST_BYTES = 2**26
COLS = 7


def damaged(data: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Truncated, bit-flipped, overwritten, and spliced copies, the same for the same seed."""
    rng = np.random.default_rng(seed)
    for k in range(count):
        copy = bytearray(data)
        kind = k % 4
        if kind == 0:
            del copy[int(rng.integers(0, len(copy))) :]
        elif kind == 1:
            for _ in range(int(rng.integers(1, 4))):
                copy[int(rng.integers(0, len(copy)))] ^= 1 << int(rng.integers(0, 8))
        elif kind == 2:
            place = int(rng.integers(0, len(copy)))
            copy[place : place + 4] = rng.bytes(4)
        else:
            a, b = sorted(int(n) for n in rng.integers(0, len(copy), 2))
            copy[a:a] = copy[a:b]
        yield bytes(copy)


def holds(load: Callable[[], Any]) -> bool:
    """Whether it loads; with every warning an error, and memory bounded."""
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", message=".*trailing padding")  # what load_dump says on purpose
            load()
        message = None
    except eiesim.EieError as error:
        message = str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MOST_BYTES
    assert message is None or (message and "\n" not in message)
    return message is None


def valid_layer(layer: eiesim.CompressedLayer) -> None:
    """The layer is one that the constructor would take, and can be used."""
    assert layer.to_scipy().nnz == layer.nnz
    assert layer.rows >= 1
    assert layer.cols == COLS


@pytest.mark.parametrize("compressed", [True, False])
def test_layer_files(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "layer.npz"
    eiesim.save(random_layer(1, cols=COLS), path)
    if not compressed:
        with np.load(path) as archive:
            np.savez(path, **archive)
    for data in damaged(path.read_bytes(), seed=1, count=CASES):
        path.write_bytes(data)
        holds(lambda: valid_layer(eiesim.load(path)))


def test_values_of_layer_files(tmp_path: Path) -> None:
    """Checksums would catch most damage before it reaches the checks: here the arrays are damaged, then packed anew."""
    path = tmp_path / "layer.npz"
    eiesim.save(random_layer(1, cols=COLS), path)
    with np.load(path) as archive:
        good = dict(archive)
    loaded = 0
    for key in ("shape", "indptr", "indices", "codes", "codebook", "bias_codes", "name", "format", "activation"):
        value = good[key]
        for data in damaged(value.tobytes(), seed=2, count=32):
            whole = data[: len(data) // value.itemsize * value.itemsize]
            array = np.frombuffer(whole, value.dtype)
            np.savez(path, **{**good, key: array.reshape(()) if value.ndim == 0 and len(array) == 1 else array})
            loaded += holds(lambda: eiesim.load(path))
    assert loaded > 20, "a few are harmless: another code, another name"


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_inputs(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    values = np.arange(3 * COLS, dtype=np.float32).reshape(3, COLS)
    if name.endswith("npy"):
        np.save(path, values)
    else:
        np.savez_compressed(path, activations=values)
    for data in damaged(path.read_bytes(), seed=3, count=CASES):
        path.write_bytes(data)
        holds(lambda: eiesim.load_inputs(path))


def test_npy_headers(tmp_path: Path) -> None:
    """Damage to the header alone, where the claims stand."""
    path = tmp_path / "x.npy"
    np.save(path, np.zeros(COLS, np.float32))
    good = path.read_bytes()
    for data in damaged(good[:80], seed=4, count=2 * CASES):
        path.write_bytes(data + good[80:])
        holds(lambda: eiesim.load_inputs(path))
    for claim in (
        "(10**15,)", "(-1,)", "(-7, -1)", "(99999999999999999999,)", "(True,)", "((((7,),),),)", "('7',)", "7",
        "(7,) * 7", "(2**62, 4)", "(7,), 'shape': (9999999999,)", "(0, 99999999999)", "(\\d,)", "(1" + ",1" * 70 + ")",
    ):  # fmt: skip
        for dtype in (
            "'<f4'",
            "'|O'",
            "'<U1000000000'",
            "'<V0'",
            "[('a', '<f4')]",
            "'f\\4'",
            "('<f4', (9999999, 99999))",
        ):
            text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {claim}}}".encode().ljust(400) + b"\n"
            path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(4 * COLS))
            holds(lambda: eiesim.load_inputs(path))


@pytest.mark.parametrize("file", ["act.dat", "arithm.dat", "ptr/ptr1.dat", "spm/spm1.dat"])
def test_dumps(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "dump"
    eiesim.save_dump(random_layer(1, rows=60, cols=COLS), np.ones(COLS), folder, pes=2)
    path = folder / file
    loaded = 0
    for data in damaged(path.read_bytes(), seed=5, count=CASES // 2):
        path.write_bytes(data)
        loaded += holds(lambda: eiesim.load_dump(folder)[0].to_scipy())
    assert file.endswith("ptr1.dat") or loaded > 0, "another value or code is harmless"


def test_network_files(tmp_path: Path) -> None:
    eiesim.save(random_layer(1, cols=COLS), tmp_path / "first.npz")
    path = tmp_path / "network.toml"
    text = "format = 'eiesim-network/1'\nname = 'Net'\n[[layers]]\nfile = 'first.npz'\ndensity = 0.4\n"
    for data in damaged(text.encode(), seed=6, count=CASES):
        path.write_bytes(data)
        holds(lambda: valid_layer(eiesim.load_network(tmp_path).layers[0]))


def test_configuration_files(tmp_path: Path) -> None:
    path = tmp_path / "machine.toml"
    keys = eiesim.MachineConfig().model_dump()
    text = "".join(f"{key} = {value!r}\n" for key, value in keys.items())
    path.write_text(text)
    assert eiesim.load_config(path) == eiesim.MachineConfig()
    for data in damaged(text.encode(), seed=7, count=CASES):
        path.write_bytes(data)
        holds(lambda: eiesim.load_config(path))


def test_files_of_other_kinds(tmp_path: Path) -> None:
    """Each kind of file where another is wanted."""
    eiesim.save(random_layer(1, cols=COLS), tmp_path / "layer.npz")
    np.save(tmp_path / "x.npy", np.ones(COLS, np.float32))
    eiesim.save_dump(random_layer(1, cols=COLS), np.ones(COLS), tmp_path / "dump", pes=2)
    (tmp_path / "machine.toml").write_text("pes = 8\n")
    (tmp_path / "noise").write_bytes(np.random.default_rng(8).bytes(5000))
    for path in (p for p in tmp_path.rglob("*") if p.is_file()):
        for load in (eiesim.load, eiesim.load_inputs, eiesim.load_config, eiesim.load_network, eiesim.load_dump):
            if holds(lambda load=load, path=path: load(path)):
                kind = {"load": "layer.npz", "load_inputs": "x.npy", "load_config": "machine.toml"}
                assert path.name == kind[load.__name__]
    shutil.rmtree(tmp_path / "dump" / "spm")
    assert not holds(lambda: eiesim.load_dump(tmp_path / "dump"))
