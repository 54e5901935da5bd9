"""eiesim reproduce."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eiesim.cli.app import Role, command
from eiesim.cli.options import Quiet
from eiesim.cli.screen import Screen, keeping

if TYPE_CHECKING:
    from eiesim.view.helper import Drawn


@command()
def reproduce(
    out: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Where it goes; given again, what is there is kept."),
        Role.FILLS,
    ] = Path("reproduction"),
    quick: Annotated[bool, typer.Option("--quick", help="Fewer seeds and points: under a minute.")] = False,
    dump: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The authors' dump of AlexNet-FC8, for the layer that is exact."),
        Role.READS,
    ] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Tasks at a time; one a core.")] = None,
    quiet: Quiet = False,
) -> None:
    """Every table and figure of the paper (Tables I to V, Figs. 6 to 13), published beside simulated, with errors.

    Writes report.html (one file, opens anywhere), tables/*.csv, figures/*.png and *.svg, and runs.csv with every run;
    started again after an interruption, only what is missing is run.

    \b
    eiesim reproduce --quick
    eiesim reproduce -o reproduction --dump AlexNet-FC8
    """
    from eiesim.view.helper import helper

    with helper("eiesim.reproduction.plots", jobs) as drawn:
        _reproduce(out, quick, dump, jobs, Screen(quiet), drawn)


def _reproduce(out: Path, quick: bool, dump: Path | None, jobs: int | None, screen: Screen, drawn: "Drawn") -> None:
    from eiesim._io.atomic import Outputs, check_target
    from eiesim.outputs import made_folder
    from eiesim.reproduction import simulations
    from eiesim.reproduction.conclusion import conclude, lenet_accuracies, write_tables
    from eiesim.reproduction.page import report
    from eiesim.reproduction.plots import pictures, write_figures
    from eiesim.reproduction.terminal import claims_table, times_markdown, times_table

    extent = simulations.QUICK if quick else simulations.FULL
    planned = simulations.plans(extent, dump)
    for folder in (out, out / "tables", out / "figures"):
        made_folder(folder)
    check_target(out / "report.html")
    kept = f"the runs that are done are in {out / simulations.RUNS}; the same command goes on from there"
    with keeping(kept), screen.progress("runs", sum(one.runs for one in planned)) as advance:
        runs = simulations.run(planned, extent, out, jobs=jobs, observer=advance)
    found = conclude(runs, lenet_accuracies())
    made = pictures(found)
    shown: dict[str, Any] = {name: None for name, _ in made}  # in their order, however they come
    with Outputs() as files:  # tables, figures and report of the same runs, or none of them
        tables = write_tables(found, out / "tables", files)
        files.open(out / "tables" / "table_4.md").write(f"{times_markdown(found.item('table_4'))}\n".encode())
        with screen.progress("pictures", len(made)) as advance:
            for name, picture in write_figures(made, out / "figures", files, drawn):
                shown[name] = picture
                advance(1)
        files.open(out / "report.html").write(report(found, shown).encode())
    screen.show(times_table(found.item("table_4")), claims_table(found.claims))
    for line in found.text:
        screen.say(line)
    counts = f"{len(runs.table):,} runs, {len(tables)} tables, {len(made)} pictures"
    screen.note(f"{counts}; read {out / 'report.html'}")
