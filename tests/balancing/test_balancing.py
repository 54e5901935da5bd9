"""The attribution of cycles against a slow twin, machine by machine, and orders of rows checked by simulation."""

from pathlib import Path

import numpy as np
import pytest

import eiesim
import eiesim.arithmetic
from eiesim import CompressedLayer, EieError, MachineConfig, balance, interleave, simulate
from eiesim.balancing.causes import attribute
from eiesim.balancing.order import balanced_order, permute_rows, unpermute
from eiesim.config import MAPPINGS
from eiesim.prepared import prepare_layer
from eiesim.workloads import TABLE_III, workload
from tests.oracle.encode import rows_of
from tests.oracle.timing import START, WRITE_SEEN

DUMP = Path(__file__).parents[3] / "shared" / "data" / "alexnet_fc8"


def random_case(seed):
    rng = np.random.default_rng(seed)
    rows, cols = int(rng.integers(1, 90)), int(rng.integers(1, 70))
    weights = rng.normal(size=(rows, cols)) * (rng.random((rows, cols)) < rng.choice([0.0, 0.02, 0.2, 0.7]))
    bias = rng.normal(size=rows) * (rng.random(rows) < 0.5) if rng.random() < 0.4 else None
    layer = CompressedLayer.from_dense(weights, bias=bias, bits=4)
    batch = int(rng.integers(1, 4))
    density = rng.choice([0.0, 0.1, 0.6, 1.0])
    activations = (rng.normal(size=(batch, cols)) * (rng.random((batch, cols)) < density)).astype(np.float32)
    config = MachineConfig(
        pes=int(rng.choice([1, 2, 3, 8, 16, 100])),
        queue_depth=int(rng.choice([1, 2, 8])),
        index_bits=int(rng.choice([1, 2, 4])),
        spmat_width=64,
        arithmetic=str(rng.choice(["float32", "fixed8"])),
    )
    multipliers = rng.choice([n for n in (1, 1, 2, 4) if config.entries_per_row % n == 0])
    return layer, activations, config.replace(multipliers=int(multipliers), mapping=str(rng.choice(MAPPINGS)))


