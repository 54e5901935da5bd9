"""Sentences of the paper checked against the runs, and what the reproduction comes to, in words.

A claim with a number agrees within CLOSE of it; a claim of a trend agrees if the trend is there on every layer named.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from eiesim.energy.model import reference_energy, reference_run
from eiesim.paper import source
from eiesim.paper import speedups as published
from eiesim.paper.speedups import EIE, geomean
from eiesim.reproduction.items import FC8, UNIFORM, VARIATIONS, VARIED, Claim, PaperItem, Spread
from eiesim.reproduction.simulations import Simulations

CLOSE = 0.10
NEAR_LINEAR = 0.75
"""Share of linear speed-up from which a layer counts as near-linear: the paper gives no number."""

AGREES, DIFFERS = "agrees", "differs"


def check_claims(runs: Simulations, items: Sequence[PaperItem]) -> Iterator[Claim]:
    """The paper's claims, one by one. Those over all nine layers are left out where fewer were run."""
    if len(runs.layers) == len(source.LAYERS):
        yield from _headlines(items)
        yield _load_imbalance(runs)
        yield _shallow_queue(runs)
        yield _deep_queue(runs)
        yield _worst_layer(runs)
        yield _power(runs)
    yield _best_width(runs)
    yield from _scaling(runs)
    if "Alex-7" in runs.layers:
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


def _headlines(items: Sequence[PaperItem]) -> Iterator[Claim]:
    by_key = {one.key: one for one in items}
    sixth = {row.at: row for row in by_key["fig_6"].rows if row.item == "geomean"}
    seventh = {row.at: row for row in by_key["fig_7"].rows if row.item == "geomean"}
    why = (
        "most simulated layers are faster than Table IV has them, VGG-6 most; and the printed means imply 9.6 µs for "
        "NT-We where Table IV prints 8.0"
    )
    for name, key in (("CPU", "cpu"), ("GPU", "gpu"), ("mGPU", "mgpu")):
        printed = source.constant(f"headline_speedup_{key}")
        base = 1.0 if name == "CPU" else sixth[f"{name} dense"].ours["from Table IV"].mean
        uniform, varied = (sixth[EIE].ours[series].mean / base for series in (UNIFORM, VARIED))
        holds = abs(uniform / printed - 1) <= CLOSE and abs(varied / printed - 1) <= CLOSE
        text = f"{printed:g} times faster than the {name} (geometric mean)"
        yield Claim(text, f"{printed:g}×", _numbers(uniform, varied, "×"), *_verdict(holds, why))
    for name, key in (("CPU", "cpu"), ("GPU", "gpu"), ("mGPU", "mgpu")):
        printed = source.constant(f"headline_energy_{key}")
        # NeuralTalk's watts were never published, so the other bars' means stay as printed.
        base = 1.0 if name == "CPU" else float(seventh[f"{name} dense"].published or 0)
        row = seventh[f"{EIE}, Table II power"]
        uniform, varied = (row.ours[series].mean / base for series in (UNIFORM, VARIED))
        holds = abs(uniform / printed - 1) <= CLOSE and abs(varied / printed - 1) <= CLOSE
        text = f"{printed:,.0f} times the energy efficiency of the {name}, with Table II's power"
        yield Claim(text, f"{printed:,.0f}×", _numbers(uniform, varied, "×"), *_verdict(holds, why))


def _means(runs: Simulations, column: str, name: str, **changes: Any) -> dict[str, float]:
    return {
        layer: runs.spread(lambda row: float(row[column]), layer, VARIATIONS[name], **changes).mean
        for layer in runs.layers
    }


def _load_imbalance(runs: Simulations) -> Claim:
    ours = [
        geomean([1 / value for value in _means(runs, "load_balance", name).values()]) - 1 for name in (UNIFORM, VARIED)
    ]
    printed = geomean([published.time_us(EIE, one) / published.theoretical_us(one) for one in runs.layers]) - 1
    holds = all(abs((1 + one) / (1 + printed) - 1) <= CLOSE for one in ours)
    return Claim(
        "load imbalance adds around 10 % to the theoretical time; beside it Table IV's geometric mean",
        f"{printed:.1%}", f"{ours[0]:.1%} {UNIFORM}, {ours[1]:.1%} {VARIED}",
        *_verdict(holds, "real layers are less even than random ones"),
    )  # fmt: skip


def _idle(runs: Simulations, depth: int) -> list[float]:
    every = [_means(runs, "load_balance", name, queue_depth=depth).values() for name in (UNIFORM, VARIED)]
    return [1 - sum(one) / len(one) for one in every]


