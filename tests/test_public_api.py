"""The public functions, as someone at `python -c` or in a notebook first meets them."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import eiesim

from .cases import random_layer, same_layer

ROOT = Path(eiesim.__file__).parents[1]
LENET = "example:lenet-300-100"
NT_WE = "table3:NT-We"
ONE_LINERS = {
    "load balance of a run": (
        f'print(eiesim.simulate("{NT_WE}").load_balance)',
        lambda told: 0.6 < float(told) < 0.7,
    ),
    "busiest PE": (
        f'print(eiesim.simulate("{NT_WE}").busiest_pe)',
        lambda told: 0 <= int(told) < 64,
    ),
    "DataFrame of a batch": (
        f'print(eiesim.simulate("{LENET}").to_frame()[["layer", "input", "cycles", "energy_total_uj"]])',
        lambda told: "[1500 rows x 4 columns]" in told,
    ),
    "a layer from a torch Linear": (
        "import torch; print(eiesim.CompressedLayer.from_torch(torch.nn.Linear(784, 300)))",
        # Now and then a random weight is exactly 0, and so is none.
        lambda told: re.match(
            r"<CompressedLayer Linear: 300 x 784, 235,(200|1\d\d) weights \(.*\), 16 codes, bias", told
        ),
    ),
    "why there is no energy": (
        f'print(eiesim.simulate("{NT_WE}", config={{"spmat_bytes": 2**30}}).warnings)',
        lambda told: told[2:].startswith("no energy: spmat SRAM: an SRAM of 1,073,741,824 bytes"),
    ),
}
"""Five everyday questions, each one line after `import eiesim`, and whether an answer is right."""


@pytest.mark.parametrize("question", ONE_LINERS)
def test_five_everyday_questions_take_one_line_each(question):
    line, right = ONE_LINERS[question]
    if "torch" in line:
        pytest.importorskip("torch", reason="needs extra [train]")
    command = [sys.executable, "-c", f"import eiesim; {line}"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert right(told.stdout.strip()), told.stdout
    assert told.stderr == ""


def test_the_readme_shows_the_five_lines():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for line, _ in ONE_LINERS.values():
        shown = line.removeprefix("import torch; ")[len("print(") : -1]
        assert shown in readme, shown


def public():
    return [name for name in dir(eiesim) if name in vars(eiesim)["__all__"] and not name.startswith("_")]


def test_no_module_hides_a_public_function():
    """Importing a submodule sets it as the package's attribute: one called `open` would take the function's place."""
    program = (
        "import importlib, pkgutil, eiesim\n"
        "for found in pkgutil.walk_packages(eiesim.__path__, 'eiesim.'):\n"
        "    if not found.name.endswith('__main__'):\n"
        "        try:\n"
        "            importlib.import_module(found.name)\n"
        "        except ImportError as missing:\n"
        "            assert not str(missing.name).startswith('eiesim'), missing\n"
        "bad = [name for name in eiesim.__all__ if name != '__version__' and not callable(getattr(eiesim, name))]\n"
        "print(bad, eiesim.open.__module__)\n"
    )
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (told.stdout.strip(), told.returncode) == ("[] eiesim.api", 0), told.stderr


def test_no_module_and_no_package_has_a_public_name():
    modules = {found.name for found in pkgutil.iter_modules(eiesim.__path__)}
    assert not modules & set(public())


@pytest.mark.parametrize("name", public())
def test_every_public_name_is_documented(name):
    held = getattr(eiesim, name)
    assert inspect.getdoc(held), name
    if inspect.isfunction(held) and held.__module__ == "eiesim.api":
        text = inspect.getdoc(held) or ""
        for parameter in inspect.signature(held).parameters:
            assert f"{parameter}" in text, f"{name} does not explain {parameter}"
        assert "EieError" in text
        assert "eturns" in text


def test_open_gives_what_simulate_takes():
    layer, activations = eiesim.workload("NT-We", seed=3)
    opened = eiesim.open(NT_WE, seed=3)
    assert same_layer(opened.layers[0], layer)
    assert eiesim.simulate(opened) == eiesim.simulate(layer, activations)
    assert eiesim.simulate(opened, activations * 2).outputs is not None
    with pytest.raises(eiesim.EieError, match="3 an input"):
        eiesim.simulate(opened, [1, 2, 3])


def test_layers_that_do_not_follow_one_another_run_each_by_itself():
    together = eiesim.simulate(eiesim.open(NT_WE, "table3:NT-LSTM"))
    alone = [eiesim.simulate(eiesim.open(name)).layers[0] for name in (NT_WE, "table3:NT-LSTM")]
    assert list(together.layers) == alone


def test_open_takes_files_in_a_row(tmp_path):
    first, second = random_layer(1, 9, 7), random_layer(2, 5, 9)
    eiesim.save(first, tmp_path / "a.npz")
    eiesim.save(second, tmp_path / "b.npz")
    opened = eiesim.open(tmp_path / "a.npz", str(tmp_path / "b.npz"))
    assert [layer.name for layer in opened.layers] == ["random 1", "random 2"]
    with pytest.raises(eiesim.EieError, match=r"a\.npz brings no activations; give some$"):
        eiesim.simulate(opened)
    with pytest.raises(eiesim.EieError, match="do not follow one another"):
        eiesim.open(tmp_path / "b.npz", tmp_path / "a.npz")


@pytest.mark.parametrize("model", [3, None, [1, 2], [], object(), np.ones((2, 1))])
def test_what_is_no_layer_is_refused_in_one_line(model):
    with pytest.raises(eiesim.EieError, match=r"^[^\n]*layer[^\n]*$"):
        eiesim.simulate(model, [1.0])


def network(torch):
    """Two layers, half of the first's weights pruned."""
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Linear(12, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    with torch.no_grad():
        layers[0].weight[:4] = 0
    return layers


def test_a_torch_network_is_compressed_and_simulated():
    torch = pytest.importorskip("torch", reason="needs extra [train]")
    module, inputs = network(torch), torch.rand(5, 12)
    compressed = eiesim.compress(module, bits=8, calibration=inputs)
    assert [(layer.activation, layer.shape) for layer in compressed.layers] == [("relu", (8, 12)), ("none", (3, 8))]
    assert compressed.layers[0].nnz == 48
    assert compressed.network_error == pytest.approx(0, abs=1e-6)
    config = eiesim.MachineConfig(arithmetic="float32", weight_bits=8)
    ours = eiesim.simulate(compressed, inputs, config).outputs
    np.testing.assert_allclose(ours, module(inputs).detach(), rtol=1e-4, atol=1e-6)


def test_a_state_dict_a_file_and_a_module_give_the_same_layers(tmp_path):
    torch = pytest.importorskip("torch", reason="needs extra [train]")
    from safetensors.torch import save_file

    module = network(torch)
    save_file(module.state_dict(), tmp_path / "net.safetensors")
    made = [eiesim.compress(one, density=0.3) for one in (module, module.state_dict(), tmp_path / "net.safetensors")]
    for other in made[1:]:
        assert all(map(same_layer, made[0].layers, other.layers))


def test_half_precision_networks_are_their_numbers():
    torch = pytest.importorskip("torch", reason="needs extra [train]")
    module = network(torch).to(torch.bfloat16)
    widened = {key: np.array(held.tolist(), np.float32) for key, held in module.state_dict().items()}
    assert all(map(same_layer, eiesim.compress(module.state_dict()).layers, eiesim.compress(widened).layers))


def test_what_stands_between_layers_is_told_and_breaks_the_chain():
    torch = pytest.importorskip("torch", reason="needs extra [train]")
    nn = torch.nn
    plain = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Dropout(), nn.ReLU(), nn.Linear(3, 2), nn.LogSoftmax(1))
    model = eiesim.compress(plain).model
    assert (model.chain, [layer.activation for layer in model.layers]) == (True, ["relu", "none"])
    assert [part.reason for part in model.left_out] == ["LogSoftmax follows '4'; EIE has ReLU, nothing else"]
    strange = eiesim.compress(nn.Sequential(nn.Linear(4, 3), nn.Sigmoid(), nn.Linear(3, 2))).model
    assert (strange.chain, [layer.activation for layer in strange.layers]) == (False, ["none", "none"])
    with pytest.raises(eiesim.EieError, match="ReLU: has no layer that EIE can run"):
        eiesim.compress(nn.ReLU())


