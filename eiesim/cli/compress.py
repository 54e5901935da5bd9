"""eiesim compress."""

from pathlib import Path
from typing import Annotated

import typer

from eiesim.cli.app import Role, command
from eiesim.cli.options import Shown
from eiesim.errors import EieError


@command()
def compress(
    model: Annotated[
        Path, typer.Argument(help="A trained network: .onnx, .safetensors, or .npz of arrays."), Role.READS
    ],
    shown: Shown,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="The network folder to write.", show_default=False),
        Role.MAKES,
    ] = None,
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
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of --init random.")] = 0,
    calibration: Annotated[
        Path | None,
        typer.Option(
            "--calibration", "-c", help="Inputs of the model, .npy, or .npz by input name: gives layers' real inputs."
        ),
        Role.READS,
    ] = None,
    positions: Annotated[
        int, typer.Option(min=0, help="Of a convolution, keep the inputs of so many positions an image; 0 is all.")
    ] = 100,
    huffman: Annotated[bool, typer.Option("--huffman", help="Also write Huffman-coded layer files, .huff.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a network folder that is there.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print what each tensor is taken for, and write nothing.")
    ] = False,
    take: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A tensor that is a layer whatever it is called; * and ? match any text."),
    ] = None,
    leave: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A tensor or layer that is not to be read.")
    ] = None,
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Do not run the model to hold what was read against it.")
    ] = False,
) -> None:
    """Make EIE layers of a trained network: prune, share weights, count what Huffman coding would save.

    \b
    eiesim compress model.onnx -o net --density 0.1 --calibration inputs.npy
    eiesim compress model.npz -o net --density fc1=0.08 --density fc2=0.09
    eiesim compress model.safetensors --explain
    """
    from eiesim.compression import pipeline
    from eiesim.compression.terminal import ledger_table, summary
    from eiesim.files.ledger import Choice
    from eiesim.files.network import check_network_folder
    from eiesim.outputs import Outputs

    choice = Choice(tuple(take or ()), tuple(leave or ()))
    if explain:
        shown.screen().show(ledger_table(pipeline.read_model(model, choice)[0]))
        return
    if output is None:
        raise EieError("Missing option '--output' / '-o': the network folder to write (--explain writes none)")
    check_network_folder(output, force, model)
    screen = shown.screen()
    everywhere, by_layer = _densities(density or [])
    options = pipeline.Options(everywhere, by_layer, global_density, threshold, bits, init, seed)
    found, taps = pipeline.load_model(model, choice)
    known = given = None
    if calibration is not None:
        given = pipeline.load_calibration(calibration)
    if not no_check:
        found = pipeline.hold(model, found, given)
    if given is not None:
        known = pipeline.calibrate(model, found, taps, given, positions or None, seed)
    with screen.progress("layers", len(found.layers)) as advance:
        compressed = pipeline.compress(found, options, known, advance)
    with Outputs() as files:  # last, once the folder is there
        files.json(pipeline.to_dict(compressed), shown.json)
        pipeline.write(compressed, output, model, huffman=huffman, force=force)
    for part in summary(compressed, output):
        if isinstance(part, str):
            screen.say(part)
        else:
            screen.show(part)


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
