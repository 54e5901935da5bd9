"""What a result says of how it was made: version, contents of layers and input, seed, variation, command."""

import hashlib
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

import eiesim
from eiesim.layer_result import Provenance
from tests.cases import cli, random_layer

CONFIG = eiesim.MachineConfig(pes=4)


def inputs(cols, batch=None):
    return np.random.default_rng(cols).random((cols,) if batch is None else (batch, cols), np.float32)


def made(*provenances, names=None):
    """A result whose layers were made so; what was simulated does not matter here."""
    layers = [random_layer(k, 9, 9) for k in range(len(provenances))]
    result = eiesim.simulate(layers, inputs(9), CONFIG)
    parts = zip(result, provenances, names or [layer.name for layer in layers], strict=True)
    return replace(
        result, layers=tuple(replace(one, made_from=lambda how=how: how, name=name) for one, how, name in parts)
    )


def test_of_a_layer_and_its_input():
    layer, values = random_layer(1, 9, 7), inputs(7, 3)
    how = Provenance.of(layer, values, seed=5, variation=0.25)
    assert how.content_hash == layer.content_hash
    assert how.input_sha256 == hashlib.sha256(values.tobytes()).hexdigest()
    assert (how.seed, how.variation) == (5, 0.25)
    assert Provenance.of(layer, np.asfortranarray(values)) == Provenance.of(layer, values), "not how it lies in memory"
    assert Provenance.of(layer) == Provenance(layer.content_hash)


def test_layers_in_a_row_have_one_input():
    result = made(Provenance("a", "x"), Provenance("b"))
    assert result.provenance == {
        "eiesim": eiesim.__version__,
        "layer_sha256": {"random 0": "a", "random 1": "b"},
        "input_sha256": "x",
        "seed": None,
        "variation": None,
        "command": None,
    }
    assert json.loads(result.to_json())["provenance"] == result.provenance


def test_what_layers_share_stands_once_and_what_differs_by_layer():
    found = made(Provenance("a", "x", 3, 0.1), Provenance("b", "y", 3, 0.2), Provenance("c")).provenance
    assert found["seed"] == 3
    assert found["variation"] == {"random 0": 0.1, "random 1": 0.2}
    assert found["input_sha256"] == {"random 0": "x", "random 1": "y"}


def test_layers_of_one_name_are_kept_apart():
    found = made(Provenance("a"), Provenance("b"), Provenance("c"), names=["fc", "fc", "last"]).provenance
    assert found["layer_sha256"] == {"fc#0": "a", "fc#1": "b", "last": "c"}


def test_each_layers_record_says_it_too():
    record = json.loads(made(Provenance("a", "x", 3, 0.1))[0].to_json())
    assert {key: record[key] for key in ("version", "content_hash", "seed", "variation")} == {
        "version": eiesim.__version__, "content_hash": "a", "seed": 3, "variation": 0.1,
    }  # fmt: skip


def test_a_frame_says_it_row_by_row():
    table = made(Provenance("a", "x", 3, 0.1), Provenance("b")).to_frame()
    assert list(table["content_hash"]) == ["a", "b"]
    assert table["seed"].tolist()[0] == 3
    assert table[["seed", "variation"]].isna().values.tolist() == [[False, False], [True, True]]


def test_how_it_was_made_does_not_make_results_differ():
    one, other = made(Provenance("a", "x", 3)), made(Provenance())
    assert one == replace(other, command=("eiesim", "run"))


@pytest.mark.parametrize("target", ["-", "file"])
def test_the_command_line_tells_its_words(tmp_path, target):
    name = "-" if target == "-" else str(tmp_path / "r.json")
    words = ["run", "table3:NT-We", "--pes", "32", "--json", name, "-q"]
    answer = cli(*words)
    found = json.loads(answer.out if target == "-" else (tmp_path / "r.json").read_text())
    assert found["provenance"]["command"] == ["eiesim", *words]


def test_a_simulation_says_what_it_was_made_from():
    layer, activations = eiesim.workload("NT-We", 3, density=0.01, variation=0.2)
    found = eiesim.simulate("table3:NT-We", seed=3, density=0.01, variation=0.2).provenance
    assert (found["seed"], found["variation"]) == (3, 0.2)
    assert found["layer_sha256"] == {"NT-We": layer.content_hash}
    assert found["input_sha256"] == hashlib.sha256(activations.tobytes()).hexdigest()
    at_hand = eiesim.simulate(layer, activations).provenance
    assert at_hand == {**found, "seed": None, "variation": None}
    assert eiesim.simulate(layer, activations, engine="event").provenance == at_hand


def test_a_networks_first_input_is_the_networks():
    network = eiesim.open("example:lenet-300-100")
    found = eiesim.simulate(network, config=CONFIG).provenance
    assert list(found["layer_sha256"]) == ["ip1", "ip2", "ip3"]
    assert found["input_sha256"] == hashlib.sha256(network.activations.tobytes()).hexdigest()


def test_a_pickle_says_it_without_the_layer():
    result = eiesim.simulate("table3:NT-We")
    layer = eiesim.workload("NT-We")[0]
    kept = pickle.dumps(result)
    assert len(kept) < layer.codes.nbytes
    again = pickle.loads(kept)
    assert again == result
    assert again.provenance == result.provenance
