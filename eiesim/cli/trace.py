"""eiesim trace, critical-path."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import eiesim
from eiesim.cli.app import Fills, Option, Writes, command
from eiesim.cli.options import Fed, Formats, Layers, Machine, Quiet, Shown, Style
from eiesim.cli.screen import Screen

OUTPUT_HELP = (
    "Where to; the suffix says what: .html a page to explore, .png .svg .pdf a picture, .vcd waveforms, "
    ".pftrace for Perfetto, .npz the arrays. Without it, a picture in the terminal."
)


@dataclass(frozen=True)
class One(Fed):
    """The same, and which layer and which input are looked into."""

    layer: Annotated[
        str | None, Option("Which of several layers to look into. (default: the first)", metavar="NAME")
    ] = None
    item: Annotated[int | None, Option("Which input of a batch to follow, from 0. (default: 0)")] = None

    def how(self) -> dict[str, Any]:
        """As the functions take it: the first of each, unless told."""
        return {**super().how(), "layer": self.layer or 0, "item": self.item or 0}


@command()
def trace(
    layers: Layers,
    one: One,
    machine: Machine,
    cycles: Annotated[
        str | None, Option("Only cycles A to B-1; they are numbered from 1. (default: all)", metavar="A:B")
    ] = None,
    show_pes: Annotated[
        str | None, Option("Only these PEs, for instance 0,17,20:24. (default: all)", metavar="LIST")
    ] = None,
    output: Annotated[Path | None, Writes(OUTPUT_HELP, "-o", metavar="FILE")] = None,
    style: Style = "screen",
    quiet: Quiet = False,
) -> None:
    """Show what every PE does in every cycle, what waits in its queue, and who holds back the broadcasts.

    \b
    eiesim trace table3:Alex-8                                   a picture in the terminal
    eiesim trace table3:Alex-8 -o alex8.html                     a page to zoom into, one file, no network
    eiesim trace table3:Alex-8 --cycles 3000:3200 -o alex8.vcd   every register and wire, for a waveform viewer
    eiesim trace net/ -i x.npy --layer fc2 --item 3              one layer, one input of a batch
    """  # fmt: skip
    Screen(quiet)
    configured = machine.chosen()
    traced = eiesim.trace(
        layers, one.input, configured, cycles=cycles, output=output, pes=show_pes, style=style, **one.how(),
    )  # fmt: skip
    if output is None and not quiet:
        from eiesim.tracing.terminal import show

        show(traced, show_pes)


@command(name="critical-path")
def critical_path(
    layers: Layers,
    one: One,
    machine: Machine,
    shown: Shown,
    top: Annotated[int, Option("How many PEs and segments to list.", min=1)] = 10,
    plot: Annotated[Path | None, Fills("Draw whose turn it is in each cycle.", metavar="DIR")] = None,
    formats: Formats = None,
    style: Style = "screen",
) -> None:
    """Find the chain of events that sets a layer's cycles, and say what bounds it and what would help.

    \b
    eiesim critical-path table3:Alex-8
    eiesim critical-path net/ -i x.npy --layer fc2 --json path.json
    """
    screen, configured = shown.screen(), machine.chosen()
    path = eiesim.critical_path(layers, one.input, configured, **one.how())
    shown.write(path.to_json)
    if plot is not None:
        eiesim.plot(path, plot, formats=formats, style=style)
    from eiesim.tracing.terminal import path_report

    screen.show(*path_report(path, top))
