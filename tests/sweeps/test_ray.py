"""Sweeps on a real Ray cluster of two workers on this machine, one of which is killed at work. Extra: `ray`."""

import os
import re
import signal
import time
from pathlib import Path

import joblib
import pytest

from eiesim import EieError, sweep
from eiesim.sweeps.backends import workers
from eiesim.sweeps.ray import TRIES

LAYERS = ["table3:NT-We", "table3:NT-LSTM"]
AXES = {"pes": "1:64:x2", "queue_depth": [1, 8], "arithmetic": "float32,fixed16,fixed8"}

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds workers in /proc")]


@pytest.fixture(scope="module")
def ray():
    return pytest.importorskip("ray", reason="extra ray")


@pytest.fixture(scope="module")
def by_threads(tmp_path_factory):
    path = tmp_path_factory.mktemp("threads") / "t.csv"
    return path, sweep(LAYERS, AXES, seeds=[0, 1], output=path)


def at_work():
    """The workers that have a task; Ray writes that into their titles."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::_called"):
            yield int(folder.name)


def test_rows_are_those_of_threads(ray, by_threads, tmp_path):
    path, frame = by_threads
    rows = sweep(LAYERS, AXES, seeds=[0, 1], output=tmp_path / "t.csv", backend="ray", jobs=2)
    assert rows.equals(frame)
    assert sorted((tmp_path / "t.csv").read_text().splitlines()) == sorted(path.read_text().splitlines())
    assert not ray.is_initialized()


def test_a_worker_that_dies_loses_nothing(ray, by_threads, tmp_path):
    path, frame = by_threads
    killed = []

    def kill_one(done, total, doing):
        end = time.monotonic() + 5
        while not killed and time.monotonic() < end:
            for pid in at_work():
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                break

    rows = sweep(LAYERS, AXES, seeds=[0, 1], output=tmp_path / "t.csv", backend="ray", jobs=2, progress=kill_one)
    assert len(killed) == 1
    assert rows.equals(frame)
    assert sorted((tmp_path / "t.csv").read_text().splitlines()) == sorted(path.read_text().splitlines())


def test_a_task_is_given_out_again_and_what_it_raises_comes_as_it_is(ray, tmp_path):
    def dies_once(path):
        if not path.exists():
            path.touch()
            os._exit(1)
        return "done"

    def refuses():
        raise EieError("one line")

    with workers("ray", 1) as (run, _):
        assert list(run(iter([joblib.delayed(dies_once)(tmp_path / "died")]))) == ["done"]
        with pytest.raises(EieError, match=r"^one line$"):
            list(run(iter([joblib.delayed(refuses)()])))


def test_a_task_that_kills_its_workers_ends_the_sweep_in_one_line(ray):
    with workers("ray", 1) as (run, _), pytest.raises(EieError, match=f"workers died {TRIES} times") as error:
        list(run(iter([joblib.delayed(os._exit)(1)])))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "[::1]:9", "here:or-not"])
def test_no_head_is_one_line(ray, address):
    with pytest.raises(EieError, match=f"^{re.escape(address)}: no Ray cluster answers there") as error:
        sweep(LAYERS, AXES, backend="ray", scheduler=address)
    assert "\n" not in str(error.value)
