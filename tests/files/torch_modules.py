"""Torch modules that tests read: each gives the same network each time it is called."""

import torch
from torch import nn
from torch.ao.pruning import WeightNormSparsifier
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize, prune

COLS, ROWS = 12, 4


def plain(*between):
    """Linear 12 to 8, what stands between, Linear 8 to 4, of seeded numbers."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(COLS, 8), *(between or (nn.ReLU(),)), nn.Linear(8, ROWS)).eval()


def on_each(how):
    net = plain()
    for part in (net[0], net[2]):
        how(part)
    return net.eval()


def ao_pruned():
    net = plain()
    sparsifier = WeightNormSparsifier(sparsity_level=0.5, sparse_block_shape=(1, 1), zeros_per_block=1)
    sparsifier.prepare(net, [{"tensor_fqn": "0.weight"}, {"tensor_fqn": "2.weight"}])
    sparsifier.step()
    return net


class Mask(nn.Module):
    def __init__(self, like):
        super().__init__()
        self.register_buffer("mask", (torch.rand_like(like) < 0.5).float())

    def forward(self, weight):
        return weight * self.mask


class Half(nn.Module):
    def forward(self, weight):
        return weight.tril() / 2


def masked(part):
    parametrize.register_parametrization(part, "weight", Mask(part.weight))


def normed_and_masked(part):
    parametrizations.weight_norm(part)
    masked(part)


PARAMETRISED = {
    "prune": lambda: on_each(lambda part: prune.l1_unstructured(part, "weight", 0.5)),
    "prune, weight and bias": lambda: on_each(
        lambda part: (prune.random_unstructured(part, "weight", 0.3), prune.random_unstructured(part, "bias", 0.5))
    ),
    "prune, rows": lambda: on_each(lambda part: prune.ln_structured(part, "weight", 0.5, n=2, dim=0)),
    "prune, twice": lambda: on_each(
        lambda part: (prune.l1_unstructured(part, "weight", 0.3), prune.random_structured(part, "weight", 0.3, 1))
    ),
    "torch.ao.pruning": ao_pruned,
    "weight_norm": lambda: on_each(parametrizations.weight_norm),
    "weight_norm, by column": lambda: on_each(lambda part: parametrizations.weight_norm(part, dim=1)),
    "weight_norm, of the whole": lambda: on_each(lambda part: parametrizations.weight_norm(part, dim=None)),
    "old weight_norm": lambda: on_each(nn.utils.weight_norm),
    "old weight_norm, by column": lambda: on_each(lambda part: nn.utils.weight_norm(part, dim=1)),
    "old weight_norm, of the whole": lambda: on_each(lambda part: nn.utils.weight_norm(part, dim=None)),
    "spectral_norm": lambda: on_each(parametrizations.spectral_norm),
    "spectral_norm, by column": lambda: on_each(lambda part: parametrizations.spectral_norm(part, dim=1)),
    "old spectral_norm": lambda: on_each(nn.utils.spectral_norm),
    "old spectral_norm, by column": lambda: on_each(lambda part: nn.utils.spectral_norm(part, dim=1)),
    "orthogonal": lambda: on_each(parametrizations.orthogonal),
    "orthogonal, cayley": lambda: on_each(lambda part: parametrizations.orthogonal(part, orthogonal_map="cayley")),
    "a mask of one's own": lambda: on_each(masked),
    "code of one's own": lambda: on_each(lambda part: parametrize.register_parametrization(part, "weight", Half())),
    "weight_norm, then a mask": lambda: on_each(normed_and_masked),
}


class Net(nn.Module):
    """The usual way to write one: ReLU is a function."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.fc1, self.fc2, self.out = nn.Linear(COLS, 8), nn.Linear(8, 8), nn.Linear(8, ROWS)

    def forward(self, x):
        return self.out(functional.relu(self.fc2(functional.relu(self.fc1(x)))))


class Twice(Net):
    def forward(self, x):
        return self.out(functional.relu(self.fc2(functional.relu(self.fc2(functional.relu(self.fc1(x)))))))


class AnotherOrder(Net):
    def forward(self, x):
        return self.fc2(functional.relu(functional.relu(self.fc1(x))))


class Scores(Net):
    def forward(self, x):
        return functional.log_softmax(super().forward(x), 1)


class Tanh(Net):
    def forward(self, x):
        return self.out(functional.relu(self.fc2(torch.tanh(self.fc1(x)))))


class Clipped(Net):
    def forward(self, x):
        return self.out(functional.relu6(self.fc2(functional.relu(self.fc1(x)))))


class Residual(Net):
    def forward(self, x):
        before = functional.relu(self.fc1(x))
        return self.out(before + functional.relu(self.fc2(before)))


class Conv1D(nn.Module):
    """GPT-2's: y = x W + b, W (inputs, outputs)."""

    def __init__(self, outputs, inputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.randn(outputs))

    def forward(self, x):
        return x @ self.weight + self.bias


class MaskedLinear(nn.Linear):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs)
        self.register_buffer("mask", (torch.rand_like(self.weight) < 0.3).float())

    def forward(self, x):
        return functional.linear(x, self.weight * self.mask, self.bias)


class ScaledLinear(nn.Linear):
    """What it multiplies by is not its weight, and nothing beside it says so."""

    def forward(self, x):
        return functional.linear(x, self.weight / self.weight.norm(), self.bias)


class RawParameters(nn.Module):
    def __init__(self, middle=8):
        super().__init__()
        torch.manual_seed(2)
        self.W1, self.b1 = nn.Parameter(torch.randn(COLS, middle)), nn.Parameter(torch.randn(middle))
        self.W2, self.b2 = nn.Parameter(torch.randn(middle, ROWS)), nn.Parameter(torch.randn(ROWS))

    def forward(self, x):
        return torch.relu(x @ self.W1 + self.b1) @ self.W2 + self.b2
