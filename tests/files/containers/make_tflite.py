"""Makes tflite.tar.xz: files that TensorFlow's converter and ai-edge-quantizer wrote, and the dense values.

    python tests/files/containers/make_tflite.py   # tensorflow-cpu 2.21.0, keras 3.15.1, ai-edge-quantizer 0.10.0

Values are the layers' kernels that were converted; of quantised ones what the interpreter computes of the identity.
"""

import os
import tarfile
import tempfile
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import ai_edge_quantizer.qtyping as qt
import numpy as np
import tensorflow as tf
from ai_edge_quantizer import quantizer

keras, layers, optimize = tf.keras, tf.keras.layers, tf.lite.Optimize
HERE = Path(__file__).parent
RNG = np.random.default_rng(25)


def filled(model, keep=1.0):
    weights = []
    for value in model.get_weights():
        made = RNG.standard_normal(value.shape).astype(np.float32)
        if value.ndim > 1 and keep < 1:
            blocks = RNG.random((-(-value.shape[0] // 4), value.shape[1])) < keep
            made *= (
                np.repeat(blocks, 4, axis=0)[: value.shape[0]]
                if value.shape[0] % 16 == 0
                else (RNG.random(value.shape) < keep)
            )
        weights.append(made)
    model.set_weights(weights)
    return model


def chain(activation="relu", keep=1.0, inputs=14):
    return filled(
        keras.Sequential(
            [
                layers.Input((inputs,)),
                layers.Dense(10, activation=activation, name="hidden"),
                layers.Dense(5, name="scores"),
                layers.Softmax(),
            ]
        ),
        keep,
    )


def single():
    return filled(keras.Sequential([layers.Input((14,)), layers.Dense(5, use_bias=False, name="only")]))


def image():
    parts = [layers.Input((4, 4, 3)), layers.Conv2D(4, 3, activation="relu"), layers.Conv2D(5, 1, activation="relu"),
             layers.DepthwiseConv2D(2), layers.Flatten(), layers.Dense(3)]  # fmt: skip
    return filled(keras.Sequential(parts))


def drawn():
    for _ in range(50):
        yield [RNG.standard_normal((1, 14)).astype(np.float32)]


def converted(model, *, types=None, ops=None, **settings):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    for name, value in settings.items():
        setattr(converter, name, value)
    if types:
        converter.target_spec.supported_types = types
    if ops:
        converter.target_spec.supported_ops = ops
    return converter.convert()


def quantised(data, bits):
    made = quantizer.Quantizer(data)
    by = qt.TensorQuantizationConfig(num_bits=bits, symmetric=True, granularity=qt.QuantGranularity.CHANNELWISE)
    made.update_quantization_recipe(
        regex=".*", operation_name=qt.TFLOperationName.FULLY_CONNECTED,
        op_config=qt.OpQuantizationConfig(
            weight_tensor_config=by, compute_precision=qt.ComputePrecision.INTEGER, min_weight_elements=0
        ),
    )  # fmt: skip
    return bytes(made.quantize().quantized_model)


def kernels(model):
    return [layer.get_weights() for layer in model.layers if layer.get_weights()]


def of_the_identity(data, inputs=14):
    """A single layer's matrix, as the interpreter multiplies by it."""
    interpreter = tf.lite.Interpreter(model_content=data)
    interpreter.allocate_tensors()
    entry, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    columns = []
    for row in np.eye(inputs, dtype=np.float32):
        interpreter.set_tensor(entry["index"], row[None])
        interpreter.invoke()
        columns.append(interpreter.get_tensor(result["index"])[0])
    return np.array(columns).T


def stored(data):
    """Of each INT8 or INT32 tensor what the interpreter holds, times its scales."""
    interpreter = tf.lite.Interpreter(model_content=data)
    interpreter.allocate_tensors()
    found = {}
    for about in interpreter.get_tensor_details():
        by = about["quantization_parameters"]
        if "MatMul" in about["name"] and about["dtype"] == np.int8 and len(about["shape"]) == 2 \
                and about["shape"][0] > 1:  # fmt: skip
            found[about["name"]] = interpreter.get_tensor(about["index"]) * by["scales"].reshape(-1, 1)
    return found


def main():
    folder, values = Path(tempfile.mkdtemp()), {}

    def keep(name, data, weights):
        (folder / f"{name}.tflite").write_bytes(data)
        for k, pair in enumerate(weights):
            for what, value in zip(("weight", "bias"), pair, strict=False):
                values[f"{name}/{k}/{what}"] = value.T if what == "weight" else value

    whole, ops = chain(), tf.lite.OpsSet
    floats = converted(whole)
    keep("float32", floats, kernels(whole))
    halves = [[value.astype(np.float16) for value in pair] for pair in kernels(whole)]
    keep("float16", converted(whole, optimizations=[optimize.DEFAULT], types=[tf.float16]), halves)
    keep("relu6", converted(chain("relu6")), [])
    for name, more in {
        "int8": {"ops": [ops.TFLITE_BUILTINS_INT8], "inference_input_type": tf.int8, "inference_output_type": tf.int8},
        "int8_float_ends": {},
        "int8_by_tensor": {"_experimental_disable_per_channel_quantization_for_dense_layers": True},
        "int16x8": {"ops": [ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]},
    }.items():
        made = converted(whole, optimizations=[optimize.DEFAULT], representative_dataset=drawn, **more)
        found = stored(made)
        keep(
            name,
            made,
            [[next(value.T for one, value in found.items() if stem in one)] for stem in ("hidden", "scores")],
        )
    for name, keeps, inputs, more in (
        ("sparse", 0.2, 14, {}), ("sparse_blocks", 0.3, 16, {}), ("sparse_float16", 0.2, 14, {"types": [tf.float16]})
    ):  # fmt: skip
        model = chain(keep=keeps, inputs=inputs)
        how = [optimize.EXPERIMENTAL_SPARSITY, *([optimize.DEFAULT] if more else [])]
        pairs = kernels(model)
        keep(name, converted(model, optimizations=how, **more),
             [[value.astype(np.float16) for value in pair] for pair in pairs] if more else pairs)  # fmt: skip
    one = converted(single())
    for bits in (2, 4, 8):
        made = quantised(one, bits)
        keep(f"int{bits}_weights", made, [[of_the_identity(made).T]])
    keep("image", converted(image()), [])
    np.savez_compressed(folder / "values.npz", **values)
    with tarfile.open(HERE / "tflite.tar.xz", "w:xz") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name, filter=nameless)


def nameless(member):
    """A member without the time and the user of this run."""
    member.mtime, member.uid, member.gid, member.uname, member.gname = 0, 0, 0, "", ""
    return member


main()
