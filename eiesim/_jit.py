"""How eiesim compiles: kernels are cached on disk and release the GIL; NUMBA_DISABLE_JIT=1 runs them as Python."""

from collections.abc import Callable
from typing import Any

import numba

Kernel = Callable[..., Any]

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}


def jit(function: Kernel) -> Kernel:
    """Compile a kernel."""
    compiled: Kernel = numba.njit(**_OPTIONS)(function)
    return compiled


def inlined(function: Kernel) -> Kernel:
    """Compile a kernel into its callers: for the few large parts of a hot loop, whose many arguments cost time."""
    compiled: Kernel = numba.njit(**_OPTIONS, forceinline=True)(function)
    return compiled


def uncounted(function: Kernel) -> Kernel:
    """Compile a kernel that allocates nothing, without reference counts: with many arrays in play they cost 10 x."""
    options: dict[str, Any] = {**_OPTIONS, "_nrt": False}
    compiled: Kernel = numba.njit(**options)(function)
    return compiled
