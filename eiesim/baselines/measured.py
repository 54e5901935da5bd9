"""Baselines measured on the machine at hand: dense and sparse products by the libraries people use.

The work is done by `eiesim.baselines.worker` in a process of its own, so that settings which slow the BLAS down here
(OPENBLAS_CORETYPE, OPENBLAS_L2_SIZE) do not reach it, and its memory is free again afterwards.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eiesim.baselines.measurements import Host, LeftOut, Measured, Measurement, load_measured, save_measured
from eiesim.errors import EieError
from eiesim.files import npz
from eiesim.layer import CompressedLayer
from eiesim.model import Workload
from eiesim.paper.source import constant

HIDDEN_FROM_WORKER = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
BATCHES = (1, 64)


def measure(
    workloads: Sequence[Workload],
    path: str | Path | None = None,
    *,
    again: bool = False,
    cpu_tdp_w: float | None = None,
    gpu_tdp_w: float | None = None,
    progress: Callable[[int], object] = lambda done: None,
) -> Measured:
    """Measure each workload that the file at `path` does not have yet, and add it to the file.

    workloads: each with one input, float32[cols], or several, [batch, cols].
    again: measure even what the file has. cpu_tdp_w, gpu_tdp_w: the power from which energy is estimated where no
    counter can be read. Without the first, `default_cpu_power_w` is taken; without the second, GPU rows are left out.
    progress: called with 1 after each layer. Raises EieError for a malformed file or when the worker fails.
    """
    known = load_measured(path) if path is not None and Path(path).exists() and not again else None
    missing = [one for one in workloads if known is None or not _has(known, one.layer)]
    progress(len(workloads) - len(missing))
    if not missing:
        assert known is not None
        return known
    load_average = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    machine, found, left_out = _run_worker(missing, cpu_tdp_w, gpu_tdp_w, progress)
    kept: tuple[Measurement, ...] = ()
    kept_out: tuple[LeftOut, ...] = ()
    if known is not None:
        if known.machine != machine:
            elsewhere = known.machine.model_copy(update={"versions": machine.versions}) != machine
            other = f"on another machine ({known.machine.cpu})" if elsewhere else "with other versions of the libraries"
            raise EieError(f"{path}: was measured {other}; measure again or elsewhere")
        names = {one.layer.name for one in missing}
        kept = tuple(one for one in known.measurements if one.layer not in names)
        kept_out = tuple(one for one in known.left_out if one.layer not in names)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    measured = Measured(
        machine=machine, when=when, load_average=load_average, measurements=(*kept, *found),
        left_out=(*kept_out, *left_out),
    )  # fmt: skip
    if path is not None:
        save_measured(measured, path)
    return measured


def _has(known: Measured, layer: CompressedLayer) -> bool:
    shape = (layer.rows, layer.cols, layer.nnz)
    return any((one.rows, one.cols, one.nnz) == shape for one in known.of(layer.name))


def default_cpu_power_w(threads: int) -> float:
    """Estimate: the thermal design power a core of the paper's CPU (i7-5930K: 140 W, 6 cores) x the threads used."""
    return constant("i7_5930k_tdp_w") / constant("i7_5930k_cores") * threads


def _run_worker(
    workloads: Sequence[Workload], cpu_tdp_w: float | None, gpu_tdp_w: float | None, progress: Callable[[int], object]
) -> tuple[Host, list[Measurement], list[LeftOut]]:
    environment = {key: value for key, value in os.environ.items() if key not in HIDDEN_FROM_WORKER}
    found: list[Measurement] = []
    left_out: list[LeftOut] = []
    machine: Host | None = None
    with tempfile.TemporaryDirectory(prefix="eiesim-") as folder:
        for k, one in enumerate(workloads):
            npz.save(one.layer, Path(folder) / f"{k}.npz")
            npz.save_array(one.activations, Path(folder) / f"{k}.npy")
        command = [sys.executable, "-m", "eiesim.baselines.worker", folder, str(len(workloads))]
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as complaints,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, env=environment, text=True) as worker,
        ):
            assert worker.stdout is not None
            try:
                for line in worker.stdout:
                    said = json.loads(line)
                    if "machine" in said:
                        machine = Host(**said["machine"])
                    else:
                        layer = workloads[said["case"]].layer
                        rows = (_measurement(layer, row, cpu_tdp_w, gpu_tdp_w) for row in said["rows"])
                        own = [row for row in rows if row is not None]
                        out = [LeftOut(layer=layer.name, **one) for one in said["left_out"]]
                        if not any(row.is_baseline for row in own):
                            raise EieError(f"measuring the baselines failed: {'; '.join(map(str, out)) or layer.name}")
                        found += own
                        left_out += out
                        progress(1)
            finally:
                if sys.exc_info()[0] is not None:
                    worker.terminate()
            if worker.wait() != 0 or machine is None:
                complaints.seek(0)
                last = complaints.read().strip().splitlines()[-1:] or ["it said nothing"]
                raise EieError(f"measuring the baselines failed: {last[0]}")
    return machine, found, left_out


def _measurement(
    layer: CompressedLayer, row: dict[str, Any], cpu_tdp_w: float | None, gpu_tdp_w: float | None
) -> Measurement | None:
    """The worker's row with its energy: measured, or estimated; None where there is nothing to estimate from."""
    energy_uj, source = row.pop("energy_uj"), row.pop("power_source")
    basis = "measured"
    if energy_uj is None:
        basis = "estimated"
        threads = row["threads"]
        if row["device"] == "gpu":
            if gpu_tdp_w is None:
                return None
            watts, source = gpu_tdp_w, f"stated GPU TDP, {gpu_tdp_w:g} W"
        elif cpu_tdp_w is not None:
            watts, source = cpu_tdp_w, f"stated CPU TDP, {cpu_tdp_w:g} W"
        else:
            watts = default_cpu_power_w(threads)
            source = f"i7-5930K's TDP a core x {threads} thread(s), {watts:.1f} W; this CPU's own is not known"
        energy_uj = watts * row["time_us"]
    size: dict[str, Any] = {"layer": layer.name, "rows": layer.rows, "cols": layer.cols, "nnz": layer.nnz}
    return Measurement(**{**size, **row, "energy_uj": energy_uj, "energy_basis": basis, "power_source": source})
