"""Sharded checkpoints: all shards or none, and just what the index says."""

import json
from typing import Any

import numpy as np
import pytest

import eiesim
from eiesim.files.names import natural
from tests.cases import cli

save_file = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed").save_file

RNG = np.random.default_rng(0)
TENSORS: dict[str, Any] = {
    "fc1.weight": RNG.standard_normal((6, 5)).astype(np.float32), "fc1.bias": RNG.standard_normal(6).astype(np.float32),
    "fc2.weight": RNG.standard_normal((4, 6)).astype(np.float32), "fc10.weight": RNG.standard_normal((3, 4)),
}  # fmt: skip
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
WHERE = {"fc1.weight": ONE, "fc1.bias": TWO, "fc2.weight": ONE, "fc10.weight": TWO}
INDEX = "model.safetensors.index.json"


@pytest.fixture
def folder(tmp_path):
    """A checkpoint in two shards; the bias of fc1 is in another than its weight."""
    made = tmp_path / "Net-3.1"
    made.mkdir()
    for shard in (ONE, TWO):
        save_file({name: TENSORS[name] for name, file in WHERE.items() if file == shard}, made / shard)
    index(made, WHERE)
    return made


def index(folder, where, text=None):
    text = text or json.dumps({"metadata": {"total_size": 1}, "weight_map": where})
    (folder / INDEX).write_text(text)


@pytest.mark.parametrize("given", ["", INDEX])
def test_all_shards_are_one_network(given, folder):
    model = eiesim.read_model(folder / given)
    assert model.name == "Net-3.1"
    assert [layer.name for layer in model.layers] == ["fc1", "fc2", "fc10"]
    for layer in model.layers:
        assert np.array_equal(layer.weights, TENSORS[f"{layer.name}.weight"].astype(np.float32))
    assert np.array_equal(model.layers[0].bias, TENSORS["fc1.bias"])
    assert sorted(entry.tensor for entry in model.ledger) == sorted(TENSORS)


