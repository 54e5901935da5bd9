"""eiesim inspect, layers."""

from typing import Annotated, Any

import typer

from eiesim.cli.app import command
from eiesim.cli.options import Layers, Machine, Making, Shown


@command()
def inspect(
    layers: Layers,
    making: Making,
    machine: Machine,
    shown: Shown,
    energy: Annotated[bool, typer.Option("--energy", help="List what every event costs on the machine, too.")] = False,
) -> None:
    """Show a layer: sizes, density, entries and padding a PE, and what fits which memory.

    \b
    eiesim inspect table3:VGG-6            what does not fit 64 PEs
    eiesim inspect net/ --pes 256 --json -
    eiesim inspect table3:Alex-7 --energy  picojoules of every event, with their sources
    """
    from eiesim import capacity, energy_table, streaming
    from eiesim.encoding import interleave
    from eiesim.energy.terminal import energy_costs_table
    from eiesim.outputs import Outputs
    from eiesim.view.terminal import layer_dict, layer_table

    configured, screen = machine.chosen(), shown.screen()
    costs = energy_table(configured) if energy else None
    found: list[dict[str, Any]] = []
    for layer in making.model(layers).layers:
        interleaved = interleave(layer, configured.pes, configured.index_bits, configured.mapping)
        needs = capacity.needs(interleaved, configured)
        streamed = streaming.estimate(interleaved, configured)
        found.append({**layer_dict(interleaved, needs), "streamed": streamed})
        screen.show(*layer_table(interleaved, needs, streamed))
    content: dict[str, Any] = {"config": configured.to_dict(), "layers": found}
    if costs is not None:
        screen.show(energy_costs_table(costs))
        content["energy_per_event"] = costs.to_frame().to_dict("records")
    with Outputs() as files:
        files.json(content, shown.json, "eiesim-inspect/1")


@command(name="layers")
def list_layers(shown: Shown) -> None:
    """List the nine benchmark layers of EIE Table III; run one as table3:NAME, all of them as table3:all."""
    from dataclasses import asdict

    from eiesim.outputs import Outputs
    from eiesim.view.terminal import workloads_table
    from eiesim.workloads import TABLE_III

    shown.screen().show(workloads_table(list(TABLE_III.values())))
    with Outputs() as files:
        files.json({"layers": [asdict(one) for one in TABLE_III.values()]}, shown.json, "eiesim-layers/1")
