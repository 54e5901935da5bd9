"""Where a sweep's tasks run: threads of this process, or processes, a Dask or a Ray cluster by joblib or Dask."""

import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import Any

from eiesim._io.parent import end_with_parent
from eiesim.errors import EieError, shown, unknown, with_extra
from eiesim.model import Workload

BACKENDS = ("threads", "processes", "dask", "ray")

Ship = Callable[[Workload], Any]
"""Makes of a workload what a task is given; `unpack` turns that back."""
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
    options: dict[str, Any] = {"return_as": "generator_unordered", "batch_size": 1}
    if backend == "threads":
        yield _in_threads(jobs), _as_it_is
    elif backend == "processes":
        # joblib keeps the files that workers map until a call ends: calls of some tasks keep them few.
        parallel = joblib.Parallel(jobs, backend="loky", max_nbytes=_MAPPED_FROM, **options)
        yield _in_batches(parallel, 16 * jobs, end_with_parent), _as_it_is
    elif backend == "dask":
        from eiesim.sweeps.dask import dask

        with dask(jobs, scheduler) as (run, ship):
            yield run, ship
    else:
        with _ray(jobs, scheduler) as ship, joblib.parallel_config("ray"):
            # Ray's joblib backend gives results only when all of a call's are there: a few tasks a worker at a time.
            parallel = joblib.Parallel(jobs if scheduler is None else -1, batch_size=1)
            yield _in_batches(parallel, 4 * joblib.effective_n_jobs(parallel.n_jobs)), ship


def unpack(shipped: Any) -> Workload:
    """The workload that a task was given, in the worker."""
    if isinstance(shipped, Workload):
        return shipped
    import ray

    workload: Workload = ray.get(shipped)
    return workload


def _in_threads(jobs: int) -> RunTasks:
    """Threads, ahead of whoever takes the results by two tasks each: however slowly that is, few results wait."""

    def run(tasks: Iterator[Any]) -> Generator[Any]:
        given: set[Future[Any]] = set()
        with ThreadPoolExecutor(jobs, "sweep") as pool:
            try:
                for function, args, kwargs in tasks:
                    given.add(pool.submit(function, *args, **kwargs))
                    while len(given) > jobs:
                        yield _taken(given)
                while given:
                    yield _taken(given)
            finally:  # What has not begun, when an error or Ctrl-C ended the sweep, does not.
                pool.shutdown(cancel_futures=True)

    return run


def _taken(given: set[Future[Any]]) -> Any:
    """The result of a task that is done, which is forgotten."""
    done = next(iter(wait(given, return_when=FIRST_COMPLETED).done))
    given.remove(done)
    return done.result()


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


@contextmanager
def _ray(jobs: int, scheduler: str | None) -> Iterator[Ship]:
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError:
        raise EieError(f"backend ray needs ray; {with_extra('ray')}") from None
    try:
        ray.init(scheduler, num_cpus=jobs if scheduler is None else None, log_to_driver=False, logging_level="error")
    except (ConnectionError, OSError, ValueError) as error:
        raise EieError(f"{scheduler}: no Ray cluster answers there: {error}") from None
    register_ray()
    stored: dict[str, Any] = {}

    def ship(workload: Workload) -> Any:
        if workload.content_hash not in stored:
            # Only the latest is kept from here: tasks hold theirs until they are done.
            stored.clear()
            stored[workload.content_hash] = ray.put(workload)
        return stored[workload.content_hash]

    try:
        yield ship
    finally:
        ray.shutdown()
