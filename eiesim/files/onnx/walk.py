"""From an ONNX graph to layers: its nodes walked in order, bodies of If, Loop and Scan included."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from eiesim.dense import DenseLayer
from eiesim.errors import EieError
from eiesim.files.onnx.matrices import FOLDED, MATRICES, Matrix, affine, fold
from eiesim.files.onnx.reading import BODIES, RECURRENT, Constants, bodies, floats, folded, node_name, read, settings
from eiesim.files.onnx.reading import tensor as to_array
from eiesim.files.onnx.taps import States, Tap, last_axis, pixels
from eiesim.files.onnx.work import Shapes, macs_of, shapes_of, vectors_of
from eiesim.files.weights import DenseNetwork, LeftOut

PASSES = {"Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Cast"}
"""Operators that leave the values what they are."""

EXPONENTIAL = "EIE has no exponential; the largest output stays the largest without it"
INTEGER = "integer weights; export the network before it is quantised"
HINTS = {
    "BatchNormalization": "it does not directly follow a layer as the only user of its outputs",
    "Relu": "it does not directly follow a layer as the only user of its outputs",
    "Add": "EIE adds only constants, right after a layer",
    "Softmax": EXPONENTIAL,
    "LogSoftmax": EXPONENTIAL,
    "MatMulInteger": INTEGER,
    "QLinearMatMul": INTEGER,
    "QLinearConv": INTEGER,
    "ConvInteger": INTEGER,
    "QGemm": INTEGER,
    "ConvTranspose": "every input reaches several output positions; EIE has no such accumulation",
}
MOVES = {
    "Transpose", "Concat", "Slice", "Split", "Gather", "GatherND", "GatherElements", "ScatterND", "Pad", "Expand",
    "Tile", "DepthToSpace", "SpaceToDepth", "Where", "Resize", "Upsample", "NonZero", "TopK", "Trilu", "OneHot",
}  # fmt: skip
POOLS = {"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool"}
SILENT = {"Shape", "Size", "Range", "ConstantOfShape", "Constant"}
"""Operators on shapes and constants: bookkeeping, of which nothing is left out."""


@dataclass(frozen=True, eq=False)
class Found:
    """A layer in the graph.

    value: its outputs in the graph, after what was folded in. channel_axis: they lie along axis 1, else along the
    last. nodes: outputs of the nodes that it stands for. recurrent: one of a recurrent node's matrices.
    """

    layer: DenseLayer
    source: str
    tap: Tap | None
    follows: bool
    parameters: int
    value: str
    channel_axis: bool
    nodes: tuple[str, ...]
    recurrent: bool = False


@dataclass
class _Scope:
    """A graph while its nodes are walked.

    constants: by value. users: nodes by the values they take. outputs: the graph's. came_from: for each value, the
    layer that produced this tensor unchanged; -1 is the network's own input. done: outputs of nodes that went into a
    layer before their turn. within: see `Tap`. prefix: of names in a body.
    """

    constants: Constants
    users: dict[str, list[Any]]
    outputs: set[str]
    came_from: dict[str, int]
    within: tuple[tuple[str, str], ...] = ()
    prefix: str = ""
    done: set[str] = field(default_factory=set)


@dataclass
class _Reader:
    shapes: Shapes
    found: list[Found] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def name(self, wanted: str) -> str:
        """A name that no other layer has."""
        name, n = wanted, 2
        while name in self.names:
            name, n = f"{wanted}-{n}", n + 1
        self.names.add(name)
        return name

    def leave_out(self, name: str, node: Any, reason: str) -> None:
        self.left_out.append(LeftOut(name, f"{node.op_type}: {reason}", node.op_type, macs_of(node, self.shapes)))


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
    """A network, and its layers with their places in the graph."""
    proto = read(path)
    try:
        return _walk(proto, path, shapes)
    except EieError as error:
        raise EieError(f"{path}: {error}") from None
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise EieError(f"{path}: not a well-formed ONNX graph: {' '.join(str(error).split())[:300]}") from None


def _walk(
    proto: Any, path: Path, given: Mapping[str, tuple[int, ...]] | None
) -> tuple[DenseNetwork, tuple[Found, ...]]:
    shapes = shapes_of(proto, given)
    reader = _Reader(shapes)
    graph = proto.graph
    initialisers = {tensor.name for tensor in graph.initializer}
    entries = [value.name for value in graph.input if value.name not in initialisers]
    _walk_graph(reader, graph, _scope(graph, {}, dict.fromkeys(entries, -1)))
    found = reader.found
    chain = bool(found) and all(one.follows for one in found)
    model = DenseNetwork(
        name=path.stem,
        layers=tuple(one.layer for one in found),
        sources=tuple(one.source for one in found),
        left_out=tuple(reader.left_out),
        chain=chain,
        parameters=tuple(one.parameters for one in found),
        all_parameters=max(_parameters(graph), sum(one.parameters for one in found)),
        vectors=tuple(vectors_of(one.tap, shapes, one.channel_axis) for one in found),
    )
    return model, tuple(found)


def _parameters(graph: Any) -> int:
    """Floating-point and small-integer numbers stored in a graph and its bodies, as initialisers or constants."""
    count = sum(int(np.prod(tensor.dims)) for tensor in graph.initializer if tensor.data_type not in (6, 7, 9))
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.HasField("t") and attribute.t.data_type not in (6, 7, 9):
                count += int(np.prod(attribute.t.dims))
        count += sum(_parameters(body) for _, body in bodies(node))
    return count


def _scope(graph: Any, outer: Constants, came_from: dict[str, int], within: Any = (), prefix: str = "") -> _Scope:
    constants = {**outer, **{tensor.name: to_array(tensor) for tensor in graph.initializer}}
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        values = [*node.input, *(value for _, body in bodies(node) for value in _free(body))]
        for value in values:
            users.setdefault(value, []).append(node)
    return _Scope(constants, users, {value.name for value in graph.output}, dict(came_from), within, prefix)


def _free(graph: Any) -> set[str]:
    """Every value that a body's nodes take, whether its own or not."""
    taken = {value for node in graph.node for value in node.input} | {value.name for value in graph.output}
    return taken.union(*(_free(body) for node in graph.node for _, body in bodies(node)))


