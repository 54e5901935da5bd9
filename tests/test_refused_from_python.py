"""What a call from Python cannot use is refused in one line that says what was given; a traceback tells nobody."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import eiesim
from eiesim import EieError
from eiesim.balancing.order import balanced_order
from eiesim.coding.block_differences import encode_blocks
from eiesim.dense import DenseLayer
from eiesim.training.masks import balanced
from eiesim.view.layers import entries

LAYER = eiesim.CompressedLayer.from_dense(np.random.default_rng(0).normal(size=(6, 5)), name="l")
X = np.ones(5, np.float32)
ONE_PE = {"pes": 1}


def shown(pes: Any) -> Any:
    return eiesim.trace((LAYER, X), config={"pes": 4}).plot(pes)


def compressed(calibration):
    weights = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    return eiesim.compress({"fc.weight": weights}, calibration=calibration)


REFUSED = {
    "several layers to save": (
        lambda: eiesim.save(compressed(None), "no.npz"),
        "layer: needs .*, not Compressed; its layers are in .*layers"),
    "an interleaved layer to save": (
        lambda: eiesim.save(eiesim.interleave(LAYER), "no.npz"), "not InterleavedLayer; its layer is in .*'layer'"),
    "weights to save": (lambda: eiesim.save(X, "no.npz"), "layer: needs a CompressedLayer, not ndarray$"),
    "calibration without inputs": (lambda: compressed(np.zeros((0, 5))), r"calibration: shape \(0, 5\): is empty"),
    "calibration by name, empty": (lambda: compressed({"x": []}), r"calibration: x: shape \(0,\): is empty"),
    "calibration, a number": (lambda: compressed(np.float32(3)), r"calibration = 3\.0: needs one value an input"),
    "calibration by name": (lambda: compressed({"x": X}), "calibration inputs: are named; only an ONNX graph"),
    "calibration, another width": (lambda: compressed(np.ones((2, 4))), "calibration inputs: 4 an input, .* takes 5"),
    "nothing to recognise": (
        lambda: eiesim.accuracy(LAYER, np.zeros((0, 5)), []), "labels: there is no input to recognise"),
    "labels of two runs": (
        lambda: eiesim.simulate([(LAYER, X), (LAYER, X)], labels=[1]), "labels: layers that run each by itself"),
    "two inputs for three": (
        lambda: eiesim.sweep([LAYER] * 3, ONE_PE, inputs=[X, X]), "2 inputs for 3 layers that bring none; give one"),
    "another width": (lambda: eiesim.simulate((LAYER, X[:3])), "activations: 3 an input, but layer 'l' has 5 columns"),
    "times a column": (
        lambda: balanced_order(LAYER, 4, np.ones(2, np.int64)), r"times_sent: shape \(2,\), needs one a column"),
    "weights outside blocks": (
        lambda: encode_blocks(LAYER, 2), "layer 'l': keeps weights outside its 2 diagonal blocks"),
    "more blocks than columns": (lambda: encode_blocks(LAYER, 6), "blocks = 6: needs 1 to 5 for 6 x 5"),
    "no PEs": (lambda: balanced(LAYER.to_dense(), 0.5, 0), "balanced over 0 PEs in groups of 8 columns: both"),
    "weights of one axis": (lambda: DenseLayer("a", X), r"layer 'a': weights have shape \(5,\), need"),
    "a bias too short": (
        lambda: DenseLayer("a", LAYER.to_dense(), X), r"layer 'a': bias has shape \(5,\), needs \(6,\)"),
    "another activation": (
        lambda: DenseLayer("a", LAYER.to_dense(), activation="gelu"), "layer 'a': activation 'gelu', needs relu or"),
    "an energy table": (
        lambda: eiesim.simulate((LAYER, X), energy_table="none.toml"), "none.toml: no such energy table"),
    "a long name": (
        lambda: eiesim.sweep((eiesim.CompressedLayer.from_dense(np.eye(5), name="l" * 70_000), X), ONE_PE),
        "a layer's name has 70,000 letters; a table takes 1,000"),
    "two layers of one name": (
        lambda: eiesim.trace([(LAYER, X), (LAYER, X)], layer="l"), "2 layers are called 'l'; say which by its number"),
    "twins of two": (
        lambda: eiesim.export_rtl([(LAYER, X)] * 2, "none"), "2 layers are given; a twin is of one"),
    "a twin in float32": (
        lambda: eiesim.export_rtl((LAYER, X), "none", config={"arithmetic": "float32"}), "fixed point"),
    "a table without rows": (
        lambda: eiesim.plot(pd.DataFrame(columns=["layer", "cycles", "time_us", "eiesim"])), "has no rows to draw"),
    "axes of no kind": (lambda: eiesim.sweep((LAYER, X), 3), "'3' is not key=values"),
    "axes that are none": (lambda: eiesim.sweep((LAYER, X), object()), "axes = .* must be a value or several"),
    "no PE to show": (lambda: shown([]), "PEs: name at least one, and none twice"),
    "a PE twice": (lambda: shown([1, 1]), "PEs: name at least one, and none twice"),
    "half a PE": (lambda: shown([1.5]), r"PEs = 1\.5: must be a whole number"),
    "a PE by name": (lambda: shown(["a"]), "PEs = 'a': must be a whole number"),
    "a PE too many": (lambda: shown([4]), "PE 4: the machine has 4, 0 to 3"),
    "a PE below 0": (lambda: shown([-1]), "PEs = -1: must be 0 or more"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_one_line_says_what_was_given(case, tmp_path, monkeypatch):
    call, said = REFUSED[case]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EieError, match=said) as refused:
        call()
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_padding_stands_on_top_of_what_a_pe_keeps():
    """Two bits of index reach three rows: a weight alone in row 9 of its PE has padding in rows 3 and 7 before it."""
    weights = np.zeros((20, 2))
    weights[18, 0] = weights[1, 1] = 1.0
    kept, padded = entries(eiesim.interleave(eiesim.CompressedLayer.from_dense(weights), 2, 2)).panels[0].series
    assert (kept.kind, kept.y, padded.y, padded.base) == ("bars", (1, 1), (3, 1), (1, 1))
