"""Totals over a network's layers are `simulate`'s, area is that of the chip, and what cannot be added is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import eiesim
from eiesim import EieError
from tests.cases import cli
from tests.layers import random_layer

FLOAT = {"arithmetic": "float32"}
"""A sweep's later layers are fed float32 outputs: under float32 these are the ones that `simulate` feeds them."""


@pytest.fixture(scope="module")
def network():
    rng = np.random.default_rng(3)
    layers = (replace(random_layer(1, 30, 40), name="one"), replace(random_layer(2, 12, 30), name="two"))
    return eiesim.Model(layers, activations=rng.random((3, 40), dtype=np.float32))


def test_a_network_s_total_is_what_simulate_gives(network):
    rows = eiesim.sweep(network, {"pes": [2, 8], "queue_depth": [1, 8]}, config=FLOAT)
    found = eiesim.network_totals(rows)
    assert found[["pes", "queue_depth"]].to_numpy().tolist() == [[2, 1], [2, 8], [8, 1], [8, 8]]
    for _, one in found.iterrows():
        result = eiesim.simulate(network, config={**FLOAT, "pes": one.pes, "queue_depth": one.queue_depth})
        assert one.layers == "one + two"
        assert one.cycles == pytest.approx(result.cycles)
        assert one.time_us == pytest.approx(result.time_us)
        assert one.energy_total_uj == pytest.approx(result.energy.total_uj)
        assert one.load_balance == pytest.approx(result.load_balance)
        assert one.energy_delay_uj_us == pytest.approx(result.energy.total_uj * result.time_us)


def test_a_layer_counts_as_often_as_it_has_vectors():
    rng = np.random.default_rng(4)
    layers = (replace(random_layer(1, 30, 40), name="convolution"), replace(random_layer(2, 12, 30), name="dense"))
    inputs = tuple(rng.random((2, one.cols), dtype=np.float32) for one in layers)
    model = eiesim.Model(layers, chain=False, recorded_inputs=inputs, vectors=(6.0, 1.0))
    (one,) = eiesim.network_totals(eiesim.sweep(model, {"pes": [4]})).itertuples()
    result = eiesim.simulate(model, config={"pes": 4})
    assert one.cycles == pytest.approx(6 * result["convolution"].cycles + result["dense"].cycles)
    assert one.energy_total_uj == pytest.approx(result.energy.total_uj)


def test_area_counts_once_and_is_the_chip_s(network):
    """EIE Table II: a PE of 0.638 mm², 64 of them 40.8 mm²."""
    found = eiesim.network_totals(eiesim.sweep(network, {"pes": [64, 128]}))
    assert found["area_mm2"].tolist() == pytest.approx([40.8, 81.6], rel=0.03)
    alone = eiesim.network_totals(eiesim.sweep(network.layers[0], {"pes": [64]}, inputs=np.ones(40)))
    assert alone["area_mm2"][0] == found["area_mm2"][0]
    beyond = eiesim.network_totals(eiesim.sweep(network, {"spmat_bytes": [2**30]}))
    assert beyond[["area_mm2", "energy_total_uj", "energy_delay_uj_us"]].isna().to_numpy().all()


def test_a_machine_that_lacks_a_layer_has_no_total(network):
    rows = eiesim.sweep(network, {"pes": [2, 8]})
    lacking = rows[(rows["layer"] == "one") | (rows["pes"] == 8)]
    assert eiesim.network_totals(lacking)["pes"].tolist() == [8]


def test_seeds_are_machines_of_their_own():
    rows = eiesim.sweep(["table3:NT-We", "table3:NT-LSTM"], {"pes": [64]}, seeds=(0, 1))
    found = eiesim.network_totals(rows)
    assert found["seed"].tolist() == [0, 1]
    for _, one in found.iterrows():
        assert one.cycles == rows[rows["seed"] == one.seed]["cycles"].sum()


def test_layers_of_one_name_are_several():
    rng = np.random.default_rng(5)
    layers = tuple(replace(one, name="fc") for one in (random_layer(1, 30, 40), random_layer(2, 12, 30)))
    model = eiesim.Model(layers, activations=rng.random(40, dtype=np.float32))
    (one,) = eiesim.network_totals(eiesim.sweep(model, {"pes": [4]}, config=FLOAT)).itertuples()
    assert one.cycles == eiesim.simulate(model, config={**FLOAT, "pes": 4}).cycles


def test_a_file_counts_with_every_seed():
    own = random_layer(1, 30, 40)
    rows = eiesim.sweep([(own, np.ones(40, np.float32)), "table3:NT-We"], {"pes": [64]}, seeds=(0, 1))
    found = eiesim.network_totals(rows)
    assert found["seed"].tolist() == [0, 1]
    alone = eiesim.simulate(own, np.ones(40, np.float32)).cycles
    for _, one in found.iterrows():
        assert one.cycles == alone + rows[rows["seed"] == one.seed]["cycles"].sum()


def test_what_is_no_table_is_refused(network):
    with pytest.raises(EieError, match="layer is missing; give the table that sweep gives"):
        eiesim.network_totals(pd.DataFrame({"cycles": [1]}))
    rows = eiesim.sweep(network, {"pes": [2]})
    with pytest.raises(EieError, match="layer 'one': a row of it stands twice"):
        eiesim.network_totals(pd.concat([rows, rows]))


def test_the_command_shows_a_network_s_total_and_writes_it(tmp_path):
    answer = cli("sweep", "example:lenet-300-100", "--pes", "16,64", "--totals", tmp_path / "t.csv")
    assert (answer.status, answer.err) == (0, "")
    written = pd.read_csv(tmp_path / "t.csv")
    assert answer.out.count("All layers together") == 1
    for _, one in written.iterrows():
        assert f"{one.cycles:,.10g}" in answer.out
        assert f"{one.energy_delay_uj_us:.3g}" in answer.out
    rows = eiesim.sweep("example:lenet-300-100", {"pes": [16, 64]})
    assert written["time_us"].tolist() == pytest.approx(rows.groupby("pes")["time_us"].sum().tolist())
    assert "All layers together" not in cli("sweep", "table3:NT-We", "table3:NT-LSTM").out
    assert "area_mm2" in cli("sweep", "--columns").out
