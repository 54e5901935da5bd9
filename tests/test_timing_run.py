"""What a timing run leaves out: it looks only at which inputs are not 0, and puts counters together when asked."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import eiesim
from eiesim.arithmetic import Operands, quantise
from eiesim.engines import recurrence
from eiesim.runs import Runs


@pytest.mark.parametrize(("arithmetic", "bits"), [("fixed8", 8), ("fixed16", 16), ("fixed32", 32)])
@pytest.mark.parametrize("fraction_bits", [-16, -1, 0, 7, 31, 47])
@pytest.mark.parametrize("threshold", [0.0, 0.3])
def test_what_is_sent_is_what_quantises_to_no_zero(arithmetic, bits, fraction_bits, threshold):
    half = np.float32(0.5**fraction_bits / 2)
    tiny = np.finfo(np.float32).smallest_subnormal
    beside = [
        np.nextafter(half, np.float32(0)),
        half,
        np.nextafter(half, np.float32(np.inf)),
        3 * half,
        tiny,
        0.3,
        1e38,
    ]
    values = np.array([[*beside, *(-one for one in beside), 0.0, -0.0]], np.float32)
    used = {"activation": fraction_bits}
    operands = Operands(arithmetic, values, np.zeros(1, np.int64), None, np.int64(1), used, threshold=threshold)
    kept = np.where(np.abs(values) > np.float32(threshold), values, 0) if threshold else values
    assert operands.sent.tolist() == (quantise(kept, fraction_bits, bits) != 0).tolist()


@pytest.mark.parametrize("broadcasts", [0, 1, 2, 3, 4, 5, 61])
@pytest.mark.parametrize("entries_per_row", [1, 3, 8, 13])
def test_rows_read_are_those_of_the_slow_count(broadcasts, entries_per_row):
    rng = np.random.default_rng([broadcasts, entries_per_row])
    counts = (rng.integers(0, 30, (80, 5)) * (rng.random((80, 5)) < 0.7)).astype(np.int8)
    pointers = np.zeros((81, 5), np.int32)
    np.cumsum(counts, axis=0, out=pointers[1:])
    pointers += np.int32(recurrence.IN_FLOAT32 - pointers[-1].max())
    columns = np.sort(rng.choice(80, broadcasts, replace=False))
    expected = []
    for p in range(5):
        read, held = 0, -1
        for j in columns:
            for entry in range(pointers[j, p], pointers[j + 1, p]):
                read, held = read + (entry // entries_per_row != held), entry // entries_per_row
        expected.append(int(read))
    found, work = np.zeros((2, 5), np.int32), np.empty(5, np.int32)
    recurrence.read_rows(columns, pointers, 1 / entries_per_row, work, found[0])
    recurrence.read_few_rows(columns, pointers, counts, 1 / entries_per_row, work, found[1])
    assert found.tolist() == [expected, expected]


def test_counters_that_are_put_together_later_are_the_engines():
    layer, activations = eiesim.workload("NT-We")
    every = eiesim.simulate(layer, activations, outputs=False, engine="clocked").layers[0].runs
    later = eiesim.simulate(layer, activations, outputs=False).layers[0].runs
    copy = pickle.loads(pickle.dumps(later))
    assert copy == later == Runs.of(list(every)) == every
    assert eiesim.simulate(layer, activations, outputs=False, per_pe=False).layers[0].runs.by_pe is None
    assert len(later) == 1
    assert not hasattr(later, "no_such")


@pytest.mark.parametrize("multipliers", [1, 2])
def test_counters_asked_for_later_are_of_the_input_as_it_was(multipliers):
    """Also by several threads at once."""
    layer, activations = eiesim.workload("NT-We")
    config = eiesim.MachineConfig(pes=16, multipliers=multipliers)
    every = eiesim.simulate(layer, activations, config, outputs=False, engine="clocked").layers[0].runs
    input_ = activations.copy()
    later = eiesim.simulate(layer, input_, config, outputs=False).layers[0].runs
    input_[:] = 0
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: later.counted, range(4)))
    assert all((one == every.counted).all() for one in found)
    assert not hasattr(later, "_later")
    assert later == every
