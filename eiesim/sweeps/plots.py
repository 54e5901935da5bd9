"""Pictures of a sweep table, after EIE Figs. 8 to 13. Fed with rows, they compute ratios of columns and nothing else.

Each figure varies one or two keys; the other swept keys are held at the published design's value where the table has
it (else at their first), and the figure says which. Several seeds are a mean with a bar from least to most.
All times and counts are simulated, energies and areas estimated; nothing here is published data.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import combinations, islice
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator, PercentFormatter

from eiesim._io.atomic import writing
from eiesim.config import MachineConfig
from eiesim.errors import EieError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C510A", "#7F7F7F")
"""Okabe and Ito's colours that tell apart for colour-blind eyes, their yellow (too light on white) left for a brown."""
MARKERS = "osD^vPX*<"
STYLE: Any = {
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.hashsalt": "eiesim",
}
MOST_PANELS, MOST_HEAT_MAPS = 12, 3
LABELS = {
    "pes": "PEs",
    "queue_depth": "queue depth (places)",
    "spmat_width": "sparse-matrix SRAM width (bits)",
    "clock_mhz": "clock (MHz)",
    "time_us": "time (µs, simulated)",
    "load_balance": "load balance",
    "real_work": "real work / all work",
    "energy_total_uj": "energy (µJ, estimated)",
}


def draw(
    table: "pd.DataFrame",
    folder: str | Path,
    accuracies: Mapping[str, float] | None = None,
    formats: Sequence[str] = ("png", "svg"),
) -> list[Path]:
    """Draw every figure that the table's varying keys allow; the files written, none where nothing varies.

    table: rows of `study.sweep`. accuracies: by arithmetic, shares of 1, measured elsewhere, drawn beside energy.
    Raises EieError for an empty table, or a folder that cannot be made.
    """
    if not len(table):
        raise EieError("the table has no rows to draw")
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EieError(f"{target}: cannot be made: {error.strerror}") from None
    written = []
    with rc_context(STYLE):
        for name, figure in figures(table, accuracies or {}):
            for kind in formats:
                image = BytesIO()
                metadata = {"Date": None} if kind == "svg" else None
                figure.savefig(image, format=kind, dpi=150, bbox_inches="tight", metadata=metadata)
                with writing(target / f"{name}.{kind}") as file:
                    file.write(image.getvalue())
                written.append(target / f"{name}.{kind}")
    return written


def figures(table: "pd.DataFrame", accuracies: Mapping[str, float]) -> Iterator[tuple[str, Figure]]:
    """(file name, figure) for what varies in the table."""
    keys = swept_keys(table)
    if "pes" in keys:
        yield "fig11_speedup", _speedup(table)
        yield "fig12_real_work", _over(table, "pes", "real_work", "Real work over PEs (as Fig. 12)", _percent)
        yield "fig13_load_balance", _over(table, "pes", "load_balance", "Load balance over PEs (as Fig. 13)", _percent)
    if "queue_depth" in keys:
        title = "Load balance over queue depth (as Fig. 8)"
        yield "fig8_queue_depth", _over(table, "queue_depth", "load_balance", title, _percent)
    if "spmat_width" in keys:
        yield "fig9_sram_width", _sram_width(table)
    if "arithmetic" in keys and "energy_total_uj" in table:
        yield "fig10_arithmetic", _arithmetic(table, accuracies)
    pairs = ((one, other, _heat_of(table, one, other)) for one, other in combinations(keys, 2))
    for one, other, column in islice((pair for pair in pairs if pair[2]), MOST_HEAT_MAPS):
        yield f"heat_{one}_{other}", _heat_maps(table, one, other, str(column))
    for cost in ("energy_total_uj", *(column for column in table if str(column).startswith("area"))):
        if keys and cost in table and table[cost].notna().any():
            yield f"pareto_time_{cost}", _pareto(table, str(cost), keys)


def swept_keys(table: "pd.DataFrame") -> list[str]:
    """The configuration keys that take more than one value, in the configuration's order."""
    return [key for key in MachineConfig.model_fields if key in table and table[key].nunique() > 1]


def hold(table: "pd.DataFrame", varying: Sequence[str]) -> tuple["pd.DataFrame", str]:
    """The rows in which all but the varying keys have one value, and a text that says which."""
    published = MachineConfig().model_dump()
    held = []
    for key in (*swept_keys(table), "variation", "engine"):
        if key in varying or key not in table or table[key].nunique() < 2:
            continue
        values = list(table[key].unique())
        value = published[key] if published.get(key) in values else values[0]
        table = table[table[key] == value]
        held.append(f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}")
    return table, ", ".join(held)


