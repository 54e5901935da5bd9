#!/usr/bin/env bash
# python-graphblas 2025.2.0: the mean of a row of int8 weights is FP64, of a sum that wrapped in 8 bits.
#
# Guess: sum stays in the matrix's type, as GraphBLAS says of its monoids; mean, variance and standard deviation, which
# answer in FP64, are computed in it, as numpy computes them.
# What happens: their sum is still the one in 8 bits. The mean of 1000 weights of 100 is 4.0, their variance -416683
# and the standard deviation NaN. Of weights drawn at random the mean is off by 2 to 4 and the variance negative, too.
# Of the same matrix as FP64 all are right, and sum_of_squares, which answers in INT64, is right of both.
# Why it matters: these are the figures that quantised weights are described and corrected with, and the type looks wide
# enough. Widen first: matrix.dup("FP64").
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet python-graphblas==2025.2.0 suitesparse-graphblas==9.4.5.0 numpy==2.4.6
venv/bin/python - <<'PY'
import numpy as np
from graphblas import Matrix, agg

weights = np.random.default_rng(0).integers(-128, 128, (3, 1000)).astype(np.int8)
weights[0] = 100
narrow = Matrix.from_dense(weights, missing_value=0)
wide = narrow.dup("FP64")


def rows(matrix, name):
    found = matrix.reduce_rowwise(getattr(agg, name)).new()
    return str(found.dtype), found.to_dense(fill_value=0).astype(float)


found = {}
for name in ("mean", "varp", "stdp", "sum_of_squares"):
    kind, of_int8 = rows(narrow, name)
    of_float = rows(wide, name)[1]
    found[name] = kind, of_int8[0], of_float[0], bool(np.allclose(of_int8, of_float))
    print(f"{name:14} ({kind}) of int8: {of_int8.round(2).tolist()}, of FP64: {of_float.round(2).tolist()}")
same = (
    found["mean"][:3] == ("FP64", 4.0, 100.0)
    and found["varp"][0] == "FP64"
    and found["varp"][1] < 0
    and found["varp"][2] == 0
    and found["stdp"][0] == "FP64"
    and np.isnan(found["stdp"][1])
    and found["sum_of_squares"][3]
)
raise SystemExit(0 if same else "the behaviour has changed")
PY
