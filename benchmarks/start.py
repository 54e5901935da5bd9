"""Where a command's time goes: whole processes beside `python -c "import numba"`, and the stages of one of them."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import cases, measure
from eiesim import save
from eiesim.files.dump import save_dump

YARDSTICK = 'python -c "import numba"'

STAGES = """
import json, sys, time
times, before = {}, time.perf_counter()
def stage(name):
    global before
    now = time.perf_counter()
    times[name] = now - before
    before = now
import eiesim.cli
stage("importing typer and the commands")
import numba
stage("importing numba")
import eiesim.inputs, eiesim.simulation, eiesim.energy.events, eiesim.view.terminal, eiesim.engines.recurrence
stage("importing eiesim, pydantic, rich")
model = eiesim.inputs.open_model([sys.argv[1]])
stage("reading the layer")
layer, = model.layers
eiesim.encoding.interleave(layer)
stage("interleaving: getting its kernel")
eiesim.encoding.interleave(layer)
stage("interleaving: the work")
eiesim.simulation.simulate(layer, model.activations)
stage("simulating: getting its kernels")
result = eiesim.simulation.simulate(layer, model.activations)
stage("simulating: the work, interleaving included")
from rich.console import Console
Console(file=sys.stderr).print(eiesim.view.terminal.result_table(result))
stage("showing the table")
print(json.dumps(times))
"""


def processes(console: Console, case: cases.Case) -> None:
    """Whole commands on one layer, warm and with nothing compiled yet."""
    layer, activations = case
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        save_dump(layer, activations, folder / "dump")
        save(layer, folder / "layer.npz")
        np.save(folder / "x.npy", activations)
        eiesim, dump = [sys.executable, "-m", "eiesim"], str(folder / "dump")
        works = {
            YARDSTICK: [sys.executable, "-c", "import numba"],
            "eiesim --help": [*eiesim, "--help"],
            "eiesim run, the dump": [*eiesim, "run", dump],
            "eiesim run, the .npz": [*eiesim, "run", str(folder / "layer.npz"), "-i", str(folder / "x.npy")],
            "eiesim run table3:VGG-6": [*eiesim, "run", "table3:VGG-6"],
        }
        medians = measure.medians_ms(
            {name: lambda command=command: _run(command) for name, command in works.items()}, rounds=5
        )
        medians["eiesim run, the dump, first run ever"] = measure.median_ms(lambda: _cold([*eiesim, "run", dump]), 3)
        rounds = [_stages(dump) for _ in range(6)][1:]
    table = Table(title=f"Whole commands on {layer.name}, wall time", title_justify="left")
    for heading in ("command", "s", "x import numba"):
        table.add_column(heading, justify="left" if heading == "command" else "right")
    for name, ms in medians.items():
        table.add_row(name, f"{ms / 1e3:.2f}", f"{ms / medians[YARDSTICK]:.2f}")
    console.print(table)
    table = Table(title="Where the time of `eiesim run` on the dump goes, warm", title_justify="left")
    for heading in ("stage", "ms", "x import numba"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for name in rounds[0]:
        ms = float(np.median([each[name] for each in rounds])) * 1e3
        table.add_row(name, f"{ms:.1f}", f"{ms / medians[YARDSTICK]:.2f}")
    console.print(table)


def _run(command: list[str], **variables: str) -> str:
    environment = {**os.environ, **variables}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return done.stdout


def _cold(command: list[str]) -> str:
    with tempfile.TemporaryDirectory() as empty:
        return _run(command, NUMBA_CACHE_DIR=empty)


def _stages(layer: str) -> dict[str, float]:
    stages: dict[str, float] = json.loads(_run([sys.executable, "-c", STAGES, layer]))
    return stages
