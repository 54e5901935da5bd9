"""A Parquet file that grows: killed or not, resumed or not, it ends as the rows of a sweep that nobody disturbed."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import eiesim
from eiesim import EieError
from eiesim.sweeps import parts as module
from eiesim.sweeps.parts import Parts
from tests.layers import random_layer

pytest.importorskip("pyarrow")
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

AXES = {"pes": [1, 2, 3], "queue_depth": [1, 2], "spmat_width": [64, 128], "arithmetic": ["float32", "fixed16"]}


def small():
    rng = np.random.default_rng(3)
    batch = (rng.random((2, 30)) * (rng.random(30) < 0.5)).astype(np.float32)
    return [(random_layer(1, 20, 30, density=0.2), batch), (random_layer(2, 25, 30, density=0.2), batch[0])]


def test_it_holds_what_sweep_gives_in_the_same_order(tmp_path):
    path = tmp_path / "t.parquet"
    expected = eiesim.sweep(small(), AXES)
    again = eiesim.sweep(small(), AXES, parquet=path)
    assert again.equals(expected)
    read = pd.read_parquet(path)
    assert read.astype(expected.dtypes).equals(expected)
    assert str(read["fraction_bits_weight"].dtype) == "Int64"
    assert {str(read[name].dtype) for name in ("cycles", "macs")} == {"float64"}  # means over a batch
    assert [one.name for one in tmp_path.iterdir()] == ["t.parquet"]


def test_beside_a_csv_file_it_is_written_from_there(tmp_path):
    expected = eiesim.sweep(small()[1:], AXES)
    eiesim.sweep(small()[1:], {"pes": [2]}, output=tmp_path / "t.csv")
    eiesim.sweep(small()[1:], AXES, output=tmp_path / "t.csv", parquet=tmp_path / "t.parquet")
    read = pd.read_parquet(tmp_path / "t.parquet")
    assert read.astype(expected.dtypes).equals(expected)
    assert str(read["cycles"].dtype) == "int64"


def test_what_is_finished_is_not_run_again_and_can_be_widened(tmp_path):
    path = tmp_path / "t.parquet"
    assert eiesim.sweep_rows(small(), AXES, parquet=path).new == 48
    assert eiesim.sweep_rows(small(), AXES, parquet=path).known == 48
    wider = {**AXES, "pes": [2, 3, 4]}
    swept = eiesim.sweep_rows(small(), wider, parquet=path)
    assert (swept.new, swept.known) == (16, 32)
    assert swept.to_frame().equals(eiesim.sweep(small(), wider))


def test_a_file_that_another_program_wrote_is_no_source_of_rows(tmp_path):
    path = tmp_path / "t.parquet"
    pd.read_parquet(made(path)).assign(cycles=0).to_parquet(path)
    assert eiesim.sweep_rows(small(), AXES, parquet=path).new == 48
    path.write_bytes(b"no Parquet at all")
    assert eiesim.sweep_rows(small(), AXES, parquet=path).new == 48


@pytest.mark.parametrize(
    ("column", "values"), [("hash", "short"), ("hash", 7), ("layer", 7), ("cycles", "many"), ("cycles", None)]
)
def test_of_values_that_no_sweep_writes_nothing_is_taken(tmp_path, column, values):
    path = tmp_path / "t.parquet"
    held = pq.read_table(made(path))
    place = held.schema.get_field_index(column)
    kind = held.schema.field(column).type if values is None else None
    changed = held.set_column(place, column, pa.array([values] * len(held), kind))
    pq.write_table(changed.replace_schema_metadata(held.schema.metadata), path)
    if values is not None:
        assert eiesim.sweep_rows(small(), AXES, parquet=path).new == 48
    else:  # what is not the hash is looked at when its row is needed
        with pytest.raises(EieError, match=r"t\.parquet: is damaged: cycles"):
            eiesim.sweep_rows(small(), AXES, parquet=path)


def test_texts_are_read_as_texts(tmp_path):
    kinds = {field.name: str(field.type) for field in pq.read_schema(made(tmp_path / "t.parquet"))}
    assert {kinds[name] for name in ("layer", "arithmetic", "warnings", "hash")} == {"string"}


def made(path):
    eiesim.sweep_rows(small(), AXES, parquet=path)
    return path


def parted(path):
    """A sweep that ended with its rows in several parts, as a killed one leaves them."""
    real = Parts.add
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PART_ROWS", 1)
        patch.setattr(Parts, "add", lambda self, made: sum(real(self, [one]) for one in made))
        patch.setattr(Parts, "finish", interrupted)
        with pytest.raises(KeyboardInterrupt):
            eiesim.sweep_rows(small(), AXES, parquet=path, jobs=1)
    return sorted((path.parent / f"{path.name}.parts").glob("*.parquet"))


def interrupted(*_):
    raise KeyboardInterrupt


class Told:
    """Writes a byte for each row that is reported."""

    def __init__(self, file):
        self.file, self.told = file, 0

    def __call__(self, done, total, doing):
        os.write(self.file, b"r" * (done - self.told))
        self.told = done


def test_parts_are_gone_on_with(tmp_path):
    path = tmp_path / "t.parquet"
    found = parted(path)
    assert len(found) == 6
    assert not path.exists()
    assert len(pd.read_parquet(path.with_name("t.parquet.parts"))) == 48, "any tool reads what is there"
    found[1].unlink()
    swept = eiesim.sweep_rows(small(), AXES, parquet=path)
    assert 0 < swept.new < 48
    assert swept.to_frame().equals(eiesim.sweep(small(), AXES))
    assert [one.name for one in tmp_path.iterdir()] == ["t.parquet"]


@pytest.mark.parametrize("damage", ["cut", "changed", "other"])
def test_a_damaged_part_is_named_and_can_be_repaired(tmp_path, damage):
    path = tmp_path / "t.parquet"
    part = parted(path)[1]
    content = bytearray(part.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "changed":
        for place in range(2000, 2040):  # within the pages, whose checksums tell
            content[place] ^= 0xFF
    else:
        content = bytearray(b"PAR1 no more PAR1")
    part.write_bytes(content)
    with pytest.raises(EieError, match=r"t\.parquet\.parts/part-000001\.parquet: is damaged") as error:
        eiesim.sweep_rows(small(), AXES, parquet=path)
    assert "\n" not in str(error.value)
    assert part.read_bytes() == bytes(content)
    assert not path.exists()
    if damage == "changed":  # what is not the hash is looked at when its row is needed
        part.unlink()
    assert eiesim.sweep(small(), AXES, parquet=path, repair=True).equals(eiesim.sweep(small(), AXES))


def test_two_at_once_are_refused(tmp_path):
    path = tmp_path / "t.parquet"
    with Parts(path), pytest.raises(EieError, match="another sweep is writing it"):
        eiesim.sweep_rows(small(), AXES, parquet=path)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_killed_again_and_again(tmp_path, monkeypatch):
    """Each kill at another moment; reported rows stay, and the file appears at once or not at all."""
    monkeypatch.setattr(module, "PART_ROWS", 2)
    path, expected = tmp_path / "t.parquet", eiesim.sweep(small(), AXES)
    for kill in range(12):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            eiesim.sweep_rows(small(), AXES, parquet=path, jobs=1, progress=Told(writing))
            os._exit(0)
        os.close(writing)
        time.sleep(0.01 * kill)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        reported = len(os.read(reading, 10**6))
        os.close(reading)
        held = sum(len(pd.read_parquet(one)) for one in tmp_path.glob("t.parquet.parts/part*.parquet"))
        if path.exists():
            assert len(pd.read_parquet(path)) == len(expected)
        else:
            assert held >= reported
    assert eiesim.sweep(small(), AXES, parquet=path).equals(expected)
    assert [one.name for one in tmp_path.iterdir()] == ["t.parquet"]


def test_without_pyarrow_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(EieError, match="Parquet needs pyarrow"):
        eiesim.sweep_rows(small(), AXES, parquet=tmp_path / "t.parquet")
    assert not list(tmp_path.iterdir())


SWEPT = """
import sys
from eiesim.cli import main
sys.argv = ["eiesim", "sweep", "table3:NT-We", "--pes", "8,16", "-q", "--parquet", sys.argv[1]]
try:
    main()
