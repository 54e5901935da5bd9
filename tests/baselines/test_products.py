"""The products that are measured: whose operand each has, in what turns they are timed, what is left out."""

from contextlib import nullcontext

import numpy as np
import pytest

import eiesim
from tests.cases import random_layer

pytest.importorskip("threadpoolctl")
from eiesim.baselines import products, reduced, worker
from eiesim.baselines.measured import BATCHES
from eiesim.baselines.meters import EnergyMeter
from eiesim.baselines.products import Product
from eiesim.baselines.turns import Turn, take_turns

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
"""PyTorch says of its CSR and of its quantised tensors that they may change."""


@pytest.fixture
def quick(monkeypatch):
    """Two rounds of one call each."""
    monkeypatch.setattr(worker, "take_turns", lambda turns, rounds, clock: take_turns(turns, 2, 0.0))


@pytest.fixture
def layer():
    return random_layer(0, 24, 40)


@pytest.fixture
def x(layer):
    return np.random.default_rng(1).random(layer.cols, dtype=np.float32)


def product(library, ready, **changes):
    return Product(library, "stub", "sparse", ready, products.from_columns, parallel=False, **changes)


def vandal(layer):
    """A library that ruins its matrix and its inputs as it multiplies."""

    def ready(inputs, threads):
        operand, columns = layer.to_scipy(), products.columns(inputs)

        def call():
            outputs = operand @ columns
            operand.data[:] = 0
            operand.indices[:] = operand.indices[::-1].copy()
            operand.indices, operand.indptr = operand.indices.astype(np.int64), operand.indptr.astype(np.int64)
            for array in (inputs, columns):
                array[:] = np.nan
            return outputs

        return call

    yield product("vandal", ready)


def witness(seen):
    """A library that notes, at every call, what it multiplies."""

    def kind(layer):
        operand = layer.to_scipy().tocsr()

        def ready(inputs, threads):
            columns = products.columns(inputs)

            def call():
                parts = (operand.indptr, operand.indices, operand.data, columns)
                seen.add((len(inputs), *((part.dtype.name, part.tobytes()) for part in parts)))
                return operand @ columns

            return call

        yield product("witness", ready)

    return kind


def test_the_order_of_libraries_changes_nothing(layer, x, quick):
    before = layer.content_hash
    made = []
    for first in (True, False):
        seen = set()
        others = [witness(seen), *(kind for kind in worker.KINDS if kind is not products.torch_gpu)]
        rows, left_out = worker.measure_layer(layer, x, [vandal, *others] if first else [*others[::-1], vandal])
        assert not left_out
        assert len(seen) == len(BATCHES)  # one matrix, one input a batch
        times = {
            "time_us",
            "time_us_low",
            "repeats",
            "threads",
            "kernel",
            "difference",
            "energy_uj",
        }  # the faster of two
        made.append((seen, sorted(str({k: v for k, v in row.items() if k not in times}) for row in rows)))
    assert made[0] == made[1]
    assert layer.content_hash == before


def test_matrices_are_those_that_users_make(layer, x, quick):
    """32-bit indices in every sparse operand, as in SciPy's own matrices, each with arrays of its own."""
    from scipy import sparse

    users = sparse.csr_matrix(layer.to_dense())
    ours = layer.to_scipy()
    assert {ours.indices.dtype, ours.indptr.dtype} == {users.indices.dtype, users.indptr.dtype} == {np.dtype(np.int32)}
    assert not np.shares_memory(ours.indices, layer.indices)
    assert ours.indices.flags.writeable
    for name in ("indptr", "indices", "data"):
        assert (getattr(ours.tocsr(), name) == getattr(users, name)).all()
    rows, _ = worker.measure_layer(layer, x)
    assert {row["library"] for row in rows if row["index_bits"]} == {
        row["library"] for row in rows if row["matrix"] == "sparse"
    }
    assert {row["index_bits"] for row in rows if row["matrix"] == "sparse"} == {32}


def test_scipys_better_of_rows_and_columns_is_kept(layer, x, monkeypatch):
    """Whichever was the faster, by a clock that says so."""
    for slow, kept in (("CSR", "CSC"), ("CSC", "CSR")):

        def timed(turns, rounds, clock, slow=slow):
            for turn, name in zip(turns, ("CSR", "CSC"), strict=True):
                turn.times_s.append(2.0 if name == slow else 1.0)

        monkeypatch.setattr(worker, "take_turns", timed)
        rows, _ = worker.measure_layer(layer, x, [products.scipy_sparse])
        assert [row["kernel"][:3] for row in rows] == [kept, kept]
        assert [row["time_us"] for row in rows] == [1e6, 1e6 / 64]


