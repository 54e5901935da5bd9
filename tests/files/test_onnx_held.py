"""Held alone: each fault put into the reader is found by running the source, with nothing else to compare with."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from eiesim import EieError
from eiesim.files.held import check
from eiesim.files.onnx import constants, found, hold_onnx, integers, matrices, plain, rules, walk
from eiesim.files.onnx.found import Origin
from tests.cases import cli

onnx = pytest.importorskip("onnx", reason="needs extra [onnx]")
pytest.importorskip("onnxruntime", reason="needs extra [onnx]")

from onnx import TensorProto, helper  # noqa: E402
from onnx_models import cnn, constant, graph, mlp, recurrent  # type: ignore[import-not-found]  # noqa: E402
from test_onnx_quantised import ROUNDS, quantised  # type: ignore[import-not-found]  # noqa: E402
from test_onnx_quantised import mlp as small_mlp  # noqa: E402

node, info = helper.make_node, helper.make_tensor_value_info
RNG = np.random.default_rng(0)


def f(*shape):
    return np.asarray(RNG.standard_normal(shape), np.float32)


def masked(tmp_path):
    """PyTorch's default exporter with masks kept: weight_orig times weight_mask, in the graph."""
    nodes = [node("Mul", ["W_orig", "W_mask"], ["W"]), node("Gemm", ["x", "W", "b"], ["g"], "one", transB=1),
             node("Relu", ["g"], ["r"]), node("Gemm", ["r", "V"], ["y"], "two", transB=1)]  # fmt: skip
    tensors = {"W_orig": f(8, 8), "W_mask": (RNG.random((8, 8)) < 0.5).astype(np.float32), "b": f(8), "V": f(8, 8)}
    return saved(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 8)), tmp_path)


def twice(tmp_path):
    """One square matrix, used twice."""
    nodes = [node("MatMul", ["x", "W"], ["m"], "one"), node("MatMul", ["m", "W"], ["n"], "two"),
             node("Flatten", ["n"], ["s"]), node("MatMul", ["s", "V"], ["y"], "three")]  # fmt: skip
    return saved(graph(nodes, [constant("W", f(8, 8)), constant("V", f(8, 4))], ("N", 8)), tmp_path)


def shared_relu(tmp_path):
    """A ReLU after each of two layers, as PyTorch exports one object that stands twice."""
    nodes = [node("MatMul", ["x", "W"], ["m"], "one"), node("Relu", ["m"], ["r"], "relu"),
             node("MatMul", ["r", "V"], ["n"], "two"), node("Relu", ["n"], ["s"], "relu again"),
             node("MatMul", ["s", "U"], ["y"], "three")]  # fmt: skip
    tensors = {"W": f(8, 8), "V": f(8, 8), "U": f(8, 4)}
    return saved(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 8)), tmp_path)


def dequantised(tmp_path):
    """Weights of whole numbers with a scale a column, as large a matrix as the weights."""
    nodes = [node("DequantizeLinear", ["q", "s", "z"], ["W"], axis=1), node("Gemm", ["x", "W", "b"], ["g"], "one"),
             node("Relu", ["g"], ["y"])]  # fmt: skip
    tensors = {"q": RNG.integers(-99, 99, (8, 8)).astype(np.int8), "s": np.linspace(0.01, 0.1, 8, dtype=np.float32),
               "z": np.arange(8, dtype=np.int8), "b": f(8)}  # fmt: skip
    return saved(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 8)), tmp_path)


def four_bits(tmp_path):
    tensors = {"B": RNG.integers(0, 256, (8, 2, 8)).astype(np.uint8), "s": np.abs(f(8, 2)) + 0.1,
               "zp": RNG.integers(0, 256, (8, 1)).astype(np.uint8)}  # fmt: skip
    nodes = [
        node("MatMulNBits", ["x", *tensors], ["y"], "fc", domain="com.microsoft", K=32, N=8, bits=4, block_size=16)
    ]
    return saved(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 32), microsoft=True), tmp_path)


