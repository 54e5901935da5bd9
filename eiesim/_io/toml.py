"""TOML files, read without trust."""

import tomllib
from pathlib import Path
from typing import Any

from eiesim._io.reading import read_bytes
from eiesim.errors import EieError


def read_toml(path: Path, missing: str = "no such file") -> dict[str, Any]:
    """A TOML file's table. Raises EieError, naming the file, where it is `missing` or not readable as TOML."""
    try:
        return tomllib.loads(read_bytes(path, missing).decode())
    except EieError:
        raise
    except (ValueError, RecursionError) as error:  # tomllib lets plain ValueError and RecursionError out
        raise EieError(f"{path}: not readable as TOML: {' '.join(str(error).split())}") from None
