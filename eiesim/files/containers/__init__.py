"""Files of other tools that hold networks: one module a container, each read by its tool's own package.

| suffix | module | package |
| --- | --- | --- |
| .gguf | `gguf` | gguf |
| .mlpackage | `coreml` | coremltools |
| .tflite | `tflite`, `tflite_tensors` | tflite |
| .keras, .h5, .weights.h5 | `keras`, `keras_variables`, `keras_arrays`, `hdf5` | h5py |
| .pt, .pth, .bin, .ckpt, .pkl | `pickled` | none: never opened |

`operators` makes layers of those that hold a graph. The packages are the extra `formats`, each imported only
where such a file is opened.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eiesim.files.ledger import Choice
    from eiesim.files.weights import DenseNetwork


def _from(module: str, name: str, *given: Any) -> Any:
    """What a function of a module here gives; the module is imported when it is first needed."""
    return getattr(import_module(f"eiesim.files.containers.{module}"), name)(*given)


CONTAINERS: "dict[str, Callable[[Path, Choice], DenseNetwork]]" = {
    ".gguf": partial(_from, "gguf", "load_gguf"),
    ".mlpackage": partial(_from, "coreml", "load_mlpackage"),
    ".tflite": partial(_from, "tflite", "load_tflite"),
    **dict.fromkeys((".keras", ".h5", ".hdf5"), partial(_from, "keras", "load_keras")),
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle"), partial(_from, "pickled", "refuse_pickle")),
}
"""Readers by suffix."""

FOLDERS = (".mlpackage", ".keras")
"""Suffixes of those that are folders, or may be."""

PARTS: dict[str, Callable[[Path], list[Path]]] = {
    ".gguf": partial(_from, "gguf", "parts_of"),
    ".h5": partial(_from, "keras", "parts_of"),
}
"""The files of a model that may be in several parts, by suffix."""

__all__ = ["CONTAINERS", "FOLDERS", "PARTS"]
