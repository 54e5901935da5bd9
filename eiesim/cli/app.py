"""The application, and what its commands share: common options, and writing what they are asked to write."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eiesim._version import __version__
from eiesim.errors import EieError

if TYPE_CHECKING:
    from eiesim.config import MachineConfig
    from eiesim.inputs import Synthesis

app = typer.Typer(
    help="Simulate EIE, the sparse neural-network accelerator (Han et al., ISCA 2016), cycle by cycle.",
    epilog="Try: eiesim run table3:Alex-7",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


LAYERS_HELP = "Layer files (.npz, .huff), a network or dump folder, table3:NAME, example:NAME; several run in a row."
Layers = Annotated[list[str], typer.Argument(metavar="LAYER...", help=LAYERS_HELP, show_default=False)]
Pes = Annotated[int | None, typer.Option(help="Processing elements, 1 to 4096. (default: 64)", show_default=False)]
QueueDepth = Annotated[int | None, typer.Option(help="Places of an activation queue. (default: 8)", show_default=False)]
SpmatWidth = Annotated[
    int | None, typer.Option(help="Bits of a sparse-matrix SRAM row. (default: 64)", show_default=False)
]
ConfigFile = Annotated[str | None, typer.Option("--config", help="A TOML file, or a preset: isca16, isca16-simulator.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set any configuration key, such as multipliers=2, mapping=blocked, rounding=floor; may be repeated.",
    ),
]
Recorded = Annotated[
    bool, typer.Option("--recorded", help="Feed each layer its recorded inputs, even where the network has its own.")
]
Rows = Annotated[int | None, typer.Option(min=1, help="Outputs of a dumped layer, which a dump does not say.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of table3: layers.")]
Density = Annotated[float | None, typer.Option(help="Share of weights kept in table3: layers, instead of the table's.")]
ActivationDensity = Annotated[float | None, typer.Option(help="Share of active inputs of table3: layers.")]
Variation = Annotated[
    float, typer.Option(help="How uneven table3: layers are: 0 is uniform, 0.15 is like real pruned layers.")
]

Input = Annotated[
    Path | None, typer.Option("--input", "-i", help="Activations, .npy or .npz: (cols,) or (batch, cols).")
]
Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE|-", help="Write the result as JSON; - is standard output.")
]
PICTURE_FORMATS = ("png", "svg", "pdf")
Formats = Annotated[
    str, typer.Option("--formats", metavar="LIST", help="What pictures are written as: png, svg or pdf, with commas.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]

EnergyModelName = Annotated[
    str | None,
    typer.Option(
        "--energy-model",
        help="activity (counters x energy an event), published (Table II x time) or calibrated (default: activity)",
        show_default=False,
    ),
]
EnergyTableFile = Annotated[
    str | None, typer.Option("--energy-table", metavar="FILE.toml", help="Your own picojoules for the activity model.")
]


def machine(config: str | None, settings: list[str] | None, named: dict[str, int | None]) -> "MachineConfig":
    """The machine that --config, the named options and --set make, the later ones winning."""
    from eiesim.config import MachineConfig, load_config, parse_setting

    chosen = load_config(config) if config is not None else MachineConfig()
    changes = {key: value for key, value in named.items() if value is not None}
    changes.update(parse_setting(setting) for setting in settings or [])
    return chosen.replace(**changes)


def synthesis(seed: int, density: float | None, activation_density: float | None, variation: float) -> "Synthesis":
    """How table3: layers are made."""
    from eiesim.inputs import Synthesis

    return Synthesis(seed, density, activation_density, variation)


def check_targets(*targets: Path | str | None, inputs: Iterable[Path | str | None] = ()) -> None:
    """Refuse, before the work is done, files that could not be written, one file for two, and an input's.

    None and `-` are no files; nor are the folders and names among the inputs.
    """
    from eiesim._io import atomic

    files = [target for target in targets if target is not None and str(target) != "-"]
    atomic.check_targets(files, [path for path in inputs if path is not None])


STANDARD_OUTPUT = "standard output"


def print_text(text: str) -> None:
    """Print data on standard output. An OSError names it."""
    try:
        print(text, flush=True)
    except OSError as error:
        error.filename = STANDARD_OUTPUT
        raise


def write_text(text: str, target: str) -> None:
    """Write text to a file, whole or not at all, or to standard output for `-`."""
    from eiesim._io.atomic import writing

    if target == "-":
        print_text(text)
        return
    with writing(target) as file:
        file.write(f"{text}\n".encode())


def picture_formats(text: str) -> tuple[str, ...]:
    """The formats of `--formats`. Raises EieError for one that is not written."""
    names = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",")))
    for name in names:
        if name not in PICTURE_FORMATS:
            raise EieError(f"--formats {text}: pictures are written as {', '.join(PICTURE_FORMATS)}, not {name!r}")
    return names


def made_folder(folder: Path) -> Path:
    """The folder, made where it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EieError(f"{folder}: cannot be made: {error.strerror}") from None
    return folder


def json_text(kind: str, report: dict[str, Any]) -> str:
    """A report as JSON. kind: its format's name and version."""
    from json import dumps

    return dumps({"format": kind, "eiesim": __version__, **report}, indent=1, allow_nan=False)


def write_json(kind: str, report: dict[str, Any], target: str) -> None:
    """Write a report as JSON. target: a file, or `-` for standard output."""
    write_text(json_text(kind, report), target)


class StoppedError(Exception):
    """Ctrl-C came, and the message says what is kept. Not a KeyboardInterrupt, which typer ends without a word."""


@contextmanager
def keeping(what: str) -> Iterator[None]:
    """Where the block is interrupted (Ctrl-C), the last line says `what` is kept."""
    try:
        yield
    except KeyboardInterrupt:
        raise StoppedError(what) from None
