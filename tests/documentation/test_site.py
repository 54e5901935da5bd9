"""The documentation site: it builds without a warning, every link leads somewhere, and it needs no network."""

import os
import shutil
import subprocess
import sys
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import eiesim
from tests.browser import in_a_browser

from .pages import ROOT
from .parsing import GROUP

pytest.importorskip("furo", reason="needs extra [docs]")
pytest.importorskip("myst_parser", reason="needs extra [docs]")


def build(docs, site):
    """`python -m docs` where the folder `docs` lies."""
    return subprocess.run(
        [sys.executable, "-m", "docs", str(site)], cwd=docs.parent, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


class Page(HTMLParser):
    """A page's ids, links, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.ids, self.links, self.loads = path, set(), set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        held = dict(attributes)
        self.ids |= {held["id"]} if held.get("id") else set()
        if tag == "a" and held.get("href"):
            self.links.add(held["href"])
        self.loads |= {held[key] for key in ("src", "href") if tag != "a" and held.get(key)}

    @cached_property
    def targets(self):
        return {(link, *self.resolve(link)) for link in self.links | self.loads if not urlsplit(link).scheme}

    def resolve(self, link):
        parts = urlsplit(link)
        return (self.path.parent / unquote(parts.path)).resolve() if parts.path else self.path, unquote(parts.fragment)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("documentation").resolve() / "site"
    told = build(ROOT / "docs", folder)
    assert told.returncode == 0, told.stderr
    assert told.stdout.strip() == str(folder / "index.html")
    return {path: Page(path) for path in folder.rglob("*.html")}


def test_every_link_leads_somewhere(site):
    assert len(site) > 25
    broken = []
    for page in site.values():
        for link, path, fragment in page.targets:
            exists = path.exists() and (not fragment or path.suffix != ".html" or fragment in site[path].ids)
            broken += [] if exists else [f"{page.path.name}: {link}"]
    assert not broken


def test_no_page_needs_a_network(site):
    loads = {(page.path.name, what) for page in site.values() for what in page.loads}
    assert [one for one in loads if urlsplit(one[1]).scheme not in ("", "data")] == []


@pytest.mark.parametrize(
    ("name", "pictures", "tables"), [("network", 2, 2), ("results", 2, 5), ("sweep", 2, 2), ("inside", 2, 2)]
)
def test_notebooks_are_shown_with_what_comes_out(site, name, pictures, tables):
    """They were run when the site was built; an error in a cell would have stopped it."""
    pytest.importorskip("nbclient", reason="needs extra [docs]")
    pytest.importorskip("ipykernel", reason="needs extra [docs]")
    path = next(page for page in site if page.parent.name == "notebooks" and page.stem == name)
    text = path.read_text(encoding="utf-8")
    assert text.count("data:image/png;base64,") >= pictures
    assert text.count("<table") >= tables
    assert "Traceback" not in text


def named(site, name):
    return next(page for path, page in site.items() if path.name == name)


def test_every_public_name_is_in_the_reference(site):
    names = {f"eiesim.{name}" for name in vars(eiesim)["__all__"] if not name.startswith("_")}
    assert names <= named(site, "api.html").ids


def test_every_option_of_every_command_is_in_the_reference(site):
    page = named(site, "command-line.html")
    text = page.path.read_text(encoding="utf-8")
    for name, command in GROUP.commands.items():
        assert f"eiesim-{name}" in page.ids
        for option in (option for held in command.params for option in held.opts if option.startswith("--")):
            assert option in text, f"eiesim {name} {option}"


def test_a_broken_link_stops_the_build(tmp_path):
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs", docs, ignore=lambda folder, names: {name for name in names if name.endswith(".md")})
    (docs / "index.md").write_text("# I\n\n[gone](#no-such-heading) [gone](no-such-page.md) [here](#i)\n")
    told = build(docs, tmp_path / "site")
    assert told.returncode == 1
    assert told.stderr.count("WARNING") == 2
    assert "no-such-heading" in told.stderr
    assert "no-such-page.md" in told.stderr


@in_a_browser
def test_search_works_without_a_server(site, opened_page):
    page = opened_page(named(site, "search.html").path)
    page.fill("input[name=q]", "bypass")
    page.press("input[name=q]", "Enter")
    page.wait_for_selector("#search-results ul.search li a", timeout=20_000)
    found = page.locator("#search-results ul.search li a").all_inner_texts()
    assert any("machine" in one.lower() for one in found)


@in_a_browser
def test_no_page_scrolls_sideways_on_a_phone(site, opened_page):
    page = opened_page(named(site, "index.html").path, width=390)
    for path in site:
        page.goto(path.as_uri())
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beyond <= 0, path.name
