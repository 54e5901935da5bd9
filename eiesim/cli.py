"""The command line: words only. It parses, calls one function, prints.

Tables and progress go to standard error, data to standard output; bad input is one line and exit status 2.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eiesim import __version__
from eiesim.errors import EieError

if TYPE_CHECKING:
    from rich.console import Console

    from eiesim.config import MachineConfig
    from eiesim.sources import Synthesis

app = typer.Typer(
    help="Simulate EIE, the sparse neural-network accelerator (Han et al., ISCA 2016), cycle by cycle.",
    epilog="Try: eiesim run table3:Alex-7",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

LAYERS_HELP = "Layer files (.npz), a network folder, a dump folder, or table3:NAME; several run in a row."
Layers = Annotated[list[str], typer.Argument(metavar="LAYER...", help=LAYERS_HELP, show_default=False)]
Pes = Annotated[int | None, typer.Option(help="Processing elements, 1 to 4096.  [default: 64]", show_default=False)]
ConfigFile = Annotated[str | None, typer.Option("--config", help="A TOML file, or a preset: isca16, isca16-simulator.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Set any configuration key.")]
Rows = Annotated[int | None, typer.Option(min=1, help="Outputs of a dumped layer, which a dump does not say.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of table3: layers.")]
Density = Annotated[float | None, typer.Option(help="Share of weights kept in table3: layers, instead of the table's.")]
ActivationDensity = Annotated[float | None, typer.Option(help="Share of active inputs of table3: layers.")]
Variation = Annotated[
    float, typer.Option(help="How uneven table3: layers are: 0 is uniform, 0.15 is like real pruned layers.")
]


@app.command()
def run(
    layers: Layers,
    input: Annotated[
        Path | None, typer.Option("--input", "-i", help="Activations, .npy or .npz: (cols,) or (batch, cols).")
    ] = None,
    pes: Pes = None,
    queue_depth: Annotated[
        int | None, typer.Option(help="Places of an activation queue.  [default: 8]", show_default=False)
    ] = None,
    spmat_width: Annotated[
        int | None, typer.Option(help="Bits of a sparse-matrix SRAM row.  [default: 64]", show_default=False)
    ] = None,
    config: ConfigFile = None,
    settings: Settings = None,
    engine: Annotated[
        str, typer.Option(help="recurrence (fast), clocked (the machine itself) or event (SimPy).")
    ] = "recurrence",
    json: Annotated[
        str | None, typer.Option("--json", metavar="FILE|-", help="Write the result as JSON; - is standard output.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the outputs as .npy, float32.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse layers that exceed a memory of the machine.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No tables.")] = False,
    rows: Rows = None,
    seed: Seed = 0,
    density: Density = None,
    activation_density: ActivationDensity = None,
    variation: Variation = 0.0,
) -> None:
    """Run layers on the machine: outputs, cycles, time, and where the cycles went.

    \b
    eiesim run table3:Alex-7                      a synthetic AlexNet fc7
    eiesim run fc1.npz fc2.npz --input x.npy      your own layers, one after the other
    eiesim run net/ -i x.npy --pes 256 --json -   a network folder; JSON on standard output
    """
    from eiesim.files import npz
    from eiesim.simulation import simulate
    from eiesim.sources import open_sources
    from eiesim.view.tables import result_tables

    named = {"pes": pes, "queue_depth": queue_depth, "spmat_width": spmat_width}
    machine = _machine(config, settings, named)
    source = open_sources(layers, rows, _synthesis(seed, density, activation_density, variation))
    activations = source.activations if input is None else npz.load_inputs(input)
    if activations is None:
        raise EieError(f"{layers[0]} brings no activations; give some with --input FILE.npy")
    inputs = len(activations) if activations.ndim == 2 else 1
    with _progress("inputs", inputs * len(source.layers)) as advance:
        result = simulate(source.layers, activations, machine, engine, progress=advance)
    if strict and result.warnings:
        raise EieError(f"--strict: {'; '.join(result.warnings)}")
    if output is not None and result.outputs is not None:
        npz.save_array(result.outputs.astype("float32"), output)
    if json is not None:
        _write_text(result.to_json(), json)
    console = _console()
    if not quiet:
        for table in result_tables(result):
            console.print(table)
    for warning in result.warnings:
        console.print(f"warning: {warning}", style="yellow", highlight=False, markup=False)


@app.command()
def inspect(
    layers: Layers,
    pes: Pes = None,
    config: ConfigFile = None,
    settings: Settings = None,
    rows: Rows = None,
    seed: Seed = 0,
    density: Density = None,
    variation: Variation = 0.0,
) -> None:
    """Show a layer: sizes, density, entries and padding a PE, and what fits where."""
    from eiesim import capacity
    from eiesim.encoding import interleave
    from eiesim.sources import open_sources
    from eiesim.view.tables import layer_table

    machine = _machine(config, settings, {"pes": pes})
    console = _console(stderr=False)
    for layer in open_sources(layers, rows, _synthesis(seed, density, None, variation)).layers:
        interleaved = interleave(layer, machine.pes, machine.index_bits)
        for table in layer_table(interleaved, capacity.needs(interleaved, machine)):
            console.print(table)


@app.command(name="layers")
def list_layers() -> None:
    """List the nine benchmark layers of EIE Table III."""
    from eiesim.view.tables import workloads_table
    from eiesim.workloads import TABLE_III

    _console(stderr=False).print(workloads_table(list(TABLE_III.values())))


def _version(wanted: bool) -> None:
    if wanted:
        print(f"eiesim {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def _machine(config: str | None, settings: list[str] | None, named: dict[str, int | None]) -> "MachineConfig":
    from eiesim.config import MachineConfig, load_config, parse_setting

    machine = load_config(config) if config is not None else MachineConfig()
    changes = {key: value for key, value in named.items() if value is not None}
    changes.update(parse_setting(setting) for setting in settings or [])
    return machine.replace(**changes)


def _synthesis(seed: int, density: float | None, activation_density: float | None, variation: float) -> "Synthesis":
    from eiesim.sources import Synthesis

    return Synthesis(seed, density, activation_density, variation)


def _console(stderr: bool = True) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr)


@contextmanager
def _progress(unit: str, total: int) -> Iterator[Callable[[int], object]]:
    """A progress bar on standard error for work of more than one step; gone when done."""
    if total == 1:
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(unit), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_console(), transient=True) as progress:
        task = progress.add_task(unit, total=total)
        yield lambda done: progress.advance(task, done)


def _write_text(text: str, target: str) -> None:
    from eiesim.files.atomic import writing

    if target == "-":
        print(text)
        return
    with writing(target) as file:
        file.write(f"{text}\n".encode())


def main() -> None:
    """The `eiesim` command."""
    try:
        app()
    except EieError as error:
        print(f"eiesim: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None
    except MemoryError:
        print("eiesim: out of memory; try fewer PEs or a smaller layer", file=sys.stderr)
        raise SystemExit(2) from None
