"""Every engine against the oracle: outputs by their bits, cycles and every counter of every PE."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eiesim
from eiesim.arithmetic import prepare
from eiesim.encoding import interleave
from eiesim.engines import event
from eiesim.job import Job

from . import strategies
from .compare import ENGINES, broken_laws, case, differences, runs

CODEBOOK = [0.0, 1.0, -0.5, 2.0]
FULL = [[1, 2, 3, 1], [3, 1, 2, 2], [2, 3, 1, 3], [1, 1, 1, 1], [3, 3, 2, 1]]
ONES = [[1.0] * 4]

CORNERS = {
    "one weight": case([[1]], CODEBOOK, [[1.0]], pes=1),
    "nothing to send": case(FULL, CODEBOOK, [[0.0] * 4], pes=2),
    "nothing to send but the bias": case(FULL, CODEBOOK, [[0.0] * 4], bias=[1, 0, 2, 0, 3], pes=2),
    "-0.0 is nothing to send": case(FULL, CODEBOOK, [[-0.0, 1.0, -0.0, -0.0]], pes=2, arithmetic="float32"),
    "negative activations are sent": case(FULL, CODEBOOK, [[-1.0, -2.0, 0.0, -0.25]], pes=2),
    "no weights at all": case([[0] * 4] * 5, CODEBOOK, ONES, pes=2),
    "no weights, the last place is sent last": case([[0] * 4] * 5, CODEBOOK, ONES, pes=4, queue_depth=1),
    "no weights, the queue is full at the end": case([[0] * 16] * 2, CODEBOOK, [[1.0] * 16], pes=1, queue_depth=3),
    "an all-zero bias is sent all the same": case(FULL, CODEBOOK, ONES, bias=[0] * 5, pes=3),
    "a bias after a full activation row": case(FULL, CODEBOOK, ONES, bias=[1, 2, 0, 0, 3], pes=4),
    "empty columns before the bias": case(FULL, CODEBOOK, ONES, bias=[1, 2, 0, 0, 3], pes=7),
    "one PE, the bias without a gap": case(FULL, CODEBOOK, ONES, bias=[1, 2, 0, 0, 3], pes=1),
    "more PEs than rows and columns": case(FULL, CODEBOOK, ONES, bias=[1, 2, 0, 0, 3], pes=70),
    "a queue of one place": case(FULL, CODEBOOK, ONES, pes=2, queue_depth=1),
    "a queue that never fills": case(FULL, CODEBOOK, ONES, pes=2, queue_depth=2**31 - 1),
    "a bypass in every cycle": case([[1, 2, 3, 1, 1, 2]], CODEBOOK, [[1, 2, 3, 4, 5, 6]], pes=1),
    "no bypass over an empty column": case([[1, 0, 3, 1]], CODEBOOK, ONES, pes=1),
    "no bypass from padding": case([[1, 1]] + [[0, 0]] * 2 + [[1, 1]], CODEBOOK, [[1, 1]], pes=1, index_bits=1),
    "long runs of zeros": case([[0, 0]] * 40 + [[1, 2]], CODEBOOK, [[1, 1]], pes=1, index_bits=3),
    "a run of as many zeros as z holds": case([[0]] * 7 + [[1]], CODEBOOK, [[1]], pes=1, index_bits=3),
    "three entries a row of the SRAM": case(FULL, CODEBOOK, ONES, pes=1, spmat_width=31),
    "one entry a row of the SRAM": case(FULL, CODEBOOK, ONES, pes=1, spmat_width=8),
    "fixed point rounds all activations away": case(FULL, CODEBOOK, [[0.01] * 3 + [99.0]], pes=2, arithmetic="fixed8"),
    "fixed point rounds the bias away": case(FULL, CODEBOOK, [[100.0] * 4], bias=[1] * 5, activation_frac=-16, pes=2),
    "sums saturate": case(FULL, CODEBOOK, [[90.0, 80.0, -90.0, 70.0]], pes=2, arithmetic="fixed8", output_frac=0),
    "products shifted left": case(
        FULL, CODEBOOK, [[1.0, -1.0, 2.0, 3.0]], pes=2, activation_frac=0, weight_frac=1, output_frac=12
    ),
    "products shifted left by 16 saturate": case(
        FULL, CODEBOOK, [[3e4, -3e4, 2e4, 1.0]], pes=2, arithmetic="fixed32",
        activation_frac=15, weight_frac=16, output_frac=47,
    ),
    "products shifted right by 62": case(
        FULL, CODEBOOK, [[1e-9, -1e-9, 0.0, 1e-5]], arithmetic="fixed32",
        activation_frac=47, weight_frac=30, output_frac=15,
    ),
    "sums cancel, so that automatic output bits would need a shift of -25": case(
        [[1, 2]], [0.0, 1000.0, -1000.0], [[1e9, 1e9]], pes=1
    ),
    "the same with a shift of 63": case([[1, 2]], [0.0, 1e-9, -1e-9], [[1e-9, 1e-9]], pes=1, arithmetic="fixed32"),
    "float32 overflows to infinity": case([[1, 2]], [0.0, 3e38, 3.1e38], [[2.0, 3.0]], pes=1, arithmetic="float32"),
    "float32 rounds product and sum": case(
        [[1, 2, 1]], [0.0, 1.0000001, 16777216.0], [[1.0000001, 1.0, 3.0000002]], pes=1, arithmetic="float32"
    ),
    "a weight of value 0": case([[1, 2]], [0.0, 0.0, -0.0], [[2.0, -3.0]], pes=1, arithmetic="float32"),
    "two multipliers, columns that share a group": case(FULL, CODEBOOK, ONES, pes=1, multipliers=2),
    "eight multipliers": case(FULL, CODEBOOK, ONES, bias=[1, 2, 0, 0, 3], pes=2, multipliers=8),
    "three multipliers": case(FULL, CODEBOOK, ONES, pes=1, multipliers=3, spmat_width=48),
    "every lane bypassed": case([[1, 1, 2, 3]] * 4, CODEBOOK, [[1, 2, 3, 4]], pes=1, multipliers=4),
    "a bypass from another lane": case([[0, 1], [1, 0], [1, 1]], CODEBOOK, [[1, 1]], pes=1, multipliers=2),
    "groups of padding only": case([[0, 0]] * 40 + [[1, 2]], CODEBOOK, [[1, 1]], pes=1, index_bits=2, weight_bits=2,
                                   multipliers=4),
    "padding and a real entry in a group": case([[0, 1]] * 5 + [[1, 2]], CODEBOOK, [[1, 1]], pes=1, index_bits=1,
                                                multipliers=4),
    "rows in blocks": case(FULL, CODEBOOK, ONES, bias=[1, 2, 0, 0, 3], pes=2, mapping="blocked"),
    "rows in blocks, PEs without one": case(FULL, CODEBOOK, ONES, bias=[1, 2, 0, 0, 3], pes=4, mapping="blocked"),
    "rows in blocks, more PEs than rows": case(FULL, CODEBOOK, ONES, pes=70, mapping="blocked"),
    "rounding down": case(FULL, CODEBOOK, [[0.3, -0.7, 1.1, 2.9]], pes=2, rounding="floor", arithmetic="fixed8"),
    "rounding at random, with a bias": case(
        FULL, CODEBOOK, [[0.3, -0.7, 1.1, 2.9]], bias=[1, 2, 0, 0, 3], pes=3, mapping="blocked", multipliers=2,
        rounding="stochastic", rounding_seed=2**32 - 1, arithmetic="fixed8",
    ),
    "rounding at random by 62 bits": case(
        FULL, CODEBOOK, [[1e-9, -1e-9, 0.0, 1e-5]], arithmetic="fixed32", rounding="stochastic",
        activation_frac=47, weight_frac=30, output_frac=15,
    ),
    "small inputs are dropped, the bias's 1.0 is not": case(
        FULL, CODEBOOK, [[0.5, -0.5, 0.75, -2.0]], bias=[1, 2, 0, 0, 3], pes=2, activation_threshold=1.0,
    ),
    "a batch shares its fraction bits": case(FULL, CODEBOOK, [[0.1] * 4, [700.0] * 4, [0.0] * 4], pes=2),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("corner", CORNERS)
def test_a_corner_case_is_as_the_oracle_has_it(engine, corner):
    assert differences(CORNERS[corner], [engine]) == []


@pytest.mark.parametrize("engine", ENGINES)
@given(case=strategies.cases(fractions=st.just("auto")))
def test_any_case_is_as_the_oracle_has_it(engine, case):
    assert differences(case, [engine]) == []


@pytest.mark.parametrize("engine", ENGINES)
@given(case=strategies.cases(arithmetics=("fixed32", "fixed16", "fixed8")))
def test_any_fraction_bits_are_as_the_oracle_has_them_or_refused(engine, case):
    assert differences(case, [engine]) == []


@pytest.mark.parametrize("engine", ENGINES)
@given(case=strategies.cases(fractions=st.just("auto")))
def test_conservation_laws_hold_for_timing_alone(engine, case):
    every, _ = runs(case, [engine], outputs=False)
    for run in every[engine]:
        assert broken_laws(run, case.config) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_timing_does_not_depend_on_outputs_being_asked_for(engine):
    corner = CORNERS["a bias after a full activation row"]
    with_outputs, without = (runs(corner, [engine], outputs)[0][engine][0] for outputs in (True, False))
    assert without.sums is None
    assert without.cycles == with_outputs.cycles
    for name, values in vars(with_outputs.per_pe).items():
        assert (getattr(without.per_pe, name) == values).all(), name


# By hand, from docs/machine.md "Timing, exactly": sent in 1, in PointerRead in 3, its write seen done in 3 + 6.
@pytest.mark.parametrize("engine", ENGINES)
def test_one_weight_takes_nine_cycles(engine):
    every, _ = runs(CORNERS["one weight"], [engine])
    run = every[engine][0]
    assert (run.cycles, run.scan_last, run.broadcasts, run.scan_bubbles) == (9, 1, 1, 0)
    assert (run.per_pe.starved[0], run.per_pe.busy_real[0], run.per_pe.max_occupancy[0]) == (8, 1, 1)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_place_lets_a_broadcast_through_every_second_cycle(engine):
    # Empty columns, one PE: sent in 1, 3, 5, 7 because each waits in the queue for one cycle, and nothing is written.
    every, _ = runs(case([[0] * 4], CODEBOOK, ONES, pes=1, queue_depth=1), [engine])
    run = every[engine][0]
    assert (run.cycles, run.scan_last, run.broadcast_stalls) == (7, 7, 3)
    assert (run.per_pe.busy_empty[0], run.per_pe.empty_columns[0]) == (3, 4)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_enters_a_queue_after_the_last_cycle_is_not_in_its_occupancy(engine):
    # The only broadcast is in the last cycle, so the queue holds it only after that.
    every, _ = runs(case([[0]], CODEBOOK, [[1.0]], pes=1), [engine])
    run = every[engine][0]
    assert run.cycles == 1
    assert (run.per_pe.max_occupancy[0], run.per_pe.queue_pops[0], run.per_pe.busy_empty[0]) == (0, 1, 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_of_nothing_takes_a_bubble_an_activation_row(engine):
    every, _ = runs(case([[1] * 10], CODEBOOK, [[0.0] * 10], pes=4), [engine])
    run = every[engine][0]
    assert (run.cycles, run.scan_last, run.scan_bubbles, run.broadcasts) == (3, 3, 3, 0)
    assert (run.per_pe.starved == 3).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_simulate_gives_back_what_the_engine_found(engine):
    corner = CORNERS["a batch shares its fraction bits"]
    every, operands = runs(corner, [engine])
    result = eiesim.simulate(corner.layer, corner.batch, corner.config, engine=engine)
    sums = np.stack([run.sums for run in every[engine]])
    assert np.array_equal(result.outputs, np.ldexp(sums, -operands.fraction_bits["output"]).astype(np.float32))
    assert np.array_equal(result.per_pe.starved, [run.per_pe.starved for run in every[engine]])


def test_the_event_engine_reads_the_pes_memories():
    # Another code in a PE's own memory changes its sum, though the compressed layer is as before.
    corner = case([[1]], CODEBOOK, [[1.0]], pes=1, arithmetic="float32")
    interleaved = interleave(corner.layer, 1)
    interleaved.code.flags.writeable = True
    interleaved.code[0] = 3
    operands = prepare(corner.layer, corner.batch, corner.config)
    job = Job.of(interleaved, operands, corner.config, True)
    assert ENGINES["event"](job, job.in_rows(operands.activations, operands.one)[0]).sums.tolist() == [2.0]


def without_jit(*arguments):
    """Run a module in a process of its own: numba reads NUMBA_DISABLE_JIT when it is imported."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


# Plain Python checks every index: this showed an ActivationRW that read past its memory once the scan had ended.
def test_the_corner_cases_agree_as_plain_python():
    done = without_jit("pytest", "-q", "-p", "no:cacheprovider", f"{Path(__file__)}", "-k", "corner and not plain")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(CORNERS) * len(ENGINES)} passed" in done.stdout


def test_the_units_alone_do_the_same_as_plain_python():
    done = without_jit(
        "pytest", "-q", "-p", "no:cacheprovider", "tests/machine", "--ignore=tests/machine/test_clock.py"
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_counter_that_the_event_engine_forgets_is_not_zero_but_an_error(monkeypatch):
    corner = CORNERS["one weight"]
    monkeypatch.setattr(event, "EVENTS", tuple(name for name in event.EVENTS if name != "bypasses"))
    with pytest.raises(KeyError, match="bypasses"):
        runs(corner, ["event"])


def test_random_cases_agree_as_plain_python():
    done = without_jit("tests.agree", "--cases", "15", "--seed", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("15 random cases agreed")
