"""Pictures of the reproduction: Table IV, its correlation, and Figs. 6 to 13. They are fed with items and runs.

Published figures are grey or red and plain, simulated ones hatched or with a bar over the seeds.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from eiesim._io.atomic import Outputs
from eiesim.comparison.plots import EFFICIENCY, SPEEDUP, ratio_plot
from eiesim.comparison.records import Ratio
from eiesim.config import MachineConfig
from eiesim.paper.speedups import BASELINES, EIE
from eiesim.reproduction.conclusion import Reproduction
from eiesim.reproduction.figures import LENET
from eiesim.reproduction.items import (
    FC8,
    MODEL,
    UNIFORM,
    VARIATIONS,
    VARIED,
    AccuracyKey,
    BarKey,
    PaperItem,
    Power,
    Spread,
    Time,
    picture_names,
)
from eiesim.reproduction.simulations import Simulations
from eiesim.sweeps import curves
from eiesim.view import palette, style
from eiesim.view.helper import Drawn
from eiesim.view.panels import Panel, panels
from eiesim.view.saving import render

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Curve:
    """A figure that a sweep draws. key: what varies. draw: from the rows and what LeNet-300-100 recognises."""

    key: str
    draw: Callable[["pd.DataFrame", Mapping[str, float]], Figure]


def _plain(draw: Callable[["pd.DataFrame"], Figure]) -> Callable[["pd.DataFrame", Mapping[str, float]], Figure]:
    """A drawing that no accuracy enters."""
    return lambda table, _: draw(table)


CURVES: Mapping[str, Curve] = {
    "fig_8": Curve("queue_depth", _plain(curves.queue_depth)),
    "fig_9": Curve("spmat_width", _plain(curves.sram_width)),
    "fig_10": Curve("arithmetic", partial(curves.arithmetic, accuracy_label=f"accuracy of {LENET} (simulated)")),
    "fig_11": Curve("pes", _plain(curves.speedup)),
    "fig_12": Curve("pes", _plain(curves.real_work)),
    "fig_13": Curve("pes", _plain(curves.load_balance)),
}
"""The figures that a sweep draws, by item."""

MARKED = ("fig_8", "fig_13")
"""The items of `CURVES` with published figures: one a layer, at the published machine."""

(_GREEN, _), (_PURPLE, _) = palette.SIMULATED
SERIES = {UNIFORM: (_GREEN, "o"), VARIED: (_PURPLE, "s"), FC8: (palette.BLACK, "*")}

Drawing = tuple[str, Any, Callable[[], Figure]]


def drawings(found: Reproduction) -> list[Drawing]:
    """(file name, matplotlib style, what draws it) of every picture."""
    table4 = found.item("table_4")
    made: list[Drawing] = [
        ("table_4", style.BARS, partial(times, table4)),
        ("correlation", style.BARS, partial(correlation, table4)),
    ]
    for key, label, power in (("fig_6", SPEEDUP, None), ("fig_7", EFFICIENCY, Power.TABLE_2)):
        item = found.item(key)
        made.append((key, style.BARS, partial(ratio_plot, ratios(item, power), label, item.title)))
    for key in CURVES:
        for name, series in zip(picture_names(key), VARIATIONS, strict=True):
            made.append((name, style.LINES, partial(swept, found.runs, found.item(key), series)))
    return made


@dataclass(frozen=True)
class Picture:
    """A figure. png: the still image. panels: what it shows."""

    png: bytes
    panels: tuple[Panel, ...] = ()


def write_figures(found: Reproduction, folder: Path, files: Outputs, drawn: Drawn) -> Iterator[tuple[str, Picture]]:
    """Draw every picture, as PNG and SVG; gives their names and what the report needs, one by one, in any order.

    files: the set that they appear with. drawn: what draws them, see `view.helper`.
    """
    for (name, _, _), (images, shown) in drawn(_picture, drawings(found)):
        for kind, image in images.items():
            files.open(folder / f"{name}.{kind}").write(image)
        yield name, Picture(images["png"], shown)


def _picture(drawing: Drawing) -> tuple[dict[str, bytes], tuple[Panel, ...]]:
    """A picture's files by format, and what it shows."""
    _, settings, draw = drawing
    shown: list[Panel] = []

    def noted() -> Figure:
        figure = draw()
        shown.extend(panels(figure))
        return figure

    return render(noted, settings), tuple(shown)


def times(table4: PaperItem) -> Figure:
    """Table IV: theoretical and actual time, published and simulated."""
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    panels: list[Axes] = list(figure.subplots(2, 1, sharex=True))
    for axes, time in zip(panels, (Time.THEORETICAL, Time.ACTUAL), strict=True):
        rows = [row for row in table4.rows if row.key is time]
        places = np.arange(len(rows), dtype=float)
        heights = [float(row.published or 0) for row in rows]
        axes.bar(places - 0.27, heights, 0.26, color=palette.VERMILION, label="published")
        for k, series in enumerate((UNIFORM, VARIED)):
            spreads = [row.ours[series] for row in rows]
            axes.bar(
                places + 0.27 * k, [one.mean for one in spreads], 0.26, yerr=_bars(spreads), capsize=2,
                color=palette.SIMULATED[k][0], hatch=palette.SIMULATED[k][1], edgecolor="black", linewidth=0.3,
                label=f"simulated, {series}", error_kw={"linewidth": 0.8},
            )  # fmt: skip
        exact = [(place, row.ours[FC8].mean) for place, row in zip(places, rows, strict=True) if FC8 in row.ours]
        if exact:
            where = [place for place, _ in exact], [value for _, value in exact]
            axes.plot(*where, "*", color=palette.BLACK, markersize=9, label=f"simulated, {FC8}")
        axes.set_ylabel(rows[0].quantity)
        axes.set_xticks(places, [row.item for row in rows])
        style.horizontal_grid(axes)
    style.headed(figure, table4.title, _seeds(table4))
    style.legend_above(panels[0], 4)
    return figure


