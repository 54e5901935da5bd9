"""The study's pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from eiesim.view import palette
from eiesim.view.saving import save
from eiesim.view.style import LINES, headed
from studies.front import front
from studies.what_ifs import found
from studies.what_ifs.digits import AUTOMATIC, ROUNDINGS, THRESHOLD_PES
from studies.what_ifs.machines import HEAVIEST, MULTIPLIERS, PES, SHUFFLED, STORED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BY_MULTIPLIERS = dict(zip(MULTIPLIERS, (palette.BLUE, palette.ORANGE, palette.GREEN, palette.VERMILION), strict=True))
BY_ROUNDING = dict(zip(ROUNDINGS, (palette.BLUE, palette.VERMILION, palette.GREEN), strict=True))
BY_ORDER = {STORED: palette.BLUE, SHUFFLED: palette.ORANGE, HEAVIEST: palette.VERMILION}
MARKERS = "osD^"
PUBLISHED = (64, 1)
MULTIPLE = "multiple of the published machine's"


def draw(table: pd.DataFrame, rounding: pd.DataFrame, thresholds: pd.DataFrame, folder: Path) -> None:
    """All pictures."""
    means = found.over_nine(found.machines(table))
    for name, picture in (
        ("multipliers", lambda: multipliers(means)),
        ("pareto", lambda: pareto(means)),
        ("mapping", lambda: mapping(found.blocks(table))),
        ("rounding", lambda: roundings(rounding)),
        ("threshold", lambda: threshold(thresholds)),
    ):
        save(picture, folder / name, LINES, formats=("svg",))


def _panels(count: int, width: float = 9.6, height: float = 4.2, **options: Any) -> "tuple[Figure, list[Axes]]":
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, count, figsize=(width, height), layout="constrained", **options)
    return figure, list(panels)


def _powers_of_two(axes: "Axes", values: list[int]) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(values))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _steps(axes: "Axes", axis: str, values: tuple[float, ...], text: str = "{x:g}") -> None:
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    getattr(axes, f"set_{axis}scale")("log")
    side = getattr(axes, f"{axis}axis")
    side.set_major_locator(FixedLocator(values))
    side.set_major_formatter(StrMethodFormatter(text))
    side.set_minor_locator(NullLocator())


def multipliers(means: pd.DataFrame) -> "Figure":
    """Time, energy, their product and area over the multipliers in all, a line for each number a PE."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, 2, figsize=(9.6, 7.6), layout="constrained")
    one = found.at(means, *PUBLISHED)
    for axes, (column, title, unit, ticks) in zip(
        panels.flat,
        (
            ("relative_time_us", "time (simulated)", MULTIPLE, (0.25, 0.5, 1, 2, 4)),
            ("relative_energy_uj", "energy (estimated)", MULTIPLE, (0.7, 0.8, 0.9, 1, 1.2, 1.4)),
            ("relative_edp", "energy x time (estimated)", MULTIPLE, (0.25, 0.5, 1, 2, 4, 8)),
            ("area_mm2", "area (estimated)", "mm²", (35, 40, 50, 60, 70, 80)),
        ),
        strict=True,
    ):
        for marker, (each, colour) in zip(MARKERS, BY_MULTIPLIERS.items(), strict=True):
            line = found.chosen(means, multipliers=each)
            axes.plot(line["multipliers_in_all"], line[column], color=colour, marker=marker, markersize=5)
            last = line.iloc[-1]
            axes.annotate(
                f"{each} a PE", (last["multipliers_in_all"], last[column]), textcoords="offset points",
                xytext=(-8, -15) if axes is panels[0, 0] else (-1, 7), color=colour, ha="center", fontsize=9,
                fontweight="bold",
            )  # fmt: skip
        axes.plot(
            one["multipliers_in_all"], one[column], "o", markersize=11, markerfacecolor="none", color=palette.BLACK
        )
        _powers_of_two(axes, [16, 32, 64, 128, 256, 512, 1024, 2048])
        _steps(axes, "y", ticks)
        axes.set_xlim(13, 3200)
        axes.margins(y=0.09)
        axes.set_xlabel("multipliers in all (PEs x multipliers a PE)")
        axes.set_ylabel(unit)
        axes.set_title(title)
    headed(figure, "More multipliers a PE, or more PEs? Nine layers, geometric means")
    panels[0, 0].annotate(
        "published: 64 PEs,\n1 multiplier each", (one["multipliers_in_all"], 1), xytext=(12, 12),
        textcoords="offset points", fontsize=9,
    )  # fmt: skip
    return figure


