"""eiesim.train: from examples to a pruned, shared network, by any of the methods."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._io.memory import check_memory
from eiesim._shown import Brief, html_table
from eiesim.coding.block_differences import encode_blocks
from eiesim.compression.statistics import Statistics, statistics
from eiesim.dense import DenseLayer, expand, forward
from eiesim.errors import EieError
from eiesim.layer import CompressedLayer
from eiesim.model import Model
from eiesim.training.binary import two_values
from eiesim.training.examples import Examples, Parts, split
from eiesim.training.loop import Lesson, Progress, fine_tune_centroids, one_thread, train_layers, untrained
from eiesim.training.methods import method_of
from eiesim.training.recipe import Networks, Outcome, Recipe, check_whole


@dataclass(frozen=True, eq=False, repr=False)
class Trained(Brief):
    """A network at each stage: first weights, dense, pruned and retrained, shared and fine-tuned; and its examples.

    Attributes
    ----------
    recipe : Recipe
        How it was made.
    parts : Parts
        The examples: training, validation and held out.
    networks : Networks
        The first weights (`initial`) and the dense network (`dense`).
    outcome : Outcome
        The pruned and retrained layers, and their masks.
    shared : tuple of CompressedLayer
        The layers with shared, fine-tuned values.
    """

    recipe: Recipe
    parts: Parts
    networks: Networks
    outcome: Outcome
    shared: tuple[CompressedLayer, ...]

    def __repr__(self) -> str:
        accuracies = ", ".join(f"{stage} {share:.1%}" for stage, share in self.accuracy.items())
        return (
            f"<Trained by {self.recipe.method or 'masks'}: {self._layers}, density {self.density:.1%}, accuracy "
            f"{accuracies}, {self.dense_bytes / self.coded_bytes:.1f} times smaller>"
        )

    def _repr_html_(self) -> str:
        rate = self.dense_bytes / self.coded_bytes
        sizes = {"dense": f"{self.dense_bytes:,}", "shared": f"{self.coded_bytes:,.0f} ({rate:.1f} times smaller)"}
        rows = [(stage, f"{share:.2%}", sizes.get(stage, "")) for stage, share in self.accuracy.items()]
        caption = (
            f"{self.recipe.method or 'masks'}, {self._layers}, density {self.density:.1%}; accuracy on "
            f"{len(self.parts.held_out.labels):,} examples held out"
        )
        return html_table(caption, ("network", "accuracy", "bytes"), rows)

    @property
    def _layers(self) -> str:
        return "-".join(str(layer.cols) for layer in self.networks.dense) + f"-{self.networks.dense[-1].rows}"

    def opened(self) -> Model:
        """The shared network as a source, with the held-out examples and their labels.

        Returns
        -------
        Model
            What `open` gives.
        """
        held_out = self.parts.held_out
        return Model(self.shared, held_out.inputs, held_out.labels)

    @property
    def density(self) -> float:
        """Kept weights as a share of the dense network's, biases left out."""
        kept = sum(int(np.count_nonzero(layer.weights)) for layer in self.outcome.layers)
        return kept / sum(layer.weights.size for layer in self.networks.dense)

    @cached_property
    def accuracy(self) -> dict[str, float]:
        """Share of the held-out examples recognised in float32: "dense", "pruned" and "shared"."""
        stages: dict[str, Sequence[DenseLayer]] = {
            "dense": self.networks.dense,
            "pruned": self.outcome.layers,
            "shared": [expand(layer) for layer in self.shared],
        }
        return {name: _share_right(layers, self.parts.held_out) for name, layers in stages.items()}

    @cached_property
    def statistics(self) -> tuple[Statistics, ...]:
        """Each shared layer's sizes (Deep Compression's P, P+Q, P+Q+H)."""
        return tuple(statistics(layer, self.recipe.bits) for layer in self.shared)

    @cached_property
    def coded_bytes(self) -> float:
        """Bytes after Huffman coding; of MESA's equal blocks by MESA's own coding."""
        if self.outcome.blocks:
            coded = map(encode_blocks, self.shared, self.outcome.blocks)
            return sum(one.bits for one in coded) / 8
        return sum(part.huffman_bits for part in self.statistics) / 8

    @property
    def dense_bytes(self) -> int:
        """Bytes of the dense network in float32, biases included."""
        values = sum(layer.weights.size + (0 if layer.bias is None else layer.rows) for layer in self.networks.dense)
        return 4 * values


MOST_HIDDEN, MOST_UNITS = 100, 2**20
BYTES_A_WEIGHT = 40
"""While training: the weight as it is drawn and as it is trained, its gradient, Adam's two means, and copies."""


