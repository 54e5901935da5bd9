"""A sweep over one key, after EIE Figs. 8 to 13: lines over PEs, queue depth and SRAM width, bars over arithmetics."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from eiesim.config import ARITHMETICS
from eiesim.sweeps.canvas import canvas, caption_of, fixed, magnitudes, percent, ticks
from eiesim.view import palette, style
from eiesim.view.words import words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

READ_ENERGY, UNIT_ENERGY, TOTAL_ENERGY = "energy_spmat_read_uj", "energy_arithm_unit_uj", "energy_total_uj"


def speedup(table: "pd.DataFrame") -> Figure:
    """Speed-up and efficiency over PEs, each seed's layer over itself on the fewest PEs (as Fig. 11)."""
    rows, chosen = fixed(table, ["pes"])
    fewest, gained = _gained(rows, "pes")
    rows = rows.assign(speedup=gained, efficiency=gained / (rows["pes"] / fewest))
    caption = caption_of(rows, chosen)
    if rows["efficiency"].max() > 1.01:
        caption += "; above linear where more PEs leave less padding"
    figure, (left, right) = canvas("Speed-up and efficiency over PEs (as Fig. 11)", caption, 11, 2)
    _draw_speedup(left, rows, "pes", f"{fewest} PE{'s' if fewest > 1 else ''}")
    _lines(right, rows, "pes", "efficiency")
    right.set_ylabel("speed-up / PEs" if fewest == 1 else f"speed-up / (PEs / {fewest})")
    percent(right)
    right.set_ylim(0, max(1.03, float(rows["efficiency"].max()) * 1.03))
    _name_outside(left, right)
    return figure


def _gained(rows: "pd.DataFrame", key: str) -> tuple[Any, Any]:
    """The key's least value, and each row's speed-up over the same layer and seed there."""
    least = rows[key].min()
    base = rows[rows[key] == least].set_index(["layer", "seed"])["time_us"]
    before = [base.get((layer, seed), np.nan) for layer, seed in zip(rows["layer"], rows["seed"], strict=True)]
    return least, np.asarray(before, float) / rows["time_us"]


def _draw_speedup(axes: "Axes", rows: "pd.DataFrame", key: str, fewest: str) -> None:
    """Speed-ups over a key, beside linear. fewest: in words, the least of the key."""
    many = sorted(rows[key].unique())
    axes.plot(many, np.asarray(many) / many[0], color=palette.DARK, linestyle="--", linewidth=1, label="linear")
    _lines(axes, rows, key, "speedup")
    _as_wide(axes, many)
    axes.set_ylabel(f"speed-up over {fewest}")


