"""Whole files or none: written under a temporary name, then renamed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO

from eiesim.errors import EieError


@contextmanager
def writing(path: str | Path) -> Iterator[IO[bytes]]:
    """A binary file that takes `path`'s place when the block ends well, and is gone when it does not.

    A link stays a link: what it names is replaced. A device or pipe (`/dev/null`) is written to as it is.
    Raises EieError where the folder is missing or not writable, or a folder stands there.
    """
    check_target(path)
    if _is_device(path):
        data = BytesIO()
        yield data
        try:
            Path(path).write_bytes(data.getvalue())
        except OSError as error:
            raise EieError(f"{path}: cannot be written: {error.strerror}") from None
        return
    target = Path(os.path.realpath(path))
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise EieError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, target)
    except OSError as error:
        raise EieError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        if os.path.exists(name):
            os.unlink(name)


def check_target(path: str | Path) -> None:
    """Raise EieError where `writing` could not begin: the folder is missing or closed, or a folder stands there."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise EieError(f"{path}: is a folder; give a file's name")
    if not _is_device(path) and not target.parent.is_dir():
        raise EieError(f"{path}: cannot be written: {target.parent} is no folder")
    if not os.access(path if _is_device(path) else target.parent, os.W_OK):
        raise EieError(f"{path}: cannot be written: permission denied")


def _is_device(path: str | Path) -> bool:
    return os.path.exists(path) and not os.path.isfile(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
