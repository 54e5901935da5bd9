"""Each method's promise, on its own terms, by training for real on three clouds of points."""

from itertools import pairwise

import numpy as np
import pytest

from eiesim import EieError
from eiesim.coding.block_differences import decode_blocks, encode_blocks
from eiesim.dense import DenseLayer, forward
from eiesim.training.architecture import perceptron
from eiesim.training.binary import signs, two_values
from eiesim.training.blocks import in_block_order
from eiesim.training.early import own_masks
from eiesim.training.examples import Examples, Parts
from eiesim.training.losses import Distillation, Penalty, block_difference, soft_loss
from eiesim.training.magnitude import by_layer, prune_and_retrain
from eiesim.training.methods import METHODS
from eiesim.training.recipe import NAMES, Recipe
from eiesim.training.smaller import factors, hidden_widths
from tests.training.clouds import PARTS, clouds

torch = pytest.importorskip("torch", reason="needs extra [train]")

from eiesim.training.loop import Settings, one_thread, sensitivities  # noqa: E402
from eiesim.training.run import begin, finish, lesson_for  # noqa: E402

SHORT = {
    "dense": Settings(epochs=6, patience=6, batch=32, rate=5e-3),
    "retraining": Settings(epochs=2, patience=2, batch=32, rate=5e-3),
    "shared": Settings(epochs=1, patience=1, batch=32, rate=1e-3, decay=0.0),
    "rounds": 2,
}
SIZES = (16, 24, 12, 3)
WEIGHTS = 16 * 24 + 24 * 12 + 12 * 3
EXACT = ("magnitude", "iterative", "lottery", "snip", "random", "binary", "balanced")


def recipe(method, density=0.3, **options):
    return Recipe(method=method, density=density, **{**SHORT, **options})


def made(method, density=0.3, teacher=None, **options):
    how = recipe(method, density, **options)
    with one_thread():
        lesson = lesson_for(PARTS, how, teacher)
        return finish(PARTS, lesson, begin(perceptron(SIZES), lesson, how), how)


@pytest.fixture(scope="module")
def trained():
    """Every method, once."""
    found = {name: made(name) for name in NAMES}
    found["2:4"] = made("2:4", None)
    return found


def kept(layers):
    return sum(int(np.count_nonzero(layer.weights)) for layer in layers)


def test_the_table_has_every_name_and_its_source():
    assert set(METHODS) == set(NAMES)
    assert all(method.source and method.does for method in METHODS.values())


@pytest.mark.parametrize("name", [*NAMES, "2:4"])
def test_learns_and_keeps_to_its_mask(trained, name):
    found = trained[name]
    assert found.accuracy["dense"] > 0.9
    assert found.accuracy["shared"] >= 0.55  # chance is a third; one shot of neurons loses most
    for layer, mask in zip(found.outcome.layers, found.outcome.masks, strict=True):
        assert (layer.weights[~mask.kept] == 0).all()
    for layer, shared in zip(found.outcome.layers, found.shared, strict=True):
        assert layer.weights.shape == shared.shape
        assert ((shared.to_dense() != 0) <= (layer.weights != 0)).all()
        assert len(shared.codebook) <= 16
    assert found.dense_bytes == 4 * (WEIGHTS + 24 + 12 + 3)


@pytest.mark.parametrize("name", EXACT)
def test_exact_density(trained, name):
    outcome = trained[name].outcome
    assert sum(mask.count for mask in outcome.masks) == round(0.3 * WEIGHTS)
    assert kept(outcome.layers) == round(0.3 * WEIGHTS)
    assert trained[name].density == pytest.approx(round(0.3 * WEIGHTS) / WEIGHTS)


@pytest.mark.parametrize("name", ["neurons", "low-rank"])
def test_smaller_networks_do_not_exceed_the_density(trained, name):
    assert 0.15 < trained[name].density <= 0.3


def test_rounds_lie_within_one_another():
    how = recipe("iterative")
    with one_thread():
        lesson = lesson_for(PARTS, how)
        dense = begin(perceptron(SIZES), lesson, how).dense
        one = prune_and_retrain(dense, by_layer([0.5, 0.5, 0.5]), lesson, SHORT["retraining"], rounds=1)
        two = prune_and_retrain(dense, by_layer([0.25, 0.25, 0.25]), lesson, SHORT["retraining"], rounds=2)
    assert all((small.kept <= large.kept).all() for small, large in zip(two.masks, one.masks, strict=True))
    with pytest.raises(EieError, match="densities: 2 for 3 layers"):
        prune_and_retrain(dense, by_layer([0.5, 0.5]), lesson, SHORT["retraining"])
    with pytest.raises(EieError, match="rounds = 0"):
        prune_and_retrain(dense, by_layer([0.5] * 3), lesson, SHORT["retraining"], rounds=0)


