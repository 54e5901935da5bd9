"""Critical paths against the limits of the specification, which the oracle lists one by one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import eiesim
from tests import strategies
from tests.compare import case
from tests.oracle import critical
from tests.test_alexnet_fc8 import DUMP, fc8  # noqa: F401 - a fixture
from tests.test_engines import CORNERS

from .watch import limits_of, path_differences

CODEBOOK = [0.0, 1.0, -0.5, 2.0]


def segments(one):
    return [tuple(segment) for segment in eiesim.critical_path(one.layer, one.batch[0], one.config).segments]


@pytest.mark.parametrize("corner", CORNERS)
def test_a_corner_case_is_as_the_oracle_has_it(corner):
    for item in range(len(CORNERS[corner].batch)):
        assert path_differences(CORNERS[corner], item) == []


@given(one=strategies.cases(fractions=st.just("auto")))
def test_any_case_is_as_the_oracle_has_it(one):
    assert path_differences(one) == []


def test_one_weight():
    one = case([[1]], CODEBOOK, [[1.0]], pes=1)
    assert segments(one) == [("scan", None, 0, 1, 1), ("pipeline", 0, 0, 2, 1), ("walk", 0, 0, 3, 1),
                             ("pipeline", 0, 0, 4, 6)]  # fmt: skip


def test_nothing_to_send_is_one_scan():
    assert segments(case([[1, 1]], CODEBOOK, [[0.0, 0.0]], pes=1)) == [("scan", None, None, 1, 2)]


def test_bubbles_at_the_end_are_one_more_scan():
    one = case([[1] + [0] * 20], CODEBOOK, [[1.0] + [0.0] * 20], pes=1)
    assert segments(one) == [("scan", None, 0, 1, 1), ("scan", None, None, 2, 20)]


def test_a_broadcast_that_waited_is_its_own_cycle_alone():
    # One PE, two places: column 3 waits until column 1 begins, in the cycle after column 0's four entries.
    one = case([[1, 1, 1, 1]] * 4, CODEBOOK, [[1.0] * 4], pes=1, queue_depth=2)
    walks = [("walk", 0, j, 3 + 4 * j, 4) for j in range(4)]
    assert segments(one) == [("scan", None, 0, 1, 1), ("pipeline", 0, 0, 2, 1), *walks, ("pipeline", 0, 3, 19, 6)]


def test_totals_and_json():
    one = case([[1, 1, 1, 1]] * 4 + [[0, 0, 2, 0]], CODEBOOK, [[1.0] * 4], pes=2, queue_depth=1)
    path = eiesim.critical_path(one.layer, one.batch[0], one.config)
    found = json.loads(path.to_json())
    assert set(found) == {
        "format", "cycles", "eiesim", "by_kind", "by_walk", "by_pe", "bound", "broadcasts", "changes", "segments",
    }  # fmt: skip
    assert found["format"] == "eiesim-critical-path/1"
    assert sum(found["by_kind"].values()) == sum(path.by_column.values()) == found["cycles"]
    assert sum(found["by_pe"]) == found["by_kind"]["walk"]
    assert list(found["segments"][0]) == [
        "kind", "pe", "column", "first_cycle", "cycles", "real_entries", "padding", "empty_columns",
    ]  # fmt: skip


def test_the_check_sees_a_path_that_is_not_tight(monkeypatch):
    one = CORNERS["a queue of one place"]
    _, limits = limits_of(one)
    monkeypatch.setattr(critical, "path", lambda every: [(limits[0], 0)])
    assert path_differences(one) != []


@pytest.mark.skipif(not DUMP.is_file(), reason="../shared/data/alexnet_fc8 is not there (it has no licence)")
def test_alexnet_fc8(fc8):  # noqa: F811
    layer, activations = fc8
    one = type(CORNERS["one weight"])(layer, activations[None], eiesim.MachineConfig())
    assert path_differences(one, loosen=3) == []
    path = eiesim.critical_path(layer, activations)
    assert path.by_kind == {"scan": 8, "walk": 7874, "pipeline": 14}
