"""What every command feeds the layers: given, chained, or recorded inputs."""

import json

import numpy as np
import pytest

import eiesim
from eiesim.files.network import write_network
from eiesim.inputs import open_model, open_workloads

from .cases import cli, random_layer


def folder(path, layers, chain, inputs=None, recorded=None, vectors=None):
    """A network folder. inputs: its own. recorded: by place among the layers. vectors: by place."""
    path.mkdir()
    tables = []
    for k, layer in enumerate(layers):
        eiesim.save(layer, path / f"l{k}.npz")
        tables.append({"file": f"l{k}.npz", **({"vectors": vectors[k]} if vectors else {})})
    write_network(path / "network.toml", "net", chain, {}, tables)
    if inputs is not None:
        np.save(path / "inputs.npy", inputs)
    for k, values in (recorded or {}).items():
        (path / "inputs").mkdir(exist_ok=True)
        np.save(path / "inputs" / f"l{k}.npy", values)
    return path


def numbers(seed, *shape):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


CHAINED = [random_layer(1, 9, 7), random_layer(2, 5, 9)]
APART = [random_layer(1, 9, 7), random_layer(3, 6, 4)]


def ran(*arguments):
    answer = cli("run", *arguments, "--json", "-", "-q")
    assert answer.status == 0, answer.err
    return json.loads(answer.out)


def test_given_before_chained_before_recorded(tmp_path):
    net = folder(tmp_path / "net", CHAINED, True, numbers(0, 7), {0: numbers(1, 3, 7), 1: numbers(2, 4, 9)})
    np.save(tmp_path / "x.npy", numbers(3, 7))

    def single(layer, x):
        return eiesim.simulate(layer, x).to_dict()["layers"][0]["cycles"]

    given = ran(net, "-i", tmp_path / "x.npy")["layers"]
    assert [layer["inputs"] for layer in given] == ["given", "chained"]
    assert given[0]["cycles"] == single(CHAINED[0], numbers(3, 7))
    chained = ran(net)["layers"]
    assert [layer["inputs"] for layer in chained] == ["chained", "chained"]
    assert chained[0]["cycles"] == single(CHAINED[0], numbers(0, 7))
    recorded = ran(net, "--recorded")["layers"]
    assert [layer["inputs"] for layer in recorded] == ["recorded", "recorded"]
    assert [layer["cycles"] for layer in recorded] == [
        single(CHAINED[0], numbers(1, 3, 7)),
        single(CHAINED[1], numbers(2, 4, 9)),
    ]
    (net / "inputs.npy").unlink()
    assert ran(net)["layers"] == recorded


def test_layers_apart_run_one_by_one_and_totals_are_sums(tmp_path):
    net = folder(tmp_path / "net", APART, False, recorded={0: numbers(1, 3, 7), 1: numbers(2, 5, 4)}, vectors=[6, 1])
    found = ran(net)
    each = [
        eiesim.simulate(layer, x)
        for layer, x in zip(APART, (numbers(1, 3, 7), numbers(2, 5, 4)), strict=True)
    ]  # fmt: skip
    assert [layer["cycles"] for layer in found["layers"]] == [one.cycles for one in each]
    assert [layer["vectors"] for layer in found["layers"]] == [6, 1]
    assert found["total"]["cycles"] == pytest.approx(6 * each[0].cycles + each[1].cycles)
    assert found["total"]["time_us"] == pytest.approx(6 * each[0].time_us + each[1].time_us)
    energies = [one.energy.total_uj for one in each]
    assert found["total"]["energy_uj"] == pytest.approx(6 * energies[0] + energies[1])
    assert "batch" not in found["total"]
    shown = cli("run", net).out
    assert "recorded, 3" in shown
    assert "total" in shown


def test_a_layer_without_an_input_is_named(tmp_path):
    net = folder(tmp_path / "net", APART, False, recorded={0: numbers(1, 3, 7)})
    for command in (["run"], ["sweep", "-o", tmp_path / "s.csv"], ["balance"], ["compare", "-o", tmp_path / "c"]):
        answer = cli(*command, net)
        assert answer.status == 2
        assert answer.err.count("\n") == 1
        assert "'random 3'" in answer.err
        assert "--input" in answer.err


def test_a_recorded_input_of_the_wrong_length_is_refused(tmp_path):
    net = folder(tmp_path / "net", APART, False, recorded={0: numbers(1, 3, 7), 1: numbers(2, 5, 9)})
    answer = cli("run", net)
    assert answer.status == 2
    assert "9 an input, but 'random 3'" in answer.err


def test_a_single_layer_of_a_folder_has_its_recorded_input(tmp_path):
    net = folder(tmp_path / "net", APART, False, recorded={0: numbers(1, 3, 7), 1: numbers(2, 5, 4)})
    assert ran(net / "l1.npz")["layers"][0]["inputs"] == "recorded"


def test_sweep_balance_and_inspect_take_the_folder(tmp_path):
    import pandas as pd

    net = folder(tmp_path / "net", APART, False, recorded={0: numbers(1, 3, 7), 1: numbers(2, 5, 4)}, vectors=[6, 1])
    assert cli("sweep", net, "--pes", "1,2", "-o", tmp_path / "s.csv").status == 0
    rows = pd.read_csv(tmp_path / "s.csv")
    assert rows["fed"].tolist() == ["recorded"] * 4
    assert sorted(rows["inputs"]) == [3, 3, 5, 5]
    assert set(rows["vectors"]) == {6, 1}
    assert cli("balance", net).status == 0
    assert cli("inspect", net).status == 0


def test_table_iii_is_never_chained():
    names = ["Alex-7", "Alex-8"]
    found = ran(*(f"table3:{name}" for name in names), "--density", "0.01")
    for layer, name in zip(found["layers"], names, strict=True):
        made, x = eiesim.workload(name, density=0.01)
        assert layer["cycles"] == eiesim.simulate(made, x, outputs=False).cycles
        assert layer["inputs"] == "given"
    assert found["total"]["cycles"] == sum(layer["cycles"] for layer in found["layers"])
    assert "each layer by itself" in cli("run", *(f"table3:{name}" for name in names), "--density", "0.01").out


def test_all_nine_everywhere():
    assert len(open_model(["table3:all"]).layers) == len(open_workloads(["table3:all"])) == 9


def test_chained_workloads_are_fed_what_run_feeds(tmp_path):
    net = folder(tmp_path / "net", CHAINED, True, numbers(0, 2, 7))
    first, second = (make() for make in open_workloads([str(net)]))
    assert (first.fed, second.fed) == ("chained", "chained")
    config = eiesim.MachineConfig(arithmetic="float32")
    assert second.activations.tobytes() == eiesim.simulate(CHAINED[0], first.activations, config).outputs.tobytes()


def test_vectors_must_be_a_number_above_0(tmp_path):
    net = folder(tmp_path / "net", APART, False, vectors=[0, 1])
    answer = cli("run", net)
    assert answer.status == 2
    assert "vectors: is 0, needs a number above 0" in answer.err