def in_groups(layer, j, p, multipliers):
    """Aligned groups (docs/variants.md) that PE p walks in column j."""
    return len({e // multipliers for e in range(layer.pointers[j, p], layer.pointers[j + 1, p])})


def machine_twin(layer, multipliers, sent_rows, queue_depth, bubbles, start, drain):
    """Cycles of docs/machine.md's recurrences with limits left out, written as plainly as they stand there."""
    pes = layer.pes
    last, last_real = [0] * pes, [0] * pes
    firsts = []
    b = 0
    gap = 0
    for r, row in enumerate(sent_rows):
        place = -1
        for place in np.flatnonzero(row):  # type: ignore[assignment]
            j = r * pes + place
            b = b + 1 + (gap if bubbles else 0)
            gap = 0
            if len(firsts) >= queue_depth:
                b = max(b, max(firsts[len(firsts) - queue_depth]))
            first = []
            for p in range(pes):
                n = in_groups(layer, j, p, multipliers)
                first.append(max(b + start, last[p] + 1))
                last[p] = first[p] + max(1, n) - 1
                if n > 0:
                    last_real[p] = last[p] + drain
            firsts.append(first)
        if place != pes - 1:
            gap += 1
    scan_last = b + (gap if bubbles else 0)
    return max(scan_last, *last_real)


def losses_twin(layer, inputs, result):
    pes, m = layer.pes, result.config.multipliers
    slots, depth = pes * m, result.config.queue_depth
    endless = 10**9
    parts = np.zeros(8, int)
    for values, run in zip(inputs, result.layers[0].runs, strict=True):
        columns = layer.columns
        flat = np.zeros(layer.activation_rows * pes)
        flat[: len(values)] = values
        if layer.layer.bias_codes is not None:
            flat[columns - 1] = 1
        rows = flat.reshape(-1, pes)
        busiest = 0
        for p in range(pes):
            lengths = [in_groups(layer, j, p, m) for j in np.flatnonzero(flat)]
            busiest = max(busiest, sum(lengths))
        entries = int(run.per_pe.entries.sum())
        macs = int(run.per_pe.macs.sum())
        steps = [
            macs,
            entries,
            m * int(run.per_pe.entry_groups.sum()),
            slots * busiest,
            slots * machine_twin(layer, m, rows, endless, bubbles=False, start=0, drain=0),
            slots * machine_twin(layer, m, rows, endless, bubbles=True, start=0, drain=0),
            slots * machine_twin(layer, m, rows, endless, bubbles=True, start=START, drain=WRITE_SEEN),
            slots * machine_twin(layer, m, rows, depth, bubbles=True, start=START, drain=WRITE_SEEN),
        ]
        assert steps[-1] == slots * run.cycles
        parts += np.diff([0, *steps])
    return parts.tolist()


@pytest.mark.parametrize("seed", range(60))
def test_causes_are_those_of_the_twin_and_add_up(seed):
    layer, activations, config = random_case(seed)
    interleaved = interleave(layer, config.pes, config.index_bits, config.mapping)
    result = simulate(interleaved, activations, config, outputs=False)
    losses, _ = attribute(prepare_layer(interleaved, activations, config, False), result.layers[0].runs)
    # The twin is given what fixed point leaves of the inputs.
    held = eiesim.arithmetic.prepare(layer, activations, config, outputs=False).activations
    assert list(losses.to_dict().values()) == losses_twin(interleaved, held, result)
    assert losses.total == result.layers[0].metrics.cycles * config.pes * config.multipliers
    assert losses.lanes == 0 or config.multipliers > 1
    assert min(losses.to_dict().values()) >= 0


@pytest.mark.parametrize("variation", [0.0, 0.15])
@pytest.mark.parametrize("name", TABLE_III)
def test_causes_add_up_on_table_iii(name, variation):
    layer, activations = workload(name, 1, variation=variation)
    for pes in (64, 256):
        interleaved = interleave(layer, pes)
        result = simulate(interleaved, activations, MachineConfig(pes=pes), outputs=False)
        ready = prepare_layer(interleaved, activations, result.config, False)
        losses, busiest = attribute(ready, result.layers[0].runs)
        counters = result.counters
        assert losses.total == result.cycles * pes
        assert (losses.work, losses.padding) == (counters.macs, counters.padding_entries)
        assert min(losses.to_dict().values()) >= 0
        assert busiest == result.per_pe.entries.max()
        endless = simulate(interleaved, activations, MachineConfig(pes=pes, queue_depth=layer.cols), outputs=False)
        assert losses.finite_queues == (result.cycles - endless.cycles) * pes


@pytest.mark.skipif(not DUMP.exists(), reason="the authors' AlexNet-FC8 is not here")
def test_alexnet_fc8(tmp_path):
    import tarfile

    with tarfile.open(DUMP / "dump_64pe.tar.xz") as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.0 to 3.11.3 have none.
        archive.extractall(tmp_path)
    folder = next(path.parent for path in tmp_path.rglob("act.dat"))
    layer, activations = eiesim.load_dump(folder)
    stored = balance(layer, activations, eiesim.preset("isca16-simulator")).assignments[0]
    assert stored.losses.total == 64 * 7926
    assert stored.losses.work == 453748
    # docs/machine.md: 7,794 cycles from queue depth 15 on.
    assert stored.losses.finite_queues == 64 * (7926 - 7794)


@pytest.mark.parametrize("seed", range(20))
def test_outputs_of_balanced_orders_are_the_originals(seed):
    layer, activations, config = random_case(seed)
    original = simulate(layer, activations, config).outputs
    for one in balance(layer, activations, config).assignments[1:]:
        # Once more, and by hand: the balanced layer on the ordinary machine.
        outputs = simulate(one.layer, activations, config).outputs
        by_hand = np.empty_like(original)
        for place, row in enumerate(one.order):
            by_hand[:, row] = outputs[:, place]
        assert by_hand.tobytes() == original.tobytes()
        assert unpermute(outputs, one.order).tobytes() == original.tobytes()


@pytest.mark.parametrize("seed", range(30))
def test_greedy_order_is_longest_first_with_places(seed):
    layer, activations, config = random_case(seed)
    pes = config.pes
    dense = (layer.to_dense() != 0).astype(int)
    load = dense @ (activations[0] != 0)
    if layer.bias_codes is not None:
        load = load + (layer.bias_codes != 0)
    order = balanced_order(layer, pes, (activations[0] != 0).astype(np.int64), mapping=config.mapping)
    assert sorted(order) == list(range(layer.rows))
    # A slow greedy: loads of the PEs are the same, whichever of equal rows goes where.
    carried = [0] * pes
    places = [rows_of(p, layer.rows, pes, config.mapping) for p in range(pes)]
    room = [len(rows) for rows in places]
    for weight in sorted(load.astype(int), reverse=True):
        p = min((p for p in range(pes) if room[p]), key=lambda p: carried[p])
        carried[p] += weight
        room[p] -= 1
    assert [int(load[order[rows]].sum()) for rows in places] == carried


def test_balancing_lowers_the_bound_of_uneven_layers():
    layer, activations = workload("Alex-8", 0, variation=0.15)
    stored, by_weights, for_input = balance(layer, activations).assignments
    assert for_input.busiest < by_weights.busiest < stored.busiest
    assert by_weights.cycles < stored.cycles
    assert for_input.losses.work == stored.losses.work


def test_permuting_rows_permutes_the_matrix():
    layer, _, _ = random_case(5)
    order = np.random.default_rng(0).permutation(layer.rows)
    permuted = permute_rows(layer, order)
    assert np.array_equal(permuted.to_dense(), layer.to_dense()[order])
    for wrong in (order[:-1], np.zeros(layer.rows, int), order + 1):
        with pytest.raises(EieError, match="permutation"):
            permute_rows(layer, wrong)


def test_orders_of_rows_keep_outputs_whatever_way_the_output_format_was_found():
    """Where the automatic format came with the sums of the layer as stored, those are not the other orders' sums."""
    random = np.random.default_rng(0)
    weights = random.standard_normal((23, 37)) * (random.random((23, 37)) < 0.3)
    layer = CompressedLayer.from_dense(weights.astype(np.float32))
    inputs = random.random((20, 37)).astype(np.float32)
    for one in inputs:
        clocked = simulate(layer, one, {"pes": 5}, engine="clocked").outputs
        for tried in balance(layer, one, {"pes": 5}).assignments:
            outputs = tried.result.outputs
            np.testing.assert_array_equal(outputs if tried.order is None else unpermute(outputs, tried.order), clocked)
