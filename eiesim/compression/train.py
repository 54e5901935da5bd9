"""Training around pruning and weight sharing (Deep Compression Fig. 1), in PyTorch: extra `[train]`.

Layers go in and come out as numpy arrays; PyTorch is only in between. Everything random comes from
`Settings.seed`, so the same call gives the same layers on the same machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.compression.prune import by_density
from eiesim.dense import DenseLayer, Mask, from_codes, to_codes
from eiesim.errors import EieError
from eiesim.layer import CompressedLayer

Progress = Callable[[str, int, float], object]
"""Called after each epoch with the stage's name, the epoch (from 1) and the validation loss."""


@dataclass(frozen=True, eq=False)
class Examples:
    """What a classifier learns from and is judged by. inputs: float32[n, features]; labels: int64[n]."""

    inputs: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.inputs.ndim != 2 or self.labels.shape != (len(self.inputs),) or len(self.inputs) == 0:
            raise EieError(f"examples: inputs {self.inputs.shape} and labels {self.labels.shape} do not go together")


@dataclass(frozen=True)
class Settings:
    """How to train: Adam on the cross-entropy, until the validation loss has not fallen for `patience` epochs.

    rate: learning rate, falling to a tenth of itself over `epochs` along a cosine. decay: of the weights (L2).
    """

    epochs: int = 40
    patience: int = 8
    batch: int = 128
    rate: float = 1e-3
    decay: float = 1e-4
    seed: int = 0


def untrained(sizes: Sequence[int], names: Sequence[str], seed: int) -> tuple[DenseLayer, ...]:
    """A multi-layer perceptron with He's random weights and zero biases; ReLU after every layer but the last."""
    rng = np.random.default_rng(seed)
    layers = []
    for k, name in enumerate(names):
        cols, rows = sizes[k], sizes[k + 1]
        weights = (rng.standard_normal((rows, cols)) * np.sqrt(2 / cols)).astype(np.float32)
        activation = "relu" if k + 1 < len(names) else "none"
        layers.append(DenseLayer(name, weights, np.zeros(rows, np.float32), activation))
    return tuple(layers)


def train(
    layers: Sequence[DenseLayer],
    training: Examples,
    validation: Examples,
    settings: Settings = Settings(),
    masks: Sequence[Mask] | None = None,
    progress: Progress | None = None,
    stage: str = "train",
) -> tuple[DenseLayer, ...]:
    """Train layers that follow one another; the last one's outputs are class scores.

    masks: one a layer; pruned weights stay 0.0 throughout (Deep Compression Sec. 2). None keeps all.
    Returns the layers of the epoch with the lowest validation loss.
    """
    torch = _torch()
    weights = [torch.tensor(layer.weights, requires_grad=True) for layer in layers]
    biases = [None if layer.bias is None else torch.tensor(layer.bias, requires_grad=True) for layer in layers]
    kept = None if masks is None else [torch.tensor(mask.kept) for mask in masks]
    parameters = weights + [bias for bias in biases if bias is not None]

    def hold() -> None:
        if kept is not None:
            for weight, mask in zip(weights, kept, strict=True):
                weight.mul_(mask)

    with torch.no_grad():
        hold()

    def scores(inputs: Any) -> Any:
        return _scores(layers, weights, biases, inputs)

    _fit(parameters, scores, hold, training, validation, settings, progress, stage)
    return tuple(
        replace(
            layer,
            weights=weight.detach().numpy().copy(),
            bias=None if bias is None else bias.detach().numpy().copy(),
        )
        for layer, weight, bias in zip(layers, weights, biases, strict=True)
    )


def prune_and_retrain(
    layers: Sequence[DenseLayer],
    densities: Sequence[float],
    training: Examples,
    validation: Examples,
    settings: Settings = Settings(),
    rounds: int = 4,
    progress: Progress | None = None,
) -> tuple[tuple[DenseLayer, ...], tuple[Mask, ...]]:
    """Prune by magnitude and retrain, `rounds` times, to a density per layer.

    Round r of R prunes to density**(r / R): each round takes the same share of what is left, and the masks of
    one lie within those of the round before. Returns the layers and their masks.
    """
    if len(densities) != len(layers):
        raise EieError(f"densities: {len(densities)} for {len(layers)} layers, needs one each")
    if rounds < 1:
        raise EieError(f"rounds = {rounds}: must be 1 or more")
    current = tuple(layers)
    masks: tuple[Mask, ...] = ()
    for round_number in range(1, rounds + 1):
        share = round_number / rounds
        masks = tuple(
            by_density(layer.weights, density**share) for layer, density in zip(current, densities, strict=True)
        )
        stage = f"prune {round_number}/{rounds}"
        current = train(current, training, validation, settings, masks, progress, stage)
    return current, masks


