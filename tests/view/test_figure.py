"""matplotlib's figures show what the panels hold: read off the drawn dots themselves, place by place."""

from dataclasses import replace
from math import nan

import numpy as np
import pytest

from eiesim.view.panels import Cells, Note, Panel, Picture, Rule, Scale, Series, limits, names, reach
from eiesim.view.words import Words

pytest.importorskip("matplotlib")

from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.text import Annotation

from eiesim.view.figure import figure

RED, GREEN, BLUE, WHITE = "#FF0000", "#00AA00", "#0000FF", "#FFFFFF"
PLAIN = Scale(Words("across", "µs"), 0, 10), Scale(Words("up", "µJ"), 0, 10)


class Shot:
    """A drawn picture: the colour of the dot at a place of a panel."""

    def __init__(self, *panels, **options):
        self.figure = figure(Picture("a title", panels, (6, 5), **options))
        canvas = FigureCanvasAgg(self.figure)
        self.figure.dpi = 100
        canvas.draw()
        self.dots = np.asarray(canvas.buffer_rgba())[..., :3]
        self.axes = self.figure.axes

    def at(self, x, y, panel=0):
        across, up = self.axes[panel].transData.transform((x, y))
        return tuple(self.dots[self.dots.shape[0] - 1 - int(up), int(across)] / 255)

    def has(self, colour, x, y, panel=0):
        return np.allclose(self.at(x, y, panel), to_rgb(colour), atol=0.02)

    def line(self, colour, x, y):
        """Whether a line of a colour, blurred at its edges, runs within two dots of a place."""
        across, up = self.axes[0].transData.transform((x, y))
        row, column = self.dots.shape[0] - 1 - int(up), int(across)
        near = self.dots[row - 2 : row + 3, column - 2 : column + 3] / 255
        return bool((np.abs(near - to_rgb(colour)).max(axis=-1) < 0.35).any())


def test_standing_bars_go_from_their_base_to_their_value():
    bars = Series("bars", "bars", (2, 6), (7, 1), (RED,), base=(4,), width=2)
    shot = Shot(Panel(*PLAIN, (bars,)))
    assert shot.has(RED, 2, 6.8)
    assert shot.has(RED, 2, 4.2)
    assert not shot.has(RED, 2, 7.2)
    assert not shot.has(RED, 2, 3.8)
    assert shot.has(RED, 6, 1.2)
    assert shot.has(RED, 6.8, 3.8)
    assert not shot.has(RED, 6, 4.2)
    assert not shot.has(RED, 7.2, 3)


def test_lying_bars_stand_behind_one_another():
    one = Series("one", "hbars", (3, 6), (1, 4), (RED,), width=1)
    other = Series("other", "hbars", (5, 9), (1, 4), (BLUE,), base=(3, 6), width=1)
    shot = Shot(Panel(PLAIN[0], replace(PLAIN[1], start=10, end=0), (one, other)))
    for y, first, second in ((1, 3, 5), (4, 6, 9)):
        assert shot.has(RED, first - 0.3, y)
        assert shot.has(BLUE, first + 0.3, y)
        assert shot.has(BLUE, second - 0.3, y)
        assert not shot.has(BLUE, second + 0.3, y)
    top, bottom = (shot.axes[0].transData.transform((1, y))[1] for y in (1, 4))
    assert top > bottom  # a scale that starts with its greatest value runs downward


@pytest.mark.parametrize(
    ("kind", "heights"),
    [("step", {2.5: 8, 4.8: 8, 5.2: 3, 7.8: 3}), ("levels", {2.5: 8, 3.4: 8, 3.6: 3, 6.4: 3, 6.6: 6})],
)
def test_a_step_holds_its_value_to_the_next_and_levels_half_way(kind, heights):
    line = Series("line", kind, (2, 5, 8), (8, 3, 6), (RED,))
    shot = Shot(Panel(*PLAIN, (line,)))
    for x, y in heights.items():
        seen = {value for value in (8, 3, 6) if shot.line(RED, x, value)}
        assert seen == {y}, f"at {x}"


