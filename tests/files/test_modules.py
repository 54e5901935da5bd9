"""Torch modules are read as they compute: held to torch's own weights and outputs."""

import copy
import random
from typing import Any

import numpy as np
import pytest

import eiesim
from eiesim.dense import forward

torch = pytest.importorskip("torch", reason="needs extra [train]")
from torch import nn  # noqa: E402
from torch.nn.utils import prune  # noqa: E402

from tests.files import torch_modules as made  # noqa: E402

X = torch.randn(6, made.COLS, generator=torch.Generator().manual_seed(7))


def relative(found, right):
    right = right.detach().numpy()
    return float(np.abs(found - right).max() / np.abs(right).max())


def read(module, **options):
    return eiesim.compress(module, **options).model


def same_as(module, x=X, **options):
    """The model, whose layers in a row give the module's outputs."""
    model = read(module, **options)
    assert model.chain
    with torch.no_grad():
        right = module(x)
    assert relative(forward(model.layers, x.numpy()), right) < 1e-4
    return model


@pytest.mark.parametrize("kind", made.PARAMETRISED)
def test_weights_are_those_that_the_module_computes(kind):
    net = made.PARAMETRISED[kind]()
    with torch.no_grad():
        net(X)  # from here on `weight` is what it computes, for the old hooks too
        right = [net[k].weight.detach().clone() for k in (0, 2)], [net[k].bias.detach().clone() for k in (0, 2)]
    model = same_as(net)
    for layer, weight, bias in zip(model.layers, *right, strict=True):
        assert np.abs(layer.weights - weight.numpy()).max() < 1e-6
        assert (layer.weights == 0).sum() == (weight == 0).sum()
        assert np.abs(layer.bias - bias.numpy()).max() < 1e-6
    assert [layer.activation for layer in model.layers] == ["relu", "none"]
    assert model.held.against == "torch"
    assert max(one.error for one in model.held.layers) < 1e-6
    assert {entry.layer for entry in model.ledger} == {"0", "2"}


@pytest.mark.parametrize("kind", made.PARAMETRISED)
def test_from_torch_too_and_after_other_weights_were_loaded(kind):
    net, other = made.PARAMETRISED[kind](), made.PARAMETRISED[kind]()
    net(X)  # the old hooks leave `weight` as it is now
    with torch.no_grad():
        for value in other.parameters():
            value.mul_(-1.5).add_(0.01)
    net.load_state_dict(other.state_dict(), strict=False)  # torch.ao.pruning's masks are not in it
    layer = eiesim.CompressedLayer.from_torch(net[0], bits=8, activation="none")
    with torch.no_grad():
        net(X)
    right = net[0].weight.detach().numpy()
    assert np.array_equal(layer.to_dense() != 0, right != 0)
    assert np.abs(layer.to_dense() - right).max() < 1e-6  # 96 weights and 8 offsets, 255 codes


def test_one_object_that_stands_twice_runs_twice():
    torch.manual_seed(0)
    relu, tanh, linear = nn.ReLU(), nn.Tanh(), nn.Linear(8, 8)
    block = nn.Sequential(nn.Linear(8, 8), relu)
    nets = {
        ("relu", "relu", "none"): nn.Sequential(nn.Linear(12, 8), relu, nn.Linear(8, 8), relu, nn.Linear(8, 4)),
        ("none", "relu", "relu", "none"): nn.Sequential(nn.Linear(12, 8), *[linear, nn.ReLU()] * 2, nn.Linear(8, 4)),
        ("relu", "relu", "relu"): nn.Sequential(nn.Linear(12, 8), relu, block, block),
        ("none", "none"): nn.Sequential(nn.Linear(12, 8), nn.Sequential(linear)),
    }
    for activations, net in nets.items():
        assert tuple(layer.activation for layer in same_as(net).layers) == activations
    model = read(nn.Sequential(nn.Linear(12, 8), tanh, nn.Linear(8, 8), tanh, nn.Linear(8, 4)))
    assert not model.chain
    assert [part.name for part in model.left_out] == ["1", "3"]


@pytest.mark.parametrize("kind", [made.Net, made.Twice, made.RawParameters])
def test_code_of_its_own_is_read_by_its_run(kind):
    model = same_as(kind())
    assert [layer.activation for layer in model.layers][-1] == "none"
    assert {layer.activation for layer in model.layers[:-1]} == {"relu"}


