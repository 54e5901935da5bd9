"""From an ONNX graph to layers: its nodes walked in order, bodies of If, Loop and Scan included."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from eiesim.dense import DenseLayer
from eiesim.errors import EieError
from eiesim.files.onnx.accounts import Accounts
from eiesim.files.onnx.constants import Constants
from eiesim.files.onnx.found import QUANTISE, Found, Origin, Scope, codes_of, cuts_at_zero, grown
from eiesim.files.onnx.matrices import MATRICES, Matrix
from eiesim.files.onnx.plain import Place, free, plain
from eiesim.files.onnx.reading import BODIES, FLOAT_TYPES, IS_ONNX, RECURRENT, bodies, floats, node_name, read, settings
from eiesim.files.onnx.reasons import ROUNDS, why
from eiesim.files.onnx.taps import States, Tap, columns, last_axis
from eiesim.files.onnx.work import Shapes, macs_of, shapes_of, vectors_of
from eiesim.files.weights import DenseNetwork, LeftOut

PASSES = {"Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Cast"}
"""Operators that leave the values what they are."""

SILENT = {"Shape", "Size", "Range", "ConstantOfShape", "Constant"}
"""Operators on shapes and constants: bookkeeping, of which nothing is left out."""

ROUNDED = "the source rounds activations; the layers here take and give them as they are"


@dataclass(frozen=True, eq=False)
class Loaded:
    """A network and the graph that it was read from, in plain operators.

    changed: whether the file's operators are others; rounds: and one of them rounds what is inside it.
    unchanged: for values that a later layer takes, or that are outputs of the graph, the place of the layer whose
    outputs they are said to be.
    """

    model: DenseNetwork
    found: tuple[Found, ...]
    proto: Any
    changed: bool
    shapes: Shapes
    unchanged: Mapping[str, int]
    rounds: bool = False


@dataclass
class _Reader:
    shapes: Shapes
    accounts: Accounts
    constants: Mapping[Place, Constants]
    found: list[Found] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    rounded: bool = False

    def name(self, wanted: str) -> str:
        """A name that no other layer has."""
        name, n = wanted, 2
        while name in self.names:
            name, n = f"{wanted}-{n}", n + 1
        self.names.add(name)
        return name

    def leave_out(self, scope: Scope, name: str, node: Any, reason: str, macs: int | None = None) -> None:
        """Put a node among what is left out, and the constants it takes."""
        macs = macs_of(node, self.shapes) if macs is None else macs
        self.left_out.append(LeftOut(name, f"{node.op_type}: {reason}", node.op_type, macs))
        self.accounts.leave(scope.constants, node.input, f"{node.op_type} '{name}': {reason}")


def load_onnx(
    path: Path, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> tuple[DenseNetwork, tuple[Tap | None, ...]]:
    """A network and, for each of its layers, where its inputs are. Raises EieError for anything malformed.

    shapes: of the graph's inputs, for which work is counted; None is one input, where only the first axis is open.
    """
    model, found = load_found(path, shapes)
    return model, tuple(one.tap for one in found)


def load_found(
    path: Path, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> tuple[DenseNetwork, tuple[Found, ...]]:
    """A network, and its layers with their places in the graph (in plain operators, as `read_plain` gives it)."""
    loaded = load(path, shapes)
    return loaded.model, loaded.found


def load(path: Path, shapes: Mapping[str, tuple[int, ...]] | None = None) -> Loaded:
    """A network, its layers' places, and the graph that these are of."""
    proto = read(path)
    try:
        return _walk(proto, path, shapes)
    except EieError as error:
        raise EieError(f"{path}: {error}") from None
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise EieError(f"{path}: not a well-formed ONNX graph: {' '.join(str(error).split())[:300]}") from None


def read_plain(path: Path) -> Any:
    """A checked model in plain operators."""
    proto = read(path)
    try:
        plain(proto, shapes_of(proto, None))
    except EieError as error:
        raise EieError(f"{path}: {error}") from None
    return proto


