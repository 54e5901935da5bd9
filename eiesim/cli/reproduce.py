"""eiesim reproduce."""

from pathlib import Path
from typing import Annotated

import eiesim
from eiesim.cli.app import Fills, Option, Reads, command
from eiesim.cli.options import Formats, Quiet, Style
from eiesim.cli.screen import Screen, keeping
from eiesim.errors import counted


@command()
def reproduce(
    out: Annotated[
        Path, Fills("Where it goes; given again, what is there is kept.", "--output", "-o", metavar="DIR")
    ] = Path("reproduction"),
    quick: Annotated[bool, Option("Fewer seeds and points: under a minute.")] = False,
    dump: Annotated[
        Path | None, Reads("The authors' dump of AlexNet-FC8, for the layer that is exact.", metavar="DIR")
    ] = None,
    jobs: Annotated[int | None, Option("Tasks at a time; one a core.", "-j", min=1)] = None,
    formats: Formats = None,
    style: Style = "screen",
    quiet: Quiet = False,
) -> None:
    """Every table and figure of the paper (Tables I to V, Figs. 6 to 13), published beside simulated, with errors.

    Writes report.html (one file, opens anywhere), tables/*.csv, figures/*.png and *.svg, and runs.csv with every run;
    started again after an interruption, only what is missing is run.

    \b
    eiesim reproduce --quick
    eiesim reproduce -o reproduction --dump AlexNet-FC8
    """
    from eiesim.reproduction.terminal import claims_table, times_table

    screen = Screen(quiet)
    kept = f"the runs that are done are in {out / 'runs.csv'}; the same command goes on from there"
    with keeping(kept), screen.progress() as progress:
        found = eiesim.reproduce(
            out, quick=quick, dump=dump, jobs=jobs, formats=formats, style=style, progress=progress
        )
    screen.show(times_table(found.item("table_4")), claims_table(found.claims), *found.text)
    made = (len(found.runs.table), "run"), (found.tables, "table"), (found.pictures, "picture")
    counts = ", ".join(counted(*one) for one in made)
    screen.note(f"{counts}; read {out / 'report.html'}")
