"""Matrices as layers: files by the tool that writes them, against its own dense values; damaged ones refused."""

import bz2
import gzip
import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import io, sparse

import eiesim
from eiesim import EieError
from tests.cases import cli

HERE = Path(__file__).parent / "matrices"
HEAD = "%%MatrixMarket matrix coordinate "


def values(shape=(9, 7), seed=0, distinct=12):
    rng = np.random.default_rng(seed)
    few = rng.normal(size=distinct).round(3)
    return np.where(rng.random(shape) < 0.4, rng.choice(few, shape), 0.0)


def layer(path, **how):
    return eiesim.open(path, **how).layers[0]


def same(path, dense):
    """The layer of a file holds these values, all of them and to float32's last bit, and says of itself what it is."""
    made = layer(path)
    np.testing.assert_array_equal(made.to_dense(), np.asarray(dense, np.float32))
    assert (made.activation, made.bias) == ("none", None)
    return made


# What the tools write.


@pytest.mark.parametrize("ending", [".mtx", ".mtx.gz", ".mtx.bz2"])
@pytest.mark.parametrize(
    ("form", "field", "symmetry"),
    [
        *product(["coordinate", "array"], ["real", "integer"], ["general", "symmetric", "skew-symmetric"]),
        *product(["coordinate"], ["pattern"], ["general", "symmetric"]),
    ],
)
def test_matrix_market(tmp_path, ending, field, symmetry, form):
    dense: Any = values((8, 8))
    if field != "real":
        dense = np.sign(dense) * (2 if field == "integer" else 1)
    if field == "pattern":
        dense = abs(dense)
    half = np.tril(dense, -1)
    dense = {"general": dense, "symmetric": half + half.T + np.diag(np.diag(dense)), "skew-symmetric": half - half.T}[
        symmetry
    ]
    if field == "integer":
        dense = dense.astype(int)
    plain = tmp_path / "W.mtx"
    io.mmwrite(plain, sparse.coo_array(dense) if form == "coordinate" else dense, field=field, symmetry=symmetry)
    assert f"{form} {field} {symmetry}" in plain.read_text().splitlines()[0]
    path = tmp_path / f"W{ending}"
    if ending != ".mtx":
        pack = gzip if ending.endswith("gz") else bz2
        path.write_bytes(pack.compress(plain.read_bytes()))
    right: Any = io.mmread(plain)
    assert same(path, right if form == "array" else right.toarray()).name == "W"


def test_matrix_market_sums_duplicates_and_drops_zeros(tmp_path):
    path = tmp_path / "a b.MTX"
    path.write_text(HEAD + "real general\n% said twice\n\n2 3 5\n1 1 1\n1 1 2.5e0\n2 3 0\n2 2 1\r\n2 2 -1\n")
    made = same(path, [[3.5, 0, 0], [0, 0, 0]])
    assert (made.name, made.nnz) == ("a b", 1)


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_scipy_is_given_a_last_line_with_its_end(tmp_path, monkeypatch, end, packed):
    text = f"{HEAD}real general\n2 2 2\n1 1 1.5\n2 1 -2e1"
    path = tmp_path / ("W.mtx.gz" if packed else "W.mtx")
    path.write_bytes(gzip.compress((text + end).encode()) if packed else (text + end).encode())
    given = []

    def mmread(source, spmatrix):
        given.append(Path(source).read_bytes() if isinstance(source, str) else b"".join(iter(source.read, b"")))
        return sparse.coo_array(np.array([[1.5, 0], [-20, 0]]))

    monkeypatch.setattr(io, "mmread", mmread)
    same(path, [[1.5, 0], [-20, 0]])
    assert given == [(text + (end or "\n")).encode()]


def test_what_mmwrite_does_unasked(tmp_path):
    """It writes half of a matrix that it finds symmetric, and sums duplicates: the layer is the whole one."""
    rows, cols, numbers = [0, 0, 1, 2, 2], [0, 0, 2, 1, 2], [1.0, 2.0, 4.0, 4.0, 0.0]
    io.mmwrite(tmp_path / "W.mtx", sparse.coo_array((numbers, (rows, cols)), shape=(3, 3)))
    assert "symmetric" in (tmp_path / "W.mtx").read_text().splitlines()[0]
    assert same(tmp_path / "W.mtx", [[3, 0, 0], [0, 0, 4], [0, 4, 0]]).nnz == 3


