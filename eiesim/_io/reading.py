"""Reading a file's bytes: regular files only, so that a pipe or a device cannot make a command wait for ever."""

import hashlib
import os
import stat
from pathlib import Path

from eiesim.errors import EieError


def check_regular(path: Path, missing: str = "no such file") -> None:
    """Raise EieError, naming the path, unless a regular file stands there. missing: what to say where nothing does."""
    try:
        kind = os.stat(path).st_mode
    except FileNotFoundError:
        raise EieError(f"{path}: {missing}") from None
    except (OSError, ValueError) as error:
        raise EieError(f"{path}: not readable: {getattr(error, 'strerror', None) or error}") from None
    if stat.S_ISDIR(kind):
        raise EieError(f"{path}: is a folder, not a file")
    if not stat.S_ISREG(kind):
        raise EieError(f"{path}: is not a regular file")


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a regular file, which may be larger than memory, or of all files in a folder with their names.

    Raises EieError where it cannot be read.
    """
    if path.is_dir():
        files = sorted((file.relative_to(path).as_posix(), file) for file in path.rglob("*") if file.is_file())
        lines = (f"{name}\0{sha256_of(file)}\n" for name, file in files)
        return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()
    check_regular(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise EieError(f"{path}: not readable: {error.strerror or error}") from None


def read_bytes(path: Path, missing: str = "no such file") -> bytes:
    """All of a regular file. Raises EieError, naming it, where it cannot be read."""
    check_regular(path, missing)
    try:
        return path.read_bytes()
    except OSError as error:
        raise EieError(f"{path}: not readable: {error.strerror or error}") from None
    except MemoryError:
        raise EieError(f"{path}: its {path.stat().st_size:,} bytes need more memory than there is") from None
