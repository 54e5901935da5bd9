"""The study of what-ifs: its committed tables are what runs give, and its page says what the tables say."""

import csv
from pathlib import Path

import numpy as np
import pytest

from eiesim import MachineConfig, simulate, workload
from studies import resumable
from studies.what_ifs import __main__ as study
from studies.what_ifs import digits, found, machines, words
from studies.what_ifs.page import read_tables, write_page

DOCS = Path(__file__).parents[2] / "docs"
FOLDER = DOCS / "what-ifs"


@pytest.fixture(scope="module")
def tables():
    return read_tables(FOLDER)


def committed(name, *key):
    with (FOLDER / f"{name}.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if tuple(row.values())[: len(key)] == key]


def in_table(rows, columns, tmp_path):
    """Rows as they are after a way through a file."""
    resumable.run([0], lambda _: rows, [], tmp_path / "t.csv", columns, 1, lambda _: "")
    return resumable.read(tmp_path / "t.csv", columns)


def test_every_cell_is_in_the_tables():
    there = {part.name: {tuple(row.values())[: part.keys] for row in committed(part.name)} for part in study.PARTS}
    for part in study.PARTS:
        extra = {key for key in there[part.name] if key[0] == machines.FC8}
        assert {cell.key for cell in part.cells()} | extra == there[part.name]
    assert len(committed("machines", "Alex-7", machines.STORED, "1")) == 5 * (4 + 1)


@pytest.mark.parametrize("cell", [machines.Cell("NT-We", order, 1) for order in (machines.STORED, machines.HEAVIEST)])
def test_machines_run_anew_are_those_of_the_table(cell, tmp_path):
    rows = in_table(machines.run_cell(cell), machines.COLUMNS, tmp_path)
    assert rows == committed("machines", *cell.key)


def test_digits_run_anew_are_those_of_the_tables(tmp_path):
    cell = digits.Threshold(0.5)
    rows = in_table(digits.run_threshold(cell), digits.THRESHOLD_COLUMNS, tmp_path)
    assert rows == committed("thresholds", *cell.key)


def test_a_row_is_the_clocked_machine(tables):
    layer, activations = workload("NT-We", 0, variation=machines.VARIATION)
    config = machines.machine(64, multipliers=8)
    result = simulate(layer, activations, config, engine="clocked", outputs=False)
    row = found.chosen(tables[0], workload="NT-We", order="as stored", seed=0, pes=64, multipliers=8, memory="divided")
    assert row["cycles"].to_list() == [result.cycles]


def test_machines_hold_what_the_published_one_holds():
    published = MachineConfig()
    for pes in machines.PES:
        config = machines.machine(pes)
        assert config.spmat_bytes * pes == published.spmat_bytes * published.pes
        assert config.activation_bytes * pes >= published.activation_bytes * published.pes
    assert machines.machine(64) == published


def test_orders_of_rows_keep_the_layer():
    layer, _ = workload("NT-We", 0)
    for order in (machines.STORED, machines.SHUFFLED, machines.HEAVIEST):
        placed = machines.in_order(layer, machines.Cell("NT-We", order, 3))
        weights, before = (np.bincount(each.indices, minlength=layer.rows) for each in (placed, layer))
        assert sorted(weights) == sorted(before)
        assert np.array_equal(placed.indptr, layer.indptr)
        if order == machines.HEAVIEST:
            assert (np.diff(weights) <= 0).all()


def test_the_page_is_of_the_tables(tables, tmp_path):
    assert (DOCS / "what-ifs.md").read_text(encoding="utf-8") == words.text(*tables)
    (tmp_path / "what-ifs").mkdir()
    for name in ("machines", "rounding", "thresholds"):
        (tmp_path / "what-ifs" / f"{name}.csv").write_bytes((FOLDER / f"{name}.csv").read_bytes())
    write_page(tmp_path)
    page = (tmp_path / "what-ifs.md").read_text(encoding="utf-8")
    for picture in ("multipliers", "pareto", "mapping", "rounding", "threshold"):
        assert f"what-ifs/{picture}.svg" in page
        assert 0 < (tmp_path / "what-ifs" / f"{picture}.svg").stat().st_size < 100_000


def test_the_page_without_the_authors_layer(tables):
    table, rounding, thresholds = tables
    page = words.text(table[table["workload"] != machines.FC8], rounding, thresholds)
    assert "was not at hand" in page
    assert f"| {machines.FC8}" not in page
