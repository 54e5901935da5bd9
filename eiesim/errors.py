"""What eiesim raises on purpose, and how messages show a value, a likely name, or text that came from a file."""

import reprlib
from collections.abc import Iterable
from difflib import get_close_matches


class EieError(ValueError):
    """What the user gave cannot be used.

    The message is one line: what was given, what is wrong with it, what would do.
    The command line prints it and exits with status 2.
    """


class NoInputError(EieError):
    """A layer was named that brings no activations, and none were given. name: what it was named as."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} brings no activations; give some")
        self.name = name


class NothingToDrawError(EieError):
    """A sweep's table varies in nothing that there is a picture of."""

    def __init__(self) -> None:
        super().__init__(
            "nothing to draw: sweep pes, queue_depth, multipliers, spmat_width, or two keys that change the load "
            "balance"
        )


class FolderExistsError(EieError):
    """A folder stands where one was to be written, and nobody said that it may be replaced."""

    def __init__(self, folder: object) -> None:
        super().__init__(f"{folder}: is there already")


class ExceededError(EieError):
    """Layers exceed memories of the machine, and the caller asked that none does."""


def with_extra(extra: str) -> str:
    """How the packages of an extra are installed. Until there is a release, from a clone; quoted, as zsh wants it."""
    return f"in a clone of eiesim: pip install '.[{extra}]'"


def shown(value: object) -> str:
    """A value as a message shows it, shortened."""
    try:
        return reprlib.repr(value)
    except ValueError:  # Python prints no whole number of more than 4,300 digits
        return "a number too long to show"


def unknown(what: str, name: object, known: Iterable[str]) -> EieError:
    """The error for a name that is none of the known ones. what: such as `no engine`."""
    names = list(known)
    if not isinstance(name, str):
        return EieError(f"{what} is {shown(name)}; there are: {', '.join(names)}")
    close = likeliest(name, names)
    likely = f"; did you mean '{close}'?" if close else ""
    return EieError(f"{what} is called '{name}'; there are: {', '.join(names)}{likely}")


def likeliest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is close to the one given, whatever its capitals; None where none is."""
    every = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), every, n=1)
    return every[close[0]] if close else None


LONGEST_LINE = 1000
"""Longer ones are shortened in the middle."""


def plain(text: str) -> str:
    """Text with control characters as escapes (`\\x1b`), line by line, and long lines shortened in the middle."""
    return "\n".join(_shortened("".join(map(_visible, line))) for line in str(text).split("\n"))


def one_line(text: str) -> str:
    """`plain` text on a single line."""
    return plain(" ".join(str(text).split()))


def _visible(letter: str) -> str:
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")


def _shortened(line: str) -> str:
    if len(line) <= LONGEST_LINE:
        return line
    half = (LONGEST_LINE - 3) // 2
    return f"{line[:half]}...{line[-half:]}"


def counted(count: float, noun: str) -> str:
    """A count with its noun, in words of one or of several: `1 PE`, `1,024 PEs`, `1 entry`, `2 entries`."""
    shown = f"{count:,.0f}"
    if shown == "1":
        return f"1 {noun}"
    return f"{shown} {noun[:-1]}ies" if noun.endswith("ry") else f"{shown} {noun}s"
