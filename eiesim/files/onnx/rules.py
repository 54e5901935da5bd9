"""How fused and quantised operators are written with plain ones: one function an operator (see `plain`)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.files.onnx.constants import Constants
from eiesim.files.onnx.reading import settings

MICROSOFT = "com.microsoft"


@dataclass
class Graph:
    """A graph while it is rewritten.

    gone: outputs of nodes that went into another's place. idle: values that nothing may need any more.
    added: new initialisers. rounds: whether an operator that was replaced rounds activations.
    """

    graph: Any
    constants: Constants
    shapes: Mapping[str, tuple[int, ...]]
    users: dict[str, list[Any]]
    makers: dict[str, Any]
    outputs: set[str]
    gone: set[str] = field(default_factory=set)
    idle: set[str] = field(default_factory=set)
    added: list[Any] = field(default_factory=list)
    rounds: bool = False

    def only_user(self, value: str) -> Any:
        """The node that alone takes a value, or None."""
        users = self.users.get(value, [])
        return users[0] if len(users) == 1 and value not in self.outputs else None

    def store(self, name: str, value: npt.NDArray[Any], parts: Mapping[str, str]) -> str:
        """Add an initialiser; its name."""
        from onnx import numpy_helper

        while name in self.constants or name in self.makers:
            name += "_"
        self.added.append(numpy_helper.from_array(value, name))
        self.constants.put(name, value, parts)
        return name


Nodes = list[Any] | None
"""What stands in a node's place; None leaves it as it is."""

Rule = Callable[[Any, Graph, str], Nodes]
"""Of a node, the graph that it is in, and its name."""


def made_node(
    kind: str, inputs: Sequence[str], output: str, name: str = "", own: Mapping[str, Any] | None = None
) -> Any:
    """A node of one output; inputs that are left off at the end may be empty."""
    from onnx import helper

    given = list(inputs)
    while given and not given[-1]:
        given.pop()
    return helper.make_node(kind, given, [output], name, **(own or {}))


def entry(node: Any, k: int) -> str:
    """A node's input by place; empty where it has none."""
    return str(node.input[k]) if len(node.input) > k else ""


def _activation(kind: str, parameters: Sequence[float], value: str, output: str, here: Graph) -> Any:
    if kind == "Clip":
        ends = [here.store(f"{output}.{end}", np.array(number, np.float32), {})
                for end, number in zip(("least", "most"), parameters)]  # fmt: skip
        return made_node("Clip", [value, *ends], output)
    names = {"LeakyRelu": ["alpha"], "Elu": ["alpha"], "ThresholdedRelu": ["alpha"], "HardSigmoid": ["alpha", "beta"]}
    return made_node(kind, [value], output, own=dict(zip(names.get(kind, []), map(float, parameters))))


def _fused(node: Any, here: Graph, name: str) -> Nodes:
    """FusedGemm, FusedConv: the activation is an attribute; FusedConv's fourth input is added before it."""
    own, kind, output = settings(node), node.op_type.removeprefix("Fused"), node.output[0]
    activation = own.pop("activation", b"").decode()
    parameters = own.pop("activation_params", [])
    parameters = [*parameters, *(own.pop(f"activation_{one}") for one in ("alpha", "beta", "gamma")
                                 if f"activation_{one}" in own)]  # fmt: skip
    beside = entry(node, 3)
    steps = [kind] + ["Add"] * bool(beside) + [activation] * bool(activation)
    values = [f"{output}.{k}" for k in range(len(steps) - 1)] + [output]
    nodes = [made_node(kind, node.input[:3], values[0], name, own)]
    if beside:
        nodes.append(made_node("Add", [values[0], beside], values[1]))
    if activation:
        nodes.append(_activation(activation, parameters, nodes[-1].output[0], output, here))
    return nodes


