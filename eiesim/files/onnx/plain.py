"""Fused and quantised operators written with ONNX's plain ones, so that a layer is one of few.

| in the file | becomes |
| --- | --- |
| com.microsoft FusedGemm, FusedConv, FusedMatMul | Gemm, Conv, Transpose and MatMul, then the activation |
| QLinearMatMul, QLinearConv; com.microsoft QGemm, QLinearAdd, QLinearMul | the operator between (De)QuantizeLinear |
| MatMulInteger, ConvInteger, the Cast and the Mul of both scales | DequantizeLinear and MatMul, Conv |
| com.microsoft MatMulIntegerToFloat, DynamicQuantizeMatMul | the same |
| com.microsoft DynamicQuantizeLSTM | LSTM |
| com.microsoft MatMulNBits | MatMul by the dequantised matrix |
| QONNX's Quant on activations | QuantizeLinear, Clip, DequantizeLinear |

Names of values stay. Weights that are dequantised here are new initialisers; `Constants.parts` says what they are of.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eiesim.errors import EieError
from eiesim.files.onnx.constants import QONNX, Constants, folded, stored
from eiesim.files.onnx.integers import INTEGER_RULES
from eiesim.files.onnx.reading import IS_ONNX, bodies, node_name, settings
from eiesim.files.onnx.rules import RULES, Graph

REARRANGED = "com.microsoft.nchwc"
REFUSED = "optimised for one machine; export without optimized_model_filepath"

ALL_RULES = {**RULES, **INTEGER_RULES}

Place = tuple[tuple[str, str], ...]
"""Where a graph is: nodes and attributes on the way to a body, as `Tap.within`; empty for the model's own graph."""


@dataclass
class Plain:
    """A model in plain operators. constants: of each graph, by its place. changed: whether anything was rewritten.

    rounds: whether what was rewritten rounds activations inside one operator.
    """

    proto: Any
    constants: dict[Place, Constants] = field(default_factory=dict)
    changed: bool = False
    rounds: bool = False


def plain(proto: Any, shapes: Mapping[str, tuple[int, ...]]) -> Plain:
    """The model in plain operators, itself where it is so already, and its constants.

    Raises EieError for a graph that onnxruntime rearranged for one machine.
    """
    found = Plain(proto)
    opsets = {one.domain: one.version for one in proto.opset_import}
    opsets.setdefault("", opsets.get("ai.onnx", 1))
    _graph(found, proto.graph, (), None, opsets, shapes)
    if found.changed and "" not in {one.domain for one in proto.opset_import}:
        proto.opset_import.add(domain="", version=opsets[""])
    return found


def _graph(
    found: Plain,
    graph: Any,
    place: Place,
    outer: Constants | None,
    opsets: Mapping[str, int],
    shapes: Mapping[str, tuple[int, ...]],
) -> None:
    constants = stored(graph, outer)
    found.constants[place] = constants
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        for value in [*node.input, *(value for _, body in bodies(node) for value in free(body))]:
            users.setdefault(value, []).append(node)
    makers = {value: node for node in graph.node for value in node.output if value}
    here = Graph(graph, constants, shapes, users, makers, {value.name for value in graph.output})
    nodes: list[Any] = []
    alike: dict[tuple[str, ...], str] = {}
    renamed: dict[str, str] = {}
    changed = False
    for n, node in enumerate(graph.node):
        if node.domain == REARRANGED:
            raise EieError(f"node '{node_name(node, n)}' is a {node.op_type} of {REARRANGED}: {REFUSED}")
        for k, value in enumerate(node.input):
            if value in renamed:
                node.input[k] = renamed[value]
        if here.gone.intersection(node.output):
            changed = True
            continue
        if folded(node, constants, opsets, shapes):
            if node.domain in QONNX:  # onnxruntime has no such operator
                from onnx import numpy_helper

                here.added += [numpy_helper.from_array(constants[value], value) for value in node.output]
                changed = True
            else:
                nodes.append(node)
            continue
        for attribute, body in bodies(node):
            _graph(found, body, (*place, (next(filter(None, node.output), ""), attribute)), constants, opsets, shapes)
        rule = ALL_RULES.get((_family(node.domain), node.op_type))
        given_up = any(value in constants.failed for value in node.output)
        made = rule(node, here, node_name(node, n)) if rule is not None and not given_up else None
        for one in made if made is not None else [node]:
            if one.op_type in ("QuantizeLinear", "DequantizeLinear"):
                for k, value in enumerate(one.input):
                    one.input[k] = renamed.get(value, value)
                key = (one.op_type, one.input[0], *_numbers(one, constants))
                taken_inside = any(one.output[0] in free(body) for user in users.get(one.output[0], [])
                                   for _, body in bodies(user))  # fmt: skip
                if key in alike and one.output[0] not in here.outputs and not taken_inside:
                    renamed[one.output[0]] = alike[key]
                    changed = True
                    continue
                alike[key] = one.output[0]
            nodes.append(one)
        changed |= made is not None
    if not changed:
        return
    found.changed = True
    found.rounds |= here.rounds
    kept = _needed(nodes, here)
    del graph.node[:]
    graph.node.extend(kept)
    graph.initializer.extend(here.added)


def _needed(nodes: list[Any], here: Graph) -> list[Any]:
    """Copies of the nodes, but for those whose outputs nothing takes since others were replaced."""
    while True:
        taken = {value for node in nodes for value in node.input} | here.outputs
        taken |= {value for node in nodes for _, body in bodies(node) for value in free(body)}
        fewer = [node for node in nodes if taken.intersection(node.output) or not here.idle.intersection(node.output)]
        if len(fewer) == len(nodes):
            return [type(node).FromString(node.SerializeToString()) for node in nodes]
        nodes = fewer


def _numbers(node: Any, constants: Constants) -> tuple[Any, ...]:
    """A quantiser's scale, zero point and attributes: their numbers, or the values' names."""
    told: list[Any] = [f"{name}={value}" for name, value in sorted(settings(node).items())]
    for value in list(node.input)[1:]:
        held = constants.get(value)
        told.append(value if held is None else (held.dtype.name, held.shape, held.tobytes()))
    return tuple(told)


def free(graph: Any) -> set[str]:
    """Every value that a body's nodes take, whether its own or not."""
    taken = {value for node in graph.node for value in node.input} | {value.name for value in graph.output}
    return taken.union(*(free(body) for node in graph.node for _, body in bodies(node)))


def _family(domain: str) -> str:
    return "" if domain in IS_ONNX else "qonnx" if domain in QONNX else domain
