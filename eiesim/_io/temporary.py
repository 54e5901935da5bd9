"""Temporaries beside what is being written: `.eiesim-XXXXXXXX.part`, locked as long as their writer lives.

A killed process leaves its temporaries behind, without their locks (flock goes with the process). The next write in
the same folder finds them by their name and removes those that nobody holds. Without flock none are removed.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PREFIX = ".eiesim-"
SUFFIX = ".part"


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """A new folder in `parent`, gone with all that is in it when the block ends, unless it was moved away."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, suffix=SUFFIX, dir=parent))
        lock = os.open(path, os.O_RDONLY) if fcntl is not None else None
        if lock is None or hold(lock, path):
            break
        os.close(lock)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def temporary_file(parent: Path) -> tuple[int, Path]:
    """A new empty file in `parent`, open for writing: its handle, which keeps its lock, and its path."""
    while True:
        handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=SUFFIX, dir=parent)
        if hold(handle, Path(name)):
            return handle, Path(name)
        os.close(handle)


def hold(handle: int, path: Path) -> bool:
    """Lock a temporary. False where another process took it for a leftover before the lock was there."""
    if fcntl is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            # whoever holds it is about to remove it
            return False
        except OSError:
            # a file system without locks, where nothing is cleaned either
            pass
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


def clean(folder: Path) -> None:
    """Remove what killed processes left in a folder. What cannot be removed stays."""
    if fcntl is None:
        return
    try:
        with os.scandir(folder) as entries:
            left = [entry for entry in entries if entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX)]
    except OSError:
        return
    for entry in left:
        if not entry.is_symlink():
            _remove_left(entry)


def _remove_left(entry: "os.DirEntry[str]") -> None:
    """Remove a temporary that nobody holds. It stays locked until it is gone, so that its maker cannot hold it late."""
    try:
        handle = os.open(entry.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if entry.is_dir():
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)
    except OSError:
        # held, or not ours to remove
        pass
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make names in a folder as lasting as the files, where folders can be synced."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
