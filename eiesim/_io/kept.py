"""Files that are being read, which nothing replaces while they are: by identity, whatever they are called."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from eiesim.errors import EieError

Identity = tuple[int, int]

_read: dict[Identity, str] = {}
"""Device and inode of each file that is being read. Of the whole process: files are written from several threads."""


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
    before = dict(_read)
    _read.update((key, str(path)) for path in paths if (key := identity(path)) is not None and os.path.isfile(path))
    try:
        yield
    finally:
        _read.clear()
        _read.update(before)


def check_not_read(path: str | Path) -> None:
    """Raise EieError where a file is being read, so that nothing may take its place."""
    if _read and (key := identity(path)) in _read:
        real = f" ({_read[key]})" if str(path) != _read[key] else ""
        raise EieError(f"{path}: is read{real} and would be written over; give another name")
