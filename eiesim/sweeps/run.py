"""Sweeps: every layer on every machine of a grid, as a table; interrupted, they go on where they stopped.

Work is cut into tasks of one (layer, seed, PEs, index bits, mapping): one interleaving serves all queue depths, widths
and arithmetics, and a task's rows are formed together (`group`). Only timing is simulated: outputs change no cycle.
Rows go to a store (`writer`) as they finish and are forgotten; what is asked for afterwards is read from there.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eiesim._progress import Steps, Told, telling
from eiesim._shown import Plotted
from eiesim._version import __version__
from eiesim.config import MachineConfig, as_config
from eiesim.encoding import InterleavedLayer
from eiesim.errors import EieError, unknown
from eiesim.files.guarding import guarded
from eiesim.inputs import Source, open_workloads
from eiesim.model import Maker, Workload
from eiesim.prepared import Config, inputs_given, interleaved_for
from eiesim.simulation import DEFAULT_ENGINE, ENGINES
from eiesim.sweeps.backends import workers
from eiesim.sweeps.grid import Grid, Group, Listed, by_sharing, in_order
from eiesim.sweeps.group import rows_of
from eiesim.sweeps.journal import Journal
from eiesim.sweeps.machines import Hashes, Machines
from eiesim.sweeps.parts import GROUP_ROWS, Parts, needed, write
from eiesim.sweeps.row import Row
from eiesim.sweeps.table import Table, frame
from eiesim.sweeps.values import parse_axes, parse_numbers, parse_values, parse_whole
from eiesim.sweeps.writer import Kept, Observer, Store, Writer

if TYPE_CHECKING:
    import pandas as pd

RUNS_A_TASK = {"recurrence": 2048, "clocked": 8, "event": 1}
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
    source: Source,
    axes: Mapping[str, Any] | Sequence[str] | None = None,
    *,
    config: Config = None,
    engines: Sequence[str] | str = DEFAULT_ENGINE,
    seeds: Sequence[int] | str = (0,),
    variations: Sequence[float] | str = (0.0,),
    inputs: Any = (),
    density: float | None = None,
    activation_density: float | None = None,
    rows: int | None = None,
    recorded: bool = False,
) -> Plan:
    """What to sweep; see `sweep` for the arguments."""
    engines = [str(name) for name in (parse_values(engines) if isinstance(engines, str) else engines)]
    seeds = parse_whole(seeds) if isinstance(seeds, str) else seeds
    variations = parse_numbers(variations) if isinstance(variations, str) else variations
    for engine in engines:
        if engine not in ENGINES:
            raise unknown("no engine", engine, ENGINES)
    varied = axes if isinstance(axes, Mapping) else parse_axes(axes or ())
    grid = Grid(as_config(config), varied)
    made = open_workloads(source, inputs_given(inputs), seeds, variations, density, activation_density, rows, recorded)
    if not made or not engines:
        raise EieError("nothing to sweep: a layer, a seed, a variation or an engine is missing")
    for make in made:
        came = make.args[-1] if isinstance(make, partial) else None
        if isinstance(came, InterleavedLayer):  # For one machine only: better said before the first row is run.
            for group in by_sharing(grid):
                interleaved_for(came, group.machines(0, 1)[1].config(0))
    return Plan(tuple(made), grid, tuple(dict.fromkeys(engines)))


class _Part(NamedTuple):
    """What one workload and engine give: a row for each configuration. inputs: in its batch."""

    content_hash: str
    engine: str
    inputs: int


@dataclass(frozen=True, repr=False)
class Collected:
    """A plan's rows, in its order, wherever they are kept."""

    parts: tuple[_Part, ...]
    machines: Group | Listed
    store: Store

    def __len__(self) -> int:
        return len(self.parts) * len(self.machines)

    def tables(self, size: int = GROUP_ROWS) -> Iterator[Table]:
        """The rows, at most so many at a time."""
        for part in self.parts:
            for start in range(0, len(self.machines), size):
                _, machines = self.machines.machines(start, min(start + size, len(self.machines)))
                yield self.store.table(machines.hashes(part.content_hash, part.engine))

    @property
    def fractions(self) -> bool:
        """Whether counters may be fractions: means over a batch."""
        return any(part.inputs > 1 for part in self.parts)


@dataclass(frozen=True, repr=False)
class Swept(Plotted):
    """What a sweep gave; rows that are in a file stay there until they are asked for.

    Attributes
    ----------
    collected : Collected
        The rows' place and order.
    new : int
        How many rows were run.
    known : int
        How many were there already or would repeat another.
    """

    collected: Collected
    new: int
    known: int

    def __len__(self) -> int:
        return len(self.collected)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """A row a run, in the plan's order."""
        return tuple(row for table in self.collected.tables() for row in table.rows())

    def __repr__(self) -> str:
        return f"<Swept: {len(self):,} rows, {self.new:,} of them run>"

    def _repr_html_(self) -> str:
        from eiesim.sweeps.terminal import rows_table
        from eiesim.view.grid import grid_of, html

        return html(grid_of(rows_table(self.rows)))

    def to_frame(self) -> "pd.DataFrame":
        """A table of the rows.

        Returns
        -------
        pandas.DataFrame
            A row a run.
        """
        return frame(self.collected.tables())

    def to_csv(self) -> str:
        """The table as CSV.

        Returns
        -------
        str
            A line a run, after the columns' names.
        """
        return str(self.to_frame().to_csv(index=False))


