"""eiesim accuracy."""

from pathlib import Path
from typing import Annotated

import eiesim
from eiesim.cli.app import Argument, Reads, command
from eiesim.cli.options import Given, Machine, Shown
from eiesim.errors import counted


@command()
def accuracy(
    name: Annotated[str, Argument("A network folder, or example:NAME.", metavar="NETWORK")],
    given: Given,
    machine: Machine,
    shown: Shown,
    labels: Annotated[Path | None, Reads("The inputs' classes, .npy; without it the folder's labels.npy.")] = None,
    dense: Annotated[Path | None, Reads("The network before pruning; without it the one it was made from.")] = None,
    pruned: Annotated[
        Path | None,
        Reads("The pruned network; without it train's own, or the dense one's kept weights."),
    ] = None,
) -> None:
    """Compare accuracies: dense, pruned and shared, in float32, fixed32, fixed16 and fixed8.

    Inputs and labels are the folder's inputs.npy and labels.npy unless others are given. Layers that do not follow one
    another are those of an ONNX graph: they are computed in each arithmetic, and onnxruntime runs the rest of it.
    Inputs are then the model's own, .npy, or .npz by input name.

    \b
    eiesim accuracy example:lenet-300-100
    eiesim accuracy net --input x.npy --labels y.npy --json -
    """
    screen, configured = shown.screen(), machine.chosen()
    with screen.progress() as progress:
        shares = eiesim.accuracy(name, given.input, labels, configured, dense=dense, pruned=pruned, progress=progress)
    if list(shares) == ["shared"]:
        screen.note("note: the dense network is not at hand; name it with --dense MODEL")
    shown.write(shares.to_json)
    from eiesim.compression.terminal import accuracy_table

    screen.show(accuracy_table(shares, shares.inputs))
    if shares.computed is not None:
        layers = f"{shares.computed} of {counted(shares.layers, 'layer')}"
        screen.say(f"{layers} in each arithmetic; onnxruntime runs the rest in float32")
