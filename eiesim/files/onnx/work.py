"""How much work a graph's operators are, in multiply-accumulates, from inferred shapes."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from eiesim.files.onnx.reading import bodies, settings
from eiesim.files.onnx.taps import Tap, Windows

Shapes = dict[str, tuple[int, ...]]
"""Shapes by value; what is not known has none."""

PRODUCTS = ("MatMul", "MatMulInteger", "Gemm", "Conv", "ConvInteger", "ConvTranspose", "QLinearMatMul", "QLinearConv")


def shapes_of(proto: Any, given: Mapping[str, tuple[int, ...]] | None) -> Shapes:
    """Shapes of all values for inputs of given shapes; None is one input, where only the first axis is open."""
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(proto)
    for value in model.graph.input:
        dims = value.type.tensor_type.shape.dim
        for k, dim in enumerate(dims):
            if given is not None and len(given.get(value.name, ())) == len(dims):
                dim.dim_value = given[value.name][k]
            elif k == 0 and not dim.dim_value:
                dim.dim_value = 1
    try:
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception:  # what cannot be inferred is not known
        model = proto
    found: Shapes = {}
    _collect(model.graph, found)
    return found


def element_types(proto: Any) -> dict[str, int]:
    """ONNX's number for the type of each value, where that can be inferred."""
    import onnx

    with suppress(Exception):  # what cannot be inferred is not known
        proto = onnx.shape_inference.infer_shapes(proto)
    found: dict[str, int] = {}
    graphs = [proto.graph]
    while graphs:
        graph = graphs.pop()
        for value in (*graph.input, *graph.value_info, *graph.output):
            if value.type.tensor_type.elem_type:
                found[value.name] = value.type.tensor_type.elem_type
        graphs += [body for node in graph.node for _, body in bodies(node)]
    return found


def _collect(graph: Any, found: Shapes) -> None:
    for tensor in graph.initializer:
        found[tensor.name] = tuple(tensor.dims)
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(dim.dim_value > 0 for dim in kind.shape.dim):
            found[value.name] = tuple(dim.dim_value for dim in kind.shape.dim)
    for node in graph.node:
        for _, body in bodies(node):
            _collect(body, found)


def macs_of(node: Any, shapes: Shapes) -> int | None:
    """Multiply-accumulates of a product that is left out; 0 for what is none, None where shapes are not known."""
    if node.op_type not in PRODUCTS:
        return 0
    places = {"QLinearMatMul": (0, 3), "QLinearConv": (0, 3)}.get(node.op_type, (0, 1))
    if len(node.input) <= places[1]:
        return None
    left, right = (shapes.get(node.input[k]) for k in places)
    output = shapes.get(node.output[0])
    if left is None or right is None or output is None:
        return None
    if "Conv" not in node.op_type:
        inner = left[0] if node.op_type == "Gemm" and settings(node).get("transA") else left[-1] if left else 1
        return int(np.prod(output)) * inner
    if node.op_type == "ConvTranspose":
        return int(np.prod(left)) * int(np.prod(right[1:]))
    return int(np.prod(output)) * int(np.prod(right[1:]))


def vectors_of(tap: Tap | None, shapes: Shapes, channel_axis: bool) -> float | None:
    """A layer's vectors in one input of the network, from its input's shape; None where that is not known."""
    shape = None if tap is None else shapes.get(tap.tensor)
    if tap is None or not shape:
        return None
    if hasattr(tap.vectors, "__self__") and not isinstance(tap.vectors.__self__, Windows):
        return int(np.prod(shape)) / shape[-1] if len(shape) > 1 and shape[-1] else None
    if channel_axis:
        if np.prod(shape) > 2**26 or 0 in shape:
            return None
        # Without touching memory: a view of one number in this shape.
        blank = np.broadcast_to(np.zeros((), np.int8), (*shape[:1], 1, *shape[2:]))
        return float(tap.vectors(blank, 1)[1])
    return int(np.prod(shape)) / shape[-1] if shape[-1] else None
