"""`python -m eiesim` is `eiesim`: what is imported first, so that Ctrl-C is one line from the start."""

import sys


def main() -> None:
    """The `eiesim` command."""
    try:
        from eiesim.cli import main as command
    except KeyboardInterrupt:
        print("eiesim: interrupted; nothing was written", file=sys.stderr)
        raise SystemExit(130) from None
    command()


# Worker processes import this module again; only the first is the command.
if __name__ == "__main__":
    main()
