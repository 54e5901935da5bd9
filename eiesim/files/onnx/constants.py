"""Constants of a graph: what is stored, and whatever is computed from that alone.

A node all of whose inputs are constant is evaluated by ONNX's reference evaluator, by onnxruntime where that has no
such operator, and by package qonnx for the quantisers of QONNX and Brevitas. A Cast to 4 or 2 bits rounds as it does in
onnxruntime.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.errors import EieError
from eiesim.files.onnx.reading import IS_ONNX, bodies, settings, tensor

LARGEST = 2**28
"""Numbers of the largest constant that is computed."""

QONNX = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
"""Domains of QONNX's quantisers, by age."""

QUANTISERS = ("Quant", "IntQuant", "BipolarQuant", "Trunc", "FloatQuant")

FEW_BITS = ("INT4", "UINT4", "INT2", "UINT2")
"""Types that a Cast of fractions rounds to, where wider ones cut the fraction off."""

RANDOM = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial")

ROLES: dict[str, dict[int, str]] = {
    "QuantizeLinear": {1: "scale", 2: "zero_point"},
    "DequantizeLinear": {1: "scale", 2: "zero_point"},
    "Quant": {1: "scale", 2: "zero_point", 3: "scale"},
    "IntQuant": {1: "scale", 2: "zero_point", 3: "scale"},
    "BipolarQuant": {1: "scale"},
    "Trunc": {1: "scale", 2: "zero_point", 3: "scale", 4: "scale", 5: "scale"},
    "Where": {0: "mask"},
    "Clip": {1: "scale", 2: "scale"},
    "Gather": {1: "indices"},
    "GatherND": {1: "indices"},
    "GatherElements": {1: "indices"},
    "ScatterND": {1: "indices"},
    "ScatterElements": {1: "indices"},
}
"""Of a node's inputs by place, where that is not what the whole is for."""

SHAPED = ("Reshape", "Squeeze", "Unsqueeze", "Slice", "Expand", "Tile", "Pad", "ConstantOfShape", "Split", "Range")
"""Operators whose further inputs are shapes, axes and positions."""


@dataclass(frozen=True, eq=False)
class Constant:
    """A value that no input of the model changes. parts: the stored tensors it is made of, each with its role."""

    value: npt.NDArray[Any]
    parts: Mapping[str, str]


class Constants(dict[str, npt.NDArray[Any]]):
    """Constants by the name of their value; parts: what each is made of; failed: why what could be one is none."""

    def __init__(self, outer: "Constants | None" = None) -> None:
        super().__init__(outer or {})
        self.parts: dict[str, Mapping[str, str]] = dict(outer.parts) if outer else {}
        self.failed: dict[str, str] = dict(outer.failed) if outer else {}

    def put(self, name: str, value: npt.NDArray[Any], parts: Mapping[str, str]) -> None:
        """Add one."""
        self[name] = value
        self.parts[name] = parts


def stored(graph: Any, outer: Constants | None = None) -> Constants:
    """What a graph's initialisers hold, over those of the graph around it."""
    found = Constants(outer)
    for one in graph.initializer:
        found.put(one.name, tensor(one), {one.name: "weight"})
    for one in graph.sparse_initializer:
        found.put(one.values.name, dense(one), {one.values.name: "weight"})
    return found


def dense(sparse: Any) -> npt.NDArray[Any]:
    """A SparseTensorProto as an array: its indices count along the whole tensor or stand one row a value."""
    values, at, shape = tensor(sparse.values), tensor(sparse.indices).astype(np.int64), tuple(sparse.dims)
    if int(np.prod(shape, dtype=object)) > LARGEST:
        raise EieError(f"sparse tensor '{sparse.values.name}' of {list(shape)} is too large to be read as a matrix")
    whole = np.zeros(shape, values.dtype)
    if at.ndim == 2:
        whole[tuple(at.T)] = values
    else:
        whole.reshape(-1)[at] = values
    return whole


