"""eiesim run."""

from pathlib import Path
from typing import Annotated

import typer

from eiesim.cli.app import Role, command
from eiesim.cli.options import EnergyFigures, Fed, Formats, Layers, Machine, Shown, picture_formats
from eiesim.errors import EieError


@command()
def run(
    layers: Layers,
    fed: Fed,
    machine: Machine,
    energy: EnergyFigures,
    shown: Shown,
    labels: Annotated[
        Path | None,
        typer.Option(help="The inputs' classes, .npy of whole numbers: shows how many are recognised."),
        Role.READS,
    ] = None,
    engine: Annotated[
        str, typer.Option(help="recurrence (fast), clocked (the machine itself) or event (SimPy).")
    ] = "recurrence",
    per_pe: Annotated[bool, typer.Option("--per-pe", help="Put the counters of every PE into the JSON.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the outputs as .npy, float32."), Role.WRITES
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Draw where the cycles went, and each PE's work over time."),
        Role.FILLS,
    ] = None,
    formats: Formats = "png,svg",
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse layers that exceed a memory of the machine.")
    ] = False,
) -> None:
    """Run layers on the machine: outputs, cycles, time, energy, and where the cycles went.

    \b
    eiesim run table3:Alex-7                      a synthetic AlexNet fc7
    eiesim run fc1.npz fc2.npz --input x.npy      your own layers, one after the other
    eiesim run net/ -i x.npy --pes 256 --json -   a network folder; JSON on standard output
    eiesim run traces/lenet-300-100               a network with its own inputs.npy and labels.npy
    eiesim run table3:Alex-7 --set multipliers=2  what if: two multipliers a PE (docs/variants.md)
    """
    import sys
    from dataclasses import replace

    from eiesim.energy.events import load_energy_table
    from eiesim.files import npz
    from eiesim.outputs import Outputs
    from eiesim.simulation import simulate_each
    from eiesim.view.terminal import result_table

    screen, drawn_as, configured = shown.screen(), picture_formats(formats), machine.chosen()
    model = fed.model(layers)
    feeds = model.feeds(fed.activations(), str(fed.input or ""), fed.recorded)
    model.check_codebooks(configured.weight_bits)
    table = None if energy.energy_table is None else load_energy_table(energy.energy_table)
    inputs = feeds[-1].inputs
    own_labels = model.labels if feeds[0].fed == "chained" else None
    classes = npz.load_labels(labels) if labels is not None else own_labels
    if classes is not None and len(feeds) > 1:
        raise EieError(f"{labels}: layers that run each by itself recognise nothing; labels go with a network's input")
    if classes is not None:
        from eiesim.evaluation import accuracy, check_labels

        check_labels(classes, inputs, model.layers[-1].rows)
    with screen.progress("inputs", sum(feed.inputs * len(feed.layers) for feed in feeds)) as advance:
        result = simulate_each(
            [(feed.layers, feed.activations, feed.fed, feed.vectors) for feed in feeds],
            configured, engine, energy=energy.energy_model, energy_table=table, progress=advance,
        )  # fmt: skip
    result = replace(result, command=("eiesim", *sys.argv[1:]))
    exceeded = [f"{layer.name}: {line}" for layer in result.layers for line in layer.exceeded]
    if strict and exceeded:
        raise EieError(f"--strict: {'; '.join(exceeded)}")
    recognised = None
    if classes is not None and result.outputs is not None:
        recognised = accuracy(result.outputs, classes)
    with Outputs() as files:
        if result.outputs is not None:
            files.array(result.outputs, output)
        if shown.json is not None:
            files.text(result.to_json(recognised, per_pe), shown.json)
    if plot is not None:
        from eiesim.api import plot as draw
        from eiesim.tracing.heat_map import draw_heat_maps

        screen.note(f"drawing into {plot}")
        draw(result, plot, formats=drawn_as)
        draw_heat_maps([(feed.layers, feed.activations) for feed in feeds], configured, plot, drawn_as)
    screen.show(result_table(result))
    if recognised is not None:
        screen.say(f"accuracy: {recognised:.2%} of {inputs:,} inputs")
    for warning in result.warnings:
        screen.warn(warning)