def test_torch_prune_masks_are_applied():
    torch = pytest.importorskip("torch", reason="needs extra [train]")
    from torch.nn.utils import prune

    module = network(torch)
    prune.l1_unstructured(module[2], "weight", 0.5)
    assert eiesim.compress(module).layers[1].nnz == 12


def test_matrices_are_networks_of_one_layer():
    dense = np.where(np.random.default_rng(0).random((6, 5)) < 0.5, 1.5, 0)
    for one in (dense, dense.tolist(), sparse.csr_array(dense)):
        compressed = eiesim.compress(one, name="fc")
        assert compressed.layers[0].to_dense().tolist() == dense.tolist()
        assert compressed.layers[0].name == "fc"


@pytest.mark.parametrize("model", [3, np.zeros(3), "none.txt", {}, [], [[np.nan]], None, [["a", "b"]]])
def test_what_is_no_network_is_refused_in_one_line(model):
    with pytest.raises(eiesim.EieError, match=r"^[^\n]+$"):
        eiesim.compress(model)


def test_compress_writes_a_folder_that_open_and_accuracy_take(tmp_path):
    rng = np.random.default_rng(1)
    arrays = {"a.weight": rng.normal(size=(8, 6)), "a.bias": rng.normal(size=8), "b.weight": rng.normal(size=(3, 8))}
    compressed = eiesim.compress(arrays, tmp_path / "net", density={"a": 0.5}, name="two")
    assert all(map(same_layer, eiesim.open(tmp_path / "net").layers, compressed.layers))
    inputs = rng.normal(size=(20, 6))
    float32 = eiesim.MachineConfig(arithmetic="float32")
    labels = np.argmax(eiesim.simulate(compressed, inputs, float32).outputs, axis=1)
    shares = eiesim.accuracy(tmp_path / "net", inputs, labels)
    assert list(shares) == ["shared"]
    assert shares["shared"]["float32"] == 1
    both = eiesim.accuracy(compressed, inputs, labels)
    assert list(both) == ["dense", "pruned, not retrained", "shared"]
    assert eiesim.accuracy(compressed.layers, inputs, labels, dense=arrays) == both
    assert pd.DataFrame(both).shape == (4, 3)