def _caption(table: "pd.DataFrame", held: str, bars: bool = True) -> str:
    seeds = table["seed"].dropna().nunique()
    parts = [
        f"simulated, eiesim {table['eiesim'].iloc[0]}",
        "synthetic layers" if table["seed"].notna().all() else "",
        f"mean of {seeds} seeds{', bars from least to most' if bars else ''}" if seeds > 1 else "",
        f"held: {held}" if held else "",
    ]
    return "; ".join(part for part in parts if part)


def _canvas(title: str, caption: str, width: float = 7.5, panels: int = 1) -> tuple[Figure, list["Axes"]]:
    figure = Figure(figsize=(width, 4.2), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]
    figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=12)
    figure.supxlabel(caption, fontsize=8, color="#555555", x=0.01, ha="left")
    return figure, list(axes)


def _percent(axes: "Axes") -> None:
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylim(0, 1.03)


def _ticks(axes: "Axes", values: Sequence[float]) -> None:
    """An axis of the values that were swept: logarithmic where they grow by factors."""
    low, high = min(values), max(values)
    if low > 0 and high / low >= 8:
        axes.set_xscale("log", base=2)
    shown = list(values)[:: ceil(len(values) / 12)]
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _magnitudes(axis: "Axis", values: Any) -> None:
    """An axis of what was found: logarithmic where it spans a factor of 4 or more, ticks in plain numbers."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low > 0 and high / low >= 4:
        scale = axis.axes.set_xscale if axis is axis.axes.xaxis else axis.axes.set_yscale
        scale("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _lines(axes: "Axes", table: "pd.DataFrame", x: str, y: str) -> None:
    """One line a layer: the mean over seeds, and a bar from least to most."""
    for k, (layer, rows) in enumerate(table.groupby("layer", sort=False)):
        by_x = rows.groupby(x)[y]
        mean, least, most = by_x.mean(), by_x.min(), by_x.max()
        bars = np.stack([mean - least, most - mean]).clip(0) if rows["seed"].nunique() > 1 else None
        axes.errorbar(
            mean.index,
            mean,
            bars,
            label=str(layer),
            color=COLOURS[k % len(COLOURS)],
            marker=MARKERS[k % len(MARKERS)],
            # Later markers are smaller, so that equal lines show them all.
            markersize=max(4.0, 8.5 - 0.5 * k),
            linewidth=1.4,
            capsize=2,
        )
    axes.set_xlabel(LABELS.get(x, x))
    axes.set_ylabel(LABELS.get(y, y))
    _ticks(axes, sorted(table[x].unique()))


def _legend(axes: "Axes") -> None:
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _over(table: "pd.DataFrame", x: str, y: str, title: str, scale: Callable[["Axes"], None]) -> Figure:
    rows, held = hold(table, [x])
    figure, (axes,) = _canvas(title, _caption(rows, held))
    _lines(axes, rows, x, y)
    scale(axes)
    _legend(axes)
    return figure


def _speedup(table: "pd.DataFrame") -> Figure:
    rows, held = hold(table, ["pes"])
    fewest = rows["pes"].min()
    # Each seed's layer is compared with itself on the fewest PEs.
    base = rows[rows["pes"] == fewest].set_index(["layer", "seed"])["time_us"]
    before = [base.get((layer, seed), np.nan) for layer, seed in zip(rows["layer"], rows["seed"], strict=True)]
    speedup = np.asarray(before, float) / rows["time_us"]
    rows = rows.assign(speedup=speedup, efficiency=speedup / (rows["pes"] / fewest))
    caption = _caption(rows, held)
    if rows["efficiency"].max() > 1.01:
        caption += "; above linear where more PEs leave less padding"
    figure, (left, right) = _canvas("Speed-up and efficiency over PEs (as Fig. 11)", caption, 11, 2)
    many = sorted(rows["pes"].unique())
    left.plot(many, np.asarray(many) / fewest, color="#555555", linestyle="--", linewidth=1, label="linear")
    _lines(left, rows, "pes", "speedup")
    if many[-1] / many[0] >= 8:
        left.set_yscale("log", base=2)
        left.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    left.set_ylabel(f"speed-up over {fewest} PE{'s' if fewest > 1 else ''}")
    _lines(right, rows, "pes", "efficiency")
    right.set_ylabel("speed-up / PEs" if fewest == 1 else f"speed-up / (PEs / {fewest})")
    _percent(right)
    right.set_ylim(0, max(1.03, float(rows["efficiency"].max()) * 1.03))
    handles, names = left.get_legend_handles_labels()
    right.legend(handles, names, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _sram_width(table: "pd.DataFrame") -> Figure:
    rows, held = hold(table, ["spmat_width"])
    energies = [str(column) for column in rows if str(column).startswith("energy_spmat")]
    panels: list[tuple[str, str]] = [("spmat_row_reads", "SRAM rows read (simulated)")]
    if energies:
        panels.append((energies[0], "sparse-matrix read energy (µJ, estimated)"))
    if "energy_total_uj" in rows:
        panels.append(("energy_total_uj", "total energy (µJ, estimated)"))
    title = "Sparse-matrix SRAM reads and energy over width (as Fig. 9)" if panels[1:] else "SRAM reads over width"
    figure, axes = _canvas(title, _caption(rows, held), 3.5 + 4 * len(panels), len(panels))
    for one, (column, label) in zip(axes, panels, strict=True):
        _lines(one, rows, "spmat_width", column)
        _magnitudes(one.yaxis, rows[column])
        one.set_ylabel(label)
    _legend(axes[-1])
    return figure


def _arithmetic(table: "pd.DataFrame", accuracies: Mapping[str, float]) -> Figure:
    rows, held = hold(table, ["arithmetic"])
    formats = [name for name in ("float32", "fixed32", "fixed16", "fixed8") if name in set(rows["arithmetic"])]
    energies = [str(column) for column in rows if str(column).startswith("energy_arithm")]
    column = energies[0] if energies else "energy_total_uj"
    known = {name: accuracies[name] for name in formats if name in accuracies}
    title = "Energy and accuracy over arithmetic (as Fig. 10)" if known else "Energy over arithmetic (as Fig. 10)"
    figure, axes = _canvas(title, _caption(rows, held, bars=False), 11 if known else 7.5, 2 if known else 1)
    layers = list(rows["layer"].unique())
    for k, layer in enumerate(layers):
        mean = rows[rows["layer"] == layer].groupby("arithmetic")[column].mean().reindex(formats)
        place = np.arange(len(formats)) + (k - (len(layers) - 1) / 2) * 0.8 / len(layers)
        axes[0].bar(place, mean, 0.8 / len(layers), color=COLOURS[k % len(COLOURS)], label=layer)
    axes[0].set_xticks(range(len(formats)), formats)
    axes[0].set_ylabel(f"{'arithmetic' if energies else 'total'} energy (µJ, estimated)")
    axes[0].grid(axis="x", visible=False)
    if known:
        bars = axes[1].bar(list(known), list(known.values()), 0.5, color="#555555")
        axes[1].bar_label(bars, [f"{value:.1%}" for value in known.values()], padding=2)
        axes[1].set_ylabel("accuracy (given, --accuracy)")
        axes[1].grid(axis="x", visible=False)
        _percent(axes[1])
        axes[1].set_ylim(0, 1.1)
    handles, names = axes[0].get_legend_handles_labels()
    axes[-1].legend(handles, names, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _grid(title: str, caption: str, names: Sequence[str]) -> tuple[Figure, list["Axes"]]:
    """A panel a layer, at most three beside one another."""
    across = min(3, len(names))
    down = ceil(len(names) / across)
    figure = Figure(figsize=(max(4.4, 4.0 * across), 0.9 + 3.1 * down), layout="constrained")
    every = figure.subplots(down, across, squeeze=False).reshape(-1)
    for empty in every[len(names) :]:
        empty.set_visible(False)
    figure.suptitle(title, fontweight="bold", x=0.01, ha="left", fontsize=12)
    figure.supxlabel(caption, fontsize=8, color="#555555", x=0.01, ha="left")
    for axes, name in zip(every, names, strict=False):
        axes.set_title(name, loc="left")
    return figure, list(every[: len(names)])


def _shown_layers(table: "pd.DataFrame", caption: str) -> tuple[list[str], str]:
    names = list(table["layer"].unique())
    if len(names) <= MOST_PANELS:
        return names, caption
    return names[:MOST_PANELS], f"{caption}; the first {MOST_PANELS} of {len(names)} layers"


HEAT = {"load_balance": "load balance", "energy_total_uj": "energy (estimated) / the layer's least"}
"""What heat maps show: the first that both keys change."""


def _heat_of(table: "pd.DataFrame", one: str, other: str) -> str | None:
    rows, _ = hold(table, [one, other])
    for column in HEAT:
        if column in rows and _changes(rows, one, other, column) and _changes(rows, other, one, column):
            return column
    return None


def _changes(rows: "pd.DataFrame", key: str, other: str, column: str) -> bool:
    """Whether a key alone changes a column by more than 0.5% anywhere."""
    cells = rows.groupby(["layer", other, key])[column].mean().groupby(["layer", other])
    return bool((cells.max() > 1.005 * cells.min()).any())


def _heat_maps(table: "pd.DataFrame", one: str, other: str, column: str) -> Figure:
    rows, held = hold(table, [one, other])
    names, caption = _shown_layers(rows, _caption(rows, held, bars=False))
    shares = column == "load_balance"
    figure, panels = _grid(f"{HEAT[column].capitalize()} over {one} and {other}", caption, names)
    pivots = [
        rows[rows["layer"] == name].pivot_table(index=other, columns=one, values=column, aggfunc="mean")
        for name in names
    ]
    if not shares:
        pivots = [cells / np.nanmin(cells.to_numpy()) for cells in pivots]
    low, high = (0.0, 1.0) if shares else (1.0, max(float(np.nanmax(cells.to_numpy())) for cells in pivots))
    image: Any = None
    for axes, cells in zip(panels, pivots, strict=True):
        image = axes.imshow(
            cells, cmap="cividis" if shares else "cividis_r", vmin=low, vmax=high, aspect="auto", origin="lower"
        )
        axes.set_xticks(range(cells.shape[1]), [f"{value}" for value in cells.columns], fontsize=8)
        axes.set_yticks(range(cells.shape[0]), [f"{value}" for value in cells.index], fontsize=8)
        axes.set_xlabel(one)
        axes.set_ylabel(other)
        axes.grid(visible=False)
        if cells.size > 120:
            continue
        for (down, across), value in np.ndenumerate(cells.to_numpy()):
            light = (value - low) / (high - low)
            axes.text(
                across, down, f"{value * 100:.0f}" if shares else f"{value:.2f}", ha="center", va="center",
                fontsize=7, color="black" if (light if shares else 1 - light) > 0.5 else "white",
            )  # fmt: skip
    bar = figure.colorbar(image, ax=panels, shrink=0.8, label=HEAT[column])
    if shares:
        bar.ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return figure


def front(times: Sequence[float], costs: Sequence[float]) -> list[int]:
    """The points that no other beats in both, from the fastest on."""
    order = sorted(range(len(times)), key=lambda k: (times[k], costs[k]))
    kept: list[int] = []
    for k in order:
        if not kept or costs[k] < costs[kept[-1]]:
            kept.append(k)
    return kept


def _pareto(table: "pd.DataFrame", cost: str, keys: Sequence[str]) -> Figure:
    rows = table.dropna(subset=[cost])
    names, caption = _shown_layers(rows, _caption(rows, "", bars=False))
    label = LABELS.get(cost, f"{cost} (estimated)")
    title = f"Time against {'energy' if cost.startswith('energy') else 'area'}: one point a machine"
    figure, panels = _grid(title, f"{caption}; labels: {', '.join(keys)} along the front", names)
    for axes, name in zip(panels, names, strict=True):
        points = rows[rows["layer"] == name].groupby(list(keys), sort=True)[["time_us", cost]].mean().reset_index()
        times, costs = points["time_us"].tolist(), points[cost].tolist()
        kept = front(times, costs)
        axes.scatter(times, costs, s=14, color="#BBBBBB", linewidths=0)
        axes.step(
            [times[k] for k in kept], [costs[k] for k in kept],
            where="post", color=COLOURS[0], marker="o", markersize=4, linewidth=1.2,
        )  # fmt: skip
        for k in {kept[0], kept[len(kept) // 2], kept[-1]}:
            text = ", ".join(f"{points[key].iloc[k]}" for key in keys)
            side, shift = ("right", -4) if k == kept[-1] and len(kept) > 1 else ("left", 4)
            axes.annotate(
                text, (times[k], costs[k]), xytext=(shift, 5 if side == "left" else -10),
                textcoords="offset points", fontsize=7, ha=side,
            )  # fmt: skip
        _magnitudes(axes.xaxis, times)
        _magnitudes(axes.yaxis, costs)
        axes.margins(x=0.2, y=0.15)
        axes.set_xlabel(LABELS["time_us"])
        axes.set_ylabel(label)
    return figure
