"""Plots of a comparison. They are fed with its rows and compute nothing.

Sizes are those of print: a page is 7.2 inches wide, text 7 points and more. Colours are Okabe and Ito's, which
colour-blind readers tell apart; what is not published also differs in hatch, for print without colour.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from eiesim._io.atomic import writing
from eiesim.comparison import rows as compare
from eiesim.comparison.rows import GEOMEAN, Comparison, Ratio
from eiesim.view.terminal import MODULE_LABELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAGE_IN = 7.2
FORMATS = ("png", "svg")
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
GREY = "#999999"
WIDER = 2.0
"""EIE's bars are wider than others, for they carry their values."""
LEGEND_LETTERS, HANDLE_LETTERS = 120, 8
"""About how many letters of a legend's size a page is wide, and what a legend's patch of colour takes of them."""

SERIES_COLOURS = {
    "CPU comp": GREY,
    "GPU dense": SKY,
    "GPU comp": BLUE,
    "mGPU dense": YELLOW,
    "mGPU comp": ORANGE,
    "EIE published": VERMILION,
}
MEASURED_COLOURS = (GREY, SKY, BLUE, YELLOW, ORANGE, GREEN, PURPLE)
SIMULATED_HATCHES = ("////", "xxxx")
ESTIMATED_HATCH = "\\\\\\\\"
MODULE_COLOURS = {
    "spmat_read": BLUE,
    "ptr_read": SKY,
    "arithm_unit": ORANGE,
    "act_rw": GREEN,
    "act_queue": YELLOW,
    "lnzd": BLACK,
    "filler": "#DDDDDD",
}
STYLE: Any = {
    "font.size": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 7.5,
    "axes.titlesize": 9,
    "hatch.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "eiesim",
}


def write_plots(comparison: Comparison, folder: Path) -> list[Path]:
    """Draw everything there is something of, as PNG (200 dpi) and SVG; returns the files."""
    here = "this machine's\nCPU, dense, batch 1"
    bases = {row.basis for row in comparison.measured_efficiency} & {"estimated"}
    ratios = (
        ("fig6_speedup", comparison.speedup, "speed-up over CPU, dense, batch 1"),
        ("fig7_energy_efficiency", comparison.efficiency, "energy efficiency over\nCPU, dense, batch 1"),
        ("measured_speedup", comparison.measured_speedup, f"speed-up over {here} (measured)"),
        (
            "measured_energy_efficiency",
            comparison.measured_efficiency,
            f"energy efficiency over {here} ({'estimated' if bases else 'measured'})",
        ),
    )
    drawings: list[tuple[str, bool, Callable[[], Figure]]] = [
        *((name, bool(rows), partial(ratio_plot, rows, label)) for name, rows, label in ratios),
        ("energy_by_module", True, lambda: module_plot(compare.module_rows(comparison))),
        ("waterfall", True, lambda: waterfall_plot(compare.waterfall_rows(comparison))),
        ("area", True, lambda: area_plot(compare.area_rows(comparison))),
    ]
    written = []
    for name, wanted, draw in drawings:
        if wanted:
            written += _save(draw, folder / name)
    return written


def _save(draw: "Callable[[], Figure]", path: Path) -> list[Path]:
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        figure = draw()
        files = [path.with_suffix(f".{kind}") for kind in FORMATS]
        for file in files:
            # Without a date the same rows give the same file.
            metadata: dict[str, Any] = {"Date": None} if file.suffix == ".svg" else {}
            with writing(file) as out:
                figure.savefig(out, format=file.suffix[1:], dpi=200, metadata=metadata)
    return files


def _figure(height_in: float, width_in: float = PAGE_IN) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    return figure, figure.add_subplot()


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def ratio_plot(rows: Sequence[Ratio], label: str) -> "Figure":
    """Bars over layers, one colour a series, on a log scale; 1 is the baseline and has no bars."""
    figure, axes = _figure(3.1)
    by_place = {(row.layer, row.series): row for row in rows}
    layers = _unique(row.layer for row in rows)
    series = [name for name in _unique(row.series for row in rows) if any(_not_one(rows, name))]
    shares = [WIDER if name.startswith("EIE") else 1.0 for name in series]
    unit = 0.88 / sum(shares)
    simulated = 0
    spare = cycle(MEASURED_COLOURS)
    for k, name in enumerate(series):
        own = [by_place.get((layer, name)) for layer in layers]
        basis = next(row.basis for row in own if row)
        hatch, colour = None, SERIES_COLOURS.get(name)
        if basis == "simulated":
            hatch, colour = SIMULATED_HATCHES[simulated], (GREEN, PURPLE)[simulated]
            simulated += 1
        elif colour is None:
            colour = next(spare)
            hatch = ESTIMATED_HATCH if basis == "estimated" else None
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
            label=_series_label(name, basis),
            color=colour,
            hatch=hatch,
            edgecolor="white" if hatch is None else "black",
            linewidth=0.3,
        )
        if name.startswith("EIE"):
            for x, height in zip(places, heights):
                axes.annotate(
                    _short(height), (x, height), (0, 2), textcoords="offset points",
                    ha="center", va="bottom", rotation=90, fontsize=6.5,
                )  # fmt: skip
    axes.set_yscale("log")
    top = max(row.value for row in rows)
    axes.set_ylim(top=top * (top**0.22))
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_ylabel(label)
    axes.set_xticks(range(len(layers)), ["geo. mean" if layer == GEOMEAN else layer for layer in layers])
    axes.set_xlim(-0.6, len(layers) - 0.4)
    axes.tick_params(axis="x", length=0)
    if GEOMEAN in layers:
        axes.axvline(layers.index(GEOMEAN) - 0.5, color=GREY, linewidth=0.6, linestyle=":")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    axes.grid(axis="y", linewidth=0.3, color="#CCCCCC")
    axes.set_axisbelow(True)
    longest = max(len(text.get_text()) for text in figure.legend().get_texts())
    figure.legends.clear()
    figure.legend(loc="outside upper center", ncols=LEGEND_LETTERS // (longest + HANDLE_LETTERS), frameon=False)
    return figure


def _not_one(rows: Sequence[Ratio], series: str) -> list[bool]:
    return [row.series == series and row.value != 1 for row in rows]


def _series_label(name: str, basis: str) -> str:
    return name if basis in name else f"{name}, {basis}"


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
            range(len(names)), values, 0.66, bottom=reached, label=MODULE_LABELS.get(module, module),
            color=MODULE_COLOURS[module], edgecolor="white", linewidth=0.4,
        )  # fmt: skip
        reached = [low + value for low, value in zip(reached, values)]
    for x, height in enumerate(reached):
        axes.annotate(total(height), (x, height), (0, 2), textcoords="offset points", ha="center", fontsize=7)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", linewidth=0.3, color="#CCCCCC")
    axes.set_axisbelow(True)


