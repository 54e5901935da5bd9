"""The process that measures baselines: `python -m eiesim.baselines.worker FOLDER CASES`.

FOLDER holds 0.npz, 0.npy, 1.npz, ... (layers and inputs). It prints a line of JSON for the machine, then one a case:
{"case": k, "rows": [{device, library, kernel, matrix, precision, index_bits, batch, threads, repeats, time_us,
time_us_low, difference, energy_uj, power_source}], "left_out": [{product, batch, reason}]}.
"""

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy
from threadpoolctl import ThreadpoolController

from eiesim.baselines import products, reduced
from eiesim.baselines.measured import BATCHES
from eiesim.baselines.measurements import TOLERANCES
from eiesim.baselines.meters import nvml, rapl
from eiesim.baselines.products import Product
from eiesim.baselines.turns import ROUNDS, Turn, take_turns
from eiesim.files import npz
from eiesim.layer import CompressedLayer

Kind = Callable[[CompressedLayer], Iterator[Product]]

KINDS: tuple[Kind, ...] = (
    products.numpy_dense,
    products.scipy_sparse,
    products.mkl_sparse,
    products.torch_sparse,
    reduced.torch_bfloat16,
    reduced.torch_int8,
    reduced.onnxruntime_int8,
    reduced.onnxruntime_int4,
    products.torch_gpu,
)
ROUNDING = 1e-6
"""What float32 may differ by, as a share of the sum of magnitudes: a sum may be far less than what is added up."""


def main(folder: Path, cases: int) -> None:
    """Measure every case of the folder."""
    _say({"machine": _machine()})
    for k in range(cases):
        layer, activations = npz.load(folder / f"{k}.npz"), npz.load_inputs(folder / f"{k}.npy")
        rows, left_out = measure_layer(layer, activations)
        _say({"case": k, "rows": rows, "left_out": left_out})


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def measure_layer(
    layer: CompressedLayer,
    activations: npt.NDArray[np.float32],
    kinds: Sequence[Kind] = KINDS,
    rounds: int = ROUNDS,
    most: int | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of measurements, and what was left out and why: a product that fails, or whose values are not the layer's.

    activations: float32[cols] or [vectors, cols]; over again where there are fewer than the batch.
    most: threads; None is as many as the BLAS takes. Each product is measured on one and on these, the faster is kept.
    clock: in seconds.
    """
    rows: list[dict[str, Any]] = []
    left_out: list[dict[str, Any]] = []
    ready: list[Product] = []
    for kind in kinds:
        try:
            ready += kind(layer)
        except Exception as error:  # other people's code on any machine
            left_out.append({"product": kind.__name__, "batch": None, "reason": _words(error)})
    own = np.atleast_2d(activations)
    controller = ThreadpoolController()
    most = most or products.blas()[0]
    for batch in BATCHES:
        inputs = np.ascontiguousarray(own[np.arange(batch) % len(own)])
        exact = _exact(layer, inputs)
        fastest: dict[tuple[str, ...], dict[str, Any]] = {}
        # One number of threads after the other: on a busy machine, threads that wait for others slow the next call.
        for threads in sorted({1, most}):
            within = partial(_threads, controller, threads)
            turns: list[tuple[Product, float, Turn]] = []
            for product in list(ready):
                try:
                    with within():
                        call = product.ready(inputs.copy(), threads)
                        difference = held(product.back(call()), *exact, product.precision)
                except Exception as error:
                    left_out.append({"product": str(product), "batch": batch, "reason": _words(error)})
                    ready.remove(product)
                    continue
                meter = nvml() if product.device == "gpu" else rapl()
                turns.append((product, difference, Turn(call, within, meter)))
            take_turns([turn for *_, turn in turns], rounds, clock=clock)
            for product, difference, turn in turns:
                row = _row(product, threads if product.parallel else 1, difference, batch, turn)
                if product.row not in fastest or row["time_us"] < fastest[product.row]["time_us"]:
                    fastest[product.row] = row
        rows += fastest.values()
    return rows, left_out


def _row(product: Product, threads: int, difference: float, batch: int, turn: Turn) -> dict[str, Any]:
    energy_uj = turn.mean_uj
    return {
        "device": product.device,
        "library": product.library,
        "kernel": product.kernel,
        "matrix": product.matrix,
        "precision": product.precision,
        "index_bits": product.index_bits,
        "batch": batch,
        "threads": threads,
        "repeats": len(turn.times_s),
        "time_us": turn.median_us / batch,
        "time_us_low": turn.least_us / batch,
        "difference": difference,
        "energy_uj": None if energy_uj is None else energy_uj / batch,
        "power_source": turn.meter.name if turn.meter else "",
    }


def _exact(
    layer: CompressedLayer, inputs: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The product in float64, [batch, rows], and that of all magnitudes."""
    weights, wide = layer.to_scipy(np.float64), inputs.astype(np.float64)
    return (weights @ wide.T).T, (abs(weights) @ abs(wide).T).T


def held(
    outputs: npt.ArrayLike, exact: npt.NDArray[np.float64], magnitude: npt.NDArray[np.float64], precision: str
) -> float:
    """How far a product lies from the exact one, as a share of it: Euclidean lengths over the batch.

    Raises ValueError where that is more than the precision's tolerance and float32's rounding explain.
    """
    given = np.asarray(outputs, np.float64)
    if given.shape != exact.shape:
        raise ValueError(f"its outputs are {given.shape}, not {exact.shape}")
    distance, length = float(np.linalg.norm(given - exact)), float(np.linalg.norm(exact))
    allowed = TOLERANCES[precision] * length + ROUNDING * float(np.linalg.norm(magnitude))
    if not distance <= allowed:  # nan is no product either
        most = f"at most {TOLERANCES[precision]:g} is {precision}'s"
        raise ValueError(f"differs from the float product by {distance / (length or 1):.2g} of it, {most}")
    return distance / length if length else 0.0


@contextmanager
def _threads(controller: ThreadpoolController, threads: int) -> Iterator[None]:
    """Limit the libraries' threads. PyTorch keeps a number of its own."""
    with ExitStack() as stack:
        stack.enter_context(controller.limit(limits=threads))
        torch = sys.modules.get("torch")
        if torch is not None:
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(threads)
        yield


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _machine() -> dict[str, Any]:
    torch = products.cuda_torch()
    versions = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "gpu": torch.cuda.get_device_name() if torch else "",
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {**versions, "blas": products.blas()[1]},
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
