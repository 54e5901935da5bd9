"""The command line: words only. A command parses, calls one function, prints.

Tables and progress go to standard error, data to standard output; bad input is one line and exit status 2.
What is slow to import is imported inside the commands, so that `--help` answers at once.
"""

import sys
import warnings
from importlib import import_module
from typing import Any

import typer

from eiesim.cli.app import app
from eiesim.errors import EieError, NoInputError

COMMANDS = ("run", "compress", "compare", "sweep", "reproduce", "rtl")
"""Modules that add commands, in the order of `eiesim --help`."""

for _name in COMMANDS:
    import_module(f"eiesim.cli.{_name}")

# Typer carries click as a package of its own or within itself, by version.
UsageError: type[Exception] = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "UsageError")


def main() -> None:
    """The `eiesim` command."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn  # type: ignore[assignment]
            status = app(standalone_mode=False)
    except (EieError, UsageError) as error:
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        if isinstance(error, NoInputError):
            message += " with --input FILE.npy"
        _refuse(message if message else "no command was given")
    except MemoryError:
        _refuse("out of memory; try fewer PEs, a smaller batch or a smaller layer")
    except (KeyboardInterrupt, typer.Abort):
        print("eiesim: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    raise SystemExit(status)


def _warn(message: Warning | str, *_: Any) -> None:
    # In one line, and without the place in the code that Python's own format gives.
    print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)


def _refuse(message: str) -> None:
    print(f"eiesim: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(2) from None
