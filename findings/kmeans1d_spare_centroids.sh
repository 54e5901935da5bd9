#!/usr/bin/env bash
# kmeans1d 0.5.0: clusters beyond the number of different values come back as centroids of 0.0, at the front.
#
# Guess: with k above the number of different values, k-means in one dimension gives each value its own centroid, in
# ascending order as always, and the spare ones are dropped, doubled, or an error.
# What happens: the spare centroids are 0.0, no member of the data, and stand first, so the list is no longer ascending
# where values are negative; the cluster numbers begin after them.
# Why it matters: a layer that is ternary or quantised already has fewer values than a codebook of 16 entries. Whoever
# takes the centroids as its codebook gets entries of exactly zero, which in a sparse format means "no weight", and a
# table that a binary search no longer works on.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet kmeans1d==0.5.0
venv/bin/python - <<'PY'
import kmeans1d

weights = [-0.5, 0.25, -0.5, 0.25, 0.25]
for k in (2, 4):
    clusters, centroids = kmeans1d.cluster(weights, k)
    print(f"k = {k}: centroids {centroids}, clusters {clusters}")
same = (
    kmeans1d.cluster(weights, 2).centroids == [-0.5, 0.25]
    and kmeans1d.cluster(weights, 4).centroids == [0.0, 0.0, -0.5, 0.25]
    and min(kmeans1d.cluster(weights, 4).clusters) == 2
)
raise SystemExit(0 if same else "the behaviour has changed")
PY