def _walk(proto: Any, path: Path, given: Mapping[str, tuple[int, ...]] | None) -> Loaded:
    accounts = Accounts.of(proto.graph)
    shapes = shapes_of(proto, given)
    made = plain(proto, shapes)
    if made.changed:
        shapes = shapes_of(proto, given)
    reader = _Reader(shapes, accounts, made.constants, rounded=made.rounds)
    graph = proto.graph
    entries = [value.name for value in graph.input if value.name not in made.constants[()]]
    scope = _scope(reader, graph, dict.fromkeys(entries, Origin(-1)))
    _walk_graph(reader, graph, scope)
    found = reader.found
    chain = bool(found) and all(one.follows for one in found)
    parameters = sum(one.parameters for one in found)
    model = DenseNetwork(
        name=path.stem,
        layers=tuple(one.layer for one in found),
        sources=tuple(one.source for one in found),
        left_out=tuple(reader.left_out),
        chain=chain,
        notes=(ROUNDED,) if reader.rounded else (),
        parameters=tuple(one.parameters for one in found),
        all_parameters=parameters + accounts.parameters_left,
        vectors=tuple(vectors_of(one.tap, shapes) for one in found),
        ledger=accounts.ledger(reader.left_out),
    )
    taken = {one.tap.tensor for one in found if one.tap is not None} | scope.outputs
    unchanged = {
        value: origin.layer
        for value, origin in scope.came_from.items()
        if value in taken and origin.layer >= 0 and origin.codes is None and found[origin.layer].value != value
    }
    return Loaded(model, tuple(found), proto, made.changed, shapes, unchanged, made.rounds)


def _scope(reader: _Reader, graph: Any, came_from: dict[str, Origin], within: Place = (), prefix: str = "") -> Scope:
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        values = [*node.input, *(value for _, body in bodies(node) for value in free(body))]
        for value in values:
            users.setdefault(value, []).append(node)
    constants = reader.constants[within]
    return Scope(constants, users, {value.name for value in graph.output}, dict(came_from), within, prefix)


def _walk_graph(reader: _Reader, graph: Any, scope: Scope) -> None:
    for n, node in enumerate(graph.node):
        if not scope.done.intersection(node.output):
            _visit(reader, scope, node, scope.prefix + node_name(node, n))


def _visit(reader: _Reader, scope: Scope, node: Any, name: str) -> None:
    constants = scope.constants
    made = [value for value in node.output if value]
    if made and all(value in constants or value in constants.failed for value in made):
        return
    data = [given for given in node.input if given and given not in constants]
    known = node.domain in IS_ONNX
    if (known and node.op_type in PASSES) or (node.op_type in ROUNDS and node.domain in QUANTISE):
        _pass(reader, scope, node, name, data)
    elif known and node.op_type == "Clip" and _is_of_codes(scope, node):
        origin = scope.came_from.get(node.input[0])
        if origin is not None and (_is_not_below_0(reader, origin) or not _starts_at_zero_point(scope, node, origin)):
            scope.came_from[node.output[0]] = origin
        reader.accounts.take(constants, dict.fromkeys(node.input[1:], "scale"), "")
    elif known and node.op_type in SILENT:
        reader.accounts.take(constants, dict.fromkeys(node.input, "shape"), "")
    elif known and node.op_type in BODIES:
        reader.accounts.take(constants, dict.fromkeys(node.input, "shape"), "")
        for attribute, body in bodies(node):
            within = (*scope.within, (next(filter(None, node.output), ""), attribute))
            prefix = name + (f".{attribute.removesuffix('_branch')}" if node.op_type == "If" else "") + "/"
            _walk_graph(reader, body, _scope(reader, body, {}, within, prefix))
    elif known and node.op_type in RECURRENT:
        _recurrent(reader, scope, node, name)
    else:
        _matrix(reader, scope, node, name, data)


