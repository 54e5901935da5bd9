"""eiesim.reproduce: the paper's tables and figures, run, drawn and written as one report."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eiesim._io.atomic import Outputs, check_targets
from eiesim._progress import Steps, Told, telling
from eiesim.files.guarding import guarded
from eiesim.outputs import filling
from eiesim.view.document import TEX, formats_of, write
from eiesim.view.helper import helper
from eiesim.view.paper import SCREEN

if TYPE_CHECKING:
    from eiesim.reproduction.conclusion import Reproduction
    from eiesim.view.helper import Drawn


@telling
@guarded("dump", fills=("output",))
def reproduce(
    output: str | Path = "reproduction",
    *,
    quick: bool = False,
    dump: str | Path | None = None,
    jobs: int | None = None,
    formats: Sequence[str] | None = None,
    style: str = "screen",
    progress: Told = None,
) -> "Reproduction":
    """Run every table and figure of the paper (Tables I to V, Figs. 6 to 13) and set them beside what was published.

    Writes report.html (one file), the tables as CSV, the figures as PNG and SVG, and runs.csv with every run.

    Parameters
    ----------
    output : path, default "reproduction"
        The folder; given again, only what is missing in its runs.csv is run.
    quick : bool, default False
        Fewer seeds and points: under a minute.
    dump : path, default None
        The authors' dump of AlexNet-FC8, for the layer that is exact.
    jobs : int, default None
        Tasks at a time; None is one a core.
    formats : sequence of str or None, default None
        Of the figures, what matplotlib writes; "tex" is the tables in LaTeX, with BibTeX. None is PNG and SVG, for a
        paper PDF. The report holds its own.
    style : str, default "screen"
        Of the figures beside the report: "screen", "paper" (a column wide) or "paper-wide" (two columns); see `plot`.
    progress : callable(int, int or None, str), bool or None, default None
        Told as `progress(done, total, doing)`, of the runs and then of the pictures; see `progress`.

    Returns
    -------
    Reproduction
        Items, claims and what agrees in words; `tables` and `pictures` count what was written.

    Raises
    ------
    EieError
        For a dump that is not readable, and where the folder cannot be written.

    Examples
    --------
    >>> import eiesim
    >>> found = eiesim.reproduce(quick=True, progress=eiesim.progress())  # doctest: +SKIP
    """
    out = Path(output)
    with (
        filling(out), filling(out / "tables"), filling(out / "figures"),
        helper("eiesim.reproduction.plots", jobs) as drawn,
    ):  # fmt: skip
        return _reproduce(out, quick, dump, jobs, progress, drawn, formats_of(formats, style), style)


def _reproduce(
    out: Path, quick: bool, dump: str | Path | None, jobs: int | None, progress: Told, drawn: "Drawn",
    formats: tuple[str, ...], style: str,
) -> "Reproduction":  # fmt: skip
    # Imported while the helper imports the same.
    from eiesim.reproduction import simulations
    from eiesim.reproduction.conclusion import conclude, lenet_accuracies, write_tables
    from eiesim.reproduction.grids import cited, grids
    from eiesim.reproduction.page import report
    from eiesim.reproduction.plots import pictures, write_figures
    from eiesim.reproduction.terminal import times_markdown

    extent = simulations.QUICK if quick else simulations.FULL
    planned = simulations.plans(extent, dump)
    check_targets(out / name for name in ("report.html", simulations.RUNS))
    runs = simulations.run(
        planned, extent, out, jobs=jobs, observer=Steps(progress, sum(one.runs for one in planned), "runs")
    )
    found = conclude(runs, lenet_accuracies())
    made = pictures(found)
    shown: dict[str, Any] = {name: None for name, _ in made}  # in their order, however they come
    done = Steps(progress, len(made), "pictures")
    with Outputs() as files:  # tables, figures and report of the same runs, or none of them
        tables = write_tables(found, out / "tables", files)
        files.open(out / "tables" / "table_4.md").write(f"{times_markdown(found.item('table_4'))}\n".encode())
        own = formats if style == SCREEN else ()
        for name, picture in write_figures(made, out / "figures", files, drawn, own):
            shown[name] = picture
            done()
        if style != SCREEN:
            write(made, (), (), out / "figures", files, formats=[one for one in formats if one != TEX], style=style)
        if TEX in formats:
            write((), grids(found), cited(), out / "tables", files, formats=(TEX,), style=SCREEN)
        files.open(out / "report.html").write(report(found, shown).encode())
    return replace(found, tables=len(tables), pictures=len(made))