def test_magnitudes_are_torchs_own(trained):
    """torch.nn.utils.prune, another implementation, keeps the same weights: in a layer, and of all layers."""
    from torch.nn.utils import prune as of_torch

    found = trained["magnitude"]
    for layer, mask in zip(found.networks.dense, found.outcome.masks, strict=True):
        module = torch.nn.Linear(layer.cols, layer.rows)
        module.weight.data = torch.tensor(layer.weights)
        of_torch.l1_unstructured(module, "weight", amount=layer.weights.size - mask.count)
        assert (module.weight_mask.numpy().astype(bool) == mask.kept).all()
    together = made("magnitude", together=True)
    modules = []
    for layer in together.networks.dense:
        modules.append(torch.nn.Linear(layer.cols, layer.rows))
        modules[-1].weight.data = torch.tensor(layer.weights)
    of_torch.global_unstructured(
        [(module, "weight") for module in modules], of_torch.L1Unstructured, amount=WEIGHTS - round(0.3 * WEIGHTS)
    )
    for module, mask in zip(modules, together.outcome.masks, strict=True):
        assert (module.weight_mask.numpy().astype(bool) == mask.kept).all()


def test_a_tickets_weights_are_the_first_ones(trained):
    found = trained["lottery"]
    for before, first, mask in zip(found.outcome.before, found.networks.initial, found.outcome.masks, strict=True):
        assert (before.weights == np.where(mask.kept, first.weights, 0)).all()
    other = made("lottery", reinitialise=True)
    for mask, same in zip(found.outcome.masks, other.outcome.masks, strict=True):
        assert (mask.kept == same.kept).all()
    first, again = found.networks.initial[0].weights, other.outcome.before[0].weights
    mask = other.outcome.masks[0].kept
    assert (again[mask] != first[mask]).all()
    assert again[mask].std() == pytest.approx(np.sqrt(2 / 16), rel=0.2)  # He's; a ticket's own are larger


def test_snips_scores_are_the_loss_differentiated_by_a_multiplier(trained):
    """SNIP, Eq. 4: c multiplies each weight; the score is |dL/dc| at c = 1. Here by autograd, and by differences."""
    layers, examples = perceptron(SIZES).untrained(3), clouds(5, 40)
    with one_thread():
        scores = sensitivities(layers, examples)
        multipliers = [torch.ones(layer.weights.shape, requires_grad=True) for layer in layers]
        values = torch.tensor(examples.inputs)
        for k, (layer, c) in enumerate(zip(layers, multipliers, strict=True)):
            values = values @ (c * torch.tensor(layer.weights)).T + torch.tensor(layer.bias)
            values = values.relu() if k < 2 else values
        torch.nn.functional.cross_entropy(values, torch.tensor(examples.labels)).backward()
    for score, c in zip(scores, multipliers, strict=True):
        np.testing.assert_allclose(score, c.grad.abs().numpy(), rtol=1e-4, atol=1e-7)

    def loss(weights):
        changed = [DenseLayer("a", weights), *layers[1:]]
        found = forward(changed, examples.inputs).astype(np.float64)
        found -= found.max(axis=1, keepdims=True)
        return -(found - np.log(np.exp(found).sum(axis=1, keepdims=True)))[np.arange(40), examples.labels].mean()

    i, j = np.unravel_index(scores[0].argmax(), scores[0].shape)
    step = np.zeros_like(layers[0].weights)
    step[i, j] = 0.02 * layers[0].weights[i, j]
    difference = (loss(layers[0].weights + step) - loss(layers[0].weights - step)) / 0.04
    assert abs(difference) == pytest.approx(scores[0][i, j], rel=0.05)
    # What is kept has the largest scores of all layers together, before any training.
    found = trained["snip"]
    assert (found.outcome.before[0].weights != 0).sum() == found.outcome.masks[0].count


def test_shuffled_blocks_are_blocks_again(trained):
    found = trained["blocks"]
    for mask, rows, cols in zip(found.outcome.masks, found.outcome.rows_of, found.outcome.cols_of, strict=True):
        ordered = mask.kept[np.ix_(rows, cols)]
        starts = [row.argmax() for row in ordered]
        assert starts == sorted(starts)
        for row in ordered:
            at = np.flatnonzero(row)
            assert len(at) == at[-1] - at[0] + 1  # one run of inputs
        assert len(np.unique(ordered, axis=0)) == len(set(starts))
        assert (np.unique(ordered, axis=0).sum(axis=0) == 1).all()  # blocks share no input and miss none


