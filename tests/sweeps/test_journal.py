"""The file that rows are added to: whatever a kill leaves behind, it opens to whole rows."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest

import eiesim
from eiesim import EieError
from eiesim.inputs import Workload
from eiesim.sweeps import journal as journal_module
from eiesim.sweeps.journal import Journal
from eiesim.sweeps.row import Row, columns

HEADER = ",".join(columns()) + "\n"


def _sample():
    activations = np.ones(20, np.float32)
    layer = eiesim.CompressedLayer.from_dense(np.eye(20), name='a, "b"')
    result = eiesim.simulate(layer, activations, eiesim.MachineConfig(pes=4), outputs=False)
    return Row.of(Workload(layer, activations), result.layers[0], "h")


SAMPLE = _sample()


def row(k):
    return replace(SAMPLE, cycles=k, hash=f"h{k}")


def line(k, **changes):
    return replace(row(k), **changes).line()


def write(path, count=3):
    with Journal(path) as journal:
        for k in range(count):
            journal.append([row(k)])


def test_whole_file(tmp_path):
    write(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == HEADER + line(0) + line(1) + line(2)


def test_cut_anywhere_it_opens_to_the_whole_rows_before_the_cut(tmp_path):
    path = tmp_path / "t.csv"
    write(path)
    content = path.read_bytes()
    for cut in range(len(content) + 1):
        path.write_bytes(content[:cut])
        with Journal(path) as journal:
            whole = content[:cut].count(b"\n") - 1
            assert list(journal) == [f"h{k}" for k in range(max(whole, 0))]
            journal.append(row(k) for k in range(3))
        assert path.read_bytes() == content


def test_rows_are_not_written_twice(tmp_path):
    write(tmp_path / "t.csv")
    before = (tmp_path / "t.csv").read_bytes()
    write(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        "something else",
        "something else\n",
        "layer,cycles\n1,2\n",
        "layer,cycles,energy_total_uj,eiesim,hash\n",
        HEADER.replace("eiesim,hash", "hash,eiesim"),
        HEADER + "a,1\n",
        HEADER + line(0).replace(",h0", ",x,h0"),
        HEADER + line(0, cycles="many"),
        HEADER + line(0, time_us="1,5"),
        HEADER + line(0, eiesim="0.0.0"),
        HEADER + line(0) + line(0),
    ],
)
def test_files_of_another_kind_are_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(EieError, match=r"t\.csv") as error:
        Journal(path)
    assert "\n" not in str(error.value)
    assert path.read_text() == content


def test_two_at_once_are_refused_until_the_first_is_closed(tmp_path):
    path = tmp_path / "t.csv"
    with Journal(path), pytest.raises(EieError, match="another sweep"):
        Journal(path)
    Journal(path).close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_writer_leaves_no_lock(tmp_path):
    path = tmp_path / "t.csv"
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        Journal(path)
        os.write(writing, b"x")
        signal.pause()
    os.read(reading, 1)
    with pytest.raises(EieError, match="another sweep"):
        Journal(path)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    Journal(path).close()


def test_a_full_disk_leaves_whole_lines(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    write(path, 1)
    real = os.write
    with Journal(path) as journal:
        monkeypatch.setattr(journal_module.os, "write", lambda file, data: real(file, data[:5]))  # type: ignore[attr-defined]
        with pytest.raises(EieError, match="cannot be written"):
            journal.append([row(1)])
        monkeypatch.undo()
    assert path.read_text() == HEADER + line(0)
