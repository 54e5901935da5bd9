#!/usr/bin/env bash
# scipy 1.17.1: hb_write makes Harwell-Boeing files whose numbers are narrower than the header says.
#
# Guess: what hb_write wrote hb_read reads, and so does any reader that takes the fields by the format in the header.
# What happens: each number is written one character narrower than that format, 24 for an E25.16 and 14 for an E15.7.
# hb_read looks at no widths, it splits the text at spaces. Of float64 a space is left, and all comes back; of float32
# a minus sign takes it, the numbers run together, and hb_read raises ValueError. fortranformat, which reads by the
# header's own format, refuses all but the float64 matrix without negative numbers. (float32 without a minus comes back
# with one value in ten changed: it is written with eight digits and takes nine.)
# Why it matters: the weights of a network are float32 of both signs, so none of its layers comes back; as float64 they
# do, and what reads the same file by its format fails. Write Matrix Market instead.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet scipy==1.17.1 fortranformat==2.0.3 numpy==2.4.6
venv/bin/python - <<'PY'
import fortranformat
import numpy as np
import scipy.io
import scipy.sparse

weights = np.random.default_rng(0).normal(scale=0.06, size=(64, 64))
weights[np.abs(weights) < 0.08] = 0
found = {}
for kind in (np.float64, np.float32):
    for name, matrix in (("both signs", weights), ("none negative", np.abs(weights))):
        stored = scipy.sparse.csc_array(matrix.astype(kind))
        scipy.io.hb_write("weights.hb", stored)
        with open("weights.hb") as file:
            lines = file.read().splitlines()
        form = lines[3].split()[2]
        numbers = lines[4 + sum(map(int, lines[1].split()[1:3])) :]
        try:
            back = scipy.io.hb_read("weights.hb", spmatrix=False)
            by_scipy = f"{(back.astype(kind) != stored).sum() / stored.nnz:.0%} changed"
        except ValueError as error:
            by_scipy = f"ValueError: {error}"
        reader = fortranformat.FortranRecordReader(form)
        try:
            values = [value for line in numbers for value in reader.read(line) if value is not None]
            by_format = "the same" if values == stored.data.tolist() else "other numbers"
        except ValueError as error:
            by_format = f"ValueError: {error}"
        print(f"{kind.__name__}, {name}: {form} in the header, {len(numbers[0])} characters a line")
        print(f"    {numbers[0]}\n    hb_read: {by_scipy}\n    by the header's format: {by_format}")
        found[kind.__name__, name] = by_scipy.split(":")[0], by_format.split(":")[0], len(numbers[0])
expected = {
    ("float64", "both signs"): ("0% changed", "ValueError", 3 * 24),
    ("float64", "none negative"): ("0% changed", "the same", 3 * 24),
    ("float32", "both signs"): ("ValueError", "ValueError", 5 * 14),
    ("float32", "none negative"): ("9% changed", "ValueError", 5 * 14),
}
raise SystemExit(0 if found == expected else "the behaviour has changed")
PY
