"""Interleaving and decoding: against the oracle, the specification's example and the paper's Fig. 3."""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eiesim
from eiesim import EieError, decode, interleave
from eiesim._io import memory
from eiesim.encoding import NO_FIRST_ROW, NO_LAST_ROW, _in_order

from . import strategies
from .compare import dense_codes, layer_of
from .oracle import encode

CODEBOOK = np.arange(16)


def memories(interleaved):
    """What each PE stores, as the oracle puts it: entries [(code, z)] and pointers."""
    found = []
    for p in range(interleaved.pes):
        mine = slice(interleaved.base[p], interleaved.base[p + 1])
        entries = list(zip(interleaved.code[mine].tolist(), interleaved.z[mine].tolist(), strict=True))
        found.append((entries, interleaved.ptr[p].tolist()))
    return found


@given(layer=strategies.layers(), pes=st.integers(1, 70), index_bits=st.integers(1, 8))
def test_each_pe_stores_what_the_oracle_encodes(layer, pes, index_bits):
    bias = None if layer.bias_codes is None else layer.bias_codes.tolist()
    assert memories(interleave(layer, pes, index_bits)) == encode.encode(dense_codes(layer), bias, pes, index_bits)


@given(layer=strategies.layers(), pes=st.integers(1, 70), index_bits=st.integers(1, 8))
def test_decoding_gives_the_layer_back(layer, pes, index_bits):
    again = decode(interleave(layer, pes, index_bits))
    assert again.content_hash == layer.content_hash
    assert again.name == layer.name


@given(layer=strategies.layers(), pes=st.integers(1, 70), index_bits=st.integers(1, 8))
def test_the_tables_by_column_describe_the_entries(layer, pes, index_bits):
    interleaved = interleave(layer, pes, index_bits)
    for p, (entries, pointers) in enumerate(memories(interleaved)):
        for j in range(interleaved.columns):
            column = entries[pointers[j] : pointers[j + 1]]
            rows = encode.decode_column(column)
            first = rows[0] if column and column[0][0] != 0 else NO_FIRST_ROW
            assert interleaved.first_row[j, p] == first
            assert interleaved.last_row[j, p] == (rows[-1] if column else NO_LAST_ROW)
            assert interleaved.padding[j, p] == sum(code == 0 for code, _ in column)
        assert interleaved.padding_per_pe[p] == sum(code == 0 for code, _ in entries)
    assert interleaved.has_padding == interleaved.padding.any()


def test_the_specifications_example_column():
    layer = layer_of([[code] for code in [0, 0, 1, 2, *[0] * 18, 3]], CODEBOOK)
    interleaved = interleave(layer, pes=1, index_bits=4)
    assert interleaved.code.tolist() == [1, 2, 0, 3]
    assert interleaved.z.tolist() == [2, 0, 15, 2]


def test_pe_0_of_the_papers_figure_3():
    # EIE Fig. 2 and 3: a 16 x 8 matrix over four PEs; the weights of PE 0 in the order of its memory.
    weights = [
        (0, 0),
        (8, 0),
        (12, 0),
        (4, 1),
        (0, 2),
        (12, 2),
        (0, 4),
        (4, 4),
        (0, 5),
        (12, 5),
        (0, 6),
        (8, 7),
        (12, 7),
    ]
    codes = np.zeros((16, 8), int)
    for code, place in enumerate(weights, start=1):
        codes[place] = code
    interleaved = interleave(layer_of(codes, CODEBOOK), pes=4, index_bits=4)
    entries, pointers = memories(interleaved)[0]
    assert entries == list(zip(range(1, 14), [0, 1, 0, 1, 0, 2, 0, 0, 0, 2, 0, 2, 0], strict=True))
    assert pointers == [0, 3, 4, 6, 6, 8, 10, 11, 13]


@pytest.mark.parametrize(
    ("zeros", "entries"),
    [
        (0, [(1, 0)]),
        (3, [(1, 3)]),
        (4, [(0, 3), (1, 0)]),
        (7, [(0, 3), (1, 3)]),
        (8, [(0, 3), (0, 3), (1, 0)]),
    ],
)
def test_a_padding_entry_stands_for_a_run_one_longer_than_z_holds(zeros, entries):
    layer = layer_of([[0]] * zeros + [[1]] + [[0]] * 9, CODEBOOK)
    assert memories(interleave(layer, pes=1, index_bits=2)) == [(entries, [0, len(entries)])]


@pytest.mark.parametrize(("cols", "pes", "column"), [(4, 4, 4), (5, 4, 8), (4, 1, 4), (4, 64, 64), (1, 3, 3)])
def test_the_bias_stands_at_the_start_of_the_next_activation_row(cols, pes, column):
    layer = layer_of([[0] * cols] * 2, CODEBOOK, bias=[0, 5])
    interleaved = interleave(layer, pes)
    assert interleaved.columns == column + 1
    owner = 1 % pes
    assert interleaved.ptr[owner].tolist() == [0] * (column + 1) + [1]


