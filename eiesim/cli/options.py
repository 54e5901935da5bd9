"""Options that several commands take: records of them, and single ones."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import Annotated, Any, ClassVar

import eiesim
from eiesim.cli.app import Argument, Option, Reads, Writes
from eiesim.cli.screen import Screen
from eiesim.errors import EieError, unknown


def _formats(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    known = ("png", "svg", "pdf", "tex")
    names = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",")))
    for name in names:
        if name not in known:
            raise EieError(f"--formats {text}: pictures and tables are written as {', '.join(known)}, not {name!r}")
    return names


STYLES = ("screen", "paper", "paper-wide")


def _style(name: str) -> str:
    if name not in STYLES:
        raise unknown("--style: no style", name, STYLES)
    return name


LAYERS_HELP = (
    "Layer files (.npz, .huff), matrices (.mtx, .smtx, sparse .npz, .npy), a network or dump folder, table3:NAME, "
    "example:NAME; several run in a row."
)
Layers = Annotated[list[str], Argument(LAYERS_HELP, metavar="LAYER...")]
FORMATS_HELP = (
    "What pictures are written as: png, svg or pdf, with commas; tex is the tables in LaTeX, with BibTeX. "
    "(default: png,svg; of --style paper pdf)"
)
Formats = Annotated[str | None, Option(FORMATS_HELP, metavar="LIST", callback=_formats)]
STYLE_HELP = "How pictures look: screen; paper, 252 points wide for a column, without title; paper-wide, 516 for two."
Style = Annotated[str, Option(STYLE_HELP, metavar="NAME", callback=_style)]
"""On the command line a text; what the command is given are the names."""
Quiet = Annotated[bool, Option("Print nothing but errors.", "-q")]
SET_HELP = "Set any configuration key, such as multipliers=2, mapping=blocked, rounding=floor; may be repeated."

MEMORY = "EIESIM_MEMORY_GB"
MEMORY_HELP = "Most memory that a layer's tables by column and PE may take. (default: 4)"
MODELS_HELP = "activity (counters x energy an event), published (Table II x time) or calibrated (default: activity)"


@dataclass(frozen=True)
class Base:
    """The machine that the keys and the other machine options change."""

    PANEL: ClassVar[str] = "Machine"

    config: Annotated[str | None, Reads("A TOML file, or a preset: isca16, isca16-simulator.")] = None
    settings: Annotated[list[str] | None, Option(SET_HELP, "--set", metavar="KEY=VALUE")] = None
    memory: Annotated[float | None, Option(MEMORY_HELP, metavar="GB", min=0.001)] = None

    def chosen(self) -> "eiesim.MachineConfig":
        """The machine that --config, the options named after keys and --set make, the later ones winning."""
        keys = {key: value for key, value in vars(self).items() if key not in ("config", "settings", "memory")}
        if self.memory is not None:
            os.environ[MEMORY] = f"{self.memory:g}"  # worker processes see it too
        return eiesim.load_config(self.config, self.settings or (), **keys)


@dataclass(frozen=True)
class Machine(Base):
    """The machine. A field here that `Base` has not is a key of the configuration, and its option's name."""

    pes: Annotated[int | None, Option("Processing elements, 1 to 4096. (default: 64)")] = None
    queue_depth: Annotated[int | None, Option("Places of an activation queue. (default: 8)")] = None
    spmat_width: Annotated[int | None, Option("Bits of a sparse-matrix SRAM row. (default: 64)")] = None
    operation: Annotated[str | None, Option("What a PE does: multiply, or adder. (default: multiply)")] = None


class OfLayers:
    """Options of layers."""

    PANEL: ClassVar[str] = "Layers and inputs"


@dataclass(frozen=True)
class Opened(OfLayers):
    """How layers are opened; the functions take these and the next by the same names."""

    rows: Annotated[int | None, Option("Outputs of a dumped layer, which a dump does not say.", min=1)] = None
    density: Annotated[float | None, Option("Share of weights kept in table3: layers, instead of the table's.")] = None


@dataclass(frozen=True)
class Given(OfLayers):
    """What a network is fed."""

    input: Annotated[Path | None, Reads("Activations, .npy or .npz: (cols,) or (batch, cols).", "-i")] = None


@dataclass(frozen=True)
class OwnInputs(OfLayers):
    """What layers bring to be fed with."""

    activation_density: Annotated[float | None, Option("Share of active inputs of table3: layers and matrices.")] = None
    recorded: Annotated[bool, Option("Feed each layer its recorded inputs, even where the network has its own.")] = (
        False
    )


@dataclass(frozen=True)
class Making(Opened):
    """How layers are opened, and one of each made."""

    seed: Annotated[int, Option("Seed of table3: layers, and of what is drawn for matrices.", min=0, max=2**63 - 1)] = 0
    variation: Annotated[
        float, Option("How uneven table3: layers are: 0 is uniform, 0.15 is like real pruned layers.")
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

    energy_model: Annotated[str | None, Option(MODELS_HELP)] = None
    energy_table: Annotated[str | None, Reads("Your own picojoules for the activity model.", metavar="FILE.toml")] = (
        None
    )

    def chosen(self) -> dict[str, Any]:
        """What the functions take of it."""
        table = self.energy_table and eiesim.load_energy_table(self.energy_table)
        return {"energy": self.energy_model, "energy_table": table}


@dataclass(frozen=True)
class Shown:
    """What of a result is printed, and where."""

    json: Annotated[str | None, Writes("Write the result as JSON; - is standard output.", metavar="FILE|-")] = None
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
        self.write(lambda: dumps({"format": kind, "eiesim": eiesim.__version__, **report}, indent=1, allow_nan=False))
