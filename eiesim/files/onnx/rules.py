"""How fused and quantised operators are written with plain ones: one function an operator (see `plain`)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.files.onnx.constants import Constants
from eiesim.files.onnx.reading import FLOAT_TYPES, settings

MICROSOFT = "com.microsoft"


@dataclass
class Graph:
    """A graph while it is rewritten.

    gone: outputs of nodes that went into another's place. idle: nodes that nothing may need any more.
    added: new initialisers.
    """

    graph: Any
    constants: Constants
    shapes: Mapping[str, tuple[int, ...]]
    users: dict[str, list[Any]]
    makers: dict[str, Any]
    outputs: set[str]
    gone: set[str] = field(default_factory=set)
    idle: list[Any] = field(default_factory=list)
    added: list[Any] = field(default_factory=list)

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


def _node(kind: str, inputs: Sequence[str], output: str, name: str = "", own: Mapping[str, Any] | None = None) -> Any:
    from onnx import helper

    given = list(inputs)
    while given and not given[-1]:
        given.pop()
    return helper.make_node(kind, given, [output], name, **(own or {}))


def _input(node: Any, k: int) -> str:
    return str(node.input[k]) if len(node.input) > k else ""


def _activation(kind: str, parameters: Sequence[float], value: str, output: str, here: Graph) -> Any:
    if kind == "Clip":
        ends = [here.store(f"{output}.{end}", np.array(number, np.float32), {})
                for end, number in zip(("least", "most"), parameters)]  # fmt: skip
        return _node("Clip", [value, *ends], output)
    names = {"LeakyRelu": ["alpha"], "Elu": ["alpha"], "ThresholdedRelu": ["alpha"], "HardSigmoid": ["alpha", "beta"]}
    return _node(kind, [value], output, own=dict(zip(names.get(kind, []), map(float, parameters))))


def _fused(node: Any, here: Graph, name: str) -> Nodes:
    """FusedGemm, FusedConv: the activation is an attribute; FusedConv's fourth input is added before it."""
    own, kind, output = settings(node), node.op_type.removeprefix("Fused"), node.output[0]
    activation = own.pop("activation", b"").decode()
    parameters = own.pop("activation_params", [])
    parameters = [*parameters, *(own.pop(f"activation_{one}") for one in ("alpha", "beta", "gamma")
                                 if f"activation_{one}" in own)]  # fmt: skip
    beside = _input(node, 3)
    steps = [kind] + ["Add"] * bool(beside) + [activation] * bool(activation)
    values = [f"{output}.{k}" for k in range(len(steps) - 1)] + [output]
    nodes = [_node(kind, node.input[:3], values[0], name, own)]
    if beside:
        nodes.append(_node("Add", [values[0], beside], values[1]))
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
            nodes.append(_node("Transpose", [values[k]], f"{output}.turned{k}", own={"perm": perm}))
            values[k] = f"{output}.turned{k}"
    alpha = np.float32(own.get("alpha", 1.0))
    nodes.append(_node("MatMul", values, output if alpha == 1 else f"{output}.product", name))
    if alpha != 1:
        factor = here.store(f"{output}.alpha", np.array(alpha), {})
        nodes.append(_node("Mul", [f"{output}.product", factor], output))
    return nodes


def _dequantised(
    here: Graph, codes: str, scale: str, zero: str, name: str, axis: int, factor: Any = None
) -> str | None:
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


def _as_scalar(here: Graph, value: str) -> str | None:
    """A scale or zero point of a whole tensor, as DequantizeLinear wants it; None if it is of rows or columns."""
    held = here.constants.get(value)
    if held is None or held.ndim == 0:
        return value
    if held.size != 1:
        return None
    return here.store(f"{value}.scalar", held.reshape(()), here.constants.parts[value])


def _dequantise(here: Graph, codes: str, scale: str, zero: str, output: str) -> Any:
    """A DequantizeLinear of activations; None where their scale is not one number."""
    by, less = _as_scalar(here, scale), _as_scalar(here, zero) if zero else ""
    return None if by is None or less is None else _node("DequantizeLinear", [codes, by, less], output)


