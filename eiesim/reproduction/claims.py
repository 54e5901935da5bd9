"""Sentences of the paper, checked against the runs.

A claim with a number agrees if ours is within CLOSE of it. A claim of a trend agrees if every layer named follows it.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from eiesim._sums import added
from eiesim.config import MachineConfig
from eiesim.energy.model import reference_run
from eiesim.paper import source
from eiesim.paper import speedups as published
from eiesim.paper.source import TABLE_V_EIE, TABLE_V_LAYER, TABLE_V_PES
from eiesim.paper.speedups import CPU, DENSE, EIE, GEOMEAN, geomean
from eiesim.reproduction import reasons
from eiesim.reproduction.figures import RECOMPUTED
from eiesim.reproduction.items import (
    BOTH,
    FC8,
    UNIFORM,
    VARIATIONS,
    VARIED,
    BarKey,
    Claim,
    PaperItem,
    Power,
    Spread,
)
from eiesim.reproduction.simulations import Simulations

CLOSE = 0.10
NEAR_LINEAR = 0.75
"""From this share of linear speed-up on, a layer counts as near-linear. The paper gives no number."""

WORST = "NT-We"
"""The layer that the paper singles out: its load balance is worst, and it scales worst."""

AGREES, DIFFERS = "agrees", "differs"


def check_claims(runs: Simulations, items: Sequence[PaperItem]) -> Iterator[Claim]:
    """The paper's claims, one by one. Those over all nine layers are left out where fewer were run."""
    if len(runs.layers) == len(source.LAYERS):
        yield from _headlines(items)
        yield _load_imbalance(runs, items)
        yield _shallow_queue(runs)
        yield _deep_queue(runs)
        yield _worst_layer(runs)
        yield _power(runs)
    yield _best_width(runs)
    yield from _scaling(runs)
    if TABLE_V_LAYER in runs.layers:
        yield _wide(runs)
    yield _trend(runs, "real_work", "padding shrinks with the number of PEs (Fig. 12)", rises=True)
    yield _trend(runs, "load_balance", "load balance worsens with the number of PEs (Fig. 13)", rises=False)
    if runs.has_dump:
        yield _exact(items)


def _verdict(holds: bool, why: str) -> tuple[str, str]:
    return (AGREES, "") if holds else (DIFFERS, why)


def _numbers(uniform: float, varied: float, unit: str = "") -> str:
    return f"{_short(uniform)}{unit} {UNIFORM}, {_short(varied)}{unit} {VARIED}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _within(ours: Sequence[float], printed: float) -> bool:
    """Whether all of ours agree with a printed figure."""
    return all(abs(one / printed - 1) <= CLOSE for one in ours)


def _headlines(items: Sequence[PaperItem]) -> Iterator[Claim]:
    by_key = {one.key: one for one in items}
    table4, sixth, seventh = by_key["table_4"], by_key["fig_6"], by_key["fig_7"]
    for name, series in DENSE.items():
        printed = published.headline_speedup(name)
        base = 1.0 if series == CPU else sixth.row(BarKey(series, GEOMEAN)).ours[RECOMPUTED].mean
        ours = [sixth.row(BarKey(EIE, GEOMEAN)).ours[kind].mean / base for kind in BOTH]
        why = reasons.as_sentence(ours[1] / printed, reasons.speedup_factors(table4, name))
        text = f"{printed:g} times faster than the {name} (geometric mean)"
        yield Claim(text, f"{printed:g}×", _numbers(ours[0], ours[1], "×"), *_verdict(_within(ours, printed), why))
    for name, series in DENSE.items():
        printed = published.headline_energy(name)
        # NeuralTalk's watts were never published, so the other bars' means stay as printed.
        base = 1.0 if series == CPU else float(seventh.row(BarKey(series, GEOMEAN)).published or 0)
        ours = [seventh.row(BarKey(EIE, GEOMEAN, Power.TABLE_2)).ours[kind].mean / base for kind in BOTH]
        ratio = ours[1] / printed
        why = reasons.as_sentence(ratio, reasons.energy_factors(table4, name, ratio))
        text = f"{printed:,.0f} times the energy efficiency of the {name}, with Table II's power"
        yield Claim(text, f"{printed:,.0f}×", _numbers(ours[0], ours[1], "×"), *_verdict(_within(ours, printed), why))


def _means(runs: Simulations, column: str, name: str, **changes: Any) -> dict[str, float]:
    return {
        layer: runs.spread(lambda row: float(row[column]), layer, VARIATIONS[name], **changes).mean
        for layer in runs.layers
    }


