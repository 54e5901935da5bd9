"""Every `pip install` line in help, messages and pages; run as a module, each is executed once in an empty environment.

    python -m tests.installing             half an hour; the heavy ones are resolved only (pip's --dry-run)
    python -m tests.installing --list      what there is, and where

Outside CI: it needs the package index. The clone is a copy of what git has of this one.
"""

import argparse
import ast
import re
import shlex
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from eiesim.errors import with_extra
from tests import walk
from tests.cases import cli
from tests.documentation.pages import PAGES, ROOT

WORD = r"""'[^'\n]*'|"[^"\n]*"|[^\s'"`]+"""
LINE = re.compile(rf"pip install((?: +(?:{WORD}))+)")
SOURCES = ("eiesim", "docs", "studies", "traces", "examples", "benchmarks")
CLONES = ("path/to/eiesim",)
"""How pages call the folder of a clone that one does not stand in."""

HEAVY = {"train", "formats", "baselines", "ray", "dev"}
"""Extras of a gigabyte and more, which are resolved only."""


@dataclass(frozen=True)
class Line:
    """A command. where: what shows it. words: behind `pip install`, as they stand, quotes too."""

    where: str
    words: tuple[str, ...]

    @property
    def asked(self) -> list[str]:
        """The words as a shell gives them to pip, without those about how it speaks."""
        return [word for word in shlex.split(" ".join(self.words)) if word not in ("-q", "--quiet")]

    @property
    def requirements(self) -> list[str]:
        """What is installed: the words that are no options."""
        return [word for word in self.asked if not word.startswith("-")]

    @property
    def extras(self) -> set[str]:
        """The extras of eiesim among these."""
        inside = [found[1] for word in self.requirements if (found := re.fullmatch(r"\.\[(.*)\]", word))]
        return {extra for extras in inside for extra in extras.split(",")}


def lines() -> list[Line]:
    """All of them, in help, messages and pages."""
    return [*in_help(), *in_messages(), *in_pages()]


def in_help() -> Iterator[Line]:
    """In what `--help` prints."""
    with mock.patch.dict("os.environ", COLUMNS="1000"):
        for name, _ in walk.commands():
            yield from _within(f"eiesim {name} --help", cli(*name.split(), "--help").out)


def in_messages() -> Iterator[Line]:
    """In every text of the sources, with what `with_extra` puts into it."""
    for path in sorted(path for folder in SOURCES for path in (ROOT / folder).rglob("*.py")):
        where = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and where != "eiesim/errors.py":
                yield from _within(f"{where}:{node.lineno}", node.value)
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "with_extra":
                yield from _within(f"{where}:{node.lineno}", with_extra(ast.literal_eval(node.args[0])))


def in_pages() -> Iterator[Line]:
    """In every page that a user reads."""
    for page in (*PAGES, "CHANGELOG.md"):
        for number, text in enumerate((ROOT / page).read_text(encoding="utf-8").splitlines(), 1):
            yield from _within(f"{page}:{number}", text)


def _within(where: str, text: str) -> Iterator[Line]:
    for found in LINE.finditer(text):
        words = []
        for word in re.findall(WORD, found[1]):
            ends = word not in (".", "&&") and re.search(r"[.;,):]$", word)
            if word in ("&&", "#", "│", "|") or (words and words[-1].endswith(("'", '"')) and word == "."):
                break
            words.append(word.rstrip(".;,):") if ends else word)
            if ends:
                break
        yield Line(where, tuple(word for word in words if word))


def execute(line: Line, clone: Path) -> str:
    """Run a command in an empty environment, its working folder a clone. Returns how it went."""
    with tempfile.TemporaryDirectory() as scratch:
        venv.create(scratch, with_pip=True)
        python = Path(scratch) / "bin" / "python"
        heavy = bool(line.extras & HEAVY)
        words = [str(clone) if word in CLONES else word for word in line.asked]
        how = ["--dry-run"] if heavy else []
        done = _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *how, *words], clone)
        if done.returncode == 0 and not heavy:
            done = _run([python, "-m", "pip", "check"], clone)
        if done.returncode == 0 and not heavy and any(word.startswith((".", str(clone))) for word in words):
            done = _run([python, "-m", "eiesim", "layers"], Path(scratch))
        if done.returncode:
            return f"FAILS: {(done.stderr + done.stdout).strip().splitlines()[-1]}"
        return "resolves" if heavy else "installs"


def _run(words: list[object], folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(word) for word in words], cwd=folder, capture_output=True, text=True, check=False)


def main() -> int:
    """Execute each command once, and say where it stands."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--list", action="store_true", help="list the commands and execute none")
    only_list = options.parse_args().list
    places: dict[tuple[str, ...], list[Line]] = {}
    for line in lines():
        places.setdefault(tuple(line.asked), []).append(line)
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch) / "eiesim"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        for words, alike in places.items():
            went = "" if only_list else execute(alike[0], clone)
            failed += went.startswith("FAILS")
            where = ", ".join(dict.fromkeys(line.where for line in alike))
            print(f"pip install {shlex.join(words)}: {went or '-'}\n    {where}", flush=True)
    print(f"{len(places)} commands, {failed} failed")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
