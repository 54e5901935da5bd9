"""What docs/llm.md says holds: of its own table, and of tables that no run gave."""

from pathlib import Path

import numpy as np
import pytest

from studies import llm_block
from tests.layers import layer_of
from tests.studies.claims import Claim, check

PAGE = Path(__file__).parents[2] / "docs" / "llm.md"
NUMBER = r"([\d,.]+)"
FACTS = ["A batch would share the loads"]
SLOW, ACTIVE = ("2:4", 0.9, "streamed", "25.6"), ("2:4", 0.9, "streamed-active", "25.6")
FAST, DENSE = ("2:4", 0.9, "streamed-active", "900"), ("2:4", 0.5, "streamed", "25.6")
TINY = ("10 %", 0.9, "streamed-active", "25.6")
HEAD = 2


def tables():
    """Both tables of the page, as lines."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cut = next(k for k, line in enumerate(lines) if line.startswith("## One token"))
    return ([line for line in part if line.startswith("|")] for part in (lines[:cut], lines[cut:]))


def read(lines):
    """A table's figures by (weights, zeros, machine, GB/s)."""
    found = {}
    for line in lines[HEAD:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        key = (cells[0], float(cells[1].rstrip("%")) / 100, cells[2].rpartition(", ")[2], cells[3])
        figures = [float(cell.replace(",", "").rstrip("%")) for cell in cells[4:10]]
        found[key] = dict(zip(("loaded", "load", "compute", "time", "energy", "dram"), figures, strict=True))
        found[key]["bound"] = cells[10]
    return found


def claims(rows):
    streamed = {key: row for key, row in rows.items() if key[3] != "-"}
    narrow = {key: row for key, row in streamed.items() if key[3] == "25.6"}
    slow, active, fast, dense, tiny = (rows[key] for key in (SLOW, ACTIVE, FAST, DENSE, TINY))

    def soonest_first():
        pairs = [(a, b) for a in narrow.values() for b in narrow.values() if a["loaded"] < b["loaded"]]
        return all(a["time"] < b["time"] for a, b in pairs)

    return [
        Claim(
            rf"What bounds it: of the {NUMBER} streamed rows {NUMBER} are bound by DRAM\.",
            lambda all_, bound: (
                all_ == len(streamed) and bound == [r["bound"] for r in streamed.values()].count("DRAM")
            ),
        ),
        Claim(
            rf"With 2:4 weights and 90 % zero activations a token takes {NUMBER} µs at 25\.6 GB/s where every column is loaded, {NUMBER} µs where only active ones are, "
            rf"and {NUMBER} µs where these come at 900 GB/s; its energy at 25\.6 GB/s is {NUMBER} mJ \({NUMBER}% of it DRAM\) with every column, {NUMBER} mJ with active ones\.",
            lambda *shown: (
                shown == (slow["time"], active["time"], fast["time"], slow["energy"], slow["dram"], active["energy"])
            ),
        ),
        Claim(
            rf"Skipping zero activations saves computing alone as long as all columns are loaded: from 50 % to 90 % zeros computing falls from {NUMBER} to {NUMBER} µs, "
            rf"the loads stay {NUMBER} µs, and a token takes {NUMBER} and {NUMBER} µs\.",
            lambda a, b, load, c, d: (
                a > b
                and (a, b, c, d) == (dense["compute"], slow["compute"], dense["time"], slow["time"])
                and load == slow["load"] == dense["load"]
                and slow["loaded"] == dense["loaded"]
            ),
        ),
        Claim(r"At 25\.6 GB/s, the less is read from DRAM the sooner a token is through\.", soonest_first),
        Claim(
            rf"Pruning to a tenth, with active columns alone, gains most: {NUMBER} µs and {NUMBER} mJ with 90 % zeros\.",
            lambda time, energy: (
                (time, energy) == (tiny["time"], tiny["energy"])
                and all(
                    tiny[what] < row[what] for key, row in narrow.items() if key != TINY for what in ("time", "energy")
                )
            ),
        ),
    ]


def words(lines):
    return llm_block.words(lines)


def test_what_the_words_say_holds():
    alone, lines = tables()
    known = claims(read(lines))
    assert check(words(lines), known, FACTS) == {claim.pattern for claim in known}
    assert llm_block.whole(1, alone, lines) == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("noise", [0.001, 0.05, 2.0])
def test_what_the_words_say_of_tables_that_no_run_gave_holds(noise):
    _, lines = tables()
    said, left_out = set(), set()
    for seed in range(150):
        rng = np.random.default_rng(seed)
        drawn = lines[:HEAD]
        keep = rng.random() < 0.5  # what is loaded, so that some findings do hold
        for line in lines[HEAD:]:
            cells = [cell.strip() for cell in line.strip("| ").split("|")]
            for k in (6, 7, 8) if keep else range(4, 9):
                value = float(cells[k].replace(",", "")) * np.exp(noise * rng.standard_normal())
                cells[k] = f"{value:,.{2 if k == 8 else 1 if k == 4 else 0}f}"
            cells[10] = rng.choice(["DRAM", "compute"])
            drawn.append(f"| {' | '.join(cells)} |")
        known = claims(read(drawn))
        there = check(words(drawn), known, FACTS)
        said |= there
        left_out |= {claim.pattern for claim in known} - there
    assert len(said) >= 4
    if noise == 2.0:
        assert len(left_out) == 3  # all but plain figures


def test_a_small_block_makes_a_page():
    """A hundredth of the width, through every run; see `python -m studies.llm_block --small`."""
    alone, lines = llm_block.study(64)
    page = llm_block.whole(64, alone, lines)
    assert len(lines) == HEAD + 28
    assert "width 64" in page


def filled(entries):
    """64 x 1,024, its first weights kept, column by column."""
    codes = np.zeros((64, 1024), np.uint8)
    codes.T.flat[:entries] = 1
    return layer_of(codes, [0, 1])


@pytest.mark.parametrize(("entries", "fewest"), [(65_534, 1), (65_535, 1), (65_536, 2)])
def test_the_fewest_pes_are_set_by_the_reach_of_their_pointers(entries, fewest):
    assert llm_block.fewest_pes(filled(entries)) == fewest
    assert llm_block.fewest_pes(filled(1), filled(entries)) == fewest


def shown_fewest():
    """The page's last column by (weights, matrix)."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in next(iter(tables()))[HEAD:]]
    return {(row[0], row[1].partition("(")[2].rstrip(")")): int(row[4]) for row in rows}


@pytest.mark.parametrize("weights", ["10 %", pytest.param("2:4", marks=pytest.mark.slow)])
def test_the_fewest_pes_on_the_page_hold_and_one_less_do_not(weights):
    for matrix in llm_block.block(1):
        layer = llm_block.layer_of(matrix, weights, 0)
        pes = shown_fewest()[weights, matrix.name]
        most = [int(np.bincount(layer.indices % n).max()) for n in (pes, pes - 1)]  # without padding
        assert most[0] <= 65_535
        assert llm_block.fewest_pes(layer) == pes
        if weights == "2:4":  # next to no padding
            assert most[1] > 65_500
