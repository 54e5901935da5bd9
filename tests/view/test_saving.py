"""Pictures are written whole or not at all, under their style, and the same picture gives the same file."""

import os
import subprocess
import sys

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from eiesim import EieError
from eiesim.view import style
from eiesim.view.saving import save


def drawing():
    figure = Figure()
    figure.add_subplot().plot([1, 2], [3, 4])
    return figure


def test_the_same_picture_gives_the_same_files(tmp_path):
    first = [path.read_bytes() for path in save(drawing, tmp_path / "a", style.LINES)]
    again = [path.read_bytes() for path in save(drawing, tmp_path / "b.c", style.LINES)]
    assert first == again
    assert first[0].startswith(b"\x89PNG")
    assert b"<dc:date>" not in first[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.svg", "b.c.png", "b.c.svg"]


PICTURE = """
import hashlib
from eiesim.view.panels import Panel, Picture, Scale, Series
from eiesim.view.saving import render
from eiesim.view.words import Words
series = tuple(
    Series(f"{kind}", kind, (1, 2), (3, 4), (colour,), (2, 3), (4, 5), marker="o", hatch="/", labels=("a", "b"))
    for kind, colour in (("line", "#111111"), ("bars", "#222222"), ("points", "#333333"), ("step", "#444444"))
)
scale = Scale(Words("time", "µs"), log=10)
for style in ("bars", "lines"):
    picture = Picture("a title", (Panel(scale, scale, series),) * 2, (5, 3), "a caption", legend="right", style=style)
    for kind, image in render(picture, ("png", "svg", "pdf")).items():
        print(style, kind, len(image) > 5000, hashlib.sha256(image).hexdigest())
"""


def test_the_same_data_give_the_same_files_in_another_process():
    def drawn(seed):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.run(
            [sys.executable, "-c", PICTURE], env=environment, capture_output=True, text=True, check=True
        ).stdout.splitlines()

    first, again = drawn("1"), drawn("2")
    assert first == again
    assert len(first) == len(set(first)) == 6
    assert all(" True " in line for line in first)


def test_the_style_holds_while_drawing_only(tmp_path):
    seen = []

    def draw():
        seen.append(mpl.rcParams["font.size"])
        return drawing()

    before = mpl.rcParams["font.size"]
    save(draw, tmp_path / "a", {**style.BARS, "font.size": 31}, formats=("svg",))
    assert seen == [31]
    assert mpl.rcParams["font.size"] == before


def test_a_failing_drawing_leaves_nothing_behind(tmp_path):
    def fails():
        raise RuntimeError

    with pytest.raises(RuntimeError):
        save(fails, tmp_path / "a", style.BARS)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(EieError, match="is no folder"):
        save(drawing, tmp_path / "missing" / "a", style.BARS)


def test_text_stays_text(tmp_path):
    """An SVG file holds its words as words; a PDF file its fonts as TrueType (Type 42), never as Type 3 outlines."""

    def draw():
        figure = drawing()
        figure.axes[0].set_xlabel("queue depth (places)")
        return figure

    for settings in (style.BARS, style.LINES):
        svg, pdf = save(draw, tmp_path / "a", settings, formats=("svg", "pdf"))
        assert "queue depth (places)</text>" in svg.read_text(encoding="utf-8")
        assert b"/CIDFontType2" in pdf.read_bytes()
        assert b"/Type3" not in pdf.read_bytes()
        assert b"/CreationDate" not in pdf.read_bytes()
