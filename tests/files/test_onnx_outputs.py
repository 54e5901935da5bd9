"""Outputs of every kind: which one accuracy judges, and how; the right share is onnxruntime's own outputs'."""

import json

import numpy as np
import pytest

import eiesim
from eiesim import EieError
from eiesim.files.onnx import hold_onnx, load_onnx
from eiesim.files.onnx.judged import judged
from tests.cases import cli

onnx = pytest.importorskip("onnx", reason="needs extra [onnx]")
pytest.importorskip("onnxruntime", reason="needs extra [onnx]")

from onnx import TensorProto, helper  # noqa: E402
from onnx_models import constant, graph, run_plainly  # type: ignore[import-not-found]  # noqa: E402

node, info = helper.make_node, helper.make_tensor_value_info
RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 12)).astype(np.float32)
TENSORS = {
    "W": RNG.standard_normal((12, 8)).astype(np.float32), "V": RNG.standard_normal((8, 5)).astype(np.float32),
    "U": RNG.standard_normal((8, 1)).astype(np.float32), "P": RNG.standard_normal((8, 7)).astype(np.float32),
    "one": np.array([1]), "ends": np.array([2, 3]),
}  # fmt: skip
FIRST = [node("Gemm", ["x", "W"], ["h"]), node("Tanh", ["h"], ["t"])]  # the layers do not follow one another
SCORES = node("Gemm", ["t", "V"], ["s"])


def saved(tmp_path, nodes, outputs):
    every = [*FIRST, *nodes]
    taken = {value for one in every for value in one.input}
    tensors = [constant(name, values) for name, values in TENSORS.items() if name in taken]
    path = tmp_path / "model.onnx"
    ends = [
        info(name, kind, None) if isinstance(kind, int) else helper.make_value_info(name, kind)
        for name, kind in outputs
    ]
    proto = graph(every, tensors, ("N", 12), opset=17, outputs=ends)
    proto.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    onnx.save(proto, str(path))
    return path


def sigmoid(output):
    return [node("Gemm", ["t", "U"], ["u"]), node("Sigmoid", ["u"], [output])]


def argmax(**more):
    return node("ArgMax", ["s"], ["l"], axis=1, **more)


FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
MAPS = helper.make_sequence_type_proto(helper.make_map_type_proto(INT64, helper.make_tensor_type_proto(FLOAT, None)))
LISTS = helper.make_sequence_type_proto(helper.make_tensor_type_proto(FLOAT, None))
MAYBE = helper.make_optional_type_proto(helper.make_tensor_type_proto(FLOAT, None))
ZIPMAP = node("ZipMap", ["s"], ["p"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2, 3, 4])


def of_scores(values):
    return values["s"].argmax(axis=1)


def of_labels(values):
    return values["l"].reshape(-1)


JUDGED = {
    "scores": ([SCORES], [("s", FLOAT)], of_scores, ("s", "scores")),
    "a label, then scores": ([SCORES, argmax(keepdims=0)], [("l", INT64), ("s", FLOAT)], of_scores, ("s", "scores")),
    "scores, then a label": ([SCORES, argmax()], [("s", FLOAT), ("l", INT64)], of_scores, ("s", "scores")),
    "a label, then maps": (
        [SCORES, argmax(keepdims=0), ZIPMAP],
        [("l", INT64), ("p", MAPS)],
        of_labels,
        ("l", "labels"),
    ),
    "a list, then scores": (
        [SCORES, node("SplitToSequence", ["s"], ["p"], axis=1)],
        [("p", LISTS), ("s", FLOAT)],
        of_scores,
        ("s", "scores"),
    ),
    "an optional, then scores": (
        [SCORES, node("Optional", ["s"], ["p"])],
        [("p", MAYBE), ("s", FLOAT)],
        of_scores,
        ("s", "scores"),
    ),
    "ArgMax alone": ([SCORES, argmax(keepdims=0)], [("l", INT64)], of_labels, ("l", "labels")),
    "ArgMax that keeps its axis": ([SCORES, argmax()], [("l", INT64)], of_labels, ("l", "labels")),
    "ArgMax as floating point": (
        [SCORES, argmax(keepdims=0), node("Cast", ["l"], ["c"], to=FLOAT)],
        [("c", FLOAT)],
        lambda v: v["c"],
        ("c", "labels"),
    ),
    "one Sigmoid column": (
        sigmoid("p"),
        [("p", FLOAT)],
        lambda v: v["p"][:, 0] > 0.5,
        ("p", "one Sigmoid column"),
    ),
    "one Sigmoid column without its axis": (
        [*sigmoid("q"), node("Squeeze", ["q", "one"], ["p"])],
        [("p", FLOAT)],
        lambda v: v["p"] > 0.5,
        ("p", "one Sigmoid column"),
    ),
    "scores of an image of one point": (
        [SCORES, node("Unsqueeze", ["s", "ends"], ["i"])],
        [("i", FLOAT)],
        lambda v: v["i"].reshape(60, 5).argmax(axis=1),
        ("i", "scores"),
    ),
    "a sequence of scores beside scores": (
        [SCORES, node("Unsqueeze", ["s", "one"], ["e"]), node("Concat", ["e", "e"], ["q"], axis=1)],
        [("q", FLOAT), ("s", FLOAT)],
        of_scores,
        ("s", "scores"),
    ),
    "features beside scores": ([SCORES], [("h", FLOAT), ("s", FLOAT)], of_scores, ("s", "scores")),
}