def _is_of_codes(scope: Scope, node: Any) -> bool:
    """Whether a Clip is of whole numbers, between QuantizeLinear and DequantizeLinear."""
    bounds = [scope.constants.get(value) for value in list(node.input)[1:3] if value]
    return bool(bounds) and all(one is not None and one.dtype.kind in "iu" for one in bounds)


def _starts_at_zero_point(scope: Scope, node: Any, origin: Origin) -> bool:
    """Whether a Clip of codes cuts off what is below 0, of a channel or all; also where its zero point is not known."""
    if len(node.input) < 2 or not node.input[1]:
        return False
    zero = None if origin.codes is None else origin.codes[1]
    return not isinstance(zero, tuple) or bool((scope.constants[node.input[1]] >= np.array(zero)).any())


def _is_not_below_0(reader: _Reader, origin: Origin) -> bool:
    """Whether a ReLU changes nothing: behind another, and of the network's inputs, as the first layer takes them."""
    return origin.layer < 0 or reader.found[origin.layer].layer.activation == "relu"


def _pass(reader: _Reader, scope: Scope, node: Any, name: str, data: list[str]) -> None:
    """A node that leaves values what they are, or one of a pair that quantises and dequantises them."""
    constants, kind = scope.constants, node.op_type
    if kind == "Cast" and settings(node)["to"] not in FLOAT_TYPES:
        reader.leave_out(scope, name, node, why(node))
        return
    if kind == "Dropout" and len(node.input) > 2 and node.input[2]:
        mode = constants.get(node.input[2])
        if mode is None or mode.any():
            reader.leave_out(scope, name, node, f"it {'may be' if mode is None else 'is'} in training mode")
            return
    roles = dict.fromkeys(node.input[1:], "shape")
    if kind in ROUNDS:
        roles = dict(zip(node.input[1:], ("scale", "zero_point")))
        reader.rounded = True
    reader.accounts.take(constants, roles, "")
    origin = scope.came_from.get(data[0]) if data else None
    if origin is None:
        return
    if kind in ("Flatten", "Reshape", "Squeeze", "Unsqueeze"):
        origin = replace(origin, moved=True)
    elif kind == "DynamicQuantizeLinear":
        origin = replace(origin, codes=(node.output[1], node.output[2], None)) if origin.codes is None else None
    elif kind == "QuantizeLinear":
        kept = origin.codes is None and (_is_not_below_0(reader, origin) or not cuts_at_zero(node, constants))
        origin = replace(origin, codes=codes_of(node, constants)) if kept else None
    elif kind == "DequantizeLinear":
        origin = replace(origin, codes=None) if origin.codes == codes_of(node, constants) else None
    if origin is not None:
        scope.came_from[node.output[0]] = origin


def _matrix(reader: _Reader, scope: Scope, node: Any, name: str, data: list[str]) -> None:
    constants = scope.constants
    failed = [constants.failed[value] for value in node.input if value in constants.failed]
    if node.domain not in IS_ONNX:
        reader.leave_out(scope, name, node, failed[0] if failed else why(node))
        return
    if node.op_type == "Gather" and node.input[0] in constants and constants[node.input[0]].ndim == 2 and data:
        rows, cols = constants[node.input[0]].shape
        if floats(constants[node.input[0]][:1]) is not None:
            reader.leave_out(
                scope, name, node, f"an embedding, {rows:,} x {cols:,}: rows are looked up, nothing is multiplied"
            )
            reader.accounts.take(constants, {node.input[0]: "lookup"}, "", "an embedding: rows are looked up")
            return
    if node.op_type not in MATRICES:
        reader.leave_out(scope, name, node, why(node))
    elif failed:
        reader.leave_out(scope, name, node, f"its weights are not constant: {failed[0]}")
    elif isinstance(made := MATRICES[node.op_type](node, constants), str):
        reader.leave_out(scope, name, node, made)
    else:
        _add_layer(reader, scope, node, name, made)


