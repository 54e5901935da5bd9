"""Other people's implementations of EIE: the numbers that they publish, from every engine. No code of theirs is used.

docs/peers.md tells who they are. The Fibertree project's notebook: fibertree-notebooks, notebooks/sparse-dnn/eie.ipynb.
"""

import re
from pathlib import Path

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


# --- Louym/USp_MV: a course's RTL, whose own figures stand in docs/peers.md -------------------------------------------

PAGE = Path(eiesim.__file__).parents[1] / "docs" / "peers.md"
DRAW = re.compile(r"^\| ([\d.]+) \| ([\d.]+) \| (\d+) \| 0 \| ([\d,]+) \| ([\d,]+) \| ([\d.]+) \|$", re.M)


def drawn(weights_kept, inputs_kept, seed):
    """Weights [128, 32] and inputs [32, 32], whole numbers without 0 but where nothing is kept."""
    rng = np.random.default_rng(seed)
    every = []
    for shape, kept in (((128, 32), weights_kept), ((32, 32), inputs_kept)):
        values = rng.integers(-127, 128, shape)
        every.append(np.where(values == 0, 1, values) * (rng.random(shape) < kept))
    return every


def draws():
    return DRAW.findall(PAGE.read_text(encoding="utf-8")) if PAGE.is_file() else []


@pytest.mark.parametrize(("weights_kept", "inputs_kept", "seed", "clocks", "cycles", "ratio"), draws())
def test_our_column_beside_a_courses_rtl(weights_kept, inputs_kept, seed, clocks, cycles, ratio):
    weights, inputs = drawn(float(weights_kept), float(inputs_kept), int(seed))
    layer = eiesim.CompressedLayer.from_dense(weights.astype(np.float32), bits=8, activation="none")
    whole = dict.fromkeys(("activation_frac", "weight_frac", "output_frac"), 0)
    run = eiesim.simulate(
        (layer, inputs.T.astype(np.float32)), config={"pes": 4, "arithmetic": "fixed32", "weight_bits": 8, **whole}
    )
    shifted = np.clip(run.outputs.astype(np.int64) >> 8, -128, 127)
    np.testing.assert_array_equal(shifted, np.clip((weights @ inputs).T >> 8, -128, 127))
    ours, theirs = int(cycles.replace(",", "")), int(clocks.replace(",", ""))
    assert run.layers[0].metrics.cycles == ours
    assert f"{theirs / ours:.2f}" == ratio


@pytest.mark.skipif(not PAGE.is_file(), reason="eiesim is installed, not a checkout")
def test_the_page_says_what_is_tested():
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert len(draws()) == 9
    assert f"The notebook's own outputs are {', '.join(map(str, OUTPUTS))}." in page
    assert f"Inputs {', '.join(f'{one:g}' for one in INPUTS)} and eight rows" in page
    assert "20 cycles in blocks, 21 interleaved" in page
