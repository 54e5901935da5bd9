"""The file that rows are added to: whatever a kill leaves behind, it opens to whole rows."""

import os
import signal
import sys
from dataclasses import replace
from threading import Event

import numpy as np
import pytest

import eiesim
from eiesim import EieError
from eiesim.model import Workload
from eiesim.sweeps import journal as journal_module
from eiesim.sweeps.journal import Journal
from eiesim.sweeps.row import Row, check_of, columns
from eiesim.sweeps.table import Table
from eiesim.sweeps.writer import Writer

OLD_HEADER = ",".join(columns()) + "\n"
HEADER = ",".join([*columns(), "check"]) + "\n"


def _sample():
    activations = np.ones(20, np.float32)
    layer = eiesim.CompressedLayer.from_dense(np.eye(20), name='a, "b"')
    result = eiesim.simulate(layer, activations, eiesim.MachineConfig(pes=4), outputs=False)
    return Row.of(Workload(layer, activations), result.layers[0], "h")


SAMPLE = _sample()


def row(k):
    return replace(SAMPLE, cycles=k, hash=f"h{k}")


def line(k, **changes):
    return replace(row(k), **changes).checked_line()


def held(journal):
    """The hashes of the rows in a journal's file, in its order, each known to the journal."""
    lines = journal.path.read_text().splitlines()[1:]
    hashes = [one.rsplit(",", 2)[1] for one in lines]
    assert not hashes or not journal.missing(np.array(hashes, "S")).any()
    assert len(journal) == len(hashes)
    return hashes


def lines_of(*rows):
    return Table.of(rows).checked_lines()


def checked(text):
    return f"{text},{check_of(text)}\n"


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
            assert held(journal) == [f"h{k}" for k in range(max(whole, 0))]
            journal.append(row(k) for k in range(3))
        assert path.read_bytes() == content


def test_a_sweep_that_never_began_leaves_no_file(tmp_path):
    with pytest.raises(EieError, match="jobs"):
        eiesim.sweep(["table3:NT-LSTM"], output=tmp_path / "t.csv", jobs=10**12)
    assert not list(tmp_path.iterdir())


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
        HEADER.replace("eiesim,hash,check", "hash,eiesim,check"),
        HEADER + "a,1\n",
        HEADER + line(0).replace(",h0", ",x,h0"),
        HEADER + checked(line(0).rpartition(",")[0] + ",x"),
        OLD_HEADER + line(0, cycles="many").rpartition(",")[0] + "\n",
        HEADER + line(0, cycles="many").rpartition(",")[0] + ",0000000000000000\n",
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


@pytest.mark.parametrize("changes", [{"cycles": "many"}, {"time_us": "1,5"}])
def test_a_cell_of_another_type_with_the_right_check_is_refused_when_its_row_is_read(tmp_path, changes):
    path = tmp_path / "t.csv"
    path.write_text(HEADER + line(0, **changes) + line(1))
    with Journal(path) as journal, pytest.raises(EieError, match=rf"t\.csv: .*column {next(iter(changes))}"):
        journal.table(np.array([b"h1", b"h0"]))


