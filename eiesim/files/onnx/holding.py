"""An ONNX reading held against onnxruntime: each layer on the graph's own values, without the optimiser.

A layer takes what the graph gives it, dequantised where the graph quantises activations, and must give what the graph
has there. A quantiser of its outputs may take two of its steps, and what it cuts off is not compared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.dense import forward
from eiesim.errors import EieError
from eiesim.files.held import AGAINST_NOTHING, RUNS, TOLERANCE, TOLERANCE_16_BITS, Held, HeldLayer
from eiesim.files.onnx.constants import RANDOM
from eiesim.files.onnx.found import Found
from eiesim.files.onnx.reading import bodies, read
from eiesim.files.onnx.running import Arrays, batches, call, expose, start
from eiesim.files.onnx.samples import samples
from eiesim.files.onnx.taps import Windows, flat, pixels
from eiesim.files.onnx.unrounded import computed_otherwise, exactly, without_quantisers, without_unknown
from eiesim.files.onnx.walk import Loaded, load
from eiesim.files.onnx.work import element_types

POSITIONS = 16
"""Positions of an image that a convolution is held at."""

MEMORY = 2**28
"""Numbers that are kept at once; a graph that makes more of 8 inputs is held on fewer."""

LOST_TO_ROUNDING = 5e-2
"""Largest error of a graph of quantised operators against plain ones: ties that round the other way, summed up."""

LOST_INSIDE = 1e-1
"""The same where an operator, DynamicQuantizeLSTM, rounds activations that cannot be seen, step by step."""

HALVES = (10, 16)
"""ONNX's numbers of float16 and bfloat16."""


@dataclass
class _Layer:
    """What the graph gave at a layer, run by run: inputs, outputs, where they may be compared; outputs as they are."""

    inputs: list[npt.NDArray[Any]] = field(default_factory=list)
    outputs: list[npt.NDArray[Any]] = field(default_factory=list)
    kept: list[npt.NDArray[np.bool_]] = field(default_factory=list)
    whole: list[npt.NDArray[Any]] = field(default_factory=list)


def hold_onnx(path: Path, inputs: npt.NDArray[Any] | Arrays | None = None, loaded: Loaded | None = None) -> Held:
    """An ONNX file's layers as read, held against onnxruntime on at most 8 inputs.

    inputs: of the model, as `activations` takes them; None are random ones. loaded: the reading, None reads the file.
    Held against nothing where onnxruntime cannot run the model, or no random input has a shape that it takes.
    """
    loaded = loaded or load(path)
    proto = without_unknown(loaded.proto)
    made = {value for node in proto.graph.node for value in node.output} | {one.name for one in proto.graph.input}
    ends = [value.name for value in proto.graph.output if value.type.WhichOneof("value") == "tensor_type"]
    types = element_types(proto)
    places = [_exposed(proto, one, types, made) for one in loaded.found]
    same = [] if loaded.model.notes else [value for value in loaded.unchanged if value in made]
    for value in same:
        expose(proto, value, (), types.get(value, 1))
    wanted = list(dict.fromkeys([*ends, *same, *(name for one in places if one for name in one.values())]))
    if not wanted:
        return AGAINST_NOTHING
    try:
        session = start(proto, path)
    except EieError:
        return AGAINST_NOTHING
    seen = [_Layer() for _ in loaded.found]
    results: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in [*ends, *same]}
    feeds = []
    try:
        for feed in _feeds(session, path, inputs, loaded):
            values = dict(zip(wanted, call(session, wanted, feed, path), strict=True))
            feeds.append(feed)
            for name in results:
                results[name].append(values[name])
            for one, layer, names in zip(loaded.found, seen, places, strict=True):
                if names is not None:
                    _record(one, layer, {own: values[name] for own, name in names.items()})
    except EieError:
        if inputs is not None:
            raise
        return AGAINST_NOTHING
    each = tuple(
        _recurrent(loaded, one, layer, path) if one.recurrent else _held(one, layer, types)
        for one, layer in zip(loaded.found, seen, strict=True)
    )
    if loaded.changed and (unlike := computed_otherwise(read(path))):
        return Held(
            "onnxruntime",
            tuple(HeldLayer(held.name, None) if one.source.rpartition(" ")[2] in unlike else held
                  for one, held in zip(loaded.found, each, strict=True)),
        )  # fmt: skip
    if _is_random(proto.graph):  # two runs of it give other values
        return Held("onnxruntime", each)
    network = _chained(loaded, seen, types, path, feeds) if loaded.model.chain else None
    for value in same:
        if network is None or network.fits:
            network = _unchanged(loaded.found[loaded.unchanged[value]], results[value], seen, loaded, types) or network
    if loaded.changed and feeds and (network is None or network.fits):
        file = _as_in_the_file(loaded, path, feeds, {name: results[name] for name in ends}, types)
        network = file if file is not None and (network is None or not file.fits) else network
    return Held("onnxruntime", each, network)


