"""Readings held against their source: every fault that is put into the reader is caught by that alone."""

import json
from typing import Any

import numpy as np
import pytest

import eiesim
from eiesim._io import modules
from eiesim.dense import DenseLayer
from eiesim.files import held, module_network
from eiesim.files.held import Seen, check, hold

torch = pytest.importorskip("torch", reason="needs extra [train]")
from torch import nn  # noqa: E402

from tests.files import torch_modules as made  # noqa: E402

OF_MATRIX = modules.matrix_of
SEQUENCE = module_network._sequence
FOLLOWED = module_network._followed


def other_matrix(change):
    """The reader of one matrix, with a fault. change: of (module, matrix), the weights that it reads instead."""

    def faulty(module):
        found: Any = OF_MATRIX(module)
        bias = None if change in (scale_taken, bias_lost) else found.bias
        return modules.Matrix(np.ascontiguousarray(change(module, found)), bias)

    return faulty


def mask_dropped(module, found):
    raw = dict(module.named_parameters(recurse=False)).get("weight_orig")
    return found.weights if raw is None else raw.detach().numpy()


def parametrisation_dropped(module, found):
    return module.parametrizations.weight.original.detach().numpy()


def transpose_dropped(module, found):
    weight = module.weight.detach().numpy()
    return weight.reshape(weight.shape[:2])


def groups_taken_in_another_order(module, found):
    return found.weights[:, ::-1]


def scale_taken(module, found):
    return np.abs(found.weights).max(axis=1, keepdims=True)


def sign_lost(module, found):
    return np.abs(found.weights)


def dequantised_by_another_scale(module, found):
    return found.weights * np.float32(1.1)


def bias_lost(module, found):
    return found.weights


def repeats_dropped(module):
    """`named_children` gives an object that stands twice once."""
    seen = set()
    return [(path, leaf) for path, leaf in SEQUENCE(module) or [] if not (id(leaf) in seen or seen.add(id(leaf)))]


def relu_lost(*arguments):
    order = FOLLOWED(*arguments)
    if order.activations:
        order.activations[0] = "none"
    return order


def relu_made_up(*arguments):
    order = FOLLOWED(*arguments)
    if order.activations:
        order.activations[-1] = "relu"
    return order


def groups():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(6, 4, 1, groups=2), nn.ReLU(), nn.ConvTranspose2d(4, 4, 1))


def gpt2():
    torch.manual_seed(0)
    return nn.Sequential(made.Conv1D(8, 8), nn.ReLU(), made.Conv1D(8, 8))


def shared():
    torch.manual_seed(0)
    relu = nn.ReLU()
    return nn.Sequential(nn.Linear(12, 8), relu, nn.Linear(8, 8), relu, nn.Linear(8, 4))


def shared_linear():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 8), nn.ReLU(), *[nn.Linear(8, 8), nn.ReLU()] * 2, nn.Linear(8, 4))


def quantised():
    return torch.ao.quantization.quantize_dynamic(made.plain(), {nn.Linear})


