"""Pictures of the reproduction: Table IV, its correlation, and Figs. 6 to 13. Fed with items and runs.

Published figures are grey or red and plain, simulated ones hatched or with a bar over the seeds.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from eiesim._io.atomic import writing
from eiesim.comparison import plots
from eiesim.comparison.rows import Ratio
from eiesim.config import MachineConfig
from eiesim.reproduction.conclusion import Reproduction
from eiesim.reproduction.figures import LENET
from eiesim.reproduction.items import FC8, UNIFORM, VARIATIONS, VARIED, PaperItem, Spread, column_name
from eiesim.reproduction.simulations import Simulations
from eiesim.reproduction.tables import MODEL
from eiesim.sweeps import plots as sweep_plots

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

KEYS = {
    "fig_8": ("queue_depth", "fig8_queue_depth"),
    "fig_9": ("spmat_width", "fig9_sram_width"),
    "fig_10": ("arithmetic", "fig10_arithmetic"),
    "fig_11": ("pes", "fig11_speedup"),
    "fig_12": ("pes", "fig12_real_work"),
    "fig_13": ("pes", "fig13_load_balance"),
}
"""Of each figure that a sweep draws: what varies, and the name of the sweep's picture."""

SERIES = {UNIFORM: (plots.GREEN, "o"), VARIED: (plots.PURPLE, "s"), FC8: (plots.BLACK, "*")}

Drawing = tuple[str, Any, Callable[[], Figure]]


def drawings(found: Reproduction) -> list[Drawing]:
    """(file name, matplotlib style, what draws it) of every picture; a name begins with its item's key."""
    made: list[Drawing] = [
        ("table_4", plots.STYLE, partial(times, found.item("table_4"))),
        ("correlation", plots.STYLE, partial(correlation, found.item("table_4"))),
    ]
    for key, label in (
        ("fig_6", "speed-up over CPU, dense, batch 1"),
        ("fig_7", "energy efficiency over\nCPU, dense, batch 1"),
    ):
        made.append((key, plots.STYLE, partial(plots.ratio_plot, ratios(found.item(key)), label)))
    for key in KEYS:
        for series in VARIATIONS:
            name = f"{key}_{column_name(series)}"
            made.append((name, sweep_plots.STYLE, partial(swept, found.runs, found.item(key), series)))
    return made


def write_figures(found: Reproduction, folder: Path) -> Iterator[Path]:
    """Draw every picture, as PNG and SVG; the PNG files one by one as they are written."""
    for name, style, draw in drawings(found):
        with rc_context(style):
            figure = draw()
            for kind in ("svg", "png"):
                image = BytesIO()
                metadata = {"Date": None} if kind == "svg" else None
                figure.savefig(image, format=kind, dpi=150, bbox_inches="tight", metadata=metadata)
                with writing(folder / f"{name}.{kind}") as file:
                    file.write(image.getvalue())
        yield folder / f"{name}.png"


def times(table4: PaperItem) -> Figure:
    """Table IV: theoretical and actual time, published and simulated."""
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    panels: list[Axes] = list(figure.subplots(2, 1, sharex=True))
    for axes, kind in zip(panels, ("theoretical time, µs", "actual time, µs"), strict=True):
        rows = [row for row in table4.rows if row.quantity == kind]
        places = np.arange(len(rows), dtype=float)
        heights = [float(row.published or 0) for row in rows]
        axes.bar(places - 0.27, heights, 0.26, color=plots.VERMILION, label="published")
        for k, series in enumerate((UNIFORM, VARIED)):
            spreads = [row.ours[series] for row in rows]
            axes.bar(
                places + 0.27 * k, [one.mean for one in spreads], 0.26, yerr=_bars(spreads), capsize=2,
                color=SERIES[series][0], hatch=plots.SIMULATED_HATCHES[k], edgecolor="black", linewidth=0.3,
                label=f"simulated, {series}", error_kw={"linewidth": 0.8},
            )  # fmt: skip
        exact = [(place, row.ours[FC8].mean) for place, row in zip(places, rows, strict=True) if FC8 in row.ours]
        if exact:
            where = [place for place, _ in exact], [value for _, value in exact]
            axes.plot(*where, "*", color=plots.BLACK, markersize=9, label=f"simulated, {FC8}")
        axes.set_ylabel(kind)
        axes.set_xticks(places, [row.item for row in rows])
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y", linewidth=0.3, color="#CCCCCC")
        axes.set_axisbelow(True)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return figure


