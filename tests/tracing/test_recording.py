"""Traces: the clocked machine's registers in every cycle, the event model's story, the run's own counters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eiesim
from eiesim.engines import event, recurrence
from eiesim.tracing import recording
from eiesim.tracing.subject import Subject
from tests import strategies
from tests.agree import random_case
from tests.compare import case
from tests.test_alexnet_fc8 import DUMP, fc8  # noqa: F401 - a fixture
from tests.test_engines import CORNERS

from .cases import BUSY
from .watch import trace_differences


def of(one, item=0, **keywords):
    return eiesim.trace(one.layer, one.batch, one.config, item=item, **keywords)


@pytest.mark.parametrize("corner", CORNERS)
def test_a_corner_case_is_as_the_machine_has_it(corner):
    for item in range(len(CORNERS[corner].batch)):
        assert trace_differences(CORNERS[corner], item) == []


@given(one=strategies.cases(fractions=st.just("auto")), data=st.data())
def test_any_window_of_any_case_is_as_the_machine_has_it(one, data):
    cycles = of(one).total_cycles
    start = data.draw(st.integers(1, cycles))
    window = (start, data.draw(st.integers(start + 1, cycles + 2)))
    assert trace_differences(one) == []
    assert trace_differences(one, window=window) == []


@pytest.mark.skipif(not DUMP.is_file(), reason="../shared/data/alexnet_fc8 is not there (it has no licence)")
def test_alexnet_fc8_is_as_the_machine_has_it(fc8):  # noqa: F811
    layer, activations = fc8
    assert trace_differences(type(BUSY)(layer, activations[None], eiesim.MachineConfig())) == []


@pytest.mark.parametrize("number", range(12))
def test_the_event_model_tells_the_same_story(monkeypatch, number):
    one = random_case(5, number)
    subject = Subject.of(one.layer, one.batch, one.config, 0, outputs=True)
    pes = []

    class Kept(event._Pe):
        def __post_init__(self):
            super().__post_init__()
            pes.append(self)

    monkeypatch.setattr(event, "_Pe", Kept)
    event.run(subject.job, subject.activation_rows)
    trace = recording.record(subject)
    names = {"busy_real": recording.REAL, "busy_padding": recording.PADDING, "busy_empty": recording.EMPTY}
    for p, pe in enumerate(pes):
        told = np.full(trace.cycles, recording.STARVED)
        for cycle, state in pe.states:
            if cycle <= trace.cycles:
                told[cycle - 1] = names[state]
        assert told.tolist() == trace.state[p].tolist()
        for cycle, held in pe.occupancies:
            if cycle <= trace.cycles:
                assert held == trace.occupancy[p, cycle - 1]


@given(one=strategies.cases(fractions=st.just("auto")))
def test_a_trace_adds_up_to_the_runs_counters(one):
    subject = Subject.of(one.layer, one.batch, one.config, 0)
    run, trace = recurrence.run(subject.job, subject.activation_rows), of(one)
    assert (trace.total_cycles, trace.scan_last) == (run.cycles, run.scan_last)
    counted = [(trace.state == state).sum(axis=1).tolist() for state in range(4)]
    pe = run.per_pe
    assert counted == [x.tolist() for x in (pe.starved, pe.busy_real, pe.busy_padding, pe.busy_empty)]
    assert trace.occupancy.max(axis=1).tolist() == pe.max_occupancy.tolist()
    assert trace.broadcast_stall.sum() == trace.stall_caused.sum() == run.broadcast_stalls
    assert ((trace.blocker >= 0) == (trace.broadcast_stall > 0)).all()


def test_an_item_of_a_batch_has_the_batchs_fraction_bits():
    one = case([[1, 2], [2, 1]], [0.0, 1.0, 2.0], [[0.02, 1.0], [60.0, 1.0]], pes=2, arithmetic="fixed8")
    alone = eiesim.trace(one.layer, one.batch[0], one.config)
    assert len(alone.broadcast_cycle) == 2
    assert len(of(one, 0).broadcast_cycle) == 1  # 0.02 is rounded to 0 beside 60
    result = eiesim.simulate(one.layer, one.batch, one.config)
    assert [of(one, item).total_cycles for item in (0, 1)] == [run.cycles for run in result.layers[0].runs]


def test_arrays_are_read_only_and_typed():
    trace = of(BUSY)
    assert (trace.state.dtype, trace.occupancy.dtype, trace.column.dtype) == (np.uint8, np.uint16, np.int32)
    for name in ("broadcast_cycle", "broadcast_column", "blocker"):
        assert getattr(trace, name).dtype == np.int32
    with pytest.raises(ValueError, match="read-only"):
        trace.state[0, 0] = 1


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"cycles": (0, 5)}, "numbered from 1"),
        ({"cycles": (5, 5)}, "holds none"),
        ({"cycles": (10**9, 10**9 + 1)}, "the run ends in cycle"),
        ({"item": 99}, "item = 99"),
        ({"item": None}, "say which item"),
    ],
)
def test_what_makes_no_sense_is_refused(keywords, words):
    with pytest.raises(eiesim.EieError, match=words):
        of(CORNERS["a batch shares its fraction bits"], **keywords)


def test_a_window_beyond_a_gigabyte_is_refused_with_its_size(monkeypatch):
    monkeypatch.setattr(recording, "LARGEST_BYTES", 10)
    with pytest.raises(eiesim.EieError, match=r"GB, more than 1 GB; give a window \(cycles\) of"):
        of(BUSY)


def test_eiesim_trace_stays_the_function():
    import eiesim.tracing.path

    assert callable(eiesim.trace)
    assert callable(eiesim.critical_path)


def test_an_opened_layer_brings_its_input():
    opened = eiesim.open("table3:NT-We", density=0.02)
    layer, activations = eiesim.workload("NT-We", density=0.02)
    config = eiesim.MachineConfig(pes=256)
    assert eiesim.trace(opened, config=config).total_cycles == eiesim.simulate(layer, activations, config).cycles
    assert eiesim.critical_path(opened, config=config).cycles == eiesim.simulate(layer, activations, config).cycles
    with pytest.raises(eiesim.EieError, match="brings no activations"):
        eiesim.trace(layer)
    with pytest.raises(eiesim.EieError, match="one at a time"):
        eiesim.trace(eiesim.open("example:lenet-300-100"))
