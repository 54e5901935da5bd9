"""What the simulations come to: every table, figure and claim of the paper, and its tables as CSV files."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from eiesim._io.atomic import Outputs
from eiesim._io.csv_file import write_csv
from eiesim._shown import Brief, Plotted, html_table
from eiesim.evaluation import accuracies
from eiesim.files import examples, network, npz
from eiesim.paper.speedups import inconsistencies
from eiesim.reproduction.claims import AGREES, check_claims
from eiesim.reproduction.figures import Recognised, figure_items
from eiesim.reproduction.findings import findings, verdict
from eiesim.reproduction.items import Claim, PaperItem
from eiesim.reproduction.simulations import Simulations
from eiesim.reproduction.tables import table_items

if TYPE_CHECKING:
    import pandas as pd

LENET = "lenet-300-100"
"""The network whose accuracies stand beside Fig. 10's."""


@dataclass(frozen=True, eq=False, repr=False)
class Reproduction(Plotted, Brief):
    """What was found.

    Attributes
    ----------
    runs : Simulations
        Every run, in a table.
    items : tuple of PaperItem
        Tables and figures of the paper, published beside simulated.
    claims : tuple of Claim
        What the paper says, and whether it holds.
    short : tuple of str
        What agrees, what does not and why, in three paragraphs at most: simulated, estimated, claims.
    text : tuple of str
        The same at length, a paragraph each; the first holds what is in `short`.
    inconsistencies : tuple of str
        Where the paper disagrees with itself.
    tables : int, default 0
        How many tables were written.
    pictures : int, default 0
        How many pictures were written.
    """

    runs: Simulations
    items: tuple[PaperItem, ...]
    claims: tuple[Claim, ...]
    short: tuple[str, ...]
    text: tuple[str, ...]
    inconsistencies: tuple[str, ...]
    tables: int = 0
    pictures: int = 0

    def __repr__(self) -> str:
        agree = sum(one.verdict == AGREES for one in self.claims)
        items = ", ".join(dict.fromkeys(one.name for one in self.items))
        return f"<Reproduction of {items}: {agree} of {len(self.claims)} claims agree>"

    def _repr_html_(self) -> str:
        heads = ("claim", "published", "eiesim", "verdict")
        rows = [(one.text, one.published, one.simulated, one.verdict) for one in self.claims]
        return html_table("The paper's claims, published and simulated", heads, rows, self.text[:1])

    def to_frame(self) -> "pd.DataFrame":
        """Every figure of every item, published beside ours.

        Returns
        -------
        pandas.DataFrame
            A row a figure: `of` (the item), `item`, `at`, `quantity` (with its unit), `published` and, of each
            series of ours, mean, least, most, seeds and error. A text in `published` is no number in the paper.
        """
        import pandas as pd

        return pd.DataFrame([{"of": item.name, **row} for item in self.items for row in item.records()])

    def item(self, key: str) -> PaperItem:
        """A table or figure by its key.

        Parameters
        ----------
        key : str
            Such as "table_4" or "fig_6".

        Returns
        -------
        PaperItem
            What the paper has beside what was simulated. StopIteration is raised where there is none.
        """
        return next(one for one in self.items if one.key == key)


def lenet_accuracies(folder: Path | None = None) -> Recognised | None:
    """What LeNet-300-100 recognises on the simulated machine, by arithmetic.

    folder: the network; None is the one that is installed with eiesim. None is returned where there is none.
    """
    folder = folder or examples.folders().get(LENET)
    if folder is None or not folder.is_dir():
        return None
    layers = network.load_network(folder).layers
    inputs, labels = npz.load_inputs(folder / network.INPUTS), npz.load_labels(folder / network.LABELS)
    return Recognised(accuracies({"shared": layers}, inputs, labels)["shared"], len(inputs))


def conclude(runs: Simulations, recognised: Recognised | None = None) -> Reproduction:
    """Every table, figure and claim from the runs. recognised: by LeNet-300-100, where it is at hand."""
    items = (*table_items(runs), *figure_items(runs, recognised))
    # What agrees comes first; the paper's order is kept in each half.
    claims = tuple(sorted(check_claims(runs, items), key=lambda one: one.verdict != AGREES))
    short = verdict(items, claims)
    text = (" ".join(short), *findings(runs, items))
    return Reproduction(runs, items, claims, short, text, tuple(inconsistencies()))


def write_tables(found: Reproduction, folder: Path, files: Outputs) -> list[Path]:
    """Write a CSV file for each item, and one for the claims. Returns the files.

    files: the set that they appear with.
    """
    written = []
    for item in found.items:
        written.append(folder / f"{item.key}.csv")
        write_csv(item.records(), item.columns(), written[-1], files)
    written.append(folder / "claims.csv")
    write_csv([vars(claim) for claim in found.claims], list(Claim.__dataclass_fields__), written[-1], files)
    return written
