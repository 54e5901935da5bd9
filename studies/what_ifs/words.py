"""The words of docs/what-ifs.md. Every number in them is read from the tables."""

import numpy as np
import pandas as pd

from studies.front import front
from studies.what_ifs import found
from studies.what_ifs.digits import AUTOMATIC, ROUNDING_SEEDS
from studies.what_ifs.machines import (
    DIVIDED,
    FC8,
    HEAVIEST,
    NETWORK,
    NETWORK_LAYERS,
    OWN,
    SEEDS,
    SHUFFLED,
    SHUFFLES,
    STORED,
    VARIATION,
)

EQUALS = (64, 128, 256, 512)
"""Multipliers in all of which the page has tables."""

SPLIT = 256
"""Multipliers in all at which single layers are compared."""


def text(table: pd.DataFrame, rounding: pd.DataFrame, thresholds: pd.DataFrame) -> str:
    """The page."""
    machines, blocks = found.machines(table), found.blocks(table)
    parts = (
        opening(),
        short(machines, blocks, rounding, thresholds),
        multipliers(machines),
        mapping(table, blocks),
        roundings(rounding),
        threshold(thresholds),
        how(),
    )
    return "\n".join(parts)


def opening() -> str:
    return f"""# What if: more multipliers, blocks of rows, other roundings, small activations left out

An architect's next questions after "how long does it take", answered by runs of the machine's four configuration keys:
`multipliers`, `mapping`, `rounding`, `activation_threshold` ([exactly](variants.md)). `python -m studies.what_ifs` makes all of it: the
tables ([machines.csv](what-ifs/machines.csv), [rounding.csv](what-ifs/rounding.csv),
[thresholds.csv](what-ifs/thresholds.csv)), the pictures and this page, numbers in the text included. It takes 2 to 5
minutes on 2 cores, as busy as they are; interrupted, it goes on where it was.

Cycles, times, load balances and outputs are **simulated**, and so are accuracies: the network's answers on the machine to 500 held-out
digits. Energy is **estimated** from published figures, area too ([energy.md](energy.md)). Nothing here was measured on a chip.

- **The nine layers** of Table III have random weights, for the paper's were never published: seeds {SEEDS[0]} to {SEEDS[-1]}, densities that vary
  by {VARIATION:.0%} over rows and columns. Means over layers are geometric, of multiples of the published machine's figure.
- **LeNet-300-100** (`example:lenet-300-100`) is a trained network: {len(NETWORK_LAYERS)} layers, figures are means over 500 digits. It is small; most of
  its time is broadcasts, not work.
- **{FC8}** is the authors' own layer. It has no licence and is not in the repository; a study without it leaves its rows
  as they are in the table, or out. Only the question of the mapping uses it, and says so.
"""


def _times(value: float) -> str:
    return f"{value:.2f}"


def _more(ratio: float) -> str:
    """In per cent, with its sign."""
    return f"{100 * (ratio - 1):+.0f} %".replace("-", "−")


def _machine(pes: float, multipliers: float) -> str:
    return f"{pes:.0f} x {multipliers:.0f}"


def _best(rows: pd.DataFrame, cost: str) -> str:
    row = rows.sort_values(cost).iloc[0]
    return _machine(row["pes"], row["multipliers"])


