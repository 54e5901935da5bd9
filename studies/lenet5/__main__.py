"""python -m studies.lenet5: run the study, or what is left of it, then write its table, picture and page."""

from studies import resumable
from studies.lenet5.cells import COLUMNS, SEEDS, Cell, run_cell


def main() -> None:
    parser = resumable.parser("lenet5", __doc__, "lenet-5")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
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
