"""The command line: words only. A command parses, calls one function, prints.

Tables go to standard output, progress, notes and warnings to standard error; bad input is one line and exit status 2.
What is slow to import is imported inside the commands, so that `--help` answers at once, and of the commands only the
one that is called.
"""

import errno
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer

from eiesim.cli.app import app, load
from eiesim.cli.options import MEMORY
from eiesim.cli.screen import StoppedError
from eiesim.errors import EieError, ExceededError, FolderExistsError, NoInputError, one_line

INTERRUPTED = 130
"""The exit status after Ctrl-C, as shells have it."""

TERMINATED = 128 + signal.SIGTERM
"""After SIGTERM."""

# Typer carries click as a package of its own or within itself, by version.
UsageError: type[Exception] = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "UsageError")


def main() -> None:
    """The `eiesim` command, and the one place where what goes wrong becomes a line and a status."""
    _open_streams()
    before = os.environ.get(MEMORY)
    try:
        with _ending_tidily():
            _command()
    finally:  # --memory is this command's, not of what its process does next
        os.environ.pop(MEMORY, None)
        if before is not None:
            os.environ[MEMORY] = before


def _command() -> None:
    load(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        _check_working_directory()
        with warnings.catch_warnings():
            warnings.showwarning = _warn  # type: ignore[assignment]
            status = app(standalone_mode=False)
            sys.stdout.flush()
    except (EieError, UsageError) as error:
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        if isinstance(error, ExceededError):
            message = f"--strict: {message}"
        if isinstance(error, NoInputError):
            message += " with --input FILE.npy"
        if isinstance(error, FolderExistsError):
            message += "; --force replaces it"
        _refuse(message if message else "no command was given")
    except MemoryError as error:
        _refuse(f"out of memory; try fewer PEs, a smaller batch or a smaller layer. {error}")
    except OSError as error:
        _refuse(_place_of(error))
    except (ValueError, ArithmeticError, RecursionError) as error:
        _refuse(f"a value cannot be used: {error}")
    except StoppedError as interrupt:
        _interrupted(str(interrupt))
    except (KeyboardInterrupt, typer.Abort):
        _interrupted("nothing was written")
    if status == INTERRUPTED:
        _interrupted("nothing was written")
    raise SystemExit(status)


def _check_working_directory() -> None:
    """Raise EieError where it is gone: some libraries cannot be imported there, and each ends in its own words."""
    try:
        os.getcwd()
    except OSError:
        raise EieError("the working directory is gone") from None


@contextmanager
def _ending_tidily() -> Iterator[None]:
    """In the block SIGTERM ends the program as an error does, so that no temporary file is left."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: Any) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupted(what: str) -> NoReturn:
    _complain(f"eiesim: interrupted; {one_line(what)}")
    raise SystemExit(INTERRUPTED) from None


def _warn(message: Warning | str, *_: Any) -> None:
    # In one line, and without the place in the code that Python's own format gives.
    _complain(f"warning: {one_line(str(message))}")


def _refuse(message: str) -> NoReturn:
    _complain(f"eiesim: {one_line(message)}")
    raise SystemExit(2) from None


def _complain(line: str) -> None:
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr, 2)


def _place_of(error: OSError) -> str:
    """What an OSError is about: its files, or, where it names none, a stream that could not be written."""
    what = error.strerror or str(error) or type(error).__name__
    from eiesim.outputs import STANDARD_OUTPUT

    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    if names and names != [STANDARD_OUTPUT]:
        return f"{' and '.join(names)}: {what}"
    if names or error.errno in (errno.ENOSPC, errno.EBADF, errno.EIO):
        _silence(sys.stdout, 1)
        return f"{STANDARD_OUTPUT}: cannot be written: {what}"
    return what


def _silence(stream: Any, number: int) -> None:
    """Let Python's last flush of a stream that cannot be written go nowhere, rather than complain."""
    try:
        if stream.fileno() == number:
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    except (OSError, ValueError, AttributeError):
        pass


class _Closed(io.TextIOBase):
    """Stands for a standard output that was closed before the start: whatever is written fails."""

    def write(self, text: str, /) -> int:
        raise OSError(errno.EBADF, "it is closed")


def _open_streams() -> None:
    """Standard streams that can be trusted: closed ones take no other file's place, and no letter cannot be printed."""
    if sys.stdout is None or sys.stderr is None or sys.stdin is None:
        while os.open(os.devnull, os.O_RDWR) < 2:
            pass
        sys.stdout = sys.stdout or _Closed()
        sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
