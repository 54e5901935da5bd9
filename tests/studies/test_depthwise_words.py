"""docs/networks.md, depthwise convolutions: its table is the rows', and every sentence is borne out by them."""

import re
from pathlib import Path

import pytest

from studies import depthwise
from tests.studies.claims import Claim, check, is_shown

DOCS = Path(__file__).parents[2] / "docs"
NUMBER = r"([\d,.]+)"


@pytest.fixture(scope="module")
def table():
    return depthwise.read_rows(DOCS / depthwise.ROWS)


def section(text):
    return text.partition(depthwise.BEGIN)[2].partition(depthwise.END)[0]


def test_the_page_has_the_section_that_the_study_writes(table):
    page = (DOCS / "networks.md").read_text(encoding="utf-8")
    assert depthwise.renewed(page, table) == page, "`python -m studies.depthwise --page-only` writes it anew"


def cycles(rows):
    return sum(one.cycles * one.positions for one in rows)


def claims(table):
    """By loops over the rows, not by the study's own sums."""
    every = list(table.itertuples())

    def rows(kind, pes=64, density=0.3):
        return [one for one in every if (one.kind, one.pes, one.density) == (kind, pes, density)]

    deep, point = rows("depthwise"), rows("pointwise")
    shares = [cycles(deep) / cycles(deep + point)]
    shares.append(sum(one.weights * one.positions for one in deep)
                  / sum(one.weights * one.positions for one in deep + point))  # fmt: skip

    def span(least, most, group):
        found = [100 * one.load_balance for one in group]
        return is_shown(least, min(found), 0.1) and is_shown(most, max(found), 0.1)

    def fewer(kind):
        return cycles(rows(kind, 1)) / cycles(rows(kind, 256))

    def padding(share, down):
        alone, many = rows("depthwise", 1), rows("depthwise", 256)
        less = sum((a.padding_entries - b.padding_entries) * a.positions for a, b in zip(alone, many, strict=True))
        return (
            is_shown(share, 100 * less / (cycles(alone) - cycles(many)), 0.1)
            and down == max(one.rows for one in alone) - 1
        )

    return [
        Claim(
            rf"Depthwise layers are {NUMBER}% of the multiply-accumulates of these blocks and {NUMBER}% of their cycles "
            r"on 64 PEs\.",
            lambda work, time: is_shown(work, 100 * shares[1], 0.1) and is_shown(time, 100 * shares[0], 0.1),
        ),
        Claim(
            rf"Their load balance is {NUMBER}%, that of the pointwise ones {NUMBER}% to {NUMBER}%\.",
            lambda own, least, most: span(own, own, deep) and span(least, most, point),
        ),
        Claim(
            rf"With all weights kept, as depthwise layers often are, it is {NUMBER}% to {NUMBER}%: one PE of 64 is 1.6%\.",
            lambda least, most: span(least, most, rows("depthwise", density=1.0)) and round(100 / 64, 1) == 1.6,
        ),
        Claim(
            r"`eiesim balance` says: \*(.+)\*",
            lambda quoted: quoted == deep[0].sentence and f"load balance is {deep[0].load_balance:.1%}" in quoted
            and f"at most {deep[0].most_pes} of 64 PEs has work on a broadcast ({deep[0].mean_pes:.2f}" in quoted,
            lists=True,
        ),
        Claim(
            rf"From 1 PE to 256 an image takes {NUMBER} times fewer cycles in the pointwise layers and {NUMBER} times fewer "
            r"in the depthwise ones\.",
            lambda p, d: is_shown(p, fewer("pointwise"), 0.1) and is_shown(d, fewer("depthwise"), 0.1),
        ),
        Claim(
            rf"{NUMBER}% of what these gain is padding: on one PE a column's only weight lies up to {NUMBER} rows down, "
            r"further than four bits say\.",
            padding,
        ),
        Claim(
            r"The rest is the bias, the one column that all PEs share, and scan bubbles, of which wider activation rows "
            r"have fewer\.",
            lambda: all(
                a.scan_bubbles > b.scan_bubbles
                for a, b in zip(rows("depthwise", 1), rows("depthwise", 256), strict=True)
            ),
        ),
        Claim(
            r"No output of any layer on any of these machines, in float32, is further from onnxruntime's own than "
            r"([\d.e-]+) of the layer's largest\.",
            lambda most: float(most) <= 1e-4 and f"{max(one.error for one in every):.1e}" == most,
            lists=True,
        ),
    ]  # fmt: skip


def test_every_sentence_of_the_section(table):
    known = claims(table)
    assert check(section((DOCS / "networks.md").read_text(encoding="utf-8")), known, []) == {
        one.pattern for one in known
    }


def test_nothing_is_said_that_rows_do_not_bear_out(table):
    """Depthwise layers as quick as the others, no padding, and an error: no sentence is left."""
    other = table.assign(
        cycles=100.0, error=1.0, sentence="", padding_entries=0.0, scan_bubbles=0.0, load_balance=0.5, most_pes=9,
        positions=1, weights=1,
    )  # fmt: skip
    other.loc[other.kind == "depthwise", "weights"] = 1000
    said = depthwise.words(other)
    assert not re.search("Depthwise layers are|With all weights|balance` says|From 1 PE|padding:|No output", said)


def test_shapes_are_the_papers():
    """MobileNetV2, Table 2: bottlenecks of 16, 24, 24, 32 maps, expanded 6 times but for the first; 112 to 28 a side."""
    found = depthwise.shapes()
    assert [shape[0] for name, (_, _, shape, _) in found.items() if name.endswith("project")] == [16, 24, 24, 32]
    assert [shape for _, (_, kind, shape, _) in found.items() if kind == "depthwise"] == [
        (32, 1, 3, 3), (96, 1, 3, 3), (144, 1, 3, 3), (144, 1, 3, 3)
    ]  # fmt: skip
    assert [stride for _, (_, kind, _, stride) in found.items() if kind == "depthwise"] == [1, 2, 1, 2]


@pytest.mark.slow
def test_rows_are_those_of_a_run(table):
    pytest.importorskip("onnxruntime", reason="needs extra [onnx]")
    for row in depthwise.rows_of(depthwise.PRUNED, (4, depthwise.SHOWN)):
        here = table[(table.layer == row["layer"]) & (table.density == row["density"]) & (table.pes == row["pes"])]
        (kept,) = here.to_dict("records")
        assert row["error"] <= 1e-4
        assert {key: value for key, value in kept.items() if key != "error"} == pytest.approx(
            {key: value for key, value in row.items() if key != "error"}
        )
