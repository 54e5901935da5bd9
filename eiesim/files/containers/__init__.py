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
from pathlib import Path

from eiesim.files.containers.coreml import load_mlpackage
from eiesim.files.containers.gguf import load_gguf
from eiesim.files.containers.gguf import parts_of as gguf_parts
from eiesim.files.containers.keras import load_keras
from eiesim.files.containers.keras import parts_of as keras_parts
from eiesim.files.containers.pickled import refuse_pickle
from eiesim.files.containers.tflite import load_tflite
from eiesim.files.ledger import Choice
from eiesim.files.weights import DenseNetwork

CONTAINERS: dict[str, Callable[[Path, Choice], DenseNetwork]] = {
    ".gguf": load_gguf,
    ".mlpackage": load_mlpackage,
    ".tflite": load_tflite,
    ".keras": load_keras,
    ".h5": load_keras,
    ".hdf5": load_keras,
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle"), refuse_pickle),
}
"""Readers by suffix."""

FOLDERS = (".mlpackage", ".keras")
"""Suffixes of those that are folders, or may be."""

PARTS: dict[str, Callable[[Path], list[Path]]] = {".gguf": gguf_parts, ".h5": keras_parts}
"""The files of a model that may be in several parts, by suffix."""

__all__ = ["CONTAINERS", "FOLDERS", "PARTS"]
