#!/usr/bin/env bash
# scipy 1.17.1 with pydata sparse 0.19.3: scipy.sparse.load_npz reads a COO file of pydata sparse, less its fill value.
#
# Guess: the two libraries' .npz files are told apart, or where one reads the other's, it is the same matrix: the file
# holds an entry fill_value, and to_scipy_sparse() of such an array is refused by name.
# What happens: scipy's reader takes the file, looks at format, data, coords and shape, and ignores fill_value. All
# entries that were not stored come back as 0.
# Why it matters: quantised weights stored as codes have their zero point as the fill value (128 here). Read by scipy
# the matrix looks right (same shape, same stored entries, same density) and every weight that was pruned is now -128.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet sparse==0.19.3 scipy==1.17.1 numpy==2.4.6 numba==0.68.1
venv/bin/python - <<'PY'
import numpy as np
import scipy.sparse
import sparse

codes = np.full((4, 6), 128, np.uint8)
codes[0, 1], codes[2, 4] = 200, 30
array = sparse.COO.from_numpy(codes, fill_value=128)
sparse.save_npz("codes.npz", array)
try:
    array.to_scipy_sparse()
    refused = False
except ValueError as error:
    refused = True
    print("to_scipy_sparse refuses:", error)
back = scipy.sparse.load_npz("codes.npz")
print("stored:", array.nnz, "read by scipy:", back.nnz)
print("row 0 as stored:        ", codes[0].tolist())
print("row 0 as scipy reads it:", back.toarray()[0].tolist())
print("row 0 as sparse reads it:", sparse.load_npz("codes.npz").todense()[0].tolist())
same = refused and back.nnz == 2 and back.toarray()[0].tolist() == [0, 200, 0, 0, 0, 0]
raise SystemExit(0 if same else "the behaviour has changed")
PY
