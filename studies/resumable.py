"""Tables of studies that take minutes: on the disk after every cell, so that an interrupted study goes on."""

import argparse
import csv
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from joblib import Parallel, delayed
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from eiesim._io.csv_file import write_csv

Cell = TypeVar("Cell")
Row = dict[str, Any]

DOCS = Path(__file__).parents[1] / "docs"


def parser(study: str, description: str | None, page: str) -> argparse.ArgumentParser:
    """What every such study is asked: where its page and folder go, how many cells at a time, and the page alone.

    page: its name, without the ending, and the folder's.
    """
    made = argparse.ArgumentParser(prog=f"python -m studies.{study}", description=description)
    made.add_argument("--docs", type=Path, default=DOCS, help=f"where {page}.md and the folder {page} go")
    made.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    made.add_argument("--page-only", action="store_true", help="write the page of the rows that are there")
    return made


def read(path: Path, columns: Sequence[str]) -> list[Row]:
    """The rows that are there; another table's file is refused."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != tuple(columns):
            raise SystemExit(f"{path}: is a table of other columns; delete it to begin anew")
        return list(reader)


def run(
    todo: Sequence[Cell],
    work: Callable[[Cell], list[Row]],
    rows: list[Row],
    path: Path,
    columns: Sequence[str],
    jobs: int,
    named: Callable[[list[Row]], str],
) -> None:
    """Run cells side by side; after each one the table is on the disk, whole.

    work: gives a cell's rows. rows: those that are there; the new ones are added. named: a cell's rows in a few words.
    """
    console = Console(stderr=True)
    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*shown, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task(path.stem, total=len(todo))
        for found in Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(
            delayed(work)(cell) for cell in todo
        ):
            rows += found
            write_csv(rows, columns, path)
            bar.update(task, advance=1, description=named(found))
