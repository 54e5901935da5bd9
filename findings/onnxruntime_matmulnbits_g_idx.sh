#!/usr/bin/env bash
# onnxruntime 1.32.0: MatMulNBits beside a g_idx takes packed zero points for 8.
#
# Guess: g_idx says of each input which block's scale and zero point it has; one that says what holds without it (input k
# is of block k // block_size) changes nothing.
# What happens: on the CPU such a g_idx changes the outputs. With packed zero points of 1, codes of 3 and scales of 1,
# 32 inputs of 1 give 64 without it and -160 with it: 32 x (3 - 8). Zero points that are not packed, and 4 bits without
# zero points, are right; 8 bits are refused.
# Why it matters: models quantised by GPTQ in the order of activations are exported so. They run without a warning, and
# what reads them by the operator's specification seems wrong where it is held against the runtime.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6
venv/bin/python - <<'PY'
import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

INPUTS, BLOCK, CODE, ZERO = 32, 16, 3, 1


def packed(value, bits, count):
    """Bytes of so many codes, all of one value."""
    return np.full(-(-count * bits // 8), sum(value << k for k in range(0, 8, bits)), np.uint8)


def output(bits, zeros, grouped):
    """What 32 inputs of 1 give."""
    tensors = {
        "B": packed(CODE, bits, INPUTS).reshape(1, 2, -1),
        "scales": np.ones((1, 2), np.float32),
        "zeros": packed(ZERO, bits, 2).reshape(1, -1) if zeros == "packed" else np.full((1, 2), ZERO, np.float32),
        "g_idx": np.repeat(np.arange(2, dtype=np.int32), BLOCK),
    }
    inputs = ["x", "B", "scales", "zeros" if zeros else "", "g_idx" if grouped else ""]
    while not inputs[-1]:
        inputs.pop()
    node = helper.make_node(
        "MatMulNBits", inputs, ["y"], domain="com.microsoft", K=INPUTS, N=1, bits=bits, block_size=BLOCK
    )
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, INPUTS])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1])],
        [numpy_helper.from_array(tensors[name], name) for name in inputs[1:] if name],
    )
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    made = helper.make_model(graph, opset_imports=imports, ir_version=10).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(made, options, providers=["CPUExecutionProvider"])
    try:
        return float(session.run(None, {"x": np.ones((1, INPUTS), np.float32)})[0][0, 0])
    except Exception:
        return "refused"


expected = {
    (4, None): (-160.0, -160.0), (4, "packed"): (64.0, -160.0), (4, "numbers"): (64.0, 64.0),
    (8, None): (-4000.0, "refused"),
}
found = {}
for bits, zeros in expected:
    found[bits, zeros] = output(bits, zeros, False), output(bits, zeros, True)
    print(f"{bits} bits, zero points {zeros}: {found[bits, zeros][0]} without g_idx, {found[bits, zeros][1]} with it")
raise SystemExit(0 if found == expected else "the behaviour has changed")
PY
