"""Layer files, dumps, inputs and networks: what is written is read back, and files are whole or not there."""

import os
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eiesim
from eiesim._io import atomic
from eiesim.files import npz
from tests.cases import SHARED, any_layer, cli, random_layer, same_layer

# --- layer files -----------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(layer=any_layer())
def test_layer_round_trip(tmp_path_factory: pytest.TempPathFactory, layer: eiesim.CompressedLayer) -> None:
    path = tmp_path_factory.getbasetemp() / "layer.npz"
    eiesim.save(layer, path)
    assert same_layer(eiesim.load(path), layer)


def test_layer_file_is_as_the_contract_says(tmp_path: Path) -> None:
    eiesim.save(random_layer(1, 9, 7), tmp_path / "layer.npz")
    with np.load(tmp_path / "layer.npz", allow_pickle=False) as archive:
        kinds = {key: (archive[key].dtype.kind, archive[key].dtype.itemsize, archive[key].ndim) for key in archive}
        nnz = len(archive["indices"])
        assert {key: len(archive[key]) for key in ("shape", "indptr", "codes", "bias_codes")} == {
            "shape": 2,
            "indptr": 8,
            "codes": nnz,
            "bias_codes": 9,
        }
        assert str(archive["format"]) == "eiesim-layer/1"
    text = {key: kinds.pop(key)[0::2] for key in ("format", "name", "activation")}
    assert set(text.values()) == {("U", 0)}
    assert kinds == {
        "shape": ("i", 8, 1),
        "indptr": ("i", 8, 1),
        "indices": ("i", 4, 1),
        "codes": ("u", 1, 1),
        "codebook": ("f", 4, 1),
        "bias_codes": ("u", 1, 1),
    }


def test_optional_keys_may_be_left_out(tmp_path: Path) -> None:
    eiesim.save(random_layer(1), tmp_path / "full.npz")
    with np.load(tmp_path / "full.npz") as archive:
        arrays = {key: archive[key] for key in archive if key not in ("name", "activation", "bias_codes")}
    np.savez(tmp_path / "fc 1.npz", **arrays)
    layer = eiesim.load(tmp_path / "fc 1.npz")
    assert (layer.name, layer.activation, layer.bias_codes) == ("fc 1", "relu", None)


# --- inputs ----------------------------------------------------------------------------------------------------------


def test_inputs_in_all_their_shapes(tmp_path: Path) -> None:
    one, batch = np.arange(4, dtype=np.float32), np.arange(12, dtype=np.float32).reshape(3, 4)
    np.save(tmp_path / "one.npy", one)
    np.save(tmp_path / "batch.npy", batch)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(batch))
    np.savez(tmp_path / "any name.npz", whatever=batch)
    np.savez_compressed(tmp_path / "named.npz", activations=one, labels=np.arange(3))
    for name, expected in (
        ("one.npy", one),
        ("batch.npy", batch),
        ("fortran.npy", batch),
        ("any name.npz", batch),
        ("named.npz", one),
    ):
        values = eiesim.load_inputs(tmp_path / name)
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, expected, strict=True)


# --- the authors' dump -----------------------------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@settings(deadline=None, max_examples=40)
@given(
    layer=any_layer(max_codes=16).map(lambda layer: replace(layer, activation="relu")),
    pes=st.sampled_from([1, 2, 3, 5, 8, 41, 64]),
)
def test_dump_round_trip(tmp_path_factory: pytest.TempPathFactory, layer: eiesim.CompressedLayer, pes: int) -> None:
    folder = tmp_path_factory.mktemp("dump")
    activations = np.linspace(-1, 1, layer.cols).astype(np.float32)
    if layer.bias_codes is None:
        layer = replace(layer, bias_codes=np.zeros(layer.rows, np.uint8))
    eiesim.save_dump(layer, activations, folder / "first", pes)
    read, values = eiesim.load_dump(folder / "first", rows=layer.rows)
    np.testing.assert_array_equal(values, activations, strict=True)
    padded = np.concatenate([layer.codebook, np.zeros(16 - len(layer.codebook), np.float32)])
    assert same_layer(read, replace(layer, name="first", codebook=padded))
    eiesim.save_dump(read, values, folder / "second", pes)
    assert contents(folder / "second") == contents(folder / "first")


