"""docs/million.md: its sentences against its tables, and its tables against the definitions, on rows that nobody ran."""

import itertools
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import eiesim
from studies.million import found, machines, words
from studies.million.page import read
from tests.layers import random_layer

DOCS = Path(__file__).parents[2] / "docs"


def tables():
    return read(DOCS / "million")


def joined(text):
    return " ".join(text.split())


def test_the_page_is_that_of_its_tables():
    assert (DOCS / "million.md").read_text() == words.text(*tables())


def test_what_is_said_of_the_fronts_is_what_their_rows_have():
    fronts, _, runs = tables()
    page = joined(words.text(*tables()))
    for arithmetic in ("fixed16", "fixed8", "fixed32", "float32"):
        own = fronts[fronts["arithmetic"] == arithmetic]
        assert f"{len(own)} in {arithmetic}" in page
        costs = own[["time", "energy", "area"]].to_numpy()
        for one, other in itertools.permutations(costs, 2):
            assert not (one <= other).all(), "a machine of a front is beaten"
    own = fronts[fronts["arithmetic"] == "fixed16"]
    said = re.search(r"Every machine of the fixed16 front has (.+?)\.", page)
    assert said
    for key, value in re.findall(r"`(\w+)` = (\w+)", said[1]):
        assert set(own[key].astype(str)) == {value}
    never = re.search(r"None of them has (.+?)\. ", page)
    assert never
    for key, value in re.findall(r"`(\w+)` = (\w+)", never[1]):
        assert value not in set(own[key].astype(str))
    assert fronts["pes"].min() >= runs["least_pes"]
    assert runs["new"] + runs["known"] == runs["rows"] == 9 * machines.MACHINES
    for name, score in {"fastest": own["time"], "smallest": own["area"], "least energy": own["energy"]}.items():
        (line,) = [line.split(" | ") for line in words.text(*tables()).splitlines() if line.startswith(f"| {name} |")]
        one = own.loc[score.idxmin()]
        shown = [f"{one[cost]:.2f}" for cost in ("time", "energy", "area")]
        assert [int(line[1]), *line[-3:]] == [one["pes"], *shown[:2], f"{shown[2]} |"]


def test_what_is_said_of_the_keys_is_what_their_rows_have():
    _, keys, _ = tables()
    page = joined(words.text(*tables()))
    shares = keys[[name for name in keys if name.startswith("share_")]]
    assert shares.sum().to_numpy() == pytest.approx(1, abs=1e-5)
    for cost in words.ALL:
        first, second = keys[f"share_{cost}"].drop("together").sort_values().index[[-1, -2]]
        sentence = f"Of {cost}, {words.SAID[first]} explains most, {words.percent(keys.loc[first, f'share_{cost}'])}; {words.SAID[second]}"
        assert sentence in page


def test_sentences_go_where_the_rows_say_otherwise():
    fronts, keys, runs = tables()
    changed = fronts.assign(pointer_bytes=np.where(np.arange(len(fronts)) % 2, 32768, 65536))
    assert "Every machine of the fixed16 front has" not in words.text(changed, keys, runs)
    level = keys.assign(share_time=0.1, span_time=2.0)
    said = joined(words.text(fronts, level, runs))
    assert "Of time," not in said
    assert "change no cycle at all" not in said
    assert "less than 1 %" not in said
    assert "Dask" not in words.text(fronts, keys, {**runs, "dask_equal": False})
    worse = fronts.assign(energy=fronts["energy"] + 2)
    assert "as hungry" not in words.text(worse, keys, runs)


def test_a_front_is_what_nothing_beats():
    rng = np.random.default_rng(0)
    costs = rng.integers(1, 6, (60, 3)).astype(float)
    places = found.front(costs)
    for place, one in enumerate(costs):
        better = ((costs <= one).all(axis=1) & (costs < one).any(axis=1)).any()
        twice = any((costs[other] == one).all() for other in places if other != place)
        assert (place in places) != (better or twice)


def test_costs_of_a_machine_are_geometric_means_over_layers(tmp_path, monkeypatch):
    """A small grid of two layers, from its file, beside the means of what sweep() gives."""
    pytest.importorskip("pyarrow")
    axes = {**{key: [value] for key, value in found.PUBLISHED.items()}, "pes": [4, 64], "queue_depth": [1, 8, 16]}
    for module in (machines, found):
        monkeypatch.setattr(module, "AXES", axes)
        monkeypatch.setattr(module, "MACHINES", 6)
    rng = np.random.default_rng(1)
    layers = [(random_layer(seed, 80, 50, density=0.3), rng.random(50).astype(np.float32)) for seed in (1, 2)]
    rows = eiesim.sweep(layers, axes, parquet=tmp_path / "t.parquet")
    table = found.machines(tmp_path / "t.parquet")
    assert (table["holds"] == 2).all()
    one = rows[(rows["pes"] == 64) & (rows["queue_depth"] == 8)]
    for _, line in table.iterrows():
        own = rows[(rows["pes"] == line["pes"]) & (rows["queue_depth"] == line["queue_depth"])]
        ratio = np.prod(own["time_us"].to_numpy() / one["time_us"].to_numpy()) ** 0.5
        assert line["time"] == pytest.approx(ratio)
    assert table["area"][table["pes"] == 4].max() < 0.1
    logs = np.log(table["time"])
    by_hand = logs.groupby(table["pes"]).mean().var(ddof=0) / logs.var(ddof=0)
    monkeypatch.setattr(found, "KEYS", ("pes", "queue_depth"))
    assert found.shares(table).loc["pes", "time"] == pytest.approx(by_hand)
    spread = logs.groupby(table["pes"]).mean()
    assert found.spans(table).loc["pes", "time"] == pytest.approx(np.exp(spread.max() - spread.min()))
    assert isinstance(table, pd.DataFrame)
