"""ONNX files read and checked; constants; nodes by name; models written back with other weights."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._io.reading import check_regular
from eiesim.dense import DenseLayer
from eiesim.errors import EieError

RECURRENT = ("LSTM", "GRU", "RNN")
BODIES = ("If", "Loop", "Scan")
Constants = dict[str, npt.NDArray[Any]]


def read(path: Path) -> Any:
    """A checked model, its local functions inlined. Raises EieError for what is not readable as ONNX."""
    try:
        import onnx
    except ImportError:
        raise EieError("reading ONNX needs onnx: pip install 'eiesim[onnx]'") from None
    check_regular(path)
    try:
        proto = onnx.load(str(path))
        shapeless = [output for output in proto.graph.output if not output.type.tensor_type.HasField("shape")]
        for output in shapeless:  # The checker wants a shape; the model need not have one.
            output.type.tensor_type.shape.SetInParent()
        onnx.checker.check_model(proto)
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


def floats(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Weights as float32. Raises EieError for whole numbers."""
    if array.dtype.kind != "f":
        raise EieError(f"weights are {array.dtype}; EIE's weights are made from floating point")
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def folded(node: Any, constants: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[Any] | None:
    """The value of a node all of whose inputs are constant, for the few operators that exporters put on weights."""
    if not node.input or any(value and value not in constants for value in node.input):
        return None
    given = [constants[value] if value else None for value in node.input]
    first, own = given[0], settings(node)
    if first is None:
        return None
    kind = node.op_type
    if kind == "Identity":
        return first
    if kind == "Transpose":
        return np.transpose(first, own.get("perm"))
    if kind == "Cast":
        from onnx import TensorProto

        wanted = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16, TensorProto.DOUBLE: np.float64}
        return first.astype(wanted[own["to"]]) if own["to"] in wanted and first.dtype.kind in "fiub" else None
    if kind == "DequantizeLinear":
        return _dequantised(first, given[1:], own.get("axis", 1))
    if kind == "Reshape" and given[1] is not None and not own.get("allowzero"):
        shape = [first.shape[k] if size == 0 else int(size) for k, size in enumerate(given[1].tolist())]
        return first.reshape(shape)
    if kind == "Concat":
        return np.concatenate([one for one in given if one is not None], own["axis"])
    if kind == "Slice" and len(given) > 2:
        return _sliced(first, given)
    if kind == "Gather" and given[1] is not None and first.dtype.kind == "f":
        return np.take(first, given[1], own.get("axis", 0))
    if kind in ("Squeeze", "Unsqueeze"):
        axes = given[1].tolist() if len(given) > 1 and given[1] is not None else own.get("axes")
        if kind == "Squeeze":
            return np.squeeze(first, None if axes is None else tuple(axes))
        return np.expand_dims(first, tuple(axes)) if axes is not None else None
    return None


def _sliced(values: npt.NDArray[Any], given: list[npt.NDArray[Any] | None]) -> npt.NDArray[Any]:
    """ONNX's Slice: starts, ends, axes, steps."""
    starts, ends, axes, steps = (*given[1:], None, None)[:4]
    assert starts is not None
    assert ends is not None
    which = range(len(starts)) if axes is None else axes.tolist()
    cuts = [slice(None)] * values.ndim
    for k, axis in enumerate(which):
        step = 1 if steps is None else int(steps[k])
        start, end = int(starts[k]), int(ends[k])
        before_the_first = step < 0 and end < -values.shape[axis]
        cuts[axis] = slice(start, None if before_the_first else end, step)
    return values[tuple(cuts)]


def _dequantised(
    codes: npt.NDArray[Any], rest: list[npt.NDArray[Any] | None], axis: int
) -> npt.NDArray[np.float32] | None:
    """(codes - zero point) x scale, for the whole array or along an axis; None for blocks."""
    scale = rest[0]
    zero = rest[1] if len(rest) > 1 else None
    if scale is None or scale.dtype.kind != "f" or scale.ndim > 1:
        return None
    if scale.ndim == 1 and scale.size > 1:
        shape = [1] * codes.ndim
        shape[axis] = scale.size
        scale = scale.reshape(shape)
        zero = None if zero is None else zero.reshape(shape)
    values = codes.astype(np.float32) - (np.float32(0) if zero is None else zero.astype(np.float32))
    return (values * scale.astype(np.float32)).astype(np.float32)


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
