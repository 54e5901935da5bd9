"""eiesim run."""

from pathlib import Path
from typing import Annotated

import typer

from eiesim.cli.app import Role, command
from eiesim.cli.options import EnergyFigures, Fed, Formats, Layers, Machine, Shown, picture_formats


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
    from eiesim.outputs import Outputs
    from eiesim.simulation import simulate
    from eiesim.view.terminal import result_table

    screen, drawn_as, configured = shown.screen(), picture_formats(formats), machine.chosen()
    model = fed.model(layers)
    feeds = model.feeds(fed.activations(), str(fed.input or ""), fed.recorded)
    model.check_codebooks(configured.weight_bits)
    table = None if energy.energy_table is None else load_energy_table(energy.energy_table)
    with screen.progress("inputs", sum(feed.batch_size * len(feed.layers) for feed in feeds)) as advance:
        result = simulate(
            model, fed.input, configured, engine, labels=labels, recorded=fed.recorded, strict=strict,
            energy=energy.energy_model, energy_table=table, progress=advance,
        )  # fmt: skip
    result = replace(result, command=("eiesim", *sys.argv[1:]))
    with Outputs() as files:
        if result.outputs is not None:
            files.array(result.outputs, output)
        if shown.json is not None:
            files.text(result.to_json(per_pe), shown.json)
    if plot is not None:
        from eiesim.drawing import plot as draw
        from eiesim.tracing.heat_map import draw_heat_maps

        screen.note(f"drawing into {plot}")
        draw(result, plot, formats=drawn_as)
        draw_heat_maps(feeds, result, plot, drawn_as)
    screen.show(result_table(result))
    if result.accuracy is not None:
        screen.say(f"accuracy: {result.accuracy:.2%} of {feeds[-1].batch_size:,} inputs")
    for warning in result.warnings:
        screen.warn(warning)
