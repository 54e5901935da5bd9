"""python -m studies.methods: run the study, or what is left of it, then write its table, pictures and page."""

import argparse
import os
from functools import partial
from pathlib import Path
from typing import Any

from studies import resumable
from studies.methods.cells import COLUMNS, Cell, cells, pattern_file, pictured, run_cell, save_pattern, train_cell

DOCS = Path(__file__).parents[2] / "docs"


def run(todo: list[Cell], rows: list[dict[str, Any]], path: Path, patterns: Path, jobs: int) -> None:
    """Run cells side by side; see `resumable`."""

    def named(found: list[dict[str, Any]]) -> str:
        return f"{found[0]['label']}, {found[0]['asked']}, seed {found[0]['seed']}"

    resumable.run(todo, partial(run_cell, patterns=patterns), rows, path, COLUMNS, jobs, named)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m studies.methods", description=__doc__)
    parser.add_argument("--docs", type=Path, default=DOCS, help="where methods.md and the folder methods go")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--page-only", action="store_true", help="write the page of the rows that are there")
    arguments = parser.parse_args()
    folder = arguments.docs / "methods"
    folder.mkdir(parents=True, exist_ok=True)
    path, patterns = folder / "results.csv", folder / "patterns"
    rows = resumable.read(path, COLUMNS)
    if not arguments.page_only:
        done = {(row["label"], row["asked"], str(row["seed"])) for row in rows}
        todo = [cell for cell in cells(tuple(arguments.seeds)) if cell.key not in done]
        run(todo, rows, path, patterns, arguments.jobs)
    from studies.methods.page import write_page

    for cell in pictured():
        if not pattern_file(cell, patterns).exists():
            save_pattern(cell, train_cell(cell), patterns)
    write_page(path, patterns, arguments.docs)


if __name__ == "__main__":
    main()
