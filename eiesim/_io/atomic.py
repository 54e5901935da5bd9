"""Whole files or none: written under a temporary name, then renamed. Several files: all or none."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Self

from eiesim._io.kept import check_not_read, identity
from eiesim._io.temporary import PREFIX, clean, sync_folder, temporary_file
from eiesim.errors import EieError

RECORD = f"{PREFIX}commit.json"
"""In the folder of the first of several files: which temporary becomes which file. While it is there, they all do."""


@contextmanager
def writing(path: str | Path) -> Iterator[IO[bytes]]:
    """A binary file that takes `path`'s place when the block ends well, and is gone when it does not.

    A link stays a link: what it names is replaced. Raises EieError where the folder is missing or not writable, and
    where a folder, a pipe or a device stands at `path`.
    """
    with Outputs() as outputs:
        yield outputs.open(path)


class Outputs:
    """Several files that appear together when the block ends well; when it does not, none of them does.

    Each file is first written under a temporary name; the last step renames them all. So that a process killed between
    two renames does not leave some files old and some new, the renames are first written to a record in the folder, and
    the next write to that folder finishes them. A record names files of its own folder alone: the first file's. Files
    of other folders are renamed before, without a record.
    """

    def __init__(self) -> None:
        self._files: list[tuple[IO[bytes], Path, Path]] = []  # open, temporary, target
        self._stack = ExitStack()

    def open(self, path: str | Path) -> IO[bytes]:
        """A binary file to write; see `writing`. Raises EieError for a path that is given twice."""
        check_target(path)
        target = Path(os.path.realpath(path))
        if any(target == other for _, _, other in self._files):
            raise EieError(f"{path}: is to be written twice; give two names")
        with _named(path):
            recover(target.parent)
            handle, temporary = temporary_file(target.parent)
        file = os.fdopen(handle, "wb")
        self._stack.callback(_drop, temporary)
        self._stack.callback(_close, file)
        self._files.append((file, temporary, target))
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        with self._stack:
            if kind is None:
                self._commit()
            elif isinstance(error, OSError) and error.filename is None and len(self._files) == 1:
                raise EieError(f"{self._files[0][2]}: cannot be written: {error.strerror or error}") from None

    def _commit(self) -> None:
        for file, temporary, target in self._files:
            with _named(target):
                file.flush()
                # A file that is there keeps its permissions.
                os.chmod(temporary, target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
                os.fsync(file.fileno())
        if len(self._files) == 1:
            _, temporary, target = self._files[0]
            with _named(target):
                os.replace(temporary, target)
            sync_folder(target.parent)
        elif self._files:
            self._commit_several()

    def _commit_several(self) -> None:
        home = self._files[0][2].parent
        together = [(temporary, target) for _, temporary, target in self._files if target.parent == home]
        for _, temporary, target in self._files:
            if target.parent != home:
                with _named(target):
                    os.replace(temporary, target)
        record = home / RECORD
        with _named(record):
            handle, written = temporary_file(home)
            self._stack.callback(_drop, written)
            with os.fdopen(handle, "wb") as file:
                file.write(json.dumps([[temporary.name, target.name] for temporary, target in together]).encode())
                file.flush()
                os.fsync(file.fileno())
                os.replace(written, record)
            sync_folder(home)
            _move([(temporary, target) for temporary, target in together])
            _drop(record)


@contextmanager
def in_set(files: Outputs | None) -> Iterator[Outputs]:
    """The set that files are written with; where there is none, one of their own, which appears when the block ends."""
    if files is not None:
        yield files
        return
    with Outputs() as own:
        yield own


def _move(moves: Iterable[tuple[Path, Path]]) -> None:
    for temporary, target in moves:
        # moved already, by whoever met the record first
        with suppress(FileNotFoundError):
            os.replace(temporary, target)


def recover(folder: Path) -> None:
    """End what a killed write of several files left in a folder, and remove its temporaries."""
    record = folder / RECORD
    if record.is_file() and not record.is_symlink():
        _move((folder / temporary, folder / target) for temporary, target in _moves(record))
        _drop(record)
    clean(folder)


def _moves(record: Path) -> list[tuple[str, str]]:
    """A record's moves, from a temporary to a file in the same folder; none from what this module did not write."""
    try:
        moves = [(str(temporary), str(target)) for temporary, target in json.loads(record.read_bytes())]
    except (ValueError, TypeError, RecursionError):
        return []
    plain = all(os.path.basename(name) == name and name not in ("", ".", "..") for move in moves for name in move)
    return moves if plain and all(temporary.startswith(PREFIX) for temporary, _ in moves) else []


def check_target(path: str | Path) -> None:
    """Raise EieError where `writing` could not begin: the folder is missing or closed, or no regular file stands there.

    A file that is being read (`kept`) is refused too, and so are pipes and devices: writing to one may wait for ever,
    and cannot be whole or not at all.
    """
    with _named(path):
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise EieError(f"{path}: is a folder; give a file's name")
        if target.exists() and not target.is_file():
            raise EieError(f"{path}: is not a regular file; results are not written to pipes and devices")
        if not target.parent.is_dir():
            raise EieError(f"{path}: cannot be written: {target.parent} is no folder")
        if not os.access(target.parent, os.W_OK):
            raise EieError(f"{path}: cannot be written: permission denied")
        if len(os.fsencode(target.name)) > 255:
            raise EieError(f"{path}: cannot be written: the name is longer than 255 bytes")
        check_not_read(path)


def check_targets(outputs: Iterable[str | Path]) -> None:
    """Raise EieError where files could not be written, and where two are one."""
    seen: set[object] = set()
    for path in outputs:
        check_target(path)
        which = identity(path) or os.path.realpath(path)
        if which in seen:
            raise EieError(f"{path}: is to be written twice; give two names")
        seen.add(which)


@contextmanager
def _named(path: str | Path) -> Iterator[None]:
    """An OSError in the block names the path."""
    try:
        yield
    except OSError as error:
        raise EieError(f"{path}: cannot be written: {error.strerror or error}") from None


def _close(file: IO[bytes]) -> None:
    # a full disk has been told of already
    with suppress(OSError):
        file.close()


def _drop(path: Path) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