def short(machines: pd.DataFrame, blocks: pd.DataFrame, rounding: pd.DataFrame, thresholds: pd.DataFrame) -> str:
    means = found.over_nine(machines)
    two, thin, fat = found.at(means, 64, 2), found.at(means, 256, 1), found.at(means, 64, 4)
    stored = found.ratios(blocks, found.NINE, STORED, 64)
    sorted_ = found.ratios(blocks, found.NINE, HEAVIEST, 64)
    real = found.ratios(blocks, (FC8, *NETWORK_LAYERS), STORED, 64)
    kept = found.chosen(thresholds, threshold=0.35, pes=64).iloc[0]
    without = found.chosen(thresholds, threshold=0.0, pes=64).iloc[0]
    return f"""## In short

- **Two multipliers in each of the 64 PEs** take {_times(two["relative_time_us"])} of the time, {_times(two["relative_energy_uj"])} of the energy and {100 * (two["area_mm2"] / found.at(means, 64, 1)["area_mm2"] - 1):.1f} % more area,
  by a model without ports. Four take {_times(fat["relative_time_us"])} of the time.
- **At equal multipliers, thin PEs are faster and fat ones cheaper.** Of {SPLIT} in all, 256 PEs with one are {_times(fat["relative_time_us"] / thin["relative_time_us"])} times as fast as
  64 with four and take {_times(thin["relative_energy_uj"] / fat["relative_energy_uj"])} times the energy and {_times(thin["area_mm2"] / fat["area_mm2"])} times the area.
- **Interleaving is an insurance.** Blocks instead change the cycles by {_more(stored.mean())} on layers without structure, by up to {_more(real.max())} on
  real ones, by {_more(sorted_.mean())} on rows sorted by weight (64 PEs).
- **At 8 bits the rounding must not be floor** ({_accuracy(rounding, "fixed8", "floor")} of the digits); nearest ({_accuracy(rounding, "fixed8", "nearest")}) and stochastic ({_accuracy(rounding, "fixed8", "stochastic")})
  are equals there. At 16 bits it does not matter. Stochastic rounding only wins where there are too few bits for either.
- **Small activations are worth little.** Leaving out those up to 0.35 saves {1 - kept["cycles"] / without["cycles"]:.0%} of the cycles and {1 - kept["energy_nj"] / without["energy_nj"]:.0%} of the energy of
  LeNet-300-100 on 64 PEs, and recognises {kept["accuracy"]:.1%} of the digits ({without["accuracy"]:.1%} with all).
"""