def squares(tmp_path):
    """Convolutions whose kernel is as wide as it is high, with a BatchNormalization between."""
    nodes = [node("Conv", ["x", "k", "b"], ["c"], "conv", pads=[1, 1, 1, 1]),
             node("BatchNormalization", ["c", "s", "t", "m", "v"], ["n"]), node("Relu", ["n"], ["r"]),
             node("Conv", ["r", "p"], ["y"], "grouped", group=2)]  # fmt: skip
    tensors = {
        "k": f(4, 4, 3, 3),
        "b": f(4),
        "s": f(4),
        "t": f(4),
        "m": f(4),
        "v": np.abs(f(4)) + 0.5,
        "p": f(4, 2, 3, 3),
    }
    return saved(graph(nodes, [constant(*pair) for pair in tensors.items()], ("N", 4, 6, 6)), tmp_path)


def saved(proto, tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(proto, str(path))
    return path


def static(how):
    return lambda tmp_path: quantised(small_mlp(), (8, 16), tmp_path, how)


def one_of(kind, change):
    """Put a changed `folded` into the reader: of one kind of operator its result is another."""

    def mutate(monkeypatch):
        folded = constants.folded

        def other(node, known, *rest):
            done = folded(node, known, *rest)
            if done and node.op_type == kind:
                known[node.output[0]] = change(node, known)
            return done

        monkeypatch.setattr(plain, "folded", other)

    return mutate


def no_relu(monkeypatch):
    monkeypatch.setattr(found, "is_relu", lambda node, constant: False)
    monkeypatch.setattr(walk, "PASSES", {*walk.PASSES, "Relu"})


def one_relu(monkeypatch):
    """The first ReLU is read, the second is passed."""
    is_relu, seen = matrices.is_relu, []
    monkeypatch.setattr(
        found, "is_relu", lambda node, known: is_relu(node, known) and not seen and not seen.append(node)
    )
    monkeypatch.setattr(walk, "PASSES", {*walk.PASSES, "Relu"})


def no_relu_of_a_quantiser(monkeypatch):
    quantiser = found._quantiser

    def blind(node, scope):
        got = quantiser(node, scope)
        return got and (replace(got[0], least=-1e-9), got[1])

    monkeypatch.setattr(found, "_quantiser", blind)
    monkeypatch.setattr(walk, "cuts_at_zero", lambda node, known: False)


def the_second_use_dropped(monkeypatch):
    """A matrix that stands once more is passed as if it left its inputs what they are."""
    add, seen = walk._add_layer, set()

    def once(reader, scope, node, name, matrix):
        if matrix.held in seen and matrix.activations in scope.came_from:
            scope.came_from[node.output[0]] = scope.came_from[matrix.activations]
            return
        seen.add(matrix.held)
        add(reader, scope, node, name, matrix)

    monkeypatch.setattr(walk, "_add_layer", once)


def changed_layer(change):
    def mutate(monkeypatch):
        monkeypatch.setattr(walk, "grown", lambda *given: change(found.grown(*given)))

    return mutate


def of_matrix(**what):
    return changed_layer(
        lambda one: replace(one, matrix=replace(one.matrix, **{k: v(one.matrix) for k, v in what.items()}))
    )


def changed_rule(name, change):
    """A helper of the rules for fused and quantised operators replaced."""

    def mutate(monkeypatch):
        for module in (rules, integers):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, change(getattr(module, name)))

    return mutate


def dynamic(tmp_path):
    from onnxruntime.quantization import QuantType

    return quantised(small_mlp(), (8, 16), tmp_path, "dynamic", weight_type=QuantType.QUInt8)


def file_of(make):
    return lambda tmp_path: saved(make(), tmp_path)


def gates_moved(monkeypatch):
    monkeypatch.setattr(
        walk, "floats", lambda array: np.asarray(array)[..., ::-1, :].copy() if array.ndim == 3 else np.asarray(array)
    )