def test_layers_stand_in_the_order_in_which_they_run():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.body = nn.Linear(8, 4), nn.Linear(12, 8)

        def forward(self, x):
            return self.head(torch.relu(self.body(x)))

    assert [layer.name for layer in same_as(Backwards()).layers] == ["body", "head"]


def test_what_follows_the_last_layer_leaves_them_a_chain():
    model = read(made.Scores())
    assert model.chain
    assert relative(forward(model.layers, X.numpy()), made.Net()(X)) < 1e-4
    assert any("follows 'out'" in part.reason for part in model.left_out)
    assert read(nn.Sequential(nn.Linear(12, 4), nn.Softmax(1))).left_out[0].name == "1"


@pytest.mark.parametrize("kind", [made.Tanh, made.Residual, made.Clipped, made.AnotherOrder])
def test_what_eie_has_not_between_layers_is_no_chain_and_its_work_is_not_claimed(kind):
    compressed = eiesim.compress(kind())
    assert not compressed.model.chain
    assert compressed.macs_share is None
    assert len(compressed.model.held.layers) == 3


def test_what_stands_before_the_first_layer_is_told():
    model = read(nn.Sequential(nn.BatchNorm1d(12), nn.Tanh(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4)).eval())
    assert not model.chain
    reasons = {part.name: part.reason for part in model.left_out}
    assert "BatchNorm1d stands before the first layer" in reasons["0"]
    assert "Tanh stands before the first layer" in reasons["1"]
    assert {entry.role for entry in model.ledger if entry.tensor.startswith("0.")} == {"statistics"}


CONVOLUTIONS = {
    "1x1": lambda: nn.Conv2d(6, 4, 1),
    "groups": lambda: nn.Conv2d(6, 4, 1, groups=2, bias=False),
    "one axis, stride": lambda: nn.Conv1d(6, 4, 1, stride=2),
    "three axes, padding": lambda: nn.Conv3d(6, 4, 1, padding=1),
    "transposed": lambda: nn.ConvTranspose2d(6, 4, 1),
    "transposed, square": lambda: nn.ConvTranspose1d(6, 6, 1),
    "transposed, groups": lambda: nn.ConvTranspose2d(6, 4, 1, groups=2),
    "transposed, stride and padding": lambda: nn.ConvTranspose2d(6, 4, 1, stride=3, padding=1),
}


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_convolutions_are_matrices_of_channels(kind):
    torch.manual_seed(0)
    module = CONVOLUTIONS[kind]()
    model = read(module)
    assert model.held.layers[0].error < 1e-6
    axes = len(module.kernel_size)
    x = torch.randn(5, 6, *(1,) * axes)
    module.stride, module.padding = (1,) * axes, (0,) * axes  # a single position
    assert relative(forward(model.layers, x.numpy().reshape(5, 6)), module(x).reshape(5, -1)) < 1e-4
    one = eiesim.CompressedLayer.from_torch(module, bits=8)
    assert one.shape == model.layers[0].weights.shape
    assert np.array_equal(one.to_dense() != 0, model.layers[0].weights != 0)


def test_depthwise_is_read_and_larger_kernels_are_left_out_by_name():
    net = nn.Sequential(
        nn.Conv2d(4, 8, 1, groups=4), nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 2, 1)
    )
    model = read(net)
    assert [(layer.name, layer.groups, layer.depthwise) for layer in model.layers] == [("0", 4, True), ("3", 1, False)]
    reasons = {part.name: part.reason for part in model.left_out}
    assert "a 3x3 depthwise convolution" in reasons["1.weight"]
    assert "exported to ONNX it is read" in reasons["1.weight"]
    assert "a 3x3 convolution" in reasons["2.weight"]
    one = eiesim.CompressedLayer.from_torch(net[0], bits=8)
    assert (one.groups, one.depthwise, one.dense_weights) == (4, True, 8)


@pytest.mark.parametrize("shape", [(8, 8), (12, 8), (4, 8)])
def test_inputs_first_is_seen_by_a_run(shape):
    torch.manual_seed(0)
    module = made.Conv1D(*shape)
    x = torch.randn(5, shape[1])
    same_as(module, x)
    right = eiesim.CompressedLayer.from_torch(module, bits=8).to_dense()
    assert np.abs(right - module.weight.detach().numpy().T).max() < 0.05
    torch.manual_seed(0)
    same_as(nn.Sequential(made.Conv1D(16, shape[1]), nn.ReLU(), made.Conv1D(3, 16)), x)


