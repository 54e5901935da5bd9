"""Worker processes that end when the process that started them has ended, however that happened."""

import os
import threading
import time

LOOK_EVERY_S = 0.5

_watching = threading.Lock()


def end_with_parent(parent: int) -> None:
    """From the first call on, end this process when its parent is no longer the process `parent`.

    Does nothing in `parent` itself, and nowhere but where a parent's end shows (POSIX).
    """
    if os.getpid() == parent or os.name != "posix" or not _watching.acquire(blocking=False):
        return
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    os._exit(1)
