#!/usr/bin/env bash
# gguf 0.19.0 with ml_dtypes 0.6.0: the two round MXFP4's elements differently where a value lies half way.
#
# Guess: the element of MXFP4 is the E2M1 float of the OCP specification, so that any two tools give the same code for
# the same value once the scale is the same: half way goes to the even code.
# What happens: ml_dtypes rounds half to even. gguf takes the nearest entry of its table and, of two equally near, the
# one nearer to zero: 0.75 becomes 0.5 (not 1), 1.75 becomes 1.5 (not 2), 3.5 becomes 3 (not 4).
# Why it matters: half-way values are rare in float32 and common in what was quantised before (int8, bfloat16, a float8
# checkpoint): in such a layer the codes of two tools differ without either being damaged.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet gguf==0.19.0 ml_dtypes==0.6.0 numpy==2.4.6
venv/bin/python - <<'PY'
import gguf
import ml_dtypes
import numpy as np

ties = [0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0]
block = np.zeros(32, np.float32)
block[:7], block[7] = ties, 6  # the 6 makes the block's scale 1
kind = gguf.GGMLQuantizationType.MXFP4
by_gguf = gguf.quants.dequantize(gguf.quants.quantize(block, kind), kind)[:7].tolist()
by_ml_dtypes = block[:7].astype(ml_dtypes.float4_e2m1fn).astype(float).tolist()
print("value    ", ties)
print("gguf     ", by_gguf)
print("ml_dtypes", by_ml_dtypes)
same = by_gguf == [0, 0.5, 1, 1.5, 2, 3, 4] and by_ml_dtypes == [0, 1, 1, 2, 2, 4, 4]
raise SystemExit(0 if same else "the behaviour has changed")
PY
