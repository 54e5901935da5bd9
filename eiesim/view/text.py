"""Text as a person may safely be shown it: no control characters, no markup, no endless lines."""

LONGEST_LINE = 1000


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
