"""Folders, memory and foreign arrays where systems differ: what is done where one of them cannot."""

import ctypes
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from eiesim import EieError
from eiesim._io import atomic, folder, memory, temporary, tensors


def replaced(place, owned=("new",)):
    with folder.making_folder(place, lambda _: owned) as parts:
        (parts / "new").write_text("2")


@pytest.mark.parametrize("error", [OSError(1, "Operation not permitted"), OSError(18, "Invalid cross-device link")])
def test_files_of_the_users_are_copied_where_links_cannot_be(tmp_path, monkeypatch, error):
    """With their times; a link of theirs stays a link."""
    place = tmp_path / "net"
    place.mkdir()
    (place / "new").write_text("1")
    (place / "mine").write_text("mine")
    os.utime(place / "mine", (1e9, 1e9))
    (place / "link").symlink_to("nowhere")

    def refuses(*_, **__):
        raise error

    monkeypatch.setattr(os, "link", refuses)
    replaced(place)
    assert {one.name for one in place.iterdir()} == {"new", "mine", "link"}
    assert ((place / "new").read_text(), (place / "mine").read_text()) == ("2", "mine")
    assert (place / "mine").stat().st_mtime == 1e9
    assert os.readlink(place / "link") == "nowhere"


@pytest.mark.parametrize("system", ["darwin", "linux without it", "a file system without it"])
def test_two_folders_that_cannot_be_swapped_are_renamed(tmp_path, monkeypatch, system):
    class Libc:
        if system.startswith("a file"):
            renameat2 = staticmethod(lambda *_: -1)

    monkeypatch.setattr(sys, "platform", "darwin" if system == "darwin" else "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: Libc)
    monkeypatch.setattr(ctypes, "get_errno", lambda: 22)
    place = tmp_path / "net"
    place.mkdir()
    (place / "new").write_text("1")
    replaced(place)
    assert (place / "new").read_text() == "2"
    assert os.listdir(tmp_path) == ["net"]


def test_what_cannot_be_carried_over_is_refused_and_stays(tmp_path):
    place = tmp_path / "net"
    (place / "new").mkdir(parents=True)
    with pytest.raises(EieError, match=r"net/new: is not eiesim's and has the name of a new file; move it"):
        replaced(place, ())
    (place / "new").rmdir()
    os.mkfifo(place / "pipe")
    with pytest.raises(EieError, match=r"net/pipe: is a pipe or a device; move it"):
        replaced(place)
    assert os.listdir(place) == ["pipe"]
    (tmp_path / "file").write_text("mine")
    with pytest.raises(EieError, match=r"file: is there already and is no folder"):
        replaced(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "record",
    [b"no", b"[1]", b'[["a"]]', b'[["../x", "y"]]', b'[["mine", "y"]]', b'[[".eiesim-a.part", ".."]]', b"[" * 9999],
)
def test_a_record_that_eiesim_did_not_write_moves_nothing(tmp_path, record):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / atomic.RECORD).write_bytes(record)
    with atomic.writing(tmp_path / "other") as file:
        file.write(b"1")
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {"mine": "mine", "other": "1"}


def test_without_locks_nothing_is_taken_for_a_leftover(tmp_path, monkeypatch):
    """Windows has none; what another process has may then be in use."""
    left = tmp_path / f"{temporary.PREFIX}x{temporary.SUFFIX}"
    left.write_bytes(b"half")
    monkeypatch.setattr(temporary, "fcntl", None)
    with temporary.temporary_folder(tmp_path) as parts:
        temporary.clean(tmp_path)
        assert parts.is_dir()
    assert os.listdir(tmp_path) == [left.name]


def read_as(**files):
    """Path.read_text of a machine that has these files alone."""

    def read_text(path, *_, **__):
        if path.name not in files:
            raise FileNotFoundError(2, "No such file", str(path))
        return files[path.name]

    return read_text


FREE = "MemTotal: 8000 kB\nMemAvailable: 1000 kB\n"


@pytest.mark.parametrize(
    ("files", "limit", "free"),
    [
        ({"meminfo": FREE}, None, 1_024_000),
        ({"meminfo": FREE, "memory.max": "max\n", "memory.current": "5\n"}, None, 1_024_000),
        ({"meminfo": FREE, "memory.max": "600000\n", "memory.current": "100000\n"}, None, 500_000),
        ({"meminfo": FREE, "memory.max": "600000\n", "memory.current": "700000\n"}, None, 0),
        ({"meminfo": FREE, "statm": "2 1 1"}, 300_000, 300_000 - 2 * 4096),
        ({"meminfo": FREE}, 300_000, 300_000),
        ({}, None, 3 * 4096),
        ({"meminfo": "nonsense"}, None, 3 * 4096),
    ],
)
def test_free_memory_is_the_least_of_what_is_said(monkeypatch, files, limit, free):
    """The system's, the control group's and the process' own limit; all pages where none is."""
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(Path, "read_text", read_as(**files))
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 3}.__getitem__)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY if limit is None else limit,) * 2)
    assert memory.available() == free


def test_where_nothing_is_known_of_memory_nothing_is_refused(monkeypatch):
    monkeypatch.setattr(Path, "read_text", read_as())
    monkeypatch.setattr(memory, "resource", None)
    monkeypatch.delattr(os, "sysconf")
    assert memory.available() is None
    memory.check_memory(2**60, "much")


class Pydata:
    """As package sparse has its arrays."""

    nnz = 1

    def __init__(self, values, fill_value=0.0):
        self.values, self.fill_value, self.ndim = np.asarray(values), fill_value, np.ndim(values)

    def todense(self):
        return self.values

    def to_scipy_sparse(self):
        return "of SciPy"


def test_pydatas_arrays():
    assert tensors.is_sparse(Pydata([[0, 1]]))
    np.testing.assert_array_equal(tensors.on_the_host(Pydata([[0, 1]])), [[0, 1]])
    assert tensors.as_scipy(Pydata([[0, 1]])) == "of SciPy"
    assert tensors.as_scipy("anything else") == "anything else"
    with pytest.raises(EieError, match="fill_value: is 1, so that what is not stored is no zero; needs 0"):
        tensors.as_scipy(Pydata([[0, 1]], 1))
    with pytest.raises(EieError, match="has 1 dimensions, needs 2"):
        tensors.as_scipy(Pydata([0, 1]))


def test_a_file_that_goes_while_it_is_read(tmp_path, monkeypatch):
    from eiesim._io.reading import read_bytes, sha256_of

    path = tmp_path / "file"
    path.write_text("1")

    def refuses(error):
        def open_(*_, **__):
            raise error

        return open_

    monkeypatch.setattr(Path, "read_bytes", refuses(OSError(5, "Input/output error")))
    monkeypatch.setattr(Path, "open", refuses(OSError(5, "Input/output error")))
    for how in (read_bytes, sha256_of):
        with pytest.raises(EieError, match=r"file: not readable: Input/output error"):
            how(path)
    monkeypatch.setattr(Path, "read_bytes", refuses(MemoryError()))
    with pytest.raises(EieError, match=r"file: its 1 bytes need more memory than there is"):
        read_bytes(path)
