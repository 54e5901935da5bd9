"""eiesim compare."""

from pathlib import Path
from typing import Annotated

import eiesim
from eiesim.cli.app import Argument, Fills, Option, Writes, command
from eiesim.cli.options import EnergyFigures, Fed, Formats, Machine, Quiet, Style
from eiesim.cli.screen import Screen
from eiesim.errors import EieError, counted, unknown

ALL_NINE = "table3:all"
LAYERS_HELP = "Table III names, or what `run` takes; each is compared by itself (default: all nine of Table III)"
BASELINES = ("published", "measured")


@command()
def compare(
    fed: Fed,
    machine: Machine,
    energy: EnergyFigures,
    output: Annotated[Path | None, Fills("Where tables and plots go.  [required]", "-o", metavar="DIR")] = None,
    layers: Annotated[list[str] | None, Argument(LAYERS_HELP, metavar="[LAYERS]...")] = None,
    baselines: Annotated[
        str, Option("published (the paper's), measured (this machine's), or both, with a comma.")
    ] = "published",
    measured_file: Annotated[
        Path | None, Writes("Where measured baselines are kept and found (default: DIR/measured.json)")
    ] = None,
    again: Annotated[bool, Option("Measure anew what the file has already.")] = False,
    cpu_tdp: Annotated[
        float | None, Option("Watts of this CPU, to estimate energy from where it has no counter to read.", min=0.1)
    ] = None,
    gpu_tdp: Annotated[float | None, Option("Watts of this GPU, likewise.", min=0.1)] = None,
    plots: Annotated[bool, Option("Draw the plots.", "--plots/--no-plots")] = True,
    formats: Formats = None,
    style: Style = "screen",
    quiet: Quiet = False,
    out: Annotated[Path | None, Fills("How --output was spelled once.", hidden=True)] = None,
    seeds: Annotated[
        str | None, Option("Several seeds of table3: layers, such as 0:5: means and bars.", metavar="VALUES")
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
    from eiesim.outputs import filling

    output = output or out
    if output is None:
        raise EieError("give a folder for the tables and plots: --output DIR")
    screen = Screen(quiet)
    wanted = [name.strip() for name in baselines.split(",")]
    other = next((name for name in wanted if name not in BASELINES), None)
    if other is not None:
        raise unknown("no baselines", other, BASELINES)
    configured = machine.chosen()
    with filling(output) as folder:
        measured = measured_file or folder / "measured.json"
        with screen.progress() as progress:
            found = eiesim.compare(
                layers or ALL_NINE, configured, inputs=fed.input or (), seeds=seeds, published="published" in wanted,
                measured=measured if "measured" in wanted else None, again=again, cpu_tdp=cpu_tdp, gpu_tdp=gpu_tdp,
                progress=progress, **energy.chosen(), **fed.how(),
            )  # fmt: skip
        written = eiesim.save_comparison(found, output, plots=plots, formats=formats, style=style)
    screen.show(*report(found))
    if found.measured is not None and found.measured.warning:
        screen.warn(found.measured.warning)
    screen.note(f"{counted(len(written), 'file')} in {output}")