MATRIX, FLOW, ORDER = "matrix", "followed", "sequence"
FAULTS = {
    "mask dropped": (MATRIX, mask_dropped, made.PARAMETRISED["prune"], "layer '0'"),
    "mask of rows dropped": (MATRIX, mask_dropped, made.PARAMETRISED["prune, rows"], "layer '0'"),
    "torch.ao mask dropped": (MATRIX, parametrisation_dropped, made.PARAMETRISED["torch.ao.pruning"], "layer '0'"),
    "spectral norm dropped": (MATRIX, parametrisation_dropped, made.PARAMETRISED["spectral_norm"], "layer '0'"),
    "orthogonal map dropped": (MATRIX, parametrisation_dropped, made.PARAMETRISED["orthogonal"], "layer '0'"),
    "transpose dropped": (MATRIX, transpose_dropped, gpt2, "layer '0'"),
    "transpose of a convolution dropped": (MATRIX, transpose_dropped, lambda: groups()[2:], "layer '2'"),
    "groups taken in another order": (MATRIX, groups_taken_in_another_order, groups, "layer '0'"),
    "scale taken": (MATRIX, scale_taken, made.plain, "layer '0'"),
    "scale taken, quantised": (MATRIX, scale_taken, quantised, "layer '0'"),
    "bias lost": (MATRIX, bias_lost, made.plain, "layer '0'"),
    "sign lost": (MATRIX, sign_lost, made.plain, "layer '0'"),
    "another scale, quantised": (MATRIX, dequantised_by_another_scale, quantised, "layer '0'"),
    "second use of a ReLU dropped": (ORDER, repeats_dropped, shared, "layer '2'"),
    "second use of a layer dropped": (ORDER, repeats_dropped, shared_linear, "layer|network"),
    "ReLU lost": (FLOW, relu_lost, made.plain, "layer '0'"),
    "ReLU lost, quantised": (FLOW, relu_lost, quantised, "layer '0'"),
    "ReLU of a function lost": (FLOW, relu_lost, made.Net, "the network"),
    "ReLU made up": (FLOW, relu_made_up, made.plain, "layer '2'"),
    "ReLU of a function made up": (FLOW, relu_made_up, made.Net, "the network"),
}
"""Faults by name: what of the reader is replaced, by what, the module, and what the refusal names."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_the_reader_is_caught(fault, monkeypatch, tmp_path):
    place, change, build, named = FAULTS[fault]
    net = build()
    right = eiesim.compress(net)
    assert right.model.held.layers
    if place == MATRIX:
        monkeypatch.setattr(modules, "matrix_of", other_matrix(change))
    else:
        monkeypatch.setattr(module_network, f"_{place}", change)
    with pytest.raises(eiesim.EieError, match=rf"({named}).*: as read it gives other outputs") as refusal:
        eiesim.compress(net, tmp_path / "net")
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "net").exists()
    if place == MATRIX or named.startswith("layer '"):
        assert eiesim.compress(net, check=False).model.held.against is None


def test_what_is_held_stands_in_the_report_and_the_summary(tmp_path):
    compressed = eiesim.compress(made.plain(), tmp_path / "net")
    report = json.loads((tmp_path / "net" / "report.json").read_text())["held"]
    assert report["against"] == "torch"
    assert [one["name"] for one in report["layers"]] == ["0", "2"]
    assert all(0 <= one["error"] < 1e-6 for one in [*report["layers"], {"error": report["network_error"]}])
    most = max(one["error"] for one in report["layers"])
    assert compressed.model.held.line == f"read as it runs: 2 of 2 layers within {most:.1e}"
    from eiesim.compression.terminal import summary

    assert any(compressed.model.held.line in str(part) for part in summary(compressed, tmp_path))


def test_left_unchecked_it_is_told(tmp_path):
    compressed = eiesim.compress(made.plain(), tmp_path / "net", check=False)
    assert "held against nothing: --no-check" in compressed.model.notes
    assert json.loads((tmp_path / "net" / "report.json").read_text())["held"]["against"] is None


def test_calibration_inputs_are_what_a_module_is_run_on():
    seen = []

    class Looks(made.Net):
        def forward(self, x):
            seen.append(x.clone())
            return super().forward(x)

    inputs = np.random.default_rng(0).standard_normal((20, made.COLS)).astype(np.float32)
    compressed = eiesim.compress(Looks(), calibration=inputs)
    assert any(np.array_equal(one.numpy(), inputs[:8]) for one in seen)
    assert compressed.model.held.network.error < 1e-6
    assert compressed.network_error is not None


LAYER = DenseLayer("fc", np.eye(3, 2, dtype=np.float32), np.ones(3, np.float32), "relu")
INPUTS = np.array([[1, 2], [-3, 4]], np.float32)
RIGHT = np.array([[2, 3, 1], [0, 5, 1]], np.float32)


def error_of(inputs, outputs):
    return hold("torch", [LAYER], [Seen(inputs, outputs)]).layers[0].error


def test_errors_are_the_largest_over_the_largest_magnitude():
    assert error_of(INPUTS, RIGHT) == 0
    assert error_of(INPUTS, RIGHT + np.array([[0, 0, 0], [0, 0, 0.5]])) == pytest.approx(0.5 / 5)
    assert error_of(INPUTS, RIGHT[:, :2]) == float("inf")
    assert error_of(INPUTS.T, RIGHT) == float("inf") or INPUTS.shape[0] == INPUTS.shape[1]
    assert error_of(INPUTS, np.where(RIGHT == 5, np.nan, RIGHT)) == 0  # the source's own number is none
    assert error_of(INPUTS, np.full_like(RIGHT, np.inf)) is None


def test_the_tolerance_decides():
    for factor, fits in ((1 + 9e-5, True), (1 + 1.2e-4, False)):
        found = hold("torch", [LAYER], [Seen(INPUTS, (RIGHT * factor).astype(np.float32))])
        assert found.layers[0].fits == fits
        if not fits:
            with pytest.raises(
                eiesim.EieError, match=r"layer 'fc': as read .* than the module \(relative error 0\.00012"
            ):
                check(found)
    assert hold("onnxruntime", [LAYER], [Seen(INPUTS, RIGHT * 1.004, held.TOLERANCE_16_BITS)]).layers[0].fits
    assert held.AGAINST_NOTHING.line == "held against nothing"
    check(hold("torch", [LAYER], [None]))
