#!/usr/bin/env bash
# scipy 1.17.1: mmwrite stores a float16 array as integers, and says nothing; most of a network's weights become 0.
#
# Guess: a type the format has no word for is widened to "real", or refused as scipy.sparse refuses float16 matrices.
# What happens: the header says "integer" and each value is cut off towards zero. 256 x 100 weights of a usual size
# (standard deviation 0.06) come back as nothing but zeros; values between -3 and 3 come back with errors up to
# almost 1. The same for bfloat16 of ml_dtypes. float32 comes back as it was; so does float16 with field="real".
# Why it matters: half precision is what trained weights are stored in, and a matrix file of zeros reads well: a
# simulator takes it for a layer that is pruned away. Say field="real", or widen to float32 before writing.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet scipy==1.17.1 ml_dtypes==0.6.0 numpy==2.4.6
venv/bin/python - <<'PY'
import io

import ml_dtypes
import numpy as np
import scipy.io
import scipy.sparse


def through_a_file(values, **options):
    file = io.BytesIO()
    scipy.io.mmwrite(file, values, **options)
    header = file.getvalue().decode().splitlines()[0]
    file.seek(0)
    return header.split()[3], scipy.io.mmread(file)


rng = np.random.default_rng(0)
weights = rng.normal(scale=0.06, size=(256, 100))
spread = np.linspace(-3, 3, 101).reshape(1, 101)
found = {}
for name, kind, options in (
    ("float32", np.float32, {}),
    ("float16, field=real", np.float16, {"field": "real"}),
    ("float16", np.float16, {}),
    ("bfloat16", ml_dtypes.bfloat16, {}),
):
    field, back = through_a_file(weights.astype(kind), **options)
    back_spread = through_a_file(spread.astype(kind), **options)[1].astype(kind)
    error = np.abs(back_spread.astype(float) - spread.astype(kind).astype(float))
    found[name] = field, int((weights.astype(kind) != 0).sum()), int((back != 0).sum()), float(error.max())
    print(f"{name:19}: header {field:7}, {found[name][1]} non-zero weights, {found[name][2]} after the file;", end=" ")
    print(f"largest error of values from -3 to 3: {error.max():.3f}")
try:
    scipy.sparse.coo_array(weights.astype(np.float16))
    refused = False
except ValueError as error:
    refused = True
    print("scipy.sparse:", str(error).split(".  ")[0][:52])
kept = all(found[name] == ("real", 25600, 25600, 0.0) for name in ("float32", "float16, field=real"))
lost = all(found[name][:3] == ("integer", 25600, 0) and found[name][3] > 0.9 for name in ("float16", "bfloat16"))
raise SystemExit(0 if kept and lost and refused else "the behaviour has changed")
PY
