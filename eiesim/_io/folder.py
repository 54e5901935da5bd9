"""A whole folder or none: built beside its place, then swapped in by one rename."""

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from eiesim._io.temporary import PREFIX, clean, sync_folder, temporary_folder
from eiesim.errors import EieError

OLD = f"{PREFIX}old."
"""`.eiesim-old.NAME`: where a folder waits while its successor takes its place on a system that cannot swap two."""


@contextmanager
def making_folder(folder: Path, owned: Callable[[Path], Collection[str]] | None = None) -> Iterator[Path]:
    """A new folder that takes `folder`'s place when the block ends well; else `folder` stays as it was.

    owned: what of a folder that is there may be replaced, as paths inside it; everything else in it is the user's and
    is carried over (linked, or copied where links cannot be). None: nothing may be there but an empty folder, when the
    block begins and when it ends.
    Killed at any moment, `folder` is the old one or the new one; on a system that cannot swap two folders in one step,
    the next call puts the old one back. Raises EieError where the place is taken, cannot be written, or where a file
    of the user's has the name of a new one.
    """
    check_place(folder)
    folder = Path(os.path.realpath(folder))
    try:
        recover(folder)
        if folder.exists() and not folder.is_dir():
            raise EieError(f"{folder}: is there already and is no folder")
        if owned is None and folder.is_dir() and any(folder.iterdir()):
            raise EieError(f"{folder}: is there already and holds something; name a new folder")
        with temporary_folder(folder.parent) as parts:
            parts.chmod(0o777 & ~_umask())
            yield parts
            if owned is not None and folder.is_dir():
                _carry_over(folder, parts, owned(folder))
            _sync(parts)
            if owned is None:
                parts.rename(folder)  # fails where something has come to be there meanwhile
            else:
                _put(parts, folder)
            sync_folder(folder.parent)
    except (OSError, shutil.Error) as error:
        what = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise EieError(f"{folder}: cannot be written: {what}") from None


def check_place(folder: Path) -> None:
    """Raise EieError where no folder can be made: its parent is missing, or this process works in it or below it."""
    place, here = Path(os.path.realpath(folder)), Path(os.path.realpath(os.curdir))
    if not place.parent.is_dir():
        raise EieError(f"{folder}: cannot be written: {place.parent} is no folder")
    if place == here or place in here.parents:
        raise EieError(f"{folder}: is the folder that you work in and cannot be replaced; name one in it")


def recover(folder: Path) -> None:
    """Put back what a killed swap moved away, and remove what killed writers left beside `folder`."""
    old = _old(folder)
    if old.is_dir():
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(folder)
    clean(folder.parent)


def _old(folder: Path) -> Path:
    return folder.with_name(f"{OLD}{folder.name}")


def _put(parts: Path, folder: Path) -> None:
    if not folder.exists():
        parts.rename(folder)
    elif not _exchange(parts, folder):
        # Two steps: killed between them, `recover` puts the old folder back.
        folder.rename(_old(folder))
        parts.rename(folder)
        shutil.rmtree(_old(folder), ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step, which Linux can; False where it cannot."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    if rename(here, os.fsencode(one), here, os.fsencode(other), swap) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number))


def _carry_over(old: Path, new: Path, owned: Collection[str]) -> None:
    """Give `new` everything in `old` that is not `owned`."""
    for entry in sorted(os.scandir(old), key=lambda one: one.name):
        _carry(Path(entry.path), new / entry.name, entry.name, owned)


def _carry(old: Path, new: Path, name: str, owned: Collection[str]) -> None:
    if name in owned and (old.is_symlink() or old.is_file()):
        return
    if old.is_dir() and not old.is_symlink():
        if not new.exists():
            if not any(each.startswith(f"{name}/") for each in owned) or not any(old.iterdir()):
                new.mkdir()
        elif not new.is_dir():
            raise EieError(f"{old}: is not eiesim's and has the name of a new file; move it")
        for child in sorted(old.iterdir()):
            inside = f"{name}/{child.name}"
            if inside not in owned or child.is_dir():
                new.mkdir(exist_ok=True)
                _carry(child, new / child.name, inside, owned)
        if new.is_dir():
            shutil.copystat(old, new)
        return
    if os.path.lexists(new):
        raise EieError(f"{old}: is not eiesim's and has the name of a new file; move it")
    if not old.is_symlink() and not old.is_file():
        raise EieError(f"{old}: is a pipe or a device; move it")
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError:
        shutil.copy2(old, new, follow_symlinks=False)


def _sync(folder: Path) -> None:
    """Have a folder's files on the disk before it gets its name."""
    for base, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(base, name)
            if os.path.islink(path):
                continue
            try:
                handle = os.open(path, os.O_RDONLY)
            except OSError:
                continue
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        sync_folder(Path(base))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
