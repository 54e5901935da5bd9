"""The files beside an ONNX model that hold its tensors' values."""

from collections.abc import Iterable, Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any


def external_files(path: Path) -> list[Path]:
    """Those that a model names, there or not; none of what is not readable as ONNX, and where onnx is missing."""
    try:
        import onnx
    except ImportError:
        return []
    if not _may_name_any(path):
        return []
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception:  # protobuf's DecodeError, and whatever else a damaged file brings
        return []
    tensors = [
        *_of_graph(model.graph),
        *(tensor for function in model.functions for tensor in _of_nodes(function.node)),
    ]
    entries = (entry for tensor in tensors for entry in tensor.external_data)
    return [path.parent / name for name in dict.fromkeys(entry.value for entry in entries if entry.key == "location")]


def _may_name_any(path: Path) -> bool:
    """Whether the key that names a file stands anywhere in a model: most have none, and need not be parsed."""
    if not path.is_file():
        return False
    try:
        with open(path, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            return content.find(b"location") >= 0
    except (OSError, ValueError):  # not readable; empty
        return False


def _of_graph(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    yield from _of_sparse(graph.sparse_initializer)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[Any]) -> Iterator[Any]:
    for node in nodes:
        for one in node.attribute:
            yield from (one.t, *one.tensors)
            yield from _of_sparse((one.sparse_tensor, *one.sparse_tensors))
            for graph in (*([one.g] if one.HasField("g") else []), *one.graphs):
                yield from _of_graph(graph)


def _of_sparse(tensors: Iterable[Any]) -> Iterator[Any]:
    for one in tensors:
        yield from (one.values, one.indices)
