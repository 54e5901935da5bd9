"""Dense products in lower precision: what a CPU does with a network today, and not the same product.

Weights are rounded from float32 beforehand: to bfloat16; to int8, one scale a row; to int4, one scale for every 32
weights of a row. Inputs come in float32 (bfloat16 for bfloat16), as they leave the layer before; a kernel that
multiplies in int8 quantises them as part of the product, and of its time.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.baselines.products import Call, Product
from eiesim.layer import CompressedLayer

INT4_BLOCK = 32
"""Weights that share a scale."""


def torch_bfloat16(layer: CompressedLayer) -> Iterator[Product]:
    """PyTorch's linear layer in bfloat16, inputs and outputs too."""
    if not find_spec("torch"):
        return
    torch = import_module("torch")
    operand = torch.from_numpy(layer.to_dense()).bfloat16()

    def ready(inputs: npt.NDArray[np.float32], threads: int) -> Call:
        x = torch.from_numpy(inputs).bfloat16()
        return lambda: torch.nn.functional.linear(x, operand)

    kernel = f"linear, PyTorch {torch.__version__}"
    yield Product("torch", kernel, "dense", ready, lambda outputs: outputs.float().numpy(), precision="bfloat16")


def torch_int8(layer: CompressedLayer) -> Iterator[Product]:
    """PyTorch's dynamically quantised linear layer: weights and inputs in int8."""
    if not find_spec("torch"):
        return
    torch = import_module("torch")
    dense = torch.from_numpy(layer.to_dense())
    scales = torch.from_numpy(row_scales(dense.numpy())).double()
    zeros = torch.zeros(layer.rows, dtype=torch.int64)
    operand = torch.ops.quantized.linear_prepack(torch.quantize_per_channel(dense, scales, zeros, 0, torch.qint8), None)
    del dense

    def ready(inputs: npt.NDArray[np.float32], threads: int) -> Call:
        x = torch.from_numpy(inputs)
        return lambda: torch.ops.quantized.linear_dynamic(x, operand)

    kernel = f"linear_dynamic, {torch.backends.quantized.engine}, PyTorch {torch.__version__}"
    yield Product("torch", kernel, "dense", ready, lambda outputs: outputs.numpy(), precision="int8")


def onnxruntime_int8(layer: CompressedLayer) -> Iterator[Product]:
    """DynamicQuantizeMatMul, what onnxruntime makes of a dynamically quantised model: weights and inputs in int8."""
    if not _has_onnxruntime():
        return
    dense = layer.to_dense()
    scales = row_scales(dense)
    dense /= scales[:, None]
    weights = np.ascontiguousarray(np.rint(dense, out=dense).astype(np.int8).T)
    del dense
    yield _onnx(layer, "DynamicQuantizeMatMul", {"weights": weights, "scales": scales}, "int8", "one scale a row")


def onnxruntime_int4(layer: CompressedLayer) -> Iterator[Product]:
    """MatMulNBits: weights in int4; inputs as they are, and quantised to int8."""
    if not _has_onnxruntime():
        return
    weights, scales = int4_blocks(layer.to_dense())
    sizes = {"K": layer.cols, "N": layer.rows, "bits": 4, "block_size": INT4_BLOCK}
    for level, of in ((0, "inputs in float32"), (4, "inputs in int8")):
        operands = {"weights": weights, "scales": scales.reshape(-1)}
        yield _onnx(layer, "MatMulNBits", operands, "int4", of, accuracy_level=level, **sizes)


def row_scales(dense: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What each row is divided by so that its weights are -127 to 127; 1 for a row of zeros."""
    largest = np.maximum(dense.max(axis=1), -dense.min(axis=1))
    return np.where(largest > 0, largest / 127, 1).astype(np.float32)


def int4_blocks(dense: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Weights as MatMulNBits takes them: uint8[rows, blocks, 16], two a byte, the first in the lower half; scales.

    A weight is (its 4 bits - 8) x its block's scale, and the largest of a block is -8 scales, which is exact.
    """
    rows, cols = dense.shape
    blocks = np.pad(dense, ((0, 0), (0, -cols % INT4_BLOCK))).reshape(rows, -1, INT4_BLOCK)
    low, high = blocks.min(axis=2), blocks.max(axis=2)
    scales = np.where(high > -low, high, low) / np.float32(-8)
    blocks /= np.where(scales == 0, np.float32(1), scales)[..., None]
    np.rint(blocks, out=blocks)
    codes: npt.NDArray[np.uint8] = (blocks.clip(-8, 7, out=blocks) + 8).astype(np.uint8)
    packed: npt.NDArray[np.uint8] = codes[..., 0::2] | np.left_shift(codes[..., 1::2], 4, dtype=np.uint8)
    return packed, scales.astype(np.float32, copy=False)


def _has_onnxruntime() -> bool:
    return find_spec("onnx") is not None and find_spec("onnxruntime") is not None


def _onnx(
    layer: CompressedLayer, operator: str, operands: dict[str, Any], precision: str, how: str, **attributes: int
) -> Product:
    """A product of onnxruntime: a model of one of Microsoft's operators."""
    onnx, runtime = import_module("onnx"), import_module("onnxruntime")
    make, number = onnx.helper, onnx.TensorProto.FLOAT
    node = make.make_node(operator, ["x", *operands], ["y"], domain="com.microsoft", **attributes)
    graph = make.make_graph(
        [node],
        "product",
        [make.make_tensor_value_info("x", number, ["batch", layer.cols])],
        [make.make_tensor_value_info("y", number, ["batch", layer.rows])],
        [onnx.numpy_helper.from_array(values, name) for name, values in operands.items()],
    )
    opsets = [make.make_opsetid("", 17), make.make_opsetid("com.microsoft", 1)]
    model = make.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()

    def ready(inputs: npt.NDArray[np.float32], threads: int) -> Call:
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        # Its threads would go on spinning in the next product's turn.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        given = {"x": inputs}
        return lambda: session.run(None, given)[0]

    kernel = f"{operator}, {how}, onnxruntime {runtime.__version__}"
    return Product("onnxruntime", kernel, "dense", ready, lambda outputs: outputs, precision=precision)
