#!/usr/bin/env bash
# torch 2.13.0, jax 0.10.2: the product of a sparse bfloat16 matrix stops at 256, that of the same matrix, dense, not.
#
# Guess: on a CPU, too, products of bfloat16 are summed in float32 and rounded once, as both libraries do for dense
# matrices: what the matrix is stored as changes the last digit.
# What happens: torch's COO and jax's BCOO and BCSR add into an output of the matrix's own type, one product after the
# other, so that a row of ones adds up to 256 (to 2048 in float16), whatever its length. Of a layer with a tenth of
# its weights left and inputs after a ReLU the outputs are off by 1.6 % instead of 0.2 %.
# Why it matters: bfloat16 is what weights come in, and a comparison of sparse with dense blames the pruning. Multiply
# in float32 and round afterwards.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet torch==2.13.0 jax==0.10.2 numpy==2.4.6
venv/bin/python - <<'PY'
import jax.numpy as jnp
import numpy as np
import torch
from jax.experimental.sparse import BCOO, BCSR


def products(weights, x, kind):
    """What each library gives for a matrix times a vector, in that type."""
    w, v = (torch.from_numpy(array).to(getattr(torch, kind)) for array in (weights, x[:, None]))
    yield "torch, dense", w @ v
    yield "torch, COO", w.to_sparse() @ v
    w, v = (jnp.asarray(array).astype(kind) for array in (weights, x[:, None]))
    yield "jax, dense", w @ v
    yield "jax, BCOO", BCOO.fromdense(w) @ v
    yield "jax, BCSR", BCSR.fromdense(w) @ v


def numbers(array):
    array = array.float() if isinstance(array, torch.Tensor) else array.astype("float32")
    return np.asarray(array, np.float64)[:, 0]


found, errors = {}, {}
for kind in ("bfloat16", "float16"):
    for name, y in products(np.ones((1, 4096), np.float32), np.ones(4096, np.float32), kind):
        found[name, kind] = numbers(y)[0]
        print(f"{kind}, {name}: 4096 ones add up to {found[name, kind]:.0f}")
rng = np.random.default_rng(0)
weights = rng.normal(scale=0.06, size=(256, 4096)).astype(np.float32)
weights[np.abs(weights) < 0.0987] = 0
x = np.maximum(rng.normal(size=4096), 0).astype(np.float32)
weights, x = (torch.from_numpy(array).bfloat16().float().numpy() for array in (weights, x))
right = weights.astype(float) @ x
for name, y in products(weights, x, "bfloat16"):
    errors[name] = np.linalg.norm(numbers(y) - right) / np.linalg.norm(right)
    print(f"a pruned layer, {name}: relative error {errors[name]:.4f}")
ends = {"bfloat16": 256, "float16": 2048}
same = all(total == (4096 if "dense" in name else ends[kind]) for (name, kind), total in found.items())
worse = all((error > 0.004) == ("dense" not in name) for name, error in errors.items())
raise SystemExit(0 if same and worse else "the behaviour has changed")
PY
