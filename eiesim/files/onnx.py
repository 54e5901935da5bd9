"""Trained networks from ONNX files: extra `[onnx]`.

| in the graph | becomes |
| --- | --- |
| Gemm; MatMul by a constant, with the Add after it | a layer, with its bias |
| Conv with a 1x1 kernel, no stride, padding or groups | a layer: one matrix-vector product a pixel |
| LSTM, GRU | layers of their own: NAME.W (inputs) and NAME.R (hidden state), each with its bias |
| Relu right after a layer | that layer's activation |
| Flatten, Reshape, Squeeze, Unsqueeze, Identity, Dropout, Cast | nothing: the values stay what they are |

Everything else is listed as left out, with the reason. The layers form a chain when each takes the outputs of the one
before unchanged. Calibration runs the original model in onnxruntime and takes each layer's real inputs from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.dense import DenseLayer
from eiesim.errors import EieError
from eiesim.files.weights import LeftOut, Model

PASSES = {"Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Cast"}
HINTS = {
    "Conv": "of convolutions EIE runs only 1x1, without stride, padding or groups",
    "BatchNormalization": "fold it into the layer before it when exporting",
    "Relu": "it does not directly follow a layer as the only user of its outputs",
    "Add": "EIE adds only a bias: a constant, right after a MatMul",
    "Softmax": "EIE has no exponential; the largest output stays the largest without it",
    "LogSoftmax": "EIE has no exponential; the largest output stays the largest without it",
    "MatMulInteger": "integer weights; export the network before it is quantised",
    "QLinearMatMul": "integer weights; export the network before it is quantised",
    "QGemm": "integer weights; export the network before it is quantised",
}


@dataclass(frozen=True)
class Tap:
    """Where a layer's real inputs are in the graph: `vectors` turns the value `tensor` into [batch, cols]."""

    tensor: str
    vectors: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]


@dataclass
class _Found:
    layer: DenseLayer
    source: str
    tap: Tap | None
    follows: bool


@dataclass
class _Reader:
    """What is known while the graph's nodes are walked in order.

    came_from: for each value, the index of the layer that produced it and left it unchanged; -1 is the network's input.
    done: outputs of nodes that were made part of an earlier node's layer. outputs: the graph's outputs.
    """

    constants: dict[str, npt.NDArray[Any]]
    users: dict[str, list[Any]]
    found: list[_Found] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    came_from: dict[str, int] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)


def load_onnx(path: Path) -> tuple[Model, tuple[Tap | None, ...]]:
    """A network and, for each of its layers, where its inputs are. Raises EieError for anything malformed."""
    proto = _read(path)
    try:
        return _walk(proto, path)
    except EieError as error:
        raise EieError(f"{path}: {error}") from None
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise EieError(f"{path}: not a well-formed ONNX graph: {' '.join(str(error).split())}") from None


def activations(
    path: Path, taps: tuple[Tap | None, ...], inputs: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32] | None, ...]:
    """Every layer's real inputs, float32[batch, cols], when the model runs on calibration inputs in onnxruntime.

    inputs: float32[batch, ...] of the model's one input; (batch, n) is reshaped where the model wants another shape.
    """
    try:
        import onnxruntime
    except ImportError:
        raise EieError("calibrating an ONNX model needs onnxruntime: pip install 'eiesim[onnx]'") from None
    from onnx import TensorProto, helper

    proto = _read(path)
    given = {value.name for value in proto.graph.output}
    for tensor in dict.fromkeys(tap.tensor for tap in taps if tap is not None):
        if tensor not in given:
            proto.graph.output.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, None))
    wanted = [tap.tensor for tap in taps if tap is not None]
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        if len(session.get_inputs()) != 1:
            raise EieError(f"{path}: has {len(session.get_inputs())} inputs; calibration is for models with one")
        entry = session.get_inputs()[0]
        batches = _batches(inputs, entry.shape)
        runs = [session.run(wanted, {entry.name: batch}) for batch in batches]
    except EieError:
        raise
    except Exception as error:
        raise EieError(f"{path}: onnxruntime refuses: {' '.join(str(error).split())[:300]}") from None
    parts = iter(range(len(wanted)))
    result: list[npt.NDArray[np.float32] | None] = []
    for tap in taps:
        if tap is None:
            result.append(None)
            continue
        k = next(parts)
        result.append(np.concatenate([tap.vectors(run[k]) for run in runs]).astype(np.float32))
    return tuple(result)


