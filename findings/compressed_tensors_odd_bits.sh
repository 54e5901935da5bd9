#!/usr/bin/env bash
# compressed-tensors 0.18.0: pack-quantized files of 3, 5, 6 or 7 bits written by 0.17.1 come back as other numbers.
#
# Guess: a file format keeps its layout under its name, or the newer reader sees the older layout (it has another width)
# and refuses.
# What happens: up to 0.17.1 each 32-bit word holds whole codes and spare bits; from 0.18.0, on purpose, the codes run
# on across words. Both are pack-quantized, with tensors of the same names. 0.18.0 and 0.20.0 read 0.17.1's tensors to
# the right shape without an error: of 3 bits 74 % of the weights are wrong, and the relative error is 1.2 (a matrix of
# zeros would have 1.0). 2, 4 and 8 bits, which fill the words, are read right. Only the words a row tell the two
# apart: 7 and 6 for 64 codes of 3 bits.
# Why it matters: a network of such widths stored by the older tool loads into the newer one and is noise. Check the
# width of weight_packed against weight_shape before reading.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet torch==2.13.0 transformers==5.24.0 safetensors==0.8.0 numpy==2.4.6 loguru pydantic psutil
for version in 0.17.1 0.18.0 0.20.0; do
    venv/bin/pip install --quiet --no-deps --target "$version" compressed-tensors=="$version"
done
cat >run.py <<'PY'
import sys

import compressed_tensors
import torch
from compressed_tensors.compressors import BaseCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from safetensors.torch import load_file, save_file

packer = BaseCompressor.get_value_from_registry("pack-quantized")
right = {}
for bits in range(2, 9):
    scheme = QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(num_bits=bits, strategy="channel"))
    torch.manual_seed(0)
    half = 1 << (bits - 1)
    weights = torch.randint(-half, half, (8, 64)).float() * 0.5
    scale = torch.full((8, 1), 0.5)
    packed = packer.compress({"weight": weights, "weight_scale": scale}, scheme)
    words = packed["weight_packed"].shape[1]
    if sys.argv[1] == "write":
        save_file(packed, f"{bits}.safetensors")
    back = packer.decompress(load_file(f"{bits}.safetensors"), scheme)["weight"]
    right[bits] = bool((back == weights).all())
    print(
        f"{compressed_tensors.__version__}, {bits} bits, {words:2} words a row of its own; reads {tuple(back.shape)},",
        f"{(back != weights).float().mean():.0%} wrong, relative error {(back - weights).norm() / weights.norm():.2f}",
    )
padded = (3, 5, 6, 7)
expected = {bits: sys.argv[1] == "write" or bits not in padded for bits in range(2, 9)}
raise SystemExit(0 if right == expected else "the behaviour has changed")
PY
PYTHONPATH=0.17.1 venv/bin/python run.py write
PYTHONPATH=0.18.0 venv/bin/python run.py read
PYTHONPATH=0.20.0 venv/bin/python run.py read
