"""What `eiesim.plot` draws of each kind of thing: the pictures by name, under the style of their room."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from eiesim.balancing.study import Balance
from eiesim.balancing.terminal import causes_of
from eiesim.comparison import plots as comparison_plots
from eiesim.comparison.rows import Comparison
from eiesim.errors import EieError, NothingToDrawError
from eiesim.result import LayerResult, Result
from eiesim.sweeps import plots as sweep_plots
from eiesim.view import cycles, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    Drawings = Iterable[tuple[str, Callable[[], Figure]]]

SCREEN_DPI = 150


def pictures(
    what: Any, accuracies: Mapping[str, float], accuracy_label: str
) -> "tuple[Mapping[str, Any], int, bool, Drawings]":
    """Style, dots per inch, whether white margins are cut, and (name, function that draws it) of each picture.

    what, accuracies: see `eiesim.plot`. Raises EieError where there is nothing to draw.
    """
    if isinstance(what, LayerResult):
        what = Result((what,), what.config, what.engine)
    if isinstance(what, Result):
        drawings: Drawings = [
            ("pe_cycles", partial(cycles.states, what.layers)),
            ("pe_load", partial(cycles.loads, what.layers)),
        ]
        return style.BARS, comparison_plots.DPI, False, drawings
    if isinstance(what, Balance):
        return style.BARS, comparison_plots.DPI, False, [("balance", partial(_balance, what))]
    if isinstance(what, Comparison):
        return style.BARS, comparison_plots.DPI, False, comparison_plots.drawings(what)
    if {"layer", "cycles", "time_us", "eiesim"} <= set(getattr(what, "columns", ())):
        if not len(what):
            raise EieError("the table has no rows to draw")
        drawings = list(sweep_plots.drawings(what, accuracies, accuracy_label))
        if not drawings:
            raise NothingToDrawError
        return style.LINES, SCREEN_DPI, True, drawings
    raise EieError(
        f"{type(what).__name__}: is nothing that plot draws; give a sweep's table, a comparison, a result or a balance"
    )


def _balance(balance: Balance) -> "Figure":
    tried = balance.assignments
    losses = [one.losses.to_dict() for one in tried]
    causes = causes_of(balance.config)
    parts = {label.partition(": ")[2]: [each[key] for each in losses] for key, label in causes.items()}
    machine = f"{balance.config.pes} PEs{balance.config.variant}"
    title = f"{tried[0].layer.name} on {machine}: where the PE-cycles go, by the order of the rows"
    return cycles.shares(title, [one.name for one in tried], parts, [f"{one.cycles:,} cycles" for one in tried])
