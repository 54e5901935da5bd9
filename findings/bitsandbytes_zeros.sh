#!/usr/bin/env bash
# bitsandbytes 0.50.2: on the CPU, 8-bit block-wise quantisation leaves no zero in a pruned matrix.
#
# Guess: the table of 256 values has a 0, so zeros come back as zeros, as they do from its NF4 and FP4.
# What happens: the 0 is code 127, and weights of 0 get code 131, 2e-5 times the largest weight of the block. Of a
# matrix with 18 % of its weights left all are non-zero, in float32, float16 and bfloat16; the nearest entries of the
# same table keep the zeros. A table of evenly spaced values, which has a 0 as well, gives 1e-9 for them.
# Why it matters: the error is too small for an accuracy to show it, and whatever skips or counts zeros afterwards finds
# none. Put the zeros back after dequantize_blockwise.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet torch==2.13.0 bitsandbytes==0.50.2 numpy==2.4.6
venv/bin/python - <<'PY'
import bitsandbytes.functional as bnb
import torch

torch.manual_seed(0)
weights = 0.06 * torch.randn(256, 256)
pruned = torch.where(weights.abs() > 0.08, weights, 0)


def show(name, back, kept):
    density[name] = round((back != 0).double().mean().item(), 3)
    print(f"{name}: density before {kept:.3f}, after {density[name]:.3f};", end=" ")
    print(f"a zero is up to {back[pruned == 0].abs().max().item():.1e}")


density = {}
kept = (pruned != 0).double().mean().item()
for kind in (torch.float32, torch.float16, torch.bfloat16):
    codes, state = bnb.quantize_blockwise(pruned.to(kind))
    show(str(kind).split(".")[1], bnb.dequantize_blockwise(codes, state).float(), kept)
    zero, got = (state.code == 0).nonzero().item(), codes[pruned == 0].unique().item()
    print(f"    the table's 0 is code {zero}, zeros get {got}: {state.code[got].item():.1e}")
codes, state = bnb.quantize_blockwise(pruned)
largest = state.absmax[:, None]
nearest = (pruned.reshape(-1, state.blocksize, 1) / largest[..., None] - state.code).abs().argmin(dim=2)
show("float32, the table's nearest", (state.code[nearest] * largest).reshape(pruned.shape), kept)
show("float32, evenly spaced", bnb.dequantize_blockwise(*bnb.quantize_blockwise(pruned, bnb.create_linear_map())), kept)
for kind in ("nf4", "fp4"):
    show(f"float32, {kind}", bnb.dequantize_4bit(*bnb.quantize_4bit(pruned, quant_type=kind)), kept)
lost = [name for name in density if density[name] == 1]
same = lost == ["float32", "float16", "bfloat16", "float32, evenly spaced"]
same = same and all(density[name] == round(kept, 3) for name in density if name not in lost)
raise SystemExit(0 if same else "the behaviour has changed")
PY
