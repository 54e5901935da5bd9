"""The one exception that eiesim raises on purpose."""


class EieError(ValueError):
    """What the user gave cannot be used.

    The message is one line: what was given, what is wrong with it, what would do.
    The command line prints it and exits with status 2.
    """
