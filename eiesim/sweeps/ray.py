"""Tasks on a Ray cluster, which gives a task out again when the worker process that had it dies."""

import os
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from eiesim.errors import EieError, with_extra
from eiesim.model import Workload

ANSWER_WITHIN_S = 10.0
"""How long a head may take to take a connection, in seconds; Ray itself would try for minutes."""

TRIES = 5
"""How often a task is given out; a worker that dies takes its tasks with it."""

TASKS_A_WORKER = 4


@contextmanager
def ray(jobs: int, scheduler: str | None) -> Iterator[tuple[Callable[[Iterator[Any]], Generator[Any]], Any]]:
    """What runs tasks on a cluster (`backends.RunTasks`), and what puts a workload into its object store, once.

    scheduler: the address of its head; None starts a cluster of `jobs` workers on this machine, which ends with the
    block.
    Raises EieError where none answers, and where it is lost.
    """
    # Ray would tell its makers that it is used, and prints that it does.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise EieError(f"backend ray needs ray; {with_extra('ray')}") from None
    here: dict[str, Any] = {"num_cpus": jobs, "include_dashboard": False} if scheduler is None else {}
    try:
        if scheduler is not None and ":" in scheduler:
            host, _, port = scheduler.removeprefix("ray://").rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), ANSWER_WITHIN_S).close()
        ray.init(scheduler, log_to_driver=False, logging_level="critical", **here)
    except Exception as error:  # a bad address, a cluster that does not answer, or one of another version: each its own
        raise EieError(f"{scheduler or 'this machine'}: no Ray cluster answers there: {_one_line(error)}") from None
    stored: dict[str, Any] = {}

    def ship(workload: Workload) -> Any:
        if workload.content_hash not in stored:
            # Only the latest is kept from here: tasks hold theirs until they are done.
            stored.clear()
            stored[workload.content_hash] = ray.put(workload)
        return stored[workload.content_hash]

    try:
        yield lambda tasks: _run(tasks, scheduler or "this machine"), ship
    finally:
        ray.shutdown()


def _run(tasks: Iterator[Any], where: str) -> Generator[Any]:
    """Results as they come; tasks are taken as workers are free."""
    import ray

    remote = ray.remote(_called).options(max_retries=TRIES - 1)
    given: list[Any] = []
    while True:
        room = TASKS_A_WORKER * max(1, int(ray.cluster_resources().get("CPU", 1))) - len(given)
        given += [remote.remote(function, *args, **kwargs) for function, args, kwargs in islice(tasks, max(0, room))]
        if not given:
            return
        finished, given = ray.wait(given)
        try:
            result = ray.get(finished[0])
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except ray.exceptions.WorkerCrashedError:
            raise EieError(f"{where}: workers died {TRIES} times with a task; finished rows are kept") from None
        except (ray.exceptions.RayError, ConnectionError) as error:
            raise EieError(f"{where}: the Ray cluster is gone; finished rows are kept: {_one_line(error)}") from None
        yield result


def _called(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Runs in a worker. What is in the object store has come here as it is."""
    return function(*args, **kwargs)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
