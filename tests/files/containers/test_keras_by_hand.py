"""Files of Keras made by hand: forms of its config and arrays that the models in the archives have not."""

import json
import zipfile

import numpy as np
import pytest

from eiesim.compression.pipeline import load_model, read_model
from eiesim.errors import EieError
from eiesim.files.containers.keras import _what
from eiesim.files.containers.operators import Product, Step, network_of
from eiesim.files.ledger import NO_CHOICE

h5py = pytest.importorskip("h5py", reason="h5py is not installed (extra formats)")


def f(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def dense(name, units, activation="linear", inbound=None, **more):
    layer = {"class_name": "Dense", "config": {"name": name, "units": units, "activation": activation, **more}}
    return layer | ({} if inbound is None else {"name": name, "inbound_nodes": inbound})


def other(kind, name, inbound=None, **config):
    layer = {"class_name": kind, "config": {"name": name, **config}}
    return layer | ({} if inbound is None else {"name": name, "inbound_nodes": inbound})


def start(name="x", cols=6, **more):
    return other("InputLayer", name, batch_shape=[None, cols], **more)


def saved(tmp_path, layers, arrays, kind="Sequential", **config):
    """A .keras file; arrays: by layer, in Keras' order."""
    path = tmp_path / "m.keras"
    with h5py.File(tmp_path / "w.h5", "w") as file:
        for name, values in arrays.items():
            group = file.create_group(f"layers/{name}/vars")
            group.attrs["name"] = name
            for k, one in enumerate(values):
                group[str(k)] = one
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": kind, "config": {"layers": layers, **config}}))
        archive.write(tmp_path / "w.h5", "model.weights.h5")
    return path


TWO = {"one": (f(6, 5), f(5)), "two": (f(5, 4), f(4))}


@pytest.mark.parametrize(
    ("activation", "read", "left"),
    [
        (None, "none", None),
        ({"class_name": "function", "config": "relu", "registered_name": "relu"}, "relu", None),
        ({"class_name": "ReLU", "config": {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}}, "relu", None),
        ({"class_name": "ReLU", "config": {"max_value": 6.0}}, "none", "ReLU"),
        ({"class_name": "ReLU", "config": {"negative_slope": 0.1}}, "none", "ReLU"),
        ({"class_name": "ReLU", "config": {"threshold": 0.5}}, "none", "ReLU"),
        ({"class_name": "LeakyReLU", "config": {"negative_slope": 0.1}}, "none", "LeakyReLU"),
        ({"class_name": "function", "config": "mine>swish"}, "none", "mine>swish"),
    ],
    ids=lambda one: str(one)[:60],
)
def test_activations_that_are_objects(tmp_path, activation, read, left):
    """As Keras writes them: functions and layers, with their settings."""
    network, _ = load_model(saved(tmp_path, [start(), dense("one", 5, activation), dense("two", 4)], TWO))
    assert [layer.activation for layer in network.layers] == [read, "none"]
    assert network.chain == (left is None)
    assert [part.kind for part in network.left_out] == ([] if left is None else [left])


@pytest.mark.parametrize(
    ("between", "vectors"),
    [
        (other("Dropout", "d"), 1),
        (other("RepeatVector", "r", n=3), None),
        (other("Reshape", "r", target_shape=[5]), 1),
        (other("Reshape", "r", target_shape=[1, 5]), None),
        (other("Mine", "m"), None),
        (other("LSTM", "l", return_sequences=False), 1),
        (other("GlobalAveragePooling1D", "g"), 1),
        (other("Embedding", "e"), None),
    ],
    ids=lambda one: one["class_name"] if isinstance(one, dict) else "",
)
def test_vectors_behind_what_adds_axes(tmp_path, between, vectors):
    """One a network's input where the matrix takes two axes; not known where there may be more."""
    network, _ = load_model(saved(tmp_path, [start(), dense("one", 5), between, dense("two", 4)], TWO))
    assert network.vectors == (1, vectors)


def tensor(name, k=0):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, k]}}


