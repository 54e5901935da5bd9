#!/usr/bin/env bash
# scipy 1.17.1: mmwrite takes some unsigned matrices for skew-symmetric, and half of their values turn negative.
#
# Guess: a matrix without negative numbers cannot be skew-symmetric, unless it is all zeros.
# What happens: mmwrite looks for symmetry and asks whether each entry is minus the one opposite, in the matrix's own
# type; of uint8, minus 1 is 255 (the overflow warning is silenced at that line). So [[0, 1], [255, 0]] is stored as
# "skew-symmetric" and comes back with -255 where the 1 was; uint16 does the same at 65535. Dense or sparse makes no
# difference. From 100 rows on it does not look, and the values come back right.
# Why it matters: codes in uint8, such as two's complement bytes, do have opposite entries that sum to 256, in the small
# matrices that tests are made of. Say symmetry="general" when the values are codes.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet scipy==1.17.1 numpy==2.4.6
venv/bin/python - <<'PY'
import io

import numpy as np
import scipy.io
import scipy.sparse


def through_a_file(values, **options):
    file = io.BytesIO()
    scipy.io.mmwrite(file, values, **options)
    header = file.getvalue().decode().splitlines()[0]
    file.seek(0)
    back = scipy.io.mmread(file)
    back = back.toarray() if scipy.sparse.issparse(back) else back
    return header.split()[-1], back[:2, :2].tolist()


small = np.array([[0, 1], [255, 0]], np.uint8)
wide = np.array([[0, 1], [65535, 0]], np.uint16)
large = np.zeros((100, 100), np.uint8)
large[:2, :2] = small
found = {
    "uint8, dense": through_a_file(small),
    "uint8, sparse": through_a_file(scipy.sparse.coo_array(small)),
    "uint16, sparse": through_a_file(scipy.sparse.coo_array(wide)),
    "uint8, sparse, 100 rows": through_a_file(scipy.sparse.coo_array(large)),
    "uint8, sparse, symmetry=general": through_a_file(scipy.sparse.coo_array(small), symmetry="general"),
}
for name, (symmetry, back) in found.items():
    print(f"{name}: {symmetry}, read back as {back}")
wrong = "skew-symmetric", [[0, -255], [255, 0]]
right = "general", [[0, 1], [255, 0]]
expected = [wrong, wrong, ("skew-symmetric", [[0, -65535], [65535, 0]]), right, right]
raise SystemExit(0 if list(found.values()) == expected else "the behaviour has changed")
PY