def fine_tune_centroids(
    layers: Sequence[CompressedLayer],
    training: Examples,
    validation: Examples,
    settings: Settings = Settings(),
    progress: Progress | None = None,
) -> tuple[CompressedLayer, ...]:
    """Train the shared values, the codes held fixed; entry 0 stays 0.0.

    A centroid's gradient is the sum of its weights' gradients (Deep Compression Sec. 3.3): that is what
    differentiating `codebook[codes]` gives.
    """
    torch = _torch()
    codes = [to_codes(layer) for layer in layers]
    places = [torch.tensor(part.astype(np.int64)) for part in codes]
    bias_places = [
        None if layer.bias_codes is None else torch.tensor(layer.bias_codes.astype(np.int64)) for layer in layers
    ]
    centroids = [torch.tensor(layer.codebook[1:], requires_grad=True) for layer in layers]
    zero = torch.zeros(1)

    def scores(inputs: Any) -> Any:
        codebooks = [torch.cat([zero, values]) for values in centroids]
        weights = [codebook[place] for codebook, place in zip(codebooks, places, strict=True)]
        biases = [None if p is None else codebook[p] for codebook, p in zip(codebooks, bias_places, strict=True)]
        return _scores(layers, weights, biases, inputs)

    _fit(centroids, scores, lambda: None, training, validation, settings, progress, "centroids")
    return tuple(
        from_codes(
            part,
            np.concatenate([np.zeros(1, np.float32), values.detach().numpy()]),
            layer.bias_codes,
            layer.activation,
            layer.name,
        )
        for layer, part, values in zip(layers, codes, centroids, strict=True)
    )


def _fit(
    parameters: list[Any],
    scores: Callable[[Any], Any],
    hold: Callable[[], None],
    training: Examples,
    validation: Examples,
    settings: Settings,
    progress: Progress | None,
    stage: str,
) -> None:
    """The loop: parameters are changed in place and end as they were after the best epoch.

    scores: inputs [n, features] to class scores [n, classes]. hold: called after every step, to undo what it must
    not change.
    """
    torch = _torch()
    loss_of = torch.nn.functional.cross_entropy
    inputs, labels = torch.tensor(training.inputs), torch.tensor(training.labels)
    held_inputs, held_labels = torch.tensor(validation.inputs), torch.tensor(validation.labels)
    optimizer = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs, eta_min=settings.rate / 10)
    order = torch.Generator().manual_seed(settings.seed)

    def validation_loss() -> float:
        with torch.no_grad():
            return float(loss_of(scores(held_inputs), held_labels))

    lowest, best, waited = validation_loss(), [p.detach().clone() for p in parameters], 0
    for epoch in range(1, settings.epochs + 1):
        for batch in torch.randperm(len(inputs), generator=order).split(settings.batch):
            loss = loss_of(scores(inputs[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                hold()
        schedule.step()
        current = validation_loss()
        if progress is not None:
            progress(stage, epoch, current)
        waited += 1
        if current < lowest:
            lowest, best, waited = current, [p.detach().clone() for p in parameters], 0
        if waited >= settings.patience:
            break
    with torch.no_grad():
        for parameter, value in zip(parameters, best, strict=True):
            parameter.copy_(value)


def _scores(layers: Sequence[Any], weights: list[Any], biases: list[Any], inputs: Any) -> Any:
    linear = _torch().nn.functional.linear
    values = inputs
    for layer, weight, bias in zip(layers, weights, biases, strict=True):
        values = linear(values, weight, bias)
        if layer.activation == "relu":
            values = values.relu()
    return values


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise EieError("training needs PyTorch: pip install 'eiesim[train]'") from None
    return torch