@pytest.mark.parametrize("form", ["Keras 3", "Keras 3, mappings", "Keras 2", "Keras 2, by keyword"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_forms_of_a_functional_model(tmp_path, form, wrapped):
    """What takes what is the same, however it is written; layers in any order."""
    nodes = {
        "Keras 3": lambda name: [{"args": [tensor(name)], "kwargs": {}}],
        "Keras 3, mappings": lambda name: [{"args": [], "kwargs": {"inputs": tensor(name)}}],
        "Keras 2": lambda name: [[[name, 0, 0, {}]]],
        "Keras 2, by keyword": lambda name: (
            [[["x", 0, 0, {"mask": [name, 0, 0]}]]] if name != "x" else [[[name, 0, 0]]]
        ),
    }[form]
    first = start(inbound=[])
    if wrapped:  # as Keras 2.11 and later have it
        first["config"]["batch_input_shape"] = {"class_name": "__tuple__", "items": first["config"].pop("batch_shape")}
    ends = {"input_layers": ["x", 0, 0], "output_layers": [["two", 0, 0]]}
    if "mappings" in form:
        ends = {"input_layers": {"x": ["x", 0, 0]}, "output_layers": {"y": ["two", 0, 0]}}
    arrays = TWO if "keyword" not in form else TWO | {"two": (f(6, 4), f(4))}
    layers = [dense("two", 4, "linear", nodes("one")), dense("one", 5, "relu", nodes("x")), first]
    network, _ = load_model(saved(tmp_path, layers, arrays, "Functional", **ends))
    assert [layer.name for layer in network.layers] == ["one", "two"]
    assert network.chain == ("keyword" not in form)  # there it takes the input, and is called with the other besides
    assert network.vectors == (1, 1)


def test_a_relu_of_one_branch_is_not_the_layer_s(tmp_path):
    """Behind layers that change nothing too: the next one takes what comes before it."""
    node = lambda name: [{"args": [tensor(name)], "kwargs": {}}]  # noqa: E731
    layers = [start(inbound=[]), dense("one", 5, "linear", node("x")), other("Dropout", "drop", node("one")),
              other("ReLU", "relu", node("drop")), dense("two", 4, "linear", node("one"))]  # fmt: skip
    ends = {"input_layers": ["x", 0, 0], "output_layers": [["two", 0, 0], ["relu", 0, 0]]}
    network, _ = load_model(saved(tmp_path, layers, TWO, "Functional", **ends))
    assert [layer.activation for layer in network.layers] == ["none", "none"]
    assert network.chain
    assert [part.name for part in network.left_out] == ["relu"]


@pytest.mark.parametrize("branch", ["product", "same", "result", "none"])
@pytest.mark.parametrize("does", ["relu", "clips"])
def test_who_takes_a_layer_s_outputs(branch, does):
    """A ReLU is a layer's only where nothing takes what stands before it."""
    steps = [
        Product("one", "W", "x", "a", f(5, 6)), Step("drop", "Dropout", ("a",), ("b",), "same"),
        Step("flat", "Flatten", ("b",), ("c",), "same"), Step("relu", "ReLU", ("c",), ("d",), does),
        Product("two", "V", "d", "e", f(4, 5)),
    ]  # fmt: skip
    if branch == "product":
        steps.append(Product("three", "U", "a", "g", f(3, 5)))
    elif branch == "same":
        steps.append(Step("add", "Add", ("b", "d"), ("g",)))
    results = ["e", "c"] if branch == "result" else ["e"]
    network = network_of("m", "m", steps, ["x"], results, (), NO_CHOICE)
    assert network.layers[0].activation == ("relu" if branch == "none" else "none")
    assert network.chain == (branch == "none")


@pytest.mark.parametrize(
    ("kind", "own", "does", "reason"),
    [
        ("Activation", {"activation": "relu"}, "relu", ""),
        ("Activation", {"activation": "linear"}, "same", ""),
        ("Activation", {"activation": "tanh"}, "", "exponential"),
        ("Activation", {"activation": "relu6"}, "", "no matrix"),
        ("ReLU", {"max_value": None, "negative_slope": 0.0, "threshold": 0.0}, "relu", ""),
        ("ReLU", {"threshold": 1.0}, "", "threshold"),
        ("Softmax", {}, "", "exponential"),
        ("MaxPooling2D", {}, "", "pools"),
        ("Permute", {}, "", "moves"),
        ("LayerNormalization", {}, "", "no matrix"),
        ("Embedding", {}, "", "embedding"),
        ("Bidirectional", {}, "", "recurrent"),
        ("Conv3D", {"kernel_size": [1, 3, 1]}, "", "a convolution"),
        ("Mine", {}, "", "not known"),
    ],
)
def test_what_layers_without_a_matrix_do(kind, own, does, reason):
    found, why, macs = _what(kind, own)
    assert found == does
    assert reason in why
    assert (macs is None) == (kind in ("Mine", "Bidirectional", "Conv3D"))


def test_configs_that_are_refused(tmp_path):
    nested = start()
    for _ in range(102):
        nested = other("Sequential", "s", layers=[nested])
    loop = [dense("one", 5, "linear", [[["two", 0, 0]]]), dense("two", 4, "linear", [[["one", 0, 0]]])]
    ends = {"input_layers": ["x", 0, 0], "output_layers": [["two", 0, 0]]}
    for layers, more, why in (
        ([nested], {}, "its config has more than 100 models inside models"),
        (loop, ends, "its config's layers take what none gives"),
    ):
        path = saved(tmp_path, layers, TWO, **more)
        with pytest.raises(EieError, match=why) as said:
            read_model(path)
        assert str(path) in str(said.value)


@pytest.mark.parametrize("weight_map", ['{"weight_map": {"a": ["../m_00000.weights.h5"]}}', '{"weights": {}}', "no"])
def test_an_index_of_parts_that_is_refused(tmp_path, weight_map):
    with h5py.File(tmp_path / "m_00000.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = f(4, 3)
    (tmp_path / "m.weights.json").write_text(weight_map)
    with pytest.raises(EieError, match=r"m\.weights\.json: is damaged: (names parts that are not|has no weight_map)"):
        read_model(tmp_path / "m_00000.weights.h5")


def policy(mode):
    return {"dtype": {"class_name": "QuantizedDTypePolicy", "config": {"mode": mode}}}


@pytest.mark.parametrize(
    ("mode", "arrays", "words"),
    [
        ("int4", [np.zeros((6, 4), np.int8), f(5), f(5)], "its codes do not fit its config"),
        ("int4", [np.zeros(6, np.int8), f(5), f(5)], "its codes do not fit its config"),
        ("int4", [np.zeros((6, 3), np.int8), f(5), f(2, 5), np.zeros((2, 5), np.int8), np.full(6, 2, np.float32)],
         "its groups do not fit its kernel"),
        ("gptq", [f(6, 5), f(5)], "quantised as Keras' gptq, which is not read"),
        ("", [np.zeros((6, 5), np.int16), f(5)], "int16 values; EIE's weights are made from floating point"),
        ("", [], "its kernel is not in the file"),
    ],
)  # fmt: skip
def test_kernels_that_stay_out(tmp_path, mode, arrays, words):
    """Said with the reason, beside a layer that is read."""
    one = dense("one", 5, **(policy(mode) if mode else {})) | {"build_config": {"input_shape": [None, 6]}}
    model = saved(tmp_path, [start(), one, dense("two", 4)], {"one": arrays, "two": TWO["two"]})
    network, _ = read_model(model)
    assert words in network.left_out[0].reason


def test_a_kernel_of_bfloat16(tmp_path):
    """HDF5 knows no such type: two bytes a number, the upper half of a float32."""
    exact = np.float32([[1, -2, 0.5], [3, 256, -0.0078125]])
    halves = (exact.view(np.uint32) >> 16).astype("<u2").view("V2")
    network, _ = load_model(saved(tmp_path, [start(cols=2), dense("one", 3)], {"one": (halves,)}))
    np.testing.assert_array_equal(network.layers[0].weights, exact.T)


@pytest.mark.parametrize("more", [{}, {"mine": (f(2, 3, 4, 5),)}], ids=["alone", "beside another"])
def test_arrays_alone_of_whole_numbers(tmp_path, more):
    """Without a config an int8 kernel is divided by its scale, which is its own: only others keep two layers apart."""
    codes, scale = np.arange(-15, 15, dtype=np.int8).reshape(6, 5), np.linspace(1, 5, 5, dtype=np.float32)
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        for name, values in {"dense": (codes, f(5), scale), "dense_1": TWO["two"], **more}.items():
            for k, one in enumerate(values):
                file[f"layers/{name}/vars/{k}"] = one
    network, _ = load_model(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(network.layers[0].weights, (codes / scale).T, rtol=1e-6)
    assert network.chain == (not more)
    if more:
        assert "between them may stand 'mine/0'" in network.notes
        assert [layer.activation for layer in network.layers] == ["none", "none"]
