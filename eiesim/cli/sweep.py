"""eiesim sweep."""

from contextlib import nullcontext
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eiesim.cli.app import Role, command
from eiesim.cli.options import Base, Formats, Opened, OwnInputs, Quiet, picture_formats
from eiesim.cli.screen import Screen, keeping
from eiesim.errors import EieError
from eiesim.sweeps.values import parse_axis, parse_values, parse_whole

if TYPE_CHECKING:
    import pandas as pd
    from rich.progress import ProgressColumn

    from eiesim.config import MachineConfig


def _columns(wanted: bool) -> None:
    if wanted:
        from eiesim.sweeps.terminal import columns_table

        Screen().show(columns_table())
        raise typer.Exit


@command()
def sweep(
    layers: Annotated[
        list[str],
        typer.Argument(
            metavar="LAYER...",
            help="Layer files (.npz), network or dump folders, table3:NAME, or table3:all (nine); each on its own.",
            show_default=False,
        ),
        Role.READS,
    ],
    base: Base,
    opened: Opened,
    own: OwnInputs,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.csv|-",
            help="The table, CSV; started again with it, only what is missing is run. - is standard output; "
            "without it the rows are shown in short.",
        ),
        Role.WRITES,
    ] = None,
    pes: Annotated[str | None, typer.Option(metavar="VALUES", help="Processing elements, 1 to 4096.")] = None,
    queue_depth: Annotated[str | None, typer.Option(metavar="VALUES", help="Places of an activation queue.")] = None,
    spmat_width: Annotated[str | None, typer.Option(metavar="VALUES", help="Bits of a sparse-matrix SRAM row.")] = None,
    arithmetic: Annotated[str | None, typer.Option(metavar="VALUES", help="float32, fixed32, fixed16, fixed8.")] = None,
    axes: Annotated[
        list[str] | None,
        typer.Option(
            "--sweep",
            metavar="KEY=VALUES",
            help="Sweep any other configuration key, such as multipliers=1,2,4; may be repeated.",
        ),
    ] = None,
    seeds: Annotated[str, typer.Option(metavar="VALUES", help="Seeds of table3: layers.")] = "0",
    variation: Annotated[
        str, typer.Option(metavar="VALUES", help="How uneven table3: layers are: 0 uniform, 0.15 as pruned layers are.")
    ] = "0",
    engine: Annotated[str, typer.Option(metavar="VALUES", help="recurrence, clocked, event.")] = "recurrence",
    input: Annotated[
        list[Path] | None,
        typer.Option("--input", "-i", help="Activations for layers that bring none; once, or once for each of them."),
        Role.READS,
    ] = None,
    plot: Annotated[Path | None, typer.Option(metavar="DIR", help="Draw what the table shows."), Role.FILLS] = None,
    formats: Formats = "png,svg",
    accuracy: Annotated[
        list[str] | None,
        typer.Option(metavar="ARITHMETIC=SHARE", help="Accuracies to draw beside energy, such as fixed16=0.983."),
    ] = None,
    parquet: Annotated[
        Path | None,
        typer.Option(help="Write this sweep's rows as Parquet too, when done (extra: parquet)."),
        Role.WRITES,
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Tasks at a time; one a core unless given.")
    ] = None,
    backend: Annotated[str, typer.Option(help="threads, processes, dask or ray (the last two: extras).")] = "threads",
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A running cluster: tcp://HOST:8786 (Dask), ray://HOST:10001 (Ray)."),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Drop damaged lines of the table and run their rows anew.")
    ] = False,
    quiet: Quiet = False,
    columns: Annotated[
        bool, typer.Option("--columns", callback=_columns, is_eager=True, help="Explain the table's columns.")
    ] = False,
) -> None:
    """Run layers on a grid of machines; one row a run, added to a CSV file as it finishes, or shown.

    VALUES: 1,2,4 as they are; 0:5 is 0,1,2,3,4 (the end left out, as in Python), 0:9:3 steps by 3;
    1:256:x2 doubles from 1 to 256 (the end kept).

    \b
    eiesim sweep table3:Alex-7 --pes 16:256:x2                  shown in short
    eiesim sweep table3:all --pes 1:512:x2 --queue-depth 1:256:x2 -o results.csv --plot figures
    eiesim sweep table3:Alex-7 --seeds 0:5 --sweep index_bits=2:9 -o bits.csv
    eiesim sweep table3:all --pes 16:256:x2 --sweep multipliers=1,2,4,8 --sweep mapping=interleaved,blocked
    eiesim sweep fc1.npz -i x.npy --spmat-width 32:512:x2 -o widths.csv --backend dask --scheduler tcp://HOST:8786
    """
    from eiesim._io.atomic import check_target
    from eiesim.files import npz
    from eiesim.outputs import made_folder, print_text
    from eiesim.sweeps.row import frame
    from eiesim.sweeps.run import collect_rows, plan
    from eiesim.sweeps.terminal import rows_table

    named = {"pes": pes, "queue_depth": queue_depth, "spmat_width": spmat_width, "arithmetic": arithmetic}
    swept: dict[str, list[Any]] = {key: parse_values(text) for key, text in named.items() if text is not None}
    for setting in axes or []:
        key, values = parse_axis(setting)
        if key in swept:
            raise EieError(f"{key} is swept twice; give all its values at once")
        swept[key] = values
    accuracies, drawn_as = _accuracies(accuracy), picture_formats(formats)
    if plot is not None:
        check_target(made_folder(plot) / "figure.png")
    if output is not None and output.suffix == ".parquet":
        raise EieError(f"{output}: rows are added to a CSV file; give -o NAME.csv and --parquet {output}")
    if parquet is not None and find_spec("pyarrow") is None:
        raise EieError("Parquet needs the extra: pip install 'eiesim[parquet]'")
    planned = plan(
        layers,
        swept,
        config=base.chosen(),
        engines=[str(name) for name in parse_values(engine)],
        seeds=parse_whole(seeds),
        variations=[_number(value) for value in parse_values(variation)],
        inputs=[npz.load_inputs(path) for path in input or []],
        **vars(opened),
        **vars(own),
    )
    file = None if output is None or str(output) == "-" else output
    screen = Screen(quiet)
    new = known = 0
    with (
        keeping(f"rows that are done are in {file}; the same command goes on from there") if file else nullcontext(),
        screen.progress("rows", planned.runs, _rate()) as advance,
    ):

        def observe(done: int, there: int) -> None:
            nonlocal new, known
            new, known = new + done, known + there
            advance(done, there)

        found = collect_rows(
            planned, file, jobs=jobs, backend=backend, scheduler=scheduler, observer=observe, repair=repair
        )
    if parquet is not None:
        _write_parquet(frame(found), parquet)
    if file is not None:
        there = f", {new:,} new and {known:,} that were there" if known else ""
        screen.note(f"{len(found):,} rows in {file}{there}")
    elif output is not None:
        print_text(frame(found).to_csv(index=False).removesuffix("\n"))
    else:
        screen.show(rows_table(found))
    if plot is not None:
        from eiesim.sweeps.plots import draw

        label = "accuracy (given)"
        if not accuracies and "arithmetic" in swept:
            accuracies, label = _recognised(layers, base.chosen(), screen), "accuracy (simulated)"
        drawn = draw(frame(found), plot, accuracies, label, formats=drawn_as)
        for path in drawn:
            screen.note(f"drawn: {path}")
        if not drawn:
            screen.note(
                "nothing to draw: sweep pes, queue_depth, multipliers, spmat_width, or two keys that change the load "
                "balance"
            )


