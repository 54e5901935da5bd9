"""Why a claim of the paper differs here: each reason is computed from the runs and the paper's own figures.

A ratio of ours to the paper's is taken apart into factors; multiplied, they give the ratio again.
"""

from collections.abc import Sequence
from math import prod

from eiesim.config import MachineConfig
from eiesim.energy.check import against_table2
from eiesim.energy.model import reference_energy
from eiesim.energy.sram import sram
from eiesim.paper import source
from eiesim.paper import speedups as published
from eiesim.paper.speedups import CPU, DENSE, EIE, FIG6_TIMES, geomean
from eiesim.reproduction.items import VARIATIONS, VARIED, ItemRow, PaperItem, Time
from eiesim.reproduction.simulations import Simulations
from eiesim.view.words import MODULES

LEAST_W = 0.005
"""Modules that differ by less power than this, over all PEs, are not named."""


def times(table4: PaperItem) -> list[ItemRow]:
    """The rows of the actual times."""
    return [row for row in table4.rows if row.key is Time.ACTUAL]


def time_errors(table4: PaperItem) -> dict[str, float]:
    """Errors of the actual times of layers of varied density, by layer."""
    return {row.item: row.error(VARIED) or 0.0 for row in times(table4)}


def speedup_factors(table4: PaperItem, machine: str) -> list[tuple[str, float]]:
    """What makes our speed-up over a machine differ from the printed mean: (words, factor).

    machine: a key of `DENSE`.
    """
    own = geomean([published.time_us(DENSE[machine], one) / published.time_us(EIE, one) for one in source.LAYERS])
    printed = published.headline_speedup(machine)
    return [
        _of_times(table4),
        (f"the paper's own Table IV gives {own:.3g}× where its text says {printed:g}×", own / printed),
    ]


def energy_factors(table4: PaperItem, machine: str, ratio: float) -> list[tuple[str, float]]:
    """What makes our energy efficiency over a machine differ from the printed mean: (words, factor).

    ratio: ours over the printed mean; the last factor is what the others leave of it.
    """
    drawn, table2 = source.constant("fig7_eie_power_w"), published.table2_power_w()
    factors = [
        _of_times(table4),
        (f"Table II gives {table2:.3g} W where Fig. 7 was drawn with {drawn:.3g} W", drawn / table2),
    ]
    rest = ratio / prod(factor for _, factor in factors)
    layers = ", ".join(FIG6_TIMES)
    words = f"Fig. 7 implies other times for {layers} than Table IV prints"
    if DENSE[machine] != CPU:
        words += f", and prints the mean of the {machine}'s bars as {published.printed_geomean(7, DENSE[machine]):g}"
    return [*factors, (words, rest)]


def _of_times(table4: PaperItem) -> tuple[str, float]:
    factor = geomean([float(row.published or 1) / row.ours[VARIED].mean for row in times(table4)])
    errors = time_errors(table4)
    most = max(errors, key=lambda layer: abs(errors[layer]))
    faster = "shorter" if factor > 1 else "longer"
    return f"simulated times are {faster} than Table IV's, {most}'s the most ({errors[most]:+.0%})", factor


def as_sentence(ratio: float, factors: Sequence[tuple[str, float]]) -> str:
    """The factors in words, the largest first."""
    ordered = sorted(factors, key=lambda one: -abs(one[1] - 1))
    return f"ours is {ratio:.3f} times what is printed ({VARIED}): " + "; ".join(
        f"×{factor:.3f}, {words}" for words, factor in ordered
    )


def of_power() -> str:
    """By how much the activity model's power differs from Table II, and in which modules."""
    model, chip = (reference_energy(name).power_w for name in ("activity", "published"))
    pes = MachineConfig().pes
    differences = {
        check.name: (check.activity_mw - check.published_mw) * pes / 1e3
        for check in against_table2()
        if check.kind == "module"
    }
    largest = sorted(differences, key=lambda name: -abs(differences[name]))
    named = [
        f"{MODULES.get(name, name)} {differences[name]:+.3f} W" for name in largest if abs(differences[name]) >= LEAST_W
    ]
    return (
        f"on AlexNet-FC8 the activity model gives {model:.3f} W where Table II gives {chip:.3f} W: "
        f"{', '.join(named) or 'no module by much'}; why is said under Table II"
    )


def of_width(runs: Simulations, best: int, printed: int) -> str:
    """What a read of the best width costs beside one of the printed width, and how many are needed."""
    wide, narrow = (sram(MachineConfig().spmat_bytes, width).read_energy_pj for width in (best, printed))

    def reads(width: int) -> float:
        every = (
            runs.spread(lambda row: float(row["spmat_row_reads"]), layer, VARIATIONS[VARIED], spmat_width=width).mean
            for layer in runs.layers
        )
        return sum(every)

    return (
        f"by CACTI 7 a read of {best} bits takes {wide / narrow:.2f} times the energy of one of {printed} bits, and "
        f"these layers need {reads(best) / reads(printed):.2f} times as many; how the paper set CACTI is not known"
    )


def scaling_factors(runs: Simulations, layer: str, fewer: int, more: int, name: str) -> tuple[float, float]:
    """What makes a layer's speed-up from fewer to more PEs other than linear: load balance, and padding that is shed.

    Their product is the share of linear speed-up, since time = macs / real work / load balance / PEs.
    """

    def changed(column: str) -> float:
        before, after = (
            runs.spread(lambda row: float(row[column]), layer, VARIATIONS[name], pes=pes).mean for pes in (fewer, more)
        )
        return after / before

    return changed("load_balance"), changed("real_work")


def of_scaling(runs: Simulations, layers: Sequence[str], fewer: int, more: int) -> str:
    """Why layers scale as they do."""
    parts = []
    for layer in layers:
        balance, padding = scaling_factors(runs, layer, fewer, more, VARIED)
        parts.append(f"{layer} {balance:.2f} × {padding:.2f}")
    return (
        f"share of linear = change of the load balance × what less padding saves, from {fewer} to {more} PEs "
        f"({VARIED}): {', '.join(parts)}"
    )


def of_imbalance(table4: PaperItem) -> str:
    """On which layer the load imbalance differs most from Table IV's."""
    rows = [row for row in table4.rows if row.key is Time.IMBALANCE]
    most = max(rows, key=lambda row: abs(row.error(VARIED) or 0))
    return (
        f"{most.item} differs most: actual over theoretical time is {float(most.published or 0):.2f} in Table IV and "
        f"{most.ours[VARIED].mean:.2f} here ({VARIED})"
    )
