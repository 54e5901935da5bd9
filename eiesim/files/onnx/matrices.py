"""The operators that are a constant matrix times vectors: Gemm, MatMul, Conv; and what may be folded into them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.files.onnx.reading import floats, settings
from eiesim.files.onnx.taps import Vectors, Windows, last_axis, pixels

LARGEST = 2**27
"""Elements of a matrix that a convolution of several groups may become."""

Constants = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Matrix:
    """weights [rows, cols], bias [rows] or None; how its inputs become vectors; and its size before groups are spread.

    channel_axis: whether outputs lie along axis 1 (a convolution's channels), else along the last.
    """

    weights: npt.NDArray[Any]
    bias: npt.NDArray[Any] | None
    vectors: Vectors
    parameters: int
    channel_axis: bool = False


def gemm(node: Any, constant: Constants) -> Matrix | str:
    """Gemm, or why it is no layer."""
    own = settings(node)
    if node.input[1] not in constant or own.get("transA"):
        return "EIE needs a constant matrix times a vector: B constant, A not transposed"
    weights = floats(constant[node.input[1]])
    with np.errstate(all="ignore"):  # DenseLayer refuses what is not finite
        weights = (weights if own.get("transB") else weights.T) * np.float32(own.get("alpha", 1.0))
    if len(node.input) < 3 or not node.input[2]:
        return Matrix(weights, None, last_axis, weights.size)
    if node.input[2] not in constant:
        return "its bias is not constant"
    bias = by_row(constant[node.input[2]], len(weights))
    if bias is None:
        return "its C is not one number a row"
    return Matrix(weights, bias * np.float32(own.get("beta", 1.0)), last_axis, weights.size)


def matmul(node: Any, constant: Constants) -> Matrix | str:
    """MatMul, or why it is no layer."""
    if node.input[1] not in constant:
        both = "both factors are activations" if node.input[0] not in constant else "its constant is on the left"
        return f"{both}; EIE needs activations times a constant matrix of two dimensions"
    if constant[node.input[1]].ndim != 2:
        return "EIE needs activations times a constant matrix of two dimensions"
    weights = floats(constant[node.input[1]]).T
    return Matrix(weights, None, last_axis, weights.size)


def conv(node: Any, constant: Constants) -> Matrix | str:
    """Conv as one matrix, or why it is no layer."""
    own = settings(node)
    if any(value not in constant for value in node.input[1:] if value):
        return "its weights are not constant"
    weights = floats(constant[node.input[1]])
    kernel, groups = weights.shape[2:], own.get("group", 1)
    if groups > 1 and weights.shape[1] == 1:
        return "depthwise: each channel has its own input and no column is shared, which is what EIE broadcasts"
    if groups > 1 and weights.size * groups > LARGEST:
        return f"{groups} groups, too large as one matrix"
    axes = len(kernel)
    pads, auto = own.get("pads", [0] * 2 * axes), own.get("auto_pad", b"NOTSET").decode()
    windows = Windows(
        tuple(kernel),
        tuple(own.get("strides", [1] * axes)),
        tuple(own.get("dilations", [1] * axes)),
        tuple(zip(pads[:axes], pads[axes:], strict=True)),
        auto if auto.startswith("SAME") else "",
    )
    bias = floats(constant[node.input[2]]) if len(node.input) > 2 and node.input[2] else None
    # A function, not a method of a new object, so that layers with the same vectors are seen to follow one another.
    vectors = pixels if windows.is_pointwise and not windows.auto else windows.vectors
    return Matrix(_spread(weights, groups), bias, vectors, weights.size, channel_axis=True)


def _spread(weights: npt.NDArray[np.float32], groups: int) -> npt.NDArray[np.float32]:
    """[rows, cols of a group, *kernel] as one matrix of all columns, 0 where a row's group does not reach."""
    rows = len(weights)
    flat = weights.reshape(rows, -1)
    if groups == 1:
        return flat
    spread = np.zeros((rows, flat.shape[1] * groups), np.float32)
    for group in range(groups):
        mine = slice(group * rows // groups, (group + 1) * rows // groups)
        spread[mine, group * flat.shape[1] : (group + 1) * flat.shape[1]] = flat[mine]
    return spread


MATRICES: dict[str, Callable[[Any, Constants], Matrix | str]] = {"Gemm": gemm, "MatMul": matmul, "Conv": conv}


def by_row(array: npt.NDArray[Any], rows: int, channel_axis: bool = False) -> npt.NDArray[np.float32] | None:
    """A constant that meets every output vector alike, as float32[rows]; None if it is not that.

    channel_axis: outputs lie along axis 1 of [batch, rows, ...]: the constant is [rows, 1, ...] then.
    """
    if array.dtype.kind != "f" or array.size not in (1, rows):
        return None
    if array.size == rows and rows > 1:
        shape = list(array.shape)
        while shape and shape[0] == 1:
            shape = shape[1:]
        if channel_axis and (len(shape) < 2 or shape[0] != rows):
            return None
        if not channel_axis and (array.ndim == 0 or array.shape[-1] != rows):
            return None
    return np.broadcast_to(floats(array).ravel(), (rows,)).copy()


def affine(node: Any, value: str, constant: Constants, matrix: Matrix) -> tuple[Any, Any] | None:
    """What a node does to every output vector: (factor [rows], addend [rows]); None if it is not that.

    BatchNormalization with constant statistics; Add, Mul, Sub of a constant.
    """
    rows = len(matrix.weights)
    if node.op_type == "BatchNormalization":
        given = [constant.get(name) for name in node.input[1:5]]
        if node.input[0] != value or settings(node).get("training_mode") or len(node.output) != 1:
            return None
        if any(array is None or array.shape != (rows,) for array in given):
            return None
        scale, shift, mean, variance = (array.astype(np.float64) for array in given if array is not None)
        with np.errstate(all="ignore"):
            factor = scale / np.sqrt(variance + settings(node).get("epsilon", 1e-5))
        return factor, shift - mean * factor
    other = next((name for name in node.input if name != value), None)
    if other is None or other not in constant or (node.op_type == "Sub" and node.input[0] != value):
        return None
    numbers = by_row(constant[other], rows, matrix.channel_axis)
    if numbers is None:
        return None
    ones, zeros = np.ones(rows), np.zeros(rows)
    return {"Add": (ones, numbers), "Sub": (ones, -numbers), "Mul": (numbers, zeros)}[node.op_type]


FOLDED = ("BatchNormalization", "Add", "Sub", "Mul")


def fold(matrix: Matrix, factor: npt.NDArray[Any], addend: npt.NDArray[Any]) -> Matrix:
    """The matrix with factor x outputs + addend in its weights and bias."""
    with np.errstate(all="ignore"):
        weights = matrix.weights
        if (factor != 1).any():
            weights = (weights * factor[:, None]).astype(np.float32)
        bias = addend if matrix.bias is None else matrix.bias * factor + addend
    return Matrix(weights, bias.astype(np.float32), matrix.vectors, matrix.parameters, matrix.channel_axis)
