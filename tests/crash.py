"""Crash points: a writer is killed before each of its system calls that change something, one call later each time."""

import os
import signal
import sys
from collections.abc import Callable, Iterator

CHANGES = {
    "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
    "ctypes.dlsym",  # the swap of two folders
}  # fmt: skip
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def crash_points(prepare: Callable[[], None], write: Callable[[], object], most: int = 1000) -> Iterator[int]:
    """Yields after each crash, with its number; ends when `write` has come through.

    prepare: makes what is there before. write: runs in a child, which is killed (SIGKILL) before its n-th change: a
    file opened for writing, renamed, removed, linked, written or synced.
    """
    for number in range(1, most):
        prepare()
        child = os.fork()
        if child == 0:
            _die_before(number)
            try:
                write()
            except BaseException as error:
                print(error, file=sys.stderr)
                os._exit(3)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            assert os.WEXITSTATUS(status) == 0, "the writer failed without being killed"
            return
        yield number
    raise AssertionError("no end of changes")


def _die_before(number: int) -> None:
    left = number

    def change() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, args: tuple[object, ...]) -> None:
        if event in CHANGES or (event == "open" and isinstance(args[2], int) and args[2] & WRITES):
            change()

    def before(call: Callable[..., object]) -> Callable[..., object]:
        def changed(*args: object, **options: object) -> object:
            change()
            return call(*args, **options)

        return changed

    for name in ("write", "fsync", "ftruncate"):
        setattr(os, name, before(getattr(os, name)))
    sys.addaudithook(audit)
