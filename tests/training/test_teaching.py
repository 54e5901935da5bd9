"""What a student learns from its teacher: the loss and its gradient by other means, and what each of them sees."""

import dataclasses
import json

import numpy as np
import pytest

import eiesim
from eiesim import EieError
from eiesim.dense import forward
from eiesim.training.examples import Examples, Parts, without_labels
from eiesim.training.losses import Distillation
from eiesim.training.teaching import Taught, Teaching
from tests.oracle import distillation as literal
from tests.training.clouds import PARTS, clouds

torch = pytest.importorskip("torch", reason="needs extra [train]")

from eiesim.training.architecture import perceptron  # noqa: E402
from eiesim.training.loop import Settings, train_layers  # noqa: E402
from eiesim.training.recipe import Recipe  # noqa: E402
from eiesim.training.run import begin, lesson_for  # noqa: E402
from tests.training import test_convolutions as convolved  # noqa: E402

torch.set_num_threads(1)

MORE = clouds(3, 40).inputs
QUICK = {
    "hidden": (12,),
    "dense": Settings(epochs=3, patience=3, batch=32, rate=5e-3),
    "retraining": Settings(epochs=1, patience=1, batch=32, rate=5e-3),
    "shared": Settings(epochs=1, patience=1, batch=32),
    "rounds": 2,
}
TEACHER = perceptron([16, 20, 3]).untrained(5)
WEIGHTS = torch.tensor(np.random.default_rng(7).normal(size=(3, 16)) / 4)


def ask(inputs):
    return forward(TEACHER, inputs)


def student(inputs, weights=WEIGHTS):
    return inputs.double() @ weights.T


def taught(how, unlabelled=MORE, training=None):
    more = None if unlabelled is None else without_labels(unlabelled, PARTS)
    return Taught(Teaching(how, ask, more), training or PARTS.training[np.arange(30)], PARTS.validation, seed=1)


def loss_by_hand(how, taught, batch, weights):
    """The mean over a batch, example by example, in numpy."""
    inputs = np.concatenate([PARTS.training.inputs[:30], MORE]).astype(np.float64)
    total = 0.0
    for k in batch:
        scores, softened = inputs[k] @ weights.T, ask(inputs[k : k + 1].astype(np.float32))[0]
        p, q = (np.array(literal.chances((s / how.temperature).tolist())) for s in (softened, scores))
        soft = how.temperature**2 * float((p * np.log(p / q)).sum())
        if k < 30:
            hard = -np.log(literal.chances(scores.tolist())[PARTS.training.labels[k]])
            total += (1 - how.share) * hard + how.share * soft
        else:
            total += taught.weights[k - 30] * soft
    return total / len(batch)


@pytest.mark.parametrize("how", [Distillation(), Distillation(2.0, 0.25), Distillation(3.0, 0.5, debias=True)])
def test_loss_and_gradient_are_those_of_the_formula(how):
    """The loss example by example in numpy, its gradient by finite differences."""
    lesson, weights = taught(how), WEIGHTS.clone().requires_grad_()
    lesson.begin_epoch(student)
    batch = torch.tensor([0, 69, 31, 5, 30, 29, 44])
    loss = lesson.loss(lambda inputs: student(inputs, weights), batch)
    plain = weights.detach().numpy()
    assert float(loss.detach()) == pytest.approx(loss_by_hand(how, lesson, batch.tolist(), plain), rel=1e-5)
    loss.backward()
    for place in ((0, 0), (1, 7), (2, 15)):
        step = np.zeros((3, 16))
        step[place] = 1e-5
        slope = (loss_by_hand(how, lesson, batch.tolist(), plain + step)
                 - loss_by_hand(how, lesson, batch.tolist(), plain - step)) / 2e-5  # fmt: skip
        assert float(weights.grad[place]) == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_a_batch_of_one_kind_alone():
    lesson = taught(Distillation())
    for batch in ([0, 1], [30, 31], [69]):
        found = float(lesson.loss(student, torch.tensor(batch)))
        assert found == pytest.approx(loss_by_hand(Distillation(), lesson, batch, WEIGHTS.numpy()), rel=1e-5)


