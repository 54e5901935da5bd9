"""docs/power.md: a PE's power at the gate, what changes it, and what of it holds for any cell library.

    python -m studies.gate --liberty gscl45nm.lib --dump FOLDER --before DIR     runs what is missing (15 minutes)
    python -m studies.gate --page-only                                           writes the page of the rows there are

FOLDER is the authors' AlexNet-FC8, 64 PEs; DIR a checkout of 8e78c66, whose RTL is mapped as today's is. A row a run is
kept in docs/power/runs.csv; runs whose rows are there are not made again.
"""

import argparse
import sys
from pathlib import Path

from studies.gate import page, runs


def main():
    """Run what is missing and write the page."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--liberty", type=Path)
    options.add_argument("--dump", type=Path)
    options.add_argument("--before", type=Path, help="a checkout of 8e78c66")
    options.add_argument("--page-only", action="store_true")
    chosen = options.parse_args()
    rows = runs.kept()
    if not chosen.page_only:
        import eiesim

        layer, activations = eiesim.load_dump(chosen.dump, rows=1000)
        for name, run in runs.RUNS.items():
            if name not in rows:
                print(name, file=sys.stderr, flush=True)
                rows[name] = runs.measure(name, run, chosen.liberty, layer, activations, chosen.before)
                runs.keep(rows)
    page.PAGE.write_text(page.text(rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
