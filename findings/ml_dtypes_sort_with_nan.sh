#!/usr/bin/env bash
# ml_dtypes 0.6.0 with numpy 2.4.6: np.sort of bfloat16 or float8 with one NaN in it does not sort the numbers.
#
# Guess: NaN goes to the end, as in every float type of numpy, and the rest is in order.
# What happens: the array comes back with the NaN somewhere and the numbers out of order around it, so that
# np.partition and index arithmetic on the result are wrong as well. float16 and float32 are in order.
# Why it matters: the threshold of magnitude pruning is an entry of the sorted magnitudes. One NaN among a million bfloat16
# weights gives a threshold that keeps another share than was asked for, where float32 would only push the NaN last.
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

values = np.random.default_rng(0).normal(size=1000)
values[500] = np.nan
same = True
for kind in (np.float32, np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn):
    weights = np.abs(values).astype(kind)
    threshold = np.sort(weights)[900].astype(np.float64)
    kept = np.nanmean(np.where(np.isnan(values), np.nan, weights.astype(np.float64) >= threshold))
    ordered = np.sort(weights).astype(np.float64)
    ordered = bool(np.all(np.diff(ordered[~np.isnan(ordered)]) >= 0))
    print(f"{np.dtype(kind).name:14} in order: {ordered!s:5} | 10 % asked for, kept: {kept:.1%}")
    same &= ordered == (kind in (np.float32, np.float16))
raise SystemExit(0 if same else "the behaviour has changed")
PY
