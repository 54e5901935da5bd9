"""Makes keras3.tar.xz, keras3.12.tar.xz and keras2.tar.xz: files that Keras wrote, and what its layers compute.

    KERAS_BACKEND=torch python tests/files/containers/make_keras.py 3    # keras 3.15.1, torch 2.13.0
    KERAS_BACKEND=torch python tests/files/containers/make_keras.py 3.12 # keras 3.12.0, which packs int4 otherwise
    TF_USE_LEGACY_KERAS=1 python tests/files/containers/make_keras.py 2  # tf_keras 2.21.0, tensorflow-cpu 2.21.0

Values are the layers' outputs on the identity, activation and bias taken off.
"""

import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
RNG = np.random.default_rng(25)
VERSION = sys.argv[1]

if VERSION == "2":
    import tf_keras as keras
else:
    import keras
layers = keras.layers


def filled(model):
    """The model with numbers that the seed gives, biases too."""
    model.set_weights([RNG.standard_normal(value.shape).astype(np.float32) for value in model.get_weights()])
    return model


def sequential(**more):
    return filled(
        keras.Sequential(
            [
                layers.Input((10,)),
                layers.Dense(6, activation="relu", name="hidden", **more),
                layers.Dropout(0.5),
                layers.Dense(5, name="scores"),
                layers.Softmax(),
            ]
        )
    )


def eleven():
    """So many layers that the order of their names is not that of their numbers."""
    parts = [layers.Input((3,)), *(layers.Dense(3 + k % 2, activation="relu") for k in range(11))]
    return filled(keras.Sequential(parts))


def functional():
    entry = keras.Input((10,))
    first = layers.ReLU()(layers.Dense(6, name="one")(entry))
    second = layers.Dense(6, activation="relu", name="two")(first)
    both = layers.Add()([first, second])
    return filled(keras.Model(entry, layers.Dense(3, name="three", use_bias=False)(both)))


def nested():
    block = keras.Sequential([layers.Input((10,)), layers.Dense(6, activation="relu", name="inner")], name="block")
    last = layers.Dense(5, name="scores")
    return filled(keras.Sequential([layers.Input((10,)), block, last, layers.Activation("relu")]))


def twice():
    entry = keras.Input((6,))
    shared = layers.Dense(6, activation="relu", name="again")
    return filled(keras.Model(entry, shared(shared(entry))))


def mixed():
    parts = [layers.Input((2, 2, 3)), layers.Conv2D(6, 1, activation="relu", name="point"), layers.BatchNormalization(),
             layers.Flatten(), layers.Dense(5, activation="tanh", name="fc"), layers.Dense(2, name="last")]  # fmt: skip
    return filled(keras.Sequential(parts))


def dense_layers(model):
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from dense_layers(layer)
        elif type(layer).__name__ == "Dense":
            yield layer


def values_of(name, model, values):
    for layer in dense_layers(model):
        activation, layer.activation = layer.activation, keras.activations.linear
        inputs = layer.input_spec.axes[-1] if layer.input_spec is not None else layer.kernel.shape[0]
        bias = np.asarray(keras.ops.convert_to_numpy(layer.bias) if VERSION != "2" else layer.bias) if layer.use_bias \
            else np.zeros(layer.units, np.float32)  # fmt: skip
        out = layer(np.eye(inputs, dtype=np.float32))
        out = keras.ops.convert_to_numpy(out) if VERSION != "2" else np.asarray(out)
        layer.activation = activation
        values[f"{name}/{layer.name}/weight"] = (out - bias).T
        values[f"{name}/{layer.name}/bias"] = bias


def nameless(member):
    """A member without the time and the user of this run."""
    member.mtime, member.uid, member.gid, member.uname, member.gname = 0, 0, 0, "", ""
    return member


def main():
    values, folder = {}, Path(tempfile.mkdtemp())
    models = {
        "sequential": sequential(),
        "eleven": eleven(),
        "functional": functional(),
        "nested": nested(),
        "twice": twice(),
        "mixed": mixed(),
    }
    if VERSION != "2":
        for mode in ("int8", "int4"):
            models[mode] = sequential()
            models[mode].quantize(mode)
    if VERSION == "3.12":
        models = {"int4": models["int4"]}
    for name, model in models.items():
        keras_name = f"k{VERSION}_{name}"
        if name != "eleven" and (VERSION, name) != ("2", "nested"):
            model.save(folder / f"{keras_name}.keras")
        if name in ("nested", "functional"):
            model.save(folder / f"{keras_name}.h5")
        if name in ("sequential", "eleven"):
            model.save_weights(folder / f"{keras_name}.weights.h5")
        values_of(keras_name, model, values)
    if VERSION == "3":
        models["eleven"].save_weights(folder / "k3_parts.weights.json", max_shard_size=3e-7)
        models["mixed"].save_weights(folder / "k3_mixed.weights.h5")
    np.savez_compressed(folder / "values.npz", **values)
    with tarfile.open(HERE / f"keras{VERSION}.tar.xz", "w:xz") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name, filter=nameless)


main()
