"""eiesim.train: from examples to a pruned, shared network, by any of the methods."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._checks import several
from eiesim._io.memory import check_memory
from eiesim._io.named import naming
from eiesim._io.tensors import on_the_host
from eiesim._progress import Steps, Told, telling
from eiesim.dense import DenseLayer, expand, forward
from eiesim.errors import EieError, shown, unknown
from eiesim.files import npz
from eiesim.files.guarding import guarded
from eiesim.files.network import check_network_folder
from eiesim.layer import CompressedLayer
from eiesim.training import folder, graph
from eiesim.training.architecture import NETWORKS, Architecture, perceptron
from eiesim.training.binary import two_values
from eiesim.training.convolution import features_of, given_by
from eiesim.training.examples import Examples, Parts, split, without_labels
from eiesim.training.loop import Epoch, Lesson, Settings, fine_tune_centroids, one_thread, train_layers
from eiesim.training.losses import Distillation, Penalty
from eiesim.training.methods import method_of
from eiesim.training.recipe import MOST_EPOCHS, Networks, Outcome, Recipe, check_whole
from eiesim.training.teaching import Teaching
from eiesim.training.trained import Trained

Teacher = Sequence[DenseLayer | CompressedLayer]

TEACHER_SHARE = 0.7
"""The teacher's part of the loss, unless told; with mixup it is all there is."""
NEED_A_TEACHER = {
    "temperature": (4.0, "softens a teacher's scores"),
    "teacher_share": (None, "is a teacher's part of the loss"),
    "mixup": (None, "shows mixed inputs to the network and its teacher"),
    "debias": (False, "weighs what a teacher says of unlabelled examples"),
}
"""Options that are of no use without a teacher: what they are unless told, and why."""


HIDDEN = (300, 100)
MOST_HIDDEN, MOST_UNITS = 100, 2**20
BYTES_A_WEIGHT = 40
"""While training: the weight as it is drawn and as it is trained, its gradient, Adam's two means, and copies."""


