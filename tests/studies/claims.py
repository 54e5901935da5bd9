"""What a page says, sentence by sentence, held against its rows by other means than the page's own conditions."""

import re
from collections.abc import Callable
from dataclasses import dataclass

NOT_PROSE = re.compile(r"#|\||!\[|```")


@dataclass(frozen=True)
class Claim:
    """A sentence with figures in groups, and whether it is true: `true(*figures)`, or of texts where it is of lists."""

    pattern: str
    true: Callable[..., object]
    lists: bool = False


def sentences(page: str) -> list[str]:
    """Of all paragraphs and items of lists, without headings, tables and pictures; marks of bold type are dropped."""
    found = []
    for block in re.split(r"\n\n|\n(?=- )", page):
        if not NOT_PROSE.match(block.strip()):
            text = " ".join(block.replace("**", "").split())
            found += re.split(r"(?<=\.) (?=[A-Z*`\d(])", text)
    return [one for one in found if one]


def figure(text: str) -> float:
    """Of a group: thousands with commas, a minus sign of the page's kind."""
    return float(text.replace(",", "").replace("−", "-").replace(" ", ""))


def is_shown(shown: float, value: float, step: float) -> bool:
    """Whether a figure is what the rows have, rounded to its last place."""
    return abs(shown - value) <= step / 2 + 1e-9 * max(1.0, abs(value))


def check(page: str, claims: list[Claim], facts: list[str]) -> set[str]:
    """Every sentence is a fact or a claim that is true; the patterns of the claims that stand there."""
    said = set()
    for sentence in sentences(page):
        if any(re.match(fact, sentence) for fact in facts):
            continue
        found = [(claim, match) for claim in claims if (match := re.fullmatch(claim.pattern, sentence))]
        assert len(found) == 1, f"{len(found)} claims know the sentence: {sentence}"
        claim, match = found[0]
        figures = match.groups() if claim.lists else [figure(group) for group in match.groups()]
        assert claim.true(*figures), f"not borne out by the rows: {sentence}"
        said.add(claim.pattern)
    return said