def test_without_unlabelled_examples_it_is_plain_distillation():
    lesson, batch, how = taught(Distillation(3.0, 0.4), None), torch.arange(30), Distillation(3.0, 0.4)
    training = PARTS.training[np.arange(30)]
    theirs = how(
        student(torch.tensor(training.inputs)), torch.tensor(training.labels), torch.tensor(ask(training.inputs))
    )
    assert len(lesson) == 30
    assert float(lesson.loss(student, batch)) == float(theirs)


def test_weights_follow_the_student():
    """Those of the literal twin, of each student; ones before an epoch, and ones without debias."""
    lesson = taught(Distillation(debias=True))
    assert (lesson.weights == 1).all()
    labels, seen = PARTS.validation.labels.tolist(), ask(PARTS.validation.inputs).tolist()
    for weights in (WEIGHTS, -WEIGHTS):
        lesson.begin_epoch(lambda inputs, weights=weights: student(inputs, weights))
        scores = student(torch.tensor(PARTS.validation.inputs), weights).tolist()
        twin = [literal.weight(point, seen, labels, scores, count=10) for point in ask(MORE).tolist()]
        assert lesson.weights == pytest.approx(twin)
    plain = taught(Distillation())
    plain.begin_epoch(student)
    assert (plain.weights == 1).all()


@pytest.mark.parametrize(("alpha", "unlabelled"), [(1e-3, None), (0.2, MORE), (1.0, None), (1.0, MORE), (1000.0, MORE)])
def test_teacher_and_student_see_the_same_mixtures(alpha, unlabelled):
    """To the bit; each between two inputs of its batch. The loss is the teacher's alone."""
    seen = {"student": [], "teacher": []}

    def watched(inputs):
        seen["teacher"].append(inputs.copy())
        return ask(inputs)

    def watching(inputs):
        seen["student"].append(inputs.numpy().copy())
        return student(inputs)

    how = Distillation(2.0, 1.0, mixup=alpha)
    more = None if unlabelled is None else without_labels(unlabelled, PARTS)
    lesson = Taught(Teaching(how, watched, more), PARTS.training, PARTS.validation, seed=1)
    assert seen["teacher"] == []  # never on what is not mixed
    given = PARTS.training.inputs if more is None else np.concatenate([PARTS.training.inputs, MORE])
    shares = []
    for batch in torch.randperm(len(given), generator=torch.Generator().manual_seed(0)).split(20):
        loss = float(lesson.loss(watching, batch))
        mixed = seen["student"][-1]
        assert (seen["teacher"][-1] == mixed).all()
        scores, softened = student(torch.tensor(mixed)).numpy(), ask(mixed)
        p, q = (np.array([literal.chances((row / 2).tolist()) for row in part]) for part in (softened, scores))
        assert loss == pytest.approx(4 * float((p * np.log(p / q)).sum(axis=1).mean()), rel=1e-5)
        for row, place in zip(mixed, batch.tolist(), strict=True):
            share = best_share(row, given[place], given[batch.numpy()])
            if alpha < 1 or share != 1:  # an input may be its own partner
                shares.append(share)
    spread = np.std(shares)
    # Beta(a, a) has variance 1 / (4 (2 a + 1)).
    assert spread == pytest.approx(np.sqrt(1 / (4 * (2 * alpha + 1))), rel=0.2, abs=0.02)


def best_share(mixed, first, others):
    """Of the first input in a mixture of it and one of the others; fails where it is none."""
    if (mixed == first).all():
        return 1.0
    for other in others[(others != first).any(axis=1)]:
        way = first.astype(np.float64) - other
        share = float((mixed - other) @ way / (way @ way))
        if -1e-5 < share < 1 + 1e-5 and np.allclose(other + share * way, mixed, atol=1e-5):
            return share
    raise AssertionError("no mixture of two inputs of the batch")