def test_a_mask_that_only_the_modules_code_applies():
    torch.manual_seed(0)
    net = nn.Sequential(made.MaskedLinear(12, 8), nn.ReLU(), made.MaskedLinear(8, 8), nn.ReLU(), nn.Linear(8, 4))
    model = same_as(net)
    assert {entry.role for entry in model.ledger if entry.tensor.endswith("mask")} == {"mask"}
    assert model.layers[0].density < 0.5


def test_code_that_is_not_understood_is_refused_by_name_unless_left():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), made.ScaledLinear(8, 4))
    with pytest.raises(eiesim.EieError, match=r"layer '2': as read it gives other outputs than the module"):
        eiesim.compress(net)
    assert [layer.name for layer in read(net, leave="2").layers] == ["0"]
    assert len(read(net, check=False).layers) == 2
    with pytest.raises(eiesim.EieError, match="ScaledLinear: its outputs are not its weight times its inputs"):
        eiesim.CompressedLayer.from_torch(net[2])


def test_square_parameters_of_its_own_that_are_turned_are_refused():
    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.W1, self.W2 = nn.Parameter(torch.randn(8, 8)), nn.Parameter(torch.randn(8, 8))

        def forward(self, x):
            return torch.relu(x @ self.W1) @ self.W2

    with pytest.raises(eiesim.EieError, match="the network: as read it gives other outputs than the module"):
        eiesim.compress(Turned())


WRAPPED = {
    "DataParallel": nn.DataParallel,
    "torch.compile": torch.compile,
    "AveragedModel": torch.optim.swa_utils.AveragedModel,
    "script": lambda net: torch.jit.script(net),
    "trace": lambda net: torch.jit.trace(net, X),
    "DataParallel, compiled": lambda net: torch.compile(nn.DataParallel(net)),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("how", WRAPPED)
def test_wrappers_are_looked_through(how):
    for net in (made.plain(), made.Net().eval()):
        model = read(WRAPPED[how](net))
        assert model.chain
        assert relative(forward(model.layers, X.numpy()), net(X)) < 1e-4


def test_a_list_of_modules_is_layers_by_themselves():
    model = read(nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 2)]))
    assert not model.chain
    assert [one.error < 1e-6 for one in model.held.layers] == [True, True]


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_other_precisions(kind):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)).to(getattr(torch, kind))
    model = read(net)
    assert np.array_equal(model.layers[0].weights, net[0].weight.float().detach().numpy())
    assert model.held.layers[0].tolerance == (1e-4 if kind == "float64" else 5e-3)


@pytest.mark.filterwarnings("ignore")
def test_quantised_modules_are_dequantised():
    torch.manual_seed(0)
    net = torch.ao.quantization.quantize_dynamic(made.plain(), {nn.Linear})
    model = read(net)
    assert model.chain
    for layer, k in zip(model.layers, (0, 2), strict=True):
        assert np.abs(layer.weights - net[k].weight().dequantize().numpy()).max() < 1e-6
    assert 1e-4 < max(one.error for one in model.held.layers) < 3.2e-2


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN", "LSTMCell", "GRUCell"])
def test_recurrent_matrices_are_layers_pruned_ones_too(kind):
    torch.manual_seed(0)
    module = getattr(nn, kind)(6, 5)
    own = "weight_ih" if kind.endswith("Cell") else "weight_ih_l0"
    prune.l1_unstructured(module, own, 0.5)
    model = read(module)
    by_name = {layer.name.removeprefix(f"{kind}."): layer for layer in model.layers}
    right = getattr(module, own).detach().numpy()
    assert np.array_equal(by_name[own].weights, right)
    assert np.array_equal(by_name[own].bias, getattr(module, own.replace("weight", "bias")).detach().numpy())
    assert len(by_name) == 2
    assert not model.chain


def test_attention_embedding_and_tied_weights():
    torch.manual_seed(0)

    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.attention = nn.Embedding(30, 8), nn.MultiheadAttention(8, 2, kdim=8, vdim=8)
            self.head = nn.Linear(8, 30)
            self.head.weight = self.embed.weight

        def forward(self, tokens):
            x = self.embed(tokens)
            return self.head(self.attention(x, x, x)[0])

    net = Small()
    compressed = eiesim.compress(net)
    model = compressed.model
    assert [layer.name for layer in model.layers] == ["attention.in_proj", "attention.out_proj", "head"]
    assert np.array_equal(model.layers[0].weights, net.attention.in_proj_weight.detach().numpy())
    assert np.array_equal(model.layers[0].bias, net.attention.in_proj_bias.detach().numpy())
    entries = {entry.tensor: entry for entry in model.ledger}
    assert entries["embed.weight"].role == "left out"
    assert "an embedding" in entries["embed.weight"].reason
    assert entries["head.weight"].layer == "head"
    assert compressed.macs_share is None
    assert "embed" in [layer.name for layer in read(net, take=["embed.weight"]).layers]