def _shallow_queue(runs: Simulations) -> Claim:
    uniform, varied = _idle(runs, 1)
    holds = all(0.4 <= one <= 0.6 for one in (uniform, varied))
    known = {
        line["setting"]: float(line["value"])
        for line in source.read("alexnet_fc8_authors_simulator.csv")
        if line["quantity"] == "cycles"
    }
    figures, _, _ = reference_run()
    idle = 1 - figures.counters.entries / (known["queue_depth=1"] * figures.config.pes)
    why = f"with one usable place the authors' own simulator is idle for {idle:.0%} of its cycles on AlexNet-FC8"
    return Claim(
        "with a queue of one place about half of the cycles are idle (Fig. 8), mean over layers", "about 50 %",
        f"{uniform:.0%} {UNIFORM}, {varied:.0%} {VARIED}", *_verdict(holds, why),
    )  # fmt: skip


def _deep_queue(runs: Simulations) -> Claim:
    deepest = max(runs.extent.queue_depths)
    first, eight, last = (_idle(runs, depth) for depth in (1, 8, deepest))
    gains = [(one - two, two - three) for one, two, three in zip(first, eight, last, strict=True)]
    text = ", ".join(
        f"{100 * before:.0f} points from 1 to 8, {100 * after:.0f} from 8 to {deepest} ({name})"
        for (before, after), name in zip(gains, VARIATIONS, strict=True)
    )
    holds = all(after < before for before, after in gains)
    return Claim(
        "deeper than 8 places the returns diminish (Fig. 8)", "diminishing", text, *_verdict(holds, "see Fig. 8")
    )


def _worst_layer(runs: Simulations) -> Claim:
    worst = []
    for name in (UNIFORM, VARIED):
        balance = _means(runs, "load_balance", name)
        worst.append(min(balance, key=lambda layer: balance[layer]))
    text = f"{worst[0]} {UNIFORM}, {worst[1]} {VARIED}"
    return Claim("NT-We has the worst load balance", "NT-We", text, *_verdict(set(worst) == {"NT-We"}, "see Fig. 8"))


def _power(runs: Simulations) -> Claim:
    ours = []
    for name in (UNIFORM, VARIED):
        watts = _means(runs, "energy_power_w", name).values()
        ours.append(sum(watts) / len(watts))
    holds = all(abs(one / 0.59 - 1) <= CLOSE for one in ours)
    model, chip = (reference_energy(name).power_w for name in ("activity", "published"))
    why = (
        f"on AlexNet-FC8 the activity model gives {model:.2f} W where Table II gives {chip:.2f} W; the modules that "
        "differ, and why, are under Table II"
    )
    text = "64 PEs draw 0.59 W; here the activity model, mean over layers (estimated)"
    return Claim(text, "0.59 W", _numbers(ours[0], ours[1], " W"), *_verdict(holds, why))


def _best_width(runs: Simulations) -> Claim:
    best = []
    for name in (UNIFORM, VARIED):
        spent = {
            width: sum(_means(runs, "energy_spmat_read_uj", name, spmat_width=width).values())
            for width in runs.extent.widths
        }
        best.append(min(spent, key=lambda width: spent[width]))
    text = f"{best[0]} bits {UNIFORM}, {best[1]} bits {VARIED} (estimated)"
    why = "CACTI 7's energy a read grows more slowly with width than the paper's, whose settings are not given"
    return Claim(
        "a 64-bit SRAM interface takes the least energy (Fig. 9)", "64 bits", text, *_verdict(set(best) == {64}, why)
    )


def _scaling(runs: Simulations) -> Iterator[Claim]:
    fewest, most = min(runs.extent.pes), max(runs.extent.pes)
    shares: dict[str, list[float]] = {}
    for layer in runs.layers:
        for variation in VARIATIONS.values():
            pairs = zip(runs.rows(layer, variation, pes=fewest), runs.rows(layer, variation, pes=most), strict=True)
            speedups = [before["time_us"] / after["time_us"] for before, after in pairs]
            shares.setdefault(layer, []).append(Spread.of(speedups).mean / (most / fewest))
    others = {layer: min(found) for layer, found in shares.items() if layer != "NT-We"}
    low = [layer for layer, share in others.items() if share < NEAR_LINEAR]
    if others:
        worst = min(others, key=lambda layer: others[layer])
        text = f"on {most} PEs at least {others[worst]:.0%} of linear ({worst}); below {NEAR_LINEAR:.0%}: "
        text += ", ".join(low) or "none"
        why = "they have no padding to shed, which makes up for the growing imbalance of the others"
        yield Claim(
            "speed-up is near-linear but for NT-We (Fig. 11)", "near-linear", text,
            *_verdict(not low, f"{', '.join(low)}: {why}"),
        )  # fmt: skip
    if "NT-We" in shares:
        holds = max(shares["NT-We"]) < min([*others.values(), NEAR_LINEAR])
        text = f"{shares['NT-We'][0]:.0%} {UNIFORM}, {shares['NT-We'][1]:.0%} {VARIED} of linear on {most} PEs"
        yield Claim("NT-We scales worst (Fig. 11)", "worst", text, *_verdict(holds, "see Fig. 11"))