@telling
def sweep(
    source: Source,
    axes: Mapping[str, Any] | Sequence[str] | None = None,
    *,
    config: Config = None,
    engines: Sequence[str] | str = DEFAULT_ENGINE,
    seeds: Sequence[int] | str = (0,),
    variations: Sequence[float] | str = (0.0,),
    inputs: Any = (),
    density: float | None = None,
    activation_density: float | None = None,
    rows: int | None = None,
    recorded: bool = False,
    output: str | Path | None = None,
    parquet: str | Path | None = None,
    jobs: int | None = None,
    backend: str = "threads",
    scheduler: str | None = None,
    repair: bool = False,
    progress: Told = None,
) -> "pd.DataFrame":
    """Simulate every layer on every machine of a grid; one row a run, in the plan's order.

    Parameters
    ----------
    source : name, path, layer or layers, or what `open`, `compress`, `train` or `load_network` gives
        As in `simulate`; several are swept each by itself, and a network layer by layer.
    axes : mapping of configuration keys to values, or sequence of str, default None
        What varies, such as `{"pes": [16, 64], "queue_depth": "1:256:x2"}`, or texts, `["pes=16,64"]`; None is one
        machine.
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        What does not vary; None is the published design.
    engines : str or sequence of str, default "recurrence"
        One or several engines; see `simulate`. These three may be texts as the command line takes them, too.
    seeds : sequence of int or str, default (0,)
        Each makes `table3:` layers of its own; "0:5" are five.
    variations : sequence of float or str, default (0.0,)
        Coefficients of variation of the densities of `table3:` layers; see `workload`.
    inputs : float[cols] or [batch, cols], a path, or several of these, default ()
        Activations for the layers that bring none: one for all, or one for each.
    density : float, default None
        Share of weights kept in `table3:` layers, 0 to 1; None is the table's.
    activation_density : float, default None
        Share of active inputs of `table3:` layers, 0 to 1; None is the table's. And of matrices; None is 1.
    rows : int, default None
        Outputs of a dumped layer, which its files leave open.
    recorded : bool, default False
        Feed layers of a network their recorded inputs, even where the network has its own.
    output : path, default None
        A CSV file to which rows are added as they finish. Rows that it holds already are not run again, so a sweep
        that was killed goes on; it may hold other sweeps' rows too, which are left alone.
    parquet : path, default None
        A Parquet file for these rows (extra: parquet). Without `output` they are kept in the folder `parquet`.parts
        until all are done, and a sweep that was killed goes on from there.
    jobs : int, default None
        Tasks at a time; None is one a core. The rows do not depend on it, nor on `backend` or `scheduler`.
    backend : str, default "threads"
        "threads", "processes", "dask" or "ray".
    scheduler : str, default None
        The address of a running cluster, for Dask and Ray.
    repair : bool, default False
        Drop damaged lines of `output`, or parts of `parquet`, and run their rows anew, instead of refusing the file.
    progress : callable(int, int or None, str), bool or None, default None
        Told as `progress(done, total, doing)`, a step for each new row; see `progress`.

    Returns
    -------
    pandas.DataFrame
        A row a run; `eiesim sweep --columns` explains the columns.

    Raises
    ------
    EieError
        As `simulate` does; for values that are no machine, a damaged table, and a layer that is interleaved for
        another machine than those swept.

    Examples
    --------
    >>> import eiesim
    >>> eiesim.sweep("table3:NT-We", {"pes": [16, 64]})["pes"].tolist()
    [16, 64]
    """
    given = locals()
    return sweep_rows(**given).to_frame()


