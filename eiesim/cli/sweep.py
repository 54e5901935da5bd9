"""eiesim sweep, balance."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eiesim._version import __version__
from eiesim.cli.app import (
    ActivationDensity,
    ConfigFile,
    Density,
    Layers,
    Pes,
    Recorded,
    Rows,
    Seed,
    Settings,
    Variation,
    app,
    console,
    machine,
    write_text,
)
from eiesim.errors import EieError
from eiesim.sweeps.values import parse_axis, parse_values, parse_whole

if TYPE_CHECKING:
    import pandas as pd

    from eiesim.sweeps.run import Plan


def _columns(wanted: bool) -> None:
    if wanted:
        from rich.table import Table

        from eiesim.sweeps.row import meanings

        shown = Table(title="Columns of the sweep table", title_justify="left", title_style="")
        shown.add_column("column", no_wrap=True)
        shown.add_column("meaning")
        for column, meaning in meanings().items():
            shown.add_row(column, meaning)
        console(stderr=False).print(shown)
        raise typer.Exit


@app.command()
def sweep(
    layers: Annotated[
        list[str],
        typer.Argument(
            metavar="LAYER...",
            help="Layer files (.npz), network or dump folders, table3:NAME, or table3:all (nine); each on its own.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The table, CSV. Started again with it, only what is missing is run."),
    ],
    pes: Annotated[str | None, typer.Option(metavar="VALUES", help="Processing elements, 1 to 4096.")] = None,
    queue_depth: Annotated[str | None, typer.Option(metavar="VALUES", help="Places of an activation queue.")] = None,
    spmat_width: Annotated[str | None, typer.Option(metavar="VALUES", help="Bits of a sparse-matrix SRAM row.")] = None,
    arithmetic: Annotated[str | None, typer.Option(metavar="VALUES", help="float32, fixed32, fixed16, fixed8.")] = None,
    axes: Annotated[
        list[str] | None,
        typer.Option("--sweep", metavar="KEY=VALUES", help="Sweep any other configuration key; may be repeated."),
    ] = None,
    seeds: Annotated[str, typer.Option(metavar="VALUES", help="Seeds of table3: layers.")] = "0",
    variation: Annotated[
        str, typer.Option(metavar="VALUES", help="How uneven table3: layers are: 0 uniform, 0.15 as pruned layers are.")
    ] = "0",
    engine: Annotated[str, typer.Option(metavar="VALUES", help="recurrence, clocked, event.")] = "recurrence",
    config: ConfigFile = None,
    settings: Settings = None,
    input: Annotated[
        list[Path] | None,
        typer.Option("--input", "-i", help="Activations for layers that bring none; once, or once for each of them."),
    ] = None,
    recorded: Recorded = False,
    rows: Rows = None,
    density: Density = None,
    activation_density: ActivationDensity = None,
    plot: Annotated[Path | None, typer.Option(metavar="DIR", help="Draw what the table shows, PNG and SVG.")] = None,
    accuracy: Annotated[
        list[str] | None,
        typer.Option(metavar="ARITHMETIC=SHARE", help="Accuracies to draw beside energy, such as fixed16=0.983."),
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option(help="Write this sweep's rows as Parquet too, when done (extra: parquet).")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Tasks at a time; one a core unless given.")
    ] = None,
    backend: Annotated[str, typer.Option(help="threads, processes, dask or ray (the last two: extras).")] = "threads",
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A running cluster: tcp://HOST:8786 (Dask), ray://HOST:10001 (Ray)."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary.")] = False,
    columns: Annotated[
        bool, typer.Option("--columns", callback=_columns, is_eager=True, help="Explain the table's columns.")
    ] = False,
) -> None:
    """Run layers on a grid of machines; one row a run, added to a CSV file as it finishes.

    VALUES: 1,2,4 as they are; 0:5 is 0,1,2,3,4 (the end left out, as in Python), 0:9:3 steps by 3;
    1:256:x2 doubles from 1 to 256 (the end kept).

    \b
    eiesim sweep table3:all --pes 1:512:x2 --queue-depth 1:256:x2 -o results.csv --plot figures
    eiesim sweep table3:Alex-7 --seeds 0:5 --sweep index_bits=2:9 -o bits.csv
    eiesim sweep fc1.npz -i x.npy --spmat-width 32:512:x2 -o widths.csv --backend dask --scheduler tcp://HOST:8786
    """
    from eiesim.files import npz
    from eiesim.sweeps.run import collect, plan

    named = {"pes": pes, "queue_depth": queue_depth, "spmat_width": spmat_width, "arithmetic": arithmetic}
    swept: dict[str, list[Any]] = {key: parse_values(text) for key, text in named.items() if text is not None}
    for setting in axes or []:
        key, values = parse_axis(setting)
        if key in swept:
            raise EieError(f"{key} is swept twice; give all its values at once")
        swept[key] = values
    accuracies = _accuracies(accuracy)
    if output.suffix == ".parquet":
        raise EieError(f"{output}: rows are added to a CSV file; give -o NAME.csv and --parquet {output}")
    if parquet is not None and find_spec("pyarrow") is None:
        raise EieError("Parquet needs the extra: pip install 'eiesim[parquet]'")
    planned = plan(
        layers,
        swept,
        config=machine(config, settings, {}),
        engines=[str(name) for name in parse_values(engine)],
        seeds=parse_whole(seeds),
        variations=[_number(value) for value in parse_values(variation)],
        inputs=[npz.load_inputs(path) for path in input or []],
        density=density,
        activation_density=activation_density,
        rows=rows,
        recorded=recorded,
    )
    with _rate(planned) as observer:
        rows_ = collect(planned, output, jobs=jobs, backend=backend, scheduler=scheduler, observer=observer)
    if parquet is not None:
        _write_parquet(rows_, parquet)
    terminal = console()
    if not quiet:
        terminal.print(f"{len(rows_):,} rows in {output}", highlight=False, markup=False)
    if plot is not None:
        from eiesim.sweeps.plots import draw

        drawn = draw(rows_, plot, accuracies)
        for path in drawn:
            terminal.print(f"drawn: {path}", highlight=False, markup=False)
        if not drawn:
            terminal.print("nothing to draw: sweep pes, queue_depth, spmat_width, or two keys that change the balance")


@contextmanager
def _rate(planned: "Plan") -> Iterator[Callable[[int, int], object]]:
    """A progress bar with rate and time left; rows that were there already count for neither."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Rows a second."""

        def render(self, task: Task) -> Text:
            """The rate, once it is known."""
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.0f} rows/s" if speed >= 10 else f"{speed:.2g} rows/s")

    parts = (TextColumn("rows"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn(), TextColumn("left"))
    left = planned.runs
    known_in_all = new_in_all = 0
    terminal = console()
    with Progress(*parts, console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        task = bar.add_task("rows", total=left)

        def observe(new: int, known: int) -> None:
            nonlocal left, known_in_all, new_in_all
            left -= known
            known_in_all += known
            new_in_all += new
            bar.update(task, total=left, advance=new)

        yield observe
    if known_in_all:
        terminal.print(f"{new_in_all:,} rows are new, {known_in_all:,} were there", highlight=False)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EieError(f"--variation {value}: is not a number")
    return float(value)


def _accuracies(texts: list[str] | None) -> dict[str, float]:
    found = {}
    for text in texts or []:
        key, _, value = text.partition("=")
        try:
            found[key.strip()] = float(value)
        except ValueError:
            raise EieError(f"--accuracy {text}: is not ARITHMETIC=SHARE, for instance fixed16=0.983") from None
    return found


def _write_parquet(rows: "pd.DataFrame", path: Path) -> None:
    from eiesim._io.atomic import writing

    with writing(path) as file:
        rows.to_parquet(file, index=False, engine="pyarrow")


@app.command()
def balance(
    layers: Layers,
    input: Annotated[
        Path | None, typer.Option("--input", "-i", help="Activations, .npy or .npz: (cols,) or (batch, cols).")
    ] = None,
    pes: Pes = None,
    config: ConfigFile = None,
    settings: Settings = None,
    json: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the figures as JSON; - is standard output.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write each layer balanced by its weights, and its rows' order."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No tables.")] = False,
    recorded: Recorded = False,
    rows: Rows = None,
    seed: Seed = 0,
    density: Density = None,
    activation_density: ActivationDensity = None,
    variation: Variation = 0.0,
) -> None:
    """Say where a layer's cycles go, cause by cause, and what other orders of its rows would give.

    Causes add up to the cycles exactly. Rows are balanced greedily, once by the weights alone and once knowing the
    input; both are simulated, and their outputs, put back in order, are checked to be the same bit for bit.

    \b
    eiesim balance table3:Alex-8 --variation 0.15
    eiesim balance fc.npz -i x.npy --pes 256 --save balanced     writes balanced/NAME.npz and NAME-order.npy
    """
    import json as text

    import numpy as np

    from eiesim.balancing import study
    from eiesim.balancing.terminal import balance_table
    from eiesim.files import npz
    from eiesim.inputs import open_workloads

    configured = machine(config, settings, {"pes": pes})
    inputs = [] if input is None else [npz.load_inputs(input)]
    found = []
    for make in open_workloads(layers, inputs, [seed], [variation], density, activation_density, rows, recorded):
        workload = make()
        found.append(study.balance(workload.layer, workload.activations, configured))
        if not quiet:
            console().print(balance_table(found[-1]))
    if json is not None:
        report = {"format": "eiesim-balance/1", "eiesim": __version__, "config": configured.model_dump()}
        write_text(text.dumps({**report, "layers": [one.to_dict() for one in found]}, indent=1), json)
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
        for one in found:
            balanced = one.assignments[1]
            name = "".join(c if c.isalnum() or c in "-_." else "_" for c in balanced.layer.name)
            npz.save(balanced.layer, save / f"{name}.npz")
            npz.save_array(np.asarray(balanced.order), save / f"{name}-order.npy")