def with_weights(path: Path, layers: Mapping[str, DenseLayer], target: Path) -> None:
    """Write the model with other weights in some layers (by name): pruned and shared ones, for onnxruntime to run.

    Only layers from Gemm, MatMul and Conv; the bias is left as it is where the graph has none to replace.
    """
    from onnx import numpy_helper

    from eiesim._io.atomic import writing

    proto = _read(path)
    tensors = {tensor.name: tensor for tensor in proto.graph.initializer}
    nodes = {_name(node, n): node for n, node in enumerate(proto.graph.node)}
    users: dict[str, list[Any]] = {}
    for node in proto.graph.node:
        for value in node.input:
            users.setdefault(value, []).append(node)
    for name, layer in layers.items():
        node = nodes[name]
        settings = _settings(node)
        bias = node.input[2] if len(node.input) > 2 else None
        old = numpy_helper.to_array(tensors[node.input[1]])
        weights = layer.weights
        if node.op_type == "Gemm":
            weights = (weights if settings.get("transB") else weights.T) / np.float32(settings.get("alpha", 1.0))
        elif node.op_type == "MatMul":
            weights = weights.T
            after = users.get(node.output[0], [])
            if layer.bias is not None and len(after) == 1 and after[0].op_type == "Add":
                bias = next(value for value in after[0].input if value in tensors)
        tensors[node.input[1]].CopyFrom(numpy_helper.from_array(weights.reshape(old.shape), node.input[1]))
        if bias and layer.bias is not None:
            values = layer.bias / np.float32(settings.get("beta", 1.0))
            tensors[bias].CopyFrom(numpy_helper.from_array(values, bias))
    with writing(target) as file:
        file.write(proto.SerializeToString())


def _read(path: Path) -> Any:
    try:
        import onnx
    except ImportError:
        raise EieError("reading ONNX needs onnx: pip install 'eiesim[onnx]'") from None
    try:
        proto = onnx.load(str(path))
        onnx.checker.check_model(proto)
    except FileNotFoundError as error:
        missing = f"{path}: no such file" if not path.exists() else f"{path}: {error}"
        raise EieError(missing) from None
    except MemoryError:
        raise
    except Exception as error:
        raise EieError(f"{path}: not readable as ONNX: {' '.join(str(error).split())[:300]}") from None
    return proto


def _walk(proto: Any, path: Path) -> tuple[Model, tuple[Tap | None, ...]]:
    from onnx import numpy_helper

    graph = proto.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        for value in node.input:
            users.setdefault(value, []).append(node)
        if node.op_type == "Constant" and "value" in _settings(node):
            constants[node.output[0]] = numpy_helper.to_array(_settings(node)["value"])
    entries = [value.name for value in graph.input if value.name not in constants]
    outputs = {value.name for value in graph.output}
    reader = _Reader(constants, users, came_from=dict.fromkeys(entries, -1), outputs=outputs)
    for n, node in enumerate(graph.node):
        if not reader.done.intersection(node.output):
            _visit(reader, node, _name(node, n))
    chain = bool(reader.found) and all(found.follows for found in reader.found)
    model = Model(
        name=path.stem,
        layers=tuple(found.layer for found in reader.found),
        sources=tuple(found.source for found in reader.found),
        left_out=tuple(reader.left_out),
        chain=chain,
    )
    return model, tuple(found.tap for found in reader.found)