def _requantise(here: Graph, value: str, scale: str, zero: str, output: str) -> Any:
    by, less = _as_scalar(here, scale), _as_scalar(here, zero) if zero else ""
    return None if by is None or less is None else _node("QuantizeLinear", [value, by, less], output)


def _all(*nodes: Any) -> Nodes:
    return None if any(node is None for node in nodes) else list(nodes)


def _operand(here: Graph, triple: Sequence[str], output: str, axis: int) -> tuple[str, list[Any]] | None:
    """One of two quantised factors or addends: an initialiser where it is constant, else dequantised first."""
    if triple[0] in here.constants:
        made = _dequantised(here, triple[0], triple[1], triple[2], output, axis)
        return None if made is None else (made, [])
    node = _dequantise(here, triple[0], triple[1], triple[2], output)
    return None if node is None else (output, [node])


def _qlinear(node: Any, here: Graph, name: str) -> Nodes:
    """QLinearMatMul, and com.microsoft's QLinearAdd and QLinearMul: two triples, then the output's scale and zero."""
    output = node.output[0]
    every = [_input(node, k) for k in range(8)]
    first = _operand(here, every[:3], f"{output}.a", -1)
    second = _operand(here, every[3:6], f"{output}.b", -1)
    last = _requantise(here, f"{output}.real", every[6], every[7], output)
    if first is None or second is None or last is None:
        return None
    kind = node.op_type.removeprefix("QLinear")
    return [*first[1], *second[1], _node(kind, [first[0], second[0]], f"{output}.real", name), last]


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
    output, x = node.output[0], [_input(node, k) for k in range(9)]
    weights = _dequantised(here, x[3], x[4], x[5], f"{output}.weight", 0)
    bias = _bias(here, x[8], (x[1], x[4]), f"{output}.bias")
    if weights is None or bias is None:
        return None
    return _all(
        _dequantise(here, x[0], x[1], x[2], f"{output}.a"),
        _node("Conv", [f"{output}.a", weights, bias], f"{output}.real", name, settings(node)),
        _requantise(here, f"{output}.real", x[6], x[7], output),
    )


def _qgemm(node: Any, here: Graph, name: str) -> Nodes:
    output, own, x = node.output[0], settings(node), [_input(node, k) for k in range(9)]
    weights = _dequantised(here, x[3], x[4], x[5], f"{output}.weight", 0 if own.get("transB") else 1)
    bias = _bias(here, x[6], (x[1], x[4]), f"{output}.bias", own.get("alpha", 1.0))
    if weights is None or bias is None:
        return None
    real = f"{output}.real" if x[7] else output
    nodes = [
        _dequantise(here, x[0], x[1], x[2], f"{output}.a"),
        _node("Gemm", [f"{output}.a", weights, bias], real, name, own),
    ]
    return _all(*nodes, *([_requantise(here, real, x[7], x[8], output)] if x[7] else []))


def _to_float(node: Any, here: Graph, name: str) -> Nodes:
    """MatMulIntegerToFloat (A, B, scales, zero points, bias) and DynamicQuantizeMatMul (A float, B, its own, bias)."""
    output, x = node.output[0], [_input(node, k) for k in range(7)]
    nodes: list[Any] = []
    codes, scale, zero = x[0], x[2], x[4]
    by, less, bias = x[3], x[5], x[6]
    if node.op_type == "DynamicQuantizeMatMul":
        from onnx import helper

        by, less, bias = x[2], x[3], x[4]
        codes, scale, zero = (f"{output}.{one}" for one in ("codes", "scale", "zero"))
        nodes.append(helper.make_node("DynamicQuantizeLinear", [x[0]], [codes, scale, zero]))
    weights = _dequantised(here, x[1], by, less, f"{output}.weight", -1)
    if weights is None:
        return None
    real = f"{output}.product" if bias else output
    nodes += [
        _dequantise(here, codes, scale, zero, f"{output}.a"),
        _node("MatMul", [f"{output}.a", weights], real, name),
    ]
    return _all(*nodes, *([_node("Add", [real, bias], output)] if bias else []))


