"""What bounds a layer and what would help, against the oracle's limits, simulate and balance, on layers made for it."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eiesim
from tests import strategies
from tests.cases import cli
from tests.compare import case
from tests.oracle import critical
from tests.test_engines import CORNERS

from .watch import EMPTY, PADDING, REAL, parts_of

HYPOTHETICAL = {"two columns a cycle", "no scan bubbles", "inputs back to back"}


def path_of(one, item=0):
    return eiesim.critical_path(one.layer, one.batch, one.config, item=item)


def check_walks(one, item=0):
    """Every cycle of a walk is what the trace, which equals the machine's registers, says of its PE in that cycle."""
    found = path_of(one, item)
    state = eiesim.trace(one.layer, one.batch, one.config, item=item).state
    for segment, walked in zip(found.segments, found.walked.tolist(), strict=True):
        if segment.kind != "walk":
            assert walked == [0, 0, 0]
            continue
        cycles = state[segment.pe, segment.first_cycle - 1 : segment.first_cycle - 1 + segment.cycles]
        assert walked == [np.count_nonzero(cycles == kind) for kind in (REAL, PADDING, EMPTY)]
    assert sum(found.by_walk.values()) == found.by_kind["walk"]
    assert found.by_kind["scan"] + sum(found.by_walk.values()) + found.by_kind["pipeline"] == found.cycles


@pytest.mark.parametrize("corner", CORNERS)
def test_walks_of_a_corner_case_are_what_the_machine_does(corner):
    for item in range(len(CORNERS[corner].batch)):
        check_walks(CORNERS[corner], item)


@settings(max_examples=20)
@given(one=strategies.cases(fractions=st.just("auto")))
def test_walks_are_what_the_machine_does_and_any_case_is_judged(one):
    check_walks(one)
    found = path_of(one)
    assert found.verdict.changes[0].cycles == found.cycles
    assert found.verdict.sentence
    assert json.loads(found.to_json())["bound"] == found.verdict.bound


def cycles_of(columns, bubbles, entries, depth):
    return critical.times(critical.limits(columns, bubbles, entries, depth))["done"]


