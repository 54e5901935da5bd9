"""eiesim advise."""

from pathlib import Path
from typing import Annotated

import eiesim
from eiesim.cli.app import Argument, Option, Reads, Writes, command
from eiesim.cli.options import Base, Making, OwnInputs, Shown
from eiesim.cli.sweep import AXES_HELP, LAYERS_HELP


@command()
def advise(
    layers: Annotated[list[str], Argument(LAYERS_HELP, metavar="LAYER...")],
    base: Base,
    making: Making,
    own: OwnInputs,
    shown: Shown,
    pes: Annotated[str | None, Option("Processing elements to try. (default: 1:512:x2)", metavar="VALUES")] = None,
    queue_depth: Annotated[
        str | None, Option("Places of an activation queue to try. (default: 1:32:x2)", metavar="VALUES")
    ] = None,
    spmat_width: Annotated[
        str | None, Option("Bits of a sparse-matrix SRAM row to try. (default: 32:256:x2)", metavar="VALUES")
    ] = None,
    operation: Annotated[str | None, Option("multiply, adder. (default: multiply)", metavar="VALUES")] = (None),
    axes: Annotated[list[str] | None, Option(AXES_HELP, "--sweep", metavar="KEY=VALUES")] = None,
    aim: Annotated[str, Option("What shall be least: energy-delay, time or energy.", "--best")] = "energy-delay",
    area: Annotated[float | None, Option("Most area of the machine, in mm².", metavar="MM2")] = None,
    energy: Annotated[float | None, Option("Most energy of an input, in µJ.", metavar="UJ")] = None,
    time: Annotated[float | None, Option("Most time of an input, in µs.", metavar="US")] = None,
    input: Annotated[
        list[Path] | None, Reads("Activations for layers that bring none; once, or once for each of them.", "-i")
    ] = None,
    output: Annotated[Path | None, Writes("Write every machine, as CSV.", "-o", metavar="FILE.csv|-")] = None,
    jobs: Annotated[int | None, Option("Tasks at a time; one a core unless given.", "-j", min=1)] = None,
) -> None:
    """Say how many PEs, which queue depth and which SRAM width suit a layer or a network, and show the best machines.

    Every combination is simulated. Of machines whose memories hold each layer, the one with the least energy x time is
    advised, of those within 5 % of it the smallest. Several layers count together. VALUES are as in sweep.

    \b
    eiesim advise table3:Alex-7
    eiesim advise example:lenet-300-100 --best time --area 10
    eiesim advise net/ --pes 8:64:8 --sweep multipliers=1,2 -o machines.csv
    """
    from eiesim.advice.terminal import advice_table
    from eiesim.outputs import Outputs

    named = {"pes": pes, "queue_depth": queue_depth, "spmat_width": spmat_width, "operation": operation}
    tried = [*(f"{key}={text}" for key, text in named.items() if text is not None), *(axes or [])]
    screen, configured = shown.screen(), base.chosen()
    with screen.progress() as progress:
        found = eiesim.advise(
            layers, tried, config=configured, aim=aim, area_mm2=area, energy_uj=energy, time_us=time,
            inputs=input or (), jobs=jobs, progress=progress, **vars(making), **vars(own),
        )  # fmt: skip
    if output is not None:
        with Outputs() as files:
            files.text(found.to_frame().to_csv(index=False).removesuffix("\n"), str(output))
    shown.write(found.to_json)
    screen.show(found.heading, *(f"  {line}" for line in found.lines), advice_table(found))
