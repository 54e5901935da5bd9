"""docs/index.md: the counts of its table of checks are those of what it counts."""

import ast
import re
from pathlib import Path

import pytest

import eiesim
from tests.documentation.executed import EXECUTED

ROOT = Path(eiesim.__file__).parents[1]
PAGE = ROOT / "docs" / "index.md"

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="eiesim is installed, not a checkout")


@pytest.fixture
def table():
    rows = re.findall(r"^\| \[(.*?)\]\(.*?\) \| .*? \| (.*?) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    return dict(rows)


def page(name):
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def functions():
    """Test functions, each once however many cases it has."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        yield from (one for one in tree if isinstance(one, ast.FunctionDef) and one.name.startswith("test_"))


def test_counts(table):
    from tests.rtl.mutations import MUTATIONS

    assert len(table) == 10
    assert table["JSON documents"] == f"{len(eiesim.schema())} documents"
    assert table["what the pages show"] == f"{len(EXECUTED)} pages"
    assert table["that check itself"] == "{0} of {0} caught".format(len(MUTATIONS))
    said = int(re.match(r"more than ([\d,]+) tests", table["all of it"])[1].replace(",", ""))
    assert said <= len(list(functions())) < 2 * said


def test_what_other_pages_say(table):
    runs, cycles = re.search(r"^\| (\d+) random runs .*\| ([\d,]+) \|", page("rtl.md"), re.M).groups()
    assert table["every register, every cycle"] == f"{runs} runs, {cycles} cycles"
    (mean,) = re.findall(r"^\| mean absolute error, actual time \| .* \| ([\d.]+ %) \|$", page("reproduction.md"), re.M)
    assert table["times of nine layers"] == f"{mean} off on the mean"
    assert "in all 13 runs known" in page("reproduction.md")
    draws = len(re.findall(r"^\| [\d.]+ \| [\d.]+ \| \d+ \| 0 \|", page("peers.md"), re.M))
    assert table["outputs"] == f"{draws} × 4,096 and 8 outputs"
