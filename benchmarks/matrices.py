"""A SuiteSparse-like matrix of a million weights, from .mtx to cycles: `python -m benchmarks.matrices`.

Beside SciPy's own reading of the same file: time by turns, warm; memory in processes of their own (Linux), above what
is taken once everything is imported and compiled.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import io, sparse

import eiesim
from benchmarks.measure import machine, medians_ms
from eiesim.files.matrices import read_matrix

WEIGHTS, SIZE = 1_000_000, 50_000

STEPS = {
    "scipy.io.mmread": "io.mmread(path)",
    "read: columns, float32": "read_matrix(path)",
    "read and shared: a layer": "read_matrix(path).layer",
    "run: cycles, input at density 0.35": "eiesim.simulate(str(path), activation_density=0.35, outputs=False)",
}

PROCESS = """
import sys
from pathlib import Path
import eiesim
from scipy import io
from eiesim.files.matrices import read_matrix
def taken():  # not ru_maxrss, which begins with that of the process that forks
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
path = Path(sys.argv[2])
{step}
before, path = taken(), Path(sys.argv[1])
{step}
print(taken() - before)
"""


def peak_mb(step: str, path: Path, small: Path) -> float:
    """What a step takes at most above a process that has done it on a small matrix."""
    code = PROCESS.format(step=step)
    done = subprocess.run([sys.executable, "-c", code, path, small], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1e3


def main() -> None:
    """A row a step."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path, small = Path(folder) / "W.mtx", Path(folder) / "small.mtx"
        places = (rng.integers(0, SIZE, WEIGHTS), rng.integers(0, SIZE, WEIGHTS))
        whole = sparse.coo_array((rng.standard_normal(WEIGHTS), places), shape=(SIZE, SIZE)).tocsr()
        io.mmwrite(path, whole, symmetry="general")
        io.mmwrite(small, sparse.eye_array(10))
        known = {"io": io, "path": path, "read_matrix": read_matrix, "eiesim": eiesim}
        works = {name: (lambda step=step: eval(step, known)) for name, step in STEPS.items()}
        times = medians_ms(works, rounds=5)
        peaks = {name: peak_mb(step, path, small) for name, step in STEPS.items()}
        size = path.stat().st_size / 1e6
    title = f"{SIZE:,} x {SIZE:,} with {whole.nnz:,} weights, {size:.0f} MB as .mtx, measured"
    table = Table(title=title, title_justify="left", title_style="")
    for heading in ("what", "ms", "x SciPy", "peak MB", "x SciPy"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    first = "scipy.io.mmread"
    for name in STEPS:
        ratios = times[name] / times[first], peaks[name] / peaks[first]
        table.add_row(name, f"{times[name]:.0f}", f"{ratios[0]:.2f}", f"{peaks[name]:.0f}", f"{ratios[1]:.2f}")
    console = Console()
    console.print(f"{machine()}\n", highlight=False)
    console.print(table)


if __name__ == "__main__":
    main()
