"""Large batches and wide machines, beside another checkout: `python -m benchmarks.batches --before DIR`.

CPU time (user and system) and peak memory of whole commands, each warm, both checkouts in turns. Without --before this
checkout alone.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

import eiesim
from benchmarks import measure
from eiesim.files.npz import save

LENET = ((300, 784, 0.08), (100, 300, 0.09), (10, 100, 0.26))
"""Rows, columns and share of weights kept of LeNet-300-100's layers (Deep Compression, Table 2)."""

ACTIVE = 0.19
"""Share of non-zero pixels of the digits that the project ships."""

WARM = 20
"""Inputs of the run that compiles what is to be measured."""

_LAUNCHER = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, done.returncode)
print(done.stderr.strip().splitlines()[-1:] or "")
"""


def _save(weights: npt.NDArray[np.floating], name: str, folder: Path) -> None:
    """Write a layer as NAME.npz."""
    save(eiesim.CompressedLayer.from_dense(weights.astype(np.float32), name=name), folder / f"{name}.npz")


def make(folder: Path, inputs: int) -> list[str]:
    """Write a network of LeNet-300-100's shapes, its inputs, and a layer of one row; returns the network's files."""
    random = np.random.default_rng(0)
    files = []
    for k, (rows, cols, density) in enumerate(LENET, 1):
        kept = random.random((rows, cols)) < density
        weights = np.where(kept, random.normal(0, 1 / np.sqrt(cols * density), (rows, cols)), 0)
        _save(weights, f"ip{k}", folder)
        files.append(str(folder / f"ip{k}.npz"))
    for name, count in (("warm", WARM), ("inputs", inputs)):
        values = np.where(random.random((count, 784)) < ACTIVE, random.random((count, 784)), 0)
        np.save(folder / f"{name}.npy", values.astype(np.float32))
    wide = np.where(random.random((1, 200_000)) < 0.5, random.normal(size=(1, 200_000)), 0)
    _save(wide, "wide", folder)
    _save(wide[:, :1000], "narrow", folder)
    np.save(folder / "wide.npy", np.where(random.random(200_000) < 0.5, 1, 0).astype(np.float32))
    np.save(folder / "narrow.npy", np.ones(1000, np.float32))
    square = np.where(random.random((4096, 4096)) < 0.1, random.normal(size=(4096, 4096)), 0)
    _save(square, "square", folder)
    np.save(folder / "square.npy", np.ones(4096, np.float32))
    return files


def command(checkout: Path, words: Sequence[str]) -> tuple[float, float, str]:
    """CPU seconds and peak MB of a command of a checkout, and what it was refused with."""
    launched = [sys.executable, "-c", _LAUNCHER, sys.executable, "-m", "eiesim", *words]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(launched, check=True, capture_output=True, text=True, cwd=checkout, env=environment)
    first, _, said = done.stdout.partition("\n")
    seconds, mb, failed = first.split()
    return float(seconds), float(mb), said.strip() if int(failed) else ""


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="another checkout, to compare with")
    parser.add_argument("--inputs", type=int, default=100_000)
    given = parser.parse_args()
    console = Console(width=140)
    console.print(f"{measure.machine()}\n", highlight=False)
    here = Path(__file__).resolve().parents[1]
    checkouts = {"now": here, **({} if given.before is None else {"before": given.before.resolve()})}
    table = Table(title="CPU s and peak MB of whole commands", title_justify="left")
    for heading in ("what", *(f"{name}: {unit}" for name in checkouts for unit in ("CPU s", "MB")), "now / before"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = make(folder, given.inputs)

        def words(which: str, of: str) -> list[str]:
            batch = ["run", *files, "-q", "-i", str(folder / f"{'warm' if of == 'warm' else 'inputs'}.npy")]
            wide = "narrow" if of == "warm" else "wide"
            return {
                "run -q": batch,
                "run -q --json": [*batch, "--json", str(folder / "result.json")],
                "run, 1 x 200,000 on 4,096 PEs": [
                    "run", str(folder / f"{wide}.npz"), "-i", str(folder / f"{wide}.npy"), "--pes", "4096", "-q"
                ],
                "run, 4,096 x 4,096 on 4,096 PEs": [
                    "run", str(folder / "square.npz"), "-i", str(folder / "square.npy"), "--pes", "4096", "-q"
                ],
                "inspect, 4,096 x 4,096 on 4,096 PEs": ["inspect", str(folder / "square.npz"), "--pes", "4096", "-q"],
            }[which]  # fmt: skip

        for which in ("run -q", "run -q --json", "run, 1 x 200,000 on 4,096 PEs", "run, 4,096 x 4,096 on 4,096 PEs",
                      "inspect, 4,096 x 4,096 on 4,096 PEs"):  # fmt: skip
            cells, seconds = [], []
            for checkout in checkouts.values():
                command(checkout, words(which, "warm"))
                took, mb, refused = command(checkout, words(which, "measured"))
                seconds.append(took)
                cells += ["refused", f"{mb:,.0f}"] if refused else [f"{took:.1f}", f"{mb:,.0f}"]
            ratio = f"{seconds[0] / seconds[1]:.2f}" if len(seconds) > 1 and "refused" not in cells else ""
            of = f", {given.inputs:,} inputs of LeNet-300-100" if which.startswith("run -q") else ""
            table.add_row(which + of, *cells, ratio)
    console.print(table)


if __name__ == "__main__":
    main()
