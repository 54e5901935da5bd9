"""Training around pruning and weight sharing (Deep Compression Fig. 1), in PyTorch: extra `[train]`.

Layers go in and come out as numpy arrays; PyTorch is only in between. Everything random comes from
`Settings.seed`, so the same call gives the same layers on the same machine.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.dense import DenseLayer, Mask, from_codes, to_codes
from eiesim.errors import EieError
from eiesim.layer import CompressedLayer
from eiesim.training.convolution import step
from eiesim.training.examples import Examples
from eiesim.training.losses import Penalty, load_torch
from eiesim.training.teaching import Taught, Teaching

Epoch = Callable[[str, int, float, float], object]
"""Called after each epoch with the stage's name, the epoch (from 1), the validation loss and accuracy."""

Change = Callable[[Any], Any]
"""What stands in the network for a weight tensor that is trained, such as its signs."""


@dataclass(frozen=True)
class Settings:
    """How to train: Adam on the loss, until the validation loss has not fallen for `patience` epochs.

    rate: learning rate, falling to a tenth of itself over `epochs` along a cosine. decay: of the weights (L2),
    apart from the gradient (AdamW).
    """

    epochs: int = 40
    patience: int = 8
    batch: int = 128
    rate: float = 1e-3
    decay: float = 1e-4
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a network learns from, the same in every stage.

    penalty: on the weights, in the loss of training. teaching: a teacher, and what there is to learn from it alone.
    """

    training: Examples
    validation: Examples
    penalty: Penalty | None = None
    teaching: Teaching | None = None
    progress: Epoch | None = None


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread, which sums in one order on every machine; networks this small gain little from more."""
    torch = load_torch()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train_layers(
    layers: Sequence[DenseLayer],
    lesson: Lesson,
    settings: Settings = Settings(),
    masks: Sequence[Mask] | None = None,
    stage: str = "train",
    *,
    extra: Callable[[list[Any]], Any] | None = None,
    change: Change | None = None,
) -> tuple[DenseLayer, ...]:
    """Train the layers of a network in order; the last one's outputs are class scores.

    masks: one a layer; pruned weights stay 0.0 throughout (Deep Compression Sec. 2). None keeps all.
    extra: one more term of the loss, from the layers' weight tensors. change: what stands in the network for each
    weight tensor; None is the tensor itself. What comes out are the tensors themselves, unchanged.
    Returns the layers of the epoch with the lowest validation loss, penalties included.
    """
    torch = load_torch()
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
        used = weights if change is None else [change(weight) for weight in weights]
        return _scores(layers, used, biases, inputs)

    terms: list[Callable[[list[Any]], Any]] = [term for term in (lesson.penalty, extra) if term is not None]
    added = (lambda: sum(term(weights) for term in terms)) if terms else None
    _fit(parameters, scores, hold, added, lesson, settings, stage)
    return tuple(
        replace(
            layer,
            weights=weight.detach().numpy().copy(),
            bias=None if bias is None else bias.detach().numpy().copy(),
        )
        for layer, weight, bias in zip(layers, weights, biases, strict=True)
    )


def fine_tune_centroids(
    layers: Sequence[CompressedLayer], made_of: Sequence[DenseLayer], lesson: Lesson, settings: Settings = Settings()
) -> tuple[CompressedLayer, ...]:
    """Train the shared values, the codes held fixed; entry 0 stays 0.0. No penalty is applied.

    made_of: the layers before their weights were shared, which say how each takes its inputs.
    A centroid's gradient is the sum of its weights' gradients (Deep Compression Sec. 3.3): that is what
    differentiating `codebook[codes]` gives.
    """
    torch = load_torch()
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
        return _scores(made_of, weights, biases, inputs)

    _fit(centroids, scores, lambda: None, None, lesson, settings, "shared values")
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


def sensitivities(layers: Sequence[DenseLayer], examples: Examples) -> tuple[npt.NDArray[np.float32], ...]:
    """|dL/dc| = |gradient x weight| of every weight, where c = 1 multiplies it (SNIP, Eq. 4); L is the cross-entropy.

    Returns float32[rows, cols] a layer, not normalised: the order is what matters.
    """
    torch = load_torch()
    weights = [torch.tensor(layer.weights, requires_grad=True) for layer in layers]
    biases = [None if layer.bias is None else torch.tensor(layer.bias) for layer in layers]
    scores = _scores(layers, weights, biases, torch.tensor(examples.inputs))
    loss = torch.nn.functional.cross_entropy(scores, torch.tensor(examples.labels))
    gradients = torch.autograd.grad(loss, weights)
    return tuple((w.detach() * g).abs().numpy() for w, g in zip(weights, gradients, strict=True))


def _fit(
    parameters: list[Any],
    scores: Callable[[Any], Any],
    hold: Callable[[], None],
    added: Callable[[], Any] | None,
    lesson: Lesson,
    settings: Settings,
    stage: str,
) -> None:
    """The loop: parameters are changed in place and end as they were after the best epoch.

    scores: inputs [n, features] to class scores [n, classes]. hold: called after every step, to undo what it must
    not change. added: further terms of the loss.
    """
    torch = load_torch()
    cross_entropy = torch.nn.functional.cross_entropy
    inputs, labels = torch.tensor(lesson.training.inputs), torch.tensor(lesson.training.labels)
    taught = None
    if lesson.teaching is not None:
        taught = Taught(lesson.teaching, lesson.training, lesson.validation, settings.seed)
    held_inputs, held_labels = torch.tensor(lesson.validation.inputs), torch.tensor(lesson.validation.labels)
    optimizer = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs, eta_min=settings.rate / 10)
    order = torch.Generator().manual_seed(settings.seed)

    def validate() -> tuple[float, float]:
        with torch.no_grad():
            found = scores(held_inputs)
            right = (found.argmax(dim=1) == held_labels).float().mean()
            loss = cross_entropy(found, held_labels) + (0 if added is None else added())
            return float(loss), float(right)

    lowest, best, waited = validate()[0], [p.detach().clone() for p in parameters], 0
    for epoch in range(1, settings.epochs + 1):
        if taught is not None:
            taught.begin_epoch(scores)
        examples = len(inputs) if taught is None else len(taught)
        for batch in torch.randperm(examples, generator=order).split(settings.batch):
            if taught is not None:
                loss = taught.loss(scores, batch)
            else:
                loss = cross_entropy(scores(inputs[batch]), labels[batch])
            if added is not None:
                loss = loss + added()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                hold()
        schedule.step()
        current, accuracy = validate()
        if lesson.progress is not None:
            lesson.progress(stage, epoch, current, accuracy)
        waited += 1
        if current < lowest:
            lowest, best, waited = current, [p.detach().clone() for p in parameters], 0
        if waited >= settings.patience or math.isnan(current):
            break
    if not math.isfinite(lowest) or math.isnan(current):
        or_else = "" if taught is None else ", or give another temperature, such as 4"
        raise EieError(
            f"training went astray: the loss is no longer a number; scale the inputs to about 0 to 1{or_else}"
        )
    with torch.no_grad():
        for parameter, value in zip(parameters, best, strict=True):
            parameter.copy_(value)


def _scores(layers: Sequence[DenseLayer], weights: list[Any], biases: list[Any], inputs: Any) -> Any:
    values = inputs
    for layer, weight, bias in zip(layers, weights, biases, strict=True):
        values = step(layer, weight, bias, values)
    return values