def module_plot(rows: Sequence[Mapping[str, Any]]) -> "Figure":
    """Power of a PE by module: Table II, the check on AlexNet-FC8, and each layer."""
    figure, axes = _figure(3.2)
    models = _unique(row["energy_model"] for row in rows if row["basis"] == "simulated")
    axes.set_title(f"Table II: published. The others: simulated, energy model {' and '.join(models)}", fontsize=8)
    names = _unique(row["of"] for row in rows)
    power = {(row["of"], row["module"]): row["power_mw"] for row in rows}
    modules = [module for module in MODULE_COLOURS if (names[0], module) in power]
    parts = {module: [power[name, module] for name in names] for module in modules}
    _stacks(axes, names, parts, lambda mw: f"{mw:.2f}")
    labels = {"Table II": "Table II", "AlexNet-FC8": "authors'\nAlex-8"}
    axes.set_xticks(range(len(names)), [labels.get(name, name) for name in names])
    axes.set_ylabel("power of a PE, mW")
    axes.axvline(0.5, color=GREY, linewidth=0.6, linestyle=":")
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


def area_plot(rows: Sequence[Mapping[str, Any]]) -> "Figure":
    """Area of the machines by module, at 45 nm."""
    figure, axes = _figure(2.6, 4.8)
    names = _unique(row["machine"] for row in rows)
    area = {(row["machine"], row["module"]): row["area_mm2"] for row in rows}
    parts = {module: [area[name, module] for name in names] for module in MODULE_COLOURS}
    _stacks(axes, names, parts, lambda mm2: f"{mm2:.1f}")
    basis = {row["machine"]: row["basis"] for row in rows}
    axes.set_xticks(range(len(names)), [f"{name.partition(', ')[2]}\n{basis[name]}" for name in names])
    axes.set_ylabel("area at 45 nm, mm²")
    figure.legend(loc="outside right upper", ncols=1, frameon=False)
    return figure


def waterfall_plot(rows: Sequence[Mapping[str, Any]]) -> "Figure":
    """Energy of fetching the weights, step by step; a line a layer, and the paper's savings between the steps."""
    figure, axes = _figure(3.4)
    layers, steps = _unique(row["layer"] for row in rows), _unique(row["step"] for row in rows)
    by_place = {(row["layer"], row["step"]): row for row in rows}
    colours = (BLACK, VERMILION, ORANGE, BLUE, SKY, GREEN, PURPLE, GREY, YELLOW)
    markers = "osD^v<>Ph"
    for k, layer in enumerate(layers):
        axes.plot(
            range(len(steps)), [by_place[layer, step]["energy_uj"] for step in steps],
            color=colours[k % len(colours)], marker=markers[k % len(markers)], markersize=3.5, linewidth=0.9,
            label=layer,
        )  # fmt: skip
    axes.set_yscale("log")
    axes.set_title("simulated layers; between the steps their savings, and the paper's", fontsize=8)
    axes.set_ylabel("energy of fetching the weights\nof one input, µJ")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * 4)
    for k, step in enumerate(steps[1:], start=1):
        savings = sorted(by_place[layer, step]["saving"] for layer in layers)
        span = _span(savings[0], savings[-1])
        paper = by_place[layers[0], step]["paper_saving"]
        text = span if paper is None else f"{span}\npaper: {paper:g}×"
        axes.annotate(text, (k - 0.5, high * 3.4), ha="center", va="top", fontsize=7)
    axes.set_xticks(range(len(steps)), [fill(step, 13) for step in steps])
    axes.grid(axis="y", linewidth=0.3, color="#CCCCCC")
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 0.95), frameon=False)
    return figure


def _span(least: float, most: float) -> str:
    low, high = f"{least:.3g}", f"{most:.3g}"
    return f"{low}×" if low == high else f"{low} to {high}×"
