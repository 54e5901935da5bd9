#!/usr/bin/env bash
# ml_dtypes 0.6.0: the scale of a block of zeros is NaN as float8_e8m0fnu, and the block NaN with it.
#
# Guess: E8M0, the scale of the MX formats, has no zero, so 0 becomes the smallest power of two that it has, 2**-127,
# as every other small number does.
# What happens: 1e-45 becomes 2**-127, but 0 becomes NaN, without a warning. The obvious scale of a block (its largest
# weight over the largest element, 6) is 0 where all of its weights are pruned, and the block comes back as NaN. Of a
# matrix with a tenth of its weights left these are 3.5 % of the blocks of 32 and 68 % of the outputs.
# Why it matters: nothing happens to dense weights, and of a pruned network the outputs are lost. Take the maximum of
# the scale and 2**-127 before the cast.
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

scale, element = ml_dtypes.float8_e8m0fnu, ml_dtypes.float4_e2m1fn
small = np.array([1e-30, 1e-45, 0], np.float32).astype(scale).astype(np.float32)
print("1e-30, 1e-45 and 0 as float8_e8m0fnu:", small.tolist(), "| 2**-127 is", 2.0**-127)
weights = np.random.default_rng(0).normal(size=(256, 1024)).astype(np.float32)
weights[np.abs(weights) < 1.645] = 0
rates = {}
for floor in (0, 2.0**-127):
    blocks = weights.reshape(256, 32, 32)
    largest = np.abs(blocks).max(axis=2, keepdims=True)
    scales = np.maximum(largest / 6, np.float32(floor)).astype(scale).astype(np.float32)
    with np.errstate(invalid="ignore"):
        back = (blocks / scales).astype(element).astype(np.float32) * scales
    outputs = back.reshape(weights.shape) @ np.ones(1024, np.float32)
    rates[floor] = np.isnan(back).any(axis=2).mean(), np.isnan(outputs).mean()
    print(f"scales of at least {floor:.3g}: density before {(weights != 0).mean():.2f},", end=" ")
    print(f"blocks of NaN {rates[floor][0]:.3f}, outputs of NaN {rates[floor][1]:.2f}")
zero_blocks = (largest == 0).mean()
same = small[1] == 2.0**-127 and np.isnan(small[2]) and rates[0][0] == zero_blocks > 0.01 and rates[2.0**-127] == (0, 0)
raise SystemExit(0 if same else "the behaviour has changed")
PY
