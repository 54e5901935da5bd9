"""python -m studies.million PARQUET: run the sweep, or what is left of it, then write its tables, pictures and page."""

import argparse
import json
import resource
from pathlib import Path

import pandas as pd

import eiesim
from studies.million import found, machines
from studies.million.found import LAYERS
from studies.million.page import read, write_page

DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m studies.million", description=__doc__)
    parser.add_argument("parquet", type=Path, nargs="?", help="the rows; gone on with, if it is there")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where million.md and the folder million go")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--dask", type=Path, help="rows of one layer that Dask made (--make-dask), to be compared")
    parser.add_argument("--make-dask", action="store_true", help="make them first")
    arguments = parser.parse_args()
    folder = arguments.docs / "million"
    folder.mkdir(parents=True, exist_ok=True)
    if arguments.parquet is not None:
        swept = machines.run(arguments.parquet, True, jobs=arguments.jobs)
        spent = resource.getrusage(resource.RUSAGE_SELF)
        runs = read(folder)[2] if (folder / "run.json").exists() else {}
        runs["rows"], runs["bytes"] = len(swept), arguments.parquet.stat().st_size
        if swept.new:
            runs |= {"new": swept.new, "known": swept.known, "cpu_s": spent.ru_utime + spent.ru_stime}
        table = found.machines(arguments.parquet)
        holding = table[table["holds"] == LAYERS]
        runs["holding"], runs["least_pes"] = len(holding), int(holding["pes"].min())
        if arguments.dask is not None:
            runs |= _beside_dask(arguments.parquet, arguments.dask, arguments.make_dask)
        found.fronts(table).round(9).to_csv(folder / "fronts.csv", index=False)
        shares, spans = found.shares(table).add_prefix("share_"), found.spans(table).add_prefix("span_")
        shares.join(spans).round(9).rename_axis("key").to_csv(folder / "keys.csv")
        (folder / "run.json").write_text(json.dumps(runs, indent=1) + "\n")
    write_page(arguments.docs)


def _beside_dask(parquet: Path, dask: Path, make: bool) -> dict[str, object]:
    if make:
        eiesim.sweep_rows(machines.DASK_LAYER, machines.AXES, parquet=dask, jobs=2, backend="dask", progress=True)
    ours = pd.read_parquet(parquet, filters=[("layer", "==", machines.DASK_LAYER.removeprefix("table3:"))])
    theirs = pd.read_parquet(dask)
    return {
        "dask_layer": machines.DASK_LAYER.removeprefix("table3:"),
        "dask_rows": len(theirs),
        "dask_equal": bool(theirs.equals(ours.reset_index(drop=True))),
    }


if __name__ == "__main__":
    main()
