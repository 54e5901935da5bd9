"""A layer in a graph, and what follows it there: constants folded in, its ReLU, quantisers of its outputs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.dense import DenseLayer
from eiesim.files.onnx.constants import Constants
from eiesim.files.onnx.matrices import FOLDED, RELUS, Matrix, affine, fold, is_relu
from eiesim.files.onnx.reading import FLOAT_TYPES, IS_ONNX, settings
from eiesim.files.onnx.taps import Tap, Windows, pixels
from eiesim.files.onnx.work import Shapes

QUANTISE = ("", "ai.onnx", "com.microsoft")
"""Domains of QuantizeLinear and DequantizeLinear."""


@dataclass(frozen=True)
class Quantiser:
    """A quantiser of a layer's outputs that was looked through.

    value: what it gives, dequantised. step, least, most: of its values; least is -inf where it is the layer's ReLU.
    """

    value: str
    step: float
    least: float
    most: float


@dataclass(frozen=True, eq=False)
class Found:
    """A layer in the graph.

    value: its outputs in the graph, after what was folded in. behind: how many axes follow that of the outputs.
    nodes: outputs of the nodes that it stands for. quantisers: of its outputs, in order.
    recurrent: one of a recurrent node's matrices; value is that node's first output then.
    """

    layer: DenseLayer
    source: str
    tap: Tap | None
    follows: bool
    parameters: int
    value: str
    behind: int
    nodes: tuple[str, ...]
    quantisers: tuple[Quantiser, ...] = ()
    recurrent: bool = False


@dataclass(frozen=True)
class Origin:
    """The layer whose outputs a value is, -1 for the network's input. moved: its axes were reshaped.

    codes: the scale and zero point that it is quantised by; None where it is as it was.
    """

    layer: int
    moved: bool = False
    codes: tuple[Any, ...] | None = None


@dataclass
class Scope:
    """A graph while its nodes are walked.

    users: nodes by the values they take. outputs: the graph's. came_from: of values that a layer or the network's
    input gives unchanged. done: outputs of nodes that went into a layer before their turn. within: see `Tap`.
    prefix: of names in a body.
    """

    constants: Constants
    users: dict[str, list[Any]]
    outputs: set[str]
    came_from: dict[str, Origin]
    within: tuple[tuple[str, str], ...] = ()
    prefix: str = ""
    done: set[str] = field(default_factory=set)

    def only_user(self, value: str) -> Any:
        """The node that alone takes a value, or None."""
        users = self.users.get(value, [])
        return users[0] if len(users) == 1 and value not in self.outputs else None


@dataclass(frozen=True, eq=False)
class Grown:
    """A matrix with what follows it: nodes are outputs of all that went in; value is the last."""

    matrix: Matrix
    activation: str
    value: str
    nodes: tuple[str, ...]
    quantisers: tuple[Quantiser, ...]


def grown(matrix: Matrix, value: str, scope: Scope, shapes: Shapes) -> Grown:
    """The matrix with constants right after it folded in, and its ReLU; through Casts and quantisers in between."""
    nodes: list[str] = [value]
    quantisers: list[Quantiser] = []
    while True:
        step = _next(matrix, value, scope, shapes)
        if step is None:
            return Grown(matrix, "none", value, tuple(nodes), tuple(quantisers))
        effect, value, passed, seen = step
        nodes += passed
        quantisers += seen
        matrix = fold(matrix, effect)
        if effect[0] is None:
            return Grown(matrix, "relu", value, tuple(nodes), tuple(quantisers))


def _next(matrix: Matrix, value: str, scope: Scope, shapes: Shapes) -> Any:
    """What the next node that belongs to a layer does: (effect, without factor for ReLU; value; nodes; quantisers)."""
    for at, passed, seen, clips in _through(value, scope):
        if clips:
            return (None, None, {}), at, passed, seen
        after = scope.only_user(at)
        if after is None or after.domain not in IS_ONNX:
            continue
        if after.op_type in RELUS and is_relu(after, scope.constants):
            bounds = {one: "scale" for one in after.input if one != at}
            return (None, None, bounds), after.output[0], [*passed, after.output[0]], seen
        if after.op_type in FOLDED:
            if after.op_type == "BatchNormalization" and not _has_channels(matrix, shapes.get(at)):
                continue
            effect = affine(after, at, scope.constants, matrix)
            if effect is not None:
                return effect, after.output[0], [*passed, after.output[0]], seen
    return None


def _has_channels(matrix: Matrix, shape: tuple[int, ...] | None) -> bool:
    """Whether outputs lie along axis 1, as BatchNormalization has it."""
    if shape is None:
        return matrix.vectors is pixels or isinstance(getattr(matrix.vectors, "__self__", None), Windows)
    return len(shape) - 1 - matrix.behind == 1


def _through(value: str, scope: Scope) -> Iterator[tuple[str, list[str], list[Quantiser], bool]]:
    """A value and what it is behind Casts to floating point and quantisers: (value, nodes, quantisers, whether ReLU).

    It ends with a quantiser whose least value stands for 0: that is a ReLU.
    """
    passed: list[str] = []
    seen: list[Quantiser] = []
    while True:
        yield value, list(passed), list(seen), False
        after = scope.only_user(value)
        if after is None:
            return
        if after.op_type == "Cast" and after.domain in IS_ONNX and settings(after)["to"] in FLOAT_TYPES:
            value = after.output[0]
            passed.append(value)
            continue
        found = _quantiser(after, scope) if after.op_type == "QuantizeLinear" and after.domain in QUANTISE else None
        if found is None:
            return
        quantiser, between = found
        value = quantiser.value
        passed += between
        seen.append(quantiser)
        if quantiser.least == 0:
            relu = Quantiser(value, quantiser.step, -np.inf, quantiser.most)
            yield value, list(passed), [*seen[:-1], relu], True
            return


def _quantiser(node: Any, scope: Scope) -> tuple[Quantiser, list[str]] | None:
    """A QuantizeLinear with the Clip and the DequantizeLinear behind it, and the nodes' outputs; None if not that."""
    constants = scope.constants
    own = settings(node)
    scale = constants.get(node.input[1])
    zero = constants.get(node.input[2]) if len(node.input) > 2 and node.input[2] else None
    if scale is None or (len(node.input) > 2 and node.input[2] and zero is None):
        return None
    ends = limits(zero, own.get("output_dtype", 0))
    if ends is None:
        return None
    value, between = node.output[0], [node.output[0]]
    after = scope.only_user(value)
    if after is not None and after.op_type == "Clip" and after.domain in IS_ONNX:
        cuts = [*after.input, "", ""][1:3]
        if any(one and one not in constants for one in cuts):
            return None
        least, most = (float(constants[one].reshape(())) if one else end for one, end in zip(cuts, ends, strict=True))
        ends = max(ends[0], least), min(ends[1], most)
        value = after.output[0]
        between.append(value)
        after = scope.only_user(value)
    if after is None or after.op_type != "DequantizeLinear" or after.domain not in QUANTISE:
        return None
    if codes_of(node, constants) != codes_of(after, constants):
        return None
    between.append(after.output[0])
    less = np.zeros(1) if zero is None else zero.astype(np.float64).reshape(-1)
    by = np.abs(scale.astype(np.float64)).reshape(-1)
    lowest = (ends[0] - less) * by
    if (lowest == 0).any() != (lowest == 0).all():
        return None  # a ReLU of some of its channels
    least, most = float(lowest.max()), float(((ends[1] - less) * by).min())
    return Quantiser(after.output[0], float(by.max()), least, most), between