def test_dump_layout_is_the_authors(tmp_path: Path) -> None:
    """The example of machine.md, "Encoding": one column, one PE; here with a bias in row 1."""
    weights = np.zeros((23, 1), np.float32)
    weights[[2, 3, 22], 0] = [1, 2, 3]
    bias = np.zeros(23, np.float32)
    bias[1] = 2
    layer = eiesim.CompressedLayer.from_dense(weights, codebook=[0, 1, 2, 3], bias=bias)
    eiesim.save_dump(layer, [0.5], tmp_path / "dump", pes=1)
    assert sorted(contents(tmp_path / "dump")) == ["act.dat", "arithm.dat", "ptr/ptr0.dat", "spm/spm0.dat"]
    read = {name: np.fromfile(tmp_path / "dump" / name, "<i4") for name in ("ptr/ptr0.dat", "spm/spm0.dat")}
    assert read["ptr/ptr0.dat"].tolist() == [0, 4, 5]
    assert read["spm/spm0.dat"].reshape(-1, 2).tolist() == [[1, 2], [2, 0], [0, 15], [3, 2], [2, 1]]
    assert np.fromfile(tmp_path / "dump" / "act.dat", "<f4").tolist() == [0.5]
    assert np.fromfile(tmp_path / "dump" / "arithm.dat", "<f4").tolist() == [0, 1, 2, 3] + [0] * 12


def test_rows_of_a_dump(tmp_path: Path) -> None:
    layer = replace(random_layer(1, rows=9), bias_codes=np.array([0, 0, 0, 0, 3, 0, 0, 0, 0], np.uint8))
    keep = layer.indices < 4
    counts = np.add.reduceat(np.append(keep, False), layer.indptr[:-1]) * (np.diff(layer.indptr) > 0)
    layer = replace(
        layer,
        indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        indices=layer.indices[keep],
        codes=layer.codes[keep],
    )
    eiesim.save_dump(layer, np.ones(layer.cols), tmp_path / "dump", pes=4)
    assert eiesim.load_dump(tmp_path / "dump")[0].rows == 5
    assert eiesim.load_dump(tmp_path / "dump", rows=9)[0].content_hash == layer.content_hash
    with pytest.raises(eiesim.EieError, match="5 rows or more, not 4"):
        eiesim.load_dump(tmp_path / "dump", rows=4)


def test_trailing_padding_is_dropped_with_a_warning(tmp_path: Path) -> None:
    layer = random_layer(1, rows=40, cols=3)
    eiesim.save_dump(layer, np.ones(3), tmp_path / "dump", pes=1)
    pointers = np.fromfile(tmp_path / "dump/ptr/ptr0.dat", "<i4")
    entries = np.fromfile(tmp_path / "dump/spm/spm0.dat", "<i4").reshape(-1, 2)
    entries = np.insert(entries, [pointers[2], pointers[2], len(entries)], [0, 15], axis=0)  # columns 1 and the bias
    pointers[2:] += 2
    pointers[-1] += 1
    pointers.tofile(tmp_path / "dump/ptr/ptr0.dat")
    entries.tofile(tmp_path / "dump/spm/spm0.dat")
    with pytest.warns(UserWarning, match="dropped 3 trailing padding entries"):
        read, _ = eiesim.load_dump(tmp_path / "dump", rows=40)
    assert read.content_hash == layer.content_hash
    answer = cli("run", tmp_path / "dump", "--quiet", "--json", "-")
    assert answer.status == 0
    assert answer.err.startswith(f"warning: {tmp_path / 'dump'}: dropped 3 trailing padding entries")
    assert answer.err.count("\n") == 1


def test_a_dump_runs_on_any_machine(tmp_path: Path) -> None:
    """Its PE count is only how it was stored."""
    layer, activations = random_layer(1, rows=30), np.array([1, 0, 2, 0, -3, 0, 1], np.float32)
    config = eiesim.MachineConfig(pes=5)
    expected = eiesim.simulate(layer, activations, config).to_dict()["layers"][0]
    for pes in (1, 4, 64):
        eiesim.save_dump(layer, activations, tmp_path / f"dump{pes}", pes)
        read, values = eiesim.load_dump(tmp_path / f"dump{pes}", rows=30)
        assert {**eiesim.simulate(read, values, config).to_dict()["layers"][0], "name": layer.name} == expected


