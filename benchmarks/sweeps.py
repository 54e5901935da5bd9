"""What a sweep costs, beside another checkout: `python -m benchmarks.sweeps --before DIR` (see benchmarks/README.md).

Every figure is of a process of its own, CPU seconds or peak memory; both checkouts take turns, and ratios are formed
from the best of each. Without `--before` the figures stand alone.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import measure

HERE = Path(__file__).parents[1]
LAYERS = ["table3:NT-We", "table3:NT-LSTM", "table3:Alex-8"]
GRID: dict[str, Any] = {
    "queue_depth": "1:256:x2",
    "spmat_width": [32, 64, 128, 256, 512, 1024],
    "clock_mhz": [400, 800],
}
SEEDS = 10
"""Of each layer for the command, so that its rows outweigh its start."""

MANY: dict[str, Any] = {
    "pes": [4, 8, 16, 32, 64], "queue_depth": "1:256:x2", "spmat_width": "64:1024:x2", "multipliers": [1, 2, 4],
    "arithmetic": ["fixed16", "fixed8", "fixed32", "float32"], "spmat_bytes": [16384, 32768, 65536, 131072, 262144],
}  # fmt: skip
"""13,500 machines; with 8 and 75 clocks 10^5 and 10^6."""

_PROGRAM = """
import json, resource, sys, time
import eiesim
from eiesim.sweeps.run import sweep
layers, axes, options, repeats = json.loads(sys.argv[1])
if layers == "nine, made":
    from eiesim.workloads import TABLE_III
    layers = [eiesim.workload(name) for name in TABLE_III]
run = sweep if options.pop("frame", False) else getattr(eiesim, "sweep_rows", sweep)
def cpu():
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime
run(layers, {"queue_depth": [8]}, **{**options, **({"output": options["output"] + ".warm"} if "output" in options else
    {"parquet": options["parquet"] + ".warm"} if "parquet" in options else {})})
best, wall = [], []
for _ in range(repeats):
    begin, at = cpu(), time.perf_counter()
    run(layers, axes, **options)
    best.append(cpu() - begin)
    wall.append(time.perf_counter() - at)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([min(best), min(wall), peak]))
"""


def swept(checkout: Path, layers: object, axes: object, repeats: int = 1, **options: object) -> tuple[float, ...]:
    """CPU seconds, wall seconds and peak MB of a sweep in a process of its own."""
    given = json.dumps([layers, axes, options, repeats])
    command = [sys.executable, "-c", _PROGRAM, given]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=checkout)
    return tuple(json.loads(done.stdout.splitlines()[-1]))


_CHILD = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
spent = resource.getrusage(resource.RUSAGE_CHILDREN)
print(spent.ru_utime + spent.ru_stime, spent.ru_maxrss / 1024)
"""


def command(checkout: Path, *arguments: str) -> tuple[float, float]:
    """CPU seconds and peak MB of `eiesim sweep`."""
    whole = [sys.executable, "-c", _CHILD, sys.executable, "-m", "eiesim", "sweep", *arguments, "-q"]
    done = subprocess.run(whole, check=True, capture_output=True, text=True, cwd=checkout)
    seconds, peak = done.stdout.split()
    return float(seconds), float(peak)


class Report:
    """The table: a line a question, a column a checkout, and the ratio."""

    def __init__(self, before: Path | None) -> None:
        self.checkouts = {"now": HERE, **({"before": before.resolve()} if before else {})}
        self.table = Table(title="Sweeps", title_justify="left")
        for heading in ("what", *self.checkouts, "now / before"):
            self.table.add_column(heading, justify="left" if heading == "what" else "right")

    def add(self, what: str, measured: Callable[[Path], float], unit: str, digits: int = 0, turns: int = 3) -> None:
        """The least of several turns, each checkout once a turn."""
        found: dict[str, float] = {}
        for _ in range(turns):
            for name, checkout in self.checkouts.items():
                found[name] = min(found.get(name, float("inf")), measured(checkout))
        before = found.get("before")
        ratio = f"1 / {before / found['now']:.1f}" if before else ""
        self.table.add_row(what, *(f"{value:,.{digits}f} {unit}" for value in found.values()), ratio)

    def say(self, what: str, *texts: str) -> None:
        """A line of today's checkout alone, or of each."""
        self.table.add_row(what, *texts, *[""] * (len(self.checkouts) + 1 - len(texts)))


