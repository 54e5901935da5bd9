"""What docs/networks.md says of public models holds: of its own table, and of rows that no model gave."""

import re
from pathlib import Path

import numpy as np

from studies import public_models
from tests.studies.claims import Claim, check, is_shown

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"
WITHOUT = []
NUMBER = r"([\d.]+)"
FACTS = [
    "The multiply-accumulates are a share",
    "Silero-vad's others are for",
]


def committed():
    """The table's rows, as far as it shows them."""
    text = PAGE.read_text(encoding="utf-8").partition("### Public models")[2].partition("\n## ")[0]
    rows = []
    for line in [line for line in text.splitlines() if line.startswith("|")][2:]:
        title, layers, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        share = [None if cell == "-" else float(cell.rstrip("%")) / 100 for cell in (*cells[:2], *cells[5:])]
        held, error, seconds = cells[4].split(", ")
        taken, reached = map(int, layers.split(", "))
        rows.append(
            {
                "model": title, "layers": taken, "reached": reached, "macs_share": share[0], "parameters_share": share[1],
                "cycles": int(cells[2].replace(",", "")), "time_us": 1e3 * float(cells[3]), "held": int(held),
                "held_error_most": float(error), "held_seconds": float(seconds),
                "shared_error_median": share[2], "shared_error_most": share[3],
            }
        )  # fmt: skip
    return text, rows


def claims(rows, without):
    medians = [100 * row["shared_error_median"] for row in rows]
    worst = max(rows, key=lambda row: row["shared_error_most"])
    part = [f"{row['model']} ({row['reached']} of {row['layers']})" for row in rows if row["reached"] != row["layers"]]
    return [
        Claim(
            r"As read, no layer that was run is further than (\d\.\de-\d\d) from onnxruntime's own value, so that what 8-bit codes lose is the codebook's: .*",
            lambda shown: float(shown) <= 1.01e-5
            and shown == f"{max(row['held_error_most'] for row in rows):.1e}",
            lists=True,
        ),
        Claim(
            rf"Holding takes {NUMBER} s at most \((.*)\)\.",
            lambda shown, name: is_shown(float(shown), max(row["held_seconds"] for row in rows), 0.1)
            and name == max(rows, key=lambda row: row["held_seconds"])["model"],
            lists=True,
        ),
        Claim(
            rf"Of a model's layers the median is {NUMBER}% to {NUMBER}% off, the worst layer of all {NUMBER}% \((.*)\)\.",
            lambda a, b, c, name: name == worst["model"]
            and all(is_shown(float(x), value, 0.1) for x, value in ((a, min(medians)), (b, max(medians)), (c, 100 * worst["shared_error_most"]))),
            lists=True,
        ),
        Claim(r"The inputs do not reach all layers of (.*)\.", lambda names: names.split(" and ") == part, lists=True),
        Claim(r"Without a layer: (.*)\.", lambda names: names.split(" and ") == without, lists=True),
    ]  # fmt: skip


def test_what_the_words_say_holds():
    text, rows = committed()
    known = claims(rows, WITHOUT)
    said = public_models.words(rows, WITHOUT)
    assert check(said, known, FACTS) == {claim.pattern for claim in known}
    assert said in text
    assert all(line in text for line in (*public_models.HEAD, *map(public_models.line_of, rows)))


def test_what_the_words_say_of_rows_that_no_model_gave_holds():
    _, rows = committed()
    said, left_out = set(), set()
    for seed in range(100):
        rng = np.random.default_rng(seed)
        drawn = []
        for row in rows:
            one = dict(row)
            for key in ("held_error_most", "shared_error_median", "shared_error_most"):
                one[key] = row[key] * np.exp(2 * rng.standard_normal())
            one["reached"] = row["layers"] - int(rng.random() < 0.05)
            drawn.append(one)
        without = WITHOUT if rng.random() < 0.5 else []
        known = claims(drawn, without)
        there = check(public_models.words(drawn, without), known, FACTS)
        said |= there
        left_out |= {claim.pattern for claim in known} - there
    assert len(said) == 4
    assert len(left_out) == 3
    assert not re.search("nan|None", public_models.words([], []))