@telling
@naming(inputs="inputs", labels="labels", teacher="teacher", unlabelled="unlabelled", masks="masks")
@guarded("inputs", "labels", "teacher", "unlabelled", "masks", fills=("output",))
def train(
    inputs: npt.ArrayLike | str | Path,
    labels: npt.ArrayLike | str | Path,
    method: str | None = None,
    density: float | None = None,
    output: str | Path | None = None,
    *,
    hidden: Sequence[int] | str = HIDDEN,
    network: str | None = None,
    teacher: Teacher | str | Path | None = None,
    unlabelled: npt.ArrayLike | str | Path | None = None,
    recipe: Recipe | None = None,
    force: bool = False,
    progress: Told = None,
    **options: Any,
) -> Trained:
    """Train a classifier, prune it by a method of the literature, share its weights.

    A tenth of the examples is held out, and another tenth chooses the best epoch, class by class. Needs extra [train].

    Parameters
    ----------
    inputs : float[n, ...] or a path
        The examples, flattened to [n, features] and rounded to float32, best scaled to about 0 to 1; or an .npy file.
        For "lenet-5" [n, 28, 28], [n, 1, 28, 28] or [n, 784].
    labels : int[n] or a path
        Their classes, whole numbers from 0.
    method : str or None, default None
        A method's name, such as "iterative" or "2:4"; None with `masks`.
    density : float or None, default None
        Share of all weights to keep, 0 to 1, for the methods that need one.
    output : str or pathlib.Path or None, default None
        The network folder to write, as `save_trained` does; None writes nothing.
    hidden : sequence of int or str, default (300, 100)
        Units of each hidden layer, 1 to 2**20, also as "300,100"; 100 layers at most.
    network : str or None, default None
        A network by name in place of `hidden`: "lenet-300-100" or the convolutional "lenet-5".
    teacher : sequence of DenseLayer or CompressedLayer, a path, or None, default None
        Layers in a row that give the same classes, to learn from; or a network folder or a model file.
    unlabelled : float[m, ...] or a path, or None, default None
        Further examples, of the same features, whose only labels are the teacher's; or an .npy file. Those that are
        held out or choose the best epoch are left out.
    recipe : Recipe or None, default None
        A whole recipe, in place of method, density and options.
    force : bool, default False
        Replace a network folder that is at `output`.
    progress : callable(int, int or None, str), bool or None, default None
        Told as `progress(done, total, doing)`, a step an epoch; see `progress`.
    **options : Any
        Those of `Recipe`; masks may be an .npz file, penalty a text ("l1=1e-4"). Further epochs (int, 30: the most
        from scratch; each round of retraining has two fifths). With a teacher temperature (float, 4.0), teacher_share
        (float, 0.7, its part of the loss; 1 with mixup), debias (bool, False: weigh the unlabelled examples against its
        errors) and mixup (float, above 0 to 1,000, or None: both see the same mixtures of two inputs, by shares from
        Beta(mixup, mixup)).

    Returns
    -------
    Trained
        The network at each stage; `save_trained` writes it.

    Raises
    ------
    EieError
        For examples, a teacher or a recipe that make no sense, alone or together, where PyTorch is missing, and where
        the folder may not be written.

    See Also
    --------
    save_trained : Write what `train` gives as a network folder.
    """
    if recipe is not None and not isinstance(recipe, Recipe):
        raise EieError(f"recipe = {shown(recipe)}: must be a Recipe")
    if teacher is None:
        _check_untaught(unlabelled, recipe, options)
    if recipe is None:
        recipe = _recipe(method=method, density=density, **options)
    elif method is not None or density is not None or options:
        raise EieError("give a recipe, or a method, density and options; not both")
    if recipe.distillation.debias and unlabelled is None:
        raise EieError("debias weighs what a teacher says of unlabelled examples; give those too")
    hidden = _checked_widths(hidden, network)
    if output is not None:
        check_network_folder(output, force)
    values = folder.load_inputs(Path(inputs)) if isinstance(inputs, str | Path) else inputs
    classes = npz.load_labels(labels) if isinstance(labels, str | Path) else labels
    learned_from = folder.load_teacher(Path(teacher)) if isinstance(teacher, str | Path) else teacher
    examples = _examples(values, classes)
    more = folder.load_inputs(Path(unlabelled)) if isinstance(unlabelled, str | Path) else unlabelled
    features, count = examples.inputs.shape[1], int(examples.labels.max()) + 1
    if count < 2:
        raise EieError("labels: hold one class only, and there is nothing to tell apart")
    if network is None:
        architecture = perceptron((features, *hidden, count))
    else:
        architecture = NETWORKS[network](features, count)
        _check_shape(network, architecture, np.shape(values))
        if output is not None and architecture.has_convolutions:
            graph.check_onnx()
    weights = architecture.weights
    check_memory(BYTES_A_WEIGHT * weights, f"{weights:,} weights to train (fewer hidden units have fewer)")
    parts = split(examples)
    further = None if more is None else _unlabelled(more, features)
    with one_thread():
        lesson = lesson_for(parts, recipe, learned_from, _told(progress, recipe.plan), further)
        trained = finish(parts, lesson, begin(architecture, lesson, recipe), recipe)
    if output is not None:
        folder.save_trained(trained, output, force=force)
    return trained


def _recipe(
    *,
    epochs: int = 30,
    temperature: float = 4.0,
    teacher_share: float | None = None,
    debias: bool = False,
    mixup: float | None = None,
    penalty: Penalty | str | None = None,
    masks: Any = None,
    **options: Any,
) -> Recipe:
    """A recipe from what `train` takes. epochs: of training; a round of retraining has two fifths."""
    check_whole("epochs", epochs, 1, MOST_EPOCHS)
    if teacher_share is None:
        teacher_share = TEACHER_SHARE if mixup is None else 1.0
    given = {
        "distillation": Distillation(temperature, teacher_share, debias, mixup),
        "dense": Settings(epochs=epochs, patience=8),
        "retraining": Settings(epochs=max(1, round(0.4 * epochs)), patience=4),
        "penalty": Penalty.of(penalty) if isinstance(penalty, str) else penalty,
        "masks": folder.load_masks(Path(masks)) if isinstance(masks, str | Path) else masks,
    }
    return Recipe(**{**given, **options})


