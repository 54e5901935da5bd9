"""Everything that eiesim gives has a table and a figure that a notebook shows without pyplot."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest

import eiesim
from eiesim.drawing import pictures
from tests.cases import random_layer

LAYERS = [random_layer(1, 9, 7), random_layer(2, 5, 9)]
X = np.random.default_rng(5).random((3, 7)).astype(np.float32)
SMALL = eiesim.MachineConfig(pes=4)


MADE = {
    "result": lambda: eiesim.simulate(LAYERS, X, SMALL),
    "layer result": lambda: eiesim.simulate(LAYERS, X, SMALL)[1],
    "trace": lambda: eiesim.trace(LAYERS[0], X[0], SMALL),
    "critical path": lambda: eiesim.critical_path(LAYERS[0], X[0], SMALL),
    "balance": lambda: eiesim.balance(LAYERS[0], X, SMALL),
    "swept": lambda: eiesim.sweep_rows(LAYERS[0], {"pes": [1, 2, 4]}, inputs=X),
    "comparison": lambda: eiesim.compare(LAYERS[0], SMALL, inputs=X),
    "layer": lambda: LAYERS[0],
    "interleaved": lambda: eiesim.interleave(LAYERS[0], 4),
    "inspection": lambda: eiesim.inspect(LAYERS, SMALL)[0],
    "inspections": lambda: eiesim.inspect(LAYERS, SMALL),
    "compressed": lambda: eiesim.compress(np.eye(8), density=0.1),
    "model": lambda: eiesim.Model(tuple(LAYERS), X),
    "workload": lambda: eiesim.Workload(LAYERS[0], X),
    "accuracies": lambda: eiesim.Accuracies({"shared": {"float32": 0.9, "fixed8": 0.8}}, 3, 2),
    "costs": lambda: eiesim.energy_table(SMALL),
}
"""What is shown, by kind, made small."""


@pytest.fixture(params=MADE, scope="module")
def shown(request):
    return MADE[request.param]()


def test_a_figure_is_an_image_of_its_own_size(shown):
    image, size = shown.plot()._repr_png_()
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    wide, high = struct.unpack(">II", image[16:24])
    assert (wide / 1.5, high / 1.5) == pytest.approx((size["width"], size["height"]), abs=1)


def test_every_table_is_shown(shown):
    table = shown.to_frame()
    assert len(table)
    # A trace shows its page, or, without Bokeh, its picture.
    assert shown._repr_html_().startswith(("<table>", "<iframe ", "<img "))


def test_every_picture_has_a_name_and_others_are_refused(shown):
    names = [name for name, _ in pictures(shown, {}, "")]
    assert len(set(names)) == len(names)
    assert shown.plot(picture=names[-1]).axes
    with pytest.raises(eiesim.EieError, match=f"'none such'; there .*: .*{names[0]}"):
        shown.plot(picture="none such")


def test_a_table_of_a_sweep_is_drawn_as_what_swept_it():
    swept = eiesim.sweep_rows(LAYERS[0], {"pes": [1, 2, 4]}, inputs=X)
    axes, others = eiesim.plot(swept.to_frame()).axes, swept.plot().axes
    assert [one.get_ylabel() for one in axes] == [one.get_ylabel() for one in others]


def test_tables_add_up():
    """What the tables say is what the things are: counted here once more."""
    layer = LAYERS[0]
    assert layer.to_frame()["weights"].sum() == layer.nnz
    stored = eiesim.interleave(layer, 4).to_frame()
    assert stored["entries"].sum() - stored["padding_entries"].sum() == layer.nnz + np.count_nonzero(layer.bias_codes)
    assert stored["rows"].sum() == layer.rows
    seen = eiesim.trace(layer, X[0], SMALL)
    assert (
        seen.to_frame()[["starved", "real_entry", "padding_entry", "empty_column"]].sum(axis=1) == seen.cycles
    ).all()
    path = eiesim.critical_path(layer, X[0], SMALL).to_frame()
    assert path["cycles"].sum() == seen.total_cycles
    balance = eiesim.balance(layer, X, SMALL).to_frame()
    causes = [name for name in balance if str(name).startswith(("work", "padding", "lost_"))]
    assert (balance[causes].sum(axis=1) == balance["pe_cycles"]).all()
    assert (balance["pe_cycles"] == 4 * balance["cycles"]).all()


def test_a_long_table_says_what_it_leaves_out():
    html = eiesim.interleave(LAYERS[0], 64)._repr_html_()
    assert html.count("<tr>") == 31
    assert "the first 30 of 64 rows" in html


def test_names_write_no_html():
    named = eiesim.CompressedLayer.from_dense(np.eye(3), name="<script>&")
    for shown in (named, eiesim.Model((named,)), eiesim.inspect(named), eiesim.interleave(named, 2)):
        assert "<script>" not in shown._repr_html_()


def test_drawing_leaves_pyplot_alone():
    """A figure is shown without pyplot, so nothing of a user's own figures is touched."""
    modules = Path(eiesim.__file__).parent.rglob("*.py")
    assert [path for path in modules if re.search(r"import .*pyplot|pyplot import", path.read_text())] == []
