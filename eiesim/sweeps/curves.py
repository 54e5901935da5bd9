"""A sweep over one key, after EIE Figs. 8 to 13: lines over PEs, queue depth and SRAM width, bars over arithmetics."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from eiesim.config import ARITHMETICS
from eiesim.sweeps.canvas import caption_of, fixed, found_scale, share_scale, swept_scale
from eiesim.view import palette
from eiesim.view.panels import Panel, Picture, Scale, Series, floats, names
from eiesim.view.words import Words, words

if TYPE_CHECKING:
    import pandas as pd

READ_ENERGY, UNIT_ENERGY, TOTAL_ENERGY = "energy_spmat_read_uj", "energy_arithm_unit_uj", "energy_total_uj"


def speedup(table: "pd.DataFrame") -> Picture:
    """Speed-up and efficiency over PEs, each seed's layer over itself on the fewest PEs (as Fig. 11)."""
    rows, chosen = fixed(table, ["pes"])
    fewest, gained = _gained(rows, "pes")
    rows = rows.assign(speedup=gained, efficiency=gained / (rows["pes"] / fewest))
    caption = caption_of(rows, chosen)
    most = float(rows["efficiency"].max())
    if most > 1.01:
        caption += "; above linear where more PEs leave less padding"
    left = _speedups(rows, "pes", f"{fewest} PE{'s' if fewest > 1 else ''}")
    name = "speed-up / PEs" if fewest == 1 else f"speed-up / (PEs / {fewest})"
    right = lines(rows, "pes", "efficiency", Scale(Words(name), 0, max(1.03, most * 1.03), form=".0%"))
    return _picture("Speed-up and efficiency over PEs (as Fig. 11)", caption, left, right)


def _picture(title: str, caption: str, *panels: Panel) -> Picture:
    return Picture(title, panels, (3.5 + 4.0 * len(panels), 4.2), caption, legend="right", style="lines")


def _gained(rows: "pd.DataFrame", key: str) -> tuple[Any, Any]:
    """The key's least value, and each row's speed-up over the same layer and seed there."""
    least = rows[key].min()
    base = rows[rows[key] == least].set_index(["layer", "seed"])["time_us"]
    before = [base.get((layer, seed), np.nan) for layer, seed in zip(rows["layer"], rows["seed"], strict=True)]
    return least, np.asarray(before, float) / rows["time_us"]


def _speedups(rows: "pd.DataFrame", key: str, fewest: str) -> Panel:
    """Speed-ups over a key, beside linear; both axes are logarithmic or none, so that linear is a line."""
    many = sorted(rows[key].unique())
    log = 2 if many[-1] / many[0] >= 8 else 0
    panel = lines(rows, key, "speedup", Scale(Words(f"speed-up over {fewest}"), log=log))
    linear = Series(
        "linear", "line", floats(many), floats(value / many[0] for value in many), (palette.DARK,), dashed=True
    )  # fmt: skip
    return replace(panel, series=(linear, *panel.series))


def multipliers(table: "pd.DataFrame") -> Picture:
    """Speed-up over the multipliers of a PE, and how busy they are (docs/variants.md)."""
    rows, chosen = fixed(table, ["multipliers"])
    fewest, gained = _gained(rows, "multipliers")
    left = _speedups(
        rows.assign(speedup=gained), "multipliers", f"{fewest} multiplier{'s' if fewest > 1 else ''}"
    )  # fmt: skip
    right = lines(rows, "multipliers", "alu_efficiency", share_scale("alu_efficiency"))
    title = "Speed-up and ALU efficiency over the multipliers of a PE"
    return _picture(title, caption_of(rows, chosen), left, right)


def real_work(table: "pd.DataFrame") -> Picture:
    """Real work over PEs (as Fig. 12)."""
    return _shares_over(table, "pes", "real_work", "Real work over PEs (as Fig. 12)")


def load_balance(table: "pd.DataFrame") -> Picture:
    """Load balance over PEs (as Fig. 13)."""
    return _shares_over(table, "pes", "load_balance", "Load balance over PEs (as Fig. 13)")


