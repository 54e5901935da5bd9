"""eiesim compress, accuracy, run --labels: as a user calls them."""

import json

import numpy as np
import pytest

from eiesim import CompressedLayer, save
from eiesim.files.network import write_network
from tests.cases import cli


@pytest.fixture
def call(monkeypatch, tmp_path):
    """Runs the command in an empty folder; gives (status, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments):
        answer = cli(*arguments)
        return answer.status, answer.out, answer.err

    return run


@pytest.fixture
def model(call, tmp_path):
    rng = np.random.default_rng(0)
    arrays = {f"fc{k}.weight": rng.standard_normal((n, m)) for k, (n, m) in enumerate([(30, 20), (4, 30)])}
    np.savez(tmp_path / "model.npz", **arrays, extra=np.arange(3))
    x = rng.random((25, 20), dtype=np.float32)
    scores = np.maximum(x @ arrays["fc0.weight"].T, 0) @ arrays["fc1.weight"].T
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", scores.argmax(axis=1).astype(np.uint8))
    return arrays


def test_compress_then_run_with_labels(call, model, tmp_path):
    status, out, err = call(
        "compress", "model.npz", "-o", "net", "--density", "0.9", "--density", "fc1=1", "--bits", "8", "-c", "x.npy"
    )
    assert status == 0
    assert "  extra: int64 values" in out
    assert "fc1" in out
    assert (tmp_path / "net" / "inputs" / "fc1.npy").is_file()
    status, out, err = call(
        "run", "net", "--input", "x.npy", "--labels", "y.npy", "--json", "-", "--output", "out.npy",
        "--set", "weight_bits=8", "--set", "spmat_width=48", "--set", "arithmetic=float32",
    )  # fmt: skip
    assert status == 0, err
    share = (np.load("out.npy").argmax(axis=1) == np.load("y.npy")).mean()
    assert json.loads(out)["accuracy"] == share
    assert f"accuracy: {share:.2%} of 25 inputs" in err
    status, out, _ = call("run", "net", "--input", "x.npy", "--json", "-", "--set", "weight_bits=8")
    assert "accuracy" not in json.loads(out)


def test_huffman_coded_layers_run(call, model):
    call("compress", "model.npz", "-o", "net", "--density", "0.5", "--huffman", "-q")
    found = [call("run", f"net/fc0.{suffix}", "-i", "x.npy", "--json", "-") for suffix in ("npz", "huff")]
    assert found[0][0] == 0
    results = [json.loads(out) for _, out, _ in found]
    for one in results:
        del one["provenance"]["command"]
    assert results[0] == results[1]


def test_accuracy_finds_the_model_it_came_from(call, model, tmp_path):
    call("compress", "model.npz", "-o", "net", "--density", "0.9", "-q")
    status, out, err = call("accuracy", "net", "-i", "x.npy", "--labels", "y.npy", "--json", "-")
    assert status == 0, err
    shares = json.loads(out)["accuracy"]
    assert list(shares) == ["dense", "pruned, not retrained", "shared"]
    assert shares["dense"]["float32"] == 1.0
    assert set(shares["shared"]) == {"float32", "fixed32", "fixed16", "fixed8"}
    status, out, _ = call("accuracy", "net", "-i", "x.npy", "--labels", "y.npy", "--pruned", "model.npz", "--json", "-")
    assert json.loads(out)["accuracy"]["pruned"]["float32"] == 1.0
    # Another file under the same name is not taken for it.
    np.savez(tmp_path / "model.npz", **{name: -array for name, array in model.items()})
    status, out, err = call("accuracy", "net", "-i", "x.npy", "--labels", "y.npy", "--json", "-")
    assert list(json.loads(out)["accuracy"]) == ["shared"]
    assert "--dense MODEL" in err


def test_a_folder_with_its_own_inputs(call, model, tmp_path):
    call("compress", "model.npz", "-o", "net", "-q")
    x = np.load("x.npy")
    np.save(tmp_path / "net" / "inputs.npy", x.astype(np.float16))
    status, out, _ = call("run", "net", "--json", "-")
    assert status == 0
    assert "accuracy" not in json.loads(out)
    np.save(tmp_path / "net" / "labels.npy", np.load("y.npy"))
    for command in ("run", "accuracy"):
        status, out, _ = call(command, "net", "--json", "-")
        assert status == 0
        assert "accuracy" in json.loads(out)
    # The folder's labels are its own inputs' only.
    status, out, _ = call("run", "net", "-i", "x.npy", "--json", "-")
    assert "accuracy" not in json.loads(out)
    status, _, err = call("accuracy", "net", "-i", "x.npy")
    assert (status, err.count("\n")) == (2, 1)


def test_layers_that_do_not_follow_one_another(call, tmp_path):
    (tmp_path / "net").mkdir()
    for name in ("w", "r"):
        layer = CompressedLayer.from_dense(np.random.default_rng(0).standard_normal((8, 3 if name == "w" else 2)))
        save(layer, tmp_path / "net" / f"{name}.npz")
    write_network(tmp_path / "net" / "network.toml", 'a "cell"', False, {}, [{"file": "w.npz"}, {"file": "r.npz"}])
    np.save(tmp_path / "x.npy", np.ones(3, np.float32))
    status, _, err = call("run", "net", "-i", "x.npy")
    assert status == 2
    assert err.strip() == (
        "eiesim: net: these layers do not follow one another (layer, layer), so x.npy does not reach them all; "
        "name a single layer"
    )
    assert call("run", "net/w.npz", "-i", "x.npy", "-q")[0] == 0
    text = (tmp_path / "net" / "network.toml").read_text()
    (tmp_path / "net" / "network.toml").write_text(text.replace("chain = false", "chain = 0"))
    assert "chain: is 0, needs true or false" in call("run", "net", "-i", "x.npy")[2]


LABELS = {
    "short": (np.zeros(3, np.int64), "3 for 25 inputs"),
    "high": (np.full(25, 4), "the last layer has 4 outputs"),
    "negative": (np.full(25, -1), "class numbers from 0"),
    "float": (np.full(25, 0.5), "float64, need whole numbers"),
    "flat": (np.zeros((25, 1), int), "shape (25, 1)"),
}


@pytest.mark.parametrize("dtype", ["f8", "f4", "u1", ">i8"])
def test_labels_are_whole_numbers_of_any_dtype(call, model, tmp_path, dtype):
    labels = np.load("y.npy")
    np.save(tmp_path / "same.npy", labels.astype(dtype))
    call("compress", "model.npz", "-o", "net", "-q")
    both = [call("run", "net", "-i", "x.npy", "--labels", name, "--json", "-") for name in ("y.npy", "same.npy")]
    assert [status for status, *_ in both] == [0, 0]
    assert len({json.loads(out)["accuracy"] for _, out, _ in both}) == 1


@pytest.mark.parametrize("name", LABELS)
def test_bad_labels_are_one_line(call, model, tmp_path, name):
    labels, words = LABELS[name]
    np.save(tmp_path / "bad.npy", labels)
    call("compress", "model.npz", "-o", "net", "-q")
    status, out, err = call("run", "net", "-i", "x.npy", "--labels", "bad.npy")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert words in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model.npz", "-o", "net", "--density", "2"], "must be 0 to 1"),
        (["model.npz", "-o", "net", "--density", "half"], "neither a share"),
        (["model.npz", "-o", "net", "--density", "fc7=0.5"], "no layer is called 'fc7'"),
        (["model.npz", "-o", "net", "--bits", "9"], "bits = 9"),
        (["model.npz", "-o", "net", "--init", "magic"], "no initialisation is called 'magic'"),
        (["model.npz", "-o", "net", "--density", "0.5", "--global-density", "0.5"], "give one"),
        (["none.npz", "-o", "net"], "no such file"),
        (["x.csv", "-o", "net"], "a model is .onnx"),
        (["model.npz", "-o", "net", "-c", "y.npy"], "takes"),
        (["model.npz"], "Missing option"),
    ],
)
def test_bad_arguments_are_one_line(call, model, tmp_path, arguments, words):
    status, out, err = call("compress", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert not (tmp_path / "net").exists()
