"""eiesim compress."""

from pathlib import Path
from typing import Annotated

import typer

from eiesim.cli.app import Json, Quiet, app, check_targets, write_text
from eiesim.cli.screen import Screen
from eiesim.errors import EieError


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
        typer.Option("--calibration", "-c", help="Inputs of the model, .npy: gives each layer's real inputs."),
    ] = None,
    huffman: Annotated[bool, typer.Option("--huffman", help="Also write Huffman-coded layer files, .huff.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a network folder that is there.")] = False,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Make EIE layers of a trained network: prune, share weights, count what Huffman coding would save.

    \b
    eiesim compress model.onnx -o net --density 0.1 --calibration inputs.npy
    eiesim compress model.npz -o net --density fc1=0.08 --density fc2=0.09
    """
    from eiesim.compression import pipeline
    from eiesim.compression.terminal import statistics_tables

    check_targets(json)
    screen = Screen(quiet, json)
    everywhere, by_layer = _densities(density or [])
    options = pipeline.Options(everywhere, by_layer, global_density, threshold, bits, init, seed)
    found, taps = pipeline.load_model(model)
    inputs = pipeline.calibrate(model, found, taps, pipeline.load_calibration(calibration)) if calibration else ()
    with screen.progress("layers", len(found.layers)) as advance:
        compressed = pipeline.compress(found, options, inputs, advance)
    pipeline.write(compressed, output, model, huffman=huffman, force=force)
    if json is not None:
        from json import dumps

        write_text(dumps(pipeline.to_dict(compressed), indent=1, allow_nan=False), json)
    screen.show(*statistics_tables(compressed))
    notes = [*found.notes, *(f"{report.name}: {note}" for report in compressed.reports for note in report.notes)]
    for note in notes:
        screen.note(f"note: {note}")
    for part in found.left_out:
        screen.note(f"left out: {part.name}: {part.reason}")


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
