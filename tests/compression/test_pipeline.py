"""From arrays to a network folder: what is kept, what is lost, and what is refused."""

import json
import zipfile

import numpy as np
import pytest

import eiesim
from eiesim import EieError, MachineConfig, dense
from eiesim.compression import pipeline
from eiesim.compression.pipeline import Options
from eiesim.files.huffman import load_huffman

SIZES = (20, 30, 12, 5)


def arrays(seed=0):
    rng = np.random.default_rng(seed)
    found = {}
    for k in range(3):
        found[f"fc{k}.weight"] = rng.standard_normal((SIZES[k + 1], SIZES[k])).astype(np.float32)
        found[f"fc{k}.bias"] = rng.standard_normal(SIZES[k + 1]).astype(np.float32)
    return found


def made(tmp_path, tensors=None, name="model.npz", **options):
    np.savez(tmp_path / name, **(arrays() if tensors is None else tensors))
    found, taps = pipeline.load_model(tmp_path / name)
    assert taps == ()
    return pipeline.compress(found, Options(**options))


def test_nothing_lost_where_nothing_is_taken(tmp_path):
    """Few enough distinct weights, no pruning: the compressed network is the network."""
    rng = np.random.default_rng(0)
    tensors = {name: np.sign(a) * rng.integers(1, 7, a.shape).astype(np.float32) for name, a in arrays().items()}
    result = made(tmp_path, tensors)
    x = rng.random((6, 20), dtype=np.float32)
    given = pipeline.calibrate(tmp_path / "model.npz", result.model, (), x)
    result = pipeline.compress(result.model, Options(), given)
    assert [report.weight_error for report in result.reports] == [0, 0, 0]
    assert [report.output_error for report in result.reports] == [0, 0, 0]
    assert result.network_error == 0
    assert all("fewer than the 15" in note for report in result.reports for note in report.notes)
    values = x
    for k in range(3):
        values = values @ tensors[f"fc{k}.weight"].T + tensors[f"fc{k}.bias"]
        values = np.maximum(values, 0) if k < 2 else values
    found = eiesim.simulate(result.layers, x, MachineConfig(arithmetic="float32")).outputs
    np.testing.assert_allclose(found, values, rtol=1e-5, atol=1e-6 * abs(values).max())


def test_folder_runs_and_says_where_it_came_from(tmp_path):
    result = made(tmp_path, density=0.25)
    pipeline.write(result, tmp_path / "net", tmp_path / "model.npz", huffman=True)
    net = eiesim.load_network(tmp_path / "net")
    assert [layer.content_hash for layer in net.layers] == [layer.content_hash for layer in result.layers]
    for layer in net.layers:
        assert layer.nnz == round(0.25 * layer.rows * layer.cols)
        assert load_huffman(tmp_path / "net" / f"{layer.name}.huff").content_hash == layer.content_hash
    assert (tmp_path / "net" / net.about["model"]).resolve() == (tmp_path / "model.npz").resolve()
    report = json.loads((tmp_path / "net" / "report.json").read_text())
    assert [entry["name"] for entry in report["layers"]] == ["fc0", "fc1", "fc2"]
    assert report["total"]["kept"] == sum(entry["kept"] for entry in report["layers"])
    assert all(entry["output_relative_error"] is None for entry in report["layers"])
    assert not (tmp_path / "net" / "inputs").exists()


def test_densities_by_layer_globally_and_by_threshold(tmp_path):
    by_layer = made(tmp_path, densities={"fc1": 0.5}, density=0.1).layers
    assert [layer.nnz for layer in by_layer] == [60, 180, 6]
    everywhere = made(tmp_path, global_density=0.2).layers
    assert sum(layer.nnz for layer in everywhere) == round(0.2 * 1020)
    above = made(tmp_path, threshold=1.0).layers
    weights = arrays()["fc0.weight"]
    assert above[0].nnz == (abs(weights) > weights.std(dtype=np.float64)).sum()
    with pytest.raises(EieError, match="no layer is called 'fc9'; there are: fc0, fc1, fc2"):
        made(tmp_path, densities={"fc9": 0.5})
    with pytest.raises(EieError, match="give one"):
        Options(density=0.1, threshold=1.0)