def further_row(report: Report, folder: Path) -> None:
    """What each row costs beyond the first of each layer."""

    def from_python(checkout: Path) -> float:
        more = swept(checkout, LAYERS, GRID, 3, jobs=1, frame=True)[0]
        few = swept(checkout, LAYERS, {"queue_depth": [8]}, 3, jobs=1, frame=True)[0]
        return (more - few) / 321 * 1e6

    def with_csv(checkout: Path) -> float:
        taken = []
        for place, values in enumerate((GRID, {"queue_depth": [8]})):
            file = folder / f"{checkout.name}{place}.csv"
            file.unlink(missing_ok=True)
            axes = [f"--sweep={key}={one if isinstance(one, str) else ','.join(map(str, one))}"
                    for key, one in values.items()]  # fmt: skip
            taken.append(min(_fresh(checkout, file, axes) for _ in range(2)))
        return (taken[0] - taken[1]) / (321 * SEEDS) * 1e6

    report.add("a further row, from Python", from_python, "µs")
    report.add("a further row, command with CSV", with_csv, "µs")


def _fresh(checkout: Path, file: Path, axes: list[str]) -> float:
    file.unlink(missing_ok=True)
    return command(checkout, *LAYERS, "--seeds", f"0:{SEEDS}", *axes, "-j", "1", "-o", str(file))[0]


def resuming(report: Report, folder: Path) -> None:
    """A table of 10^5 rows of which nothing is missing, opened by the command: each checkout its own table."""

    def opened(checkout: Path, which: int) -> float:
        file = folder / f"resume-{checkout.name}.csv"
        arguments = ("table3:NT-LSTM", *_many(8), "-j", "2", "-o", str(file))
        if not file.exists():
            command(checkout, *arguments)
        return command(checkout, *arguments)[which]

    report.add("10^5 rows resumed, CPU", lambda one: opened(one, 0), "s", 2, turns=2)
    report.add("10^5 rows resumed, peak memory", lambda one: opened(one, 1), "MB", turns=1)


def a_million(report: Report, folder: Path) -> None:
    """10^6 rows of one layer by the command, from nothing to the file."""
    kinds = {"CSV": ["-o", f"{folder}/m.csv"], "Parquet": ["--parquet", f"{folder}/m.parquet"]}
    for kind, where in kinds.items():
        if kind == "Parquet" and find_spec("pyarrow") is None:
            continue
        cpu, peak = command(HERE, "table3:NT-LSTM", *_many(75), "-j", "2", *where)
        report.say(f"10^6 rows to {kind}", f"{cpu:.1f} s CPU, {peak:,.0f} MB")


def _many(clocks: int) -> list[str]:
    axes = {**MANY, "clock_mhz": [100.0 + k for k in range(clocks)]}
    return [f"--sweep={key}={value if isinstance(value, str) else ','.join(map(str, value))}"
            for key, value in axes.items()]  # fmt: skip


def threads(report: Report) -> None:
    """The nine layers, made beforehand, over PEs, depths and widths, on one thread and two in turn."""
    axes, texts = {"pes": [16, 32, 64, 128], **GRID}, []
    for checkout in report.checkouts.values():
        best = {1: float("inf"), 2: float("inf")}
        for _ in range(3):
            for jobs, least in best.items():
                best[jobs] = min(least, swept(checkout, "nine, made", axes, 10, jobs=jobs)[1])
        texts.append(f"{best[1] / best[2]:.2f} x one ({best[1]:.3f} s)")
    report.say("nine layers, two threads", *texts)


def main() -> None:
    """The table, or some of its parts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweeps", description=__doc__)
    parser.add_argument("--before", type=Path, help="a checkout to compare with")
    parser.add_argument("--only", choices=("row", "resume", "million", "threads"), help="one part alone")
    arguments = parser.parse_args()
    report = Report(arguments.before)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = {"row": lambda: further_row(report, folder), "resume": lambda: resuming(report, folder),
                 "million": lambda: a_million(report, folder), "threads": lambda: threads(report)}  # fmt: skip
        for part, run in parts.items():
            if arguments.only in (None, part):
                run()
    console = Console(width=120)
    console.print(f"{measure.machine()}\n", highlight=False)
    console.print(report.table)


if __name__ == "__main__":
    main()