def test_calls_take_turns_round_by_round():
    said = []
    turns = [Turn(lambda k=k: said.append(k), nullcontext) for k in range(3)]
    take_turns(turns, rounds=2, turn_s=0.0)
    assert said == [0, 0, 1, 1, 2, 2] * 2  # one untimed and one timed
    assert [len(turn.times_s) for turn in turns] == [2, 2, 2]


def test_a_counter_that_stands_still_is_no_measurement():
    turns = [Turn(lambda: None, nullcontext, EnergyMeter("still", lambda: 5.0)), Turn(lambda: None, nullcontext)]
    readings = iter(range(100))
    turns.append(Turn(lambda: None, nullcontext, EnergyMeter("moves", lambda: 6.0 * next(readings))))
    take_turns(turns, rounds=5, turn_s=0.0)
    assert [turn.mean_uj for turn in turns] == [None, None, 6]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda right: right * 1.1, "differs from the float product by 0.1 of it"),
        (lambda right: right * np.nan, "differs"),
        (lambda right: right[:-1], "its outputs are"),
        (lambda right: 1 / 0, "division by zero"),
    ],
)
def test_a_product_of_something_else_is_left_out_and_said(layer, x, quick, call, says):
    weights = layer.to_scipy()

    def wrong(layer):
        yield product("wrong", lambda inputs, threads: lambda: call(weights @ products.columns(inputs)))

    rows, left_out = worker.measure_layer(layer, x, [wrong, products.numpy_dense])
    assert {row["library"] for row in rows} == {"numpy"}
    (out,) = left_out
    assert says in out["reason"]
    assert out["product"].startswith("wrong, sparse, float32")


def test_a_library_that_cannot_be_used_here_is_left_out_and_said(layer, x, quick):
    def broken(layer):
        raise RuntimeError("no such\ninstruction")

    rows, left_out = worker.measure_layer(layer, x, [broken, products.numpy_dense])
    assert rows
    assert left_out == [{"product": "broken", "batch": None, "reason": "no such instruction"}]


def test_each_precision_is_held_to_its_own_tolerance():
    exact = np.array([[3.0, 4.0]])
    off = {"float32": 1e-4, "bfloat16": 0.03, "int8": 0.12, "int4": 0.55}
    for precision, share in off.items():
        with pytest.raises(ValueError, match=precision):
            worker.held(exact * (1 + share), exact, exact, precision)
        assert worker.held(exact * (1 + share / 30), exact, exact, precision) == pytest.approx(share / 30)
    # A sum of two large numbers that leaves little may differ by what float32 rounds.
    assert worker.held(exact + 0.01, exact, exact * 1e4, "float32") > 1e-3
    assert worker.held(exact * 0, exact * 0, exact * 0, "int8") == 0


ODD = {
    "one weight": [[2.5]],
    "zeros": np.zeros((5, 70)),
    "a row and a block of zeros": np.vstack([np.zeros(70), np.r_[np.zeros(32), np.arange(1, 39)]]),
    "one row": np.arange(33)[None],
    "tall": np.arange(1, 91).reshape(90, 1),
    "tiny": np.eye(40) * 1e-30,
    "huge": np.eye(40) * 1e30,
}


@pytest.mark.parametrize("weights", ODD.values(), ids=ODD)
@pytest.mark.parametrize("inputs", ["some", "zeros"])
def test_odd_layers_are_measured(weights, inputs, quick):
    layer = eiesim.CompressedLayer.from_dense(np.asarray(weights, np.float32), bits=8)
    x = np.full(layer.cols, 0.0 if inputs == "zeros" else 0.75, np.float32)
    rows, left_out = worker.measure_layer(layer, x)
    assert not left_out
    assert {(row["library"], row["batch"]) for row in rows} >= {("numpy", 1), ("scipy", 64)}


def test_int4_is_the_layer_to_half_a_scale():
    dense = np.random.default_rng(0).normal(size=(7, 75)).astype(np.float32)
    dense[2] = 0
    packed, scales = reduced.int4_blocks(dense)
    assert (packed.shape, packed.dtype, scales.shape) == ((7, 3, 16), np.uint8, (7, 3))
    for row, col in np.ndindex(dense.shape):
        byte = int(packed[row, col // 32, col % 32 // 2])
        scale = scales[row, col // 32]
        back = ((byte >> 4 if col % 2 else byte & 15) - 8) * scale
        block = dense[row, col // 32 * 32 :][:32]
        # The opposite of the largest is not reached: there are 8 steps one way, 7 the other.
        steps = 1.0 if abs(dense[row, col]) > 7.5 * abs(scale) else 0.5
        assert abs(back - dense[row, col]) <= steps * abs(scale) * (1 + 1e-5)
        if abs(dense[row, col]) == np.abs(block).max():
            assert back == pytest.approx(dense[row, col])
