"""eiesim train."""

from pathlib import Path
from typing import Annotated

import typer

import eiesim
from eiesim.cli.app import Role, command
from eiesim.cli.options import Shown
from eiesim.errors import EieError


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
    rounds: Annotated[int, typer.Option(help="Rounds of pruning and retraining (iterative, lottery, balanced).")] = 4,
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
        int, typer.Option(min=1, help="Most epochs from scratch; each round of retraining has two fifths.")
    ] = 30,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all that is random.")] = 0,
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
    from eiesim.training.terminal import trained_tables

    if teacher is None and (temperature, teacher_share) != (4.0, 0.7):
        raise EieError("--temperature and --teacher-share need a --teacher")
    screen = shown.screen()
    with screen.progress() as progress:
        trained = eiesim.train(
            inputs,
            labels,
            method,
            density,
            output,
            hidden=_widths(hidden),
            teacher=teacher,
            force=force,
            progress=progress,
            together=together,
            rounds=rounds,
            reinitialise=reinitialise,
            rank=rank,
            pes=pes,
            masks=mask,
            penalty=penalty,
            temperature=temperature,
            teacher_share=teacher_share,
            bits=bits,
            epochs=epochs,
            seed=seed,
        )
    shown.write(trained.to_json)
    screen.show(*trained_tables(trained))


def _widths(given: str) -> tuple[int, ...]:
    try:
        return tuple(int(width) for width in given.split(",")) if given else ()
    except ValueError:
        raise EieError(f"--hidden {given}: needs whole numbers with commas between, such as 300,100") from None