def spread_wrongly(monkeypatch):
    monkeypatch.setattr(
        matrices, "_spread", lambda weights, groups: np.tile(weights.reshape(len(weights), -1), (1, groups))
    )


def turned_kernels(matrix):
    return matrix.weights.reshape(-1, 3, 3).swapaxes(1, 2).reshape(4, -1)


FAULTS: dict[str, tuple[Any, Any]] = {
    "mask dropped": (masked, one_of("Mul", lambda node, known: known[node.input[0]])),
    "mask taken for the weights": (masked, one_of("Mul", lambda node, known: known[node.input[1]])),
    "transpose dropped": (masked, of_matrix(weights=lambda m: m.weights.T)),
    "transpose dropped, of a kernel": (squares, of_matrix(weights=turned_kernels)),
    "second use of a ReLU dropped": (shared_relu, one_relu),
    "second use of a matrix dropped": (twice, the_second_use_dropped),
    "scale dropped": (dequantised, one_of("DequantizeLinear", lambda _, known: known["q"].astype(np.float32))),
    "scale taken for the weights": (
        dequantised,
        one_of("DequantizeLinear", lambda _, known: np.broadcast_to(known["s"], (8, 8)).copy()),
    ),
    "scale along the other axis": (
        dequantised,
        one_of("DequantizeLinear", lambda _, known: known["W"] / known["s"] * known["s"][:, None]),
    ),
    "zero point dropped": (
        dequantised,
        one_of("DequantizeLinear", lambda _, known: known["q"].astype(np.float32) * known["s"]),
    ),
    "ReLU lost": (file_of(mlp), no_relu),
    "ReLU lost, of an image": (file_of(cnn), changed_layer(lambda one: replace(one, activation="none"))),
    "ReLU invented": (file_of(recurrent), changed_layer(lambda one: replace(one, activation="relu"))),
    "ReLU of a quantiser lost": (static("QDQ"), no_relu_of_a_quantiser),
    "ReLU of a quantised operator lost": (static("QOperator"), no_relu_of_a_quantiser),
    "bias lost": (file_of(mlp), of_matrix(bias=lambda m: None)),
    "bias lost, of a quantised network": (static("QOperator"), of_matrix(bias=lambda m: None)),
    "normalisation lost": (squares, lambda patch: patch.setattr(found, "fold", lambda matrix, effect: matrix)),
    "groups spread the wrong way": (squares, spread_wrongly),
    "scale taken, of whole numbers": (
        static("QOperator"),
        changed_rule(
            "dequantised", lambda was: lambda here, codes, scale, zero, *rest: was(here, codes, "", zero, *rest)
        ),
    ),
    "zero point dropped, of whole numbers": (
        dynamic,
        changed_rule(
            "dequantised", lambda was: lambda here, codes, scale, zero, *rest: was(here, codes, scale, "", *rest)
        ),
    ),
    "nibbles the other way round": (
        four_bits,
        changed_rule("_unpacked", lambda was: lambda packed, bits: was((packed >> 4) | (packed << 4), bits)),
    ),
    "a Sigmoid taken for nothing": (
        lambda tmp_path: with_sigmoid(tmp_path),
        lambda patch: patch.setattr(walk, "PASSES", {*walk.PASSES, "Sigmoid"}),
    ),
    "gates in another order": (file_of(recurrent), gates_moved),
}


def with_sigmoid(tmp_path):
    nodes = [
        node("MatMul", ["x", "W"], ["m"], "one"),
        node("Sigmoid", ["m"], ["s"]),
        node("MatMul", ["s", "V"], ["y"], "two"),
    ]
    return saved(graph(nodes, [constant("W", f(8, 8)), constant("V", f(8, 4))], ("N", 8)), tmp_path)


