"""Pictures of a comparison, made of its rows; they compute nothing.

Bars that are not published are hatched as well as coloured, so that print without colour shows them too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle
from textwrap import fill

from eiesim._shown import counted
from eiesim.comparison.few import few_layers
from eiesim.comparison.records import FC8, AreaRow, ModuleRow, Ratio, WaterfallRow, by_batch
from eiesim.comparison.rows import Comparison
from eiesim.view import palette, style
from eiesim.view.panels import Note, Panel, Picture, Rule, Scale, Series, floats, names, reach
from eiesim.view.words import MODULES, Words, folded

WIDER = 2.0
"""EIE's bars are wider than others, for they carry their values."""

SPEEDUP = Words("speed-up over CPU, dense, batch 1")
EFFICIENCY = Words("energy efficiency over CPU,\ndense, batch 1")
"""The axes of Figs. 6 and 7."""

PAPER_COLOURS = {
    "CPU comp": palette.GREY,
    "GPU dense": palette.SKY,
    "GPU comp": palette.BLUE,
    "mGPU dense": palette.YELLOW,
    "mGPU comp": palette.ORANGE,
}
"""Colours of the paper's baselines, by the names of `paper.speedups.SERIES`."""


def pictures(comparison: Comparison) -> Iterator[tuple[str, Picture]]:
    """Each picture there is something of, by its file's name; of many layers the slowest, and the rest together."""
    comparison = few_layers(comparison)
    if comparison.speedup:
        title = "Speed-up over the CPU (as EIE Fig. 6)"
        yield "fig6_speedup", ratio_picture(comparison.speedup, SPEEDUP, title)
    if comparison.efficiency:
        title = "Energy efficiency over the CPU (as EIE Fig. 7)"
        yield "fig7_energy_efficiency", ratio_picture(comparison.efficiency, EFFICIENCY, title)
    for kind, rows in (
        ("speed-up", comparison.measured_speedup),
        ("energy efficiency", comparison.measured_efficiency),
    ):
        if rows:
            basis = "estimated" if any(row.basis == "estimated" for row in rows) else "measured"
            words = Words(f"{kind} over this machine's\nCPU, dense, batch 1", basis=basis)
            title = f"{kind.capitalize()} over this machine's CPU"
            name = "measured_speedup" if rows is comparison.measured_speedup else "energy_efficiency_over_this_cpu"
            yield name, ratio_picture(rows, words, title, caption(comparison, rows))
    if comparison.modules:
        yield "energy_by_module", module_picture(comparison.modules)
    if comparison.waterfall:
        yield "waterfall", waterfall_picture(comparison.waterfall)
    if comparison.areas:
        yield "area", area_picture(comparison.areas)


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
    if any(row.basis == "estimated" and not row.is_eie for row in rows):
        line += "; energy estimated from thermal design power"
    if any(row.precision != "float32" for row in rows):
        line += "; dotted: weights in lower precision"
    return line


def ratio_picture(rows: Sequence[Ratio], words: Words, title: str, caption: str = "") -> Picture:
    """Bars over layers, one colour a kind, on a log scale, a panel for each batch; 1 is the baseline.

    Whiskers go from least to most. The caption says how far the widest reaches, since on this scale it may be short.
    """
    # What is 1 everywhere, the baseline, needs no bars.
    kinds = {row.name: row for row in reversed(rows) if row.value != 1}
    kinds = {name: kinds[name] for name in _unique(row.name for row in rows) if name in kinds}
    panels = tuple(
        _ratio_panel(own, words, kinds, "" if batch is None else f"batch {batch}")
        for batch, own in by_batch(rows).items()
    )
    widest = _widest(rows)
    spread = f"whiskers: least to most, at most {widest:.1%} from the bar's end" if widest else ""
    whole = "; ".join(filter(None, (caption, spread)))
    height_in = 3.1 if len(panels) == 1 else 1.1 + 2.2 * len(panels)
    return Picture(title, panels, (style.PAGE_IN, height_in), whole, across=1, legend="above")


def _ratio_panel(rows: Sequence[Ratio], words: Words, kinds: Mapping[str, Ratio], title: str) -> Panel:
    """kinds: a row of each kind that has bars in some panel, by its name; each has its place in all."""
    by_place = {(row.layer, row.name): row for row in rows}
    layers = _unique(row.layer for row in rows)
    widths = [WIDER if one.is_eie else 1.0 for one in kinds.values()]
    unit = 0.88 / sum(widths)
    simulated, spare, series = iter(palette.SIMULATED), cycle(palette.BARS), []
    for k, (name, one) in enumerate(kinds.items()):
        own = [(x, by_place[layer, name]) for x, layer in enumerate(layers) if (layer, name) in by_place]
        hatch = ""
        if one.is_eie and one.basis != "published":
            colour, hatch = next(simulated)
        elif one.basis == "published":
            colour = palette.VERMILION if one.is_eie else PAPER_COLOURS[name]
        else:
            colour, hatch = next(spare), palette.ESTIMATED_HATCH if one.basis == "estimated" else ""
            hatch += palette.REDUCED_HATCH if one.precision != "float32" else ""
        width = widths[k] * unit
        middle = sum(widths[:k]) * unit + width / 2 - 0.44
        ranged = any(row.low is not None for _, row in own)
        if not own:
            continue
        series.append(
            Series(
                # The names of EIE's series say what they are.
                name if one.is_eie else f"{name}, {one.basis}",
                "bars",
                floats(x + middle for x, _ in own),
                floats(row.value for _, row in own),
                (colour,),
                low=floats(row.low for _, row in own) if ranged else (),
                high=floats(row.high for _, row in own) if ranged else (),
                base=(1.0,),  # so that worse than the baseline hangs down
                width=width,
                hatch=hatch,
                labels=tuple(_short(row.value) for _, row in own) if one.is_eie else (),
            )
        )
    top = max(row.value for row in rows)
    end = top * top**0.22
    means = {row.layer for row in rows if row.is_mean}
    return Panel(
        names(Words(""), folded(["geo. mean" if layer in means else layer for layer in layers])),
        Scale(words, end=end, log=10),
        tuple(series),
        notes=(Note(title, -0.6, end, (4, -3), side="left", up="top"),) if title else (),
        rules=(
            Rule(1, palette.BLACK),
            *(Rule(layers.index(mean) - 0.5, palette.GREY, upright=True, look="dotted") for mean in means),
        ),
    )


