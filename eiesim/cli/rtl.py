"""eiesim rtl: the SystemVerilog twin, exported, checked and synthesised."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eiesim.cli.app import Role, app, command
from eiesim.cli.options import Fed, Machine
from eiesim.cli.screen import Screen

if TYPE_CHECKING:
    from eiesim.rtl.runs import RtlRun

rtl = typer.Typer(
    help="The RTL twin in SystemVerilog: export it, check it against the clocked machine, synthesise it.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(rtl, name="rtl")


@command(to=rtl)
def export(
    layer: Annotated[
        str, typer.Argument(metavar="LAYER", help="What `run` takes: a file, a dump, table3:NAME."), Role.READS
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="A new folder for it all."), Role.MAKES],
    fed: Fed,
    machine: Machine,
) -> None:
    """Write the sources, the memory images of a layer, a testbench and a Makefile: `make` there says PASS or FAIL.

    \b
    eiesim rtl export table3:NT-We --pes 4 -o twin/ && make -C twin
    """
    from eiesim.rtl.export import export as write

    (run,) = _runs([layer], fed, machine)
    written = write(run, out)
    screen = Screen()
    for sentence in run.hardware.grown(machine.chosen()):
        screen.note(f"larger than configured, for this layer: {sentence}")
    screen.note(f"{written} files in {out}; run make there")


@command(to=rtl)
def check(
    fed: Fed,
    machine: Machine,
    layers: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LAYER]...", help="What `run` takes, each by itself (default: random cases)"),
        Role.READS,
    ] = None,
    cases: Annotated[int, typer.Option(min=0, help="Random cases, where no layer is named.")] = 24,
    simulator: Annotated[str, typer.Option(help="verilator or icarus.")] = "verilator",
) -> None:
    """Run RTL and clocked machine in lock-step: every register, wire, counter and output, in every cycle.

    The first difference is named and the exit status is 1. Builds are kept; the first of a large array takes
    minutes.

    \b
    eiesim rtl check --cases 100 --seed 1
    eiesim rtl check table3:NT-We --pes 16 --simulator icarus
    """
    import time

    from eiesim.rtl import lockstep, simulators
    from eiesim.rtl.cases import random_run

    simulators.need(simulator)
    screen = Screen()
    runs = _runs(layers, fed, machine) if layers else None
    total = cases if runs is None else len(runs)
    cycles, outputs, begin = 0, 0, time.perf_counter()
    with screen.progress("runs in lock-step", total) as advance:
        for number in range(total):
            run = random_run(fed.seed, number) if runs is None else runs[number]
            program = simulators.build(run.hardware, simulator, report=screen.note)
            try:
                agreed = lockstep.check(run, program)
            except lockstep.LockstepError as difference:
                screen.say(f"{run.name}: {difference}")
                raise typer.Exit(1) from None
            cycles, outputs = cycles + agreed.compared, outputs + agreed.outputs
            if runs is not None:
                screen.say(f"{run.name}: {agreed.cycles:,} cycles, checksum {agreed.checksum:08x}")
            advance(1)
    seconds = time.perf_counter() - begin
    screen.say(f"{total:,} runs agree: {cycles:,} cycles compared, {outputs:,} outputs, {seconds:.0f} s, {simulator}")


@command(to=rtl)
def synth(
    machine: Machine,
    liberty: Annotated[
        Path | None,
        typer.Option(metavar="FILE.lib", help="A cell library (default: yosys' own generic cells)."),
        Role.READS,
    ] = None,
) -> None:
    """Synthesise each module with yosys: area and longest path beside EIE Table II, memory from CACTI.

    \b
    eiesim rtl synth --liberty gscl45nm.lib
    """
    from eiesim.rtl.hardware import Hardware
    from eiesim.rtl.synthesis import MODULES, synthesise
    from eiesim.rtl.table import synthesis_table

    configured = machine.chosen()
    hardware = Hardware.of(configured)
    made = []
    screen = Screen()
    with screen.progress("modules synthesised", len(MODULES)) as advance:
        for module in MODULES:
            made.append(synthesise(module, hardware, liberty))
            advance(1)
    screen.show(synthesis_table(made, configured, liberty))


def _runs(layers: list[str], fed: Fed, machine: Machine) -> "list[RtlRun]":
    from eiesim.prepared import prepare_layer
    from eiesim.rtl.runs import of_prepared

    configured, workloads = machine.chosen(), [make() for make in fed.workloads(layers)]
    return [of_prepared(prepare_layer(one.layer, one.activations, configured)) for one in workloads]