MOVED = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity")


def _integer(node: Any, here: Graph, name: str) -> Nodes:
    """MatMulInteger or ConvInteger with the Cast to floating point and the Mul that scales its outputs back."""
    weights = here.constants.get(node.input[1])
    cast = here.only_user(node.output[0])
    if weights is None or cast is None or cast.op_type != "Cast" or settings(cast)["to"] not in FLOAT_TYPES:
        return None
    made = here.makers.get(node.input[0])
    while made is not None and made.op_type in MOVED:
        made = here.makers.get(made.input[0])
    dynamic = made.output[1] if made is not None and made.op_type == "DynamicQuantizeLinear" else ""
    static = made.input[1] if made is not None and made.op_type == "QuantizeLinear" else ""
    if static and static not in here.constants:
        return None
    is_conv = node.op_type == "ConvInteger"
    rows = weights.shape[0] if is_conv else weights.shape[-1]
    factor, value, gone, scales = np.ones(1, np.float32), cast.output[0], [cast], []
    scaled = not dynamic
    while (after := here.only_user(value)) is not None and after.op_type == "Mul" and not (scaled and gone[1:]):
        other = next((one for one in after.input if one != value), "")
        by, has_dynamic = _scale(here, other, dynamic)
        if by is None or (has_dynamic and scaled) or by.size not in (1, rows) or not _by_rows(by, rows, is_conv):
            break
        factor, value, scaled = factor * by.astype(np.float32).reshape(-1), after.output[0], scaled or has_dynamic
        gone.append(after)
        scales.append(other)
    if not scaled:
        return None
    output = node.output[0]
    if static:
        factor = factor / here.constants[static].astype(np.float32).reshape(-1)
    new = _dequantised(here, node.input[1], "", _input(node, 3), f"{output}.weight", 0 if is_conv else -1, factor)
    scale = dynamic or static or here.store(f"{output}.one", np.array(1, np.float32), {})
    codes = _dequantise(here, node.input[0], scale, _input(node, 2), f"{output}.a")
    if new is None or codes is None:
        return None
    parts = dict(here.constants.parts[new])
    for one in scales:
        makers = [one, *(here.makers[one].input if one in here.makers else [])]
        parts.update((part, "scale") for held in makers for part in here.constants.parts.get(held, {}))
    here.constants.parts[new] = parts
    here.gone.update(one.output[0] for one in gone)
    here.idle += [here.makers[one] for one in scales if one in here.makers]
    own = settings(node)
    return [codes, _node("Conv" if is_conv else "MatMul", [codes.output[0], new], value, name, own)]


def _scale(here: Graph, value: str, dynamic: str) -> tuple[npt.NDArray[Any] | None, bool]:
    """What a scale is times the activations' own, and whether that is in it."""
    if value in here.constants:
        return here.constants[value], False
    if value == dynamic:
        return np.ones(1, np.float32), True
    made = here.makers.get(value)
    if made is None or made.op_type != "Mul" or not dynamic:
        return None, False
    other = next((one for one in made.input if one in here.constants), None)
    return (here.constants[other], True) if other is not None and dynamic in made.input else (None, False)


def _by_rows(by: npt.NDArray[Any], rows: int, is_conv: bool) -> bool:
    shape = by.shape
    if by.size == 1:
        return True
    return len(shape) >= 3 and shape[-3 if len(shape) == 4 else 0] == rows if is_conv else shape[-1] == rows