def _exposed(proto: Any, one: Found, types: Mapping[str, int], made: set[str]) -> dict[str, str] | None:
    """The values of a layer made outputs of the model: their names there, by their own. made: what the model has."""
    if one.tap is None:
        return None
    names = [*one.tap.tensors, one.value, *(quantiser.value for quantiser in one.quantisers)]
    if one.recurrent:
        if any(attribute not in ("then_branch", "else_branch") for _, attribute in one.tap.within):
            return None
        stored = _stored(proto.graph)
        given = [value for k, value in enumerate(_node(proto, one).input) if value and k not in (1, 2, 3)]
        names = [*(value for value in given if value not in stored), one.value]
    if one.tap.within:
        outermost = one.tap.within[0][0]
        if outermost not in made:
            return None
    elif not made.issuperset(names):
        return None
    return {name: expose(proto, name, one.tap.within, types.get(name, 1)) for name in dict.fromkeys(names)}


def _is_random(graph: Any) -> bool:
    trained = [one for one in graph.node if one.op_type == "Dropout" and len(one.input) > 2 and one.input[2]]
    inside = any(_is_random(body) for node in graph.node for _, body in bodies(node))
    return bool(trained) or inside or any(node.op_type in RANDOM for node in graph.node)


def _stored(graph: Any) -> dict[str, Any]:
    """The initialisers of a graph and its bodies."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        for _, body in bodies(node):
            found.update(_stored(body))
    return found


def _node(proto: Any, one: Found) -> Any:
    graphs = [proto.graph]
    while graphs:
        graph = graphs.pop()
        for node in graph.node:
            if one.value in node.output:
                return node
            graphs += [body for _, body in bodies(node)]
    raise KeyError(one.value)


def _feeds(session: Any, path: Path, inputs: npt.NDArray[Any] | Arrays | None, loaded: Loaded) -> Iterator[Arrays]:
    """At most 8 inputs, and of a large graph as many as memory has room for at once, but one."""
    numbers = sum(int(np.prod(shape, dtype=object)) for shape in loaded.shapes.values())
    left = min(RUNS, max(1, MEMORY // max(numbers, 1)))
    if inputs is None:
        yield from samples(session, loaded, path, left)
        return
    open_batch = all(not isinstance(entry.shape[0], int) for entry in session.get_inputs() if entry.shape)
    for feed in batches(session, inputs, str(path)):
        sizes = {len(values) for values in feed.values() if values.ndim}
        if open_batch and len(sizes) == 1:
            feed = {name: values[:left] if values.ndim else values for name, values in feed.items()}
        yield feed
        left -= max(sizes, default=1)
        if left <= 0:
            return


def _record(one: Found, layer: _Layer, values: Mapping[str, npt.NDArray[Any]]) -> None:
    assert one.tap is not None
    if one.recurrent:
        if values[one.value].size == 0:
            return
        layer.inputs.append(values)  # type: ignore[arg-type]
        return
    if any(values[name].size == 0 for name in one.tap.tensors) or values[one.value].size == 0:
        return  # a branch that was not taken
    vectors, _ = one.tap.read(*(values[name] for name in one.tap.tensors), positions=POSITIONS)
    right = by_vector(one, values[one.value])
    kept = np.isfinite(right)
    for quantiser in one.quantisers:
        given = by_vector(one, values[quantiser.value])
        edge = quantiser.step / 2
        kept &= (given > quantiser.least + edge) & (given < quantiser.most - edge)
    layer.inputs.append(np.asarray(vectors, np.float32))
    layer.outputs.append(right)
    layer.kept.append(kept)
    layer.whole.append(values[one.value])


def by_vector(one: Found, values: npt.NDArray[Any], positions: int | None = POSITIONS) -> npt.NDArray[np.float64]:
    """A layer's outputs in the graph, as vectors, [vectors, rows], in the order and at the positions of its inputs."""
    assert one.tap is not None
    if one.tap.vectors is pixels or isinstance(getattr(one.tap.vectors, "__self__", None), Windows):
        vectors = pixels(flat(values, one.behind + 2), positions)[0]
    else:
        vectors = np.moveaxis(values, max(-1 - one.behind, -values.ndim), -1)
        vectors = vectors.reshape(-1, vectors.shape[-1])
    return vectors.astype(np.float64)


