"""What a page's script is given: the panels' values, and texts that say them."""

import json
from dataclasses import replace
from math import nan

import numpy as np
import pytest

from eiesim.view.page import legend, plot_data, shown
from eiesim.view.panels import Cells, Panel, Scale, Series, names
from eiesim.view.words import Words

BARS = Series("bars", "bars", (0, 1), (3, 0.5), ("#111111",), low=(2, nan), high=(4, nan), base=(1,), hatch="xxxx")
POINTS = Series("points", "points", (0, 1), (0.25, 9), ("#222222", "#333333"), marker="*")
PANEL = Panel(names(Words(""), ["a", "b"]), Scale(Words("time\nspent", "µs"), 0.1, 10, log=10), (BARS, POINTS), "title")


def test_values_are_the_panel_s():
    (panel,) = plot_data([PANEL])
    assert panel["title"] == "title"
    bars, points = panel["series"]
    assert (bars["x"], bars["y"], bars["bottom"]) == ([0, 1], [3, 0.5], [1, 1])
    assert (bars["low"], bars["high"]) == ([2, None], [4, None])
    assert (bars["name"], bars["kind"], bars["hatch"], bars["colours"]) == ("bars", "bars", "x", ["#111111"] * 2)
    assert (points["x"], points["y"], points["low"]) == ([0, 1], [0.25, 9], [None, None])
    assert (points["marker"], points["colours"]) == ("star", ["#222222", "#333333"])
    stacked = replace(BARS, base=(1, 2))
    assert plot_data([replace(PANEL, series=(stacked,))])[0]["series"][0]["bottom"] == [1, 2]
    json.dumps(panel, allow_nan=False)


def test_axes_are_the_panel_s():
    (panel,) = plot_data([PANEL])
    assert panel["x"] == {
        "label": "", "start": -0.6, "end": 1.6, "log": False, "percent": False, "named": True,
        "ticks": [[0, "a"], [1, "b"]],
    }  # fmt: skip
    assert panel["y"] == {
        "label": "time\nspent (µs)", "start": 0.1, "end": 10, "log": True, "percent": False, "named": False,
        "ticks": [],
    }  # fmt: skip
    share = replace(PANEL, y=Scale(Words("share"), form=".0%", ticks=((0.5, "half"), (70, "outside"))))
    (other,) = plot_data([share])
    assert other["y"]["percent"]
    assert other["y"]["ticks"] == [[0.5, "half"]]
    assert (other["y"]["start"], other["y"]["end"]) == pytest.approx((-0.1875, 9.4375))


def test_pointing_at_a_mark_says_its_place_value_and_whiskers():
    bars, points = plot_data([PANEL])[0]["series"]
    assert bars["across"] == ["a", "b"]
    assert bars["up"] == ["time spent (µs): 3", "time spent (µs): 0.5"]
    assert bars["ends"] == ["least 2, most 4", ""]
    assert points["up"] == ["time spent (µs): 0.25", "time spent (µs): 9"]
    assert shown(Scale(Words(""), form=".0%"), 0.1234) == "12.3%"
    assert shown(Scale(Words("")), 12345.6) == "12,346"


def test_the_legend_has_each_name_once_in_order():
    line = Series("line", "line", (0,), (1,), ("#444444",))
    panels = [replace(PANEL, series=(POINTS, BARS)), replace(PANEL, series=(BARS, line))]
    assert [one.name for one in legend(panels)] == ["points", "bars", "line"]


def test_what_the_script_cannot_draw_is_refused():
    with pytest.raises(ValueError, match="no step"):
        plot_data([replace(PANEL, series=(replace(POINTS, kind="step"),))])
    with pytest.raises(ValueError, match="no cells"):
        plot_data([replace(PANEL, cells=Cells(np.zeros((1, 1)), (0, 1), (0, 1)))])
