"""eiesim trace, critical-path."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import eiesim
from eiesim.cli.app import Role, command
from eiesim.cli.options import Fed, Layers, Machine, Quiet, Shown
from eiesim.errors import EieError

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class One:
    """Which layer and which input are looked into."""

    layer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which of several layers to look into. (default: the first)"),
    ] = None
    item: Annotated[
        int | None, typer.Option(help="Which input of a batch to follow, from 0. (default: 0)", show_default=False)
    ] = None

    def named(self) -> dict[str, Any]:
        """The first of each, unless told."""
        return {"layer": self.layer or 0, "item": self.item or 0}


@command()
def trace(
    layers: Layers,
    fed: Fed,
    machine: Machine,
    one: One,
    cycles: Annotated[
        str | None,
        typer.Option(
            metavar="A:B", help="Only cycles A to B-1; they are numbered from 1. (default: all)", show_default=False
        ),
    ] = None,
    show_pes: Annotated[
        str | None,
        typer.Option(
            "--show-pes",
            metavar="LIST",
            help="Only these PEs, for instance 0,17,20:24. (default: all)",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to; the suffix says what: .html a page to explore, .png .svg .pdf a picture, .vcd waveforms, "
            ".pftrace for Perfetto, .npz the arrays. Without it, a picture in the terminal.",
        ),
        Role.WRITES,
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Show what every PE does in every cycle, what waits in its queue, and who holds back the broadcasts.

    \b
    eiesim trace table3:Alex-8                                   a picture in the terminal
    eiesim trace table3:Alex-8 -o alex8.html                     a page to zoom into, one file, no network
    eiesim trace table3:Alex-8 --cycles 3000:3200 -o alex8.vcd   every register and wire, for a waveform viewer
    eiesim trace net/ -i x.npy --layer fc2 --item 3              one layer, one input of a batch
    """  # fmt: skip
    from eiesim.tracing.terminal import picture

    traced = eiesim.trace(
        layers, fed.input, machine.chosen(), cycles=_window(cycles), output=output, pes=show_pes, **one.named(),
        **fed.how(),
    )  # fmt: skip
    if output is None and not quiet:
        terminal = _terminal()
        terminal.print(picture(traced, terminal.width, show_pes, terminal.encoding.startswith("utf")))


@command(name="critical-path")
def critical_path(
    layers: Layers,
    fed: Fed,
    machine: Machine,
    one: One,
    shown: Shown,
    top: Annotated[int, typer.Option(min=1, help="How many PEs and segments to list.")] = 10,
) -> None:
    """Find the chain of events that sets a layer's cycles, and say what bounds it and what would help.

    \b
    eiesim critical-path table3:Alex-8
    eiesim critical-path net/ -i x.npy --layer fc2 --json path.json
    """
    from eiesim.tracing.terminal import path_report

    path = eiesim.critical_path(layers, fed.input, machine.chosen(), **one.named(), **fed.how())
    shown.write(path.to_json)
    shown.screen().add(*path_report(path, top))


def _terminal() -> "Console":
    """Where the picture goes: as wide as the terminal; 100 characters where there is none."""
    import os
    import sys

    from rich.console import Console

    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if known else 100, highlight=False)


def _window(cycles: str | None) -> tuple[int, int] | None:
    if cycles is None:
        return None
    start, colon, end = cycles.partition(":")
    if not (colon and start.strip().isdecimal() and end.strip().isdecimal()):
        raise EieError(f"--cycles {cycles}: is not A:B, for instance 3000:3200")
    return int(start), int(end)
