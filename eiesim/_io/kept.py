"""Files that are being read, which nothing replaces while they are: by identity, whatever they are called."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from eiesim.errors import EieError

Identity = tuple[int, int]

_read: dict[Identity, list[str]] = {}
"""What each file that is being read is called, a name a reader. Of the whole process: several threads read and write,
and their blocks may end in any order."""

_changing = Lock()


def identity(path: str | Path) -> Identity | None:
    """Which file a path leads to, through symbolic and hard links; None where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


@contextmanager
def kept(paths: Iterable[str | Path]) -> Iterator[None]:
    """While the block runs, writers refuse to replace these files."""
    found = {key: str(path) for path in paths if os.path.isfile(path) and (key := identity(path)) is not None}
    with _changing:
        for key, name in found.items():
            _read.setdefault(key, []).append(name)
    try:
        yield
    finally:
        with _changing:
            for key, name in found.items():
                _read[key].remove(name)
                if not _read[key]:
                    del _read[key]


def check_not_read(path: str | Path) -> None:
    """Raise EieError where a file is being read, so that nothing may take its place."""
    names = _read.get(key) if _read and (key := identity(path)) is not None else None
    if names:
        real = f" ({names[0]})" if str(path) not in names else ""
        raise EieError(f"{path}: is read{real} and would be written over; give another name")