def _recognised(layers: list[str], config: "MachineConfig", screen: Screen) -> dict[str, float]:
    """Accuracy by arithmetic of a single network that brings inputs and labels; of anything else none is known."""
    from eiesim.api import accuracy
    from eiesim.config import ARITHMETICS
    from eiesim.inputs import open_model

    model = open_model(layers) if len(layers) == 1 else None
    if model is None or not model.chain or model.activations is None or model.labels is None:
        return {}
    with screen.progress("arithmetics", len(ARITHMETICS)) as advance:
        return accuracy(model, config=config, progress=advance)["shared"]


def _rate() -> "ProgressColumn":
    """Rows a second, for the progress bar."""
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Rate(ProgressColumn):
        """Rows a second."""

        def render(self, task: Task) -> Text:
            """The rate, once it is known."""
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.0f} rows/s" if speed >= 10 else f"{speed:.2g} rows/s")

    return Rate()


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise EieError(f"--variation {value}: is not a number")
    return float(value)


def _accuracies(texts: list[str] | None) -> dict[str, float]:
    found = {}
    for text in texts or []:
        key, _, value = text.partition("=")
        try:
            found[key.strip()] = float(value)
            if not 0 <= found[key.strip()] <= 1:
                raise ValueError
        except ValueError:
            raise EieError(f"--accuracy {text}: is not ARITHMETIC=SHARE, for instance fixed16=0.983") from None
    return found


def _write_parquet(rows: "pd.DataFrame", path: Path) -> None:
    from eiesim._io.atomic import writing

    with writing(path) as file:
        rows.to_parquet(file, index=False, engine="pyarrow")
