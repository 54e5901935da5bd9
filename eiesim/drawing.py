"""What `eiesim.plot` draws of each kind of thing: the pictures by name."""

from collections.abc import Mapping
from typing import Any

from eiesim.balancing.study import Balance
from eiesim.balancing.terminal import causes_of
from eiesim.comparison import plots as comparison_plots
from eiesim.comparison.rows import Comparison
from eiesim.errors import EieError, NothingToDrawError
from eiesim.result import LayerResult, Result
from eiesim.sweeps import plots as sweep_plots
from eiesim.view import cycles
from eiesim.view.panels import Picture


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
