"""The one exception that eiesim raises on purpose, and how its messages show a value."""

import reprlib


class EieError(ValueError):
    """What the user gave cannot be used.

    The message is one line: what was given, what is wrong with it, what would do.
    The command line prints it and exits with status 2.
    """


def shown(value: object) -> str:
    """A value as a message shows it, shortened."""
    try:
        return reprlib.repr(value)
    except ValueError:  # Python prints no whole number of more than 4,300 digits
        return "a number too long to show"
