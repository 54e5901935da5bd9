"""The command line: words only. A command parses, calls one function, prints.

Tables go to standard output, progress, notes and warnings to standard error; bad input is one line and exit status 2.
What is slow to import is imported inside the commands, so that `--help` answers at once.
"""

import sys
import warnings
from importlib import import_module
from typing import Any, NoReturn

import typer

from eiesim.cli.app import StoppedError, app
from eiesim.errors import EieError, FolderExistsError, NoInputError
from eiesim.view.text import one_line

COMMANDS = (
    "run", "trace", "inspect", "compress", "train", "accuracy", "compare", "sweep", "balance", "reproduce", "rtl",
)  # fmt: skip
"""Modules that add commands, in the order of `eiesim --help`."""

INTERRUPTED = 130
"""The exit status after Ctrl-C, as shells have it."""

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
        if isinstance(error, FolderExistsError):
            message += "; --force replaces it"
        _refuse(message if message else "no command was given")
    except MemoryError:
        _refuse("out of memory; try fewer PEs, a smaller batch or a smaller layer")
    except StoppedError as interrupt:
        _interrupted(str(interrupt))
    except (KeyboardInterrupt, typer.Abort):
        _interrupted("nothing was written")
    if status == INTERRUPTED:
        _interrupted("nothing was written")
    raise SystemExit(status)


def _interrupted(what: str) -> NoReturn:
    print(f"eiesim: interrupted; {one_line(what)}", file=sys.stderr)
    raise SystemExit(INTERRUPTED) from None


def _warn(message: Warning | str, *_: Any) -> None:
    # In one line, and without the place in the code that Python's own format gives.
    print(f"warning: {one_line(str(message))}", file=sys.stderr)


def _refuse(message: str) -> NoReturn:
    print(f"eiesim: {one_line(message)}", file=sys.stderr)
    raise SystemExit(2) from None
