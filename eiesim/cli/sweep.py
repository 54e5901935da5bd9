"""eiesim sweep."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

import eiesim
from eiesim.cli.app import Argument, Fills, Option, Reads, Writes, command
from eiesim.cli.options import Base, Formats, Opened, OwnInputs, Quiet, Style
from eiesim.cli.screen import Screen, keeping
from eiesim.errors import EieError, NothingToDrawError, counted

LAYERS_HELP = (
    "Layer files (.npz), matrices (.mtx, .smtx, .npy), network or dump folders, table3:NAME, or table3:all (nine); "
    "each on its own."
)
OUTPUT_HELP = (
    "The table, CSV; started again with it, only what is missing is run. - is standard output; "
    "without it the rows are shown in short."
)
AXES_HELP = "Sweep any other configuration key, such as multipliers=1,2,4; may be repeated."


def _columns(wanted: bool) -> None:
    if wanted:
        from eiesim.sweeps.terminal import columns_table

        Screen().show(columns_table())
        raise typer.Exit


@command()
def sweep(
    layers: Annotated[list[str], Argument(LAYERS_HELP, metavar="LAYER...")],
    base: Base,
    opened: Opened,
    own: OwnInputs,
    output: Annotated[Path | None, Writes(OUTPUT_HELP, "-o", metavar="FILE.csv|-")] = None,
    pes: Annotated[str | None, Option("Processing elements, 1 to 4096.", metavar="VALUES")] = None,
    queue_depth: Annotated[str | None, Option("Places of an activation queue.", metavar="VALUES")] = None,
    spmat_width: Annotated[str | None, Option("Bits of a sparse-matrix SRAM row.", metavar="VALUES")] = None,
    arithmetic: Annotated[str | None, Option("float32, fixed32, fixed16, fixed8.", metavar="VALUES")] = None,
    operation: Annotated[str | None, Option("multiply, adder.", metavar="VALUES")] = None,
    axes: Annotated[list[str] | None, Option(AXES_HELP, "--sweep", metavar="KEY=VALUES")] = None,
    seeds: Annotated[str, Option("Seeds of table3: layers, and of inputs drawn for matrices.", metavar="VALUES")] = "0",
    variation: Annotated[
        str, Option("How uneven table3: layers are: 0 uniform, 0.15 as pruned layers are.", metavar="VALUES")
    ] = "0",
    engine: Annotated[str, Option("recurrence, clocked, event.", metavar="VALUES")] = "recurrence",
    input: Annotated[
        list[Path] | None, Reads("Activations for layers that bring none; once, or once for each of them.", "-i")
    ] = None,
    plot: Annotated[Path | None, Fills("Draw what the table shows.", metavar="DIR")] = None,
    formats: Formats = None,
    style: Style = "screen",
    accuracy: Annotated[
        list[str] | None,
        Option("Accuracies to draw beside energy, such as fixed16=0.983.", metavar="ARITHMETIC=SHARE"),
    ] = None,
    parquet: Annotated[
        Path | None,
        Writes("Write this sweep's rows as Parquet; without -o it goes on from there too (extra: parquet)."),
    ] = None,
    totals: Annotated[
        Path | None, Writes("Write what each machine comes to over all layers, with its area, as CSV.")
    ] = None,
    jobs: Annotated[int | None, Option("Tasks at a time; one a core unless given.", "-j", min=1)] = None,
    backend: Annotated[str, Option("threads, processes, dask or ray (the last two: extras).")] = "threads",
    scheduler: Annotated[
        str | None, Option("A running cluster: tcp://HOST:8786 (Dask), ray://HOST:10001 (Ray).", metavar="ADDRESS")
    ] = None,
    repair: Annotated[bool, Option("Drop damaged lines of the table and run their rows anew.")] = False,
    quiet: Quiet = False,
    columns: Annotated[bool, Option("Explain the table's columns.", callback=_columns, is_eager=True)] = False,
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
    from eiesim._io.memory import keep_heaps_small
    from eiesim.outputs import Outputs, filling, print_text
    from eiesim.sweeps.terminal import MOST_ROWS, sweep_tables

    keep_heaps_small()
    named = {
        "pes": pes,
        "queue_depth": queue_depth,
        "spmat_width": spmat_width,
        "arithmetic": arithmetic,
        "operation": operation,
    }
    swept = [*(f"{key}={text}" for key, text in named.items() if text is not None), *(axes or [])]
    accuracies = _accuracies(accuracy or [])
    file = None if output is None or str(output) == "-" else output
    screen, configured = Screen(quiet), base.chosen()
    done = file or parquet
    kept = file or (parquet and f"{parquet}.parts")
    try:
        with filling(plot) if plot is not None else nullcontext():
            with (
                _keeping(f"rows that are done are in {kept}; the same command goes on from there", kept),
                screen.progress() as progress,
            ):
                found = eiesim.sweep_rows(
                    layers, swept, config=configured, engines=engine, seeds=seeds, variations=variation,
                    inputs=input or (), output=file, parquet=parquet, jobs=jobs, backend=backend, scheduler=scheduler,
                    repair=repair, progress=progress, **vars(opened), **vars(own),
                )  # fmt: skip
            with _keeping(f"all rows are in {done}; the same command goes on from there", done):
                if file is not None:
                    there = f", {found.new:,} new and {found.known:,} that were there" if found.known else ""
                    screen.note(f"{counted(len(found), 'row')} in {file}{there}")
                elif output is not None:
                    print_text(found.to_csv().removesuffix("\n"))
                elif parquet is not None and len(found) > MOST_ROWS:
                    screen.note(f"{counted(len(found), 'row')} in {parquet}")
                else:
                    screen.show(*sweep_tables(found.rows))
                if totals is not None:
                    with Outputs() as files:
                        text = eiesim.network_totals(found.to_frame()).to_csv(index=False).removesuffix("\n")
                        files.text(text, str(totals))
                if plot is not None:
                    basis = "given"
                    if not accuracies and any(one.startswith("arithmetic=") for one in swept):
                        accuracies, basis = _recognised(layers, configured, screen), "simulated"
                    drawn = eiesim.plot(
                        found.to_frame(), plot, accuracies=accuracies, basis=basis, formats=formats, style=style
                    )
                    for path in drawn:
                        screen.note(f"drawn: {path}")
    except NothingToDrawError as nothing:
        screen.note(str(nothing))


def _keeping(what: str, kept: object) -> AbstractContextManager[None]:
    return keeping(what) if kept else nullcontext()


def _recognised(layers: list[str], config: "eiesim.MachineConfig", screen: Screen) -> dict[str, float]:
    """Accuracy by arithmetic of a single network that brings inputs and labels; of anything else none is known."""
    model = eiesim.open(layers[0]) if len(layers) == 1 else None
    if model is None or not model.chain or model.activations is None or model.labels is None:
        return {}
    with screen.progress() as progress:
        return eiesim.accuracy(model, config=config, progress=progress)["shared"]


def _accuracies(texts: list[str]) -> dict[str, float]:
    found = {}
    for text in texts:
        key, _, value = text.partition("=")
        try:
            found[key.strip()] = share = float(value)
        except ValueError:
            share = -1
        if not 0 <= share <= 1:
            raise EieError(f"--accuracy {text}: is not ARITHMETIC=SHARE, for instance fixed16=0.983")
    return found