@pytest.mark.parametrize("fault", FAULTS)
def test_held_alone_finds(tmp_path, monkeypatch, fault):
    make, mutate = FAULTS[fault]
    path = make(tmp_path)
    check(hold_onnx(path))
    mutate(monkeypatch)
    with pytest.raises(EieError, match=r"as read it gives other outputs than the graph"):
        check(hold_onnx(path))


def test_compress_refuses_and_writes_nothing(tmp_path, monkeypatch):
    path = masked(tmp_path)
    FAULTS["mask dropped"][1](monkeypatch)
    from eiesim import compress

    with pytest.raises(EieError, match=r"layer 'one': as read it gives other outputs than the graph \(relative error"):
        compress(path, tmp_path / "net")
    assert not (tmp_path / "net").exists()
    made = compress(path, tmp_path / "net", check=False)
    assert made.model.held.against is None
    compress(path, tmp_path / "other", leave=["one"])  # what is left over is right


def test_what_was_held_is_told(tmp_path):
    import json

    path = saved(mlp(), tmp_path)
    answer = cli("compress", path, "-o", tmp_path / "net")
    assert answer.status == 0, answer.err
    assert "read as it runs: 3 of 3 layers within" in answer.out
    held = json.loads((tmp_path / "net" / "report.json").read_text())["held"]
    assert held["against"] == "onnxruntime"
    assert [one["name"] for one in held["layers"]] == ["fc1", "fc2/MatMul", "fc3"]
    assert max(one["error"] for one in held["layers"]) < 1e-5
    assert held["network_error"] < 1e-5


def test_a_model_that_cannot_run_is_held_against_nothing(tmp_path):
    nodes = [node("MatMul", ["x", "W"], ["m"], "one"), node("Reshape", ["m", "shape"], ["y"], "of seven rows")]
    proto = graph(nodes, [constant("W", f(8, 7)), constant("shape", np.array([7, 3]))], ("N", 8))
    held = hold_onnx(saved(proto, tmp_path))
    assert held.against is None
    assert held.line == "held against nothing"
    held = hold_onnx(tmp_path / "model.onnx", f(3, 8))  # given inputs that it takes, it is held
    assert held.layers[0].error < 1e-5
    with pytest.raises(EieError, match="onnxruntime refuses"):
        hold_onnx(tmp_path / "model.onnx", f(4, 8))


def test_both_branches_and_every_turn(tmp_path):
    def branch(name, weight):
        nodes = [node("MatMul", ["x", weight], [f"{name}.y"], "fc")]
        end = helper.make_tensor_value_info(f"{name}.y", TensorProto.FLOAT, None)
        return helper.make_graph(nodes, name, [], [end], [constant(weight, f(8, 8))])

    body = helper.make_graph(
        [node("Gemm", ["h", "L"], ["g"], "step"), node("Relu", ["g"], ["h2"]), node("Identity", ["go"], ["go2"])],
        "body",
        [info("i", TensorProto.INT64, []), info("go", TensorProto.BOOL, []), info("h", TensorProto.FLOAT, None)],
        [info("go2", TensorProto.BOOL, []), info("h2", TensorProto.FLOAT, None)],
        [constant("L", f(8, 8))],
    )  # fmt: skip
    nodes = [node("If", ["c"], ["i"], "if", then_branch=branch("yes", "W"), else_branch=branch("no", "V")),
             node("Loop", ["n", "", "i"], ["y"], "loop", body=body)]  # fmt: skip
    entries = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 8]),
        helper.make_tensor_value_info("c", TensorProto.BOOL, []),
    ]
    held = hold_onnx(saved(graph(nodes, [constant("n", np.array(3))], entries), tmp_path))
    assert sorted(one.name for one in held.layers) == ["if.else/fc", "if.then/fc", "loop/step"]
    assert all(one.error < 1e-5 for one in held.layers)


def test_the_note_of_rounded_activations(tmp_path):
    loaded = walk.load(static("QDQ")(tmp_path))
    assert loaded.model.notes == (ROUNDS,)
    assert Origin(0).codes is None
