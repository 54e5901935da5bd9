"""eiesim compress."""

from pathlib import Path
from typing import Annotated

import eiesim
from eiesim.cli.app import Argument, Makes, Option, Reads, command
from eiesim.cli.options import Shown
from eiesim.errors import EieError


@command()
def compress(
    model: Annotated[
        Path, Argument("A trained network: ONNX, safetensors, arrays, GGUF, Core ML, TensorFlow Lite, Keras; a matrix.")
    ],
    shown: Shown,
    output: Annotated[Path | None, Makes("The network folder to write.", "-o", metavar="DIR")] = None,
    density: Annotated[
        list[str] | None,
        Option("Share of each layer's weights to keep, or of one layer's.", metavar="SHARE|LAYER=SHARE"),
    ] = None,
    global_density: Annotated[float | None, Option("Share of all layers' weights to keep, by one threshold.")] = None,
    threshold: Annotated[float | None, Option("Keep weights above so many standard deviations of their layer.")] = None,
    bits: Annotated[int, Option("Bits of a weight code, 1 to 8: 2**bits - 1 values a layer.")] = 4,
    init: Annotated[str, Option("Where k-means starts: linear (as published), density, random, optimal.")] = "linear",
    seed: Annotated[int, Option("Seed of --init random.", min=0, max=2**63 - 1)] = 0,
    calibration: Annotated[
        Path | None, Reads("Inputs of the model, .npy, or .npz by input name: gives layers' real inputs.", "-c")
    ] = None,
    positions: Annotated[
        int, Option("Of a convolution, keep the inputs of so many positions an image; 0 is all.", min=0)
    ] = 100,
    huffman: Annotated[bool, Option("Also write Huffman-coded layer files, .huff.")] = False,
    force: Annotated[bool, Option("Replace a network folder that is there.")] = False,
    explain: Annotated[bool, Option("Print what each tensor is taken for, and write nothing.")] = False,
    take: Annotated[
        list[str] | None,
        Option("A tensor that is a layer whatever it is called; * and ? match any text.", metavar="NAME"),
    ] = None,
    leave: Annotated[list[str] | None, Option("A tensor or layer that is not to be read.", metavar="NAME")] = None,
    no_check: Annotated[bool, Option("Do not run the model to hold what was read against it.")] = False,
) -> None:
    """Make EIE layers of a trained network: prune, share weights, count what Huffman coding would save.

    \b
    eiesim compress model.onnx -o net --density 0.1 --calibration inputs.npy
    eiesim compress model.npz -o net --density fc1=0.08 --density fc2=0.09
    eiesim compress model.safetensors --explain
    """
    from eiesim.compression.terminal import ledger_table, summary

    screen = shown.screen()
    if explain:
        if shown.json is not None:
            raise EieError("--json: --explain writes no JSON; eiesim inspect MODEL --json says how each tensor is read")
        screen.show(ledger_table(eiesim.read_model(model, take=take or (), leave=leave or ())))
        return
    if output is None:
        raise EieError("Missing option '--output' / '-o': the network folder to write (--explain writes none)")
    with screen.progress() as progress:
        compressed = eiesim.compress(
            model, output, density=density, global_density=global_density, threshold=threshold,
            bits=bits, initialisation=init, seed=seed, calibration=calibration, positions=positions or None,
            huffman=huffman, force=force, check=not no_check, take=take or (),
            leave=leave or (), progress=progress,
        )  # fmt: skip
    shown.write(compressed.to_json)
    screen.show(*summary(compressed, output))