def multipliers(machines: pd.DataFrame) -> str:
    means = found.over_nine(machines)
    own = found.over_nine(machines, OWN)
    published = found.at(means, 64, 1)
    thin, fat = found.at(means, 256, 1), found.at(means, 32, 8)
    fc = machines[found.is_machine(machines, 256, 1)].set_index("workload").loc["Alex-6"]
    fewer = machines[found.is_machine(machines, 64, 4)].set_index("workload").loc["Alex-6"]
    lenet = machines[machines["workload"] == NETWORK]
    one, eight = (found.at(lenet, 64, each) for each in (1, 8))
    three = [found.at(means, 64, each) for each in (2, 4, 8)]
    return f"""## More multipliers a PE

An SRAM row brings eight entries, of which a PE uses one a cycle. With `multipliers` = 2, 4 or 8 it walks an aligned
group of so many entries a cycle. The question is which is better, more of them in a PE or more PEs. The machines
compared hold the same weights: 8 MB of sparse-matrix SRAM in all, as the published 64 PEs, divided among the PEs
(512 KB in each of 16, 32 KB in each of 256). Pointers are not divided: every PE has one for every column.

![Time, energy, energy x time and area over the multipliers in all](what-ifs/multipliers.svg)

![Pareto fronts of energy and area against time](what-ifs/pareto.svg)

Nine layers, geometric means; times, energies and their products are multiples of the published machine's (64 x 1). *Slots used* is the share
of the multipliers' cycles in which they multiply (ALU efficiency). Time, load balance and slots are simulated, the others estimated.

{_equal_table(means)}

On the Pareto front of time and energy: {_front(means, "relative_energy_uj")}. On that of time and area: {_front(means, "area_mm2")}.
No machine with one multiplier a PE is on the first.

**Thin PEs are faster.** A fat PE's group is whole only where a column gives it enough entries. With 256 multipliers in all the slots
used fall from {thin["alu_efficiency"]:.0%} (256 x 1) to {fat["alu_efficiency"]:.0%} (32 x 8), although the load balance rises from {thin["load_balance"]:.0%} to {fat["load_balance"]:.0%}: fewer PEs are easier to keep
even. VGG-6 and VGG-7, at 4 % of the weights the sparsest, lose most (table below).

**Fat PEs are cheaper.** Every PE reads a pointer for every broadcast, and pays for its queue; a multiplier more in a PE
costs neither. On Alex-6, pointers and queues take {fc["ptr_read_uj"] + fc["act_queue_uj"]:.1f} of {fc["energy_uj"]:.1f} µJ with 256 x 1, and {fewer["ptr_read_uj"] + fewer["act_queue_uj"]:.1f} of {fewer["energy_uj"]:.1f} µJ with 64 x 4. The area is
nearly all SRAM: eight multipliers instead of one make 64 PEs {_more(three[2]["area_mm2"] / published["area_mm2"])} larger by the model, four times the PEs {_more(thin["area_mm2"] / published["area_mm2"])}, for their
pointers. The time saved also saves leakage: from 64 x 1 to 64 x 2 the energy falls to {_times(three[0]["relative_energy_uj"])}.

**Each doubling in a PE brings less.** 64 PEs with 2, 4, 8 multipliers take {", ".join(_times(row["relative_time_us"]) for row in three)} of the time, {", ".join(_times(row["relative_energy_uj"]) for row in three)} of the energy.
The least energy x time of all machines has {_best(means, "relative_edp")}, the least energy {_best(means, "relative_energy_uj")}.

**A small network wants few PEs.** LeNet-300-100 on 64 PEs takes {one["time_us"]:.3f} µs a digit with one multiplier, {eight["time_us"]:.3f} with eight: a broadcast
takes a cycle, however few weights wait for it. Of the machines here it takes least energy on {_best(lenet[lenet["memory"] == DIVIDED], "energy_uj")}.

{SPLIT} multipliers in all, by layer, as multiples of 256 x 1 (time and energy):

{_layer_table(machines)}

**What this leaves out, and it favours the fat PE.** The model counts accesses, not ports. A PE with m multipliers reads and writes m
accumulators and looks up m codebook values in a cycle; a register file with as many ports is larger and spends more on each
access, banks would collide, and the model knows neither; nor wires. With all that ActRW spends m times as dear, which is an assumption
and no published figure, the energies of 256 multipliers in all would be {_ported(means, SPLIT)}, and of 128 {_ported(means, 128)}.
Two and four multipliers still pay then, eight take more energy than four; the Pareto front of time and energy is
{_front(means, "relative_ported_uj")}, still without one multiplier a PE.

**Memories of another size change the figures, not the order.** If every PE keeps its own 128 KB, 32 PEs hold half as
much and cannot run what 64 can, but leak and weigh less: energies at 256 in all are {_energies(own, SPLIT)} of the published
machine's, areas {_areas(own, SPLIT)} mm². With divided memories the largest layers need pointers of more than 16 bits on 16
and 32 PEs; their width is not in the model.
"""


def _front(means: pd.DataFrame, cost: str) -> str:
    best = means.iloc[front(means["relative_time_us"].to_list(), (-means[cost]).to_list())]
    return ", ".join(_machine(row["pes"], row["multipliers"]) for _, row in best.iterrows())