@pytest.mark.parametrize("bias", [True, False])
def test_attention_of_keys_and_values_of_other_sizes(bias):
    """Three matrices of their own, each with its third of the one bias."""
    net = nn.MultiheadAttention(8, 2, kdim=6, vdim=4, bias=bias)
    if bias:
        net.in_proj_bias.data.normal_()
    layers = {layer.name.rpartition(".")[2]: layer for layer in read(net).layers}
    for k, part in enumerate("qkv"):
        layer = layers[f"{part}_proj"]
        assert np.array_equal(layer.weights, getattr(net, f"{part}_proj_weight").detach().numpy())
        assert (layer.bias is None) != bias
        if bias:
            assert np.array_equal(layer.bias, net.in_proj_bias.detach().numpy()[8 * k : 8 * k + 8])


def test_a_module_that_was_never_run_is_refused():
    with pytest.raises(eiesim.EieError, match=r"^0\.weight: is not there yet; run the module once"):
        eiesim.compress(nn.Sequential(nn.LazyLinear(4), nn.ReLU()))


def state_of(module):
    """Everything of a module that a run could change."""
    held = {}
    for name, one in module.named_modules():
        own = {key: value for key, value in vars(one).items() if not key.startswith("_")}
        hooks = {key: list(value) for key, value in vars(one).items() if key.endswith("hooks") and value is not None}
        held[name] = (
            one.training,
            {key: value.clone() if isinstance(value, torch.Tensor) else copy.copy(value) for key, value in own.items()},
            hooks,
            [(key, value.clone(), id(value)) for key, value in one.named_buffers(recurse=False)],
            [
                (key, value.detach().clone(), id(value), None if value.grad is None else value.grad.clone(),
                 value.requires_grad, value.device)
                for key, value in one.named_parameters(recurse=False)
            ],
        )  # fmt: skip
    return held


def same_state(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_state(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same_state, one, other))
    return one == other


def numpy_state() -> Any:
    return np.random.get_state(legacy=False)["state"]["key"]


class Untidy(nn.Module):
    """Changes itself whenever it runs."""

    def __init__(self):
        super().__init__()
        self.fc1, self.norm, self.fc2 = nn.Linear(12, 8), nn.BatchNorm1d(8), nn.Linear(8, 4)
        self.register_buffer("seen", torch.zeros(8))
        self.runs, self.history, self.cache = 0, [], {}

    def forward(self, x):
        self.runs += 1
        self.history.append(x)
        self.cache["last"] = x
        self.fc1.weight.data.clamp_(-0.1, 0.1)
        self.fc2.weight.data = self.fc2.weight.data.sign()
        self.seen += 1
        self.norm.running_mean += 1
        random.random(), np.random.random(), torch.rand(1)
        return self.fc2(torch.relu(self.norm(self.fc1(x))))


@pytest.mark.parametrize("training", [True, False])
def test_a_run_leaves_the_module_and_random_numbers_as_they_were(training):
    torch.manual_seed(0)
    nets: list[nn.Module] = [build() for build in made.PARAMETRISED.values()]
    nets += [Untidy(), nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 4))]
    for net in nets:
        net.train(training)
        for child in list(net.modules())[2:3]:
            child.training = not training  # a mode of its own
        net(X).sum().backward()  # gradients, statistics and what the old hooks compute
        before = state_of(net)
        rng = torch.get_rng_state(), numpy_state().copy(), random.getstate()
        eiesim.compress(net)
        eiesim.CompressedLayer.from_torch(next(one for one in net.modules() if hasattr(one, "in_features")))
        assert same_state(before, state_of(net)), net
        assert torch.equal(rng[0], torch.get_rng_state())
        assert np.array_equal(rng[1], numpy_state())
        assert rng[2] == random.getstate()


def test_a_module_that_cannot_run_is_left_as_it_was_too():
    class Fails(Untidy):
        def forward(self, x):
            super().forward(x)
            raise ValueError("never")

    net = Fails()
    before = state_of(net)
    model = read(net)
    assert same_state(before, state_of(net))
    assert [one.error < 1e-6 for one in model.held.layers] == [True, True]
    assert "no inputs were found" in model.notes[-1]
