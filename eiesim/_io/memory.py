"""How much memory there is, so that what would not fit is refused before it is taken."""

import ctypes
import math
import os
import sys
from pathlib import Path

from eiesim.errors import EieError, shown

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

ALWAYS_TAKEN = 2**28
"""Less than this, in bytes, is not looked at."""


ALLOWED = "EIESIM_MEMORY_GB"
"""The environment variable that says how much a layer's tables may take, also to worker processes."""

ALLOWED_GB = 4.0


def check_memory(need: int, what: str) -> None:
    """Raise EieError where `need` bytes are more than is free. what: what needs them, and what would need less."""
    if need <= ALWAYS_TAKEN:
        return
    free = available()
    if free is not None and need > free:
        raise EieError(f"{what}: needs {need / 1e9:,.1f} GB of memory, {free / 1e9:,.1f} GB are free")


def check_allowed(need: int, what: str) -> None:
    """The same, and where they are more than tables may take, however much is free."""
    if need <= ALWAYS_TAKEN:
        return
    allowed = _allowed_gb()
    if need > 1e9 * allowed:
        raise EieError(
            f"{what}: needs {need / 1e9:,.1f} GB of memory, {allowed:,.10g} GB are allowed (--memory GB or {ALLOWED} "
            "allows more)"
        )
    check_memory(need, what)


def _allowed_gb() -> float:
    given = os.environ.get(ALLOWED)
    if not given:
        return ALLOWED_GB
    try:
        allowed = float(given)
    except ValueError:
        allowed = 0.0
    if not 0 < allowed < math.inf:
        raise EieError(f"{ALLOWED} = {shown(given)}: needs gigabytes, such as 16")
    return allowed


def keep_heaps_small() -> None:
    """Have glibc give large arrays back to the system when they are freed, and all threads share two heaps.

    By itself it keeps a heap for each thread, and in each what was freed between blocks that are still held. Arrow is
    to have no heap of its own beside them. Programs call it, libraries should not: it holds for the whole process.
    Other C libraries are left as they are.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # Read when pyarrow is imported.
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        trim_threshold, mmap_threshold, arena_max = -1, -3, -8  # M_... of malloc.h
        libc.mallopt(arena_max, 2)
        libc.mallopt(mmap_threshold, 2**16)
        libc.mallopt(trim_threshold, 2**17)


def available() -> int | None:
    """Free memory in bytes, that of a Linux control group and of this process's limit included; None: not known."""
    free, limit = _free(), _left_by_limit()
    return limit if free is None else free if limit is None else min(free, limit)


def _left_by_limit() -> int | None:
    """What `ulimit -v` leaves this process."""
    if resource is None or (limit := resource.getrlimit(resource.RLIMIT_AS)[0]) == resource.RLIM_INFINITY:
        return None
    try:
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, LookupError, ValueError):
        taken = 0
    return max(0, limit - taken)


def _free() -> int | None:
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, LookupError, ValueError):
        try:
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (ValueError, OSError, AttributeError):
            return None
    try:
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())
        return min(free, max(0, limit - int((group / "memory.current").read_text())))
    except (OSError, ValueError):
        return free