def _equal_table(means: pd.DataFrame) -> str:
    lines = [
        "| multipliers in all | PEs x multipliers | time | energy | energy x time | area, mm² | load balance | slots used |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for in_all in EQUALS:
        for pes, each in found.equals(in_all):
            row = found.at(means, pes, each)
            lines.append(
                f"| {in_all} | {_machine(pes, each)} | {_times(row['relative_time_us'])} | {_times(row['relative_energy_uj'])} "
                f"| {_times(row['relative_edp'])} | {row['area_mm2']:.1f} | {row['load_balance']:.0%} | {row['alu_efficiency']:.0%} |"
            )
    return "\n".join(lines)


def _layer_table(machines: pd.DataFrame) -> str:
    shapes = found.equals(SPLIT)
    names = " | ".join(f"{_machine(*shape)}: time | energy" for shape in shapes[1:])
    lines = [
        f"| layer | {names} | least energy x time |",
        f"| --- | {' | '.join(['---:'] * 2 * (len(shapes) - 1))} | --- |",
    ]
    for name in found.WORKLOADS:
        of_layer = machines[machines["workload"] == name]
        rows = [found.at(of_layer, *shape) for shape in shapes]
        cells = [f"{_times(row[cost] / rows[0][cost])}" for row in rows[1:] for cost in ("time_us", "energy_uj")]
        best = min(rows, key=lambda row: row["edp"])
        lines.append(f"| {name} | {' | '.join(cells)} | {_machine(best['pes'], best['multipliers'])} |")
    return "\n".join(lines)


def _ported(means: pd.DataFrame, in_all: int) -> str:
    return _each(means, in_all, "relative_ported_uj", ".2f")


def _energies(means: pd.DataFrame, in_all: int) -> str:
    return _each(means, in_all, "relative_energy_uj", ".2f")


def _areas(means: pd.DataFrame, in_all: int) -> str:
    return _each(means, in_all, "area_mm2", ".0f")


def _each(means: pd.DataFrame, in_all: int, cost: str, form: str) -> str:
    """Such as 1.43 (256 x 1), 1.05 (128 x 2)."""
    return ", ".join(f"{found.at(means, *shape)[cost]:{form}} ({_machine(*shape)})" for shape in found.equals(in_all))


def mapping(table: pd.DataFrame, blocks: pd.DataFrame) -> str:
    there = [name for name in found.LAYERS if (blocks["layer"] == name).any()]
    nine = found.ratios(blocks, found.NINE, STORED, 64)
    worst = found.ratios(blocks, found.NINE, HEAVIEST, 64)
    energies = found.chosen(blocks, order=HEAVIEST, pes=64).set_index("layer")["energy_ratio"][list(found.NINE)]
    balance = found.chosen(blocks, order=HEAVIEST, pes=64).set_index("layer").loc[list(found.NINE)]
    first = found.chosen(blocks, layer="ip1", pes=64).set_index("order")
    return f"""## Interleaved rows or blocks

EIE gives row i to PE i mod N. The plain alternative is a block of R = rows / N rows, rounded up, for each PE. Three orders of rows: as stored;
shuffled, which removes what structure there is; heaviest first, the worst that is likely, as a library that sorts rows would leave them.

![Cycles with blocks over cycles with interleaving](what-ifs/mapping.svg)

64 PEs, simulated; means over seeds, or over {len(SHUFFLES)} shuffles:

{_mapping_table(blocks, there)}

**Random positions cannot tell.** The synthetic layers' rows are drawn alike, so a block is as good a sample of them as every
64th row: {_more(nine.min())} to {_more(nine.max())} cycles, mean {_more(nine.mean())}. What is left is chance, and that rows / N rounded up leaves the last PEs short or
empty. This says that interleaving gains nothing where there is nothing to even out; it does not say that real layers are so.

**Real layers may have structure.** {_fc8(table, blocks)}LeNet's first layer takes {_more(first.loc[STORED, "ratio"])} with blocks as trained, which is chance: {_shuffled(table, "ip1", first.loc[STORED, "ratio"])}.
Its rows are hidden units, whose order means nothing. ip2 and ip3 are bound by broadcasts, so that no dealing matters.

**Sorted rows are what interleaving is for.** Heaviest first, blocks take {_more(worst.min())} to {_more(worst.max())} cycles more on the nine layers, for the
first PE has all the heavy rows: load balance {balance["blocked"].mean():.0%} instead of {balance["interleaved"].mean():.0%}, energy {_more(energies.mean())} (idle PEs leak). Interleaved, the
sorted order is about as good as any other. Interleaving costs nothing and needs no look at the layer; that is its worth.

More can be had from an order of rows made for the machine, on either mapping: `eiesim balance` ([sweeps.md](sweeps.md)).
"""


def _fc8(table: pd.DataFrame, blocks: pd.DataFrame) -> str:
    rows = found.chosen(blocks, layer=FC8, pes=64).set_index("order")
    if rows.empty:
        return f"{FC8} was not at hand. "
    stored = rows.loc[STORED, "ratio"]
    return (
        f"{FC8} (the authors' layer, not in the repository) takes {_more(stored)} cycles with blocks as stored; {_shuffled(table, FC8, stored)}.\n"
        "Its neighbouring rows have alike numbers of weights, probably because they are neighbouring classes of ImageNet. "
    )


def _shuffled(table: pd.DataFrame, layer: str, stored: float) -> str:
    shuffles = found.shuffles(table, layer, 64)
    as_many = int((shuffles >= stored).sum())
    return f"{as_many or 'none'} of {len(shuffles)} shuffles take as many or more ({_more(shuffles.min())} to {_more(shuffles.max())}, mean {_more(shuffles.mean())})"


def _mapping_table(blocks: pd.DataFrame, there: list[str]) -> str:
    lines = [
        "| layer | load balance, interleaved | blocked | cycles with blocks, as stored | shuffled | heaviest first |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in there:
        rows = found.chosen(blocks, layer=name, pes=64).set_index("order")
        cells = [
            f"{100 * (rows.loc[order, 'ratio'] - 1):+.1f} %".replace("-", "−") if order in rows.index else ""
            for order in (STORED, SHUFFLED, HEAVIEST)
        ]
        label = (
            f"LeNet {name}" if name in NETWORK_LAYERS else f"{name} (not in the repository)" if name == FC8 else name
        )
        stored = rows.loc[STORED]
        lines.append(f"| {label} | {stored['interleaved']:.1%} | {stored['blocked']:.1%} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _of(rounding: pd.DataFrame, arithmetic: str, way: str, bits: object = AUTOMATIC) -> pd.DataFrame:
    return found.chosen(rounding, arithmetic=arithmetic, rounding=way, output_frac=str(bits))


def _accuracy(rounding: pd.DataFrame, arithmetic: str, way: str, bits: object = AUTOMATIC) -> str:
    return f"{_of(rounding, arithmetic, way, bits)['accuracy'].mean():.1%}"


def roundings(rounding: pd.DataFrame) -> str:
    drawn = _of(rounding, "fixed8", "stochastic")
    nearest = _of(rounding, "fixed8", "nearest").iloc[0]
    better = int((drawn["accuracy"] > nearest["accuracy"]).sum())
    error = drawn["mean_error"].std(ddof=1) / np.sqrt(len(drawn))
    floor = _of(rounding, "fixed8", "floor").iloc[0]
    bits = [nearest[f"bits_{layer}"] for layer in NETWORK_LAYERS]
    few = "\n".join(
        f"| {bits} | {_accuracy(rounding, 'fixed16', 'nearest', bits)} | {_accuracy(rounding, 'fixed16', 'floor', bits)} "
        f"| {_accuracy(rounding, 'fixed16', 'stochastic', bits)} "
        f"| {_of(rounding, 'fixed16', 'stochastic', bits)['accuracy'].min():.1%} to {_of(rounding, 'fixed16', 'stochastic', bits)['accuracy'].max():.1%} |"
        for bits in range(5, -2, -1)
    )
    return f"""## Nearest, floor or stochastic rounding

A product has more fraction bits than the accumulator it is added to. `nearest` rounds it, `floor` cuts it off,
`stochastic` adds a random number that depends on row, column and `rounding_seed` before it cuts. Cycles are the
same. LeNet-300-100, 500 digits, {len(ROUNDING_SEEDS)} seeds of stochastic rounding; float32 recognises what fixed16 does. One digit is 0.2 points and the standard error
of an accuracy about 0.8 points.

![Accuracy and mean error by rounding](what-ifs/rounding.svg)

**At 16 bits it does not matter**: {_accuracy(rounding, "fixed16", "nearest")}, {_accuracy(rounding, "fixed16", "floor")} and {_accuracy(rounding, "fixed16", "stochastic")}.

**At 8 bits floor fails, and nearest is as good as stochastic.** The automatic formats leave the accumulators {", ".join(f"{b:.0f}" for b in bits)} fraction bits in the three
layers. Floor takes half a last place from every product, and hidden values, sums of many, sink until ReLU cuts them off: {floor["accuracy"]:.1%}. The ten
outputs, whose mean is negative, are left {floor["mean_error"]:+.1f} too high on average. Nearest recognises {nearest["accuracy"]:.1%}. Stochastic rounding recognises {drawn["accuracy"].mean():.1%} on average, {drawn["accuracy"].min():.1%}
to {drawn["accuracy"].max():.1%} by seed, and beats nearest with {better} of {len(drawn)} seeds: no more than noise on 500 digits. The mean error of its outputs is {drawn["mean_error"].mean():+.2f} ± {error:.2f} (standard
error over seeds), nearest's {nearest["mean_error"]:+.2f}. So it rescues 8 bits from floor, but nearest does so too, without random numbers.

**It wins where the bits are too few for both.** Fixed16 with accumulators of few fraction bits, the same in all layers, leaves
weights and activations as fine as they were:

| fraction bits | nearest | floor | stochastic, mean | from least to most |
| ---: | ---: | ---: | ---: | ---: |
{few}

With 2 bits nearest is better: stochastic rounding is right on average but noisier. With 1 bit most products of
the first two layers are below half a last place; nearest makes all of those 0, and stochastic rounding keeps their sum on average. It degrades slowly instead of at once;
but {_accuracy(rounding, "fixed16", "stochastic", 1)} is not a network anyone would use. The errors at -1 and 0 bits lean to one side although each product's do not, for ReLU cuts
off the negative half of the noise.

These draws are the same for every input, as row, column and seed are: a seed is one fixed pattern of errors, hence the spread over seeds.
"""


def threshold(thresholds: pd.DataFrame) -> str:
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
    hidden, pixels = (1 - free[f"broadcasts_{layer}"] / base[f"broadcasts_{layer}"] for layer in ("ip2", "ip1"))
    return f"""## Leaving out small activations

Inputs of a layer with |a| up to `activation_threshold` are not broadcast. Pixels are 0 to 1 here, hidden values
0 to several. One threshold holds for all three layers, and nothing is retrained.

![Accuracy, cycles and energy over the threshold](what-ifs/threshold.svg)

{chr(10).join(lines)}

**About a third is nearly free.** At {free["threshold"]:g} the network recognises {free["accuracy"]:.1%} ({base["accuracy"]:.1%} with all activations), answers {free["changed"]:.1%} of the digits otherwise, and takes
{free["cycles"] / base["cycles"]:.0%} of the cycles and {free["energy_nj"] / base["energy_nj"]:.0%} of the energy on 64 PEs. {hidden:.0%} of ip2's broadcasts are gone, {pixels:.0%} of ip1's: what is dispensable
are small hidden values; of the active pixels {last["broadcasts_ip1"] / base["broadcasts_ip1"]:.0%} are above {last["threshold"]:g}. Beyond it accuracy pays: {lost["accuracy"]:.1%} at {lost["threshold"]:g}, where cycles are {lost["cycles"] / base["cycles"]:.0%}.

**Cycles and energy follow the broadcasts**, on 16 and on 64 PEs alike: at {free["threshold"]:g} {free["broadcasts"] / base["broadcasts"]:.0%} of the broadcasts are left. On a large layer they
would follow the entries behind the broadcasts, which is the same share if columns are alike.

No threshold was tried on the nine synthetic layers: their activations are random numbers, so what share a threshold leaves out would be
an assumption, and there is no accuracy to lose. Accuracies within 0.8 points of one another are not told apart by 500 digits; thresholds were
not chosen on other digits than those they are judged on, so an optimum here would be too good. Thresholds by layer would do better; the machine has one.
"""


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
