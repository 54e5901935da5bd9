"""eiesim compare."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eiesim.cli.app import Role, command
from eiesim.cli.options import EnergyFigures, Fed, Formats, Machine, Quiet, picture_formats
from eiesim.cli.screen import Screen
from eiesim.errors import EieError, unknown

if TYPE_CHECKING:
    from eiesim.baselines.measurements import Measured
    from eiesim.comparison.rows import Comparison
    from eiesim.model import Workload

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
    from eiesim._io.atomic import check_target
    from eiesim.baselines.measured import measure
    from eiesim.comparison.files import write_tables
    from eiesim.comparison.rows import compare as compare_layers
    from eiesim.energy.events import load_energy_table
    from eiesim.inputs import TABLE_III as PREFIX
    from eiesim.outputs import Outputs, made_folder
    from eiesim.sweeps.values import parse_whole
    from eiesim.workloads import TABLE_III

    output = output or out
    if output is None:
        raise EieError("give a folder for the tables and plots: --output DIR")
    screen, drawn_as = Screen(quiet), picture_formats(formats)
    wanted = [name.strip() for name in baselines.split(",")]
    other = next((name for name in wanted if name not in BASELINES), None)
    if other is not None:
        raise unknown("no baselines", other, BASELINES)
    check_target(made_folder(output) / "eie.csv")
    configured = machine.chosen()
    names = [f"{PREFIX}{name}" if name in TABLE_III else name for name in layers or TABLE_III]
    workloads = [make() for make in fed.workloads(names, None if seeds is None else parse_whole(seeds))]
    table = None if energy.energy_table is None else load_energy_table(energy.energy_table)
    measured = None
    options = {"energy": energy.energy_model, "energy_table": table, "synthesis": fed.synthesis}
    if "measured" in wanted:
        # Before measuring for a minute, see that the rest can be done.
        compare_layers(workloads[:1], configured, with_published=False, **options)  # type: ignore[arg-type]
        kept = measured_file or made_folder(output) / "measured.json"
        with screen.progress("layers measured", len(_once(workloads))) as advance:
            measured = measure(
                _once(workloads), kept, again=again, cpu_tdp_w=cpu_tdp, gpu_tdp_w=gpu_tdp, progress=advance
            )
    published = "published" in wanted
    comparison = compare_layers(workloads, configured, with_published=published, measured=measured, **options)  # type: ignore[arg-type]
    with Outputs() as files:  # tables and plots of one comparison, or none of them
        written = write_tables(comparison, made_folder(output), files)
        if plots:
            from eiesim.comparison.files import write_plots

            written += write_plots(comparison, output, files, drawn_as)
    _show(screen, comparison, measured)
    screen.note(f"{len(written)} files in {output}")


def _show(screen: Screen, comparison: "Comparison", measured: "Measured | None") -> None:
    from eiesim.comparison import terminal as tables
    from eiesim.paper.speedups import headlines, inconsistencies

    screen.show(tables.eie_table(comparison))
    for title, ratios in (
        ("Speed-up over the CPU, dense, batch 1 (Fig. 6)", comparison.speedup),
        ("Energy efficiency over the CPU, dense, batch 1 (Fig. 7)", comparison.efficiency),
        ("Speed-up over this machine's CPU, dense, batch 1", comparison.measured_speedup),
        ("Energy efficiency over this machine's CPU, dense, batch 1", comparison.measured_efficiency),
    ):
        if ratios:
            screen.show(tables.ratio_table(title, ratios))
    if measured is not None:
        threads = " or ".join(str(count) for count in sorted({one.threads for one in measured.measurements}))
        screen.say(f"times measured on {measured.machine.cpu}, {threads} threads (the faster), {measured.when}")
        for source in dict.fromkeys(f"{one.energy_basis}: {one.power_source}" for one in measured.measurements):
            screen.say(f"  energy {source}")
        if measured.busy:
            busy = f"load average {measured.load_average:.1f} on {measured.machine.cores} cores"
            screen.warn(f"the machine was not idle ({busy}): times may be too long")
    if comparison.checks:
        screen.show(tables.check_table(comparison.checks))
        for line in tables.check_causes(comparison.checks):
            screen.say(f"- {line}")
    screen.show(tables.waterfall_table(comparison))
    if comparison.platforms:
        screen.show(tables.platform_table(comparison))
    if comparison.speedup:
        screen.show(tables.headline_table(headlines()))
        screen.say("Where the paper disagrees with itself:")
        for line in inconsistencies():
            screen.say(f"- {line}")


def _once(workloads: "Sequence[Workload]") -> "list[Workload]":
    """One workload a layer: the first seed's."""
    return list({one.layer.name: one for one in reversed(workloads)}.values())[::-1]