def test_save_dump_refuses_what_a_dump_cannot_hold(tmp_path: Path) -> None:
    layer = random_layer(1)
    cases = (
        (random_layer(1, codes=17), np.ones(7), 4, "codebook: has 17"),
        (random_layer(1, activation="none"), np.ones(7), 4, "activation: is 'none'"),
        (layer, np.ones((2, 7)), 4, "one input"),
        (layer, np.ones(8), 4, "one input of 7"),
        (layer, np.full(7, np.nan), 4, "NaN"),
        (layer, np.ones(7), 0, "pes = 0"),
    )
    for model, activations, pes, message in cases:
        with pytest.raises(eiesim.EieError, match=message):
            eiesim.save_dump(model, activations, tmp_path / "dump", pes)
    with pytest.raises(eiesim.EieError, match="cannot be written"):
        eiesim.save_dump(layer, np.ones(7), tmp_path / "none" / "dump", 4)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "dump").mkdir()
    with pytest.raises(eiesim.EieError, match="is there already"):
        eiesim.save_dump(layer, np.ones(7), tmp_path / "dump", 4)
    assert list(tmp_path.rglob("*")) == [tmp_path / "dump"]


def test_a_layer_without_bias_is_dumped_with_an_empty_one(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="no bias"):
        eiesim.save_dump(random_layer(1, bias=False), np.ones(7), tmp_path / "dump", 4)
    read, _ = eiesim.load_dump(tmp_path / "dump")
    assert read.bias_codes is not None
    assert not read.bias_codes.any()


def test_the_authors_own_dump_round_trips_byte_by_byte(tmp_path: Path) -> None:
    archive = SHARED / "alexnet_fc8" / "dump_64pe.tar.xz"
    if not archive.exists():
        pytest.skip("../shared/data/alexnet_fc8 is not here")
    with tarfile.open(archive) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.0 to 3.11.3 have none.
        tar.extractall(tmp_path / "given")
    given_at = next(tmp_path.joinpath("given").rglob("act.dat")).parent
    layer, activations = eiesim.load_dump(given_at, rows=1000)
    assert layer.shape == (1000, 4096)
    eiesim.save_dump(layer, activations, tmp_path / "written", pes=64)
    before, after = contents(given_at), contents(tmp_path / "written")
    assert sorted(after) == sorted(name for name in before if name.endswith(".dat"))
    assert [name for name in after if after[name] != before[name]] == []


# --- networks --------------------------------------------------------------------------------------------------------


def test_network_folder(tmp_path: Path) -> None:
    first, second = random_layer(1, 9, 7), random_layer(2, 4, 9)
    (tmp_path / "parts").mkdir()
    eiesim.save(first, tmp_path / "parts" / "a.npz")
    eiesim.save(second, tmp_path / "b.npz")
    (tmp_path / "network.toml").write_text(
        "format = 'eiesim-network/1'\nname = 'Small'\n[[layers]]\nfile = 'parts/a.npz'\ndensity = 0.4\n"
        "[[layers]]\nfile = 'b.npz'\n"
    )
    network = eiesim.load_network(tmp_path)
    assert network.name == "Small"
    assert network.about["layers"][0]["density"] == 0.4
    assert [same_layer(*pair) for pair in zip(network.layers, (first, second), strict=True)] == [True, True]


# --- writing ---------------------------------------------------------------------------------------------------------


def test_a_failing_block_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text("old")

    def fail() -> None:
        with atomic.writing(path) as file:
            file.write(b"new, but not all")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with atomic.writing(path) as file:
        file.write(b"new")
        assert path.read_text() == "old", "not before the block has ended"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "real")
    npz.save_array(np.zeros(2), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert np.load(tmp_path / "folder" / "real").tolist() == [0, 0]


def test_written_files_have_the_rights_the_user_asked_for(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        npz.save_array(np.zeros(2), tmp_path / "x.npy")
    finally:
        os.umask(before)
    assert (tmp_path / "x.npy").stat().st_mode & 0o777 == 0o640
