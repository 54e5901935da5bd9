"""eiesim rtl: the SystemVerilog twin, exported, checked and synthesised."""

from pathlib import Path
from typing import Annotated

import typer

import eiesim
from eiesim.cli.app import Argument, Makes, Option, Reads, Writes, app, command
from eiesim.cli.options import Fed, Machine, Shown
from eiesim.cli.screen import Screen

rtl = typer.Typer(
    help="The RTL twin in SystemVerilog: export it, check it against the clocked machine, synthesise it.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(rtl, name="rtl")


@command(to=rtl)
def export(
    layer: Annotated[str, Argument("What `run` takes: a file, a dump, table3:NAME.", metavar="LAYER")],
    out: Annotated[Path, Makes("A new folder for it all.", "-o", "--out", metavar="DIR")],
    fed: Fed,
    machine: Machine,
) -> None:
    """Write the sources, the memory images of a layer, a testbench and a Makefile: `make` there says PASS or FAIL.

    It compares cycles and a checksum of the outputs, with Verilator or Icarus Verilog, and needs no Python.

    \b
    eiesim rtl export table3:NT-We --pes 4 -o twin/ && make -C twin
    """
    screen, configured = Screen(), machine.chosen()
    made = eiesim.export_rtl(layer, out, fed.input or (), configured, **fed.how())
    for sentence in made.grown:
        screen.note(f"larger than configured, for this layer: {sentence}")
    screen.note(f"{made.files} files in {out}; run make there")


@command(to=rtl)
def check(
    fed: Fed,
    machine: Machine,
    layers: Annotated[
        list[str] | None, Argument("What `run` takes, each by itself (default: random cases)", metavar="[LAYER]...")
    ] = None,
    cases: Annotated[int, Option("Random cases, where no layer is named.", min=0)] = 24,
    simulator: Annotated[str | None, Option("verilator or icarus (default: the first that is here).")] = None,
) -> None:
    """Run RTL and clocked machine in lock-step: every register, wire, counter and output, in every cycle.

    Random cases are on a dozen small machines, or on the one that the options say. The first difference is named and
    the exit status is 1. Builds are kept; the first of a large array takes minutes.

    \b
    eiesim rtl check --cases 100 --seed 1
    eiesim rtl check table3:NT-We --pes 16 --simulator icarus
    """
    from eiesim.rtl.terminal import checked_lines

    screen, config = Screen(), machine.chosen()
    named = layers or any(value is not None for key, value in vars(machine).items() if key != "memory")
    with screen.progress() as progress:
        checked = eiesim.check_rtl(
            layers or None, fed.input or (), config if named else None, cases=cases, simulator=simulator,
            progress=progress, report=screen.note, **fed.how(),
        )  # fmt: skip
    screen.show(*checked_lines(checked))
    if checked.difference:
        raise typer.Exit(1)


@command(to=rtl)
def synth(
    machine: Machine,
    liberty: Annotated[
        Path | None, Reads("A cell library (default: yosys' own generic cells).", metavar="FILE.lib")
    ] = None,
) -> None:
    """Synthesise each module with yosys: area and longest path beside EIE Table II, memory from CACTI.

    \b
    eiesim rtl synth --liberty gscl45nm.lib
    """
    from eiesim.rtl.terminal import synthesis_table

    screen = Screen()
    with screen.progress() as progress:
        made = eiesim.synthesise_rtl(machine.chosen(), liberty, progress=progress)
    screen.show(synthesis_table(made))


def _wires(text: str) -> str | float:
    """Fills what the option says: a number where it is one."""
    try:
        return float(text)
    except ValueError:
        return text


@command(to=rtl)
def power(
    layer: Annotated[str, Argument("What `run` takes: a file, a dump, table3:NAME.", metavar="LAYER")],
    fed: Fed,
    machine: Machine,
    shown: Shown,
    liberty: Annotated[
        Path | None, Reads("The cell library: functions, delays and internal power.", metavar="FILE.lib")
    ] = None,
    cycles: Annotated[
        str | None, Option("Only cycles A to B-1; they are numbered from 1. (default: all)", metavar="A:B")
    ] = None,
    glitches: Annotated[
        bool, Option("Let each gate answer after its own delay; takes some twenty times as long.")
    ] = False,
    wires: Annotated[
        str, Option("Capacitance of wires: table (by sinks), none, or a number of fF a sink.", metavar="table|none|FF")
    ] = "table",
    clock_gating: Annotated[
        bool,
        Option("Whether registers behind an enable are clocked through a gate.", "--clock-gating/--no-clock-gating"),
    ] = True,
    item: Annotated[int, Option("Which input of a batch, from 0.", min=0)] = 0,
    saif: Annotated[Path | None, Writes("Write the toggles for other tools.", metavar="FILE.saif")] = None,
    netlist: Annotated[Path | None, Writes("Write the netlist that they are of, as Verilog.", metavar="FILE.v")] = None,
) -> None:
    """Map a PE to a cell library, run it through a layer, count each net's rises and falls, and price them.

    All PEs run at gate level; every cycle is compared with the clocked machine, and the first difference ends the
    command with cell, cycle and PE. Netlists are kept, by content.

    \b
    eiesim rtl power layer.npz --input x.npy --liberty gscl45nm.lib
    eiesim rtl power table3:NT-We --liberty gscl45nm.lib --cycles 100:200 --glitches --json power.json
    """  # fmt: skip
    from eiesim.rtl.gates.terminal import power_parts

    screen = shown.screen()
    with screen.progress() as progress:
        made = eiesim.power_rtl(
            layer, fed.input or (), machine.chosen(), liberty=liberty, cycles=cycles, glitches=glitches,
            wires=_wires(wires), clock_gating=clock_gating, item=item, saif=saif, verilog=netlist, progress=progress,
            report=screen.note, **fed.how(),
        )  # fmt: skip
    shown.write(made.to_json)
    screen.show(*power_parts(made))
