"""What docs/what-ifs.md says of `multipliers`."""

import itertools
from collections.abc import Iterator

import pandas as pd

from eiesim.capacity import POINTER_REACH
from studies.findings import alike, falls, number, paragraph, rises, where
from studies.front import front
from studies.what_ifs import found
from studies.what_ifs.machines import DIVIDED, NETWORK, OWN, PES, beyond_reach
from studies.what_ifs.shown import best, machine, more, times

EQUALS = (64, 128, 256, 512)
"""Multipliers in all of which the page has tables."""

SPLIT = 256
"""Multipliers in all at which single layers are compared."""


def text(machines: pd.DataFrame) -> Iterator[str]:
    """The section."""
    means = found.over_nine(machines)
    energy_front, area_front = _front(means, "relative_energy_uj"), _front(means, "area_mm2")
    yield f"""## More multipliers a PE

An SRAM row brings eight entries, of which a PE uses one a cycle. With `multipliers` = 2, 4 or 8 it walks an aligned
group of so many entries a cycle. The question is which is better, more of them in a PE or more PEs. The machines
compared have as much memory for weights: 8 MB of sparse-matrix SRAM in all, as the published 64 PEs, divided among the PEs
(512 KB in each of 16, 32 KB in each of 256). Pointers are not divided: every PE has one for every column.

![Time, energy, energy x time and area over the multipliers in all](what-ifs/multipliers.svg)

![Pareto fronts of energy and area against time](what-ifs/pareto.svg)

Nine layers, geometric means; times, energies and their products are multiples of the published machine's (64 x 1). *Slots used* is the share
of the multipliers' cycles in which they multiply (ALU efficiency). Time, load balance and slots are simulated, the others estimated.

{_equal_table(means)}

"""
    yield paragraph(
        True,
        f"""On the Pareto front of time and energy: {_machines(energy_front)}. On that of time and area:
        {_machines(area_front)}.""",
        where(_none_has_one(energy_front), "No machine with one multiplier a PE is on the first."),
    )
    yield _thin(machines, means)
    yield _fat(machines, means)
    three = [found.at(means, 64, each) for each in (2, 4, 8)]
    time, energy = ([times(row[cost]) for row in three] for cost in ("relative_time_us", "relative_energy_uj"))
    yield paragraph(
        _less_each_time(time) and _less_each_time(energy),
        "**Each doubling in a PE brings less.**",
        f"64 PEs with 2, 4, 8 multipliers take {', '.join(time)} of the time, {', '.join(energy)} of the energy.",
    )
    yield paragraph(
        True,
        f"""The least energy x time of all machines has {best(means, "relative_edp")}, the least energy
        {best(means, "relative_energy_uj")}.""",
    )
    lenet = machines[machines["workload"] == NETWORK]
    one, eight = (f"{found.at(lenet, 64, each)['time_us']:.3f}" for each in (1, 8))
    cheapest = best(lenet[lenet["memory"] == DIVIDED], "energy_uj")
    yield paragraph(
        alike(one, eight, 0.1) and number(cheapest) == min(PES),
        "**A small network wants few PEs.**",
        f"""LeNet-300-100 on 64 PEs takes {one} µs a digit with one multiplier, {eight} with eight: a broadcast takes a cycle, however
        few weights wait for it. Of the machines here it takes least energy on {cheapest}.""",
    )
    yield f"{SPLIT} multipliers in all, by layer, as multiples of 256 x 1 (time and energy):"
    yield _layer_table(machines)
    yield _ported(means)
    own = found.over_nine(machines, OWN)
    energies, areas = _each(own, SPLIT, "relative_energy_uj", 2), _each(own, SPLIT, "area_mm2", 0)
    yield paragraph(
        cheaper_as_they_grow_fat(means) and falls(*energies) and falls(*areas),
        "**Memories of another size change the figures, not the order.**",
        f"""If every PE keeps its own 128 KB, 32 PEs hold half as much and cannot run what 64 can, but leak and weigh less: energies at
        {SPLIT} in all are {", ".join(energies)} of the published machine's, areas {", ".join(areas)} mm².""",
    )
    yield paragraph(
        True,
        f"""Pointers of 16 bits reach {POINTER_REACH:,} entries of a PE, however large its memory. More have
        {"; ".join(f"on {pes} PEs {', '.join(names)}" for pes, names in beyond_reach().items())}. They are simulated with
        pointers that are wide enough; the model leaves out what these would take.""",
    )


def _thin(machines: pd.DataFrame, means: pd.DataFrame) -> str:
    thin, fat = found.at(means, 256, 1), found.at(means, 32, 8)
    slots, balance = ([f"{row[name]:.0%}" for row in (thin, fat)] for name in ("alu_efficiency", "load_balance"))
    slower = {
        name: found.at(of_layer, 32, 8)["time_us"] / found.at(of_layer, 256, 1)["time_us"]
        for name, of_layer in machines[machines["workload"].isin(found.NINE)].groupby("workload")
    }
    return paragraph(
        faster_as_they_grow_thin(means),
        "**Thin PEs are faster.** A fat PE's group is whole only where a column gives it enough entries.",
        where(
            falls(*slots) and rises(*balance),
            f"""With {SPLIT} multipliers in all the slots used fall from {slots[0]} (256 x 1) to {slots[1]} (32 x 8), although the
            load balance rises from {balance[0]} to {balance[1]}: fewer PEs are easier to keep even.""",
        ),
        where(
            set(sorted(slower, key=slower.__getitem__)[-2:]) == {"VGG-6", "VGG-7"},
            "VGG-6 and VGG-7, at 4 % of the weights the sparsest, lose most (table below).",
        ),
    )


