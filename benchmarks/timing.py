"""What a run of AlexNet-FC8 costs in SciPy products, and a whole command in imports of numba; also of another checkout.

    python -m benchmarks.timing [--before DIR] [--assembly]

Ratios of one run: processes of both checkouts take turns, and the best of three counts (the first run ever is one). The
yardsticks are SciPy's CSR product (float32, int32 indices) of the same matrix and vector in the same process, and
`python -c "import numba"`, which imports numpy too. --assembly
counts the vector instructions in each kernel of the timing instead.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import cases, measure
from eiesim.files.dump import save_dump

ROUNDS = 3
Ratios = dict[str, dict[str, float]]
"""By checkout and work."""

FIRST = "eiesim run, the dump, first run ever"

IN_PRODUCTS = """
import json, sys, time
import numpy as np
from scipy import sparse
import eiesim
layer, activations = eiesim.load_dump(sys.argv[1], rows=int(sys.argv[2]))
dealt, by_rows = eiesim.interleave(layer), layer.to_scipy().tocsr()
matrix = sparse.csr_matrix(
    (by_rows.data, by_rows.indices.astype(np.int32), by_rows.indptr.astype(np.int32)), by_rows.shape
)
float32 = eiesim.MachineConfig(arithmetic="float32")
works = {
    "SciPy": lambda: matrix @ activations,
    "timing run, fixed16": lambda: eiesim.simulate(dealt, activations, outputs=False),
    "timing run, float32": lambda: eiesim.simulate(dealt, activations, float32, outputs=False),
    "timing run and every counter, fixed16": lambda: (
        eiesim.simulate(dealt, activations, outputs=False).layers[0].runs[0]
    ),
    "default run: fixed16, automatic bits, outputs": lambda: eiesim.simulate(dealt, activations),
    "float32 with outputs": lambda: eiesim.simulate(dealt, activations, float32),
}
best = {name: float("inf") for name in works}
for _ in range(120):
    for name, work in works.items():
        begun = time.perf_counter()
        work()
        best[name] = min(best[name], time.perf_counter() - begun)
print(json.dumps(best))
"""

KERNELS = """
import json, sys
import eiesim
from eiesim import arithmetic
from eiesim.engines import recurrence
layer, activations = eiesim.load_dump(sys.argv[1], rows=int(sys.argv[2]))
eiesim.simulate(layer, activations)
kernels = [recurrence.add_up, recurrence.read_few_rows, recurrence.walk, recurrence._note_waiting]
kernels.append(arithmetic._accumulate)
print(json.dumps({one.py_func.__name__: "".join(one.inspect_asm().values()) for one in kernels}))
"""


def main() -> None:
    measure.restart_without(measure.SLOWING, "benchmarks.timing")
    parser = ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--before", metavar="DIR", help="another checkout to measure side by side")
    parser.add_argument("--assembly", action="store_true", help="count vector instructions instead")
    asked = parser.parse_args()
    here = str(Path(__file__).parents[1])
    trees = {"before": asked.before, "now": here} if asked.before else {"now": here}
    console = Console(width=120)
    console.print(measure.machine(), highlight=False)
    layer, activations = cases.alexnet_fc8()
    if asked.assembly:
        with tempfile.TemporaryDirectory() as temporary:
            save_dump(layer, activations, f"{temporary}/dump")
            _assembly(console, here, [f"{temporary}/dump", str(layer.rows)])
        return
    products, starts = ratios(trees)
    _show(console, f"{layer.name}, 64 PEs, layers dealt already; in SciPy CSR products (float32, int32)", products)
    _show(console, "Whole processes, CPU time; in imports of numba", starts)


def ratios(
    trees: dict[str, str], rounds: int = ROUNDS
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Of each checkout, the best of what each work takes in SciPy products, and each command in imports of numba.

    trees: folders of checkouts by name; they take turns.
    """
    layer, activations = cases.alexnet_fc8()
    products: Ratios = {name: {} for name in trees}
    starts: Ratios = {name: {} for name in trees}
    with tempfile.TemporaryDirectory() as temporary:
        dump = str(Path(temporary) / "dump")
        save_dump(layer, activations, dump)
        given = [dump, str(layer.rows)]
        caches = {name: str(Path(temporary) / name) for name in trees}
        for _ in range(ROUNDS):
            for name, tree in trees.items():
                found = json.loads(_run(tree, caches[name], ["-c", IN_PRODUCTS, *given])[0])
                _best(products[name], {work: s / found["SciPy"] for work, s in found.items() if work != "SciPy"})
        commands = {
            "eiesim run, the dump": ["-m", "eiesim", "run", dump, "--rows", str(layer.rows)],
            "eiesim run, refused: pes=0": ["-m", "eiesim", "run", dump, "--set", "pes=0"],
            "eiesim --help": ["-m", "eiesim", "--help"],
        }
        for _ in range(ROUNDS):
            for name, tree in trees.items():
                unit = min(_run(tree, caches[name], ["-c", "import numba"])[1] for _ in range(2))
                taken = {what: _run(tree, caches[name], command)[1] for what, command in commands.items()}
                if FIRST not in starts[name]:
                    with tempfile.TemporaryDirectory() as empty:
                        taken[FIRST] = _run(tree, empty, commands["eiesim run, the dump"])[1]
                _best(starts[name], {what: s / unit for what, s in taken.items()})
    return products, starts


def _run(tree: str, cache: str, command: list[str]) -> tuple[str, float]:
    """What a Python process printed, and the CPU seconds that it took."""
    environment = {**os.environ, "PYTHONPATH": tree, "NUMBA_CACHE_DIR": cache}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env=environment, cwd=tree, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 2):
        sys.exit(done.stderr)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _best(kept: dict[str, float], found: dict[str, float]) -> None:
    for name, ratio in found.items():
        kept[name] = min(kept.get(name, np.inf), ratio)


def _show(console: Console, title: str, ratios: dict[str, dict[str, float]]) -> None:
    table = Table(title=f"{title}; best of {ROUNDS}", title_justify="left")
    for heading in ("what", *ratios):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for what in next(iter(ratios.values())):
        table.add_row(what, *(f"{of[what]:.2f}" for of in ratios.values()))
    console.print(table)


def _assembly(console: Console, tree: str, given: list[str]) -> None:
    """How many instructions of each kernel are vector ones: on x86 those of ymm and zmm registers."""
    with tempfile.TemporaryDirectory() as empty:  # numba shows no assembly of what it took from a cache
        kernels = json.loads(_run(tree, empty, ["-c", KERNELS, *given])[0])
    table = Table(title="Instructions of the kernels that LLVM made for this machine", title_justify="left")
    for heading in ("kernel", "all", "256 bits", "512 bits"):
        table.add_column(heading, justify="left" if heading == "kernel" else "right")
    for name, text in kernels.items():
        lines = [line for line in text.splitlines() if re.match(r"\s+[a-z]", line)]
        wide = [sum(f"%{register}" in line for line in lines) for register in ("ymm", "zmm")]
        table.add_row(name, str(len(lines)), *map(str, wide))
    console.print(table)


if __name__ == "__main__":
    main()