@pytest.mark.parametrize("of", ["array", "matrix"])
@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dia"])
@pytest.mark.parametrize("compressed", [True, False])
def test_scipy_sparse_archives(tmp_path, kind, of, compressed):
    dense = values((8, 12), distinct=5)
    made = getattr(sparse, f"{kind}_{of}")(dense)
    if kind == "bsr":
        made = getattr(sparse, f"bsr_{of}")(dense, blocksize=(2, 3))
    sparse.save_npz(tmp_path / "W.npz", made, compressed=compressed)
    same(tmp_path / "W.npz", dense)


def test_scipy_dia_keeps_what_lies_outside_and_it_is_no_weight(tmp_path):
    """Row k of the data is a diagonal, by column: what lies beside the matrix is stored, and stands for nothing."""
    made: Any = sparse.dia_array((np.arange(1.0, 13).reshape(3, 4), [-1, 0, 2]), shape=(3, 4))
    sparse.save_npz(tmp_path / "W.npz", made)
    assert np.load(tmp_path / "W.npz")["data"].size > np.count_nonzero(made.toarray())
    same(tmp_path / "W.npz", made.toarray())


def test_scipy_untidy_archives(tmp_path):
    """Duplicates, rows out of order, zeros that are stored."""
    made = sparse.csr_array(([1.0, 2.0, 4.0, 0.0], [2, 0, 2, 1], [0, 3, 4]), shape=(2, 3))
    sparse.save_npz(tmp_path / "W.npz", made)
    assert same(tmp_path / "W.npz", [[2, 0, 5], [0, 0, 0]]).nnz == 2


def test_archives_of_machines_that_write_the_high_byte_first(tmp_path):
    arrays = {key: np.asarray(array) for key, array in changed().items()}
    turned = {key: array.astype(array.dtype.newbyteorder(">")) for key, array in arrays.items()}
    np.savez(tmp_path / "W.npz", **turned)
    assert np.load(tmp_path / "W.npz")["data"].dtype == ">f8"
    same(tmp_path / "W.npz", [[1, 0, 2], [0, 3, 0]])


@pytest.mark.parametrize("name", ["coo", "gcxs_rows", "gcxs_columns"])
def test_pydata_sparse_archives(name):
    """Written by sparse 0.19.3 (make_pydata.py beside them)."""
    same(HERE / f"pydata_{name}.npz", np.load(HERE / "pydata_dense.npy"))


def test_pydata_sparse_in_memory_and_in_files(tmp_path):
    pydata = pytest.importorskip("sparse")
    dense = values()
    for made in (
        pydata.COO.from_numpy(dense),
        pydata.GCXS.from_numpy(dense, compressed_axes=(0,)),
        pydata.GCXS.from_numpy(dense, compressed_axes=(1,)),
        pydata.DOK.from_numpy(dense),
    ):
        from_memory = eiesim.CompressedLayer.from_dense(made.to_coo() if isinstance(made, pydata.DOK) else made)
        np.testing.assert_array_equal(from_memory.to_dense(), dense.astype(np.float32))
        if not isinstance(made, pydata.DOK):
            pydata.save_npz(tmp_path / "W.npz", made)
            same(tmp_path / "W.npz", made.todense())
            assert eiesim.compress(made).layers[0].nnz == np.count_nonzero(dense)
    filled = pydata.COO([[0], [1]], [5.0], shape=(2, 2), fill_value=7.0)
    pydata.save_npz(tmp_path / "W.npz", filled)
    with pytest.raises(EieError, match=r"W\.npz: fill_value: is 7\.0, so that what is not stored is no zero"):
        layer(tmp_path / "W.npz")
    with pytest.raises(EieError, match=r"fill_value: is 7\.0"):
        eiesim.CompressedLayer.from_dense(filled)
    pydata.save_npz(tmp_path / "W.npz", pydata.COO.from_numpy(np.ones((2, 3, 4))))
    with pytest.raises(EieError, match=r"shape: \[2, 3, 4\] has 3 dimensions, needs 2"):
        layer(tmp_path / "W.npz")


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i8", "u8", "?", ">f4", ">f2", ">i2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_numpy(tmp_path, dtype, order):
    dense = np.array(np.round(values(distinct=3) * 3), dtype=dtype, order=order)
    np.save(tmp_path / "W.npy", dense)
    same(tmp_path / "W.npy", dense)


