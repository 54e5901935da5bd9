"""Compiled kernels kept apart by source.

numba's cache on disk does not notice when a kernel's callee in another file changes.
"""

import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path

DAY = 24 * 3600  # Kernels of sources that nobody ran for a day are deleted.
PACKAGE = Path(__file__).resolve().parents[1] / "eiesim"


def use() -> None:
    """Point numba to a folder named by a hash of all sources. Only heeded before numba is first imported."""
    digest = hashlib.sha256()
    for source in sorted(PACKAGE.rglob("*.py")):
        digest.update(source.relative_to(PACKAGE).as_posix().encode() + b"\0" + source.read_bytes())
    owner = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"eiesim-numba-{owner}" / digest.hexdigest()[:16]
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and folder.parent.stat().st_uid != os.getuid():
        raise RuntimeError(f"{folder.parent} belongs to someone else; kernels are not loaded from there")
    folder.mkdir(exist_ok=True)
    os.utime(folder)
    for other in folder.parent.iterdir():
        if time.time() - other.stat().st_mtime > DAY:
            shutil.rmtree(other, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
