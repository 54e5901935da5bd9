"""eiesim run."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from eiesim.cli.app import (
    ActivationDensity,
    ConfigFile,
    Density,
    EnergyModelName,
    EnergyTableFile,
    Input,
    Json,
    Layers,
    Pes,
    Quiet,
    Rows,
    Seed,
    Settings,
    Variation,
    app,
    check_targets,
    machine,
    synthesis,
    write_text,
)
from eiesim.cli.screen import Screen
from eiesim.errors import EieError, NoInputError


@app.command()
def run(
    layers: Layers,
    input: Input = None,
    labels: Annotated[
        Path | None, typer.Option(help="The inputs' classes, .npy of whole numbers: shows how many are recognised.")
    ] = None,
    pes: Pes = None,
    queue_depth: Annotated[
        int | None, typer.Option(help="Places of an activation queue. (default: 8)", show_default=False)
    ] = None,
    spmat_width: Annotated[
        int | None, typer.Option(help="Bits of a sparse-matrix SRAM row. (default: 64)", show_default=False)
    ] = None,
    config: ConfigFile = None,
    settings: Settings = None,
    engine: Annotated[
        str, typer.Option(help="recurrence (fast), clocked (the machine itself) or event (SimPy).")
    ] = "recurrence",
    json: Json = None,
    per_pe: Annotated[bool, typer.Option("--per-pe", help="Put the counters of every PE into the JSON.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the outputs as .npy, float32.")] = None,
    energy_model: EnergyModelName = None,
    energy_table: EnergyTableFile = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse layers that exceed a memory of the machine.")
    ] = False,
    quiet: Quiet = False,
    rows: Rows = None,
    seed: Seed = 0,
    density: Density = None,
    activation_density: ActivationDensity = None,
    variation: Variation = 0.0,
) -> None:
    """Run layers on the machine: outputs, cycles, time, energy, and where the cycles went.

    \b
    eiesim run table3:Alex-7                      a synthetic AlexNet fc7
    eiesim run fc1.npz fc2.npz --input x.npy      your own layers, one after the other
    eiesim run net/ -i x.npy --pes 256 --json -   a network folder; JSON on standard output
    eiesim run traces/lenet-300-100               a network with its own inputs.npy and labels.npy
    """
    from eiesim._io.atomic import writing
    from eiesim.energy.events import load_energy_table
    from eiesim.evaluation import accuracy, check_labels
    from eiesim.files import npz
    from eiesim.inputs import open_model
    from eiesim.simulation import simulate
    from eiesim.view.terminal import result_table

    screen = Screen(quiet, json)
    named = {"pes": pes, "queue_depth": queue_depth, "spmat_width": spmat_width}
    check_targets(output, json)
    configured = machine(config, settings, named)
    model = open_model(layers, rows, synthesis(seed, density, activation_density, variation))
    activations = model.activations if input is None else npz.load_inputs(input)
    if activations is None:
        raise NoInputError(layers[0])
    model.check(activations, layers[0] if input is None else str(input), configured.weight_bits)
    table = None if energy_table is None else load_energy_table(energy_table)
    inputs = len(activations) if activations.ndim == 2 else 1
    classes = npz.load_labels(labels) if labels is not None else model.labels if input is None else None
    if classes is not None:
        check_labels(classes, inputs, model.layers[-1].rows)
    with screen.progress("inputs", inputs * len(model.layers)) as advance:
        result = simulate(
            model.layers, activations, configured, engine, energy=energy_model, energy_table=table, progress=advance
        )
    exceeded = [f"{layer.name}: {line}" for layer in result.layers for line in layer.exceeded]
    if strict and exceeded:
        raise EieError(f"--strict: {'; '.join(exceeded)}")
    recognised = None
    if classes is not None and result.outputs is not None:
        recognised = accuracy(result.outputs, classes)
    with ExitStack() as files:  # both or neither
        if json is not None and json != "-":
            files.enter_context(writing(json)).write(f"{result.to_json(recognised, per_pe)}\n".encode())
        if output is not None and result.outputs is not None:
            npz.save_array(result.outputs.astype("float32"), output)
    if json == "-":
        write_text(result.to_json(recognised, per_pe), json)
    screen.show(result_table(result))
    if recognised is not None:
        screen.say(f"accuracy: {recognised:.2%} of {inputs:,} inputs")
    for warning in result.warnings:
        screen.warn(warning)
