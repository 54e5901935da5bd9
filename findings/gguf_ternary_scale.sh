#!/usr/bin/env bash
# gguf 0.19.0: the ternary formats TQ1_0 and TQ2_0 scale by the largest weight of a block, not by the mean.
#
# Guess: ternary quantisation in the manner of BitNet b1.58, for which the formats were made: divide by the mean
# magnitude, round, clip to -1, 0, 1, which keeps about two thirds of Gaussian weights.
# What happens: the scale is the largest magnitude of the 256 weights, so that everything below half of it is zero: about
# one weight in eight stays, and those as large as the largest. The error is larger than the weights' own
# size: all zeros would be closer to the original.
# Why it matters: on a matrix that is ternary already the two agree. On any other the file is a valid, very sparse
# network that has nothing to do with the one it was made from, and its sparsity looks like a gift.
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
mean = np.abs(weights).mean(axis=1, keepdims=True)
by_mean = np.clip(np.round(weights / mean), -1, 1) * mean


def error(back):
    return ((back - weights) ** 2).sum() / (weights**2).sum()


print(f"by the mean: density {(by_mean != 0).mean():.3f}, relative squared error {error(by_mean):.2f}")
same = True
for name in ("TQ1_0", "TQ2_0"):
    kind = gguf.GGMLQuantizationType[name]
    back = gguf.quants.dequantize(gguf.quants.quantize(weights, kind), kind)
    print(f"{name}: density {(back != 0).mean():.3f}, relative squared error {error(back):.2f}")
    same &= 0.1 < (back != 0).mean() < 0.17 and error(back) > 1
raise SystemExit(0 if same and (by_mean != 0).mean() > 0.6 else "the behaviour has changed")
PY
