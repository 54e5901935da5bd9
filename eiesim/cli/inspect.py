"""eiesim inspect, layers."""

from typing import Any

from eiesim.cli.app import (
    ConfigFile,
    Density,
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
    write_json,
)
from eiesim.cli.screen import Screen


@app.command()
def inspect(
    layers: Layers,
    pes: Pes = None,
    config: ConfigFile = None,
    settings: Settings = None,
    json: Json = None,
    quiet: Quiet = False,
    rows: Rows = None,
    seed: Seed = 0,
    density: Density = None,
    variation: Variation = 0.0,
) -> None:
    """Show a layer: sizes, density, entries and padding a PE, and what fits which memory.

    \b
    eiesim inspect table3:VGG-6            what does not fit 64 PEs
    eiesim inspect net/ --pes 256 --json -
    """
    from eiesim import capacity, streaming
    from eiesim.encoding import interleave
    from eiesim.inputs import open_model
    from eiesim.view.terminal import layer_dict, layer_table

    check_targets(json, inputs=[*layers, config])
    configured = machine(config, settings, {"pes": pes})
    screen = Screen(quiet, json)
    found: list[dict[str, Any]] = []
    for layer in open_model(layers, rows, synthesis(seed, density, None, variation)).layers:
        interleaved = interleave(layer, configured.pes, configured.index_bits, configured.mapping)
        needs = capacity.needs(interleaved, configured)
        streamed = streaming.estimate(interleaved, configured)
        found.append({**layer_dict(interleaved, needs), "streamed": streamed})
        screen.show(*layer_table(interleaved, needs, streamed))
    if json is not None:
        write_json("eiesim-inspect/1", {"config": configured.to_dict(), "layers": found}, json)


@app.command(name="layers")
def list_layers(json: Json = None, quiet: Quiet = False) -> None:
    """List the nine benchmark layers of EIE Table III; run one as table3:NAME, all of them as table3:all."""
    from dataclasses import asdict

    from eiesim.view.terminal import workloads_table
    from eiesim.workloads import TABLE_III

    check_targets(json)
    Screen(quiet, json).show(workloads_table(list(TABLE_III.values())))
    if json is not None:
        write_json("eiesim-layers/1", {"layers": [asdict(one) for one in TABLE_III.values()]}, json)
