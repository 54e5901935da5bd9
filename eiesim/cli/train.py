"""eiesim train."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import eiesim
from eiesim.cli.app import Argument, Makes, Option, Reads, command
from eiesim.cli.options import Shown

METHODS = (
    "magnitude, iterative, lottery, snip, random, neurons, blocks, mesa, low-rank, binary, balanced, "
    "or N:M such as 2:4."
)


@dataclass(frozen=True)
class Training:
    """How to train and to make the zeros, as `eiesim.train` takes it by these names."""

    PANEL: ClassVar[str] = "Method"

    method: Annotated[str | None, Option(METHODS, metavar="NAME")] = None
    density: Annotated[float | None, Option("Share of all weights to keep; the small last layer keeps more.")] = None
    together: Annotated[
        bool, Option("Rank all layers' weights together (magnitude, iterative, lottery).", "--global")
    ] = False
    rounds: Annotated[
        int, Option("Rounds of pruning and retraining (iterative, lottery, balanced).", min=1, max=1_000)
    ] = 4
    reinitialise: Annotated[bool, Option("Train the lottery's mask from other weights: its control.")] = False
    rank: Annotated[int | None, Option("Rank of low-rank factors, which are then pruned to --density.")] = None
    pes: Annotated[int, Option("Processing elements that --method balanced is for.")] = 64
    masks: Annotated[
        Path | None, Reads("Your own masks instead of a method: .npz of an array a layer (fc1, ...).", "--mask")
    ] = None
    penalty: Annotated[str | None, Option("Penalty on the weights while training.", metavar="l1|l2[=STRENGTH]")] = None
    teacher: Annotated[Path | None, Reads("Learn from this network, too: a folder, .onnx, .safetensors or .npz.")] = (
        None
    )
    temperature: Annotated[float, Option("Softens the teacher's scores.")] = 4.0
    teacher_share: Annotated[
        float | None, Option("The teacher's part of the loss, 0 to 1: 0.7, and all of it with --mixup.")
    ] = None
    unlabelled: Annotated[
        Path | None, Reads("Further examples, whose only labels are the teacher's.", metavar="X.npy")
    ] = None
    debias: Annotated[bool, Option("Weigh unlabelled examples against the teacher's errors.")] = False
    mixup: Annotated[
        float | None,
        Option("Network and teacher see the same mixtures of two inputs, by Beta(ALPHA, ALPHA).", metavar="ALPHA"),
    ] = None
    bits: Annotated[int, Option("Bits of a weight code, 1 to 8: 2**bits - 1 values a layer.")] = 4
    epochs: Annotated[
        int, Option("Most epochs from scratch; each round of retraining has two fifths.", min=1, max=100_000)
    ] = 30
    seed: Annotated[int, Option("Seed of all that is random.", min=0, max=2**63 - 1)] = 0


@command()
def train(
    inputs: Annotated[Path, Argument("Examples, (n, features) or more dimensions.", metavar="X.npy")],
    labels: Annotated[Path, Argument("Their classes, whole numbers from 0.", metavar="Y.npy")],
    output: Annotated[Path, Makes("The network folder to write.", "-o", metavar="DIR")],
    training: Training,
    shown: Shown,
    hidden: Annotated[str, Option("Units of each hidden layer.", metavar="N,N,...")] = "300,100",
    network: Annotated[
        str | None, Option("Instead of --hidden: lenet-300-100, or lenet-5 (convolutions).", metavar="NAME")
    ] = None,
    force: Annotated[bool, Option("Replace a network folder that is there.")] = False,
) -> None:
    """Train a classifier for EIE: prune it by a method of the literature, share its weights, write its folder.

    A tenth of the examples is held out and goes into the folder with its labels; another tenth chooses the best epoch.
    Needs PyTorch; in a clone of eiesim: pip install '.[train]'. docs/methods.md compares the methods.

    \b
    eiesim train x.npy y.npy --hidden 300,100 --method iterative --density 0.1 -o net
    eiesim train x.npy y.npy --method 2:4 -o net
    eiesim train x.npy y.npy --network lenet-5 --method iterative --density 0.08 -o net
    eiesim train x.npy y.npy --method snip --density 0.1 --teacher large --unlabelled more.npy --debias -o net
    eiesim run net
    """
    from eiesim.training.terminal import trained_tables

    screen = shown.screen()
    with screen.progress() as progress:
        trained = eiesim.train(
            inputs, labels, output=output, hidden=hidden, network=network, force=force, progress=progress,
            **vars(training),
        )  # fmt: skip
    shown.write(trained.to_json)
    screen.show(*trained_tables(trained))
