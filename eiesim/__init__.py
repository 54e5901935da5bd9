"""eiesim: the open reference simulator of EIE, the sparse neural-network accelerator (Han et al., ISCA 2016).

Public names stand in `__init__.pyi` and are imported when first used: `eiesim --help` should not wait for numba.
"""

import lazy_loader

from eiesim._version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