def test_old_files_without_checks_are_gone_on_with(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(OLD_HEADER + row(0).line())
    with Journal(path) as journal:
        journal.append([row(0), row(1)])
    assert path.read_text() == OLD_HEADER + row(0).line() + row(1).line()


@pytest.mark.parametrize("checked", [True, False])
def test_tables_with_a_columns_former_name_are_gone_on_with(tmp_path, checked):
    """dram_gbps, as a version before called it: the file keeps its first line, and nothing is run again."""
    path = tmp_path / "t.csv"
    header = (HEADER if checked else OLD_HEADER).replace("dram_gbytes_per_s", "dram_gbps")
    assert header not in (HEADER, OLD_HEADER)
    lines = [line(k) if checked else row(k).line() for k in range(2)]
    path.write_text(header + lines[0])
    with Journal(path) as journal:
        assert journal.table(np.array([b"h0"])).rows() == [row(0)]
        journal.append([row(0), row(1)])
    assert path.read_text() == header + lines[0] + lines[1]
    path.write_text(header + lines[0] + "damaged\n")
    with Journal(path, repair=True):
        assert path.read_text() == header + lines[0]


DAMAGES = {
    "a bare CR": lambda text: text.replace("recurrence", "recur\rrence"),
    "200 KB": lambda text: text.replace("recurrence", "r" * 200_000),
    "5,000 digits": lambda text: text.replace(",4,", f",{'4' * 5000},", 1),
    "another figure": lambda text: text.replace(",1,", ",7,", 1),
    "a word": lambda text: text.replace(",4,", ",abc,", 1),
    "infinity": lambda text: text.replace(",800.0,", ",inf,", 1),
    "beyond int64": lambda text: text.replace(",4,", f",{10**30},", 1),
    "no check": lambda text: text.rpartition(",")[0] + "\n",
    "another check": lambda text: text[:-2] + ("0" if text[-2] != "0" else "1") + "\n",
    "an open quote": lambda text: text.replace(",recurrence", ',"recurrence'),
    "not UTF-8": lambda text: text.encode().replace(b"recurrence", b"recurr\xffnce").decode("latin1"),
    "a doubled line": lambda text: text + text,
    "an empty line": lambda text: "\n" + text,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_line_is_named_and_can_be_repaired(tmp_path, damage):
    path = tmp_path / "t.csv"
    spoilt = DAMAGES[damage](line(1))
    assert spoilt != line(1)
    path.write_bytes((HEADER + line(0)).encode() + spoilt.encode("latin1") + line(2).encode())
    before = path.read_bytes()
    with pytest.raises(EieError, match=r"t\.csv: line [34] ") as error:
        Journal(path)
    assert "\n" not in str(error.value)
    assert path.read_bytes() == before
    with Journal(path, repair=True) as journal:
        assert journal.repaired == 1
        journal.append([row(k) for k in range(3)])
    assert sorted(path.read_text().splitlines()) == sorted((HEADER + line(0) + line(1) + line(2)).splitlines())
    assert list(tmp_path.iterdir()) == [path]


def test_every_change_of_a_letter_shows(tmp_path):
    path = tmp_path / "t.csv"
    whole = line(1)
    for place in range(len(whole) - 1):
        path.write_text(HEADER + whole[:place] + chr(ord(whole[place]) ^ 1) + whole[place + 1 :])
        with pytest.raises(EieError, match=r"line 2|was made by"):
            Journal(path)


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(EieError, match="not a regular file"):
        Journal(tmp_path / "t.csv")


def test_two_at_once_are_refused_until_the_first_is_closed(tmp_path):
    path = tmp_path / "t.csv"
    with Journal(path), pytest.raises(EieError, match="another sweep"):
        Journal(path)
    Journal(path).close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/locks")
def test_whose_lock_it_is(tmp_path):
    with Journal(tmp_path / "t.csv"), pytest.raises(EieError, match=rf"is writing it \(process {os.getpid()}, .+\);"):
        Journal(tmp_path / "t.csv")


def test_a_table_with_other_line_ends_is_told_so(tmp_path):
    path = tmp_path / "t.csv"
    write(path)
    content = path.read_bytes().replace(b"\n", b"\r\n")
    path.write_bytes(content)
    with pytest.raises(EieError, match="has lines that end in CRLF"):
        Journal(path, repair=True)
    assert path.read_bytes() == content


@pytest.mark.parametrize("gone", ["repaired", "removed"])
def test_the_file_that_is_locked_is_the_one_at_the_path(tmp_path, monkeypatch, gone):
    """Replaced between opening and lock, rows went to a file that no name leads to any more."""
    path = tmp_path / "t.csv"
    write(path)
    path.write_text(HEADER + line(0) + "damaged\n" + line(2))
    import fcntl

    real, calls = fcntl.flock, []

    def other_sweep_first(handle, how):
        calls.append(handle)
        if len(calls) == 1:
            if gone == "removed":
                path.unlink()
            else:
                with Journal(path, repair=True) as other:
                    assert other.repaired == 1
                    other.append([row(7)])
        return real(handle, how)

    monkeypatch.setattr(fcntl, "flock", other_sweep_first)
    with Journal(path) as journal:
        journal.append([row(5)])
    before = [] if gone == "removed" else [0, 2, 7]
    assert path.read_text() == HEADER + "".join(map(line, [*before, 5]))


def test_what_another_sweep_damages_between_repair_and_lock_is_repaired_too(tmp_path, monkeypatch):
    """It was refused as damaged, though `repair` was asked for."""
    path = tmp_path / "t.csv"
    write(path)
    path.write_text(HEADER + line(0) + "damaged\n" + line(2))
    import fcntl

    real, calls = fcntl.flock, []

    def other_sweep_first(handle, how):
        if os.path.samestat(os.fstat(handle), path.stat()):
            calls.append(handle)
            if len(calls) == 2:
                path.write_text(path.read_text() + line(7) + "damaged again\n")
        return real(handle, how)

    monkeypatch.setattr(fcntl, "flock", other_sweep_first)
    with Journal(path, repair=True) as journal:
        assert set(held(journal)) == {"h0", "h2", "h7"}
        assert journal.repaired == 2
    assert path.read_text() == HEADER + "".join(map(line, [0, 2, 7]))


def test_no_row_is_lost_where_sweeps_and_repairs_take_turns(tmp_path):
    """Four processes append a row, damage a line of nobody's and repair, as often as the lock lets them."""
    path = tmp_path / "t.csv"
    write(path, 1)

    def work(number):
        done = []
        for k in range(20):
            try:
                with Journal(path, repair=True) as journal:
                    key = 1000 * (number + 1) + k
                    journal.append([row(key)])
                    done.append(key)
                    os.write(journal._file, b"damage\n")
            except EieError as error:
                if "another sweep is writing it" not in str(error):
                    raise
        (tmp_path / f"done{number}").write_text(" ".join(map(str, done)))

    children = []
    for number in range(4):
        children.append(os.fork())
        if children[-1] == 0:
            try:
                work(number)
            except BaseException as error:
                (tmp_path / "error").write_text(repr(error))
            os._exit(0)
    for child in children:
        os.waitpid(child, 0)
    assert not (tmp_path / "error").exists(), (tmp_path / "error").read_text()
    reported = {f"h{key}" for number in range(4) for key in (tmp_path / f"done{number}").read_text().split()}
    assert reported
    with Journal(path, repair=True) as journal:
        assert set(held(journal)) == reported | {"h0"}


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


def test_rows_that_come_during_a_write_go_to_the_disk_together(tmp_path, monkeypatch):
    """The first at once; those that come while it is being written, in one write; each reported only after it."""
    begun, go_on, writes, told = Event(), Event(), [], []
    with Journal(tmp_path / "t.csv") as journal:
        real = journal.add

        def slowly(made):
            begun.set()
            assert go_on.wait(60)
            assert len(told) == len(writes)
            writes.append([one.decode() for lines in made for one in lines.hashes.tolist()])
            return real(made)

        monkeypatch.setattr(journal, "add", slowly)
        with Writer(journal, lambda new, known: told.append((new, known))) as writer:
            writer.put(lines_of(row(0)))
            assert begun.wait(60)
            for k in range(1, 5):
                writer.put(lines_of(row(k)))
            go_on.set()
            writer.close()
    assert writes == [["h0"], ["h1", "h2", "h3", "h4"]]
    assert told == [(1, 0), (4, 0)]
    with Journal(tmp_path / "t.csv") as journal:
        assert held(journal) == ["h0", "h1", "h2", "h3", "h4"]


def test_what_a_write_raises_ends_the_sweep(tmp_path):
    def refuse(new, known):
        raise OSError("told")

    with Journal(tmp_path / "t.csv") as journal, Writer(journal, refuse) as writer:
        writer.put(lines_of(row(0)))
        with pytest.raises(OSError, match="told"):
            writer.close()
        with pytest.raises(OSError, match="told"):
            writer.put(lines_of(row(1)))
    with Journal(tmp_path / "t.csv") as journal:
        assert held(journal) == ["h0"]


def test_an_interrupted_sweep_keeps_what_had_finished(tmp_path):
    def interrupted():
        with Journal(tmp_path / "t.csv") as journal, Writer(journal, max) as writer:
            writer.put(lines_of(row(0)))
            writer.put(lines_of(row(1)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with Journal(tmp_path / "t.csv") as journal:
        assert held(journal) == ["h0", "h1"]