def _checked_widths(given: Sequence[int] | str, network: str | None) -> tuple[int, ...]:
    """Units of the hidden layers. Raises EieError for a network of an unknown name, and where both are given."""
    if isinstance(given, str):
        try:
            given = tuple(int(width) for width in given.split(",")) if given else ()
        except ValueError:
            raise EieError(f"hidden {given}: needs whole numbers with commas between, such as 300,100") from None
    given = several("hidden", given)
    if network is not None and (not isinstance(network, str) or network not in NETWORKS):
        raise unknown("no network", network, NETWORKS)
    if network is not None and tuple(given) != HIDDEN:
        raise EieError(f"network {network} has hidden layers of its own; give a network or hidden, not both")
    if len(given) > MOST_HIDDEN:
        raise EieError(f"hidden: {len(given):,} layers, {MOST_HIDDEN} at most")
    for width in given:
        check_whole("hidden", width, 1, MOST_UNITS)
    return tuple(map(int, given))


def _check_shape(network: str, architecture: Architecture, shape: tuple[int, ...]) -> None:
    """Raise EieError unless the network takes examples of this shape, [n, ...]. A perceptron takes any."""
    if architecture.has_convolutions and shape[1:] not in architecture.accepted:
        wanted = [f"(examples, {', '.join(map(str, one))})" for one in architecture.accepted]
        raise EieError(f"inputs: have shape {shape}; {network} needs {', '.join(wanted[:-1])} or {wanted[-1]}")


def _told(progress: Told, plan: Sequence[int]) -> Epoch | None:
    """Tells how far the epochs are. plan: the most of each stage; what a stage does not need falls away."""
    if not callable(progress):
        return None
    steps, stages = Steps(progress, sum(plan), "epochs"), iter(plan)
    left, before = 0, ""

    def each(stage: str, epoch: int, loss: float, accuracy: float) -> None:
        nonlocal left, before
        fell_away = 0
        if stage != before:
            fell_away, left, before = left, next(stages), stage
        left -= 1
        steps(1, fell_away, f"epochs, {stage}: validation loss {loss:.4f}, accuracy {accuracy:.1%}")

    return each


def begin(architecture: Architecture, lesson: Lesson, recipe: Recipe) -> Networks:
    """The first weights and the dense network, which every method starts from or is compared with."""
    initial = architecture.untrained(recipe.seed)
    return Networks(initial, train_layers(initial, lesson, recipe.seeded(recipe.dense), stage="train"))


def finish(parts: Parts, lesson: Lesson, networks: Networks, recipe: Recipe) -> Trained:
    """Make the zeros, then share what is left."""
    return shared(parts, lesson, networks, method_of(recipe).make(lesson, networks, recipe), recipe)


def shared(parts: Parts, lesson: Lesson, networks: Networks, outcome: Outcome, recipe: Recipe) -> Trained:
    """Share what a method left among 2**bits - 1 values a layer, and fine-tune those."""
    if not all(np.isfinite(layer.weights).all() for layer in outcome.layers):
        raise EieError("training went astray: weights are no longer finite; scale the inputs to about 0 to 1")
    if outcome.binary:
        coarse = tuple(two_values(layer, recipe.bits) for layer in outcome.layers)
    else:
        coarse = tuple(layer.shared(recipe.bits) for layer in outcome.layers)
    tuned = fine_tune_centroids(coarse, outcome.layers, lesson, recipe.seeded(recipe.shared))
    return Trained(recipe, parts, networks, outcome, tuned, lesson.teaching)