def _bars(spreads: list[Spread]) -> Any:
    below = [one.mean - one.least for one in spreads], [one.most - one.mean for one in spreads]
    return np.clip(below, 0, None)


def correlation(table4: PaperItem) -> Figure:
    """Simulated over published actual time, with the band of 10 %."""
    rows = [row for row in table4.rows if row.quantity == "actual time, µs"]
    figure = Figure(figsize=(5.4, 4.8), layout="constrained")
    axes = figure.add_subplot()
    published = np.array([float(row.published or 1) for row in rows])
    ends = np.array([published.min() * 0.75, published.max() * 1.35])
    axes.plot(ends, ends, color="#555555", linewidth=1, label="equal")
    axes.fill_between(ends, 0.9 * ends, 1.1 * ends, color="#DDDDDD", linewidth=0, label="within 10 %")
    for series, (colour, marker) in SERIES.items():
        known = [(x, row.ours[series]) for x, row in zip(published, rows, strict=True) if series in row.ours]
        if known:
            spreads = [one for _, one in known]
            axes.errorbar(
                [x for x, _ in known], [one.mean for one in spreads], _bars(spreads), color=colour, linestyle="none",
                marker=marker, markersize=9 if series == FC8 else 5, capsize=2, linewidth=0.8,
                label=f"simulated, {series}",
            )  # fmt: skip
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
    axes.grid(linewidth=0.3, color="#CCCCCC")
    axes.legend(loc="upper left", frameon=False)
    return figure


def ratios(item: PaperItem) -> list[Ratio]:
    """The bars of Fig. 6 or 7: the baselines as printed, EIE as printed, and simulated of both kinds of layers."""
    made, seen = [], dict.fromkeys(row.at for row in item.rows)
    for at in seen:
        rows = [row for row in item.rows if row.at == at]
        simulated = any(UNIFORM in row.ours for row in rows)
        if not simulated or at == next(name for name in seen if name.startswith("EIE")):
            name = "EIE published" if simulated else at
            made += [Ratio(row.item, name, "published", float(row.published or 0)) for row in rows]
    first = next(name for name in seen if name.startswith("EIE"))
    for series in VARIATIONS:
        of = [row for row in item.rows if row.at == first and series in row.ours]
        power = f"{first.partition(', ')[2]}, " if ", " in first else ""
        made += [Ratio(row.item, f"EIE simulated, {power}{series}", "simulated", row.ours[series].mean) for row in of]
    return made


def swept(runs: Simulations, item: PaperItem, series: str) -> Figure:
    """A sweep's picture for one kind of layers, with the published points where there are some."""
    key, name = KEYS[item.key]
    table = _along(runs.table, key, VARIATIONS[series])
    accuracies = {row.at: row.ours[MODEL].mean / 100 for row in item.rows if row.item == LENET}
    figure = next(figure for found, figure in sweep_plots.figures(table, accuracies) if found == name)
    if accuracies:
        figure.axes[1].set_ylabel(f"accuracy of {LENET} (simulated)")
    figure.suptitle(f"{item.title} ({series})", fontweight="bold", x=0.01, ha="left", fontsize=12)
    # Only Figs. 8 and 13 have published figures, one a layer, at the published machine.
    known = {row.item: float(row.published) for row in item.rows if isinstance(row.published, int | float)}
    if item.key in ("fig_8", "fig_13"):
        _mark(figure.axes[0], known, float(MachineConfig().model_dump()[key]))
    return figure


def _along(table: "pd.DataFrame", key: str, variation: float) -> "pd.DataFrame":
    """The rows of a kind of layers in which only `key` differs from the published machine."""
    published = MachineConfig().model_dump()
    rows = table[table["variation"] == variation]
    for other, _ in KEYS.values():
        if other != key:
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