@telling
@guarded("source", "config", "inputs", writes=("output", "parquet"))
def sweep_rows(
    source: Source,
    axes: Mapping[str, Any] | Sequence[str] | None = None,
    *,
    output: str | Path | None = None,
    parquet: str | Path | None = None,
    jobs: int | None = None,
    backend: str = "threads",
    scheduler: str | None = None,
    repair: bool = False,
    progress: Told = None,
    **what: Any,
) -> Swept:
    """Sweep as `sweep` does, but without pandas, which takes half a second to import.

    Parameters
    ----------
    source : name, path, layer or layers, or what `open`, `compress`, `train` or `load_network` gives
        As in `sweep`, and so are the others.
    axes : mapping of configuration keys to values, or sequence of str, default None
        What varies.
    output : path, default None
        A CSV file to which rows are added.
    parquet : path, default None
        A Parquet file for these rows.
    jobs : int, default None
        Tasks at a time.
    backend : str, default "threads"
        "threads", "processes", "dask" or "ray".
    scheduler : str, default None
        The address of a running cluster.
    repair : bool, default False
        Drop damaged lines of `output`.
    progress : callable(int, int or None, str), bool or None, default None
        Told as `progress(done, total, doing)`; see `progress`.
    **what : Any
        Further config, engines, seeds, variations, inputs, density, activation_density, rows and recorded.

    Returns
    -------
    Swept
        The rows, and how many are new.

    Raises
    ------
    EieError
        As `sweep` does.

    Examples
    --------
    >>> import eiesim
    >>> [row.cycles for row in eiesim.sweep_rows("table3:NT-We", {"pes": [16, 64]}).rows]
    [17950, 5970]
    """
    if output is not None and Path(output).suffix == ".parquet":
        raise EieError(f"{output}: rows are added to a CSV file; give one, and the Parquet file as parquet")
    planned = plan(source, axes, **what)
    steps = Steps(progress, planned.runs, "rows")
    counts = [0, 0]

    def observe(new: int, known: int) -> None:
        counts[0] += new
        counts[1] += known
        steps(new, known)

    found = collect_rows(
        planned, output, parquet=parquet, jobs=jobs, backend=backend, scheduler=scheduler, observer=observe,
        repair=repair,
    )  # fmt: skip
    return Swept(found, *counts)


def collect_rows(
    planned: Plan,
    output: str | Path | None = None,
    *,
    parquet: str | Path | None = None,
    jobs: int | None = None,
    backend: str = "threads",
    scheduler: str | None = None,
    observer: Observer | None = None,
    repair: bool = False,
) -> Collected:
    """Run what a plan asks for and `output`, or `parquet` where there is no `output`, does not hold; see `sweep`."""
    if parquet is not None:
        needed()
    observe = _one_at_a_time(observer or (lambda new, known: None))
    with ExitStack() as stack:
        store: Store = Kept()
        if output is not None:
            store = stack.enter_context(Journal(output, repair=repair))
        elif parquet is not None:
            store = stack.enter_context(Parts(parquet, repair=repair))
        writer = stack.enter_context(Writer(store, observe))
        run, ship = stack.enter_context(workers(backend, jobs, scheduler))
        parts: list[_Part] = []
        for finished in stack.enter_context(closing(run(_tasks(planned, store, ship, observe, parts)))):
            writer.put(finished)
        writer.close()
        found = Collected(tuple(parts), in_order(planned.configs), store)
        if isinstance(store, Parts):
            store.finish(found.tables(), found.fractions)
        elif parquet is not None:
            write(Path(parquet), found.tables(), found.fractions)
        return found


def _tasks(
    planned: Plan, store: Store, ship: Callable[[Workload], Any], observe: Observer, parts: list[_Part]
) -> Iterator[Any]:
    """What is missing, group by group. parts: what the plan comes to is added, each once."""
    small = len(planned.configs) <= LARGE_GRID
    largest = {engine: RUNS_A_TASK[engine] for engine in planned.engines}
    # Kept for all layers, as far as memory goes: what is found of machines alone is then found once.
    kept = {engine: tuple(_cut(planned.configs, most)) for engine, most in largest.items() if small}
    for workload in _ahead(planned.workloads):
        shipped = ship(workload)
        for engine in planned.engines:
            part = _Part(workload.content_hash, engine, len(np.atleast_2d(workload.activations)))
            if part in parts:
                observe(0, len(planned.configs))
                continue
            first = largest[engine] if parts else 1  # So that the first rows of a large grid are soon there.
            parts.append(part)
            for machines in kept[engine] if small else _cut(planned.configs, largest[engine], first):
                hashes = machines.hashes(workload.content_hash, engine)
                missing = np.flatnonzero(store.missing(hashes))
                observe(0, len(hashes) - len(missing))
                if not small or len(missing) < len(hashes):  # Without what their hashes are made of.
                    machines, hashes = machines.take(missing), hashes[missing]
                if len(hashes):
                    yield _run, (shipped, engine, machines, hashes, store.made, __version__), {}


def _cut(configs: Sequence[MachineConfig], most: int, first: int | None = None) -> Iterator[Machines]:
    """The machines of each task: at most so many that share an interleaving. first: of the first task."""
    size = first or most
    for group in by_sharing(configs):
        start = 0
        while start < len(group):
            end = min(start + size, len(group))
            yield group.machines(start, end)[1]
            start, size = end, min(size * 2, most)


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


def _run(
    workload: Workload, engine: str, machines: Machines, hashes: Hashes, made: Callable[[Table], Any], version: str
) -> Any:
    """A task: its rows, as a store takes them. Runs in a worker, maybe on another machine."""
    if version != __version__:
        raise EieError(f"a worker has eiesim {__version__}, the sweep {version}; install the same on both")
    interleaved = interleaved_for(workload.interleaved or workload.layer, machines.once(_one))
    return made(rows_of(workload, interleaved, engine, machines, hashes))


def _one(machines: Machines) -> MachineConfig:
    """One of the machines: all of them share an interleaving."""
    return machines.config(0)