def tensors_of(path):
    names = [one.name for one in onnx.load(str(path)).graph.output]
    return dict(zip(names, run_plainly(path, X), strict=True))


@pytest.mark.parametrize("kind", JUDGED)
def test_judged(tmp_path, kind):
    nodes, outputs, labels_of, (name, how) = JUDGED[kind]
    path = saved(tmp_path, nodes, outputs)
    labels = labels_of(tensors_of(path)).astype(np.int64)
    one = judged(path, X, labels)
    assert (one.output, one.how) == (name, how)
    wrong = labels.copy()
    wrong[:15] = 1 - np.minimum(wrong[:15], 1)  # a quarter of the labels is another
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", wrong)
    assert cli("compress", path, "-o", tmp_path / "net", "-q", "-c", tmp_path / "x.npy").status == 0
    answer = cli("accuracy", tmp_path / "net", "-i", tmp_path / "x.npy", "--labels", tmp_path / "y.npy", "--json", "-")
    assert answer.status == 0, answer.err
    assert json.loads(answer.out)["accuracy"]["dense"]["float32"] == (wrong == labels).mean()


REFUSED = {
    "labels beyond the scores": (
        [SCORES],
        [("s", FLOAT)],
        5,
        r"labels: 5 occurs, but output 's' has 5 columns, 0 to 4",
    ),
    "labels beyond one Sigmoid column": (
        sigmoid("p"),
        [("p", FLOAT)],
        2,
        r"labels: 2 occurs, but output 'p' is one Sigmoid column: 0 or 1",
    ),
    "one column that no Sigmoid makes": (
        [node("Gemm", ["t", "U"], ["p"])],
        [("p", FLOAT)],
        1,
        r"none of its outputs is judged: 'p' float32\[60\]; accuracy",
    ),
    "a sequence of scores alone": (
        [SCORES, node("Unsqueeze", ["s", "one"], ["e"]), node("Concat", ["e", "e"], ["q"], axis=1)],
        [("q", FLOAT)],
        1,
        r"none of its outputs is judged: 'q' float32\[60, 2, 5\]",
    ),
    "maps alone": ([SCORES, ZIPMAP], [("p", MAPS)], 1, "has no output that is a tensor"),
    "two that may hold the scores": (
        [SCORES, node("Gemm", ["t", "P"], ["q"])],
        [("s", FLOAT), ("q", FLOAT)],
        2,
        "several outputs may hold the scores, by columns: 's' 5, 'q' 7",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused(tmp_path, kind):
    nodes, outputs, label, message = REFUSED[kind]
    path = saved(tmp_path, nodes, outputs)
    with pytest.raises(EieError, match=message):
        judged(path, X, np.full(len(X), label))


@pytest.mark.parametrize("kind", ["a label, then maps", "a list, then scores", "an optional, then scores"])
def test_outputs_that_are_no_tensors_are_read(tmp_path, kind):
    path = saved(tmp_path, *JUDGED[kind][:2])
    found, _ = load_onnx(path)
    assert [layer.weights.shape for layer in found.layers] == [(8, 12), (5, 8)]
    assert max(one.error for one in hold_onnx(path).layers) < 1e-5
    assert eiesim.compress(path).macs_share == 1


def test_one_sigmoid_column_behind_layers_that_follow_one_another(tmp_path):
    """Two classes as scikit-learn and Keras have them: Gemm, Relu, Gemm, Sigmoid."""
    nodes = [node("Gemm", ["x", "W"], ["h"]), node("Relu", ["h"], ["t"]), *sigmoid("p")]
    tensors = [constant(name, TENSORS[name]) for name in ("W", "U")]
    path = tmp_path / "model.onnx"
    onnx.save(graph(nodes, tensors, ("N", 12), outputs=[info("p", FLOAT, None)]), str(path))
    labels = (run_plainly(path, X)[0][:, 0] > 0.5).astype(int)
    assert 0 < labels.mean() < 1
    made = eiesim.compress(path, tmp_path / "net")
    assert made.model.chain
    assert eiesim.accuracy(tmp_path / "net", X, labels)["dense"]["float32"] == 1
    wrong = labels.copy()
    wrong[:15] = 1 - wrong[:15]
    assert eiesim.accuracy(tmp_path / "net", X, wrong)["dense"]["float32"] == 0.75
    with pytest.raises(EieError, match="labels: 2 occurs"):
        eiesim.accuracy(tmp_path / "net", X, labels + 1)