DENSE = [[1 if (5 * i + 3 * j) % 7 < 2 else 0 for j in range(37)] for i in range(23)]
CASES = {
    "bubbles": case(DENSE, [0.0, 1.0], [([1.0] * 3 + [0.0] * 4) * 5 + [0.0, 0.0]], pes=4, queue_depth=2),
    "a bias, one place": case(DENSE, [0.0, 1.0], [([1.0] * 6 + [0.0]) * 5 + [1.0, 0.0]], bias=[1] * 23, pes=5,
                              queue_depth=1),
    "padding, many places": case(DENSE, [0.0, 1.0], [[1.0] * 37], pes=2, queue_depth=40, index_bits=1),
    "two multipliers": case(DENSE, [0.0, 1.0], [([1.0, 1.0, 0.0]) * 12 + [1.0]], pes=3, multipliers=2),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_machines_that_no_configuration_makes_are_as_the_oracle_has_them(name):
    one = CASES[name]
    _, columns, bubbles, entries = parts_of(one)
    depth = one.config.queue_depth
    by_what = {change.what: change for change in path_of(one).verdict.changes}
    assert by_what["as it is"].cycles == cycles_of(columns, bubbles, entries, depth)
    twice = cycles_of([*columns, *columns], [*bubbles[:-1], bubbles[-1] + bubbles[0], *bubbles[1:]],
                      [[*own, *own] for own in entries], depth)  # fmt: skip
    assert by_what["inputs back to back"].cycles == twice - by_what["as it is"].cycles
    if any(bubbles):
        assert by_what["no scan bubbles"].cycles == cycles_of(columns, [0] * len(bubbles), entries, depth)
    # Pairs by hand: a column goes with the one before where that is alone and no bubble stands between them.
    pairs = []
    for k in range(len(columns)):
        if pairs and len(pairs[-1]) == 1 and bubbles[k] == 0:
            pairs[-1].append(k)
        else:
            pairs.append([k])
    summed = [[sum(own[k] for k in pair) for pair in pairs] for own in entries]
    firsts = [pair[0] for pair in pairs]
    both = cycles_of([columns[k] for k in firsts], [*(bubbles[k] for k in firsts), bubbles[-1]], summed,
                     {1: 1, 2: 2, 8: 4, 40: 20}[depth])  # fmt: skip
    assert by_what["two columns a cycle"].cycles == both


@pytest.mark.parametrize("name", CASES)
def test_machines_that_there_are_are_simulated(name):
    """Cycles, time and energy are `simulate`'s, and of other rows `balance`'s."""
    one = CASES[name]
    for change in path_of(one).verdict.changes:
        if change.what in HYPOTHETICAL:
            assert change.settings is None
            continue
        machine = one.config.replace(**change.settings)
        layer = one.layer
        if "balanced" in change.what:
            layer = eiesim.balance(one.layer, one.batch, one.config).assignments[1].layer
        result = eiesim.simulate(layer, one.batch, machine)
        assert (change.cycles, change.time_us) == (result.cycles, pytest.approx(result.time_us))
        assert change.energy_uj == pytest.approx(result.energy.total_uj)
        assert change.energy_delay_uj_us == pytest.approx(result.energy.total_uj * result.time_us)


def test_fewer_cycles_save_what_a_cycle_costs():
    """The energy of a machine that there is not: today's less what `energy_table` says of cycles and of the scan."""
    one = CASES["bubbles"]
    today, *others = path_of(one).verdict.changes
    (back,) = (change for change in others if change.what == "inputs back to back")
    costs = eiesim.energy_table(one.config).to_frame()
    a_cycle = costs[costs["event"] == "pe_cycles"]["energy_pj"].sum() * one.config.pes
    assert today.energy_uj - back.energy_uj == pytest.approx((today.cycles - back.cycles) * a_cycle * 1e-6)


def dense(rows, columns, of):
    """Codes by a function of (row, column)."""
    return [[int(of(i, j)) for j in range(columns)] for i in range(rows)]


ALL = [[1.0] * 64]
MADE = {
    # Four PEs, one row each, sparse: every broadcast takes a cycle, and most find nothing.
    "one column a cycle": case(dense(4, 64, lambda i, j: (i + j) % 16 == 0), [0.0, 1.0], ALL, pes=4),
    # PE 0 holds full rows, the others next to nothing: dealt out they take a fourth.
    "one PE's work": case(dense(16, 64, lambda i, j: i % 4 == 0), [0.0, 1.0], ALL, pes=4),
    # Each column is one PE's alone, and a queue of one place lets the next PE begin only when it is through.
    "queues": case(dense(64, 64, lambda i, j: i % 4 == j // 4 % 4), [0.0, 1.0], ALL, pes=4, queue_depth=1),
    "start and drain": case([[1, 1], [1, 1]], [0.0, 1.0], [[1.0, 1.0]], pes=2),
    # All PEs walk all of 32 rows in every column.
    "work": case(dense(64, 64, lambda i, j: True), [0.0, 1.0], ALL, pes=2),
    # One weight in each PE's 64 rows, the last, which three bits reach only over padding.
    "padding": case(dense(128, 64, lambda i, j: i > 125), [0.0, 1.0], ALL, pes=2, index_bits=3),
    # One PE looks at one activation a cycle, and hardly any is not zero.
    "scan bubbles": case(dense(4, 64, lambda i, j: True), [0.0, 1.0], [[0.0] * 60 + [1.0] * 2 + [0.0] * 2], pes=1),
}


@pytest.mark.parametrize("cause", MADE)
def test_what_bounds_a_layer_is_what_helps_most_when_taken_away(cause):
    verdict = path_of(MADE[cause]).verdict
    assert verdict.bound == cause
    today, *changes = verdict.changes
    best = min((change for change in changes if change.cause), key=lambda change: change.cycles)
    assert best.cause == cause
    assert best.cycles < 0.8 * today.cycles


HELPLESS = {
    # One row: no order of rows, no multiplier and no queue makes its PE faster.
    "one PE's work": case(dense(64, 90, lambda i, j: i == 0), [0.0, 1.0], [[1.0] * 90], pes=16),
    # An entry in every column on every PE.
    "work": case(dense(16, 90, lambda i, j: True), [0.0, 1.0], [[1.0] * 90], pes=16),
}


@pytest.mark.parametrize("cause", HELPLESS)
def test_where_nothing_helps_the_path_says_what_bounds_a_layer(cause):
    """The last input's pipeline is the only thing to save, and no cause worth naming."""
    verdict = path_of(HELPLESS[cause]).verdict
    assert verdict.bound == cause
    assert verdict.fastest.cycles > 0.9 * verdict.changes[0].cycles


def test_twice_the_pes_stand_for_multipliers_where_there_can_be_no_more():
    one = case(dense(128, 64, lambda i, j: True), [0.0, 1.0], ALL, pes=4, multipliers=8)
    verdict = path_of(one).verdict
    assert verdict.bound == "work"
    assert [change.what for change in verdict.changes if change.cause == "work"] == ["8 PEs"]


def test_the_best_change_is_not_near_for_other_causes():
    """By hand, what each made-up layer would take without its cause."""
    fewest = {
        cause: min(change.cycles for change in path_of(one).verdict.changes if change.cause == cause)
        for cause, one in MADE.items()
    }
    # 32 pairs at one a cycle, and the pipeline: 2 before the first, 6 after the last.
    assert fewest["one column a cycle"] <= 32 + 8
    # A fourth of four full rows on each PE: one entry a column.
    assert fewest["one PE's work"] == 64 + 1 + 1 + 6
    assert fewest["scan bubbles"] < 2 + 4 * 2 + 8


def test_lenet_s_second_layer_is_bound_by_broadcasts():
    """As issue 26 has it: 202 of its 218 cycles are broadcasts."""
    path = eiesim.critical_path("example:lenet-300-100", layer="ip2", item=73)
    verdict = path.verdict
    assert (path.cycles, verdict.broadcasts, verdict.bound) == (218, 202, "one column a cycle")
    assert path.by_walk["empty_columns"] > path.cycles / 2
    assert verdict.fastest.what == "two columns a cycle"
    assert verdict.leanest.settings == {"pes": 32}
    assert "bound by one column a cycle: 202 of them send a broadcast" in verdict.sentence


def test_nothing_is_sent():
    one = case([[1, 1]], [0.0, 1.0], [[0.0, 0.0]], pes=1)
    verdict = path_of(one).verdict
    assert verdict.bound == "scan bubbles"
    assert [change.cycles for change in verdict.changes if change.what == "no scan bubbles"] == [0]
    assert verdict.sentence


def test_the_command_prints_and_writes_what_would_help(tmp_path):
    answer = cli("critical-path", "example:lenet-300-100", "--layer", "ip2", "--json", tmp_path / "p.json")
    assert answer.status == 0
    found = json.loads((tmp_path / "p.json").read_text())
    assert found["bound"] == "one column a cycle"
    share = (found["by_kind"]["scan"] + found["by_walk"]["empty_columns"]) / found["cycles"]
    assert f"of them send a broadcast, and {share:.1%} of the path" in answer.out
    for change in found["changes"]:
        assert change["what"] in answer.out
        assert f"{change['cycles']:,}" in answer.out
    for segment in found["segments"]:
        spent = segment["real_entries"] + segment["padding"] + segment["empty_columns"]
        assert spent == (segment["cycles"] if segment["kind"] == "walk" else 0)
