#!/usr/bin/env bash
# ml_dtypes 0.6.0 with numpy 2.4.6: sums and products of int4 arrays wrap, each at another width.
#
# Guess: as with numpy's own int8, a sum is taken in a wide integer; or, as numpy's int8 @ int8, everything stays in the
# operands' type. Either way the three ways to write a scalar product agree.
# What happens: sum and np.dot stay in 4 bits, the operator @ in 8 bits. The scalar product of four sevens with
# themselves, 196, is 4 by np.dot and -60 by @; the sum of four sevens, 28, is -4 and their mean is -1. No warning.
# Why it matters: onnx.numpy_helper.to_array gives the INT4 weights of a model as such arrays. Column sums (for the zero
# point) and products against integer activations look like numbers and are not: widen first, with astype.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet ml_dtypes==0.6.0 numpy==2.4.6
venv/bin/python - <<'PY'
import ml_dtypes
import numpy as np

sevens = np.full(4, 7, ml_dtypes.int4)
wide = sevens.astype(np.int64)
print("sum: ", sevens.sum(), sevens.sum().dtype, "| right:", wide.sum())
print("mean:", sevens.mean(), "| right:", wide.mean())
print("dot: ", np.dot(sevens, sevens), "| right:", np.dot(wide, wide))
print("@:   ", (sevens[None] @ sevens[:, None])[0, 0], (sevens[None] @ sevens[:, None]).dtype)
same = (
    int(sevens.sum()) == -4
    and int(np.dot(sevens, sevens)) == 4
    and int((sevens[None] @ sevens[:, None])[0, 0]) == -60
)
raise SystemExit(0 if same else "the behaviour has changed")
PY
