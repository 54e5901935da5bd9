"""Other people's implementations of EIE: the numbers that they publish, from every engine. No code of theirs is used.

The Fibertree project's notebook: fibertree-notebooks, notebooks/sparse-dnn/eie.ipynb.
"""

import numpy as np
import pytest

import eiesim

INPUTS = np.array([1, 2, 0, 3, 4, 0, 0, 7, 8], np.float32)
WEIGHTS = np.array([
    [1, 2, 0, 3, 4, 0, 0, 7, 8],
    [0, 1, 0, 0, 8, 0, 0, 7, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
    [1, 0, 0, 3, 0, 0, 0, 2, 0],
    [0, 0, 0, 2, 0, 0, 0, 4, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
    [2, 4, 0, 6, 0, 0, 0, 14, 16],
    [2, 0, 0, 2, 0, 0, 3, 0, 8],
], np.float32)  # fmt: skip
OUTPUTS = [143, 83, 0, 24, 34, 0, 254, 72]


@pytest.mark.parametrize("arithmetic", ["float32", "fixed16"])
@pytest.mark.parametrize(("mapping", "cycles"), [("blocked", 20), ("interleaved", 21)])
@pytest.mark.parametrize("engine", ["recurrence", "clocked", "event"])
def test_the_fibertree_notebooks_example_on_two_pes(engine, mapping, cycles, arithmetic):
    layer = eiesim.CompressedLayer.from_dense(WEIGHTS, activation="none")
    config = {"pes": 2, "mapping": mapping, "arithmetic": arithmetic}
    run = eiesim.simulate((layer, INPUTS), config=config, engine=engine)
    np.testing.assert_array_equal(run.outputs.ravel(), OUTPUTS)
    assert run.cycles == cycles
