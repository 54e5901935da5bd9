"""python -m studies.lenet5: run the study, or what is left of it, then write its table, picture and page."""

import argparse
import os
from pathlib import Path

from studies import resumable
from studies.lenet5.cells import COLUMNS, SEEDS, Cell, run_cell

DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m studies.lenet5", description=__doc__)
    parser.add_argument("--docs", type=Path, default=DOCS, help="where lenet-5.md and the folder lenet-5 go")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--page-only", action="store_true", help="write the page of the rows that are there")
    arguments = parser.parse_args()
    folder = arguments.docs / "lenet-5"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.csv"
    rows = resumable.read(path, COLUMNS)
    if not arguments.page_only:
        done = {int(row["seed"]) for row in rows}
        todo = [Cell(seed) for seed in arguments.seeds if seed not in done]
        resumable.run(todo, run_cell, rows, path, COLUMNS, arguments.jobs, lambda found: f"seed {found[0]['seed']}")
    from studies.lenet5.page import write_page

    write_page(path, arguments.docs)


if __name__ == "__main__":
    main()
