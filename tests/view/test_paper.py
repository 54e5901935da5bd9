"""Pictures and tables for a paper: widths, sizes of text, no title, what grey leaves of them, as drawn."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from matplotlib.text import Text

import eiesim
from eiesim.drawing import grids, pictures
from eiesim.view.figure import figure
from eiesim.view.grid import escaped
from eiesim.view.panels import Panel, Picture, Scale, Series
from eiesim.view.paper import APART, apart, caption, in_style, lightness
from eiesim.view.words import Words
from tests.cases import random_layer
from tests.documentation.pages import ROOT

LAYERS = [random_layer(1, 9, 7), random_layer(2, 5, 9)]
X = np.random.default_rng(5).random((3, 7)).astype(np.float32)
SMALL = eiesim.MachineConfig(pes=4)

SHOWN = {
    "result": lambda: eiesim.simulate(LAYERS, X, SMALL),
    "trace": lambda: eiesim.trace(LAYERS[0], X[0], SMALL),
    "balance": lambda: eiesim.balance(LAYERS[0], X, SMALL),
    "sweep": lambda: eiesim.sweep(["table3:NT-We", "table3:NT-Wd"], {"pes": [64, 128], "queue_depth": [1, 8]}),
    "comparison": lambda: eiesim.compare(["NT-We"]),
}
"""What has the most kinds of pictures between them."""

POINTS = {"paper": 252.0, "paper-wide": 516.0}


@pytest.fixture(scope="module")
def drawn():
    """Each picture with its figure, by thing, name and style; laid out once."""
    made = {}
    for kind, make in SHOWN.items():
        for name, picture in pictures(make(), {}, ""):
            for style in POINTS if kind in ("balance", "comparison") else ("paper",):
                shot = figure(in_style(picture, style))
                FigureCanvasAgg(shot)
                shot.draw_without_rendering()
                made[kind, name, style] = picture, shot
    return made


def texts(shot):
    return [one for one in shot.findobj(Text) if one.get_visible() and one.get_text().strip()]


def test_widths_are_a_column_s_and_a_page_s(drawn):
    for (*_, style), (_, shot) in drawn.items():
        assert 72 * shot.get_size_inches()[0] == pytest.approx(POINTS[style], abs=0.5)


@pytest.mark.parametrize("style", POINTS)
def test_files_are_as_wide_and_hold_their_fonts(style, tmp_path):
    eiesim.plot(SHOWN["balance"](), tmp_path, style=style, formats=("pdf", "svg"))
    page = (tmp_path / "balance.pdf").read_bytes()
    left, _, right, _ = map(float, re.search(rb"/MediaBox \[ ?([\d. ]+)\]", page)[1].split())
    assert right - left == pytest.approx(POINTS[style], abs=0.5)
    assert b"/FontFile2" in page  # TrueType, within the file
    assert b"/Type3" not in page
    drawing = (tmp_path / "balance.svg").read_text()
    assert float(re.search(r'width="([\d.]+)pt"', drawing)[1]) == pytest.approx(POINTS[style], abs=0.5)
    assert "<text" not in drawing  # outlines: no font is needed


def test_no_text_is_smaller_than_seven_points_or_larger_than_eight(drawn):
    for key, (_, shot) in drawn.items():
        sizes = {one.get_fontsize() for one in texts(shot)}
        assert sizes, key
        assert 7 <= min(sizes) <= max(sizes) <= 8, key


def test_nothing_lies_outside_the_page(drawn):
    for key, (_, shot) in drawn.items():
        width, height = shot.get_size_inches()
        box = shot.get_tightbbox(shot.canvas.get_renderer())
        assert (box.x0, box.y0) >= (-0.03, -0.03), key
        assert box.x1 <= width + 0.03, key
        assert box.y1 <= height + 0.03, key


def test_there_is_no_title_and_no_footer(drawn):
    for key, (picture, shot) in drawn.items():
        told = {" ".join(one.get_text().split()) for one in texts(shot)}
        assert " ".join(picture.title.split()) not in told, key
        assert not picture.caption or picture.caption not in told, key
        # They are in what goes under the figure.
        assert escaped(" ".join(picture.title.split())) in caption("name", picture), key


def grey(rgb):
    """CIELAB lightness, written down once more."""
    linear = np.where((c := np.array(rgb[:3])) <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    return 116 * np.cbrt(luminance) - 16 if luminance > 216 / 24389 else luminance * 24389 / 27


def test_neighbours_differ_in_grey_and_in_hatch_or_marker(drawn):
    """Of each legend: patches beside one another, and lines; the greys of the colours that are drawn."""
    seen = 0
    for key, (_, shot) in drawn.items():
        for legend in [*shot.legends, *(axes.get_legend() for axes in shot.axes if axes.get_legend())]:
            if key[0] == "trace" and len(legend.get_patches()) > 4:
                continue  # who held the broadcasts up: too many for greys; the numbers beside them say it
            for kind in ("patches", "lines"):
                handles = getattr(legend, f"get_{kind}")()
                colours = [one.get_facecolor() if isinstance(one, Rectangle) else one.get_color() for one in handles]
                greys = [grey(to_rgb(one)) for one in colours]
                for before, after in pairwise(greys):
                    assert abs(before - after) >= 15 - 0.01, (key, greys)
                    seen += 1
                looks = [_look(one) for one in handles]
                assert len(set(looks)) == len(looks) or key[0] == "comparison", (key, looks)
    assert seen > 20


def _look(handle):
    if isinstance(handle, Rectangle):
        return handle.get_hatch(), round(grey(to_rgb(handle.get_facecolor())))
    return handle.get_linestyle(), handle.get_marker(), round(grey(to_rgb(handle.get_color())))


@pytest.mark.parametrize("seed", range(4))
def test_any_colours_are_put_apart(seed):
    found = [f"#{value:06X}" for value in np.random.default_rng(seed).integers(0, 2**24, 40)]
    made = apart(found)
    values = [lightness(colour) for colour in made]
    assert np.abs(np.diff(values)).min() >= APART
    assert values == pytest.approx([grey(to_rgb(colour)) for colour in made], abs=1e-3)
    kept = [one == other for one, other in zip(found, made, strict=True)]
    assert kept[0]
    assert sum(kept) > 10


def test_a_style_that_there_is_not_is_refused(tmp_path):
    layer = LAYERS[0]
    for call in (lambda: layer.plot(style="papr"), lambda: eiesim.plot(layer, tmp_path / "new", style="papr")):
        with pytest.raises(eiesim.EieError, match=r"no style .*'papr'.*paper-wide"):
            call()
    with pytest.raises(eiesim.EieError, match=r"formats: 'docx' is none of .*tex"):
        eiesim.plot(layer, tmp_path / "new", formats=("docx",))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("texts", [["16,777,216 and more"], [f"{10**k:,}" for k in range(3, 12)], ["1", "2", "4"]])
def test_numbers_at_an_axis_are_thinned_until_they_have_room(texts):
    """One number stays, however long it is: without end it was thinned further."""
    ticks = tuple((float(k), text) for k, text in enumerate(texts, 1))
    line = Series("a", "line", (1.0,), (0.5,), ("#000000",))
    one = Panel(Scale(Words("pes"), 0, 20, ticks=ticks), Scale(Words("time"), 0, 1), (line,))
    made = in_style(Picture("t", (one,) * 4, (12.0, 3.0)), "paper")
    kept = made.panels[0].x.ticks
    step = next(step for step in (1, 2, 4, 8, 16) if ticks[::step] == kept)
    room_pt = 72 * (made.widths_in[0] - 0.7)
    assert len(kept) == 1 or sum(len(text) for _, text in kept) * 4 < room_pt
    assert step == 1 or sum(len(text) + 1 for _, text in ticks[:: step // 2]) * 5 > room_pt  # no more than it takes


# --- tables in LaTeX -------------------------------------------------------------------------------------------------

CELL = r"(?:[^\\&%$#_{}~^]|\\[&%$#_{}]|\\text\w+\{\}|\\ldots\{\}|\$(?:\\mu|\\times|\^2|-|\\leq|\\geq|\\pm)\$|~)*"
"""What may stand between two & of a table: nothing that LaTeX would take for anything else."""


def parsed(text):
    """The cells of a `tabular` by line, each of which has as many as there are columns."""
    begin, *lines, end = [line for line in text.splitlines() if not line.startswith("%")]
    columns = re.fullmatch(r"\\begin\{tabular\}\{([lr]+)\}", begin)[1]
    assert end == r"\end{tabular}"
    assert (lines[0], lines[-1]) == (r"\toprule", r"\bottomrule")
    rows = [line for line in lines if line not in (r"\toprule", r"\midrule", r"\bottomrule")]
    for row in rows:
        cells = row.removesuffix(r" \\").split(" & ")
        assert len(cells) == len(columns), row
        assert row.endswith(r" \\")
        for cell in cells:
            assert re.fullmatch(CELL, cell.removeprefix("{}")), cell
        yield cells


@pytest.mark.parametrize("kind", ["result", "balance", "sweep", "comparison"])
def test_tables_are_latex_with_units_in_their_heads(kind, tmp_path):
    what = SHOWN[kind]()
    files = eiesim.plot(what, tmp_path, formats=("tex",))
    tables = {path.stem: list(parsed(path.read_text())) for path in files if path.suffix == ".tex"}
    assert set(tables) == {name for name, _ in grids(what)}
    heads = " ".join(cell for rows in tables.values() for row in rows for cell in (*rows[0], row[0]))
    assert kind == "balance" or "$\\mu$" in heads
    bib = (tmp_path / "references.bib").read_text()
    assert {"eiesim", "han2016eie"} <= set(re.findall(r"@\w+\{(\w+),", bib))
    assert bib.count("{") == bib.count("}")
    assert "chen2014dadiannao" not in bib  # Table V is not compared


TABLED: dict[str, Callable[[], Any]] = {
    "compressedlayer": lambda: LAYERS[0],
    "interleavedlayer": lambda: eiesim.interleave(LAYERS[0], 4),
    "model": lambda: eiesim.open(LAYERS[0]),
    "inspections": lambda: eiesim.inspect(LAYERS, SMALL),
    "trace": SHOWN["trace"],
    "energycosts": lambda: eiesim.energy_table(SMALL),
}


@pytest.mark.parametrize("name", TABLED)
def test_what_has_no_table_in_the_terminal_is_shown_as_its_frame(name, tmp_path):
    what = TABLED[name]()
    files = eiesim.plot(what, tmp_path, formats=("tex",))
    (path,) = (path for path in files if path.suffix == ".tex")
    heads, *rows = parsed(path.read_text())
    frame = what.to_frame()
    assert (path.stem, len(heads), len(rows)) == (name, len(frame.columns), len(frame))
    for key, column in zip(frame.columns, zip(*rows, strict=True), strict=True):
        if frame[key].dtype.kind in "if":
            told = [float(cell.replace(",", "").replace("$-$", "-").replace("--", "nan")) for cell in column]
            assert told == pytest.approx(frame[key].tolist(), rel=1e-3, nan_ok=True), key
    if hasattr(what, "_caption"):  # what a notebook has above the table
        assert re.sub(r"\W+", " ", what._caption) in re.sub(r"\W+", " ", path.read_text().splitlines()[0])


def test_table_v_is_compared_and_its_machines_are_cited(tmp_path):
    compared = eiesim.compare(["Alex-7"])
    eiesim.plot(compared, tmp_path, formats=("tex",))
    rows = {row[0]: row for row in parsed((tmp_path / "platforms.tex").read_text())}
    assert set(rows) == {"platform", *(one.name for one in compared.platforms)}
    assert "chen2014dadiannao" in (tmp_path / "references.bib").read_text()


def test_a_run_along_its_path_has_the_terminal_s_tables(tmp_path):
    path = eiesim.critical_path(LAYERS[0], X[0], SMALL)
    files = eiesim.plot(path, tmp_path, formats=("tex",))
    tables = [list(parsed(file.read_text())) for file in files if file.suffix == ".tex"]
    kinds = {row[0]: row[1] for row in tables[0][1:]}
    assert {kind: kinds[kind] for kind in path.by_kind if path.by_kind[kind]} == {
        kind: f"{cycles:,}" for kind, cycles in path.by_kind.items() if cycles
    }


def test_what_is_no_list_of_studies_is_refused(tmp_path):
    for what in ([], [1], [LAYERS[0]]):
        with pytest.raises(eiesim.EieError, match="it takes a list of what balance gives"):
            eiesim.plot(what)
    both = eiesim.balance_each(LAYERS[:1], X, SMALL)
    assert [path.name for path in eiesim.plot(both, tmp_path, formats=("tex",)) if path.suffix == ".tex"] == [
        "balance.tex"
    ]


def test_names_write_no_latex(tmp_path):
    named = eiesim.CompressedLayer.from_dense(np.eye(3), name=r"\input{x} 50% & $a_1^2$ #~<é>")
    eiesim.plot(eiesim.simulate(named, [1, 1, 1], SMALL), tmp_path, formats=("tex",))
    rows = list(parsed((tmp_path / "result.tex").read_text()))
    told = (
        r"\textbackslash{}input\{x\} 50\% \& \$a\_1\textasciicircum{}2\$ \#\textasciitilde{}\textless{}é\textgreater{}"
    )
    assert told in rows[0]
    assert escaped("-") == "--"
    assert escaped("-18.4% of 3-4, x-1") == r"$-$18.4\% of 3-4, x-1"


def test_bibtex_is_what_is_asked_for():
    assert eiesim.cite("han2016eie").count("@") == 1
    assert eiesim.__version__ in eiesim.cite("eiesim")
    assert eiesim.cite().count("\n@") == 8
    page = (eiesim.cite("han2016eie").partition("\n")[2]).strip()
    with pytest.raises(eiesim.EieError, match=r"'nobody'.*han2016eie"):
        eiesim.cite("nobody")
    if (ROOT / "docs" / "citing.md").is_file():
        assert page in (ROOT / "docs" / "citing.md").read_text(encoding="utf-8")


def test_long_names_stay_within_a_column():
    """A layer's name is no explanation: it stays on its panel, and legends and axes leave room for what is drawn."""
    name = "model.layers.0.mlp.down_proj." + 60 * "x"
    line = [Series(f"{k}{name}", "line", (1.0, 2.0), (1.0, 2.0), ("#0072B2",)) for k in range(2)]
    two = tuple(Panel(Scale(Words("x")), Scale(Words("y")), tuple(line), title=f"{k}{name}") for k in range(2))
    bars = Series("cycles", "hbars", (1.0, 2.0), (0.0, 1.0), ("#0072B2",))
    lying = Panel(Scale(Words("x")), Scale(Words("y"), ticks=((0.0, name), (1.0, name)), named=True), (bars,))
    for picture in (Picture("t", two, (7, 4), legend="right"), Picture("t", (lying,), (7, 4))):
        made = figure(in_style(picture, "paper"))
        made.draw_without_rendering()
        wide = made.get_size_inches()[0] * made.dpi
        for axes in made.axes:
            assert axes.get_window_extent().width > wide / 4
            texts = [*axes.get_children(), *axes.get_yticklabels()]
            assert all(one.get_window_extent().x1 <= wide + 2 for one in texts if isinstance(one, Text))
        assert all(one.get_window_extent().x1 <= wide + 2 for one in made.legends)
    assert [panel.title[:8] for panel in in_style(Picture("t", two, (7, 4)), "paper").panels] == [
        "0model.l",
        "1model.l",
    ]
    assert name.capitalize() not in caption("p", Picture("t", two, (7, 4)))


def test_numbers_at_an_axis_do_not_run_into_one_another():
    points = Series("machines", "points", (0.06, 0.0612), (41.57, 41.574), ("#0072B2",), marker="o")
    picture = Picture("t", (Panel(Scale(Words("x")), Scale(Words("y")), (points,)),), (4.4, 4), style="lines")
    made = figure(picture)
    made.draw_without_rendering()
    axis = made.axes[0].xaxis
    ends = [one.get_window_extent() for one in axis.get_ticklabels() if one.get_text()]
    inside = [one for one in ends if one.x0 >= 0]
    assert len(inside) > 2
    assert all(before.x1 < after.x0 for before, after in pairwise(inside))
    assert made.axes[0].yaxis.get_offset_text().get_text() == ""
