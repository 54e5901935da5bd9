"""A whole ONNX graph with some layers computed elsewhere: onnxruntime runs everything between them.

The graph is cut at the layers. In their order, a layer's inputs are computed by onnxruntime from the network's inputs
and the layers before; its outputs are computed by the caller and put in the place of its nodes'.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.files.onnx.found import Found
from eiesim.files.onnx.plain import free
from eiesim.files.onnx.reading import bodies
from eiesim.files.onnx.reading import tensor as to_array
from eiesim.files.onnx.running import batches, call, start
from eiesim.files.onnx.taps import Windows, columns, pixels
from eiesim.files.onnx.walk import load_found, read_plain
from eiesim.files.onnx.work import element_types

Product = Callable[[int, npt.NDArray[Any]], npt.NDArray[Any]]
"""Of a layer's place among the network's and its inputs [vectors, cols]: its outputs [vectors, rows]."""


def replaceable(found: Sequence[Found]) -> tuple[int, ...]:
    """Places of the layers that can be computed elsewhere: not a recurrent node's, and in no body."""
    return tuple(k for k, one in enumerate(found) if one.tap is not None and not one.recurrent and not one.tap.within)


def outputs_with(
    path: Path,
    inputs: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]],
    product: Product,
    places: Sequence[int],
    output: str | None = None,
) -> npt.NDArray[Any]:
    """One of the model's outputs, [batch, ...], with the layers at these places computed by `product`.

    output: its name; None is the first.

    Fixed batches of the model run one after the other. Raises EieError where onnxruntime refuses.
    """
    from onnx import helper

    proto = read_plain(path)
    _, found = load_found(path)
    wanted = output or proto.graph.output[0].name
    types_of = element_types(proto)
    answers = []
    for feed in batches(start(proto, path, optimised=True), inputs, str(path)):
        known = dict(feed)
        for k in places:
            one = found[k]
            assert one.tap is not None
            source = one.tap.tensor
            if source not in known:
                known[source] = _value(proto, source, known, path, types_of)
            vectors, _ = one.tap.vectors(known[source])
            computed = np.asarray(product(k, np.asarray(vectors, np.float32)))
            shaped = _shaped(one, computed, known[source])
            known[one.value] = shaped.astype(helper.tensor_dtype_to_np_dtype(types_of.get(one.value, 1)))
        answers.append(known[wanted] if wanted in known else _value(proto, wanted, known, path, types_of))
    return np.concatenate(answers)


def _shaped(one: Found, computed: npt.NDArray[Any], source: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Outputs by vector, [vectors, rows], as the graph has them."""
    assert one.tap is not None
    windows = getattr(one.tap.vectors, "__self__", None)
    ahead: tuple[int, ...] = source.shape[:-1]
    if isinstance(windows, Windows):
        ahead = (len(source), *windows.outputs(source.shape[2:]))
    elif one.tap.vectors is pixels:
        ahead = (len(source), *source.shape[2:])
    elif one.tap.vectors is columns:
        ahead = (*source.shape[:-2], *source.shape[-1:]) if source.ndim > 1 else ()
    whole = computed.reshape(*ahead, computed.shape[-1])
    return np.ascontiguousarray(np.moveaxis(whole, -1, max(-1 - one.behind, -whole.ndim)))


def _value(
    proto: Any, wanted: str, known: Mapping[str, npt.NDArray[Any]], path: Path, types_of: Mapping[str, int]
) -> npt.NDArray[Any]:
    """One of the graph's values, from those that are known. types_of: values, in ONNX's numbers."""
    from onnx import ModelProto, TensorProto, helper

    graph = proto.graph
    makers = {value: node for node in graph.node for value in node.output if value}
    stored = {tensor.name: tensor for tensor in graph.initializer}
    sparse = {tensor.values.name: tensor for tensor in graph.sparse_initializer}
    needed: dict[int, Any] = {}
    entries: set[str] = set()
    tensors: set[str] = set()
    waiting = [wanted]
    seen: set[str] = set()
    while waiting:
        value = waiting.pop()
        if value in seen or not value:
            continue
        seen.add(value)
        if value in known:
            entries.add(value)
        elif value in stored or value in sparse:
            tensors.add(value)
        elif value in makers:
            node = makers[value]
            needed[id(node)] = node
            waiting += [*node.input, *(inner for _, body in bodies(node) for inner in free(body))]
    part = ModelProto()
    part.CopyFrom(proto)
    part.graph.Clear()
    part.graph.name = "part"
    part.graph.node.extend(node for node in graph.node if id(node) in needed)
    # What a needed node makes besides and is known all the same must not be made twice.
    made = {value for node in part.graph.node for value in node.output}
    part.graph.initializer.extend(stored[name] for name in tensors if name in stored)
    part.graph.sparse_initializer.extend(sparse[name] for name in tensors if name in sparse)
    types = {value.name: value for value in graph.input}
    for name in sorted(entries - made):
        kind = helper.np_dtype_to_tensor_dtype(known[name].dtype)
        part.graph.input.append(types[name] if name in types else helper.make_tensor_value_info(name, kind, None))
    if wanted in stored:
        return to_array(stored[wanted])
    part.graph.output.append(
        next((value for value in graph.output if value.name == wanted), None)
        or helper.make_tensor_value_info(wanted, types_of.get(wanted, TensorProto.FLOAT), None)
    )
    session = start(part, path, optimised=True)
    feed = {entry.name: known[entry.name] for entry in session.get_inputs()}
    return call(session, [wanted], feed, path)[0]
