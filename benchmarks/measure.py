"""Timing, memory, and what machine this is."""

import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")


def restart_without(names: tuple[str, ...], module: str = "benchmarks") -> None:
    """Start this process anew without environment variables that slow a library down."""
    if any(name in os.environ for name in names):
        kept = {name: value for name, value in os.environ.items() if name not in names}
        os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], kept)


def median_ms(work: Callable[[], object], repeats: int = 15, budget_s: float = 4.0) -> float:
    """Median wall time in ms of several runs after a warm-up; fewer of them when they take long."""
    work()
    times: list[float] = []
    while len(times) < 3 or (len(times) < repeats and sum(times) < budget_s):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def medians_ms(works: dict[str, Callable[[], object]], rounds: int = 25) -> dict[str, float]:
    """Medians of works that take turns, so that ratios see one machine; each is timed warm, at its second go."""
    for work in works.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            work()
            start = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) * 1e3 for name, taken in times.items()}


_LAUNCHER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""Between this process and the one measured: the peak of a child begins with that of the process that forks it."""


def peak_mb(command: list[str]) -> float:
    """Peak resident memory in MB of a command."""
    launched = [sys.executable, "-c", _LAUNCHER, *command]
    done = subprocess.run(launched, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1]) / 1024


def own_peak_mb() -> float:
    """Peak resident memory in MB of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def machine() -> str:
    """One line: processor, cores, versions."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = models[0] if models else name
    libraries = ", ".join(f"{library} {version(library)}" for library in ("numpy", "scipy", "numba", "simpy"))
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, {libraries}"