def _seeds(item: PaperItem) -> str:
    """What the bars over seeds are, where there are several."""
    seeds = max(one.count for row in item.rows for one in row.ours.values())
    return f"simulated: mean of {seeds} seeds, whiskers from least to most" if seeds > 1 else ""


def _bars(spreads: list[Spread]) -> Any:
    below = [one.mean - one.least for one in spreads], [one.most - one.mean for one in spreads]
    return np.clip(below, 0, None)


def correlation(table4: PaperItem) -> Figure:
    """Simulated over published actual time, with the band of 10 %."""
    rows = [row for row in table4.rows if row.key is Time.ACTUAL]
    figure = Figure(figsize=(5.4, 4.8), layout="constrained")
    axes = figure.add_subplot()
    published = np.array([float(row.published or 1) for row in rows])
    ends = np.array([published.min() * 0.75, published.max() * 1.35])
    axes.plot(ends, ends, color=palette.DARK, linewidth=1, label="equal")
    axes.fill_between(ends, 0.9 * ends, 1.1 * ends, color=palette.PALE, linewidth=0, label="within 10 %")
    for series, (colour, marker) in SERIES.items():
        known = [(x, row.ours[series]) for x, row in zip(published, rows, strict=True) if series in row.ours]
        if known:
            spreads = [one for _, one in known]
            drawn = axes.errorbar(
                [x for x, _ in known], [one.mean for one in spreads], _bars(spreads), color=colour, linestyle="none",
                marker=marker, markersize=9 if series == FC8 else 5, capsize=3.5, linewidth=0.8,
                label=f"simulated, {series}",
            )  # fmt: skip
            style.outline_whiskers(drawn)
    for k, (x, row) in enumerate(sorted(zip(published, rows, strict=True), key=lambda pair: pair[0])):
        # Neighbours are labelled on different sides of the line.
        ends_at = max(one.most for one in row.ours.values()) if k % 2 else min(one.least for one in row.ours.values())
        side = -1 if k % 2 else 1
        axes.annotate(
            row.item, (x, ends_at), xytext=(side * 20, -side * 20), textcoords="offset points",
            ha="right" if side < 0 else "left", va="center", fontsize=7.5,
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "shrinkA": 0, "shrinkB": 3},
        )  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        axes.set_xscale("log") if axis is axes.xaxis else axes.set_yscale("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlim(*ends)
    axes.set_xlabel("actual time, µs (published, Table IV)")
    axes.set_ylabel("actual time, µs (simulated)")
    axes.grid(linewidth=0.3, color=palette.LINE)
    axes.legend(loc="upper left", frameon=False)
    style.headed(figure, "Actual time, simulated over published", _seeds(table4))
    return figure


def ratios(item: PaperItem, power: Power | None) -> list[Ratio]:
    """The bars of Fig. 6 or 7: the baselines as printed, EIE as printed, and simulated of both kinds of layers.

    power: which of EIE's simulated bars in Fig. 7.
    """
    bars = [(row.key, row) for row in item.rows if isinstance(row.key, BarKey)]
    made = []
    for key, row in bars:
        value = float(row.published or 0)
        if key.series != EIE:
            made.append(Ratio(key.layer, BASELINES[key.series].machine, key.series, "published", value))
        elif key.power is power:
            made.append(Ratio(key.layer, EIE, f"{EIE} published", "published", value))
    words = "" if power is None else f"{power.value}, "
    for series in VARIATIONS:
        made += [
            Ratio(
                key.layer,
                EIE,
                f"{EIE} simulated, {words}{series}",
                "simulated",
                row.ours[series].mean,
                low=row.ours[series].least,
                high=row.ours[series].most,
            )
            for key, row in bars
            if key.series == EIE and key.power is power and series in row.ours
        ]
    return made


def swept(runs: Simulations, item: PaperItem, series: str) -> Figure:
    """A sweep's picture for one kind of layers, with the published points where there are some."""
    curve = CURVES[item.key]
    table = _along(runs.table, curve.key, VARIATIONS[series])
    accuracies = {
        row.key.arithmetic: row.ours[MODEL].mean / 100
        for row in item.rows
        if isinstance(row.key, AccuracyKey) and row.key.network == LENET
    }
    figure = curve.draw(table, accuracies)
    style.headed(figure, f"{item.title} ({series})")
    if item.key in MARKED:
        known = {row.item: float(row.published) for row in item.rows if isinstance(row.published, int | float)}
        _mark(figure.axes[0], known, float(MachineConfig().model_dump()[curve.key]))
    return figure


def _along(table: "pd.DataFrame", key: str, variation: float) -> "pd.DataFrame":
    """The rows of a kind of layers in which only `key` differs from the published machine."""
    published = MachineConfig().model_dump()
    rows = table[table["variation"] == variation]
    for other in {curve.key for curve in CURVES.values()} - {key}:
        rows = rows[rows[other] == published[other]]
    return rows


def _mark(axes: "Axes", known: Mapping[str, float], at: float) -> None:
    """A cross in the layer's colour at each published point."""
    colours = {
        str(one.get_label()): one.lines[0].get_color()  # type: ignore[attr-defined]
        for one in axes.containers
        if one.get_label() in known
    }
    for k, (layer, value) in enumerate(known.items()):
        label = "published (derived)" if k == 0 else None
        axes.plot([at], [value], "x", color=colours.get(layer, "black"), markersize=8, markeredgewidth=2, label=label)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.0, 1.0))
