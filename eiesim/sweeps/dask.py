"""Tasks on a Dask cluster: they outlive a worker that dies, and end soon when they are told to."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any

from eiesim.errors import EieError, with_extra
from eiesim.model import Workload

ANSWER_WITHIN_S = 10.0
"""How long a scheduler may take to answer, in seconds."""

CLOSE_WITHIN_S = 2.0
TRIES = 5
"""How often a task is given out; a worker that dies takes its tasks with it."""

TASKS_A_WORKER = 4


class _Shipped:
    """A workload and where it is on the cluster: on every worker, and sent again should all of them have died."""

    def __init__(self, client: Any, workload: Workload) -> None:
        self._client, self._workload = client, workload
        self.future = self._sent()

    def _sent(self) -> Any:
        return self._client.scatter(self._workload, broadcast=True, hash=False)

    def renew(self) -> None:
        """Send it again if it is lost."""
        if self.future.status != "finished":
            self.future = self._sent()


@contextmanager
def dask(jobs: int, scheduler: str | None) -> Iterator[tuple[Callable[[Iterator[Any]], Generator[Any]], Any]]:
    """What runs tasks on a cluster (`backends.RunTasks`), and what sends a workload to it, once.

    scheduler: its address; None starts a cluster of `jobs` workers on this machine, which ends with the block.
    Raises EieError where none answers, where it has no workers, and where all of it is lost.
    """
    try:
        import distributed
    except ImportError:
        raise EieError(f"backend dask needs distributed; {with_extra('dask')}") from None
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters is raised
    cluster = None
    where = scheduler or "this machine"
    try:
        if scheduler is None:
            with _interrupts_ignored():  # by the workers, which inherit that: Ctrl-C is for this process
                cluster = distributed.LocalCluster(
                    n_workers=jobs, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
                )
        client = distributed.Client(
            cluster or scheduler, set_as_default=False, timeout=ANSWER_WITHIN_S, heartbeat_interval=500
        )
    except Exception as error:  # every kind of comm has its own for a bad address
        if cluster is not None:
            _quietly(cluster.close, CLOSE_WITHIN_S)
        raise EieError(f"{where}: no Dask scheduler answers there: {_one_line(error)}") from None
    try:
        if not client.ncores():
            raise EieError(f"{where}: the Dask cluster has no workers")
        sent: dict[str, _Shipped] = {}

        def ship(workload: Workload) -> _Shipped:
            if workload.content_hash not in sent:
                # Only the latest is kept from here: tasks hold theirs until they are done.
                sent.clear()
                sent[workload.content_hash] = _Shipped(client, workload)
            return sent[workload.content_hash]

        yield lambda tasks: _run(client, tasks, where), ship
    finally:
        _quietly(client.close, CLOSE_WITHIN_S)
        if cluster is not None:
            _kill_workers(cluster)
            _quietly(cluster.close, CLOSE_WITHIN_S)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _kill_workers(cluster: Any) -> None:
    """End the workers at once: asked to, they would first end their tasks."""
    for nanny in list(cluster.workers.values()):
        nanny.auto_restart = False
        pid = nanny.pid
        if pid is not None:
            with suppress(OSError):
                os.kill(pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)


def _run(client: Any, tasks: Iterator[Any], where: str) -> Generator[Any]:
    """Results as they come; tasks are taken as workers are free, and given out again when a worker died with them."""
    import distributed

    lost = (distributed.KilledWorker, distributed.client.FutureCancelledError, asyncio.CancelledError)
    given: dict[Any, tuple[Any, int]] = {}  # by future: the call, and how often it was given out
    finished = distributed.as_completed(loop=client.loop)

    def give(call: Any, tries: int) -> None:
        function, args, kwargs = call
        args = [arg.future if isinstance(arg, _Shipped) else arg for arg in args]
        future = client.submit(function, *args, **kwargs, pure=False)
        given[future] = call, tries
        finished.add(future)

    def give_more() -> None:
        room = TASKS_A_WORKER * max(1, len(client.scheduler_info()["workers"])) - len(given)
        for call in islice(tasks, max(0, room)):
            give(call, 1)

    give_more()
    while given:
        future = next(finished)
        call, tries = given.pop(future)
        try:
            result = future.result(timeout=ANSWER_WITHIN_S)
        except lost as error:
            if client.status != "running":
                raise EieError(f"{where}: the Dask scheduler is gone; finished rows are kept") from None
            if tries == TRIES:
                raise EieError(f"{where}: workers died {TRIES} times with a task: {_one_line(error)}") from None
            for arg in call[1]:
                if isinstance(arg, _Shipped):
                    arg.renew()
            give(call, tries + 1)
        else:
            yield result
            give_more()


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _quietly(close: Callable[..., object], within_s: float) -> None:
    with suppress(Exception):
        close(timeout=within_s)
