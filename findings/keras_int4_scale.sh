#!/usr/bin/env bash
# keras 3.15.1: a Dense layer's kernel_scale divides after quantize("int8") and multiplies after quantize("int4").
#
# Guess: kernel_scale is the value of one step, so the weights are codes * scale, as in ONNX, TFLite and GGUF; and
# whichever it is, one name in one layer means one thing.
# What happens: in 8 bits it is the number of steps per unit, about 845 for a kernel whose largest weight is 0.15, and
# the weights are codes / scale. In 4 bits, as quantize stores them unless told otherwise (with a zero point), it is
# the value of one step, about 0.02, and the weights are (codes - zero) * scale. In 4 bits with block_size=-1 (one
# scale for each output) it is the number of steps again and divides.
# Why it matters: of a layer's variables only the presence of kernel_zero tells. A reader that divides, as is right for
# 8 bits, makes weights of 4 bits with a relative error of 2570 instead of 0.07.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet keras==3.15.1 jax==0.10.2 numpy==2.4.6
KERAS_BACKEND=jax KERAS_HOME="$work" venv/bin/python - <<'PY'
import keras
import numpy as np

array = keras.ops.convert_to_numpy
int4 = keras.quantizers.Int4QuantizationConfig
found = {}
for name, mode, config in (
    ("8 bits", "int8", None),
    ("4 bits", "int4", None),
    ("4 bits, block_size=-1", "int4", int4(block_size=-1)),
):
    keras.utils.set_random_seed(0)
    layer = keras.layers.Dense(8, use_bias=False)
    layer.build((None, 256))
    weights = array(layer.kernel)
    layer.quantize(mode, config=config)
    stored = [variable.path.split("/")[-1] for variable in layer.variables]
    scale = array(layer.kernel_scale)
    kernel = layer._kernel if mode == "int8" else keras.quantizers.unpack_int4(layer._kernel, 8, axis=-1)
    codes = array(kernel).astype(float)
    steps = scale
    if "kernel_zero" in stored:
        group = array(layer.g_idx).astype(int)
        codes, steps = codes - array(layer.kernel_zero)[group], scale[group]
    error = {
        rule: float(np.linalg.norm(made - weights) / np.linalg.norm(weights))
        for rule, made in (("divides", codes / steps), ("multiplies", codes * steps))
    }
    found[name] = min(error, key=error.get)
    print(f"{name}: {stored}, largest weight {np.abs(weights).max():.3f}, scale {scale.min():.3g} to {scale.max():.3g}")
    print("    relative error if the scale " + ", ".join(f"{rule}: {value:.3g}" for rule, value in error.items()))
expected = {"8 bits": "divides", "4 bits": "multiplies", "4 bits, block_size=-1": "divides"}
raise SystemExit(0 if found == expected else "the behaviour has changed")
PY
