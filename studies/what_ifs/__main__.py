"""python -m studies.what_ifs: run the study, or what is left of it, then write its tables, pictures and page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studies import resumable
from studies.what_ifs import digits, machines


@dataclass(frozen=True)
class Part:
    """One of the study's tables. keys: how many of its first columns name a cell."""

    name: str
    columns: tuple[str, ...]
    keys: int
    cells: Callable[[], Sequence[Any]]
    work: Callable[[Any], list[resumable.Row]]
    named: Callable[[list[resumable.Row]], str]

    def go_on(self, folder: Path, jobs: int) -> None:
        """Run what the table does not have yet."""
        path = folder / f"{self.name}.csv"
        rows = resumable.read(path, self.columns)
        done = {tuple(str(row[name]) for name in self.columns[: self.keys]) for row in rows}
        todo = [cell for cell in self.cells() if cell.key not in done]
        resumable.run(todo, self.work, rows, path, self.columns, jobs, self.named)


PARTS = (
    Part("rounding", digits.ROUNDING_COLUMNS, 2, digits.formats, digits.run_format, digits.named_format),
    Part("thresholds", digits.THRESHOLD_COLUMNS, 1, digits.thresholds, digits.run_threshold, digits.named_threshold),
    Part("machines", machines.COLUMNS, 3, machines.cells, machines.run_cell, machines.named),
)


def main() -> None:
    parser = resumable.parser("what_ifs", __doc__, "what-ifs")
    arguments = parser.parse_args()
    folder = arguments.docs / "what-ifs"
    folder.mkdir(parents=True, exist_ok=True)
    if not arguments.page_only:
        for part in PARTS:
            part.go_on(folder, arguments.jobs)
    from studies.what_ifs.page import write_page

    write_page(arguments.docs)


if __name__ == "__main__":
    main()
