"""eiesim.train from Python: what it gives, what it writes, what it refuses."""

import json
import re

import numpy as np
import pytest

import eiesim
from eiesim import EieError, Recipe
from eiesim.compression.pipeline import load_model
from eiesim.dense import DenseLayer
from eiesim.drawing import pictures
from eiesim.evaluation import accuracy
from eiesim.training.losses import Distillation, Penalty
from tests.cases import cli
from tests.training.clouds import clouds

pytest.importorskip("torch", reason="needs extra [train]")

from eiesim.training.folder import load_masks, load_teacher
from eiesim.training.loop import Settings

QUICK = {
    "hidden": (12,),
    "dense": Settings(epochs=3, patience=3, batch=32, rate=5e-3),
    "retraining": Settings(epochs=1, patience=1, batch=32, rate=5e-3),
    "shared": Settings(epochs=1, patience=1, batch=32),
    "rounds": 2,
}
X, Y = clouds(0, 200).inputs, clouds(0, 200).labels
TEACHER = [DenseLayer("t", np.ones((3, 16), np.float32))]


@pytest.fixture(scope="module")
def trained():
    return eiesim.train(X.reshape(-1, 4, 4), Y, "iterative", 0.4, **QUICK)


def test_folder_is_a_network_that_runs_and_compares(trained, tmp_path):
    eiesim.save_trained(trained, tmp_path / "net")
    network = eiesim.load_network(tmp_path / "net")
    assert [layer.content_hash for layer in network.layers] == [layer.content_hash for layer in trained.shared]
    held_out = trained.parts.held_out
    inputs = eiesim.load_inputs(tmp_path / "net" / "inputs.npy")
    assert (inputs == held_out.inputs).all()
    assert (np.load(tmp_path / "net" / "labels.npy") == held_out.labels).all()
    result = eiesim.simulate(network.layers, inputs, eiesim.MachineConfig(pes=4, arithmetic="float32"))
    assert accuracy(result.outputs, held_out.labels) == pytest.approx(trained.accuracy["shared"], abs=0.06)
    for name, layers in (("dense", trained.networks.dense), ("pruned", trained.outcome.layers)):
        model, _ = load_model(tmp_path / "net" / f"{name}.npz")
        assert all((a.weights == b.weights).all() for a, b in zip(model.layers, layers, strict=True))
    report = json.loads((tmp_path / "net" / "report.json").read_text())
    assert report == json.loads(json.dumps(trained.to_dict()))
    assert report["examples"] == {"training": 158, "validation": 21, "held_out": 21}
    assert report["density"] == pytest.approx(0.4, abs=0.002)
    with pytest.raises(EieError, match="is there already"):
        eiesim.save_trained(trained, tmp_path / "net")
    eiesim.save_trained(trained, tmp_path / "net", force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


METHODS_TRIED = {
    **dict.fromkeys(("magnitude", "lottery", "snip", "random", "neurons", "binary", "balanced", "2:4"), 0.5),
    **{"blocks": 0.34, "mesa": 0.34, "low-rank": 0.6},
}


@pytest.mark.parametrize("method", METHODS_TRIED)
def test_accuracy_of_its_folder_has_the_networks_that_were_trained(method, tmp_path):
    """Each by its own product in numpy; no other row, and nothing that was not trained."""
    trained = eiesim.train(X, Y, method, METHODS_TRIED[method] if method != "2:4" else None, **QUICK)
    eiesim.save_trained(trained, tmp_path / "net")
    held_out, right = trained.parts.held_out, {}
    for name, layers in (("dense", trained.networks.dense), ("pruned", trained.outcome.layers)):
        values = held_out.inputs.astype(np.float64)
        for layer in layers:
            values = values @ layer.weights.T.astype(np.float64) + (0 if layer.bias is None else layer.bias)
            values = np.maximum(values, 0) if layer.activation == "relu" else values
        right[name] = float((values.argmax(axis=1) == held_out.labels).mean())
    shares = eiesim.accuracy(tmp_path / "net")
    shown = ["dense", "shared"] if method == "low-rank" else ["dense", "pruned", "shared"]
    assert list(shares) == shown
    for name in shown[:-1]:
        assert shares[name]["float32"] == pytest.approx(right[name]), name
    in_memory = eiesim.accuracy(trained)
    assert list(in_memory) == ["dense", "pruned", "shared"]
    assert in_memory["pruned"]["float32"] == pytest.approx(right["pruned"])
    assert {name: in_memory[name] for name in shown} == shares


def test_what_accuracy_advises_can_be_done(tmp_path):
    """Low-rank factors have other shapes than the dense network, which can be named all the same."""
    folder = tmp_path / "net"
    eiesim.save_trained(eiesim.train(X, Y, "low-rank", 0.6, **QUICK), folder)
    whole = eiesim.accuracy(folder)
    (folder / "dense.npz").rename(tmp_path / "moved.npz")
    answer = cli("accuracy", folder)
    assert "the dense network is not at hand; name it with --dense MODEL" in answer.err
    answer = cli("accuracy", folder, "--dense", tmp_path / "moved.npz", "--json", "-")
    assert (answer.status, json.loads(answer.out)["accuracy"]) == (0, whole)
    np.savez(tmp_path / "other.npz", **{"fc1.weight": np.ones((4, 16)), "fc2.weight": np.ones((5, 4))})
    with pytest.raises(EieError, match="has 16 inputs and 5 outputs, the network 16 and 3"):
        eiesim.accuracy(folder, dense=tmp_path / "other.npz")
    with pytest.raises(EieError, match="its layers have shapes"):
        eiesim.accuracy(folder, pruned=tmp_path / "moved.npz")


def test_a_pruned_network_that_was_changed_is_not_taken(trained, tmp_path):
    eiesim.save_trained(trained, tmp_path / "net")
    with open(tmp_path / "net" / "pruned.npz", "ab") as file:
        file.write(b"0")
    assert list(eiesim.accuracy(tmp_path / "net")) == ["dense", "shared"]  # It was retrained: no other stands for it.


def test_epochs_are_at_most_the_plans():
    patient = {**QUICK, "retraining": Settings(epochs=2, patience=9), "shared": Settings(epochs=1, patience=9)}
    patient["dense"] = Settings(epochs=3, patience=9)
    for method, density in (("magnitude", 0.5), ("iterative", 0.5), ("lottery", 0.5), ("random", 0.5), ("2:4", None)):
        seen = []
        done = eiesim.train(X, Y, method, density, progress=lambda *now, seen=seen: seen.append(now), **patient)
        plan = done.recipe.plan
        assert [(steps, total) for steps, total, _ in seen] == [(n + 1, sum(plan)) for n in range(sum(plan))]
        stages = [
            re.fullmatch(r"epochs, (.*): validation loss [\d.]+, accuracy [\d.]+%", doing)[1] for *_, doing in seen
        ]
        assert [stages.count(name) for name in dict.fromkeys(stages)] == list(plan)


def test_torchs_threads_are_as_before():
    import torch

    torch.set_num_threads(2)
    eiesim.train(X, Y, "random", 0.5, **QUICK)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


def test_teacher_and_masks_from_files(trained, tmp_path):
    eiesim.save_trained(trained, tmp_path / "net")
    for path in (tmp_path / "net", tmp_path / "net" / "dense.npz"):
        layers = load_teacher(path)
        taught = eiesim.train(X, Y, "random", 0.5, teacher=layers, distillation=Distillation(3.0, 0.5), **QUICK)
        assert taught.recipe.distillation.temperature == 3
    np.savez(tmp_path / "masks.npz", fc1=np.eye(12, 16), fc2=np.ones((3, 12), bool))
    masks = load_masks(tmp_path / "masks.npz")
    found = eiesim.train(X, Y, masks=masks, **QUICK)
    assert ((found.outcome.layers[0].weights != 0) == np.eye(12, 16).astype(bool)).all()
    np.savez(tmp_path / "odd.npz", fc1=np.ones(4))
    with pytest.raises(EieError, match=r"mask 'fc1': is float64\[4\], needs \(rows, cols\)"):
        load_masks(tmp_path / "odd.npz")
    np.save(tmp_path / "one.npy", np.ones(4))
    with pytest.raises(EieError, match=r"needs an .npz with an array a layer"):
        load_masks(tmp_path / "one.npy")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "iterative"}, "method iterative needs a density"),
        ({"method": "iterativ", "density": 0.1}, "no method is called 'iterativ'; .*did you mean 'iterative'"),
        ({"method": "iterative", "density": 0.0}, "density = 0.0: must be above 0 and at most 1"),
        ({"method": "iterative", "density": float("nan")}, "density = nan"),
        ({"method": "2:4", "density": 0.1}, "method 2:4 is a density by itself"),
        ({"method": "4:4"}, "4:4: keeps n of every m"),
        ({"method": "0:4"}, "0:4: keeps n of every m"),
        ({}, "give either a method or masks"),
        ({"method": "snip", "density": 0.1, "masks": {}}, "give either a method or masks"),
        ({"masks": {}, "density": 0.1}, "masks are a density by themselves"),
        ({"method": "snip", "density": 0.1, "together": True}, "can rank all layers together, not snip"),
        ({"method": "snip", "density": 0.1, "reinitialise": True}, "only a lottery ticket"),
        ({"method": "snip", "density": 0.1, "rank": 3}, "only low-rank factors have a rank"),
        ({"method": "low-rank", "density": 0.1, "rank": 0}, "rank = 0"),
        ({"method": "iterative", "density": 0.1, "rounds": 0}, "rounds = 0"),
        ({"method": "iterative", "density": 0.1, "rounds": 10**9}, "rounds = 1000000000: must be .* from 1 to 1000"),
        ({"method": "iterative", "density": 0.1, "rounds": 10**30}, "rounds = 10{30}: must be"),
        ({"method": "iterative", "density": 0.1, "rounds": 2.5}, r"rounds = 2\.5: must be a whole number"),
        ({"method": "iterative", "density": 0.1, "rounds": True}, "rounds = True: must be a whole number"),
        ({"method": "iterative", "density": 0.1, "seed": 2**63}, "seed = 9223372036854775808: must be .* from 0 to"),
        ({"method": "iterative", "density": 0.1, "seed": -1}, "seed = -1: must be"),
        ({"method": "iterative", "density": 0.1, "dense": Settings(epochs=10**9)}, "epochs = .* from 1 to 100000"),
        ({"method": "iterative", "density": 0.1, "shared": Settings(epochs=0)}, "epochs = 0: must be"),
        ({"method": "balanced", "density": 0.1, "pes": 5000}, "pes = 5000: must be a whole number from 1 to 4096"),
        ({"method": "snip", "density": 0.1, "bits": 9}, "bits = 9: must be a whole number from 1 to 8"),
        ({"method": "binary", "density": 0.1, "bits": 1}, "give 2 bits or more"),
    ],
)
def test_recipes_that_make_no_sense(options, message):
    with pytest.raises(EieError, match=message):
        Recipe(**options)


