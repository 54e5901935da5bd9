"""Plots of a comparison. They are fed with its rows and compute nothing.

Sizes are those of print: a page is 7.2 inches wide, text has 7 points or more. Bars that are not published are hatched
as well as coloured, so that print without colour shows them too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from eiesim._io.atomic import Outputs
from eiesim.comparison.records import FC8, AreaRow, ModuleRow, Ratio, WaterfallRow
from eiesim.comparison.rows import Comparison
from eiesim.view import palette, style
from eiesim.view.saving import FORMATS, save_all
from eiesim.view.words import MODULES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDER = 2.0
"""EIE's bars are wider than others, for they carry their values."""
LEGEND_LETTERS, HANDLE_LETTERS = 120, 8
"""About how many letters of a legend's size a page is wide, and what a legend's patch of colour takes of them."""

DPI = 200
"""Dots per inch of a PNG file, for print."""

SPEEDUP, EFFICIENCY = "speed-up over CPU, dense, batch 1", "energy efficiency over\nCPU, dense, batch 1"
"""The axes of Figs. 6 and 7."""

PAPER_COLOURS = {
    "CPU comp": palette.GREY,
    "GPU dense": palette.SKY,
    "GPU comp": palette.BLUE,
    "mGPU dense": palette.YELLOW,
    "mGPU comp": palette.ORANGE,
}
"""Colours of the paper's baselines, by the names of `paper.speedups.SERIES`."""


