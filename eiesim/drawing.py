"""eiesim.plot: the pictures of each kind of thing, as a figure or drawn into a folder, with its tables for a paper."""

from collections.abc import Iterator, Mapping, Sequence
from functools import singledispatch
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from rich.table import Table

from eiesim._io.atomic import Outputs
from eiesim.balancing.study import Balance
from eiesim.balancing.terminal import balance_table, causes_of
from eiesim.comparison import grids as comparison_grids
from eiesim.comparison import plots as comparison_plots
from eiesim.comparison.rows import Comparison
from eiesim.compression.pipeline import Compressed
from eiesim.encoding import InterleavedLayer
from eiesim.energy.costs import EnergyCosts
from eiesim.errors import EieError, NothingToDrawError, unknown
from eiesim.evaluation import Accuracies
from eiesim.files.network import Network
from eiesim.inspection import Inspection, Inspections
from eiesim.layer import CompressedLayer
from eiesim.layer_result import LayerResult
from eiesim.model import Model, Workload
from eiesim.outputs import filling
from eiesim.paper.citing import ESTIMATES, MACHINE
from eiesim.reproduction import grids as reproduction_grids
from eiesim.reproduction.conclusion import Reproduction
from eiesim.result import Result
from eiesim.sweeps import plots as sweep_plots
from eiesim.sweeps.row import rows_of
from eiesim.sweeps.run import Swept
from eiesim.sweeps.terminal import rows_table
from eiesim.tracing import path_picture
from eiesim.tracing.heat_map import MOST_MAPS, heat_map, heat_maps
from eiesim.tracing.path import CriticalPath
from eiesim.tracing.terminal import path_report
from eiesim.tracing.trace import Trace
from eiesim.training.trained import Trained
from eiesim.view import bars, cycles
from eiesim.view import layers as layer_pictures
from eiesim.view.document import formats_of, write
from eiesim.view.figure import figure
from eiesim.view.grid import Grid, grid_of, grid_of_frame
from eiesim.view.panels import Picture
from eiesim.view.paper import SCREEN, in_style
from eiesim.view.terminal import result_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pictures = Iterator[tuple[str, Picture]]

MOST_LISTED = 10
"""PEs and segments of a critical path, at most, in its tables."""


@overload
def plot(
    what: Any, output: None = None, *, picture: str | None = None, style: str = "screen",
    layers: int | Sequence[str] | None = None,
    accuracies: Mapping[str, float] | None = None, basis: str = "given", formats: Sequence[str] | None = None,
) -> "Figure": ...  # fmt: skip
@overload
def plot(
    what: Any, output: str | Path, *, picture: str | None = None, style: str = "screen",
    layers: int | Sequence[str] | None = None,
    accuracies: Mapping[str, float] | None = None, basis: str = "given", formats: Sequence[str] | None = None,
) -> list[Path]: ...  # fmt: skip
def plot(
    what: Any,
    output: str | Path | None = None,
    *,
    picture: str | None = None,
    style: str = "screen",
    layers: int | Sequence[str] | None = None,
    accuracies: Mapping[str, float] | None = None,
    basis: str = "given",
    formats: Sequence[str] | None = None,
) -> "Figure | list[Path]":
    """Draw whatever eiesim gives: one picture as a figure, which a notebook shows, or all into a folder.

    Each picture says what is simulated, estimated, measured and published. The same data give the same file.

    Parameters
    ----------
    what : Result, Trace, Balance, pandas.DataFrame or another thing that eiesim gives
        What `simulate`, `trace`, `critical_path`, `balance`, `sweep` (a DataFrame), `compare`, `reproduce`,
        `compress`, `train`, `accuracy`, `inspect`, `energy_table`, `open` or `interleave` gives; a layer.
    output : str or pathlib.Path or None, default None
        The folder, made if need be; files have the pictures' names and appear together. None gives a figure.
    picture : str or None, default None
        The name of the one to draw, as its file has it; None is the first, or all into a folder.
    style : str, default "screen"
        "screen"; "paper", 252 points wide for a column, or "paper-wide", 516 points for two: no title, 8 point text,
        told apart without colour.
    layers : int, sequence of str, or None, default None
        Of a result, which layers get a heat map of their own: so many of those that take most cycles, or these by
        name. None is the 12 slowest, or with `picture` all.
    accuracies : mapping of str to float, or None, default None
        For a sweep's table, shares recognised, 0 to 1, by arithmetic, drawn beside its energy (Fig. 10).
    basis : str, default "given"
        Where these come from, for their axis: "given", "simulated" or "measured".
    formats : sequence of str or None, default None
        Of files: what matplotlib writes, such as "pdf", and "tex" for the tables in LaTeX with BibTeX of what they rest
        on. None is PNG and SVG, for a paper PDF.

    Returns
    -------
    matplotlib.figure.Figure or list of pathlib.Path
        The figure; or the files, a picture in each format.

    Raises
    ------
    EieError
        Where there is nothing to draw, for a picture or style that is not there, and for a folder that cannot be made.

    Examples
    --------
    >>> import eiesim
    >>> len(eiesim.plot(eiesim.simulate("table3:NT-We"), picture="pe_load").axes)
    1
    """
    wanted = formats_of(formats, style)
    if isinstance(what, LayerResult):
        what = Result((what,), what.config, what.engine)
    if isinstance(what, Result):
        most = MOST_MAPS if picture is None else len(what)
        drawn = _of_result(what, most if layers is None else [layers] if isinstance(layers, str) else layers)
    else:
        drawn = pictures(what, accuracies or {}, f"accuracy ({basis})", style)
    if picture is not None:
        drawn = iter([(picture, _named(drawn, picture))])
    if output is None:
        found = next(drawn, None)
        if found is None:
            raise NothingToDrawError
        return figure(in_style(found[1], style))
    first = next(drawn, None)
    if first is None:
        raise NothingToDrawError
    with filling(output) as folder, Outputs() as files:
        return write(
            chain([first], drawn), grids(what), cited(what), folder, files, formats=wanted, style=style,
        )  # fmt: skip