def _fused_matmul(node: Any, here: Graph, name: str) -> Nodes:
    own, output = settings(node), node.output[0]
    if own.get("transBatchA") or own.get("transBatchB"):
        return None
    values, nodes = list(node.input[:2]), []
    for k, turned in enumerate((own.get("transA"), own.get("transB"))):
        if not turned:
            continue
        held = here.constants.get(values[k])
        rank = held.ndim if held is not None else len(here.shapes.get(values[k], ()))
        if rank < 2:
            return None
        perm = [*range(rank - 2), rank - 1, rank - 2]
        if held is not None:
            parts = here.constants.parts[values[k]]
            values[k] = here.store(f"{values[k]}.turned", np.ascontiguousarray(held.transpose(perm)), parts)
        else:
            nodes.append(made_node("Transpose", [values[k]], f"{output}.turned{k}", own={"perm": perm}))
            values[k] = f"{output}.turned{k}"
    alpha = np.float32(own.get("alpha", 1.0))
    nodes.append(made_node("MatMul", values, output if alpha == 1 else f"{output}.product", name))
    if alpha != 1:
        factor = here.store(f"{output}.alpha", np.array(alpha), {})
        nodes.append(made_node("Mul", [f"{output}.product", factor], output))
    return nodes


def dequantised(here: Graph, codes: str, scale: str, zero: str, name: str, axis: int, factor: Any = None) -> str | None:
    """A new initialiser of constant codes, (codes - zero) x scale along an axis (x factor); None if not constant."""
    held, by, less = (here.constants.get(value) for value in (codes, scale, zero))
    if held is None or (scale and by is None) or (zero and less is None):
        return None
    values = held.astype(np.float32)
    sizes = [1] * values.ndim
    for given, subtract in ((less, True), (by, False), (factor, False)):
        if given is None:
            continue
        if given.size not in (1, values.shape[axis]):
            return None
        sizes[axis] = given.size
        shaped = given.reshape(sizes).astype(np.float32)
        values = values - shaped if subtract else values * shaped
    parts = dict(here.constants.parts[codes])
    for given_name, role in ((scale, "scale"), (zero, "zero_point")):
        parts.update((one, role) for one in here.constants.parts.get(given_name, {}) if one not in parts)
    return here.store(name, values.astype(np.float32), parts)


def as_scalar(here: Graph, value: str) -> str | None:
    """A scale or zero point of a whole tensor, as DequantizeLinear wants it; None if it is of rows or columns."""
    held = here.constants.get(value)
    if held is None or held.ndim == 0:
        return value
    if held.size != 1:
        return None
    return here.store(f"{value}.scalar", held.reshape(()), here.constants.parts[value])


def dequantise(here: Graph, codes: str, scale: str, zero: str, output: str) -> Any:
    """A DequantizeLinear of activations; None where their scale is not one number."""
    by, less = as_scalar(here, scale), as_scalar(here, zero) if zero else ""
    return None if by is None or less is None else made_node("DequantizeLinear", [codes, by, less], output)


def requantise(here: Graph, value: str, scale: str, zero: str, output: str) -> Any:
    """A QuantizeLinear of activations; None where their scale is not one number."""
    by, less = as_scalar(here, scale), as_scalar(here, zero) if zero else ""
    return None if by is None or less is None else made_node("QuantizeLinear", [value, by, less], output)


def every(*nodes: Any) -> Nodes:
    """The nodes, or None where one of them could not be made."""
    return None if any(node is None for node in nodes) else list(nodes)


def _operand(here: Graph, triple: Sequence[str], output: str, axis: int) -> tuple[str, list[Any]] | None:
    """One of two quantised factors or addends: an initialiser where it is constant, else dequantised first."""
    if triple[0] in here.constants:
        made = dequantised(here, triple[0], triple[1], triple[2], output, axis)
        return None if made is None else (made, [])
    node = dequantise(here, triple[0], triple[1], triple[2], output)
    return None if node is None else (output, [node])


def _qlinear(node: Any, here: Graph, name: str) -> Nodes:
    """QLinearMatMul, and com.microsoft's QLinearAdd and QLinearMul: two triples, then the output's scale and zero."""
    output = node.output[0]
    every = [entry(node, k) for k in range(8)]
    first = _operand(here, every[:3], f"{output}.a", -2)  # of the first factor the scales are by row
    second = _operand(here, every[3:6], f"{output}.b", -1)
    last = requantise(here, f"{output}.real", every[6], every[7], output)
    if first is None or second is None or last is None:
        return None
    kind = node.op_type.removeprefix("QLinear")
    return [*first[1], *second[1], made_node(kind, [first[0], second[0]], f"{output}.real", name), last]