def test_a_line_joins_its_points_and_breaks_off_where_there_is_none():
    line = Series("line", "line", (1, 3, nan, 5, 9), (1, 3, nan, 5, 9), (RED,))
    shot = Shot(Panel(*PLAIN, (line,)))
    assert all(shot.line(RED, x, x) for x in (2, 7))
    assert not shot.line(RED, 4, 4)


def test_points_have_each_its_colour():
    points = Series("points", "points", (2, 5), (3, 8), (RED, BLUE), marker="o", size=14)
    alike = Series("alike", "points", (8,), (2,), (GREEN,), marker="s", size=14)
    shot = Shot(Panel(*PLAIN, (points, alike)))
    assert shot.has(RED, 2, 3)
    assert shot.has(BLUE, 5, 8)
    assert shot.has(GREEN, 8, 2)
    assert shot.has(WHITE, 3.5, 5.5)  # no line joins them


def test_a_band_fills_its_outline():
    band = Series("band", "band", (1, 9, 9, 1), (2, 2, 6, 6), (GREEN,))
    shot = Shot(Panel(*PLAIN, (band,)))
    assert shot.has(GREEN, 5, 4)
    assert not shot.has(GREEN, 5, 7)


@pytest.mark.parametrize("kind", ["bars", "line", "points"])
def test_whiskers_go_from_low_to_high(kind):
    """Where a low or high is missing there is no whisker; a mean a hair outside its range has a short one."""
    series = Series("s", kind, (2, 5, 8), (5, 6, 7), (RED,), low=(4, nan, 7.1), high=(9, nan, 7.2), marker="o")
    shot = Shot(Panel(*PLAIN, (series,)))
    lines = [one.get_segments() for one in shot.axes[0].collections if isinstance(one, LineCollection)]
    ends = {tuple(x for x, _ in one): tuple(y for _, y in one) for (segments) in lines for one in segments if len(one)}
    assert ends[2.0, 2.0] == (4, 9)
    assert ends[8.0, 8.0] == (7, pytest.approx(7.2))
    assert (5.0, 5.0) not in ends or np.isnan(ends[5.0, 5.0]).all()


@pytest.mark.parametrize("upside_down", [False, True])
def test_cells_stand_in_their_row_and_column(upside_down):
    values = np.array([[0.0, 0.2, 0.4], [0.6, 0.8, 1.0]])
    up = replace(PLAIN[1], start=5, end=1) if upside_down else replace(PLAIN[1], start=1, end=5)
    cells = Cells(values, (0, 9), (1, 5), Scale(Words("share"), 0, 1), labels=(("a", "b", "c"), ("d", "e", "f")))
    shot = Shot(Panel(replace(PLAIN[0], end=9), up, cells=cells))
    for row, y in enumerate((1.5, 3.5)):
        for column, x in enumerate((0.5, 3.5, 6.5)):
            assert np.allclose(shot.at(x, y), colormaps["cividis"](values[row, column])[:3], atol=0.02)
    places = {one.get_text(): one.get_position() for one in shot.axes[0].texts}
    assert places == {"a": (1.5, 2), "b": (4.5, 2), "c": (7.5, 2), "d": (1.5, 4), "e": (4.5, 4), "f": (7.5, 4)}
    assert shot.figure.axes[1].get_ylabel() == "share"


def test_cells_of_colours_are_drawn_as_they_are():
    colours = np.array([[[1.0, 0, 0], [0, 0, 1.0]]])
    shot = Shot(Panel(*PLAIN, cells=Cells(colours, (0, 10), (0, 10), key=(("one", RED), ("other", BLUE)))))
    assert shot.has(RED, 2, 5)
    assert shot.has(BLUE, 8, 5)
    assert [text.get_text() for text in shot.axes[0].get_legend().get_texts()] == ["one", "other"]
    assert [patch.get_facecolor()[:3] for patch in shot.axes[0].get_legend().get_patches()] == [(1, 0, 0), (0, 0, 1)]