def _nbits(node: Any, here: Graph, name: str) -> Nodes:
    """MatMulNBits: B [N, blocks, bytes], low bits first; scales [N, blocks]; zero points packed too, or as numbers."""
    own, output, x = settings(node), node.output[0], [_input(node, k) for k in range(6)]
    rows, cols, bits, block = own["N"], own["K"], own.get("bits", 4), own["block_size"]
    packed, scales, zeros = (here.constants.get(value) for value in x[1:4])
    if packed is None or scales is None or (x[3] and zeros is None) or x[4]:
        return None
    blocks = -(-cols // block)
    codes = _unpacked(packed.reshape(rows, blocks, -1), bits)[..., :block].astype(np.float32)
    by_block = scales.astype(np.float32).reshape(rows, blocks)
    if zeros is None:
        less = np.full((rows, blocks), 2.0 ** (bits - 1), np.float32)
    elif zeros.dtype == np.uint8:
        less = _unpacked(zeros.reshape(rows, -1), bits)[:, :blocks].astype(np.float32)
    else:
        less = zeros.astype(np.float32).reshape(rows, blocks)
    values = ((codes - less[..., None]) * by_block[..., None]).reshape(rows, blocks * block)[:, :cols]
    parts = {**here.constants.parts[x[1]]}
    for value, role in ((x[2], "scale"), (x[3], "zero_point")):
        parts.update(dict.fromkeys(here.constants.parts.get(value, {}), role))
    stored_as = scales.dtype if scales.dtype.kind == "f" else np.dtype(np.float32)
    weights = here.store(f"{output}.weight", np.ascontiguousarray(values.T).astype(stored_as), parts)
    if not x[5]:
        return [_node("MatMul", [x[0], weights], output, name)]
    return [_node("MatMul", [x[0], weights], f"{output}.product", name),
            _node("Add", [f"{output}.product", x[5]], output)]  # fmt: skip


def _unpacked(packed: npt.NDArray[Any], bits: int) -> npt.NDArray[np.uint8]:
    """Codes of 1 to 8 bits from bytes, the lowest bits first."""
    places = np.unpackbits(packed, axis=-1, bitorder="little")
    whole = places[..., : places.shape[-1] // bits * bits]
    codes = whole.reshape(*whole.shape[:-1], -1, bits)
    return np.packbits(codes, axis=-1, bitorder="little")[..., 0]


def _quant(node: Any, here: Graph, name: str) -> Nodes:
    """QONNX's Quant on activations of at most 8 bits and one scale: what onnxruntime can run."""
    own, output = settings(node), node.output[0]
    scale, zero, bits = (here.constants.get(value) for value in node.input[1:4])
    if scale is None or zero is None or bits is None or scale.size != 1 or zero.size != 1:
        return None
    if own.get("rounding_mode", b"ROUND") not in (b"ROUND", b"HALF_EVEN") or not 1 <= float(bits) <= 8:
        return None
    signed, narrow, width = bool(own.get("signed", 1)), bool(own.get("narrow", 0)), float(bits.reshape(()))
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
        _node("QuantizeLinear", [node.input[0], by, less], f"{output}.codes"),
        _node("Clip", [f"{output}.codes", *ends], f"{output}.clipped"),
        _node("DequantizeLinear", [f"{output}.clipped", by, less], output, name),
    ]


RULES: dict[tuple[str, str], Callable[[Any, Graph, str], Nodes]] = {
    (MICROSOFT, "FusedGemm"): _fused,
    (MICROSOFT, "FusedConv"): _fused,
    (MICROSOFT, "FusedMatMul"): _fused_matmul,
    (MICROSOFT, "QGemm"): _qgemm,
    (MICROSOFT, "QLinearAdd"): _qlinear,
    (MICROSOFT, "QLinearMul"): _qlinear,
    (MICROSOFT, "MatMulIntegerToFloat"): _to_float,
    (MICROSOFT, "DynamicQuantizeMatMul"): _to_float,
    (MICROSOFT, "MatMulNBits"): _nbits,
    ("", "QLinearMatMul"): _qlinear,
    ("", "QLinearConv"): _qlinear_conv,
    ("", "MatMulInteger"): _integer,
    ("", "ConvInteger"): _integer,
    ("qonnx", "Quant"): _quant,
    ("qonnx", "IntQuant"): _quant,
}
