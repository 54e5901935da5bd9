"""The waterfall of savings, counted from a layer by hand."""

import numpy as np
import pytest

import eiesim
from eiesim.comparison.rows import waterfall
from eiesim.energy.check import against_table2


def test_each_step_by_hand():
    """4 x 5, six kept weights; columns 0 and 2 are active and hold three of them."""
    weights = np.zeros((4, 5), np.float32)
    for row, col in ((0, 0), (3, 0), (1, 1), (2, 2), (0, 3), (3, 4)):
        weights[row, col] = 1
    layer = eiesim.CompressedLayer.from_dense(weights, codebook=np.array([0, 1], np.float32))
    result = eiesim.simulate(layer, [1, 0, 2, 0, 0], eiesim.MachineConfig(pes=1)).layers[0]
    steps = {step.step: step for step in waterfall(result)}
    picojoules = [step.energy_uj * 1e6 for step in steps.values()]
    assert picojoules == pytest.approx([20 * 640, 20 * 5, 6 * 5, 6 * 5 / 8, 3 * 5 / 8, 3 * 5 / 4])
    assert [step.saving for step in steps.values()] == pytest.approx([1, 128, 20 / 6, 8, 2, 0.5])
    assert [step.paper_saving for step in steps.values()] == [None, 120, 10, 8, 3, None]


def test_index_bits_cost_in_the_last_step_only():
    layer, ones = eiesim.workload("NT-We", density=0.05)
    narrow, wide = (
        waterfall(eiesim.simulate(layer, ones, eiesim.MachineConfig(index_bits=bits), outputs=False).layers[0])
        for bits in (6, 8)
    )
    assert [step.energy_uj for step in narrow[:-1]] == [step.energy_uj for step in wide[:-1]]
    assert wide[-1].energy_uj == pytest.approx(narrow[-1].energy_uj * 12 / 10)


def test_nothing_active_leaves_nothing_to_fetch():
    layer, ones = eiesim.workload("NT-We", density=0.05)
    steps = waterfall(eiesim.simulate(layer, ones * 0, outputs=False).layers[0])
    assert steps[-1].energy_uj == 0
    assert steps[-1].saving == 0


def test_the_check_against_table_ii_explains_what_is_off():
    checks = {check.name: check for check in against_table2()}
    for check in checks.values():
        assert bool(check.cause) == (abs(check.difference) > 0.25)
        assert "\n" not in check.cause
    assert checks["spmat_read"].published_mw == pytest.approx(4.955, rel=2e-4)
