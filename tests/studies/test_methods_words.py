"""What docs/methods.md says holds: of its own rows, and of rows that nobody trained."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from tests.studies.claims import Claim, check, is_shown

pytest.importorskip("torch", reason="needs extra [train]")
pytest.importorskip("mlxtend", reason="needs extra [train]")

from studies.methods.cells import COLUMNS
from studies.methods.means import read_means
from studies.methods.page import read_activity, tables
from studies.methods.words import text

DOCS = Path(__file__).parents[2] / "docs"
RESULTS, PATTERNS = DOCS / "methods" / "results.csv", DOCS / "methods" / "patterns.csv"
PLAIN, L1, BALANCED, BALANCED_L1 = "iterative", "iterative, L1", "balanced", "balanced, L1"
TICKET, OTHER, TEACHER, ORDER = "lottery", "lottery, other weights", "iterative, teacher", "blocks, in block order"
NUMBER = r"([\d,.]+)"

FACTS = [
    # What is trained, run and meant.
    "EIE runs whatever", "This page trains", r"`python -m studies\.methods` makes", "Cycles, load balance and padding are",
    "What papers say", "A sentence that states a finding", "The cheapest networks within",
    # What follows from the machine, the method or the paper, whatever the rows are.
    "Adam moves a weight", r"Tickets and SNIP\.$", "Its 40x are at", "Its digits are MNIST's", r"(Deep Compression|MESA)\.$",
    "MPDCompress counts kept", "Our bytes treat", "Its coding stores no index", "Algorithm 3 of the paper",
    "The machine itself does not decode", r"Seed 0\.", "On the left each row", "Here the inputs are pixels in order",
    # How: the recipes, which tests/training tests.
    "Every method has the same budget", "12,000 training digits", "This is less training", "The network in `traces",
    "A density is that of all", "Methods that prune layer by layer", "`magnitude`, `iterative`", r"\*together\*",
    "`balanced` is for 64", r"\*low-rank, pruned\*", "Each method's promise", "Knowledge distillation:", "Penalties:",
    "Made with eiesim",
]  # fmt: skip


class Rows:
    """Means of a table over its seeds, by label and density, without pandas."""

    def __init__(self, rows, activity):
        self.rows = rows
        self.activity = activity
        self.dense = self.mean_of_means("accuracy_dense")

    def mean_of_means(self, column):
        groups = {}
        for row in self.rows:
            groups.setdefault((row["label"], row["asked"]), []).append(float(row[column]))
        return np.mean([np.mean(values) for values in groups.values()])

    def __call__(self, label, column, asked="0.1"):
        found = [row for row in self.rows if (row["label"], row["asked"]) == (label, asked)]
        if column == "rate":
            return np.mean([float(r["dense_bytes"]) for r in found]) / np.mean([float(r["coded_bytes"]) for r in found])
        return np.mean([float(row[column]) for row in found])

    def cycles(self, label, asked="0.1", pes=16):
        return self(label, f"cycles_{pes}", asked)

    def percent(self, label, asked="0.1"):
        return 100 * self(label, "accuracy_shared", asked)

    def every(self, column, asked="0.1"):
        return {label: self(label, column) for label in {row["label"] for row in self.rows if row["asked"] == asked}}

    def lit(self, label):
        return 100 * self.activity[label]


def claims(v):
    """Every sentence that states a finding."""

    def whole(*pairs):
        return all(is_shown(shown, value, 1) for shown, value in pairs)

    def tenth(*pairs):
        return all(is_shown(shown, value, 0.1) for shown, value in pairs)

    def share(shown, label, asked="0.1"):
        return tenth((shown, v.percent(label, asked)))

    def rate(shown, label, asked="0.1"):
        return whole((shown, v(label, "rate", asked)))

    def energy(label, pes):
        return v(label, f"energy_nj_{pes}")

    return [
        Claim(
            rf"Accuracies are measured on the 500 digits held out, and are means of (\d) seeds; the dense network recognises {NUMBER}%\.",
            lambda seeds, dense: seeds == len({row["seed"] for row in v.rows}) and tenth((dense, 100 * v.dense)),
        ),
        Claim(
            rf"One digit is {NUMBER} points, and the standard error of an accuracy of one seed is about {NUMBER} points: differences below one point mean little\.",
            lambda one, error: one == 0.2 and tenth((error, 100 * np.sqrt(v.dense * (1 - v.dense) / 500))),
        ),
        Claim(
            r"Cycles are spent on weights whose input is active, not on weights\.",
            lambda: v.cycles(L1) > 1.1 * v.cycles(PLAIN),
        ),
        Claim(
            rf"At 10 % of the weights, magnitude pruning in rounds takes {NUMBER} cycles on 16 PEs without a penalty and {NUMBER} with L1, "
            rf"{NUMBER} times as many: at the same density, in about the same bytes \({NUMBER}x and {NUMBER}x smaller\), {NUMBER}% and {NUMBER}% accurate\.",
            lambda a, b, times, x, y, p, q: a < b and whole((a, v.cycles(PLAIN)), (b, v.cycles(L1)))
            and tenth((times, v.cycles(L1) / v.cycles(PLAIN))) and abs(x - y) <= 0.05 * max(x, y)
            and rate(x, PLAIN) and rate(y, L1) and share(p, PLAIN) and share(q, L1),
        ),
        Claim(
            rf"Without a penalty the kept weights of the first layer therefore lie, as those of a random mask, on pixels that {NUMBER}% of the digits light on "
            rf"average \({NUMBER}% at random\); the machine broadcasts no zero, so many cost bytes and hardly any cycles\.",
            lambda a, b: abs(a - b) <= 0.1 * max(a, b) and whole((a, v.lit(PLAIN)), (b, v.lit("random"))),
        ),
        Claim(
            rf"A penalty shrinks those, and the places go to the middle of the image: {NUMBER}% of the digits light the pixel of a weight that L1 keeps .*",
            lambda a: whole((a, v.lit(L1))) and v.lit(L1) > v.lit(PLAIN),
        ),
        Claim(r"A density alone says little about time\.", lambda: v.cycles(L1) > 1.1 * v.cycles(PLAIN)),
        Claim(
            r"So a penalty saves bytes, not cycles\.",
            lambda: v(L1, "rate", "0.05") > v(PLAIN, "rate") and round(v.cycles(L1, "0.05")) >= round(v.cycles(PLAIN)),
        ),
        Claim(
            rf"With L1 the network gets by with fewer weights: 5 % are {NUMBER}% accurate and {NUMBER}x smaller, where the unpenalised network has {NUMBER}% and {NUMBER}x at 10 %\.",
            lambda p, x, q, y: p >= q - 1 and x > y and share(p, L1, "0.05") and share(q, PLAIN)
            and rate(x, L1, "0.05") and rate(y, PLAIN),
        ),
        Claim(
            rf"But it takes no fewer cycles: {NUMBER} against {NUMBER} on 16 PEs\.",
            lambda a, b: a >= b and whole((a, v.cycles(L1, "0.05")), (b, v.cycles(PLAIN))),
        ),
        Claim(
            r"A broadcast takes a cycle, however few weights wait for it\.",
            lambda: v(PLAIN, "broadcasts_64") > 0.79 * v.cycles(PLAIN, pes=64),
        ),
        Claim(
            rf"A digit needs {NUMBER} broadcasts in `iterative` at 10 %: {NUMBER} active pixels and the active hidden units behind them\.",
            lambda a, pixels: whole((a, v(PLAIN, "broadcasts_64"))) and pixels == 149,
        ),
        Claim(
            rf"On 64 PEs, where a column of 300 rows at 10 % has half an entry a PE, that is {NUMBER}% of the cycles\.",
            lambda a: a >= 80 and whole((a, 100 * v(PLAIN, "broadcasts_64") / v.cycles(PLAIN, pes=64))),
        ),
        Claim(
            rf"From 10 % to 2 % of the weights `iterative` only goes from {NUMBER} to {NUMBER} cycles\.",
            lambda a, b: abs(a - b) <= 0.1 * max(a, b)
            and whole((a, v.cycles(PLAIN, pes=64)), (b, v.cycles(PLAIN, "0.02", 64))),
        ),
        Claim(
            rf"Fewer units help: `neurons`, a smaller dense network, takes {NUMBER} cycles at 10 %, the fewest of all methods, and needs no indices \({NUMBER}x smaller after Huffman coding\), for {NUMBER}% accuracy\.",
            lambda a, x, p: min(v.every("cycles_64"), key=v.every("cycles_64").get) == "neurons"
            and whole((a, v.cycles("neurons", pes=64))) and rate(x, "neurons") and share(p, "neurons"),
        ),
        Claim(
            rf"At 2 % `neurons` has too few units left to work \({NUMBER}%\)\.",
            lambda p: p < 50 and share(p, "neurons", "0.02"),
        ),
        Claim(
            r"A small network wants few PEs\.",
            lambda: energy(PLAIN, 64) > energy(PLAIN, 16) and v.cycles(PLAIN, pes=64) > v.cycles(PLAIN) / 2.1,
        ),
        Claim(
            rf"Four times the PEs make `iterative` at 10 % {NUMBER} times as fast and cost {NUMBER} times the energy \({NUMBER} nJ on 16, {NUMBER} on 64\): every PE .*",
            lambda fast, dear, a, b: 1 <= fast < 2 and dear >= 1 and a < b
            and tenth((fast, v.cycles(PLAIN) / v.cycles(PLAIN, pes=64)), (dear, energy(PLAIN, 64) / energy(PLAIN, 16)))
            and whole((a, energy(PLAIN, 16)), (b, energy(PLAIN, 64))),
        ),
        Claim(
            r"Low rank saves bytes, not time\.",
            lambda: v("low-rank", "rate") > v(PLAIN, "rate") and v.cycles("low-rank") > v.cycles(PLAIN),
        ),
        Claim(
            rf"Its factors are dense, so they need no indices \({NUMBER}x smaller at 10 %, {NUMBER}% accurate\)\.",
            lambda x, p: rate(x, "low-rank") and share(p, "low-rank"),
        ),
        Claim(
            rf"But every layer becomes two, the inner values have no ReLU and are all broadcast: {NUMBER} cycles against {NUMBER} on 16 PEs\.",
            lambda a, b: a > b and whole((a, v.cycles("low-rank")), (b, v.cycles(PLAIN))),
        ),
        Claim(
            rf"Pruning the factors of a larger rank gives {NUMBER}% for {NUMBER} cycles\.",
            lambda p, a: share(p, "low-rank, pruned") and whole((a, v.cycles("low-rank, pruned"))),
        ),
        Claim(
            r"Balance over the PEs pays where there is work to balance\.",
            lambda: v(BALANCED_L1, "load_balance_16") > v(L1, "load_balance_16") and v.cycles(BALANCED_L1) < v.cycles(L1),
        ),
        Claim(
            rf"As many entries in every PE .* the load balance on 16 PEs rises from {NUMBER}% to {NUMBER}% and the cycles fall from {NUMBER} to {NUMBER}, at {NUMBER}% against {NUMBER}%\.",
            lambda p, q, a, b, x, y: p < q and a > b
            and whole((p, 100 * v(L1, "load_balance_16")), (q, 100 * v(BALANCED_L1, "load_balance_16")))
            and whole((a, v.cycles(L1)), (b, v.cycles(BALANCED_L1))) and share(x, BALANCED_L1) and share(y, L1),
        ),
        Claim(
            rf"Without a penalty there is less to gain, {NUMBER} to {NUMBER} cycles: .*",
            lambda a, b: whole((a, v.cycles(PLAIN)), (b, v.cycles(BALANCED)))
            and a / b < round(v.cycles(L1)) / round(v.cycles(BALANCED_L1)),
        ),
        Claim(
            rf"At 2 % a PE and group has less than one entry, the constraint leaves no choice, and accuracy goes: {NUMBER}% against {NUMBER}%\.",
            lambda p, q: p < q - 1 and share(p, BALANCED, "0.02") and share(q, PLAIN, "0.02"),
        ),
        Claim(r"Blocks like their rows in order\.", lambda: v.cycles(ORDER) < v.cycles("blocks")),
        Claim(
            rf"MPDCompress' shuffled blocks keep {NUMBER}% at 10 %, near what a random mask keeps \({NUMBER}%\): .*",
            lambda p, q: abs(p - q) <= 2.001 and share(p, "blocks") and share(q, "random"),
        ),
        Claim(
            rf"Renaming hidden units so that .* changes no result and takes {NUMBER} cycles on 16 PEs to {NUMBER}, for neighbouring rows lie in different PEs\.",
            lambda a, b: a > b and whole((a, v.cycles("blocks")), (b, v.cycles(ORDER)))
            and v("blocks", "accuracy_machine_16") == v(ORDER, "accuracy_machine_16"),
        ),
        Claim(
            r"N:M is only a density to this machine\.",
            lambda: abs(v.cycles("2:4", "") / v.cycles("4:8", "") - 1) < 0.06,
        ),
        Claim(
            rf"2:4 takes {NUMBER} cycles on 16 PEs and 4:8, which leaves more choice, {NUMBER}; .*",
            lambda a, b: abs(a - b) <= 0.05 * max(a, b) and whole((a, v.cycles("2:4", "")), (b, v.cycles("4:8", ""))),
        ),
        Claim(
            r"Binary weights cost what others cost\.",
            lambda: abs(v.cycles("binary") / v.cycles("magnitude") - 1) < 0.06,
        ),
        Claim(
            rf"A weight is 4 bits in the machine whatever it means, so the cycles are those of the mask: {NUMBER} on 16 PEs, and {NUMBER} with magnitude pruning's own values\.",
            lambda a, b: abs(a - b) <= 0.05 * max(a, b)
            and whole((a, v.cycles("binary")), (b, v.cycles("magnitude"))),
        ),
        Claim(
            rf"The bytes are fewer \({NUMBER}x against {NUMBER}x for the same mask at 10 %\), .*",
            lambda x, y: x > y and rate(x, "binary") and rate(y, "magnitude"),
        ),
        Claim(
            rf"All weights binary and none pruned is {NUMBER}x smaller, {NUMBER}% accurate and, with every weight an entry, {NUMBER} cycles long\.",
            lambda x, p, a: rate(x, "binary", "1.0") and share(p, "binary", "1.0") and whole((a, v.cycles("binary", "1.0"))),
        ),
        Claim(
            rf"A ticket trained from its first weights recognises {NUMBER}% at 10 % and {NUMBER}% at 2 %; the same mask from other weights {NUMBER}% and {NUMBER}%, as its paper says\.",
            lambda a, b, c, d: a > c and b > d and share(a, TICKET) and share(b, TICKET, "0.02")
            and share(c, OTHER) and share(d, OTHER, "0.02"),
        ),
        Claim(
            rf"SNIP, which trains nothing before it prunes, reaches {NUMBER}% and {NUMBER}%\.",
            lambda p, q: share(p, "snip") and share(q, "snip", "0.02"),
        ),
        Claim(
            rf"It scores weights by gradient x weight, .*: {NUMBER}% of the digits light the pixel of a weight that it keeps, against {NUMBER}% at random\.",
            lambda a, b: a > b and whole((a, v.lit("snip")), (b, v.lit("random"))),
        ),
        Claim(
            rf"It costs {NUMBER} cycles on 16 PEs at 10 %, the most of all methods\.",
            lambda a: whole((a, v.cycles("snip"))) and max(v.every("cycles_16"), key=v.every("cycles_16").get) == "snip",
        ),
        Claim(
            rf"A teacher \(.*\) is no clear gain at this budget: {NUMBER}% against {NUMBER}% at 10 %, {NUMBER}% against {NUMBER}% at 5 %, {NUMBER}% against {NUMBER}% at 2 %\.",
            lambda a, b, c, d, e, f: max(a - b, c - d, e - f) < 1
            and all(share(one, label, asked) for one, label, asked in
                    zip((a, b, c, d, e, f), (TEACHER, PLAIN) * 3, ("0.1", "0.1", "0.05", "0.05", "0.02", "0.02"))),
        ),
        Claim(r"Our dense network recognises less\.", lambda: v.dense < 1 - 0.0164),
        Claim(
            rf"The higher rate \({NUMBER}x, [\w-]+, L[12](?: at [\d.]+ %)?\) comes from keeping fewer weights under a penalty, not from better coding\.",
            lambda x: x > round(v(PLAIN, "rate")),
        ),
        Claim(
            r"With a tenth of the digits to learn from, our loss is larger than its 1 %\.",
            lambda: v("blocks", "accuracy_dense") - v("blocks", "accuracy_shared") > 0.0095,
        ),
        Claim(rf"Ours, {NUMBER}x, is near its 135x at the same density\.", lambda x: 0.75 <= x / 135 <= 1.34 and rate(x, "mesa")),
        Claim(r"Its accuracy is not ours, .*", lambda: v("mesa, shuffled pixels", "accuracy_shared") < 0.9901),
        Claim(
            rf"With the pixels shuffled each block sees the whole digit thinly, and accuracy rises from {NUMBER}% to {NUMBER}%\.",
            lambda p, q: p < q and share(p, "mesa") and share(q, "mesa, shuffled pixels"),
        ),
        Claim(r"The 392x is of a 38 MB network .*", lambda: v("mesa", "rate", "0.05") < 392),
        Claim(
            r"A pixel is lit where it is not 0; of the pixels of kept weights, so many of the training digits light one on average: (?:`[^`]+` \d+%(?:; )?)+\.",
            lambda: True,
        ),
        Claim(
            r"With L1 the band that Deep Compression shows for LeNet-300-100 appears, .*",
            lambda: v.lit(L1) > max(30, v.lit("random")),
        ),
        Claim(r"SNIP has it from the start\.", lambda: v.lit("snip") > v.lit(L1)),
    ]  # fmt: skip


def committed():
    with RESULTS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return rows, read_activity(PATTERNS)


def made_up(rows, activity, rng, noise):
    """The rows with each figure multiplied at random, and, every other time, dealt to the labels at random."""
    columns = [name for name in COLUMNS if name not in ("label", "asked", "seed")]
    dealt = rng.permutation(len(rows)) if rng.random() < 0.5 else range(len(rows))
    found = []
    for row, k in zip(rows, dealt, strict=True):
        figures = {name: float(rows[k][name]) * np.exp(noise * rng.standard_normal()) for name in columns}
        figures |= {name: min(value, 1.0) for name, value in figures.items() if name.startswith("accuracy")}
        found.append({name: row[name] for name in ("label", "asked", "seed")} | figures)
    if noise > 0.5:  # the same results in another order
        twins = {(row["asked"], row["seed"]): row for row in found if row["label"] == "blocks"}
        for row in found:
            if row["label"] == ORDER:
                row["accuracy_machine_16"] = twins[row["asked"], row["seed"]]["accuracy_machine_16"]
    return found, {label: min(1.0, share * np.exp(noise * rng.standard_normal())) for label, share in activity.items()}


def page_of(rows, activity, path):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    means = read_means(path)
    return text(means, activity, tables(means))


def test_what_the_words_say_holds(tmp_path):
    rows, activity = committed()
    page = page_of(rows, activity, tmp_path / "r.csv")
    known = claims(Rows(rows, activity))
    ours = check(page, known, FACTS)
    assert ours == {claim.pattern for claim in known}  # no claim that the page never makes

    def figures(shown):  # versions stand at the end of the page
        return shown.rpartition("Made with")[0]

    assert figures(page) == figures((DOCS / "methods.md").read_text(encoding="utf-8"))


def test_what_the_words_say_of_rows_that_nobody_trained_holds(tmp_path):
    rows, activity = committed()
    said, left_out = {}, set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        drawn, lit = made_up(rows, activity, rng, noise=(0.003, 0.03, 0.3, 1.0)[seed % 4])
        known = claims(Rows(drawn, lit))
        there = check(page_of(drawn, lit, tmp_path / "r.csv"), known, FACTS)
        said |= dict.fromkeys(there)
        left_out |= {claim.pattern for claim in known} - there
    assert set(said) == {claim.pattern for claim in known}
    always = {pattern for pattern in said if pattern not in left_out}
    # Nothing but plain figures is said of whatever rows there are.
    assert len(always) <= 6, sorted(always)


def test_a_figure_that_is_missing_is_not_said(tmp_path):
    rows, activity = committed()
    for gone in (PLAIN, L1, "snip", "2:4", "mesa", "binary"):
        page = page_of([row for row in rows if row["label"] != gone], activity, tmp_path / "r.csv")
        prose = [line for line in page.splitlines() if not line.startswith("|")]
        assert not re.search(r"\bnan(?![a-z])", "\n".join(prose))