def test_judged_examples_are_not_learned_from():
    held, validation, training = (part.inputs for part in (PARTS.held_out, PARTS.validation, PARTS.training))
    given = np.concatenate([MORE[:3], held[:4], validation[:5], training[:6], -0.0 * held[:1]])
    found = without_labels(given, PARTS)
    assert (found.inputs == np.concatenate([MORE[:3], training[:6], -0.0 * held[:1]])).all()
    assert (found.left_out, found.repeated) == (9, 6)
    zero = Parts(PARTS.training, PARTS.validation, Examples(np.zeros((1, 16), np.float32), np.zeros(1, np.int64)))
    assert without_labels(given, zero).left_out == 6  # -0 is 0
    with pytest.raises(EieError, match="unlabelled: all 100 are held-out or validation examples; give others"):
        without_labels(held, PARTS)


X, Y = clouds(0, 200).inputs, clouds(0, 200).labels


@pytest.fixture(scope="module")
def dense():
    return eiesim.train(X, Y, "random", 0.5, **QUICK).networks.dense


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "soft targets"),
        ({"unlabelled": MORE.reshape(-1, 4, 4)}, "also on 40 unlabelled examples"),
        ({"unlabelled": MORE, "debias": True}, "also on 40 unlabelled examples, debiased"),
        ({"unlabelled": MORE, "mixup": 1.0}, "(function matching, mixup 1), also on 40 unlabelled examples"),
        (
            {"unlabelled": X},
            "158 of them in the training as well; 42 held-out or validation ones were left out of them",
        ),
    ],
)
def test_the_report_says_what_was_used(dense, options, said):
    trained = eiesim.train(X, Y, "random", 0.5, teacher=dense, **options, **QUICK)
    figures, how = trained.to_dict()["teacher"], trained.to_dict()["recipe"]["distillation"]
    held_out = trained.parts.held_out
    right = (forward(dense, held_out.inputs).argmax(axis=1) == held_out.labels).mean()
    assert figures["accuracy"] == pytest.approx(right)
    assert figures["unlabelled"] == (158 if options.get("unlabelled") is X else len(options.get("unlabelled", ())))
    assert how == {
        "temperature": 4.0,
        "share": 1.0 if "mixup" in options else 0.7,
        "debias": options.get("debias", False),
        "mixup": options.get("mixup"),
    }
    assert said in trained.taught
    assert said in trained._repr_html_()
    assert json.loads(trained.to_json())["teacher"] == figures
    assert eiesim.train(X, Y, "random", 0.5, **QUICK).to_dict()["teacher"] is None


@pytest.mark.parametrize("method", ["iterative", "lottery", "low-rank", "binary"])
def test_every_method_takes_them(dense, method):
    for options in ({"debias": True}, {"mixup": 0.5}):
        found = eiesim.train(X, Y, method, 0.5, teacher=dense, unlabelled=MORE, **options, **QUICK)
        assert 0 < found.accuracy["shared"] <= 1


@pytest.mark.parametrize("how", [Distillation(debias=True), Distillation(2.0, 1.0, mixup=1.0)])
def test_convolutions_teach_and_are_taught(how):
    """Noise for labels, few of them: what the student knows of the classes, its teacher has told it."""
    settings = Settings(epochs=8, patience=8, batch=32, rate=5e-3)
    parts = Parts(convolved.images(0, 60), convolved.images(1, 30), convolved.images(2, 60))
    recipe = Recipe(method="random", density=0.8, distillation=how, dense=settings, shared=settings)
    lesson = lesson_for(convolved.PARTS, recipe)
    teacher = begin(convolved.SMALL, lesson, recipe).dense
    noise = Examples(parts.training.inputs, np.random.default_rng(0).permutation(parts.training.labels))
    noisy = Parts(noise, parts.validation, parts.held_out)
    lesson = lesson_for(noisy, recipe, teacher, unlabelled=convolved.images(3, 200).inputs)
    taught = train_layers(convolved.SMALL.untrained(3), lesson, settings)
    right = (forward(taught, parts.held_out.inputs).argmax(axis=1) == parts.held_out.labels).mean()
    assert right > 0.8