def _load_imbalance(runs: Simulations, items: Sequence[PaperItem]) -> Claim:
    ours = [geomean([1 / value for value in _means(runs, "load_balance", name).values()]) - 1 for name in BOTH]
    printed = geomean([published.time_us(EIE, one) / published.theoretical_us(one) for one in runs.layers]) - 1
    holds = _within([1 + one for one in ours], 1 + printed)
    return Claim(
        f"load imbalance adds around {100 * source.constant('load_imbalance_share'):g} % to the theoretical time; "
        "beside it Table IV's geometric mean",
        f"{printed:.1%}", f"{ours[0]:.1%} {UNIFORM}, {ours[1]:.1%} {VARIED}",
        *_verdict(holds, reasons.of_imbalance(next(one for one in items if one.key == "table_4"))),
    )  # fmt: skip


def _idle(runs: Simulations, depth: int) -> list[float]:
    every = [_means(runs, "load_balance", name, queue_depth=depth).values() for name in BOTH]
    return [1 - added(one) / len(one) for one in every]


def _shallow_queue(runs: Simulations) -> Claim:
    uniform, varied = _idle(runs, 1)
    said = source.constant("fig8_idle_share_of_one_place")
    holds = all(abs(one - said) <= CLOSE for one in (uniform, varied))
    known = next(
        int(line["value"])
        for line in source.read("alexnet_fc8_authors_simulator.csv")
        if (line["key"], line["key_value"], line["quantity"]) == ("queue_depth", "1", "cycles")
    )
    figures, _, _ = reference_run()
    idle = 1 - figures.counters.entries / (known * figures.config.pes)
    why = f"with one usable place the authors' own simulator is idle for {idle:.0%} of its cycles on AlexNet-FC8"
    return Claim(
        "with a queue of one place about half of the cycles are idle (Fig. 8), mean over layers",
        f"about {100 * said:g} %", f"{uniform:.0%} {UNIFORM}, {varied:.0%} {VARIED}", *_verdict(holds, why),
    )  # fmt: skip


def _deep_queue(runs: Simulations) -> Claim:
    chosen, deepest = MachineConfig().queue_depth, max(runs.extent.queue_depths)
    first, middle, last = (_idle(runs, depth) for depth in (1, chosen, deepest))
    gains = [(one - two, two - three) for one, two, three in zip(first, middle, last, strict=True)]
    text = ", ".join(
        f"{100 * before:.0f} points from 1 to {chosen}, {100 * after:.0f} from {chosen} to {deepest} ({name})"
        for (before, after), name in zip(gains, VARIATIONS, strict=True)
    )
    holds = all(after < before for before, after in gains)
    return Claim(
        f"deeper than {chosen} places the returns diminish (Fig. 8)",
        "diminishing",
        text,
        *_verdict(holds, f"the second step, from {chosen} to {deepest} places, gains no less than the first"),
    )


def _worst_layer(runs: Simulations) -> Claim:
    balances = [_means(runs, "load_balance", name) for name in BOTH]
    worst = [min(balance, key=lambda layer: balance[layer]) for balance in balances]
    text = f"{worst[0]} {UNIFORM}, {worst[1]} {VARIED}"
    why = "; ".join(
        f"{layer} has {balance[layer]:.1%}, {WORST} {balance[WORST]:.1%} ({name})"
        for layer, balance, name in zip(worst, balances, BOTH, strict=True)
    )
    return Claim(f"{WORST} has the worst load balance", WORST, text, *_verdict(set(worst) == {WORST}, why))


def _power(runs: Simulations) -> Claim:
    ours = []
    for name in BOTH:
        watts = _means(runs, "energy_power_w", name).values()
        ours.append(added(watts) / len(watts))
    printed = source.platforms()[TABLE_V_EIE]["W"]
    holds = _within(ours, float(printed))
    text = f"{MachineConfig().pes} PEs draw {printed} W; here the activity model, mean over layers (estimated)"
    return Claim(text, f"{printed} W", _numbers(ours[0], ours[1], " W"), *_verdict(holds, reasons.of_power()))


