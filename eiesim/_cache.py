"""The compiler's cache on disk: only from a folder that nobody else can write, and only what is whole and up to date.

numba keeps compiled kernels in files, the index of which is a pickle. Here each file begins with a hash of the rest:
what is damaged is compiled anew and never unpickled. The hash is no signature, so a folder that others can write is
not used at all. A cache that cannot be written costs time and is no error.

numba takes a kernel for up to date as long as its own file has the same date, and so misses a change in a kernel or a
constant of another file that it uses. Here it goes by `kernel_hash`: what the kernel and all that it calls compute.
"""

import hashlib
import io
import logging
import os
import pickle
import stat
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from glob import escape, glob
from types import CodeType, ModuleType
from typing import IO, Any

import numba
import numpy as np
from numba.core import caching, config
from numba.core.runtime.nrt import rtsys

DIGEST = hashlib.sha256

LOG = logging.getLogger("eiesim.kernels")
"""Told, at level INFO, of each kernel that has to be compiled because the cache does not have it."""


class _Damaged(Exception):  # noqa: N818 - never leaves this module
    pass


DAY_S = 24 * 3600
"""How long files of a kernel that has changed since are kept at least: two checkouts may take turns."""


class CheckedFiles(caching.IndexDataCacheFile):
    """numba's index and data files, each behind a hash of what it holds; their names carry the kernel's hash."""

    def __init__(self, folder: str, base: str, dispatcher: Any) -> None:
        self._cache_path, self._base, self._dispatcher = folder, base, dispatcher
        self._version = numba.__version__

    @cached_property
    def _source_stamp(self) -> str:
        # Not before the kernel is used: its file may not have defined yet what it calls.
        return kernel_hash(self._dispatcher)

    @property
    def _index_path(self) -> str:  # type: ignore[override]
        return os.path.join(self._cache_path, f"{self._base}-{self._source_stamp[:12]}.nbi")

    @property
    def _data_name_pattern(self) -> str:  # type: ignore[override]
        return f"{self._base}-{self._source_stamp[:12]}.{{number:d}}.nbc"

    def _load_index(self) -> Any:
        try:
            with _checked(self._index_path) as content:
                version, data = content.read(64).rstrip(b" "), content.read()
        except (OSError, _Damaged):
            return {}
        if version != self._version.encode():
            return {}
        stamp, overloads = pickle.loads(data)
        return overloads if stamp == self._source_stamp else {}

    def _save_index(self, overloads: Any) -> None:
        for other in glob(f"{escape(os.path.join(self._cache_path, self._base))}-????????????.*nb[ic]"):
            if time.time() - os.stat(other).st_mtime > DAY_S:
                os.unlink(other)
        self._write(self._index_path, self._version.encode().ljust(64) + self._dump((self._source_stamp, overloads)))

    def _load_data(self, name: str) -> Any:
        try:
            with _checked(self._data_path(name)) as content:
                return pickle.load(content)
        except _Damaged:
            raise FileNotFoundError(name) from None  # which numba takes for: not compiled yet

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), self._dump(data))

    def _write(self, path: str, content: bytes) -> None:
        with self._open_for_write(path) as file:
            file.write(DIGEST(content).digest() + content)


