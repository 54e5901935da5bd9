"""Small ONNX models, made node by node."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def random_tensor(name, *shape, seed=0):
    values = np.random.default_rng([seed, *name.encode()]).standard_normal(shape)
    return numpy_helper.from_array(values.astype(np.float32), name)


def value(name, *shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def model(nodes, inputs, outputs, tensors):
    graph = helper.make_graph(nodes, "g", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def mlp(batch="N"):
    """Flatten, Gemm (transposed B), Relu, MatMul + Add, Relu, Gemm (plain B, alpha and beta)."""
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w1", "b1"], ["g1"], "fc1", transB=1),
        helper.make_node("Relu", ["g1"], ["r1"]),
        helper.make_node("MatMul", ["r1", "w2"], ["m2"], "/fc2/MatMul"),
        helper.make_node("Add", ["b2", "m2"], ["a2"]),
        helper.make_node("Relu", ["a2"], ["r2"]),
        helper.make_node("Gemm", ["r2", "w3", "b3"], ["y"], "fc3", alpha=0.5, beta=2.0),
    ]
    shapes = {"w1": (60, 40), "b1": (60,), "w2": (60, 30), "b2": (30,), "w3": (30, 10), "b3": (10,)}
    tensors = [random_tensor(name, *shape) for name, shape in shapes.items()]
    return model(nodes, [value("x", batch, 8, 5)], [value("y", batch, 10)], tensors)


def cnn():
    """A 3x3 Conv, a 1x1 Conv with Relu (also an output), pooling, and a Gemm."""
    nodes = [
        helper.make_node("Conv", ["x", "k0"], ["c0"], "conv3x3", pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["c0", "k1", "b1"], ["c1"], "pointwise"),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("GlobalAveragePool", ["r1"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "b"], ["y"], "fc", transB=1),
        helper.make_node("Identity", ["r1"], ["pixels"]),
    ]
    shapes = {"k0": (8, 3, 3, 3), "k1": (16, 8, 1, 1), "b1": (16,), "w": (10, 16), "b": (10,)}
    tensors = [random_tensor(name, *shape) for name, shape in shapes.items()]
    outputs = [value("y", "N", 10), value("pixels", "N", 16, 6, 5)]
    return model(nodes, [value("x", "N", 3, 6, 5)], outputs, tensors)


def recurrent(kind="LSTM"):
    """LSTM or GRU whose outputs are the model's, then a MatMul."""
    gates = 4 if kind == "LSTM" else 3
    nodes = [
        helper.make_node(kind, ["x", "W", "R", "B"], ["states"], "cell", hidden_size=6),
        helper.make_node("Squeeze", ["states", "axis"], ["s"]),
        helper.make_node("MatMul", ["s", "w"], ["y"], "out"),
    ]
    shapes = {"W": (1, gates * 6, 4), "R": (1, gates * 6, 6), "B": (1, 2 * gates * 6), "w": (6, 3)}
    tensors = [random_tensor(name, *shape) for name, shape in shapes.items()]
    tensors.append(numpy_helper.from_array(np.array([1]), "axis"))
    outputs = [value("y", "S", "N", 3), value("states", "S", 1, "N", 6)]
    return model(nodes, [value("x", "S", "N", 4)], outputs, tensors)


def constant(name, values):
    return numpy_helper.from_array(np.asarray(values), name)


def graph(nodes, tensors, inputs, *, opset=21, microsoft=False, domains=(), outputs=None, **more):
    """A model with output y (of any shape and type FLOAT unless given). inputs: the shape of x, or value infos."""
    entries = [value("x", *inputs)] if isinstance(inputs, tuple) else inputs
    ends = outputs or [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    held = helper.make_graph(nodes, "g", entries, ends, tensors, **more)
    imports = [helper.make_opsetid("", opset)]
    imports += [helper.make_opsetid(domain, 1) for domain in (*domains, *(["com.microsoft"] if microsoft else []))]
    return helper.make_model(held, opset_imports=imports, ir_version=10)


def run_plainly(path, feed):
    """All outputs, by onnxruntime without its optimiser, whose fused graphs have other values."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    if not isinstance(feed, dict):
        feed = {session.get_inputs()[0].name: feed}
    return session.run(None, feed)


def matrix_by_running(path, cols, dtype=np.float32):
    """Weights [rows, cols] and bias of a model that is one product: its outputs for 0 and for each unit vector."""
    (bias,) = run_plainly(path, np.zeros((1, cols), dtype))
    (columns,) = run_plainly(path, np.eye(cols, dtype=dtype))
    return (columns.astype(np.float64) - bias).T, bias[0]
