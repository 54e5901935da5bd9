"""ONNX files read and checked; constants; nodes by name; models written back with other weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._io.reading import check_regular
from eiesim.dense import DenseLayer
from eiesim.errors import EieError, with_extra

IS_ONNX = ("", "ai.onnx")
"""Domains of ONNX's own operators; what another domain calls Conv is another thing."""

RECURRENT = ("LSTM", "GRU", "RNN")
BODIES = ("If", "Loop", "Scan")

TOO_LARGE = 2**31 - 2**20
"""Bytes of a model that is not passed as one message."""

FLOAT_TYPES = (1, 10, 11, 16)
"""ONNX's numbers of float32, float16, float64 and bfloat16."""


_parsed: ContextVar[dict[Path, Any] | None] = ContextVar("_parsed", default=None)
"""Models by file, inside `parsed_once`."""


@contextmanager
def parsed_once() -> Iterator[None]:
    """While the block runs, a file that is read several times is parsed and checked once."""
    token = _parsed.set({} if _parsed.get() is None else _parsed.get())
    try:
        yield
    finally:
        _parsed.reset(token)


def read(path: Path) -> Any:
    """A checked model, its local functions inlined; the caller may change it.

    Raises EieError for what is not readable as ONNX.
    """
    parsed = _parsed.get()
    if parsed is None:
        return _read(path)
    if path not in parsed:
        parsed[path] = _read(path)
    copy = type(parsed[path])()
    copy.CopyFrom(parsed[path])
    return copy


def _read(path: Path) -> Any:
    try:
        import onnx
    except ImportError:
        raise EieError(f"reading ONNX needs onnx; {with_extra('onnx')}") from None
    check_regular(path)
    try:
        proto = onnx.load(str(path))
        _widen_indices(proto.graph)
        if proto.ir_version < 4 and {one.name for one in proto.graph.initializer} - {
            one.name for one in proto.graph.input
        }:
            proto.ir_version = 4  # before it every initialiser was an input too; many old files have them apart
        shapeless = [
            output
            for output in proto.graph.output
            if output.type.WhichOneof("value") == "tensor_type" and not output.type.tensor_type.HasField("shape")
        ]
        for output in shapeless:  # The checker wants a shape; the model need not have one.
            output.type.tensor_type.shape.SetInParent()
        _check(proto, path)
        for output in shapeless:
            output.type.tensor_type.ClearField("shape")
        if proto.functions:
            from onnx.inliner import inline_local_functions

            proto = inline_local_functions(proto)
    except FileNotFoundError as error:
        missing = f"{path}: no such file" if not path.exists() else f"{path}: {error}"
        raise EieError(missing) from None
    except MemoryError:
        raise
    except Exception as error:
        raise EieError(f"{path}: not readable as ONNX: {' '.join(str(error).split())[:300]}") from None
    _name_states(proto.graph)
    return proto


def _check(proto: Any, path: Path) -> None:
    """ONNX's own checker; onnxruntime's operators that stand in ONNX's domain are not known to it."""
    import onnx

    try:
        onnx.checker.check_model(proto if proto.ByteSize() < TOO_LARGE else str(path))
    except onnx.checker.ValidationError as error:
        if "No Op registered for" not in str(error):
            raise


def _widen_indices(graph: Any) -> None:
    """Indices of sparse tensors as INT64, which the checker wants; onnxruntime's tool writes smaller ones."""
    from onnx import TensorProto, numpy_helper

    constants = [one for node in graph.node for one in node.attribute if one.HasField("sparse_tensor")]
    for sparse in (*graph.sparse_initializer, *(one.sparse_tensor for one in constants)):
        if sparse.indices.data_type != TensorProto.INT64:
            wide = tensor(sparse.indices).astype(np.int64)
            sparse.indices.CopyFrom(numpy_helper.from_array(wide, sparse.indices.name))
    for node in graph.node:
        for _, body in bodies(node):
            _widen_indices(body)


def _name_states(graph: Any) -> None:
    """Give recurrent nodes that keep their states to themselves an output for them, so that they can be read."""
    for n, node in enumerate(graph.node):
        if node.op_type in RECURRENT:
            if not node.output:
                node.output.append("")
            if not node.output[0]:
                node.output[0] = f"{node_name(node, n)}.states"
        for _, body in bodies(node):
            _name_states(body)


def bodies(node: Any) -> Iterator[tuple[str, Any]]:
    """The graphs inside a node: (attribute's name, graph)."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.name, attribute.g


def settings(node: Any) -> dict[str, Any]:
    """A node's attributes as Python values."""
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def node_name(node: Any, n: int) -> str:
    """A node's own name, or its operator and place."""
    return node.name.strip("/") or f"{node.op_type.lower()}{n}"


def tensor(array: Any) -> npt.NDArray[Any]:
    """A TensorProto as an array."""
    from onnx import numpy_helper

    values: npt.NDArray[Any] = numpy_helper.to_array(array)
    return values


def floats(array: npt.NDArray[Any]) -> npt.NDArray[np.float32] | None:
    """Weights of any floating-point type as float32, ml_dtypes' too; None for whole numbers."""
    if array.dtype.kind != "f" and "float" not in array.dtype.name:
        return None
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def with_weights(path: Path, layers: Mapping[str, DenseLayer], target: Path) -> None:
    """Write the model with other weights in some layers (by name): pruned and shared ones, for onnxruntime to run.

    Only layers from Gemm, MatMul and Conv without groups, with nothing folded into them but an Add after a MatMul; the
    bias is left as it is where the graph has none to replace.
    """
    from onnx import numpy_helper

    from eiesim._io.atomic import writing

    proto = read(path)
    tensors = {initializer.name: initializer for initializer in proto.graph.initializer}
    nodes = {node_name(node, n): node for n, node in enumerate(proto.graph.node)}
    users: dict[str, list[Any]] = {}
    for node in proto.graph.node:
        for value in node.input:
            users.setdefault(value, []).append(node)
    for name, layer in layers.items():
        node = nodes[name]
        own = settings(node)
        bias = node.input[2] if len(node.input) > 2 else None
        old = numpy_helper.to_array(tensors[node.input[1]])
        weights = layer.weights
        if node.op_type == "Gemm":
            weights = (weights if own.get("transB") else weights.T) / np.float32(own.get("alpha", 1.0))
        elif node.op_type == "MatMul":
            weights = weights.T
            after = users.get(node.output[0], [])
            if layer.bias is not None and len(after) == 1 and after[0].op_type == "Add":
                bias = next(value for value in after[0].input if value in tensors)
        tensors[node.input[1]].CopyFrom(numpy_helper.from_array(weights.reshape(old.shape), node.input[1]))
        if bias and layer.bias is not None:
            values = layer.bias / np.float32(own.get("beta", 1.0))
            tensors[bias].CopyFrom(numpy_helper.from_array(values, bias))
    with writing(target) as file:
        file.write(proto.SerializeToString())
