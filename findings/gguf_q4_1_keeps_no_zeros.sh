#!/usr/bin/env bash
# gguf 0.19.0: Q4_1 and Q5_1 turn the zeros of a pruned matrix into weights; Q4_0, Q5_0, Q8_0 and MXFP4 keep them.
#
# Guess: an affine 4-bit format chooses its offset so that zero stays zero, as ONNX and TFLite do (their zero point is
# a code), so quantising after pruning keeps the pattern.
# What happens: a block of Q4_1 stores its least value and a step; no code need fall on zero. Of a matrix with 11 % of
# its weights left, 83 % are non-zero after Q4_1, and a "zero" may be as large as 0.19. (The zeros that stay
# are those of blocks without a negative weight or without any.)
# Why it matters: the suffix _1 looks like the more exact sibling of _0, and is for dense weights. For a pruned network
# it undoes the pruning: a simulator that reads it counts nearly eight times the weights.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet gguf==0.19.0 numpy==2.4.6
venv/bin/python - <<'PY'
import gguf
import numpy as np

weights = np.random.default_rng(0).normal(size=(64, 256)).astype(np.float32)
pruned = np.where(np.abs(weights) > 1.6, weights, np.float32(0))
print(f"density before: {(pruned != 0).mean():.3f}")
density = {}
for name in ("Q4_0", "Q5_0", "Q8_0", "MXFP4", "Q4_1", "Q5_1"):
    kind = gguf.GGMLQuantizationType[name]
    back = gguf.quants.dequantize(gguf.quants.quantize(pruned, kind), kind)
    density[name] = (back != 0).mean()
    print(f"{name:6} density {density[name]:.3f}, largest value where a zero was {np.abs(back[pruned == 0]).max():.3f}")
kept = all(density[name] == (pruned != 0).mean() for name in ("Q4_0", "Q5_0", "Q8_0", "MXFP4"))
lost = density["Q4_1"] > 0.8 and density["Q5_1"] > 0.8
raise SystemExit(0 if kept and lost else "the behaviour has changed")
PY
