"""Sharded checkpoints: a folder of safetensors files and the index that says which tensor is in which of them.

The index (`model.safetensors.index.json`) has a `weight_map` from names to files. All shards are read, and must hold
just what the index says; one alone is no network, unless the others are left out by name.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from eiesim._io.reading import read_bytes
from eiesim.errors import EieError
from eiesim.files.ledger import Choice
from eiesim.files.names import natural
from eiesim.files.packed.config import config_files
from eiesim.files.tensors import Tensor, of_safetensors

INDEX = ".safetensors.index.json"
WHOLE = "model.safetensors"
LONGEST = 255
"""Bytes of a file's name."""

SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5,})-of-(?P<count>\d{5,})\.safetensors")


def is_checkpoint(path: Path) -> bool:
    """Whether a folder holds a checkpoint, in shards or in one file; or whether this is the index of one."""
    if path.is_dir():
        return bool(_indices(path)) or (path / WHOLE).is_file() or bool(_shards_beside(path))
    return path.name.endswith(INDEX)


def checkpoint_files(path: Path) -> list[Path]:
    """The files that are read where a checkpoint is named: the index, the shards, what tells how they are quantised.

    Raises EieError for an index that is damaged or names what is outside its folder.
    """
    index = _index(path)
    if index is None:
        folder = path if path.is_dir() else path.parent
        return [*([path / WHOLE] if path.is_dir() else [path]), *config_files(folder)]
    return [index, *(index.parent / name for name in _shards(_weight_map(index))), *config_files(index.parent)]


def of_checkpoint(path: Path, choice: Choice) -> tuple[list[Tensor], Choice]:
    """The tensors of a checkpoint, sorted by name, and the choice without the shards that it leaves.

    path: a safetensors file, a folder of them, or an index. Raises EieError for anything malformed, a shard that is
    missing and not left, and shards that do not hold what the index says.
    """
    index = _index(path)
    if index is not None:
        return _of_index(index, choice)
    file = path / WHOLE if path.is_dir() else path
    if path.is_dir() and not file.is_file():
        shard = _shards_beside(path)[0]
        raise EieError(
            f"{path}: holds {shard} and no model{INDEX}, which says what the shards hold; put it beside them"
        )
    others = _other_shards(file.name)
    left = {name for name in others if choice.leaves(name)}
    if others and len(left) < len(others):
        missing = next(name for name in others if name not in left)
        raise EieError(
            f"{file}: is one of {len(others) + 1} shards, which are one network: give their folder, or leave the "
            f"others with --leave '{_pattern(others, file.name) or missing}'"
        )
    return of_safetensors(file), _without(choice, others)


def _of_index(index: Path, choice: Choice) -> tuple[list[Tensor], Choice]:
    where = _weight_map(index)
    found: dict[str, Tensor] = {}
    shards = _shards(where)
    for shard in shards:
        path = index.parent / shard
        if choice.leaves(shard):
            continue
        if not path.is_file():
            raise EieError(f"{path}: no such file; {index.name} says that it holds {_some(where, shard)}; "
                           f"--leave '{shard}' reads the others")  # fmt: skip
        for tensor in of_safetensors(path):
            if tensor.name in found:
                raise EieError(f"{path}: holds '{tensor.name}', which another shard holds too")
            if where.get(tensor.name) != shard:
                told = f"is in {where[tensor.name]}" if tensor.name in where else "is in no shard"
                raise EieError(f"{path}: holds '{tensor.name}', and {index.name} says that it {told}")
            found[tensor.name] = tensor
        missing = next((name for name, file in where.items() if file == shard and name not in found), None)
        if missing is not None:
            raise EieError(f"{path}: has no '{missing}', and {index.name} says that it holds it")
    return sorted(found.values(), key=lambda tensor: natural(tensor.name)), _without(choice, shards)


def _index(path: Path) -> Path | None:
    """The index that a path is or holds; None where it has none. Raises EieError where it holds several."""
    if not path.is_dir():
        return path if path.name.endswith(INDEX) else None
    found = _indices(path)
    if len(found) > 1:
        raise EieError(f"{path}: has {len(found)} indices, {found[0].name} and {found[1].name}; give one of them")
    return found[0] if found else None


def _shards_beside(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*.safetensors") if SHARD.fullmatch(file.name))


def _indices(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{INDEX}"))


def _weight_map(index: Path) -> dict[str, str]:
    """Of each tensor, the name of the shard that holds it, a file in the index's folder."""
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        held: dict[str, Any] = {}
        for key, value in pairs:
            if key in held:
                twice.append(key)
            held[key] = value
        return held

    try:
        table = json.loads(read_bytes(index), object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise EieError(f"{index}: is no JSON") from None
    where = table.get("weight_map") if isinstance(table, dict) else None
    if not isinstance(where, dict) or not where:
        raise EieError(f"{index}: weight_map: needs the file of each tensor, by the tensor's name")
    if twice:
        raise EieError(f"{index}: names '{twice[0]}' twice")
    for name, shard in where.items():
        if not isinstance(shard, str) or not _is_beside(shard):
            raise EieError(
                f"{index}: weight_map: '{name}' is in {shard!r}; shards are .safetensors files beside the index"
            )
    return where


def _is_beside(shard: str) -> bool:
    plain = not re.search(r"[/\\\0:]", shard) and len(shard.encode("utf-8", "surrogatepass")) <= LONGEST
    return plain and shard.endswith(".safetensors") and shard == Path(shard).name


def _shards(where: dict[str, str]) -> list[str]:
    return sorted(set(where.values()), key=natural)


def _other_shards(file: str) -> list[str]:
    """The names of the shards beside one, by its own name."""
    found = SHARD.fullmatch(file)
    count = int(found["count"]) if found else 1
    if found is None or count < 2 or count > 99_999:
        return []
    width = len(found["number"])
    names = [f"{found['stem']}-{k:0{width}}-of-{found['count']}.safetensors" for k in range(1, count + 1)]
    return [name for name in names if name != file]


def _pattern(others: list[str], own: str) -> str:
    """A pattern for all other shards, where one fits them and nothing else that is meant; else an empty text."""
    return re.sub(r"-\d{5,}-of-", "-?????-of-", own) if len(others) > 1 else ""


def _without(choice: Choice, shards: Iterable[str]) -> Choice:
    """The choice without the patterns that name shards."""
    names = list(shards)
    kept = tuple(one for one in choice.leave if not any(Choice(leave=(one,)).leaves(name) for name in names))
    return replace(choice, leave=kept)


def _some(where: dict[str, str], shard: str) -> str:
    held = [name for name, file in where.items() if file == shard]
    return f"'{held[0]}'" + (f" and {len(held) - 1} more" if len(held) > 1 else "")
