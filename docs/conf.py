"""The documentation site: how Sphinx reads docs/. `python -m docs` builds it.

Sphinx because it writes the API pages from docstrings, stops at a broken internal link, and searches without a server.
"""

import html
import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType

from docutils import nodes

import eiesim

project = "eiesim"
author = "The eiesim developers"
project_copyright = "2026, the eiesim developers. MIT licence"
release = version = eiesim.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["Thumbs.db"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings = ["config.cache"]
default_role = "code"  # docstrings write names as `name`
highlight_language = "none"
smartquotes = False  # a string in quotes can be copied
nitpicky = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
maximum_signature_line_length = 90
napoleon_google_docstring = False
napoleon_use_param = napoleon_use_rtype = False  # types such as float32[cols] are text, not names to link
napoleon_custom_sections = [("Attributes", "params_style")]

html_theme = "furo"
html_title = f"eiesim {release}"
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # a page that is opened as a file may not fetch another
html_static_path = ["_static"]
html_css_files = ["eiesim.css"]
html_js_files = ["scrolls.js"]
html_theme_options = {"navigation_with_keys": True}
copybutton_exclude = ".linenos, .gp, .go"  # prompts and outputs

linkcheck_anchors = False

COMMAND_LINE = "<!-- the help of every command -->"


def help_pages() -> str:
    """The help of every command as Markdown, in the words of `--help`."""
    command = [sys.executable, "-m", "typer", "eiesim.cli.every", "utils", "docs", "--name", "eiesim"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    text = html.unescape(told.partition("**Commands**")[2].partition("\n## ")[2])
    lines = f"## {text}".replace("{LAYER...}...", "LAYER...").splitlines()
    return "\n".join(_fenced(lines, lambda line: line.startswith("eiesim ")))


def _fenced(lines: list[str], inside: Callable[[str], bool]) -> Iterator[str]:
    """The lines, with a fence around each run of lines that are `inside`."""
    for before, line in pairwise(["", *lines, ""]):
        if inside(line) and not inside(before):
            yield "```text"
        if inside(before) and not inside(line):
            yield "```"
        yield line


def put_in_the_help(app: object, page: str, source: list[str]) -> None:
    """Put the help where a page asks for it."""
    if COMMAND_LINE in source[0]:
        source[0] = source[0].replace(COMMAND_LINE, help_pages())


def run_the_notebooks(app: object, page: str, source: list[str]) -> None:
    """Put below each cell of a notebook's page what comes out of it."""
    folder, _, name = page.rpartition("/")
    if folder == "notebooks":
        source[0] = _notebook().with_outputs(name)


@cache
def _notebook() -> ModuleType:
    """The script beside this file; `docs` is not always a package that can be imported."""
    found = importlib.util.spec_from_file_location("notebook", Path(__file__).parent / "notebook.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def name_pages(app: object, doctree: nodes.document, page: str) -> None:
    """Let a link whose text is a file's name, as it reads well in the repository, say the page's title."""
    titles = app.env.titles  # type: ignore[attr-defined]
    for link in doctree.findall(nodes.reference):
        found = re.fullmatch(r"(?:[\w-]+/)*([\w-]+)\.md", link.astext())
        target = next((name for name in titles if found and name.rpartition("/")[2] == found[1]), None)
        if target:
            link.children = [nodes.inline("", titles[target].astext())]


def dashes(app: object, doctree: nodes.document, page: str) -> None:
    """Put a dash where the API pages have two hyphens before a parameter's text: a line may end between these."""
    for text in list(doctree.findall(nodes.Text)):
        if text.astext() == " -- ":
            text.parent.replace(text, nodes.Text(" \u2013 "))


def setup(app: object) -> None:
    """Called by Sphinx."""
    app.connect("source-read", put_in_the_help)  # type: ignore[attr-defined]
    app.connect("source-read", run_the_notebooks)  # type: ignore[attr-defined]
    app.connect("doctree-resolved", name_pages)  # type: ignore[attr-defined]
    app.connect("doctree-resolved", dashes)  # type: ignore[attr-defined]