def _visit(reader: _Reader, node: Any, name: str) -> None:
    constant = reader.constants
    if node.op_type == "Constant":
        return
    data = [value for value in node.input if value and value not in constant]
    if node.op_type == "Identity" and not data:
        constant[node.output[0]] = constant[node.input[0]]
        return
    if node.op_type == "Transpose" and not data:
        constant[node.output[0]] = np.transpose(constant[node.input[0]], _settings(node).get("perm"))
        return
    if node.op_type in PASSES:
        if data and data[0] in reader.came_from:
            reader.came_from[node.output[0]] = reader.came_from[data[0]]
        return
    if node.op_type in ("LSTM", "GRU"):
        _recurrent(reader, node, name)
    elif node.op_type not in MATRICES:
        hint = HINTS.get(node.op_type, "EIE multiplies matrices by vectors, with ReLU after it")
        reader.left_out.append(LeftOut(name, f"{node.op_type}: {hint}"))
    elif isinstance(made := MATRICES[node.op_type](node, constant), str):
        reader.left_out.append(LeftOut(name, f"{node.op_type}: {made}"))
    else:
        _add_layer(reader, node, name, *made)


def _add_layer(reader: _Reader, node: Any, name: str, weights: npt.NDArray[Any], bias: npt.NDArray[Any] | None) -> None:
    constant = reader.constants
    value = node.output[0]
    if node.op_type == "MatMul" and (after := _only_user(reader, value, "Add")) is not None:
        other = next((given for given in after.input if given != value), value)
        added = _bias_of(constant[other], len(weights)) if other in constant else None
        if added is not None:
            bias, value = added, after.output[0]
            reader.done.add(value)
    activation = "none"
    if (after := _only_user(reader, value, "Relu")) is not None:
        activation, value = "relu", after.output[0]
        reader.done.add(value)
    layer = DenseLayer(name, weights, bias, activation)
    vectors = _pixels if node.op_type == "Conv" else _last_axis
    follows = reader.came_from.get(node.input[0]) == len(reader.found) - 1
    if follows and reader.found:
        last = reader.found[-1]
        # Between pixels and flattened images the vectors are not the same.
        follows = last.layer.rows == layer.cols and last.tap is not None and last.tap.vectors is vectors
    reader.found.append(_Found(layer, f"{node.op_type} {node.input[1]}", Tap(node.input[0], vectors), follows))
    reader.came_from[value] = len(reader.found) - 1


def _only_user(reader: _Reader, value: str, kind: str) -> Any:
    """The node of this kind that alone uses a value, or None."""
    users = reader.users.get(value, [])
    return users[0] if len(users) == 1 and users[0].op_type == kind and value not in reader.outputs else None


Made = tuple[npt.NDArray[Any], npt.NDArray[Any] | None] | str
"""A layer's weights [rows, cols] and bias, or why there is none."""


def _gemm(node: Any, constant: Mapping[str, npt.NDArray[Any]]) -> Made:
    settings = _settings(node)
    if node.input[1] not in constant or settings.get("transA"):
        return "EIE needs a constant matrix times a vector: B constant, A not transposed"
    weights = _floats(constant[node.input[1]])
    with np.errstate(all="ignore"):  # DenseLayer refuses what is not finite
        weights = (weights if settings.get("transB") else weights.T) * np.float32(settings.get("alpha", 1.0))
    if len(node.input) < 3 or not node.input[2]:
        return weights, None
    if node.input[2] not in constant:
        return "its bias is not constant"
    bias = _bias_of(constant[node.input[2]], len(weights))
    if bias is None:
        return "its C is not one number a row"
    return weights, bias * np.float32(settings.get("beta", 1.0))


def _matmul(node: Any, constant: Mapping[str, npt.NDArray[Any]]) -> Made:
    if node.input[1] not in constant or constant[node.input[1]].ndim != 2:
        return "EIE needs activations times a constant matrix of two dimensions"
    return _floats(constant[node.input[1]]).T, None


def _conv(node: Any, constant: Mapping[str, npt.NDArray[Any]]) -> Made:
    settings = _settings(node)
    if any(value not in constant for value in node.input[1:]):
        return "its weights are not constant"
    weights = _floats(constant[node.input[1]])
    kernel = weights.shape[2:]
    if any(size != 1 for size in kernel):
        return f"a {'x'.join(map(str, kernel))} kernel; {HINTS['Conv']}"
    moved = any(step != 1 for step in settings.get("strides", [])) or any(settings.get("pads", []))
    if moved or settings.get("group", 1) != 1:
        return f"it has stride, padding or groups; {HINTS['Conv']}"
    bias = _floats(constant[node.input[2]]) if len(node.input) > 2 else None
    return weights.reshape(weights.shape[:2]), bias


