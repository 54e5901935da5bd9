"""eiesim train."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eiesim.cli.app import Role, command
from eiesim.cli.options import Shown
from eiesim.cli.screen import Progress
from eiesim.errors import EieError

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from eiesim.training.losses import Penalty


@command()
def train(
    inputs: Annotated[
        Path, typer.Argument(metavar="X.npy", help="Examples, (n, features) or more dimensions."), Role.READS
    ],
    labels: Annotated[Path, typer.Argument(metavar="Y.npy", help="Their classes, whole numbers from 0."), Role.READS],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The network folder to write."), Role.MAKES
    ],
    shown: Shown,
    hidden: Annotated[str, typer.Option(metavar="N,N,...", help="Units of each hidden layer.")] = "300,100",
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="magnitude, iterative, lottery, snip, random, neurons, blocks, mesa, low-rank, binary, balanced, "
            "or N:M such as 2:4.",
        ),
    ] = None,
    density: Annotated[
        float | None, typer.Option(help="Share of all weights to keep; the small last layer keeps more.")
    ] = None,
    together: Annotated[
        bool, typer.Option("--global", help="Rank all layers' weights together (magnitude, iterative, lottery).")
    ] = False,
    rounds: Annotated[
        int, typer.Option(min=1, max=1_000, help="Rounds of pruning and retraining (iterative, lottery, balanced).")
    ] = 4,
    reinitialise: Annotated[
        bool, typer.Option("--reinitialise", help="Train the lottery's mask from other weights: its control.")
    ] = False,
    rank: Annotated[
        int | None, typer.Option(help="Rank of low-rank factors, which are then pruned to --density.")
    ] = None,
    pes: Annotated[int, typer.Option(help="Processing elements that --method balanced is for.")] = 64,
    mask: Annotated[
        Path | None, typer.Option(help="Your own masks instead of a method: .npz of arrays fc1, fc2, ..."), Role.READS
    ] = None,
    penalty: Annotated[
        str | None, typer.Option(metavar="l1|l2[=STRENGTH]", help="Penalty on the weights while training.")
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(help="Learn from this network, too: a folder, .onnx, .safetensors or .npz."),
        Role.READS,
    ] = None,
    temperature: Annotated[float, typer.Option(help="Softens the teacher's scores.")] = 4.0,
    teacher_share: Annotated[float, typer.Option(help="The teacher's part of the loss, 0 to 1.")] = 0.7,
    bits: Annotated[int, typer.Option(help="Bits of a weight code, 1 to 8: 2**bits - 1 values a layer.")] = 4,
    epochs: Annotated[
        int, typer.Option(min=1, max=100_000, help="Most epochs from scratch; each round of retraining has two fifths.")
    ] = 30,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of all that is random.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace a network folder that is there.")] = False,
) -> None:
    """Train a classifier for EIE: prune it by a method of the literature, share its weights, write its folder.

    A tenth of the examples is held out and goes into the folder with its labels; another tenth chooses the best epoch.
    Needs PyTorch: pip install 'eiesim[train]'. docs/methods.md compares the methods.

    \b
    eiesim train x.npy y.npy --hidden 300,100 --method iterative --density 0.1 -o net
    eiesim train x.npy y.npy --method 2:4 -o net
    eiesim run net
    """
    from eiesim.files.network import check_network_folder
    from eiesim.outputs import Outputs
    from eiesim.training import folder
    from eiesim.training.loop import Settings
    from eiesim.training.losses import Distillation
    from eiesim.training.recipe import Recipe
    from eiesim.training.run import train as train_network
    from eiesim.training.terminal import trained_tables

    screen = shown.screen()
    if teacher is None and (temperature, teacher_share) != (4.0, 0.7):
        raise EieError("--temperature and --teacher-share need a --teacher")
    again = max(1, round(0.4 * epochs))
    recipe = Recipe(
        method=method,
        density=density,
        together=together,
        rounds=rounds,
        reinitialise=reinitialise,
        rank=rank,
        pes=pes,
        masks=None if mask is None else folder.load_masks(mask),
        penalty=_penalty(penalty),
        distillation=Distillation(temperature, teacher_share),
        bits=bits,
        seed=seed,
        dense=Settings(epochs=epochs, patience=8),
        retraining=Settings(epochs=again, patience=4),
    )
    check_network_folder(output, force)
    values, classes = folder.load_examples(inputs, labels)
    learned_from = None if teacher is None else folder.load_teacher(teacher)
    widths = _widths(hidden)
    now = _Now()
    with screen.progress("epochs", sum(recipe.plan), now.column()) as advance:
        progress = now.follow(advance, recipe.plan)
        trained = train_network(values, classes, hidden=widths, teacher=learned_from, recipe=recipe, progress=progress)
    folder.save_trained(trained, output, force=force)
    with Outputs() as files:
        files.json(folder.to_dict(trained), shown.json)
    screen.show(*trained_tables(trained))


class _Now:
    """What training is at: the stage, the loss and the accuracy, for a column of the progress bar."""

    def __init__(self) -> None:
        self._text = ""

    def column(self) -> "ProgressColumn":
        from rich.progress import ProgressColumn
        from rich.text import Text

        now = self

        class Column(ProgressColumn):
            def render(self, task: object) -> Text:
                return Text(now._text)

        return Column()

    def follow(self, advance: Progress, plan: tuple[int, ...]) -> "Callable[[str, int, float, float], None]":
        """A callback for training. plan: the most epochs of each stage; what a stage does not need falls away."""
        stages = iter(plan)
        left, before = 0, ""

        def each(stage: str, epoch: int, loss: float, accuracy: float) -> None:
            nonlocal left, before
            fell_away = 0
            if stage != before:
                fell_away, left, before = left, next(stages), stage
            left -= 1
            self._text = f"{stage}: validation loss {loss:.4f}, accuracy {accuracy:.1%}"
            advance(1, fell_away)

        return each


def _penalty(given: str | None) -> "Penalty | None":
    from eiesim.training.losses import Penalty

    if given is None:
        return None
    kind, equals, strength = given.partition("=")
    try:
        return Penalty(kind, float(strength) if equals else None)
    except ValueError as error:
        if isinstance(error, EieError):
            raise
        raise EieError(f"--penalty {given}: needs l1, l2, or l1=STRENGTH such as l1=1e-4") from None


def _widths(given: str) -> tuple[int, ...]:
    try:
        return tuple(int(width) for width in given.split(",")) if given else ()
    except ValueError:
        raise EieError(f"--hidden {given}: needs whole numbers with commas between, such as 300,100") from None
