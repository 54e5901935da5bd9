"""What docs/what-ifs.md says of `rounding` and `activation_threshold`, on LeNet-300-100."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from studies.findings import number, paragraph, rises, where
from studies.what_ifs import found
from studies.what_ifs.digits import ROUNDING_SEEDS, ROUNDINGS
from studies.what_ifs.machines import NETWORK_LAYERS
from studies.what_ifs.shown import of_rounding, recognised

FEW_BITS = range(5, -2, -1)
NOISE = 0.8
"""Points: the standard error of an accuracy of some 97 % on 500 digits."""


def one_at_16_bits(rounding: pd.DataFrame) -> bool:
    """Whether all roundings recognise as many digits at 16 bits, within noise."""
    found_ones = [number(recognised(rounding, "fixed16", way)) for way in ROUNDINGS]
    return max(found_ones) - min(found_ones) <= NOISE


def only_where_bits_are_few(rounding: pd.DataFrame) -> bool:
    """Whether stochastic rounding beats nearest by more than noise at some widths, all useless ones."""
    pairs = [
        [number(recognised(rounding, "fixed16", way, bits)) for way in ("nearest", "stochastic")] for bits in FEW_BITS
    ]
    won = [pair for pair in pairs if pair[1] > pair[0] + NOISE]
    return bool(won) and all(max(pair) < 90 for pair in won)


def roundings(rounding: pd.DataFrame) -> Iterator[str]:
    """A section."""
    few = "\n".join(_few(rounding, bits) for bits in FEW_BITS)
    yield f"""## Nearest, floor or stochastic rounding

A product has more fraction bits than the accumulator it is added to. `nearest` rounds it, `floor` cuts it off,
`stochastic` adds a random number that depends on row, column and `rounding_seed` before it cuts. Cycles are the
same. LeNet-300-100, 500 digits, {len(ROUNDING_SEEDS)} seeds of stochastic rounding. One digit is 0.2 points and the standard error
of an accuracy about {NOISE} points.

![Accuracy and mean error by rounding](what-ifs/rounding.svg)
"""
    wide = [recognised(rounding, "fixed16", way) for way in ROUNDINGS]
    yield paragraph(one_at_16_bits(rounding), f"**At 16 bits it does not matter**: {wide[0]}, {wide[1]} and {wide[2]}.")
    yield from _at_8_bits(rounding)
    two, one = ([recognised(rounding, "fixed16", way, bits) for way in ("nearest", "stochastic")] for bits in (2, 1))
    yield paragraph(
        rises(*one) and only_where_bits_are_few(rounding),
        "**It wins where the bits are too few for both.**",
        "Fixed16 with accumulators of few fraction bits, the same in all layers, leaves weights and activations as fine as they were.",
    )
    yield f"""Fixed16, by the accumulators' fraction bits:

