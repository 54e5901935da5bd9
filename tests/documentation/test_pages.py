"""What the pages show is what happens: commands and code are run, or parsed, or marked as not run."""

import re
from configparser import ConfigParser
from dataclasses import replace
from pathlib import Path

import pytest

from .executed import EXECUTED
from .pages import PAGES, ROOT, Block, anchors, between_backticks, blocks, commands, links
from .parsing import commands_within, options_of, parse
from .session import Step, renewed, run

pytestmark = pytest.mark.skipif(not (ROOT / "setup.cfg").is_file(), reason="eiesim is installed, not a checkout")

SHELL = ("console", "bash", "sh", "shell")
COMMAND = re.compile(r"(\$ )?(eiesim|python3?|pip|\.venv/bin/\w+|dask|make|git|\. \.venv) ")
INSTALLED = re.compile(r"""(?:pip install|eiesim)[^`"'\n]*["']?(?:\.|eiesim)\[([\w,-]+)\]""")


@pytest.mark.parametrize("page", EXECUTED)
def test_what_the_page_shows_comes_out(page, tmp_path):
    for package in EXECUTED[page]:
        pytest.importorskip(package, reason="needs an extra")
    steps = run(page, tmp_path / "here")
    assert steps, "the page shows nothing that is run"
    wrong = [str(step) for step in steps if not step.agrees]
    assert not wrong, "\n\n".join([*wrong, f"`python -m tests.documentation {page}` writes what comes out now"])


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_run_or_parsed_or_marked(page):
    for block in blocks(page):
        if block.language in SHELL:
            for command in commands(block):
                for words in commands_within(command.text):
                    if words[0] == "eiesim":
                        parse(words)
                    else:
                        assert block.not_run or page in EXECUTED, f"{block}: `{command.text}` is neither run nor marked"
        elif not block.not_run and not set_up(block):
            shown = [line for line in block.text.splitlines() if COMMAND.match(line)]
            assert not shown, f"{block}: `{shown[0]}` belongs into a `console` block"


def set_up(block: Block) -> bool:
    """Whether a block is one of README's set-up commands, which .ci/run takes from it and runs."""
    return block.page == "README.md" and block.text.startswith("python3 -m venv .venv && ")


def test_readme_has_two_set_up_commands():
    assert sum(set_up(block) for block in blocks("README.md")) == 2


@pytest.mark.parametrize("page", PAGES)
def test_python_is_run_or_compiles(page):
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, str(block), "exec")
            assert block.not_run or page in EXECUTED, f"{block}: neither run nor marked"
        assert block.language != "pycon" or page in EXECUTED, f"{block}: is not run"


@pytest.mark.parametrize("page", PAGES)
def test_commands_in_the_text_exist_with_their_options(page):
    for shown in between_backticks(page):
        words = shown.split()
        if words[:1] != ["eiesim"] or words[1:2] in ([], ["COMMAND"]):
            continue
        found = options_of(words)
        assert found, f"{page}: `{shown}` is no command"
        asked = {word.partition("=")[0].rstrip("]") for word in words if re.match(r"\[?--?[a-zA-Z]", word)}
        unknown = {option.lstrip("[") for option in asked} - found[1]
        assert not unknown, f"{page}: `{shown}`: {found[0]} has no {unknown}"


@pytest.mark.parametrize("page", PAGES)
def test_links_between_files_lead_somewhere(page):
    for link in links(page):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert target.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(str(target.relative_to(ROOT))), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES)
def test_no_text_is_a_row_of_the_table_before_it_or_a_comment(page):
    """A line without an empty one before it goes on with a table; one that begins with % is left out."""
    lines = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    swallowed = re.findall(r"^\|.*\|\n(?![|#>\-*<`])(\S.*)$", lines, re.MULTILINE)
    assert not swallowed
    assert not re.findall(r"^\s*%.*$", lines, re.MULTILINE), "the site takes such a line for a comment and drops it"


def test_every_extra_that_the_pages_name_exists():
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = set(settings["options.extras_require"])
    named = {
        (page, extra)
        for page in PAGES
        for found in INSTALLED.finditer((ROOT / page).read_text(encoding="utf-8"))
        for extra in found[1].split(",")
    }
    assert {extra for _, extra in named} >= {"test", "docs", "train", "onnx", "trace"}
    assert {(page, extra) for page, extra in named if extra not in extras} == set()


def test_a_wrong_output_and_a_wrong_command_are_seen(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ eiesim layers\nno such table\n$ echo 7 of 9\n7 ... 9\n```\n\n```pycon\n>>> 1 + 1\n3\n```\n"
        "\n<!-- not run: reason -->\n```console\n$ false\n```\n\n```console\n$ eiesim run --pse 3\n```\n"
    )
    monkeypatch.setattr("tests.documentation.pages.ROOT", tmp_path)
    found = blocks("page.md")
    assert [block.not_run for block in found] == ["", "", "reason", ""]
    monkeypatch.setattr("tests.documentation.session.blocks", lambda page: found[:3])
    assert [step.agrees for step in run("page.md", tmp_path / "here")] == [False, True, False]
    with pytest.raises(Exception, match="--pse"):
        parse(commands_within(commands(found[3])[0].text)[0])


def test_outputs_are_renewed_with_what_the_page_leaves_out():
    step = Step(
        "page.md", 3, "", ("time: 1.5 s", "...", "cycles 10"), ("time: 2 s", "more", "cycles 1,234", "end"), True
    )
    assert not step.agrees
    assert renewed(step) == ["time: 2 s", "...", "cycles 1,234"]
    assert renewed(replace(step, shown=("old",))) == list(step.came)
    with pytest.raises(AssertionError, match="by hand"):
        renewed(replace(step, shown=("other", "...")))


def test_every_page_that_is_run_is_a_page():
    assert set(EXECUTED) <= set(PAGES)
    assert all(isinstance(path, str) and Path(path).suffix == ".md" for path in PAGES)
