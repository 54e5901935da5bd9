"""When worker processes and clusters pay: `python -m benchmarks.clusters` (see docs/how-to/cluster.md).

Each backend runs the same sweeps on two workers of this machine, in turns; what is printed is wall time, and how often
that of threads. One row shows what starting workers costs, the others what they cost or bring once they run.
"""

import contextlib
import sys
import time
from importlib.util import find_spec
from typing import Any

from rich.console import Console
from rich.table import Table

import eiesim
from benchmarks import measure

WORKERS = 2
TURNS = 2
BACKENDS = {"threads": "joblib", "processes": "joblib", "dask": "distributed", "ray": "ray"}

SWEEPS: dict[str, dict[str, Any]] = {
    "one row": {"source": "table3:NT-We", "axes": {"queue_depth": [8]}},
    "small grid": {"source": ["table3:NT-We", "table3:NT-Wd"], "axes": {"pes": "1:64:x2", "queue_depth": "1:32:x2"}},
    "large grid": {
        "source": ["table3:NT-We", "table3:Alex-8"],
        "seeds": "0:4",
        "axes": {
            "pes": "1:64:x2",
            "queue_depth": "1:128:x2",
            "index_bits": [3, 4, 5, 6],
            "arithmetic": "float32,fixed16,fixed8",
            "clock_mhz": "100:1000:100",
            "spmat_width": [64, 128, 256],
        },
    },
    "event engine": {"source": "table3:NT-We", "axes": {"pes": [8], "queue_depth": [1, 2, 4, 8]}},
}


def wall(backend: str, source: object, axes: object, **options: Any) -> float:
    """Seconds of a sweep, from nothing to its table."""
    begin = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):
        eiesim.sweep(source, axes, backend=backend, jobs=WORKERS, **options)
    return time.perf_counter() - begin


def main() -> None:
    """Print the table."""
    backends = [name for name, needs in BACKENDS.items() if find_spec(needs)]
    table = Table("sweep", *backends, title=measure.machine())
    for name, sweep in SWEEPS.items():
        engine = {"engines": ["event"]} if "event" in name else {}
        rows = len(eiesim.sweep(sweep["source"], sweep["axes"], **{k: v for k, v in sweep.items() if k == "seeds"}))
        best = dict.fromkeys(backends, float("inf"))
        for _ in range(TURNS):
            for backend in backends:
                best[backend] = min(best[backend], wall(backend, **sweep, **engine))
        cells = [f"{best[one]:.2f} s, {best[one] / best['threads']:.2f}" for one in backends]
        table.add_row(f"{name} ({rows:,})", *cells)
        print(name, cells, file=sys.stderr)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