| fraction bits | nearest | floor | stochastic, mean | from least to most |
| ---: | ---: | ---: | ---: | ---: |
{few}"""
    drawn = [of_rounding(rounding, "fixed16", "stochastic", bits)["mean_error"] for bits in (-1, 0)]
    aside = [errors.mean() / (errors.std(ddof=1) / np.sqrt(len(errors))) for errors in drawn]
    yield paragraph(
        True,
        where(
            number(two[0]) > number(two[1]) + NOISE,
            f"With 2 bits nearest is better ({two[0]} against {two[1]}): stochastic rounding is right on average but noisier.",
        )
        or f"With 2 bits nearest recognises {two[0]} and stochastic rounding {two[1]}.",
        "With 1 bit most products of the first two layers are below half a last place; nearest makes all of those 0, and stochastic",
        "rounding keeps their sum on average.",
        where(
            rises(*one) and number(one[1]) < 90,
            f"It degrades slowly instead of at once ({one[1]} against {one[0]}), but {one[1]} is not a network anyone would use.",
        ),
        where(
            max(aside) < -3 or min(aside) > 3,
            """The errors at -1 and 0 bits lean to one side although each product's do not, for ReLU cuts off the negative half of the
            noise.""",
        ),
    )
    yield paragraph(
        True,
        "These draws are the same for every input, as row, column and seed are: a seed is one fixed pattern of errors, hence the spread over seeds.",
    )


def _few(rounding: pd.DataFrame, bits: int) -> str:
    drawn = of_rounding(rounding, "fixed16", "stochastic", bits)["accuracy"]
    ways = " | ".join(recognised(rounding, "fixed16", way, bits) for way in ROUNDINGS)
    return f"| {bits} | {ways} | {drawn.min():.1%} to {drawn.max():.1%} |"


def _at_8_bits(rounding: pd.DataFrame) -> Iterator[str]:
    drawn = of_rounding(rounding, "fixed8", "stochastic")
    nearest, floor = (of_rounding(rounding, "fixed8", way).iloc[0] for way in ("nearest", "floor"))
    bits = ", ".join(f"{nearest[f'bits_{layer}']:.0f}" for layer in NETWORK_LAYERS)
    better = int((drawn["accuracy"] > nearest["accuracy"]).sum())
    error = drawn["mean_error"].std(ddof=1) / np.sqrt(len(drawn))
    low, middle, mean = (f"{share:.1%}" for share in (floor["accuracy"], nearest["accuracy"], drawn["accuracy"].mean()))
    fails = number(low) < min(number(middle), number(mean)) - 1
    equals = abs(number(middle) - number(mean)) <= NOISE
    yield paragraph(
        fails,
        "**At 8 bits floor fails, and nearest is as good as stochastic.**" if equals else "**At 8 bits floor fails.**",
        f"The automatic formats leave the accumulators {bits} fraction bits in the three layers.",
        f"""Floor takes half a last place from every product, and hidden values, sums of many, sink until ReLU cuts them off: {low}.""",
        where(
            floor["mean_error"] > 0,
            f"The ten outputs, whose mean is negative, are left {floor['mean_error']:+.1f} too high on average.",
        ),
        f"""Nearest recognises {middle}. Stochastic rounding recognises {mean} on average, {drawn["accuracy"].min():.1%} to
        {drawn["accuracy"].max():.1%} by seed, and beats nearest with {better} of {len(drawn)} seeds.""",
        where(equals, "That is no more than noise on 500 digits."),
        f"""The mean error of its outputs is {drawn["mean_error"].mean():+.2f} ± {error:.2f} (standard error over seeds), nearest's
        {nearest["mean_error"]:+.2f}.""",
        where(equals, "So it rescues 8 bits from floor, but nearest does so too, without random numbers."),
    )


def threshold(thresholds: pd.DataFrame) -> Iterator[str]:
    """A section."""
    wide, few = (found.chosen(thresholds, pes=pes).sort_values("threshold") for pes in (64, 16))
    base, base_few = wide.iloc[0], few.iloc[0]
    lines = [
        "| threshold | recognised | other answers | inputs left out, a digit | broadcasts ip1 | ip2 | ip3 | cycles, 16 PEs | energy | cycles, 64 PEs | energy |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for (_, row), (_, other) in zip(wide.iterrows(), few.iterrows(), strict=True):
        lines.append(
            f"| {row['threshold']:g} | {row['accuracy']:.1%} | {row['changed']:.1%} | {row['dropped']:.0f} "
            f"| {' | '.join(format(row['broadcasts_' + layer], '.0f') for layer in NETWORK_LAYERS)} "
            f"| {other['cycles'] / base_few['cycles']:.0%} | {other['energy_nj'] / base_few['energy_nj']:.0%} "
            f"| {row['cycles'] / base['cycles']:.0%} | {row['energy_nj'] / base['energy_nj']:.0%} |"
        )
    free = wide[wide["accuracy"] >= base["accuracy"] - 0.005].iloc[-1]
    lost = found.chosen(wide, threshold=0.7).iloc[0]
    last = wide.iloc[-1]
    gone = f"{1 - free['broadcasts'] / base['broadcasts']:.0%}"
    hidden, pixels = (
        f"{1 - free[f'broadcasts_{layer}'] / base[f'broadcasts_{layer}']:.0%}" for layer in ("ip2", "ip1")
    )
    yield f"""## Leaving out small activations

Inputs of a layer with |a| up to `activation_threshold` are not broadcast. Pixels are 0 to 1 here, hidden values
0 to several. One threshold holds for all three layers, and nothing is retrained.

![Accuracy, cycles and energy over the threshold](what-ifs/threshold.svg)

{chr(10).join(lines)}
"""
    cycles, energy = (f"{free[cost] / base[cost]:.0%}" for cost in ("cycles", "energy_nj"))
    recognises, before, fewer = (f"{row['accuracy']:.1%}" for row in (free, base, lost))
    yield paragraph(
        number(gone) >= 5 and max(number(cycles), number(energy)) <= 95,
        f"**{gone} of the broadcasts are nearly free.**",
        f"""At {free["threshold"]:g} the network recognises {recognises} ({before} with all activations), answers {free["changed"]:.1%} of
        the digits otherwise, and takes {cycles} of the cycles and {energy} of the energy on 64 PEs.""",
        where(
            min(number(hidden), number(pixels)) >= 0,
            f"{hidden} of ip2's broadcasts are gone, {pixels} of ip1's.",
        ),
        where(rises(pixels, hidden), "So what is dispensable are small hidden values."),
        f"Of the active pixels {last['broadcasts_ip1'] / base['broadcasts_ip1']:.0%} are above {last['threshold']:g}.",
        where(
            lost["threshold"] > free["threshold"] and number(fewer) < number(recognises) - 1,
            f"""Beyond it accuracy pays: {fewer} at {lost["threshold"]:g}, where cycles are
            {lost["cycles"] / base["cycles"]:.0%}.""",
        ),
    )
    off = max(
        abs(rows[cost] / rows[cost].iloc[0] - rows["broadcasts"] / rows["broadcasts"].iloc[0]).max()
        for rows in (wide, few)
        for cost in ("cycles", "energy_nj")
    )
    yield paragraph(
        off <= 0.125,
        f"""**Cycles and energy follow the broadcasts**, on 16 and on 64 PEs alike, within {100 * off:.0f} points of their share: at
        {free["threshold"]:g} {free["broadcasts"] / base["broadcasts"]:.0%} of the broadcasts are left.""",
        "On a large layer they would follow the entries behind the broadcasts, which is the same share if columns are alike.",
    )
    yield paragraph(
        True,
        "No threshold was tried on the nine synthetic layers: their activations are random numbers, so what share a threshold leaves out would be",
        f"an assumption, and there is no accuracy to lose. Accuracies within {NOISE} points of one another are not told apart by 500 digits;",
        "thresholds were not chosen on other digits than those they are judged on, so an optimum here would be too good. Thresholds by layer",
        "would do better; the machine has one.",
    )
