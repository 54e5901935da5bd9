"""Text as a picture may safely show it."""

from eiesim.errors import LONGEST_LINE as LONGEST_LINE
from eiesim.errors import one_line as one_line
from eiesim.errors import plain as plain


def without_mathtext(text: str) -> str:
    """`plain` text that matplotlib draws letter by letter: a dollar sign begins no formula."""
    return plain(text).replace(r"\$", "$").replace("$", r"\$")
