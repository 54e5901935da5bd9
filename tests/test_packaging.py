"""What is installed: every package, typed, with its data, and the example networks of traces/."""

import re
import runpy
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

import eiesim

ROOT = Path(eiesim.__file__).parents[1]

pytestmark = pytest.mark.skipif(not (ROOT / "setup.cfg").is_file(), reason="eiesim is installed, not a checkout")


@pytest.fixture
def options():
    found = ConfigParser()
    found.read(ROOT / "setup.cfg", encoding="utf-8")
    return found


def test_every_package_is_listed(options):
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "eiesim").rglob("__init__.py")}
    assert set(options["options"]["packages"].split()) == there | {"eiesim.examples"}


def test_every_data_folder_is_listed(options):
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "eiesim").rglob("data")}
    assert there <= set(options["options.package_data"])


def test_version_and_date_are_the_same_everywhere():
    version, day = re.search(r"^## (\d+\.\d+\.\d+), (\S+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M).groups()
    cited = (ROOT / "CITATION.cff").read_text("utf-8")
    assert version == eiesim.__version__
    assert f"\nversion: {version}\n" in cited
    assert f"\ndate-released: {day}\n" in cited


def test_the_source_archive_takes_everything_that_is_committed():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode or not listed.stdout:
        pytest.skip("no Git checkout: nothing to compare with")
    committed = {Path(name) for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    manifest = (ROOT / "MANIFEST.in").read_text("utf-8")
    folders = {"eiesim", *re.findall(r"^graft (\S+)$", manifest, re.M)}
    files = set(re.search(r"^include (.*)$", manifest, re.M)[1].split())
    assert [str(one) for one in committed if one.parts[0] not in folders and str(one) not in files] == []


@pytest.fixture
def index_page():
    return runpy.run_path(str(ROOT / "setup.py"), run_name="setup")["index_page"]


def parsed(markdown):
    """All letters, and where links and pictures lead, by a Markdown parser."""
    words, targets = [], []

    def walk(tokens):
        for one in tokens:
            targets.extend(str(one.attrs[key]) for key in ("href", "src") if key in one.attrs)
            if one.children is not None and one.type != "image":
                walk(one.children)
            elif one.type not in ("html_block", "html_inline"):
                words.extend(one.content.split())

    walk(MarkdownIt().enable("table").parse(markdown))
    return re.sub(r"[\s()]", "", "".join(words)), targets


def test_the_readme_on_an_index_has_no_link_that_leads_nowhere(index_page):
    readme = (ROOT / "README.md").read_text("utf-8")
    words, targets = parsed(readme)
    assert len([one for one in targets if not one.startswith("https://")]) > 20
    shown, left = parsed(index_page(readme))
    assert [one for one in left if not one.startswith("https://")] == []
    assert shown == words
    _, absolute = parsed(index_page(readme, "https://host.example/eie", "1.2.3"))
    assert len(absolute) == len(targets)
    for before, after in zip(targets, absolute, strict=True):
        kind = "raw" if before.endswith(".png") else "blob"
        assert after == before or after == f"https://host.example/eie/{kind}/v1.2.3/{before}"
        assert (ROOT / before.partition("#")[0]).exists() or after == before


def test_from_an_archive_is_refused_by_name(tmp_path):
    """Data files are read by their names, so Python's import from a zip file would end somewhere later."""
    with zipfile.ZipFile(tmp_path / "eiesim.whl", "w") as archive:
        for name in ("__init__.py", "__init__.pyi", "_version.py"):
            archive.write(ROOT / "eiesim" / name, f"eiesim/{name}")
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'eiesim.whl')!r}); import eiesim"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.search(r"^ImportError: eiesim does not run from within an archive \(.*eiesim.whl", done.stderr, re.M)
