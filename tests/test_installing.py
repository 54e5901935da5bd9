"""What help, messages and pages say is to be installed can be, from a clone, in any shell."""

import re
import sys
from configparser import ConfigParser

import pytest

from tests import installing
from tests.cases import cli
from tests.documentation.pages import ROOT

pytestmark = pytest.mark.skipif(not (ROOT / "setup.cfg").is_file(), reason="eiesim is installed, not a checkout")


@pytest.fixture(scope="module")
def lines():
    return installing.lines()


def test_help_messages_and_pages_have_some(lines):
    where = {line.where.partition(":")[0] for line in lines}
    assert {"eiesim train --help", "eiesim/training/losses.py", "eiesim/rtl/synthesis.py", "README.md"} <= where


def test_each_is_a_clone_with_its_extras_quoted_or_a_package_of_others(lines):
    """Until there is a release, `eiesim[...]` is nowhere to be had; unquoted, zsh takes brackets for a pattern."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = set(config["options.extras_require"])
    for line in lines:
        assert line.requirements, line
        for word in line.words:
            assert not re.search(r"[\[<>]", word) or re.fullmatch(r"'[^']*'|\"[^\"]*\"", word), f"{line}: not quoted"
        for word in line.requirements:
            of_clone = re.fullmatch(r"\.(\[.*\])?|path/to/eiesim", word)
            assert of_clone or (re.fullmatch(r"[\w-]+([<>=]=?[\d.]+)?", word) and word != "eiesim"), line
        assert line.extras <= extras, line


def test_every_extra_that_a_message_names_is_in_the_readme(lines):
    told = {extra for line in lines if line.where.startswith("eiesim") for extra in line.extras}
    readme = {extra for line in lines if line.where.startswith("README.md") for extra in line.extras}
    table = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {extra for extra in told - readme if f"`{extra}`" not in table} == set()


def test_the_line_reaches_the_terminal_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "vcd", None)
    answer = cli("trace", "table3:NT-We", "--cycles", "1:9", "-o", tmp_path / "out.vcd")
    assert answer.status == 2
    assert answer.err.endswith("in a clone of eiesim: pip install '.[trace]'\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pip install 'eiesim[train]'. More", ("'eiesim[train]'",)),
        ("Needs PyTorch: pip install 'eiesim'.", ("'eiesim'",)),
        ('`pip install -e ".[dev]"` and', ("-e", '".[dev]"')),
        ("pip install -q . && eiesim", ("-q", ".")),
        ("pip install .[rtl], or", (".[rtl]",)),
        ("(pip install a b) c", ("a", "b")),
    ],
)
def test_lines_are_read_as_they_stand(text, words):
    assert [line.words for line in installing._within("here", text)] == [words]