except SystemExit as end:
    assert not end.code
import pyarrow
assert pyarrow.default_memory_pool().backend_name == "system"
assert not {"pandas", "pyarrow.compute"} & set(sys.modules)
"""


def test_the_command_brings_in_nothing_large(tmp_path):
    subprocess.run([sys.executable, "-c", SWEPT, tmp_path / "t.parquet"], check=True)


CLOCKS = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "eiesim", "sweep", "table3:NT-LSTM", "--pes", "4,8,16,32,64", "--queue-depth",
    "1:256:x2", "--spmat-width", "64:1024:x2", "--arithmetic", "fixed16,fixed8,float32,fixed32", "--sweep",
    "multipliers=1,2,4", "--sweep", "spmat_bytes=16384,32768,65536,131072,262144", "--sweep",
    "clock_mhz=100:" + str(100 + int(sys.argv[1])), "-j", "2", "-q", "--parquet", sys.argv[2]], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs getrusage")
def test_a_further_row_takes_80_bytes_of_memory(tmp_path):
    """24 of them say where it is, 12 are Parquet's list of row groups. Its values would be 736."""

    def peak(clocks):
        command = [sys.executable, "-c", CLOCKS, str(clocks), tmp_path / f"{clocks}.parquet"]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    peak(1)  # What this version has not compiled yet.
    few, many = peak(2), peak(30)
    assert many - few < 80 * 28 * 13500