def folded(node: Any, constants: Constants, opsets: Mapping[str, int], shapes: Mapping[str, Sequence[int]]) -> bool:
    """Add what a node gives to the constants, if all that it takes is constant; whether it is so.

    opsets: versions by domain. shapes: of values, where they are known.
    """
    if node.op_type == "Constant" and node.domain in IS_ONNX:
        constants.put(node.output[0], _constant(node), {node.output[0]: "weight"})
        return True
    if not node.input or node.op_type in RANDOM or any(True for _ in bodies(node)):
        return False
    broken = next((constants.failed[value] for value in node.input if value in constants.failed), "")
    if any(value and value not in constants for value in node.input):
        if broken and all(not v or v in constants or v in constants.failed for v in node.input):
            _fail(node, constants, broken)
        return False
    given = {value: constants[value] for value in node.input if value}
    size = _size(node, [given.get(value) for value in node.input], shapes)
    if size is None or size > LARGEST:
        _fail(node, constants, f"what {node.op_type} makes of it is too large, or of a size that is not known")
        return False
    made = _evaluated(node, given, opsets)
    if isinstance(made, str):
        _fail(node, constants, made)
        return False
    parts = _parts(node, constants)
    for name, value in made.items():
        constants.put(name, value, parts)
    return True


def _fail(node: Any, constants: Constants, reason: str) -> None:
    """Say why a node's outputs are no constants; the tensors that they would be made of are theirs all the same."""
    parts = {one: role for value in reversed(node.input) for one, role in constants.parts.get(value, {}).items()}
    for value in filter(None, node.output):
        constants.failed[value] = reason
        constants.parts[value] = parts


def _constant(node: Any) -> npt.NDArray[Any]:
    own = settings(node)
    if "sparse_value" in own:
        return dense(own["sparse_value"])
    if "value" in own:
        return tensor(own["value"])
    kind, value = next(iter(own.items()))
    types = {"f": np.float32, "i": np.int64, "s": np.str_}
    texts = [one.decode() for one in ([value] if isinstance(value, bytes) else value)] if "string" in kind else value
    return np.array(texts[0] if kind == "value_string" else texts, types[kind.removeprefix("value_")[0]])


def _parts(node: Any, constants: Constants) -> dict[str, str]:
    roles = dict(ROLES.get(node.op_type, {}))
    if node.op_type in SHAPED or node.op_type.startswith("Reduce"):
        roles = dict.fromkeys(range(1, len(node.input)), "shape")
    elif node.op_type in ("Mul", "Div") and len(node.input) == 2:
        first, second = (constants[value] for value in node.input)
        lesser = 0 if first.size < second.size else 1
        masks = [k for k in (1, 0) if node.op_type == "Mul" and _is_mask((first, second)[k])]
        if masks:
            roles = {masks[0]: "mask"}
        elif first.size != second.size:
            roles = {lesser: "scale"}
    elif node.op_type == "Where":
        roles |= {k: "mask" for k in (1, 2) if constants[node.input[k]].size == 1}
    parts: dict[str, str] = {}
    for k, value in enumerate(node.input):
        for name, role in constants.parts.get(value, {}).items():
            own = roles.get(k, role) if role == "weight" else role
            if parts.setdefault(name, own) != "weight" and own == "weight":
                parts[name] = own  # of a tensor and its norm, it is the tensor
    return parts


def _is_mask(values: npt.NDArray[Any]) -> bool:
    return values.size > 1 and bool(np.isin(values, (0, 1)).all()) and bool((values == 0).any())