def _named(drawn: Pictures, wanted: str) -> Picture:
    """The picture of a name. Raises EieError that names those there are."""
    names = []
    for name, found in drawn:
        if name == wanted:
            return found
        names.append(name)
    raise unknown("no picture", wanted, names)


def pictures(what: Any, accuracies: Mapping[str, float], accuracy_label: str, style: str = SCREEN) -> Pictures:
    """The pictures of a thing, by name, each made when it is asked for. what, accuracies, style: see `eiesim.plot`.

    Raises EieError for what cannot be drawn.
    """
    if hasattr(what, "itertuples") and {"layer", "cycles", "time_us", "eiesim"} <= set(what.columns):
        if not len(what):
            raise EieError("the table has no rows to draw")
        return sweep_plots.pictures(what, accuracies, accuracy_label)
    if isinstance(what, Swept):
        return pictures(what.to_frame(), accuracies, accuracy_label)
    return _of_trace(what, style) if isinstance(what, Trace) else _pictures(what)


@singledispatch
def _pictures(what: Any) -> Pictures:
    kinds = ", ".join(sorted({kind.__name__ for kind in _pictures.registry} - {"object"}))
    raise EieError(f"{type(what).__name__}: is nothing that plot draws; it draws a sweep's table, Swept, {kinds}")


@_pictures.register
def _of_result(what: Result, maps: int | Sequence[str] = MOST_MAPS) -> Pictures:
    yield "pe_cycles", cycles.states(what.layers)
    yield "pe_load", cycles.loads(what.layers)
    if any(len(layer.runs) > 1 for layer in what.layers):
        yield "inputs", cycles.inputs(what.layers)
    energy = bars.energies(what.layers)
    if energy is not None:
        yield "energy_estimated", energy
    yield from heat_maps(what.layers, maps)


@_pictures.register
def _of_layer_result(what: LayerResult) -> Pictures:
    return _of_result(Result((what,), what.config, what.engine))


@_pictures.register
def _of_trace(what: Trace, style: str = SCREEN) -> Pictures:
    from eiesim.tracing.picture import picture

    yield "trace", picture(what, None, style)
    yield "heat_map", heat_map(what)


@_pictures.register
def _of_path(what: CriticalPath) -> Pictures:
    yield "critical_path", path_picture.picture(what)


@_pictures.register
def _of_balance(what: Balance) -> Pictures:
    yield "balance", balance_picture(what)