def test_a_folder_of_one_file_is_a_network_too(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    save_file(TENSORS, other / "model.safetensors")
    assert len(eiesim.read_model(other).layers) == 3
    (tmp_path / "empty").mkdir()
    with pytest.raises(eiesim.EieError, match=r"or a folder with model\.safetensors or its index"):
        eiesim.read_model(tmp_path / "empty")


def test_a_missing_shard_is_named_unless_it_is_left(folder):
    (folder / TWO).unlink()
    with pytest.raises(eiesim.EieError, match=rf"{TWO}: no such file; .* holds 'fc1.bias' and 1 more; --leave '{TWO}'"):
        eiesim.read_model(folder)
    assert [layer.name for layer in eiesim.read_model(folder, leave=TWO).layers] == ["fc1", "fc2"]


def test_one_shard_alone_is_refused_unless_the_others_are_left(folder):
    with pytest.raises(eiesim.EieError, match=rf"{ONE}: is one of 2 shards.*--leave '{TWO}'"):
        eiesim.read_model(folder / ONE)
    assert [layer.name for layer in eiesim.read_model(folder / ONE, leave=[TWO, "fc2*"]).layers] == ["fc1"]
    (folder / "m-00002-of-00003.safetensors").write_bytes((folder / ONE).read_bytes())
    with pytest.raises(eiesim.EieError, match=r"one of 3 shards.*--leave 'm-\?{5}-of-00003\.safetensors'"):
        eiesim.read_model(folder / "m-00002-of-00003.safetensors")
    left = "m-?????-of-00003.safetensors"
    assert len(eiesim.read_model(folder / "m-00002-of-00003.safetensors", leave=left).layers) == 2
    with pytest.raises(eiesim.EieError, match="one of 3 shards"):
        eiesim.read_model(folder / "m-00002-of-00003.safetensors", leave="m-00001-of-00003.safetensors")
    (folder / "m-00001-of-00001.safetensors").write_bytes((folder / ONE).read_bytes())
    assert len(eiesim.read_model(folder / "m-00001-of-00001.safetensors").layers) == 2


WRONG = {
    "a tensor is elsewhere": ({**WHERE, "fc2.weight": TWO}, f"{ONE}: holds 'fc2.weight', and .* is in {TWO}"),
    "a tensor is in no shard": ({**WHERE, "fc3.weight": TWO}, f"{TWO}: has no 'fc3.weight'"),
    "a tensor is not in the index": ({"fc1.weight": ONE}, f"{ONE}: holds 'fc2.weight', and .* is in no shard"),
    "outside": ({**WHERE, "fc1.bias": "../x.safetensors"}, "'fc1.bias' is in '../x.safetensors'; shards are "),
    "outside, from the root": ({**WHERE, "fc1.bias": "/etc/x.safetensors"}, "'fc1.bias' is in '/etc/x.safetensors'"),
    "outside, as Windows has it": ({**WHERE, "fc1.bias": "..\\x.safetensors"}, "'fc1.bias' is in "),
    "no safetensors": ({**WHERE, "fc1.bias": "network.toml"}, "'fc1.bias' is in 'network.toml'"),
    "no name": ({**WHERE, "fc1.bias": 7}, "'fc1.bias' is in 7"),
    "empty": ({}, "weight_map: needs"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_index_that_says_something_else_is_refused(case, folder):
    where, why = WRONG[case]
    index(folder, where)
    with pytest.raises(eiesim.EieError, match=why):
        eiesim.read_model(folder)


def test_a_tensor_twice_is_refused(folder):
    save_file({"fc1.bias": TENSORS["fc1.bias"], "fc10.weight": TENSORS["fc10.weight"],
               "fc1.weight": TENSORS["fc1.weight"]}, folder / TWO)  # fmt: skip
    with pytest.raises(eiesim.EieError, match=rf"{TWO}: holds 'fc1.weight', which another shard holds too"):
        eiesim.read_model(folder)


@pytest.mark.parametrize("text", ["[", "[]", '{"weight_map": []}', "{}", "[" * 100_000])
def test_an_index_that_is_none_is_refused(text, folder):
    index(folder, {}, text)
    with pytest.raises(eiesim.EieError, match=r"index\.json: (is no JSON|weight_map)"):
        eiesim.read_model(folder)


@pytest.mark.parametrize(
    ("shard", "said"),
    [
        (f"model-{'9' * 5000}.safetensors", "shards are .safetensors files beside the index"),
        ("a" * 250 + ".safetensors", "shards are .safetensors files beside the index"),
        ("\ud800.safetensors", "no such file"),
    ],
    ids=["digits", "long", "surrogate"],
)
def test_a_shard_that_no_file_can_be_called_is_refused(shard, said, folder):
    """Names of 5,000 digits, which Python makes no number of, ended in a ValueError, and long ones in an OSError."""
    index(folder, {}, json.dumps({"weight_map": {"fc1.weight": shard}}))
    with pytest.raises(eiesim.EieError, match=said):
        eiesim.read_model(folder)


def test_numbers_of_any_length_sort_by_value():
    names = ["w10", "w9", "w09", "w" + "9" * 5000, "w1²2", "w"]
    assert sorted(names, key=natural) == ["w", "w1²2", "w9", "w09", "w10", "w" + "9" * 5000]


def test_an_index_that_names_a_tensor_twice_is_refused(folder):
    index(folder, {}, f'{{"weight_map": {{"fc1.weight": "{ONE}", "fc1.weight": "{TWO}"}}}}')
    with pytest.raises(eiesim.EieError, match=r"index\.json: names 'fc1\.weight' twice"):
        eiesim.read_model(folder)


def test_several_indices_are_refused(folder):
    (folder / "other.safetensors.index.json").write_text("{}")
    with pytest.raises(eiesim.EieError, match="has 2 indices"):
        eiesim.read_model(folder)


def test_compress_keeps_the_shards_and_accuracy_finds_them_again(folder, tmp_path):
    from eiesim.evaluation import model_of_folder
    from eiesim.files.network import load_network

    assert cli("compress", folder, "-o", tmp_path / "out").status == 0
    assert model_of_folder(tmp_path / "out", load_network(tmp_path / "out")).resolve() == folder
    for name in (ONE, TWO, INDEX):
        before = (folder / name).read_bytes()
        answer = cli("compress", folder, "-o", tmp_path / "again", "--json", folder / name)
        assert answer.status == 2
        assert (folder / name).read_bytes() == before
    (folder / TWO).write_bytes((folder / ONE).read_bytes())
    assert model_of_folder(tmp_path / "out", load_network(tmp_path / "out")) is None


def test_shards_without_their_index_are_a_checkpoint_that_is_not_whole(folder):
    (folder / INDEX).unlink()
    for command in (("compress", folder, "--explain"), ("inspect", folder)):
        answer = cli(*command)
        assert answer.status == 2
        assert f"holds {ONE} and no {INDEX}, which says what the shards hold" in answer.err.replace("\n", " ")
    assert "is a trained network" in cli("run", folder).err.replace("\n", " ")
