"""docs/distillation.md and its picture, of a table that is there."""

from pathlib import Path

from eiesim._io.atomic import writing
from studies.distillation.found import Runs
from studies.distillation.plots import draw
from studies.distillation.words import means_table, text


def write_page(docs: Path) -> None:
    """The page and its picture."""
    runs = Runs(docs / "distillation" / "results.csv")
    draw(runs, docs / "distillation")
    with writing(docs / "distillation.md") as file:
        file.write(text(runs, means_table(runs)).encode())
