"""eiesim run."""

from pathlib import Path
from typing import Annotated

import eiesim
from eiesim.cli.app import Fills, Option, Reads, Writes, command
from eiesim.cli.options import EnergyFigures, Fed, Formats, Layers, Machine, Shown, Style
from eiesim.errors import EieError, counted


@command()
def run(
    layers: Layers,
    fed: Fed,
    machine: Machine,
    energy: EnergyFigures,
    shown: Shown,
    labels: Annotated[
        Path | None, Reads("The inputs' classes, .npy of whole numbers: shows how many are recognised.")
    ] = None,
    engine: Annotated[str, Option("recurrence (fast), clocked (the machine itself) or event (SimPy).")] = "recurrence",
    per_pe: Annotated[bool, Option("Put the counters of every PE into the JSON, of a batch for every input.")] = False,
    output: Annotated[Path | None, Writes("Write the outputs as .npy, float32.", "-o")] = None,
    dram_trace: Annotated[
        Path | None,
        Writes("Write the loads of streamed weights, a burst of 64 bytes a line, for Ramulator 2.", metavar="FILE"),
    ] = None,
    dram_base: Annotated[
        str, Option("Address of the first burst of --dram-trace, such as 0x40000000.", metavar="ADDRESS")
    ] = "0",
    plot: Annotated[
        Path | None, Fills("Draw where the cycles went, and each PE's work over time.", metavar="DIR")
    ] = None,
    plot_layers: Annotated[
        str | None,
        Option(
            "Layers that get a heat map of their own: how many of the slowest, names with commas, or all. "
            "(default: 12)",
            metavar="N|NAMES|all",
        ),
    ] = None,
    formats: Formats = None,
    style: Style = "screen",
    strict: Annotated[bool, Option("Refuse layers that exceed a memory of the machine.")] = False,
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

    from eiesim.outputs import Outputs

    screen, config, base = shown.screen(), machine.chosen(), _address(dram_base)
    if dram_trace is not None and config.weights == "resident":
        raise EieError("--dram-trace: weights = 'resident': nothing is loaded; give --set weights=streamed")
    with screen.progress() as progress:
        result = eiesim.simulate(
            layers, fed.input, config, engine, labels=labels, strict=strict, progress=progress,
            per_pe=per_pe or None, **energy.chosen(), **fed.how(),
        )  # fmt: skip
    result = replace(result, command=("eiesim", *sys.argv[1:]))
    with Outputs() as files:
        if result.outputs is not None:
            files.array(result.outputs, output)
        if dram_trace is not None:
            files.text(result.dram_trace(base), dram_trace)
        if shown.json is not None:
            files.text(result.json_pieces(per_pe), shown.json)
    if plot is not None:
        screen.note(f"drawing into {plot}")
        maps = _mapped(plot_layers, len(result))
        eiesim.plot(result, plot, layers=maps, formats=formats, style=style)
    if not shown.quiet:
        from eiesim.view.terminal import result_table

        screen.show(result_table(result))
    if result.accuracy is not None:
        screen.say(f"accuracy: {result.accuracy:.2%} of {counted(len(result.layers[-1].runs), 'input')}")
    for warning in result.warnings:
        screen.warn(warning)


def _address(text: str) -> int:
    """An address, decimal or with 0x."""
    try:
        return int(text, 0)
    except ValueError:
        raise EieError(f"--dram-base {text}: is no address, such as 0x40000000") from None


def _mapped(given: str | None, layers: int) -> int | list[str] | None:
    """Which layers get a heat map, as `eiesim.plot` takes it."""
    if given is None or given.isdecimal():
        return None if given is None else int(given)
    return layers if given == "all" else [name.strip() for name in given.split(",")]
