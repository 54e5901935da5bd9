"""eiesim compare."""

from pathlib import Path
from typing import Annotated

import typer

import eiesim
from eiesim.cli.app import Role, command
from eiesim.cli.options import EnergyFigures, Fed, Formats, Machine, Quiet, picture_formats
from eiesim.cli.screen import Screen
from eiesim.errors import EieError, unknown

ALL_NINE = "table3:all"
BASELINES = ("published", "measured")


@command()
def compare(
    fed: Fed,
    machine: Machine,
    energy: EnergyFigures,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Where tables and plots go.  [required]"),
        Role.FILLS,
    ] = None,
    layers: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LAYERS]...",
            help="Table III names, or what `run` takes; each is compared by itself (default: all nine of Table III)",
            show_default=False,
        ),
        Role.READS,
    ] = None,
    baselines: Annotated[
        str, typer.Option(help="published (the paper's), measured (this machine's), or both, with a comma.")
    ] = "published",
    measured_file: Annotated[
        Path | None,
        typer.Option(help="Where measured baselines are kept and found (default: DIR/measured.json)"),
        Role.WRITES,
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Measure anew what the file has already.")] = False,
    cpu_tdp: Annotated[
        float | None,
        typer.Option(min=0.1, help="Watts of this CPU, to estimate energy from where it has no counter to read."),
    ] = None,
    gpu_tdp: Annotated[float | None, typer.Option(min=0.1, help="Watts of this GPU, likewise.")] = None,
    plots: Annotated[bool, typer.Option(help="Draw the plots.")] = True,
    formats: Formats = "png,svg",
    quiet: Quiet = False,
    out: Annotated[
        Path | None, typer.Option("--out", hidden=True, help="How --output was spelled once."), Role.FILLS
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="VALUES", help="Several seeds of table3: layers, such as 0:5: means and bars.")
    ] = None,
) -> None:
    """Compare EIE with CPUs and GPUs: time, energy, area; tables (CSV) and plots.

    \b
    eiesim compare -o out/                                        the paper's Figs. 6 and 7
    eiesim compare -o out/ --baselines published,measured         and this machine's CPU and GPU
    eiesim compare net/ --baselines measured -o out/              your own network's layers, and their total
    eiesim compare --seeds 0:5 -o out/                            Figs. 6 and 7 with error bars
    """
    from eiesim.comparison.terminal import report
    from eiesim.outputs import made_folder

    output = output or out
    if output is None:
        raise EieError("give a folder for the tables and plots: --output DIR")
    screen, drawn_as = Screen(quiet), picture_formats(formats)
    wanted = [name.strip() for name in baselines.split(",")]
    other = next((name for name in wanted if name not in BASELINES), None)
    if other is not None:
        raise unknown("no baselines", other, BASELINES)
    measured = measured_file or made_folder(output) / "measured.json"
    with screen.progress() as progress:
        found = eiesim.compare(
            layers or ALL_NINE, machine.chosen(), inputs=fed.input or (), seeds=seeds, published="published" in wanted,
            measured=measured if "measured" in wanted else None, again=again, cpu_tdp=cpu_tdp, gpu_tdp=gpu_tdp,
            progress=progress, **energy.chosen(), **fed.how(),
        )  # fmt: skip
    written = eiesim.save_comparison(found, output, plots=plots, formats=drawn_as)
    screen.add(*report(found))
    if found.measured is not None and found.measured.warning:
        screen.warn(found.measured.warning)
    screen.note(f"{len(written)} files in {output}")
