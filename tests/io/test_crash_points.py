"""Stopped at any change that a writer of several files makes, what is there is old or new: nothing between, no rest."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import eiesim
from eiesim._io import folder as folders
from eiesim._io.atomic import Outputs, recover, writing
from eiesim.compression import pipeline
from eiesim.rtl.cases import random_run
from eiesim.rtl.export import export
from eiesim.sweeps.journal import Journal
from tests.cases import random_layer
from tests.crash import crash_points
from tests.sweeps.test_journal import SAMPLE, held

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, temporaries and all."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def test_one_file(tmp_path):
    here = tmp_path / "here"

    def prepare():
        emptied(here)
        (here / "a").write_bytes(b"old")

    def write():
        with writing(here / "a") as file:
            file.write(b"new")

    seen = set()
    for _ in crash_points(prepare, write):
        recover(here)
        assert set(contents(here)) == {"a"}
        seen.add(contents(here)["a"])
    assert seen == {b"old", b"new"}


@pytest.mark.parametrize("there", [("a", "b", "c"), ("a",), ()])
def test_several_files_are_all_old_or_all_new(tmp_path, there):
    here = tmp_path / "here"

    def prepare():
        emptied(here)
        for name in there:
            (here / name).write_bytes(b"old")

    def write():
        with Outputs() as outputs:
            for name in "abc":
                outputs.open(here / name).write(b"new")

    old, new = dict.fromkeys(there, b"old"), dict.fromkeys("abc", b"new")
    seen = []
    for _ in crash_points(prepare, write):
        recover(here)
        assert contents(here) in (old, new)
        seen.append(contents(here) == new)
    assert seen == sorted(seen), "once new, new for good"
    assert len(seen) > 10
    assert set(seen) == {False, True}


def compressed(tmp_path, seed):
    arrays = {f"fc{k}.weight": np.random.default_rng(seed).normal(size=(4, 4)) for k in range(2)}
    np.savez(tmp_path / f"model{seed}.npz", **arrays)
    model, _ = pipeline.load_model(tmp_path / f"model{seed}.npz")
    return pipeline.compress(model, pipeline.Options())


@pytest.mark.parametrize("swaps", [True, False])
def test_compress_into_a_folder_that_is_there(tmp_path, monkeypatch, swaps):
    """With the user's own files, and the model itself, in the folder; on systems that can swap folders and others."""
    if not swaps:
        monkeypatch.setattr(folders, "_exchange", lambda one, other: False)
    one, two = compressed(tmp_path, 1), compressed(tmp_path, 2)
    here, model = tmp_path / "all" / "net", tmp_path / "all" / "net" / "model.npz"
    mine = {"inputs.npy": b"mine", "labels.npy": b"mine too", "notes/a.txt": b"a", "inputs/own.npy": b"own"}

    def old_folder():
        emptied(tmp_path / "all")
        pipeline.write(one, here, tmp_path / "model1.npz", huffman=True)
        for name, content in mine.items():
            (here / name).parent.mkdir(exist_ok=True)
            (here / name).write_bytes(content)
        shutil.copy(tmp_path / "model2.npz", model)

    old_folder()
    shutil.copytree(tmp_path / "all", tmp_path / "saved")

    def prepare():
        shutil.rmtree(tmp_path / "all")
        shutil.copytree(tmp_path / "saved", tmp_path / "all")

    def write():
        pipeline.write(two, here, model, force=True)

    old = contents(here)
    prepare()
    write()
    new = contents(here)
    assert mine.items() <= new.items()
    assert new["model.npz"] == old["model.npz"]
    assert "fc0.huff" in old
    assert "fc0.huff" not in new
    seen = []
    for _ in crash_points(prepare, write):
        if swaps:
            assert contents(here) in (old, new), "even before the next start"
        folders.recover(here)
        assert contents(here) in (old, new)
        assert [path.name for path in (tmp_path / "all").iterdir()] == ["net"]
        seen.append(contents(here) == new)
    assert len(seen) > 40
    assert set(seen) == {False, True}


def test_a_dump_is_whole_or_not_there(tmp_path):
    here = tmp_path / "here"
    layer = random_layer(1)

    def write():
        eiesim.save_dump(layer, np.ones(7), here / "dump", pes=2)

    emptied(here)
    write()
    new = contents(here)
    for _ in crash_points(lambda: emptied(here), write):
        folders.recover(here / "dump")
        assert contents(here) in ({}, new)


def test_a_journal_keeps_what_it_has_told(tmp_path):
    path = tmp_path / "t.csv"
    rows = [replace(SAMPLE, cycles=k, hash=f"h{k}") for k in range(3)]

    def write():
        with Journal(path) as journal:
            for row in rows:
                journal.append([row])

    for _ in crash_points(lambda: path.unlink(missing_ok=True), write):
        with Journal(path) as journal:
            found = held(journal)
        assert found == [row.hash for row in rows[: len(found)]]


def test_a_repair_is_old_or_new(tmp_path):
    path = tmp_path / "t.csv"
    rows = [replace(SAMPLE, cycles=k, hash=f"h{k}") for k in range(3)]
    with Journal(path) as journal:
        journal.append(rows)
    good = path.read_bytes()
    spoilt = good.replace(b",1,", b",7,", 1)
    assert spoilt != good

    def write():
        Journal(path, repair=True).close()

    path.write_bytes(spoilt)
    write()
    repaired = path.read_bytes()
    for _ in crash_points(lambda: path.write_bytes(spoilt), write):
        recover(tmp_path)
        assert path.read_bytes() in (spoilt, repaired)
        assert list(tmp_path.iterdir()) == [path]


def test_an_export_is_there_whole_or_not_at_all(tmp_path):
    run = random_run(0, 0)
    export(run, tmp_path / "whole")
    whole = contents(tmp_path / "whole")
    here = tmp_path / "here"
    crashes = 0
    for number in crash_points(lambda: emptied(here), lambda: export(run, here / "twin")):
        folders.recover(here / "twin")
        found = contents(here)
        assert found in ({}, {f"twin/{name}": content for name, content in whole.items()}), number
        crashes += 1
    assert crashes > len(whole)
    assert contents(here / "twin") == whole