def pareto(means: pd.DataFrame) -> "Figure":
    """Energy and area over time, every machine a point, with the front."""
    figure, panels = _panels(2, 12, 5.2)
    for axes, (column, text, ticks) in zip(
        panels,
        (
            ("relative_energy_uj", f"energy, {MULTIPLE} (estimated)", (0.7, 0.8, 0.9, 1, 1.2, 1.4)),
            ("area_mm2", "area (mm², estimated)", (35, 40, 45, 50, 60, 70, 80)),
        ),
        strict=True,
    ):
        for marker, (each, colour) in zip(MARKERS, BY_MULTIPLIERS.items(), strict=True):
            points = found.chosen(means, multipliers=each)
            axes.plot(
                points["relative_time_us"], points[column], marker, color=colour, markersize=6,
                label=f"{each} multiplier{'s' if each > 1 else ''} a PE",
            )  # fmt: skip
        best = means.iloc[front(means["relative_time_us"].to_list(), (-means[column]).to_list())]
        axes.step(
            best["relative_time_us"], best[column], where="post", color=palette.BLACK, linewidth=1.1, linestyle="--",
            zorder=1, label="Pareto front",
        )  # fmt: skip
        _steps(axes, "x", (0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4))
        _steps(axes, "y", ticks)
        axes.set_xlim(0.15, 5.5)
        axes.margins(y=0.09)
        _name_machines(axes, best, pd.concat([means[means["multipliers"] == 1], means]), column)
        axes.set_xlabel(f"time, {MULTIPLE} (simulated)")
        axes.set_ylabel(text)
    headed(figure, "What no other machine beats: a point is PEs x multipliers a PE, over nine layers")
    panels[0].set_title("energy against time")
    panels[1].set_title("area against time")
    panels[1].legend(loc="upper right")
    return figure


def _name_machines(axes: "Axes", best: pd.DataFrame, others: pd.DataFrame, column: str) -> None:
    """Those of the front on its near side, the others beyond, the first rows first; a point near one that is named
    stays without a name: colour and marker tell what it is.
    """
    taken: list[tuple[float, float]] = []
    for rows, place in ((best, {"xytext": (-4, -11), "ha": "right"}), (others, {"xytext": (5, 5), "ha": "left"})):
        for _, row in rows.iterrows():
            point = (row["relative_time_us"], row[column])
            x, y = axes.transAxes.inverted().transform(axes.transData.transform(point))
            if all(abs(x - other) > 0.09 or abs(y - above) > 0.045 for other, above in taken):
                axes.annotate(
                    f"{row['pes']:.0f} x {row['multipliers']:.0f}", point, textcoords="offset points", fontsize=8,
                    color=palette.DARK, **place,
                )  # fmt: skip
                taken.append((x, y))


def mapping(blocks: pd.DataFrame) -> "Figure":
    """Cycles with blocks over cycles with interleaving: by layer on 64 PEs, and over the PEs."""
    figure, (layers, over) = _panels(2, 12, 5.2, width_ratios=(3, 2))
    there = [name for name in found.LAYERS if (blocks["layer"] == name).any()]
    for marker, (order, colour) in zip("oDs", BY_ORDER.items(), strict=True):
        rows = found.ratios(blocks, there, order, 64)
        layers.plot(
            100 * (rows - 1), [there.index(name) for name in rows.index], marker, color=colour, label=f"rows {order}",
            markersize=6,
        )  # fmt: skip
    layers.set_yticks(range(len(there)), [_layer_name(name) for name in there])
    layers.invert_yaxis()
    layers.axvline(0, color=palette.DARK, linewidth=0.8)
    layers.set_xlabel("cycles more with blocks than interleaved (%, simulated)")
    layers.set_title("by layer, 64 PEs")
    layers.legend(loc="lower right")
    for order, colour in ((STORED, palette.BLUE), (HEAVIEST, palette.VERMILION)):
        lines = [100 * (found.ratios(blocks, found.NINE, order, pes) - 1) for pes in PES]
        means = [line.mean() for line in lines]
        over.fill_between(PES, [line.min() for line in lines], [line.max() for line in lines], color=colour, alpha=0.18)
        over.plot(PES, means, color=colour, marker="o" if order == STORED else "s")
        over.annotate(
            f"rows {order}",
            (PES[1], lines[1].max()),
            xytext=(0, 6),
            textcoords="offset points",
            color=colour,
            ha="center",
        )
    headed(figure, "Rows in blocks, against interleaved rows")
    _powers_of_two(over, list(PES))
    over.axhline(0, color=palette.DARK, linewidth=0.8)
    over.set_xlabel("PEs")
    over.set_ylabel("cycles more with blocks (%, simulated)")
    over.set_title("nine synthetic layers: mean, and from least to most")
    return figure


def _layer_name(name: str) -> str:
    return {
        "AlexNet-FC8": "AlexNet-FC8 (real, not shipped)",
        **{n: f"LeNet {n} (real)" for n in ("ip1", "ip2", "ip3")},
    }.get(name, name)