@pytest.mark.parametrize(("pes", "index_bits"), [(0, 4), (4097, 4), (4, 0), (4, 9)])
def test_pe_counts_and_index_bits_out_of_range_are_refused(pes, index_bits):
    with pytest.raises(EieError, match="must be 1 to"):
        interleave(layer_of([[1]], CODEBOOK), pes, index_bits)


@pytest.mark.parametrize("mapping", ["interleaved", "blocked"])
@pytest.mark.parametrize(("rows", "pes"), [(1, 9), (5, 4), (9, 7), (7, 9), (4, 4)])
@pytest.mark.parametrize("multipliers", [1, 2])
def test_pes_without_rows_are_kept_as_one(rows, pes, mapping, multipliers):
    """What is known of all PEs is what each one's own weights make, whether tables have it or one stands for many."""
    random = np.random.default_rng(rows * pes)
    weights = np.where(random.random((rows, 12)) < 0.5, random.normal(size=(rows, 12)), 0)
    layer = eiesim.CompressedLayer.from_dense(weights, bias=random.normal(size=rows))
    one = interleave(layer, pes, mapping=mapping)
    owners = sum(len(own) > 0 for own in one.rows_of_pe)
    assert one.tables.pointers.shape[1] == one.kept.pes == min(owners + 1, pes)
    owned = [len(own) for own in one.rows_of_pe]
    for name in ("pointers", "counts", "first_row", "last_row", "padding"):
        table = getattr(one, name)
        assert table.shape[1] == pes
        assert (table[:, : one.kept.pes] == getattr(one.kept, name)).all()
        for p in np.flatnonzero(np.array(owned) == 0):
            assert set(table[:, p].tolist()) == {{"first_row": -1, "last_row": -2}.get(name, 0)}
    assert one.entries_per_pe.tolist() == one.pointers[-1].tolist()
    config = {"pes": pes, "mapping": mapping, "multipliers": multipliers, "activation_frac": 8, "output_frac": 8}
    inputs = random.random((9, 12))
    clocked, fast = (eiesim.simulate(layer, inputs, config, engine) for engine in ("clocked", "recurrence"))
    assert fast[0].runs == clocked[0].runs


def test_a_layer_of_few_rows_needs_little_however_many_pes(monkeypatch):
    monkeypatch.setattr(memory, "ALWAYS_TAKEN", 0)
    monkeypatch.setenv("EIESIM_MEMORY_GB", "0.001")
    layer = eiesim.CompressedLayer.from_dense(np.ones((1, 2000)))
    result = eiesim.simulate(layer, np.ones(2000), {"pes": 4096})
    assert result.per_pe.entries.tolist() == [2000] + [0] * 4095
    with pytest.raises(EieError, match=r"2,000 columns on 4,096 PEs; fewer PEs need less: needs .* GB"):
        eiesim.simulate(layer, np.ones(2000), {"pes": 4096}, "clocked")


@pytest.mark.parametrize("pes", [2, 64])
def test_what_was_run_is_freed_when_it_is_let_go_of(pes):
    """Not when the collector of cycles next comes by: a sweep of many machines would hold many layers meanwhile."""
    gc.collect()
    gc.disable()
    try:
        layer = interleave(eiesim.CompressedLayer.from_dense(np.eye(3, dtype=np.float32)), pes)
        eiesim.simulate(layer, np.ones(3, np.float32), config={"pes": pes})
        gone = weakref.ref(layer)
        del layer
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pes": 0}, "pes = 0: must be 1 to 4096"),
        ({"pes": 4097}, "pes = 4097: must be 1 to 4096"),
        ({"pes": 4.0}, r"pes = 4\.0: must be a whole number"),
        ({"pes": "4"}, "pes = '4': must be a whole number"),
        ({"pes": {"pes": 4}}, "pes = .*: must be a whole number"),
        ({"pes": True}, "pes = True: must be a whole number"),
        ({"index_bits": 9}, "index_bits = 9: must be 1 to 8"),
        ({"index_bits": 2.5}, r"index_bits = 2\.5: must be a whole number"),
        ({"mapping": "dealt"}, "no mapping"),
    ],
)
def test_what_no_machine_has_is_refused(options, said):
    layer = eiesim.CompressedLayer.from_dense(np.eye(3))
    with pytest.raises(eiesim.EieError, match=f"^{said}"):
        eiesim.interleave(layer, **options)
    assert eiesim.interleave(layer, np.int64(2), np.int8(4)).pes == 2


@pytest.mark.parametrize("largest", [1000, 2**40])
def test_weights_come_by_column_then_row_however_large_the_numbers(largest):
    """Rows and columns of 2**40 fit no one number of 64 bits together with a code."""
    rng = np.random.default_rng(0)
    columns, rows, codes = (rng.integers(0, most, 200) for most in (largest, largest, 256))
    columns[:50] = columns[50:100]
    found = _in_order(columns, rows, codes)
    expected = sorted(zip(columns.tolist(), rows.tolist(), codes.tolist(), strict=True))
    assert list(zip(*(held.tolist() for held in found), strict=True)) == expected