def _fat(machines: pd.DataFrame, means: pd.DataFrame) -> str:
    alex = machines[machines["workload"] == "Alex-6"]
    thin, fat = found.at(alex, 256, 1), found.at(alex, 64, 4)
    spent = [f"{row['ptr_read_uj'] + row['act_queue_uj']:.1f}" for row in (thin, fat)]
    one, eight, many = (found.at(means, *shape)["area_mm2"] for shape in ((64, 1), (64, 8), (256, 1)))
    two = times(found.at(means, 64, 2)["relative_energy_uj"])
    return paragraph(
        cheaper_as_they_grow_fat(means),
        "**Fat PEs are cheaper.** Every PE reads a pointer for every broadcast, and pays for its queue; a multiplier more in a PE",
        "costs neither.",
        where(
            falls(*spent),
            f"""On Alex-6, pointers and queues take {spent[0]} of {thin["energy_uj"]:.1f} µJ with 256 x 1, and {spent[1]} of
            {fat["energy_uj"]:.1f} µJ with 64 x 4.""",
        ),
        where(
            rises(more(eight / one), more(many / one)),
            f"""By the model eight multipliers instead of one change the area of 64 PEs by {more(eight / one)}, four times the PEs by
            {more(many / one)}, for their pointers.""",
        ),
        where(number(two) < 1, f"The time saved also saves leakage: from 64 x 1 to 64 x 2 the energy falls to {two}."),
    )


def _ported(means: pd.DataFrame) -> str:
    at_split, at_half = (_each(means, in_all, "relative_ported_uj", 2) for in_all in (SPLIT, 128))
    best_ones = _front(means, "relative_ported_uj")
    one, two, four, eight = (number(value) for value in at_split)
    one_, two_, four_, eight_ = (number(value) for value in at_half)
    return paragraph(
        True,
        "**What this leaves out, and it favours the fat PE.** The model counts accesses, not ports. A PE with m multipliers reads and writes m",
        "accumulators and looks up m codebook values in a cycle; a register file with as many ports is larger and spends more on each",
        "access, banks would collide, and the model knows neither; nor wires.",
        f"""With all that ActRW spends m times as dear, which is an assumption and no published figure, the energies of {SPLIT} multipliers
        in all would be {", ".join(at_split)}, and of 128 {", ".join(at_half)}.""",
        where(
            max(two, four) < one and max(two_, four_) < one_ and eight > four and eight_ > four_,
            "Two and four multipliers still pay then, eight take more energy than four.",
        ),
        f"The Pareto front of time and energy is then {_machines(best_ones)}.",
        where(_none_has_one(best_ones), "No machine with one multiplier a PE is on that either."),
    )


def faster_as_they_grow_thin(means: pd.DataFrame) -> bool:
    """Whether of machines with as many multipliers in all, those with more PEs take less time, as shown."""
    return all(
        rises(*(times(found.at(means, *shape)["relative_time_us"]) for shape in found.equals(in_all)))
        for in_all in EQUALS
    )


def cheaper_as_they_grow_fat(means: pd.DataFrame) -> bool:
    """Whether those with fewer PEs take less energy, as shown."""
    return all(
        falls(*(times(found.at(means, *shape)["relative_energy_uj"]) for shape in found.equals(in_all)))
        for in_all in EQUALS
    )


def _less_each_time(shown: list[str]) -> bool:
    """Whether figures fall from 1, each by a smaller factor than the one before."""
    figures = [1.0, *(number(one) for one in shown)]
    factors = [after / before for before, after in itertools.pairwise(figures)]
    return factors[0] < factors[1] < factors[2] < 1


def _front(means: pd.DataFrame, cost: str) -> pd.DataFrame:
    return means.iloc[front(means["relative_time_us"].to_list(), (-means[cost]).to_list())]


def _machines(rows: pd.DataFrame) -> str:
    return ", ".join(machine(row["pes"], row["multipliers"]) for _, row in rows.iterrows())


def _none_has_one(rows: pd.DataFrame) -> bool:
    return bool((rows["multipliers"] > 1).all())


def _equal_table(means: pd.DataFrame) -> str:
    lines = [
        "| multipliers in all | PEs x multipliers | time | energy | energy x time | area, mm² | load balance | slots used |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for in_all in EQUALS:
        for pes, each in found.equals(in_all):
            row = found.at(means, pes, each)
            lines.append(
                f"| {in_all} | {machine(pes, each)} | {times(row['relative_time_us'])} | {times(row['relative_energy_uj'])} "
                f"| {times(row['relative_edp'])} | {row['area_mm2']:.1f} | {row['load_balance']:.0%} | {row['alu_efficiency']:.0%} |"
            )
    return "\n".join(lines)


def _layer_table(machines: pd.DataFrame) -> str:
    shapes = found.equals(SPLIT)
    names = " | ".join(f"{machine(*shape)}: time | energy" for shape in shapes[1:])
    lines = [
        f"| layer | {names} | least energy x time |",
        f"| --- | {' | '.join(['---:'] * 2 * (len(shapes) - 1))} | --- |",
    ]
    for name in found.WORKLOADS:
        of_layer = machines[machines["workload"] == name]
        rows = [found.at(of_layer, *shape) for shape in shapes]
        cells = [f"{times(row[cost] / rows[0][cost])}" for row in rows[1:] for cost in ("time_us", "energy_uj")]
        best = min(rows, key=lambda row: row["edp"])
        lines.append(f"| {name} | {' | '.join(cells)} | {machine(best['pes'], best['multipliers'])} |")
    return "\n".join(lines)


def _each(means: pd.DataFrame, in_all: int, cost: str, places: int) -> list[str]:
    """Such as 1.43 (256 x 1) and 1.05 (128 x 2)."""
    return [f"{found.at(means, *shape)[cost]:.{places}f} ({machine(*shape)})" for shape in found.equals(in_all)]
