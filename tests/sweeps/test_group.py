"""Rows of machines that share an interleaving, each beside a run of its own, for random groups of every kind."""

import gc
import pickle
import random
import weakref

import numpy as np
import pytest

import eiesim
from eiesim import EieError, MachineConfig, simulate
from eiesim.engines import shared
from eiesim.model import Workload
from eiesim.prepared import interleaved_for, prepare_layer
from eiesim.sweeps import group
from eiesim.sweeps.machines import Machines
from eiesim.sweeps.row import Row, columns, row_hash
from eiesim.sweeps.table import Table, frame, joined
from tests.layers import random_layer

SHARED = {"pes": [1, 2, 3, 8, 17, 64, 100, 300], "index_bits": [1, 2, 4, 8], "mapping": ["interleaved", "blocked"]}
VARIED = {
    "queue_depth": [1, 2, 8, 50],
    "spmat_width": [64, 128, 96],
    "clock_mhz": [800.0, 1.5, 333.3],
    "arithmetic": ["float32", "fixed32", "fixed16", "fixed8"],
    "multipliers": [1, 2, 4],
    "activation_threshold": [0.0, 0.3],
    "weights": ["resident", "streamed", "streamed-active"],
    "spmat_bytes": [131072, 256, 1024, 10**9],  # the last is beyond the energy table
    "pointer_bytes": [32768, 64],
    "activation_bytes": [2048, 16],
    "dram_gbytes_per_s": [25.6, float("inf"), 0.5],
    "dram_pj_per_bit": [20.0, 3.3],
    "weight_bits": [4, 8],
    "activation_frac": ["auto", -4],
    "output_frac": ["auto", 5],
    "rounding": ["nearest", "floor"],
}


def random_group(seed):
    """A layer, its input, one or a batch, and machines that share an interleaving and differ in some keys."""
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    rows, cols = rng.randint(1, 90), rng.randint(1, 120)
    layer = random_layer(seed, rows, cols, density=rng.choice([0.02, 0.1, 0.3, 0.9]))
    shape = rng.choice([(cols,), (1, cols), (3, cols)])
    active = numbers.random(cols) < rng.choice([0.0, 0.1, 0.5, 1.0])
    activations = (numbers.random(shape) * rng.choice([1, 100, 1e-3]) * active).astype(np.float32)
    common = {key: rng.choice(values) for key, values in SHARED.items()}
    keys = rng.sample(list(VARIED), rng.randint(1, 8))
    machines = []
    while len(machines) < 12:
        chosen = {key: rng.choice(VARIED[key]) for key in keys}
        if chosen.get("arithmetic") == "float32":
            chosen.pop("rounding", None)
        if {"multipliers", "index_bits"} & {*chosen, *common} and chosen.get("multipliers", 1) > 1:
            chosen["spmat_width"] = chosen["multipliers"] * (common["index_bits"] + chosen.get("weight_bits", 4)) * 2
        machines.append(MachineConfig(**common, **chosen))
    workload = Workload(layer, activations, seed=rng.choice([None, 3]), vectors=rng.choice([1, 2.5]))
    return workload, list(dict.fromkeys(machines))


def alone(workload, config):
    """The row of a run by itself, and its layer's result; EieError's text where it is refused."""
    key = row_hash(workload.content_hash, config, "recurrence")
    try:
        result = simulate(workload.layer, workload.activations, config, outputs=False)
    except EieError as error:
        return str(error)
    return Row.of(workload, result.layers[0], key)


@pytest.mark.parametrize("seeds", [range(20), pytest.param(range(20, 1000), marks=pytest.mark.slow)])
def test_each_row_is_that_of_a_run_by_itself(seeds):
    refused = 0
    for seed in seeds:
        workload, machines = random_group(seed)
        expected = [alone(workload, config) for config in machines]
        good = [k for k, row in enumerate(expected) if isinstance(row, Row)]
        layer = interleaved_for(workload.layer, machines[0])
        if len(good) < len(machines):
            refused += 1
            some = Machines.of(machines)
            with pytest.raises(EieError) as error:
                group.rows_of(workload, layer, "recurrence", some, some.hashes("h", "recurrence"))
            assert str(error.value) in expected
        if good:
            some = Machines.of([machines[k] for k in good])
            rows = group.rows_of(workload, layer, "recurrence", some, some.hashes(workload.content_hash, "recurrence"))
            wanted = [expected[k] for k in good]
            assert rows.rows() == wanted, seed
            assert rows.checked_lines().content.decode() == "".join(row.checked_line() for row in wanted), seed
    assert refused < len(seeds) / 2


