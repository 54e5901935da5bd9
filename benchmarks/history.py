"""docs/speed-over-time.md: how fast commits were, as ratios measured in one run; rows are added to history.jsonl.

    python -m benchmarks.history [--before DIR ...]     measures this checkout, and others, in turns; some minutes
    python -m benchmarks.history --page-only            writes the page of the rows that are there

A row is a commit, what was measured, the yardstick of the same run, and how many of it that took (`benchmarks.timing`).
No time is kept: machines and their load differ, and a ratio within one run is what remains comparable. Rows of one run
share `run`; only these are set beside one another.

asv and pytest-benchmark were looked at. pytest-benchmark stores seconds. asv can track any number, but builds an
environment for each commit and measures one commit after the other, where ours take turns.
"""

import json
import os
import subprocess
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.timing import ratios
from eiesim._io.atomic import writing
from eiesim.view import palette
from eiesim.view.saving import save
from eiesim.view.style import LINES

HERE = Path(__file__).parents[1]
ROWS = HERE / "benchmarks" / "history.jsonl"
PAGE, PICTURE = HERE / "docs" / "speed-over-time.md", HERE / "docs" / "pictures" / "speed_over_time"
PRODUCT, IMPORT = "SciPy product", "import numba"

ABOUT = """
Each run measures commits in turns on one machine, in yardsticks of the same process or machine: SciPy's CSR product of
the same matrix and vector, and the CPU time of `import numba`. No time is kept, for machines and their load differ;
only columns of one run are set beside one another. AlexNet-FC8, 64 PEs, the best of three (measured). Rows stand in
`benchmarks/history.jsonl`; `python -m benchmarks.history --before DIR` adds to them, DIR being a checkout of another
commit. Whole tables, and how to read them: [how fast eiesim is](speed.md).
"""

Row = dict[str, Any]


def measured(checkouts: list[Path]) -> list[Row]:
    """Rows of one run. Raises SystemExit where a checkout has changes: its commit would not say what was measured."""
    heads = {}
    for place in checkouts:
        if _git(place, "status", "--porcelain", "--untracked-files=no", "--", "eiesim"):
            raise SystemExit(f"{place}: eiesim/ has changes that are in no commit; commit them first")
        heads[_git(place, "log", "-1", "--format=%h")] = place
    load = round(os.getloadavg()[0], 1)
    found = ratios({commit: str(place) for commit, place in heads.items()})
    common = {"run": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"), "host": measure.machine(), "load": load}
    return [
        {
            **common, "commit": commit, "date": _git(place, "log", "-1", "--format=%cs"), "what": what, "unit": unit,
            "ratio": round(ratio, 4),
        }
        for unit, part in zip((PRODUCT, IMPORT), found, strict=True)
        for commit, place in heads.items()
        for what, ratio in part[commit].items()
    ]  # fmt: skip


def _git(place: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", place, *words], check=True, capture_output=True, text=True).stdout.strip()


def read() -> list[Row]:
    """The rows that are there, in the order in which they were measured."""
    return [json.loads(line) for line in ROWS.read_text(encoding="utf-8").splitlines()]


def latest(rows: list[Row]) -> list[Row]:
    """Those of the last run."""
    return [row for row in rows if row["run"] == rows[-1]["run"]]


def page(rows: list[Row]) -> str:
    """The page of all runs, the last one first."""
    runs = list(dict.fromkeys(row["run"] for row in reversed(rows)))
    parts = [
        "# How fast, over time",
        ABOUT.strip(),
        "![What each work takes, in its yardstick, of the commits of the last run](pictures/speed_over_time.svg)",
    ]
    for run in runs:
        own = [row for row in rows if row["run"] == run]
        commits = list(dict.fromkeys((row["commit"], row["date"]) for row in sorted(own, key=lambda row: row["date"])))
        heads = [f"{commit} ({date})" for commit, date in commits]
        lines = [f"| what | unit | {' | '.join(heads)} |", f"| --- | --- | {' | '.join('---:' for _ in commits)} |"]
        by = {(row["what"], row["unit"], row["commit"]): row["ratio"] for row in own}
        for what, unit in dict.fromkeys((row["what"], row["unit"]) for row in own):
            cells = " | ".join(f"{by[what, unit, commit]:.2f}" for commit, _ in commits)
            lines.append(f"| {what} | {unit} | {cells} |")
        parts += [
            f"## Run of {run[:10]}",
            f"{own[0]['host']}; load as it began: {own[0]['load']:g} processes.",
            "\n".join(lines),
        ]
    return "\n\n".join(parts) + "\n"


def draw(rows: list[Row]) -> Any:
    """The last run: a pair of bars a work, by its yardstick."""
    import matplotlib.pyplot as plt

    rows = sorted(latest(rows), key=lambda row: row["date"])
    commits = list(dict.fromkeys(row["commit"] for row in rows))
    colours = dict(zip(commits, (palette.ORANGE, palette.BLUE, palette.GREEN, palette.VERMILION), strict=False))
    figure, panels = plt.subplots(1, 2, figsize=(9.6, 3.6), layout="constrained")
    for axes, unit in zip(panels, (PRODUCT, IMPORT), strict=True):
        own = [row for row in rows if row["unit"] == unit]
        works = list(dict.fromkeys(row["what"] for row in own))[::-1]
        high = 0.8 / len(commits)
        for row in own:
            place = works.index(row["what"]) + 0.4 - high * (commits.index(row["commit"]) + 0.5)
            label = row["commit"] if row["what"] == works[-1] else None
            axes.barh(place, row["ratio"], high, color=colours.get(row["commit"], palette.BLUE), label=label)
            axes.annotate(f"{row['ratio']:.2f}", (row["ratio"], place), (3, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(works)), [one.replace(", ", ",\n", 1).replace(": ", ":\n", 1) for one in works])
        axes.grid(visible=False, axis="y")
        axes.set(xlabel=f"x {unit} (measured)", xlim=(0, 1.18 * max(row["ratio"] for row in own)))
    panels[1].legend(loc="upper right", title="commit")
    return figure


def main() -> None:
    """Measure, add the rows, write the page."""
    measure.restart_without(measure.SLOWING, "benchmarks.history")
    parser = ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--before", type=Path, action="append", default=[], metavar="DIR", help="another checkout")
    parser.add_argument("--page-only", action="store_true", help="of the rows that are there")
    chosen = parser.parse_args()
    if not chosen.page_only:
        made = measured([*(one.resolve() for one in chosen.before), HERE])
        with ROWS.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in made)
    rows = read()
    save(lambda: draw(rows), PICTURE, LINES, formats=("svg",))
    with writing(PAGE) as file:
        file.write(page(rows).encode())


if __name__ == "__main__":
    sys.exit(main())