def test_losses_that_make_no_sense():
    for make in (lambda: Penalty("l3"), lambda: Penalty("l1", -1), lambda: Distillation(0), lambda: Distillation(1, 2)):
        with pytest.raises(EieError):
            make()


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[:5], Y, "labels: 200 for 5 inputs, needs one each"),
        (X[:, 0], Y, r"inputs: float32 of shape \(200,\); need numbers, \(examples, features\)"),
        (X.astype(str), Y, "need numbers"),
        (X, Y.astype(float), "labels: float64 .*need whole numbers"),
        (X, Y - 1, "labels: hold -1, need class numbers from 0"),
        (X, Y * 0, "one class only"),
        (X * np.nan, Y, "inputs: hold NaN or infinity"),
        (X.astype(np.float64) * 1e300, Y, "inputs: hold NaN or infinity"),
        (X, Y * 3, "class 1 has 0 examples, too few .*; classes count from 0, without a gap"),
        (X, Y + 1, "class 0 has 0 examples, too few .*; classes count from 0"),
        (X[:6], Y[:6], "too few to train on"),
        ([[1, 2], [3]], Y, "inputs: is not an array of numbers"),
        (X, np.where(np.arange(len(Y)) == 3, 2**63 + 5, Y.astype(np.uint64)), "labels: hold 9223372036854775813, need"),
        (
            X / np.abs(X).max() * np.float32(3e38),
            Y,
            "training went astray: the loss is no longer a number; scale the inputs",
        ),
    ],
)
def test_examples_that_make_no_sense(x, y, message):
    with pytest.raises(EieError, match=message):
        eiesim.train(x, y, "random", 0.5, **QUICK)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": 3}, "no method is 3"),
        ({"density": "0.1"}, "density = '0.1': must be a number"),
        ({"network": ["lenet-5"]}, r"no network is \['lenet-5'\]"),
        ({"hidden": None}, "hidden = None: must be"),
        ({"epochs": "3"}, "epochs = '3': must be a whole number"),
        ({"penalty": 5}, "penalty = 5: must be a Penalty"),
        ({"together": "no"}, "together = 'no': must be True or False"),
        ({"teacher": TEACHER[0]}, "teacher: .* needs layers in a row"),
        ({"teacher": [X]}, "teacher: .* is no layer"),
        ({"teacher": [TEACHER[0], TEACHER[0]]}, "teacher: 't' gives 3 numbers, 't' takes 16"),
        ({"teacher": TEACHER, "temperature": "4"}, "temperature = '4': must be a number"),
        ({"teacher": TEACHER, "temperature": 1e308}, "temperature 1e.308: must be above 0 and at most 1,000,000"),
        ({"teacher": TEACHER, "temperature": 1e-200}, "training went astray: .* or give another temperature"),
        ({"teacher": TEACHER, "teacher_share": None, "mixup": "1"}, "mixup = '1': must be a number"),
        ({"teacher": TEACHER, "unlabelled": X, "debias": "no"}, "debias = 'no': must be True or False"),
    ],
)
def test_options_of_other_kinds_are_refused(options, message):
    with pytest.raises(EieError, match=message):
        eiesim.train(
            X, Y, **{"method": "magnitude", "density": 0.5, "hidden": (4,), "epochs": 1, "rounds": 1, **options}
        )