def _add_layer(reader: _Reader, scope: Scope, node: Any, name: str, matrix: Matrix) -> None:
    one = grown(matrix, node.output[0], scope, reader.shapes)
    matrix = one.matrix
    scope.done.update(one.nodes[1:])
    layer = DenseLayer(
        reader.name(name), matrix.weights, matrix.bias, one.activation,
        groups=matrix.groups, depthwise=matrix.depthwise,
    )  # fmt: skip
    reader.accounts.take(scope.constants, dict(reversed(matrix.constants)), layer.name)
    reader.rounded |= bool(one.quantisers)
    rank = 0 if matrix.vectors in (last_axis, columns) else matrix.behind + 2
    reader.found.append(
        Found(
            layer,
            f"{node.op_type} {reader.accounts.source(scope.constants, matrix.held)}",
            Tap((matrix.activations,), matrix.vectors, scope.within, rank),
            _follows(reader, scope, matrix, layer),
            matrix.parameters + (0 if matrix.bias is None else matrix.bias.size),
            one.value,
            matrix.behind,
            one.nodes,
            one.quantisers,
        )
    )
    scope.came_from[one.value] = Origin(len(reader.found) - 1)


def _follows(reader: _Reader, scope: Scope, matrix: Matrix, layer: DenseLayer) -> bool:
    """Whether a layer takes the one before's outputs, or the network's input, as they are."""
    origin = scope.came_from.get(matrix.activations)
    if scope.within or origin is None or origin.codes is not None or origin.layer != len(reader.found) - 1:
        return False
    if hasattr(matrix.vectors, "__self__"):
        return False  # windows are nobody's outputs
    takes = {last_axis: 0, columns: 1}.get(matrix.vectors, matrix.behind)
    if not reader.found:
        return True
    before = reader.found[-1]
    # Between pixels and flattened images the vectors are not the same.
    return before.layer.rows == layer.cols and before.behind == takes and not (origin.moved and takes)


def _recurrent(reader: _Reader, scope: Scope, node: Any, name: str) -> None:
    """LSTM, GRU, RNN: W [directions, gates x hidden, inputs], R [directions, gates x hidden, hidden], B both biases."""
    constants = scope.constants
    names = list(node.input) + [""] * (8 - len(node.input))
    if any(value not in constants for value in (*names[1:3], *names[3:4]) if value):
        failed = [constants.failed[value] for value in names[1:4] if value in constants.failed]
        reader.leave_out(scope, name, node, "its weights are not constant" + "".join(f": {one}" for one in failed[:1]))
        return
    matrices = [floats(constants[value]) for value in names[1:3]]
    if any(one is None for one in matrices):
        reader.leave_out(scope, name, node, "its weights are no floating point")
        return
    reader.leave_out(scope, name, node, "its gates run outside EIE; its matrices are layers of their own", 0)
    own = settings(node)
    bias = floats(constants[names[3]]) if names[3] else None
    for direction in range(constants[names[1]].shape[0]):
        backward = direction == 1 or own.get("direction") == b"reverse"
        suffix = "" if direction == 0 else ".reverse"
        rows = constants[names[1]].shape[1]
        for part, value, place in (("W", names[1], 0), ("R", names[2], 1)):
            added = None if bias is None else bias[direction, place * rows : (place + 1) * rows]
            weights = matrices[place]
            assert weights is not None
            layer = DenseLayer(reader.name(f"{name}.{part}{suffix}"), weights[direction], added, "none")
            tap = Tap((names[0],), last_axis, scope.within)
            if part == "R":
                initial = constants.get(names[5])
                before = [names[5]] if names[5] and initial is None else []
                states = States(direction, backward, bool(own.get("layout")), initial)
                tap = Tap((node.output[0], *before), states.vectors, scope.within)
            size = layer.weights.size + (0 if added is None else added.size)
            source = f"{node.op_type} {reader.accounts.source(constants, value)}[{direction}]"
            reader.accounts.take(constants, {value: "weight", names[3]: "bias"}, layer.name)
            reader.found.append(Found(layer, source, tap, False, size, node.output[0], 0, (), recurrent=True))