def _walk_graph(reader: _Reader, graph: Any, scope: _Scope) -> None:
    for n, node in enumerate(graph.node):
        if not scope.done.intersection(node.output):
            _visit(reader, scope, node, scope.prefix + node_name(node, n))


def _visit(reader: _Reader, scope: _Scope, node: Any, name: str) -> None:
    constants = scope.constants
    if node.op_type == "Constant":
        own = settings(node)
        if "value" in own:
            constants[node.output[0]] = to_array(own["value"])
        elif "value_float" in own or "value_floats" in own:
            constants[node.output[0]] = np.array(own.get("value_float", own.get("value_floats")), np.float32)
        elif "value_int" in own or "value_ints" in own:
            constants[node.output[0]] = np.array(own.get("value_int", own.get("value_ints")), np.int64)
        return
    value = folded(node, constants)
    if value is not None:
        constants[node.output[0]] = value
        return
    data = [given for given in node.input if given and given not in constants]
    if node.op_type in PASSES:
        if data and data[0] in scope.came_from:
            scope.came_from[node.output[0]] = scope.came_from[data[0]]
        return
    if node.op_type in SILENT:
        return
    if node.op_type in BODIES:
        for attribute, body in bodies(node):
            within = (*scope.within, (node.output[0], attribute))
            prefix = name + (f".{attribute.removesuffix('_branch')}" if node.op_type == "If" else "") + "/"
            _walk_graph(reader, body, _scope(body, constants, {}, within, prefix))
        return
    if node.op_type in RECURRENT:
        _recurrent(reader, scope, node, name)
        return
    if node.op_type == "Gather" and node.input[0] in constants and constants[node.input[0]].ndim == 2 and data:
        rows, cols = constants[node.input[0]].shape
        if constants[node.input[0]].dtype.kind == "f":
            reader.leave_out(
                name, node, f"an embedding, {rows:,} x {cols:,}: rows are looked up, nothing is multiplied"
            )
            return
    if node.op_type not in MATRICES:
        reader.leave_out(name, node, _why(node.op_type))
    elif isinstance(made := MATRICES[node.op_type](node, constants), str):
        reader.leave_out(name, node, made)
    else:
        _add_layer(reader, scope, node, name, made)


