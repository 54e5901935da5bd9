"""A sweep killed again and again (SIGKILL at random moments) loses nothing, doubles nothing and tears no line.

A helper process imports eiesim once and forks each attempt, so that 50 kills take seconds; two more kill the command
itself, processes and all.
"""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from eiesim.sweeps import row as table

KILLS = 50

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

HELPER = r"""
import os, random, signal, sys, time
import eiesim
from eiesim.sweeps.run import sweep

folder, kills = sys.argv[1], int(sys.argv[2])
rng = random.Random(7)
pair = eiesim.workload("NT-LSTM", density=0.01, activation_density=0.2)
axes = {"pes": list(range(1, 41)), "queue_depth": [1, 2, 4], "spmat_width": [64, 128]}
expected = {row for row in sweep([pair], axes)["hash"]}
span, killed, file = 0.6, 0, 0

def attempt(path, reading, writing):
    child = os.fork()
    if child == 0:
        os.close(reading)
        # One byte for each row that the sweep has reported.
        written = 0

        def tell(done, total, doing):
            nonlocal written
            os.write(writing, b"r" * (done - written))
            written = done

        sweep([pair], axes, output=path, jobs=1 + file % 2, progress=tell)
        os._exit(0)
    os.close(writing)
    return child

before = 0
while killed < kills:
    path = f"{folder}/{file}.csv"
    reading, writing = os.pipe()
    child = attempt(path, reading, writing)
    time.sleep(rng.uniform(0, span))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    reported = b""
    while piece := os.read(reading, 65536):
        reported += piece
    os.close(reading)
    content = open(path, "rb").read() if os.path.exists(path) else b""
    lines = content.split(b"\n")[1:-1]
    hashes = [line.rsplit(b",", 2)[1].decode() for line in lines]
    assert len(set(hashes)) == len(hashes), "a row is doubled"
    assert set(hashes) <= expected, "a row is torn"
    assert len(hashes) >= before + len(reported), "a reported row is lost"
    before = len(hashes)
    if os.WIFSIGNALED(status):
        killed += 1
        span = max(0.05, span * 0.97)
    else:
        assert set(hashes) == expected
        file, before = file + 1, 0
print(killed, file)

"""


def rows_of(path):
    header, *lines = path.read_text().splitlines()
    assert header.split(",") == [*table.columns(), "check"]
    return sorted(lines)


def test_fifty_kills(tmp_path):
    run = subprocess.run([sys.executable, "-c", HELPER, tmp_path, str(KILLS)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split()[0]) == KILLS
    # Whatever the last kill left is finished by one more run, with the same rows as a sweep that nobody disturbed.
    from eiesim import sweep, workload

    pair = workload("NT-LSTM", density=0.01, activation_density=0.2)
    axes = {"pes": list(range(1, 41)), "queue_depth": [1, 2, 4], "spmat_width": [64, 128]}
    sweep([pair], axes, output=tmp_path / "quiet.csv")
    for path in tmp_path.glob("[0-9]*.csv"):
        sweep([pair], axes, output=path)
        assert rows_of(path) == rows_of(tmp_path / "quiet.csv")


def test_the_command_killed_and_started_again(tmp_path):
    command = [sys.executable, "-m", "eiesim", "sweep", "table3:NT-LSTM", "--density", "0.02", "--pes", "1:200:3"]
    command += ["--queue-depth", "1:9", "--quiet", "--output"]
    path, quiet = tmp_path / "killed.csv", tmp_path / "quiet.csv"
    subprocess.run([*command, quiet], check=True)
    rng = random.Random(3)
    for backend in ("threads", "processes"):
        started = subprocess.Popen([*command, path, "--backend", backend], stderr=subprocess.DEVNULL)
        for _ in range(500):
            time.sleep(0.02)
            if path.exists() and path.stat().st_size > 2000:
                break
        time.sleep(rng.uniform(0, 0.1))
        started.send_signal(signal.SIGKILL)
        started.wait()
    subprocess.run([*command, path], check=True)
    assert rows_of(path) == rows_of(quiet)
