"""Runs what a page shows, from its top to its end in one folder, and sets what came out beside what the page shows.

`console` blocks are commands at a `$`, `pycon` blocks Python at a `>>>`. A block whose first line is `# NAME` (a Python
file, a table in TOML) becomes that file, so that the commands below it find it. `...` stands for whatever comes out
there.
"""

import io
import os
import re
import subprocess
import sys
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, DocTestParser, OutputChecker
from pathlib import Path
from typing import Any

from .pages import ROOT, Block, blocks, commands

ELIDED = "..."


@dataclass(frozen=True)
class Step:
    """One command or Python statement of a page: what the page shows, from a line on, and what came out."""

    page: str
    line: int
    source: str
    shown: tuple[str, ...]
    came: tuple[str, ...]
    shows: bool

    @property
    def agrees(self) -> bool:
        """Whether the page shows what came out. A command that shows nothing leaves it to the reader."""
        if not self.shows:
            return True
        shown, came = ("".join(f"{line.rstrip()}\n" for line in lines) for lines in (self.shown, self.came))
        return OutputChecker().check_output(shown, came, ELLIPSIS | NORMALIZE_WHITESPACE)

    def __str__(self) -> str:
        shown, came = ("\n".join(lines) for lines in (self.shown, self.came))
        return f"{self.page}:{self.line + 1}: {self.source}\n--- the page shows\n{shown}\n--- came out\n{came}"


def run(page: str, folder: Path) -> list[Step]:
    """Run a page's blocks in a folder, which is made. A command whose status is not 0 raises AssertionError."""
    folder.mkdir()
    programs = folder.parent / f"{folder.name}.bin"
    programs.mkdir()
    for name, module in (("eiesim", "-m eiesim"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        (programs / name).chmod(0o755)
    environment = {
        **os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "NO_COLOR": "1",
        "COLUMNS": "110", "PYTHONWARNINGS": "ignore",
    }  # fmt: skip
    (folder / "traces").symlink_to(ROOT / "traces")
    names: dict[str, Any] = {}
    steps: list[Step] = []
    for block in blocks(page):
        if block.not_run:
            continue
        if block.file_name:
            (folder / block.file_name).write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            steps += _console(block, folder, environment)
        elif block.language == "pycon":
            steps += _python(block, folder, names)
        elif block.language == "python":
            with chdir(folder):
                exec(compile(block.text, str(block), "exec"), names)
    return steps


def _console(block: Block, folder: Path, environment: dict[str, str]) -> list[Step]:
    steps = []
    for command in commands(block):
        told = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command.text],
            cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert told.returncode == 0, f"{block}: {command.text}: status {told.returncode}\n{told.stdout}{told.stderr}"
        came = tuple(told.stdout.rstrip().splitlines())
        steps.append(Step(block.page, command.shown_from, command.text, command.shown, came, shows=bool(command.shown)))
    return steps


def _python(block: Block, folder: Path, names: dict[str, Any]) -> list[Step]:
    steps = []
    for example in DocTestParser().get_examples(block.text, str(block)):
        out = io.StringIO()
        with chdir(folder), redirect_stdout(out):
            exec(compile(example.source, str(block), "single"), names)
        shown = tuple(example.want.splitlines())
        line = block.line + example.lineno + example.source.count("\n")
        steps.append(Step(block.page, line, example.source.strip(), shown, tuple(out.getvalue().splitlines()), True))
    return steps


def renewed(step: Step) -> list[str]:
    """What the page should show: what came out, with the lines left out that the page leaves out now.

    Between two `...`, the lines of the page are found again by all that is no number in them.
    """
    if ELIDED not in (line.strip() for line in step.shown):
        return list(step.came)
    lines: list[str] = []
    at = 0
    for line in step.shown:
        if line.strip() == ELIDED:
            lines.append(line)
            continue
        found = next((k for k in range(at, len(step.came)) if _shape(step.came[k]) == _shape(line)), None)
        assert found is not None, f"to be renewed by hand: no line like '{line.strip()}' came out:\n{step}"
        lines.append(step.came[found])
        at = found + 1
    return lines


def _shape(line: str) -> str:
    return re.sub(r"[-+]?\d[\d.,]*|[\s─━═]+", "", line)


def renew(page: str, folder: Path) -> tuple[int, list[str]]:
    """Run a page and write what came out into it. Returns how many outputs changed, and what is left to do by hand."""
    path = ROOT / page
    lines = path.read_text(encoding="utf-8").splitlines()
    changed, by_hand = [step for step in run(page, folder) if not step.agrees], []
    for step in reversed(changed):
        try:
            lines[step.line : step.line + len(step.shown)] = [line.rstrip() for line in renewed(step)]
        except AssertionError as error:
            by_hand.append(str(error))
    if changed:
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return len(changed) - len(by_hand), by_hand
