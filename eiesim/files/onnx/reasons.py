"""Why an operator is no layer, in one sentence each."""

from typing import Any

from eiesim.files.onnx.reading import IS_ONNX
from eiesim.files.onnx.work import NO_PRODUCTS

EXPONENTIAL = "EIE has no exponential; the largest output stays the largest without it"
INTEGER = "whole-number weights that no constant scale follows; EIE's weights are made from floating point"
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
    "Einsum": "EIE multiplies a constant matrix by vectors; export it as MatMul",
    "Attention": "products of activations; no constant matrix",
}
MOVES = {
    "Transpose", "Concat", "Slice", "Split", "Gather", "GatherND", "GatherElements", "ScatterND", "Pad", "Expand",
    "Tile", "DepthToSpace", "SpaceToDepth", "Where", "Resize", "Upsample", "NonZero", "TopK", "Trilu", "OneHot",
    "SplitToSequence", "ConcatFromSequence", "SequenceConstruct", "SequenceAt", "SequenceInsert", "Optional",
    "OptionalGetElement",
}  # fmt: skip
POOLS = {"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool"}
ROUNDS = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}
LINEAR = {"LinearClassifier", "LinearRegressor"}
OF_MICROSOFT = {
    "QGemm": INTEGER,
    "FusedMatMul": "of com.microsoft: both factors are activations, or their shapes are not known",
    "MatMulNBits": "of com.microsoft: its weights are not constant, or in another order (weight_prepacked)",
}


def why(node: Any) -> str:
    """Why a node is no layer, nor part of one."""
    kind = node.op_type
    if node.domain not in IS_ONNX:
        if kind in LINEAR:
            return "scikit-learn's linear model: one matrix, which is an attribute; give its coef_ to eiesim.compress"
        if kind in NO_PRODUCTS.get(node.domain, ()):
            return f"no matrix ({node.domain}); EIE multiplies matrices by vectors, with ReLU after it"
        hint = OF_MICROSOFT.get(kind) if node.domain == "com.microsoft" else None
        return hint or f"an operator of {node.domain}, not of ONNX; what it computes is not known here"
    if kind in MOVES:
        return "moves or chooses values; nothing is multiplied"
    if kind in POOLS:
        return "pools values over positions; no matrix"
    if kind in ROUNDS:
        return "rounds activations, or has a scale of another quantiser than before it"
    if kind == "Cast":
        return "makes whole numbers of activations"
    return HINTS.get(kind, "no matrix; EIE multiplies matrices by vectors, with ReLU after it")