def _tolerance(one: Found, types: Mapping[str, int]) -> float:
    names = [one.value, *one.nodes, *(one.tap.tensors if one.tap is not None else ())]
    return TOLERANCE_16_BITS if any(types.get(name) in HALVES for name in names) else TOLERANCE


def _held(one: Found, layer: _Layer, types: Mapping[str, int]) -> HeldLayer:
    tolerance = _tolerance(one, types)
    if not layer.inputs:
        return HeldLayer(one.layer.name, None, tolerance)
    given, right, kept = (np.concatenate(parts) for parts in (layer.inputs, layer.outputs, layer.kept))
    with np.errstate(all="ignore"):
        found = one.layer.outputs(given).astype(np.float64)
    if found.shape != right.shape:
        return HeldLayer(one.layer.name, float("inf"), tolerance)
    if not kept.any():
        return HeldLayer(one.layer.name, None, tolerance)
    most = float(np.abs(right[kept]).max())
    tolerance += 2 * max((quantiser.step for quantiser in one.quantisers), default=0.0) / (most or 1.0)
    return HeldLayer(one.layer.name, _relative(found[kept], right[kept]), tolerance)


def _relative(found: npt.NDArray[Any], right: npt.NDArray[Any]) -> float:
    with np.errstate(all="ignore"):
        most = float(np.abs(found - right).max(initial=0.0))
        largest = float(np.abs(right).max(initial=0.0))
    if not np.isfinite(most):
        return float("inf")
    return most / largest if largest else (0.0 if most == 0 else float("inf"))


def _chained(
    loaded: Loaded, seen: Sequence[_Layer], types: Mapping[str, int], path: Path, feeds: Sequence[Arrays]
) -> HeldLayer | None:
    """Layers that follow one another, the first one's inputs through all of them.

    Where the graph rounds activations it is run without that.
    """
    if not all(layer.inputs and layer.outputs for layer in seen):
        return None
    tolerance = max(_tolerance(one, types) for one in loaded.found)
    first, last = loaded.found[0], loaded.found[-1]
    inputs, outputs = seen[0].inputs, seen[-1].outputs
    if loaded.model.notes:
        proto = without_quantisers(loaded.proto)
        assert first.tap is not None
        names = [expose(proto, name, ()) for name in (first.tap.tensor, last.value)]
        try:
            session = start(proto, path)
            every = [call(session, names, feed, path) for feed in feeds]
        except EieError:
            return None
        inputs = [np.asarray(first.tap.read(given, positions=POSITIONS)[0], np.float32) for given, _ in every]
        outputs = [by_vector(last, right) for _, right in every]
    given, right = np.concatenate(inputs), np.concatenate(outputs)
    with np.errstate(all="ignore"):
        found = forward([one.layer for one in loaded.found], given)
    error = _relative(found, right) if found.shape == right.shape else float("inf")
    return HeldLayer("network", error, tolerance)


