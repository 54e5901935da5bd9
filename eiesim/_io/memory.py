"""How much memory there is, so that what would not fit is refused before it is taken."""

import os
from pathlib import Path

from eiesim.errors import EieError

ALWAYS_TAKEN = 2**28
"""Less than this, in bytes, is not looked at."""


def check_memory(need: int, what: str) -> None:
    """Raise EieError where `need` bytes are more than is free. what: what needs them, and what would need less."""
    if need <= ALWAYS_TAKEN:
        return
    free = available()
    if free is not None and need > free:
        raise EieError(f"{what}: needs {need / 1e9:,.1f} GB of memory, {free / 1e9:,.1f} GB are free")


def available() -> int | None:
    """Free memory in bytes, that of a Linux control group included; None where it is not known."""
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
