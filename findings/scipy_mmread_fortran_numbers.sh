#!/usr/bin/env bash
# scipy 1.17.1: mmread reads 1.5D+3, as Fortran writes 1500, as 1.5, and refuses +1.5.
#
# Guess: numbers are read as Python's float or C's scanf reads them: +1.5 is 1.5, and what is left over of a value (a D
# for the exponent, a fraction in an integer file) is an error.
# What happens: the other way round. A value is read as far as it goes and the rest of it passes in silence: 1.5D+3 is
# 1.5, and 5.7 in a file of integers is 5, 1e3 in one is 1. A plus sign in front of a number raises ValueError; in
# the exponent after an E it is read.
# Why it matters: a Fortran program may write double precision with a D. Of its file every weight keeps its digits and
# loses its magnitude, and the matrix looks sound. Replace D by E, and leave off the plus signs, before reading.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet scipy==1.17.1 numpy==2.4.6
venv/bin/python - <<'PY'
import io

import scipy.io

expected = {
    ("real", "1.5E+3"): 1500.0,
    ("real", "1.5D+3"): 1.5,
    ("real", "+1.5"): "ValueError",
    ("integer", "5.7"): 5,
    ("integer", "1e3"): 1,
    ("integer", "+5"): "ValueError",
}
found = {}
for field, text in expected:
    file = f"%%MatrixMarket matrix coordinate {field} general\n2 2 1\n2 1 {text}\n"
    try:
        found[field, text] = scipy.io.mmread(io.BytesIO(file.encode())).toarray()[1, 0].item()
    except Exception as error:
        found[field, text] = type(error).__name__
    print(f"{field:7} {text:6} -> {found[field, text]}")
raise SystemExit(0 if found == expected else "the behaviour has changed")
PY
