"""Pictures of PE-cycles hold the counters of the results, each under its own name."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from eiesim.config import MachineConfig
from eiesim.drawing import balance_picture
from eiesim.view.cycles import MOST_BARS, STATES, loads, shares, states


def result(name, cycles, entries, multipliers=1, **counters):
    """What the pictures ask of a layer's result. entries: of each PE (and input)."""
    return SimpleNamespace(
        name=name,
        cycles=cycles,
        config=MachineConfig(pes=4, queue_depth=3, multipliers=multipliers),
        metrics=SimpleNamespace(counters=SimpleNamespace(**counters)),
        runs=SimpleNamespace(
            per_pe_over_inputs=SimpleNamespace(entry_groups=np.atleast_2d(np.array(entries)).sum(axis=0))
        ),
    )


RESULTS = (
    result("first", 50, [3, 9, 0, 4], busy_real=100, busy_padding=60, busy_empty=30, starved=10),
    result("second", 1250, [[5, 1, 2, 2], [5, 1, 2, 8]], busy_real=500, busy_padding=10, busy_empty=4000, starved=490),
)


def lengths(picture):
    """How long each part of each bar is."""
    return {one.name: tuple(np.subtract(one.x, one.base)) for one in picture.panels[0].series}


def test_shares_of_states_are_the_counters_over_their_sum():
    picture = states(RESULTS)
    (panel,) = picture.panels
    assert lengths(picture) == {
        "real entries": pytest.approx((0.5, 0.1)),
        "padding": pytest.approx((0.3, 0.002)),
        "empty columns": pytest.approx((0.15, 0.8)),
        "starved": pytest.approx((0.05, 0.098)),
    }
    assert panel.y.ticks == ((0, "first"), (1, "second"))
    assert panel.y.start > panel.y.end  # the first stands on top
    assert {one.y for one in panel.series} == {(0, 1)}
    assert [(note.y, note.text) for note in panel.notes] == [(0, "50 cycles"), (1, "1,250 cycles")]
    assert picture.title == "Where the PE-cycles go: 4 PEs, queue depth 3"
    assert panel.x.label == "share of PE-cycles (simulated)"


def test_of_many_layers_the_slowest_have_a_bar_and_the_rest_are_one():
    """A layer takes its cycles as often as it has vectors."""
    rng = np.random.default_rng(1)
    made = []
    for k in range(MOST_BARS + 7):
        counters = dict(zip(STATES, rng.integers(1, 1000, 4).tolist(), strict=True))
        one = result(f"layer {k}", int(rng.integers(10, 999)), [1, 2, 3, 4], **counters)
        one.vectors, one.counters = int(rng.integers(1, 5)), one.metrics.counters
        made.append(one)
    slowest = sorted(made, key=lambda one: one.cycles * one.vectors)[-(MOST_BARS - 1) :]
    rest = [one for one in made if one not in slowest]
    picture = states(made)
    told = [text for _, text in picture.panels[0].y.ticks]
    assert told == [*(one.name for one in made if one in slowest), "other 8 layers"]
    spent = {key: sum(getattr(one.counters, key) * one.vectors for one in rest) for key in STATES}
    for key, label in STATES.items():
        assert lengths(picture)[label][-1] == pytest.approx(spent[key] / sum(spent.values()))


def test_a_part_s_label_is_its_share_where_there_is_room():
    labels = {one.name: one.labels for one in states(RESULTS).panels[0].series}
    assert labels == {
        "real entries": ("50%", "10%"), "padding": ("30%", ""), "empty columns": ("15%", "80%"), "starved": ("", "10%"),
    }  # fmt: skip


def test_parts_follow_one_another_to_the_end():
    series = states(RESULTS).panels[0].series
    assert series[0].base == (0, 0)
    for one, other in pairwise(series):
        assert one.x == other.base
    assert series[-1].x == pytest.approx((1, 1))
    nothing = shares("", ["a"], {"padding": [0], "starved": [0]}, [""])
    assert lengths(nothing) == {"padding": (0,), "starved": (0,)}


def test_loads_go_from_the_busiest_pe_on():
    """By hand: 3, 9, 0 and 4 entries of a mean of 4; 10, 2, 4 and 10 of both inputs, of a mean of 6.5."""
    (panel,) = loads(RESULTS).panels
    first, second = panel.series
    assert (first.name, second.name) == ("first", "second")
    assert first.x == second.x == (1, 2, 3, 4)
    assert first.y == (9 / 4, 4 / 4, 3 / 4, 0)
    assert second.y == pytest.approx((10 / 6.5, 10 / 6.5, 4 / 6.5, 2 / 6.5))
    assert (panel.y.label, panel.y.start) == ("entries walked\n/ the mean PE's (simulated)", 0)
    assert [rule.at for rule in panel.rules] == [1]
    groups = loads([result("a", 1, [1, 1, 1, 1], multipliers=2)])
    assert groups.panels[0].y.label.startswith("groups of entries walked")
    many = loads([result(f"{k}", 1, [k, 1, 1, 1]) for k in range(11)])
    assert [one.name for one in many.panels[0].series] == [f"{k}" for k in range(9)]
    assert many.title == "How evenly the PEs are loaded (the first 9 of 11 layers)"


@pytest.mark.parametrize("multipliers", [1, 2])
def test_a_balance_shows_each_cause_of_each_order(multipliers):
    names = {
        "work": "real entries",
        "padding": "padding",
        **({"lanes": "lanes without an entry"} if multipliers > 1 else {}),
        "static_imbalance": "static imbalance",
        "empty_columns": "empty columns",
        "scan_bubbles": "scan bubbles",
        "start_and_drain": "start and drain",
        "finite_queues": "finite queues",
    }
    rng = np.random.default_rng(0)
    losses = [{key: int(rng.integers(1, 900)) for key in (*names, "total")} for _ in range(3)]
    orders = "as stored", "by weights", "for this input"
    tried = [
        SimpleNamespace(name=name, cycles=cycles, losses=SimpleNamespace(to_dict=lambda own=own: own),
                        layer=SimpleNamespace(name="fc"))
        for name, cycles, own in zip(orders, (9000, 700, 50), losses, strict=True)
    ]  # fmt: skip
    config = MachineConfig(pes=4, multipliers=multipliers)
    picture = balance_picture(SimpleNamespace(config=config, assignments=tried))
    sums = [sum(one[key] for key in names) for one in losses]
    assert lengths(picture) == {
        name: pytest.approx([one[key] / whole for one, whole in zip(losses, sums, strict=True)])
        for key, name in names.items()
    }
    (panel,) = picture.panels
    assert panel.y.ticks == tuple(enumerate(orders))
    assert [note.text for note in panel.notes] == ["9,000 cycles", "700 cycles", "50 cycles"]
    assert len({one.colours for one in panel.series}) == len(names)
