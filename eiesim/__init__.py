"""eiesim: the open reference simulator of EIE, the sparse neural-network accelerator (Han et al., ISCA 2016).

Public names stand in `__init__.pyi` and are imported when first used: `eiesim --help` should not wait for numba.
"""

from importlib import import_module
from typing import Any

import lazy_loader

from eiesim._version import __version__ as __version__

try:
    _public, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
except ValueError:  # there is no such file, though this one was imported
    raise ImportError(f"eiesim does not run from within an archive ({__file__}): install it with pip") from None


def __getattr__(name: str) -> Any:
    """A public name, or the package `rtl`, whose `power` is named as it is there."""
    return import_module("eiesim.rtl") if name == "rtl" else _public(name)
