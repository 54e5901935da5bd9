"""The same rows from threads, processes, and a local Dask cluster of two workers; layers are sent once."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from eiesim import EieError, sweep
from eiesim.model import Workload
from eiesim.sweeps import dask

LAYERS = ["table3:NT-We", "table3:NT-LSTM"]
AXES = {"pes": "1:64:x2", "queue_depth": [1, 8], "arithmetic": "float32,fixed16,fixed8"}


def sorted_rows(path):
    return sorted(path.read_text().splitlines())


@pytest.fixture(scope="module")
def by_threads(tmp_path_factory):
    path = tmp_path_factory.mktemp("threads") / "t.csv"
    frame = sweep(LAYERS, AXES, seeds=[0, 1], output=path, jobs=2)
    return path, frame


def test_one_thread(by_threads, tmp_path):
    path, frame = by_threads
    assert sweep(LAYERS, AXES, seeds=[0, 1], output=tmp_path / "t.csv", jobs=1).equals(frame)
    assert sorted_rows(tmp_path / "t.csv") == sorted_rows(path)


def test_processes(by_threads, tmp_path):
    path, frame = by_threads
    rows = sweep(LAYERS, AXES, seeds=[0, 1], output=tmp_path / "t.csv", jobs=2, backend="processes")
    assert rows.equals(frame)
    assert sorted_rows(tmp_path / "t.csv") == sorted_rows(path)


def test_a_dask_cluster_of_two_workers(by_threads, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    path, frame = by_threads
    scattered = []
    real = distributed.Client.scatter
    monkeypatch.setattr(
        distributed.Client,
        "scatter",
        lambda self, data, **options: scattered.append(type(data)) or real(self, data, **options),
    )
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        rows = sweep(
            LAYERS,
            AXES,
            seeds=[0, 1],
            output=tmp_path / "t.csv",
            backend="dask",
            scheduler=cluster.scheduler_address,
        )
    assert rows.equals(frame)
    assert sorted_rows(tmp_path / "t.csv") == sorted_rows(path)
    # 28 tasks, but each of the four layers went out once.
    assert scattered.count(Workload) == len(scattered) == 4


def test_a_local_dask_cluster_is_made_where_none_is_given(by_threads):
    pytest.importorskip("distributed")
    rows = sweep(LAYERS[1:], {"pes": [1, 2]}, backend="dask", jobs=2)
    assert len(rows) == 2


class Task:
    def __init__(self, result):
        self.result = result


class Cluster:
    """A Dask client whose tasks are lost as often as is said, by number; `status` goes where the scheduler goes."""

    loop = None
    status = "running"

    def __init__(self, distributed, lost):
        self._lost, self._error, self.given, self.sent = dict(lost), distributed.KilledWorker, [], []

    def scatter(self, workload, **_):
        self.sent.append(workload)
        return SimpleNamespace(status="lost", workload=workload)

    def scheduler_info(self):
        return {"workers": {"one": None}}

    def submit(self, function, *args, **_):
        self.given.append(args)
        return Task(partial(self._result, function, args))

    def _result(self, function, args, timeout):
        number = args[1]
        if self._lost.get(number):
            self._lost[number] -= 1
            raise self._error(f"task {number}", SimpleNamespace(address="tcp://worker"), 3)
        return function(*args)


@pytest.fixture
def run_lost(monkeypatch):
    """What a sweep gets of a cluster that loses tasks, and the cluster."""
    distributed = pytest.importorskip("distributed")
    waiting: list[Any] = []

    class Completed:
        def __init__(self, loop):
            self.add = waiting.append

        def __next__(self):
            return waiting.pop(0)

    monkeypatch.setattr(distributed, "as_completed", Completed)

    def run(lost, status="running"):
        client = Cluster(distributed, lost)
        client.status = status
        shipped = dask._Shipped(client, "workload")  # type: ignore[arg-type]
        tasks = ((lambda found, number: (found.workload, number), (shipped, number), {}) for number in range(6))
        return dask._run(client, tasks, "tcp://here"), client

    return run


def test_a_task_that_dask_loses_is_given_out_again_with_its_workload(run_lost):
    results, client = run_lost({2: 1, 4: dask.TRIES - 1})
    assert sorted(results) == [("workload", number) for number in range(6)]
    assert len(client.given) == 6 + 1 + dask.TRIES - 1
    assert client.sent == ["workload"] * (1 + 1 + dask.TRIES - 1)  # what no worker has any more is sent again


def test_a_task_that_is_lost_again_and_again_ends_the_sweep_in_one_line(run_lost):
    with pytest.raises(EieError, match=r"^tcp://here: workers died 5 times with a task: ") as refused:
        list(run_lost({3: dask.TRIES})[0])
    assert "\n" not in str(refused.value)
    with pytest.raises(EieError, match=r"^tcp://here: the Dask scheduler is gone; finished rows are kept$"):
        list(run_lost({0: 1}, status="closed")[0])


def test_no_dask_scheduler_is_one_line(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(dask, "ANSWER_WITHIN_S", 0.5)
    with pytest.raises(EieError, match=r"127\.0\.0\.1:9") as error:
        sweep(LAYERS, AXES, backend="dask", scheduler="tcp://127.0.0.1:9")
    assert "\n" not in str(error.value)
