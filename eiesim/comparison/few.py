"""A comparison of many layers as pictures can show it: the slowest by themselves, all others together."""

from collections.abc import Sequence
from dataclasses import replace
from math import exp, log
from typing import TYPE_CHECKING

from eiesim._sums import added
from eiesim.comparison.bars import TOTAL
from eiesim.comparison.records import ModuleRow, Ratio, WaterfallRow
from eiesim.paper.speedups import GEOMEAN

if TYPE_CHECKING:
    from eiesim.comparison.rows import Comparison

MOST_LAYERS = 9
"""A picture of more layers shows the slowest, one fewer, and the rest as one."""


def few_layers(comparison: "Comparison") -> "Comparison":
    """The comparison with rows of at most `MOST_LAYERS` layers; as it is where it has no more.

    Of the others together, ratios are geometric means, powers means over their time, and energies sums.
    """
    times = {row.layer: row.time_us for row in comparison.eie if row.layer != TOTAL}
    if len(times) <= MOST_LAYERS:
        return comparison
    slowest = sorted(times, key=lambda layer: -times[layer])[: MOST_LAYERS - 1]
    others = {layer: times[layer] for layer in times if layer not in slowest}
    return replace(
        comparison,
        speedup=_ratios(comparison.speedup, others),
        efficiency=_ratios(comparison.efficiency, others),
        measured_speedup=_ratios(comparison.measured_speedup, others),
        measured_efficiency=_ratios(comparison.measured_efficiency, others),
        modules=_modules(comparison.modules, others),
        waterfall=_waterfall(comparison.waterfall, others),
    )


def together(others: dict[str, float]) -> str:
    """What the other layers are called."""
    return f"other {len(others)} layers"


def _ratios(rows: Sequence[Ratio], others: dict[str, float]) -> tuple[Ratio, ...]:
    """The bar of the others stands before the total and the mean."""
    made: list[Ratio] = []
    by_series: dict[str, list[Ratio]] = {}
    for row in rows:
        by_series.setdefault(row.series, []).append(row)
    for own in by_series.values():
        rest = [row for row in own if row.layer in others]
        ends = [row for row in own if row.layer in (TOTAL, GEOMEAN)]
        made += [row for row in own if row not in rest and row not in ends]
        if rest:
            mean = exp(added(log(row.value) for row in rest) / len(rest))
            made.append(replace(rest[0], layer=together(others), value=mean, note="", low=None, high=None))
        made += ends
    return tuple(made)


def _modules(rows: Sequence[ModuleRow], others: dict[str, float]) -> tuple[ModuleRow, ...]:
    rest: dict[str, list[ModuleRow]] = {}
    for row in rows:
        if row.of in others:
            rest.setdefault(row.module, []).append(row)
    means = []
    for own in rest.values():
        time_us = added(others[row.of] for row in own)
        power_mw = added(row.power_mw * others[row.of] for row in own) / time_us
        means.append(replace(own[0], of=together(others), power_mw=power_mw, energy_uj=None, leakage_uj=None))
    return (*(row for row in rows if row.of not in others), *means)


def _waterfall(rows: Sequence[WaterfallRow], others: dict[str, float]) -> tuple[WaterfallRow, ...]:
    steps: dict[str, float] = {}
    papers: dict[str, float | None] = {}
    for row in rows:
        if row.layer in others:
            steps[row.step] = steps.get(row.step, 0.0) + row.energy_uj
            papers[row.step] = row.paper_saving
    made = [row for row in rows if row.layer not in others]
    before: float | None = None
    for step, energy_uj in steps.items():
        saving = (energy_uj if before is None else before) / energy_uj if energy_uj else 0.0
        made.append(WaterfallRow(together(others), step, energy_uj, saving, papers[step]))
        before = energy_uj
    return tuple(made)