def test_same_seed_same_network(dense):
    first, again, other = (
        eiesim.train(X, Y, "random", 0.5, teacher=dense, unlabelled=MORE, mixup=1.0, seed=seed, **QUICK)
        for seed in (3, 3, 4)
    )
    assert [layer.content_hash for layer in first.shared] == [layer.content_hash for layer in again.shared]
    assert [layer.content_hash for layer in first.shared] != [layer.content_hash for layer in other.shared]


def test_a_student_learns_classes_from_unlabelled_examples_alone():
    """With labels that are noise and no share of the loss, what it knows came from elsewhere."""
    teacher = eiesim.train(*dataclasses.astuple(clouds(0, 600)), "random", 0.9, **QUICK).networks.dense
    noise = np.random.default_rng(0).permutation(Y)
    plain, helped = (
        eiesim.train(X, noise, "random", 0.9, teacher=teacher, teacher_share=0.0, unlabelled=more, **QUICK)
        for more in (None, clouds(8, 2000).inputs)
    )
    held_out = clouds(2, 300)
    right = [
        (forward(found.outcome.layers, held_out.inputs).argmax(axis=1) == held_out.labels).mean()
        for found in (plain, helped)
    ]
    assert right[1] > right[0] + 0.2


MIXING = eiesim.Recipe(method="random", density=0.5, distillation=Distillation(share=1, mixup=1.0))
NAN, WIDE = np.full((3, 16), np.nan), np.ones((3, 17))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unlabelled": MORE}, "unlabelled examples have no labels but a teacher's; give a teacher too"),
        ({"mixup": 1.0}, "mixup shows mixed inputs .* needs a teacher: give one too"),
        ({"debias": True}, "debias weighs .* needs a teacher: give one too"),
        ({"teacher_share": 0.7}, "teacher_share is .* needs a teacher: give one too"),
        (
            {"recipe": eiesim.Recipe(method="random", density=0.5, distillation=Distillation(share=1, mixup=1.0))},
            "mixup",
        ),
        ({"teacher": TEACHER, "debias": True}, "debias weighs .* of unlabelled examples; give those too"),
        ({"teacher": TEACHER, "mixup": 0.0}, "mixup = 0.0: must be above 0 and at most 1000"),
        ({"teacher": TEACHER, "mixup": -1.0}, "mixup = -1.0: must be above 0"),
        ({"teacher": TEACHER, "mixup": float("nan")}, "mixup = nan: must be above 0"),
        ({"teacher": TEACHER, "mixup": float("inf")}, "mixup = inf: must be above 0"),
        ({"teacher": TEACHER, "mixup": 1.0, "teacher_share": 0.5}, "share 0.5 of the teacher: must be 1 with mixup"),
        ({"teacher": TEACHER, "mixup": 1.0, "debias": True, "unlabelled": MORE}, "debias .*mixup.*choose one"),
        ({"teacher": TEACHER, "unlabelled": NAN}, "unlabelled: hold NaN or infinity"),
        ({"teacher": TEACHER, "unlabelled": WIDE}, "unlabelled: has 17 features an example; the labelled ones have 16"),
        ({"teacher": TEACHER, "unlabelled": MORE[:0]}, r"unlabelled: float32 of shape \(0, 16\); need numbers"),
        ({"teacher": TEACHER, "unlabelled": MORE[0]}, r"unlabelled: float32 of shape \(16,\); need numbers"),
        ({"teacher": TEACHER, "unlabelled": MORE.astype(str)}, "unlabelled: <U.* need numbers"),
        ({"teacher": TEACHER, "unlabelled": 1e300 * MORE.astype(float)}, "unlabelled: hold NaN or infinity"),
        ({"teacher": TEACHER, "unlabelled": np.full((2, 16), 3e38)}, "teacher: gives scores that are not finite"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    given = {"recipe": options["recipe"]} if "recipe" in options else {**options, **QUICK}
    how = () if "recipe" in options else ("random", 0.5)
    with pytest.raises(EieError, match=message):
        eiesim.train(X, Y, *how, **given)
