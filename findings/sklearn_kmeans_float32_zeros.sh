#!/usr/bin/env bash
# scikit-learn 1.9.1: KMeans on a pruned float32 matrix leaves no zero in it; in float64 it nearly always keeps them.
#
# Guess: where four weights in five are 0 and no other is near, the cluster they fill has the centroid 0, exactly: the
# mean of zeros is 0 in any type.
# What happens: fit takes the mean off all values first and adds it to the centroids at the end, and in float32 the two
# do not cancel. Of twenty pruned layers, all come back with no zero at all, with four shared values or with sixteen:
# each pruned weight is now something from 1e-11 to 3e-8. The same values in float64 lose their zeros in one layer
# of the twenty (there they become 2e-19).
# Why it matters: weight sharing after pruning (Deep Compression) is this call, on weights that are float32. Accuracy
# shows nothing, and the matrix counts as dense: no zero is left to skip. Cluster the non-zero weights only.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
venv/bin/python - <<'PY'
import numpy as np
from sklearn.cluster import KMeans

layers = 20
lost = {}
for kind in (np.float32, np.float64):
    for clusters in (4, 16):
        lost[kind, clusters], sizes = 0, []
        for seed in range(layers):
            weights = np.random.default_rng(seed).normal(scale=0.1, size=(64, 64)).astype(np.float32)
            pruned = np.where(np.abs(weights) > 0.13, weights, 0).astype(kind)
            model = KMeans(clusters, n_init=1, random_state=0).fit(pruned.reshape(-1, 1))
            shared = model.cluster_centers_.ravel()[model.labels_].reshape(pruned.shape)
            if not (shared == 0).any():
                lost[kind, clusters] += 1
                sizes.append(np.abs(shared[pruned == 0]).max())
        print(f"{kind.__name__}, {clusters:2} clusters: {lost[kind, clusters]} of {layers} layers lost all", end="")
        print(f" zeros; each pruned weight became {min(sizes):.1e} to {max(sizes):.1e}" if sizes else " zeros")
print(f"zeros before, last layer: {(pruned == 0).mean():.2f}")
single = min(lost[np.float32, clusters] for clusters in (4, 16))
double = max(lost[np.float64, clusters] for clusters in (4, 16))
raise SystemExit(0 if single >= 15 and double <= 5 else "the behaviour has changed")
PY