def _unchanged(
    one: Found, given: Sequence[npt.NDArray[Any]], seen: Sequence[_Layer], loaded: Loaded, types: Mapping[str, int]
) -> HeldLayer | None:
    """What a layer gives held against a value that is said to be just that; None where it is so, or was not run."""
    before = seen[loaded.found.index(one)]
    tolerance = _tolerance(one, types)
    for values, right in zip(given, before.whole):
        if values.size != right.size:
            return HeldLayer("network", float("inf"), tolerance)
        error = _relative(values.reshape(-1).astype(np.float64), right.reshape(-1).astype(np.float64))
        if error > tolerance:
            return HeldLayer("network", error, tolerance)
    return None


def _as_in_the_file(
    loaded: Loaded,
    path: Path,
    feeds: Sequence[Arrays],
    results: Mapping[str, Sequence[npt.NDArray[Any]]],
    types: Mapping[str, int],
) -> HeldLayer | None:
    """The plain operators' outputs against the file's own; None where onnxruntime has not all of these."""
    ends = list(results)
    try:
        session = start(exactly(read(path)), path)
        own = [call(session, ends, feed, path) for feed in feeds]
    except EieError:
        return None
    tolerance = max((_tolerance(one, types) for one in loaded.found), default=TOLERANCE)
    if loaded.model.notes:
        tolerance = LOST_INSIDE if loaded.rounds else LOST_TO_ROUNDING
    worst = 0.0
    for k, name in enumerate(ends):
        right = np.concatenate([one[k].reshape(-1) for one in own])
        if right.dtype.kind != "f":
            continue
        found = np.concatenate([one.reshape(-1) for one in results[name]])
        finite = np.isfinite(right)
        worst = max(worst, _relative(found[finite].astype(np.float64), right[finite].astype(np.float64)))
    return HeldLayer("network", worst, tolerance)


def _recurrent(loaded: Loaded, one: Found, layer: _Layer, path: Path) -> HeldLayer:
    """A recurrent node run again with the matrices as read, on its own inputs: its states must be the graph's."""
    from onnx import helper, numpy_helper

    if not layer.inputs:
        return HeldLayer(one.layer.name, None)
    node = _node(loaded.proto, one)
    matrices = [each.layer for each in loaded.found if each.recurrent and each.value == one.value]
    parts = {
        1: np.stack([each.weights for each in matrices[0::2]]),
        2: np.stack([each.weights for each in matrices[1::2]]),
    }
    biases = [each.bias for each in matrices]
    if all(bias is not None for bias in biases):
        parts[3] = np.stack([np.concatenate(biases[k : k + 2]) for k in range(0, len(biases), 2)])  # type: ignore[arg-type]
    again = type(node)()
    again.CopyFrom(node)
    tensors = [numpy_helper.from_array(values, node.input[k]) for k, values in parts.items()]
    stored = _stored(loaded.proto.graph)
    tensors += [stored[value] for k, value in enumerate(node.input) if k not in parts and value in stored]
    entries = [name for name in layer.inputs[0] if name != one.value]
    states = []
    for values in layer.inputs:
        held: Any = values
        graph = helper.make_graph(
            [again],
            "again",
            [
                helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(held[name].dtype), None)
                for name in entries
            ],
            [helper.make_tensor_value_info(one.value, 1, None)],
            tensors,
        )
        model = helper.make_model(graph, opset_imports=loaded.proto.opset_import, ir_version=loaded.proto.ir_version)
        try:
            found = call(start(model, path), [one.value], {name: held[name] for name in entries}, path)[0]
        except EieError:
            return HeldLayer(one.layer.name, None)
        states.append(_relative(found, held[one.value]))
    return HeldLayer(one.layer.name, max(states))
