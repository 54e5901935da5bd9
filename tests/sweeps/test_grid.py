"""A grid holds every combination once, also where there are too many to look at before the first row."""

from itertools import product

import numpy as np
import pytest

from eiesim import EieError, MachineConfig
from eiesim.sweeps import grid as module
from eiesim.sweeps.grid import Grid
from eiesim.sweeps.machines import combined

AXES = {
    "pes": [2, np.int64(4), 2],
    "rounding": ["stochastic"],
    "rounding_seed": np.array([3, 1, 3]),
    "arithmetic": ["fixed8", "fixed16"],
    "index_bits": [4, 2],
}


def machines(grid):
    """All of them, as a sweep makes them: those that share an interleaving together."""
    found = []
    for group in grid.by_sharing():
        places, made = group.machines(0, len(group))
        found += [(place, made.config(k)) for k, place in enumerate(places.tolist())]
    return [config for _, config in sorted(found, key=lambda one: one[0])]


@pytest.mark.parametrize("at_once", [10_000, 0])
def test_every_combination_once_whether_looked_at_before_or_when_come_to(at_once, monkeypatch):
    monkeypatch.setattr(module, "FOUND_AT_ONCE", at_once)
    wanted = [
        MachineConfig(pes=pes, rounding="stochastic", rounding_seed=seed, arithmetic=arithmetic, index_bits=bits)
        for pes, seed, arithmetic, bits in product((2, 4), (3, 1), ("fixed8", "fixed16"), (4, 2))
    ]
    grid = Grid(None, AXES)
    assert (len(grid), list(grid), grid[3:5], grid[-1]) == (16, wanted, wanted[3:5], wanted[-1])
    assert machines(grid) == wanted


@pytest.mark.parametrize("at_once", [10_000, 0])
@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ({"rounding": ["nearest", "floor"], "arithmetic": ["fixed8", "float32"]}, "rounding = 'floor'"),
        ({"rounding_seed": [0, 1]}, "rounding_seed = 1"),
        ({"index_bits": [4, 4.0]}, r"index_bits = 4\.0"),
        ({"multipliers": [1, 16], "spmat_width": [64, 128]}, "multipliers = 16: an SRAM row brings 8"),
    ],
)
def test_a_combination_that_is_no_machine_is_refused_in_the_same_words(axes, said, at_once, monkeypatch):
    monkeypatch.setattr(module, "FOUND_AT_ONCE", at_once)
    with pytest.raises(EieError, match=said):
        machines(Grid(None, axes))


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        (3, r"axes: 3: needs configuration keys with values, such as \{'pes'"),
        ({"pes": []}, "pes: has no value"),
        ({"queue_depth": range(1, 4000), "pes": range(1, 4000)}, "more than 10,000,000 configurations"),
        ({"rounding_seed": "0:1000000,0:1000000"}, "values"),
    ],
)
def test_what_is_no_grid_is_refused(axes, said):
    with pytest.raises(EieError, match=said):
        Grid(None, axes)


@pytest.mark.parametrize("most", [4, 2**17])
def test_combinations_of_codes_are_told_apart(most):
    """The product of the largest codes is beyond 32 bits, and then beyond 64."""
    codes = [np.random.default_rng(k).integers(0, most, 500) % (most - k) for k in range(4)]
    codes = [np.concatenate([held, held[:100]]) for held in codes]
    first, which = combined(codes, 600)
    rows = list(zip(*(held.tolist() for held in codes), strict=True))
    assert [rows[first[k]] for k in which] == rows
    assert len(first) == len(set(rows))
    assert all(rows.index(rows[place]) == place for place in first)
