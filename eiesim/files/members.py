"""Which files a name stands for: the one that it names, and all that belong to it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eiesim._io.reading import read_bytes
from eiesim._io.toml import read_toml
from eiesim.errors import EieError
from eiesim.files import network
from eiesim.files.containers import FOLDERS, PARTS
from eiesim.files.examples import place
from eiesim.files.onnx.external import external_files
from eiesim.files.packed.config import config_files
from eiesim.files.sharded import checkpoint_files, is_checkpoint

LAYERS, ONNX, SAFETENSORS = (".npz", ".huff"), ".onnx", ".safetensors"


def members(name: str | Path) -> list[Path]:
    """The files that are read where a LAYER, a network or another file is named; none where there is nothing.

    Of a network folder all that it names or that eiesim wrote into it, and the model that it was made of; of a layer
    file its recorded inputs too; of an ONNX model the files that hold its tensors; of a dump, or of a model in parts or
    shards, these. Nothing is raised: whoever reads them says what is wrong.
    """
    try:
        path = place(str(name))
        if path.is_file():
            own = [path.parent / network.RECORDED / f"{path.stem}.npy"] if path.suffix in LAYERS else []
            parts = PARTS[path.suffix](path) if path.suffix in PARTS else []
            if path.suffix == SAFETENSORS or is_checkpoint(path):
                return [path, *checkpoint_files(path)]
            if path.suffix == ".npz":
                own += config_files(path.parent)
            return [path, *own, *parts, *(external_files(path) if path.suffix == ONNX else [])]
        if network.is_network(path):
            files = [path / one for one in _of_network(path)]
            models = [file for file in files if file.suffix not in LAYERS and not network.is_network(file)]
            return [*files, *(one for file in models for one in members(file))]
        if path.suffix in FOLDERS:
            return [file for file in path.rglob("*") if file.is_file()]
        if is_checkpoint(path):
            return checkpoint_files(path)
        if path.is_dir():
            return [*path.glob("*.dat"), *path.glob("ptr/*.dat"), *path.glob("spm/*.dat")]
    except (EieError, OSError, ValueError, TypeError, KeyError, AttributeError):
        pass
    return []


def _of_network(folder: Path) -> Iterator[str]:
    yield from (network.FILE, network.INPUTS, network.LABELS, network.WRITTEN, "report.json")
    about = _quietly(read_toml, folder / network.FILE)
    for entry in about.get("layers", []):
        yield entry["file"]
        yield f"{network.RECORDED}/{Path(entry['file']).stem}.npy"
    yield from (about[key] for key in ("model", "pruned") if isinstance(about.get(key), str))
    yield from _quietly(lambda path: json.loads(read_bytes(path)), folder / network.WRITTEN)


def _quietly(read: Any, path: Path) -> dict[str, Any]:
    try:
        return dict(read(path))
    except (EieError, ValueError, TypeError, RecursionError):
        return {}
