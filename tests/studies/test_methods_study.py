"""The study of methods: resumes, averages, draws, and finds the Pareto front. Nothing is trained here."""

import csv

import numpy as np
import pytest

from studies import resumable
from studies.front import front
from studies.methods import __main__ as study
from studies.methods.cells import COLUMNS, Cell, cells, pattern_file, pictured
from studies.methods.means import LABELS, read_means
from studies.methods.page import write_page


def test_every_method_density_and_seed_once():
    every = cells()
    assert len({cell.key for cell in every}) == len(every)
    assert {cell.seed for cell in every} == {0, 1, 2}
    for label in ("iterative", "balanced, L1", "low-rank, pruned"):
        assert sorted(cell.density for cell in every if (cell.label, cell.seed) == (label, 0)) == [
            0.01,
            0.02,
            0.05,
            0.1,
            0.3,
        ]
    assert all(cell.recipe.plan for cell in every)  # every recipe makes sense
    assert {sum(cell.recipe.plan) for cell in every if cell.label in ("magnitude", "iterative", "balanced")} == {24}


def fake_row(cell):
    number = abs(hash(cell.key)) % 1000 / 1000
    row = dict.fromkeys(COLUMNS, 1 + number)
    row |= {name: 0.85 + number / 10 for name in COLUMNS if name.startswith("accuracy")}
    return row | {"label": cell.label, "asked": cell.key[1], "seed": cell.seed, "dense_bytes": 1000}


def test_resumes_where_it_was_interrupted(monkeypatch, tmp_path):
    done = []

    def run_cell(cell, patterns):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(cell.key)
        return [fake_row(cell)]

    monkeypatch.setattr(study, "run_cell", run_cell)
    todo, path = cells((0,))[:5], tmp_path / "results.csv"
    with pytest.raises(KeyboardInterrupt):
        study.run(todo, [], path, tmp_path, jobs=1)
    assert len(resumable.read(path, COLUMNS)) == 3
    done.clear()
    rows = resumable.read(path, COLUMNS)
    there = {(row["label"], row["asked"], row["seed"]) for row in rows}
    study.run([cell for cell in todo if cell.key not in there], rows, path, tmp_path, jobs=1)
    assert len(done) == 2
    assert [(row["label"], row["asked"], row["seed"]) for row in resumable.read(path, COLUMNS)] == [
        cell.key for cell in todo
    ]
    path.write_text("label,other\n")
    with pytest.raises(SystemExit, match="other columns"):
        resumable.read(path, COLUMNS)


def test_front_is_what_nothing_beats():
    rng = np.random.default_rng(0)
    costs, gains = rng.integers(0, 9, 40).tolist(), rng.integers(0, 9, 40).tolist()
    found = set(front(costs, gains))
    for k, (cost, gain) in enumerate(zip(costs, gains, strict=True)):
        beaten = any(c <= cost and g >= gain and (c, g) != (cost, gain) for c, g in zip(costs, gains, strict=True))
        if k in found:
            assert not beaten
        elif not beaten:
            assert any((costs[n], gains[n]) == (cost, gain) for n in found)


def test_page_and_pictures_of_a_table(tmp_path):
    pytest.importorskip("torch", reason="needs extra [train]")
    pytest.importorskip("mlxtend", reason="needs extra [train]")
    path, patterns = tmp_path / "results.csv", tmp_path / "patterns"
    rows = [fake_row(cell) for cell in cells((0, 1))]
    rows += [{**row, "label": "blocks, in block order"} for row in rows if row["label"] == "blocks"]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    patterns.mkdir()
    for cell in pictured():
        np.savez(pattern_file(cell, patterns), rows=np.eye(100, 784) > 0, pixels=np.linspace(0, 1, 784))
    means = read_means(path)
    assert set(means["label"]) == set(LABELS)
    iterative = [row for row in rows if (row["label"], row["asked"]) == ("iterative", "0.1")]
    mean = means[(means["label"] == "iterative") & (means["asked"] == 0.1)].iloc[0]
    assert mean["seeds"] == 2
    assert mean["cycles_16"] == pytest.approx(np.mean([row["cycles_16"] for row in iterative]))
    assert mean["spread"] == pytest.approx(np.std([row["accuracy_shared"] for row in iterative]))
    (tmp_path / "methods").mkdir()
    write_page(path, patterns, tmp_path)
    page = (tmp_path / "methods.md").read_text()
    assert page.count("| iterative, L1 |") == 5
    for name in ("accuracy_cycles.svg", "accuracy_energy.svg", "patterns.png"):
        assert 0 < (tmp_path / "methods" / name).stat().st_size < 200_000
        assert f"methods/{name}" in page
    assert Cell("2:4", None, 0) in pictured()
