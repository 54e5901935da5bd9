"""Options that several commands take: records of them, and single ones."""

from collections.abc import Callable
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

import eiesim
from eiesim.cli.app import Role
from eiesim.cli.screen import Screen
from eiesim.errors import EieError

LAYERS_HELP = "Layer files (.npz, .huff), a network or dump folder, table3:NAME, example:NAME; several run in a row."
Layers = Annotated[list[str], typer.Argument(metavar="LAYER...", help=LAYERS_HELP, show_default=False), Role.READS]
Formats = Annotated[
    str, typer.Option("--formats", metavar="LIST", help="What pictures are written as: png, svg or pdf, with commas.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


@dataclass(frozen=True)
class Base:
    """The machine that the keys and the other machine options change."""

    PANEL: ClassVar[str] = "Machine"

    config: Annotated[
        str | None, typer.Option(help="A TOML file, or a preset: isca16, isca16-simulator."), Role.READS
    ] = None
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Set any configuration key, such as multipliers=2, mapping=blocked, rounding=floor; may be repeated.",
        ),
    ] = None

    def chosen(self) -> "eiesim.MachineConfig":
        """The machine that --config, the options named after keys and --set make, the later ones winning."""
        keys = {key: value for key, value in vars(self).items() if key not in ("config", "settings")}
        return eiesim.load_config(self.config, self.settings or (), **keys)


@dataclass(frozen=True)
class Machine(Base):
    """The machine. A field here that `Base` has not is a key of the configuration, and its option's name."""

    pes: Annotated[
        int | None, typer.Option(help="Processing elements, 1 to 4096. (default: 64)", show_default=False)
    ] = None
    queue_depth: Annotated[
        int | None, typer.Option(help="Places of an activation queue. (default: 8)", show_default=False)
    ] = None
    spmat_width: Annotated[
        int | None, typer.Option(help="Bits of a sparse-matrix SRAM row. (default: 64)", show_default=False)
    ] = None


@dataclass(frozen=True)
class Opened:
    """How layers are opened; the functions take these and the next by the same names."""

    PANEL: ClassVar[str] = "Layers and inputs"

    rows: Annotated[int | None, typer.Option(min=1, help="Outputs of a dumped layer, which a dump does not say.")] = (
        None
    )
    density: Annotated[
        float | None, typer.Option(help="Share of weights kept in table3: layers, instead of the table's.")
    ] = None


@dataclass(frozen=True)
class Given:
    """What a network is fed."""

    PANEL: ClassVar[str] = Opened.PANEL

    input: Annotated[
        Path | None,
        typer.Option("--input", "-i", help="Activations, .npy or .npz: (cols,) or (batch, cols)."),
        Role.READS,
    ] = None


@dataclass(frozen=True)
class OwnInputs:
    """What layers bring to be fed with."""

    PANEL: ClassVar[str] = Opened.PANEL

    activation_density: Annotated[float | None, typer.Option(help="Share of active inputs of table3: layers.")] = None
    recorded: Annotated[
        bool,
        typer.Option("--recorded", help="Feed each layer its recorded inputs, even where the network has its own."),
    ] = False


@dataclass(frozen=True)
class Making(Opened):
    """How layers are opened, and one of each made."""

    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Seed of table3: layers.")] = 0
    variation: Annotated[
        float, typer.Option(help="How uneven table3: layers are: 0 is uniform, 0.15 is like real pruned layers.")
    ] = 0.0


@dataclass(frozen=True)
class Fed(OwnInputs, Making, Given):
    """The same, and what they are fed."""

    def how(self) -> dict[str, Any]:
        """How layers are opened, as the functions take it."""
        return {key: value for key, value in vars(self).items() if key != "input"}


@dataclass(frozen=True)
class EnergyFigures:
    """Where energies come from."""

    PANEL: ClassVar[str] = "Energy"

    energy_model: Annotated[
        str | None,
        typer.Option(
            help="activity (counters x energy an event), published (Table II x time) or calibrated (default: activity)",
            show_default=False,
        ),
    ] = None
    energy_table: Annotated[
        str | None,
        typer.Option(metavar="FILE.toml", help="Your own picojoules for the activity model."),
        Role.READS,
    ] = None

    def chosen(self) -> dict[str, Any]:
        """What the functions take of it."""
        table = self.energy_table and eiesim.load_energy_table(self.energy_table)
        return {"energy": self.energy_model, "energy_table": table}


@dataclass(frozen=True)
class Shown:
    """What of a result is printed, and where."""

    json: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Write the result as JSON; - is standard output."),
        Role.WRITES,
    ] = None
    quiet: Quiet = False

    def screen(self) -> Screen:
        """Where the command prints."""
        return Screen(self.quiet, self.json)

    def write(self, to_json: Callable[[], str]) -> None:
        """Write a result's JSON where --json says."""
        if self.json is not None:
            from eiesim.outputs import Outputs

            with Outputs() as files:
                files.text(to_json(), self.json)

    def write_report(self, kind: str, report: dict[str, Any]) -> None:
        """The same of a report that does not say its format's name and version, `kind`."""
        head = {"format": kind, "eiesim": eiesim.__version__}
        self.write(lambda: dumps({**head, **report}, indent=1, allow_nan=False))


def picture_formats(text: str) -> tuple[str, ...]:
    """The formats of `--formats`. Raises EieError for one that is not written."""
    known = ("png", "svg", "pdf")
    names = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",")))
    for name in names:
        if name not in known:
            raise EieError(f"--formats {text}: pictures are written as {', '.join(known)}, not {name!r}")
    return names