class CheckedCache(caching.FunctionCache):
    """A function's cache. Raises RuntimeError where there is no folder for it."""

    def __init__(self, dispatcher: Any, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._name = function.__qualname__
        if chosen := config.CACHE_DIR:  # type: ignore[attr-defined]
            # By the module's name and not by its path, as numba would: checkouts share what is the same.
            self._cache_path = os.path.join(chosen, function.__module__)
        if not is_private(self._cache_path):
            # Shared with a group, say: kept in a folder of the user's own instead.
            self._cache_path = own_folder(function)
        self._impl.locator._cache_path = self._cache_path
        self._cache_file = CheckedFiles(self._cache_path, self._impl.filename_base, dispatcher)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function, or None where it has to be compiled.

        numba would first make everything ready to compile, SciPy's BLAS included, for a good quarter of a second. What
        is compiled already needs only the runtime's memory management; the compiler gets itself ready when it is used.
        """
        rtsys.initialize(target_context)
        try:
            with self._guard_against_spurious_io_errors():
                kept = self._load_overload(sig, target_context)
        except Exception:  # whatever numba makes of a file that another version of it wrote
            kept = None
        if kept is None:
            LOG.info("compiling %s", self._name)
        return kept

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function, if that can be done."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _without(f"{self._cache_path}: {error.strerror}")


def kernel_hash(dispatcher: Any) -> str:
    """SHA-256 (hex) of what a compiled function computes: its bytecode and options, and those of all that it calls.

    The values of the global constants that it uses are part of it, since they are compiled in. Comments, docstrings
    and whatever else stands in its file are not.
    """
    digest, seen = DIGEST(), set[int]()
    package = str(dispatcher.py_func.__module__).partition(".")[0]

    def ours(module: ModuleType) -> bool:
        return str(module.__name__).partition(".")[0] == package

    def kernel(dispatcher: Any) -> None:
        if id(dispatcher) not in seen:
            seen.add(id(dispatcher))
            function = dispatcher.py_func
            digest.update(repr(sorted(dispatcher.targetoptions.items())).encode())
            code(function.__code__, function.__globals__, function.__doc__)

    def code(body: CodeType, known: dict[str, Any], docstring: str | None = None) -> None:
        digest.update(body.co_code + repr((body.co_names, body.co_varnames, body.co_argcount)).encode())
        for constant in body.co_consts:
            if isinstance(constant, CodeType):
                code(constant, known)
            elif constant is not docstring:
                held = sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant
                digest.update(repr(held).encode())
        named = [known[name] for name in body.co_names if name in known]
        for module in [one for one in named if isinstance(one, ModuleType) and ours(one)]:
            named += [vars(module)[name] for name in body.co_names if name in vars(module)]
        for one in named:
            if hasattr(one, "py_func"):
                kernel(one)
            elif isinstance(one, np.ndarray):
                digest.update(one.dtype.str.encode() + one.tobytes())
            elif isinstance(one, bool | int | float | str | bytes | tuple | np.generic | np.dtype):
                digest.update(repr(one).encode())
            elif isinstance(one, type):
                digest.update(repr((one.__qualname__, getattr(one, "_fields", ()))).encode())

    kernel(dispatcher)
    return digest.hexdigest()


@contextmanager
def _checked(path: str) -> Iterator[IO[bytes]]:
    with open(path, "rb") as file:
        digest, content = file.read(DIGEST().digest_size), file.read()
    if DIGEST(content).digest() != digest:
        raise _Damaged
    yield io.BytesIO(content)


def is_private(folder: str) -> bool:
    """Whether only this user (and the administrator) can write a folder, or the one that it would be made in."""
    if not hasattr(os, "getuid"):
        return True
    while not os.path.exists(folder):
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return False
    found = os.stat(folder)
    return found.st_uid in (os.getuid(), 0) and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def own_folder(function: Callable[..., Any]) -> str:
    """The user's own folder for what is compiled of a function's file. Raises RuntimeError where there is none."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    source = os.path.dirname(os.path.realpath(function.__code__.co_filename))
    folder = os.path.join(base, "eiesim", f"numba-{DIGEST(source.encode()).hexdigest()[:16]}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if not is_private(folder):
        raise RuntimeError(f"{folder} can be written by others")
    return folder


def keep(dispatcher: Any, function: Callable[..., Any]) -> None:
    """Give a compiled function its cache; where there can be none, warn once that each start compiles."""
    try:
        dispatcher._cache = CheckedCache(dispatcher, function)
    except (RuntimeError, OSError) as error:
        _without(" ".join(str(error).split()))


@cache
def _warned() -> list[str]:
    return []


def _without(why: str) -> None:
    """Warn, once in a process, that compiled code is not kept."""
    if not _warned():
        _warned().append(why)
        warnings.warn(f"compiled code is not kept, so each start takes longer: {why}", stacklevel=2)