def _name_outside(left: "Axes", right: "Axes") -> None:
    """The names of what the left panel shows, to the right of both."""
    handles, names = left.get_legend_handles_labels()
    right.legend(handles, names, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _as_wide(axes: "Axes", values: Sequence[float]) -> None:
    """A vertical axis that is logarithmic where the horizontal one of these values is, so that linear is a line."""
    if values[-1] / values[0] >= 8:
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def multipliers(table: "pd.DataFrame") -> Figure:
    """Speed-up over the multipliers of a PE, and how busy they are (docs/variants.md)."""
    rows, chosen = fixed(table, ["multipliers"])
    fewest, gained = _gained(rows, "multipliers")
    rows = rows.assign(speedup=gained)
    title = "Speed-up and ALU efficiency over the multipliers of a PE"
    figure, (left, right) = canvas(title, caption_of(rows, chosen), 11, 2)
    _draw_speedup(left, rows, "multipliers", f"{fewest} multiplier{'s' if fewest > 1 else ''}")
    _lines(right, rows, "multipliers", "alu_efficiency")
    percent(right)
    _name_outside(left, right)
    return figure


def real_work(table: "pd.DataFrame") -> Figure:
    """Real work over PEs (as Fig. 12)."""
    return _shares_over(table, "pes", "real_work", "Real work over PEs (as Fig. 12)")


def load_balance(table: "pd.DataFrame") -> Figure:
    """Load balance over PEs (as Fig. 13)."""
    return _shares_over(table, "pes", "load_balance", "Load balance over PEs (as Fig. 13)")


def queue_depth(table: "pd.DataFrame") -> Figure:
    """Load balance over queue depth (as Fig. 8)."""
    return _shares_over(table, "queue_depth", "load_balance", "Load balance over queue depth (as Fig. 8)")


def _shares_over(table: "pd.DataFrame", x: str, y: str, title: str) -> Figure:
    rows, chosen = fixed(table, [x])
    figure, (axes,) = canvas(title, caption_of(rows, chosen))
    _lines(axes, rows, x, y)
    percent(axes)
    _legend(axes)
    return figure


def sram_width(table: "pd.DataFrame") -> Figure:
    """SRAM reads, and energies where the table has them, over the sparse-matrix SRAM's width (as Fig. 9)."""
    rows, chosen = fixed(table, ["spmat_width"])
    panels = ["spmat_row_reads", *(column for column in (READ_ENERGY, TOTAL_ENERGY) if column in rows)]
    title = "Sparse-matrix SRAM reads and energy over width (as Fig. 9)" if panels[1:] else "SRAM reads over width"
    figure, axes = canvas(title, caption_of(rows, chosen), 3.5 + 4 * len(panels), len(panels))
    for one, column in zip(axes, panels, strict=True):
        _lines(one, rows, "spmat_width", column)
        magnitudes(one.yaxis, rows[column])
    _legend(axes[-1])
    return figure


def arithmetic(
    table: "pd.DataFrame", accuracies: Mapping[str, float], accuracy_label: str = "accuracy (given)"
) -> Figure:
    """Energy over arithmetics, and accuracies beside it where some are given (as Fig. 10).

    accuracies: by arithmetic, shares of 1. accuracy_label: what their axis is called.
    """
    rows, chosen = fixed(table, ["arithmetic"])
    formats = [name for name in ARITHMETICS if name in set(rows["arithmetic"])]
    column = UNIT_ENERGY if UNIT_ENERGY in rows else TOTAL_ENERGY
    known = {name: accuracies[name] for name in formats if name in accuracies}
    title = "Energy and accuracy over arithmetic (as Fig. 10)" if known else "Energy over arithmetic (as Fig. 10)"
    figure, axes = canvas(title, caption_of(rows, chosen, bars=False), 11 if known else 7.5, 2 if known else 1)
    layers = list(rows["layer"].unique())
    for k, layer in enumerate(layers):
        mean = rows[rows["layer"] == layer].groupby("arithmetic")[column].mean().reindex(formats)
        place = np.arange(len(formats)) + (k - (len(layers) - 1) / 2) * 0.8 / len(layers)
        axes[0].bar(place, mean, 0.8 / len(layers), color=palette.LINES[k % len(palette.LINES)], label=layer)
    axes[0].set_xticks(range(len(formats)), formats)
    axes[0].set_xlabel(words("arithmetic").label)
    axes[0].set_ylabel(words(column).label)
    axes[0].grid(axis="x", visible=False)
    if known:
        bars = axes[1].bar(list(known), list(known.values()), 0.5, color=palette.DARK)
        axes[1].bar_label(bars, [f"{value:.1%}" for value in known.values()], padding=2)
        axes[1].set_ylabel(accuracy_label)
        axes[1].grid(axis="x", visible=False)
        percent(axes[1])
        axes[1].set_ylim(0, 1.1)
    handles, names = axes[0].get_legend_handles_labels()
    axes[-1].legend(handles, names, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _lines(axes: "Axes", table: "pd.DataFrame", x: str, y: str) -> None:
    """One line a layer: the mean over seeds, and a bar from least to most."""
    for k, (layer, rows) in enumerate(table.groupby("layer", sort=False)):
        by_x = rows.groupby(x)[y]
        mean, least, most = by_x.mean(), by_x.min(), by_x.max()
        bars = np.stack([mean - least, most - mean]).clip(0) if rows["seed"].nunique() > 1 else None
        drawn = axes.errorbar(
            mean.index,
            mean,
            bars,
            label=str(layer),
            color=palette.LINES[k % len(palette.LINES)],
            marker=palette.MARKERS[k % len(palette.MARKERS)],
            # Later markers are smaller, so that equal lines show them all.
            markersize=max(4.0, 8.5 - 0.5 * k),
            linewidth=1.4,
            capsize=3,
        )
        style.outline_whiskers(drawn)
    axes.set_xlabel(words(x).label)
    axes.set_ylabel(words(y).label)
    ticks(axes, sorted(table[x].unique()))


def _legend(axes: "Axes") -> None:
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
