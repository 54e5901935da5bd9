"""All that eiesim uses of numba's inner parts, which may change without notice, and what holds where they did.

Two options make kernels fast, and a cache of our own (`eiesim._cache` says why) makes starts fast. Where a numba lacks
one of them everything works, only slower: the option is left out, or each start compiles, with one warning.
"""

import logging
import os
import pickle
import time
from collections.abc import Callable
from functools import cached_property
from glob import escape, glob
from typing import Any

import numba
import numpy as np

from eiesim._cache import DamagedError, is_private, kernel_hash, own_folder, read_checked, warn_without, with_digest

_Files: Any = object
_Cache: Any = object
_MISSING: list[str] = []
"""What the cache needs of numba and is not there."""
try:
    from numba.core import caching, config
    from numba.core.runtime.nrt import rtsys

    _Files, _Cache = caching.IndexDataCacheFile, caching.FunctionCache
    _NEEDED = {
        _Files: "load save _load_index _save_index _load_data _save_data _data_path _dump _open_for_write",
        _Cache: "load_overload _load_overload save_overload _index_key _guard_against_spurious_io_errors",
        rtsys: "initialize",
        config: "CACHE_DIR",
    }
    _MISSING += [name for of, names in _NEEDED.items() for name in names.split() if not hasattr(of, name)]
except (ImportError, AttributeError) as error:
    _MISSING.append(str(error))

LOG = logging.getLogger("eiesim.kernels")
"""Told, at level INFO, of each kernel that has to be compiled because the cache does not have it."""

VERSION_BYTES = 64
"""An index begins with numba's version, filled up with spaces to so many bytes."""

DAY_S = 24 * 3600
"""How long files of a kernel that has changed since are kept at least: two checkouts may take turns."""


PLAIN = frozenset(map(np.dtype, "?bBhHiIlLqQfd"))
"""What eiesim's arrays are of."""


def known_options(**options: Any) -> dict[str, Any]:
    """Those of the options that numba's compiler knows."""
    try:
        from numba.core.cpu import CPUTargetOptions
    except ImportError:
        return {}
    return {name: value for name, value in options.items() if hasattr(CPUTargetOptions, name)}


def quick_types() -> None:
    """Let numba find a plain array's type without importing `numpy.ma`, to which its own way asks whether it belongs.

    That import takes as long as a small kernel's work. The types are the same, and of all other arrays numba's own.
    """
    try:
        from numba.core.typing.typeof import typeof_impl
        from numba.np.numpy_support import from_dtype, map_layout

        any_array = typeof_impl.dispatch(np.ndarray)
    except (ImportError, AttributeError):
        return

    def of(array: Any, context: Any) -> Any:
        if type(array) is not np.ndarray or array.dtype not in PLAIN:
            return any_array(array, context)
        writeable = array.flags.writeable
        return numba.types.Array(from_dtype(array.dtype), array.ndim, map_layout(array), readonly=not writeable)

    typeof_impl.register(np.ndarray)(of)


quick_types()


def keep(dispatcher: Any, function: Callable[..., Any]) -> None:
    """Give a compiled function its cache; where there can be none, warn once that each start compiles."""
    if _MISSING:
        warn_without(f"in numba {numba.__version__}: {_MISSING[0]} is missing")
        return
    try:
        dispatcher._cache = CheckedCache(dispatcher, function)
    except (RuntimeError, OSError, AttributeError, TypeError) as error:
        warn_without(" ".join(str(error).split()))


class CheckedFiles(_Files):  # type: ignore[misc]
    """numba's index and data files, each behind a hash of what it holds; their names carry the kernel's hash."""

    def __init__(self, folder: str, base: str, dispatcher: Any) -> None:
        self._cache_path, self._base, self._dispatcher = folder, base, dispatcher
        self._version = numba.__version__

    @cached_property
    def _source_stamp(self) -> str:
        # Not before the kernel is used: its file may not have defined yet what it calls.
        return kernel_hash(self._dispatcher)

    @property
    def _index_path(self) -> str:
        return os.path.join(self._cache_path, f"{self._base}-{self._source_stamp[:12]}.nbi")

    @property
    def _data_name_pattern(self) -> str:
        return f"{self._base}-{self._source_stamp[:12]}.{{number:d}}.nbc"

    def _load_index(self) -> Any:
        try:
            content = read_checked(self._index_path)
        except (OSError, DamagedError):
            return {}
        version, data = content[:VERSION_BYTES].rstrip(b" "), content[VERSION_BYTES:]
        if version != self._version.encode():
            return {}
        try:
            stamp, overloads = pickle.loads(data)
        except (AttributeError, ImportError):  # A class among the kernel's arguments has another name now.
            return {}
        return overloads if stamp == self._source_stamp else {}

    def _save_index(self, overloads: Any) -> None:
        for other in glob(f"{escape(os.path.join(self._cache_path, self._base))}-????????????.*nb[ic]"):
            if time.time() - os.stat(other).st_mtime > DAY_S:
                os.unlink(other)
        version = self._version.encode().ljust(VERSION_BYTES)
        self._write(self._index_path, version + self._dump((self._source_stamp, overloads)))

    def _load_data(self, name: str) -> Any:
        try:
            return pickle.loads(read_checked(self._data_path(name)))
        except DamagedError:
            raise FileNotFoundError(name) from None  # which numba takes for: not compiled yet

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), self._dump(data))

    def _write(self, path: str, content: bytes) -> None:
        with self._open_for_write(path) as file:
            file.write(with_digest(content))


class CheckedCache(_Cache):  # type: ignore[misc]
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
            warn_without(f"{self._cache_path}: {error.strerror}")
        except (AttributeError, TypeError) as error:
            warn_without(f"in numba {numba.__version__}: {error}")

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        # Two named tuples are one type to numba if their class and types are, though a field's place be another.
        return (*super()._index_key(sig, codegen), tuple(map(_fields, sig)))


def _fields(kind: Any) -> Any:
    """The names of a named tuple's fields, and of those in it; empty for another type."""
    names = tuple(kind.fields) if hasattr(kind, "instance_class") else ()
    return names, tuple(map(_fields, kind.types)) if names else ()
