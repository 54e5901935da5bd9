"""Sentences that state a finding: on the page where its rows bear them out, and left out where they do not.

A comparison is made of the figures as the page shows them, so that no sentence says "rises from 61 % to 61 %".
"""

import itertools
import re
import textwrap

WIDTH = 120


def number(shown: str) -> float:
    """A figure as a page shows it, such as `1,253`, `−0.4 %`, `34x`."""
    found = re.match(r"[+−-]?[\d.,]+", shown)
    return float(found[0].replace(",", "").replace("−", "-")) if found else float("nan")


def rises(*shown: str) -> bool:
    """Each figure is greater than the one before."""
    return falls(*reversed(shown))


def falls(*shown: str) -> bool:
    """Each figure is less than the one before."""
    numbers = [number(one) for one in shown]
    return all(after < before for before, after in itertools.pairwise(numbers))


def alike(one: str, other: str, share: float) -> bool:
    """Two figures differ by at most so much of the greater one."""
    a, b = number(one), number(other)
    return abs(a - b) <= share * max(abs(a), abs(b))


def where(holds: object, sentence: str) -> str:
    """The sentence, if it holds and none of its figures is missing."""
    return sentence if holds and not re.search(r"\bnan(?![a-wyz])", sentence) else ""


def paragraph(holds: object, *sentences: str) -> str:
    """Those of the sentences that there are, if what the first one says holds; else nothing."""
    if not where(holds, sentences[0]):
        return ""
    said = " ".join(sentence for sentence in sentences if where(True, sentence))
    # A line must not begin as an item of a list does, nor as a comment (%).
    joined = re.sub(r" (?=\d+[.)](?: |$)|[-+*] |%)", "\0", " ".join(said.split()))
    lines = textwrap.wrap(joined, WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace("\0", " ")


def page(*parts: str) -> str:
    """The parts that there are, an empty line between them."""
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def item(holds: object, *sentences: str) -> str:
    """A paragraph as an item of a list."""
    said = paragraph(holds, *sentences)
    return said and "- " + said.replace("\n", "\n  ")


def items(*found: str) -> str:
    """Those that there are, as one list."""
    return "\n".join(one for one in found if one)
