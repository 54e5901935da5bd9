"""`eiesim inspect` of matrices and networks before they are compressed: how they are read, and what they cost."""

import json
from pathlib import Path

import numpy as np
import pytest

import eiesim
from eiesim import EieError
from tests.cases import cli


@pytest.fixture
def network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    arrays = {
        "fc1.weight": rng.normal(size=(30, 40)) * (rng.random((30, 40)) < 0.2),
        "fc1.bias": rng.normal(size=30),
        "fc2.weight": rng.choice([-0.5, 0.0, 0.25], (10, 30)),
        "embed.weight": rng.normal(size=(5, 8)),
    }
    np.savez("net.npz", **{key: value.astype(np.float32) for key, value in arrays.items()})
    return arrays


def inspected(*arguments):
    answer = cli("inspect", *arguments, "--json", "-")
    assert answer.status == 0, answer.err
    return json.loads(answer.out), answer.err


def test_a_network_before_it_is_compressed(network):
    told, shown = inspected("net.npz", "--pes", "4")
    first, second = told["layers"]
    made = eiesim.compress("net.npz")
    for layer, one in zip(made.layers, told["layers"], strict=True):
        weights = network[f"{layer.name}.weight"].astype(np.float32)
        assert one["nnz"] == np.count_nonzero(weights)
        assert one["read"]["distinct"] == len(set(weights.ravel().tolist()) - {0.0})
        run = eiesim.simulate(layer, np.ones(layer.cols), {"pes": 4})
        assert one["every_input_active"]["cycles"] == run.cycles
        assert one["every_input_active"]["energy_uj"] == run.energy.total_uj
    assert (first["read"]["shared"], second["read"]["shared"]) == ("k-means", "as it was")
    assert first["read"]["sharing_error"] == made.reports[0].sharing_error > 0
    assert second["read"]["sharing_error"] == 0
    (model,) = told["models"]
    assert model["ledger"] == [entry.to_dict() for entry in eiesim.read_model("net.npz").ledger]
    assert any("held against nothing" in note for note in model["notes"])
    assert [part["name"] for part in model["left_out"]] == ["embed.weight"]
    assert "an embedding" in shown


def test_a_matrix(network):
    weights = network["fc2.weight"]
    np.save("W.npy", weights)
    told, shown = inspected("W.npy")
    (layer,), (model,) = told["layers"], told["models"]
    assert layer["read"] == {"source": "W", "distinct": 2, "shared": "as it was", "sharing_error": 0.0}
    stored = np.count_nonzero(weights)
    assert model["ledger"][0]["reason"] == f"numpy, float64; {stored} entries stored"
    assert "What fits where" in shown


def test_layers_of_both_kinds_stand_in_the_order_given(network):
    eiesim.save(eiesim.CompressedLayer.from_dense(np.eye(3), name="own"), "own.npz")
    np.save("W.npy", np.eye(4))
    found = eiesim.inspect(["own.npz", "net.npz", "W.npy", "own.npz"])
    assert [one.layer.layer.name for one in found] == ["own", "fc1", "fc2", "W", "own"]
    assert [one.read is None for one in found] == [True, False, False, False, True]
    assert [model.name for model in found.models] == ["net", "W"]
    alone = eiesim.inspect("own.npz")
    assert (alone.models, "read" in alone[0].to_dict()) == ((), False)


def test_the_machine_says_how_many_values_are_shared(network):
    wide = eiesim.inspect("net.npz", {"weight_bits": 8})[0]
    assert wide.read.sharing_error < eiesim.inspect("net.npz")[0].read.sharing_error
    assert eiesim.inspect("net.npz", {"weight_bits": 2})[0].layer.layer.codebook.size == 4


def test_an_onnx_graph(network):
    onnx = pytest.importorskip("onnx")
    weights = network["fc1.weight"].astype(np.float32)
    node = onnx.helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)
    values = [onnx.helper.make_tensor_value_info(name, 1, [1, size]) for name, size in (("x", 40), ("y", 30))]
    graph = onnx.helper.make_graph([node], "g", values[:1], values[1:], [onnx.numpy_helper.from_array(weights, "w")])
    onnx.save(onnx.helper.make_model(graph), "m.onnx")
    told, _ = inspected("m.onnx")
    assert told["layers"][0]["nnz"] == np.count_nonzero(weights)
    assert [entry["role"] for entry in told["models"][0]["ledger"]] == ["weight"]
    answer = cli("run", "m.onnx")
    assert (answer.status, answer.err) == (
        2, "eiesim: m.onnx: is a trained network; eiesim compress makes layers of it, eiesim inspect shows it\n"
    )  # fmt: skip


def test_what_is_neither_is_refused_in_one_line(network):
    np.savez("none.npz", steps=np.arange(3))
    np.savez("odd.npz", format="eiesim-layer/1", codes=np.zeros(3, np.uint8))
    Path("broken.npz").write_bytes(b"no zip")
    for name, why in (
        ("none.npz", "has no layer that EIE can run"), ("odd.npz", "shape: key is missing"),
        ("broken.npz", "is neither .npy nor .npz"), ("gone.npz", "no such file"), ("gone.onnx", "no such file"),
    ):  # fmt: skip
        answer = cli("inspect", name)
        assert (answer.status, answer.err.count("\n")) == (2, 1)
        assert why in answer.err
        with pytest.raises(EieError, match=why):
            eiesim.inspect([name])
