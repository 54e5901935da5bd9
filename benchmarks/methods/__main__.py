"""python -m benchmarks.methods: run the study, or what is left of it, then write its table, pictures and page."""

import argparse
import csv
import os
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.methods.cells import COLUMNS, Cell, cells, pattern_file, pictured, run_cell, save_pattern, train_cell
from eiesim._io.csv_file import write_csv

DOCS = Path(__file__).parents[2] / "docs"


def read(path: Path) -> list[dict[str, Any]]:
    """The rows that are there; another table's file is refused."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise SystemExit(f"{path}: is a table of other columns; delete it to begin anew")
        return list(reader)


def run(todo: list[Cell], rows: list[dict[str, Any]], path: Path, patterns: Path, jobs: int) -> None:
    """Run cells side by side; after each one the table is on the disk, whole."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("methods", total=len(todo))
        work = (delayed(run_cell)(cell, patterns) for cell in todo)
        for found in Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(work):
            rows += found
            write_csv(rows, COLUMNS, path)
            last = found[0]
            bar.update(task, advance=1, description=f"{last['label']}, {last['asked']}, seed {last['seed']}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.methods", description=__doc__)
    parser.add_argument("--docs", type=Path, default=DOCS, help="where methods.md and the folder methods go")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--page-only", action="store_true", help="write the page of the rows that are there")
    arguments = parser.parse_args()
    folder = arguments.docs / "methods"
    folder.mkdir(parents=True, exist_ok=True)
    path, patterns = folder / "results.csv", folder / "patterns"
    rows = read(path)
    if not arguments.page_only:
        done = {(row["label"], row["asked"], str(row["seed"])) for row in rows}
        todo = [cell for cell in cells(tuple(arguments.seeds)) if cell.key not in done]
        run(todo, rows, path, patterns, arguments.jobs)
    from benchmarks.methods.page import write_page

    for cell in pictured():
        if not pattern_file(cell, patterns).exists():
            save_pattern(cell, train_cell(cell), patterns)
    write_page(path, patterns, arguments.docs)


if __name__ == "__main__":
    main()
