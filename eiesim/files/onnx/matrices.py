"""The operators that are a constant matrix times vectors: Gemm, MatMul, Conv; and what may be folded into them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.files.onnx.reading import floats, settings
from eiesim.files.onnx.taps import Vectors, Windows, columns, last_axis, pixels

LARGEST = 2**27
"""Elements of a matrix that a convolution of several groups may become."""

WANTED = "EIE needs a constant matrix times a vector"

Known = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Matrix:
    """weights [rows, cols], bias [rows] or None; how its inputs become vectors; and its size before groups are spread.

    activations, held: the values that are its inputs and its weights. behind: how many axes follow that of the
    outputs: none of a Gemm's, the positions of a convolution's, one where the matrix stands on the left.
    constants: the values that weights and bias are made of, each with its role. groups, depthwise: of a convolution.
    """

    weights: npt.NDArray[Any]
    bias: npt.NDArray[Any] | None
    activations: str
    held: str
    vectors: Vectors
    parameters: int
    behind: int = 0
    constants: tuple[tuple[str, str], ...] = ()
    groups: int = 1
    depthwise: bool = False


def gemm(node: Any, constant: Known) -> Matrix | str:
    """Gemm, or why it is no layer."""
    own = settings(node)
    trans_a, trans_b = bool(own.get("transA")), bool(own.get("transB"))
    places = [k for k in (0, 1) if node.input[k] in constant]
    if not places:
        return f"both factors are activations; {WANTED}"
    place = places[-1]
    weights = floats(constant[node.input[place]])
    if weights is None:
        return f"its weights are {constant[node.input[place]].dtype}; {WANTED} of floating point"
    # y = A B. A constant B has a column for each row of the layer; beside a constant A, the columns of B are vectors.
    on_the_left = place == 0
    as_rows = not trans_a if on_the_left else trans_b
    turned = not trans_b if on_the_left else trans_a
    with np.errstate(all="ignore"):  # DenseLayer refuses what is not finite
        weights = (weights if as_rows else weights.T) * np.float32(own.get("alpha", 1.0))
    vectors = columns if turned else last_axis
    matrix = Matrix(
        weights, None, node.input[1 - place], node.input[place], vectors, weights.size, int(on_the_left),
        ((node.input[place], "weight"),),
    )  # fmt: skip
    if len(node.input) < 3 or not node.input[2]:
        return matrix
    if node.input[2] not in constant:
        return "its bias is not constant"
    bias = by_row(constant[node.input[2]], matrix)
    if bias is None:
        return "its C is not one number a row"
    made_of = (*matrix.constants, (node.input[2], "bias"))
    return replace(matrix, bias=bias * np.float32(own.get("beta", 1.0)), constants=made_of)


def matmul(node: Any, constant: Known) -> Matrix | str:
    """MatMul, with the constant on either side, or why it is no layer."""
    places = [k for k in (0, 1) if node.input[k] in constant]
    if not places:
        return f"both factors are activations; {WANTED} of two dimensions"
    place = places[-1]
    held = constant[node.input[place]]
    while held.ndim > 2 and held.shape[0] == 1:
        held = held[0]
    if held.ndim != 2:
        return f"its constant has shape {list(constant[node.input[place]].shape)}; {WANTED} of two dimensions"
    weights = floats(held)
    if weights is None:
        return f"its weights are {held.dtype}; {WANTED} of floating point"
    weights, vectors = (weights, columns) if place == 0 else (weights.T, last_axis)
    return Matrix(
        weights, None, node.input[1 - place], node.input[place], vectors, weights.size, int(place == 0),
        ((node.input[place], "weight"),),
    )  # fmt: skip


def conv(node: Any, constant: Known) -> Matrix | str:
    """Conv as one matrix, or why it is no layer."""
    own = settings(node)
    if any(value not in constant for value in node.input[1:] if value):
        return "its weights are not constant"
    weights = floats(constant[node.input[1]])
    if weights is None:
        return f"its weights are {constant[node.input[1]].dtype}; {WANTED} of floating point"
    kernel, groups = weights.shape[2:], own.get("group", 1)
    depthwise = groups > 1 and weights.shape[1] == 1
    if groups > 1 and weights.size * groups > LARGEST:
        return f"{_called(groups, depthwise)}, too large as one matrix"
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
    made = _of_images(node, _spread(weights, groups), bias, vectors, weights.size, axes)
    return replace(made, groups=groups, depthwise=depthwise)


def conv_transpose(node: Any, constant: Known) -> Matrix | str:
    """ConvTranspose whose every output position is one of its inputs', or why it is no layer."""
    own = settings(node)
    if any(value not in constant for value in node.input[1:] if value):
        return "its weights are not constant"
    weights = floats(constant[node.input[1]])
    groups = own.get("group", 1)
    moves = any(one != 1 for one in own.get("strides", ())) or any(own.get("pads", ())) or "output_shape" in own
    if weights is None or any(size != 1 for size in weights.shape[2:]) or moves or any(own.get("output_padding", ())):
        of_groups = "depthwise: " if 1 < groups == len(weights if weights is not None else ()) else ""
        return f"{of_groups}every input reaches several output positions; EIE has no such accumulation"
    bias = floats(constant[node.input[2]]) if len(node.input) > 2 and node.input[2] else None
    depthwise = 1 < groups == len(weights)
    if groups > 1 and weights.size * groups > LARGEST:
        return f"{_called(groups, depthwise)}, too large as one matrix"
    # [inputs, outputs of a group, 1, ...]: by group the other way round, then as a convolution's.
    by_group = weights.reshape(groups, weights.shape[0] // groups, weights.shape[1]).swapaxes(1, 2)
    matrix = _spread(np.ascontiguousarray(by_group).reshape(-1, weights.shape[0] // groups), groups)
    made = _of_images(node, matrix, bias, pixels, weights.size, weights.ndim - 2)
    return replace(made, groups=groups, depthwise=depthwise)


def _called(groups: int, depthwise: bool) -> str:
    return f"depthwise, {groups} channels" if depthwise else f"{groups} groups"


def _of_images(node: Any, weights: Any, bias: Any, vectors: Vectors, parameters: int, axes: int) -> Matrix:
    made_of = ((node.input[1], "weight"), *(((node.input[2], "bias"),) if bias is not None else ()))
    return Matrix(weights, bias, node.input[0], node.input[1], vectors, parameters, axes, made_of)


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


MATRICES: dict[str, Callable[[Any, Known], Matrix | str]] = {
    "Gemm": gemm, "MatMul": matmul, "Conv": conv, "ConvTranspose": conv_transpose,
}  # fmt: skip


def by_row(array: npt.NDArray[Any], matrix: Matrix) -> npt.NDArray[np.float32] | None:
    """A constant that meets every output vector alike, as float32[rows]; None if it is not that.

    It is one number, or has the rows on the axis of the outputs and 1 on every other.
    """
    values, rows = floats(array), len(matrix.weights)
    if values is None or values.size not in (1, rows):
        return None
    if values.size == rows and rows > 1:
        axis = values.ndim - 1 - matrix.behind
        if axis < 0 or values.shape[axis] != rows:
            return None
    return np.broadcast_to(values.ravel(), (rows,)).copy()


Effect = tuple[npt.NDArray[Any] | None, npt.NDArray[Any] | None, dict[str, str]]
"""What a node does to every output vector: factor [rows], addend [rows], and the constants it takes, with roles.

A ReLU has neither factor nor addend.
"""


def affine(node: Any, value: str, constant: Known, matrix: Matrix) -> Effect | None:
    """What a node does to every output vector; None if it is not that.

    BatchNormalization with constant statistics; Add, Sub, Mul, Div of a constant, Neg.
    """
    rows = len(matrix.weights)
    ones, zeros = np.ones(rows), np.zeros(rows)
    if node.op_type == "Neg":
        return -ones, zeros, {}
    if node.op_type == "BatchNormalization":
        given = [constant.get(name) for name in node.input[1:5]]
        if node.input[0] != value or settings(node).get("training_mode") or len(node.output) != 1:
            return None
        if any(array is None or array.shape != (rows,) for array in given):
            return None
        scale, shift, mean, variance = (array.astype(np.float64) for array in given if array is not None)
        with np.errstate(all="ignore"):
            factor = scale / np.sqrt(variance + settings(node).get("epsilon", 1e-5))
        return factor, shift - mean * factor, dict.fromkeys(node.input[1:5], "statistics")
    others = [name for name in node.input if name != value]
    if len(node.input) != 2 or len(others) != 1 or others[0] not in constant:
        return None
    first = node.input[0] == value
    numbers = by_row(constant[others[0]], matrix)
    if numbers is None or (node.op_type == "Div" and not first):
        return None
    with np.errstate(all="ignore"):
        effects: dict[str, tuple[Any, Any]] = {
            "Add": (ones, numbers), "Sum": (ones, numbers), "Mul": (numbers, zeros), "Div": (1 / numbers, zeros),
            "Sub": (ones, -numbers) if first else (-ones, numbers),
        }  # fmt: skip
        factor, addend = effects[node.op_type]
    return factor, addend, {others[0]: "scale" if node.op_type in ("Mul", "Div") else "bias"}


FOLDED = ("BatchNormalization", "Add", "Sum", "Sub", "Mul", "Div", "Neg")


def fold(matrix: Matrix, effect: Effect) -> Matrix:
    """The matrix with factor x outputs + addend in its weights and bias."""
    factor, addend, constants = effect
    made_of = (*matrix.constants, *constants.items())
    if factor is None or addend is None:
        return replace(matrix, constants=made_of)
    with np.errstate(all="ignore"):
        weights = matrix.weights
        if (factor != 1).any():
            weights = (weights * factor[:, None]).astype(np.float32)
        bias: Any = addend if matrix.bias is None else matrix.bias * factor + addend
    if matrix.bias is None and not addend.any():
        bias = None
    bias = None if bias is None else bias.astype(np.float32)
    return replace(matrix, weights=weights, bias=bias, constants=made_of)


def is_relu(node: Any, constant: Known) -> bool:
    """Whether a node is max(x, 0): Relu, Max with 0, Clip from 0 to nothing, LeakyRelu and PRelu of slope 0."""
    own = settings(node)
    if node.op_type in ("Relu", "LeakyRelu"):
        return bool(node.op_type == "Relu" or own.get("alpha", 0.01) == 0)
    others = [constant.get(value) for value in node.input if value]
    numbers = [one for one in others if one is not None]
    if node.op_type in ("Max", "PRelu"):
        return len(node.input) == 2 and len(numbers) == 1 and not np.asarray(numbers[0], np.float32).any()
    if node.op_type == "Clip":
        ends: list[Any] = [own.get("min"), own.get("max")] if "min" in own or "max" in own else [None, None]
        for k, value in enumerate(node.input[1:3]):
            if value:
                ends[k] = float(constant[value].reshape(())) if value in constant else float("nan")
        most = np.inf if ends[1] is None else ends[1]
        return bool(ends[0] == 0 and most >= np.finfo(np.float16).max)
    return False


RELUS = ("Relu", "LeakyRelu", "Max", "PRelu", "Clip")