def test_every_counter_of_every_depth_and_width_is_the_engines():
    """Between shared and single runs nothing but `engines`: the sums over PEs of every counter there is."""
    layer = random_layer(5, 60, 90, density=0.3)
    activations = np.random.default_rng(5).random((2, 90)).astype(np.float32)
    depths, entries = np.array([1, 2, 7, 400]), np.array([4, 12])
    base = MachineConfig(pes=9, index_bits=2, spmat_width=24)
    ready = prepare_layer(layer, activations, base, False)
    for multipliers in (1, 2):
        found = shared.run(ready.layer, ready.activation_rows != 0, multipliers, depths, entries)
        always = dict(zip(shared.ALWAYS, found.always, strict=True))
        by_depth = dict(zip(shared.BY_DEPTH, found.by_depth.T, strict=True))
        for d, depth in enumerate(depths.tolist()):
            for w, width in enumerate((entries * base.entry_bits).tolist()):
                config = base.replace(queue_depth=depth, spmat_width=width, multipliers=multipliers)
                runs = simulate(layer, activations, config, outputs=False).layers[0].runs
                assert by_depth["cycles"][d] == sum(run.cycles for run in runs)
                assert by_depth["max_occupancy"][d] == max(run.per_pe.max_occupancy.max() for run in runs)
                for name in ("bypasses", "busy_empty"):
                    assert by_depth[name][d] == sum(getattr(run.per_pe, name).sum() for run in runs), name
                assert found.row_reads[w] == sum(run.per_pe.spmat_row_reads.sum() for run in runs)
                for name in ("entries", "entry_groups", "empty_columns", "padding_entries", "busy_padding"):
                    assert always[name] == sum(getattr(run.per_pe, name).sum() for run in runs), name


@pytest.mark.parametrize("pes", [2, 50])
def test_empty_columns_that_wait_when_the_last_sum_is_written_are_not_counted_as_walked(pes):
    """One long column, then nine empty ones, each a cycle: they begin up to nine cycles after it, results take six."""
    dense = np.zeros((40, 10), np.float32)
    dense[:, 0] = 1
    layer = eiesim.CompressedLayer.from_dense(dense)
    activations, config = np.ones(10, np.float32), MachineConfig(pes=pes, queue_depth=16)
    ready = prepare_layer(layer, activations, config, False)
    found = shared.run(ready.layer, ready.activation_rows != 0, 1, np.array([16]), np.array([8]))
    counted = simulate(layer, activations, config, "clocked", outputs=False).layers[0].runs[0].per_pe
    walked = int(counted.busy_empty.sum())
    assert walked < counted.empty_columns.sum()
    assert found.by_depth[:, shared.BY_DEPTH.index("busy_empty")].tolist() == [walked]


def test_hashes_are_those_of_single_rows():
    for seed in range(10):
        workload, machines = random_group(seed)
        found = Machines.of(machines).hashes(workload.content_hash, "clocked")
        assert [one.decode() for one in found.tolist()] == [
            row_hash(workload.content_hash, config, "clocked") for config in machines
        ]


def test_what_is_found_of_machines_serves_every_layer_and_goes_with_them():
    (one, machines), (other, _) = random_group(3), random_group(7)
    some = Machines.of(machines)
    for workload in (one, other, one):
        layer = interleaved_for(workload.layer, machines[0])
        again = Machines.of(machines)
        hashes = some.hashes(workload.content_hash, "recurrence")
        assert hashes.tolist() == again.hashes(workload.content_hash, "recurrence").tolist()
        rows = group.rows_of(workload, layer, "recurrence", some, hashes).rows()
        assert rows == group.rows_of(workload, layer, "recurrence", again, hashes).rows()
    sent = pickle.dumps(some)
    assert len(sent) == len(pickle.dumps(Machines.of(machines)))
    gone = weakref.ref(some)
    gc.disable()  # In memory for 10**6 rows, no machines may wait for it.
    try:
        del some
        assert gone() is None
    finally:
        gc.enable()


def test_what_float64_would_not_hold_is_run_by_itself(monkeypatch):
    workload, machines = random_group(4)
    some = Machines.of(machines)
    layer, hashes = interleaved_for(workload.layer, machines[0]), some.hashes("h", "recurrence")
    expected = group.rows_of(workload, layer, "recurrence", some, hashes).rows()
    monkeypatch.setattr(group, "EXACT", 1.0)
    runs = []
    real = group.one_by_one
    monkeypatch.setattr(group, "one_by_one", lambda *given: runs.append(1) or real(*given))
    assert group.rows_of(workload, layer, "recurrence", some, hashes).rows() == expected
    assert runs == [1]


def test_a_name_that_is_too_long_is_refused(monkeypatch):
    workload, machines = random_group(0)
    eiesim.sweep(workload, {"pes": [1, 2]})
    object.__setattr__(workload.layer, "name", "n" * 1001)
    with pytest.raises(EieError, match="a layer's name has 1,001 letters"):
        eiesim.sweep(workload, {"pes": [1, 2]})
    del machines


def test_tables_join_split_and_read_back():
    (one, machines), (other, others) = random_group(1), random_group(2)
    tables = []
    for workload, configs in ((one, machines), (other, others)):
        some = Machines.of(configs)
        layer = interleaved_for(workload.layer, configs[0])
        tables.append(group.rows_of(workload, layer, "recurrence", some, some.hashes("h", "recurrence")))
    rows = [row for table in tables for row in table.rows()]
    whole = joined(tables)
    assert whole.rows() == rows
    order = np.arange(len(rows))[::-1]
    assert joined(tables, order).rows() == rows[::-1] == joined([whole], order).rows()
    assert whole.take(np.array([5, 0, 12])).rows() == [rows[5], rows[0], rows[12]]
    assert frame(tables).equals(frame([whole]))
    assert frame(tables).equals(frame([Table.of(rows)]))
    cells = [[str(value) if value is not None else "" for value in row.cells().values()] for row in rows]
    assert Table.parse(cells).rows() == rows
    assert list(frame([])) == list(columns())
