"""Options that several commands take: records of them, and single ones."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from eiesim.cli.app import Role
from eiesim.cli.screen import Screen
from eiesim.errors import EieError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from eiesim.config import MachineConfig
    from eiesim.inputs import Synthesis
    from eiesim.model import Maker, Model

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
    memory: Annotated[
        float | None,
        typer.Option(
            metavar="GB",
            min=0.001,
            help="Most memory that a layer's tables by column and PE may take. (default: 4)",
            show_default=False,
        ),
    ] = None

    def chosen(self) -> "MachineConfig":
        """The machine that --config, the options named after keys and --set make, the later ones winning."""
        from eiesim.config import MachineConfig, load_config, parse_setting

        given = dict(vars(self))
        config, settings, memory = (given.pop(name) for name in ("config", "settings", "memory"))
        if memory is not None:
            os.environ["EIESIM_MEMORY_GB"] = f"{memory:g}"  # worker processes see it too
        chosen = load_config(config) if config is not None else MachineConfig()
        changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        changes.update(parse_setting(setting) for setting in settings or [])
        return chosen.replace(**changes)


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

    def activations(self) -> "npt.NDArray[np.float32] | None":
        """What --input brings."""
        from eiesim.files import npz

        return None if self.input is None else npz.load_inputs(self.input)


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

    def model(self, layers: list[str]) -> "Model":
        """What LAYER... stand for, opened."""
        from eiesim.inputs import open_model

        return open_model(layers, self.rows, self.synthesis)

    @property
    def synthesis(self) -> "Synthesis":
        """How table3: layers are made."""
        from eiesim.inputs import Synthesis

        return Synthesis(self.seed, self.density, vars(self).get("activation_density"), self.variation)


@dataclass(frozen=True)
class Fed(OwnInputs, Making, Given):
    """The same, and what they are fed."""

    def workloads(self, layers: list[str], seeds: list[int] | None = None) -> "list[Maker]":
        """Each layer by itself, with what it is fed. seeds: instead of --seed."""
        from eiesim.inputs import open_workloads

        given = self.activations()
        inputs = [] if given is None else [given]
        return open_workloads(
            layers, inputs, seeds or [self.seed], [self.variation], self.density, self.activation_density, self.rows,
            self.recorded,
        )  # fmt: skip


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


def picture_formats(text: str) -> tuple[str, ...]:
    """The formats of `--formats`. Raises EieError for one that is not written."""
    known = ("png", "svg", "pdf")
    names = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",")))
    for name in names:
        if name not in known:
            raise EieError(f"--formats {text}: pictures are written as {', '.join(known)}, not {name!r}")
    return names
