"""Commands killed at random moments, their workers and schedulers too: nothing is lost and nothing is left."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eiesim
from eiesim.sweeps.journal import Journal
from tests import killing

PACKAGE = Path(eiesim.__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PACKAGE)}

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

COMPRESS_KILLS = 30

COMPRESS = r"""
import os, random, shutil, signal, sys, time
from pathlib import Path
from eiesim._io.folder import recover
from eiesim.compression import pipeline

here, kills = Path(sys.argv[1]), int(sys.argv[2])
rng = random.Random(5)
made = []
for seed in range(2):
    model, _ = pipeline.load_model(here / f"model{seed}.npz")
    made.append(pipeline.compress(model, pipeline.Options()))
net = here / "all" / "net"
net.parent.mkdir()

def contents():
    return {str(path.relative_to(net)): path.read_bytes() for path in net.rglob("*") if path.is_file()}

known = []
for seed in range(2):
    pipeline.write(made[seed], net, here / f"model{seed}.npz", huffman=True, force=True)
    (net / "inputs.npy").write_text("mine")
    known.append(contents())
killed, seen = 0, set()
while killed < kills or (len(seen) < 2 and killed < 20 * kills):  # On a busy machine a write may outlive many.
    child = os.fork()
    if child == 0:
        while True:
            for seed in range(2):
                pipeline.write(made[seed], net, here / f"model{seed}.npz", huffman=True, force=True)
    time.sleep(rng.uniform(0, 0.2))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    killed += 1
    recover(net)
    assert contents() in known, "neither the old nor the new one"
    seen.add(known.index(contents()))
    assert [path.name for path in net.parent.iterdir()] == ["net"], "something is left"
print(killed, len(seen))
"""


def test_compress_force(tmp_path):
    rng = np.random.default_rng(0)
    for seed in range(2):
        np.savez(tmp_path / f"model{seed}.npz", **{f"fc{k}.weight": rng.normal(size=(30, 30)) for k in range(2)})
    run = subprocess.run(
        [sys.executable, "-c", COMPRESS, tmp_path, str(COMPRESS_KILLS)],
        env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    killed, seen = map(int, run.stdout.split())
    assert killed >= COMPRESS_KILLS
    assert seen == 2


def started(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "eiesim", *map(str, arguments)],
        env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


SWEEP = ("sweep", "table3:NT-LSTM", "--density", "0.02", "--pes", "1:200:3", "--queue-depth", "1:9", "-q", "-o")


def rows(path):
    return path.read_bytes().count(b"\n") - 1 if path.exists() else 0


def wait_for(condition, seconds=120.0):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "too long"
        time.sleep(0.02)


def children(pid):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command = (entry / "cmdline").read_text()
            except (OSError, IndexError):
                continue
            if parent == pid:
                found += [(int(entry.name), command), *children(int(entry.name))]
    return found


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(("backend", "kills"), [("threads", 5), ("processes", 4), ("dask", 3)])
def test_sweeps_killed_with_their_workers_left_alone(tmp_path, backend, kills):
    if backend == "dask":
        pytest.importorskip("distributed")
    path, quiet = tmp_path / "killed.csv", tmp_path / "quiet.csv"
    rng = random.Random(backend)
    before = 0
    for _ in range(kills):
        command = started(*SWEEP, path, "--backend", backend, "-j", 2)
        wait_for(lambda command=command, before=before: rows(path) > before or command.poll() is not None)
        time.sleep(rng.uniform(0, 0.1))
        workers = [pid for pid, _ in children(command.pid)]
        command.kill()
        command.communicate()
        wait_for(lambda workers=workers: not any(map(alive, workers)), 20)
        with Journal(path) as journal:
            assert len(journal) >= before
            before = len(journal)
    for target in (path, quiet):
        last = started(*SWEEP, target)
        assert last.wait() == 0
    assert sorted(path.read_text().splitlines()) == sorted(quiet.read_text().splitlines())


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_dask_worker_killed_ends_no_sweep_and_a_dead_scheduler_is_one_line(tmp_path):
    pytest.importorskip("distributed")
    address = "tcp://127.0.0.1:28786"
    quiet: Any = {"env": ENVIRONMENT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "28786", "--no-dashboard"]
    scheduler = subprocess.Popen(dask, **quiet)
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny"]
    workers = [subprocess.Popen([*worker, "--no-dashboard"], **quiet, cwd=tmp_path) for _ in range(2)]
    try:
        time.sleep(5)
        path = tmp_path / "t.csv"
        command = started(*SWEEP, path, "--backend", "dask", "--scheduler", address)
        wait_for(lambda: rows(path) > 3 or command.poll() is not None)
        workers[0].kill()
        had = rows(path)
        wait_for(lambda: rows(path) > had + 50 or command.poll() is not None)
        assert rows(path) > had, command.communicate()
        if command.poll() is None:
            scheduler.kill()
            _, err = command.communicate(timeout=60)
            assert command.returncode == 2
            assert err.splitlines()[-1].startswith("eiesim: "), err
            assert "Traceback" not in err
        with Journal(path) as journal:
            assert len(journal) == rows(path)
    finally:
        for process in (*workers, scheduler):
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["threads", "processes", "dask"])
def test_ctrl_c_ends_soon(tmp_path, backend):
    if backend == "dask":
        pytest.importorskip("distributed")
    path = tmp_path / "t.csv"
    command = started(*SWEEP[:-2], "-o", path, "--backend", backend, "-j", 2)
    wait_for(lambda: rows(path) > 0 or command.poll() is not None)
    os.killpg(command.pid, signal.SIGINT)
    _, err = command.communicate(timeout=30)
    assert command.returncode in (0, 130)
    assert "Traceback" not in err
    if command.returncode == 130:
        assert err.splitlines()[-1].startswith("eiesim: interrupted; rows that are done are in")


@pytest.mark.slow
def test_reproduce_killed_and_started_again(tmp_path):
    out = tmp_path / "out"
    rng = random.Random(1)
    for kill in range(5):
        command = started("reproduce", "--quick", "-o", out, "-q")
        had = rows(out / "runs.csv")
        wait_for(lambda command=command, had=had: rows(out / "runs.csv") > had or command.poll() is not None)
        time.sleep(rng.uniform(0, 2.0 * kill))
        command.kill()
        command.communicate()
        with Journal(out / "runs.csv") as journal:
            assert len(journal) >= had
    assert started("reproduce", "--quick", "-o", out, "-q").wait() == 0
    assert (out / "report.html").is_file()
    assert not list(out.rglob(".eiesim-*"))
    shutil.rmtree(out)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(killing.COMMANDS))
def test_five_commands(tmp_path, name):
    """Longer: `python -m tests.killing`."""
    if killing.COMMANDS[name].module:
        pytest.importorskip(killing.COMMANDS[name].module)
    command = [sys.executable, "-m", "tests.killing", "10", "3", name]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r" 10 kills", done.stdout)
