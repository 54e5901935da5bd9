"""eiesim accuracy."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eiesim.cli.app import Role, command
from eiesim.cli.options import Given, Machine, Shown
from eiesim.cli.screen import Screen
from eiesim.errors import EieError

if TYPE_CHECKING:
    from eiesim.config import MachineConfig
    from eiesim.dense import DenseLayer
    from eiesim.files.network import Network


@command()
def accuracy(
    name: Annotated[str, typer.Argument(metavar="NETWORK", help="A network folder, or example:NAME."), Role.READS],
    given: Given,
    machine: Machine,
    shown: Shown,
    labels: Annotated[
        Path | None, typer.Option(help="The inputs' classes, .npy; without it the folder's labels.npy."), Role.READS
    ] = None,
    dense: Annotated[
        Path | None,
        typer.Option(help="The network before pruning; without it the model it was compressed from."),
        Role.READS,
    ] = None,
    pruned: Annotated[
        Path | None,
        typer.Option(help="The pruned network; without it the dense one's weights that were kept."),
        Role.READS,
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
    from eiesim.compression.terminal import accuracy_table
    from eiesim.config import ARITHMETICS
    from eiesim.evaluation import accuracies, check_labels, dense_of_folder, generations, model_of_folder
    from eiesim.files import examples, npz
    from eiesim.files import network as networks
    from eiesim.outputs import Outputs

    screen, configured = shown.screen(), machine.chosen()
    input, network = given.input, examples.place(name)
    found = networks.load_network(network)
    source = dense or model_of_folder(network, found)
    if not found.chain:
        if source is None or source.suffix != ".onnx":
            raise EieError(
                f"{network}: its layers do not follow one another, so its accuracy needs the ONNX model they are from; "
                f"name it with --dense MODEL.onnx"
            )
        _through_the_graph(screen, network, found, source, input, labels, configured, shown)
        return
    inputs = npz.load_inputs(input or _brought(network / networks.INPUTS, "--input"))
    inputs = inputs[None] if inputs.ndim == 1 else inputs
    if labels is None and input is not None:
        raise EieError("--input comes without --labels; give the inputs' classes, .npy")
    classes = npz.load_labels(labels or _brought(network / networks.LABELS, "--labels"))
    check_labels(classes, len(inputs), found.layers[-1].rows)
    original = dense_of_folder(network, found) if dense is None else _matching(dense, found)
    if original is None and pruned is None:
        screen.note("note: the dense network is not at hand; name it with --dense MODEL")
    rows = generations(found.layers, original, None if pruned is None else _matching(pruned, found))
    with screen.progress("networks x arithmetics", len(rows) * len(ARITHMETICS)) as advance:
        shares = accuracies(rows, inputs, classes, configured, advance)
    with Outputs() as files:
        files.json({"inputs": len(inputs), "accuracy": shares}, shown.json)
    screen.show(accuracy_table(shares, len(inputs)))


def _through_the_graph(
    screen: Screen,
    folder: Path,
    found: "Network",
    model: Path,
    input: Path | None,
    labels: Path | None,
    configured: "MachineConfig",
    shown: Shown,
) -> None:
    from eiesim.compression.pipeline import load_calibration
    from eiesim.compression.terminal import accuracy_table
    from eiesim.config import ARITHMETICS
    from eiesim.evaluation import generations, graph_accuracies
    from eiesim.files import network as networks
    from eiesim.files import npz
    from eiesim.outputs import Outputs

    inputs = load_calibration(input or _brought(folder / networks.INPUTS, "--input"))
    classes = npz.load_labels(labels or _brought(folder / networks.LABELS, "--labels"))
    rows = generations(found.layers, _matching(model, found))
    with screen.progress("networks x arithmetics", len(rows) * len(ARITHMETICS)) as advance:
        shares, replaced = graph_accuracies(model, rows, inputs, classes, configured, advance)
    with Outputs() as files:
        files.json({"inputs": len(classes), "layers": replaced, "accuracy": shares}, shown.json)
    screen.show(accuracy_table(shares, len(classes)))
    screen.say(f"{replaced} of {len(found.layers)} layers in each arithmetic; onnxruntime runs the rest in float32")


def _brought(path: Path, option: str) -> Path:
    if not path.is_file():
        raise EieError(f"{path.parent}: brings no {path.name}; give one with {option} FILE.npy")
    return path


def _matching(path: Path, network: "Network") -> "tuple[DenseLayer, ...]":
    from eiesim.compression.pipeline import load_model
    from eiesim.evaluation import matching

    return matching(load_model(path)[0], network.layers, path)