def test_accuracy_of_the_example_is_the_cards():
    shares = eiesim.accuracy(LENET)
    assert shares["shared"]["fixed16"] == 0.972


def test_accuracy_names_what_is_missing():
    layer = random_layer(1, 9, 7)
    with pytest.raises(eiesim.EieError, match="brings no inputs or no labels"):
        eiesim.accuracy([layer])
    with pytest.raises(eiesim.EieError, match="activations come without labels"):
        eiesim.accuracy([layer], np.ones((2, 7)))
    with pytest.raises(eiesim.EieError, match="labels: 9 occurs"):
        eiesim.accuracy([layer], np.ones((2, 7)), [0, 9])
    with pytest.raises(eiesim.EieError, match="its layers have shapes"):
        eiesim.accuracy([layer], np.ones((2, 7)), [0, 1], dense=np.ones((2, 2)))


def test_compare_takes_names_and_layers_at_hand():
    layer = random_layer(1, 9, 7)
    found = eiesim.compare(["NT-We", (layer, np.ones(7))])
    assert [one.name for one in found.layers] == ["NT-We", "random 1"]
    assert {ratio.layer for ratio in found.speedup} == {"NT-We", "geomean"}
    again = eiesim.compare([NT_WE, eiesim.Workload(layer, np.ones(7, np.float32))], published=False)
    assert again.layers == found.layers
    assert not again.speedup
    with pytest.raises(eiesim.EieError, match="two layers are called"):
        eiesim.compare(["NT-We", "NT-We", (eiesim.workload("NT-We"))])


def test_balance_takes_what_open_gives():
    layer, activations = eiesim.workload("NT-We")
    assert eiesim.balance(eiesim.open(NT_WE)).to_dict() == eiesim.balance(layer, activations).to_dict()
    with pytest.raises(eiesim.EieError, match="3 layers are given; balance takes one"):
        eiesim.balance(eiesim.open(LENET))
    with pytest.raises(eiesim.EieError, match="brings no activations"):
        eiesim.balance(layer)


@pytest.fixture(scope="module")
def drawable():
    opened = eiesim.open(NT_WE)
    result = eiesim.simulate(opened)
    return {
        "pe_cycles pe_load": result,
        "pe_load pe_cycles": result.layers[0],
        "balance": eiesim.balance(opened),
        "fig6_speedup fig7_energy_efficiency energy_by_module waterfall area": eiesim.compare(["NT-We"]),
        "fig8_queue_depth": eiesim.sweep([NT_WE], {"queue_depth": [1, 8]}),
    }


@pytest.mark.parametrize("number", range(5))
def test_plot_draws_each_kind_of_thing(drawable, tmp_path, number):
    names, what = list(drawable.items())[number]
    files = eiesim.plot(what, tmp_path / "new", formats=("svg",))
    assert set(names.split()) <= {file.stem for file in files}
    before = {file: file.read_bytes() for file in files}
    assert all(text.startswith(b"<?xml") for text in before.values())
    eiesim.plot(what, tmp_path / "new", formats=("svg",))
    assert {file: file.read_bytes() for file in files} == before


@pytest.mark.parametrize("what", [3, None, "results.csv", pd.DataFrame({"a": [1]})])
def test_plot_refuses_what_it_does_not_know(what, tmp_path):
    with pytest.raises(eiesim.EieError, match="is nothing that plot draws"):
        eiesim.plot(what, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_plot_says_when_nothing_varies(tmp_path):
    with pytest.raises(eiesim.EieError, match="nothing to draw"):
        eiesim.plot(eiesim.sweep([NT_WE]), tmp_path / "new")


def test_importing_the_package_waits_for_nothing_heavy():
    program = "import sys, eiesim; print({'numba', 'pandas', 'matplotlib', 'torch'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


def test_importing_one_module_does_not_change_another():
    importlib.import_module("eiesim.api")
    assert inspect.isfunction(eiesim.compare)