def _widest(rows: Sequence[Ratio]) -> float:
    """How far the least or the most lies from a bar's end, as a share of the bar."""
    ends = [(row.value, end) for row in rows for end in (row.low, row.high) if end is not None]
    return max((abs(end - value) / value for value, end in ends), default=0.0)


def _short(value: float) -> str:
    if value >= 10_000:
        return f"{value / 1000:,.0f}k" if value >= 100_000 else f"{value / 1000:.1f}k"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _stacks(bars: Sequence[str], words: Words, parts: Mapping[str, Sequence[float]], form: str) -> Panel:
    """Stacked bars: parts[module][bar]. form: of each bar's total, over it."""
    reached, series = [0.0] * len(bars), []
    for module, values in parts.items():
        ends = [low + value for low, value in zip(reached, values, strict=True)]
        series.append(
            Series(
                MODULES.get(module, module), "bars", floats(range(len(bars))), floats(ends),
                (palette.MODULES[module],), base=floats(reached), width=0.66,
                hatch=palette.MODULE_HATCHES.get(module, ""),
            )
        )  # fmt: skip
        reached = ends
    notes = tuple(Note(format(total, form), x, total) for x, total in enumerate(reached))
    return Panel(names(Words(""), bars), Scale(words), tuple(series), notes=notes)


def module_picture(rows: Sequence[ModuleRow]) -> Picture:
    """Power of a PE by module: Table II, the check on AlexNet-FC8, and each layer."""
    models = _unique(row.energy_model for row in rows if row.energy_model is not None)
    bars = _unique(row.of for row in rows)
    published = any(row.basis == "published" for row in rows)
    of_table2 = "Table II: published. The others: estimated" if published else "estimated"
    title = "Power of a PE by module (as EIE Table II)" if published else "Power of a PE by module"
    power = {(row.of, row.module): row.power_mw for row in rows}
    modules = [module for module in palette.MODULES if (bars[0], module) in power]
    parts = {module: [power[name, module] for name in bars] for module in modules}
    shown = ["authors'\nAlex-8" if name == FC8 else name for name in bars]
    panel = _stacks(folded(shown), Words("power of a PE", "mW"), parts, ".2f")
    if published:
        panel = replace(panel, rules=(Rule(0.5, palette.GREY, upright=True, look="dotted"),))
    caption = f"{of_table2}, energy model {' and '.join(models)}"
    return Picture(title, (panel,), (style.PAGE_IN, 3.2), caption, legend="above")


def area_picture(rows: Sequence[AreaRow]) -> Picture:
    """Area of the machines by module, at 45 nm."""
    machines = {row.machine: row for row in rows}
    area = {(row.machine, row.module): row.area_mm2 for row in rows}
    parts = {module: [area[name, module] for name in machines] for module in palette.MODULES}
    bars = [f"{counted(row.pes, 'PE')}\n{row.basis}" for row in machines.values()]
    panel = _stacks(bars, Words("area at 45 nm", "mm²"), parts, ".1f")
    return Picture("Area of the machine by module", (panel,), (4.8, 2.6), legend="right")


def waterfall_picture(rows: Sequence[WaterfallRow]) -> Picture:
    """Energy of fetching the weights, step by step; a line a layer, and the paper's savings between the steps."""
    layers, steps = _unique(row.layer for row in rows), _unique(row.step for row in rows)
    by_place = {(row.layer, row.step): row for row in rows}
    series = tuple(
        Series(
            layer, "line", floats(range(len(steps))), floats(by_place[layer, step].energy_uj for step in steps),
            (palette.LINES[k % len(palette.LINES)],), marker=palette.MARKERS[k % len(palette.MARKERS)], size=3.5,
        )
        for k, layer in enumerate(layers)
    )  # fmt: skip
    low, high = reach((row.energy_uj for row in rows), log=10)
    notes = []
    for k, step in enumerate(steps[1:], start=1):
        savings = sorted(by_place[layer, step].saving for layer in layers)
        span = _span(savings[0], savings[-1])
        paper = by_place[layers[0], step].paper_saving
        text = span if paper is None else f"{span}\npaper: {paper:g}×"
        notes.append(Note(text, k - 0.5, high * 3.4, (0, 0), up="top"))
    panel = Panel(
        names(Words(""), [fill(step, 13) for step in steps]),
        Scale(Words("energy of fetching the weights\nof one input", "µJ"), low, high * 4, log=10),
        series,
        notes=tuple(notes),
    )
    caption = "estimated, of simulated layers; between the steps their savings, and the paper's"
    title = "Energy of fetching the weights, step by step"
    return Picture(title, (panel,), (style.PAGE_IN, 3.4), caption, legend="right")


def _span(least: float, most: float) -> str:
    low, high = f"{least:.3g}", f"{most:.3g}"
    return f"{low}×" if low == high else f"{low} to {high}×"
