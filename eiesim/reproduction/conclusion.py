"""What the simulations come to: every table, figure and claim of the paper, and its tables as CSV files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eiesim._io.csv_file import write_csv
from eiesim.evaluation import accuracies
from eiesim.files import network, npz
from eiesim.paper.speedups import inconsistencies
from eiesim.reproduction.claims import check_claims, findings
from eiesim.reproduction.figures import figure_items
from eiesim.reproduction.items import Claim, PaperItem
from eiesim.reproduction.simulations import Simulations
from eiesim.reproduction.tables import table_items

LENET = Path(__file__).parents[2] / "traces" / "lenet-300-100"
"""The network whose accuracy stands beside Fig. 10's; it comes with the repository, not with the package."""


@dataclass(frozen=True)
class Reproduction:
    """What was found. text: what agrees, what does not and why, a paragraph each."""

    runs: Simulations
    items: tuple[PaperItem, ...]
    claims: tuple[Claim, ...]
    text: tuple[str, ...]
    inconsistencies: tuple[str, ...]

    def item(self, key: str) -> PaperItem:
        """By its key. Raises StopIteration for one that is not there."""
        return next(one for one in self.items if one.key == key)


def lenet_accuracies(folder: Path = LENET) -> dict[str, float]:
    """The share of digits that LeNet-300-100 recognises on the simulated machine, by arithmetic; empty without it."""
    if not folder.is_dir():
        return {}
    layers = network.load_network(folder).layers
    inputs, labels = npz.load_inputs(folder / network.INPUTS), npz.load_labels(folder / network.LABELS)
    return accuracies({"shared": layers}, inputs, labels)["shared"]


def conclude(runs: Simulations, recognised: Mapping[str, float] | None = None) -> Reproduction:
    """Every table, figure and claim from the runs. recognised: accuracies of
    LeNet-300-100, by arithmetic, where at hand."""
    items = (*table_items(runs), *figure_items(runs, recognised or {}))
    claims = tuple(check_claims(runs, items))
    return Reproduction(runs, items, claims, tuple(findings(runs, items)), tuple(inconsistencies()))


def write_tables(found: Reproduction, folder: Path) -> list[Path]:
    """A CSV file an item, and the claims; the files."""
    written = []
    for item in found.items:
        written.append(folder / f"{item.key}.csv")
        write_csv(item.records(), item.columns(), written[-1])
    written.append(folder / "claims.csv")
    write_csv([vars(claim) for claim in found.claims], list(Claim.__dataclass_fields__), written[-1])
    return written
