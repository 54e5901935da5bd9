"""`python -m eiesim` is `eiesim`: what is imported first, so that Ctrl-C is one line from the start."""

import atexit
import gc
import sys

NEW_OBJECTS = 50_000
"""How many come before Python looks for unused cycles among them: imports make many, and nearly all stay."""


def main() -> None:
    """The `eiesim` command."""
    gc.set_threshold(NEW_OBJECTS)
    atexit.register(gc.freeze)  # The process ends: its memory is given back as a whole, not cycle by cycle.
    try:
        from eiesim.cli import main as command
    except KeyboardInterrupt:
        print("eiesim: interrupted; nothing was written", file=sys.stderr)
        raise SystemExit(130) from None
    command()


# Worker processes import this module again; only the first is the command.
if __name__ == "__main__":
    main()