@pytest.mark.parametrize("density", [0.0, 1.0])
def test_density_ends(tmp_path, density):
    result = made(tmp_path, density=density)
    assert [layer.nnz for layer in result.layers] == [density * layer.rows * layer.cols for layer in result.layers]
    pipeline.write(result, tmp_path / "net", tmp_path / "model.npz")
    ran = eiesim.simulate(eiesim.load_network(tmp_path / "net").layers, np.ones(20))
    assert np.isfinite(ran.outputs).all()
    assert all(("keeps no weight" in report.notes) == (density == 0) for report in result.reports)


def test_all_zero_layer(tmp_path):
    tensors = {**arrays(), "fc1.weight": np.zeros((12, 30), np.float32), "fc1.bias": np.zeros(12, np.float32)}
    result = made(tmp_path, tensors)
    assert result.layers[1].nnz == 0
    assert result.reports[1].weight_error == 0
    pipeline.write(result, tmp_path / "net", tmp_path / "model.npz", huffman=True)
    outputs = eiesim.simulate(eiesim.load_network(tmp_path / "net").layers, np.ones(20)).outputs
    np.testing.assert_allclose(outputs, result.layers[2].bias, atol=1e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_is_refused(tmp_path, bad):
    for name in ("fc1.weight", "fc1.bias"):
        tensors = arrays()
        tensors[name].flat[3] = bad
        with pytest.raises(EieError, match=r"model\.npz: layer 'fc1': (weights|bias) hold"):
            made(tmp_path, tensors)


def test_a_layer_beyond_memory(tmp_path, monkeypatch):
    def too_much(*_):
        raise MemoryError

    np.savez(tmp_path / "model.npz", **arrays())
    found, _ = pipeline.load_model(tmp_path / "model.npz")
    monkeypatch.setattr(dense, "share", too_much)
    with pytest.raises(EieError, match=r"layer 'fc0': 30 x 20 weights need about .* GB at once"):
        pipeline.compress(found, Options())


def test_a_file_that_claims_more_than_memory(tmp_path):
    """3.6 TB by its header, a few bytes in truth."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000), }"
    header = header.ljust(117) + b"\n"
    with zipfile.ZipFile(tmp_path / "model.npz", "w") as archive:
        archive.writestr("fc.weight.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(EieError, match=r"model\.npz: fc\.weight: its header claims 4,000,000,000,000 bytes"):
        pipeline.load_model(tmp_path / "model.npz")


def test_folder_is_not_overwritten_by_chance(tmp_path):
    result = made(tmp_path)
    model = tmp_path / "model.npz"
    pipeline.write(result, tmp_path / "net", model)
    with pytest.raises(EieError, match=r"is there already$"):
        pipeline.write(result, tmp_path / "net", model)
    pipeline.write(result, tmp_path / "net", model, force=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    with pytest.raises(EieError, match="was not made by eiesim"):
        pipeline.write(result, tmp_path / "mine", model, force=True)
    with pytest.raises(EieError, match="cannot be written"):
        pipeline.write(result, tmp_path / "none" / "net", model)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "model.npz", "net"]


def test_names_that_no_file_system_likes(tmp_path):
    rng = np.random.default_rng(0)
    names = ["/a/b:c.weight", "/a/b c.weight", "...weight"]
    tensors = {name: rng.standard_normal((4, 4)).astype(np.float32) for name in names}
    result = made(tmp_path, tensors)
    pipeline.write(result, tmp_path / "net", tmp_path / "model.npz")
    net = eiesim.load_network(tmp_path / "net")
    assert len(set(net.files)) == 3
    assert [layer.name for layer in net.layers] == [layer.name for layer in result.layers]


def test_calibration_by_layers(tmp_path):
    result = made(tmp_path, density=0.3)
    x = np.random.default_rng(1).random((7, 4, 5), dtype=np.float32)
    given = pipeline.calibrate(tmp_path / "model.npz", result.model, (), x).inputs
    assert [values.shape for values in given] == [(7, 20), (7, 30), (7, 12)]
    assert (given[1] >= 0).all()
    with pytest.raises(EieError, match="takes 20"):
        pipeline.calibrate(tmp_path / "model.npz", result.model, (), x[:, :3])
    for dtype in (np.float64, np.float16, np.int32, bool):
        np.save(tmp_path / "x.npy", (x > 0.5).astype(dtype))
        read = pipeline.load_calibration(tmp_path / "x.npy")
        given = pipeline.calibrate(tmp_path / "model.npz", result.model, (), read).inputs
        assert given[0].dtype == np.float32
        assert given[0].tolist() == (x > 0.5).reshape(7, 20).astype(float).tolist()
