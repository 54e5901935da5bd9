"""eiesim inspect, layers."""

from typing import Annotated, Any

import eiesim
from eiesim.cli.app import Option, command
from eiesim.cli.options import Layers, Machine, Making, Shown


@command()
def inspect(
    layers: Layers,
    making: Making,
    machine: Machine,
    shown: Shown,
    energy: Annotated[bool, Option("List what every event costs on the machine, too.")] = False,
) -> None:
    """Show a layer: sizes, density, entries and padding a PE, and what fits which memory.

    Of a matrix, or a trained network before it is compressed, also how it would be read, tensor by tensor, and what it
    would cost.

    \b
    eiesim inspect table3:VGG-6            what does not fit 64 PEs
    eiesim inspect net/ --pes 256 --json -
    eiesim inspect model.onnx              what compress would make of it
    eiesim inspect table3:Alex-7 --energy  picojoules of every event, with their sources
    """
    from eiesim.compression.terminal import ledger_table
    from eiesim.energy.terminal import energy_costs_table
    from eiesim.view.terminal import layer_table, read_table

    configured, screen = machine.chosen(), shown.screen()
    costs = eiesim.energy_table(configured) if energy else None
    found = eiesim.inspect(layers, configured, **vars(making))
    networks = [one for one in found.models if one.layers]
    screen.show(*(table for one in found if not networks or one.read is None for table in layer_table(one)))
    report: dict[str, Any] = {"config": configured.to_dict(), "layers": [one.to_dict() for one in found]}
    if found.models:
        screen.show(read_table(found), *map(ledger_table, found.models))
        screen.show(*(f"{model.name}: {note}" for model in found.models for note in model.notes))
        report["models"] = [
            {
                "name": model.name,
                "ledger": [entry.to_dict() for entry in model.ledger],
                "notes": list(model.notes),
                "left_out": [{"name": part.name, "reason": part.reason} for part in model.left_out],
            }
            for model in found.models
        ]
    if costs is not None:
        screen.show(energy_costs_table(costs))
        report["energy_per_event"] = costs.to_frame().to_dict("records")
    shown.write_report("eiesim-inspect/1", report)


@command(name="layers")
def list_layers(shown: Shown) -> None:
    """List the nine benchmark layers of EIE Table III; run one as table3:NAME, all of them as table3:all."""
    from eiesim.view.terminal import workloads_dict, workloads_table

    shown.screen().show(workloads_table())
    shown.write_report("eiesim-layers/1", workloads_dict())