def train(
    inputs: npt.ArrayLike,
    labels: npt.ArrayLike,
    method: str | None = None,
    density: float | None = None,
    *,
    hidden: Sequence[int] = (300, 100),
    teacher: Sequence[DenseLayer | CompressedLayer] | None = None,
    recipe: Recipe | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Trained:
    """Train a classifier, prune it by a method of the literature, share its weights.

    A tenth of the examples is held out and another tenth chooses the best epoch, class by class. Needs the extra
    `train` (PyTorch).

    Parameters
    ----------
    inputs : float[n, ...]
        The examples, flattened to [n, features]; rounded to float32, best scaled to about 0 to 1.
    labels : int[n]
        Each example's class, from 0.
    method : str or None, default None
        See `Recipe`.
    density : float or None, default None
        See `Recipe`.
    hidden : sequence of int, default (300, 100)
        Units of each hidden layer, 1 to 2**20; 100 layers at most.
    teacher : sequence of DenseLayer or CompressedLayer, or None, default None
        Layers in a row that give the same classes, to learn from (`Recipe.distillation`).
    recipe : Recipe or None, default None
        A whole recipe, instead of method, density and options.
    progress : callable or None, default None
        Called after each epoch with the stage, the epoch, the validation loss and accuracy.
    **options : Any
        Other parameters of `Recipe`.

    Returns
    -------
    Trained
        The network at each stage; `save_trained` writes it.

    Raises
    ------
    EieError
        For examples, a teacher or a recipe that make no sense, and where PyTorch is missing.

    See Also
    --------
    save_trained : Write what `train` gives as a network folder.
    """
    if recipe is None:
        recipe = Recipe(method=method, density=density, **options)
    elif method is not None or density is not None or options:
        raise EieError("give a recipe, or a method, density and options; not both")
    if len(hidden) > MOST_HIDDEN:
        raise EieError(f"hidden: {len(hidden):,} layers, {MOST_HIDDEN} at most")
    for width in hidden:
        check_whole("hidden", width, 1, MOST_UNITS)
    examples = _examples(inputs, labels)
    sizes = (examples.inputs.shape[1], *map(int, hidden), int(examples.labels.max()) + 1)
    if sizes[-1] < 2:
        raise EieError("labels: hold one class only, and there is nothing to tell apart")
    weights = sum(cols * rows for cols, rows in itertools.pairwise(sizes))
    check_memory(BYTES_A_WEIGHT * weights, f"{weights:,} weights to train (fewer hidden units have fewer)")
    parts = split(examples)
    with one_thread():
        lesson = lesson_for(parts, recipe, teacher, progress)
        return finish(parts, lesson, begin(sizes, lesson, recipe), recipe)


def begin(sizes: Sequence[int], lesson: Lesson, recipe: Recipe) -> Networks:
    """The first weights and the dense network, which every method starts from or is compared with."""
    initial = untrained(sizes, [f"fc{k}" for k in range(1, len(sizes))], recipe.seed)
    return Networks(initial, train_layers(initial, lesson, recipe.seeded(recipe.dense), stage="train"))


def finish(parts: Parts, lesson: Lesson, networks: Networks, recipe: Recipe) -> Trained:
    """Make the zeros, then share what is left among 2**bits - 1 values and fine-tune those."""
    outcome = method_of(recipe).make(lesson, networks, recipe)
    if not all(np.isfinite(layer.weights).all() for layer in outcome.layers):
        raise EieError("training went astray: weights are no longer finite; scale the inputs to about 0 to 1")
    if outcome.binary:
        shared = tuple(two_values(layer, recipe.bits) for layer in outcome.layers)
    else:
        shared = tuple(layer.shared(recipe.bits) for layer in outcome.layers)
    return Trained(recipe, parts, networks, outcome, fine_tune_centroids(shared, lesson, recipe.seeded(recipe.shared)))


def lesson_for(
    parts: Parts,
    recipe: Recipe,
    teacher: Sequence[DenseLayer | CompressedLayer] | None = None,
    progress: Progress | None = None,
) -> Lesson:
    """What a recipe's stages learn from; a teacher is asked once for each training example."""
    scores = None
    if teacher is not None:
        layers = [layer if isinstance(layer, DenseLayer) else expand(layer) for layer in teacher]
        classes = int(max(part.labels.max() for part in (parts.training, parts.validation))) + 1
        features = parts.training.inputs.shape[1]
        if not layers or (layers[0].cols, layers[-1].rows) != (features, classes):
            shape = f"{layers[0].cols} inputs and {layers[-1].rows} classes" if layers else "no layer"
            raise EieError(f"teacher: has {shape}; the examples have {features} and {classes}")
        scores = forward(layers, parts.training.inputs)
    distillation = None if scores is None else recipe.distillation
    return Lesson(parts.training, parts.validation, recipe.penalty, distillation, scores, progress)


def _examples(inputs: npt.ArrayLike, labels: npt.ArrayLike) -> Examples:
    values, classes = np.asarray(inputs), np.asarray(labels)
    if values.dtype.kind not in "fiu" or values.ndim < 2 or 0 in values.shape:
        raise EieError(f"inputs: {values.dtype} of shape {values.shape}; need numbers, (examples, features)")
    if classes.dtype.kind not in "iu" or classes.ndim != 1:
        raise EieError(f"labels: {classes.dtype} of shape {classes.shape}; need whole numbers, (examples,)")
    if len(values) != len(classes):
        raise EieError(f"labels: {len(classes)} for {len(values)} inputs, needs one each")
    if int(classes.min()) < 0:
        raise EieError(f"labels: hold {classes.min()}, need class numbers from 0")
    with np.errstate(over="ignore"):
        flat = values.reshape(len(values), -1).astype(np.float32)
    if not np.isfinite(flat).all():
        raise EieError("inputs: hold NaN or infinity")
    return Examples(flat, classes.astype(np.int64))


def _share_right(layers: Sequence[DenseLayer], examples: Examples) -> float:
    return float((forward(layers, examples.inputs).argmax(axis=1) == examples.labels).mean())


def summary(trained: Trained) -> Mapping[str, float]:
    """The figures of a trained network: density, accuracies, bytes and how many times smaller than float32."""
    return {
        "density": trained.density,
        **{f"accuracy_{stage}": share for stage, share in trained.accuracy.items()},
        "dense_bytes": trained.dense_bytes,
        "coded_bytes": trained.coded_bytes,
        "rate": trained.dense_bytes / trained.coded_bytes,
    }
