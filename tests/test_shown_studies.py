"""What a notebook shows of studies and networks: one line with the answer in it, and a table."""

from dataclasses import replace

import numpy as np
import pytest

import eiesim
from eiesim.dense import DenseLayer
from tests.cases import random_layer
from tests.test_shown import HOSTILE, Cells


def page_of(shown):
    page = Cells()
    page.feed(shown._repr_html_())
    assert "script" not in page.tags
    return [[cell.strip() for cell in row] for row in page.rows]


def one_line(shown, *parts):
    text = repr(shown)
    assert "\n" not in text
    assert "array(" not in text
    assert len(text) < 300, text
    for part in parts:
        assert part in text
    return text


@pytest.fixture(scope="module")
def compressed():
    rng = np.random.default_rng(0)
    weights = {HOSTILE: rng.normal(size=(30, 20)), "fc2": rng.normal(size=(5, 30))}
    layers = [DenseLayer(name, matrix) for name, matrix in weights.items()]
    return eiesim.compress(layers, density=0.25, calibration=rng.random((6, 20)), name=HOSTILE)


def test_a_compressed_network_tells_how_small_it_is_and_what_was_lost(compressed):
    rate = 3000 / (compressed.total.huffman_bits / 8)
    one_line(compressed, HOSTILE, "density 25.", "3,000 bytes to", f"({rate:.1f} times smaller)",
             f"outputs off by {compressed.network_error:.2%}")  # fmt: skip
    rows = page_of(compressed)
    assert [row[0] for row in rows] == ["layer", HOSTILE, "fc2", "total"]
    assert rows[1][1:4] == ["30 x 20", "25.0%", "2,400"]
    assert rows[3][-1] == f"{compressed.network_error:.2%}"


@pytest.fixture(scope="module")
def layer():
    return replace(random_layer(1, 40, 30, density=0.3), name=HOSTILE)


def inputs(batch=None):
    rng = np.random.default_rng(5)
    return rng.random((30,) if batch is None else (batch, 30), np.float32)


CONFIG = eiesim.MachineConfig(pes=4)


@pytest.mark.parametrize("batch", [None, 3])
def test_a_balance_tells_what_better_orders_give(layer, batch):
    balance = eiesim.balance(layer, inputs(batch), CONFIG)
    stored, *others = (one.cycles for one in balance.assignments)
    parts = [f"{stored:,} cycles as stored", *(f"({cycles / stored - 1:+.1%})" for cycles in others)]
    assert ("sum of 3 inputs" in one_line(balance, HOSTILE, "on 4 PEs", *parts)) == bool(batch)
    rows = page_of(balance)
    assert [row[0] for row in rows] == ["order of rows", "as stored", "by weights", "for this input"]
    for row, one in zip(rows[1:], balance.assignments, strict=True):
        assert row[1] == f"{one.cycles:,}"
        assert sum(float(share.strip("%")) for share in row[4:]) == pytest.approx(100, abs=0.5)


def test_a_critical_path_tells_what_sets_the_time(layer):
    path = eiesim.critical_path(layer, inputs(), CONFIG)
    walked = {pe: sum(one.cycles for one in path.segments if one.kind == "walk" and one.pe == pe) for pe in range(4)}
    most = max(walked, key=lambda pe: walked[pe])
    kinds = [f"{kind} {cycles / path.cycles:.1%}" for kind, cycles in path.by_kind.items()]
    one_line(
        path, HOSTILE, f"{path.cycles:,} cycles", f"PE {most} walks most, {walked[most] / path.cycles:.1%}", *kinds
    )
    rows = page_of(path)
    assert sum(int(row[1].replace(",", "")) for row in rows[1:4]) == path.cycles
    walks = {kind: cycles for kind, cycles, *_ in rows[1:7]}
    assert sum(int(cycles) for kind, cycles in walks.items() if kind.startswith("walk: ")) == int(walks["walk"])
    assert rows[7] == [f"walk of PE {most}", f"{walked[most]:,}", f"{walked[most] / path.cycles:.1%}"]


def test_a_trace_tells_what_pes_do(layer):
    trace = eiesim.trace(layer, inputs(), CONFIG, cycles=(5, 25))
    clocked = eiesim.simulate(layer, inputs(), CONFIG, "clocked")
    one_line(trace, HOSTILE, "on 4 PEs", f"cycles 5 to 24 of {clocked.cycles:,}")
    whole = eiesim.trace(layer, inputs(), CONFIG)
    counters, cells = clocked.counters, clocked.cycles * 4
    one_line(whole, f"real entry {counters.busy_real / cells:.1%}", f"empty column {counters.busy_empty / cells:.1%}")
    pytest.importorskip("bokeh")
    assert HOSTILE not in whole._repr_html_()


def test_a_comparison_tells_how_much_faster():
    comparison = eiesim.compare(["NT-We", "NT-LSTM"])
    ours = [bar for bar in comparison.speedup if bar.is_eie and bar.basis == "simulated" and not bar.is_mean]
    mean = np.prod([bar.value for bar in ours]) ** (1 / len(ours))
    assert len(ours) == 2
    one_line(comparison, "NT-We, NT-LSTM", f"{mean:,.0f} times as fast")
    rows = page_of(comparison)
    assert [row[0] for row in rows] == ["layer", "NT-We", "NT-LSTM"]
    assert rows[1][1] == f"{comparison.layers[0].time_us:,.2f}"


def test_a_comparison_of_ones_own_layers_tells_their_time(layer):
    comparison = eiesim.compare((layer, inputs()), CONFIG)
    time_us = eiesim.simulate(layer, inputs(), CONFIG).time_us
    one_line(comparison, HOSTILE, f"{time_us:,.4g} µs")
    assert page_of(comparison)[1][0] == HOSTILE