def queue_depth(table: "pd.DataFrame") -> Picture:
    """Load balance over queue depth (as Fig. 8)."""
    return _shares_over(table, "queue_depth", "load_balance", "Load balance over queue depth (as Fig. 8)")


def _shares_over(table: "pd.DataFrame", x: str, y: str, title: str) -> Picture:
    rows, chosen = fixed(table, [x])
    return _picture(title, caption_of(rows, chosen), lines(rows, x, y, share_scale(y)))


def sram_width(table: "pd.DataFrame") -> Picture:
    """SRAM reads, and energies where the table has them, over the sparse-matrix SRAM's width (as Fig. 9)."""
    rows, chosen = fixed(table, ["spmat_width"])
    columns = ["spmat_row_reads", *(column for column in (READ_ENERGY, TOTAL_ENERGY) if column in rows)]
    title = "Sparse-matrix SRAM reads and energy over width (as Fig. 9)" if columns[1:] else "SRAM reads over width"
    panels = [lines(rows, "spmat_width", column, found_scale(column, rows[column])) for column in columns]
    return _picture(title, caption_of(rows, chosen), *panels)


def arithmetic(
    table: "pd.DataFrame", accuracies: Mapping[str, float], accuracy_label: str = "accuracy (given)"
) -> Picture:
    """Energy over arithmetics, and accuracies beside it where some are given (as Fig. 10).

    accuracies: by arithmetic, shares of 1. accuracy_label: what their axis is called.
    """
    rows, chosen = fixed(table, ["arithmetic"])
    formats = [name for name in ARITHMETICS if name in set(rows["arithmetic"])]
    column = UNIT_ENERGY if UNIT_ENERGY in rows else TOTAL_ENERGY
    known = {name: accuracies[name] for name in formats if name in accuracies}
    title = "Energy and accuracy over arithmetic (as Fig. 10)" if known else "Energy over arithmetic (as Fig. 10)"
    layers = list(rows["layer"].unique())
    width, series = 0.8 / len(layers), []
    for k, layer in enumerate(layers):
        mean = rows[rows["layer"] == layer].groupby("arithmetic")[column].mean().reindex(formats)
        places = np.arange(len(formats)) + (k - (len(layers) - 1) / 2) * width
        colour = palette.LINES[k % len(palette.LINES)]
        series.append(Series(layer, "bars", floats(places), floats(mean), (colour,), width=width))
    panels = [Panel(names(words("arithmetic"), formats), Scale(words(column)), tuple(series))]
    if known:
        labels = tuple(f"{value:.1%}" for value in known.values())
        whole = floats(range(len(known)))
        bars = Series(accuracy_label, "bars", whole, floats(known.values()), (palette.DARK,), width=0.5, labels=labels)
        across = names(words("arithmetic"), list(known))
        panels.append(Panel(across, Scale(Words(accuracy_label), 0, 1.1, form=".0%"), (bars,)))
    return _picture(title, caption_of(rows, chosen, bars=False), *panels)


def lines(table: "pd.DataFrame", x: str, y: str, scale: Scale) -> Panel:
    """One line a layer: the mean over seeds, and whiskers from least to most. scale: of the values."""
    series: Sequence[Series] = [
        _line(str(layer), k, rows.groupby(x)[y], rows["seed"].nunique() > 1)
        for k, (layer, rows) in enumerate(table.groupby("layer", sort=False))
    ]
    return Panel(swept_scale(x, table[x]), scale, tuple(series))


def _line(layer: str, k: int, by_x: Any, seeds: bool) -> Series:
    mean = by_x.mean()
    return Series(
        layer,
        "line",
        floats(mean.index),
        floats(mean),
        (palette.LINES[k % len(palette.LINES)],),
        low=floats(by_x.min()) if seeds else (),
        high=floats(by_x.max()) if seeds else (),
        marker=palette.MARKERS[k % len(palette.MARKERS)],
        # Later markers are smaller, so that equal lines show them all.
        size=max(4.0, 8.5 - 0.5 * k),
    )