def _best_width(runs: Simulations) -> Claim:
    best = []
    for name in BOTH:
        energies_uj = {
            width: added(_means(runs, "energy_spmat_read_uj", name, spmat_width=width).values())
            for width in runs.extent.widths
        }
        best.append(min(energies_uj, key=lambda width: energies_uj[width]))
    text = f"{best[0]} bits {UNIFORM}, {best[1]} bits {VARIED} (estimated)"
    printed = int(source.constant("fig9_best_width_bits"))
    why = reasons.of_width(runs, next((width for width in reversed(best) if width != printed), printed), printed)
    return Claim(
        f"a {printed}-bit SRAM interface takes the least energy (Fig. 9)", f"{printed} bits", text,
        *_verdict(set(best) == {printed}, why),
    )  # fmt: skip


def _scaling(runs: Simulations) -> Iterator[Claim]:
    fewest, most = min(runs.extent.pes), max(runs.extent.pes)
    shares: dict[str, list[float]] = {}
    for layer in runs.layers:
        for variation in VARIATIONS.values():
            pairs = zip(runs.rows(layer, variation, pes=fewest), runs.rows(layer, variation, pes=most), strict=True)
            speedups = [before["time_us"] / after["time_us"] for before, after in pairs]
            shares.setdefault(layer, []).append(Spread.of(speedups).mean / (most / fewest))
    others = {layer: min(found) for layer, found in shares.items() if layer != WORST}
    low = [layer for layer, share in others.items() if share < NEAR_LINEAR]
    if others:
        worst = min(others, key=lambda layer: others[layer])
        text = f"on {most} PEs at least {others[worst]:.0%} of linear ({worst}); below {NEAR_LINEAR:.0%}: "
        text += ", ".join(low) or "none"
        yield Claim(
            f"speed-up is near-linear but for {WORST} (Fig. 11)", "near-linear", text,
            *_verdict(not low, reasons.of_scaling(runs, low, fewest, most)),
        )  # fmt: skip
    if WORST in shares:
        holds = max(shares[WORST]) < min([*others.values(), NEAR_LINEAR])
        why = "of linear, the others have " + ", ".join(f"{layer} {share:.0%}" for layer, share in others.items())
        text = f"{shares[WORST][0]:.0%} {UNIFORM}, {shares[WORST][1]:.0%} {VARIED} of linear on {most} PEs"
        yield Claim(f"{WORST} scales worst (Fig. 11)", "worst", text, *_verdict(holds, why))


def _wide(runs: Simulations) -> Claim:
    fewer, printed = MachineConfig().pes, source.constant("throughput_256_pes_over_64")
    ours = []
    for name in BOTH:
        few, many = (_means(runs, "time_us", name, pes=pes)[TABLE_V_LAYER] for pes in (fewer, TABLE_V_PES))
        ours.append(few / many)
    text = f"{TABLE_V_PES} PEs have {printed:g} times the throughput of {fewer} (Table V, {TABLE_V_LAYER})"
    linear = TABLE_V_PES / fewer
    balance, padding = reasons.scaling_factors(runs, TABLE_V_LAYER, fewer, TABLE_V_PES, VARIED)
    why = (
        f"{linear:g} times the PEs × {balance:.2f}, the load balance's change, × {padding:.2f}, which less padding "
        f"saves ({VARIED}); the paper does not say how its {printed:g} was found"
    )
    return Claim(text, f"{printed:g}×", _numbers(ours[0], ours[1], "×"), *_verdict(_within(ours, printed), why))


def _trend(runs: Simulations, column: str, text: str, *, rises: bool) -> Claim:
    """Whether a column never moves the other way along the PEs, by more than half a percent."""
    against, steps = [], 0
    pes = sorted(runs.extent.pes)
    for name in BOTH:
        means = [_means(runs, column, name, pes=count) for count in pes]
        for layer in runs.layers:
            for before, after in pairwise(means):
                steps += 1
                ratio = after[layer] / before[layer]
                if (ratio < 0.995) if rises else (ratio > 1.005):
                    against.append(layer)
    found = f"{steps - len(against)} of {steps} steps along the PEs"
    why = f"against it: {', '.join(dict.fromkeys(against))}"
    return Claim(text, "on every layer", found, *_verdict(not against, why))


def _exact(items: Sequence[PaperItem]) -> Claim:
    rows = next(one for one in items if one.key == "alexnet_fc8").rows
    other = [row for row in rows if row.error(FC8) != 0]
    equal = len(rows) - len(other)
    return Claim(
        "AlexNet-FC8 in the authors' own simulator: cycles and SRAM reads", "equal", f"{equal} of {len(rows)} equal",
        *_verdict(equal == len(rows), f"not equal: {', '.join(f'{row.quantity} at {row.at}' for row in other)}"),
    )  # fmt: skip
