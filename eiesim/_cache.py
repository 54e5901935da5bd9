"""The compiler's cache on disk: only from a folder that nobody else can write, and only what is whole and up to date.

Compiled kernels are kept in files, the index of which is a pickle (`eiesim._numba`). Each file begins with a hash of
the rest: what is damaged is compiled anew and never unpickled. The hash is no signature, so a folder that others can
write is not used at all. A cache that cannot be written costs time and is no error.

What is kept is known by `kernel_hash`: what the kernel and all that it calls compute, in whichever file.
"""

import hashlib
import os
import stat
import warnings
from collections.abc import Callable
from functools import cache
from types import CodeType, ModuleType
from typing import Any

import numpy as np

DIGEST = hashlib.sha256


class DamagedError(Exception):
    """A file of the cache does not hold what was written."""


def kernel_hash(dispatcher: Any) -> str:
    """SHA-256 (hex) of what a compiled function computes: bytecode, defaults and options, and those of all it calls.

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
            digest.update(repr((function.__defaults__, function.__kwdefaults__)).encode())
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


def read_checked(path: str) -> bytes:
    """What `with_digest` was given. Raises DamagedError where the file holds anything else."""
    with open(path, "rb") as file:
        digest, content = file.read(DIGEST().digest_size), file.read()
    if DIGEST(content).digest() != digest:
        raise DamagedError
    return content


def with_digest(content: bytes) -> bytes:
    """A file's content: a hash, and what it is the hash of."""
    return DIGEST(content).digest() + content


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


@cache
def _warned() -> list[str]:
    return []


def warn_without(why: str) -> None:
    """Warn, once in a process, that compiled code is not kept."""
    if not _warned():
        _warned().append(why)
        warnings.warn(f"compiled code is not kept, so each start takes longer: {why}", stacklevel=2)
