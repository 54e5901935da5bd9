"""eiesim rtl: the SystemVerilog twin, exported, checked and synthesised."""

from pathlib import Path
from typing import Annotated

import typer

from eiesim.cli.app import (
    ConfigFile,
    Pes,
    Rows,
    Seed,
    Settings,
    app,
    machine,
)
from eiesim.cli.screen import Screen

rtl = typer.Typer(
    help="The RTL twin in SystemVerilog: export it, check it against the clocked machine, synthesise it.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(rtl, name="rtl")

Input = Annotated[Path | None, typer.Option("--input", "-i", help="Activations (.npy), for layers that bring none.")]


@rtl.command()
def export(
    layer: Annotated[str, typer.Argument(metavar="LAYER", help="What `run` takes: a file, a dump, table3:NAME.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="A new folder for it all.")],
    input: Input = None,
    pes: Pes = None,
    config: ConfigFile = None,
    settings: Settings = None,
    rows: Rows = None,
    seed: Seed = 0,
) -> None:
    """Write the sources, the memory images of a layer, a testbench and a Makefile: `make` there says PASS or FAIL.

    \b
    eiesim rtl export table3:NT-We --pes 4 -o twin/ && make -C twin
    """
    from eiesim.rtl.export import export as write

    (run,) = _runs([layer], input, pes, config, settings, rows, seed)
    written = write(run, out)
    screen = Screen()
    for sentence in run.hardware.grown(machine(config, settings, {"pes": pes})):
        screen.note(f"larger than configured, for this layer: {sentence}")
    screen.note(f"{written} files in {out}; run make there")


@rtl.command()
def check(
    layers: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LAYER]...", help="What `run` takes, each by itself (default: random cases)"),
    ] = None,
    cases: Annotated[int, typer.Option(min=0, help="Random cases, where no layer is named.")] = 24,
    simulator: Annotated[str, typer.Option(help="verilator or icarus.")] = "verilator",
    input: Input = None,
    pes: Pes = None,
    config: ConfigFile = None,
    settings: Settings = None,
    rows: Rows = None,
    seed: Seed = 0,
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
    runs = _runs(layers, input, pes, config, settings, rows, seed) if layers else None
    total = cases if runs is None else len(runs)
    cycles, outputs, begin = 0, 0, time.perf_counter()
    with screen.progress("runs in lock-step", total) as advance:
        for number in range(total):
            run = random_run(seed, number) if runs is None else runs[number]
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


@rtl.command()
def synth(
    liberty: Annotated[
        Path | None, typer.Option(metavar="FILE.lib", help="A cell library (default: yosys' own generic cells).")
    ] = None,
    pes: Pes = None,
    config: ConfigFile = None,
    settings: Settings = None,
) -> None:
    """Synthesise each module with yosys: area and longest path beside EIE Table II, memory from CACTI.

    \b
    eiesim rtl synth --liberty gscl45nm.lib
    """
    from eiesim.rtl.hardware import Hardware
    from eiesim.rtl.synthesis import MODULES, synthesise
    from eiesim.rtl.table import synthesis_table

    configured = machine(config, settings, {"pes": pes})
    hardware = Hardware.of(configured)
    made = []
    screen = Screen()
    with screen.progress("modules synthesised", len(MODULES)) as advance:
        for module in MODULES:
            made.append(synthesise(module, hardware, liberty))
            advance(1)
    screen.show(synthesis_table(made, configured, liberty))


def _runs(  # type: ignore[no-untyped-def]
    layers: list[str],
    input: Path | None,
    pes: int | None,
    config: str | None,
    settings: list[str] | None,
    rows: int | None,
    seed: int,
):
    from eiesim.files import npz
    from eiesim.inputs import open_workloads
    from eiesim.prepared import prepare_layer
    from eiesim.rtl.runs import of_prepared

    fed = [] if input is None else [npz.load_inputs(input)]
    workloads = [make() for make in open_workloads(layers, fed, [seed], rows=rows)]
    configured = machine(config, settings, {"pes": pes})
    return [of_prepared(prepare_layer(one.layer, one.activations, configured)) for one in workloads]
