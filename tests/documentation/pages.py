"""What the pages show: fenced and indented blocks, and code between backticks, each with its page and line."""

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = tuple(
    sorted(
        path.relative_to(ROOT).as_posix()
        for path in (
            ROOT / "README.md",
            ROOT / "CONTRIBUTING.md",
            ROOT / "benchmarks" / "README.md",
            ROOT / "studies" / "README.md",
            *(ROOT / "docs").rglob("*.md"),
        )
    )
)
"""Every page that a user reads."""

NOT_RUN = re.compile(r"<!-- not run: (.+?) -->")
FILE_NAME = re.compile(r"# ([\w.-]+\.\w+)$")
PROMPT, CONTINUED = "$ ", "> "


@dataclass(frozen=True)
class Block:
    """A block of code. `line` is its first line in the page, from 0; `not_run` says why it is not run."""

    page: str
    line: int
    language: str
    text: str
    not_run: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line + 1}"

    @property
    def file_name(self) -> str:
        """The file that the block is, where its first line says so: `# mine.toml`."""
        found = FILE_NAME.match(self.text.partition("\n")[0])
        return found[1] if found else ""


@dataclass(frozen=True)
class Command:
    """One command at a prompt, with the output that the page shows, which stands from line `shown_from` on."""

    block: Block
    text: str
    shown_from: int
    shown: tuple[str, ...]


def blocks(page: str) -> list[Block]:
    """Every block of a page in order. `<!-- not run: WHY -->` before a block marks it."""
    found: list[Block] = []
    mark = ""
    for token in MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text(encoding="utf-8")):
        if token.type == "html_block":
            marked = NOT_RUN.search(token.content)
            mark = marked[1] if marked else ""
        elif token.type in ("fence", "code_block"):
            assert token.map is not None
            fenced = token.type == "fence"
            found.append(Block(page, token.map[0] + fenced, token.info.strip(), token.content, mark))
            mark = ""
        elif token.nesting != -1 and token.type != "inline":
            mark = ""
    return found


def commands(block: Block) -> list[Command]:
    """The commands at the prompts of a console block."""
    found: list[Command] = []
    lines = block.text.splitlines()
    k = 0
    while k < len(lines):
        assert lines[k].startswith(PROMPT), f"{block}: a console block begins with a prompt, not with '{lines[k]}'"
        text = [lines[k].removeprefix(PROMPT)]
        k += 1
        while k < len(lines) and lines[k].startswith(CONTINUED):
            text.append(lines[k].removeprefix(CONTINUED))
            k += 1
        shown_from = k
        while k < len(lines) and not lines[k].startswith(PROMPT):
            k += 1
        found.append(Command(block, "\n".join(text), block.line + shown_from, tuple(lines[shown_from:k])))
    return found


def between_backticks(page: str) -> list[str]:
    """All code within the text of a page."""
    tokens = MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text(encoding="utf-8"))
    return [
        " ".join(child.content.split())
        for token in tokens
        for child in token.children or ()
        if child.type == "code_inline"
    ]


def links(page: str) -> list[str]:
    """Where the links and pictures of a page lead."""
    tokens = MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text(encoding="utf-8"))
    found = [child.attrGet("href") or child.attrGet("src") for token in tokens for child in token.children or ()]
    return [str(link) for link in found if link]


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    tokens = MarkdownIt("commonmark").parse((ROOT / page).read_text(encoding="utf-8"))
    headings = [tokens[k + 1].content for k, token in enumerate(tokens) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
