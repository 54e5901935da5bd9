"""What one waits for who runs many layers: sweeps, compress, reproduction, threads: `python -m benchmarks.many_layers`.

Every row is formed from one run on one machine; times stand beside that of SciPy's product of AlexNet-FC8, so that
two versions of eiesim, or two machines, can be compared.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import cases, measure
from eiesim import MachineConfig, interleave, simulate, sweep, workload
from eiesim.workloads import TABLE_III

PES = 64
WIDTHS = (32, 64, 96, 128, 160, 192, 256, 384, 512, 1024)
BIG = (11008, 4096)
"""45 million weights: a projection of a language model of 7 billion."""


def many_layers(console: Console, case: cases.Case) -> None:
    """One table of all; times as medians, the long ones of three."""
    layer, activations = case
    matrix = layer.to_scipy().tocsr()
    product_ms = measure.median_ms(lambda: matrix @ activations)
    table = Table(title=f"Many layers, {os.cpu_count()} cores", title_justify="left")
    for heading in ("what", "s", "x SciPy", "it comes to"):
        table.add_column(heading, justify="right" if heading in ("s", "x SciPy") else "left")

    def add(what: str, seconds: float, comes_to: str) -> None:
        table.add_row(what, f"{seconds:.2f}", f"{seconds * 1e3 / product_ms:,.0f}", comes_to)

    _threads(add, case)
    with tempfile.TemporaryDirectory() as folder:
        _sweeps(add, Path(folder))
        _compress(add, Path(folder))
        seconds, mb = _command(lambda k: ["reproduce", "--quick", "-o", f"{folder}/reproduction{k}"])
        add("eiesim reproduce --quick", seconds, f"peak {mb:,.0f} MB")
    console.print(table)
    console.print(f"SciPy CSR float32 product of {layer.name}: {product_ms:.3f} ms\n", highlight=False)


def _threads(add: Callable[[str, float, str], None], case: cases.Case) -> None:
    layer, activations = case
    interleaved, batch = interleave(layer, PES), activations[None].repeat(64, axis=0)
    for arithmetic in ("float32", "fixed16"):
        config = MachineConfig(pes=PES, arithmetic=arithmetic)
        ms = measure.medians_ms(
            {str(n): lambda n=n, c=config: simulate(interleaved, batch, c, threads=n) for n in (1, 2)}, rounds=60
        )
        speedup = f"{ms['1'] / ms['2']:.2f} x one thread ({ms['1']:.1f} ms)"
        add(f"simulate(), batch of 64, {arithmetic}, two threads", ms["2"] / 1e3, speedup)


def _sweeps(add: Callable[[str, float, str], None], folder: Path) -> None:
    axes = {"queue_depth": "1:256:x2", "spmat_width": list(WIDTHS)}
    layers = [workload(name) for name in TABLE_III]
    rows = len(sweep(layers, axes))
    file = folder / "rows.csv"

    def with_journal() -> None:
        file.unlink(missing_ok=True)
        sweep(layers, axes, output=file)

    ms = measure.medians_ms({"without": lambda: sweep(layers, axes), "with": with_journal}, rounds=3)
    for name, taken in ms.items():
        add(f"sweep() of the nine layers, {name} a journal", taken / 1e3, f"{rows / taken * 1e3:,.0f} rows a second")
    widths = ",".join(map(str, WIDTHS))
    seconds, mb = _command(
        lambda k: ["sweep", "table3:all", "--queue-depth", "1:256:x2", "--spmat-width", widths, "-q",
                   "-o", f"{folder}/command{k}.csv"]
    )  # fmt: skip
    add("eiesim sweep of them", seconds, f"{rows / seconds:,.0f} rows a second, start included; peak {mb:,.0f} MB")


def _compress(add: Callable[[str, float, str], None], folder: Path) -> None:
    weights = np.random.default_rng(0).normal(0, 0.02, BIG).astype(np.float32)
    np.savez(folder / "model.npz", **{"projection.weight": weights})
    for options in ([], ["--density", "0.1"]):
        seconds, mb = _command(
            lambda k, o=options: ["compress", f"{folder}/model.npz", "-o", f"{folder}/net{len(o)}{k}", "-q", *o]
        )
        what = " ".join(["eiesim compress", *options])
        add(f"{what}, {weights.size / 1e6:.0f} million weights", seconds, f"peak {mb:,.0f} MB")


def _command(arguments: Callable[[int], list[str]], repeats: int = 3) -> tuple[float, float]:
    """Median wall time in seconds and peak resident memory in MB of a command. arguments: for each repeat."""
    times, peaks = [], []
    for k in range(repeats):
        start = time.perf_counter()
        peaks.append(measure.peak_mb([sys.executable, "-m", "eiesim", *arguments(k)]))
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2], max(peaks)


def main() -> None:
    """The table alone."""
    console = Console(width=120)
    console.print(f"{measure.machine()}\nmedians\n", highlight=False)
    many_layers(console, cases.alexnet_fc8())


if __name__ == "__main__":
    main()
