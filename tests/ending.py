"""A suite that is ended from outside says so: by default SIGTERM, SIGHUP and SIGALRM end a process without a word.

Twice, and later three times, a run of the suite on a machine where others ran theirs stopped in the middle of a line,
without a summary and without a trace of a crash. A pytest plugin; tests/conftest.py has it.
"""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import pytest

SIGNALS = ("SIGTERM", "SIGHUP", "SIGALRM", "SIGXCPU", "SIGUSR1", "SIGUSR2")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Where a signal would end the process by default, it ends the session instead, with a summary."""
    here = os.getpid()

    def end(number: int, frame: FrameType | None) -> NoReturn:
        if os.getpid() != here:  # a child that a test forked is no session
            os._exit(128 + number)
        name = signal.Signals(number).name
        print(f"\n{name} came to process {here}, whose parent is {os.getppid()}", file=sys.__stderr__, flush=True)
        pytest.exit(f"the suite was ended from outside, by {name}", returncode=128 + number)

    for name in SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)
