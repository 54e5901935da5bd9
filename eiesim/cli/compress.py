"""eiesim compress, accuracy."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eiesim.cli.app import ConfigFile, Pes, Settings, app, console, machine, progress, write_text
from eiesim.errors import EieError

if TYPE_CHECKING:
    from eiesim.dense import DenseLayer
    from eiesim.files.network import Network


@app.command()
def compress(
    model: Annotated[Path, typer.Argument(help="A trained network: .onnx, .safetensors, or .npz of arrays.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The network folder to write.")],
    density: Annotated[
        list[str] | None,
        typer.Option(metavar="SHARE|LAYER=SHARE", help="Share of each layer's weights to keep, or of one layer's."),
    ] = None,
    global_density: Annotated[
        float | None, typer.Option(help="Share of all layers' weights to keep, by one threshold.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Keep weights above so many standard deviations of their layer.")
    ] = None,
    bits: Annotated[int, typer.Option(help="Bits of a weight code, 1 to 8: 2**bits - 1 values a layer.")] = 4,
    init: Annotated[
        str, typer.Option(help="Where k-means starts: linear (as published), density, random, optimal.")
    ] = "linear",
    seed: Annotated[int, typer.Option(min=0, help="Seed of --init random.")] = 0,
    calibration: Annotated[
        Path | None,
        typer.Option(
            "--calibration", "-c", help="Inputs of the model, .npy, or .npz by input name: gives layers' real inputs."
        ),
    ] = None,
    positions: Annotated[
        int, typer.Option(min=0, help="Of a convolution, keep the inputs of so many positions an image; 0 is all.")
    ] = 100,
    huffman: Annotated[bool, typer.Option("--huffman", help="Also write Huffman-coded layer files, .huff.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a network folder that is there.")] = False,
    json: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Also write the report here; - is standard output.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing.")] = False,
) -> None:
    """Make EIE layers of a trained network: prune, share weights, count what Huffman coding would save.

    \b
    eiesim compress model.onnx -o net --density 0.1 --calibration inputs.npy
    eiesim compress model.npz -o net --density fc1=0.08 --density fc2=0.09
    """
    from eiesim.compression import pipeline
    from eiesim.compression.terminal import summary

    everywhere, by_layer = _densities(density or [])
    options = pipeline.Options(everywhere, by_layer, global_density, threshold, bits, init, seed)
    found, taps = pipeline.load_model(model)
    known = None
    if calibration is not None:
        given = pipeline.load_calibration(calibration)
        known = pipeline.calibrate(model, found, taps, given, positions or None, seed)
    with progress("layers", len(found.layers)) as advance:
        compressed = pipeline.compress(found, options, known, advance)
    pipeline.write(compressed, output, model, huffman=huffman, force=force)
    if json is not None:
        from json import dumps

        write_text(dumps(pipeline.to_dict(compressed), indent=1, allow_nan=False), json)
    if not quiet:
        terminal = console()
        for part in summary(compressed, output):
            if isinstance(part, str):
                terminal.print(part, highlight=False, markup=False, soft_wrap=True)
            else:
                terminal.print(part)


@app.command()
def accuracy(
    network: Annotated[Path, typer.Argument(help="A network folder.")],
    input: Annotated[
        Path | None, typer.Option("--input", "-i", help="Inputs, .npy; without it the folder's inputs.npy.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="The inputs' classes, .npy; without it the folder's labels.npy.")
    ] = None,
    dense: Annotated[
        Path | None, typer.Option(help="The network before pruning; without it the model it was compressed from.")
    ] = None,
    pruned: Annotated[
        Path | None, typer.Option(help="The pruned network; without it the dense one's weights that were kept.")
    ] = None,
    pes: Pes = None,
    config: ConfigFile = None,
    settings: Settings = None,
    json: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the shares as JSON; - is standard output.")
    ] = None,
) -> None:
    """Compare accuracies: dense, pruned and shared, in float32, fixed32, fixed16 and fixed8."""
    from eiesim.compression.terminal import accuracy_table
    from eiesim.dense import Mask, to_codes
    from eiesim.evaluation import ARITHMETICS, Layers, accuracies, check_labels
    from eiesim.files import network as networks
    from eiesim.files import npz

    configured = machine(config, settings, {"pes": pes})
    found = networks.load_network(network)
    if not found.chain:
        raise EieError(f"{network}: its layers do not follow one another, so there is no accuracy to tell")
    inputs = npz.load_inputs(input or _brought(network / networks.INPUTS, "--input"))
    inputs = inputs[None] if inputs.ndim == 1 else inputs
    if labels is None and input is not None:
        raise EieError("--input comes without --labels; give the inputs' classes, .npy")
    classes = npz.load_labels(labels or _brought(network / networks.LABELS, "--labels"))
    check_labels(classes, len(inputs), found.layers[-1].rows)
    rows: dict[str, Layers] = {}
    original = dense or _model_of(network, found)
    terminal = console()
    if original is not None:
        rows["dense"] = _matching(original, found)
    if pruned is not None:
        rows["pruned"] = _matching(pruned, found)
    elif original is not None:
        masks = [Mask(to_codes(layer) != 0) for layer in found.layers]
        whole = _matching(original, found)
        rows["pruned, not retrained"] = [layer.pruned(mask) for layer, mask in zip(whole, masks, strict=True)]
    else:
        terminal.print("note: the dense network is not at hand; name it with --dense MODEL", highlight=False)
    rows["shared"] = found.layers
    with progress("networks x arithmetics", len(rows) * len(ARITHMETICS)) as advance:
        shares = accuracies(rows, inputs, classes, configured, advance)
    if json is not None:
        from json import dumps

        write_text(dumps({"inputs": len(inputs), "accuracy": shares}, indent=1), json)
    terminal.print(accuracy_table(shares, len(inputs)))


def _densities(given: list[str]) -> tuple[float | None, dict[str, float]]:
    everywhere, by_layer = None, {}
    for text in given:
        name, equals, value = text.rpartition("=")
        try:
            share = float(value)
        except ValueError:
            raise EieError(f"--density {text}: is neither a share, such as 0.1, nor LAYER=SHARE") from None
        if not 0 <= share <= 1:
            raise EieError(f"--density {text}: must be 0 to 1, the share of weights to keep")
        if equals:
            by_layer[name] = share
        else:
            everywhere = share
    return everywhere, by_layer


def _brought(path: Path, option: str) -> Path:
    if not path.is_file():
        raise EieError(f"{path.parent}: brings no {path.name}; give one with {option} FILE.npy")
    return path


def _model_of(folder: Path, network: "Network") -> Path | None:
    """The model file that a network was compressed from, if it is still there and still the same."""
    name, digest = network.about.get("model"), network.about.get("model_sha256")
    path = folder / str(name)
    if not isinstance(name, str) or not path.is_file():
        return None
    return path if hashlib.sha256(path.read_bytes()).hexdigest() == digest else None


def _matching(path: Path, network: "Network") -> "tuple[DenseLayer, ...]":
    """The layers of a model file, which must have the network's shapes in the network's order."""
    from eiesim.compression.pipeline import load_model

    model, _ = load_model(path)
    shapes = [layer.weights.shape for layer in model.layers]
    if shapes != [layer.shape for layer in network.layers]:
        raise EieError(f"{path}: its layers have shapes {shapes}, the network's {[la.shape for la in network.layers]}")
    return model.layers
