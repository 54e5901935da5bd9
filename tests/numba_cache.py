"""One folder of compiled kernels for all test runs: `eiesim._cache` knows each kernel by what it computes."""

import os
import tempfile
from importlib.metadata import version
from pathlib import Path


def use() -> None:
    """Point numba to the folder, one of each numba: they drop what another has kept there.

    Only heeded before numba is first imported.
    """
    owner = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"eiesim-numba-{version('numba')}-{owner}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
        raise RuntimeError(f"{folder} belongs to someone else; kernels are not loaded from there")
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
