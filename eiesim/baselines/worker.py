"""The process that measures baselines: `python -m eiesim.baselines.worker FOLDER CASES`.

FOLDER holds 0.npz, 0.npy, 1.npz, ... (layers and inputs). It prints a line of JSON for the machine, then one a case:
{"case": k, "rows": [{device, library, kernel, matrix, batch, threads, repeats, time_us, energy_uj, power_source}]}.
"""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy
from threadpoolctl import threadpool_info, threadpool_limits

from eiesim.baselines.measured import BATCHES
from eiesim.baselines.meters import EnergyMeter, nvml, rapl
from eiesim.files import npz
from eiesim.layer import CompressedLayer

BUDGET_S = 0.35
LEAST_RUNS = 5
WARM_RUNS = 2


def main(folder: Path, cases: int) -> None:
    """Measure every case of the folder."""
    _say({"machine": _machine()})
    for k in range(cases):
        layer, activations = npz.load(folder / f"{k}.npz"), npz.load_inputs(folder / f"{k}.npy")
        _say({"case": k, "rows": list(_rows(layer, activations))})


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def _rows(layer: CompressedLayer, activations: npt.NDArray[np.float32]) -> Iterator[dict[str, Any]]:
    dense, sparse = layer.to_dense(), layer.to_scipy().tocsr()
    own = np.atleast_2d(activations)
    most, kernel = _blas()
    mkl = _mkl()
    for batch in BATCHES:
        # The layer's own inputs, over again where there are fewer than the batch.
        columns = np.ascontiguousarray(own[np.arange(batch) % len(own)].T)
        inputs = columns[:, 0].copy() if batch == 1 else columns
        kinds: list[tuple[str, str, str, int, Callable[[], object]]] = [
            ("numpy", kernel, "dense", most, lambda x=inputs: dense @ x),  # type: ignore[misc]
            ("scipy", f"CSR, scipy {scipy.__version__}", "sparse", 1, lambda x=inputs: sparse @ x),  # type: ignore[misc]
        ]
        if mkl is not None:
            kinds.append(("mkl", "CSR, MKL", "sparse", most, lambda x=inputs: mkl(sparse, x)))  # type: ignore[misc]
        for library, what, matrix, reach, call in kinds:
            head = {"device": "cpu", "library": library, "kernel": what, "matrix": matrix, "batch": batch}
            yield {**head, **_fastest(call, batch, reach)}
    yield from _gpu_rows(dense, sparse, own[0])


def _mkl() -> Callable[..., Any] | None:
    """MKL's sparse product, where sparse_dot_mkl finds an MKL; pip's lies in the environment's lib."""
    if not find_spec("sparse_dot_mkl"):
        return None
    libraries = sorted((Path(sys.prefix) / "lib").glob("libmkl_rt.*"))
    if libraries:
        os.environ.setdefault("MKL_RT", str(libraries[-1]))
    try:
        product: Callable[..., Any] = import_module("sparse_dot_mkl").dot_product_mkl
    except ImportError:
        return None
    return product


def _fastest(call: Callable[[], object], batch: int, most_threads: int) -> dict[str, Any]:
    """The faster of one thread and all threads. On a small product or a busy machine, more threads are slower."""
    made = []
    for threads in sorted({1, most_threads}):
        with threadpool_limits(threads):
            made.append({"threads": threads, **_measure(call, batch, rapl())})
    return min(made, key=lambda row: row["time_us"])


def _gpu_rows(dense: Any, sparse: Any, activations: npt.NDArray[np.float32]) -> Iterator[dict[str, Any]]:
    """Dense and CSR by PyTorch, where there is a CUDA device. Copies to it are not timed, as in the paper."""
    torch = _cuda_torch()
    if torch is None:
        return
    matrices = {
        "dense": torch.from_numpy(dense).cuda(),
        "sparse": torch.sparse_csr_tensor(
            torch.from_numpy(sparse.indptr), torch.from_numpy(sparse.indices), torch.from_numpy(sparse.data),
            size=sparse.shape, device="cuda",
        ),
    }  # fmt: skip
    for batch in BATCHES:
        inputs = torch.from_numpy(np.ascontiguousarray(np.tile(activations[:, None], batch))).cuda()
        for matrix, held in matrices.items():

            def call(held: Any = held, inputs: Any = inputs) -> None:
                held @ inputs
                torch.cuda.synchronize()

            yield {
                "device": "gpu", "library": "torch", "kernel": f"PyTorch {torch.__version__}, CUDA", "matrix": matrix,
                "batch": batch, "threads": 1, **_measure(call, batch, nvml()),
            }  # fmt: skip


def _cuda_torch() -> Any:
    if not find_spec("torch"):
        return None
    torch = import_module("torch")
    return torch if torch.cuda.is_available() else None


def _measure(call: Callable[[], object], batch: int, counter: EnergyMeter | None) -> dict[str, Any]:
    """Median time and, with a counter, mean energy of a frame: warmed, then repeated until the budget is used."""
    for _ in range(WARM_RUNS):
        call()
    times: list[float] = []
    before = counter.read_uj() if counter else 0.0
    began = time.perf_counter()
    while len(times) < LEAST_RUNS or time.perf_counter() - began < BUDGET_S:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    energy_uj = counter.since_uj(before) / len(times) / batch if counter else 0.0
    return {
        "repeats": len(times),
        "time_us": statistics.median(times) * 1e6 / batch,
        # A counter that did not move was too slow for this: then there is no measurement.
        "energy_uj": energy_uj if energy_uj > 0 else None,
        "power_source": counter.name if counter else "",
    }


def _blas() -> tuple[int, str]:
    """Threads and kernel of the BLAS that numpy uses."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    if not pools:
        return 1, "BLAS not known"
    numpys = [pool for pool in pools if "numpy" in str(pool["filepath"])] or pools
    pool = numpys[0]
    return int(pool["num_threads"]), f"{pool['internal_api']} {pool['version']}, kernel {pool.get('architecture', '-')}"


def _machine() -> dict[str, Any]:
    torch = _cuda_torch()
    versions = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "gpu": torch.cuda.get_device_name() if torch else "",
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {**versions, "blas": _blas()[1]},
    }


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