def lesson_for(
    parts: Parts,
    recipe: Recipe,
    teacher: Sequence[DenseLayer | CompressedLayer] | None = None,
    progress: Epoch | None = None,
    unlabelled: npt.NDArray[np.float32] | None = None,
) -> Lesson:
    """What a recipe's stages learn from. Raises EieError for a teacher of other inputs or classes.

    unlabelled: float32[m, features], of which only a teacher can make use.
    """
    if teacher is None:
        return Lesson(parts.training, parts.validation, recipe.penalty, None, progress)
    layers = _teachers(teacher)
    classes = int(max(part.labels.max() for part in (parts.training, parts.validation))) + 1
    features = parts.training.inputs.shape[1]
    if not layers or (features_of(layers[0]), layers[-1].rows) != (features, classes):
        shape = f"{features_of(layers[0])} inputs and {layers[-1].rows} classes" if layers else "no layer"
        raise EieError(f"teacher: has {shape}; the examples have {features} and {classes}")

    chosen = None if unlabelled is None else without_labels(unlabelled, parts)
    teaching = Teaching(recipe.distillation, partial(_ask, layers), chosen)
    return Lesson(parts.training, parts.validation, recipe.penalty, teaching, progress)


def _teachers(given: object) -> list[DenseLayer]:
    """A teacher's layers, written out. Raises EieError for anything else, and where they do not follow one another."""
    if not isinstance(given, Iterable) or isinstance(given, Mapping | str | bytes):
        raise EieError(f"teacher: {shown(given)}: needs layers in a row, a network folder or a model file")
    layers = []
    for layer in given:
        if not isinstance(layer, DenseLayer | CompressedLayer):
            raise EieError(f"teacher: {shown(layer)} is no layer; needs those in a row, a folder or a model file")
        layers.append(layer if isinstance(layer, DenseLayer) else expand(layer))
    for before, after in pairwise(layers):
        if given_by(before) != features_of(after):
            gives, takes = f"'{before.name}' gives {given_by(before)}", f"'{after.name}' takes {features_of(after)}"
            raise EieError(f"teacher: {gives} numbers, {takes}")
    return layers


def _ask(layers: Sequence[DenseLayer], inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        scores = forward(layers, inputs)
    if not np.isfinite(scores).all():
        raise EieError("teacher: gives scores that are not finite; scale the inputs as it was taught")
    return scores


def _check_untaught(unlabelled: object, recipe: Recipe | None, options: Mapping[str, Any]) -> None:
    """Raise EieError where something is given that is of no use without a teacher."""
    if unlabelled is not None:
        raise EieError("unlabelled examples have no labels but a teacher's; give a teacher too")
    given = options if recipe is None else vars(recipe.distillation)
    for name, (usual, what) in NEED_A_TEACHER.items():
        if given.get(name, usual) != usual:
            raise EieError(f"{name} {what}, and needs a teacher: give one too")


def _examples(inputs: npt.ArrayLike, labels: npt.ArrayLike) -> Examples:
    flat, classes = _flat(inputs, "inputs"), _array(labels, "labels")
    if classes.dtype.kind not in "iu" or classes.ndim != 1:
        raise EieError(f"labels: {classes.dtype} of shape {classes.shape}; need whole numbers, (examples,)")
    if len(flat) != len(classes):
        raise EieError(f"labels: {len(classes)} for {len(flat)} inputs, needs one each")
    for end in (int(classes.min()), int(classes.max())):
        if not 0 <= end < 2**53:
            raise EieError(f"labels: hold {end}, need class numbers from 0")
    return Examples(flat, classes.astype(np.int64))


def _unlabelled(inputs: npt.ArrayLike, features: int) -> npt.NDArray[np.float32]:
    flat = _flat(inputs, "unlabelled")
    if flat.shape[1] != features:
        raise EieError(f"unlabelled: has {flat.shape[1]:,} features an example; the labelled ones have {features:,}")
    return flat


def _array(given: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    try:
        return np.asarray(on_the_host(given))
    except (TypeError, ValueError, RuntimeError):
        raise EieError(f"{name}: is not an array of numbers") from None


def _flat(given: npt.ArrayLike, name: str) -> npt.NDArray[np.float32]:
    values = _array(given, name)
    if values.dtype.kind not in "fiu" or values.ndim < 2 or 0 in values.shape:
        raise EieError(f"{name}: {values.dtype} of shape {values.shape}; need numbers, (examples, features)")
    with np.errstate(over="ignore"):
        flat = values.reshape(len(values), -1).astype(np.float32)
    if not np.isfinite(flat).all():
        raise EieError(f"{name}: hold NaN or infinity")
    return flat