def write_plots(
    comparison: Comparison, folder: Path, files: Outputs | None = None, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Draw everything there is something of, PNG files with 200 dpi; returns the files.

    files: the set that they appear with; None is one of their own.
    """
    return save_all(drawings(comparison), folder, style.BARS, dpi=DPI, trim=False, formats=formats, files=files)


def drawings(comparison: Comparison) -> Iterator[tuple[str, "Callable[[], Figure]"]]:
    """(file name, function that draws it) of each picture there is something of."""
    here = "this machine's\nCPU, dense, batch 1"
    bases = {row.basis for row in comparison.measured_efficiency} & {"estimated"}
    ratios = (
        ("fig6_speedup", comparison.speedup, SPEEDUP, "Speed-up over the CPU (as EIE Fig. 6)"),
        ("fig7_energy_efficiency", comparison.efficiency, EFFICIENCY, "Energy efficiency over the CPU (as EIE Fig. 7)"),
        (
            "measured_speedup",
            comparison.measured_speedup,
            f"speed-up over {here} (measured)",
            "Speed-up over this machine's CPU",
        ),
        (
            "measured_energy_efficiency",
            comparison.measured_efficiency,
            f"energy efficiency over {here} ({'estimated' if bases else 'measured'})",
            "Energy efficiency over this machine's CPU",
        ),
    )
    every: list[tuple[str, Sequence[Any], Callable[[], Figure]]] = [
        *(
            (name, rows, partial(ratio_plot, rows, label, title, caption(comparison, rows) if "this" in title else ""))
            for name, rows, label, title in ratios
        ),
        ("energy_by_module", comparison.modules, partial(module_plot, comparison.modules)),
        ("waterfall", comparison.waterfall, partial(waterfall_plot, comparison.waterfall)),
        ("area", comparison.areas, partial(area_plot, comparison.areas)),
    ]
    for name, rows, draw in every:
        if rows:
            yield name, draw


def _figure(height_in: float, width_in: float = style.PAGE_IN) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    return figure, figure.add_subplot()


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def caption(comparison: Comparison, rows: Sequence[Ratio]) -> str:
    """What a plot of measured baselines shows: of which machine, and what is measured, estimated, simulated."""
    measured = comparison.measured
    if measured is None:
        return ""
    threads = sorted({one.threads for one in measured.measurements})
    used = " to ".join(str(count) for count in dict.fromkeys((threads[0], threads[-1])))
    used += " thread" if threads[-1] == 1 else " threads"
    bases = [basis for basis in ("measured", "estimated", "simulated") if any(row.basis == basis for row in rows)]
    gpu = f", {measured.machine.gpu}" if measured.machine.gpu else ""
    line = f"{measured.machine.cpu}{gpu}, {used}, {measured.when[:10]}; bars are {' or '.join(bases)}"
    if "estimated" in bases:
        line += "; energy estimated from thermal design power"
    return line


def ratio_plot(rows: Sequence[Ratio], label: str, title: str, caption: str = "") -> "Figure":
    """Bars over layers, one colour a series, on a log scale; 1 is the baseline and has no bars.

    Whiskers go from least to most. The caption says how far the widest reaches, since on this scale it may be short.
    """
    figure, axes = _figure(3.1)
    by_place = {(row.layer, row.series): row for row in rows}
    layers = _unique(row.layer for row in rows)
    # The baseline is 1 everywhere and needs no bars.
    series = {row.series: row for row in reversed(rows) if row.value != 1}
    series = {name: series[name] for name in _unique(row.series for row in rows) if name in series}
    shares = [WIDER if one.is_eie else 1.0 for one in series.values()]
    unit = 0.88 / sum(shares)
    simulated, spare, reach = iter(palette.SIMULATED), cycle(palette.BARS), 0.0
    for k, (name, one) in enumerate(series.items()):
        own = [by_place.get((layer, name)) for layer in layers]
        hatch = None
        if one.basis == "simulated":
            colour, hatch = next(simulated)
        elif one.basis == "published":
            colour = palette.VERMILION if one.is_eie else PAPER_COLOURS[name]
        else:
            colour, hatch = next(spare), palette.ESTIMATED_HATCH if one.basis == "estimated" else None
        width = shares[k] * unit
        middle = sum(shares[:k]) * unit + width / 2 - 0.44
        places = [x + middle for x, row in enumerate(own) if row]
        heights = [row.value for row in own if row]
        # Bars stand on 1, so that worse than the baseline hangs down.
        axes.bar(
            places,
            [height - 1 for height in heights],
            width,
            bottom=1,
            # The names of EIE's series say what they are.
            label=name if one.is_eie else f"{name}, {one.basis}",
            color=colour,
            hatch=hatch,
            edgecolor="white" if hatch is None else "black",
            linewidth=0.3,
        )
        ranged = [
            (x + middle, row.value, row.low, row.high)
            for x, row in enumerate(own)
            if row is not None and row.low is not None and row.high is not None
        ]
        if ranged:
            at, ends, low, high = (np.array(values) for values in zip(*ranged, strict=True))
            whiskers = np.array([ends - low, high - ends])
            drawn = axes.errorbar(at, ends, whiskers, fmt="none", ecolor="black", elinewidth=0.8, capsize=2.5)
            style.outline_whiskers(drawn)
            reach = max(reach, float(np.max(np.maximum(ends - low, high - ends) / ends)))
        if one.is_eie:
            for x, height in zip(places, heights, strict=True):
                axes.annotate(
                    _short(height), (x, height), (0, 3), textcoords="offset points",
                    ha="center", va="bottom", rotation=90, fontsize=6.5,
                )  # fmt: skip
    axes.set_yscale("log")
    top = max(row.value for row in rows)
    axes.set_ylim(top=top * (top**0.22))
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_ylabel(label)
    means = {row.layer for row in rows if row.is_mean}
    axes.set_xticks(range(len(layers)), ["geo. mean" if layer in means else layer for layer in layers])
    axes.set_xlim(-0.6, len(layers) - 0.4)
    for mean in means:
        axes.axvline(layers.index(mean) - 0.5, color=palette.GREY, linewidth=0.6, linestyle=":")
    axes.yaxis.set_major_formatter(_plain_number)
    style.horizontal_grid(axes)
    spread = f"whiskers: least to most, at most {reach:.1%} from the bar's end" if reach else ""
    style.headed(figure, title, "; ".join(filter(None, (caption, spread))))
    longest = max(len(text) for text in axes.get_legend_handles_labels()[1])
    style.legend_above(axes, LEGEND_LETTERS // (longest + HANDLE_LETTERS))
    return figure


def _plain_number(value: float, _: Any) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _short(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:,.0f}k" if value >= 100_000 else f"{value / 1000:.1f}k"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _stacks(
    axes: "Axes", names: Sequence[str], parts: Mapping[str, Sequence[float]], total: Callable[[float], str]
) -> None:
    """Stacked bars: parts[module][bar]."""
    reached = [0.0] * len(names)
    for module, values in parts.items():
        axes.bar(
            range(len(names)), values, 0.66, bottom=reached, label=MODULES.get(module, module),
            color=palette.MODULES[module], edgecolor="white", linewidth=0.4,
        )  # fmt: skip
        reached = [low + value for low, value in zip(reached, values)]
    for x, height in enumerate(reached):
        axes.annotate(total(height), (x, height), (0, 2), textcoords="offset points", ha="center", fontsize=7)
    style.horizontal_grid(axes)


def module_plot(rows: Sequence[ModuleRow]) -> "Figure":
    """Power of a PE by module: Table II, the check on AlexNet-FC8, and each layer."""
    figure, axes = _figure(3.2)
    models = _unique(row.energy_model for row in rows if row.energy_model is not None)
    names = _unique(row.of for row in rows)
    published = any(row.basis == "published" for row in rows)
    of_table2 = "Table II: published. The others: estimated" if published else "estimated"
    title = "Power of a PE by module (as EIE Table II)" if published else "Power of a PE by module"
    style.headed(figure, title, f"{of_table2}, energy model {' and '.join(models)}")
    power = {(row.of, row.module): row.power_mw for row in rows}
    modules = [module for module in palette.MODULES if (names[0], module) in power]
    parts = {module: [power[name, module] for name in names] for module in modules}
    _stacks(axes, names, parts, lambda mw: f"{mw:.2f}")
    axes.set_xticks(range(len(names)), ["authors'\nAlex-8" if name == FC8 else name for name in names])
    axes.set_ylabel("power of a PE, mW")
    if published:
        axes.axvline(0.5, color=palette.GREY, linewidth=0.6, linestyle=":")
    style.legend_above(axes, 3)
    return figure


def area_plot(rows: Sequence[AreaRow]) -> "Figure":
    """Area of the machines by module, at 45 nm."""
    figure, axes = _figure(2.6, 4.8)
    machines = {row.machine: row for row in rows}
    area = {(row.machine, row.module): row.area_mm2 for row in rows}
    parts = {module: [area[name, module] for name in machines] for module in palette.MODULES}
    _stacks(axes, list(machines), parts, lambda mm2: f"{mm2:.1f}")
    axes.set_xticks(range(len(machines)), [f"{row.pes} PEs\n{row.basis}" for row in machines.values()])
    axes.set_ylabel("area at 45 nm, mm²")
    style.headed(figure, "Area of the machine by module")
    figure.legend(loc="outside right upper", ncols=1, frameon=False)
    return figure


def waterfall_plot(rows: Sequence[WaterfallRow]) -> "Figure":
    """Energy of fetching the weights, step by step; a line a layer, and the paper's savings between the steps."""
    figure, axes = _figure(3.4)
    layers, steps = _unique(row.layer for row in rows), _unique(row.step for row in rows)
    by_place = {(row.layer, row.step): row for row in rows}
    colours = (
        palette.BLACK, palette.VERMILION, palette.ORANGE, palette.BLUE, palette.SKY, palette.GREEN, palette.PURPLE,
        palette.GREY, palette.YELLOW,
    )  # fmt: skip
    markers = "osD^v<>Ph"
    for k, layer in enumerate(layers):
        axes.plot(
            range(len(steps)), [by_place[layer, step].energy_uj for step in steps],
            color=colours[k % len(colours)], marker=markers[k % len(markers)], markersize=3.5, linewidth=0.9,
            label=layer,
        )  # fmt: skip
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(_plain_number)
    style.headed(
        figure, "Energy of fetching the weights, step by step",
        "estimated, of simulated layers; between the steps their savings, and the paper's",
    )  # fmt: skip
    axes.set_ylabel("energy of fetching the weights\nof one input, µJ")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * 4)
    for k, step in enumerate(steps[1:], start=1):
        savings = sorted(by_place[layer, step].saving for layer in layers)
        span = _span(savings[0], savings[-1])
        paper = by_place[layers[0], step].paper_saving
        text = span if paper is None else f"{span}\npaper: {paper:g}×"
        axes.annotate(text, (k - 0.5, high * 3.4), ha="center", va="top", fontsize=7)
    axes.set_xticks(range(len(steps)), [fill(step, 13) for step in steps])
    axes.grid(axis="y", linewidth=0.3, color=palette.LINE)
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 0.95), frameon=False)
    return figure


def _span(least: float, most: float) -> str:
    low, high = f"{least:.3g}", f"{most:.3g}"
    return f"{low}×" if low == high else f"{low} to {high}×"
