"""python -m studies.distillation: run the study, or what is left of it, then write its table, picture and page."""

from pathlib import Path

from studies import resumable
from studies.distillation.cells import COLUMNS, SEEDS, cells, run_cell


def named(found: list[resumable.Row]) -> str:
    """A cell's row in a few words."""
    return f"{found[0]['label']}, {found[0]['asked']}, seed {found[0]['seed']}"


def go_on(path: Path, seeds: tuple[int, ...], jobs: int) -> None:
    """Run what the table does not have yet."""
    rows = resumable.read(path, COLUMNS)
    done = {(row["label"], row["asked"], row["seed"]) for row in rows}
    todo = [cell for cell in cells(seeds) if cell.key not in done]
    resumable.run(todo, run_cell, rows, path, COLUMNS, jobs, named)


def main() -> None:
    parser = resumable.parser("distillation", __doc__, "distillation")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    arguments = parser.parse_args()
    folder = arguments.docs / "distillation"
    folder.mkdir(parents=True, exist_ok=True)
    if not arguments.page_only:
        go_on(folder / "results.csv", tuple(arguments.seeds), arguments.jobs)
    from studies.distillation.page import write_page

    write_page(arguments.docs)


if __name__ == "__main__":
    main()
