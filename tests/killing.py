"""Five commands killed (SIGKILL) at random moments, again and again: `python -m tests.killing KILLS [SEED] [COMMAND]`.

KILLS: of each command. One process imports everything and forks each attempt, so that a kill comes anywhere in the
command's work and not in its imports. After every kill: the inputs are as they were, every file that has its name is
whole, and no row of a table is lost. In the end each command runs through, and leaves nothing of the killed ones.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import eiesim
from eiesim.cli import main
from eiesim.sweeps.journal import Journal
from tests.cases import random_layer
from tests.telling import Telling

TEMPORARY = ".eiesim-"


@dataclass(frozen=True)
class Killed:
    """A command to kill. whole: raises where something that it wrote is not whole; gives what may only grow."""

    line: str
    whole: Callable[[], set[str]]
    module: str = ""


def rows_of(path: str) -> set[str]:
    """The hashes of a table's rows, from its text alone; a line without its end is none yet."""
    if not Path(path).exists():
        return set()
    lines = Path(path).read_bytes().split(b"\n")[1:-1]
    hashes = [line.rsplit(b",", 2)[1].decode() for line in lines]
    assert len(set(hashes)) == len(hashes), "a row is doubled"
    return set(hashes)


def network(folder: str, report: str) -> set[str]:
    """Nothing, where a network's folder and a JSON file are whole or not there."""
    if Path(folder).exists():
        eiesim.load_network(folder)
        written = json.loads(Path(folder, ".eiesim-written.json").read_text())
        for name, digest in written.items():
            assert hashlib.sha256(Path(folder, name).read_bytes()).hexdigest() == digest, name
        assert Path(folder, "mine.txt").read_text() == "mine"
    if Path(report).exists():
        json.loads(Path(report).read_text())
    return set()


def twin() -> set[str]:
    """Nothing, where an export is whole or not there; a whole one makes room for the next."""
    if Path("twin").exists():
        names = {path.name for path in Path("twin").rglob("*") if path.is_file()}
        assert names == set(Path("twin.txt").read_text().split())
        shutil.rmtree("twin")
    return set()


def reproduction() -> set[str]:
    """The runs of a reproduction, whose report is whole or not there."""
    if Path("rep/report.html").exists():
        assert Path("rep/report.html").read_text().rstrip().endswith("</html>")
    for path in Path("rep").rglob("*.png"):
        assert path.read_bytes().endswith(b"IEND\xaeB`\x82"), path
    return rows_of("rep/runs.csv")


COMMANDS = {
    "sweep": Killed(
        "sweep l.npz -i x.npy --pes 1:40 --queue-depth 1:4 --spmat-width 64,128 -o table.csv -j 1 -q",
        lambda: rows_of("table.csv"),
    ),
    "compress": Killed(
        "compress model.npz -o net --huffman --force --json c.json -q", lambda: network("net", "c.json")
    ),
    "train": Killed(
        "train examples.npy classes.npy --method 2:4 --hidden 20,10 --epochs 2 -o tr --force --json t.json -q",
        lambda: network("tr", "t.json"),
        "torch",
    ),
    "rtl export": Killed("rtl export l.npz -i x.npy --pes 8 -o twin", twin),
    "reproduce": Killed("reproduce --quick -o rep -j 1 -q", reproduction),
}


def world() -> None:
    """What the commands read, in the working directory, and what is there before they are killed."""
    rng = np.random.default_rng(0)
    eiesim.save(random_layer(1, 90, 70), "l.npz")
    np.save("x.npy", rng.random(70).astype(np.float32))
    np.savez("model.npz", **{f"fc{k}.weight": rng.normal(size=(60, 60)).astype(np.float32) for k in range(3)})
    np.save("examples.npy", rng.random((400, 10)).astype(np.float32))
    np.save("classes.npy", np.arange(400) % 4)


def inputs() -> dict[str, bytes]:
    """The files that the commands read."""
    return {name: Path(name).read_bytes() for name in ("l.npz", "x.npy", "model.npz", "examples.npy", "classes.npy")}


def started(line: str) -> int:
    """A command in a forked process, its words thrown away."""
    child = os.fork()
    if child == 0:
        try:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, 1)
            sys.argv = ["eiesim", *line.split()]
            main()
        except SystemExit as ended:
            os._exit(int(ended.code or 0))
        finally:
            os._exit(99)
    return child


def ended(child: int) -> int:
    """A process' end: its exit status, or the negative signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def left() -> list[str]:
    """What temporaries there are."""
    kept = ".eiesim-written.json"
    return [str(path) for path in Path.cwd().rglob(f"{TEMPORARY}*") if path.name != kept]


def kill(name: str, kills: int, seed: int) -> tuple[int, int, float]:
    """Kill a command so often. Gives the kills, the attempts that came through before theirs, and the seconds."""
    command, rng, begin = COMMANDS[name], random.Random(f"{name} {seed}"), time.monotonic()
    before, known = inputs(), set[str]()
    telling = Telling()
    telling(f"{name}: how long it takes")
    span = lasting(name)
    killed = through = 0
    while killed < kills:
        telling(f"{name}: {killed} of {kills} kills")
        child = started(command.line)
        time.sleep(rng.uniform(0, span))
        os.kill(child, signal.SIGKILL)
        status = ended(child)
        killed, through = killed + (status == -signal.SIGKILL), through + (status == 0)
        assert status in (0, -signal.SIGKILL), status
        assert inputs() == before, "an input was changed"
        now = command.whole()
        assert known <= now, f"{len(known - now)} rows are lost"
        known = now
        if status == 0 and name == "sweep":  # on with an empty table
            Path("table.csv").unlink()
            known = set()
    telling.end()
    assert ended(started(command.line)) == 0, "the next run fails"
    assert command.whole() >= known
    assert not left(), left()
    assert inputs() == before
    if name == "sweep":
        with Journal("table.csv") as journal:
            assert len(journal) == 39 * 3 * 2
    return killed, through, time.monotonic() - begin


def lasting(name: str) -> float:
    """Seconds within which the command is killed: about as long as it takes here and now, but of `reproduce`."""
    command = COMMANDS[name]
    begin = time.monotonic()
    if name == "reproduce":
        return 4.0
    assert ended(started(command.line)) == 0
    took = time.monotonic() - begin
    if name == "sweep":
        Path("table.csv").unlink()
    elif name == "rtl export":
        Path("twin.txt").write_text("\n".join(path.name for path in Path("twin").rglob("*") if path.is_file()))
        shutil.rmtree("twin")
    else:
        Path("net" if name == "compress" else "tr", "mine.txt").write_text("mine")
    return took


def run(folder: Path, names: list[str], kills: int, seed: int) -> list[str]:
    """Kill commands in a folder; a line each of what came of it."""
    import eiesim.api
    import eiesim.reproduction.run
    import eiesim.rtl.twin
    import eiesim.sweeps.run
    import eiesim.training.run  # noqa: F401

    os.chdir(folder)
    world()
    lines = []
    for name in names:
        if COMMANDS[name].module:
            __import__(COMMANDS[name].module)
        killed, through, seconds = kill(name, kills, seed)
        lines.append(f"{name:12} {killed:5} kills, {through:4} runs that came through before theirs, {seconds:6.0f} s")
        print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        run(
            Path(place),
            sys.argv[3:] or list(COMMANDS),
            int(sys.argv[1]),
            int(sys.argv[2]) if len(sys.argv) > 2 else 0,
        )
