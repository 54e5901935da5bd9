"""Where a sweep's tasks run: threads of this process, or processes, a Dask or a Ray cluster by joblib, Dask or Ray."""

import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from queue import SimpleQueue
from typing import Any

from eiesim._io.parent import end_with_parent
from eiesim.errors import EieError, shown, unknown
from eiesim.model import Workload

BACKENDS = ("threads", "processes", "dask", "ray")

Ship = Callable[[Workload], Any]
"""Makes of a workload what a task is given; it reaches the task as a workload."""
RunTasks = Callable[[Iterator[Any]], Generator[Any]]
"""Runs calls, (function, arguments, keywords), taken as needed, and yields results as they finish, in any order."""

MOST_JOBS = 1024

# Arrays from this size on reach worker processes through a file that all of them map, not with each task.
_MAPPED_FROM = "10K"


@contextmanager
def workers(
    backend: str = "threads", jobs: int | None = None, scheduler: str | None = None
) -> Iterator[tuple[RunTasks, Ship]]:
    """What runs tasks, and how it takes workloads.

    jobs: how many tasks run at once; None is one a core. On a given scheduler, the cluster's workers decide.
    scheduler: the address of a Dask scheduler (`tcp://host:8786`) or a Ray head (`ray://host:10001`, `auto`); None
    starts a cluster of `jobs` workers on this machine, gone when the block ends.
    A workload is sent once, not with every task: threads share it, processes map its arrays, Dask scatters it,
    Ray keeps it in its object store.
    Raises EieError for an unknown backend, a missing extra, or a cluster that does not answer.
    """
    if backend not in BACKENDS:
        raise unknown("no backend", backend, BACKENDS)
    if scheduler is not None and backend in ("threads", "processes"):
        raise EieError(f"a scheduler needs backend dask or ray, not {backend}")
    if jobs is not None and not 1 <= jobs <= MOST_JOBS:
        raise EieError(f"jobs = {shown(jobs)}: must be 1 to {MOST_JOBS:,}")
    import joblib

    jobs = jobs or joblib.cpu_count()
    if backend == "threads":
        yield _in_threads(jobs), _as_it_is
    elif backend == "processes":
        # joblib keeps the files that workers map until a call ends: calls of some tasks keep them few.
        parallel = joblib.Parallel(
            jobs, backend="loky", max_nbytes=_MAPPED_FROM, return_as="generator_unordered", batch_size=1
        )
        yield _in_batches(parallel, 16 * jobs, end_with_parent), _as_it_is
    elif backend == "dask":
        from eiesim.sweeps.dask import dask

        with dask(jobs, scheduler) as (run, ship):
            yield run, ship
    else:
        from eiesim.sweeps.ray import ray

        with ray(jobs, scheduler) as (run, ship):
            yield run, ship


def _in_threads(jobs: int) -> RunTasks:
    """Threads, ahead of whoever takes the results by a task: however slowly that is, few results wait."""

    def run(tasks: Iterator[Any]) -> Generator[Any]:
        done = SimpleQueue[Future[Any]]()
        given = 0
        with ThreadPoolExecutor(jobs, "sweep") as pool:
            try:
                for function, args, kwargs in tasks:
                    pool.submit(function, *args, **kwargs).add_done_callback(done.put)
                    given += 1
                    if given > jobs:
                        yield done.get().result()
                        given -= 1
                for _ in range(given):
                    yield done.get().result()
            finally:  # What has not begun, when an error or Ctrl-C ended the sweep, does not.
                pool.shutdown(cancel_futures=True)

    return run


def _in_batches(parallel: Any, size: int, first: Callable[[int], object] | None = None) -> RunTasks:
    """Calls of at most `size` tasks, one after the other. first: what a worker does before each task, given our pid."""
    here = os.getpid()

    def run(tasks: Iterator[Any]) -> Generator[Any]:
        while batch := list(islice(tasks, size)):
            if first is not None:
                batch = [(_after, (first, here, *call), {}) for call in batch]
            yield from parallel(batch)

    return run


def _after(first: Callable[[int], object], parent: int, call: Any, args: Any, kwargs: Any) -> Any:
    first(parent)
    return call(*args, **kwargs)


def _as_it_is(workload: Workload) -> Workload:
    return workload
