"""The same rows from threads, processes, and a local Dask cluster of two workers; layers are sent once."""

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


def test_no_dask_scheduler_is_one_line(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(dask, "ANSWER_WITHIN_S", 0.5)
    with pytest.raises(EieError, match=r"127\.0\.0\.1:9") as error:
        sweep(LAYERS, AXES, backend="dask", scheduler="tcp://127.0.0.1:9")
    assert "\n" not in str(error.value)
