"""Weight sharing at AlexNet fc6's size, on one core: `python -m benchmarks.weight_sharing [INITIALISATION ...]`."""

import os
import resource
import sys
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.measure import machine
from eiesim.weight_sharing import INITIALISATIONS, share_weights

WEIGHTS = 9216 * 4096


def main() -> None:
    """One row an initialisation; peak memory is of the process so far, the 151 MB of weights included."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    weights = np.random.default_rng(0).standard_normal(WEIGHTS, dtype=np.float32)
    table = Table(title=f"4-bit k-means on {WEIGHTS:,} random weights, measured", title_justify="left", title_style="")
    for heading in ("initialisation", "seconds", "seconds of processor", "peak GB"):
        table.add_column(heading, justify="left" if heading == "initialisation" else "right")
    for name in sys.argv[1:] or [name for name in INITIALISATIONS if name != "optimal"]:
        start, start_cpu = time.perf_counter(), time.process_time()
        share_weights(weights, 4, name)
        wall, cpu = time.perf_counter() - start, time.process_time() - start_cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        table.add_row(name, f"{wall:.1f}", f"{cpu:.1f}", f"{peak:.2f}")
    console = Console()
    console.print(f"{machine()}\n", highlight=False)
    console.print(table)


if __name__ == "__main__":
    main()