def test_a_recipe_is_one():
    with pytest.raises(EieError, match="recipe = 5: must be a Recipe"):
        eiesim.train(X, Y, recipe=5)


def test_refuses_what_does_not_fit():
    with pytest.raises(EieError, match="hidden = 0: must be a whole number from 1 to 1048576"):
        eiesim.train(X, Y, "random", 0.5, **{**QUICK, "hidden": (0,)})
    with pytest.raises(EieError, match="not both"):
        eiesim.train(X, Y, "random", 0.5, recipe=Recipe(method="random", density=0.5))
    with pytest.raises(EieError, match="teacher: has 16 inputs and 2 classes"):
        eiesim.train(X, Y, "random", 0.5, teacher=[DenseLayer("fc", np.ones((2, 16)))], **QUICK)
    with pytest.raises(EieError, match="no hidden layer to take neurons from"):
        eiesim.train(X, Y, "neurons", 0.5, **{**QUICK, "hidden": ()})


@pytest.mark.parametrize(
    ("hidden", "message"),
    [
        ((3,) * 20_000, "hidden: 20,000 layers, 100 at most"),
        ((10**30,), "hidden = 10{30}: must be a whole number from 1 to 1048576"),
        ((2**20, 2**20), r"1,099,5\d\d,\d{3},\d{3} weights to train .*: needs [\d,.]+ GB of memory"),
        ((2.5,), r"hidden = 2\.5: must be"),
        (("8",), "hidden = '8': must be"),
    ],
)
def test_networks_of_no_size_are_refused_at_once(hidden, message):
    with pytest.raises(EieError, match=message):
        eiesim.train(X, Y, "random", 0.5, **{**QUICK, "hidden": hidden})


