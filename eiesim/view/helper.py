"""A second process that draws pictures: matplotlib keeps Python's lock, so threads would not draw side by side."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from typing import Any

from eiesim._io.parent import end_with_parent

Drawn = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[tuple[Any, Any]]]
"""Calls a function on items, and gives each (item, result) as it comes, in any order."""


@contextmanager
def helper(module: str, jobs: int | None = None) -> Iterator[Drawn]:
    """A function that draws items in two processes: this one, and a second one that the block starts.

    The second process first imports `module`, which takes a second. Enter the block before other work that must be done
    first, and both go on at the same time. The function, its items and their results are pickled.
    jobs: with 1, or on a machine of one core, there is no second process; None is one a core.
    """
    if (jobs or os.cpu_count() or 1) < 2:
        yield _alone
        return
    pool = ProcessPoolExecutor(1, get_context("spawn"), _begin, (os.getpid(), module))
    pool.submit(int)  # a process is started by what it is first given
    try:
        yield partial(_shared, pool)
    finally:
        pool.shutdown(cancel_futures=True)


def _alone(draw: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return ((item, draw(item)) for item in items)


def _shared(pool: ProcessPoolExecutor, draw: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Every other item goes to the second process, and none is taken back once it was given.

    CPython 3.11's pool fails where a task is cancelled while the pool's process is ending.
    """
    try:
        given = [(item, pool.submit(draw, item)) for item in items[1::2]]
    except BrokenExecutor:
        yield from _alone(draw, items)
        return
    yield from _alone(draw, items[::2])
    for item, coming in given:
        try:
            result = coming.result()
        except BrokenExecutor:  # it was ended
            result = draw(item)
        yield item, result


def _begin(parent: int, module: str) -> None:
    """In the second process: Ctrl-C is for the first one, with which it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(parent)
    import_module(module)
