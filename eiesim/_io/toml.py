"""TOML files, read without trust."""

import tomllib
from pathlib import Path
from typing import Any

from eiesim.errors import EieError


def read_toml(path: Path, missing: str = "no such file") -> dict[str, Any]:
    """A TOML file's table. Raises EieError, naming the file, where it is `missing` or not readable as TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EieError(f"{path}: {missing}") from None
    except (OSError, ValueError, RecursionError) as error:  # tomllib lets plain ValueError and RecursionError out
        raise EieError(f"{path}: not readable as TOML: {' '.join(str(error).split())}") from None