def test_block_order_computes_the_same(trained):
    found = trained["blocks"]
    ordered = in_block_order(found.shared, found.outcome.rows_of)
    inputs = PARTS.held_out.inputs
    as_trained, renamed = (forward(_dense(layers), inputs) for layers in (found.shared, ordered))
    np.testing.assert_allclose(renamed, as_trained, rtol=1e-4, atol=1e-5)
    mask = ordered[0].to_dense() != 0
    assert all((a == b).all() or not (a & b).any() for a, b in pairwise(mask))
    assert sum((a != b).any() for a, b in pairwise(mask)) == len(np.unique(mask, axis=0)) - 1


def _dense(layers):
    return [DenseLayer(layer.name, layer.to_dense(), layer.bias, layer.activation) for layer in layers]


def test_mesas_coding_decodes_to_the_layer(trained):
    found = trained["mesa"]
    assert found.outcome.blocks == (3, 4, 2)
    sizes = []
    for layer, blocks in zip(found.shared, found.outcome.blocks, strict=True):
        coded = encode_blocks(layer, blocks)
        assert decode_blocks(coded, layer.activation).content_hash == layer.content_hash
        sizes.append(coded.bits)
    assert found.coded_bytes == sum(sizes) / 8
    assert found.coded_bytes < sum(part.huffman_bits for part in found.statistics) / 8


def test_mesas_penalty_brings_neighbours_together(trained):
    """The penalty is the paper's sum, written out, and training with it leaves blocks nearer than plain blocks."""
    found = trained["mesa"].outcome
    weights = [torch.tensor(layer.weights) for layer in found.layers]
    total = 0.0
    for layer, blocks in zip(found.layers, found.blocks, strict=True):
        high, wide = layer.rows // blocks, layer.cols // blocks
        parts = [layer.weights[k * high : (k + 1) * high, k * wide : (k + 1) * wide] for k in range(blocks)]
        total += sum(((b - a) ** 2).sum() for a, b in pairwise(parts)) / (blocks - 1)
    assert float(block_difference(weights, found.blocks)) == pytest.approx(total / 3, rel=1e-4)
    start = [torch.tensor(layer.weights) for layer in found.before]
    assert float(block_difference(weights, found.blocks)) < float(block_difference(start, found.blocks))
    assert float(block_difference(weights[:1], (1,))) == 0


def test_low_rank_is_within_the_svds_error():
    layer = DenseLayer("fc", np.random.default_rng(0).standard_normal((20, 30)).astype(np.float32), np.ones(20))
    values = np.linalg.svd(layer.weights.astype(np.float64), compute_uv=False)
    for rank in (1, 5, 19):
        v, u = factors(layer, rank)
        error = np.linalg.norm(layer.weights - u.weights.astype(np.float64) @ v.weights)
        assert error == pytest.approx(np.sqrt((values[rank:] ** 2).sum()), rel=1e-5)
        assert (v.activation, u.activation, v.bias) == ("none", "relu", None)
        assert (u.bias == 1).all()


def test_low_rank_then_pruned():
    found = made("low-rank", 0.2, rank=8)
    assert [layer.name for layer in found.outcome.layers] == ["fc1-v", "fc1-u", "fc2-v", "fc2-u", "fc3"]
    assert [layer.weights.shape for layer in found.outcome.layers[:2]] == [(8, 16), (24, 8)]
    assert kept(found.outcome.layers) == pytest.approx(0.2 * WEIGHTS, abs=3)
    with pytest.raises(EieError, match=r"rank = 12: is no less than that of layer 'fc2', 12 x 24"):
        made("low-rank", 0.2, rank=12)


def test_neurons_are_whole_and_the_strongest(trained):
    found = trained["neurons"]
    first, before = found.networks.dense[0], found.outcome.before[0]
    widths = hidden_widths(found.networks.dense, 0.3)
    assert [layer.rows for layer in found.outcome.layers] == [*widths, 3]
    strength = abs(first.weights).sum(axis=1)
    chosen = np.sort(np.argsort(-strength)[: widths[0]])
    assert (before.weights == first.weights[chosen]).all()
    assert (found.outcome.before[1].weights[0] != 0).all()
    with pytest.raises(EieError, match="one unit a hidden layer is 20 weights, the density keeps 7"):
        hidden_widths(found.networks.dense, 0.01)