MATRICES: dict[str, Callable[[Any, Mapping[str, npt.NDArray[Any]]], Made]] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Conv": _conv,
}


def _recurrent(reader: _Reader, node: Any, name: str) -> None:
    """LSTM and GRU: W [directions, gates x hidden, inputs], R [directions, gates x hidden, hidden], B both biases."""
    constant = reader.constants
    names = list(node.input) + [""] * (8 - len(node.input))
    if any(value not in constant for value in (*names[1:3], *names[3:4]) if value):
        reader.left_out.append(LeftOut(name, f"{node.op_type}: its weights are not constant"))
        return
    reader.left_out.append(
        LeftOut(name, f"{node.op_type}: its gates run outside EIE; its matrices are layers of their own")
    )
    bias = constant.get(names[3])
    states = node.output[0] if node.output else ""
    for direction in range(constant[names[1]].shape[0]):
        suffix = "" if direction == 0 else ".reverse"
        rows = constant[names[1]].shape[1]
        for part, value, place in (("W", names[1], 0), ("R", names[2], 1)):
            own = None if bias is None else _floats(bias[direction, place * rows : (place + 1) * rows])
            layer = DenseLayer(f"{name}.{part}{suffix}", _floats(constant[value][direction]), own, "none")
            tap: Tap | None = Tap(names[0], _last_axis)
            if part == "R":
                # Only where the states are an output that starts from zeros and runs forward.
                known = states and direction == 0 and not names[5] and _settings(node).get("direction") != b"reverse"
                tap = Tap(states, _states_before) if known else None
            reader.found.append(_Found(layer, f"{node.op_type} {value}[{direction}]", tap, False))


def _states_before(outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The state before each step, zeros first: [steps, directions, batch, hidden] to [steps x batch, hidden]."""
    forward = outputs[:, 0]
    before = np.concatenate([np.zeros_like(forward[:1]), forward[:-1]])
    return before.reshape(-1, before.shape[-1])


def _last_axis(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values.reshape(-1, values.shape[-1])


def _pixels(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[batch, channels, height, width] to [batch x pixels, channels]."""
    return _last_axis(np.moveaxis(values, 1, -1))


def _bias_of(array: npt.NDArray[Any], rows: int) -> npt.NDArray[np.float32] | None:
    """A constant that is added to each row vector in the same way, as float32[rows]; None for any other constant."""
    if array.size not in (1, rows) or (array.size == rows and array.ndim and array.shape[-1] != rows):
        return None
    return np.broadcast_to(_floats(array).ravel(), (rows,)).copy()


def _floats(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    if array.dtype.kind != "f":
        raise EieError(f"weights are {array.dtype}; EIE's weights are made from floating point")
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def _batches(inputs: npt.NDArray[np.float32], shape: list[Any]) -> list[npt.NDArray[np.float32]]:
    """Calibration inputs in the shape a model wants; one by one where its batch is fixed at 1."""
    sizes = [size if isinstance(size, int) else None for size in shape]
    values = inputs
    if values.ndim != len(sizes):
        if any(size is None for size in sizes[1:]) or not sizes:
            raise EieError(f"calibration inputs: shape {inputs.shape}, the model wants {shape}")
        if values.ndim == 1:
            values = values[None]
        if int(np.prod(values.shape[1:])) != int(np.prod(sizes[1:])):  # type: ignore[arg-type]
            raise EieError(f"calibration inputs: shape {inputs.shape}, the model wants {shape}")
        values = values.reshape(len(values), *sizes[1:])
    fixed = sizes[0] if sizes else None
    if fixed is None or fixed == len(values):
        return [values]
    if len(values) % fixed:
        raise EieError(f"calibration inputs: {len(values)} do not divide into the model's batches of {fixed}")
    return np.split(values, len(values) // fixed)


def _settings(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _name(node: Any, n: int) -> str:
    return node.name.strip("/") or f"{node.op_type.lower()}{n}"