SMTX = "3, 4, 5\n0 2 2 5 \n1 3 0 1 2\n"


def test_smtx_has_its_positions_exactly_and_values_of_the_seed(tmp_path):
    path = tmp_path / "W.smtx"
    path.write_text(SMTX)
    pattern = [[0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 0]]
    first, again, other = (layer(path, seed=seed) for seed in (0, 0, 1))
    for one in (first, other):
        np.testing.assert_array_equal(one.to_dense() != 0, pattern)
    assert first.content_hash == again.content_hash != other.content_hash
    result = eiesim.simulate(str(path), seed=1).layers[0].to_dict()
    assert result["seed"] == 1
    assert "its values are drawn (normal, seed 1)" in result["notes"][0]
    path.write_text("3, 4, 0\n0 0 0 0\n\n")
    assert layer(path).nnz == 0


# What is no matrix, or a damaged one.

BAD_MTX = {
    "": "ends within its head",
    "2 2 1\n1 1 1\n": "Missing banner",
    HEAD + "complex general\n1 1 1\n1 1 3 4\n": "complex numbers",
    HEAD + "complex hermitian\n1 1 1\n1 1 3 0\n": "complex numbers",
    HEAD + "real general\n0 0 0\n": "has no rows or no columns",
    HEAD + "real general\n0 4 0\n": "has no rows or no columns",
    HEAD + "real general\n2 2 3\n1 1 1\n": "truncated",
    HEAD + "real general\n2 2 1\n1 1 1\n2 2 2\n": r"has 6 numbers .* needs 3, 3 an entry; damaged",
    HEAD + "real general\n2 2 1\n3 1 1\n": "Row index out of bounds",
    HEAD + "real general\n2 2 1\n0 1 1\n": "Row index out of bounds",
    HEAD + "real general\n2 2 1\n1 1 nan\n": "NaN or infinity",
    HEAD + "real general\n2 2 1\n1 1 -Infinity\n": "NaN or infinity",
    HEAD + "real general\n2 2 1\n1 1 1e39\n": r"holds 1e\+39: NaN, infinity, or beyond float32",
    HEAD + "real general\n2 2 1\n1 1 1e400\n": "NaN, infinity, or beyond float32",
    HEAD + "integer general\n2 2 1\n1 1 99999999999999999999\n": "Integer out of range",
    HEAD + "real general\n2 2 1\n1 1 1.5-101\n": "sign or an exponent that is out of place",
    HEAD + "real general\n2 2 1\n1 1 1E\n": "sign or an exponent that is out of place",
    HEAD + "real general\n2 2 1": "ends within its head",
    # SciPy reads these, and other numbers than were meant
    HEAD + "real general\n2 2 1\n1 1 1d5\n": "holds 'd' among its numbers",
    HEAD + "real general\n2 2 1\n1 1 1,5\n": "holds ',' among its numbers",
    HEAD + "real general\n2 2 1\n1 1 0x10\n": "holds 'x' among its numbers",
    HEAD + "real general\n2 2 1\n1 1 1 7\n": "has 4 numbers after its sizes, needs 3, 3 an entry",
    HEAD + "pattern general\n2 2 1\n1 1 7\n": "has 3 numbers after its sizes, needs 2, 2 an entry",
    HEAD + "integer general\n2 2 1\n1 1 1.5\n": "whole numbers",
    HEAD + "real symmetric\n2 3 1\n2 1 5\n": "is symmetric and 2 x 3",
    HEAD + "real symmetric\n2 2 2\n2 1 1\n1 2 1\n": "entries on both sides of the diagonal",
    HEAD + "real skew-symmetric\n2 2 2\n1 1 4\n2 1 3\n": "on the diagonal",
    HEAD + "real general\n1000000000000 2 1\n1 1 1\n": r"more than 2\*\*31 - 1",
    HEAD + "real general\n2 2 1000000000000\n1 1 1\n": "says 1,000,000,000,000 entries, but is 7. bytes long",
    HEAD + "real general\n2 2000000000 1\n1 1 1\n": r"needs 32\.0 GB of memory, .* \(--memory GB",
    "%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n": "truncated",
    "%%MatrixMarket matrix array real general\n100000 100000\n1\n": "says 10,000,000,000 entries",
    "%%MatrixMarket vector coordinate real general\n2 1\n1 2\n": "truncated",
    "%%MatrixMarket matrix coordinate real\n2 2 1\n1 1 1\n": "not readable as Matrix Market",
    "%" * 100 + "\n": "not readable as Matrix Market",
    "\0\1\2": "not readable as Matrix Market",
}


