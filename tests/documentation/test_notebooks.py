"""The notebooks of examples/ are what their pages say, hold no outputs, and the site shows what comes out."""

import importlib
import json
import re

import pytest

from .pages import ROOT

pytestmark = pytest.mark.skipif(not (ROOT / "docs" / "notebook.py").is_file(), reason="not a checkout")


@pytest.fixture(scope="module")
def making():
    return importlib.import_module("docs.notebook")


def test_every_page_is_a_notebook_and_every_notebook_a_page(making):
    assert {path.stem for path in (ROOT / "docs" / "notebooks").glob("*.md")} == set(making.NAMES)
    assert {path.stem for path in (ROOT / "examples").glob("*.ipynb")} == set(making.NAMES)
    assert len(making.NAMES) == 4


@pytest.mark.parametrize("name", ["network", "results", "sweep", "inside"])
def test_a_notebook_is_its_page(making, name):
    text = (ROOT / "examples" / f"{name}.ipynb").read_text(encoding="utf-8")
    assert text == making.text_of(name), "`python -m docs.notebook` writes it anew"
    held = json.loads(text)
    page = (ROOT / "docs" / "notebooks" / f"{name}.md").read_text(encoding="utf-8")
    codes = ["".join(cell["source"]) for cell in held["cells"] if cell["cell_type"] == "code"]
    assert len(codes) == page.count("```python3\n") > 3
    for code in codes:
        compile(code, name, "exec")
        assert all(cell["outputs"] == [] for cell in held["cells"] if cell["cell_type"] == "code")
    words = " ".join("".join(cell["source"]) for cell in held["cells"] if cell["cell_type"] == "markdown")
    for target in re.findall(r"\]\(([^)#]+)", words):
        assert (ROOT / "examples" / target).resolve().exists(), target
    assert len(text) < 10_000


def test_the_network_is_the_tutorial_s(making):
    tutorial = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    first = making.parts("network")[1][1]
    assert first.splitlines()[-1].startswith('print(f"{right:.1%}')
    assert first in tutorial


def test_outputs_are_shown_as_jupyter_picks_them(making):
    """A picture or a table before its text; bars that are gone leave nothing; text is escaped."""
    outputs = [
        {"output_type": "display_data", "data": {"text/html": "", "text/plain": ""}},
        {"output_type": "stream", "text": "<b>"},
        {"data": {"text/html": "<table>\n\n</table>", "text/plain": "T"}},
        {"data": {"image/png": "aGk=\n", "text/plain": "F"}, "metadata": {"image/png": {"width": 3, "height": 2}}},
    ]
    shown = making._shown(outputs)
    assert shown.count('<div class="cell-output">') == 3
    assert "<pre>&lt;b&gt;</pre>" in shown
    assert "<table>\n</table>" in shown
    assert 'width="3" src="data:image/png;base64,aGk="' in shown
