#!/usr/bin/env bash
# pydata sparse 0.19.3, numpy 2.4.6: the sum of an int8 COO row longer than 127 is an error.
#
# Guess: COO.sum follows numpy, which adds int8 in int64, so the sums of the rows of an int8 weight matrix come out
# whatever the row's length. It does so up to 127 columns.
# What happens: from 128 columns on (256 for uint8) the sum raises OverflowError, however few weights the row holds and
# however small its sum is: the number of unstored entries is put into the weights' own type. GCXS, the compressed
# format of the same library, sums the same matrix without complaint. Giving dtype does not help: the error is the same.
# Why it matters: the sums of quantised rows are what a zero point is corrected with (and what a density is counted
# with), and every layer of a real network is wider than 127.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet sparse==0.19.3 numpy==2.4.6 scipy==1.17.1 numba==0.68.1
venv/bin/python - <<'PY'
import numpy as np
import sparse


def sums(columns, kind, **options):
    weights = np.zeros((2, columns), np.int8)
    weights[0, :3] = [5, -2, 4]
    try:
        return kind.from_numpy(weights).sum(axis=1, **options).todense().tolist()
    except OverflowError as error:
        return f"OverflowError: {error}"


print("COO, 127 columns: ", sums(127, sparse.COO))
print("COO, 128 columns: ", sums(128, sparse.COO))
print("GCXS, 128 columns:", sums(128, sparse.GCXS))
print("COO, 128 columns, dtype given:", sums(128, sparse.COO, dtype=np.int32))
same = (
    sums(127, sparse.COO) == [7, 0]
    and "128 out of bounds for int8" in str(sums(128, sparse.COO))
    and "128 out of bounds for int8" in str(sums(128, sparse.COO, dtype=np.int32))
    and sums(128, sparse.GCXS) == [7, 0]
)
raise SystemExit(0 if same else "the behaviour has changed")
PY