def limits(zero: npt.NDArray[Any] | None, kind: int) -> tuple[float, float] | None:
    """The least and the most of a quantised type: that of the zero point, or ONNX's number, or uint8."""
    if zero is None:
        from onnx import helper

        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind)) if kind else np.dtype(np.uint8)
    else:
        dtype = zero.dtype
    try:
        if dtype.kind in "iu":
            held: Any = np.iinfo(dtype)
        else:
            import ml_dtypes

            held = (ml_dtypes.iinfo if "int" in dtype.name else ml_dtypes.finfo)(dtype)
        return float(held.min), float(held.max)
    except (ImportError, ValueError):
        return None


def cuts_at_zero(node: Any, constants: Constants) -> bool:
    """Whether a QuantizeLinear has no value below 0, of a channel or all: its zero point is its type's least value."""
    zero = constants.get(node.input[2]) if len(node.input) > 2 and node.input[2] else None
    ends = limits(zero, settings(node).get("output_dtype", 0))
    if ends is None or (zero is None and len(node.input) > 2 and node.input[2]):
        return False
    less = np.zeros(1) if zero is None else zero.astype(np.float64)
    return bool((less == ends[0]).any())


def codes_of(node: Any, constants: Constants) -> tuple[Any, ...]:
    """What tells one pair of scale and zero point from another: their numbers, or the values' names."""
    told: list[Any] = []
    for value in list(node.input)[1:3]:
        held = constants.get(value) if value else np.zeros(1)
        told.append(value if held is None else tuple(held.astype(np.float64).reshape(-1).tolist()))
    if len(told) == 1:
        told.append((0.0,))
    return (*told, settings(node).get("axis", 1) if len(told[0]) > 1 and not isinstance(told[0], str) else None)
