"""Networks: a folder with `network.toml`, which names layer files in order (spec/formats.md).

    format = "eiesim-network/1"
    name = "LeNet-300-100"
    [[layers]]
    file = "ip1.npz"

Other keys, in the table or a layer, say where things came from and are left to their readers.
"""

import tomllib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from eiesim.errors import EieError, shown
from eiesim.files import npz
from eiesim.layer import CompressedLayer, printable

FORMAT = "eiesim-network/1"
FILE = "network.toml"


@dataclass(frozen=True)
class Network:
    """Layers in order, and what network.toml says besides (`about`)."""

    name: str
    layers: tuple[CompressedLayer, ...]
    about: dict[str, Any]


def is_network(path: str | Path) -> bool:
    """Whether a folder holds a network."""
    return (Path(path) / FILE).is_file()


def load_network(folder: str | Path) -> Network:
    """A network from its folder. Raises EieError, naming the file, for anything malformed or that does not chain."""
    folder = Path(folder)
    path = folder / FILE
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EieError(f"{path}: no such file; a network folder names its layers there") from None
    except (OSError, ValueError, RecursionError) as error:  # tomllib lets plain ValueError and RecursionError out
        raise EieError(f"{path}: not readable as TOML: {' '.join(str(error).split())}") from None
    if table.get("format") != FORMAT:
        raise EieError(f"{path}: format: is {shown(table.get('format'))}, needs '{FORMAT}'")
    entries = table.get("layers")
    if not isinstance(entries, list) or not entries:
        raise EieError(f"{path}: layers: needs one [[layers]] table or more, each with a file")
    name = table.get("name", printable(folder.resolve().name))
    if not isinstance(name, str) or not name.isprintable():
        raise EieError(f"{path}: name: {shown(name)} is not one line of text")
    layers = [npz.load(_layer_path(folder, path, entry)) for entry in entries]
    check_chain(layers, str(path))
    return Network(name, tuple(layers), table)


def check_chain(layers: list[CompressedLayer], where: str) -> None:
    """Raise EieError unless each layer takes what the one before gives."""
    for before, after in pairwise(layers):
        if before.rows != after.cols:
            raise EieError(
                f"{where}: '{before.name}' has {before.rows} outputs, but '{after.name}' takes {after.cols} inputs"
            )


def _layer_path(folder: Path, path: Path, entry: Any) -> Path:
    file = entry.get("file") if isinstance(entry, dict) else None
    if not isinstance(file, str) or Path(file).is_absolute() or ".." in Path(file).parts:
        raise EieError(f"{path}: layers: each needs file = a name inside the folder, not {shown(file)}")
    return folder / file
