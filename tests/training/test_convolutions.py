"""Networks with convolutions: the same description, methods, folder and accuracy as of matrices in a row."""

import json
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

import eiesim
from eiesim import EieError
from eiesim.dense import DenseLayer, expand, forward
from eiesim.training.architecture import NETWORKS, Architecture, Stage, lenet_5, perceptron
from eiesim.training.convolution import Convolution, features_of, given_by, vectors_of
from eiesim.training.examples import Examples, Parts
from eiesim.training.masks import layer_densities
from eiesim.training.recipe import NAMES, Recipe
from tests.cases import cli
from tests.documents import meets

SMALL = Architecture((2, 9, 7), (Stage("a", 4, 2, 2), Stage("b", 5, 2, 1), Stage("c", 12), Stage("d", 3)))
"""Of two channels and images that are not square: 4 maps of 8 x 6, pooled by 2, then 5 of 3 x 2."""


def images(seed, count):
    """Three classes, of which one is bright on the left, one at the top, one in the middle."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    values = rng.random((count, 2, 9, 7)) * 0.5
    bright = np.zeros((3, 9, 7))
    bright[0, :, :3] = bright[1, :3] = bright[2, 3:6, 3:5] = 1
    values += bright[labels][:, None]
    return Examples(values.reshape(count, -1).astype(np.float32), labels)


PARTS = Parts(training=images(0, 150), validation=images(1, 60), held_out=images(2, 30))


def literally(layers, flat):
    """One input through the layers, every product by itself, in float64."""
    values = flat.astype(np.float64)
    for layer in layers:
        if isinstance(layer, Convolution):
            (high, wide), k, channels = layer.image, layer.kernel, layer.cols // layer.kernel**2
            image = values.reshape(channels, high, wide)
            kernels = layer.weights.astype(np.float64).reshape(layer.rows, channels, k, k)
            maps = np.zeros((layer.rows, high - k + 1, wide - k + 1))
            for m, y, x in product(*map(range, maps.shape)):
                maps[m, y, x] = sum(
                    kernels[m, c, i, j] * image[c, y + i, x + j]
                    for c, i, j in product(range(channels), range(k), range(k))
                )
                maps[m, y, x] += 0 if layer.bias is None else layer.bias[m]
            pool = layer.pool
            pooled = np.zeros((layer.rows, maps.shape[1] // pool, maps.shape[2] // pool))
            for m, y, x in product(*map(range, pooled.shape)):
                pooled[m, y, x] = max(maps[m, y * pool + i, x * pool + j] for i, j in product(range(pool), range(pool)))
            values = pooled.ravel()
        else:
            values = layer.weights.astype(np.float64) @ values + (0 if layer.bias is None else layer.bias)
        values = np.maximum(values, 0) if layer.activation == "relu" else values
    return values


def with_biases(layers, seed=5):
    rng = np.random.default_rng(seed)
    return tuple(replace(layer, bias=rng.normal(size=layer.rows).astype(np.float32)) for layer in layers)


def test_lenet_5_is_deep_compressions():
    """Table 3: 0.5K, 25K, 400K and 5K weights, 431K in all."""
    layers = lenet_5(10).untrained(0)
    assert [layer.weights.shape for layer in layers] == [(20, 25), (50, 500), (500, 800), (10, 500)]
    assert lenet_5(10).weights == sum(layer.weights.size for layer in layers) == 430_500
    assert [vectors_of(layer) for layer in layers] == [24 * 24, 8 * 8, 1, 1]
    assert [features_of(layer) for layer in layers] == [784, 20 * 12 * 12, 800, 500]
    assert [given_by(layer) for layer in layers] == [20 * 12 * 12, 800, 500, 10]
    assert [layer.activation for layer in layers] == ["relu", "relu", "relu", "none"]
    assert layer_densities(layers, 0.08) == pytest.approx((0.28, 0.08, 0.08, 0.28), abs=0.01)
    assert (
        sum(round(d * la.weights.size) for d, la in zip(layer_densities(layers, 0.08), layers, strict=True)) == 34_440
    )


def test_perceptrons_are_described_alike():
    one, other = NETWORKS["lenet-300-100"](784, 10), perceptron((784, 300, 100, 10))
    assert one == other
    assert not one.has_convolutions
    layers = other.untrained(7)
    assert [layer.weights.shape for layer in layers] == [(300, 784), (100, 300), (10, 100)]
    rng = np.random.default_rng(7)  # He's weights, layer by layer
    for layer in layers:
        drawn = rng.standard_normal(layer.weights.shape) * np.sqrt(2 / layer.cols)
        np.testing.assert_array_equal(layer.weights, drawn.astype(np.float32))


def test_outputs_are_the_sums_written_out():
    layers, values = with_biases(SMALL.untrained(3)), images(4, 3).inputs
    assert [type(layer) for layer in layers] == [Convolution, Convolution, DenseLayer, DenseLayer]
    literal = np.array([literally(layers, one) for one in values])
    np.testing.assert_allclose(forward(layers, values), literal, rtol=1e-4, atol=1e-5)


def test_windows_of_drawn_positions_are_some_of_all_of_them():
    layer: Any = SMALL.untrained(0)[0]
    values = images(0, 4).inputs
    every, some = layer.windows(values), layer.windows(values, 5, seed=3)
    assert every.shape == (4 * 48, 8)
    assert some.shape == (4 * 5, 8)
    places = [(every.reshape(4, 48, 8)[0] == one).all(axis=1).argmax() for one in some[:5]]
    assert places == sorted(set(places))
    np.testing.assert_array_equal(every.reshape(4, 48, 8)[:, places].reshape(20, 8), some)


@pytest.mark.parametrize("what", [{"kernel": 3}, {"image": (1, 9)}, {"pool": 5}, {"kernel": 0}, {"pool": 0}])
def test_a_convolution_that_does_not_go_together_is_refused(what):
    fits = {"image": (9, 7), "kernel": 2, "pool": 2}
    Convolution("a", np.ones((3, 8)), **fits)
    with pytest.raises(EieError, match=r"layer 'a': 8 columns for windows of .* do not go together"):
        Convolution("a", np.ones((3, 8)), **{**fits, **what})


torch = pytest.importorskip("torch", reason="needs extra [train]")

from eiesim.training.folder import load_teacher  # noqa: E402
from eiesim.training.loop import Settings, one_thread, sensitivities  # noqa: E402
from eiesim.training.methods import METHODS  # noqa: E402
from eiesim.training.run import begin, finish, lesson_for  # noqa: E402

torch.set_num_threads(1)
SHORT = {
    "dense": Settings(epochs=6, patience=6, batch=25, rate=1e-2),
    "retraining": Settings(epochs=2, patience=2, batch=25, rate=1e-2),
    "shared": Settings(epochs=1, patience=1, batch=25, rate=1e-3, decay=0.0),
    "rounds": 2,
}
QUICK = {name: Settings(epochs=1, patience=1, batch=16) for name in ("dense", "retraining", "shared")} | {"rounds": 1}


def made(method, density=0.4, seed=0, networks=None):
    how = Recipe(method=method, density=density, seed=seed, **SHORT)
    with one_thread():
        lesson = lesson_for(PARTS, how)
        return finish(PARTS, lesson, networks or begin(SMALL, lesson, how), how)


@pytest.fixture(scope="module")
def trained():
    """Every method, once."""
    first = made("magnitude")
    others = {name: made(name, networks=first.networks) for name in NAMES if name != "magnitude"}
    return {"magnitude": first, **others, "2:4": made("2:4", None, networks=first.networks)}


def test_gradients_are_the_differences_quotients():
    """Every weight's |gradient x weight|, against two losses of the sums written out."""
    layers, examples = with_biases(SMALL.untrained(11)), images(6, 2)

    def loss(changed):
        scores = np.array([literally(changed, one) for one in examples.inputs])
        right = scores[np.arange(len(scores)), examples.labels]
        return (np.log(np.exp(scores).sum(axis=1)) - right).mean()

    rng, step = np.random.default_rng(0), 1e-3
    for k, found in enumerate(sensitivities(layers, examples)):
        for place in zip(*(rng.integers(0, size, 6) for size in found.shape), strict=True):
            ends = []
            for sign in (1, -1):
                weights = layers[k].weights.astype(np.float64)
                weights[place] += sign * step
                moved = [*layers]
                moved[k] = replace(layers[k], weights=weights)
                ends.append((loss(moved), float(moved[k].weights[place])))
            quotient = (ends[0][0] - ends[1][0]) / (ends[0][1] - ends[1][1])
            assert found[place] == pytest.approx(abs(quotient * layers[k].weights[place]), rel=2e-3, abs=1e-6)