@pytest.mark.parametrize("names", [2, 7, 12])
def test_a_key_of_many_colours_takes_nothing_of_the_picture_s_width(names):
    """Its names fold into lines. A key wider than the picture would squeeze the cells and be cut off."""
    key = tuple((f"PE {k}: 1,234,567", RED) for k in range(names))
    shots = [Shot(Panel(*PLAIN, cells=Cells(np.ones((1, 1, 3)), (0, 10), (0, 10), key=of))) for of in (key[:1], key)]
    for shot in shots:
        shot.figure.canvas.draw()
    alone, several = (shot.axes[0].get_window_extent().width for shot in shots)
    assert several == pytest.approx(alone, rel=0.02)
    legend = shots[1].axes[0].get_legend()
    assert len(legend.get_texts()) == names
    assert legend.get_window_extent().x1 <= shots[1].figure.bbox.x1


def annotations(axes):
    return {one.xy: one.get_text() for one in axes.texts if isinstance(one, Annotation)}


def test_each_mark_has_its_own_label():
    standing = Series("s", "bars", (1, 3), (4, 6), (RED,), labels=("four", "six"))
    lying = Series("l", "hbars", (5, 9), (8, 9), (BLUE,), base=(1, 2), labels=("", "seven"))
    line = Series("p", "step", (2, 6, 9), (3, 2, 1), (GREEN,), labels=("first", "", "last"))
    shot = Shot(Panel(*PLAIN, (standing, lying, line), notes=(Note("note", 7, 7),)))
    assert annotations(shot.axes[0]) == {
        (1, 4): "four", (3, 6): "six", (5.5, 9): "seven", (2, 3): "first", (9, 1): "last", (7, 7): "note",
    }  # fmt: skip


def test_rules_lie_and_stand():
    shot = Shot(Panel(*PLAIN, rules=(Rule(3, RED), Rule(7, BLUE, upright=True))))
    assert all(shot.line(RED, x, 3) for x in (1, 5, 9))
    assert all(shot.line(BLUE, 7, y) for y in (1, 5, 9))
    assert not shot.line(BLUE, 5, 7)


def test_scales_words_and_titles():
    across = Scale(Words("depth", "places"), 1, 64, log=2, ticks=((1, "one"), (8, "eight"), (999, "outside")))
    up = Scale(Words("time", "µs", "simulated"), 0.1, 100, log=10)
    share = Scale(Words("share"), 0, 1, form=".0%")
    shot = Shot(Panel(across, up, title="left"), Panel(PLAIN[0], share, title="right"), caption="a caption")
    left, right = shot.axes
    assert (left.get_xlabel(), left.get_ylabel()) == ("depth (places)", "time (µs, simulated)")
    assert (left.get_xscale(), left.get_yscale(), right.get_yscale()) == ("log", "log", "linear")
    assert (left.get_xlim(), left.get_ylim()) == ((1, 64), (0.1, 100))
    assert (left.get_title(loc="left"), right.get_title(loc="left")) == ("left", "right")
    assert [one.get_text() for one in left.get_xticklabels()][:2] == ["one", "eight"]
    assert left.get_yticklabels()[2].get_text() in ("1", "10", "0.1")
    assert "40%" in [one.get_text() for one in right.get_yticklabels()]
    assert shot.figure.get_suptitle() == "a title"
    assert shot.figure.get_supxlabel() == "a caption"
    middle = shot.axes[0].transAxes.inverted().transform(left.transData.transform((8, 1)))
    assert middle == pytest.approx([0.5, 1 / 3])


