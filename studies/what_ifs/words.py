"""The words of docs/what-ifs.md. Every number in them is read from the tables, and what they do not bear out is left out."""

import pandas as pd

from studies.findings import item, items, number, page, rises, where
from studies.what_ifs import found, on_digits, on_mapping, on_multipliers
from studies.what_ifs.machines import DIVIDED, FC8, HEAVIEST, NETWORK_LAYERS, OWN, SEEDS, STORED, VARIATION
from studies.what_ifs.on_multipliers import SPLIT, cheaper_as_they_grow_fat, faster_as_they_grow_thin
from studies.what_ifs.shown import more, recognised, times


def text(table: pd.DataFrame, rounding: pd.DataFrame, thresholds: pd.DataFrame) -> str:
    """The page."""
    machines, blocks = found.machines(table), found.blocks(table)
    return page(
        opening(),
        short(machines, blocks, rounding, thresholds),
        *on_multipliers.text(machines),
        *on_mapping.text(table, blocks),
        *on_digits.roundings(rounding),
        *on_digits.threshold(thresholds),
        how(),
    )


def opening() -> str:
    return f"""# What if: more multipliers, blocks of rows, other roundings, small activations left out

An architect's next questions after "how long does it take", answered by runs of the machine's four configuration keys:
`multipliers`, `mapping`, `rounding`, `activation_threshold` ([exactly](variants.md)). `python -m studies.what_ifs` makes all of it: the
tables ([machines.csv](what-ifs/machines.csv), [rounding.csv](what-ifs/rounding.csv),
[thresholds.csv](what-ifs/thresholds.csv)), the pictures and this page, numbers in the text included. It takes 2 to 5
minutes on 2 cores, as busy as they are; interrupted, it goes on where it was.

Cycles, times, load balances and outputs are **simulated**, and so are accuracies: the network's answers on the machine to 500 held-out
digits. Energy is **estimated** from published figures, area too ([energy.md](energy.md)). Nothing here was measured on a chip.
A sentence that states a finding stands here only where the figures bear it out.

- **The nine layers** of Table III have random weights, for the paper's were never published: seeds {SEEDS[0]} to {SEEDS[-1]}, densities that vary
  by {VARIATION:.0%} over rows and columns. Means over layers are geometric, of multiples of the published machine's figure.
- **LeNet-300-100** (`example:lenet-300-100`) is a trained network: {len(NETWORK_LAYERS)} layers, figures are means over 500 digits. It is small; most of
  its time is broadcasts, not work.
- **{FC8}** is the authors' own layer. It has no licence and is not in the repository; a study without it leaves its rows
  as they are in the table, or out. Only the question of the mapping uses it, and says so.
"""


def short(machines: pd.DataFrame, blocks: pd.DataFrame, rounding: pd.DataFrame, thresholds: pd.DataFrame) -> str:
    means = found.over_nine(machines)
    one, two, thin, fat = (found.at(means, *shape) for shape in ((64, 1), (64, 2), (256, 1), (64, 4)))
    larger = f"{100 * (two['area_mm2'] / one['area_mm2'] - 1):.1f}"
    stored = more(found.ratios(blocks, found.NINE, STORED, 64).mean())
    sorted_ = more(found.ratios(blocks, found.NINE, HEAVIEST, 64).mean())
    real = more(found.ratios(blocks, (FC8, *NETWORK_LAYERS), STORED, 64).max())
    floor, nearest, stochastic = (recognised(rounding, "fixed8", way) for way in ("floor", "nearest", "stochastic"))
    kept = found.chosen(thresholds, threshold=0.35, pes=64).iloc[0]
    without = found.chosen(thresholds, threshold=0.0, pes=64).iloc[0]
    cycles, energy = (f"{1 - kept[cost] / without[cost]:.0%}" for cost in ("cycles", "energy_nj"))
    split = [times(a / b) for a, b in (
        (fat["relative_time_us"], thin["relative_time_us"]),
        (thin["relative_energy_uj"], fat["relative_energy_uj"]),
        (thin["area_mm2"], fat["area_mm2"]),
    )]  # fmt: skip
    said = items(
        item(
            number(larger) >= 0,
            f"""**Two multipliers in each of the 64 PEs** take {times(two["relative_time_us"])} of the time,
            {times(two["relative_energy_uj"])} of the energy and {larger} % more area, by a model without ports. Four take
            {times(fat["relative_time_us"])} of the time.""",
        ),
        item(
            faster_as_they_grow_thin(means) and cheaper_as_they_grow_fat(means),
            "**At equal multipliers, thin PEs are faster and fat ones cheaper.**",
            f"""Of {SPLIT} in all, 256 PEs with one are {split[0]} times as fast as 64 with four and take {split[1]} times the
            energy and {split[2]} times the area.""",
        ),
        item(
            number(sorted_) >= 5 and rises(stored, sorted_) and rises(real, sorted_) and abs(number(stored)) <= 2,
            "**Interleaving is an insurance.**",
            f"""Blocks instead change the cycles by {stored} on layers without structure, by up to {real} on real ones, by
            {sorted_} on rows sorted by weight (64 PEs).""",
        ),
        item(
            number(floor) < min(number(nearest), number(stochastic)) - 1,
            f"""**At 8 bits the rounding must not be floor** ({floor} of the digits); nearest recognises {nearest} and stochastic
            {stochastic}.""",
            where(abs(number(nearest) - number(stochastic)) <= 1, "These two are equals there."),
            where(on_digits.one_at_16_bits(rounding), "At 16 bits it does not matter."),
            where(
                on_digits.only_where_bits_are_few(rounding),
                "Stochastic rounding only wins where there are too few bits for either.",
            ),
        ),
        item(
            number(f"{kept['accuracy']:.1%}") >= number(f"{without['accuracy']:.1%}") - 0.8
            and number(cycles) > 0
            and number(energy) > 0,
            "**Small activations are worth little.**",
            f"""Leaving out those up to 0.35 saves {cycles} of the cycles and {energy} of the energy of LeNet-300-100 on 64 PEs, and
            recognises {kept["accuracy"]:.1%} of the digits ({without["accuracy"]:.1%} with all).""",
        ),
    )
    return f"## In short\n\n{said}" if said else ""


def how() -> str:
    return f"""## How

Everything runs on the recurrence engine, which agrees with the clocked machine and the SimPy model in every bit, cycle
and counter; queue depth 8, fixed16, 800 MHz where nothing else is said. Shapes: 16, 32, 64, 128, 256 PEs x 1, 2, 4, 8 multipliers.
`machines.csv` has a row a layer, seed, order of rows, machine and mapping (five digits); `memory` is `{DIVIDED}` for the published SRAM in
all and `{OWN}` for the published SRAM in each PE. Rows of {FC8} are there only where the authors' layer is; all others are made
anew by anyone: delete the tables and run it. Tests run some of the rows anew and hold this page against the tables.

The activation SRAM of 2 KB a PE is kept for 64 PEs and more, the least that CACTI's table has, and is larger for fewer PEs. Sorting rows
costs nothing here; the next layer's columns would have to follow.
"""
