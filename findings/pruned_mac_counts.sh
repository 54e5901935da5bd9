#!/usr/bin/env bash
# torchinfo 1.8.0, thop 0.1.1, ptflops 0.7.5, torchprofile 0.1.0: one pruned network counts 0 to 53,200 products.
#
# Guess: the counters of PyTorch count the dense product of each layer, zeros or not, so that a network pruned by masks
# counts as it did before, some 26,600 multiply-accumulates; or all of them leave the zeros out.
# What happens: it depends on who holds the mask. By torch.nn.utils.prune, thop and ptflops count as before, torchinfo
# the weights that are left (and biases), 2,770, and torchprofile the product with the mask on top, twice as many. By
# torch.ao.pruning, whose masks are parametrizations, the layers are unknown to torchinfo, thop and ptflops: 0, 0 and
# 200. Once the zeros are in the weights, all four count as for the dense network.
# Why it matters: the share of operations that pruning saves, as papers state it, is the ratio of two such counts. Take
# both after the masks are gone, and count the zeros by another way.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet torch==2.13.0 numpy==2.4.6
venv/bin/pip install --quiet --no-deps torchinfo==1.8.0 thop==0.1.1.post2209072238 ptflops==0.7.5 torchprofile==0.1.0
venv/bin/python -W ignore - <<'PY'
import ptflops
import thop
import torch
import torchinfo
import torchprofile
from torch import nn
from torch.ao.pruning import WeightNormSparsifier
from torch.nn.utils import prune

x = torch.ones(1, 256)
COUNTERS = {
    "torchinfo": lambda net: torchinfo.summary(net, input_data=x, verbose=0).total_mult_adds,
    "thop": lambda net: int(thop.profile(net, (x,), verbose=False)[0]),
    "ptflops": lambda net: ptflops.get_model_complexity_info(
        net, (256,), as_strings=False, print_per_layer_stat=False, backend="pytorch"
    )[0],
    "torchprofile": lambda net: torchprofile.profile_macs(net, x),
}


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(256, 100), nn.ReLU(), nn.Linear(100, 10)).eval()


def by_utils(keep_masks):
    net = network()
    for layer in (net[0], net[2]):
        prune.l1_unstructured(layer, "weight", 0.9)
        if not keep_masks:
            prune.remove(layer, "weight")
    return net


def by_ao(keep_masks):
    net = network()
    pruner = WeightNormSparsifier(sparsity_level=0.9, sparse_block_shape=(1, 1), zeros_per_block=1)
    pruner.prepare(net, [{"tensor_fqn": "0.weight"}, {"tensor_fqn": "2.weight"}])
    pruner.step()
    if not keep_masks:
        pruner.squash_mask()
    return net


found = {}
for name, made in (
    ("dense", network),
    ("nn.utils.prune, masks kept", lambda: by_utils(True)),
    ("nn.utils.prune, removed", lambda: by_utils(False)),
    ("ao.pruning, masks kept", lambda: by_ao(True)),
    ("ao.pruning, squashed", lambda: by_ao(False)),
):
    left = sum(int((net_layer.weight != 0).sum()) for net_layer in made() if isinstance(net_layer, nn.Linear))
    found[name] = [count(made()) for count in COUNTERS.values()]
    print(f"{name}: {left} weights are not 0;", ", ".join(f"{tool} {n}" for tool, n in zip(COUNTERS, found[name])))
dense = [26710, 26600, 26910, 26600]
expected = {
    "dense": dense,
    "nn.utils.prune, masks kept": [2770, 26600, 26910, 53200],
    "nn.utils.prune, removed": dense,
    "ao.pruning, masks kept": [0, 0, 200, 53200],
    "ao.pruning, squashed": dense,
}
raise SystemExit(0 if found == expected else "the behaviour has changed")
PY