@pytest.mark.parametrize("place", ["above", "right", "below", "inside"])
def test_a_legend_names_the_series_in_their_order(place):
    series = (
        Series("bars", "bars", (1,), (4,), (RED,), low=(3,), high=(5,)),
        Series("line", "line", (1, 2), (4, 5), (GREEN,)),
        Series("points", "points", (1, 2), (4, 5), (BLUE, RED), marker="x"),
        Series("with whiskers", "line", (1, 2), (4, 5), (BLUE,), low=(3, 4), high=(5, 6), marker="o"),
    )
    shot = Shot(Panel(*PLAIN, series), Panel(*PLAIN, series[1:2]), legend=place)
    (legend,) = [one for one in (*shot.figure.legends, *(axes.get_legend() for axes in shot.axes)) if one is not None]
    assert [text.get_text() for text in legend.get_texts()] == ["bars", "line", "points", "with whiskers"]
    (swatch,) = legend.get_patches()
    assert swatch.get_facecolor()[:3] == to_rgb(RED)
    assert [line.get_color() for line in legend.get_lines()][:1] == [GREEN]


def test_panels_stand_row_by_row():
    panels = [Panel(*PLAIN, title=name) for name in "abcde"]
    shot = Shot(*panels, across=2, shared="y")
    places = {axes.get_title(loc="left"): axes.get_position() for axes in shot.axes if axes.get_visible()}
    assert set(places) == set("abcde")
    assert places["a"].x0 == pytest.approx(places["c"].x0)
    assert places["a"].y0 == pytest.approx(places["b"].y0)
    assert places["a"].y0 > places["c"].y0 > places["e"].y0
    assert places["b"].x0 > places["a"].x0


def test_names_begin_no_formula_and_no_line():
    shot = Shot(
        Panel(
            replace(PLAIN[0], words=Words("$x$")), names(Words(""), ["a$\\frac$", "\x1b[31m"]),
            (Series("$\\undefined$", "hbars", (1, 2), (0, 1), (RED,), labels=("$\\y$", "")),), title="$\\t$",
            notes=(Note("$\\n$", 3, 1),),
        ),
        legend="right",
    )  # fmt: skip
    texts = [one.get_text() for one in (*shot.axes[0].texts, *shot.axes[0].get_yticklabels())]
    assert all("$" not in text.replace(r"\$", "") for text in texts)
    assert r"\x1b[31m" in texts


def test_limits_leave_room_for_marks_whiskers_and_rules():
    """By hand: 5 % of the length on either side; nothing under bars, nor beside cells; what is given stands."""
    free = Scale(Words("")), Scale(Words(""))
    line = Series("", "line", (0, 100), (2, 3), (RED,), low=(1, 3), high=(2, 21))
    assert limits(Panel(*free, (line,))) == ((-5, 105), (0, 22))
    bars = Series("", "bars", (0, 1), (10, 20), (RED,), width=1)
    assert limits(Panel(*free, (bars,))) == (pytest.approx((-0.6, 1.6)), (0, 21))
    hanging = replace(bars, y=(0.01, 100), base=(1,))
    low, high = limits(Panel(free[0], Scale(Words(""), log=10), (hanging,)))[1]
    assert (low, high) == pytest.approx((10**-2.2, 10**2.2))
    assert limits(Panel(Scale(Words(""), 3, None), Scale(Words(""), None, -1), (line,))) == ((3, 105), (0, -1))
    cells = Cells(np.zeros((2, 3)), (-0.5, 2.5), (-0.5, 1.5))
    assert limits(Panel(*free, cells=cells)) == ((-0.5, 2.5), (-0.5, 1.5))
    assert limits(Panel(*free, (replace(line, low=(), high=()),), rules=(Rule(7, RED),)))[1] == pytest.approx(
        (1.75, 7.25)
    )
    assert reach([3, 3]) == pytest.approx((2.85, 3.15))
    assert reach([nan, -1, 0], log=10) == (0.1, 1)


def test_a_series_says_which_part_is_short():
    with pytest.raises(ValueError, match="series 'a' has 2 x, and not as many y, labels"):
        Series("a", "line", (1, 2), (1,), (RED,), labels=("x",))
    with pytest.raises(ValueError, match="colours"):
        Series("a", "points", (1, 2), (1, 2), ())
