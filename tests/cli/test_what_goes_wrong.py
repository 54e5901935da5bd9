"""Whatever ends a command is one line and a status; what the system says names the file it is about."""

import errno
import sys
import threading

import numpy as np
import pytest

import eiesim
from eiesim.cli import main
from eiesim.cli.run import _mapped
from eiesim.reproduction import simulations
from tests.cases import cli

DISK = OSError(errno.ENOSPC, "No space left on device")
FILE = PermissionError(errno.EACCES, "Permission denied", "a.npz")
TWO = OSError(errno.EXDEV, "Invalid cross-device link", "a.part", None, "a.npz")


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (MemoryError("9 TiB"), 2,
         "out of memory; try fewer PEs, a smaller batch or a smaller layer. 9 TiB"),
        (FILE, 2, "a.npz: Permission denied"),
        (TWO, 2, "a.part and a.npz: Invalid cross-device link"),
        (DISK, 2, "standard output: cannot be written: No space left on device"),
        (OSError("odd"), 2, "odd"),
        (ConnectionResetError(), 2, "ConnectionResetError"),
        (OverflowError("int too large"), 2, "a value cannot be used: int too large"),
        (UnicodeError("one\ntwo"), 2, "a value cannot be used: one two"),
        (KeyboardInterrupt(), 130, "interrupted; nothing was written"),
    ],
)  # fmt: skip
def test_one_line_and_a_status(error, status, line, monkeypatch):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(eiesim, "cite", fail)
    answer = cli("cite")
    assert (answer.status, answer.out, answer.err) == (status, "", f"eiesim: {line}\n")


def test_a_standard_error_that_cannot_be_written_changes_no_status(monkeypatch):
    class Full:
        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

        def flush(self):
            pass

    monkeypatch.setattr(sys, "argv", ["eiesim", "run", "none.npz"])
    monkeypatch.setattr(sys, "stderr", Full())
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2


def test_a_command_runs_in_any_thread():
    """Only the main thread may say what a signal does."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(cli("cite", "han2016eie")))
    thread.start()
    thread.join()
    assert answers[0].status == 0
    assert "@inproceedings{han2016eie" in answers[0].out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("compare", "table3:NT-We"), "give a folder for the tables and plots: --output DIR"),
        (("run", "table3:NT-We", "--dram-trace", "t"),
         "--dram-trace: weights = 'resident': nothing is loaded; give --set weights=streamed"),
        (("run", "table3:NT-We", "--dram-base", "zz"), "--dram-base zz: is no address, such as 0x40000000"),
    ],
)  # fmt: skip
def test_what_an_option_lacks_is_said(arguments, said):
    answer = cli(*arguments)
    assert (answer.status, answer.out, answer.err) == (2, "", f"eiesim: {said}\n")


def test_a_run_writes_the_dram_trace_and_knows_the_layers_to_draw(tmp_path):
    layers = [eiesim.CompressedLayer.from_dense(np.random.default_rng(k).normal(size=(5, 5)), name=name)
              for k, name in enumerate("abc")]  # fmt: skip
    for layer in layers:
        eiesim.save(layer, tmp_path / f"{layer.name}.npz")
    np.save(tmp_path / "x.npy", np.ones(5, np.float32))
    files = [tmp_path / f"{layer.name}.npz" for layer in layers]
    run = ("run", *files, "-i", tmp_path / "x.npy", "--pes", "2", "-q")
    answer = cli(*run, "--set", "weights=streamed", "--dram-trace", tmp_path / "t.txt", "--dram-base", "0x40000000")
    assert answer.status == 0, answer.err
    result = eiesim.simulate(layers, np.ones(5), {"pes": 2, "weights": "streamed"})
    told = (tmp_path / "t.txt").read_text()
    assert told.strip() == "".join(result.dram_trace(0x40000000)).strip()
    addresses = [int(line.split()[1], 16) for line in told.splitlines()]
    assert addresses == list(range(0x40000000, 0x40000000 + 64 * len(addresses), 64))
    found = {given: _mapped(given, 3) for given in (None, "2", "all", "a, c")}
    assert found == {None: None, "2": 2, "all": 3, "a, c": ["a", "c"]}


def test_a_reproduction_that_is_stopped_before_its_first_run_leaves_no_folder(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(simulations, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        eiesim.reproduce(tmp_path / "new" / "folder", quick=True)
    assert not list(tmp_path.iterdir())
