"""How operators on whole numbers are written with plain ones: MatMulInteger and its kin, MatMulNBits (see `plain`)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.files.onnx.reading import FLOAT_TYPES, settings
from eiesim.files.onnx.rules import MICROSOFT, Graph, Nodes, Rule, dequantise, dequantised, entry, every, made_node


def _to_float(node: Any, here: Graph, name: str) -> Nodes:
    """MatMulIntegerToFloat (A, B, scales, zero points, bias) and DynamicQuantizeMatMul (A float, B, its own, bias)."""
    output, x = node.output[0], [entry(node, k) for k in range(7)]
    nodes: list[Any] = []
    codes, scale, zero = x[0], x[2], x[4]
    by, less, bias = x[3], x[5], x[6]
    if node.op_type == "DynamicQuantizeMatMul":
        from onnx import helper

        by, less, bias = x[2], x[3], x[4]
        codes, scale, zero = (f"{output}.{one}" for one in ("codes", "scale", "zero"))
        nodes.append(helper.make_node("DynamicQuantizeLinear", [x[0]], [codes, scale, zero]))
    weights = dequantised(here, x[1], by, less, f"{output}.weight", -1)
    if weights is None:
        return None
    real = f"{output}.product" if bias else output
    nodes += [
        dequantise(here, codes, scale, zero, f"{output}.a"),
        made_node("MatMul", [f"{output}.a", weights], real, name),
    ]
    return every(*nodes, *([made_node("Add", [real, bias], output)] if bias else []))


MOVED = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity")


def _integer(node: Any, here: Graph, name: str) -> Nodes:
    """MatMulInteger or ConvInteger with the Cast to floating point and the Mul that scales its outputs back.

    A bias of whole numbers before the Cast, as onnxruntime 1.2 made it, is the constant that was divided by the scale.
    """
    weights, output, is_conv = here.constants.get(node.input[1]), node.output[0], node.op_type == "ConvInteger"
    if weights is None:
        return None
    dynamic, static = _quantiser_before(here, node.input[0])
    if static and static not in here.constants:
        return None
    after, gone, bias = here.only_user(output), [], ""
    if after is not None and after.op_type == "Add":
        bias = _divided(here, next((one for one in after.input if one != output), ""))
        gone, after = [after], here.only_user(after.output[0]) if bias else None
    if after is None or after.op_type != "Cast" or settings(after)["to"] not in FLOAT_TYPES:
        return None
    gone.append(after)
    rows = weights.shape[0] if is_conv else weights.shape[-1]
    factor, value, scaled = np.ones(1, np.float32), after.output[0], not dynamic
    scales: list[str] = []
    while (after := here.only_user(value)) is not None and after.op_type == "Mul" and not (scaled and scales):
        other = next((one for one in after.input if one != value), "")
        by, has_dynamic = _scale(here, other, dynamic)
        behind = weights.ndim - 2 if is_conv else 0
        if by is None or (has_dynamic and scaled) or not _by_rows(by, rows, behind):
            break
        factor, value, scaled = factor * by.astype(np.float32).reshape(-1), after.output[0], scaled or has_dynamic
        gone.append(after)
        scales.append(other)
    if not scaled or (bias and not scales):
        return None
    if static:
        factor = factor / here.constants[static].astype(np.float32).reshape(-1)
    new = dequantised(here, node.input[1], "", entry(node, 3), f"{output}.weight", 0 if is_conv else -1, factor)
    scale = dynamic or static or here.store(f"{output}.one", np.array(1, np.float32), {})
    codes = dequantise(here, node.input[0], scale, entry(node, 2), f"{output}.a")
    if new is None or codes is None:
        return None
    parts = dict(here.constants.parts[new])
    for one in scales:
        makers = [one, *(here.makers[one].input if one in here.makers else [])]
        parts.update((part, "scale") for held in makers for part in here.constants.parts.get(held, {}))
    here.constants.parts[new] = parts
    here.gone.update(one.output[0] for one in gone)
    here.idle.update(value for one in (*scales, *gone[0].input) for value in _ahead(here, one))
    inputs = [codes.output[0], new]
    if bias:
        held = here.constants[bias].astype(np.float32).reshape(-1)
        inputs.append(here.store(f"{output}.bias", held, dict.fromkeys(here.constants.parts[bias], "bias")))
    if is_conv:
        return [codes, made_node("Conv", inputs, value, name, settings(node))]
    if not bias:
        return [codes, made_node("MatMul", inputs, value, name)]
    product = made_node("MatMul", inputs[:2], f"{output}.product", name)
    return [codes, product, made_node("Add", [f"{output}.product", inputs[2]], value)]


def _quantiser_before(here: Graph, value: str) -> tuple[str, str]:
    """The scale that codes were made by, as they run or a value that is stored; empty where there is none."""
    made = here.makers.get(value)
    while made is not None and made.op_type in MOVED:
        made = here.makers.get(made.input[0])
    if made is None:
        return "", ""
    return (
        str(made.output[1]) if made.op_type == "DynamicQuantizeLinear" else "",
        str(made.input[1]) if made.op_type == "QuantizeLinear" else "",
    )


def _divided(here: Graph, value: str) -> str:
    """The constant bias that was divided by a scale and rounded; empty if it is not that."""
    made = here.makers.get(value)
    while made is not None and made.op_type in (*MOVED, "Cast", "Floor", "Round"):
        made = here.makers.get(made.input[0])
    is_bias = made is not None and made.op_type == "Div" and made.input[0] in here.constants
    return str(made.input[0]) if is_bias and made is not None else ""


def _ahead(here: Graph, value: str) -> set[str]:
    """A value and those that it is made of, up to quantisers and constants."""
    made = here.makers.get(value)
    if made is None or value in here.constants or "Quantize" in made.op_type or "Integer" in made.op_type:
        return set()
    return {value}.union(*(_ahead(here, one) for one in made.input))


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


def _by_rows(by: npt.NDArray[Any], rows: int, behind: int) -> bool:
    """Whether a factor is one number, or one a row. behind: how many axes follow that of the rows."""
    return by.size == 1 or (by.size == rows and by.ndim > behind and by.shape[-1 - behind] == rows)


def _nbits(node: Any, here: Graph, name: str) -> Nodes:
    """MatMulNBits: B [N, blocks, bytes], low bits first; scales [N, blocks]; zero points packed too, or as numbers.

    g_idx: of each input, the block whose scale and zero point it has.
    """
    own, output, x = settings(node), node.output[0], [entry(node, k) for k in range(6)]
    rows, cols, bits, block = own["N"], own["K"], own.get("bits", 4), own["block_size"]
    packed, scales, zeros, groups = (here.constants.get(value) for value in x[1:5])
    if packed is None or scales is None or (x[3] and zeros is None) or (x[4] and groups is None):
        return None
    blocks = -(-cols // block)
    size = -(-block * bits // 8)
    if own.get("weight_prepacked") or packed.shape not in ((rows, blocks, size), (rows, blocks * size)):
        return None
    codes = _unpacked(packed.reshape(rows, blocks, -1), bits)[..., :block].astype(np.float32)
    codes = codes.reshape(rows, blocks * block)[:, :cols]
    by_block = scales.astype(np.float32).reshape(rows, blocks)
    if zeros is None:
        less = np.full((rows, blocks), 2.0 ** (bits - 1), np.float32)
    elif zeros.dtype == np.uint8:
        less = _unpacked(zeros.reshape(rows, -1), bits)[:, :blocks].astype(np.float32)
    else:
        less = zeros.astype(np.float32).reshape(rows, blocks)
    of_inputs = np.arange(cols) // block if groups is None else groups.reshape(-1)[:cols].astype(np.int64)
    if of_inputs.size != cols or of_inputs.min() < 0 or of_inputs.max() >= blocks:
        return None
    values = (codes - less[:, of_inputs]) * by_block[:, of_inputs]
    parts = {**here.constants.parts[x[1]]}
    for value, role in ((x[2], "scale"), (x[3], "zero_point"), (x[4], "indices")):
        parts.update(dict.fromkeys(here.constants.parts.get(value, {}), role))
    stored_as = scales.dtype if scales.dtype.kind == "f" else np.dtype(np.float32)
    whole = np.ascontiguousarray(values.T)
    weights = here.store(f"{output}.weight", whole.astype(stored_as), parts)
    here.constants[weights] = whole  # which 16 bits would round
    if not x[5]:
        return [made_node("MatMul", [x[0], weights], output, name)]
    return [made_node("MatMul", [x[0], weights], f"{output}.product", name),
            made_node("Add", [f"{output}.product", x[5]], output)]  # fmt: skip


def _lstm(node: Any, here: Graph, name: str) -> Nodes:
    """DynamicQuantizeLSTM: an LSTM whose W and R are whole numbers, [directions, inputs, gates x hidden]."""
    x = [entry(node, k) for k in range(12)]
    matrices = []
    for codes, scale, zero in ((x[1], x[8], x[9]), (x[2], x[10], x[11])):
        held, by, less = (here.constants.get(one) for one in (codes, scale, zero))
        if held is None or by is None or (zero and less is None):
            return None
        rows = by.reshape(len(by), 1, -1).astype(np.float32)
        points = np.float32(0) if less is None else less.reshape(len(less), 1, -1).astype(np.float32)
        values = np.ascontiguousarray(((held.astype(np.float32) - points) * rows).swapaxes(1, 2))
        parts = dict(here.constants.parts[codes])
        for one, role in ((scale, "scale"), (zero, "zero_point")):
            parts.update(dict.fromkeys(here.constants.parts.get(one, {}), role))
        matrices.append(here.store(f"{codes}.real", values, parts))
    from onnx import helper

    given = [x[0], *matrices, *x[3:8]]
    while not given[-1]:
        given.pop()
    here.rounds = True
    return [helper.make_node("LSTM", given, list(node.output), name, **settings(node))]


def _unpacked(packed: npt.NDArray[Any], bits: int) -> npt.NDArray[np.uint8]:
    """Codes of 1 to 8 bits from bytes, the lowest bits first."""
    places = np.unpackbits(packed, axis=-1, bitorder="little")
    whole = places[..., : places.shape[-1] // bits * bits]
    codes = whole.reshape(*whole.shape[:-1], -1, bits)
    return np.packbits(codes, axis=-1, bitorder="little")[..., 0]


INTEGER_RULES: dict[tuple[str, str], Rule] = {
    (MICROSOFT, "MatMulIntegerToFloat"): _to_float,
    (MICROSOFT, "DynamicQuantizeMatMul"): _to_float,
    (MICROSOFT, "DynamicQuantizeLSTM"): _lstm,
    (MICROSOFT, "MatMulNBits"): _nbits,
    ("", "MatMulInteger"): _integer,
    ("", "ConvInteger"): _integer,
}
