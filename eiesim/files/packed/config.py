"""What a checkpoint says of its own quantisation: config.json, quantize_config.json or quant_config.json beside it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eiesim._io.reading import read_bytes
from eiesim.errors import EieError

FILES = ("config.json", "quantize_config.json", "quant_config.json")
KEY = "quantization_config"


@dataclass(frozen=True)
class Said:
    """What the configuration says; empty where it says nothing.

    file: where it stands. method: as transformers calls it, such as `gptq`. form: the layout of the file's tensors.
    bits, group_sizes: each that occurs. block: rows and columns of a scale's block. version: of compressed-tensors.
    """

    file: str = ""
    method: str = ""
    form: str = ""
    bits: frozenset[int] = frozenset()
    group_sizes: frozenset[int] = frozenset()
    block: tuple[int, int] | None = None
    version: str = ""


NOTHING_SAID = Said()


def config_files(folder: Path) -> list[Path]:
    """The files beside a checkpoint that may say how it is quantised."""
    return [folder / name for name in FILES if (folder / name).is_file()]


def said_beside(folder: Path) -> Said:
    """What the files of a folder say. Raises EieError where one of them is no JSON object."""
    for path in config_files(folder):
        try:
            held = json.loads(read_bytes(path))
        except (ValueError, RecursionError):
            raise EieError(f"{path}: is no JSON, and says how the checkpoint beside it is quantised") from None
        own = held.get(KEY, held if path.name != FILES[0] else None) if isinstance(held, dict) else None
        if isinstance(own, dict):
            return _said(path.name, own)
    return NOTHING_SAID


def _said(file: str, held: Mapping[str, Any]) -> Said:
    nested = list(_tables(held))
    sizes = [_whole(one.get(key)) for one in nested for key in ("group_size", "q_group_size")]
    bits = [_whole(one.get(key)) for one in nested for key in ("bits", "num_bits", "w_bit")]
    blocks = [one.get(key) for one in nested for key in ("weight_block_size", "block_structure")]
    fitting = {tuple(one) for one in blocks if isinstance(one, list) and len(one) == 2 and all(map(_whole, one))}
    form = held.get("checkpoint_format") or held.get("format") or held.get("version") or ""
    return Said(
        file,
        str(held.get("quant_method", "")).lower(),
        str(form).lower(),
        frozenset(one for one in bits if one),
        frozenset(one for one in sizes if one),
        next(iter(fitting)) if len(fitting) == 1 else None,
        str(held.get("version", "")),
    )


def _tables(held: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The table and those inside it that speak of weights: not those of inputs and outputs."""
    yield held
    for key, inner in held.items():
        if isinstance(inner, dict) and "activations" not in key and key != "kv_cache_scheme":
            yield from _tables(inner)


def _whole(value: Any) -> int:
    """A whole number above 0, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