@_pictures.register
def _of_list(what: list) -> Pictures:  # type: ignore[type-arg]
    if not what or not all(isinstance(one, Balance) for one in what):
        raise EieError("list: is nothing that plot draws; it takes a list of what balance gives")
    for number, one in enumerate(what, 1):
        yield "balance" if len(what) == 1 else f"balance_{number}", balance_picture(one)


@_pictures.register
def _of_comparison(what: Comparison) -> Pictures:
    return comparison_plots.pictures(what)


@_pictures.register
def _of_reproduction(what: Reproduction) -> Pictures:
    from eiesim.reproduction.plots import pictures

    return iter(pictures(what))


@_pictures.register
def _of_layer(what: CompressedLayer) -> Pictures:
    yield "weights", layer_pictures.weights(what)


@_pictures.register
def _of_interleaved(what: InterleavedLayer) -> Pictures:
    yield "entries_per_pe", layer_pictures.entries(what)
    yield "weights", layer_pictures.weights(what.layer)


@_pictures.register(Model)
@_pictures.register(Network)
@_pictures.register(Workload)
def _of_layers(what: Model | Network | Workload) -> Pictures:
    for number, layer in enumerate(what.layers, 1):
        yield "weights" if len(what.layers) == 1 else f"weights_{number}", layer_pictures.weights(layer)


@_pictures.register
def _of_inspection(what: Inspection) -> Pictures:
    return _of_inspections([what])


@_pictures.register(Inspections)
def _of_inspections(what: Sequence[Inspection]) -> Pictures:
    yield "memories", layer_pictures.memories(what)
    for number, one in enumerate(what, 1):
        yield "entries_per_pe" if len(what) == 1 else f"entries_per_pe_{number}", layer_pictures.entries(one.layer)


@_pictures.register
def _of_compressed(what: Compressed) -> Pictures:
    return layer_pictures.compressed(what)


@_pictures.register
def _of_trained(what: Trained) -> Pictures:
    yield "accuracy", bars.trained(what)


@_pictures.register
def _of_accuracies(what: Accuracies) -> Pictures:
    yield "accuracy", bars.accuracies(what)


@_pictures.register
def _of_costs(what: EnergyCosts) -> Pictures:
    yield "energy_costs_estimated", bars.costs(what)


def balance_picture(balance: Balance) -> Picture:
    """PE-cycles by cause, a bar an order of the rows."""
    tried = balance.assignments
    losses = [one.losses.to_dict() for one in tried]
    causes = causes_of(balance.config)
    parts = {label.partition(": ")[2]: [each[key] for each in losses] for key, label in causes.items()}
    machine = f"{balance.config.pes} PEs{balance.config.variant}"
    title = f"{tried[0].layer.name} on {machine}: where the PE-cycles go, by the order of the rows"
    return cycles.shares(title, [one.name for one in tried], parts, [f"{one.cycles:,} cycles" for one in tried])


def grids(what: Any) -> Iterator[tuple[str, Grid]]:
    """The tables of a thing for a paper, by name: the terminal's, where there is one, else what `to_frame` gives."""
    if isinstance(what, Comparison):
        yield from comparison_grids.grids(what)
    elif isinstance(what, Reproduction):
        yield from reproduction_grids.grids(what)
    elif isinstance(what, Balance):
        yield "balance", grid_of(balance_table(what))
    elif isinstance(what, list):
        for number, one in enumerate(what, 1):
            yield "balance" if len(what) == 1 else f"balance_{number}", grid_of(balance_table(one))
    elif isinstance(what, Result):
        yield "result", grid_of(result_table(what))
    elif isinstance(what, Swept):
        yield "runs", grid_of(rows_table(what.rows))
    elif isinstance(what, CriticalPath):
        tables = [part for part in path_report(what, MOST_LISTED) if isinstance(part, Table)]
        for number, table in enumerate(tables, 1):
            yield f"critical_path_{number}", grid_of(table)
    elif hasattr(what, "itertuples"):
        yield "runs", grid_of(rows_table(rows_of(what)))
    else:
        title = getattr(what, "_caption", repr(what).strip("<>"))
        yield type(what).__name__.lower(), grid_of_frame(title, what.to_frame())


def cited(what: Any) -> tuple[str, ...]:
    """What stands behind a thing's figures, by BibTeX keys."""
    if isinstance(what, Comparison):
        return comparison_grids.cited(what)
    return reproduction_grids.cited() if isinstance(what, Reproduction) else (*MACHINE, *ESTIMATES)
