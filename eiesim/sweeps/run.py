"""Sweeps: every layer on every machine of a grid, as a table; interrupted, they go on where they stopped.

Work is cut into tasks of one (layer, seed, PEs, index bits, mapping): one interleaving serves all queue depths, widths
and arithmetics. Only timing is simulated: outputs change no cycle.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eiesim._version import __version__
from eiesim.config import MachineConfig
from eiesim.encoding import interleave
from eiesim.errors import EieError, unknown
from eiesim.inputs import Maker, Workload, given, open_workloads
from eiesim.layer import CompressedLayer
from eiesim.simulation import DEFAULT_ENGINE, ENGINES, simulate
from eiesim.sweeps.backends import unpack, workers
from eiesim.sweeps.grid import Grid, by_sharing
from eiesim.sweeps.journal import Journal, Observer, Writer
from eiesim.sweeps.row import Row, frame, row_hash

if TYPE_CHECKING:
    import pandas as pd

RUNS_A_TASK = {"recurrence": 256, "clocked": 8, "event": 1}
"""So that no task takes long before its rows are written."""

LARGE_GRID = 10_000

AHEAD = 2
"""Workloads that are made while another one runs: making a synthetic layer takes as long as running it."""


@dataclass(frozen=True)
class Plan:
    """What a sweep is to run: every workload, on every configuration, with every engine."""

    workloads: tuple[Maker, ...]
    configs: Sequence[MachineConfig]
    engines: tuple[str, ...]

    @property
    def runs(self) -> int:
        """Runs at most: those of the same content and configuration are run once."""
        return len(self.workloads) * len(self.configs) * len(self.engines)


def plan(
    layers: Sequence[str | tuple[CompressedLayer, npt.NDArray[Any]]],
    axes: Mapping[str, Sequence[Any] | str] | None = None,
    *,
    config: MachineConfig | None = None,
    engines: Sequence[str] = (DEFAULT_ENGINE,),
    seeds: Sequence[int] = (0,),
    variations: Sequence[float] = (0.0,),
    inputs: Sequence[npt.NDArray[np.float32]] = (),
    density: float | None = None,
    activation_density: float | None = None,
    rows: int | None = None,
    recorded: bool = False,
) -> Plan:
    """What to sweep; see `sweep` for the arguments."""
    for engine in engines:
        if engine not in ENGINES:
            raise unknown("no engine", engine, ENGINES)
    named = [layer for layer in layers if isinstance(layer, str)]
    made = open_workloads(named, inputs, seeds, variations, density, activation_density, rows, recorded)
    made += [given(*layer) for layer in layers if not isinstance(layer, str)]
    if not made or not engines:
        raise EieError("nothing to sweep: a layer, a seed, a variation or an engine is missing")
    return Plan(tuple(made), Grid(config, axes or {}), tuple(dict.fromkeys(engines)))


def sweep(
    layers: Sequence[str | tuple[CompressedLayer, npt.NDArray[Any]]],
    axes: Mapping[str, Sequence[Any] | str] | None = None,
    *,
    config: MachineConfig | None = None,
    engines: Sequence[str] = (DEFAULT_ENGINE,),
    seeds: Sequence[int] = (0,),
    variations: Sequence[float] = (0.0,),
    inputs: Sequence[npt.NDArray[np.float32]] = (),
    density: float | None = None,
    activation_density: float | None = None,
    rows: int | None = None,
    recorded: bool = False,
    output: str | Path | None = None,
    jobs: int | None = None,
    backend: str = "threads",
    scheduler: str | None = None,
    observer: Observer | None = None,
    repair: bool = False,
) -> "pd.DataFrame":
    """Simulate every layer on every machine of a grid; one row a run, in the plan's order.

    layers: names as on the command line (`table3:Alex-7`, `table3:all`, files, folders), or (layer, activations).
    axes: what varies: configuration keys with their values, `{"pes": [16, 64], "queue_depth": "1:256:x2"}`.
    config: what does not vary. engines: one or several.
    seeds, variations, density, activation_density: how `table3:` layers are made (see `workloads.workload`).
    inputs: activations for the layers that bring none. rows: outputs of a dumped layer.
    recorded: feed layers of a network their recorded inputs, even where the network has its own.
    output: a CSV file to which rows are added as they finish. Rows that it holds already are not run again, so a
    sweep that was killed goes on (see `journal`); it may hold other sweeps' rows too, which are left alone.
    repair: drop damaged lines of `output` and run their rows anew, instead of refusing the file.
    jobs, backend, scheduler: see `backends.workers`. The rows do not depend on them.

    `sweep(["table3:Alex-7"], {"pes": "1:256:x2"}).plot("pes", "cycles")`
    """
    planned = plan(
        layers,
        axes,
        config=config,
        engines=engines,
        seeds=seeds,
        variations=variations,
        inputs=inputs,
        density=density,
        activation_density=activation_density,
        rows=rows,
        recorded=recorded,
    )
    return frame(
        collect_rows(planned, output, jobs=jobs, backend=backend, scheduler=scheduler, observer=observer, repair=repair)
    )


def collect_rows(
    planned: Plan,
    output: str | Path | None = None,
    *,
    jobs: int | None = None,
    backend: str = "threads",
    scheduler: str | None = None,
    observer: Observer | None = None,
    repair: bool = False,
) -> list[Row]:
    """Run what a plan asks for and `output` does not hold yet; see `sweep`. Needs no pandas."""
    rows: dict[str, Row] = {}
    wanted: dict[str, int] = {}  # the rows' places
    observe = _one_at_a_time(observer or (lambda new, known: None))
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(output, repair=repair)) if output is not None else None
        writer = stack.enter_context(Writer(journal, observe)) if journal is not None else None
        run, ship = stack.enter_context(workers(backend, jobs, scheduler))
        from joblib import delayed

        def tasks() -> Iterator[Any]:
            # On a large grid small tasks first, so that the first rows are soon there.
            before, largest = 0, 1 if len(planned.configs) > LARGE_GRID else max(RUNS_A_TASK.values())
            for workload in _ahead(planned.workloads):
                shipped = ship(workload)
                for engine in planned.engines:
                    for group in by_sharing(planned.configs):
                        while some := list(islice(group, min(largest, RUNS_A_TASK[engine]))):
                            largest *= 2
                            missing = []
                            for place, config in some:
                                key = row_hash(workload.content_hash, config, engine)
                                if key not in wanted and (journal is None or key not in journal):
                                    missing.append((key, config))
                                wanted.setdefault(key, before + place)
                            observe(0, len(some) - len(missing))
                            if missing:
                                yield delayed(_run)(shipped, engine, missing, __version__)
                    before += len(planned.configs)

        for finished in run(tasks()):
            if writer is not None:
                writer.put(finished)
            else:
                rows.update((row.hash, row) for row in finished)
                observe(len(finished), 0)
        if writer is not None:
            writer.close()
        return [rows[key] if journal is None else journal.row(key) for key in sorted(wanted, key=wanted.__getitem__)]


def _one_at_a_time(observe: Observer) -> Observer:
    """The observer, for several threads."""
    lock = Lock()

    def locked(new: int, known: int) -> object:
        with lock:
            return observe(new, known)

    return locked


def _ahead(makers: Sequence[Maker]) -> Iterator[Workload]:
    """The workloads in order; while one's tasks are given out, the next ones are being made."""
    with ThreadPoolExecutor(AHEAD) as pool:
        coming: deque[Future[Workload]] = deque()
        for make in makers:
            coming.append(pool.submit(make))
            if len(coming) > AHEAD:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


Missing = list[tuple[str, MachineConfig]]


def _run(shipped: Any, engine: str, group: Missing, version: str) -> list[Row]:
    """A task: its rows. Runs in a worker, maybe on another machine."""
    if version != __version__:
        raise EieError(f"a worker has eiesim {__version__}, the sweep {version}; install the same on both")
    workload = unpack(shipped)
    first = group[0][1]
    interleaved = interleave(workload.layer, first.pes, first.index_bits, first.mapping)
    rows = []
    for key, config in group:
        result = simulate(interleaved, workload.activations, config, engine, outputs=False, threads=1)
        rows.append(Row.of(workload, result.layers[0], key))
    return rows