def _size(node: Any, given: Sequence[npt.NDArray[Any] | None], shapes: Mapping[str, Sequence[int]]) -> int | None:
    """Numbers that a node would give, or at most; None where that is not known."""
    known = [shapes[value] for value in node.output if value in shapes]
    if known:
        return max(int(np.prod(shape, dtype=object)) for shape in known)
    kind, arrays = node.op_type, [one for one in given if one is not None]
    sizes = [one.size for one in arrays]
    if kind == "ConstantOfShape":
        return int(np.prod(arrays[0], dtype=object))
    if kind == "Expand":
        return int(np.prod(arrays[1], dtype=object)) * sizes[0]
    if kind == "Tile":
        return int(np.prod(arrays[1], dtype=object)) * sizes[0]
    if kind == "Range":
        start, limit, delta = (float(one.reshape(())) for one in arrays)
        return int(abs(limit - start) / abs(delta)) + 1 if delta else None
    if kind == "Gather":
        return sizes[1] * (sizes[0] // max(1, min(arrays[0].shape, default=1)))
    if kind in ("Pad", "OneHot", "Resize", "Upsample", "EyeLike", "Einsum", "Conv", "ConvTranspose", "Compress"):
        return None
    if kind in ("MatMul", "Gemm"):
        return int(sizes[0]) * int(sizes[1])
    try:  # operators by element
        return int(np.prod(np.broadcast_shapes(*(one.shape for one in arrays)), dtype=object))
    except ValueError:
        return sum(sizes)


def _evaluated(
    node: Any, given: Mapping[str, npt.NDArray[Any]], opsets: Mapping[str, int]
) -> dict[str, npt.NDArray[Any]] | str:
    """What a node gives, by name; or why that cannot be computed."""
    if node.domain in QONNX:
        return _by_qonnx(node, given, opsets)
    names = [value for value in node.output if value]
    ways = (_by_onnx, _by_onnxruntime) if node.domain in IS_ONNX else (_by_onnxruntime,)
    for way in ways:
        try:
            made = [np.asarray(one) for one in way(node, given, opsets)]
        except MemoryError:
            raise
        except Exception:
            continue
        return dict(zip(names, made, strict=True))
    where = f" of {node.domain}" if node.domain else ""
    return f"it comes out of a {node.op_type}{where}, which neither onnx nor onnxruntime computes here"


def _graph_of(node: Any) -> Any:
    from onnx import TypeProto, helper

    entries = [helper.make_value_info(name, TypeProto()) for name in dict.fromkeys(node.input) if name]
    results = [helper.make_value_info(name, TypeProto()) for name in node.output if name]
    return helper.make_graph([node], "constant", entries, results)


def _rounded(value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    wide = value.astype(np.float64)
    return np.asarray(np.trunc(wide + np.copysign(0.5, wide)))


def _by_onnx(node: Any, given: Mapping[str, npt.NDArray[Any]], opsets: Mapping[str, int]) -> Sequence[Any]:
    from onnx import TensorProto
    from onnx.reference import ReferenceEvaluator

    if node.op_type == "Cast" and TensorProto.DataType.Name(settings(node)["to"]) in FEW_BITS:
        # onnxruntime rounds to the nearest, half away from zero; the reference cuts the fraction off.
        given = {name: _rounded(value) if "float" in value.dtype.name else value for name, value in given.items()}
    with np.errstate(all="ignore"):
        found: Sequence[Any] = ReferenceEvaluator(_graph_of(node), opsets=dict(opsets)).run(None, dict(given))
    return found


def _by_onnxruntime(node: Any, given: Mapping[str, npt.NDArray[Any]], opsets: Mapping[str, int]) -> Sequence[Any]:
    import onnxruntime
    from onnx import helper, numpy_helper

    graph = _graph_of(node)
    del graph.input[:]
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in given.items())
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    model = helper.make_model(graph, opset_imports=imports, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    found: Sequence[Any] = session.run(None, {})
    return found


def _by_qonnx(
    node: Any, given: Mapping[str, npt.NDArray[Any]], opsets: Mapping[str, int]
) -> dict[str, npt.NDArray[Any]] | str:
    try:
        from qonnx.custom_op.registry import getCustomOp
    except ImportError:
        return f"it goes through QONNX's {node.op_type}, which package qonnx computes: pip install qonnx"
    try:
        context: dict[str, Any] = dict(given)
        getCustomOp(node, onnx_opset_version=opsets.get(node.domain, 1)).execute_node(context, None)
        return {name: np.asarray(context[name], np.float32) for name in node.output}
    except Exception as error:
        return f"it goes through QONNX's {node.op_type}, at which qonnx ends: {' '.join(str(error).split())[:120]}"