def refused(path, *arguments):
    answer = cli("inspect", path, *arguments)
    assert answer.status == 2
    assert answer.err.count("\n") == 1
    return answer.err


@pytest.mark.parametrize("number", range(len(BAD_MTX)))
def test_bad_matrix_market_files_are_refused_in_one_line(tmp_path, number):
    text, why = list(BAD_MTX.items())[number]
    path = tmp_path / "W.mtx"
    path.write_text(text)
    with pytest.raises(EieError, match=why):
        layer(path)
    assert refused(path).startswith(f"eiesim: {path}: ")
    if text:
        (tmp_path / "W.mtx.gz").write_bytes(gzip.compress(text.encode()))
        refused(tmp_path / "W.mtx.gz")


@pytest.mark.parametrize("pack", [gzip, bz2])
def test_damaged_packed_files(tmp_path, pack):
    path = tmp_path / f"W.mtx.{'gz' if pack is gzip else 'bz2'}"
    io.mmwrite(tmp_path / "W.mtx", sparse.coo_array(values((60, 60))))
    whole = pack.compress((tmp_path / "W.mtx").read_bytes())
    for damaged in (whole[: len(whole) // 2], whole[:9] + b"\xff" * 20 + whole[29:], b"plain text", b""):
        path.write_bytes(damaged)
        assert refused(path).startswith(f"eiesim: {path}: ")


def test_a_bomb_of_blanks(tmp_path, monkeypatch):
    from eiesim.files import matrix_market

    monkeypatch.setattr(matrix_market, "ALWAYS_READ_BYTES", 10**5)
    path = tmp_path / "W.mtx.gz"
    path.write_bytes(gzip.compress(HEAD.encode() + b"real general\n2 2 1\n" + b"\n" * 10**6 + b"1 1 1\n"))
    assert "unpacks to more than" in refused(path)


BAD_SMTX = {
    "": "has 0 numbers, needs rows, cols and nnz",
    "3, 4\n": "has 2 numbers, needs rows, cols and nnz",
    "3, x, 5\n": "line 1.* holds 'x', needs whole numbers",
    "0, 4, 0\n0\n\n": "no rows or no columns",
    "3, 4, 5\n0 2 5\n1 3 0 1 2\n": "line 2: has 3 offsets, 3 rows need 4",
    "3, 4, 5\n0 2 1 5\n1 3 0 1 2\n": "line 2: offsets must go from 0 to 5 and never fall",
    "3, 4, 5\n1 2 2 5\n1 3 0 1 2\n": "line 2: offsets must go from 0",
    "3, 4, 5\n0 2 2 4\n1 3 0 1 2\n": "line 2: offsets must go from 0 to 5",
    "3, 4, 5\n0 2 2 5\n1 3 0 1\n": "line 3: has 4 columns, line 1 says 5; truncated",
    "3, 4, 5\n0 2 2 5\n1 4 0 1 2\n": "line 3: columns: holds 4, needs 0 to 3",
    "3, 4, 5\n0 2 2 5\n1 -1 0 1 2\n": "line 3: columns: holds -1, needs 0 to 3",
    "3, 4, 5\n0 2 2 5\n1 1 0 1 2\n": "a column stands twice in one row",
    "3, 4, 5\n0 2 2 5\n1 3 0 1 2\n7\n": "more than three lines",
    "3, 4, 5\n0 2 2 5\n1 3 0 1.5 2\n": "line 3.* holds '.', needs whole numbers",
    "3, 4, 5\n0 2 2 5\n1 3 0 1- 2\n": "no whole number",
    "1000000000000, 4, 0\n0\n\n": r"more than 2\*\*31 - 1",
    "3, 4, 1000000000000\n0 0 0 0\n\n": "GB of memory",
    "3, 2000000000, 0\n0 0 0 0\n\n": "GB of memory",
    "3, 4, 99999999999999999999\n0\n\n": "no whole number of 64 bits",
}


@pytest.mark.parametrize("number", range(len(BAD_SMTX)))
def test_bad_smtx_files_are_refused_in_one_line(tmp_path, number):
    text, why = list(BAD_SMTX.items())[number]
    path = tmp_path / "W.smtx"
    path.write_text(text)
    with pytest.raises(EieError, match=why):
        layer(path)
    refused(path)


def changed(**keys):
    """Keys of a small csr archive, with these in place of its own."""
    plain = {
        "indices": np.array([0, 2, 1], np.int32), "indptr": np.array([0, 2, 3], np.int32), "format": b"csr",
        "shape": np.array([2, 3]), "data": np.array([1.0, 2.0, 3.0]),
    }  # fmt: skip
    return {key: value for key, value in {**plain, **keys}.items() if value is not None}


COO = {"indices": None, "indptr": None, "format": b"coo"}
BAD_ARCHIVES = [
    (changed(indptr=np.array([0, 3, 2])), "indptr: must start at 0 and never fall"),
    (changed(indptr=np.array([0, 2, 4])), "indptr: ends at 4, but there are 3 indices and 3 values"),
    (changed(indptr=np.array([0, 3])), "indptr: has 2 entries, needs 3"),
    (changed(indptr=np.array([0.0, 2, 3])), "indptr: is float64"),
    (changed(indices=np.array([0, 3, 1])), "indices: holds 3, needs 0 to 2"),
    (changed(indices=np.array([0, -1, 1])), "indices: holds -1, needs 0 to 2"),
    (changed(indices=np.array([0, 1])), "but there are 2 indices"),
    (changed(data=np.array([1j, 2, 3])), "data: holds complex128, needs real numbers"),
    (changed(data=np.array([1.0, np.nan, 3])), "NaN, infinity, or beyond float32"),
    (changed(data=np.array(["a", "b", "c"])), "data: holds <U1"),
    (changed(format=b"xyz"), "format: 'xyz' is none of csr, csc, coo, bsr, dia"),
    (changed(format=None), "format: '' is none of"),
    (changed(shape=np.array([2])), "has 1 dimensions, needs 2"),
    (changed(shape=np.array([10**12, 3])), r"more than 2\*\*31 - 1"),
    (changed(shape=np.array([-2, 3])), "has no rows or no columns"),
    (changed(shape=np.array([2, 2**63], np.uint64)), "nothing is as long as"),
    (changed(format=b"bsr"), r"data: shape \(3,\) are no blocks of 2 x 3"),
    (changed(format=b"bsr", data=np.ones((3, 2, 2))), "are no blocks of 2 x 3"),
    (changed(data=np.ones((3, 1, 1))), "data: has 3 dimensions, which csr has not"),
    (changed(**COO, row=np.array([0, 1, 2]), col=np.array([0, 1, 2])), "row: holds 2, needs 0 to 1"),
    (changed(**COO, row=np.array([0, 1]), col=np.array([0, 1, 2])), "for 2 row and 3 column numbers"),
    (changed(**COO, coords=np.array([[0, 1, 1]])), "needs two rows of whole numbers"),
    (changed(indices=None, indptr=None, format=b"dia", offsets=np.array([0, 0]), data=np.ones((2, 3))), "each, once"),
    (changed(**{"fc1.weight": np.ones((2, 3))}), "holds 'fc1.weight' beside a sparse matrix; save each in a file of"),
    (changed(format="gcxs", compressed_axes=np.array([0, 1]), fill_value=np.array(0.0)), "compressed_axes"),
]


@pytest.mark.parametrize("number", range(len(BAD_ARCHIVES)))
def test_bad_archives_are_refused_in_one_line(tmp_path, number):
    arrays, why = BAD_ARCHIVES[number]
    np.savez(tmp_path / "W.npz", **arrays)
    with pytest.raises(EieError, match=why):
        layer(tmp_path / "W.npz")
    refused(tmp_path / "W.npz")


def test_bad_arrays(tmp_path):
    path = tmp_path / "W.npy"
    for array, why in (
        (np.ones(3), "has 1 dimensions, needs 2"),
        (np.ones((2, 2, 2)), "has 3 dimensions"),
        (np.ones((0, 2)), "no rows or no columns"),
        (np.array([["a"]]), "holds <U1, needs real numbers"),
        (np.array([[1j]]), "needs real numbers"),
        (np.array([[np.inf]]), "holds inf"),
        (np.array([[1e39]]), "beyond float32"),
    ):
        np.save(path, array)
        with pytest.raises(EieError, match=why):
            layer(path)
    path.write_bytes(path.read_bytes()[:-3])
    assert "truncated" in refused(path)
    np.save(path, np.ones((2, 2)))
    path.write_bytes(path.read_bytes() + b"more")
    assert "damaged?" in refused(path)


def test_a_network_of_arrays_is_never_taken_for_a_matrix(tmp_path):
    """Only whole sets of keys say that an archive is one matrix."""
    for names in (("data",), ("data", "shape"), ("row", "col"), ("fc.weight",), ("data", "indices", "indptr")):
        np.savez(tmp_path / "m.npz", **{name: np.ones((3, 3)) for name in names})
        with pytest.raises(EieError, match="key is missing"):
            layer(tmp_path / "m.npz")
    np.savez(tmp_path / "m.npz", data=np.ones((2, 3)), shape=np.ones((4, 2)))
    assert [one.name for one in eiesim.read_model(tmp_path / "m.npz").layers] == ["data", "shape"]


def test_values_too_small_for_float32_are_told(tmp_path):
    path = tmp_path / "W.mtx"
    path.write_text(HEAD + "real general\n1 2 2\n1 1 1e-60\n1 2 3\n")
    model = eiesim.open(path)
    assert model.layers[0].nnz == 1
    assert "1 of its values are too small for float32" in model.notes[0][0]


# As layers.


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    io.mmwrite("W.mtx", sparse.coo_array(np.random.default_rng(5).normal(size=(40, 30)) * (values((40, 30)) != 0)))
    Path("W.smtx").write_text(SMTX)
    return tmp_path


def whole(path) -> Any:
    made: Any = io.mmread(path)
    return made.toarray()


def test_more_values_share_15_by_k_means_and_a_line_says_so(folder):
    dense = whole("W.mtx")
    answer = cli("run", "W.mtx", "--json", "-", "--set", "arithmetic=float32")
    made = layer("W.mtx")
    right = eiesim.CompressedLayer.from_dense(dense, activation="none")
    assert made.content_hash == right.content_hash
    off = np.linalg.norm(made.to_dense() - dense.astype(np.float32)) / np.linalg.norm(dense)
    assert f"W.mtx: its weights share 15 values by k-means, and are off by {off:.1%}\n" in answer.err
    told = json.loads(answer.out)["layers"][0]["notes"]
    assert [f"W.mtx: {line}" for line in told] == answer.err.splitlines()[:2]


def test_an_input_is_drawn_at_the_density_unless_it_is_given(folder):
    for density, share in ((0.35, 0.35), (0, 0.0), (1, 1.0), (None, 1.0)):
        made = eiesim.open("W.mtx", activation_density=density, seed=4).activations
        assert np.count_nonzero(made) / 30 == pytest.approx(share, abs=0.2)
        assert (made >= 0).all()
    drawn = json.loads(cli("run", "W.mtx", "--activation-density", "0.35", "--seed", "4", "--json", "-").out)
    assert (drawn["layers"][0]["inputs"], drawn["layers"][0]["seed"]) == ("drawn", 4)
    x = eiesim.open("W.mtx", activation_density=0.35, seed=4).activations
    given = eiesim.simulate(layer("W.mtx"), x)
    assert drawn["layers"][0]["cycles"] == given.cycles
    np.save("x.npy", x)
    answer = cli("run", "W.mtx", "-i", "x.npy", "--json", "-")
    told = json.loads(answer.out)["layers"][0]
    assert (told["inputs"], told["seed"], told["cycles"]) == ("given", None, given.cycles)
    assert "drawn" not in answer.err


def test_without_a_density_a_line_says_that_it_is_1(folder):
    line = "W.mtx: input drawn at density 1, seed 0; neither an input nor an activation density is given\n"
    assert line in cli("run", "W.mtx").err
    assert "density 1" not in cli("run", "W.mtx", "--activation-density", "0.5").err
    assert cli("run", "W.mtx", "-q").err == ""


def test_cycles_depend_on_the_pattern_alone(folder):
    pattern = (whole("W.mtx") != 0).astype(float)
    io.mmwrite("P.mtx", sparse.coo_array(pattern), field="pattern")
    x = np.random.default_rng(1).random(30, np.float32)
    assert eiesim.simulate("W.mtx", x).cycles == eiesim.simulate("P.mtx", x).cycles


@pytest.mark.parametrize("name", ["W.mtx", "W.smtx"])
def test_every_command_takes_a_matrix(folder, name):
    for command in (
        ("run", name), ("sweep", name, "--pes", "1:4:x2"), ("balance", name, "--pes", "2"), ("inspect", name),
        ("trace", name, "--pes", "4"), ("critical-path", name), ("compress", name, "-o", "net"),
        ("compare", name, "-o", "out", "--no-plots"), ("rtl", "export", name, "--pes", "2", "-o", "twin"),
    ):  # fmt: skip
        answer = cli(*command)
        assert answer.status == 0, (command, answer.err)
    assert cli("run", "net", "-i", "net/no.npy").status == 2


def test_each_seed_of_a_sweep_draws_an_input_of_its_own(folder):
    rows = eiesim.sweep_rows(["W.mtx", "W.smtx"], ["pes=2"], seeds="0:3", activation_density=0.3).rows
    assert [(row.layer, row.seed, row.fed) for row in rows] == [("W", seed, "drawn") for seed in (0, 0, 1, 1, 2, 2)]
    for row in rows[::2]:
        assert row.cycles == eiesim.simulate("W.mtx", config={"pes": 2}, seed=row.seed, activation_density=0.3).cycles
    x = np.ones(30, np.float32)
    assert [row.seed for row in eiesim.sweep_rows("W.mtx", ["pes=2"], seeds="0:3", inputs=x).rows] == [None]


def test_layers_of_files_and_matrices_follow_one_another(folder):
    eiesim.save(eiesim.CompressedLayer.from_dense(values((5, 40)), name="next"), "next.npz")
    both = eiesim.simulate(["W.mtx", "next.npz"], activation_density=0.5)
    assert [one.fed for one in both.layers] == ["drawn", "chained"]
    assert both.layers[0].notes
    assert not both.layers[1].notes


def test_compress_says_what_a_matrix_is_and_what_is_too_large_made_dense(folder):
    cli("compress", "W.smtx", "-o", "net", "--seed", "2")
    report = json.loads(Path("net/report.json").read_text())
    assert report["ledger"][0]["reason"] == "DLMC, positions only; 5 entries stored"
    assert any("seed 2" in note for note in report["notes"])
    Path("big.mtx").write_text(HEAD + "real general\n300000 300000 1\n5 5 1\n")
    assert eiesim.simulate("big.mtx", activation_density=0.01).layers[0].nnz == 1
    answer = cli("compress", "big.mtx", "-o", "big")
    assert answer.status == 2
    assert "300,000 x 300,000 made dense to be compressed: needs 1,440.0 GB" in answer.err
    assert not Path("big").exists()


def test_a_matrix_is_taken_and_left_by_its_name(folder):
    np.save("W.npy", np.eye(3))
    assert cli("compress", "W.npy", "-o", "out", "--take", "W").status == 0
    for option, why in ((("--leave", "W"), "has no layer"), (("--leave", "X"), "leave: no tensor is called 'X'"),
                        (("--take", "fc*"), "take: no tensor is called 'fc*'")):  # fmt: skip
        answer = cli("compress", "W.npy", "-o", "other", *option)
        assert answer.status == 2
        assert why in answer.err
        assert not Path("other").exists()


def test_a_matrix_is_not_replaced_by_what_is_made_of_it(folder):
    before = Path("W.mtx").read_bytes()
    answer = cli("run", "W.mtx", "-o", "W.mtx")
    assert answer.status == 2
    assert Path("W.mtx").read_bytes() == before