def test_torchs_own_network_gives_the_same_scores_and_gradients():
    layers, examples = with_biases(SMALL.untrained(2)), images(3, 20)
    own = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 2), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Conv2d(4, 5, 2), torch.nn.ReLU(),
        torch.nn.Flatten(), torch.nn.Linear(30, 12), torch.nn.ReLU(), torch.nn.Linear(12, 3),
    )  # fmt: skip
    parts = [part for part in own if hasattr(part, "weight")]
    for part, layer in zip(parts, layers, strict=True):
        part.weight.data = torch.tensor(layer.weights).reshape(part.weight.shape)
        part.bias.data = torch.tensor(layer.bias)
    scores = own(torch.tensor(examples.inputs).reshape(-1, 2, 9, 7))
    np.testing.assert_allclose(scores.detach().numpy(), forward(layers, examples.inputs), rtol=1e-4, atol=1e-5)
    torch.nn.functional.cross_entropy(scores, torch.tensor(examples.labels)).backward()
    for part, found in zip(parts, sensitivities(layers, examples), strict=True):
        by_torch = (part.weight.grad * part.weight.detach()).abs().numpy().reshape(found.shape)
        np.testing.assert_allclose(found, by_torch, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("name", [*NAMES, "2:4"])
def test_every_method_learns_and_keeps_to_its_mask(trained, name):
    found = trained[name]
    assert found.accuracy["dense"] > 0.9
    assert found.accuracy["shared"] >= 0.5  # chance is a third
    assert not found.chain
    for layer, mask, shared in zip(found.outcome.layers, found.outcome.masks, found.shared, strict=True):
        assert (layer.weights[~mask.kept] == 0).all()
        assert ((shared.to_dense() != 0) <= (layer.weights != 0)).all()
        assert len(shared.codebook) <= 16
    weights = SMALL.weights
    if name in ("magnitude", "iterative", "lottery", "snip", "random", "binary", "balanced"):
        assert sum(mask.count for mask in found.outcome.masks) == round(0.4 * weights)
    if name in ("neurons", "low-rank"):
        assert 0.2 < found.density <= 0.4
    if name in ("blocks", "mesa"):  # as in their papers, convolutions stay whole
        assert [mask.kept.all() for mask in found.outcome.masks[:2]] == [True, True]
        of_matrices = sum(mask.count for mask in found.outcome.masks[2:]) / (12 * 30 + 3 * 12)
        assert 0.2 < of_matrices < 0.6
    assert set(METHODS) == set(NAMES)


def test_neurons_takes_whole_maps_and_their_places(trained):
    """What is left computes what the dense network does with the other units silent."""
    found = trained["neurons"]
    before, dense = found.outcome.before, found.networks.dense
    silenced, inputs = [], np.arange(8)
    for small, layer in zip(before, dense, strict=True):
        rows = [int((layer.weights[:, inputs] == row).all(axis=1).argmax()) for row in small.weights]
        alive = np.isin(np.arange(layer.rows), rows)
        silenced.append(replace(layer, weights=layer.weights * alive[:, None], bias=layer.bias * alive))
        after = dense[len(silenced)].cols // layer.rows if len(silenced) < len(dense) else 1
        inputs = (np.array(rows)[:, None] * after + np.arange(after)).ravel()
    values = found.parts.held_out.inputs
    np.testing.assert_allclose(forward(before, values), forward(silenced, values), rtol=1e-4, atol=1e-5)


def test_low_rank_of_a_convolution_is_two(trained):
    found = trained["low-rank"]
    v, u = found.outcome.layers[2:4]
    assert (v.name, u.name) == ("b-v", "b-u")
    assert (v.kernel, v.pool, u.kernel, u.pool, u.image) == (2, 1, 1, 1, v.places)
    assert v.activation == "none"


def test_same_seed_same_network(trained):
    one, again, other = trained["magnitude"], made("magnitude"), made("magnitude", seed=1)
    assert [a.content_hash for a in one.shared] == [b.content_hash for b in again.shared]
    assert one.shared[0].content_hash != other.shared[0].content_hash


@pytest.mark.parametrize("name", ["iterative", "neurons", "low-rank"])
def test_the_folder_is_the_network_and_so_are_its_graphs(trained, name, tmp_path):
    ort = pytest.importorskip("onnxruntime", reason="needs extra [onnx]")
    found, folder = trained[name], tmp_path / "net"
    eiesim.save_trained(found, folder)
    inputs, labels = np.load(folder / "inputs.npy"), np.load(folder / "labels.npy")
    assert inputs.shape == (30, 2, 9, 7)
    shares = eiesim.accuracy(folder)
    for stage, graph, layers in (
        ("shared", "model", found.expanded),
        ("pruned", "pruned", found.outcome.layers),
        ("dense", "dense", found.networks.dense),
    ):
        outputs = ort.InferenceSession(folder / f"{graph}.onnx").run(None, {"images": inputs.astype(np.float32)})[0]
        np.testing.assert_allclose(outputs, forward(layers, found.parts.held_out.inputs), rtol=1e-4, atol=1e-5)
        right = (outputs.argmax(axis=1) == labels).mean()
        assert shares[stage]["float32"] == pytest.approx(right)
        assert found.accuracy[stage] == pytest.approx(right)
    assert eiesim.accuracy(found) == shares
    given = eiesim.accuracy(found, inputs[:7], labels[:7])
    assert given["shared"]["float32"] == pytest.approx(
        (forward(found.expanded, inputs[:7]).argmax(axis=1) == labels[:7]).mean()
    )
    for arguments, said in (
        ((inputs, None), "give both, activations and labels, or neither"),
        (({"images": inputs}, labels), "activations: are named; this network has one input"),
        ((inputs[:0], labels[:0]), "is empty"),
        ((inputs[:, :1], labels), "activations: 63 an input, the network takes 126"),
    ):
        with pytest.raises(EieError, match=said):
            eiesim.accuracy(found, *arguments)
    with pytest.raises(EieError, match="with convolutions brings the dense and the pruned one itself"):
        eiesim.accuracy(found, dense=folder / "dense.onnx")
    assert (shares.computed, shares.layers) == (len(found.shared),) * 2
    network = eiesim.load_network(folder)
    assert [a.content_hash for a in network.layers] == [b.content_hash for b in found.shared]
    assert (network.chain, network.vectors) == (False, found.vectors)
    by_folder, in_memory = eiesim.simulate(folder), eiesim.simulate(found)
    assert [layer.cycles for layer in by_folder.layers] == [layer.cycles for layer in in_memory.layers]
    teacher = load_teacher(folder)
    np.testing.assert_allclose(forward(teacher, inputs), forward(found.expanded, inputs), rtol=1e-6)
    report = json.loads((folder / "report.json").read_text())
    meets(report)
    assert report["layers"][0]["image"] == [9, 7]


def test_what_is_recorded_is_what_the_layer_is_given(trained):
    found = trained["iterative"]
    values = found.parts.held_out.inputs
    for k, layer in enumerate(found.expanded):
        own = found.recorded[k]
        outputs = expand(found.shared[k]).outputs(own)
        values = layer.outputs(values)
        if k >= 2:
            np.testing.assert_allclose(outputs, values, rtol=1e-5)
    assert [len(own) for own in found.recorded] == [30 * 16, 30 * 6, 30, 30]


def test_a_graph_that_was_changed_is_not_taken(trained, tmp_path):
    pytest.importorskip("onnxruntime", reason="needs extra [onnx]")
    eiesim.save_trained(trained["iterative"], tmp_path / "net")
    whole = eiesim.accuracy(tmp_path / "net")
    (tmp_path / "net" / "dense.onnx").unlink()
    assert eiesim.accuracy(tmp_path / "net") == {name: whole[name] for name in ("pruned", "shared")}
    with open(tmp_path / "net" / "pruned.onnx", "ab") as file:
        file.write(b"0")
    assert eiesim.accuracy(tmp_path / "net") == {"shared": whole["shared"]}
    (tmp_path / "net" / "model.onnx").unlink()
    with pytest.raises(EieError, match="needs the ONNX model they are from"):
        eiesim.accuracy(tmp_path / "net")


@pytest.mark.parametrize(
    ("was", "becomes", "message"),
    [
        ("kernel = 2", "kernel = 3", "'a': image, kernel and pool are not those of a convolution"),
        ("pool = 2", 'pool = "x"', "'a': image, kernel and pool are not those of a convolution"),
        ("image = [9, 7]", "image = 9", "'a': image, kernel and pool are not"),
        ("image = [9, 7]", "image = [9, 5]", "'a' gives 32 numbers, 'b' takes 48"),
    ],
)
def test_a_teachers_folder_that_says_something_else_is_refused(trained, tmp_path, was, becomes, message):
    pytest.importorskip("onnx", reason="needs extra [onnx]")
    eiesim.save_trained(trained["iterative"], tmp_path / "net")
    toml = (tmp_path / "net" / "network.toml").read_text()
    (tmp_path / "net" / "network.toml").write_text(toml.replace(was, becomes, 1))
    with pytest.raises(EieError, match=message):
        load_teacher(tmp_path / "net")


X = np.random.default_rng(0).random((60, 28, 28)).astype(np.float32)
Y = np.arange(60) % 3


@pytest.fixture(scope="module")
def lenet():
    return eiesim.train(X, Y, "magnitude", 0.1, network="lenet-5", **QUICK)


@pytest.mark.parametrize("shape", [(60, 784), (60, 1, 28, 28)])
def test_images_may_be_flat_or_have_a_channel(lenet, shape):
    again = eiesim.train(X.reshape(shape), Y, "magnitude", 0.1, network="lenet-5", **QUICK)
    assert [a.content_hash for a in again.shared] == [b.content_hash for b in lenet.shared]
    assert "conv1 20 x 25, conv2 50 x 500, fc1 500 x 800, fc2 3 x 500" in repr(again)


@pytest.mark.parametrize("shape", [(60, 16), (60, 28, 28, 1), (60, 3, 28, 28), (60, 32, 32), (47040,)])
def test_other_shapes_are_refused_with_those_that_do(shape):
    x = np.zeros(shape, np.float32)
    wanted = r"lenet-5 needs \(examples, 28, 28\), \(examples, 1, 28, 28\) or \(examples, 784\)|need numbers, "
    with pytest.raises(EieError, match=wanted) as refused:
        eiesim.train(x, Y, "magnitude", 0.1, network="lenet-5", **QUICK)
    assert str(shape) in str(refused.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "lenet5"}, "no network is called 'lenet5'; .*did you mean 'lenet-5'"),
        ({"network": "lenet-5", "hidden": (20,)}, "network lenet-5 has hidden layers of its own"),
        ({"network": "lenet-5", "rank": 60, "method": "low-rank"}, "rank = 60: is no less than .* 'conv1', 20 x 25"),
        ({"network": "lenet-5", "masks": {"fc1": np.ones((2, 2))}, "method": None, "density": None}, "masks: are for"),
        ({"network": "lenet-5", "method": "neurons", "density": 1e-5}, "one unit a hidden layer is "),
        ({"network": "lenet-5", "teacher": [DenseLayer("a", np.ones((3, 25)))]}, "teacher: has 25 inputs"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(EieError, match=message):
        eiesim.train(X, Y, **{"method": "magnitude", "density": 0.1, **QUICK, **options})


def test_masks_of_convolutions_have_either_shape(lenet):
    rng = np.random.default_rng(0)
    flat = {layer.name: rng.random(layer.weights.shape) < 0.3 for layer in lenet.networks.dense}
    shaped = {**flat, "conv1": flat["conv1"].reshape(20, 1, 5, 5), "conv2": flat["conv2"].reshape(50, 20, 5, 5)}
    for masks in (flat, shaped):
        found = eiesim.train(X, Y, masks=masks, network="lenet-5", **QUICK)
        assert all((mask.kept == flat[name]).all() for name, mask in zip(flat, found.outcome.masks, strict=True))


def test_the_command_line_has_the_network(tmp_path):
    pytest.importorskip("onnx", reason="needs extra [onnx]")
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    how = ("--network", "lenet-5", "--method", "2:4", "--epochs", "1", "-o", tmp_path / "net")
    answer = cli("train", tmp_path / "x.npy", tmp_path / "y.npy", *how)
    assert answer.status == 0, answer.err
    assert "50 x 500" in answer.out
    assert np.load(tmp_path / "net" / "inputs.npy").shape[1:] == (1, 28, 28)
    answer = cli("train", tmp_path / "x.npy", tmp_path / "y.npy", "--network", "lenet-6", *how[2:])
    assert (answer.status, answer.out) == (2, "")
    assert "did you mean 'lenet-5'" in answer.err