def _wide(runs: Simulations) -> Claim:
    ours = []
    for name in (UNIFORM, VARIED):
        few, many = (_means(runs, "time_us", name, pes=pes)["Alex-7"] for pes in (64, 256))
        ours.append(few / many)
    holds = all(abs(one / 3.25 - 1) <= CLOSE for one in ours)
    return Claim(
        "256 PEs have 3.25 times the throughput of 64 (Table V, Alex-7)", "3.25×", _numbers(ours[0], ours[1], "×"),
        *_verdict(holds, "the paper does not say how its 3.25 was found"),
    )  # fmt: skip


def _trend(runs: Simulations, column: str, text: str, *, rises: bool) -> Claim:
    """Whether a column never moves the other way along the PEs, by more than half a percent."""
    against, steps = [], 0
    pes = sorted(runs.extent.pes)
    for name in (UNIFORM, VARIED):
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
    equal = sum(row.error(FC8) == 0 for row in rows)
    return Claim(
        "AlexNet-FC8 in the authors' own simulator: cycles and SRAM reads", "equal", f"{equal} of {len(rows)} equal",
        *_verdict(equal == len(rows), "see the table"),
    )  # fmt: skip


def findings(runs: Simulations, items: Sequence[PaperItem]) -> Iterator[str]:
    """What agrees, what does not and why: a paragraph each, with the figures found."""
    by_key = {one.key: one for one in items}
    mape = {row.item: row.ours for row in by_key["correlation"].rows if row.quantity.startswith("MAPE of the mean")}
    rank = {row.item: row.ours for row in by_key["correlation"].rows if row.quantity.startswith("rank")}

    def both(kind: str) -> str:
        return " and ".join(f"{mape[kind][name].mean:.1f} %" for name in (UNIFORM, VARIED))

    sentence = (
        f"Against Table IV the mean absolute error is {both('theoretical')} for the theoretical time, {both('actual')} "
        f"for the actual time and {both('actual / theoretical')} for their ratio, the load imbalance "
        f"({UNIFORM} layers, then {VARIED})"
    )
    if rank["actual"]:
        correlation = rank["actual"][VARIED].mean
        sentence += f"; actual times rank as published with a Spearman correlation of {correlation:.2f} (mean of seeds)"
    yield sentence + "."
    rows = [row for row in by_key["table_4"].rows if row.quantity.startswith("actual time")]
    errors = {row.item: row.error(VARIED) or 0.0 for row in rows}
    close = [layer for layer, error in errors.items() if abs(error) <= CLOSE]
    far = [layer for layer in errors if layer not in close]
    if close:
        yield f"Actual times within 10 % ({VARIED}): {_listed(close, errors)}."
    if far:
        yield f"Further off: {_listed(far, errors)}. {' '.join(_WHY[layer] for layer in far if layer in _WHY)}".strip()
    if runs.has_dump:
        exact = next(row for row in rows if row.item == "Alex-8").ours[FC8].mean
        yield (
            f"The one layer whose weights are public, AlexNet-FC8, takes {exact:.2f} µs (Table IV: "
            f"{published.time_us(EIE, 'Alex-8'):g}), and cycles and SRAM reads equal those of the authors' simulator."
        )
        yield (
            "So the machine's timing is reproduced where the layer is known; the remaining error comes from layers "
            "that are random in place of the unpublished ones."
        )
    else:
        yield (
            "The other weights were never published, so layers are random in their place. AlexNet-FC8, the layer "
            "of which the authors shipped the data, was not given (--dump)."
        )
    yield (
        "Energy rests on Table II and on CACTI: power by module and the best SRAM width differ from the paper, and the "
        "tables say where. CPU and GPU figures are the paper's measurements, not reproduced."
    )


_WHY = {
    "VGG-6": "VGG-6: Table IV prints Alex-6's 28.1 µs again as theoretical time, more than Table III's densities give.",
    "Alex-8": "Alex-8: the authors' sample has 42.9 % active inputs, Table III says 37.5 %.",
    "NT-We": "NT-We: Table IV prints 8.0 µs, Fig. 6 implies 9.6 µs; with about one entry a column and PE it is the layer most sensitive to how entries fall.",  # noqa: E501
}  # fmt: skip


def _listed(layers: Sequence[str], errors: dict[str, float]) -> str:
    return ", ".join(f"{layer} {errors[layer]:+.1%}" for layer in layers)
