"""How much work a graph's operators are, in multiply-accumulates, from inferred shapes."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from eiesim.files.onnx.reading import IS_ONNX, bodies, settings
from eiesim.files.onnx.taps import Tap, Windows, columns, pixels

Shapes = dict[str, tuple[int, ...]]
"""Shapes by value; what is not known has none."""

PRODUCTS = ("MatMul", "MatMulInteger", "Gemm", "Conv", "ConvInteger", "ConvTranspose", "QLinearMatMul", "QLinearConv")
UNCOUNTED = ("DeformConv", "Det", "DFT", "STFT", "LSTM", "GRU", "RNN", "If", "Loop", "Scan", "SequenceMap")
"""Operators of ONNX that multiply, or hold what does, in a way that is not counted here."""

NO_PRODUCTS = {
    "ai.onnx.ml": {
        "ArrayFeatureExtractor", "Binarizer", "CastMap", "CategoryMapper", "DictVectorizer", "FeatureVectorizer",
        "Imputer", "LabelEncoder", "Normalizer", "OneHotEncoder", "Scaler", "TreeEnsemble", "TreeEnsembleClassifier",
        "TreeEnsembleRegressor", "ZipMap",
    },
    "com.microsoft": {
        "BiasAdd", "BiasDropout", "BiasGelu", "BiasSoftmax", "BiasSplitGelu", "DequantizeLinear",
        "DynamicTimeWarping", "FastGelu", "GatherBlockQuantized", "Gelu",
        "GroupNorm", "LayerNormalization", "NhwcMaxPool", "QLinearAdd",
        "QLinearAveragePool", "QLinearConcat", "QLinearGlobalAveragePool", "QLinearLeakyRelu", "QLinearMul",
        "QLinearReduceMean", "QLinearSigmoid", "QLinearSoftmax", "QLinearWhere", "QuantizeLinear", "QuickGelu",
        "RotaryEmbedding",
        "SimplifiedLayerNormalization", "SkipGroupNorm", "SkipLayerNormalization", "SkipSimplifiedLayerNormalization",
    },
    "qonnx.custom_op.general": {"BipolarQuant", "FloatQuant", "IntQuant", "MultiThreshold", "Quant", "Trunc"},
    "onnx.brevitas": {"BipolarQuant", "FloatQuant", "IntQuant", "Quant", "Trunc"},
}  # fmt: skip
"""By domain, operators whose work is by element; what others of these domains do is not known."""


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
    for sparse in graph.sparse_initializer:
        found[sparse.values.name] = tuple(sparse.dims)
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(dim.dim_value > 0 for dim in kind.shape.dim):
            found[value.name] = tuple(dim.dim_value for dim in kind.shape.dim)
    for node in graph.node:
        for _, body in bodies(node):
            _collect(body, found)


def macs_of(node: Any, shapes: Shapes) -> int | None:
    """Multiply-accumulates of what is left out; 0 where no sum of products is formed, None where they are not known."""
    if node.domain not in IS_ONNX:
        return 0 if node.op_type in NO_PRODUCTS.get(node.domain, ()) else _of_a_domain(node, shapes)
    if node.op_type == "Einsum":
        return _einsum(node, shapes)
    if node.op_type == "Attention":
        return _attention(node, shapes)
    if node.op_type not in PRODUCTS:
        return None if node.op_type in UNCOUNTED else 0
    places = {"QLinearMatMul": (0, 3), "QLinearConv": (0, 3)}.get(node.op_type, (0, 1))
    if len(node.input) <= places[1]:
        return None
    left, right = shapes.get(node.input[places[0]]), shapes.get(node.input[places[1]])
    output = shapes.get(node.output[0])
    if left is None or right is None or output is None:
        return None
    if "Conv" not in node.op_type:
        inner = left[0] if node.op_type == "Gemm" and settings(node).get("transA") else left[-1] if left else 1
        return int(np.prod(output)) * inner
    if node.op_type == "ConvTranspose":
        return int(np.prod(left)) * int(np.prod(right[1:]))
    return int(np.prod(output)) * int(np.prod(right[1:]))


def _of_a_domain(node: Any, shapes: Shapes) -> int | None:
    """Of scikit-learn's linear models: each row times every coefficient."""
    rows = shapes.get(node.input[0])
    if node.domain != "ai.onnx.ml" or node.op_type not in ("LinearClassifier", "LinearRegressor") or not rows:
        return None
    return int(np.prod(rows[:-1])) * len(settings(node).get("coefficients", ()))


def _einsum(node: Any, shapes: Shapes) -> int | None:
    """One product for every combination of the letters; of two operands (of more, the order decides)."""
    terms = settings(node)["equation"].decode().replace(" ", "").partition("->")[0].split(",")
    given = [shapes.get(value) for value in node.input]
    if len(terms) == 1:
        return 0
    if len(terms) != 2 or len(given) != 2:
        return None
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, given, strict=True):
        if shape is None:
            return None
        before, dots, after = term.partition("...")
        between = len(shape) - len(before) - len(after)
        if between < 0 or (between and not dots):
            return None
        names = [*before, *(f"...{k - between}" for k in range(between)), *after]
        for name, size in zip(names, shape, strict=True):
            sizes[name] = max(size, sizes.get(name, 1))
    return int(np.prod(list(sizes.values()), dtype=object))


def _attention(node: Any, shapes: Shapes) -> int | None:
    """Queries by keys, and what comes out by values: [batch, heads, steps, size], or heads and size in one axis."""
    own = settings(node)
    given = [shapes.get(value) for value in node.input[:3]]
    past = [shapes.get(value) if value else () for value in list(node.input)[4:6]]
    if len(given) < 3 or any(one is None or len(one) not in (3, 4) for one in given) or None in past:
        return None
    heads = (own.get("q_num_heads"), own.get("kv_num_heads"), own.get("kv_num_heads"))
    split: list[tuple[int, ...]] = []
    for shape, many in zip(given, heads, strict=True):
        if shape is None or (len(shape) == 3 and not many):
            return None
        split.append(shape if many is None or len(shape) == 4 else (shape[0], many, shape[1], shape[2] // many))
    query, key, value = split
    kept = past[0] if past else ()
    before = kept[2] if kept else 0
    return int(query[0] * query[1] * query[2] * (key[2] + before) * (query[3] + value[3]))


def vectors_of(tap: Tap | None, shapes: Shapes) -> float | None:
    """A layer's vectors in one input of the network, from its input's shape; None where that is not known."""
    shape = None if tap is None else shapes.get(tap.tensor)
    if tap is None or not shape or 0 in shape:
        return None
    windows = getattr(tap.vectors, "__self__", None)
    if tap.vectors is columns:
        return int(np.prod(shape)) / shape[max(len(shape) - 2, 0)]
    if tap.vectors is pixels or isinstance(windows, Windows):
        if np.prod(shape) > 2**26:
            return None
        # Without touching memory: a view of one number in this shape.
        blank = np.broadcast_to(np.zeros((), np.int8), (*shape[:1], 1, *shape[2:]))
        return float(tap.vectors(blank, 1)[1])
    if windows is not None and len(shape) == 1:
        return None  # a recurrent node's states
    return int(np.prod(shape)) / shape[-1]
