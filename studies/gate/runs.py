"""The runs of the study: AlexNet-FC8 at the gate, with what is changed in each, kept as rows of docs/power/runs.csv."""

import csv
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
ROWS = ROOT / "docs" / "power" / "runs.csv"

COMPONENTS = ("memory", "clock", "register", "combinational", "leakage")
MODULES = ("act_queue", "ptr_read", "spmat_read", "arithm_unit", "act_rw", "other")
KINDS = ("switching", "internal", "access", "leakage")
EVENTS = ("multiply", "shift_add", "codebook", "push_pop", "accumulator")

RUNS = {
    "today": {},
    "before": {"before": True},
    "not gated": {"clock_gating": False},
    "no wires": {"wires": "none"},
    "wires of 2 fF a sink": {"wires": 2.0},
    "a thousand cycles": {"cycles": (3000, 4000)},
    "a thousand cycles with glitches": {"cycles": (3000, 4000), "glitches": True},
    "queue depth 2": {"config": {"queue_depth": 2}},
    "queue depth 16": {"config": {"queue_depth": 16}},
    "fixed8": {"config": {"arithmetic": "fixed8"}},
    "half the inputs": {"columns": 2048},
    "half the inputs, 32 activations": {"columns": 2048, "activations": 32},
}
"""Of AlexNet-FC8 on the default machine, but for what is said. before: RTL of 8e78c66. columns: only the first ones."""


def half(layer, activations, columns):
    """The first columns of a layer, and of its input."""
    from eiesim import CompressedLayer

    end = int(layer.indptr[columns])
    parts = {"indptr": layer.indptr[: columns + 1], "indices": layer.indices[:end], "codes": layer.codes[:end]}
    made = CompressedLayer(
        shape=(layer.rows, columns), **parts, codebook=layer.codebook, bias_codes=layer.bias_codes,
        activation=layer.activation, name=layer.name,
    )  # fmt: skip
    return made, activations[:columns]


@contextmanager
def sources_of(folder):
    """The RTL of another checkout in place of ours."""
    from eiesim.rtl import simulators

    @contextmanager
    def theirs():
        yield sorted((folder / "eiesim" / "rtl" / "sv").glob("*.sv"))

    with mock.patch.object(simulators, "sources", theirs):
        yield


def measure(name, chosen, liberty, layer, activations, before):
    """A row: the run's figures, and those of the model `activity` beside them."""
    import eiesim
    from eiesim.config import as_config
    from eiesim.prepared import prepare_layer
    from eiesim.rtl.gates import library
    from eiesim.rtl.gates.run import measured
    from eiesim.rtl.gates.wires import wires
    from eiesim.rtl.runs import of_prepared

    config = as_config(chosen.get("config"))
    if "columns" in chosen:
        layer, activations = half(layer, activations, chosen["columns"])
    run = of_prepared(prepare_layer(layer, activations, config))
    if "activations" in chosen:
        run = replace(run, hardware=replace(run.hardware, activations=chosen["activations"]))
    cells = library.read(liberty)
    options = {key: chosen[key] for key in ("cycles", "glitches", "clock_gating") if key in chosen}

    def go():
        return measured(run, config, cells, wires=wires(chosen.get("wires", "table"), cells), **options)

    if chosen.get("before"):
        with sources_of(before):
            made = go()
    else:
        made = go()
    found = eiesim.simulate(layer, activations, config=config).layers[0]
    model = {module: uj / found.time_us / config.pes * 1e3 for module, uj in found.energy.by_module_uj.items()}
    row = {
        "run": name, "library": made.library, "cycles": made.cycles, "total_mw": made.total_mw,
        **{f"{m}_{c}_mw": made.modules[m][c] for m in MODULES for c in COMPONENTS},
        **{f"{kind}_mw": made.kinds[kind] for kind in KINDS}, "idle_clock_mw": made.idle_clock_mw,
        **{f"{event}_pj": made.events_pj[event] for event in EVENTS},
        "clocked_bits": made.clocked_bits_per_cycle, "register_bits": made.register_bits, "cells": made.cells,
        "area_um2": made.area_um2, "path_ns": made.longest_path_ns, "path_ends": made.longest_path[-1],
        **{f"activity_{m}_mw": model[m] for m in MODULES if m in model},
    }  # fmt: skip
    return {key: f"{value:.6g}" if isinstance(value, float) else str(value) for key, value in row.items()}


def kept():
    """The rows that are there, by run."""
    if not ROWS.exists():
        return {}
    with ROWS.open(newline="") as file:
        return {row["run"]: row for row in csv.DictReader(file)}


def keep(rows):
    """Write the rows, in the order of RUNS."""
    ROWS.parent.mkdir(parents=True, exist_ok=True)
    ordered = [rows[name] for name in RUNS if name in rows]
    with ROWS.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ordered[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(ordered)
