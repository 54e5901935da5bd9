"""Calibration inputs of modules whose layers do not follow one another: what each layer is given when they run."""

import re

import numpy as np
import pytest

import eiesim
from eiesim import EieError

torch = pytest.importorskip("torch", reason="needs extra [train]")
from torch import nn  # noqa: E402


class Mixed(nn.Module):
    """Tokens, a residual, a gate, a mask, an attention, one layer used twice."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.embedding = nn.Embedding(30, 12)
        self.attention = nn.MultiheadAttention(12, 3, batch_first=True)
        self.twice = nn.Linear(12, 12)
        self.gate = nn.Linear(12, 12)
        self.head = nn.Linear(12, 4)

    def forward(self, tokens, mask=None):
        x = self.embedding(tokens)
        x = x + self.attention(x, x, x)[0]
        x = torch.relu(self.twice(torch.relu(self.twice(x)))) + x
        x = x * torch.sigmoid(self.gate(x))
        if mask is not None:
            x = x * mask[..., None]
        return self.head(x.mean(1))


def seen(module, *arguments, **keywords):
    """What each Linear was given, by its name, one call after another."""
    found = {}
    handles = [
        part.register_forward_pre_hook(
            lambda _, given, name=name: found.setdefault(name, []).append(given[0].reshape(-1, given[0].shape[-1]))
        )
        for name, part in module.named_modules()
        if type(part) is nn.Linear
    ]
    with torch.no_grad():
        module(*arguments, **keywords)
    for handle in handles:
        handle.remove()
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}


@pytest.fixture
def module():
    return Mixed().eval()


TOKENS = np.random.default_rng(0).integers(0, 30, (20, 6))


def names(found):
    return [layer.name for layer in found.layers]


def test_tokens_reach_each_layer_as_whole_numbers(module):
    found = eiesim.compress(module, density=0.5, calibration=TOKENS)
    expected = seen(module, torch.from_numpy(TOKENS))
    assert {"twice", "gate", "head"} <= set(names(found))
    for name, inputs, vectors in zip(names(found), found.inputs, found.vectors, strict=True):
        if name in expected:
            np.testing.assert_allclose(inputs, expected[name], atol=1e-6)
            assert vectors == len(expected[name]) / len(TOKENS)
        else:
            assert inputs is None
    errors = {report.name: report.output_error for report in found.reports}
    assert 0 < errors["gate"] < 1


def test_arguments_by_name_reach_each_layer(module):
    mask = np.random.default_rng(1).random((20, 6)).astype(np.float32)
    found = eiesim.compress(module, calibration={"tokens": TOKENS, "mask": mask})
    expected = seen(module, torch.from_numpy(TOKENS), mask=torch.from_numpy(mask))
    np.testing.assert_allclose(found.inputs[names(found).index("head")], expected["head"], atol=1e-6)
    assert found.vectors[names(found).index("gate")] == 6


def test_without_the_check_too_and_the_layers_run_on_what_was_recorded(module):
    found = eiesim.compress(module, calibration=TOKENS, check=False)
    at = names(found).index("gate")
    run = eiesim.simulate((found.layers[at], found.inputs[at]), config={"arithmetic": "float32"})
    dense = found.inputs[at] @ found.layers[at].to_dense().T + found.layers[at].bias
    np.testing.assert_allclose(run.outputs, dense, atol=1e-5)


def test_a_residual_takes_a_vector_or_a_batch():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 8)

        def forward(self, x):
            h = torch.tanh(self.a(x))
            return h + self.b(h)

    module, values = Residual(), np.random.default_rng(2).normal(size=(5, 6)).astype(np.float32)
    for given in (values, values[0]):
        found = eiesim.compress(module, calibration=given)
        expected = seen(module, torch.from_numpy(np.atleast_2d(given)))
        for name, inputs in zip(names(found), found.inputs, strict=True):
            np.testing.assert_allclose(inputs, expected[name], atol=1e-6)


def test_a_chain_on_sequences_has_a_vector_a_step():
    module = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    values = np.random.default_rng(3).normal(size=(4, 5, 6)).astype(np.float32)
    found = eiesim.compress(module, calibration=values)
    np.testing.assert_array_equal(found.inputs[0], values.reshape(20, 6))
    assert found.vectors == (5, 5)


def test_positions_keep_so_many_of_each_image():
    module = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Tanh(), nn.Conv2d(8, 4, 1))
    images = np.random.default_rng(4).normal(size=(4, 3, 6, 5)).astype(np.float32)
    found = eiesim.compress(module, calibration=images, positions=10)
    assert [len(inputs) for inputs in found.inputs] == [40, 40]
    assert found.vectors == (30, 30)
    for k, own in enumerate(found.inputs[0].reshape(4, 10, 3)):
        pixels = {tuple(pixel) for pixel in images[k].reshape(3, -1).T}
        assert len({tuple(one) for one in own} & pixels) == 10
    with pytest.raises(EieError, match="positions = 0: must be 1 or more"):
        eiesim.compress(module, calibration=images, positions=0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.full((4, 6), 30), "does not run on them: .*out of range"),
        (TOKENS.astype(np.float32), "does not run on them"),
        ({"words": TOKENS}, "does not run on them: .*words"),
    ],
)
def test_what_the_module_does_not_take_is_refused_with_its_own_words(module, given, words):
    with pytest.raises(EieError) as refused:
        eiesim.compress(module, calibration=given)
    assert re.search(words, str(refused.value))
    assert "\n" not in str(refused.value)