def test_the_largest_seed_trains():
    assert eiesim.train(X, Y, "random", 0.5, **QUICK, seed=2**63 - 1).recipe.seed == 2**63 - 1


def test_what_was_trained_is_shown_in_a_line_and_a_table(trained):
    text = repr(trained)
    assert "\n" not in text
    held_out, classes = trained.parts.held_out, {}
    for stage, layers in (("dense", trained.networks.dense), ("pruned", trained.outcome.layers)):
        values = held_out.inputs
        for layer in layers:
            values = layer.outputs(values)
        classes[stage] = (values.argmax(axis=1) == held_out.labels).mean()
    for part in ("iterative: 16-12-3", "density 39.9%", *(f"{stage} {share:.1%}" for stage, share in classes.items())):
        assert part in text
    table = trained._repr_html_()
    assert f'<td style="text-align: right">{classes["pruned"]:.2%}</td>' in table
    assert f"{trained.dense_bytes:,}" in table
    frame = trained.to_frame().set_index("network")
    assert frame["accuracy"].to_dict() == pytest.approx({**trained.accuracy, **classes})
    assert frame["bytes"].dropna().to_dict() == {"dense": trained.dense_bytes, "shared": trained.coded_bytes}
    ((_, picture),) = pictures(trained, {}, "")
    (bars,) = picture.panels[0].series
    assert bars.y == pytest.approx(frame["accuracy"].tolist())
    assert [text for _, text in picture.panels[0].x.ticks] == list(frame.index)