def roundings(table: pd.DataFrame) -> "Figure":
    """Accuracy over the accumulators' fraction bits, the outputs' mean error, and the two automatic formats."""
    from matplotlib.ticker import PercentFormatter

    figure, (formats, curve, errors) = _panels(3, 12.5, 4.6, width_ratios=(2.4, 3, 3))
    automatic = table[table["output_frac"] == AUTOMATIC]
    for place, rounding in enumerate(ROUNDINGS):
        colour = BY_ROUNDING[rounding]
        for k, arithmetic in enumerate(("fixed8", "fixed16")):
            shares = found.chosen(automatic, rounding=rounding, arithmetic=arithmetic)["accuracy"]
            x = k + 0.22 * (place - 1)
            formats.plot([x] * len(shares), shares, "o", color=colour, alpha=0.35, markersize=5, markeredgewidth=0)
            formats.plot([x - 0.08, x + 0.08], [shares.mean()] * 2, color=colour, linewidth=2)
            formats.annotate(
                f"{rounding}\n{shares.mean():.1%}", (x, shares.min()), xytext=(0, -6 - (24 * place if k else 0)),
                textcoords="offset points", ha="center", va="top", color=colour, fontsize=8,
            )  # fmt: skip
        rows = table[(table["output_frac"] != AUTOMATIC) & (table["rounding"] == rounding)]
        groups = rows.assign(bits=rows["output_frac"].astype(int)).groupby("bits")
        for axes, column in ((curve, "accuracy"), (errors, "mean_error")):
            line = groups[column].mean()
            axes.fill_between(line.index, groups[column].min(), groups[column].max(), color=colour, alpha=0.2)
            axes.plot(line.index, line, color=colour, marker=MARKERS[place], markersize=5, label=rounding)
    headed(figure, "Rounding of products: LeNet-300-100 on 500 digits")
    formats.set_xticks([0, 1], ["fixed8", "fixed16"])
    formats.set_xlim(-0.5, 1.5)
    formats.set_ylim(0.83, 0.98)
    formats.set_ylabel("digits recognised (simulated)")
    formats.set_title("automatic fraction bits")
    formats.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    curve.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    curve.set_ylabel("digits recognised (simulated)")
    curve.set_title("accuracy, fixed16 with few fraction bits")
    errors.set_ylabel("mean error of the 10 outputs (simulated)")
    errors.set_title("mean error of the outputs")
    errors.axhline(0, color=palette.DARK, linewidth=0.8)
    for axes in (curve, errors):
        axes.set_xlabel("fraction bits of the accumulators, all layers")
        axes.set_xticks(range(-1, 9))
    curve.legend(loc="lower right", title="rounding (bands: 20 seeds)")
    return figure


def threshold(table: pd.DataFrame) -> "Figure":
    """Accuracy, cycles and energy over the threshold, and accuracy over what is saved."""
    from matplotlib.ticker import PercentFormatter

    figure, (costs, trade) = _panels(2, 12, 4.6)
    wide = found.chosen(table, pes=64).sort_values("threshold")
    lines = [("digits recognised", wide["accuracy"], palette.BLACK, "o", "-")]
    for pes, style in zip(THRESHOLD_PES, ("-", "--"), strict=True):
        rows = found.chosen(table, pes=pes).sort_values("threshold")
        lines += [
            (f"cycles, {pes} PEs", rows["cycles"] / rows["cycles"].iloc[0], palette.BLUE, "s", style),
            (f"energy, {pes} PEs", rows["energy_nj"] / rows["energy_nj"].iloc[0], palette.ORANGE, "D", style),
        ]
        trade.plot(
            rows["cycles"] / rows["cycles"].iloc[0], rows["accuracy"], style, color=palette.BLUE, marker="s",
            markersize=5, label=f"{pes} PEs",
        )  # fmt: skip
    for name, values, colour, marker, style in lines:
        costs.plot(wide["threshold"], values, style, color=colour, marker=marker, markersize=4, label=name)
    for axes in (costs, trade):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    headed(figure, "Small activations left out: LeNet-300-100 on 500 digits")
    costs.set_xlabel("activation threshold")
    costs.set_ylabel("share of the digits, or of the cost without a threshold")
    costs.set_title("accuracy and cycles simulated, energy estimated")
    costs.legend(loc="lower left")
    trade.set_xlim(1.03, 0.25)
    trade.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    trade.set_xlabel("cycles, share of those without a threshold (simulated)")
    trade.set_ylabel("digits recognised (simulated)")
    trade.set_title("what the cycles cost; labels: threshold, 64 PEs")
    first = wide["cycles"].iloc[0]
    for value in (0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9):
        row = found.chosen(wide, threshold=value).iloc[0]
        trade.annotate(
            f"{value:g}", (row["cycles"] / first, row["accuracy"]), xytext=(5, 5), textcoords="offset points",
            fontsize=8, color=palette.DARK,
        )  # fmt: skip
    trade.legend(loc="lower left")
    return figure
