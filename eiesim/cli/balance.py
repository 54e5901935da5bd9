"""eiesim balance."""

from pathlib import Path
from typing import Annotated

import typer

from eiesim.cli.app import (
    ActivationDensity,
    ConfigFile,
    Density,
    Input,
    Json,
    Layers,
    Pes,
    Quiet,
    Recorded,
    Rows,
    Seed,
    Settings,
    Variation,
    app,
    check_targets,
    machine,
    write_json,
)
from eiesim.cli.screen import Screen


@app.command()
def balance(
    layers: Layers,
    input: Input = None,
    pes: Pes = None,
    config: ConfigFile = None,
    settings: Settings = None,
    json: Json = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write each layer balanced by its weights, and its rows' order."),
    ] = None,
    quiet: Quiet = False,
    recorded: Recorded = False,
    rows: Rows = None,
    seed: Seed = 0,
    density: Density = None,
    activation_density: ActivationDensity = None,
    variation: Variation = 0.0,
) -> None:
    """Say where a layer's cycles go, cause by cause, and what other orders of its rows would give.

    Causes add up to the cycles exactly. Rows are balanced greedily, once by the weights alone and once knowing the
    input; both are simulated, and their outputs, put back in order, are checked to be the same bit for bit.

    \b
    eiesim balance table3:Alex-8 --variation 0.15
    eiesim balance fc.npz -i x.npy --pes 256 --save balanced     writes balanced/NAME.npz and NAME-order.npy
    """
    import numpy as np

    from eiesim.balancing import study
    from eiesim.balancing.terminal import balance_table
    from eiesim.files import npz
    from eiesim.inputs import open_workloads

    check_targets(json)
    screen = Screen(quiet, json)
    configured = machine(config, settings, {"pes": pes})
    inputs = [] if input is None else [npz.load_inputs(input)]
    found = []
    for make in open_workloads(layers, inputs, [seed], [variation], density, activation_density, rows, recorded):
        workload = make()
        found.append(study.balance(workload.layer, workload.activations, configured))
        screen.show(balance_table(found[-1]))
    if json is not None:
        report = {"config": configured.to_dict(), "layers": [one.to_dict() for one in found]}
        write_json("eiesim-balance/1", report, json)
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
        for one in found:
            balanced = one.assignments[1]
            name = "".join(c if c.isalnum() or c in "-_." else "_" for c in balanced.layer.name)
            npz.save(balanced.layer, save / f"{name}.npz")
            npz.save_array(np.asarray(balanced.order), save / f"{name}-order.npy")
