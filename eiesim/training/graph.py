"""A network with convolutions as an ONNX graph: extra `[onnx]`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eiesim._io.atomic import writing
from eiesim._version import __version__
from eiesim.dense import DenseLayer
from eiesim.errors import EieError, with_extra
from eiesim.training.convolution import Convolution

OPSET, IR_VERSION = 17, 8
"""Of 2022, which every onnxruntime that the extra allows reads."""


def check_onnx() -> Any:
    """onnx, or an EieError that says how to get it."""
    try:
        import onnx
    except ImportError:
        raise EieError(f"a network with convolutions comes with its ONNX graph: {with_extra('train,onnx')}") from None
    return onnx


def save_graph(layers: Sequence[DenseLayer], path: Path) -> None:
    """Write the layers as a graph from `images`, float32[n, channels, height, width], to `scores`, float32[n, classes].

    The first layer is a convolution. A node has its layer's name.
    """
    onnx = check_onnx()
    helper, first, value = onnx.helper, layers[0], "images"
    assert isinstance(first, Convolution)
    nodes: list[Any] = []
    tensors: list[Any] = []

    def add(kind: str, name: str, *constants: str, **attributes: Any) -> None:
        nonlocal value
        nodes.append(helper.make_node(kind, [value, *constants], [name], name=name, **attributes))
        value = name

    def hold(name: str, array: Any) -> str:
        tensors.append(onnx.numpy_helper.from_array(array, name))
        return name

    for k, layer in enumerate(layers):
        bias = [] if layer.bias is None else [hold(f"{layer.name}.bias", layer.bias)]
        if isinstance(layer, Convolution):
            add("Conv", layer.name, hold(f"{layer.name}.weight", layer.weights.reshape(layer.kernels)), *bias)
        else:
            if isinstance(layers[k - 1], Convolution):
                add("Flatten", f"{layer.name}.flat")
            add("Gemm", layer.name, hold(f"{layer.name}.weight", layer.weights), *bias, transB=1)
        if layer.activation == "relu":
            add("Relu", f"{layer.name}.relu")
        if isinstance(layer, Convolution) and layer.pool > 1:
            square = [layer.pool, layer.pool]
            add("MaxPool", f"{layer.name}.pool", kernel_shape=square, strides=square)
    nodes[-1].output[0] = "scores"
    images, scores = ["n", first.channels, *first.image], ["n", layers[-1].rows]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "eiesim",
            [helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, images)],
            [helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, scores)],
            tensors,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="eiesim",
        producer_version=__version__,
    )
    onnx.checker.check_model(model)
    with writing(path) as file:
        file.write(model.SerializeToString())
