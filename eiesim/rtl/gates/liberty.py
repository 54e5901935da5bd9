"""The syntax of Liberty files: groups, attributes and their values, as a tree. What they mean is `library`'s."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from eiesim._io.reading import check_regular
from eiesim.errors import EieError, one_line, plain

MOST_BYTES = 400_000_000
"""A larger file is no cell library of one corner."""

_SKIPPED = r"/\*.*?\*/|//[^\n]*|\\\r?\n|\s+"
TOKEN = re.compile(_SKIPPED + r'|"(?:[^"\\]|\\.)*"|[{}();:,]|[^\s{}();:,"\\]+|.', re.DOTALL)


@dataclass
class Group:
    """A group: `kind (arguments) { attributes and groups }`. attributes: what each name is given, each time."""

    kind: str
    arguments: tuple[str, ...]
    attributes: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    groups: list["Group"] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The first argument, or nothing."""
        return self.arguments[0] if self.arguments else ""

    def of(self, *kinds: str) -> Iterator["Group"]:
        """The groups in it of some kinds."""
        return (group for group in self.groups if group.kind in kinds)

    def get(self, name: str, default: str = "") -> str:
        """An attribute's value; of several the last, as the format has it."""
        held = self.attributes.get(name)
        return held[-1][0] if held and held[-1] else default


def read(path: Path) -> Group:
    """The library of a file. Raises EieError, naming file and line, where it is no Liberty file."""
    check_regular(path, "no such cell library")
    if path.stat().st_size > MOST_BYTES:
        raise EieError(f"{path}: {path.stat().st_size:,} bytes are too many for a cell library of one corner")
    # Comments are in any encoding.
    return parse(path.read_text(encoding="utf-8", errors="replace"), str(path))


def parse(text: str, path: str) -> Group:
    """The library of a text. path: what errors name."""
    top = Group("", ())
    stack, words = [top], list[str]()
    line, since = 1, 1
    depth, new_line = 0, False
    for token in TOKEN.findall(text):
        here, line = line, line + token.count("\n")
        first = token[0]
        if token.isspace() or first == "\\" or token.startswith(("/*", "//")):
            new_line |= "\n" in token and first != "\\"
            continue
        if first == '"' and len(token) == 1:
            raise EieError(f"{path}: line {here}: a quote that does not end")
        if new_line and depth == 0 and token not in "{;}" and _complete(words):
            _attribute(stack[-1], words, path, since)
            words = []
        new_line = False
        if not words:
            since = here
        if token == "{" and depth == 0:
            stack[-1].groups.append(group := _group(words, path, here))
            stack.append(group)
            words = []
        elif token == "}" and depth == 0:
            if words:
                _attribute(stack[-1], words, path, since)
                words = []
            stack.pop()
            if not stack:
                raise EieError(f"{path}: line {here}: a }} that closes nothing")
        elif token == ";" and depth == 0:
            if words:
                _attribute(stack[-1], words, path, since)
            words = []
        else:
            depth += (token == "(") - (token == ")")
            if depth < 0:
                raise EieError(f"{path}: line {here}: a ) that closes nothing")
            words.append(token)
    libraries = list(top.of("library"))
    if len(stack) != 1 or depth:
        raise EieError(f"{path}: ends within {stack[-1].kind or 'a value'} ({plain(stack[-1].name)}); is it whole?")
    if len(libraries) != 1:
        raise EieError(f"{path}: {len(libraries) or 'no'} library groups; a Liberty file has one")
    return libraries[0]


def _complete(words: list[str]) -> bool:
    """Whether a line's end may stand for a semicolon: some libraries leave it out."""
    return len(words) >= 3 and (words[1] == ":" or words[-1] == ")")


def _group(words: list[str], path: str, line: int) -> Group:
    if len(words) < 3 or words[1] != "(" or words[-1] != ")":
        raise EieError(f"{path}: line {line}: a {{ without a group's name and brackets before it")
    return Group(words[0], _values(words[2:-1]))


def _attribute(group: Group, words: list[str], path: str, line: int) -> None:
    if len(words) >= 3 and words[1] == ":":
        group.attributes.setdefault(words[0], []).append((_bare(" ".join(words[2:])),))
    elif len(words) >= 3 and words[1] == "(" and words[-1] == ")":
        group.attributes.setdefault(words[0], []).append(_values(words[2:-1]))
    else:
        raise EieError(f"{path}: line {line}: neither an attribute nor a group: {_one_line(words)}")


def _values(words: list[str]) -> tuple[str, ...]:
    return tuple(_bare(word) for word in words if word != ",")


def _bare(word: str) -> str:
    text = word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word
    return re.sub(r"\\\r?\n", "", text).strip()


def numbers(values: tuple[str, ...], what: str) -> list[float]:
    """Finite numbers of a list of values, each of which may hold several. Raises EieError for what is none."""
    try:
        found = [float(word) for value in values for word in re.split(r"[,\s]+", value.strip()) if word]
    except ValueError:
        raise EieError(f"{what}: no numbers: {_one_line(values)}") from None
    if not all(map(math.isfinite, found)):
        raise EieError(f"{what}: not all are finite: {_one_line(values)}")
    return found


def _one_line(words: Iterable[str]) -> str:
    return one_line(" ".join(words))[:60]
