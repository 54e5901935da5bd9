"""How eiesim compiles: kernels are cached on disk and release the GIL; NUMBA_DISABLE_JIT=1 runs them as Python."""

from collections.abc import Callable
from typing import Any

import numba

from eiesim._numba import keep, known_options

Kernel = Callable[..., Any]

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def jit(function: Kernel) -> Kernel:
    """Compile a kernel."""
    return _compiled(function, {})


def inlined(function: Kernel) -> Kernel:
    """Compile a kernel into its callers: for the few large parts of a hot loop, whose many arguments cost time."""
    return _compiled(function, {"forceinline": True})


def uncounted(function: Kernel) -> Kernel:
    """Compile a kernel that allocates nothing, without reference counts: with many arrays in play they cost 10 x."""
    return _compiled(function, {"_nrt": False})


def _compiled(function: Kernel, options: dict[str, Any]) -> Kernel:
    compiled: Kernel = numba.njit(**_OPTIONS, **known_options(**options))(function)
    if compiled is not function:  # which it is without the JIT
        keep(compiled, function)
    return compiled
