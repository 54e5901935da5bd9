"""Training for real, on a small problem: three clouds of points."""

from dataclasses import replace

import numpy as np
import pytest

from eiesim import EieError
from eiesim.dense import expand, forward
from eiesim.training.architecture import perceptron
from eiesim.training.examples import Examples, split
from eiesim.training.loop import Lesson, Settings, fine_tune_centroids, train_layers
from tests.training.clouds import clouds

torch = pytest.importorskip("torch", reason="needs extra [train]")

# More threads only get into each other's way on matrices this small.
torch.set_num_threads(1)

LESSON = Lesson(clouds(0), clouds(1))
SETTINGS = Settings(epochs=12, patience=4, batch=32, rate=5e-3)


def share_right(layers, examples):
    return (forward(layers, examples.inputs).argmax(axis=1) == examples.labels).mean()


@pytest.fixture(scope="module")
def trained():
    start = perceptron([16, 24, 3]).untrained(0)
    return start, train_layers(start, LESSON, SETTINGS)


def test_learns(trained):
    start, dense = trained
    held_out = clouds(2)
    assert share_right(dense, held_out) > 0.95
    assert share_right(dense, held_out) > share_right(start, held_out) + 0.2
    assert [layer.activation for layer in dense] == ["relu", "none"]


def test_same_seed_same_layers(trained):
    start, dense = trained
    again = train_layers(start, LESSON, SETTINGS)
    other = train_layers(start, LESSON, Settings(**{**vars(SETTINGS), "seed": 5}))
    assert all((a.weights == b.weights).all() and (a.bias == b.bias).all() for a, b in zip(dense, again, strict=True))
    assert not (dense[0].weights == other[0].weights).all()


def test_centroids_move_and_codes_do_not(trained):
    _, dense = trained
    shared = [layer.shared(2) for layer in dense]
    tuned = fine_tune_centroids(shared, dense, LESSON, SETTINGS)
    for before, after in zip(shared, tuned, strict=True):
        assert (before.codes == after.codes).all()
        assert (before.indices == after.indices).all()
        assert (before.bias_codes == after.bias_codes).all()
        assert after.codebook[0] == 0
        assert (before.codebook[1:] != after.codebook[1:]).any()
        assert after.activation == before.activation

    def loss(layers, examples):
        scores = forward([expand(layer) for layer in layers], examples.inputs).astype(np.float64)
        right = scores[np.arange(len(scores)), examples.labels]
        return (np.log(np.exp(scores).sum(axis=1)) - right).mean()

    assert loss(tuned, clouds(1)) < loss(shared, clouds(1))


def test_a_centroids_gradient_is_its_weights_sum():
    """Deep Compression Eq. 3, against the gradient of every weight by itself."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (5, 6))
    codebook = torch.tensor([0.0, -0.5, 0.3, 0.9], requires_grad=True)
    x = torch.tensor(rng.normal(size=(7, 6)).astype(np.float32))
    (torch.nn.functional.linear(x, codebook[torch.tensor(codes)]) ** 2).sum().backward()
    weights = codebook.detach().numpy()[codes]
    by_weight = 2 * (x.numpy() @ weights.T).T @ x.numpy()
    sums = np.bincount(codes.ravel(), by_weight.ravel(), minlength=4)
    np.testing.assert_allclose(codebook.grad.numpy(), sums, rtol=1e-4)


def test_stops_early(trained):
    _, dense = trained
    epochs = []
    settings = Settings(epochs=200, patience=2, rate=0.05)
    train_layers(
        dense, replace(LESSON, progress=lambda stage, epoch, loss, share: epochs.append((epoch, loss))), settings
    )
    losses = [loss for _, loss in epochs]
    assert len(epochs) < 200
    assert min(losses[:-2], default=np.inf) <= min(losses[-2:])


def test_examples_are_divided_class_by_class():
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    examples = Examples(np.arange(100, dtype=np.float32)[:, None], labels)
    parts = split(examples, held_out=0.2, validation=0.1, seed=4)
    every = np.concatenate([part.inputs[:, 0] for part in (parts.training, parts.validation, parts.held_out)])
    assert sorted(every) == list(range(100))
    assert np.bincount(parts.held_out.labels).tolist() == [10, 6, 4]
    assert np.bincount(parts.validation.labels).tolist() == [5, 3, 2]
    assert (labels[parts.training.inputs[:, 0].astype(int)] == parts.training.labels).all()
    assert (np.diff(parts.training.labels) != 0).any()
    assert (split(examples, 0.2, 0.1, 4).held_out.inputs == parts.held_out.inputs).all()
    assert (split(examples, 0.2, 0.1, 5).held_out.inputs != parts.held_out.inputs).any()


def test_refuses():
    with pytest.raises(EieError, match="do not go together"):
        Examples(np.zeros((3, 2), np.float32), np.zeros(4, np.int64))
    few = Examples(np.zeros((12, 2), np.float32), np.array([0] * 10 + [2] * 2))
    with pytest.raises(EieError, match="class 1 has 0 examples"):
        split(few)
    with pytest.raises(EieError, match="need two shares above 0, together below 1"):
        split(few, 0.5, 0.5)
