"""docs/step-through.md: what it prints follows from the weights alone, and its answers are the oracle's."""

import importlib
import re

import numpy as np
import pytest

import eiesim
from tests.oracle import encode
from tests.oracle.timing import scan, timing

from .pages import ROOT, blocks

PAGE = "docs/step-through.md"

pytestmark = pytest.mark.skipif(not (ROOT / PAGE).is_file(), reason="not a checkout")


@pytest.fixture(scope="module")
def page():
    """The names that the page's code makes."""
    names = {}
    for block in blocks(PAGE):
        if block.language == "python":
            exec(compile(block.text, str(block), "exec"), names)
    return names


@pytest.fixture(scope="module")
def text():
    return " ".join((ROOT / PAGE).read_text(encoding="utf-8").split())


def answer(page, pes=4, queue_depth=1, index_bits=4, width=64, mapping="interleaved"):
    """What the oracle counts."""
    memories = encode.encode(page["W"].tolist(), None, pes, index_bits, mapping)
    return timing(memories, page["a"].tolist(), queue_depth, width // (index_bits + 4))


def test_the_layer_is_how_it_works_s(page):
    layer, activations = importlib.import_module("docs.drawings").example()
    assert page["layer"].to_dense().tolist() == layer.to_dense().tolist() == page["W"].tolist()
    assert page["a"].tolist() == activations.tolist()
    assert page["layer"].codebook.tolist() == list(range(16)), "a code is not the number itself"
    printed = next(block.text for block in blocks(PAGE) if "W = np.array" in block.text)
    for row, of in re.findall(r"# row (\d+): +PE (\d)", printed):
        assert int(of) == int(row) % 4


def walks(page, queue_depth):
    """The machine's recurrences (docs/machine.md, "Timing, exactly") for the page's layer on four PEs.

    (columns, bubbles, broadcast cycles, first cycle in PointerRead by PE and broadcast).
    """
    columns, bubbles = scan(page["a"].tolist(), 4, 2)
    broadcast, first, free = [], [[] for _ in range(4)], [1] * 4
    for k, column in enumerate(columns):
        earliest = (broadcast[-1] if broadcast else 0) + 1 + bubbles[k]
        if k >= queue_depth:
            earliest = max(earliest, *(begun[k - queue_depth] for begun in first))
        broadcast.append(earliest)
        for p in range(4):
            first[p].append(max(earliest + 2, free[p]))
            free[p] = first[p][-1] + max(1, np.count_nonzero(page["W"][p::4, column]))
    return columns, bubbles, broadcast, first


@pytest.mark.parametrize("queue_depth", [1, 2, 8])
@pytest.mark.parametrize("pe", range(4))
def test_the_lines_follow_from_the_weights(page, pe, queue_depth):
    """Every cell of every line, from the recurrences and the PE's rows: an entry moves on by one stage a cycle."""
    columns, bubbles, broadcast, first = walks(page, queue_depth)
    own, stored, number = page["W"][pe::4], [], 0
    for column in range(8):
        stored.append([(number + k, row, own[row, column]) for k, row in enumerate(np.flatnonzero(own[:, column]))])
        number += len(stored[-1])
    sent_for = {
        begin + k: (column, entry) for column, begin in zip(columns, first[pe], strict=True)
        for k, entry in enumerate(stored[column])
    }  # fmt: skip
    sums, expected, held = [0] * 4, [], None
    for t in range(1, max(sent_for) + 7):
        k = sum(sent < t for sent in broadcast)
        waiting = [[c for c, b, f in zip(columns, broadcast, first[p], strict=True) if b < t < f] for p in range(4)]
        full = [p for p in range(4) if len(waiting[p]) == queue_depth]
        if t > broadcast[-1] + bubbles[-1]:
            lnzd = "ended"
        elif t in broadcast:
            lnzd = f"a{columns[k]} sent"
        else:
            lnzd = f"a{columns[k]} waits" if t >= (broadcast[k - 1] if k else 0) + 1 + bubbles[k] else "bubble"
        pointer = spmat = one = two = three = ""
        if t in sent_for:
            column, (entry, _, _) = sent_for[t]
            begins = f"a{column} " if entry == stored[column][0][0] else ""
            pointer = f"{begins}{entry}-{stored[column][-1][0]}"
        for column, begin in zip(columns, first[pe], strict=True):
            if t == begin and not stored[column]:
                pointer = f"a{column} none"
        if t - 1 in sent_for:
            column, (entry, row, value) = sent_for[t - 1]
            above = [other for e, other, _ in stored[column] if e < entry]
            read = "" if entry // 8 == held else " *"
            spmat, held = f"{entry}: {value} z{row - max(above, default=-1) - 1}{read}", entry // 8
        if t - 2 in sent_for:
            one = "r{1} {2}".format(*sent_for[t - 2][1])
        if t - 3 in sent_for:
            two = "r{1} {2}x1".format(*sent_for[t - 3][1])
        if t - 5 in sent_for:
            _, row, value = sent_for[t - 5][1]
            sums[row] += value
        if t - 4 in sent_for:
            _, row, value = sent_for[t - 4][1]
            three = f"r{row} {sums[row]}+{value}"
        four = ("w" if t - 5 in sent_for else " ") + (" d" if t - 6 in sent_for else "")
        expected.append([
            f"{t}", lnzd, "".join(map(str, full)), " ".join(f"a{column}" for column in waiting[pe]), pointer, spmat,
            one, two, three, four, " ".join(map(str, sums)),
        ])  # fmt: skip
    machine = eiesim.Machine(page["layer"], page["a"], page["config"].replace(queue_depth=queue_depth))
    for line in expected:
        machine.step()
        assert page["look"](machine, pe) == line
    while not machine.done:
        machine.step()
        assert page["look"](machine, pe)[3:-1] == [*[""] * 6, " "]
    assert sums == (own @ page["a"]).tolist()
    assert machine.cycle == answer(page, queue_depth=queue_depth)["cycles"]


def test_the_table_explains_every_column_that_is_printed(page):
    lines = (ROOT / PAGE).read_text(encoding="utf-8").partition("| --- |")[2].partition("\n\n")[0].splitlines()[1:]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
    assert tuple(row[0] for row in rows) == page["HEADINGS"]
    machine = eiesim.Machine(page["layer"], page["a"], page["config"])
    for _, unit, registers, wires, _ in rows:
        pe = None if unit == "lnzd" else 0
        for cell, look in ((registers, machine.inspect), (wires, machine.wires)):
            for name in re.findall(r"\w+", cell.partition("` of ")[0]):
                assert name in look(pe, unit)


def test_each_exercise_has_an_answer_that_is_run():
    source = (ROOT / PAGE).read_text(encoding="utf-8")
    asked = re.findall(r"^(\d)\. \*\*(.+?)\.\*\*", source, re.MULTILINE)
    answers = source.partition("## Answers")[2]
    assert asked == re.findall(r"^### (\d)\. (.+)$", answers, re.MULTILINE)
    assert [number for number, _ in asked] == list("123456")
    for part in re.split(r"^### ", answers, flags=re.MULTILINE)[1:]:
        assert "```pycon\n" in part


def test_queues_of_two_places_are_enough_and_of_three_never_full(page, text):
    told = {places: answer(page, queue_depth=places) for places in (1, 2, 3, 8)}
    assert {places: one["cycles"] for places, one in told.items()} == {1: 18, 2: 16, 3: 16, 8: 16}
    assert [one["broadcast_stalls"] for one in told.values()] == [4, 1, 0, 0]
    assert max(told[8]["per_pe"]["max_occupancy"]) == 2
    assert told[1]["per_pe"]["entries"] == [8, 5, 8, 4]
    assert 3 + max(told[1]["per_pe"]["entries"]) - 1 + 6 == 16
    assert "Two places are enough for 16 cycles, three for no broadcast to wait" in text


def test_the_empty_column_costs_pe_3_a_cycle_and_the_input_none(page, text):
    columns, bubbles, _, first = walks(page, 1)
    assert first[3][columns.index(4)] == 5
    assert answer(page)["per_pe"]["empty_columns"] == [0, 0, 0, 1]
    assert "In cycle 5, and one cycle" in text
    # The recurrences with no cycle for PE 3's empty column: whoever walks a5 and a7 does so no sooner.
    broadcast, begun, free, last = [], [[] for _ in range(4)], [1] * 4, 0
    for k, column in enumerate(columns):
        waits = [begun[p][k - 1] for p in range(4)] if k else []
        broadcast.append(max([(broadcast[-1] if k else 0) + 1 + bubbles[k], *waits]))
        for p in range(4):
            entries = np.count_nonzero(page["W"][p::4, column])
            begun[p].append(max(broadcast[k] + 2, free[p]))
            free[p] = begun[p][k] + entries
            last = max(last, free[p] - 1) if entries else last
    assert last + 6 == 18


def test_blocks_give_one_cycle_less_than_the_bound_of_interleaved_rows(page, text):
    for places, cycles in ((1, 16), (8, 15)):
        told = answer(page, queue_depth=places, mapping="blocked")
        assert told["cycles"] == cycles
        assert told["per_pe"]["entries"] == [7, 6, 5, 7]
    assert "16 with one place and 15 with eight" in text
    assert "dealt as 7, 6, 5 and 7" in text


def test_padding_is_counted_and_costs_pe_0_three_cycles(page, text):
    told = answer(page, index_bits=1)
    assert told["per_pe"]["padding_entries"] == [3, 2, 1, 0]
    assert told["per_pe"]["entries"][0] == 11
    assert told["cycles"] == answer(page, index_bits=1, queue_depth=8)["cycles"] == 3 + 11 - 1 + 6 == 19
    bits = {}
    for index_bits in (1, 2, 4):
        memories = encode.encode(page["W"].tolist(), None, 4, index_bits)
        bits[index_bits] = sum(len(entries) for entries, _ in memories) * (index_bits + 4)
    assert bits == {1: 200, 2: 198, 4: 264}
    assert sum(code == 0 for entries, _ in encode.encode(page["W"].tolist(), None, 4, 1) for code, _ in entries) == 7
    assert "Seven padding entries are stored, of which six are walked" in text
    assert "198 bits instead of 200" in text


def test_more_pes_meet_the_broadcast_bound(page, text):
    assert [answer(page, pes, 8)["cycles"] for pes in (4, 8, 16, 32)] == [16, 13, 12, 12]
    assert [answer(page, pes, 1)["cycles"] for pes in (4, 8, 16, 32)] == [18, 15, 15, 15]
    assert answer(page, 8, 8)["per_pe"]["entries"][6] == 5
    assert "13, 12 and 12:" in text


def test_narrow_reads_are_more_reads_in_as_many_cycles(page):
    told = {width: answer(page, width=width) for width in (8, 16, 32, 64, 128)}
    assert [one["per_pe"]["spmat_row_reads"][2] for one in told.values()] == [8, 5, 3, 2, 1]
    assert {one["cycles"] for one in told.values()} == {18}
