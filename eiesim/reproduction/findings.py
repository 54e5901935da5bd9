"""What the reproduction comes to, in words: what agrees, what does not, and why. The figures in it are computed."""

from collections.abc import Iterator, Sequence

from eiesim.paper import speedups as published
from eiesim.paper.speedups import EIE
from eiesim.reproduction.claims import AGREES, CLOSE
from eiesim.reproduction.items import (
    BOTH,
    FC8,
    FC8_LAYER,
    UNIFORM,
    VARIED,
    Agreement,
    AgreementKey,
    Claim,
    PaperItem,
    Time,
)
from eiesim.reproduction.reasons import time_errors
from eiesim.reproduction.simulations import Simulations
from eiesim.reproduction.tables import SAME_AS, active_inputs_pct, printed_active_pct
from eiesim.reproduction.tally import BANDS, Judged, independent, judged, tally
from eiesim.view.words import in_words


def verdict(items: Sequence[PaperItem], claims: Sequence[Claim]) -> tuple[str, ...]:
    """What a doubter wants to know first: how much agrees, within what, what differs most and why.

    A paragraph on what is simulated, one on what is estimated, one on the claims.
    """
    parts: dict[str, list[str]] = {"simulated": [], "estimated": []}
    exact = next((judged(one) for one in items if one.key == EXACT), [])
    if exact:
        equal = sum(one.error == 0 for one in exact)
        rows = [row for one in items if one.key == "table_4" for row in one.rows if FC8 in row.ours]
        off = max(abs(row.error(FC8) or 0) for row in rows if row.key in (Time.THEORETICAL, Time.ACTUAL))
        parts["simulated"].append(
            f"On AlexNet-FC8, the one layer of which the authors shipped the data, {equal} of {len(exact)} cycle and "
            f"read counts equal those of the authors' own simulator, and both times lie within {100 * off:.1f} % of "
            "Table IV's."
        )
    figures = [one for one in independent(items) if one.item.key != EXACT]
    for basis, what in (("simulated", "times and rates"), ("estimated", "powers, energies and areas")):
        parts[basis] += _counted([one for one in figures if one.row.our_basis == basis], basis, what)
    agree = sum(one.verdict == AGREES for one in claims)
    told = (
        f"Of the paper's {len(claims)} claims that are checked here {agree} agree (a number within {100 * CLOSE:g} %) "
        f"and {len(claims) - agree} differ, each with its reason below. No time is fitted to the paper's."
    )
    return (*(" ".join(part) for part in parts.values() if part), told)


EXACT = "alexnet_fc8"


def _counted(figures: Sequence[Judged], basis: str, what: str) -> Iterator[str]:
    """A sentence on the figures of one basis, and one on the figure furthest off."""
    counts = tally(figures)
    if counts is None:
        return
    near, enough = (
        f"{count} {word}within {100 * band:g} %"
        for count, word, band in zip(counts.within, ("come out ", ""), BANDS, strict=True)
    )
    names = ", ".join(dict.fromkeys(one.item.name for one in figures))
    far = counts.farthest
    why = far.row.note.rstrip(".") or f"see {far.item.name}"
    kind, _, place = far.row.item.rpartition(": ")
    place, quantity = in_words(f"the {place}" if kind else place), far.row.quantity.partition(",")[0]
    yield (
        f"Of {counts.count} printed {what} that are {basis} here ({names}), {near} and {enough}; half of all lie "
        f"within {100 * counts.median:.1f} %. Furthest off is {place}'s {quantity}, by {100 * far.error:+.0f} %: {why}."
    )


def findings(runs: Simulations, items: Sequence[PaperItem]) -> Iterator[str]:
    """What agrees, what does not and why: a paragraph each, with the figures found."""
    by_key = {one.key: one for one in items}
    correlation = by_key["correlation"]

    def both(time: Time) -> str:
        ours = correlation.row(AgreementKey(time, Agreement.MAPE_OF_MEAN)).ours
        return " and ".join(f"{ours[name].mean:.1f} %" for name in BOTH)

    sentence = (
        f"Against Table IV the mean absolute error is {both(Time.THEORETICAL)} for the theoretical time, "
        f"{both(Time.ACTUAL)} for the actual time and {both(Time.IMBALANCE)} for their ratio, the load imbalance "
        f"({UNIFORM} layers, then {VARIED})"
    )
    ranks = correlation.row(AgreementKey(Time.ACTUAL, Agreement.RANK)).ours
    if ranks:
        rank = ranks[VARIED].mean
        sentence += f"; actual times rank as published with a Spearman correlation of {rank:.2f} (mean of seeds)"
    yield sentence + "."
    errors = time_errors(by_key["table_4"])
    close = [layer for layer, error in errors.items() if abs(error) <= CLOSE]
    far = [layer for layer in errors if layer not in close]
    if close:
        yield f"Actual times within {100 * CLOSE:g} % ({VARIED}): {_listed(close, errors)}."
    if far:
        yield f"Further off: {_listed(far, errors)}. {' '.join(filter(None, map(_cause, far)))}".strip()
    if runs.has_dump:
        actual = (row for row in by_key["table_4"].rows if row.key is Time.ACTUAL)
        exact = next(row for row in actual if row.item == FC8_LAYER).ours[FC8].mean
        yield (
            f"The one layer whose weights are public, AlexNet-FC8, takes {exact:.2f} µs (Table IV: "
            f"{published.time_us(EIE, FC8_LAYER):g})."
        )
        if all(one.error == 0 for one in judged(by_key[EXACT])):
            yield (
                "So the machine's timing is reproduced where the layer is known; the remaining error comes from layers "
                "that are random in place of the unpublished ones."
            )
    else:
        yield (
            "The other weights were never published, so layers are random in their place. AlexNet-FC8, the layer "
            "of which the authors shipped the data, was not given."
        )
    yield (
        "Energy rests on Table I, Table II and CACTI; where it differs from the paper, the tables say where and why. "
        "CPU and GPU figures are the paper's measurements, not reproduced."
    )


def _cause(layer: str) -> str:
    """Why a layer's time differs from Table IV."""
    if layer in SAME_AS:
        return (
            f"{layer}: Table IV prints {SAME_AS[layer]}'s {published.theoretical_us(layer):g} µs again as theoretical "
            "time, more than Table III's densities give."
        )
    if layer == FC8_LAYER:
        return (
            f"{layer}: the authors' sample has {active_inputs_pct():.1f} % active inputs, Table III says "
            f"{printed_active_pct(layer):g} %."
        )
    if layer in published.FIG6_TIMES:
        return (
            f"{layer}: Table IV prints {published.time_us(EIE, layer):.1f} µs, Fig. 6 implies "
            f"{published.fig6_time_us(layer):g} µs."
        )
    return f"{layer}: its own weights are not known; nothing else is found in the paper."


def _listed(layers: Sequence[str], errors: dict[str, float]) -> str:
    return ", ".join(f"{layer} {errors[layer]:+.1%}" for layer in layers)
