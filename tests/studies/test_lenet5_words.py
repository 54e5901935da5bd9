"""What docs/lenet-5.md says holds: of its own rows, and of rows that nobody trained; and what is printed is its table's."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.studies.claims import Claim, check, is_shown

pytest.importorskip("torch", reason="needs extra [train]")
pytest.importorskip("mlxtend", reason="needs extra [train]")

from studies.lenet5.cells import AS_PUBLISHED, COLUMNS, FEW, ITERATIVE, LAYERS, MESA, RECIPES
from studies.lenet5.means import Numbers
from studies.lenet5.page import text

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = DOCS / "lenet-5" / "results.csv"
NUMBER = r"([\d,.]+)"
PRINTED = {"conv1": (500, 67.45), "conv2": (25_000, 5.28), "fc1": (400_000, 2.45), "fc2": (5_000, 6.13)}
"""Deep Compression, Table 3: weights, and percent of their 32 bits after Huffman coding."""
SUM = sum(4 * weights * share / 100 for weights, share in PRINTED.values()) / 1000

FACTS = [
    # What is trained, run and meant.
    r"`eiesim train --network lenet-5` trains", "A convolution is one matrix", r"So \[every method\]",
    r"`python -m studies\.lenet5` makes", "Every run is in", "Accuracies are measured", "One digit is 0.2", "Bytes are counted",
    "Cycles are simulated", "What papers say", "A sentence that states a finding", r"\*Published densities\*", "`mesa` keeps whole",
    # What the papers print, and what differs.
    "Published are an error of", "What differs besides", "Ours are the digits of", "LeNet-300-100 beside", "MESA's 135x are of the two",
    "So do ours", "The weight of the penalty", "What compresses the network", "A PE holds whole rows", "At the published densities; cycles",
    # How.
    "6 epochs from scratch", "12,000 training digits", "Each seed's four networks", "The folder's `model.onnx`", "Made with eiesim",
]  # fmt: skip


class Rows:
    """The rows without pandas: means over the seeds of sums over layers."""

    def __init__(self, rows):
        self.rows = rows

    def __call__(self, label, column, layers=LAYERS, a_digit=False):
        seeds = {row["seed"] for row in self.rows}
        found = [row for row in self.rows if row["label"] == label and row["layer"] in layers]
        return sum(float(row[column]) * (float(row["vectors"]) if a_digit else 1) for row in found) / len(seeds)

    def percent(self, label, stage="shared"):
        return 100 * self(label, f"accuracy_{stage}", ("fc1",))

    def rate(self, label, column="coded_bytes", layers=LAYERS):
        return self(label, "dense_bytes", layers) / self(label, column, layers)

    def cycles(self, label, pes, layers=LAYERS):
        return self(label, f"cycles_{pes}", layers, a_digit=True)


def claims(v):
    """Every sentence that states a finding."""
    two = LAYERS[2:]

    def shown(value, of, step=1.0):
        return is_shown(value, of, step)

    def kb(value, label, column="coded_bytes", layers=LAYERS):
        return shown(value, v(label, column, layers) / 1000, 0.1)

    def percent(value, label, stage="shared"):
        return shown(value, v.percent(label, stage), 0.1)

    finer = "bytes_published_bits"
    return [
        Claim(
            rf"The dense network recognises {NUMBER}% and is {NUMBER} KB in float32\.",
            lambda p, k: percent(p, AS_PUBLISHED, "dense") and k == 1724,
        ),
        Claim(
            rf"At the published densities ours is {NUMBER}x smaller, published are 39x\.",
            lambda x: shown(x, v.rate(AS_PUBLISHED)) and abs(x / 39 - 1) < 0.12,
        ),
        Claim(
            rf"{NUMBER} KB beside 44 KB, with codes and relative indices of the machine's 4 bits\.",
            lambda k: kb(k, AS_PUBLISHED),
        ),
        Claim(
            rf"With the published 8 bits for convolutions and 5 for matrices it is {NUMBER} KB, {NUMBER}x, at {NUMBER}% without fine-tuning; {NUMBER} of the {NUMBER} KB more are in fc1\.",
            lambda k, x, p, one, every: kb(k, AS_PUBLISHED, finer) and shown(x, v.rate(AS_PUBLISHED, finer))
            and percent(p, AS_PUBLISHED, "published_bits") and x < v.rate(AS_PUBLISHED) + 0.5 and 0 < one <= every
            and shown(one, (v(AS_PUBLISHED, finer, ("fc1",)) - v(AS_PUBLISHED, "coded_bytes", ("fc1",))) / 1000, 0.1)
            and shown(every, (v(AS_PUBLISHED, finer) - v(AS_PUBLISHED, "coded_bytes")) / 1000, 0.1),
        ),
        Claim(
            r"The published table does not add up to its own total\.",
            lambda: SUM > 45 and sum(weights for weights, _ in PRINTED.values()) * 4 / 1000 / SUM < 38,
        ),
        Claim(
            rf"Its layers' shares after Huffman coding are {NUMBER} KB together, {NUMBER}x; its last line says 2\.55 %, 44 KB\.",
            lambda k, x: shown(k, SUM, 0.1) and shown(x, 1722 / SUM),
        ),
        Claim(
            rf"Our {NUMBER} KB with its bits are to be read beside both\.",
            lambda k: kb(k, AS_PUBLISHED, finer) and k > 44,
        ),
        Claim(
            rf"Nothing that these digits can show is lost: {NUMBER}% dense, {NUMBER}% shared\.",
            lambda p, q: p - q < 0.61 and percent(p, AS_PUBLISHED, "dense") and percent(q, AS_PUBLISHED),
        ),
        Claim(
            r"Our dense network recognises less, for it learns from a fifteenth of the digits\.",
            lambda: v.percent(AS_PUBLISHED, "dense") < 99.2 and 60_000 / 15 == 4_000,
        ),
        Claim(r"Fewer weights than published\.", lambda: v.rate(FEW) > v.rate(AS_PUBLISHED)),
        Claim(
            rf"A quarter of them, trained under L2, make it {NUMBER}x smaller \({NUMBER} KB\), for {NUMBER}%\.",
            lambda x, k, p: shown(x, v.rate(FEW)) and kb(k, FEW) and percent(p, FEW),
        ),
        Claim(
            rf"That is {NUMBER} points less than dense: more than the digits' grain\.",
            lambda d: d > 1 and shown(d, v.percent(AS_PUBLISHED, "dense") - v.percent(FEW), 0.1),
        ),
        Claim(
            rf"That is {NUMBER} points less than dense, within what 500 digits can tell\.",
            lambda d: 0 <= d <= 1 and shown(d, v.percent(AS_PUBLISHED, "dense") - v.percent(FEW), 0.1),
        ),
        Claim(
            rf"The first matrix is what there is to compress: {NUMBER}% of our bytes, {NUMBER}% of the published layers'\.",
            lambda p, q: p > 50 and shown(p, 100 * v(AS_PUBLISHED, "coded_bytes", ("fc1",)) / v(AS_PUBLISHED, "coded_bytes"))
            and shown(q, 100 * 39.2 / SUM),
        ),
        Claim(
            rf"Ours are {NUMBER}x, {NUMBER}% accurate, {NUMBER}% dense; published are 99\.34 % and 99\.04 %\.",
            lambda x, p, q: shown(x, v.rate(MESA, layers=two)) and percent(p, MESA) and percent(q, MESA, "dense"),
        ),
        Claim(
            rf"A kept weight takes {NUMBER} bits of ours and 2\.3 of theirs\.",
            lambda b: shown(b, 8 * v(MESA, "coded_bytes", two) / v(MESA, "kept", two), 0.1),
        ),
        Claim(
            rf"The same blocks with relative indices in place of MESA's coding are {NUMBER}x\.",
            lambda x: shown(x, v.rate(MESA, "huffman_bytes", two)) and x < v.rate(MESA, layers=two),
        ),
        Claim(r"Behind convolutions blocks do less harm\.", lambda: v.percent(MESA) > 72.3),
        Claim(
            rf"In LeNet-300-100 each block of a tenth sees a few lines of pixels, and \[{NUMBER}%\]\(methods\.md\) are recognised; here each sees whole maps, and {NUMBER}% are\.",
            lambda p, q: p < q and percent(q, MESA),
        ),
        Claim(
            rf"Of the whole network little of it is left: with convolutions kept whole it is {NUMBER}x smaller, pruned layer by layer {NUMBER}x\.",
            lambda x, y: y < x < v.rate(MESA, layers=two) and shown(x, v.rate(MESA)) and shown(y, v.rate(AS_PUBLISHED)),
        ),
        Claim(
            rf"Convolutions are 6% of the weights and {NUMBER}% of the cycles on 64 PEs: their matrices are small, and meet 640 vectors a digit\.",
            lambda p: p > 90 and shown(p, 100 * v.cycles(AS_PUBLISHED, 64, LAYERS[:2]) / v.cycles(AS_PUBLISHED, 64)),
        ),
        Claim(
            rf"Four times the PEs make it {NUMBER} times as fast and cost {NUMBER} times the energy: {NUMBER} cycles on 16, {NUMBER} on 64\.",
            lambda f, d, a, b: 1 <= f <= 2 and d >= 1.5 and shown(a, v.cycles(AS_PUBLISHED, 16)) and shown(b, v.cycles(AS_PUBLISHED, 64))
            and shown(f, a / b, 0.11)
            and shown(d, v(AS_PUBLISHED, "energy_nj_64", a_digit=True) / v(AS_PUBLISHED, "energy_nj_16", a_digit=True), 0.21),
        ),
        Claim(
            r"A broadcast takes a cycle\.",
            lambda: v(AS_PUBLISHED, "cycles_64", ("conv2",)) < 1.2 * 500 * v(AS_PUBLISHED, "active", ("conv2",)),
        ),
        Claim(
            rf"The second convolution has {NUMBER}% of its 500 inputs active, {NUMBER}, and takes {NUMBER} cycles a vector on 64 PEs, whatever is pruned\.",
            lambda p, a, c: shown(p, 100 * v(AS_PUBLISHED, "active", ("conv2",))) and shown(a, 500 * v(AS_PUBLISHED, "active", ("conv2",)))
            and shown(c, v(AS_PUBLISHED, "cycles_64", ("conv2",))),
        ),
        Claim(
            rf"From 8 % to 2 % of the weights a digit goes from {NUMBER} to {NUMBER} cycles, while the bytes go from {NUMBER} to {NUMBER} KB\.",
            lambda a, b, k, m: shown(a, v.cycles(ITERATIVE, 64)) and shown(b, v.cycles(FEW, 64)) and kb(k, ITERATIVE) and kb(m, FEW)
            and abs(a - b) <= 0.25 * max(a, b),
        ),
        Claim(
            r"Maximum pooling passes on the largest of four values behind a ReLU, which is seldom 0\.",
            lambda: v(AS_PUBLISHED, "active", ("conv2",)) > 0.6,
        ),
        Claim(
            rf"16 bits are enough: the machine's arithmetic recognises {NUMBER}%, float32 {NUMBER}%\.",
            lambda p, q: abs(p - q) <= 0.5 and percent(p, AS_PUBLISHED, "machine") and percent(q, AS_PUBLISHED),
        ),
    ]  # fmt: skip


def committed():
    with RESULTS.open(newline="") as file:
        return list(csv.DictReader(file))


def made_up(rows, rng, noise):
    """The rows with each figure multiplied at random, and, every other time, dealt to the ways at random."""
    names = dict(zip(RECIPES, rng.permutation(list(RECIPES)), strict=True)) if rng.random() < 0.5 else {}
    whole = ("label", "seed", "layer", "rows", "cols", "vectors", "dense_bytes")
    shares: dict[tuple, float] = {}
    found = []
    for row in rows:
        label = names.get(row["label"], row["label"])
        figures = {name: row[name] for name in whole} | {"label": label}
        for name in COLUMNS:
            if name.startswith("accuracy"):
                key = (label, row["seed"], name)
                figures[name] = shares.setdefault(
                    key, min(1.0, float(row[name]) * np.exp(noise * rng.standard_normal()))
                )
            elif name not in whole:
                figures[name] = float(row[name]) * np.exp(noise * rng.standard_normal())
        figures["active"] = min(1.0, figures["active"])
        found.append(figures)
    return found


def page_of(rows):
    table = pd.DataFrame(rows)
    for name in COLUMNS:
        if name not in ("label", "layer"):
            table[name] = pd.to_numeric(table[name])
    return text(Numbers(table))


def test_what_the_words_say_holds():
    rows = committed()
    known = claims(Rows(rows))
    said = check(page_of(rows), known, FACTS)
    either = [claim.pattern for claim in known if "That is" in claim.pattern]
    assert {claim.pattern for claim in known} - said <= set(either)
    assert len(said & set(either)) == 1


@pytest.mark.parametrize("noise", [0.02, 0.1, 0.4, 1.0])
def test_what_other_rows_would_say_holds(noise):
    rng = np.random.default_rng(int(1000 * noise))
    for _ in range(6):
        rows = made_up(committed(), rng, noise)
        check(page_of(rows), claims(Rows(rows)), FACTS)


def test_the_page_is_what_its_rows_say():
    """But for the versions that made it."""

    def without_versions(page):
        return page.partition("Made with")[0]

    assert without_versions((DOCS / "lenet-5.md").read_text()) == without_versions(page_of(committed()))


def test_the_tables_rows_are_every_way_seed_and_layer():
    rows = committed()
    keys = [(row["label"], row["seed"], row["layer"]) for row in rows]
    assert len(keys) == len(set(keys)) == len(RECIPES) * 3 * len(LAYERS)
    for row in rows:
        kept, weights = int(row["kept"]), int(row["rows"]) * int(row["cols"])
        assert 0 < kept <= weights
        assert float(row["huffman_bytes"]) < int(row["dense_bytes"]) == 4 * (weights + int(row["rows"]))
    for seed in {row["seed"] for row in rows}:
        of = {row["label"]: 0 for row in rows}
        for row in rows:
            of[row["label"]] += int(row["kept"]) if row["seed"] == seed else 0
        # Sharing may round a kept weight to nothing, never the other way.
        assert 0.99 * 34_440 < of[ITERATIVE] <= 34_440
        assert 0.99 * 8_610 < of[FEW] <= 8_610
        assert of[AS_PUBLISHED] <= 330 + 3_000 + 32_000 + 950
