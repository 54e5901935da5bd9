"""Whether the measured baselines are fair to the CPU: `python -m benchmarks.baselines [--quick]`.

SciPy's row beside a plain script that multiplies a user's `csr_matrix`, in the time that they had a core, so that other
work on the machine counts for neither; what 64-bit indices would cost; what is won by using the input's zeros, which
libraries do not do by themselves (GraphBLAS, where python-graphblas is installed, does). That table alone, and where to
write it: `--zeros -o TABLE.csv`.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import measure
from eiesim import CompressedLayer, workload
from eiesim.baselines import products, worker
from eiesim.baselines.measured import BATCHES
from eiesim.baselines.turns import Turn, take_turns

LAYERS = ("NT-We", "Alex-7", "VGG-6")
ROUNDS = 3

PLAIN = """
import statistics, sys, time
import numpy as np
from scipy import sparse
matrix, x = sparse.csr_matrix(np.load(sys.argv[1])), np.load(sys.argv[2])
matrix @ x
times = []
while len(times) < 9 or sum(times) < 0.3:
    start = time.thread_time()
    matrix @ x
    times.append(time.thread_time() - start)
print(statistics.median(times) * 1e6, min(times) * 1e6)
"""


def csr(layer: CompressedLayer) -> Iterator[products.Product]:
    """SciPy's product by rows alone, which is what the plain script does."""
    yield from (one for one in products.scipy_sparse(layer) if one.kernel.startswith("CSR"))


def fairness(console: Console, names: tuple[str, ...]) -> None:
    """SciPy's CSR row, measured among all libraries, beside the plain script; they take turns."""
    table = Table(title="SciPy's CSR product, µs: measured among all libraries, and by a plain script")
    for heading in (
        "layer", "batch", "measured", "plain script", "ratio of medians", "of the least", "64-bit indices cost",
    ):  # fmt: skip
        table.add_column(heading, justify="left" if heading == "layer" else "right")
    kinds = [csr if kind is products.scipy_sparse else kind for kind in worker.KINDS]
    for name in names:
        layer, activations = workload(name)
        ours: dict[int, list[tuple[float, float]]] = {batch: [] for batch in BATCHES}
        plain: dict[int, list[tuple[float, float]]] = {batch: [] for batch in BATCHES}
        with tempfile.TemporaryDirectory() as folder:
            np.save(Path(folder, "dense.npy"), layer.to_dense())
            for _ in range(ROUNDS):
                rows, _ = worker.measure_layer(layer, activations, kinds, clock=time.thread_time)
                for row in rows:
                    if row["library"] == "scipy":
                        ours[row["batch"]].append((row["time_us"] * row["batch"], row["time_us_low"] * row["batch"]))
                for batch in BATCHES:
                    x = activations if batch == 1 else np.ascontiguousarray(np.tile(activations, (batch, 1)).T)
                    np.save(Path(folder, "x.npy"), x)
                    command = [sys.executable, "-c", PLAIN, f"{folder}/dense.npy", f"{folder}/x.npy"]
                    done = subprocess.run(command, check=True, capture_output=True, text=True)
                    middle, least = map(float, done.stdout.split())
                    plain[batch].append((middle, least))
        for batch in BATCHES:
            (a, a_least), (b, b_least) = (
                (median(middle for middle, _ in times), min(least for _, least in times))
                for times in (ours[batch], plain[batch])
            )
            ratios = a / b, a_least / b_least, _wide(layer, activations, batch)
            table.add_row(name, str(batch), f"{a:,.0f}", f"{b:,.0f}", *(f"{ratio:.2f}" for ratio in ratios))
    console.print(table)


def _wide(layer: CompressedLayer, activations: Any, batch: int) -> float:
    """How much longer SciPy takes with 64-bit indices."""
    narrow, wide = layer.to_scipy().tocsr(), layer.to_scipy().tocsr()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    x = activations if batch == 1 else np.ascontiguousarray(np.tile(activations, (batch, 1)).T)
    turns = [Turn(lambda matrix=matrix: matrix @ x, nullcontext) for matrix in (wide, narrow)]  # type: ignore[misc]
    take_turns(turns, rounds=15)
    return turns[0].median_us / turns[1].median_us


def zeros(console: Console, file: Path | None) -> None:
    """One input through the product of active columns alone, on one core, beside whole products."""
    table = Table(title="One input, one core, µs: whole products, and those that skip the input's zeros; medians")
    names = ("Alex-7", "VGG-7", "NT-We")
    table.add_column("product")
    found: dict[str, dict[str, float]] = {}
    for name in names:
        layer, activations = workload(name)
        table.add_column(f"{name}, {np.count_nonzero(activations) / layer.cols:.0%} active", justify="right")
        calls = dict(_calls(layer, activations))
        turns = {what: Turn(call, nullcontext) for what, call in calls.items()}
        take_turns(list(turns.values()), rounds=15)
        for what, turn in turns.items():
            found.setdefault(what, {})[name] = turn.median_us
    for what, times in found.items():
        table.add_row(what, *(f"{times[name]:,.0f}" for name in names))
    console.print(table)
    if file is not None:
        lines = [
            ",".join((what.replace(",", ""), *(f"{times[name]:.0f}" for name in names)))
            for what, times in found.items()
        ]
        file.write_text("\n".join([",".join(("product", *names)), *lines, ""]), encoding="utf-8")


def _calls(layer: CompressedLayer, activations: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    inputs = activations[None]
    for product in (*products.scipy_sparse(layer), *products.torch_sparse(layer)):
        yield f"{product.library}, {product.kernel}", product.ready(inputs.copy(), 1)
    by_columns, active = layer.to_scipy(), np.flatnonzero(activations)
    yield "scipy, CSC, active columns taken out", lambda: by_columns[:, active] @ activations[active]
    if find_spec("graphblas"):
        graphblas = import_module("graphblas")
        graphblas.ss.config["nthreads"] = 1
        matrix = graphblas.io.from_scipy_sparse(by_columns)
        matrix.ss.config["format"] = "by_col"
        given = graphblas.Vector.from_coo(active, activations[active], size=layer.cols)
        plus_times = graphblas.semiring.plus_times
        yield f"GraphBLAS {graphblas.__version__}, by columns", lambda: matrix.mxv(given, plus_times).new()


def main() -> None:
    """Print both tables."""
    measure.restart_without(("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"), "benchmarks.baselines")
    console = Console(width=120)
    console.print(f"{measure.machine()}\n", highlight=False)
    if find_spec("torch"):
        import_module("torch").set_num_threads(1)
    zeros(console, Path(sys.argv[sys.argv.index("-o") + 1]) if "-o" in sys.argv else None)
    if "--zeros" not in sys.argv:
        fairness(console, LAYERS[:2] if "--quick" in sys.argv else LAYERS)


if __name__ == "__main__":
    main()