def _why(kind: str) -> str:
    if kind in MOVES:
        return "moves or chooses values; nothing is multiplied"
    if kind in POOLS:
        return "pools values over positions; no matrix"
    return HINTS.get(kind, "no matrix; EIE multiplies matrices by vectors, with ReLU after it")


def _add_layer(reader: _Reader, scope: _Scope, node: Any, name: str, matrix: Matrix) -> None:
    value, nodes = node.output[0], [node.output[0]]
    while (after := _only_user(scope, value, FOLDED)) is not None:
        if after.op_type == "BatchNormalization" and not (
            matrix.channel_axis or len(reader.shapes.get(value, ())) == 2
        ):
            break  # its channels are axis 1, and these vectors lie along the last
        effect = affine(after, value, scope.constants, matrix)
        if effect is None:
            break
        matrix, value = fold(matrix, *effect), after.output[0]
        nodes.append(value)
    activation = "none"
    if (after := _only_user(scope, value, ("Relu",))) is not None:
        activation, value = "relu", after.output[0]
        nodes.append(value)
    scope.done.update(nodes[1:])
    layer = DenseLayer(reader.name(name), matrix.weights, matrix.bias, activation)
    follows = not scope.within and scope.came_from.get(node.input[0]) == len(reader.found) - 1
    if matrix.vectors not in (pixels, last_axis):
        follows = False  # windows are nobody's outputs
    if follows and reader.found:
        last = reader.found[-1]
        # Between pixels and flattened images the vectors are not the same.
        follows = last.layer.rows == layer.cols and last.channel_axis == (matrix.vectors is pixels)
    reader.found.append(
        Found(
            layer,
            f"{node.op_type} {node.input[1]}",
            Tap((node.input[0],), matrix.vectors, scope.within),
            follows,
            matrix.parameters + (0 if matrix.bias is None else matrix.bias.size),
            value,
            matrix.channel_axis,
            tuple(nodes),
        )
    )
    scope.came_from[value] = len(reader.found) - 1


def _only_user(scope: _Scope, value: str, kinds: tuple[str, ...]) -> Any:
    """The node of one of these kinds that alone uses a value, or None."""
    users = scope.users.get(value, [])
    return users[0] if len(users) == 1 and users[0].op_type in kinds and value not in scope.outputs else None


def _recurrent(reader: _Reader, scope: _Scope, node: Any, name: str) -> None:
    """LSTM, GRU, RNN: W [directions, gates x hidden, inputs], R [directions, gates x hidden, hidden], B both biases."""
    constants = scope.constants
    names = list(node.input) + [""] * (8 - len(node.input))
    if any(value not in constants for value in (*names[1:3], *names[3:4]) if value):
        reader.leave_out(name, node, "its weights are not constant")
        return
    reader.left_out.append(
        LeftOut(
            name, f"{node.op_type}: its gates run outside EIE; its matrices are layers of their own", node.op_type, 0
        )
    )
    own = settings(node)
    bias = constants.get(names[3])
    for direction in range(constants[names[1]].shape[0]):
        backward = direction == 1 or own.get("direction") == b"reverse"
        suffix = "" if direction == 0 else ".reverse"
        rows = constants[names[1]].shape[1]
        for part, value, place in (("W", names[1], 0), ("R", names[2], 1)):
            added = None if bias is None else floats(bias[direction, place * rows : (place + 1) * rows])
            weights = floats(constants[value][direction])
            layer = DenseLayer(reader.name(f"{name}.{part}{suffix}"), weights, added, "none")
            tap = Tap((names[0],), last_axis, scope.within)
            if part == "R":
                initial = constants.get(names[5])
                before = [names[5]] if names[5] and initial is None else []
                states = States(direction, backward, bool(own.get("layout")), initial)
                tap = Tap((node.output[0], *before), states.vectors, scope.within)
            size = weights.size + (0 if added is None else added.size)
            source = f"{node.op_type} {value}[{direction}]"
            reader.found.append(Found(layer, source, tap, False, size, "", False, (), recurrent=True))
