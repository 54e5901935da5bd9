"""Models changed so that they can be held against: without quantisers of activations, or without unknown operators."""

from typing import Any

import numpy as np

from eiesim.files.onnx.constants import QONNX
from eiesim.files.onnx.found import QUANTISE, limits
from eiesim.files.onnx.plain import free
from eiesim.files.onnx.reading import IS_ONNX, bodies, tensor
from eiesim.files.onnx.rules import MICROSOFT

RUNNABLE = (*IS_ONNX, "ai.onnx.ml", MICROSOFT)
"""Domains whose operators onnxruntime has."""

UINT8 = 2
"""ONNX's number of uint8."""


def without_quantisers(proto: Any) -> Any:
    """A model in plain operators whose activations are not rounded; a quantiser that cuts off at 0 stays as a Relu."""
    from onnx import helper

    made = type(proto)()
    made.CopyFrom(proto)
    graph = made.graph
    stored = {one.name: one for one in graph.initializer}
    constant = set(stored)
    rounded: set[str] = set()
    nodes = []
    for node in graph.node:
        data = next((value for value in node.input if value), "")
        if (node.input and all(value in constant for value in node.input if value)) or node.op_type == "Constant":
            constant.update(node.output)
        elif node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear") and node.domain in QUANTISE:
            rounded.add(node.output[0])
            cut = node.op_type == "QuantizeLinear" and _cuts_at_zero(node, stored)
            nodes.append(helper.make_node("Relu" if cut else "Identity", [data], [node.output[0]]))
            continue
        elif node.op_type == "DequantizeLinear" and data in rounded:
            nodes.append(helper.make_node("Identity", [data], [node.output[0]]))
            continue
        elif node.op_type == "Clip" and data in rounded:
            rounded.add(node.output[0])
            after = next((one for one in graph.node if node.output[0] in one.input), None)
            cut = after is not None and _starts_at_zero_point(node, after, stored)
            nodes.append(helper.make_node("Relu" if cut else "Identity", [data], [node.output[0]]))
            continue
        elif data in rounded:
            rounded.update(node.output)
        nodes.append(node)
    kept = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:], graph.value_info[:], graph.output[:]
    graph.node.extend(kept)
    return made


def _cuts_at_zero(node: Any, stored: dict[str, Any]) -> bool:
    zero = tensor(stored[node.input[2]]) if len(node.input) > 2 and node.input[2] in stored else None
    if zero is None and len(node.input) > 2 and node.input[2]:
        return False
    kind = next((one.i for one in node.attribute if one.name == "output_dtype"), 0)
    ends = limits(zero, kind)
    less = np.zeros(1) if zero is None else zero.astype(np.float64)
    return ends is not None and bool((less == ends[0]).all())


def _starts_at_zero_point(clip: Any, after: Any, stored: dict[str, Any]) -> bool:
    """Of Q, Clip, DQ: the pair's zero point is in the DequantizeLinear behind the Clip, or is 0."""
    least = stored.get(clip.input[1]) if len(clip.input) > 1 else None
    named = after.input[2] if len(after.input) > 2 else ""
    if least is None or after.op_type != "DequantizeLinear" or (named and named not in stored):
        return False
    return bool((tensor(least) == (tensor(stored[named]) if named else 0)).all())


def without_unknown(proto: Any) -> Any:
    """A model of the nodes alone that need no operator of a domain which onnxruntime does not have."""
    made = type(proto)()
    made.CopyFrom(proto)
    graph = made.graph
    lost: set[str] = set()
    kept = []
    for node in graph.node:
        takes = {*node.input, *(value for _, body in bodies(node) for value in free(body))}
        if node.domain not in RUNNABLE or node.domain in QONNX or takes & lost:
            lost.update(value for value in node.output if value)
        else:
            kept.append(type(node).FromString(node.SerializeToString()))
    outputs = [type(one).FromString(one.SerializeToString()) for one in graph.output if one.name not in lost]
    del graph.node[:], graph.output[:]
    graph.node.extend(kept)
    graph.output.extend(outputs)
    return made


def exactly(proto: Any) -> Any:
    """The model with the products of MatMulNBits formed in floating point, not of activations rounded to 8 bits."""
    for node in proto.graph.node:
        if node.op_type == "MatMulNBits" and node.domain == MICROSOFT:
            for one in list(node.attribute):
                if one.name == "accuracy_level":
                    node.attribute.remove(one)
    return proto


def computed_otherwise(proto: Any) -> set[str]:
    """Weights of MatMulNBits that onnxruntime 1.32 does not multiply by as its own specification says.

    Beside a g_idx it takes packed zero points for 8.
    """
    kinds = {one.name: one.data_type for one in proto.graph.initializer}
    found = set()
    for node in proto.graph.node:
        is_nbits = node.op_type == "MatMulNBits" and node.domain == MICROSOFT and len(node.input) > 4
        if is_nbits and node.input[3] and node.input[4] and kinds.get(node.input[3]) == UINT8:
            found.add(node.input[1])
    return found