def test_binary_is_two_values(trained):
    found = trained["binary"]
    for layer, shared in zip(found.outcome.layers, found.shared, strict=True):
        assert len(np.unique(layer.weights[layer.weights != 0])) == 2
        assert set(np.unique(shared.codes)) == {1, 2}
        assert len(set(shared.codebook[shared.codes])) == 2
    layer = DenseLayer("fc", np.array([[1, -2, 0], [3, 0, -2]], np.float32), np.array([0.5, 0], np.float32))
    assert signs(layer).weights.tolist() == [[2, -2, 0], [2, 0, -2]]
    exact = two_values(signs(layer))
    assert exact.to_dense().tolist() == signs(layer).weights.tolist()
    assert exact.bias.tolist() == [0.5, 0]
    without = two_values(signs(DenseLayer("fc", layer.weights)))
    assert (without.bias, without.to_dense().tolist()) == (None, signs(layer).weights.tolist())
    many = DenseLayer("fc", np.ones((40, 2), np.float32), np.linspace(-1, 1, 40).astype(np.float32))
    assert len(two_values(many, bits=3).codebook) == 8
    assert two_values(many, bits=3).bias == pytest.approx(many.bias, abs=0.25)


def test_balanced_over_the_pes(trained):
    found = made("balanced", pes=4)
    kept_there = found.outcome.layers[0].weights != 0
    entries = np.array([[kept_there[pe::4, g : g + 8].sum() for pe in range(4)] for g in (0, 8)])
    assert sorted(np.ptp(entries, axis=1))[0] == 0
    assert np.ptp(entries, axis=1).max() <= 1


def test_distillations_loss_is_torchs():
    rng = np.random.default_rng(0)
    scores, teacher = (torch.tensor(rng.normal(size=(7, 5)) * 3) for _ in range(2))
    labels = torch.tensor(rng.integers(0, 5, 7))
    for temperature in (1.0, 4.0, 20.0):
        theirs = torch.nn.functional.kl_div(
            (scores / temperature).log_softmax(1), (teacher / temperature).softmax(1), reduction="batchmean"
        )
        assert float(soft_loss(scores, teacher, temperature)) == pytest.approx(float(theirs) * temperature**2)
        mixed = Distillation(temperature, 0.25)(scores, labels, teacher)
        hard = torch.nn.functional.cross_entropy(scores, labels)
        assert float(mixed) == pytest.approx(float(0.75 * hard + 0.25 * theirs * temperature**2))
    assert float(soft_loss(teacher, teacher, 4.0)) == pytest.approx(0, abs=1e-12)


def test_a_student_learns_from_its_teacher_where_labels_are_noise(trained):
    dense = trained["iterative"].networks.dense
    training = Examples(PARTS.training.inputs, np.random.default_rng(0).permutation(PARTS.training.labels))
    noisy = Parts(training, PARTS.validation, PARTS.held_out)
    how, share = recipe("random", 0.9), {}
    for taught in (0.0, 1.0):
        with one_thread():
            lesson = lesson_for(noisy, recipe("random", 0.9, distillation=Distillation(2.0, taught)), dense)
            share[taught] = finish(noisy, lesson, begin(perceptron(SIZES), lesson, how), how).accuracy["pruned"]
    assert share[1.0] > 0.8
    assert share[1.0] > share[0.0] + 0.2
    with pytest.raises(EieError, match="teacher: has 16 inputs and 12 classes; the examples have 16 and 3"):
        made("iterative", teacher=dense[:-1])


def test_penalties_are_what_they_say():
    weights = [torch.tensor([[1.0, -2.0]]), torch.tensor([[3.0]])]
    assert float(Penalty("l1", 0.5)(weights)) == pytest.approx(3)
    assert float(Penalty("l2", 0.5)(weights)) == pytest.approx(3.5)
    plain, heavy = made("magnitude"), made("magnitude", penalty=Penalty("l1", 3e-2))
    assert abs(heavy.networks.dense[0].weights).sum() < 0.8 * abs(plain.networks.dense[0].weights).sum()


def test_own_masks():
    rng = np.random.default_rng(0)
    masks = {name: rng.random(shape) < 0.4 for name, shape in (("fc1", (24, 16)), ("fc2", (12, 24)), ("fc3", (3, 12)))}
    how = Recipe(masks=masks, **SHORT)
    with one_thread():
        lesson = lesson_for(PARTS, how)
        networks = begin(perceptron(SIZES), lesson, how)
        found = finish(PARTS, lesson, networks, how)
        for layer in found.outcome.layers:
            assert ((layer.weights != 0) == masks[layer.name]).all()
        with pytest.raises(EieError, match="masks: are for fc1; the layers are fc1, fc2, fc3"):
            own_masks(lesson, networks, Recipe(masks={"fc1": masks["fc1"]}))
        with pytest.raises(EieError, match=r"'fc1' has shape \(3, 12\), the layer \(24, 16\)"):
            own_masks(lesson, networks, Recipe(masks={**masks, "fc1": masks["fc3"]}))


def test_same_seed_same_network(trained):
    again, other = made("snip"), made("snip", seed=1)
    hashes = [[layer.content_hash for layer in one.shared] for one in (trained["snip"], again, other)]
    assert hashes[0] == hashes[1]
    assert hashes[0] != hashes[2]
