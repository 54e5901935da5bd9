"""eiesim.plot: the pictures of each kind of thing, drawn into a folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eiesim._io.atomic import Outputs
from eiesim.balancing.study import Balance
from eiesim.balancing.terminal import causes_of
from eiesim.comparison import plots as comparison_plots
from eiesim.comparison.rows import Comparison
from eiesim.errors import EieError, NothingToDrawError
from eiesim.layer_result import LayerResult
from eiesim.outputs import made_folder
from eiesim.result import Result
from eiesim.sweeps import plots as sweep_plots
from eiesim.tracing.heat_map import draw_heat_maps
from eiesim.view import cycles
from eiesim.view.panels import Picture
from eiesim.view.saving import FORMATS, save_all

if TYPE_CHECKING:
    import pandas as pd


def plot(
    what: "pd.DataFrame | Comparison | Result | LayerResult | Balance",
    output: str | Path,
    *,
    accuracies: Mapping[str, float] | None = None,
    basis: str = "given",
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Draw a sweep's table, a comparison, a result or a balance into a folder.

    Each picture says what is simulated, estimated, measured and published. The same data give the same file.

    Parameters
    ----------
    what : pandas.DataFrame, Comparison, Result, LayerResult or Balance
        The table that `sweep` gives (after EIE Figs. 8 to 13: whatever its varying keys allow), what `compare` gives
        (after Figs. 6 and 7; power by module, savings, area), what `simulate` gives (where each layer's PE-cycles went,
        how evenly the PEs are loaded, and what each PE did over time; nothing is simulated again), or what `balance`
        gives (PE-cycles by cause, by assignment).
    output : str or pathlib.Path
        The folder, made if need be; files have the pictures' names and appear together.
    accuracies : mapping of str to float, or None, default None
        For a sweep's table, shares recognised, 0 to 1, by arithmetic, drawn beside its energy (Fig. 10).
    basis : str, default "given"
        Where these come from, for their axis: "given", "simulated" or "measured".
    formats : sequence of str, default ("png", "svg")
        Whatever matplotlib writes, such as "pdf"; text stays text.

    Returns
    -------
    list of pathlib.Path
        The files, a picture in each format.

    Raises
    ------
    EieError
        Where there is nothing to draw, and for a folder that cannot be made.
    """
    drawn = pictures(what, accuracies or {}, f"accuracy ({basis})")
    folder = made_folder(output)
    layers = what.layers if isinstance(what, Result) else [what] if isinstance(what, LayerResult) else []
    with Outputs() as files:
        return [*save_all(drawn, folder, formats=formats, files=files), *draw_heat_maps(layers, folder, formats, files)]


def pictures(what: Any, accuracies: Mapping[str, float], accuracy_label: str) -> list[tuple[str, Picture]]:
    """The pictures of a thing, by name. what, accuracies: see `eiesim.plot`.

    Raises EieError where there is nothing to draw.
    """
    if isinstance(what, LayerResult):
        what = Result((what,), what.config, what.engine)
    if isinstance(what, Result):
        return [("pe_cycles", cycles.states(what.layers)), ("pe_load", cycles.loads(what.layers))]
    if isinstance(what, Balance):
        return [("balance", balance_picture(what))]
    if isinstance(what, Comparison):
        return list(comparison_plots.pictures(what))
    if {"layer", "cycles", "time_us", "eiesim"} <= set(getattr(what, "columns", ())):
        if not len(what):
            raise EieError("the table has no rows to draw")
        drawn = list(sweep_plots.pictures(what, accuracies, accuracy_label))
        if not drawn:
            raise NothingToDrawError
        return drawn
    raise EieError(
        f"{type(what).__name__}: is nothing that plot draws; give a sweep's table, a comparison, a result or a balance"
    )


def balance_picture(balance: Balance) -> Picture:
    """PE-cycles by cause, a bar an order of the rows."""
    tried = balance.assignments
    losses = [one.losses.to_dict() for one in tried]
    causes = causes_of(balance.config)
    parts = {label.partition(": ")[2]: [each[key] for each in losses] for key, label in causes.items()}
    machine = f"{balance.config.pes} PEs{balance.config.variant}"
    title = f"{tried[0].layer.name} on {machine}: where the PE-cycles go, by the order of the rows"
    return cycles.shares(title, [one.name for one in tried], parts, [f"{one.cycles:,} cycles" for one in tried])
