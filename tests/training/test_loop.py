"""Training for real, on a small problem: three clouds of points."""

import numpy as np
import pytest

from eiesim import EieError
from eiesim.compression.train import (
    Examples,
    Settings,
    fine_tune_centroids,
    prune_and_retrain,
    train,
    untrained,
)
from eiesim.dense import expand, forward

torch = pytest.importorskip("torch", reason="needs extra [train]")

# More threads only get into each other's way on matrices this small.
torch.set_num_threads(1)

SETTINGS = Settings(epochs=12, patience=4, batch=32, rate=5e-3)


def clouds(seed, count=300):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    centres = np.random.default_rng(99).normal(size=(3, 16))
    return Examples((centres[labels] + rng.normal(size=(count, 16))).astype(np.float32), labels)


def share_right(layers, examples):
    return (forward(layers, examples.inputs).argmax(axis=1) == examples.labels).mean()


@pytest.fixture(scope="module")
def trained():
    start = untrained([16, 24, 3], ["a", "b"], seed=0)
    return start, train(start, clouds(0), clouds(1), SETTINGS)


def test_learns(trained):
    start, dense = trained
    held_out = clouds(2)
    assert share_right(dense, held_out) > 0.95
    assert share_right(dense, held_out) > share_right(start, held_out) + 0.2
    assert [layer.activation for layer in dense] == ["relu", "none"]


def test_same_seed_same_layers(trained):
    start, dense = trained
    again = train(start, clouds(0), clouds(1), SETTINGS)
    other = train(start, clouds(0), clouds(1), Settings(**{**vars(SETTINGS), "seed": 5}))
    assert all((a.weights == b.weights).all() and (a.bias == b.bias).all() for a, b in zip(dense, again, strict=True))
    assert not (dense[0].weights == other[0].weights).all()


def test_pruned_weights_stay_pruned(trained):
    _, dense = trained
    seen = []
    pruned, masks = prune_and_retrain(
        dense, [0.2, 0.5], clouds(0), clouds(1), SETTINGS, rounds=3, progress=lambda *args: seen.append(args)
    )
    assert [mask.count for mask in masks] == [round(0.2 * 384), round(0.5 * 72)]
    for layer, mask in zip(pruned, masks, strict=True):
        assert (layer.weights[~mask.kept] == 0).all()
        assert (layer.weights[mask.kept] != 0).all()
    # What is left has gone on learning.
    assert (pruned[0].weights != dense[0].weights)[masks[0].kept].any()
    assert share_right(pruned, clouds(2)) > 0.9
    assert {stage for stage, _, _ in seen} == {"prune 1/3", "prune 2/3", "prune 3/3"}


def test_centroids_move_and_codes_do_not(trained):
    _, dense = trained
    shared = [layer.shared(2) for layer in dense]
    tuned = fine_tune_centroids(shared, clouds(0), clouds(1), SETTINGS)
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
    train(dense, clouds(0), clouds(1), settings, progress=lambda stage, epoch, loss: epochs.append((epoch, loss)))
    losses = [loss for _, loss in epochs]
    assert len(epochs) < 200
    assert min(losses[:-2], default=np.inf) <= min(losses[-2:])


def test_refuses(trained):
    _, dense = trained
    with pytest.raises(EieError, match="needs one each"):
        prune_and_retrain(dense, [0.5], clouds(0), clouds(1))
    with pytest.raises(EieError, match="rounds = 0"):
        prune_and_retrain(dense, [0.5, 0.5], clouds(0), clouds(1), rounds=0)
    with pytest.raises(EieError, match="do not go together"):
        Examples(np.zeros((3, 2), np.float32), np.zeros(4, np.int64))