def _bias(here: Graph, bias: str, scales: Sequence[str], name: str, factor: float = 1.0) -> str | None:
    """A whole-number bias times both scales, as an initialiser; empty where there is none, None if not constant."""
    if not bias:
        return ""
    held, by = here.constants.get(bias), [here.constants.get(one) for one in scales]
    if held is None or any(one is None for one in by):
        return None
    values = held.astype(np.float64) * factor
    for one in by:
        values = values * (one.reshape(-1) if one is not None else 1.0)
    return here.store(name, values.astype(np.float32), dict.fromkeys(here.constants.parts[bias], "bias"))


def _qlinear_conv(node: Any, here: Graph, name: str) -> Nodes:
    output, x = node.output[0], [entry(node, k) for k in range(9)]
    weights = dequantised(here, x[3], x[4], x[5], f"{output}.weight", 0)
    bias = _bias(here, x[8], (x[1], x[4]), f"{output}.bias")
    if weights is None or bias is None:
        return None
    return every(
        dequantise(here, x[0], x[1], x[2], f"{output}.a"),
        made_node("Conv", [f"{output}.a", weights, bias], f"{output}.real", name, settings(node)),
        requantise(here, f"{output}.real", x[6], x[7], output),
    )


def _qgemm(node: Any, here: Graph, name: str) -> Nodes:
    output, own, x = node.output[0], settings(node), [entry(node, k) for k in range(9)]
    weights = dequantised(here, x[3], x[4], x[5], f"{output}.weight", 0 if own.get("transB") else 1)
    bias = _bias(here, x[6], (x[1], x[4]), f"{output}.bias", own.get("alpha", 1.0))
    if weights is None or bias is None:
        return None
    real = f"{output}.real" if x[7] else output
    nodes = [
        dequantise(here, x[0], x[1], x[2], f"{output}.a"),
        made_node("Gemm", [f"{output}.a", weights, bias], real, name, own),
    ]
    return every(*nodes, *([requantise(here, real, x[7], x[8], output)] if x[7] else []))


def _quant(node: Any, here: Graph, name: str) -> Nodes:
    """QONNX's Quant on activations of at most 8 bits and one scale: what onnxruntime can run."""
    own, output = settings(node), node.output[0]
    scale, zero, bits = (here.constants.get(value) for value in node.input[1:4])
    if scale is None or zero is None or bits is None or not scale.size == zero.size == bits.size == 1:
        return None
    width = float(bits.reshape(()))
    if own.get("rounding_mode", b"ROUND") not in (b"ROUND", b"HALF_EVEN") or width not in range(1, 9):
        return None
    signed, narrow = bool(own.get("signed", 1)), bool(own.get("narrow", 0))
    low = -(2 ** (width - 1)) + narrow if signed else 0
    high = 2 ** (width - 1) - 1 if signed else 2**width - 1 - narrow
    kind, number = (np.int8 if signed else np.uint8), float(zero.reshape(()))
    if number != int(number) or not low <= number <= high:
        return None
    parts = here.constants.parts
    by = here.store(f"{output}.scale", scale.reshape(()).astype(np.float32), parts[node.input[1]])
    less = here.store(f"{output}.zero", np.array(number, kind), parts[node.input[2]])
    ends = [here.store(f"{output}.{end}", np.array(value, kind), {}) for end, value in (("low", low), ("high", high))]
    return [
        made_node("QuantizeLinear", [node.input[0], by, less], f"{output}.codes"),
        made_node("Clip", [f"{output}.codes", *ends], f"{output}.clipped"),
        made_node("DequantizeLinear", [f"{output}.clipped", by, less], output, name),
    ]


RULES: dict[tuple[str, str], Rule] = {
    (MICROSOFT, "FusedGemm"): _fused,
    (MICROSOFT, "FusedConv"): _fused,
    (MICROSOFT, "FusedMatMul"): _fused_matmul,
    (MICROSOFT, "QGemm"): _qgemm,
    (MICROSOFT, "QLinearAdd"): _qlinear,
    (MICROSOFT, "QLinearMul"): _qlinear,
    ("", "QLinearMatMul"): _qlinear,
    ("", "QLinearConv"): _qlinear_conv,
    ("qonnx", "Quant"): _quant,
    ("qonnx", "IntQuant"): _quant,
}
