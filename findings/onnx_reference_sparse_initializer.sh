#!/usr/bin/env bash
# onnx 1.23.2: its reference evaluator runs no model with a sparse tensor in it, which its own checker calls valid.
#
# Guess: the evaluator that ships with the specification runs whatever the specification's checker passes; if one of
# the two runtimes lacks sparse tensors it is onnxruntime, which has no sparse kernels.
# What happens: it is the other way round. A MatMul whose weight is a sparse_initializer, with linear indices or with
# pairs, passes the checker and runs in onnxruntime 1.32.0, which makes it dense when it loads; ReferenceEvaluator raises
# ValueError. The same matrix as a Constant's sparse_value runs in onnxruntime too, and raises
# TypeError in the reference.
# Why it matters: a pruned network stored as ONNX means it to be stored cannot be checked, or have its constants folded,
# by the evaluator that tools take for the truth. Make sparse tensors dense before it sees them.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
venv/bin/python - <<'PY'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

dense = np.array([[0, 2, 0], [0, 0, 0], [5, 0, -1], [0, 0, 3]], np.float32)
rows, cols = np.nonzero(dense)
values = numpy_helper.from_array(dense[rows, cols], "w")
kinds = {
    "linear": (rows * dense.shape[1] + cols).astype(np.int64),
    "pairs": np.stack([rows, cols], axis=1).astype(np.int64),
}
x = np.arange(8, dtype=np.float32).reshape(2, 4)


def model(kind, constant):
    indices = numpy_helper.from_array(kinds[kind], "i")
    sparse = helper.make_sparse_tensor(values, indices, list(dense.shape))
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    if constant:
        nodes.insert(0, helper.make_node("Constant", [], ["w"], sparse_value=sparse))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])],
        sparse_initializer=[] if constant else [sparse],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return made


found = {}
for constant in (False, True):
    for kind in kinds:
        made = model(kind, constant)
        where = "Constant's sparse_value" if constant else "sparse_initializer"
        session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
        right = np.array_equal(session.run(None, {"x": x})[0], x @ dense)
        try:
            reference = str(ReferenceEvaluator(made).run(None, {"x": x}))
        except Exception as error:
            reference = type(error).__name__
        found[where, kind] = right, reference
        print(f"{where}, {kind} indices: onnxruntime right: {right}; reference evaluator: {reference}")
expected = {"sparse_initializer": (True, "ValueError"), "Constant's sparse_value": (True, "TypeError")}
same = all(seen == expected[where] for (where, _), seen in found.items())
raise SystemExit(0 if same else "the behaviour has changed")
PY
